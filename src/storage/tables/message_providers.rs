//! The table of message providers.

use crate::id::BlindKey;
use crate::model::message_provider::{Channel, MessageProvider};
use crate::storage::table::{Access, Stored, Table};
use crate::storage::{Expiry, Index, Schema};

/// Message providers.
pub const MESSAGE_PROVIDERS: Table<MessageProvider> = Table::new();
pub(super) static MESSAGE_PROVIDER: Schema = Schema {
    name: "message_provider",
    indexes: &[Index { name: "channel", unique: false }, Index { name: "active", unique: true }],
    expiry: Expiry::Never,
    marked: false,
};
/// The index of message providers by channel.
pub const MESSAGE_PROVIDER_BY_CHANNEL: usize = 0;
/// The index of active message providers by channel: one for each.
pub const MESSAGE_PROVIDER_ACTIVE: usize = 1;

/// What the message provider with this id is called.
pub fn message_provider_key(access: &Access, id: &str) -> BlindKey {
    access.blind("message_provider", &[id])
}

/// The key of a channel in [`MESSAGE_PROVIDER_BY_CHANNEL`].
pub fn message_provider_channel_key(access: &Access, channel: Channel) -> BlindKey {
    access.blind("message_provider.channel", &[channel.as_str()])
}

/// The key of a channel in [`MESSAGE_PROVIDER_ACTIVE`].
pub fn message_provider_active_key(access: &Access, channel: Channel) -> BlindKey {
    access.blind("message_provider.active", &[channel.as_str()])
}

impl Stored for MessageProvider {
    const SCHEMA: &'static Schema = &MESSAGE_PROVIDER;

    fn key(&self, access: &Access) -> BlindKey {
        message_provider_key(access, &self.id)
    }

    fn entries(&self, access: &Access) -> Vec<(usize, BlindKey)> {
        let channel = self.channel();
        let mut entries = vec![(MESSAGE_PROVIDER_BY_CHANNEL, message_provider_channel_key(access, channel))];
        if self.is_active {
            entries.push((MESSAGE_PROVIDER_ACTIVE, message_provider_active_key(access, channel)));
        }
        entries
    }
}
