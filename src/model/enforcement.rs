//! Login enforcements: which logins must prove a second factor, and by which methods.

use serde::{Deserialize, Serialize};

use crate::id::{Accessor, EnforcementId, EntityId, GroupId, MethodId};
use crate::model::namespace::Scope;

/// A rule that asks logins for a second factor. Any one of its methods satisfies it; every rule that applies must be satisfied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enforcement {
    /// Its id: a UUID. It is found by its name.
    pub id: EnforcementId,
    /// The namespace it was made in; it applies to logins there and below.
    pub scope: Scope,
    /// Its name, unique in its namespace.
    pub name: String,
    /// The methods, any of which will do, in the order they are tried.
    pub methods: Vec<MethodId>,
    /// It applies to logins through these mounts,
    pub accessors: Vec<Accessor>,
    /// to logins through mounts of these kinds,
    pub kinds: Vec<String>,
    /// to logins of entities in these groups, directly or not,
    pub groups: Vec<GroupId>,
    /// and to logins of these entities.
    pub entities: Vec<EntityId>,
    /// Whether a recovery code will do in place of any of its methods.
    pub allow_recovery: bool,
}

/// What enforcements look at of a login.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Who logs in.
    pub entity: &'a EntityId,
    /// The groups they are in, directly or not.
    pub groups: &'a [GroupId],
    /// The mount they log in through.
    pub accessor: &'a Accessor,
    /// What that mount is.
    pub kind: &'a str,
}

impl Enforcement {
    /// Whether it applies to a login of `subject` in a namespace that it reaches: one selector that fits is enough.
    pub fn applies_to(&self, subject: &Subject<'_>) -> bool {
        self.entities.contains(subject.entity)
            || subject.groups.iter().any(|group| self.groups.contains(group))
            || self.accessors.contains(subject.accessor)
            || self.kinds.iter().any(|kind| kind == subject.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Enforcement {
        Enforcement {
            id: EnforcementId::new("e"),
            scope: Scope::root(),
            name: "main".into(),
            methods: vec![MethodId::new("m")],
            accessors: Vec::new(),
            kinds: Vec::new(),
            groups: Vec::new(),
            entities: Vec::new(),
            allow_recovery: true,
        }
    }

    #[test]
    fn any_one_selector_is_enough_and_none_is_not() {
        let (alice, ops) = (EntityId::new("alice"), [GroupId::new("ops")]);
        let accessor = Accessor::new("auth_userpass_00000000");
        let subject = Subject { entity: &alice, groups: &ops, accessor: &accessor, kind: "userpass" };
        assert!(!nothing().applies_to(&subject));
        assert!(Enforcement { entities: vec![alice.clone()], ..nothing() }.applies_to(&subject));
        assert!(Enforcement { groups: ops.to_vec(), ..nothing() }.applies_to(&subject));
        assert!(Enforcement { accessors: vec![accessor.clone()], ..nothing() }.applies_to(&subject));
        assert!(Enforcement { kinds: vec!["userpass".into()], ..nothing() }.applies_to(&subject));
        let others = Enforcement {
            entities: vec![EntityId::new("ALICE")],
            groups: vec![GroupId::new("op")],
            accessors: vec![Accessor::new("auth_userpass")],
            kinds: vec!["user".into()],
            ..nothing()
        };
        assert!(!others.applies_to(&subject));
    }
}
