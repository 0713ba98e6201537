//! PingID's API, version 4.9: `AuthenticateOnline`, a push that is answered when the person has. Source: developer.pingidentity.com,
//! "PingID API Overview" and "PingID Authentication API".
//!
//! Request and answer are JSON Web Signatures under the account's key. The answer's signature, and that it echoes the question's nonce, are
//! checked although PingID leaves that to the caller: without either, it is no answer.

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Error, PushQuestion, https, jws, words};
use crate::model::provider::PingId;
use crate::secret::Secret;
use crate::time::Timestamp;

/// UTC, in the words of the documentation `yyyy-MM-dd HH:mm:ss.SSS`.
const TIMESTAMP_FORMAT: &str = "%Y-%m-%d %H:%M:%S%.3f";
/// What `errorId` says where nothing is wrong.
const APPROVED: i64 = 200;

#[derive(Deserialize)]
struct Header {
    token: String,
    /// As it is documented.
    org_alias: Option<String>,
    /// As servers have been seen to write it.
    #[serde(rename = "orgAlias")]
    alias: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    response_body: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    error_id: i64,
    #[serde(default)]
    error_msg: Option<String>,
    #[serde(default)]
    client_data: Option<String>,
}

/// Ask PingID: push to the user's telephone, and wait for the answer.
pub(super) async fn ask(client: &Client, pingid: &PingId, question: &PushQuestion) -> Result<Answer, Error> {
    let url = endpoint(&pingid.idp_url).ok_or(Error::Setting("idp_url"))?;
    if pingid.key.expose().is_empty() {
        return Err(Error::Setting("use_base64_key"));
    }
    let body = json!({
        "authType": "CONFIRM",
        "clientData": question.nonce,
        "spAlias": "web",
        "userName": question.username,
    });
    let request = client.post(url).header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let reply = https::send(request.body(signed(pingid, question.asked_at, &body))).await?;
    if reply.status != StatusCode::OK {
        return Err(Error::Status { status: reply.status.as_u16(), why: String::new() });
    }
    let said = std::str::from_utf8(&reply.body).map_err(|_| Error::Malformed("no text"))?;
    let said = verified(pingid, said.trim()).ok_or(Error::Forged)?;
    if said.client_data.as_deref() != Some(&question.nonce) {
        return Err(Error::Forged);
    }
    if said.error_id == APPROVED {
        return Ok(Answer::Approved);
    }
    Ok(Answer::Denied(words(&format!("{}: {}", said.error_id, said.error_msg.unwrap_or_default()))))
}

/// Where the operation is called.
fn endpoint(idp_url: &str) -> Option<Url> {
    let base = Url::parse(idp_url.trim_end_matches('/')).ok()?;
    let plain = base.username().is_empty() && base.password().is_none() && base.query().is_none();
    let usable = base.scheme() == "https" && plain && base.fragment().is_none();
    Url::parse(&format!("{}/rest/4/authonline/do", base.as_str().trim_end_matches('/'))).ok().filter(|_| usable)
}

/// A request's text: header, and payload, and signature.
fn signed(pingid: &PingId, now: Timestamp, body: &serde_json::Value) -> String {
    let token = pingid.token.expose();
    let header = json!({ "alg": "HS256", "org_alias": pingid.org_alias, "token": token });
    let payload = json!({
        "reqHeader": {
            "locale": "en",
            "orgAlias": pingid.org_alias,
            "secretKey": token,
            "timestamp": now.written(TIMESTAMP_FORMAT),
            "version": "4.9",
        },
        "reqBody": body,
    });
    jws::sign(header.to_string().as_bytes(), payload.to_string().as_bytes(), pingid.key.expose())
}

