//! WebAuthn's two ceremonies: `identity/mfa/method/webauthn/…` registers, and a challenge asks for an assertion, which answers in the place of a
//! passcode.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::authenticators::{admin_unlock, already_enrolled, entity_id, method_id, own_entity, pair_error};
use super::error::Error;
use super::field::{Field, Kind as Type};
use super::route::{Call, Plan, Route};
use super::second_phase::request_id;
use super::wire::{Refusal, Reply};
use crate::engine::access::Capability;
use crate::engine::registrations::{self, Begun, Check, Considered, NotRegistered};
use crate::engine::{self, Access, assertions, methods, self_enrolment};
use crate::factor::web_authn::{Refusal as Wrong, encoded, options};
use crate::id::{EntityId, MethodId};
use crate::model::challenge::Asker;
use crate::model::enrolment::Bound;
use crate::model::method::{Kind, LONGEST_TEXT};
use crate::storage::Tx;

const METHOD: Field = Field { name: "method_id", kind: Type::Text };
const ENTITY: Field = Field { name: "entity_id", kind: Type::Text };
const REGISTRATION: Field = Field { name: "registration_id", kind: Type::Text };
const CREDENTIAL: Field = Field { name: "credential", kind: Type::Text };
const LABEL: Field = Field { name: "label", kind: Type::Text };
const REQUEST: Field = Field { name: "mfa_request_id", kind: Type::Text };

pub(super) const ROUTES: &[Route] = &[
    Route::new("identity/mfa/method/webauthn/generate", &[METHOD, LABEL], &[(Capability::Update, generate)]),
    Route::new(
        "identity/mfa/method/webauthn/admin-generate",
        &[METHOD, ENTITY, LABEL],
        &[(Capability::Update, admin_generate)],
    ),
    Route::new(
        "identity/mfa/method/webauthn/verify",
        &[METHOD, REGISTRATION, CREDENTIAL, LABEL],
        &[(Capability::Update, verify)],
    ),
    Route::new(
        "identity/mfa/method/webauthn/admin-verify",
        &[METHOD, ENTITY, REGISTRATION, CREDENTIAL, LABEL],
        &[(Capability::Update, admin_verify)],
    ),
    Route::new(
        "identity/mfa/method/webauthn/admin-destroy",
        &[METHOD, ENTITY, REGISTRATION],
        &[(Capability::Update, admin_destroy)],
    ),
    Route::new("identity/mfa/method/webauthn/admin-unlock", &[METHOD, ENTITY], &[(Capability::Update, admin_unlock)]),
    Route::new(
        "identity/mfa/method/webauthn/self-enroll",
        &[REQUEST, Field { name: "mfa_method_id", kind: Type::Text }],
        &[(Capability::Update, self_enrol)],
    )
    .open(),
];

fn generate(call: &mut Call<'_>) -> Result<Plan, Error> {
    let entity = own_entity(call)?;
    begin(call, entity)
}

fn admin_generate(call: &mut Call<'_>) -> Result<Plan, Error> {
    let entity = entity_id(&call.input, "missing entityID")?;
    begin(call, entity)
}

/// What the authenticator is to be called, if that is said.
fn label(call: &Call<'_>) -> Result<Option<String>, Error> {
    match call.input.given_text("label") {
        Some(label) if label.len() > LONGEST_TEXT => Err(Error::bad_request("label is too long (limit: 512 bytes)")),
        label => Ok(label.map(str::to_owned)),
    }
}

/// Begin a registration: what its browser is to be asked.
fn begin(call: &mut Call<'_>, entity: EntityId) -> Result<Plan, Error> {
    let method = method_id(&call.input)?;
    let terms = registrations::Terms { label: label(call)?.unwrap_or_default(), ..Default::default() };
    let entropy = call.engine.entropy.as_ref();
    let fresh = registrations::Fresh::draw(entropy, entropy.uuid().to_string());
    let scope = call.scope.clone();
    Ok(Plan::write(move |tx, access| {
        match registrations::begin(tx, access, &scope, &method, &entity, &terms, &fresh) {
            Ok(Begun::Asked(options)) => {
                let beside = json!({
                    "registration_id": fresh.id,
                    "method_id": method.as_str(),
                    "entity_id": entity.as_str(),
                });
                asked(tx, options, beside)
            }
            Ok(Begun::AlreadyEnrolled { method_name }) => Ok(already_enrolled(&method_name)),
            Err(error) => Err(refused(tx, access, error, "generate", &method)),
        }
    }))
}

