//! `identity/mfa/method/<kind>/…`: authenticators made, destroyed, unlocked.

use serde::Serialize;

use super::enrollments::no_such;
use super::error::Error;
use super::field::{Field, Kind as Type};
use super::input::Input;
use super::methods::kind_in;
use super::route::{Call, Plan, Route};
use super::second_phase::request_id;
use super::verification::{PROOF, PROOF_METHOD, proof, prove};
use super::wire::Reply;
use crate::engine::access::Capability;
use crate::engine::enrolments::{self, Bound, Draft, Drafted, Redrawn, Shown, Terms};
use crate::engine::verification::Question;
use crate::engine::{self, Access, methods, self_enrolment, verification};
use crate::factor::qr;
use crate::id::{EntityId, MethodId};
use crate::model::method::Kind;
use crate::secret::Secret;
use crate::storage::Tx;

/// The longest label, in characters.
const LONGEST_LABEL: usize = 64;

const FIELDS: &[Field] = &[METHOD, ENTITY];
const SELF_ENROL: &[Field] =
    &[Field { name: "mfa_request_id", kind: Type::Text }, Field { name: "mfa_method_id", kind: Type::Text }];
const METHOD: Field = Field { name: "method_id", kind: Type::Text };
const ENTITY: Field = Field { name: "entity_id", kind: Type::Text };
const LABEL: Field = Field { name: "label", kind: Type::Text };
const NAME: Field = Field { name: "method_name", kind: Type::Text };
const OWN: &[Field] = &[METHOD, NAME, LABEL];
const OWN_CODES: &[Field] = &[METHOD, NAME, LABEL, PROOF, PROOF_METHOD];
const ADMIN: &[Field] = &[METHOD, ENTITY, LABEL];
/// What one authenticator is named by, or all of an entity under a method.
pub(super) const DESTROY: &[Field] = &[METHOD, ENTITY, Field { name: "number", kind: Type::Int }];

pub(super) const ROUTES: &[Route] = &[
    Route::new("identity/mfa/method/totp/generate", OWN, &[(Capability::Update, generate)]),
    Route::new("identity/mfa/method/totp/admin-generate", ADMIN, &[(Capability::Update, admin_generate)]),
    Route::new("identity/mfa/method/totp/admin-destroy", DESTROY, &[(Capability::Update, admin_destroy)]),
    Route::new("identity/mfa/method/totp/admin-unlock", FIELDS, &[(Capability::Update, admin_unlock)]),
    Route::new("identity/mfa/method/totp/self-enroll", SELF_ENROL, &[(Capability::Update, self_enrol)]).open(),
    Route::new("identity/mfa/method/recovery/generate", OWN_CODES, &[(Capability::Update, generate)]),
    Route::new("identity/mfa/method/recovery/admin-generate", ADMIN, &[(Capability::Update, admin_generate)]),
    Route::new("identity/mfa/method/recovery/admin-destroy", DESTROY, &[(Capability::Update, admin_destroy)]),
    Route::new("identity/mfa/method/recovery/admin-unlock", FIELDS, &[(Capability::Update, admin_unlock)]),
];

/// The method that the body names.
pub(super) fn method_id(input: &Input) -> Result<MethodId, Error> {
    match input.text("method_id") {
        "" => Err(Error::bad_request("missing method ID")),
        id => Ok(MethodId::new(id)),
    }
}

/// The method of the caller's own that the body names, by id or by name.
pub(super) fn own_method(call: &mut Call<'_>) -> Result<MethodId, Error> {
    let name = call.input.text("method_name").to_owned();
    if name.is_empty() || !call.input.text("method_id").is_empty() {
        return method_id(&call.input);
    }
    let found = verification::find_method(call.tx, call.access, &call.scope, &name)?;
    let unknown = || Error::bad_request(format!("configuration for method name \"{name}\" does not exist"));
    found.map(|method| method.id).ok_or_else(unknown)
}

pub(super) fn entity_id(input: &Input, missing: &str) -> Result<EntityId, Error> {
    match input.text("entity_id") {
        "" => Err(Error::bad_request(missing)),
        id => Ok(EntityId::new(id)),
    }
}

/// The entity that the caller speaks for.
pub(super) fn own_entity(call: &Call<'_>) -> Result<EntityId, Error> {
    call.caller()?.entity.clone().ok_or_else(|| Error::bad_request("missing entityID"))
}

