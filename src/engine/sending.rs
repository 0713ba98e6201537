//! Sending what is in the outbox: claimed in one job, handed to a carrier outside of any, and settled in another.
//!
//! What holds, whatever crashes when:
//! - A message whose job was acknowledged is tried until a carrier took it, or refused it for good, or it is no longer worth sending.
//! - It is handed over by one thread of one node at a time: a claim is a lease, [`LEASE`] long, and no carrier takes as long as that.
//! - What a carrier took is never sent again, unless the process dies, or its store fails, between the carrier's yes and our commit. Then it is
//!   sent once more, with the same id: the folder's file, the webhook's `Idempotency-Key` and the mail's `Message-ID` are the same.

use std::time::Duration;

use super::{Access, Engine, Error, message_providers};
use crate::delivery::carrier::{Carriers, Cause, Failure, LONGEST};
use crate::entropy::Entropy;
use crate::model::message::Message;
use crate::model::message_provider::MessageProvider;
use crate::storage::Tx;
use crate::storage::table::Stored as _;
use crate::storage::tables::MESSAGES;
use crate::storage::tables::outbox::{DUE, Due, Lane};
use crate::time::Timestamp;

/// How long a claim holds: longer than any carrier takes, so that nobody takes over what is still being sent.
pub const LEASE: Duration = Duration::from_secs(3 * LONGEST.as_secs());
/// How long until a message is tried again after its first failure, about; twice that after the second, and so on.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long until a message that nobody carries is looked at again: somebody may set up a carrier in time.
const UNCARRIED_PAUSE: Duration = Duration::from_secs(15);
/// How many stale entries one claim clears away at most.
const STALE: usize = 64;

/// A message that is ours to send, until its lease ends.
#[derive(Clone)]
pub struct Claim {
    /// The message.
    pub message: Message,
    lease: Due,
}

/// What there is to send.
enum Next {
    /// This.
    Claimed(Box<Claim>),
    /// Only what was no longer there; look again.
    Cleared,
    /// Nothing, until then.
    Nothing(Option<Timestamp>),
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is done with: taken, or refused for good.
    Done,
    /// It is to be tried again so long from now. Whether this counts as an attempt.
    Again(Duration, bool),
}

/// What one [`round`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// It dealt with one message.
    One,
    /// It dealt with one message, which nobody carries.
    Uncarried,
    /// Nothing is due, until then.
    Idle(Option<Timestamp>),
}

/// Put a message's entry into the index by time.
pub(super) fn schedule(tx: &mut dyn Tx, access: &Access, message: &Message) -> Result<(), Error> {
    let due = Due { lane: Lane::Waiting, at: message.next_at, message: message.key(access) };
    Ok(tx.put(&DUE, &due.record())?)
}

/// Let go of every claim: at the start of the only process that uses the store, whoever had them is dead.
pub fn release(tx: &mut dyn Tx) -> Result<(), Error> {
    let now = tx.now();
    for record in tx.scan(&DUE, &Lane::Sending.start(), usize::MAX)? {
        tx.delete(&DUE, &record.id)?;
        if let Some(due) = Due::of(&record.id) {
            tx.put(&DUE, &Due { lane: Lane::Waiting, at: now, ..due }.record())?;
        }
    }
    Ok(())
}

/// Send one message that is due, if any is. Blocks for as long as the carrier takes.
///
/// # Errors
/// When the store fails, or the seal is closed. Whatever was claimed is due again when its lease ends.
pub fn round(engine: &Engine, carriers: &Carriers) -> Result<Round, Error> {
    let access = engine.access()?;
    let claim = loop {
        // Looking is cheap and done often; claiming takes the writer.
        if let Some(idle) = engine.store.read(engine.now(), idle)? {
            return Ok(idle);
        }
        let access = access.clone();
        match engine.store.write(engine.now(), move |tx| claim(tx, &access)).wait()? {
            Next::Claimed(claim) => break *claim,
            Next::Cleared => {}
            Next::Nothing(until) => return Ok(Round::Idle(until)),
        }
    };
    // Others may have their hands free for what else is due.
    engine.bell.ring();
    let channel = claim.message.channel;
    let stored = engine.store.read(engine.now(), |tx| message_providers::active(tx, &access, channel))?;
    let outcome = hand_over(engine, carriers, stored.as_ref(), &claim.message);
    let (fate, round) = judge(engine, &claim.message, outcome);
    settle_in_the_end(engine, &access, &claim, fate)?;
    Ok(round)
}

/// Why there is nothing to claim, if there is nothing.
fn idle(tx: &mut dyn Tx) -> Result<Option<Round>, Error> {
    let first = first(tx)?;
    Ok(first.is_none_or(|due| due.at > tx.now()).then(|| Round::Idle(first.map(|due| due.at))))
}

/// What is due first, in either lane.
fn first(tx: &mut dyn Tx) -> Result<Option<Due>, Error> {
    let mut first: Option<Due> = None;
    for lane in [Lane::Waiting, Lane::Sending] {
        let found = tx.scan(&DUE, &lane.start(), 1)?.first().and_then(|record| Due::of(&record.id));
        let found = found.filter(|due| due.lane == lane);
        first = match (first, found) {
            (Some(one), Some(other)) => Some(if other.at < one.at { other } else { one }),
            (one, other) => one.or(other),
        };
    }
    Ok(first)
}

