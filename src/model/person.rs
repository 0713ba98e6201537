//! People and machines as an application's users: what is known of an entity beside its name and its authenticators.

use serde::{Deserialize, Serialize};

use super::revision::Revision;
use crate::id::EntityId;
use crate::model::namespace::Scope;
use crate::time::Timestamp;

/// What is known of a user. The user's name is the entity's, and whether they are deactivated is whether it is disabled.
#[derive(Clone, Serialize, Deserialize)]
pub struct Person {
    /// The entity.
    pub entity: EntityId,
    /// What they are.
    pub nature: Nature,
    /// Since when they are locked out, by too many wrong answers or by an administrator.
    pub locked_at: Option<Timestamp>,
    /// When they last chose to do without a second factor.
    pub skipped_at: Option<Timestamp>,
    /// How often they have changed.
    pub revision: Revision,
}

/// What a user is.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// Somebody.
    Human(Profile),
    /// Something.
    Machine {
        /// What it is called.
        name: String,
        /// What it is for.
        description: String,
    },
}

/// What is known of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Profile {
    /// Their given name.
    pub given_name: String,
    /// Their family name.
    pub family_name: String,
    /// What their friends call them.
    pub nick_name: String,
    /// What they are shown as.
    pub display_name: String,
    /// The language they want to be addressed in: a language tag (RFC 5646), or nothing.
    pub language: String,
    /// As they told.
    pub gender: Gender,
}

/// A gender, if somebody tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Gender {
    /// They did not tell.
    #[default]
    Untold,
    /// Female.
    Female,
    /// Male.
    Male,
    /// Neither.
    Diverse,
}

impl Person {
    /// What is known of an entity of which nobody has told anything: somebody who is called `name`.
    pub fn plain(entity: EntityId, name: &str, made_at: Timestamp) -> Self {
        let profile = Profile { display_name: name.to_owned(), ..Profile::default() };
        Self {
            entity,
            nature: Nature::Human(profile),
            locked_at: None,
            skipped_at: None,
            revision: Revision::first(made_at),
        }
    }

    /// What is known of them as somebody; `None` for a machine.
    pub const fn profile(&self) -> Option<&Profile> {
        match &self.nature {
            Nature::Human(profile) => Some(profile),
            Nature::Machine { .. } => None,
        }
    }

    /// What they are shown as.
    pub const fn display_name(&self) -> &str {
        match &self.nature {
            Nature::Human(profile) => profile.display_name.as_str(),
            Nature::Machine { name, .. } => name.as_str(),
        }
    }
}

/// The scope and id that together tell whether a record of somebody is still about the same one: an id may be given anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnation {
    /// The entity.
    pub entity: EntityId,
    /// Where it lives.
    pub scope: Scope,
    /// When it was made.
    pub made_at: Timestamp,
}