/// Options for a browser, with what else there is to say.
fn asked(tx: &mut dyn Tx, options: Value, beside: Value) -> Result<Reply, Error> {
    let mut data = Map::new();
    for said in [options, beside] {
        if let Value::Object(members) = said {
            data.extend(members);
        }
    }
    data.insert("type".into(), Kind::WebAuthn.as_str().into());
    data.insert("lifetime".into(), options::LONGEST_CEREMONY.as_secs().into());
    data.insert("expires_at".into(), tx.now().plus(options::LONGEST_CEREMONY).to_string().into());
    Reply::data(&data)
}

/// Words for what is wrong with a method and an entity that are named together.
fn refused(tx: &mut dyn Tx, access: &Access, error: engine::Error, what: &str, method: &MethodId) -> Error {
    if !matches!(error, engine::Error::OtherKind) {
        return pair_error(error, method);
    }
    match methods::get(tx, access, method) {
        Ok(found) => {
            let kind = found.map_or("", |method| method.settings.kind().as_str());
            Error::bad_request(format!("{what} not available for MFA type \"{kind}\""))
        }
        Err(error) => error.into(),
    }
}

fn verify(call: &mut Call<'_>) -> Result<Plan, Error> {
    let entity = own_entity(call)?;
    finish(call, entity)
}

fn admin_verify(call: &mut Call<'_>) -> Result<Plan, Error> {
    let entity = entity_id(&call.input, "missing entityID")?;
    finish(call, entity)
}

/// An authenticator as its registration shows it.
#[derive(Serialize)]
struct Registered {
    method_id: String,
    entity_id: String,
    registration_id: String,
    label: String,
    credential_id: String,
    aaguid: String,
    user_verified: bool,
    backup_eligible: bool,
    backed_up: bool,
}

/// Consider what answers a registration here, check it where blocking is allowed, bind it in the writer.
fn finish(call: &mut Call<'_>, entity: EntityId) -> Result<Plan, Error> {
    let method = method_id(&call.input)?;
    let label = label(call)?;
    let id = match call.input.text("registration_id") {
        "" => return Err(Error::bad_request("missing registration ID")),
        id => id.to_owned(),
    };
    let answer = call.input.secret("credential");
    if answer.expose().is_empty() {
        return Err(Error::bad_request("missing credential"));
    }
    match registrations::consider(call.tx, call.access, &call.scope, &id, &method, &entity, &answer)? {
        Considered::Refused(why) => Ok(Plan::Reply(not_registered(&why, &method))),
        Considered::Check(check) => {
            Ok(Plan::slow(move |_| Ok(register(*check, Registering { method, entity, label }))))
        }
    }
}

/// What is being registered.
struct Registering {
    method: MethodId,
    entity: EntityId,
    label: Option<String>,
}

fn register(check: Check, registering: Registering) -> Plan {
    let checked = check.run();
    let Registering { method, entity, label } = registering;
    Plan::write(move |tx, access| match registrations::register(tx, access, &checked, label.as_deref()) {
        Ok(Ok(bound)) => shown(&bound, &method, &entity),
        Ok(Err(why)) => Ok(not_registered(&why, &method)),
        Err(error) => Err(refused(tx, access, error, "verify", &method)),
    })
}

fn shown(bound: &Bound, method: &MethodId, entity: &EntityId) -> Result<Reply, Error> {
    let Some((registration, credential)) = bound.authenticator.registered() else { return Ok(Reply::NoContent) };
    Reply::data(&Registered {
        method_id: method.to_string(),
        entity_id: entity.to_string(),
        registration_id: registration.to_owned(),
        label: bound.label.clone(),
        credential_id: encoded::encode(&credential.id),
        aaguid: credential.aaguid.clone(),
        user_verified: credential.user_verified,
        backup_eligible: credential.backup_eligible,
        backed_up: credential.backed_up,
    })
}