fn claim(tx: &mut dyn Tx, access: &Access) -> Result<Next, Error> {
    for _ in 0..STALE {
        let Some(due) = first(tx)?.filter(|due| due.at <= tx.now()) else {
            return Ok(Next::Nothing(first(tx)?.map(|due| due.at)));
        };
        tx.delete(&DUE, &due.id())?;
        // An entry whose message is gone, or no longer worth sending, is stale.
        if let Some(message) = MESSAGES.get(tx, access, due.message)? {
            let lease = Due { lane: Lane::Sending, at: tx.now().plus(LEASE), message: due.message };
            tx.put(&DUE, &lease.record())?;
            return Ok(Next::Claimed(Box::new(Claim { message, lease })));
        }
    }
    Ok(Next::Cleared)
}

fn hand_over(
    engine: &Engine,
    carriers: &Carriers,
    stored: Option<&MessageProvider>,
    message: &Message,
) -> Result<bool, Failure> {
    let stored = stored.map(|provider| message_providers::carried_by(provider, &engine.denied_endpoints));
    let stored = stored.transpose().map_err(Failure::Later)?;
    let carrier = carriers.of(message.channel, stored.as_ref()).map_err(Failure::Later)?;
    let Some(carrier) = carrier else { return Ok(false) };
    carrier.carry(message, engine.now()).map(|()| true)
}

/// What is to become of a message, and the log's line about it: with ids, never with where it went or what was in it.
fn judge(engine: &Engine, message: &Message, outcome: Result<bool, Failure>) -> (Fate, Round) {
    let attempt = message.attempts.saturating_add(1);
    let pause = pause(engine.entropy.as_ref(), message.attempts);
    let (id, channel, entity) = (message.id.as_str(), message.channel.as_str(), message.entity.as_str());
    match outcome {
        Ok(true) => {
            tracing::info!(target: "audit", event = "message.sent", message_id = id, channel, entity, attempt);
            (Fate::Done, Round::One)
        }
        Ok(false) => (Fate::Again(UNCARRIED_PAUSE, false), Round::Uncarried),
        Err(Failure::Never(why)) => {
            let why: &dyn std::error::Error = &why;
            tracing::warn!(target: "audit", event = "message.refused_by_carrier", message_id = id, channel, entity, attempt, why);
            (Fate::Done, Round::One)
        }
        Err(Failure::Later(why)) if engine.now().plus(pause) >= message.expires_at => {
            let why: &dyn std::error::Error = &why;
            tracing::warn!(target: "audit", event = "message.given_up", message_id = id, channel, entity, attempt, why);
            (Fate::Done, Round::One)
        }
        Err(Failure::Later(why)) => {
            log_cause(&why, id, channel, attempt, pause);
            (Fate::Again(pause, true), Round::One)
        }
    }
}

fn log_cause(why: &Cause, message_id: &str, channel: &str, attempt: u32, pause: Duration) {
    let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    let why: &dyn std::error::Error = why;
    tracing::warn!(message_id, channel, attempt, pause_ms, why, "a message was not taken and will be tried again");
}

/// How long to wait after so many earlier failures: about twice as long each time, half as much to half as much again, so that what failed
/// together is not tried together.
fn pause(entropy: &dyn Entropy, failures: u32) -> Duration {
    let base = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
    let chance = u32::from(u16::from_be_bytes(entropy.bytes()));
    base / 2 + base.saturating_mul(chance) / (1 << 16)
}

/// Write down what became of a message, until it is written: to forget that it was taken would be to send it twice.
fn settle_in_the_end(engine: &Engine, access: &Access, claim: &Claim, fate: Fate) -> Result<(), Error> {
    loop {
        let (access, claim) = (access.clone(), claim.clone());
        let settled = engine.store.write(engine.now(), move |tx| settle(tx, &access, &claim, fate)).wait();
        match settled {
            Err(error) if fate == Fate::Done && !engine.bell.is_closed() => {
                tracing::error!(error = &error as &dyn std::error::Error, "what was sent cannot be written down yet");
                engine.bell.pause(FIRST_PAUSE);
            }
            settled => return settled,
        }
    }
}

fn settle(tx: &mut dyn Tx, access: &Access, claim: &Claim, fate: Fate) -> Result<(), Error> {
    let key = claim.lease.message;
    let is_ours = tx.get(&DUE, &claim.lease.id())?.is_some();
    tx.delete(&DUE, &claim.lease.id())?;
    match fate {
        // Should somebody else have taken over, they find an entry without a message.
        Fate::Done => Ok(MESSAGES.delete(tx, key)?),
        Fate::Again(pause, counts) if is_ours => {
            let Some(mut message) = MESSAGES.get(tx, access, key)? else { return Ok(()) };
            message.attempts = message.attempts.saturating_add(u32::from(counts));
            message.next_at = tx.now().plus(pause);
            MESSAGES.put(tx, access, &message)?;
            schedule(tx, access, &message)
        }
        Fate::Again(..) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn pauses_double_up_to_a_minute_and_are_never_twice_the_same() {
        let entropy: &dyn Entropy = &SeededEntropy::new(7);
        for (failures, base) in [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (40, 60), (u32::MAX, 60)] {
            let base = Duration::from_secs(base);
            let pauses: Vec<_> = (0..100).map(|_| pause(entropy, failures)).collect();
            assert!(pauses.iter().all(|pause| *pause >= base / 2 && *pause < base * 3 / 2), "{failures}");
            assert!(pauses.iter().collect::<std::collections::BTreeSet<_>>().len() > 90);
        }
    }
}
