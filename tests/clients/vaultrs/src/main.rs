//! vaultrs, unmodified: its structures take no reply that lacks a member or has a null too many.
//!
//! `vaultrs-story ADDRESS`

use std::error::Error;
use std::process::Command;

use rustify::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError as RestError;
use serde_json::{Value, json};
use vaultrs::api::auth::userpass::requests::CreateUserRequest;
use vaultrs::api::identity::entity::requests::CreateEntityRequest;
use vaultrs::api::identity::group::requests::CreateGroupRequest;
use vaultrs::api::token::requests::CreateTokenRequest;
use vaultrs::api::{self, AuthInfo};
use vaultrs::auth::userpass;
use vaultrs::client::{Client, VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;
use vaultrs::identity::{entity, entity_alias, group};
use vaultrs::sys::{self, ServerStatus};
use vaultrs::token;

type Told = Result<(), Box<dyn Error>>;
const TOTP: &str = "identity/mfa/method/totp";
const LISTER: &str = r#"path "identity/mfa/method/totp" { capabilities = ["list"] }"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Told {
    // It wants a provider even where it speaks no TLS.
    let installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    assert!(installed.is_ok());
    let address = std::env::args().nth(1).ok_or("vaultrs-story ADDRESS")?;
    let root = client(&address, "root")?;
    the_server_is_well(&root).await?;
    policies_are_written_and_read(&root).await?;
    tokens_are_renewed_and_revoked(&address, &root).await?;
    let accessor = mounts_are_enabled_and_listed(&root).await?;
    users_log_in(&address, &root).await?;
    let entity = entities_have_aliases_and_groups(&root, &accessor).await?;
    logins_under_enforcement(&address, &root, &accessor, &entity).await
}

async fn the_server_is_well(root: &VaultClient) -> Told {
    let health = sys::health(root).await?;
    assert!(health.initialized && !health.sealed && !health.standby);
    assert!(matches!(sys::status(root).await?, ServerStatus::OK));
    let status = sys::unseal(root, Some("00".repeat(32)), None, None).await?;
    assert!(!status.sealed, "unsealing changes nothing where all is open");
    Ok(())
}

async fn policies_are_written_and_read(root: &VaultClient) -> Told {
    sys::policy::set(root, "lister", LISTER).await?;
    assert_eq!(sys::policy::read(root, "lister").await?.rules, LISTER);
    sys::policy::set(root, "gone", LISTER).await?;
    sys::policy::delete(root, "gone").await?;
    let listed = sys::policy::list(root).await?.policies;
    assert!(listed.contains(&"lister".into()) && !listed.contains(&"gone".into()), "{listed:?}");
    refused(404, "", sys::policy::read(root, "gone").await);
    Ok(())
}

async fn tokens_are_renewed_and_revoked(address: &str, root: &VaultClient) -> Told {
    let mut asked = CreateTokenRequest::builder();
    let made = token::new(root, Some(asked.policies(vec!["lister".into()]).ttl("1h"))).await?;
    assert_eq!(made.policies, ["default", "lister"]);
    let own = client(address, &made.client_token)?;
    assert_eq!(token::renew_self(&own, Some("30m")).await?.lease_duration, 1800);
    assert_eq!(token::lookup_self(&own).await?.path, "auth/token/create");
    assert_eq!(token::lookup(root, &made.client_token).await?.accessor, made.accessor);
    assert_eq!(token::lookup_accessor(root, &made.accessor).await?.id, "");
    refused(403, "permission denied", entity::list_by_id(&own).await);
    token::revoke_self(&own).await?;
    refused(403, "permission denied", token::lookup_self(&own).await);
    Ok(())
}

/// The accessor of a mount for users.
async fn mounts_are_enabled_and_listed(root: &VaultClient) -> Result<String, Box<dyn Error>> {
    sys::auth::enable(root, "people", "userpass", None).await?;
    refused(400, "path is already in use", sys::auth::enable(root, "people", "userpass", None).await);
    let mut mounts = sys::auth::list(root).await?;
    let people = mounts.remove("people/").ok_or("the mount is not listed")?;
    assert_eq!((people.mount_type.as_str(), people.config.token_type.as_str()), ("userpass", "default-service"));
    assert!(sys::mount::list(root).await?.contains_key("identity/"));
    Ok(people.accessor)
}

async fn users_log_in(address: &str, root: &VaultClient) -> Told {
    let mut settings = CreateUserRequest::builder();
    let settings = settings.token_policies(vec!["lister".to_owned()]);
    userpass::user::set(root, "people", "alice", "wonder", Some(settings)).await?;
    assert_eq!(userpass::user::read(root, "people", "alice").await?.token_policies, ["lister"]);
    assert_eq!(userpass::user::list(root, "people").await?.keys, ["alice"]);
    let nobody = client(address, "")?;
    let auth = userpass::login(&nobody, "people", "alice", "wonder").await?;
    assert_eq!(auth.policies, ["default", "lister"]);
    refused(400, "invalid username or password", userpass::login(&nobody, "people", "alice", "guess").await);
    Ok(())
}

