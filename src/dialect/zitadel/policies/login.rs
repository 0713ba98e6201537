//! Login policies, of the instance and of organisations.

use std::time::Duration;

use super::{owner, words};
use crate::dialect::zitadel::auth::Permission;
use crate::dialect::zitadel::details::{Details, Done, ListDetails};
use crate::dialect::zitadel::error::Error;
use crate::dialect::zitadel::factors::{MultiFactor, SecondFactor};
use crate::dialect::zitadel::message::{enumeration, message};
use crate::dialect::zitadel::method::{Api, Call, Method, Plan, Reply};
use crate::dialect::zitadel::rule::Rule;
use crate::dialect::zitadel::settings::Empty;
use crate::engine::login_policy::{self, Factor};
use crate::model::login_policy::{Lifetimes, LoginPolicy, Owner, Rules};

use Api::{Admin, Management};
use Permission::{IamPolicyRead, IamPolicyWrite, PolicyDelete, PolicyRead, PolicyWrite};

/// The methods.
pub(in crate::dialect::zitadel) const METHODS: &[Method] = &[
    Method::new(Admin, "GetLoginPolicy", &[("GET", "policies/login")], IamPolicyRead, |call, sent| {
        get(Admin, call, &sent.read()?)
    }),
    Method::new(Admin, "UpdateLoginPolicy", &[("PUT", "policies/login")], IamPolicyWrite, |call, sent| {
        update(Admin, call, &sent.read()?)
    }),
    Method::new(
        Admin,
        "AddMultiFactorToLoginPolicy",
        &[("POST", "policies/login/multi_factors")],
        IamPolicyWrite,
        |call, sent| add_multi(Admin, call, &sent.read()?),
    ),
    Method::new(
        Admin,
        "RemoveMultiFactorFromLoginPolicy",
        &[("DELETE", "policies/login/multi_factors/{type}")],
        IamPolicyWrite,
        |call, sent| remove_multi(Admin, call, &sent.read()?),
    ),
    Method::new(
        Admin,
        "ListLoginPolicyMultiFactors",
        &[("POST", "policies/login/multi_factors/_search")],
        IamPolicyRead,
        |call, sent| list_multi(Admin, call, &sent.read()?),
    ),
    Method::new(
        Admin,
        "AddSecondFactorToLoginPolicy",
        &[("POST", "policies/login/second_factors")],
        IamPolicyWrite,
        |call, sent| add_second(Admin, call, &sent.read()?),
    ),
    Method::new(
        Admin,
        "RemoveSecondFactorFromLoginPolicy",
        &[("DELETE", "policies/login/second_factors/{type}")],
        IamPolicyWrite,
        |call, sent| remove_second(Admin, call, &sent.read()?),
    ),
    Method::new(
        Admin,
        "ListLoginPolicySecondFactors",
        &[("POST", "policies/login/second_factors/_search")],
        IamPolicyRead,
        |call, sent| list_second(Admin, call, &sent.read()?),
    ),
    Method::new(Management, "GetLoginPolicy", &[("GET", "policies/login")], PolicyRead, |call, sent| {
        get(Management, call, &sent.read()?)
    }),
    Method::new(Management, "GetDefaultLoginPolicy", &[("GET", "policies/default/login")], PolicyRead, |call, sent| {
        get_default(call, &sent.read()?)
    }),
    Method::new(Management, "AddCustomLoginPolicy", &[("POST", "policies/login")], PolicyWrite, |call, sent| {
        create(call, &sent.clone().read()?, &sent.read()?)
    }),
    Method::new(Management, "UpdateCustomLoginPolicy", &[("PUT", "policies/login")], PolicyWrite, |call, sent| {
        update(Management, call, &sent.read()?)
    }),
    Method::new(
        Management,
        "ResetLoginPolicyToDefault",
        &[("DELETE", "policies/login")],
        PolicyDelete,
        |call, sent| remove(call, &sent.read()?),
    ),
    Method::new(
        Management,
        "AddMultiFactorToLoginPolicy",
        &[("POST", "policies/login/multi_factors")],
        PolicyWrite,
        |call, sent| add_multi(Management, call, &sent.read()?),
    ),
    Method::new(
        Management,
        "RemoveMultiFactorFromLoginPolicy",
        &[("DELETE", "policies/login/multi_factors/{type}")],
        PolicyWrite,
        |call, sent| remove_multi(Management, call, &sent.read()?),
    ),
    Method::new(
        Management,
        "ListLoginPolicyMultiFactors",
        &[("POST", "policies/login/auth_factors/_search"), ("POST", "policies/login/multi_factors/_search")],
        PolicyRead,
        |call, sent| list_multi(Management, call, &sent.read()?),
    ),
    Method::new(
        Management,
        "AddSecondFactorToLoginPolicy",
        &[("POST", "policies/login/second_factors")],
        PolicyWrite,
        |call, sent| add_second(Management, call, &sent.read()?),
    ),
    Method::new(
        Management,
        "RemoveSecondFactorFromLoginPolicy",
        &[("DELETE", "policies/login/second_factors/{type}")],
        PolicyWrite,
        |call, sent| remove_second(Management, call, &sent.read()?),
    ),
    Method::new(
        Management,
        "ListLoginPolicySecondFactors",
        &[("POST", "policies/login/second_factors/_search")],
        PolicyRead,
        |call, sent| list_second(Management, call, &sent.read()?),
    ),
];

