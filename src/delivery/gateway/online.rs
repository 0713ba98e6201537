//! The gateway that asks: over the network, a bounded number of questions at once, and one push at a time for each person.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;

use super::{Answer, Error, Gateway, Provider, PushQuestion, duo, https, okta, pingid};
use crate::id::EntityId;

/// How providers are asked.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long connecting may take.
    pub connect: Duration,
    /// How long a question may take in all, the person's thinking included.
    pub wait: Duration,
    /// How long to wait before asking again whether a person has answered, where the provider does not tell by itself.
    pub pause: Duration,
    /// How many questions may wait at once; each takes a thread.
    pub at_once: usize,
    /// The certificates, in DER, of those who are trusted to say who is who; `None` for those whom the system trusts.
    pub trusted: Option<Vec<Vec<u8>>>,
    /// Addresses of names that are not looked up. Ports come from the settings of a method.
    pub names: Vec<(String, SocketAddr)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            wait: Duration::from_mins(1),
            pause: Duration::from_secs(1),
            at_once: 64,
            trusted: None,
            names: Vec::new(),
        }
    }
}

/// The gateway that asks.
///
/// What is outstanding is known to this process only: it spares people's telephones and this server's threads, and decides nothing about
/// who is let in.
pub struct Online {
    options: Options,
    tls: OnceLock<ClientConfig>,
    outstanding: Mutex<Outstanding>,
}

#[derive(Default)]
struct Outstanding {
    questions: usize,
    pushed: HashSet<EntityId>,
}

/// A place among the outstanding questions, given up when dropped.
struct Place<'a> {
    gateway: &'a Online,
    pushed: Option<&'a EntityId>,
}

impl Online {
    /// A gateway that asks so. Nothing is connected to, or read, before the first question.
    pub fn new(options: Options) -> Self {
        Self { options, tls: OnceLock::new(), outstanding: Mutex::default() }
    }

    fn admit<'a>(&'a self, question: &'a PushQuestion) -> Result<Place<'a>, Error> {
        let mut outstanding = self.outstanding();
        if outstanding.questions >= self.options.at_once {
            return Err(Error::Busy);
        }
        let pushed = question.is_push().then_some(&question.entity);
        if pushed.is_some_and(|entity| !outstanding.pushed.insert(entity.clone())) {
            return Err(Error::Outstanding);
        }
        outstanding.questions += 1;
        Ok(Place { gateway: self, pushed })
    }

    fn outstanding(&self) -> MutexGuard<'_, Outstanding> {
        self.outstanding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tls(&self) -> Result<ClientConfig, Error> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let tls = https::tls(self.options.trusted.as_deref())?;
        Ok(self.tls.get_or_init(|| tls).clone())
    }

    async fn put(&self, question: &PushQuestion) -> Result<Answer, Error> {
        let client = https::client(self.tls()?, &self.options)?;
        match &question.provider {
            Provider::Duo(duo, proof) => duo::ask(&client, duo, proof, question).await,
            Provider::Okta(okta) => okta::ask(&client, okta, question, self.options.pause).await,
            Provider::PingId(pingid) => pingid::ask(&client, pingid, question).await,
        }
    }
}

impl Gateway for Online {
    fn ask(&self, question: &PushQuestion) -> Result<Answer, Error> {
        let _place = self.admit(question)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Machine)?;
        let answer = runtime.block_on(async {
            tokio::time::timeout(self.options.wait, self.put(question)).await.unwrap_or(Err(Error::TooSlow))
        });
        // A name that is still being looked up must not hold up the answer.
        runtime.shutdown_background();
        answer
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut outstanding = self.gateway.outstanding();
        outstanding.questions = outstanding.questions.saturating_sub(1);
        if let Some(entity) = self.pushed {
            outstanding.pushed.remove(entity);
        }
    }
}
