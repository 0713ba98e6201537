//! When messages are due: an index of the outbox by time, so that what is due is found without looking at what is not.

use crate::id::{BLIND_KEY_BYTES, BlindKey};
use crate::storage::{Expiry, Record, Schema};
use crate::time::Timestamp;

/// When messages are due: [`Due::id`]s without a body.
pub static DUE: Schema = Schema { name: "due", indexes: &[], expiry: Expiry::Never, marked: false };

/// In which lane a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// It waits until it is due.
    Waiting,
    /// Somebody sends it, and has until then.
    Sending,
}

/// That a message is due at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// In which lane.
    pub lane: Lane,
    /// When.
    pub at: Timestamp,
    /// What the message is called.
    pub message: BlindKey,
}

impl Lane {
    const fn byte(self) -> u8 {
        match self {
            Self::Waiting => 0,
            Self::Sending => 1,
        }
    }

    /// What all ids of this lane lie behind.
    pub const fn start(self) -> [u8; 1] {
        [self.byte()]
    }
}

impl Due {
    /// What its record is called: those of a lane lie together, the first due first.
    pub fn id(&self) -> Vec<u8> {
        let mut id = vec![self.lane.byte()];
        id.extend_from_slice(&self.at.as_millis().to_be_bytes());
        id.extend_from_slice(self.message.as_ref());
        id
    }

    /// What a record with this id stands for.
    pub fn of(id: &[u8]) -> Option<Self> {
        let (lane, rest) = id.split_first()?;
        let (at, message) = rest.split_first_chunk()?;
        let lane = [Lane::Waiting, Lane::Sending].into_iter().find(|known| known.byte() == *lane)?;
        let message: [u8; BLIND_KEY_BYTES] = message.try_into().ok()?;
        Some(Self { lane, at: Timestamp::from_millis(u64::from_be_bytes(*at)), message: message.into() })
    }

    /// Its record.
    pub fn record(&self) -> Record {
        Record { id: self.id(), version: 1, expires_at: None, body: Vec::new(), entries: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_lane_and_time_and_are_read_back() {
        let due = |lane, at| Due { lane, at: Timestamp::from_millis(at), message: [9; BLIND_KEY_BYTES].into() };
        let sorted = [due(Lane::Waiting, 1), due(Lane::Waiting, 256), due(Lane::Sending, 0), due(Lane::Sending, 2)];
        assert!(sorted.iter().map(Due::id).is_sorted());
        assert!(sorted.iter().all(|due| Due::of(&due.id()) == Some(*due)));
        assert!(sorted.iter().all(|due| due.id().as_slice() > due.lane.start().as_slice()));
        assert_eq!(Due::of(&[]), None);
        assert_eq!(Due::of(&[7; 25]), None);
        assert_eq!(Due::of(&[0; 24]), None);
    }
}
