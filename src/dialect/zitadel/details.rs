//! What every answer tells of what it is about: how often and when it was changed, and whose it is.

use super::message::message;
use super::organisation;
use crate::id::NamespaceId;
use crate::model::login_policy::Owner;
use crate::model::revision::Revision;
use crate::time::Timestamp;

message! {
    /// Of one object. All versions have the same names.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(super) struct Details {
        pub(super) sequence: u64,
        pub(super) change_date: Option<Timestamp>,
        pub(super) resource_owner: String,
        pub(super) creation_date: Option<Timestamp>,
    }

    /// Of a list.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(super) struct ListDetails {
        pub(super) total_result: u64,
        pub(super) processed_sequence: u64,
        pub(super) timestamp: Option<Timestamp>,
        /// What the old services say instead of `timestamp`.
        pub(super) view_timestamp: Option<Timestamp>,
    }

    /// An answer that tells nothing else.
    pub(super) struct Done("ObjectDetails") {
        pub(super) details: Details,
    }
}

impl Details {
    /// Of something with this history that belongs to an organisation.
    pub(super) fn of(revision: Revision, owner: &NamespaceId) -> Self {
        Self { resource_owner: organisation::id_of(owner), ..Self::of_instance(revision) }
    }

    /// Of something with this history that belongs to `owner`.
    pub(super) fn of_owner(revision: Revision, owner: &Owner) -> Self {
        match owner {
            Owner::Instance => Self::of_instance(revision),
            Owner::Organisation(organisation) => Self::of(revision, organisation),
        }
    }

    /// Of something with this history that belongs to the instance.
    pub(super) fn of_instance(revision: Revision) -> Self {
        Self {
            sequence: revision.sequence,
            change_date: Some(revision.changed_at),
            resource_owner: organisation::instance(),
            creation_date: Some(revision.created_at),
        }
    }
}

impl ListDetails {
    /// Of a list of so many, seen at `now`.
    pub(super) fn new(total: usize, now: Timestamp) -> Self {
        Self { total_result: total as u64, timestamp: Some(now), ..Self::default() }
    }

    /// The same, as the old services say it.
    pub(super) fn old(total: usize, now: Timestamp) -> Self {
        Self { total_result: total as u64, view_timestamp: Some(now), ..Self::default() }
    }
}
