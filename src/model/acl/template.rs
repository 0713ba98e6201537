//! Paths with `{{...}}` in them, which are filled in with what is known of the caller's entity.
//!
//! What is filled in is data that the entity, or whoever may write it, chooses. So nothing that could widen the path is let in: a path
//! whose value is empty or has a `*`, a `+` or a `/` in it grants nothing (GHSA-59w7-v8rr-pr4p).

use std::borrow::Cow;
use std::collections::BTreeMap;

type Metadata = BTreeMap<String, String>;

/// What a template can say about the caller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// The entity's id.
    pub id: String,
    /// The entity's name.
    pub name: String,
    /// What is noted about the entity.
    pub metadata: Metadata,
    /// What it is called in auth mounts.
    pub aliases: Vec<Alias>,
    /// The groups it is in, by itself or through others.
    pub groups: Vec<Group>,
}

/// What an entity is called in an auth mount.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alias {
    /// The mount's accessor.
    pub accessor: String,
    /// The alias's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// What the mount notes about it.
    pub metadata: Metadata,
    /// What its administrator notes about it.
    pub custom_metadata: Metadata,
}

/// A group that an entity is in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// The group's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What is noted about it.
    pub metadata: Metadata,
}

impl Identity {
    /// What `{{slot}}` stands for, if that is known.
    fn value(&self, slot: &str) -> Option<&str> {
        if let Some(rest) = slot.strip_prefix("identity.entity.aliases.") {
            let (accessor, rest) = rest.split_once('.')?;
            return self.aliases.iter().find(|alias| alias.accessor == accessor)?.value(rest);
        }
        if let Some(rest) = slot.strip_prefix("identity.groups.ids.") {
            return named(self.groups.iter().map(|group| (group.id.as_str(), group)), rest);
        }
        if let Some(rest) = slot.strip_prefix("identity.groups.names.") {
            return named(self.groups.iter().map(|group| (group.name.as_str(), group)), rest);
        }
        match slot.strip_prefix("identity.entity.")? {
            "id" => Some(&self.id),
            "name" => Some(&self.name),
            rest => self.metadata.get(rest.strip_prefix("metadata.")?).map(String::as_str),
        }
    }
}

impl Alias {
    fn value(&self, slot: &str) -> Option<&str> {
        match slot {
            "id" => Some(&self.id),
            "name" => Some(&self.name),
            _ => match slot.strip_prefix("custom_metadata.") {
                Some(key) => self.custom_metadata.get(key),
                None => self.metadata.get(slot.strip_prefix("metadata.")?),
            }
            .map(String::as_str),
        }
    }
}

impl Group {
    fn value(&self, slot: &str) -> Option<&str> {
        match slot {
            "id" => Some(&self.id),
            "name" => Some(&self.name),
            _ => self.metadata.get(slot.strip_prefix("metadata.")?).map(String::as_str),
        }
    }
}

/// What `rest` says of the group that it begins with. Ids and names may have dots in them: the longest that leads to something counts.
fn named<'a>(groups: impl Iterator<Item = (&'a str, &'a Group)>, rest: &str) -> Option<&'a str> {
    let values = groups.filter_map(|(called, group)| {
        let value = group.value(rest.strip_prefix(called)?.strip_prefix('.')?)?;
        Some((called.len(), value))
    });
    values.max_by_key(|(length, _)| *length).map(|(_, value)| value)
}

/// A path as a policy has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(String),
}

impl Template {
    /// The template in `text`; `None` if its braces do not match.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{{") {
            let (slot, behind) = behind.split_once("}}")?;
            if before.contains("}}") {
                return None;
            }
            pieces.push(Piece::Text(before.into()));
            pieces.push(Piece::Slot(slot.trim().into()));
            rest = behind;
        }
        pieces.push(Piece::Text(rest.into()));
        (!rest.contains("}}")).then_some(Self { pieces })
    }

    /// Whether anything is to be filled in whose name begins with `what`.
    pub(super) fn asks(&self, what: &str) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Slot(slot) if slot.starts_with(what)))
    }

    /// The path behind `prefix`, filled in; `None` if something for it is not known or would widen it.
    pub(super) fn fill(&self, prefix: &str, who: Option<&Identity>) -> Option<Cow<'_, str>> {
        if let ([Piece::Text(text)], "") = (self.pieces.as_slice(), prefix) {
            return Some(Cow::Borrowed(text));
        }
        let mut path = prefix.to_owned();
        for piece in &self.pieces {
            path.push_str(match piece {
                Piece::Text(text) => text,
                Piece::Slot(slot) => who?.value(slot).filter(|value| is_harmless(value))?,
            });
        }
        Some(Cow::Owned(path))
    }
}

