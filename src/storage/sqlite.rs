//! The SQLite backend: one file, one writer thread, readers on the threads that ask.
//!
//! Each schema has a table of its own, without rowids, so that a record is found with one descent; what it is found by lies in a second
//! table beside it. Commits are durable (`synchronous=FULL`): a commit that a power cut could undo would let a code be used twice.

use std::cell::Cell;
use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, OpenFlags, OptionalExtension, Params, Row, named_params};

use self::statements::{Catalogue, Table};
use super::writer::{Waiting, Writer};
use super::{Decision, Entry, Error, Expiry, Job, Record, Schema, Store, Tx};
use crate::time::Timestamp;

mod snapshots;
mod statements;

/// Marks a file as Countersign's: `CSgn`.
const APPLICATION_ID: i32 = 0x4353_676e;
/// The version of the tables' shape.
const LAYOUT_VERSION: i32 = 1;

/// One process has the file to itself, so the connections settle their locks among themselves: no system call for each snapshot.
const VFS: &CStr = c"unix-excl";

/// A connection is used by one thread at a time: no lock of its own.
const UNSHARED: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX;

/// From so many pages on, 16 MiB, the log is folded into the file. Four times SQLite's own default: pages that many writes touch, as wrong codes do,
/// are folded once instead of four times.
const LONG_LOG: i32 = 4_000;

thread_local! {
    /// How many pages the log had after this thread's last commit.
    static LOG_PAGES: Cell<i32> = const { Cell::new(0) };
}

/// What may be chosen about a store.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many writing jobs may wait. More are refused with [`Error::Busy`].
    pub queue: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { queue: 4096 }
    }
}

/// A store in one SQLite file, or in memory.
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
    catalogue: Arc<Catalogue>,
    /// Held as long as the store is open, so that no second server opens the same data.
    _lock: Option<File>,
}

enum Readers {
    /// Connections to the file that only read.
    File(Arc<snapshots::Readers>),
    /// The one connection that reads and writes memory.
    Memory(Arc<Mutex<Main>>),
}

/// The connection that writes.
struct Main {
    connection: Connection,
    /// What [`Tx::mark`] is: it goes up with each write to a marked table, and again when such a write is undone.
    mark: u64,
}

/// So many writes to marked tables have marks of their own, for each store of this process.
const MARKS: u64 = 1 << 40;

impl Main {
    fn new(connection: Connection) -> Self {
        static STORES: AtomicU64 = AtomicU64::new(0);
        Self { connection, mark: STORES.fetch_add(1, Ordering::Relaxed) * MARKS }
    }
}

impl Sqlite {
    /// Open the store in the file at `path`, made if need be, for its owner only. One store at a time may use a directory.
    ///
    /// # Errors
    /// [`Error::Backend`] when another server uses it, when the file is not Countersign's or newer than this version, or when the system refuses.
    pub fn open(path: &Path, tables: &[&'static Schema], options: Options) -> Result<Self, Error> {
        let lock = lock_directory(path)?;
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|error| Error::Backend(error.into()))?;
        let catalogue = Arc::new(Catalogue::new(tables));
        let connection = Connection::open_with_flags_and_vfs(path, OpenFlags::SQLITE_OPEN_READ_WRITE | UNSHARED, VFS)?;
        check_owner(&connection)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -8_192)?;
        connection.wal_hook(Some(|_, pages| {
            LOG_PAGES.set(pages);
            Ok(())
        }));
        prepare(&connection)?;
        create_tables(&connection, &catalogue)?;
        let main = Main::new(connection);
        let readers = Readers::File(Arc::new(snapshots::Readers::new(path, main.mark)));
        let main = Arc::new(Mutex::new(main));
        Self::start(main, readers, catalogue, options, Some(lock))
    }

    /// A store in memory, gone when dropped: the same statements on one connection.
    ///
    /// # Errors
    /// [`Error::Backend`] when the system refuses.
    pub fn in_memory(tables: &[&'static Schema], options: Options) -> Result<Self, Error> {
        let catalogue = Arc::new(Catalogue::new(tables));
        let connection = Connection::open_in_memory()?;
        prepare(&connection)?;
        create_tables(&connection, &catalogue)?;
        let main = Arc::new(Mutex::new(Main::new(connection)));
        Self::start(Arc::clone(&main), Readers::Memory(main), catalogue, options, None)
    }

    fn start(
        main: Arc<Mutex<Main>>,
        readers: Readers,
        catalogue: Arc<Catalogue>,
        options: Options,
        lock: Option<File>,
    ) -> Result<Self, Error> {
        let tables = Arc::clone(&catalogue);
        let snapshots = match &readers {
            Readers::File(readers) => Some(Arc::clone(readers)),
            Readers::Memory(_) => None,
        };
        let carry_out = move |batch| carry_out(&mut locked(&main), &tables, batch, snapshots.as_deref());
        let writer = Writer::start(options.queue, carry_out)?;
        Ok(Self { writer, readers, catalogue, _lock: lock })
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // The readers go first, so that the writer's connection is the last and folds the log into the file.
        if let Readers::File(readers) = &self.readers {
            readers.close();
        }
        self.writer.stop();
    }
}

