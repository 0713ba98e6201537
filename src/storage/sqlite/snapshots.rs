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
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    /// How many commits there were. A connection that waits is in a snapshot of the last one, or in none.
    commits: u64,
    /// How often something was written to a table of authority up to the last one.
    authority: u64,
    connections: Vec<Connection>,
}

impl Readers {
    /// Readers of the file at `path`.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Mutex::default() }
    }

    /// Run `read` on a snapshot that shows whatever was committed, and told of, before; and with how often tables of authority had been
    /// written to by then. The snapshot may show later writes too, but never fewer.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection, u64) -> Result<T, Error>) -> Result<T, Error> {
        let (kept, commits, authority) = {
            let mut idle = locked(&self.idle);
            (idle.connections.pop(), idle.commits, idle.authority)
        };
        let connection = kept.map_or_else(|| self.open(), Ok)?;
        if connection.is_autocommit() {
            execute(&connection, "BEGIN DEFERRED")?;
        }
        let result = read(&connection, authority);
        self.keep(connection, commits)?;
        result
    }

    /// Let a connection wait for its next user, in its snapshot if that is still of the last commit.
    fn keep(&self, connection: Connection, commits: u64) -> Result<(), Error> {
        let mut idle = locked(&self.idle);
        if idle.commits != commits {
            drop(idle);
            end(&connection)?;
            idle = locked(&self.idle);
        }
        if idle.connections.len() < IDLE {
            idle.connections.push(connection);
        }
        Ok(())
    }

    /// End the snapshots that wait: there was a commit, and by now so many writes to tables of authority.
    pub(super) fn renew(&self, authority: u64) {
        let mut idle = locked(&self.idle);
        idle.commits += 1;
        idle.authority = authority;
        // A connection that cannot even end its snapshot is of no more use.
        idle.connections.retain(|connection| end(connection).is_ok());
    }

    /// Close the connections that wait.
    pub(super) fn close(&self) {
        locked(&self.idle).connections.clear();
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

/// End the snapshot that `connection` is in, if it is in one: where a read failed, SQLite has ended it.
fn end(connection: &Connection) -> Result<(), Error> {
    if connection.is_autocommit() { Ok(()) } else { execute(connection, "ROLLBACK") }
}