/// The id of the entity that alice's login made.
async fn entities_have_aliases_and_groups(root: &VaultClient, accessor: &str) -> Result<String, Box<dyn Error>> {
    let mut named = CreateEntityRequest::builder();
    let made = entity::create(root, Some(named.name("bob"))).await?.id;
    let alias = entity_alias::create(root, "bob", &made, accessor, None).await?.id;
    assert_eq!(entity_alias::read_by_id(root, &alias).await?.canonical_id, made);
    let read = entity::read_by_id(root, &made).await?;
    assert_eq!((read.name.as_str(), read.aliases.len(), read.policies.len()), ("bob", 1, 0));
    let mut members = CreateGroupRequest::builder();
    let group = group::create(root, Some(members.member_entity_ids(vec![made.clone()]))).await?.id;
    assert_eq!(group::read_by_id(root, &group).await?.member_entity_ids, Some(vec![made.clone()]));
    assert_eq!(entity::read_by_name(root, "bob").await?.group_ids, [group]);
    entity::delete_by_id(root, &made).await?;
    refused(404, "", entity::read_by_id(root, &made).await);
    let aliases = entity_alias::list_by_id(root).await?.key_info;
    let alice = aliases.into_values().find(|alias| alias.name == "alice");
    Ok(alice.ok_or("the login made no alias")?.canonical_id)
}

async fn logins_under_enforcement(address: &str, root: &VaultClient, accessor: &str, entity: &str) -> Told {
    let made = write(root, TOTP, json!({"issuer": "Example"})).await?;
    let method = made["data"]["method_id"].as_str().ok_or("no method")?;
    let enforcement = json!({"mfa_method_ids": [method], "auth_method_accessors": [accessor]});
    api::exec_with_empty(root, Write("identity/mfa/login-enforcement/all".into(), enforcement)).await?;

    let pair = Write(format!("{TOTP}/admin-generate"), json!({"method_id": method, "entity_id": entity}));
    let wrapped = api::wrap(root, pair).await?;
    assert_eq!(wrapped.lookup(root).await?.creation_path, format!("{TOTP}/admin-generate"));
    let given = wrapped.unwrap(root).await?;
    refused(400, "wrapping token is not valid", wrapped.unwrap(root).await);
    let passcode = passcode(given["url"].as_str().ok_or("no URL")?)?;

    // Its own `login` cannot read a requirement, from whichever server: a pending login has no policies.
    let nobody = client(address, "")?;
    assert!(userpass::login(&nobody, "people", "alice", "wonder").await.is_err());
    for replay in [false, true] {
        let login = write(&nobody, "auth/people/login/alice", json!({"password": "wonder"})).await?;
        let asked = &login["auth"]["mfa_requirement"];
        assert_eq!(asked["mfa_constraints"]["all"]["any"][0]["id"], method);
        let answer = json!({"mfa_request_id": asked["mfa_request_id"], "mfa_payload": {method: [passcode]}});
        let answered = write(&nobody, "sys/mfa/validate", answer).await;
        if replay {
            refused(403, "MFA credentials not supplied or incorrect", answered);
        } else {
            let auth: AuthInfo = serde_json::from_value(answered?["auth"].take())?;
            assert_eq!((auth.entity_id.as_str(), auth.policies), (entity, vec!["default".into(), "lister".into()]));
            let user = client(address, &auth.client_token)?;
            assert_eq!(token::lookup_self(&user).await?.path, "auth/people/login/alice");
        }
    }
    Ok(())
}

fn client(address: &str, token: &str) -> Result<VaultClient, Box<dyn Error>> {
    let settings = VaultClientSettingsBuilder::default().address(address).token(token).build()?;
    Ok(VaultClient::new(settings)?)
}

/// A request that vaultrs has no function for, made as it makes its own.
#[derive(Debug)]
struct Write(String, Value);

impl Endpoint for Write {
    type Response = Value;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.0.clone()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }

    fn body(&self) -> Result<Option<Vec<u8>>, RestError> {
        Ok(Some(self.1.to_string().into_bytes()))
    }
}

/// The whole reply.
async fn write(client: &impl Client, path: &str, body: Value) -> Result<Value, ClientError> {
    api::exec_with_no_result(client, Write(path.to_owned(), body)).await
}

/// Panics unless the answer is a refusal of this status and, if there is one, with this text.
fn refused<T>(status: u16, text: &str, answer: Result<T, ClientError>) {
    match answer {
        Err(ClientError::APIError { code, errors }) => {
            assert_eq!(code, status, "{errors:?}");
            assert!(errors.concat().contains(text), "{errors:?}");
        }
        Err(other) => panic!("not refused, but: {other}"),
        Ok(_) => panic!("granted, instead of refused with {status} {text}"),
    }
}

/// What an authenticator app would show now for this key.
fn passcode(url: &str) -> Result<String, Box<dyn Error>> {
    let (_, secret) = url.split_once("secret=").ok_or("a URL without a secret")?;
    let shown = Command::new("oathtool").args(["--totp", "--base32", secret]).output()?;
    Ok(String::from_utf8(shown.stdout)?.trim().to_owned())
}
