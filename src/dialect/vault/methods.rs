//! `identity/mfa/method`: methods of every kind, set up, shown and deleted.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::Error;
use super::field::{Field, Kind as Type};
use super::input::Input;
use super::route::{Call, Handler, Plan, Route};
use super::wire::Reply;
use crate::engine::access::Capability;
use crate::engine::{self, methods};
use crate::factor::web_authn::Attestation;
use crate::id::MethodId;
use crate::model::method::{Kind, Method, Settings, Totp, TotpRequest};
use crate::model::out_of_band::{self, OutOfBand};
use crate::model::provider::{Duo, Okta, OktaBase, PingId};
use crate::model::recovery::{self, Recovery};
use crate::model::web_authn::{self, WebAuthn};

const NAME: Field = Field { name: "method_name", kind: Type::Text };
const USERNAME_FORMAT: Field = Field { name: "username_format", kind: Type::Text };

const TOTP: &[Field] = &[
    NAME,
    Field { name: "issuer", kind: Type::Text },
    Field { name: "period", kind: Type::Seconds },
    Field { name: "key_size", kind: Type::Int },
    Field { name: "qr_size", kind: Type::Int },
    Field { name: "algorithm", kind: Type::Text },
    Field { name: "digits", kind: Type::Int },
    Field { name: "skew", kind: Type::Int },
    Field { name: "max_validation_attempts", kind: Type::Int },
    Field { name: "enable_self_enrollment", kind: Type::Bool },
    Field { name: "max_enrollments", kind: Type::Int },
];

const DUO: &[Field] = &[
    NAME,
    USERNAME_FORMAT,
    Field { name: "secret_key", kind: Type::Text },
    Field { name: "integration_key", kind: Type::Text },
    Field { name: "api_hostname", kind: Type::Text },
    Field { name: "push_info", kind: Type::Text },
    Field { name: "use_passcode", kind: Type::Bool },
];

const OKTA: &[Field] = &[
    NAME,
    USERNAME_FORMAT,
    Field { name: "org_name", kind: Type::Text },
    Field { name: "api_token", kind: Type::Text },
    Field { name: "base_url", kind: Type::Text },
    Field { name: "production", kind: Type::Bool },
    Field { name: "primary_email", kind: Type::Bool },
];

const PINGID: &[Field] = &[NAME, USERNAME_FORMAT, Field { name: "settings_file_base64", kind: Type::Text }];

const CODES: &[Field] = &[
    NAME,
    Field { name: "length", kind: Type::Int },
    Field { name: "alphabet", kind: Type::Text },
    Field { name: "lifetime", kind: Type::Seconds },
    Field { name: "resend_pause", kind: Type::Seconds },
    Field { name: "tries", kind: Type::Int },
    Field { name: "subject", kind: Type::Text },
    Field { name: "template", kind: Type::Text },
    Field { name: "domain", kind: Type::Text },
    Field { name: "max_validation_attempts", kind: Type::Int },
    Field { name: "enable_self_enrollment", kind: Type::Bool },
];

const WEBAUTHN: &[Field] = &[
    NAME,
    Field { name: "rp_id", kind: Type::Text },
    Field { name: "rp_name", kind: Type::Text },
    Field { name: "origins", kind: Type::Texts },
    Field { name: "user_verification", kind: Type::Text },
    Field { name: "attestation", kind: Type::Text },
    Field { name: "allowed_aaguids", kind: Type::Texts },
    Field { name: "attestation_roots", kind: Type::Text },
    Field { name: "algorithms", kind: Type::Texts },
    Field { name: "app_id", kind: Type::Text },
    Field { name: "max_enrollments", kind: Type::Int },
    Field { name: "max_validation_attempts", kind: Type::Int },
    Field { name: "enable_self_enrollment", kind: Type::Bool },
];

const RECOVERY: &[Field] = &[
    NAME,
    Field { name: "count", kind: Type::Int },
    Field { name: "length", kind: Type::Int },
    Field { name: "alphabet", kind: Type::Text },
    Field { name: "group", kind: Type::Int },
    Field { name: "max_validation_attempts", kind: Type::Int },
];

