//! Okta's Users and Factors APIs: find the user, find their push factor, ask, and look until there is an answer. Source:
//! developer.okta.com, "Users API" (list with a filter) and "Factors API" (list, verify, poll a transaction).
//!
//! A request carries the API token. It goes to the configured organisation only: links in an answer are read, never followed.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, HeaderValue};
use reqwest::{Client, Method, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::{Answer, Error, PushQuestion, https, words};
use crate::model::entity::fold_name;
use crate::model::provider::{Okta, OktaBase};

#[derive(Deserialize)]
struct User {
    id: String,
    profile: Profile,
}

#[derive(Deserialize)]
struct Profile {
    #[serde(default)]
    login: Option<String>,
    #[serde(default)]
    email: Option<String>,
}

#[derive(Deserialize)]
struct Factor {
    id: String,
    #[serde(rename = "factorType")]
    kind: String,
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction {
    factor_result: String,
    #[serde(default, rename = "_links")]
    links: Links,
    #[serde(default, rename = "_embedded")]
    embedded: Option<Embedded>,
}

#[derive(Default, Deserialize)]
struct Links {
    #[serde(default)]
    poll: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: String,
}

/// What is to be shown to the person: the number they are to pick out on their telephone.
#[derive(Deserialize)]
struct Embedded {
    #[serde(default)]
    challenge: Option<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    error_summary: String,
}

/// Ask Okta: push to the user's telephone, and look every `pause` whether they have answered.
pub(super) async fn ask(
    client: &Client,
    okta: &Okta,
    question: &PushQuestion,
    pause: Duration,
) -> Result<Answer, Error> {
    let api = Api::new(client, okta)?;
    let users: Vec<User> = api.call(Method::GET, &users_path(okta, &question.username)?).await?;
    let called = |user: &User| {
        let name = if okta.primary_email { &user.profile.email } else { &user.profile.login };
        name.as_ref().is_some_and(|name| fold_name(name) == fold_name(&question.username))
    };
    let user = match users.as_slice() {
        [] => return Ok(Answer::Denied("no such user".into())),
        [user] if called(user) => user,
        [_] => return Err(Error::Malformed("another user than was asked for")),
        [_, ..] => return Ok(Answer::Denied("more than one such user".into())),
    };
    let user = word(&user.id)?;
    let factors: Vec<Factor> = api.call(Method::GET, &format!("users/{user}/factors")).await?;
    let pushes = |factor: &&Factor| factor.kind == "push" && factor.status == "ACTIVE";
    let Some(factor) = factors.iter().find(pushes) else {
        return Ok(Answer::Denied("the user has no push factor".into()));
    };
    let factor = format!("users/{user}/factors/{}", word(&factor.id)?);
    let mut said: Transaction = api.call(Method::POST, &format!("{factor}/verify")).await?;
    let transaction = said.links.poll.take().map(|poll| poll.href);
    loop {
        match said.factor_result.as_str() {
            "SUCCESS" => return Ok(Answer::Approved),
            // The number can be shown to nobody here, and a guess proves nothing.
            "WAITING" if said.embedded.is_some_and(|embedded| embedded.challenge.is_some()) => {
                return Ok(Answer::Denied("the push asks for a number that cannot be shown".into()));
            }
            "WAITING" => {}
            other => return Ok(Answer::Denied(words(other))),
        }
        let id = transaction.as_deref().and_then(|href| href.rsplit('/').next());
        let id = word(id.ok_or(Error::Malformed("no transaction to look at"))?)?;
        tokio::time::sleep(pause).await;
        said = api.call(Method::GET, &format!("{factor}/transactions/{id}")).await?;
    }
}

/// Where a user is looked up: an exact match, never a prefix.
fn users_path(okta: &Okta, username: &str) -> Result<String, Error> {
    // In a filter these would end the text, or begin something else.
    if username.contains(['"', '\\']) {
        return Err(Error::Username);
    }
    let attribute = if okta.primary_email { "profile.email" } else { "profile.login" };
    Ok(format!("users?filter={}", https::percent_encode(&format!("{attribute} eq \"{username}\""))))
}

/// An id that Okta gave, if it can stand in a path.
fn word(id: &str) -> Result<&str, Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_word = (1..=128).contains(&id.len()) && id.bytes().all(plain) && !id.starts_with('.');
    is_word.then_some(id).ok_or(Error::Malformed("an id that is none"))
}

struct Api<'a> {
    client: &'a Client,
    base: Url,
    authorization: HeaderValue,
}

