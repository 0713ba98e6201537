//! Lockout policies, of the instance and of organisations.

use super::{owner, words};
use crate::dialect::zitadel::auth::Permission;
use crate::dialect::zitadel::details::{Details, Done};
use crate::dialect::zitadel::error::Error;
use crate::dialect::zitadel::message::message;
use crate::dialect::zitadel::method::{Api, Call, Method, Plan, Reply};
use crate::dialect::zitadel::settings::Empty;
use crate::engine::lockout_policy;
use crate::model::lockout_policy::{Limits, LockoutPolicy};
use crate::model::login_policy::Owner;

use Api::{Admin, Management};
use Permission::{IamPolicyRead, IamPolicyWrite, PolicyDelete, PolicyRead, PolicyWrite};

/// The methods. The path that changes the instance's is not the one that reads it: so it is in the original.
pub(in crate::dialect::zitadel) const METHODS: &[Method] = &[
    Method::new(Admin, "GetLockoutPolicy", &[("GET", "policies/lockout")], IamPolicyRead, |call, sent| {
        get(Admin, call, &sent.read()?)
    }),
    Method::new(Admin, "UpdateLockoutPolicy", &[("PUT", "policies/password/lockout")], IamPolicyWrite, |call, sent| {
        update(Admin, call, &sent.read()?)
    }),
    Method::new(Management, "GetLockoutPolicy", &[("GET", "policies/lockout")], PolicyRead, |call, sent| {
        get(Management, call, &sent.read()?)
    }),
    Method::new(
        Management,
        "GetDefaultLockoutPolicy",
        &[("GET", "policies/default/lockout")],
        PolicyRead,
        |call, sent| get(Admin, call, &sent.read()?),
    ),
    Method::new(Management, "AddCustomLockoutPolicy", &[("POST", "policies/lockout")], PolicyWrite, |call, sent| {
        create(call, &sent.read()?)
    }),
    Method::new(Management, "UpdateCustomLockoutPolicy", &[("PUT", "policies/lockout")], PolicyWrite, |call, sent| {
        update(Management, call, &sent.read()?)
    }),
    Method::new(
        Management,
        "ResetLockoutPolicyToDefault",
        &[("DELETE", "policies/lockout")],
        PolicyDelete,
        |call, sent| remove(call, &sent.read()?),
    ),
];

message! {
    struct Policy("LockoutPolicy") {
        details: Details,
        max_password_attempts: u64,
        max_otp_attempts: u64,
        is_default: bool,
    }

    struct Shown("GetLockoutPolicyResponse") {
        policy: Policy,
        /// Said beside the policy too where it is asked for an organisation.
        is_default: bool,
    }

    struct Write("UpdateLockoutPolicyRequest") {
        max_password_attempts: u64,
        max_otp_attempts: u64,
    }
}

impl Policy {
    fn of(policy: &LockoutPolicy) -> Self {
        Self {
            details: Details::of_owner(policy.revision, &policy.owner),
            max_password_attempts: policy.limits.max_password_attempts,
            max_otp_attempts: policy.limits.max_otp_attempts,
            is_default: policy.is_of_instance(),
        }
    }
}

impl Write {
    const fn limits(&self) -> Limits {
        Limits { max_password_attempts: self.max_password_attempts, max_otp_attempts: self.max_otp_attempts }
    }
}

fn done(policy: &LockoutPolicy) -> Reply {
    Reply::of(&Done { details: Details::of_owner(policy.revision, &policy.owner) })
}

fn get(api: Api, call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    let policy = match owner(api, call) {
        Owner::Instance => lockout_policy::of_instance(call.tx, call.access)?,
        Owner::Organisation(_) => lockout_policy::of(call.tx, call.access, &call.scope)?,
    };
    let is_default = api == Management && policy.is_of_instance();
    Plan::reply(&Shown { policy: Policy::of(&policy), is_default })
}

fn create(call: &mut Call<'_>, asked: &Write) -> Result<Plan, Error> {
    let (organisation, limits) = (call.scope.id.clone(), asked.limits());
    Ok(Plan::write(move |tx, access| {
        let made = lockout_policy::create(tx, access, &organisation, limits);
        made.map(|policy| done(&policy))
            .map_err(|error| words::lockout(error, &Owner::Organisation(organisation.clone())))
    }))
}

fn update(api: Api, call: &mut Call<'_>, asked: &Write) -> Result<Plan, Error> {
    let (owner, limits) = (owner(api, call), asked.limits());
    Ok(Plan::write(move |tx, access| {
        let set = lockout_policy::set(tx, access, &owner, limits);
        set.map(|policy| done(&policy)).map_err(|error| words::lockout(error, &owner))
    }))
}

fn remove(call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    let organisation = call.scope.id.clone();
    Ok(Plan::write(move |tx, access| {
        let removed = lockout_policy::remove(tx, access, &organisation);
        removed
            .map(|policy| done(&policy))
            .map_err(|error| words::lockout(error, &Owner::Organisation(organisation.clone())))
    }))
}
