//! A passkey and its browser, both of another hand, on a wire: each line of the input is what a page asks of them, and each of the output what
//! they answer. `{"origin": …, "create": options}` makes the passkey, `{"origin": …, "get": options}` uses it.

use std::error::Error;
use std::io::{BufRead, Write};

use passkey::authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey::client::{Client, DefaultClientData};
use passkey::crypto::rust_crypto::RustCryptoBackend;
use passkey::types::Passkey;
use passkey::types::ctap2::{Aaguid, Ctap2Error};
use serde_json::{Value, json};
use url::Url;

/// Whoever is asked: always there, and known.
struct Owner;

#[async_trait::async_trait]
impl UserValidationMethod for Owner {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _hint: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence, verification })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut authenticator = Authenticator::new(Aaguid::new_empty(), None::<Passkey>, Owner, RustCryptoBackend);
    authenticator.set_make_credentials_with_signature_counter(true);
    let mut client = Client::new(authenticator);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for line in std::io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let origin = Url::parse(asked["origin"].as_str().unwrap_or_default())?;
        let answer = match asked.get("create") {
            Some(options) => {
                let options = serde_json::from_value(json!({ "publicKey": options }))?;
                let made = runtime.block_on(client.register(&origin, options, DefaultClientData));
                made.map(|made| json!(made)).map_err(|error| format!("{error:?}"))
            }
            None => {
                let options = serde_json::from_value(json!({ "publicKey": asked["get"] }))?;
                let used = runtime.block_on(client.authenticate(&origin, options, DefaultClientData));
                used.map(|used| json!(used)).map_err(|error| format!("{error:?}"))
            }
        };
        println!("{}", answer.unwrap_or_else(|error| json!({ "error": error })));
        std::io::stdout().flush()?;
    }
    Ok(())
}