/// The kind that the path names.
pub(super) fn kind(call: &Call<'_>) -> Result<Kind, Error> {
    kind_in(call.path).ok_or_else(Error::unsupported_path)
}

fn generate(call: &mut Call<'_>) -> Result<Plan, Error> {
    let method = own_method(call)?;
    let entity = own_entity(call)?;
    match proof(call, &method, &entity) {
        Some(question) => regenerate(call, &method, &entity, question),
        None => draft(call, &method, &entity),
    }
}

/// Make recovery codes anew, for whoever proves that it is them: by one of the old ones, or by another factor. Without old ones a proof is not
/// needed, and not looked at.
fn regenerate(call: &mut Call<'_>, method: &MethodId, entity: &EntityId, question: Question) -> Result<Plan, Error> {
    let scope = call.scope.clone();
    let redrawn = match enrolments::redraw(call.tx, call.access, &scope, method, entity) {
        Ok(Some(redrawn)) => redrawn,
        Ok(None) | Err(engine::Error::OtherKind) => return draft(call, method, entity),
        Err(error) => return Err(pair_error(error, method)),
    };
    let (method, entity) = (method.clone(), entity.clone());
    prove(call, question, move |tx, access, _| {
        let Redrawn { number, authenticator, shown } = &redrawn;
        if !enrolments::replace(tx, access, &entity, &method, *number, authenticator)? {
            return Err(no_such());
        }
        Reply::data(&Generated::Codes { codes: texts(shown) }).map(Some)
    })
}

fn texts(codes: &[Secret<String>]) -> Vec<String> {
    codes.iter().map(|code| code.expose().clone()).collect()
}

fn admin_generate(call: &mut Call<'_>) -> Result<Plan, Error> {
    let method = method_id(&call.input)?;
    let entity = entity_id(&call.input, "missing entityID")?;
    draft(call, &method, &entity)
}

/// Words for what is wrong with a method and an entity that are named together.
pub(super) fn pair_error(error: engine::Error, method: &MethodId) -> Error {
    if matches!(error, engine::Error::UnknownMethod) {
        return Error::bad_request(format!("configuration for method ID \"{method}\" does not exist"));
    }
    error.into()
}

fn draft(call: &mut Call<'_>, method: &MethodId, entity: &EntityId) -> Result<Plan, Error> {
    let kind = kind(call)?;
    let terms = Terms { label: label(&call.input)?, ..Terms::default() };
    match enrolments::draft(call.tx, call.access, &call.scope, kind, method, entity, &terms) {
        Ok(Drafted::Fresh(draft)) => {
            Ok(Plan::slow(move |_| draw(*draft, |tx, access, draft| enrolments::bind(tx, access, draft))))
        }
        Ok(Drafted::AlreadyEnrolled { method_name }) => Ok(Plan::Reply(already_enrolled(&method_name))),
        Err(engine::Error::OtherKind) => {
            let found = methods::get(call.tx, call.access, method)?;
            let kind = found.map_or("", |method| method.settings.kind().as_str());
            Err(Error::bad_request(format!("generate not available for MFA type \"{kind}\"")))
        }
        Err(error) => Err(pair_error(error, method)),
    }
}

pub(super) fn already_enrolled(method_name: &str) -> Reply {
    Reply::warning(format!("Entity already has a secret for MFA method \"{method_name}\""))
}

/// The method that a login is to be enrolled under.
pub(super) fn self_enrolled(input: &Input) -> Result<MethodId, Error> {
    match input.text("mfa_method_id") {
        "" => Err(Error::bad_request("missing method ID")),
        id => Ok(MethodId::new(id)),
    }
}

/// Which of an entity's authenticators under a method is meant; `None` for all.
pub(super) fn number(input: &Input) -> Result<Option<u32>, Error> {
    input.int("number").map(|number| u32::try_from(number).map_err(|_| no_such())).transpose()
}

/// What its owner calls an authenticator.
pub(super) fn label(input: &Input) -> Result<String, Error> {
    let label = input.text("label");
    if label.chars().count() > LONGEST_LABEL || label.chars().any(char::is_control) {
        return Err(Error::bad_request(format!("label must be one line of at most {LONGEST_LABEL} characters")));
    }
    Ok(label.to_owned())
}