/// The route of a kind without an id, where a body's `method_id` counts for nothing.
const fn kind(pattern: &'static str, fields: &'static [Field]) -> Route {
    const HANDLERS: &[(Capability, Handler)] = &[
        (Capability::Update, write),
        (Capability::List, list),
        (Capability::Read, missing_id),
        (Capability::Delete, missing_id),
    ];
    Route::new(pattern, fields, HANDLERS).absent(&["method_id"])
}

/// The route of one method of a kind.
const fn one(pattern: &'static str, fields: &'static [Field]) -> Route {
    const HANDLERS: &[(Capability, Handler)] =
        &[(Capability::Update, write), (Capability::Read, read), (Capability::Delete, delete)];
    Route::new(pattern, fields, HANDLERS)
}

pub(super) const ROUTES: &[Route] = &[
    kind("identity/mfa/method/totp", TOTP),
    kind("identity/mfa/method/duo", DUO),
    kind("identity/mfa/method/okta", OKTA),
    kind("identity/mfa/method/pingid", PINGID),
    kind("identity/mfa/method/sms", CODES),
    kind("identity/mfa/method/email", CODES),
    kind("identity/mfa/method/webauthn", WEBAUTHN),
    kind("identity/mfa/method/recovery", RECOVERY),
    one("identity/mfa/method/totp/{method_id:id}", TOTP),
    one("identity/mfa/method/duo/{method_id:id}", DUO),
    one("identity/mfa/method/okta/{method_id:id}", OKTA),
    one("identity/mfa/method/pingid/{method_id:id}", PINGID),
    one("identity/mfa/method/sms/{method_id:id}", CODES),
    one("identity/mfa/method/email/{method_id:id}", CODES),
    one("identity/mfa/method/webauthn/{method_id:id}", WEBAUTHN),
    one("identity/mfa/method/recovery/{method_id:id}", RECOVERY),
    Route::new("identity/mfa/method", &[], &[(Capability::List, list), (Capability::Read, missing_id)])
        .absent(&["method_id"]),
    Route::new("identity/mfa/method/{method_id:id}", &[], &[(Capability::Read, read)]),
];

/// The kind that a path names, if it names one.
pub(super) fn kind_in(path: &str) -> Option<Kind> {
    let named = path.strip_prefix("identity/mfa/method/")?.split('/').next()?;
    Kind::ALL.into_iter().find(|kind| kind.as_str() == named)
}

fn other_kind(kind: Kind) -> Error {
    Error::bad_request(format!("failed to find the method ID under MFA type {}.", kind.as_str()))
}

fn missing_id(_call: &mut Call<'_>) -> Result<Plan, Error> {
    Err(Error::bad_request("missing method ID"))
}

fn id(call: &Call<'_>) -> Option<MethodId> {
    call.input.given_text("method_id").filter(|id| !id.is_empty()).map(MethodId::new)
}

fn write(call: &mut Call<'_>) -> Result<Plan, Error> {
    let kind = kind_in(call.path).ok_or_else(Error::unsupported_path)?;
    let name = call.input.text("method_name").to_owned();
    let id = id(call);
    // What is said once stays: the format of names at the provider.
    let there = match &id {
        Some(id) => methods::get(call.tx, call.access, id)?,
        None => methods::by_name(call.tx, call.access, &call.scope, &name)?,
    };
    let updates = id.is_some();
    let command = methods::Write {
        scope: call.scope.clone(),
        id,
        name,
        settings: settings(kind, &call.input, there.as_ref())?,
        fresh_id: MethodId::fresh(call.engine.entropy.as_ref()),
    };
    Ok(Plan::write(move |tx, access| match methods::write(tx, access, &command) {
        Ok(_) if updates => Ok(Reply::NoContent),
        Ok(id) => Reply::data(&json!({ "method_id": id.as_str() })),
        Err(engine::Error::OtherKind) => Err(other_kind(kind)),
        Err(error) => Err(error.into()),
    }))
}

