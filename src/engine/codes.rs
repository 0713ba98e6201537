//! Verification codes: posed, and answered once.

use std::time::Duration;

use super::{Access, Error};
use crate::id::{BlindKey, EntityId};
use crate::model::code::{Code, Purpose};
use crate::secret::Secret;
use crate::storage::Tx;
use crate::storage::tables::people::{CODES, code_key};

/// A code to be posed.
#[derive(Clone)]
pub struct Pose {
    /// For whom.
    pub entity: EntityId,
    /// For what.
    pub purpose: Purpose,
    /// The code, drawn beforehand.
    pub text: Secret<String>,
    /// The address that it proves, where it proves one.
    pub proves: Option<Secret<String>>,
    /// How long it is good for.
    pub lifetime: Duration,
    /// Wrong answers after which it is void.
    pub tries: u32,
}

/// What an answer comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is the code, which is thereby used up.
    Right,
    /// It is not, there is none, or it no longer counts. So many wrong answers there were to the one that waits.
    Wrong {
        /// Wrong answers, this one included.
        tries: u32,
    },
}

/// Pose a code in place of the one that waits for the same, if there is one.
pub fn pose(tx: &mut dyn Tx, access: &Access, command: &Pose) -> Result<(), Error> {
    let Pose { entity, purpose, text, proves, lifetime, tries } = command;
    let code = Code {
        entity: entity.clone(),
        purpose: purpose.clone(),
        hash: hash(access, entity, purpose, text),
        proves: proves.as_ref().map(|address| address_hash(access, address)),
        tries_left: *tries,
        expires_at: tx.now().plus(*lifetime),
    };
    Ok(CODES.put(tx, access, &code)?)
}

/// Answer. `proves` is the address that is to be proven, where one is. `tries` is how many wrong answers are allowed.
pub fn answer(
    tx: &mut dyn Tx,
    access: &Access,
    entity: &EntityId,
    purpose: &Purpose,
    said: &Secret<String>,
    proves: Option<&Secret<String>>,
    tries: u32,
) -> Result<Outcome, Error> {
    let key = code_key(access, entity, purpose);
    let Some(mut code) = CODES.get(tx, access, key)?.filter(|code| code.is_open(tx.now())) else {
        return Ok(Outcome::Wrong { tries: 0 });
    };
    let is_right = hash(access, entity, purpose, said) == code.hash
        && code.proves == proves.map(|address| address_hash(access, address));
    if is_right {
        CODES.delete(tx, key)?;
        return Ok(Outcome::Right);
    }
    code.tries_left = code.tries_left.saturating_sub(1);
    CODES.put(tx, access, &code)?;
    Ok(Outcome::Wrong { tries: tries.saturating_sub(code.tries_left) })
}

/// Whether a code for this was ever posed and has not been answered: it may no longer count.
pub fn is_posed(tx: &mut dyn Tx, access: &Access, entity: &EntityId, purpose: &Purpose) -> Result<bool, Error> {
    Ok(CODES.contains(tx, code_key(access, entity, purpose))?)
}

/// Forget the code that waits for this, if there is one.
pub fn withdraw(tx: &mut dyn Tx, access: &Access, entity: &EntityId, purpose: &Purpose) -> Result<(), Error> {
    Ok(CODES.delete(tx, code_key(access, entity, purpose))?)
}

fn hash(access: &Access, entity: &EntityId, purpose: &Purpose, text: &Secret<String>) -> BlindKey {
    let [kind, which] = purpose.words();
    access.blind("code.text", &[entity.as_str(), kind, which, text.expose()])
}

fn address_hash(access: &Access, address: &Secret<String>) -> BlindKey {
    access.blind("code.address", &[address.expose()])
}