impl Store for Sqlite {
    fn read_job(&self, now: Timestamp, job: &mut dyn FnMut(&mut dyn Tx)) -> Result<(), Error> {
        let mut read = |connection: &Connection, mark: Option<u64>| {
            let mut tx = SqliteTx::new(connection, &self.catalogue, now, mark, Access::Read);
            catch_unwind(AssertUnwindSafe(|| job(&mut tx))).map_err(|_| Error::Panicked)
        };
        match &self.readers {
            Readers::File(readers) => readers.read(read),
            Readers::Memory(main) => {
                // Nobody writes to it while we hold it.
                let main = locked(main);
                read(&main.connection, Some(main.mark))
            }
        }
    }

    fn write_job(&self, now: Timestamp, job: Box<dyn Job>) {
        self.writer.submit(Waiting { now, job });
    }

    fn backup(&self, target: &Path) -> Result<(), Error> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(target)
            .map_err(|error| Error::Backend(error.into()))?;
        match &self.readers {
            Readers::File(readers) => copy(&readers.open()?, target),
            Readers::Memory(main) => copy(&locked(main).connection, target),
        }
    }
}

/// Copy all pages in one step, so that no write comes between two of them.
fn copy(connection: &Connection, target: &Path) -> Result<(), Error> {
    let mut copy = Connection::open_with_flags(target, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let backup = Backup::new(connection, &mut copy)?;
    if backup.step(-1)? == StepResult::Done {
        return Ok(());
    }
    Err(Error::Backend("the copy is not complete".into()))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Take the directory of `path` for this store alone. The lock is on the directory, not on the file: closing another descriptor of the file
/// would drop the locks that SQLite holds on it.
fn lock_directory(path: &Path) -> Result<File, Error> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = File::open(directory).map_err(|error| Error::Backend(error.into()))?;
    match rustix::fs::flock(&directory, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(directory),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Backend("another server uses this data directory".into())),
        Err(error) => Err(Error::Backend(error.into())),
    }
}

/// Settings of every connection.
fn prepare(connection: &Connection) -> Result<(), Error> {
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(())
}

/// Refuse a file that some other program, or a later version, has made.
fn check_owner(connection: &Connection) -> Result<(), Error> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let layout: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let objects: i64 = connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if objects > 0 && application != APPLICATION_ID {
        return Err(Error::Backend("the file is another program's database".into()));
    }
    if layout > LAYOUT_VERSION {
        return Err(Error::Backend("the file was written by a later version".into()));
    }
    Ok(())
}

fn create_tables(connection: &Connection, catalogue: &Catalogue) -> Result<(), Error> {
    let mut sql = String::from("BEGIN IMMEDIATE;\n");
    for table in &catalogue.0 {
        sql.push_str(&table.create);
    }
    sql.push_str("COMMIT;");
    connection.execute_batch(&sql)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", LAYOUT_VERSION)?;
    Ok(())
}

