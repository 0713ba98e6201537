//! What an entity is called at a provider: a template over what is known of it.

use std::collections::BTreeMap;

use crate::model::alias::Alias;
use crate::model::entity::Entity;

/// The longest name a provider is asked about, in bytes.
pub const LONGEST_USERNAME: usize = 256;

/// Why a template gives no name for an entity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// Braces without their counterparts.
    #[error("unbalanced templating characters")]
    Unbalanced,
    /// Braces around something that names nothing.
    #[error("{0:?} names nothing that is known of an entity")]
    Unknown(String),
    /// The entity has no such alias or metadata.
    #[error("the entity has no {0:?}")]
    Missing(String),
    /// Nothing is left to ask about.
    #[error("the username is empty")]
    Empty,
    /// Over 256 bytes.
    #[error("the username is longer than {LONGEST_USERNAME} bytes")]
    TooLong,
    /// Control characters, which no user's name has.
    #[error("the username has control characters")]
    Characters,
}

/// What `entity`, with these `aliases`, is called in the words of `format`; its own name, where the format is empty.
///
/// Between `{{` and `}}` stands `identity.entity.` and then `id`, `name`, `metadata.<key>`, or `aliases.<mount accessor>.` and then `id`,
/// `name`, `metadata.<key>` or `custom_metadata.<key>`. A value is never read as a template itself.
pub fn render(format: &str, entity: &Entity, aliases: &[Alias]) -> Result<String, UsernameError> {
    let mut name = String::new();
    let mut rest = format;
    while let Some((text, opened)) = rest.split_once("{{") {
        let (path, after) = opened.split_once("}}").ok_or(UsernameError::Unbalanced)?;
        name.push_str(literal(text)?);
        name.push_str(value(path.trim(), entity, aliases)?);
        rest = after;
    }
    name.push_str(literal(rest)?);
    check(if format.is_empty() { entity.name.clone() } else { name })
}

fn literal(text: &str) -> Result<&str, UsernameError> {
    if text.contains("}}") { Err(UsernameError::Unbalanced) } else { Ok(text) }
}

fn value<'a>(path: &str, entity: &'a Entity, aliases: &'a [Alias]) -> Result<&'a str, UsernameError> {
    let missing = || UsernameError::Missing(path.to_owned());
    let unknown = || UsernameError::Unknown(path.to_owned());
    let below = path.strip_prefix("identity.entity.").ok_or_else(unknown)?;
    if let Some(of_alias) = below.strip_prefix("aliases.") {
        // Accessors may have dots in them, so one may begin like another: the longest is meant.
        let meant = |alias: &&Alias| below_accessor(of_alias, alias).is_some();
        let alias = aliases.iter().filter(meant).max_by_key(|alias| alias.mount.as_str().len()).ok_or_else(missing)?;
        let what = below_accessor(of_alias, alias).unwrap_or_default();
        return match what.split_once('.') {
            None if what == "id" => Ok(alias.id.as_str()),
            None if what == "name" => Ok(&alias.name),
            Some(("metadata", key)) => noted(alias.metadata.as_ref(), key).ok_or_else(missing),
            Some(("custom_metadata", key)) => noted(alias.custom_metadata.as_ref(), key).ok_or_else(missing),
            None | Some(_) => Err(unknown()),
        };
    }
    match below.split_once('.') {
        None if below == "id" => Ok(entity.id.as_str()),
        None if below == "name" => Ok(&entity.name),
        Some(("metadata", key)) => noted(entity.metadata.as_ref(), key).ok_or_else(missing),
        None | Some(_) => Err(unknown()),
    }
}

fn below_accessor<'a>(path: &'a str, alias: &Alias) -> Option<&'a str> {
    path.strip_prefix(alias.mount.as_str())?.strip_prefix('.')
}

fn noted<'a>(metadata: Option<&'a BTreeMap<String, String>>, key: &str) -> Option<&'a str> {
    metadata?.get(key).map(String::as_str)
}

fn check(name: String) -> Result<String, UsernameError> {
    if name.trim().is_empty() {
        return Err(UsernameError::Empty);
    }
    if name.len() > LONGEST_USERNAME {
        return Err(UsernameError::TooLong);
    }
    if name.chars().any(char::is_control) {
        return Err(UsernameError::Characters);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Accessor, AliasId, EntityId, NamespaceId};
    use crate::model::namespace::Scope;
    use crate::time::Timestamp;

    fn scope() -> Scope {
        Scope { id: NamespaceId::root(), path: String::new() }
    }

    fn entity() -> Entity {
        Entity {
            metadata: Some(BTreeMap::from([
                ("mail".into(), "alice@example.com".into()),
                ("sly".into(), "{{identity.entity.id}}".into()),
                ("blank".into(), " ".into()),
                ("lines".into(), "a\r\nb".into()),
            ])),
            ..Entity::new(EntityId::new("e-1"), scope(), "Alice".into(), Timestamp::EPOCH)
        }
    }

    fn alias(mount: &str, name: &str) -> Alias {
        Alias {
            id: AliasId::new("a-1"),
            scope: scope(),
            entity: EntityId::new("e-1"),
            mount: Accessor::new(mount),
            name: name.into(),
            metadata: None,
            custom_metadata: Some(BTreeMap::from([("duo".into(), "al".into())])),
            merged_from: Vec::new(),
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        }
    }

    fn named(format: &str) -> Result<String, UsernameError> {
        render(format, &entity(), &[alias("auth_userpass_1", "first"), alias("auth_userpass_1.ns", "second")])
    }

    #[test]
    fn a_name_is_made_of_what_is_known() {
        let made = |format| named(format).unwrap();
        assert_eq!(made(""), "Alice");
        assert_eq!(made("{{identity.entity.name}}@corp"), "Alice@corp");
        assert_eq!(made("{{ identity.entity.id }}-{{identity.entity.metadata.mail}}"), "e-1-alice@example.com");
        assert_eq!(made("{{identity.entity.aliases.auth_userpass_1.name}}"), "first");
        assert_eq!(made("{{identity.entity.aliases.auth_userpass_1.ns.name}}"), "second");
        assert_eq!(made("{{identity.entity.aliases.auth_userpass_1.custom_metadata.duo}}"), "al");
        assert_eq!(made("everybody"), "everybody");
    }

    #[test]
    fn a_value_is_not_a_template() {
        assert_eq!(named("{{identity.entity.metadata.sly}}").unwrap(), "{{identity.entity.id}}");
    }

    #[test]
    fn what_gives_no_name_is_refused() {
        for format in ["{{identity.entity.name", "identity.entity.name}}", "a}}{{identity.entity.name}}"] {
            assert_eq!(named(format).unwrap_err(), UsernameError::Unbalanced, "{format}");
        }
        for format in ["{{}}", "{{identity.entity}}", "{{identity.entity.policies}}", "{{identity.groups.ids}}"] {
            assert!(matches!(named(format).unwrap_err(), UsernameError::Unknown(_)), "{format}");
        }
        for format in ["{{identity.entity.metadata.none}}", "{{identity.entity.aliases.other.name}}"] {
            assert!(matches!(named(format).unwrap_err(), UsernameError::Missing(_)), "{format}");
        }
        assert_eq!(named("{{identity.entity.metadata.blank}}").unwrap_err(), UsernameError::Empty);
        assert_eq!(named("{{identity.entity.metadata.lines}}").unwrap_err(), UsernameError::Characters);
        assert_eq!(named(&"x".repeat(257)).unwrap_err(), UsernameError::TooLong);
    }
}
