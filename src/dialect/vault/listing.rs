//! Lists of names, whole or a page of them.

use super::error::Error;
use super::field::{Field, Kind};
use super::input::Input;
use super::route::Plan;
use super::wire::Reply;

/// What a list that comes in pages takes.
pub(super) const PAGED: &[Field] =
    &[Field { name: "after", kind: Kind::Text }, Field { name: "limit", kind: Kind::Int }];

/// The page of `keys`, which are sorted, that was asked for: those behind `after`, at most `limit` if that is above zero.
pub(super) struct Page {
    after: String,
    limit: usize,
}

impl Page {
    /// What `input` asks for.
    pub(super) fn asked(input: &Input) -> Self {
        let limit = input.int("limit").and_then(|limit| limit.try_into().ok()).filter(|limit| *limit > 0);
        Self { after: input.text("after").to_owned(), limit: limit.unwrap_or(usize::MAX) }
    }

    /// That page as a reply.
    pub(super) fn of(&self, keys: Vec<String>) -> Result<Plan, Error> {
        let behind = keys.into_iter().filter(|key| self.after.is_empty() || *key > self.after);
        Ok(Plan::Reply(Reply::keys(behind.take(self.limit).collect(), None)?))
    }
}