/// Run a batch in one transaction: one commit, and so one wait for the disk, for all of it.
///
/// Jobs hardly ever fail, so they run bare at first. Should one that has written fail all the same, the whole batch is undone and run again,
/// each job in a savepoint of its own, and only those that fail are undone. The snapshots that wait are ended before anybody is told.
fn carry_out(main: &mut Main, catalogue: &Catalogue, mut batch: Vec<Waiting>, snapshots: Option<&snapshots::Readers>) {
    let outcomes = match run_all(main, catalogue, &mut batch, Isolation::None, snapshots) {
        Ran::Together(outcomes) => outcomes,
        Ran::Torn => match run_all(main, catalogue, &mut batch, Isolation::Savepoints, snapshots) {
            Ran::Together(outcomes) => outcomes,
            Ran::Torn => Vec::new(),
        },
    };
    if let Some(snapshots) = snapshots {
        snapshots.renew(main.mark);
    }
    let mut outcomes = outcomes.into_iter();
    for Waiting { job, .. } in batch {
        job.finish(outcomes.next().unwrap_or_else(|| Err(Error::Backend("the transaction was rolled back".into()))));
    }
    if let Some(snapshots) = snapshots
        && LOG_PAGES.get() >= LONG_LOG
    {
        fold(main, snapshots);
    }
}

/// Fold the log into the file. That is done after the snapshots before the last commit have been ended, and those that were taken meanwhile are
/// ended after it, so that nobody reads from the log and the next write begins it anew.
fn fold(main: &Main, snapshots: &snapshots::Readers) {
    let folded = main.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    if let Err(error) = folded {
        // What is committed lies in the log all the same; it is tried again after the next commit.
        tracing::warn!(error = &error as &dyn std::error::Error, "the log could not be folded into the file");
    }
    snapshots.renew(main.mark);
}

/// Whether jobs of a batch are kept apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Isolation {
    None,
    Savepoints,
}

/// What became of a batch.
enum Ran {
    /// It is committed; how each job ended.
    Together(Vec<Result<(), Error>>),
    /// It is undone.
    Torn,
}

fn run_all(
    main: &mut Main,
    catalogue: &Catalogue,
    batch: &mut [Waiting],
    isolation: Isolation,
    snapshots: Option<&snapshots::Readers>,
) -> Ran {
    let Main { connection, mark } = main;
    let mut outcomes = Vec::with_capacity(batch.len());
    let begun = execute(connection, "BEGIN IMMEDIATE");
    let whole = begun.is_ok()
        && batch.iter_mut().all(|Waiting { now, job }| {
            let outcome = run_one(connection, catalogue, *now, mark, job.as_mut(), isolation);
            // SQLite itself rolls everything back when the disk is full or fails.
            let goes_on = outcome.is_some() && !connection.is_autocommit();
            outcomes.extend(outcome);
            goes_on
        });
    if let Some(snapshots) = snapshots {
        snapshots.will_be(*mark);
    }
    if whole && execute(connection, "COMMIT").is_ok() {
        return Ran::Together(outcomes);
    }
    if !connection.is_autocommit() {
        // The connection must not stay inside a transaction; if even this fails, the next beginning will tell.
        drop(execute(connection, "ROLLBACK"));
    }
    *mark += 1;
    Ran::Torn
}

/// Run one job. `None` when its writes cannot be undone by themselves.
fn run_one(
    connection: &Connection,
    catalogue: &Catalogue,
    now: Timestamp,
    mark: &mut u64,
    job: &mut dyn Job,
    isolation: Isolation,
) -> Option<Result<(), Error>> {
    let before = *mark;
    let mut tx = SqliteTx::new(connection, catalogue, now, Some(before), Access::Write(isolation));
    let ran = catch_unwind(AssertUnwindSafe(|| job.run(&mut tx)));
    let SqliteTx { wrote, failed, mark: after, .. } = tx;
    let keep = !failed && matches!(ran, Ok(Decision::Commit));
    *mark = after.unwrap_or(before) + u64::from(!keep && after != Some(before));
    if wrote && !keep && isolation == Isolation::None {
        return None;
    }
    if wrote && isolation == Isolation::Savepoints {
        let undone = if keep { Ok(()) } else { execute(connection, "ROLLBACK TO job") };
        if let Err(error) = undone.and_then(|()| execute(connection, "RELEASE job")) {
            return Some(Err(error));
        }
    }
    Some(match ran {
        // A job may not turn a failed statement into a success.
        Ok(Decision::Commit) if failed => Err(Error::Backend("a statement of the job failed".into())),
        Ok(Decision::Commit | Decision::Rollback) => Ok(()),
        Err(_) => Err(Error::Panicked),
    })
}

