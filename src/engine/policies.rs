//! Policies: written, read, deleted, and what they say.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Access, Error};
use crate::model::acl::{Fault, Rules};
use crate::model::namespace::Scope;
use crate::model::policy::{Policy, built_in, is_immutable};
use crate::model::token::{DEFAULT_POLICY, ROOT_POLICY};
use crate::storage::Tx;
use crate::storage::tables::{POLICIES, POLICY_BY_NAMESPACE, policy_key, policy_namespace_key};

/// The longest name of a policy, in bytes.
const LONGEST_NAME: usize = 512;

/// Why a policy is not written or deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is the server's own and cannot be written.
    #[error("cannot update {0:?} policy")]
    Update(String),
    /// It is the server's own and cannot be deleted.
    #[error("cannot delete {0:?} policy")]
    Delete(String),
    /// Every namespace has a `default`.
    #[error("cannot delete default policy")]
    DeleteDefault,
    /// It has been written more or less often than the writer believes.
    #[error("check-and-set parameter {asked} did not match the current version {current}")]
    Version {
        /// How often the writer believes it was written.
        asked: i64,
        /// How often it was.
        current: u64,
    },
    /// Its name is too long.
    #[error("policy name is too long (limit: {LONGEST_NAME} bytes)")]
    NameTooLong,
}

/// What a policy is to be. Whoever asks has read its text with [`Rules::parse`].
#[derive(Debug, Clone)]
pub struct Write {
    /// Its namespace.
    pub scope: Scope,
    /// Its name, in lower case.
    pub name: String,
    /// What it says.
    pub text: String,
    /// How often it must have been written before, if that was said.
    pub version: Option<i64>,
}

/// Write a policy.
///
/// # Errors
/// [`Error::Policy`].
pub fn write(tx: &mut dyn Tx, access: &Access, command: &Write) -> Result<(), Error> {
    let refuse = |refusal| Err(Error::Policy(refusal));
    if is_immutable(&command.name) {
        return refuse(Refusal::Update(command.name.clone()));
    }
    if command.name.len() > LONGEST_NAME {
        return refuse(Refusal::NameTooLong);
    }
    let current = get(tx, access, &command.scope, &command.name)?.map_or(0, |policy| policy.version);
    if let Some(asked) = command.version.filter(|asked| u64::try_from(*asked) != Ok(current)) {
        return refuse(Refusal::Version { asked, current });
    }
    let policy = Policy {
        scope: command.scope.clone(),
        name: command.name.clone(),
        text: command.text.clone(),
        version: current + 1,
        modified_at: Some(tx.now()),
    };
    Ok(POLICIES.put(tx, access, &policy)?)
}

/// Delete the policy of this name, which is in lower case, if there is one.
///
/// # Errors
/// [`Error::Policy`].
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, name: &str) -> Result<(), Error> {
    if is_immutable(name) {
        return Err(Error::Policy(Refusal::Delete(name.into())));
    }
    if name == DEFAULT_POLICY {
        return Err(Error::Policy(Refusal::DeleteDefault));
    }
    Ok(POLICIES.delete(tx, policy_key(access, &scope.id, name))?)
}

/// The policy of this name, which is in lower case, written or built in.
pub fn get(tx: &mut dyn Tx, access: &Access, scope: &Scope, name: &str) -> Result<Option<Policy>, Error> {
    let written =
        if is_immutable(name) { None } else { POLICIES.get(tx, access, policy_key(access, &scope.id, name))? };
    Ok(written.or_else(|| built_in(scope, name)))
}

/// Whether a token can be given the policy of this name and have something of it.
pub fn exists(tx: &mut dyn Tx, access: &Access, scope: &Scope, name: &str) -> Result<bool, Error> {
    Ok(name == ROOT_POLICY || name == DEFAULT_POLICY || POLICIES.contains(tx, policy_key(access, &scope.id, name))?)
}

/// The names of the policies of a namespace, sorted; root's end with `root`, which no other has.
pub fn names(tx: &mut dyn Tx, access: &Access, scope: &Scope) -> Result<Vec<String>, Error> {
    let written = POLICIES.find_all(tx, access, POLICY_BY_NAMESPACE, policy_namespace_key(access, &scope.id))?;
    let mut names: Vec<String> = written.into_iter().map(|policy| policy.name).collect();
    names.push(DEFAULT_POLICY.into());
    names.sort();
    names.dedup();
    names.extend(scope.id.is_root().then(|| ROOT_POLICY.to_owned()));
    Ok(names)
}

/// What texts of policies say, remembered. It is found by the text itself, so it is never out of date.
#[derive(Default)]
pub struct Memo(RwLock<HashMap<String, Arc<Rules>>>);

/// How many texts are remembered.
const MOST_TEXTS: usize = 512;
/// How long a text may be, in bytes, to be remembered.
const LONGEST_REMEMBERED: usize = 16 * 1024;

impl Memo {
    /// What `text` says.
    pub fn rules(&self, text: &str) -> Result<Arc<Rules>, Fault> {
        if let Some(rules) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(text) {
            return Ok(Arc::clone(rules));
        }
        let rules = Arc::new(Rules::parse(text)?);
        if text.len() <= LONGEST_REMEMBERED {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MOST_TEXTS {
                known.clear();
            }
            known.insert(text.to_owned(), Arc::clone(&rules));
        }
        Ok(rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_what_the_text_says_and_bounded() {
        let memo = Memo::default();
        for n in 0..2 * MOST_TEXTS {
            let text = format!("path \"p{n}\" {{}}");
            assert_eq!(*memo.rules(&text).unwrap(), Rules::parse(&text).unwrap());
            assert_eq!(*memo.rules(&text).unwrap(), Rules::parse(&text).unwrap());
        }
        assert!(memo.0.read().unwrap().len() <= MOST_TEXTS);
        assert!(memo.rules("path").is_err());
    }
}