/// What an answer says, if it is this account's and signed with its key.
fn verified(pingid: &PingId, said: &str) -> Option<Body> {
    let (header, payload) = jws::verify(said, pingid.key.expose())?;
    let header: Header = serde_json::from_slice(&header).ok()?;
    let alias = header.alias.or(header.org_alias)?;
    let ours = Secret::new(header.token) == pingid.token && alias == pingid.org_alias;
    serde_json::from_slice::<Payload>(&payload).ok().filter(|_| ours).map(|payload| payload.response_body)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn pingid() -> PingId {
        let file = "use_base64_key=a2V5cw==\nuse_signature=true\ntoken=1a2b3c4d5e6f\n\
            idp_url=https://idpxnyl3m.pingidentity.com/pingid\norg_alias=aaaaaaaa-a1b2-123a-b456-1234abcd5678";
        PingId::from_file(&base64::engine::general_purpose::STANDARD.encode(file)).unwrap()
    }

    /// The example of PingID's documentation, but for its signature: the key is not shown.
    #[test]
    fn the_documented_example_is_written_so() {
        let body = json!({
            "activateUser": false, "clientData": null, "email": "marcher@pingdevelopers.com", "fName": "Meredith",
            "lname": "Archer", "picUrl": null, "role": "REGULAR", "username": "marcher",
        });
        let token = signed(&pingid(), Timestamp::from_millis(1_441_281_445_229), &body);
        let parts: Vec<&str> = token.split('.').collect();
        assert_eq!(
            parts[0],
            "eyJhbGciOiJIUzI1NiIsIm9yZ19hbGlhcyI6ImFhYWFhYWFhLWExYjItMTIzYS1iNDU2LTEyMzRhYmNkNTY3OCIsInRva2VuIjoiMWEyYjNjNGQ1ZTZmIn0"
        );
        let payload: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        let header = json!({
            "locale": "en", "orgAlias": "aaaaaaaa-a1b2-123a-b456-1234abcd5678", "secretKey": "1a2b3c4d5e6f",
            "timestamp": "2015-09-03 11:57:25.229", "version": "4.9",
        });
        assert_eq!(payload, json!({ "reqHeader": header, "reqBody": body }));
        assert!(jws::verify(&token, b"keys").is_some());
    }

    #[test]
    fn an_answer_is_this_accounts_or_none() {
        let said = |header: &str| jws::sign(header.as_bytes(), b"{\"responseBody\":{\"errorId\":200}}", b"keys");
        let (alias, pingid) = ("aaaaaaaa-a1b2-123a-b456-1234abcd5678", pingid());
        let is_ours = |header: String| verified(&pingid, &said(&header)).is_some();
        assert!(is_ours(format!(r#"{{"alg":"HS256","org_alias":"{alias}","token":"1a2b3c4d5e6f"}}"#)));
        assert!(is_ours(format!(r#"{{"alg":"HS256","orgAlias":"{alias}","token":"1a2b3c4d5e6f"}}"#)));
        assert!(!is_ours(format!(r#"{{"alg":"HS256","orgAlias":"{alias}","token":"another"}}"#)));
        assert!(!is_ours(r#"{"alg":"HS256","orgAlias":"another","token":"1a2b3c4d5e6f"}"#.to_owned()));
        assert!(!is_ours(r#"{"alg":"HS256"}"#.to_owned()));
    }

    #[test]
    fn the_operation_is_called_over_https_only() {
        let url = |idp_url| endpoint(idp_url).map(|url| url.to_string());
        let expected = "https://idpxnyl3m.pingidentity.com/pingid/rest/4/authonline/do";
        assert_eq!(url("https://idpxnyl3m.pingidentity.com/pingid").unwrap(), expected);
        assert_eq!(url("https://idpxnyl3m.pingidentity.com/pingid/").unwrap(), expected);
        for wrong in [
            "",
            "http://idp.example",
            "https://u:p@idp.example",
            "https://idp.example?x",
            "https://idp.example#x",
            "file:///x",
        ] {
            assert!(url(wrong).is_none(), "{wrong}");
        }
    }
}