fn execute(connection: &Connection, statement: &str) -> Result<(), Error> {
    connection.prepare_cached(statement)?.execute([])?;
    Ok(())
}

/// What a transaction may do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write(Isolation),
}

struct SqliteTx<'a> {
    connection: &'a Connection,
    catalogue: &'a Catalogue,
    now: Timestamp,
    /// [`Main::mark`] as it was committed before the snapshot was taken, if that is known, or as it is now in a job that writes.
    mark: Option<u64>,
    access: Access,
    /// Whether the job has written. Its savepoint is set at its first write.
    wrote: bool,
    /// Whether a statement of the job failed.
    failed: bool,
}

impl<'a> SqliteTx<'a> {
    fn new(
        connection: &'a Connection,
        catalogue: &'a Catalogue,
        now: Timestamp,
        mark: Option<u64>,
        access: Access,
    ) -> Self {
        Self { connection, catalogue, now, mark, access, wrote: false, failed: false }
    }

    fn statement(&self, sql: &str) -> Result<CachedStatement<'a>, Error> {
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// Run `write`, which is about `table`, inside the job's savepoint, noting whether it failed.
    fn write<T>(&mut self, table: &Table, write: impl FnOnce(&Self) -> Result<T, Error>) -> Result<T, Error> {
        let Access::Write(isolation) = self.access else { return Err(Error::ReadOnly) };
        if !self.wrote && isolation == Isolation::Savepoints {
            execute(self.connection, "SAVEPOINT job")?;
        }
        self.wrote = true;
        self.mark = self.mark.map(|mark| mark + u64::from(table.schema.marked));
        let result = write(self);
        self.failed |= matches!(result, Err(Error::Backend(_)));
        result
    }

    /// A row as a record, unless it has expired.
    fn live(&self, table: &Table, record: Record) -> Option<Record> {
        let end = match table.schema.expiry {
            Expiry::Never => None,
            Expiry::Column => record.expires_at,
            Expiry::IdPrefix => id_moment(&record.id),
        };
        end.is_none_or(|end| self.now < end).then_some(record)
    }

    fn remove(&self, table: &Table, id: &[u8]) -> Result<(), Error> {
        if table.has_entries() {
            self.statement(&table.delete_entries)?.execute(named_params! { ":id": id })?;
        }
        self.statement(&table.delete)?.execute(named_params! { ":id": id })?;
        Ok(())
    }

    /// Make way for `entry` in a unique index: refuse if a live record has its key, remove one that has expired.
    fn claim(&self, table: &Table, id: &[u8], entry: &Entry) -> Result<(), Error> {
        let index = table.schema.indexes.get(entry.index).filter(|index| index.unique);
        let Some(index) = index else { return Ok(()) };
        let holder = self
            .statement(&table.holder)?
            .query_row(named_params! { ":place": place(entry.index), ":key": entry.key, ":id": id }, to_record)
            .optional()?;
        match holder.map(|holder| (holder.id.clone(), self.live(table, holder))) {
            None => Ok(()),
            Some((_, Some(_))) => Err(Error::Duplicate(index.name)),
            Some((expired, None)) => self.remove(table, &expired),
        }
    }

    fn add_entries(&self, table: &Table, record: &Record) -> Result<(), Error> {
        for entry in &record.entries {
            self.claim(table, &record.id, entry)?;
            self.statement(&table.insert_entry)?.execute(named_params! {
                ":place": place(entry.index), ":key": entry.key, ":id": record.id,
            })?;
        }
        Ok(())
    }
}

