//! The threads that send what is in the outbox, from the server's start to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Error;
use crate::delivery::carrier::Carriers;
use crate::engine::sending::{self, Round};
use crate::engine::{self, Engine};
use crate::model::contact::Channel;
use crate::model::telephone;
use crate::seal;
use crate::time::Timestamp;

/// How many messages are sent at once.
const THREADS: usize = 4;
/// How long a courier sleeps at most, so that a clock that was set is noticed.
const NAP: Duration = Duration::from_secs(5);
/// How often the log says that nobody carries a message, at most.
const COMPLAINT: Duration = Duration::from_mins(1);

/// The threads that send.
pub struct Couriers {
    engine: Arc<Engine>,
    threads: Vec<JoinHandle<()>>,
}

impl Couriers {
    /// Start sending what is in the outbox. This process must be the only one that uses the store.
    ///
    /// # Errors
    /// When the store fails, or the system gives no threads.
    pub fn start(engine: &Arc<Engine>, carriers: Carriers) -> Result<Self, Error> {
        engine.store.write(engine.now(), sending::release).wait()?;
        let (carriers, complained) = (Arc::new(carriers), Arc::<AtomicU64>::default());
        let mut couriers = Self { engine: Arc::clone(engine), threads: Vec::new() };
        for _ in 0..THREADS {
            let (engine, carriers, complained) = (Arc::clone(engine), Arc::clone(&carriers), Arc::clone(&complained));
            let thread = std::thread::Builder::new().name("courier".into()).spawn(move || {
                if matches!(carriers.of(Channel::Sms, None), Ok(Some(_))) {
                    telephone::load();
                }
                while !engine.bell.is_closed() {
                    work(&engine, &carriers, &complained);
                }
            });
            couriers.threads.push(thread.map_err(Error::Serve)?);
        }
        Ok(couriers)
    }

    /// Finish what is being sent, and stop. What is left waits for the next start.
    pub fn stop(self) {
        self.engine.bell.close();
        for thread in self.threads {
            drop(thread.join());
        }
    }
}

/// Send one message, or wait until there may be one.
fn work(engine: &Engine, carriers: &Carriers, complained: &AtomicU64) {
    match sending::round(engine, carriers) {
        Ok(Round::One) => {}
        Ok(Round::Uncarried) => complain(engine.now(), complained),
        Ok(Round::Idle(until)) => {
            let nap = until.map_or(NAP, |until| until.since(engine.now()).min(NAP));
            engine.bell.wait(nap);
        }
        Err(engine::Error::Seal(seal::Error::Sealed)) => drop(engine.bell.wait(NAP)),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "sending messages failed");
            engine.bell.pause(NAP);
        }
    }
}

fn complain(now: Timestamp, complained: &AtomicU64) {
    let last = complained.load(Ordering::Relaxed);
    let is_time = last == 0 || now.since(Timestamp::from_millis(last)) >= COMPLAINT;
    let is_ours = || complained.compare_exchange(last, now.as_millis(), Ordering::Relaxed, Ordering::Relaxed).is_ok();
    if is_time && is_ours() {
        tracing::warn!(
            "messages wait that nobody carries: set up a carrier (smtp_host, twilio_sid, webhook_url or outbox_folder)"
        );
    }
}