fn settings(kind: Kind, input: &Input, there: Option<&Method>) -> Result<Settings, Error> {
    let format = |kept: Option<&str>| input.given_text("username_format").or(kept).unwrap_or_default().to_owned();
    let kept = there.and_then(|method| match &method.settings {
        Settings::Totp(_) | Settings::Sms(_) | Settings::Email(_) | Settings::WebAuthn(_) | Settings::Recovery(_) => {
            None
        }
        Settings::Duo(duo) => Some(duo.username_format.as_str()),
        Settings::Okta(okta) => Some(okta.username_format.as_str()),
        Settings::PingId(pingid) => Some(pingid.username_format.as_str()),
    });
    match kind {
        Kind::Totp => totp(input).map(Settings::Totp),
        Kind::Duo => duo(input, format(kept)).map(Settings::Duo),
        Kind::Okta => okta(input, format(kept)).map(Settings::Okta),
        Kind::PingId => pingid(input, format(kept)).map(Settings::PingId),
        Kind::Sms => out_of_band(input).map(Settings::Sms),
        Kind::Email => out_of_band(input).map(Settings::Email),
        Kind::WebAuthn => web_authn(input).map(Settings::WebAuthn),
        Kind::Recovery => recovery_codes(input).map(Settings::Recovery),
    }
}

fn totp(input: &Input) -> Result<Totp, Error> {
    let asked = TotpRequest {
        algorithm: input.given_text("algorithm").unwrap_or("SHA1").to_owned(),
        digits: input.int("digits").unwrap_or(6),
        period_secs: input.int("period").unwrap_or(30),
        skew: input.int("skew").unwrap_or(1),
        key_size: input.int("key_size").unwrap_or(20),
        issuer: input.text("issuer").to_owned(),
        max_validation_attempts: input.int("max_validation_attempts").unwrap_or(5),
        qr_size: input.int("qr_size").unwrap_or(200),
        self_enrolment: input.switch("enable_self_enrollment").unwrap_or(false),
        max_enrolments: input.int("max_enrollments").unwrap_or(1),
    };
    Totp::try_from(asked).map_err(|error| Error::bad_request(error.to_string()))
}

fn duo(input: &Input, username_format: String) -> Result<Duo, Error> {
    for required in ["secret_key", "integration_key", "api_hostname"] {
        if input.text(required).is_empty() {
            return Err(Error::bad_request(format!("{required} is empty")));
        }
    }
    Ok(Duo {
        secret_key: input.secret("secret_key"),
        integration_key: input.secret("integration_key"),
        api_hostname: input.text("api_hostname").to_owned(),
        push_info: input.text("push_info").to_owned(),
        use_passcode: input.switch("use_passcode").unwrap_or(false),
        username_format,
    })
}

fn okta(input: &Input, username_format: String) -> Result<Okta, Error> {
    for required in ["org_name", "api_token"] {
        if input.text(required).is_empty() {
            return Err(Error::bad_request(format!("{required} must be set")));
        }
    }
    let base = match (input.text("base_url"), input.switch("production")) {
        ("", None) => OktaBase::Domain("okta.com".into()),
        ("", Some(production)) => OktaBase::Production(production),
        (domain, _) if is_host(domain) => OktaBase::Domain(domain.to_owned()),
        _ => return Err(Error::bad_request("error parsing given base_url: it is no host name")),
    };
    Ok(Okta {
        org_name: input.text("org_name").to_owned(),
        api_token: input.secret("api_token"),
        base,
        primary_email: input.switch("primary_email").unwrap_or(false),
        username_format,
    })
}

/// Whether `text` can follow `https://<organisation>.`: a host name, and perhaps a port.
fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "443"));
    let label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.len() <= 253 && host.split('.').all(label) && port.parse::<u16>().is_ok()
}

fn pingid(input: &Input, username_format: String) -> Result<PingId, Error> {
    let file = input.text("settings_file_base64");
    if file.is_empty() {
        return Err(Error::bad_request("settings_file_base64 is empty"));
    }
    let settings = PingId::from_file(file).map_err(|error| Error::bad_request(error.to_string()))?;
    Ok(PingId { username_format, ..settings })
}

