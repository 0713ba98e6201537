//! Carriers: whoever takes a message the last part of its way. A mail server, Twilio, a webhook, or a folder.
//!
//! A carrier is asked outside of any job and may block, for [`LONGEST`] at most. What it takes it has taken for good; what it does not take is
//! tried again by the outbox, with the same id, by which a carrier that can tell refuses a second copy.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::gateway;
use crate::model::contact::Channel;
use crate::model::message::Message;
use crate::time::Timestamp;

pub mod folder;
mod http;
pub mod mail;
pub mod twilio;
pub mod webhook;

/// The longest that a carrier takes to say whether it took a message.
pub const LONGEST: Duration = Duration::from_secs(20);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Somebody who takes messages.
pub trait Carrier: Send + Sync {
    /// Hand over one message. Blocks.
    ///
    /// # Errors
    /// When it was not taken, as far as can be told.
    fn carry(&self, message: &Message, now: Timestamp) -> Result<(), Failure>;
}

/// Why a message was not taken. Neither it nor its causes say where the message was to go, nor repeat what a carrier said, which may.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It may be taken another time.
    #[error(transparent)]
    Later(Cause),
    /// It will never be.
    #[error(transparent)]
    Never(Cause),
}

/// What stood in the way.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The message cannot go that way.
    #[error("the message's {0} cannot be sent")]
    Message(&'static str),
    /// The carrier's setting cannot be used.
    #[error("the carrier's {0} cannot be used")]
    Setting(&'static str),
    /// This machine has not what sending takes.
    #[error("sending takes what this machine has not")]
    Machine(#[source] std::io::Error),
    /// The carrier cannot be reached, or is not who it says.
    #[error("the carrier cannot be reached")]
    Unreachable(#[source] gateway::Error),
    /// The mail server cannot be reached, is not who it says, or does not speak as one: what of these.
    #[error("the mail server cannot be used: {0}")]
    Mail(&'static str),
    /// There was no answer in time.
    #[error("there was no answer in time")]
    TooSlow,
    /// The carrier said no.
    #[error("the carrier refused with status {status}, code {code}")]
    Refused {
        /// Its status: HTTP's, or SMTP's.
        status: u16,
        /// Its own number for the reason; 0 where it gave none.
        code: u64,
    },
}

/// Who carries, and what it takes to use them.
#[derive(Clone)]
pub enum Provider {
    /// A folder that messages are put into.
    Folder(PathBuf),
    /// A mail server.
    Mail(mail::Settings),
    /// Twilio's API.
    Twilio(twilio::Settings),
    /// Whoever answers at a URL.
    Webhook(webhook::Settings),
}

/// Who carries what.
pub struct Carriers {
    configured: Vec<(Channel, Arc<dyn Carrier>)>,
    authorities: Vec<Vec<u8>>,
    twilio: String,
}

/// None.
impl Default for Carriers {
    fn default() -> Self {
        Self::trusting(Vec::new())
    }
}

impl Carriers {
    /// None yet. Those that come will be trusted to be who they say by `authorities`, certificates in DER, besides those whom the system trusts.
    pub fn trusting(authorities: Vec<Vec<u8>>) -> Self {
        Self { configured: Vec::new(), authorities, twilio: twilio::BASE.into() }
    }

    /// The same, with Twilio's API under the URL `base`.
    #[must_use]
    pub fn with_twilio_at(self, base: String) -> Self {
        Self { twilio: base, ..self }
    }

    /// The same, with `provider` carrying what goes over `channel` unless somebody does so already.
    ///
    /// # Errors
    /// The setting that cannot be used.
    pub fn with(mut self, channel: Channel, provider: &Provider) -> Result<Self, Cause> {
        let carrier = self.carrier(provider)?;
        self.configured.push((channel, carrier));
        Ok(self)
    }

    /// Who carries over `channel`: `stored`, if somebody has set up a provider in this server, or else whoever is configured.
    ///
    /// # Errors
    /// The setting of `stored` that cannot be used.
    pub fn of(&self, channel: Channel, stored: Option<&Provider>) -> Result<Option<Arc<dyn Carrier>>, Cause> {
        if let Some(stored) = stored {
            return self.carrier(stored).map(Some);
        }
        let mut there = self.configured.iter().filter(|(carried, _)| *carried == channel);
        Ok(there.next().map(|(_, carrier)| Arc::clone(carrier)))
    }

    fn carrier(&self, provider: &Provider) -> Result<Arc<dyn Carrier>, Cause> {
        Ok(match provider {
            Provider::Folder(path) => Arc::new(folder::Folder::at(path.clone())),
            Provider::Mail(settings) => Arc::new(mail::Mail::new(settings, &self.authorities)?),
            Provider::Twilio(settings) => Arc::new(twilio::Twilio::new(settings, &self.twilio, &self.authorities)?),
            Provider::Webhook(settings) => Arc::new(webhook::Webhook::new(settings, &self.authorities)?),
        })
    }
}

/// Run `exchange` here, for no longer than a carrier may take.
fn in_time<T>(exchange: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Later(Cause::Machine(error)))?;
    let outcome = runtime.block_on(async {
        let outcome = tokio::time::timeout(LONGEST, exchange).await;
        outcome.unwrap_or(Err(Failure::Later(Cause::TooSlow)))
    });
    // A name that is still being looked up must not hold up the next message.
    runtime.shutdown_background();
    outcome
}
