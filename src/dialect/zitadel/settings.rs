//! The settings service, version 2: what login UIs ask before they show anything. Nothing is changed here.

use std::time::Duration;

use super::auth::Permission;
use super::details::{Details, ListDetails};
use super::error::Error;
use super::factors::{MultiFactor, SecondFactor};
use super::message::{enumeration, message};
use super::method::{Api, Call, Handler, Method, Plan, Version};
use super::organisation;
use crate::engine::{lockout_policy, login_policy};
use crate::id::NamespaceId;
use crate::model::lockout_policy::LockoutPolicy;
use crate::model::login_policy::{LoginPolicy, Owner, Rules};
use crate::model::namespace::Scope;
use crate::model::password_complexity::STANDARD;
use crate::model::revision::Revision;
use crate::time::Timestamp;

/// The methods.
pub(super) const METHODS: &[Method] = &[
    read("GetGeneralSettings", &[("GET", "settings")], |call, sent| general(call, &sent.read()?)),
    read("GetLoginSettings", &[("GET", "settings/login")], |call, sent| login(call, &sent.read()?)),
    read("GetLockoutSettings", &[("GET", "settings/lockout")], |call, sent| lockout(call, &sent.read()?)),
    read("GetPasswordComplexitySettings", &[("GET", "settings/password/complexity")], |call, sent| {
        password_complexity(call, &sent.read()?)
    }),
    read("GetPasswordExpirySettings", &[("GET", "settings/password/expiry")], |call, sent| unset(call, &sent.read()?)),
    read("GetSecuritySettings", &[("GET", "settings/security")], |call, sent| unset(call, &sent.read()?)),
    read("GetBrandingSettings", &[("GET", "settings/branding")], |call, sent| unset(call, &sent.read()?)),
    read("GetLegalAndSupportSettings", &[("GET", "settings/legal_support")], |call, sent| unset(call, &sent.read()?)),
    read("GetDomainSettings", &[("GET", "settings/domain")], |call, sent| unset(call, &sent.read()?)),
    read("GetActiveIdentityProviders", &[("GET", "settings/login/idps")], |call, sent| {
        identity_providers(call, &sent.read()?)
    }),
];

const fn read(name: &'static str, bindings: &'static [(&'static str, &'static str)], handler: Handler) -> Method {
    Method::new(Api::Settings, name, bindings, Permission::PolicyRead, handler)
}

message! {
    /// A request that asks for nothing in particular.
    pub(super) struct Empty {}

    /// Whose settings are asked for.
    struct Context("RequestContext") one_of(org_id, instance) {
        org_id: Option<String>,
        instance: Option<bool>,
    }

    struct Ask {
        ctx: Option<Context>,
    }

    struct General("GetGeneralSettingsResponse") {
        default_org_id: String,
        default_language: String,
        supported_languages: Vec<String>,
    }

    struct Login("GetLoginSettingsResponse") {
        details: Details,
        settings: LoginSettings,
    }

    struct LoginSettings {
        allow_username_password: bool,
        allow_register: bool,
        allow_external_idp: bool,
        force_mfa: bool,
        passkeys_type: PasskeysType,
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
        resource_owner_type: ResourceOwnerType,
        force_mfa_local_only: bool,
        /// What the newest clients call `allow_username_password`.
        allow_local_authentication: bool,
    }

    struct Lockout("GetLockoutSettingsResponse") {
        details: Details,
        settings: LockoutSettings,
    }

    struct LockoutSettings {
        max_password_attempts: u64,
        max_otp_attempts: u64,
        resource_owner_type: ResourceOwnerType,
    }

    struct PasswordComplexity("GetPasswordComplexitySettingsResponse") {
        details: Details,
        settings: PasswordComplexitySettings,
    }

    struct PasswordComplexitySettings {
        min_length: u64,
        requires_uppercase: bool,
        requires_lowercase: bool,
        requires_number: bool,
        requires_symbol: bool,
        resource_owner_type: ResourceOwnerType,
    }

    /// Settings of which there are none here: everything is as it is where nobody has set anything.
    struct Unset {
        details: Details,
        settings: Empty,
    }

    struct IdentityProviders("GetActiveIdentityProvidersResponse") {
        details: ListDetails,
    }
}

enumeration! {
    /// Whether passkeys are asked for.
    enum PasskeysType {
        NotAllowed = 0 "PASSKEYS_TYPE_NOT_ALLOWED",
        Allowed = 1 "PASSKEYS_TYPE_ALLOWED",
    }
}