fn out_of_band(input: &Input) -> Result<OutOfBand, Error> {
    let usual = OutOfBand::default();
    let number = |name: &str, usual: u32| input.int(name).unwrap_or(usual.into());
    let asked = out_of_band::Request {
        length: input.int("length").unwrap_or(usual.form.length.into()),
        alphabet: input.given_text("alphabet").unwrap_or(usual.form.alphabet.as_str()).to_owned(),
        lifetime_secs: number("lifetime", usual.lifetime_secs),
        resend_pause_secs: number("resend_pause", usual.resend_pause_secs),
        tries: number("tries", usual.tries),
        subject: input.text("subject").to_owned(),
        template: input.text("template").to_owned(),
        domain: input.text("domain").to_owned(),
        max_validation_attempts: number("max_validation_attempts", usual.max_validation_attempts),
        self_enrolment: input.switch("enable_self_enrollment").unwrap_or(false),
    };
    OutOfBand::try_from(asked).map_err(|error| Error::bad_request(error.to_string()))
}

fn web_authn(input: &Input) -> Result<WebAuthn, Error> {
    let texts = |name: &str| input.list(name).unwrap_or_default();
    let asked = web_authn::Request {
        rp_id: input.text("rp_id").to_owned(),
        rp_name: input.text("rp_name").to_owned(),
        origins: texts("origins"),
        user_verification: input.given_text("user_verification").unwrap_or("preferred").to_owned(),
        attestation: input.given_text("attestation").unwrap_or("none").to_owned(),
        aaguids: texts("allowed_aaguids"),
        roots: input.text("attestation_roots").to_owned(),
        algorithms: texts("algorithms"),
        app_id: input.text("app_id").to_owned(),
        max_enrolments: input.int("max_enrollments").unwrap_or(5),
        max_validation_attempts: input.int("max_validation_attempts").unwrap_or(0),
        self_enrolment: input.switch("enable_self_enrollment").unwrap_or(false),
    };
    WebAuthn::try_from(asked).map_err(|error| Error::bad_request(error.to_string()))
}

fn recovery_codes(input: &Input) -> Result<Recovery, Error> {
    let usual = Recovery::default();
    let asked = recovery::Request {
        count: input.int("count").unwrap_or(usual.count.into()),
        length: input.int("length").unwrap_or(usual.form.length.into()),
        alphabet: input.given_text("alphabet").unwrap_or(usual.form.alphabet.as_str()).to_owned(),
        group: input.int("group").unwrap_or(usual.form.group.into()),
        max_validation_attempts: input.int("max_validation_attempts").unwrap_or(0),
    };
    Recovery::try_from(asked).map_err(|error| Error::bad_request(error.to_string()))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let id = id(call).ok_or_else(|| Error::bad_request("missing method ID"))?;
    let found = methods::visible(call.tx, call.access, &call.scope, &id).map_err(|error| {
        if matches!(error, engine::Error::OtherNamespace) {
            return Error::forbidden("request namespace does not match method namespace");
        }
        error.into()
    })?;
    let method = found.ok_or_else(Error::not_found)?;
    match kind_in(call.path) {
        Some(kind) if kind != method.settings.kind() => Err(other_kind(kind)),
        Some(_) | None => Ok(Plan::Reply(Reply::data(&shown(&method))?)),
    }
}

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let methods = methods::list(call.tx, call.access, &call.scope, kind_in(call.path))?;
    let keys = methods.iter().map(|method| method.id.to_string()).collect();
    let key_info: BTreeMap<_, _> = methods.iter().map(|method| (method.id.to_string(), shown(method))).collect();
    Ok(Plan::Reply(Reply::keys(keys, Some(key_info))?))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let kind = kind_in(call.path).ok_or_else(Error::unsupported_path)?;
    let (scope, id) = (call.scope.clone(), MethodId::new(call.input.text("method_id")));
    Ok(Plan::write(move |tx, access| match methods::delete(tx, access, &scope, kind, &id) {
        Ok(()) => Ok(Reply::NoContent),
        Err(engine::Error::OtherKind) => Err(Error::bad_request("method type does not match the MFA config type")),
        Err(error) => Err(error.into()),
    }))
}

