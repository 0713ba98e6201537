//! Puts a message into the outbox of a server that does not run: `post DIRECTORY CHANNEL ADDRESS SUBJECT TEXT`. When the server starts on that
//! directory, it sends it. Prints the message's id, or what the cost guard said instead.

#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign::engine::Engine;
use countersign::engine::outbox::{Enqueued, enqueue};
use countersign::entropy::SystemEntropy;
use countersign::id::EntityId;
use countersign::model::contact::Channel;
use countersign::model::message::Message;
use countersign::model::namespace::Scope;
use countersign::seal::key_file;
use countersign::secret::Secret;
use countersign::storage::sqlite::{Options, Sqlite};
use countersign::storage::tables;
use countersign::time::SystemClock;

/// How long what is posted is worth sending.
const WORTH: Duration = Duration::from_mins(5);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, channel, to, subject, text] = arguments.as_slice() else {
        return Err("post DIRECTORY CHANNEL ADDRESS SUBJECT TEXT".into());
    };
    let channel = Channel::ALL.into_iter().find(|known| known.as_str() == channel).ok_or("sms or email")?;
    let directory = Path::new(directory);
    let store = Arc::new(Sqlite::open(&directory.join("countersign.db"), tables::ALL, Options::default())?);
    let engine = Engine::new(store, Arc::new(SystemClock), Arc::new(SystemEntropy));
    let key = key_file::load(&directory.join("unseal.key"))?.ok_or("a server must have run here")?;
    engine.unseal(&key)?;
    let now = engine.now();
    let message = Message {
        id: data_encoding::HEXLOWER.encode(&engine.entropy.bytes::<16>()),
        channel,
        to: Secret::new(to.clone()),
        subject: subject.clone(),
        text: Secret::new(text.clone()),
        code: Secret::new(String::new()),
        entity: EntityId::new("nobody"),
        scope: Scope::root(),
        created_at: now,
        expires_at: now.plus(WORTH),
        attempts: 0,
        next_at: now,
    };
    let (access, costs, posted) = (engine.access()?, Arc::clone(&engine.costs), message.clone());
    let job = move |tx: &mut dyn countersign::storage::Tx| enqueue(tx, &access, &costs, &posted);
    match engine.store.write(now, job).wait()? {
        Enqueued::Queued => println!("{}", message.id),
        refused @ (Enqueued::OverBudget(_) | Enqueued::Forbidden(_)) => return Err(format!("{refused:?}").into()),
    }
    Ok(())
}