enumeration! {
    /// Whose settings they are that count.
    enum ResourceOwnerType {
        Unspecified = 0 "RESOURCE_OWNER_TYPE_UNSPECIFIED",
        Instance = 1 "RESOURCE_OWNER_TYPE_INSTANCE",
        Organisation = 2 "RESOURCE_OWNER_TYPE_ORG",
    }
}

impl ResourceOwnerType {
    const fn of(owner: &Owner) -> Self {
        match owner {
            Owner::Instance => Self::Instance,
            Owner::Organisation(_) => Self::Organisation,
        }
    }
}

impl LoginSettings {
    fn of(policy: &LoginPolicy) -> Self {
        let rules = &policy.rules;
        let Rules { allow_username_password, lifetimes, .. } = *rules;
        Self {
            allow_username_password,
            allow_register: rules.allow_register,
            allow_external_idp: rules.allow_external_idp,
            force_mfa: rules.force_mfa,
            passkeys_type: if rules.allow_passkeys { PasskeysType::Allowed } else { PasskeysType::NotAllowed },
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
            resource_owner_type: ResourceOwnerType::of(&policy.owner),
            force_mfa_local_only: rules.force_mfa_local_only,
            allow_local_authentication: allow_username_password,
        }
    }
}

fn general(_call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    Plan::reply(&General {
        default_org_id: organisation::id_of(&NamespaceId::root()),
        default_language: "en".into(),
        supported_languages: vec!["en".into()],
    })
}

fn login(call: &mut Call<'_>, asked: &Ask) -> Result<Plan, Error> {
    let policy = match asked.owner(call)? {
        None => login_policy::of_instance(call.tx, call.access)?,
        Some(scope) => login_policy::of(call.tx, call.access, &scope)?,
    };
    let details = Details::of_owner(policy.revision, &policy.owner);
    let mut settings = LoginSettings::of(&policy);
    if call.version == Version::V2beta {
        // Its clients have no word for them, and understand nothing of an answer with an unknown one.
        settings.second_factors.retain(|factor| *factor != SecondFactor::RecoveryCodes);
    }
    Plan::reply(&Login { details, settings })
}

fn lockout(call: &mut Call<'_>, asked: &Ask) -> Result<Plan, Error> {
    let LockoutPolicy { owner, limits, revision } = match asked.owner(call)? {
        None => lockout_policy::of_instance(call.tx, call.access)?,
        Some(scope) => lockout_policy::of(call.tx, call.access, &scope)?,
    };
    let settings = LockoutSettings {
        max_password_attempts: limits.max_password_attempts,
        max_otp_attempts: limits.max_otp_attempts,
        resource_owner_type: ResourceOwnerType::of(&owner),
    };
    Plan::reply(&Lockout { details: Details::of_owner(revision, &owner), settings })
}

fn password_complexity(call: &mut Call<'_>, asked: &Ask) -> Result<Plan, Error> {
    asked.owner(call)?;
    let settings = PasswordComplexitySettings {
        min_length: STANDARD.min_length,
        requires_uppercase: STANDARD.requires_uppercase,
        requires_lowercase: STANDARD.requires_lowercase,
        requires_number: STANDARD.requires_number,
        requires_symbol: STANDARD.requires_symbol,
        resource_owner_type: ResourceOwnerType::Instance,
    };
    Plan::reply(&PasswordComplexity { details: built_in(), settings })
}

fn unset(call: &mut Call<'_>, asked: &Ask) -> Result<Plan, Error> {
    asked.owner(call)?;
    Plan::reply(&Unset { details: built_in(), settings: Empty {} })
}

fn identity_providers(call: &mut Call<'_>, asked: &Ask) -> Result<Plan, Error> {
    asked.owner(call)?;
    Plan::reply(&IdentityProviders { details: ListDetails::new(0, call.tx.now()) })
}

/// The details of what nobody can change.
fn built_in() -> Details {
    Details::of_instance(Revision::first(Timestamp::EPOCH))
}

impl Ask {
    /// The organisation whose settings are asked for, or `None` for the instance's. Without a word the request's head says which.
    fn owner(&self, call: &mut Call<'_>) -> Result<Option<Scope>, Error> {
        match &self.ctx {
            Some(Context { instance: Some(true), .. }) => Ok(None),
            Some(Context { org_id: Some(id), .. }) => call.organisation(id).map(Some),
            Some(Context { .. }) | None => Ok(Some(call.scope.clone())),
        }
    }
}