/// Why nothing was registered. What a browser or an authenticator said wrong is for the log.
fn not_registered(why: &NotRegistered, method: &MethodId) -> Reply {
    let error = match why {
        NotRegistered::Unknown => Error::bad_request("no registration waits under this registration ID"),
        NotRegistered::Wrong(Wrong::Malformed) => Error::bad_request("credential is not a public key credential"),
        NotRegistered::Wrong(_) => Error::forbidden("MFA credentials not supplied or incorrect"),
        NotRegistered::Taken => Error::bad_request("credential is already registered"),
        NotRegistered::AlreadyEnrolled { method_name } => return already_enrolled(method_name),
    };
    let reason = match why {
        NotRegistered::Wrong(refusal) => refusal.to_string(),
        NotRegistered::Unknown | NotRegistered::Taken | NotRegistered::AlreadyEnrolled { .. } => why.to_string(),
    };
    Reply::Refused(Refusal { error, reason, method: Some(method.clone()) })
}

/// Destroy one of an entity's authenticators, by what its registration was called; without that, all of them.
fn admin_destroy(call: &mut Call<'_>) -> Result<Plan, Error> {
    let registration = match call.input.text("registration_id") {
        "" => return super::authenticators::admin_destroy(call),
        id => id.to_owned(),
    };
    let method = method_id(&call.input)?;
    let entity = entity_id(&call.input, "missing entity ID")?;
    let scope = call.scope.clone();
    Ok(Plan::write(move |tx, access| {
        match registrations::destroy(tx, access, &scope, &method, &entity, &registration) {
            Ok(()) => Ok(Reply::NoContent),
            Err(error) => Err(super::authenticators::admin_error(error, Kind::WebAuthn, &method, &scope.path)),
        }
    }))
}

/// An authenticator for the login that waits: what registers it answers that login, and binds it.
fn self_enrol(call: &mut Call<'_>) -> Result<Plan, Error> {
    let request_id = request_id(call)?;
    let method = match call.input.text("mfa_method_id") {
        "" => return Err(Error::bad_request("missing method ID")),
        id => MethodId::new(id),
    };
    let entropy = call.engine.entropy.as_ref();
    let fresh = registrations::Fresh::draw(entropy, entropy.uuid().to_string());
    let scope = call.scope.clone();
    Ok(Plan::write(move |tx, access| {
        match self_enrolment::register(tx, access, &scope, &request_id, &method, &fresh)? {
            Begun::Asked(options) => asked(tx, options, json!({ "method_id": method.as_str() })),
            Begun::AlreadyEnrolled { method_name } => Ok(already_enrolled(&method_name)),
        }
    }))
}

/// Ask an entity, for an application, for an assertion under a WebAuthn method.
pub(super) fn ask_for_application(call: &Call<'_>, method: MethodId, entity: EntityId) -> Plan {
    let fresh = assertions::Fresh::draw(call.engine.entropy.as_ref());
    let (scope, terms) = (call.scope.clone(), assertions::Terms::default());
    let request = assertions::Request { scope, asker: Asker::Application, method, entity, terms, fresh };
    Plan::write(move |tx, access| match assertions::pose(tx, access, &request) {
        Ok(options) => {
            let beside = json!({ "method_id": request.method.as_str(), "entity_id": request.entity.as_str() });
            asked(tx, options, beside)
        }
        Err(error) => Err(refused(tx, access, error, "challenge", &request.method)),
    })
}

/// Ask whoever logs in for an assertion under a WebAuthn method.
pub(super) fn ask_for_login(call: &Call<'_>, method: MethodId) -> Result<Plan, Error> {
    let request_id = request_id(call)?;
    let fresh = assertions::Fresh::draw(call.engine.entropy.as_ref());
    let scope = call.scope.clone();
    Ok(Plan::write(move |tx, access| {
        match assertions::pose_to_login(tx, access, &scope, &request_id, &method, &fresh) {
            Ok(options) => asked(tx, options, json!({ "method_id": method.as_str() })),
            Err(error) => Err(refused(tx, access, error, "challenge", &method)),
        }
    }))
}
