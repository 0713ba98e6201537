//! Snapshots: connections that only read, and what they see.
//!
//! A snapshot is taken by the first read after a commit and shared, one after another, by all reads until the next: a new one means to look
//! every page up anew. After each commit, before anybody is told of it, the writer ends those that wait, so that whoever was told of a
//! write sees it, and an idle snapshot never keeps the log from being folded into the file.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::{Connection, OpenFlags};

use super::{UNSHARED, VFS, execute, locked, prepare};
use crate::storage::Error;

/// How many connections are kept when nobody uses them.
const IDLE: usize = 16;

/// Connections that read, for as many threads as ask.
pub(super) struct Readers {
    path: PathBuf,
    shared: Mutex<Shared>,
}

/// What readers and writer tell one another.
struct Shared {
    /// How many commits there were. A connection that waits is in a snapshot of the last one, or in none.
    commits: u64,
    /// The mark of marked tables after the last one.
    mark: u64,
    /// What the mark may be already: of a commit that is under way.
    coming: u64,
    idle: Vec<Reader>,
}

/// A connection that only reads.
struct Reader {
    connection: Connection,
    /// The mark of the snapshot that it is in, where that is known.
    mark: Option<u64>,
}

impl Readers {
    /// Readers of the file at `path`, whose tables have this mark.
    pub(super) fn new(path: &Path, mark: u64) -> Self {
        let shared = Shared { commits: 0, mark, coming: mark, idle: Vec::new() };
        Self { path: path.to_owned(), shared: Mutex::new(shared) }
    }

    /// Run `read` on a snapshot that shows whatever was committed, and told of, before; and with its mark. The snapshot may show later writes
    /// too, but never fewer, and none to a marked table unless its mark is unknown.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection, Option<u64>) -> Result<T, Error>) -> Result<T, Error> {
        let (kept, commits, mark) = {
            let mut shared = locked(&self.shared);
            (shared.idle.pop(), shared.commits, shared.mark)
        };
        let mut reader = match kept {
            Some(reader) => reader,
            None => Reader { connection: self.open()?, mark: None },
        };
        if reader.connection.is_autocommit() {
            begin(&reader.connection)?;
            // A commit that came meanwhile, or is coming, may or may not be in the snapshot.
            let shared = locked(&self.shared);
            reader.mark = (shared.mark == mark && shared.coming == mark).then_some(mark);
        }
        let result = read(&reader.connection, reader.mark);
        self.keep(reader, commits)?;
        result
    }

    /// Let a connection wait for its next user, in its snapshot if that is still of the last commit.
    fn keep(&self, reader: Reader, commits: u64) -> Result<(), Error> {
        let mut shared = locked(&self.shared);
        if shared.commits != commits {
            drop(shared);
            end(&reader.connection)?;
            shared = locked(&self.shared);
        }
        if shared.idle.len() < IDLE {
            shared.idle.push(reader);
        }
        Ok(())
    }

    /// There is about to be a commit after which the mark is this.
    pub(super) fn will_be(&self, mark: u64) {
        locked(&self.shared).coming = mark;
    }

    /// End the snapshots that wait: there was a commit, and the mark is this by now.
    pub(super) fn renew(&self, mark: u64) {
        let mut shared = locked(&self.shared);
        shared.commits += 1;
        (shared.mark, shared.coming) = (mark, mark);
        // A connection that cannot even end its snapshot is of no more use.
        shared.idle.retain(|reader| end(&reader.connection).is_ok());
    }

    /// Close the connections that wait.
    pub(super) fn close(&self) {
        locked(&self.shared).idle.clear();
    }

    /// A new connection to the file.
    pub(super) fn open(&self) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | UNSHARED;
        let connection = Connection::open_with_flags_and_vfs(&self.path, flags, VFS)?;
        connection.pragma_update(None, "cache_size", -1_024)?;
        prepare(&connection)?;
        Ok(connection)
    }
}

/// Take a snapshot, now and not only at the first read.
fn begin(connection: &Connection) -> Result<(), Error> {
    execute(connection, "BEGIN DEFERRED")?;
    execute(connection, "SELECT 1 FROM sqlite_schema LIMIT 0")
}

/// End the snapshot that `connection` is in, if it is in one: where a read failed, SQLite has ended it.
fn end(connection: &Connection) -> Result<(), Error> {
    if connection.is_autocommit() { Ok(()) } else { execute(connection, "ROLLBACK") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection that writes to a table without rows.
    fn writer(path: &Path) -> Connection {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | UNSHARED;
        let writer = Connection::open_with_flags_and_vfs(path, flags, VFS).unwrap();
        writer.pragma_update(None, "journal_mode", "WAL").unwrap();
        writer.execute_batch("CREATE TABLE t (n)").unwrap();
        writer
    }

    fn count(connection: &Connection) -> rusqlite::Result<i64> {
        connection.query_row("SELECT COUNT(*) FROM t", [], |row| row.get(0))
    }

    #[test]
    fn a_snapshot_taken_while_a_commit_is_under_way_has_no_mark() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let writer = writer(&path);
        let readers = Readers::new(&path, 5);
        let seen = || readers.read(|connection, mark| Ok((mark, count(connection)?))).unwrap();
        assert_eq!(seen(), (Some(5), 0));
        readers.will_be(6);
        // This one was taken before.
        assert_eq!(seen(), (Some(5), 0));
        readers.renew(5);
        readers.will_be(6);
        assert_eq!(seen(), (None, 0));
        writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
        readers.close();
        assert_eq!(seen(), (None, 1));
        readers.renew(6);
        assert_eq!(seen(), (Some(6), 1));
    }

    #[test]
    fn a_snapshot_is_taken_before_its_mark_is_told_and_not_at_the_first_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let writer = writer(&path);
        let readers = Readers::new(&path, 5);
        let seen = readers.read(|connection, mark| {
            writer.execute_batch("INSERT INTO t VALUES (1)")?;
            Ok((mark, count(connection)?))
        });
        assert_eq!(seen.unwrap(), (Some(5), 0));
    }
}
