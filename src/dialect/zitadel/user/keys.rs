//! Keys: registered as second factors (U2F) or as passkeys, which are all factors in one; named, listed, removed.

use super::super::auth::Permission;
use super::super::details::{Details, ListDetails};
use super::super::error::Error;
use super::super::message::{enumeration, message};
use super::super::method::{Api, Call, Method, Plan, Reply};
use super::super::organisation;
use super::super::ready::{self, Key};
use super::super::rule::{NAME, Rule};
use super::super::scalar::Struct;
use super::contact::{ReturnCode, SendCode};
use super::lifecycle::About;
use super::notice::{self, Draws, Notice, TRIES};
use super::{Target, changed, details, other, target, template, unknown};
use crate::engine::codes::{self, Outcome, Pose};
use crate::engine::people::{self, User};
use crate::engine::registrations::{self, Begun, Considered, Fresh, NotRegistered, Terms};
use crate::engine::{Access, contacts, enrolments, methods};
use crate::factor::web_authn::{self, Algorithm, Attachment, Attestation, Origins, Party, Use, UserVerification};
use crate::id::{self, MethodId};
use crate::model::code::Purpose;
use crate::model::contact::Channel;
use crate::model::method::{self, Kind, MOST_ENROLMENTS, Settings};
use crate::model::secret_generator::Purpose as Generator;
use crate::model::web_authn::WebAuthn;
use crate::secret::Secret;
use crate::storage::Tx;

use Permission::{Authenticated, UserCredentialWrite, UserPasskeyWrite, UserRead};

const fn method(
    name: &'static str,
    bindings: &'static [(&'static str, &'static str)],
    handler: super::super::method::Handler,
) -> Method {
    Method::new(Api::Users, name, bindings, Authenticated, handler)
}

/// The methods.
pub(in crate::dialect::zitadel) const METHODS: &[Method] = &[
    method("RegisterU2F", &[("POST", "users/{user_id}/u2f")], |call, sent| register_u2f(call, sent.read()?)),
    method("VerifyU2FRegistration", &[("POST", "users/{user_id}/u2f/{u2f_id}")], |call, sent| {
        let asked: VerifyU2f = sent.read()?;
        verify(call, Use::SecondFactor, &asked.user_id, &asked.u2f_id, asked.public_key_credential, asked.token_name)
    }),
    method("RemoveU2F", &[("DELETE", "users/{user_id}/u2f/{u2f_id}")], |call, sent| {
        let asked: RemoveU2f = sent.read()?;
        remove(call, Use::SecondFactor, &asked.user_id, asked.u2f_id)
    })
    .only_v2(),
    method("RegisterPasskey", &[("POST", "users/{user_id}/passkeys")], |call, sent| {
        register_passkey(call, sent.read()?)
    }),
    method("VerifyPasskeyRegistration", &[("POST", "users/{user_id}/passkeys/{passkey_id}")], |call, sent| {
        let asked: VerifyPasskey = sent.read()?;
        verify(call, Use::Passkey, &asked.user_id, &asked.passkey_id, asked.public_key_credential, asked.passkey_name)
    }),
    method("CreatePasskeyRegistrationLink", &[("POST", "users/{user_id}/passkeys/registration_link")], |call, sent| {
        link(call, sent.read()?)
    }),
    method("ListPasskeys", &[("POST", "users/{user_id}/passkeys/_search")], |call, sent| list(call, &sent.read()?))
        .only_v2(),
    method("RemovePasskey", &[("DELETE", "users/{user_id}/passkeys/{passkey_id}")], |call, sent| {
        let asked: RemovePasskey = sent.read()?;
        remove(call, Use::Passkey, &asked.user_id, asked.passkey_id)
    })
    .only_v2(),
];

