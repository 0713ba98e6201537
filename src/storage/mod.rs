//! Storage: five verbs over records that it cannot read.
//!
//! A backend knows bytes, not nouns. A [`Record`] is `id -> (version, expiry, sealed body)` and the blind [`Entry`]s it can be found by. Each
//! noun has a table of its own, described by a [`Schema`]; all tables have one shape. What the bytes mean is [`table`]'s business.
//!
//! A job is a closure over [`Tx`]. The store runs writing jobs one after another as far as anyone can tell, commits on `Ok`, rolls back on
//! `Err`, answers after the commit is durable, and may run a job again: so a job has no side effects but its writes.

use std::future::Future;

use crate::time::Timestamp;

pub mod sqlite;
pub mod table;
pub mod tables;
mod writer;

/// One noun's table, as a backend needs to know it.
#[derive(Debug)]
pub struct Schema {
    /// The table's name: lower-case ASCII letters and `_`.
    pub name: &'static str,
    /// What its records can be found by; an [`Entry`] names an index by its place here.
    pub indexes: &'static [Index],
    /// How its records end.
    pub expiry: Expiry,
    /// Whether writes to it move the mark: see [`Tx::mark`]. For what many requests read and few write: who somebody is and what they may.
    pub marked: bool,
}

/// A way to find records other than by their id.
#[derive(Debug)]
pub struct Index {
    /// The index's name, for people.
    pub name: &'static str,
    /// Whether at most one live record may have a given key.
    pub unique: bool,
}

/// How the records of a table end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Only when deleted.
    Never,
    /// At [`Record::expires_at`], where one is set.
    Column,
    /// At the moment that is the id's first eight bytes (milliseconds, big-endian): old records lie together and go by range.
    IdPrefix,
}

/// A row: what it is called, until when it lasts, what it can be found by, and a body that only the seal can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The primary key.
    pub id: Vec<u8>,
    /// The version of the body's form, 1 upwards.
    pub version: u32,
    /// The record is invisible from this moment on. Kept only by tables with [`Expiry::Column`].
    pub expires_at: Option<Timestamp>,
    /// Ciphertext.
    pub body: Vec<u8>,
    /// Everything it is found by. Reading a record leaves this empty; writing one replaces all its entries by these.
    pub entries: Vec<Entry>,
}

/// An index entry: the record can be found in the index at place `index` of its schema under `key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The index, as its place in [`Schema::indexes`].
    pub index: usize,
    /// A blind key: a keyed hash of what is looked for.
    pub key: Vec<u8>,
}

/// What a job does its work with. Expired records are invisible to every verb.
pub trait Tx {
    /// The moment the job runs at, by which expiry is judged.
    fn now(&self) -> Timestamp;

    /// A mark of the tables with [`Schema::marked`]. While two transactions see the same mark, these tables are the same in both, so that what
    /// was read or found out in the one holds in the other at the same moment. No two stores share one. `None` where the backend cannot tell:
    /// then nothing is known, and everything is read again.
    fn mark(&self) -> Option<u64>;