fn is_harmless(value: &str) -> bool {
    !value.is_empty() && !value.contains(['*', '+', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(key: &str, value: &str) -> Metadata {
        Metadata::from([(key.into(), value.into())])
    }

    fn group(id: &str, name: &str) -> Group {
        Group { id: id.into(), name: name.into(), metadata: metadata("k.l", name) }
    }

    fn alice() -> Identity {
        Identity {
            id: "e1.ns".into(),
            name: "alice".into(),
            metadata: metadata("dept", "dev"),
            aliases: vec![Alias {
                accessor: "auth_userpass_1".into(),
                id: "a1".into(),
                name: "al".into(),
                metadata: metadata("k", "m"),
                custom_metadata: metadata("k", "c"),
            }],
            groups: vec![group("g1.ns", "ops"), group("g2", "ops.eu")],
        }
    }

    fn filled(template: &str) -> Option<String> {
        Template::parse(template).unwrap().fill("", Some(&alice())).map(Cow::into_owned)
    }

    #[test]
    fn everything_known_of_the_caller_can_be_filled_in() {
        for (slot, value) in [
            ("identity.entity.id", "e1.ns"),
            (" identity.entity.name ", "alice"),
            ("identity.entity.metadata.dept", "dev"),
            ("identity.entity.aliases.auth_userpass_1.id", "a1"),
            ("identity.entity.aliases.auth_userpass_1.name", "al"),
            ("identity.entity.aliases.auth_userpass_1.metadata.k", "m"),
            ("identity.entity.aliases.auth_userpass_1.custom_metadata.k", "c"),
            ("identity.groups.ids.g1.ns.name", "ops"),
            ("identity.groups.names.ops.id", "g1.ns"),
            ("identity.groups.names.ops.eu.id", "g2"),
            ("identity.groups.names.ops.metadata.k.l", "ops"),
        ] {
            assert_eq!(filled(&format!("a/{{{{{slot}}}}}-*")), Some(format!("a/{value}-*")), "{slot}");
        }
    }

    #[test]
    fn what_is_not_known_leaves_no_path() {
        for slot in [
            "",
            "x",
            "identity.entity",
            "identity.entity.",
            "identity.entity.metadata.none",
            "identity.entity.aliases.other.name",
            "identity.groups.names.dev.id",
            "identity.groups.ids.g1.name",
            "identity.groups.names.ops",
        ] {
            assert_eq!(filled(&format!("a/{{{{{slot}}}}}")), None, "{slot}");
        }
        assert_eq!(Template::parse("a/{{identity.entity.id}}").unwrap().fill("", None), None);
    }

    #[test]
    fn no_value_widens_a_path() {
        let template = Template::parse("secret/{{identity.entity.metadata.dept}}*").unwrap();
        for value in ["*", "+", "a*", "a+b", "a/b", "/", "../x", ""] {
            let who = Identity { metadata: metadata("dept", value), ..Identity::default() };
            assert_eq!(template.fill("", Some(&who)), None, "{value}");
        }
        let who = Identity { metadata: metadata("dept", "{{identity.entity.id}}"), ..alice() };
        let path = template.fill("", Some(&who)).unwrap();
        assert_eq!(path, "secret/{{identity.entity.id}}*", "what is filled in is not looked at again");
    }

    #[test]
    fn braces_must_match() {
        for broken in ["a{{x", "a}}", "a}}{{x}}", "{{x}}}}", "{{a"] {
            assert!(Template::parse(broken).is_none(), "{broken}");
        }
        assert!(!Template::parse("a{b}c").unwrap().asks(""));
        let template = Template::parse("a/{{ identity.entity.name}}").unwrap();
        assert!(template.asks("identity.entity.") && !template.asks("identity.groups."));
        assert_eq!(Template::parse("a").unwrap().fill("ns/", None).unwrap(), "ns/a");
    }
}