message! {
    struct RegisterU2f("RegisterU2FRequest") {
        user_id: String where NAME,
        domain: String where Rule::Runes(0, 200),
    }

    struct U2fBegun("RegisterU2FResponse") {
        details: Details,
        u2f_id: String,
        public_key_credential_creation_options: Struct,
    }

    struct VerifyU2f("VerifyU2FRegistrationRequest") {
        user_id: String where NAME,
        u2f_id: String where NAME,
        public_key_credential: Option<Struct> where Rule::Required,
        token_name: String where NAME,
    }

    struct RemoveU2f("RemoveU2FRequest") {
        user_id: String where NAME,
        u2f_id: String where NAME,
    }

    struct RegisterPasskey("RegisterPasskeyRequest") {
        user_id: String where NAME,
        code: Option<RegistrationCode>,
        authenticator: Authenticator,
        domain: String where Rule::Runes(0, 200),
    }

    struct PasskeyBegun("RegisterPasskeyResponse") {
        details: Details,
        passkey_id: String,
        public_key_credential_creation_options: Struct,
    }

    struct VerifyPasskey("VerifyPasskeyRegistrationRequest") {
        user_id: String where NAME,
        passkey_id: String where NAME,
        public_key_credential: Option<Struct> where Rule::Required,
        passkey_name: String where NAME,
    }

    struct RemovePasskey("RemovePasskeyRequest") {
        user_id: String where NAME,
        passkey_id: String where NAME,
    }

    #[derive(Clone)]
    struct RegistrationCode("PasskeyRegistrationCode") {
        id: String where NAME,
        code: Secret<String> where NAME,
    }

    struct MakeLink("CreatePasskeyRegistrationLinkRequest") one_of(send_link, return_code) {
        user_id: String where NAME,
        send_link: Option<SendCode>,
        return_code: Option<ReturnCode>,
    }

    struct LinkMade("CreatePasskeyRegistrationLinkResponse") {
        details: Details,
        code: Option<RegistrationCode>,
    }

    struct Listed("ListPasskeysResponse") {
        details: ListDetails,
        result: Vec<Passkey>,
    }

    struct Passkey {
        id: String,
        state: super::listing::FactorState,
        name: String,
    }
}

enumeration! {
    /// How a passkey's authenticator should be attached.
    enum Authenticator {
        Unspecified = 0 "PASSKEY_AUTHENTICATOR_UNSPECIFIED",
        Platform = 1 "PASSKEY_AUTHENTICATOR_PLATFORM",
        CrossPlatform = 2 "PASSKEY_AUTHENTICATOR_CROSS_PLATFORM",
    }
}

/// What browsers show the relying party as.
const NAME_OF_PARTY: &str = "ZITADEL";

/// Whoever is at `domain`, on any port, and at the hosts below it.
pub(in crate::dialect::zitadel) fn party(domain: &str) -> Party {
    Party {
        id: domain.to_owned(),
        name: NAME_OF_PARTY.to_owned(),
        origins: Origins::Within(domain.to_owned()),
        app_id: None,
    }
}

fn register_u2f(call: &mut Call<'_>, asked: RegisterU2f) -> Result<Plan, Error> {
    let target = target(call.caller, &asked.user_id, UserCredentialWrite)?;
    let terms = Terms { user_verification: Some(UserVerification::Preferred), ..terms(call, asked.domain) };
    let shape = |details, id, options| {
        Reply::of(&U2fBegun { details, u2f_id: id, public_key_credential_creation_options: Struct(options) })
    };
    Ok(begin(call, target, terms, None, shape))
}

fn register_passkey(call: &mut Call<'_>, asked: RegisterPasskey) -> Result<Plan, Error> {
    let target = target(call.caller, &asked.user_id, UserPasskeyWrite)?;
    let terms = Terms {
        user_verification: Some(UserVerification::Required),
        purpose: Some(Use::Passkey),
        attachment: match asked.authenticator {
            Authenticator::Unspecified => None,
            Authenticator::Platform => Some(Attachment::Platform),
            Authenticator::CrossPlatform => Some(Attachment::CrossPlatform),
        },
        ..terms(call, asked.domain)
    };
    let shape = |details, id, options| {
        Reply::of(&PasskeyBegun { details, passkey_id: id, public_key_credential_creation_options: Struct(options) })
    };
    Ok(begin(call, target, terms, asked.code, shape))
}

/// What is asked of a key for `domain`, or for the host that the request was sent to.
fn terms(call: &Call<'_>, domain: String) -> Terms {
    let domain = if domain.is_empty() { call.host.to_owned() } else { domain };
    Terms {
        party: Some(party(&domain)),
        attestation: Some(Attestation::None),
        algorithms: Some(Algorithm::ALL.to_vec()),
        purpose: Some(Use::SecondFactor),
        ..Terms::default()
    }
}

type Shape = fn(Details, String, serde_json::Value) -> Reply;

