//! Bodies: read whole, but never larger, longer or more at once than we can bear. Each dialect words the faults itself.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt as _;

/// The most memory that bodies on their way take together.
const BUDGET: usize = 256 << 20;

/// The reader of bodies, which knows how much of them is in memory.
#[derive(Debug)]
pub struct Bodies {
    patience: Duration,
    taken: AtomicUsize,
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// It did not arrive in time.
    #[error("the body took too long to arrive")]
    TooSlow,
    /// It is larger than is allowed.
    #[error("the body is too large")]
    TooLarge,
    /// Bodies take too much memory already.
    #[error("too many bodies are on their way")]
    Busy,
    /// It ended early, or is not what its head says.
    #[error("error reading the request body")]
    Broken,
}

impl Bodies {
    /// A reader that gives up on a body after `patience`.
    pub const fn new(patience: Duration) -> Self {
        Self { patience, taken: AtomicUsize::new(0) }
    }

    /// Read `payload` to its end, if that comes before `largest` bytes.
    pub(super) async fn read(&self, payload: Payload, largest: usize) -> Result<Bytes, Fault> {
        let read = tokio::time::timeout(self.patience, self.collect(payload, largest));
        read.await.map_err(|_| Fault::TooSlow)?
    }

    async fn collect(&self, mut payload: Payload, largest: usize) -> Result<Bytes, Fault> {
        let mut share = Share { of: self, size: 0 };
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Fault::Broken)?;
            if body.len() + chunk.len() > largest {
                return Err(Fault::TooLarge);
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
    fn grow(&mut self, by: usize) -> Result<(), Fault> {
        self.size += by;
        let taken = self.of.taken.fetch_add(by, Ordering::Relaxed) + by;
        if taken > BUDGET { Err(Fault::Busy) } else { Ok(()) }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.of.taken.fetch_sub(self.size, Ordering::Relaxed);
    }
}

/// A body that fails at once, and so closes the connection: whoever stopped sending in the middle of a chunk would otherwise be waited for,
/// after any answer, for ever.
pub(super) struct HungUp;

impl MessageBody for HungUp {
    type Error = std::io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::TimedOut.into())))
    }
}