message! {
    /// A policy as it is shown.
    struct Policy("LoginPolicy") {
        details: Details,
        allow_username_password: bool,
        allow_register: bool,
        allow_external_idp: bool,
        force_mfa: bool,
        passwordless_type: PasswordlessType,
        is_default: bool,
        hide_password_reset: bool,
        ignore_unknown_usernames: bool,
        default_redirect_uri: String,
        password_check_lifetime: Duration,
        external_login_check_lifetime: Duration,
        mfa_init_skip_lifetime: Duration,
        second_factor_check_lifetime: Duration,
        multi_factor_check_lifetime: Duration,
        second_factors: Vec<SecondFactor>,
        multi_factors: Vec<MultiFactor>,
        allow_domain_discovery: bool,
        disable_login_with_email: bool,
        disable_login_with_phone: bool,
        force_mfa_local_only: bool,
    }

    struct Shown("GetLoginPolicyResponse") {
        policy: Policy,
        /// Said beside the policy too where it is asked for an organisation.
        is_default: bool,
    }

    /// A policy as it is written: what is not said is off, and zero.
    struct Write("UpdateLoginPolicyRequest") {
        allow_username_password: bool,
        allow_register: bool,
        allow_external_idp: bool,
        force_mfa: bool,
        passwordless_type: PasswordlessType,
        hide_password_reset: bool,
        ignore_unknown_usernames: bool,
        default_redirect_uri: String where Rule::Runes(0, 2048),
        password_check_lifetime: Duration,
        external_login_check_lifetime: Duration,
        mfa_init_skip_lifetime: Duration,
        second_factor_check_lifetime: Duration,
        multi_factor_check_lifetime: Duration,
        allow_domain_discovery: bool,
        disable_login_with_email: bool,
        disable_login_with_phone: bool,
        force_mfa_local_only: bool,
    }

    /// The factors of a policy that is made, beside [`Write`].
    struct Factors("AddCustomLoginPolicyRequest") {
        second_factors: Vec<SecondFactor> where Rule::Specified,
        multi_factors: Vec<MultiFactor> where Rule::Specified,
    }

    struct Multi("MultiFactorToLoginPolicyRequest") {
        r#type: MultiFactor,
    }

    struct Second("SecondFactorToLoginPolicyRequest") {
        r#type: SecondFactor,
    }

    struct MultiList {
        details: ListDetails,
        result: Vec<MultiFactor>,
    }

    struct SecondList {
        details: ListDetails,
        result: Vec<SecondFactor>,
    }
}

enumeration! {
    /// Whether passkeys are asked for.
    enum PasswordlessType {
        NotAllowed = 0 "PASSWORDLESS_TYPE_NOT_ALLOWED",
        Allowed = 1 "PASSWORDLESS_TYPE_ALLOWED",
    }
}

impl Policy {
    fn of(policy: &LoginPolicy) -> Self {
        let (rules, lifetimes) = (&policy.rules, policy.rules.lifetimes);
        Self {
            details: Details::of_owner(policy.revision, &policy.owner),
            allow_username_password: rules.allow_username_password,
            allow_register: rules.allow_register,
            allow_external_idp: rules.allow_external_idp,
            force_mfa: rules.force_mfa,
            passwordless_type: if rules.allow_passkeys {
                PasswordlessType::Allowed
            } else {
                PasswordlessType::NotAllowed
            },
            is_default: policy.is_of_instance(),
            hide_password_reset: rules.hide_password_reset,
            ignore_unknown_usernames: rules.ignore_unknown_usernames,
            default_redirect_uri: rules.default_redirect_uri.clone(),
            password_check_lifetime: lifetimes.password_check,
            external_login_check_lifetime: lifetimes.external_login_check,
            mfa_init_skip_lifetime: lifetimes.mfa_init_skip,
            second_factor_check_lifetime: lifetimes.second_factor_check,
            multi_factor_check_lifetime: lifetimes.multi_factor_check,
            second_factors: policy.second_factors.iter().copied().map(SecondFactor::from).collect(),
            multi_factors: policy.multi_factors.iter().copied().map(MultiFactor::from).collect(),
            allow_domain_discovery: rules.allow_domain_discovery,
            disable_login_with_email: rules.disable_login_with_email,
            disable_login_with_phone: rules.disable_login_with_phone,
            force_mfa_local_only: rules.force_mfa_local_only,
        }
    }
}