/// A method as it is read. Nothing that is secret in it is shown.
fn shown(method: &Method) -> Value {
    let mut data = match &method.settings {
        Settings::Totp(totp) => {
            let mut data = json!({
                "algorithm": totp.parameters.algorithm.as_str(),
                "digits": totp.parameters.digits.count(),
                "issuer": totp.issuer,
                "key_size": totp.key_size,
                "max_validation_attempts": totp.max_validation_attempts,
                "period": totp.parameters.period_secs,
                "qr_size": totp.qr_size,
                "skew": totp.parameters.skew,
            });
            // Older servers do not know the member, and some clients count them.
            if totp.self_enrolment {
                merge(&mut data, json!({ "enable_self_enrollment": true }));
            }
            if totp.max_enrolments > 1 {
                merge(&mut data, json!({ "max_enrollments": totp.max_enrolments }));
            }
            data
        }
        Settings::Duo(duo) => json!({
            "api_hostname": duo.api_hostname,
            "mount_accessor": "",
            "pushinfo": duo.push_info,
            "use_passcode": duo.use_passcode,
            "username_format": duo.username_format,
        }),
        Settings::Okta(okta) => {
            let mut data = json!({
                "mount_accessor": "",
                "org_name": okta.org_name,
                "username_format": okta.username_format,
            });
            merge(
                &mut data,
                match &okta.base {
                    OktaBase::Domain(domain) => json!({ "base_url": domain }),
                    OktaBase::Production(production) => json!({ "production": production }),
                },
            );
            data
        }
        Settings::PingId(pingid) => json!({
            "admin_url": pingid.admin_url,
            "authenticator_url": pingid.authenticator_url,
            "idp_url": pingid.idp_url,
            "org_alias": pingid.org_alias,
            "use_signature": pingid.use_signature,
        }),
        Settings::Sms(codes) | Settings::Email(codes) => json!({
            "alphabet": codes.form.alphabet.as_str(),
            "domain": codes.domain.as_deref().unwrap_or_default(),
            "enable_self_enrollment": codes.self_enrolment,
            "length": codes.form.length,
            "lifetime": codes.lifetime_secs,
            "max_validation_attempts": codes.max_validation_attempts,
            "resend_pause": codes.resend_pause_secs,
            "subject": codes.subject.as_deref().unwrap_or_default(),
            "template": codes.template.as_deref().unwrap_or_default(),
            "tries": codes.tries,
        }),
        Settings::WebAuthn(settings) => {
            let (attestation, aaguids, roots) = match &settings.attestation {
                Attestation::None => ("none", &[][..], ""),
                Attestation::Direct { aaguids, roots } => ("direct", aaguids.as_slice(), roots.as_str()),
            };
            json!({
                "algorithms": settings.algorithms.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>(),
                "allowed_aaguids": aaguids,
                "app_id": settings.app_id.as_deref().unwrap_or_default(),
                "attestation": attestation,
                "attestation_roots": roots,
                "enable_self_enrollment": settings.self_enrolment,
                "max_enrollments": settings.max_enrolments,
                "max_validation_attempts": settings.max_validation_attempts,
                "origins": settings.origins,
                "rp_id": settings.rp_id,
                "rp_name": settings.rp_name,
                "user_verification": settings.user_verification.as_str(),
            })
        }
        Settings::Recovery(settings) => json!({
            "alphabet": settings.form.alphabet.as_str(),
            "count": settings.count,
            "group": settings.form.group,
            "length": settings.form.length,
            "max_validation_attempts": settings.max_validation_attempts,
        }),
    };
    merge(
        &mut data,
        json!({
            "type": method.settings.kind().as_str(),
            "id": method.id.as_str(),
            "name": method.name,
            "namespace_id": method.scope.id.as_str(),
            "namespace_path": method.scope.path,
        }),
    );
    data
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}