impl<'a> Api<'a> {
    fn new(client: &'a Client, okta: &Okta) -> Result<Self, Error> {
        let domain = match &okta.base {
            OktaBase::Domain(domain) => domain,
            OktaBase::Production(true) => "okta.com",
            OktaBase::Production(false) => "oktapreview.com",
        };
        let is_label = okta.org_name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if okta.org_name.is_empty() || !is_label {
            return Err(Error::Setting("org_name"));
        }
        let origin = https::origin(&format!("{}.{domain}", okta.org_name)).ok_or(Error::Setting("base_url"))?;
        let base = origin.join("api/v1/").map_err(|_| Error::Setting("base_url"))?;
        let token = Zeroizing::new(format!("SSWS {}", okta.api_token.expose()));
        let mut authorization = HeaderValue::from_str(&token).map_err(|_| Error::Setting("api_token"))?;
        authorization.set_sensitive(true);
        Ok(Self { client, base, authorization })
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T, Error> {
        let url = self.base.join(path).map_err(|_| Error::Malformed("a path that is none"))?;
        let mut request = self.client.request(method.clone(), url).header(ACCEPT, "application/json");
        if method == Method::POST {
            request = request.header(CONTENT_LENGTH, "0");
        }
        let reply = https::send(request.header(AUTHORIZATION, self.authorization.clone())).await?;
        if !reply.status.is_success() {
            let why: Failure = serde_json::from_slice(&reply.body).unwrap_or_default();
            let why = words(&format!("{} {}", why.error_code, why.error_summary));
            return Err(Error::Status { status: reply.status.as_u16(), why });
        }
        serde_json::from_slice(&reply.body).map_err(|_| Error::Malformed("no answer of Okta's"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn okta(org_name: &str, base: OktaBase) -> Okta {
        Okta {
            org_name: org_name.into(),
            api_token: Secret::new("t".into()),
            base,
            primary_email: false,
            username_format: String::new(),
        }
    }

    #[test]
    fn a_user_is_looked_up_by_an_exact_match() {
        let okta = okta("acme", OktaBase::Production(true));
        let path = users_path(&okta, "isaac@example.org").unwrap();
        assert_eq!(path, "users?filter=profile.login%20eq%20%22isaac%40example.org%22");
        let path = users_path(&Okta { primary_email: true, ..okta.clone() }, "a&b").unwrap();
        assert_eq!(path, "users?filter=profile.email%20eq%20%22a%26b%22");
        assert!(matches!(users_path(&okta, "x\" or profile.login sw \"a"), Err(Error::Username)));
    }

    #[test]
    fn the_token_goes_to_the_organisation_only() {
        let client = Client::builder().no_proxy();
        let client = client.tls_backend_preconfigured(https::tls(Some(&[])).unwrap()).build().unwrap();
        let base = |org, base| Api::new(&client, &okta(org, base)).map(|api| api.base.to_string());
        assert_eq!(base("acme", OktaBase::Production(true)).unwrap(), "https://acme.okta.com/api/v1/");
        assert_eq!(base("acme", OktaBase::Production(false)).unwrap(), "https://acme.oktapreview.com/api/v1/");
        let domain = |domain: &str| base("acme", OktaBase::Domain(domain.into()));
        assert_eq!(domain("okta-emea.com").unwrap(), "https://acme.okta-emea.com/api/v1/");
        assert!(domain("okta.com/evil").is_err());
        for org in ["", "evil.example/", "evil.example#", "a@evil.example", "evil.example:1"] {
            assert!(base(org, OktaBase::Production(true)).is_err(), "{org}");
        }
    }
}
