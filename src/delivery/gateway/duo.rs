//! Duo Security's Auth API, version 2: `preauth`, and then `auth` with a push or a passcode. Source: duo.com/docs/authapi.
//!
//! A request is signed: the HTTP Basic password is the HMAC-SHA-1, in hex, of date, method, host, path and parameters, each on its line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha1::Sha1;

use super::{Answer, Error, Proof, PushQuestion, https, words};
use crate::model::provider::Duo;
use crate::secret::Secret;

/// RFC 2822 as Duo's examples have it.
const DATE_FORMAT: &str = "%a, %d %b %Y %H:%M:%S -0000";
/// The longest passcode: a hardware token's has 44 characters.
const LONGEST_PASSCODE: usize = 64;

/// Every answer's frame.
#[derive(Deserialize)]
struct Envelope<T> {
    stat: String,
    response: Option<T>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    message_detail: String,
}

/// What `preauth` and `auth` say.
#[derive(Deserialize)]
struct Said {
    result: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    status_msg: String,
}

/// Ask Duo: may this user log in at all, and do they approve?
pub(super) async fn ask(client: &Client, duo: &Duo, proof: &Proof, question: &PushQuestion) -> Result<Answer, Error> {
    let user = ("username", question.username.as_str());
    let asked = match proof {
        Proof::Push if duo.push_info.is_empty() => vec![user, ("factor", "push"), ("device", "auto")],
        Proof::Push => vec![user, ("factor", "push"), ("device", "auto"), ("pushinfo", &duo.push_info)],
        Proof::Passcode(passcode) if !is_passcode(passcode.expose()) => {
            return Ok(Answer::Denied("the passcode is none of Duo's".into()));
        }
        Proof::Passcode(passcode) => vec![user, ("factor", "passcode"), ("passcode", passcode.expose())],
    };
    let may: Said = call(client, duo, question, "/auth/v2/preauth", &[user]).await?;
    match may.result.as_str() {
        "auth" => {}
        // Duo's administrators have said that this user needs no second factor.
        "allow" => return Ok(Answer::Approved),
        "deny" | "enroll" => return Ok(Answer::Denied(words(&format!("{}: {}", may.result, may.status_msg)))),
        _ => return Err(Error::Malformed("an unknown result of preauth")),
    }
    let said: Said = call(client, duo, question, "/auth/v2/auth", &asked).await?;
    match said.result.as_str() {
        "allow" => Ok(Answer::Approved),
        "deny" => Ok(Answer::Denied(words(&format!("{}: {}", said.status, said.status_msg)))),
        _ => Err(Error::Malformed("an unknown result of auth")),
    }
}

fn is_passcode(text: &str) -> bool {
    (1..=LONGEST_PASSCODE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

async fn call<T: DeserializeOwned>(
    client: &Client,
    duo: &Duo,
    question: &PushQuestion,
    path: &str,
    parameters: &[(&str, &str)],
) -> Result<T, Error> {
    let origin = https::origin(&duo.api_hostname).ok_or(Error::Setting("api_hostname"))?;
    let date = question.asked_at.written(DATE_FORMAT);
    let parameters = canonical(parameters);
    let host = origin.host_str().unwrap_or_default();
    let signed = [&date, "POST", host, path, &parameters].join("\n");
    let authorization = authorization(&duo.integration_key, &duo.secret_key, &signed)?;
    let url = origin.join(path).map_err(|_| Error::Setting("api_hostname"))?;
    let request = client.post::<Url>(url).header(DATE, date).header(AUTHORIZATION, authorization);
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(parameters);
    let reply = https::send(request).await?;
    let said: Option<Envelope<T>> = serde_json::from_slice(&reply.body).ok();
    match said {
        Some(Envelope { stat, response: Some(response), .. }) if reply.status == StatusCode::OK && stat == "OK" => {
            Ok(response)
        }
        None if reply.status == StatusCode::OK => Err(Error::Malformed("no answer of Duo's")),
        said => {
            let why = said.map(|said| words(&format!("{} {}", said.message, said.message_detail)));
            Err(Error::Status { status: reply.status.as_u16(), why: why.unwrap_or_default() })
        }
    }
}

/// The parameters as they are signed, and sent: percent-encoded, in the order of their names.
fn canonical(parameters: &[(&str, &str)]) -> String {
    let encode = |(name, value): &(&str, &str)| (https::percent_encode(name), https::percent_encode(value));
    let mut pairs: Vec<_> = parameters.iter().map(encode).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The signature of `signed`, as a header.
fn authorization(
    integration_key: &Secret<String>,
    secret_key: &Secret<String>,
    signed: &str,
) -> Result<HeaderValue, Error> {
    let mac = Hmac::<Sha1>::new_from_slice(secret_key.expose().as_bytes()).map_err(|_| Error::Setting("secret_key"))?;
    let signature = data_encoding::HEXLOWER.encode(&mac.chain_update(signed.as_bytes()).finalize().into_bytes());
    let basic = STANDARD.encode(format!("{}:{signature}", integration_key.expose()));
    let header = HeaderValue::try_from(format!("Basic {basic}"));
    let mut header = header.map_err(|_| Error::Setting("integration_key"))?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Duo's documentation.
    #[test]
    fn the_documented_example_is_signed_so() {
        let parameters = canonical(&[("username", "root"), ("realname", "First Last")]);
        assert_eq!(parameters, "realname=First%20Last&username=root");
        let signed = format!(
            "Tue, 21 Aug 2012 17:29:18 -0000\nPOST\napi-xxxxxxxx.duosecurity.com\n/accounts/v1/account/list\n{parameters}"
        );
        let keys = ["DIWJ8X6AEYOR5OMC6TQ1", "Zh5eGmUq9zpfQnyUIu5OL9iWoMMv5ZNmk3zLJ4Ep"];
        let [integration_key, secret_key] = keys.map(|key| Secret::new(key.to_owned()));
        let header = authorization(&integration_key, &secret_key, &signed).unwrap();
        assert_eq!(
            header,
            "Basic RElXSjhYNkFFWU9SNU9NQzZUUTE6MmQ5N2Q2MTY2MzE5NzgxYjVhM2EwN2FmMzlkMzY2ZjQ5MTIzNGVkYw=="
        );
        assert!(header.is_sensitive());
    }

    #[test]
    fn parameters_are_encoded_as_duo_reads_them() {
        assert_eq!(canonical(&[]), "");
        assert_eq!(canonical(&[("foo_bar", "2"), ("foo", "1")]), "foo=1&foo_bar=2");
        let punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
        let encoded = "%21%22%23%24%25%26%27%28%29%2A%2B%2C-.%2F%3A%3B%3C%3D%3E%3F%40%5B%5C%5D%5E_%60%7B%7C%7D~";
        assert_eq!(canonical(&[("punctuation", punctuation)]), format!("punctuation={encoded}"));
        assert_eq!(canonical(&[("white", "\t\n\u{b}\u{c}\r ")]), "white=%09%0A%0B%0C%0D%20");
        assert_eq!(canonical(&[("bar", "\u{2815}")]), "bar=%E2%A0%95");
    }
}
