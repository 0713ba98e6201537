//! Second-factor credentials as clients write them: in `mfa_payload` (`sys/mfa/validate`) and in `X-Vault-MFA` (a login).

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use serde_json::Value;

use super::error::Error;
use crate::engine::requirements::{Answer, Offer};
use crate::secret::Secret;

static MFA: HeaderName = HeaderName::from_static("x-vault-mfa");

/// What the request's `X-Vault-MFA` headers offer; `None` without any. Empty ones are none.
///
/// # Errors
/// When a header names no method, or says it says something and does not.
pub(super) fn from_headers(http: &HttpRequest) -> Result<Option<Offer>, Error> {
    let mut credentials: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for value in http.headers().get_all(&MFA) {
        let value = String::from_utf8_lossy(value.as_bytes());
        let (method, credential) = match value.split_once(':') {
            Some((method, credential)) => (method, Some(credential)),
            None => (&*value, None),
        };
        match (method, credential) {
            ("", None) => continue,
            ("", Some(_)) => return Err(broken_header("missing method name or ID")),
            (_, Some("")) => return Err(broken_header("missing method value")),
            (_, _) => {}
        }
        credentials.entry(method.to_owned()).or_default().extend(credential.map(str::to_owned));
    }
    if credentials.is_empty() {
        return Ok(None);
    }
    let answers = credentials.into_iter().map(|(method, credentials)| (method, answer(&credentials)));
    Ok(Some(Offer::new(answers.collect())))
}

fn broken_header(why: &str) -> Error {
    let what = "failed to parse X-Vault-MFA header: invalid data in header \"X-Vault-MFA\"";
    Error::bad_request(format!("{what}; {why}"))
}

/// What a payload offers: a JSON object that has, for each method, a list of credentials or null.
///
/// # Errors
/// When it has another shape.
pub(super) fn from_payload(payload: &str) -> Result<Offer, Error> {
    let payload: BTreeMap<String, Value> = serde_json::from_str(payload).map_err(|_| broken_payload())?;
    let mut answers = BTreeMap::new();
    for (method, credentials) in &payload {
        let answer = match credentials {
            Value::Null => Answer::Nothing,
            Value::Array(items) => answer(&items.iter().map(text).collect::<Result<Vec<_>, _>>()?),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => return Err(broken_payload()),
        };
        answers.insert(method.clone(), answer);
    }
    Ok(Offer::new(answers))
}

fn text(item: &Value) -> Result<String, Error> {
    match item {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(broken_payload()),
    }
}

fn broken_payload() -> Error {
    Error::bad_request("invalid mfa payload")
}

/// The answer that a list of credentials makes: at most one passcode, written bare or behind `passcode=`.
fn answer(credentials: &[String]) -> Answer {
    let mut passcode: Option<&str> = None;
    for credential in credentials.iter().filter(|credential| !credential.is_empty()) {
        let given = match credential.strip_prefix("passcode=") {
            Some("") if passcode.is_none() => return unreadable("invalid passcode"),
            Some(given) => given,
            // A public key credential's JSON may have such signs in it.
            None if credential.contains('=') && !credential.starts_with('{') => {
                return unreadable(&format!("found an invalid MFA cred: {credential}"));
            }
            None => credential,
        };
        if passcode.replace(given).is_some() {
            return unreadable("found multiple passcodes for the same MFA method");
        }
    }
    Answer::Given(passcode.map(|passcode| Secret::new(passcode.to_owned())))
}

fn unreadable(why: &str) -> Answer {
    Answer::Unreadable(format!("failed to parse MFA factor, {why}"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn read(credentials: &[&str]) -> Result<Option<String>, String> {
        match answer(&credentials.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()) {
            Answer::Given(passcode) => Ok(passcode.map(|passcode| passcode.expose().clone())),
            Answer::Unreadable(why) => Err(why),
            Answer::Nothing => panic!("a list is something"),
        }
    }

    #[test]
    fn a_passcode_is_written_bare_or_named_and_once() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["", ""]), Ok(None));
        assert_eq!(read(&["123456"]), Ok(Some("123456".into())));
        assert_eq!(read(&["", "passcode=123456"]), Ok(Some("123456".into())));
        assert_eq!(read(&["passcode=12=3"]), Ok(Some("12=3".into())));
        assert_eq!(read(&["passcode= 123456"]), Ok(Some(" 123456".into())));
        assert_eq!(read(&[r#"{"id":"a="}"#]), Ok(Some(r#"{"id":"a="}"#.into())));
        let refused = |credentials: &[&str]| read(credentials).unwrap_err();
        assert_eq!(refused(&["passcode="]), "failed to parse MFA factor, invalid passcode");
        assert_eq!(refused(&["foo=bar"]), "failed to parse MFA factor, found an invalid MFA cred: foo=bar");
        let twice = "failed to parse MFA factor, found multiple passcodes for the same MFA method";
        assert_eq!(refused(&["1", "2"]), twice);
        assert_eq!(refused(&["passcode=1", "passcode="]), twice);
    }

    #[test]
    fn a_payload_is_lists_of_single_values() {
        let offer = |text: &str| from_payload(text);
        for good in ["{}", r#"{"m":null}"#, r#"{"m":[]}"#, r#"{"m":[123456,null,""]}"#] {
            assert!(offer(good).is_ok(), "{good}");
        }
        for bad in [r#"{"m":"123456"}"#, r#"{"m":1}"#, r#"{"m":[["1"]]}"#, r#"{"m":[true]}"#, r#"{"m":{"a":1}}"#] {
            assert_eq!(offer(bad).err().unwrap(), Error::bad_request("invalid mfa payload"), "{bad}");
        }
    }

    #[test]
    fn a_header_names_a_method_and_perhaps_a_credential() {
        let read = |values: &[&str]| {
            let request = values
                .iter()
                .fold(TestRequest::default(), |request, value| request.append_header(("X-Vault-MFA", *value)));
            from_headers(&request.to_http_request()).map(|offer| offer.is_some())
        };
        assert_eq!(read(&[]), Ok(false));
        assert_eq!(read(&["", ""]), Ok(false));
        assert_eq!(read(&["", "id"]), Ok(true));
        assert_eq!(read(&["id:1:2"]), Ok(true));
        for (value, why) in
            [("id:", "missing method value"), (":1", "missing method name or ID"), (":", "missing method name or ID")]
        {
            assert_eq!(read(&["id:1", value]), Err(broken_header(why)), "{value}");
        }
    }
}
