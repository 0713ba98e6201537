//! What `identity/lookup/entity` and `identity/lookup/group` have in common: exactly one way to say who is meant.

use super::error::Error;
use super::field::{Field, Kind};
use super::input::Input;
use crate::id::Accessor;

pub(super) const FIELDS: &[Field] = &[
    Field { name: "id", kind: Kind::Text },
    Field { name: "name", kind: Kind::Text },
    Field { name: "alias_id", kind: Kind::Text },
    Field { name: "alias_name", kind: Kind::Text },
    Field { name: "alias_mount_accessor", kind: Kind::Text },
];

/// Who is meant.
pub(super) enum Asked {
    /// The one with this id.
    Id(String),
    /// The one with this name.
    Name(String),
    /// The one whose alias has this id.
    AliasId(String),
    /// The one with an alias of this name in this mount.
    Alias { mount: Accessor, name: String },
}

impl Asked {
    /// Who the parameters mean.
    ///
    /// # Errors
    /// When they name nobody, or in several ways.
    pub(super) fn of(input: &Input) -> Result<Self, Error> {
        let given = |name| Some(input.text(name)).filter(|text| !text.is_empty()).map(str::to_owned);
        let alias = match (given("alias_name"), given("alias_mount_accessor")) {
            (None, None) => None,
            (name, mount) => Some((name, mount)),
        };
        match (given("id"), given("name"), given("alias_id"), alias) {
            (None, None, None, None) => Err(Error::bad_request("query parameter not supplied")),
            (Some(id), None, None, None) => Ok(Self::Id(id)),
            (None, Some(name), None, None) => Ok(Self::Name(name)),
            (None, None, Some(id), None) => Ok(Self::AliasId(id)),
            (None, None, None, Some((Some(name), Some(mount)))) => {
                Ok(Self::Alias { mount: Accessor::new(mount), name })
            }
            (None, None, None, Some((None, _) | (_, None))) => {
                Err(Error::bad_request("both 'alias_name' and 'alias_mount_accessor' needs to be set"))
            }
            (Some(_), _, _, _) | (_, Some(_), _, _) | (_, _, Some(_), _) => {
                Err(Error::bad_request("query parameter conflict; please supply distinct set of query parameters"))
            }
        }
    }
}
