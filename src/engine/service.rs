//! The engine as one thing: the store, the seal, the clock and chance, ready for a dialect to use.

use std::sync::Arc;
use std::time::Duration;

use super::clock::{self, SharedClock};
use super::outbox::Bell;
use super::passwords::Passwords;
use super::policies::Memo;
use super::uses::{self, Uses};
use super::{Access, Error, purging, sealing};
use crate::delivery::gateway::{self, Gateway};
use crate::entropy::Entropy;
use crate::model::clock_guard::ClockGuard;
use crate::model::costs::Costs;
use crate::model::deny_list::DenyList;
use crate::seal::{Seal, UnsealKey};
use crate::storage::{Store, Tx, tables};
use crate::time::{Clock, Timestamp};

/// Everything a request needs.
pub struct Engine {
    /// Where records are.
    pub store: Arc<dyn Store>,
    /// Whether they can be read.
    pub seal: Seal,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// What is known of time past.
    pub time: SharedClock,
    /// Whoever asks providers.
    pub gateway: Arc<dyn Gateway>,
    /// Where passwords are hashed and checked, a few at once.
    pub passwords: Passwords,
    /// What policies say, once their texts have been read.
    pub rules: Memo,
    /// Wakes whoever sends messages.
    pub bell: Bell,
    /// What text messages may cost.
    pub costs: Arc<Costs>,
    /// Where nothing is ever sent to, whatever an operator sets up.
    pub denied_endpoints: DenyList,
    /// Which authenticators were used, until that is written down.
    pub uses: Uses,
    /// How long a step is by which repeated wrong answers are held back.
    pub pause_step: Duration,
}

/// The usual step.
const PAUSE_STEP: Duration = Duration::from_secs(1);

/// How many records one round of housekeeping removes from a table at most.
const SWEEP: usize = 1_000;

impl Engine {
    /// An engine over `store`, sealed, that asks no providers, and whose text messages may go anywhere.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let (time, gateway) = (SharedClock::default(), Arc::new(gateway::Unconnected));
        Self {
            store,
            seal: Seal::sealed(),
            clock,
            entropy,
            time,
            gateway,
            passwords: Passwords::new(),
            rules: Memo::default(),
            bell: Bell::default(),
            costs: Arc::new(Costs::anywhere()),
            denied_endpoints: DenyList::standard(),
            uses: Uses::default(),
            pause_step: PAUSE_STEP,
        }
    }

    /// The same engine, asking providers through `gateway`.
    #[must_use]
    pub fn with_gateway(self, gateway: Arc<dyn Gateway>) -> Self {
        Self { gateway, ..self }
    }

    /// The same engine, whose text messages may cost no more than this.
    #[must_use]
    pub fn with_costs(self, costs: Costs) -> Self {
        Self { costs: Arc::new(costs), ..self }
    }

    /// The same engine, sending nothing to what is on `list`, instead of what usually is.
    #[must_use]
    pub fn with_denied_endpoints(self, list: DenyList) -> Self {
        Self { denied_endpoints: list, ..self }
    }

    /// What reading and writing records takes.
    ///
    /// # Errors
    /// [`Error::Seal`] while the seal is closed.
    pub fn access(&self) -> Result<Access, Error> {
        Ok(Access { keys: self.seal.keyring()?, entropy: Arc::clone(&self.entropy) })
    }

    /// The present moment, noted as one the server has worked at.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Open the seal with `unseal_key`, and recall what the store remembers of time.
    ///
    /// # Errors
    /// [`Error::Seal`] when it is not this store's key.
    pub fn unseal(&self, unseal_key: &UnsealKey) -> Result<(), Error> {
        let now = self.now();
        let keyring = self.store.read(now, |tx| sealing::open(tx, unseal_key))?;
        self.seal.unseal(keyring);
        let access = self.access()?;
        let remembered = self.store.read(now, |tx| clock::recall(tx, &access))?;
        self.time.was_written(remembered);
        Ok(())
    }

    /// Write down what is known of time, forget what may be forgotten, and destroy what deletions left, a batch of each. Blocks. Says whether
    /// there is more to do.
    pub fn keep_house(&self) -> Result<bool, Error> {
        let access = self.access()?;
        let now = self.now();
        if let Some(known) = self.time.unwritten() {
            let access = access.clone();
            self.store.write(now, move |tx| clock::remember(tx, &access, known)).wait()?;
            self.time.was_written(known);
        }
        let used = self.uses.take();
        if !used.is_empty() {
            let access = access.clone();
            self.store.write(now, move |tx| uses::write_down(tx, &access, &used)).wait()?;
        }
        let forgettable = self.time.forgettable_before();
        self.store.write(now, move |tx| housekeeping(tx, &access, forgettable)).wait()
    }

    /// Take the present for what it is, whatever moment was seen before: an operator's answer to a clock that had jumped. Blocks.
    pub fn accept_time(&self) -> Result<ClockGuard, Error> {
        let access = self.access()?;
        let accepted = ClockGuard::accepting(self.now());
        self.store.write(accepted.newest, move |tx| clock::remember(tx, &access, accepted)).wait()?;
        self.time.accept(accepted);
        Ok(accepted)
    }
}

fn housekeeping(tx: &mut dyn Tx, access: &Access, forgettable: Timestamp) -> Result<bool, Error> {
    let mut removed = 0;
    for table in tables::ALL {
        // A spent step outlives its window by as much as the clock may be behind.
        let before = if std::ptr::eq(*table, &raw const tables::SPENT) { forgettable } else { tx.now() };
        removed += tx.sweep(table, before, SWEEP)?;
    }
    let purged = purging::step(tx, access, SWEEP)?;
    Ok(purged || removed >= SWEEP)
}