impl Tx for SqliteTx<'_> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn mark(&self) -> Option<u64> {
        self.mark
    }

    fn get(&mut self, table: &'static Schema, id: &[u8]) -> Result<Option<Record>, Error> {
        let table = self.catalogue.table(table)?;
        let found = self.statement(&table.get)?.query_row([id], to_record).optional()?;
        Ok(found.and_then(|record| self.live(table, record)))
    }

    fn put(&mut self, table: &'static Schema, record: &Record) -> Result<(), Error> {
        let table = self.catalogue.table(table)?;
        self.write(table, |tx| {
            if table.has_entries() {
                tx.statement(&table.delete_entries)?.execute(named_params! { ":id": record.id })?;
                tx.add_entries(table, record)?;
            }
            tx.statement(&table.put)?.execute(columns(record))?;
            Ok(())
        })
    }

    fn insert(&mut self, table: &'static Schema, record: &Record) -> Result<bool, Error> {
        let table = self.catalogue.table(table)?;
        self.write(table, |tx| {
            let inserted = tx.statement(&table.insert)?.execute(columns(record))?;
            if inserted > 0 {
                tx.add_entries(table, record)?;
            }
            Ok(inserted > 0)
        })
    }

    fn delete(&mut self, table: &'static Schema, id: &[u8]) -> Result<(), Error> {
        let table = self.catalogue.table(table)?;
        self.write(table, |tx| tx.remove(table, id))
    }

    fn find(
        &mut self,
        table: &'static Schema,
        index: usize,
        key: &[u8],
        after: &[u8],
        limit: usize,
    ) -> Result<Vec<Record>, Error> {
        let table = self.catalogue.table(table)?;
        let mut statement = self.statement(&table.find)?;
        let rows = statement.query_map(
            named_params! {
                ":place": place(index), ":key": key, ":after": after, ":now": millis(self.now), ":limit": count(limit),
            },
            to_record,
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn scan(&mut self, table: &'static Schema, after: &[u8], limit: usize) -> Result<Vec<Record>, Error> {
        let table = self.catalogue.table(table)?;
        // Where ids begin with their end, everything up to now has ended.
        let mut ended = self.now.as_millis().to_be_bytes().to_vec();
        ended.resize(ended.len() + 64, 0xff);
        let after = if table.schema.expiry == Expiry::IdPrefix { after.max(&ended) } else { after };
        let mut statement = self.statement(&table.scan)?;
        let rows = statement.query_map(
            named_params! { ":after": after, ":now": millis(self.now), ":limit": count(limit) },
            to_record,
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn sweep(&mut self, table: &'static Schema, before: Timestamp, limit: usize) -> Result<usize, Error> {
        let table = self.catalogue.table(table)?;
        let before = match table.schema.expiry {
            Expiry::Never => return Ok(0),
            Expiry::Column => Value::Integer(millis(before)),
            Expiry::IdPrefix => Value::Blob(before.as_millis().saturating_add(1).to_be_bytes().to_vec()),
        };
        self.write(table, |tx| {
            let ended = named_params! { ":before": before, ":limit": count(limit) };
            if table.has_entries() {
                tx.statement(&table.sweep_entries)?.execute(ended)?;
            }
            Ok(tx.statement(&table.sweep)?.execute(ended)?)
        })
    }
}

/// A record's columns, in their order: what is bound on every request is bound by place.
fn columns(record: &Record) -> impl Params {
    (record.id.as_slice(), record.version, column(record.expires_at), record.body.as_slice())
}

fn to_record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let expires_at: Option<i64> = row.get(2)?;
    Ok(Record {
        id: row.get(0)?,
        version: row.get(1)?,
        expires_at: expires_at.map(|end| Timestamp::from_millis(end.try_into().unwrap_or(0))),
        body: row.get(3)?,
        entries: Vec::new(),
    })
}

fn id_moment(id: &[u8]) -> Option<Timestamp> {
    id.first_chunk().map(|prefix| Timestamp::from_millis(u64::from_be_bytes(*prefix)))
}

fn millis(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_millis()).unwrap_or(i64::MAX)
}

fn column(moment: Option<Timestamp>) -> Option<i64> {
    moment.map(millis)
}

fn place(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Backend(error.into())
    }
}
