//! Bodies: read whole, but never larger, longer or more at once than we can bear.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt as _;

use super::error::Error;

/// The largest body, as the reference has it: 32 MiB.
const LARGEST: usize = 32 << 20;
/// The most memory that bodies on their way take together.
const BUDGET: usize = 256 << 20;
/// The reader of bodies, which knows how much of them is in memory.
#[derive(Debug)]
pub struct Bodies {
    patience: Duration,
    taken: AtomicUsize,
}

impl Bodies {
    /// A reader that gives up on a body after `patience`.
    pub const fn new(patience: Duration) -> Self {
        Self { patience, taken: AtomicUsize::new(0) }
    }

    /// Read `payload` to its end.
    pub(super) async fn read(&self, payload: Payload) -> Result<Bytes, Error> {
        let read = tokio::time::timeout(self.patience, self.collect(payload));
        read.await.map_err(|_| Error::too_slow())?
    }

    async fn collect(&self, mut payload: Payload) -> Result<Bytes, Error> {
        let mut share = Share { of: self, size: 0 };
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Error::bad_request("error reading the request body"))?;
            if body.len() + chunk.len() > LARGEST {
                return Err(Error::too_large());
            }
            share.grow(chunk.len())?;
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// One body's part of the budget, given back when it is read or given up.
struct Share<'a> {
    of: &'a Bodies,
    size: usize,
}

impl Share<'_> {
    fn grow(&mut self, by: usize) -> Result<(), Error> {
        self.size += by;
        let taken = self.of.taken.fetch_add(by, Ordering::Relaxed) + by;
        if taken > BUDGET { Err(Error::busy()) } else { Ok(()) }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.of.taken.fetch_sub(self.size, Ordering::Relaxed);
    }
}
