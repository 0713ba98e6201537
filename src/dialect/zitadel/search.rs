//! What searches have in common: which part of a list is wanted, and how texts and moments are compared.

use super::message::{enumeration, message};
use crate::model::entity::fold_name;
use crate::time::Timestamp;

/// How many of a list are shown, where nobody says.
const USUAL: u32 = 100;
/// The most that are shown.
const MOST: u32 = 1_000;
/// How deep queries may nest.
pub(super) const DEEPEST: usize = 16;

message! {
    /// Which part of a list is wanted.
    pub(super) struct Page("ListQuery") {
        pub(super) offset: u64,
        pub(super) limit: u32,
        pub(super) asc: bool,
    }
}

impl Page {
    /// That part of `list`, which is in ascending order.
    pub(super) fn of<T>(&self, mut list: Vec<T>) -> Vec<T> {
        if !self.asc {
            list.reverse();
        }
        let limit = if self.limit == 0 { USUAL } else { self.limit.min(MOST) };
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
        list.into_iter().skip(offset).take(limit as usize).collect()
    }
}

enumeration! {
    /// How texts are compared.
    pub(super) enum TextMethod {
        Equals = 0 "TEXT_QUERY_METHOD_EQUALS",
        EqualsIgnoreCase = 1 "TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE",
        StartsWith = 2 "TEXT_QUERY_METHOD_STARTS_WITH",
        StartsWithIgnoreCase = 3 "TEXT_QUERY_METHOD_STARTS_WITH_IGNORE_CASE",
        Contains = 4 "TEXT_QUERY_METHOD_CONTAINS",
        ContainsIgnoreCase = 5 "TEXT_QUERY_METHOD_CONTAINS_IGNORE_CASE",
        EndsWith = 6 "TEXT_QUERY_METHOD_ENDS_WITH",
        EndsWithIgnoreCase = 7 "TEXT_QUERY_METHOD_ENDS_WITH_IGNORE_CASE",
    }
}

impl TextMethod {
    /// Whether `text` is as `wanted` says.
    pub(super) fn fits(self, text: &str, wanted: &str) -> bool {
        let (folded, folded_wanted) = (fold_name(text), fold_name(wanted));
        match self {
            Self::Equals => text == wanted,
            Self::EqualsIgnoreCase => folded == folded_wanted,
            Self::StartsWith => text.starts_with(wanted),
            Self::StartsWithIgnoreCase => folded.starts_with(&folded_wanted),
            Self::Contains => text.contains(wanted),
            Self::ContainsIgnoreCase => folded.contains(&folded_wanted),
            Self::EndsWith => text.ends_with(wanted),
            Self::EndsWithIgnoreCase => folded.ends_with(&folded_wanted),
        }
    }

    /// Whether nothing but the whole text will do.
    pub(super) const fn is_whole(self) -> bool {
        matches!(self, Self::Equals | Self::EqualsIgnoreCase)
    }
}

enumeration! {
    /// How moments are compared.
    pub(super) enum MomentMethod {
        Equals = 0 "TIMESTAMP_QUERY_METHOD_EQUALS",
        Greater = 1 "TIMESTAMP_QUERY_METHOD_GREATER",
        GreaterOrEquals = 2 "TIMESTAMP_QUERY_METHOD_GREATER_OR_EQUALS",
        Less = 3 "TIMESTAMP_QUERY_METHOD_LESS",
        LessOrEquals = 4 "TIMESTAMP_QUERY_METHOD_LESS_OR_EQUALS",
    }
}

impl MomentMethod {
    /// Whether `moment` is as `wanted` says.
    pub(super) fn fits(self, moment: Timestamp, wanted: Timestamp) -> bool {
        match self {
            Self::Equals => moment == wanted,
            Self::Greater => moment > wanted,
            Self::GreaterOrEquals => moment >= wanted,
            Self::Less => moment < wanted,
            Self::LessOrEquals => moment <= wanted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_finds_what_it_says() {
        let finds = |method: TextMethod| {
            [("Acme", "Acme"), ("Acme", "acme"), ("Acme", "Ac"), ("Acme", "ME"), ("Acme", "cm")]
                .map(|(text, sought)| method.fits(text, sought))
        };
        assert_eq!(finds(TextMethod::Equals), [true, false, false, false, false]);
        assert_eq!(finds(TextMethod::EqualsIgnoreCase), [true, true, false, false, false]);
        assert_eq!(finds(TextMethod::StartsWith), [true, false, true, false, false]);
        assert_eq!(finds(TextMethod::StartsWithIgnoreCase), [true, true, true, false, false]);
        assert_eq!(finds(TextMethod::Contains), [true, false, true, false, true]);
        assert_eq!(finds(TextMethod::ContainsIgnoreCase), [true; 5]);
        assert_eq!(finds(TextMethod::EndsWith), [true, false, false, false, false]);
        assert_eq!(finds(TextMethod::EndsWithIgnoreCase), [true, true, false, true, false]);
    }
}
