//! Passwords, hashed and checked a few at once: each takes all of a processor for tens of milliseconds, and 19 MiB.
//!
//! Who wants to hash asks to be admitted first, and waits where waiting costs nothing. When too many wait already, it is turned away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::factor::password::{self, Checked, Hash, Work};
use crate::secret::Secret;

/// The most that wait: at two at once, some seconds' work.
const LONGEST_QUEUE: usize = 128;

/// The place where it is done.
#[derive(Debug)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    argon2_runs: AtomicU64,
    bcrypt_rounds: AtomicU64,
}

/// Leave to hash or check one password.
#[derive(Debug)]
pub struct Permit(#[expect(dead_code, reason = "held until it is dropped")] OwnedSemaphorePermit);

impl Passwords {
    /// As many at once as there are processors: two, three or four.
    pub(super) fn new() -> Self {
        let at_once = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, 4);
        Self {
            permits: Arc::new(Semaphore::new(at_once)),
            waiting: AtomicUsize::new(0),
            argon2_runs: AtomicU64::new(0),
            bcrypt_rounds: AtomicU64::new(0),
        }
    }

    /// Wait for leave; `None` when too many wait already.
    pub async fn admit(&self) -> Option<Permit> {
        let waiting = Waiting::one_more(&self.waiting);
        if waiting.before >= LONGEST_QUEUE {
            return None;
        }
        Arc::clone(&self.permits).acquire_owned().await.ok().map(Permit)
    }

    /// The hash of a new password. Blocks.
    pub fn hash(&self, _: &Permit, password: &Secret<String>, salt: &[u8; password::SALT_BYTES]) -> Hash {
        self.argon2_runs.fetch_add(1, Ordering::Relaxed);
        Hash::of(password, salt)
    }

    /// Whether `password` is the one behind `hash`, by the same work if there is none. Blocks.
    pub fn is_right(
        &self,
        _: &Permit,
        password: &Secret<String>,
        hash: Option<&Hash>,
        bcrypt_cost: Option<u32>,
    ) -> bool {
        let Checked { is_right, work } = password::check(password, hash, bcrypt_cost);
        self.argon2_runs.fetch_add(work.argon2_runs, Ordering::Relaxed);
        self.bcrypt_rounds.fetch_add(work.bcrypt_rounds, Ordering::Relaxed);
        is_right
    }

    /// All the work there was so far.
    pub fn work(&self) -> Work {
        Work {
            argon2_runs: self.argon2_runs.load(Ordering::Relaxed),
            bcrypt_rounds: self.bcrypt_rounds.load(Ordering::Relaxed),
        }
    }
}

/// One that waits, until it is dropped: admitted, turned away, or gone.
struct Waiting<'a> {
    all: &'a AtomicUsize,
    before: usize,
}

impl<'a> Waiting<'a> {
    fn one_more(all: &'a AtomicUsize) -> Self {
        Self { all, before: all.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn only_a_few_are_admitted_at_once_and_only_so_many_wait() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let passwords = Passwords::new();
            let at_once = passwords.permits.available_permits();
            let mut held = Vec::new();
            for _ in 0..at_once {
                held.push(passwords.admit().await);
            }
            assert!(held.iter().all(Option::is_some));
            let mut waiting: Vec<_> = (0..LONGEST_QUEUE).map(|_| Box::pin(passwords.admit())).collect();
            let mut context = Context::from_waker(Waker::noop());
            assert!(waiting.iter_mut().all(|one| one.as_mut().poll(&mut context).is_pending()));
            assert!(passwords.admit().await.is_none(), "the queue is full");
            drop(waiting);
            drop(held);
            assert!(passwords.admit().await.is_some());
        });
    }
}