/// What an owner is shown once.
#[derive(Clone, Serialize)]
#[serde(untagged)]
enum Generated {
    Key {
        barcode: String,
        url: String,
        /// Told where there may be several: which of them it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        number: Option<u32>,
    },
    Codes {
        codes: Vec<String>,
    },
}

impl Generated {
    /// The same with its number, where an entity may have several.
    fn numbered(self, number: u32, most: u32) -> Self {
        match self {
            Self::Key { barcode, url, .. } => Self::Key { barcode, url, number: (most > 1).then_some(number) },
            Self::Codes { codes } => Self::Codes { codes },
        }
    }
}

/// An authenticator for the login that waits: kept there, and bound by its first right code.
fn self_enrol(call: &mut Call<'_>) -> Result<Plan, Error> {
    let request_id = request_id(call)?;
    let method = self_enrolled(&call.input)?;
    let scope = call.scope.clone();
    let kind = kind(call)?;
    match self_enrolment::draft(call.tx, call.access, &scope, &request_id, kind, &method)? {
        Drafted::Fresh(draft) => Ok(Plan::slow(move |_| {
            draw(*draft, move |tx, access, draft| self_enrolment::keep(tx, access, &scope, &request_id, draft))
        })),
        Drafted::AlreadyEnrolled { method_name } => Ok(Plan::Reply(already_enrolled(&method_name))),
    }
}

/// Draw the picture first, and then let the draft be stored: where the drawing fails, nothing is.
fn draw(
    draft: Draft,
    mut store: impl FnMut(&mut dyn Tx, &Access, &Draft) -> Result<Bound, engine::Error> + Send + 'static,
) -> Result<Plan, Error> {
    let generated = match &draft.shown {
        Shown::Key { uri, qr_size } => {
            Generated::Key { barcode: barcode(uri, *qr_size)?, url: uri.expose().clone(), number: None }
        }
        Shown::Codes(codes) => Generated::Codes { codes: texts(codes) },
    };
    Ok(Plan::write(move |tx, access| match store(tx, access, &draft)? {
        Bound::Fresh { number } => Reply::data(&generated.clone().numbered(number, draft.most)),
        Bound::AlreadyEnrolled { method_name } => Ok(already_enrolled(&method_name)),
    }))
}

/// The picture of a key URI, as base64 of a PNG; empty where none is wanted.
fn barcode(uri: &Secret<String>, size: u32) -> Result<String, Error> {
    if size == 0 {
        return Ok(String::new());
    }
    let picture = qr::png(uri.expose(), size)
        .map_err(|error| Error::bad_request_wrapped(&format!("failed to generate QR code image: {error}")))?;
    Ok(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, picture))
}

pub(super) fn admin_destroy(call: &mut Call<'_>) -> Result<Plan, Error> {
    let method = method_id(&call.input)?;
    let entity = entity_id(&call.input, "missing entity ID")?;
    let number = number(&call.input)?;
    let (scope, kind) = (call.scope.clone(), kind(call)?);
    Ok(Plan::write(move |tx, access| {
        let pair = enrolments::bound_pair(tx, access, &scope, kind, &method, &entity);
        pair.map_err(|error| admin_error(error, kind, &method, &scope.path))?;
        match number {
            None => enrolments::remove(tx, access, &entity, &method)?,
            Some(number) if enrolments::remove_one(tx, access, &entity, &method, number)? => {}
            Some(_) => return Err(no_such()),
        }
        Ok(Reply::NoContent)
    }))
}

pub(super) fn admin_unlock(call: &mut Call<'_>) -> Result<Plan, Error> {
    let method = method_id(&call.input)?;
    let entity = entity_id(&call.input, "missing entity ID")?;
    let (scope, kind) = (call.scope.clone(), kind(call)?);
    Ok(Plan::write(move |tx, access| match verification::unlock(tx, access, &scope, kind, &method, &entity) {
        Ok(()) => Ok(Reply::NoContent),
        Err(error) => Err(admin_error(error, kind, &method, &scope.path)),
    }))
}

pub(super) fn admin_error(error: engine::Error, kind: Kind, method: &MethodId, here: &str) -> Error {
    if let engine::Error::OutsideMethod { entity, .. } = &error {
        return Error::bad_request(format!("entity namespace {entity} outside of the current namespace {here}"));
    }
    if matches!(error, engine::Error::OtherKind) {
        return Error::bad_request(format!("method ID does not match {} type", kind.as_str().to_uppercase()));
    }
    pair_error(error, method)
}