fn begin(call: &Call<'_>, target: Target, terms: Terms, code: Option<RegistrationCode>, shape: Shape) -> Plan {
    let entropy = call.engine.entropy.as_ref();
    let fresh = Fresh::draw(entropy, id::decimal(entropy));
    let method_id = MethodId::fresh(entropy);
    Plan::write(move |tx, access| {
        let mut user = human(tx, access, &target)?;
        if let Some(RegistrationCode { id, code }) = &code {
            let purpose = Purpose::Passkey(id.clone());
            if let Outcome::Wrong { tries } = codes::answer(tx, access, user.id(), &purpose, code, None, TRIES)? {
                return Ok(Reply::Refused(Error::invalid("COMMAND-Eeb2a", "Code is invalid"), tries));
            }
        }
        let method = default_method(tx, access, &user, &terms, &method_id)?;
        let terms = Terms { user: Some(handle_of(&user)), ..terms.clone() };
        let scope = user.entity.scope.clone();
        match registrations::begin(tx, access, &scope, &method.id, user.id(), &terms, &fresh)? {
            Begun::Asked(options) => {
                people::touch(tx, access, &mut user)?;
                Ok(shape(details(&user), fresh.id.clone(), options))
            }
            Begun::AlreadyEnrolled { .. } => Err(enough()),
        }
    })
}

fn human(tx: &mut dyn Tx, access: &Access, target: &Target) -> Result<User, Error> {
    target.find(tx, access)?.filter(|user| user.person.profile().is_some()).ok_or_else(unknown)
}

/// Whom a credential is for.
fn handle_of(user: &User) -> web_authn::User {
    web_authn::User {
        handle: user.entity.id.as_str().bytes().take(64).collect(),
        name: user.entity.name.clone(),
        display_name: user.person.display_name().to_owned(),
    }
}

/// The method of the user's organisation under which keys are, made if need be: for the domain that was asked for first. Each key is of the
/// domain that it was registered for.
fn default_method(
    tx: &mut dyn Tx,
    access: &Access,
    user: &User,
    terms: &Terms,
    id: &MethodId,
) -> Result<method::Method, Error> {
    let domain = terms.party.as_ref().map(|party| party.id.clone()).unwrap_or_default();
    let settings = Settings::WebAuthn(WebAuthn {
        origins: vec![format!("https://{domain}")],
        rp_id: domain,
        rp_name: NAME_OF_PARTY.to_owned(),
        user_verification: UserVerification::Preferred,
        attestation: Attestation::None,
        algorithms: Algorithm::ALL.to_vec(),
        max_enrolments: MOST_ENROLMENTS,
        max_validation_attempts: 5,
        self_enrolment: false,
        app_id: None,
    });
    Ok(methods::ensure_default(tx, access, &user.entity.scope, &settings, id)?)
}

fn enough() -> Error {
    Error::precondition("COMMAND-4Dg2e", "Maximum number of keys exceeded")
}

fn verify(
    call: &mut Call<'_>,
    purpose: Use,
    user_id: &str,
    id: &str,
    credential: Option<Struct>,
    name: String,
) -> Result<Plan, Error> {
    let permission = match purpose {
        Use::SecondFactor => UserCredentialWrite,
        Use::Passkey => UserPasskeyWrite,
    };
    let target = target(call.caller, user_id, permission)?;
    let user = human(call.tx, call.access, &target)?;
    let nothing = || Error::not_found("WEBAU-5M9so", "WebAuthN Token could not be found");
    let scope = user.entity.scope.clone();
    let method = methods::default_of(call.tx, call.access, &scope, Kind::WebAuthn)?.ok_or_else(nothing)?;
    let answer = Secret::new(credential.map(|credential| credential.0.to_string()).unwrap_or_default());
    let considered = registrations::consider(call.tx, call.access, &scope, id, &method.id, user.id(), &answer)?;
    let check = match considered {
        Considered::Check(check) if check.purpose() == purpose => check,
        Considered::Check(_) | Considered::Refused(NotRegistered::Unknown) => return Err(nothing()),
        Considered::Refused(NotRegistered::Wrong(_) | NotRegistered::Taken) => {
            return Err(Error::invalid("WEBAU-sEr8c", "Error on parse credential data"));
        }
        Considered::Refused(NotRegistered::AlreadyEnrolled { .. }) => return Err(enough()),
    };
    Ok(Plan::slow(move |_| {
        let checked = check.run();
        Ok(Plan::write(move |tx, access| {
            let mut user = human(tx, access, &target)?;
            match registrations::register(tx, access, &checked, Some(&name))? {
                Ok(_) => changed(tx, access, &mut user),
                Err(NotRegistered::Unknown) => Err(nothing()),
                Err(NotRegistered::Wrong(_) | NotRegistered::Taken) => {
                    Err(Error::invalid("WEBAU-3Vb9s", "Error on create credentials"))
                }
                Err(NotRegistered::AlreadyEnrolled { .. }) => Err(enough()),
            }
        }))
    }))
}