    /// The record with this id.
    fn get(&mut self, table: &'static Schema, id: &[u8]) -> Result<Option<Record>, Error>;

    /// Store `record`, in place of any with its id.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when a unique index holds another live record under one of its keys.
    fn put(&mut self, table: &'static Schema, record: &Record) -> Result<(), Error>;

    /// Store `record` unless its id is taken (by an expired record too). Says whether it was stored.
    fn insert(&mut self, table: &'static Schema, record: &Record) -> Result<bool, Error>;

    /// Remove the record with this id and its entries; nothing happens when there is none.
    fn delete(&mut self, table: &'static Schema, id: &[u8]) -> Result<(), Error>;

    /// The records under `key` in the index at place `index`, by id, at most `limit`, from behind the id `after`.
    fn find(
        &mut self,
        table: &'static Schema,
        index: usize,
        key: &[u8],
        after: &[u8],
        limit: usize,
    ) -> Result<Vec<Record>, Error>;

    /// The records of the table, by id, at most `limit`, from behind the id `after`.
    fn scan(&mut self, table: &'static Schema, after: &[u8], limit: usize) -> Result<Vec<Record>, Error>;

    /// Remove at most `limit` records that ended at `before` or earlier, oldest first. Says how many went.
    fn sweep(&mut self, table: &'static Schema, before: Timestamp, limit: usize) -> Result<usize, Error>;
}

/// A place to keep records.
pub trait Store: Send + Sync {
    /// Run `job` at once, here, on a consistent snapshot. Its writes are refused.
    fn read_job(&self, now: Timestamp, job: &mut dyn FnMut(&mut dyn Tx)) -> Result<(), Error>;

    /// Hand `job` to the writer. Returns at once; the job's `finish` tells how it ended.
    fn write_job(&self, now: Timestamp, job: Box<dyn Job>);

    /// Write a consistent copy of everything to the new file `target`, while serving.
    fn backup(&self, target: &std::path::Path) -> Result<(), Error>;
}

/// A writing job as a store sees it.
pub trait Job: Send {
    /// Do the work. May be called more than once; only the last run counts.
    fn run(&mut self, tx: &mut dyn Tx) -> Decision;

    /// Called once, after the commit is durable, after the rollback, or when the job could not be run.
    fn finish(self: Box<Self>, outcome: Result<(), Error>);
}

/// What becomes of a job's writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// They stay.
    Commit,
    /// They are undone.
    Rollback,
}

impl dyn Store + '_ {
    /// Run `job` on a consistent snapshot and give back what it returns.
    pub fn read<T, E: From<Error>>(
        &self,
        now: Timestamp,
        job: impl FnOnce(&mut dyn Tx) -> Result<T, E>,
    ) -> Result<T, E> {
        let (mut job, mut answer) = (Some(job), None);
        self.read_job(now, &mut |tx| answer = job.take().map(|job| job(tx)))?;
        answer.unwrap_or_else(|| Err(Error::Stopped.into()))
    }

    /// Run `job` in the serial order of writes; the answer comes after its commit is durable, or after its rollback if it is an error.
    ///
    /// The job is handed over before this returns, whether or not the future is awaited. From a thread that may block, use
    /// [`Pending::wait`].
    pub fn write<T, E>(
        &self,
        now: Timestamp,
        job: impl FnMut(&mut dyn Tx) -> Result<T, E> + Send + 'static,
    ) -> Pending<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (answer, pending) = tokio::sync::oneshot::channel();
        self.write_job(now, Box::new(Typed { job, result: None, answer }));
        Pending(pending)
    }
}

/// The answer of a write that is still to come.
#[derive(Debug)]
pub struct Pending<T, E>(tokio::sync::oneshot::Receiver<Result<T, E>>);

impl<T, E: From<Error>> Pending<T, E> {
    /// Wait for the answer, blocking this thread. Not for threads that serve requests.
    pub fn wait(self) -> Result<T, E> {
        self.0.blocking_recv().unwrap_or_else(|_| Err(Error::Stopped.into()))
    }
}

impl<T, E: From<Error>> Future for Pending<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        let answer = std::pin::Pin::new(&mut self.0).poll(cx);
        answer.map(|answer| answer.unwrap_or_else(|_| Err(Error::Stopped.into())))
    }
}

struct Typed<F, T, E> {
    job: F,
    result: Option<Result<T, E>>,
    answer: tokio::sync::oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Typed<F, T, E>
where
    F: FnMut(&mut dyn Tx) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, tx: &mut dyn Tx) -> Decision {
        let result = (self.job)(tx);
        let decision = if result.is_ok() { Decision::Commit } else { Decision::Rollback };
        self.result = Some(result);
        decision
    }

    fn finish(self: Box<Self>, outcome: Result<(), Error>) {
        let answer = match outcome {
            Ok(()) => self.result.unwrap_or_else(|| Err(Error::Stopped.into())),
            Err(error) => Err(error.into()),
        };
        // A caller that went away no longer wants the answer; what was committed stays committed.
        drop(self.answer.send(answer));
    }
}

/// What can go wrong with a store. None of these is a caller's mistake.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique index already holds another record under the key.
    #[error("another record has this key in the unique index {0}")]
    Duplicate(&'static str),
    /// Too many jobs are waiting: try again later.
    #[error("too many writes are waiting")]
    Busy,
    /// The store has been shut down, or its writer died.
    #[error("the store has stopped")]
    Stopped,
    /// The job panicked; its writes are undone, nobody else's are.
    #[error("the job panicked")]
    Panicked,
    /// A write was tried in a reading job.
    #[error("a reading job tried to write")]
    ReadOnly,
    /// What is stored does not open or does not parse: damaged, moved between rows, or sealed with a key that is not here.
    #[error("a stored record of {table} cannot be read")]
    Damaged {
        /// The table.
        table: &'static str,
    },
    /// The backend failed.
    #[error("the database failed")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}
