//! Namespaces: a tree of separate worlds, root above all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::NamespaceId;

/// Where something lives: a namespace's id and its whole path. A path never changes while the namespace lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The namespace's id.
    pub id: NamespaceId,
    /// The namespace's path from root: empty, or segments that each end in `/`.
    pub path: String,
}

impl Scope {
    /// The root namespace.
    pub fn root() -> Self {
        Self { id: NamespaceId::root(), path: String::new() }
    }

    /// Whether `other` is this namespace or one below it.
    pub fn contains(&self, other: &Self) -> bool {
        other.path.starts_with(&self.path)
    }

    /// The paths of this namespace and of all above it, root first.
    pub fn lineage(&self) -> impl Iterator<Item = &str> {
        let ends = self.path.match_indices('/').map(|(at, slash)| at + slash.len());
        std::iter::once(0).chain(ends).filter_map(|end| self.path.get(..end))
    }
}

/// A namespace other than root, which needs no record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Its id and path.
    #[serde(flatten)]
    pub scope: Scope,
    /// A UUID for clients that want one.
    pub uuid: String,
    /// What its operator noted about it.
    pub custom_metadata: BTreeMap<String, String>,
}

impl Namespace {
    /// The last segment of its path, without the `/`.
    pub fn name(&self) -> &str {
        let path = self.scope.path.trim_end_matches('/');
        path.rsplit_once('/').map_or(path, |(_, name)| name)
    }

    /// The path of the namespace above it.
    pub fn parent_path(&self) -> &str {
        self.scope.path.strip_suffix('/').and_then(|path| path.strip_suffix(self.name())).unwrap_or_default()
    }
}

/// Path segments that mean something in every namespace and so can be no namespace's name.
pub const RESERVED_NAMES: [&str; 8] = [".", "..", "root", "sys", "audit", "auth", "cubbyhole", "identity"];

/// The longest name in bytes.
pub const LONGEST_NAME: usize = 512;

/// Why a text is no name for a namespace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty.
    #[error("the name is empty")]
    Empty,
    /// It contains a `/`.
    #[error("the name contains a slash")]
    Slash,
    /// It is one of [`RESERVED_NAMES`].
    #[error("the name {0} is reserved")]
    Reserved(String),
    /// It contains a blank.
    #[error("the name {0} contains a blank")]
    Blank(String),
    /// It contains this wildcard.
    #[error("the name {0} contains the wildcard {1}")]
    Wildcard(String, char),
    /// It contains a control character.
    #[error("the name contains a control character")]
    Control,
    /// It is longer than [`LONGEST_NAME`].
    #[error("the name is too long")]
    TooLong,
}

/// Whether `name` may be a namespace's name: one path segment of any script.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.contains('/') {
        return Err(NameError::Slash);
    }
    if RESERVED_NAMES.contains(&name) {
        return Err(NameError::Reserved(name.into()));
    }
    if let Some(wildcard) = name.chars().find(|c| matches!(c, '+' | '*')) {
        return Err(NameError::Wildcard(name.into(), wildcard));
    }
    if name.contains(' ') {
        return Err(NameError::Blank(name.into()));
    }
    if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(NameError::Control);
    }
    if name.len() > LONGEST_NAME { Err(NameError::TooLong) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(path: &str) -> Scope {
        Scope { id: NamespaceId::new("abc123"), path: path.into() }
    }

    #[test]
    fn a_namespace_contains_itself_and_those_below_but_no_sibling_of_similar_name() {
        assert!(Scope::root().contains(&scope("a/")));
        assert!(scope("a/").contains(&scope("a/")));
        assert!(scope("a/").contains(&scope("a/b/")));
        assert!(!scope("a/").contains(&scope("ab/")));
        assert!(!scope("a/b/").contains(&scope("a/")));
    }

    #[test]
    fn a_lineage_runs_from_root_down() {
        assert_eq!(scope("a/b/").lineage().collect::<Vec<_>>(), ["", "a/", "a/b/"]);
        assert_eq!(Scope::root().lineage().collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn names_that_would_shadow_or_widen_a_path_are_refused() {
        assert_eq!(check_name("").unwrap_err(), NameError::Empty);
        assert_eq!(check_name("a/b").unwrap_err(), NameError::Slash);
        assert_eq!(check_name("..").unwrap_err(), NameError::Reserved("..".into()));
        assert_eq!(check_name("sys").unwrap_err(), NameError::Reserved("sys".into()));
        assert_eq!(check_name("a+b").unwrap_err(), NameError::Wildcard("a+b".into(), '+'));
        assert_eq!(check_name("a b").unwrap_err(), NameError::Blank("a b".into()));
        assert_eq!(check_name("a\nb").unwrap_err(), NameError::Control);
        assert_eq!(check_name(&"a".repeat(600)).unwrap_err(), NameError::TooLong);
        for name in ["team", "équipe", "チーム", "a.b", "a-b_c"] {
            check_name(name).unwrap();
        }
    }

    #[test]
    fn a_namespace_knows_its_name_and_its_parent() {
        let namespace = Namespace { scope: scope("a/b/"), uuid: String::new(), custom_metadata: BTreeMap::new() };
        assert_eq!((namespace.name(), namespace.parent_path()), ("b", "a/"));
        let top = Namespace { scope: scope("a/"), uuid: String::new(), custom_metadata: BTreeMap::new() };
        assert_eq!((top.name(), top.parent_path()), ("a", ""));
    }
}