fn remove(call: &mut Call<'_>, purpose: Use, user_id: &str, id: String) -> Result<Plan, Error> {
    let (permission, nothing) = match purpose {
        Use::SecondFactor => (UserCredentialWrite, ("COMMAND-2M9fs", "U2F does not exist")),
        Use::Passkey => (UserPasskeyWrite, ("COMMAND-2M9ft", "Passkey does not exist")),
    };
    let target = target(call.caller, user_id, permission)?;
    Ok(Plan::write(move |tx, access| {
        let nothing = || Error::not_found(nothing.0, nothing.1);
        let mut user = target.get(tx, access)?;
        let keys = ready::keys(tx, access, &user)?;
        let key = keys.into_iter().find(|key| key.id == id && key.purpose == purpose).ok_or_else(nothing)?;
        enrolments::remove_one(tx, access, user.id(), &key.method, key.number)?;
        changed(tx, access, &mut user)
    }))
}

fn list(call: &mut Call<'_>, asked: &About) -> Result<Plan, Error> {
    let user = target(call.caller, &asked.user_id, UserRead)?.get(call.tx, call.access)?;
    let keys = ready::keys(call.tx, call.access, &user)?;
    let result: Vec<Passkey> = keys.into_iter().filter(|key| key.purpose == Use::Passkey).map(Passkey::from).collect();
    Plan::reply(&Listed { details: ListDetails::new(result.len(), call.tx.now()), result })
}

impl From<Key> for Passkey {
    fn from(key: Key) -> Self {
        Self { id: key.id, state: super::listing::FactorState::Ready, name: key.name }
    }
}

fn link(call: &mut Call<'_>, asked: MakeLink) -> Result<Plan, Error> {
    let target = other(call.caller, &asked.user_id, UserPasskeyWrite)?;
    let user = human(call.tx, call.access, &target)?;
    let draws = Draws::of(call, Generator::PasskeyRegistration)?;
    let id = id::decimal(call.engine.entropy.as_ref());
    let organisation = organisation::id_of(&user.entity.scope.id);
    let values = [
        ("UserID", user.id().as_str()),
        ("OrgID", organisation.as_str()),
        ("CodeID", id.as_str()),
        ("Code", draws.code.expose()),
    ];
    let template = asked.send_link.and_then(|send| send.url_template);
    let link = template.map(|template| template::render(&template, &values)).transpose()?;
    let gives_back = asked.return_code.is_some();
    Ok(Plan::send(move |tx, access| {
        let mut user = human(tx, access, &target)?;
        let pose = Pose {
            entity: user.id().clone(),
            purpose: Purpose::Passkey(id.clone()),
            text: draws.code.clone(),
            proves: None,
            lifetime: draws.lifetime,
            tries: TRIES,
        };
        codes::pose(tx, access, &pose)?;
        if !gives_back {
            let contact = contacts::get(tx, access, user.id(), Channel::Email)?;
            let contact = contact.filter(|contact| contact.verified_at.is_some());
            let contact = contact.ok_or_else(|| Error::precondition("COMMAND-G8dh3", "Email not verified"))?;
            let notice = Notice {
                user: &user,
                channel: Channel::Email,
                to: &contact.address,
                subject: "Add passkey",
                purpose: &format!("register a passkey (code id {id})"),
                draws: &draws,
                link: link.as_deref(),
            };
            notice::send(tx, access, &notice)?;
        }
        people::touch(tx, access, &mut user)?;
        let code = gives_back.then(|| RegistrationCode { id: id.clone(), code: draws.code.clone() });
        Ok(Reply::of(&LinkMade { details: details(&user), code }))
    }))
}
