//! Typed tables: a noun on one side, sealed records on the other.
//!
//! A [`Table`] seals a noun's body, blinds what it is found by, and keeps its index entries in step. It decides nothing.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::{Entry, Error, Record, Schema, Tx};
use crate::entropy::Entropy;
use crate::id::BlindKey;
use crate::seal::Keyring;
use crate::time::Timestamp;

/// What reading and writing sealed records takes besides a [`Tx`].
#[derive(Clone)]
pub struct Access {
    /// Seals, opens and blinds.
    pub keys: Arc<Keyring>,
    /// Nonces, and whatever else must be unpredictable.
    pub entropy: Arc<dyn Entropy>,
}

impl Access {
    /// The blind key of `parts` in `domain`.
    pub fn blind(&self, domain: &str, parts: &[&str]) -> BlindKey {
        self.keys.blind(domain, parts)
    }
}

/// A noun that has a table.
pub trait Stored: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// Its table.
    const SCHEMA: &'static Schema;
    /// The version of its stored form.
    const VERSION: u32 = 1;
    /// How its body is written.
    const FORM: Form = Form::Json;
    /// Whether a few of them are read by almost every request, so that it pays to remember them: see [`Opened`](crate::seal::Opened).
    const HOT: bool = false;

    /// What its record is called.
    fn key(&self, access: &Access) -> BlindKey;

    /// What its record is found by: a place in the schema's indexes and the key there.
    fn entries(&self, _access: &Access) -> Vec<(usize, BlindKey)> {
        Vec::new()
    }

    /// When it ends, if it does.
    fn expires_at(&self) -> Option<Timestamp> {
        None
    }
}

/// How a noun is written inside the seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// By the names of its members.
    Json,
    /// By the order of its members, without their names (Postcard): smaller, so that more records share a page, and read faster.
    Compact,
}

impl Form {
    fn write(self, noun: &impl Serialize) -> Result<Vec<u8>, Error> {
        match self {
            Self::Json => serde_json::to_vec(noun).map_err(|error| Error::Backend(error.into())),
            Self::Compact => postcard::to_allocvec(noun).map_err(|error| Error::Backend(error.into())),
        }
    }

    fn read<T: DeserializeOwned>(self, body: &[u8]) -> Option<T> {
        match self {
            Self::Json => serde_json::from_slice(body).ok(),
            Self::Compact => postcard::from_bytes(body).ok(),
        }
    }
}

/// The table of `T`.
pub struct Table<T>(PhantomData<T>);

/// How many records one step of a walk through a table or an index takes.
const PAGE: usize = 256;

impl<T: Stored> Table<T> {
    /// The table.
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// The noun called `key`.
    pub fn get(&self, tx: &mut dyn Tx, access: &Access, key: BlindKey) -> Result<Option<T>, Error> {
        if let Some(noun) = known_unread(tx, access, key) {
            return Ok(Some(noun));
        }
        let found = tx.get(T::SCHEMA, key.as_ref())?;
        found.map(|record| open(tx, access, &record)).transpose()
    }

    /// Whether there is one called `key`.
    pub fn contains(&self, tx: &mut dyn Tx, key: BlindKey) -> Result<bool, Error> {
        Ok(tx.get(T::SCHEMA, key.as_ref())?.is_some())
    }

    /// Store `noun`, in place of any that is called the same.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when another has one of its unique keys.
    pub fn put(&self, tx: &mut dyn Tx, access: &Access, noun: &T) -> Result<(), Error> {
        let id = noun.key(access);
        let body = Zeroizing::new(T::FORM.write(noun)?);
        tx.put(
            T::SCHEMA,
            &Record {
                id: id.as_ref().to_vec(),
                version: T::VERSION,
                expires_at: noun.expires_at(),
                body: access.keys.seal(T::SCHEMA.name, T::VERSION, id.as_ref(), &body, access.entropy.as_ref()),
                entries: noun
                    .entries(access)
                    .into_iter()
                    .map(|(index, key)| Entry { index, key: key.as_ref().to_vec() })
                    .collect(),
            },
        )
    }

    /// Remove the one called `key`, if there is one.
    pub fn delete(&self, tx: &mut dyn Tx, key: BlindKey) -> Result<(), Error> {
        tx.delete(T::SCHEMA, key.as_ref())
    }

    /// Any one of them.
    pub fn first(&self, tx: &mut dyn Tx, access: &Access) -> Result<Option<T>, Error> {
        let found = tx.scan(T::SCHEMA, &[], 1)?;
        found.first().map(|record| open(tx, access, record)).transpose()
    }

    /// The first one under `key` in the index at place `index`: the only one, if the index is unique.
    pub fn find_one(&self, tx: &mut dyn Tx, access: &Access, index: usize, key: BlindKey) -> Result<Option<T>, Error> {
        let found = tx.find(T::SCHEMA, index, key.as_ref(), &[], 1)?;
        found.first().map(|record| open(tx, access, record)).transpose()
    }

    /// At most `limit` of those under `key` in the index at place `index`.
    pub fn find_some(
        &self,
        tx: &mut dyn Tx,
        access: &Access,
        index: usize,
        key: BlindKey,
        limit: usize,
    ) -> Result<Vec<T>, Error> {
        let found = tx.find(T::SCHEMA, index, key.as_ref(), &[], limit)?;
        found.iter().map(|record| open(tx, access, record)).collect()
    }

    /// All those under `key` in the index at place `index`, however many.
    pub fn find_all(&self, tx: &mut dyn Tx, access: &Access, index: usize, key: BlindKey) -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        let mut after = Vec::new();
        loop {
            let page = tx.find(T::SCHEMA, index, key.as_ref(), &after, PAGE)?;
            for record in &page {
                found.push(open(tx, access, record)?);
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after.clone_from(&last.id),
                _ => return Ok(found),
            }
        }
    }
}

impl<T: Stored> Default for Table<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The mark that says whether a table of nouns has changed, where they are remembered and there is one.
fn mark_of<T: Stored>(tx: &dyn Tx) -> Option<u64> {
    if T::HOT && T::SCHEMA.marked { tx.mark() } else { None }
}

/// The noun called `key`, if it was read before and nothing can have changed it since.
fn known_unread<T: Stored>(tx: &dyn Tx, access: &Access, key: BlindKey) -> Option<T> {
    let noun = access.keys.opened.current::<T>(T::SCHEMA.name, key.as_ref(), mark_of::<T>(tx)?)?;
    let lives = noun.expires_at().is_none_or(|end| tx.now() < end);
    lives.then(|| T::clone(&noun))
}

fn open<T: Stored>(tx: &dyn Tx, access: &Access, record: &Record) -> Result<T, Error> {
    if !T::HOT {
        return open_anew(access, record);
    }
    let (opened, table, mark) = (&access.keys.opened, T::SCHEMA.name, mark_of::<T>(tx));
    if let Some(noun) = opened.recall::<T>(table, &record.id, &record.body, mark) {
        return Ok(T::clone(&noun));
    }
    let noun: T = open_anew(access, record)?;
    opened.remember(table, &record.id, &record.body, mark, Arc::new(noun.clone()));
    Ok(noun)
}

fn open_anew<T: Stored>(access: &Access, record: &Record) -> Result<T, Error> {
    let damaged = || Error::Damaged { table: T::SCHEMA.name };
    if record.version != T::VERSION {
        return Err(damaged());
    }
    let body = access.keys.open(T::SCHEMA.name, record.version, &record.id, &record.body).map_err(|_| damaged())?;
    T::FORM.read(&body).ok_or_else(damaged)
}
