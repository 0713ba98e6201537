//! The folder: each message becomes a file in it, for whoever tries things out and for whoever collects them by other means.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use serde::Serialize;
use zeroize::Zeroizing;

use super::{Carrier, Cause, Failure};
use crate::model::message::Message;
use crate::time::Timestamp;

/// A folder that messages are put into.
pub struct Folder(PathBuf);

/// What is in a file.
#[derive(Serialize)]
struct Letter<'a> {
    channel: &'static str,
    to: &'a str,
    subject: &'a str,
    text: &'a str,
    code: &'a str,
}

impl Folder {
    /// The folder at `path`, which is made with the first message.
    pub const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    fn put(&self, name: &str, letter: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let draft = self.0.join(format!(".{name}.draft"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(letter)?;
        file.sync_all()?;
        // All of it is there at once, in place of an earlier copy.
        std::fs::rename(&draft, self.0.join(format!("{name}.json")))?;
        File::open(&self.0)?.sync_all()
    }
}

impl Carrier for Folder {
    fn carry(&self, message: &Message, _now: Timestamp) -> Result<(), Failure> {
        let is_name = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_name(&message.id) {
            return Err(Failure::Never(Cause::Message("id")));
        }
        let letter = Letter {
            channel: message.channel.as_str(),
            to: message.to.expose(),
            subject: &message.subject,
            text: message.text.expose(),
            code: message.code.expose(),
        };
        let letter = serde_json::to_vec(&letter).map_err(|_| Failure::Never(Cause::Message("text")))?;
        self.put(&message.id, &Zeroizing::new(letter)).map_err(|error| Failure::Later(Cause::Machine(error)))
    }
}