impl Write {
    fn rules(&self) -> Rules {
        Rules {
            allow_username_password: self.allow_username_password,
            allow_register: self.allow_register,
            allow_external_idp: self.allow_external_idp,
            force_mfa: self.force_mfa,
            force_mfa_local_only: self.force_mfa_local_only,
            allow_passkeys: self.passwordless_type == PasswordlessType::Allowed,
            hide_password_reset: self.hide_password_reset,
            ignore_unknown_usernames: self.ignore_unknown_usernames,
            default_redirect_uri: self.default_redirect_uri.clone(),
            allow_domain_discovery: self.allow_domain_discovery,
            disable_login_with_email: self.disable_login_with_email,
            disable_login_with_phone: self.disable_login_with_phone,
            lifetimes: Lifetimes {
                password_check: self.password_check_lifetime,
                external_login_check: self.external_login_check_lifetime,
                mfa_init_skip: self.mfa_init_skip_lifetime,
                second_factor_check: self.second_factor_check_lifetime,
                multi_factor_check: self.multi_factor_check_lifetime,
            },
        }
    }
}

fn done(policy: &LoginPolicy) -> Reply {
    Reply::of(&Done { details: Details::of_owner(policy.revision, &policy.owner) })
}

fn get(api: Api, call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    let policy = match owner(api, call) {
        Owner::Instance => login_policy::of_instance(call.tx, call.access)?,
        Owner::Organisation(_) => login_policy::of(call.tx, call.access, &call.scope)?,
    };
    let is_default = api == Management && policy.is_of_instance();
    Plan::reply(&Shown { policy: Policy::of(&policy), is_default })
}

fn get_default(call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    let policy = login_policy::of_instance(call.tx, call.access)?;
    Plan::reply(&Shown { policy: Policy::of(&policy), is_default: false })
}

fn create(call: &mut Call<'_>, asked: &Write, factors: &Factors) -> Result<Plan, Error> {
    let (organisation, rules) = (call.scope.id.clone(), asked.rules());
    let second: Vec<_> = factors.second_factors.iter().filter_map(|factor| factor.meant()).collect();
    let multi: Vec<_> = factors.multi_factors.iter().filter_map(|factor| factor.meant()).collect();
    Ok(Plan::write(move |tx, access| {
        let made = login_policy::create(tx, access, &organisation, &rules, &second, &multi);
        made.map(|policy| done(&policy))
            .map_err(|error| words::login(error, &Owner::Organisation(organisation.clone()), None))
    }))
}

fn update(api: Api, call: &mut Call<'_>, asked: &Write) -> Result<Plan, Error> {
    let (owner, rules) = (owner(api, call), asked.rules());
    Ok(Plan::write(move |tx, access| {
        let set = login_policy::set_rules(tx, access, &owner, &rules);
        set.map(|policy| done(&policy)).map_err(|error| words::login(error, &owner, None))
    }))
}

fn remove(call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    let organisation = call.scope.id.clone();
    Ok(Plan::write(move |tx, access| {
        let removed = login_policy::remove(tx, access, &organisation);
        removed
            .map(|policy| done(&policy))
            .map_err(|error| words::login(error, &Owner::Organisation(organisation.clone()), None))
    }))
}

fn allow(owner: Owner, factor: Option<Factor>) -> Result<Plan, Error> {
    let factor = factor.ok_or_else(|| words::no_factor(&owner))?;
    Ok(Plan::write(move |tx, access| {
        let allowed = login_policy::allow(tx, access, &owner, factor);
        allowed.map(|policy| done(&policy)).map_err(|error| words::login(error, &owner, Some(factor)))
    }))
}

fn disallow(owner: Owner, factor: Option<Factor>) -> Result<Plan, Error> {
    let factor = factor.ok_or_else(|| words::no_factor(&owner))?;
    Ok(Plan::write(move |tx, access| {
        let disallowed = login_policy::disallow(tx, access, &owner, factor);
        disallowed.map(|policy| done(&policy)).map_err(|error| words::login(error, &owner, Some(factor)))
    }))
}

fn add_multi(api: Api, call: &mut Call<'_>, asked: &Multi) -> Result<Plan, Error> {
    allow(owner(api, call), asked.r#type.meant().map(Factor::Multi))
}

fn remove_multi(api: Api, call: &mut Call<'_>, asked: &Multi) -> Result<Plan, Error> {
    disallow(owner(api, call), asked.r#type.meant().map(Factor::Multi))
}

fn add_second(api: Api, call: &mut Call<'_>, asked: &Second) -> Result<Plan, Error> {
    allow(owner(api, call), asked.r#type.meant().map(Factor::Second))
}

fn remove_second(api: Api, call: &mut Call<'_>, asked: &Second) -> Result<Plan, Error> {
    disallow(owner(api, call), asked.r#type.meant().map(Factor::Second))
}

fn owned(api: Api, call: &mut Call<'_>) -> Result<LoginPolicy, Error> {
    let owner = owner(api, call);
    login_policy::owned(call.tx, call.access, &owner).map_err(|error| words::login(error, &owner, None))
}

fn list_multi(api: Api, call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    let result: Vec<MultiFactor> = owned(api, call)?.multi_factors.into_iter().map(MultiFactor::from).collect();
    Plan::reply(&MultiList { details: ListDetails::old(result.len(), call.tx.now()), result })
}

fn list_second(api: Api, call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    let result: Vec<SecondFactor> = owned(api, call)?.second_factors.into_iter().map(SecondFactor::from).collect();
    Plan::reply(&SecondList { details: ListDetails::old(result.len(), call.tx.now()), result })
}
