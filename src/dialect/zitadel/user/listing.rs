//! By what a user can prove themselves, listed in the two ways there are.

use super::super::auth::Permission;
use super::super::details::ListDetails;
use super::super::error::Error;
use super::super::message::{enumeration, message};
use super::super::method::{Api, Call, Method, Plan};
use super::super::ready::Ready;
use super::super::rule::NAME;
use super::super::settings::Empty;
use super::target;
use crate::factor::web_authn::Use;

use Permission::{Authenticated, UserRead};

/// The methods.
pub(in crate::dialect::zitadel) const METHODS: &[Method] = &[
    Method::new(
        Api::Users,
        "ListAuthenticationMethodTypes",
        &[("GET", "users/{user_id}/authentication_methods")],
        Authenticated,
        |call, sent| methods(call, &sent.read()?),
    ),
    Method::new(
        Api::Users,
        "ListAuthenticationFactors",
        &[("POST", "users/{user_id}/authentication_factors/_search")],
        Authenticated,
        |call, sent| factors(call, &sent.read()?),
    )
    .only_v2()
    .with_query(),
];

message! {
    struct AskMethods("ListAuthenticationMethodTypesRequest") {
        user_id: String where NAME,
        domain_query: Option<DomainQuery>,
    }

    /// Which keys are meant. Every key here is of some domain.
    struct DomainQuery {
        domain: String,
    }

    struct Methods("ListAuthenticationMethodTypesResponse") {
        details: ListDetails,
        auth_method_types: Vec<MethodType>,
    }

    struct AskFactors("ListAuthenticationFactorsRequest") {
        user_id: String where NAME,
        auth_factors: Vec<FactorKind>,
        states: Vec<FactorState>,
    }

    struct Factors("ListAuthenticationFactorsResponse") {
        result: Vec<Factor>,
    }

    struct Factor("AuthFactor") {
        state: FactorState,
        otp: Option<Empty>,
        u2f: Option<Key>,
        otp_sms: Option<Empty>,
        otp_email: Option<Empty>,
    }

    struct Key("AuthFactorU2F") {
        id: String,
        name: String,
    }
}

enumeration! {
    /// A way to prove oneself.
    enum MethodType {
        Unspecified = 0 "AUTHENTICATION_METHOD_TYPE_UNSPECIFIED",
        Password = 1 "AUTHENTICATION_METHOD_TYPE_PASSWORD",
        Passkey = 2 "AUTHENTICATION_METHOD_TYPE_PASSKEY",
        Idp = 3 "AUTHENTICATION_METHOD_TYPE_IDP",
        Totp = 4 "AUTHENTICATION_METHOD_TYPE_TOTP",
        U2f = 5 "AUTHENTICATION_METHOD_TYPE_U2F",
        OtpSms = 6 "AUTHENTICATION_METHOD_TYPE_OTP_SMS",
        OtpEmail = 7 "AUTHENTICATION_METHOD_TYPE_OTP_EMAIL",
        RecoveryCode = 8 "AUTHENTICATION_METHOD_TYPE_RECOVERY_CODE",
    }
}

enumeration! {
    /// What a factor is.
    enum FactorKind {
        Unspecified = 0 "UNSPECIFIED",
        Otp = 1 "OTP",
        OtpSms = 2 "OTP_SMS",
        OtpEmail = 3 "OTP_EMAIL",
        U2f = 4 "U2F",
    }
}

enumeration! {
    /// Whether a factor can be used.
    pub(super) enum FactorState {
        Unspecified = 0 "AUTH_FACTOR_STATE_UNSPECIFIED",
        NotReady = 1 "AUTH_FACTOR_STATE_NOT_READY",
        Ready = 2 "AUTH_FACTOR_STATE_READY",
        Removed = 3 "AUTH_FACTOR_STATE_REMOVED",
    }
}

fn methods(call: &mut Call<'_>, asked: &AskMethods) -> Result<Plan, Error> {
    let user = target(call.caller, &asked.user_id, UserRead)?.get(call.tx, call.access)?;
    let mut ready = Ready::of(call.tx, call.access, &user)?;
    if let Some(query) = asked.domain_query.as_ref().filter(|query| !query.domain.is_empty()) {
        ready.keys.retain(|key| key.domain == query.domain);
    }
    let all = [
        (ready.password, MethodType::Password),
        (ready.has_key(Use::Passkey), MethodType::Passkey),
        (ready.totp, MethodType::Totp),
        (ready.has_key(Use::SecondFactor), MethodType::U2f),
        (ready.otp_sms, MethodType::OtpSms),
        (ready.otp_email, MethodType::OtpEmail),
        (ready.recovery_code, MethodType::RecoveryCode),
    ];
    let auth_method_types: Vec<_> = all.into_iter().filter(|(is_ready, _)| *is_ready).map(|(_, kind)| kind).collect();
    Plan::reply(&Methods { details: ListDetails::new(auth_method_types.len(), call.tx.now()), auth_method_types })
}

fn factors(call: &mut Call<'_>, asked: &AskFactors) -> Result<Plan, Error> {
    let user = target(call.caller, &asked.user_id, UserRead)?.get(call.tx, call.access)?;
    let ready = Ready::of(call.tx, call.access, &user)?;
    let state = |is_ready| if is_ready { FactorState::Ready } else { FactorState::NotReady };
    let mut all = Vec::new();
    if ready.totp || ready.totp_waits {
        all.push((FactorKind::Otp, Factor { state: state(ready.totp), otp: Some(Empty {}), ..Factor::default() }));
    }
    for key in ready.keys.iter().filter(|key| key.purpose == Use::SecondFactor) {
        let u2f = Some(Key { id: key.id.clone(), name: key.name.clone() });
        all.push((FactorKind::U2f, Factor { state: FactorState::Ready, u2f, ..Factor::default() }));
    }
    if ready.otp_sms {
        let state = FactorState::Ready;
        all.push((FactorKind::OtpSms, Factor { state, otp_sms: Some(Empty {}), ..Factor::default() }));
    }
    if ready.otp_email {
        let state = FactorState::Ready;
        all.push((FactorKind::OtpEmail, Factor { state, otp_email: Some(Empty {}), ..Factor::default() }));
    }
    let states = if asked.states.is_empty() { &[FactorState::Ready][..] } else { &asked.states };
    let is_asked = |kind: &FactorKind, factor: &Factor| {
        (asked.auth_factors.is_empty() || asked.auth_factors.contains(kind)) && states.contains(&factor.state)
    };
    let result = all.into_iter().filter(|(kind, factor)| is_asked(kind, factor)).map(|(_, factor)| factor).collect();
    Plan::reply(&Factors { result })
}
