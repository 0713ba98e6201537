//! `sys/mfa/validate`: the second phase of a login.

use std::sync::Arc;

use super::credentials;
use super::error::{Error, listed};
use super::field::{Field, Kind as Type};
use super::requirement::token_reply;
use super::route::{Call, Plan, Route};
use super::verification::too_many;
use super::wire::{Refusal, Reply};
use crate::engine::access::Capability;
use crate::engine::logins::{self, Considered, Validated, Validation};
use crate::engine::requirements::{Failure, Lack, Offer, Unsatisfied};
use crate::engine::tokens::FreshToken;
use crate::engine::{Access, Engine, pushing};
use crate::id::MethodId;
use crate::model::namespace::Scope;
use crate::secret::Secret;
use crate::storage::Tx;

pub(super) const ROUTES: &[Route] = &[Route::new(
    "sys/mfa/validate",
    &[Field { name: "mfa_request_id", kind: Type::Text }, Field { name: "mfa_payload", kind: Type::Object }],
    &[(Capability::Update, validate)],
)
.open()];

/// Shows which login waits.
pub(super) fn request_id(call: &Call<'_>) -> Result<Secret<String>, Error> {
    match call.input.text("mfa_request_id") {
        "" => Err(Error::bad_request("missing request ID")),
        id => Ok(Secret::new(id.to_owned())),
    }
}

/// Evaluate here, settle in the writer, answer when that is committed.
fn validate(call: &mut Call<'_>) -> Result<Plan, Error> {
    let entropy = call.engine.entropy.as_ref();
    let request_id = request_id(call)?;
    let offer = credentials::from_payload(call.input.object("mfa_payload").unwrap_or("{}"))?;
    let fresh = FreshToken::draw(entropy, &call.scope);
    let nonce = pushing::fresh_nonce(entropy);
    let engine = Arc::clone(call.engine);
    Offered { engine, scope: call.scope.clone(), request_id, offer, nonce, fresh }.consider(call.tx, call.access)
}

/// What is offered for a login that waits.
struct Offered {
    engine: Arc<Engine>,
    scope: Scope,
    request_id: Secret<String>,
    offer: Offer,
    nonce: String,
    fresh: FreshToken,
}

impl Offered {
    /// Consider it on a snapshot. Where providers have to be asked, that comes first, off the thread that serves, and then a later snapshot.
    fn consider(mut self, tx: &mut dyn Tx, access: &Access) -> Result<Plan, Error> {
        let Self { scope, request_id, offer, nonce, fresh, .. } = &self;
        let considered = logins::consider(tx, access, scope, request_id.clone(), offer, nonce, fresh.clone())?;
        match considered {
            Considered::Ask(questions) => Ok(Plan::slow(move |engine| {
                self.offer.ask(engine.gateway.as_ref(), &questions);
                let access = engine.access()?;
                engine.store.read(engine.now(), |tx| self.consider(tx, &access))
            })),
            Considered::Check(validation) => Ok(Plan::slow(move |_| Ok(settle(self.engine, validation.finish())))),
            Considered::Settle(validation) => Ok(settle(self.engine, *validation)),
        }
    }
}

fn settle(engine: Arc<Engine>, validation: Validation) -> Plan {
    Plan::write(move |tx, access| {
        let clock = engine.time.observe(tx.now());
        match logins::validate(tx, access, &validation, clock)? {
            Validated::Token(created) => {
                engine.uses.note_all(&created.used, tx.now());
                token_reply(tx, access, &created, &[])
            }
            Validated::Refused(unsatisfied) => Ok(refused(&unsatisfied)),
        }
    })
}

fn refused(unsatisfied: &Unsatisfied) -> Reply {
    let Unsatisfied { enforcement, methods, lack } = unsatisfied;
    let detail = match lack {
        Lack::Offer(wanted) => nothing_offered(wanted),
        Lack::Proof(failures) => not_proven(methods, failures),
    };
    let error = Error::forbidden(format!("failed to satisfy enforcement {enforcement}. error: {detail}"));
    Reply::Refused(Refusal { error, reason: unsatisfied.to_string(), method: None })
}

fn nothing_offered(wanted: &[(MethodId, String)]) -> String {
    let texts = wanted.iter().map(|(id, name)| {
        format!("failed to find MFA credentials associated with an MFA method ID {id}, method name {name}")
    });
    let texts: Vec<String> = texts.collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    format!("failed to sanitize MFA creds, {}", listed(&texts))
}

fn not_proven(methods: &[MethodId], failures: &[Failure]) -> String {
    let ids: Vec<&str> = methods.iter().map(MethodId::as_str).collect();
    let failed = format!("login MFA validation failed for methodID: [{}]", ids.join(" "));
    let texts: Vec<String> = failures.iter().map(worded).chain([failed]).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    listed(&texts)
}

/// A failure in Vault's words. Whoever reads them has the request id, and so has passed the first factor.
fn worded(failure: &Failure) -> String {
    match failure {
        Failure::Unreadable(why) => why.clone(),
        Failure::NotEnrolled { method_name, entity } => {
            format!("MFA secret for method name \"{method_name}\" not present in entity \"{entity}\"")
        }
        Failure::Refused(_) | Failure::NotApproved => "MFA credentials not supplied or incorrect".to_owned(),
        Failure::TooMany { attempts, allowed, retry_in } => too_many(*attempts, *allowed, *retry_in),
    }
}
