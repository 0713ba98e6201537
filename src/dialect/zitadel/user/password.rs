//! Passwords of users: set, and reset by a code.

use super::super::auth::Permission;
use super::super::details::{Details, Done};
use super::super::error::Error;
use super::super::lockout::{Answered, lock_if_due};
use super::super::message::{enumeration, message};
use super::super::method::{Api, Call, Method, Plan, Reply};
use super::super::rule::{NAME, Rule};
use super::contact::ReturnCode;
use super::notice::{self, Draws, Notice, TRIES};
use super::{Target, details, other, target, template, unknown};
use crate::engine::codes::{self, Outcome, Pose};
use crate::engine::people::{self, State, User};
use crate::engine::{Access, contacts, credentials};
use crate::factor::password::Hash;
use crate::model::code::Purpose;
use crate::model::contact::Channel;
use crate::model::password_complexity::{STANDARD, Shortfall};
use crate::model::secret_generator::Purpose as Generator;
use crate::secret::Secret;
use crate::storage::Tx;

use Permission::{Authenticated, UserCredentialWrite};

/// The methods.
pub(in crate::dialect::zitadel) const METHODS: &[Method] = &[
    Method::new(Api::Users, "SetPassword", &[("POST", "users/{user_id}/password")], Authenticated, |call, sent| {
        set(call, sent.read()?)
    }),
    Method::new(
        Api::Users,
        "PasswordReset",
        &[("POST", "users/{user_id}/password_reset")],
        Authenticated,
        |call, sent| reset(call, sent.read()?),
    ),
];

message! {
    /// A new password.
    pub(super) struct NewPassword("Password") {
        pub(super) password: Secret<String> where NAME,
        pub(super) change_required: bool,
    }

    struct SetPassword("SetPasswordRequest") one_of(current_password, verification_code) {
        user_id: String where NAME,
        new_password: Option<NewPassword> where Rule::Required,
        current_password: Option<Secret<String>> where NAME,
        verification_code: Option<Secret<String>> where Rule::Runes(1, 20),
    }

    struct Reset("PasswordResetRequest") one_of(send_link, return_code) {
        user_id: String where NAME,
        send_link: Option<SendLink>,
        return_code: Option<ReturnCode>,
    }

    struct SendLink("SendPasswordResetLink") {
        notification_type: NotificationType,
        url_template: Option<String> where NAME,
    }

    struct WasReset("PasswordResetResponse") {
        details: Details,
        verification_code: Option<Secret<String>>,
    }
}

enumeration! {
    /// How somebody is to be told.
    enum NotificationType {
        Unspecified = 0 "NOTIFICATION_TYPE_Unspecified",
        Email = 1 "NOTIFICATION_TYPE_Email",
        Sms = 2 "NOTIFICATION_TYPE_SMS",
    }
}

/// That a new password is good enough.
pub(super) fn check_complexity(password: &Secret<String>) -> Result<(), Error> {
    STANDARD.check(password.expose()).map_err(|shortfall| match shortfall {
        Shortfall::Length => Error::invalid("DOMAIN-HuJf6", "Password is too short"),
        Shortfall::Lowercase => Error::invalid("DOMAIN-co3Xw", "Password must contain lower case"),
        Shortfall::Uppercase => Error::invalid("DOMAIN-VoaRj", "Password must contain upper case"),
        Shortfall::Number => Error::invalid("DOMAIN-ZBv4H", "Password must contain number"),
        Shortfall::Symbol => Error::invalid("DOMAIN-ZDLwA", "Password must contain symbol"),
    })
}

/// The hash that somebody brings along.
pub(super) fn brought(text: &Secret<String>) -> Result<Hash, Error> {
    Hash::bcrypt(text)
        .map_err(|why| Error::invalid("COMMAND-JDk4t", format!("Password hash encoding not supported: {why}")))
}

/// What shows that a password may be changed.
#[derive(Clone)]
enum Proof {
    /// Whoever changes it is somebody else, who may.
    None,
    /// The present one.
    Current(Secret<String>),
    /// A code that was sent for it.
    Code(Secret<String>),
}

fn set(call: &mut Call<'_>, asked: SetPassword) -> Result<Plan, Error> {
    let target = target(call.caller, &asked.user_id, UserCredentialWrite)?;
    let Some(new) = asked.new_password else { return Err(unknown()) };
    let proof = match (asked.current_password, asked.verification_code) {
        (Some(current), _) => Proof::Current(current),
        (None, Some(code)) => Proof::Code(code),
        (None, None) if target.is_self => return Err(Error::not_on_this()),
        (None, None) => Proof::None,
    };
    check_complexity(&new.password)?;
    human(call.tx, call.access, &target)?;
    let salt = call.engine.entropy.bytes();
    Ok(Plan::hashing(move |engine, permit| {
        let access = engine.access()?;
        let kept = engine.store.read(engine.now(), |tx| credentials::get(tx, &access, &target.id))?;
        let kept = kept.map(|password| password.hash);
        let is = |password: &Secret<String>| {
            kept.is_some() && engine.passwords.is_right(permit, password, kept.as_ref(), None)
        };
        let is_proven = match &proof {
            Proof::Current(current) => is(current),
            Proof::None | Proof::Code(_) => true,
        };
        let is_same = is_proven && is(&new.password);
        let hash = engine.passwords.hash(permit, &new.password, &salt);
        let change = Change { target, proof, kept, is_proven, is_same, hash, is_passing: new.change_required };
        Ok(Plan::write(move |tx, access| change.carry_out(tx, access)))
    }))
}

fn human(tx: &mut dyn Tx, access: &Access, target: &Target) -> Result<User, Error> {
    target.find(tx, access)?.filter(|user| user.person.profile().is_some()).ok_or_else(unknown)
}

/// A password that has been hashed, and what was found out about the present one meanwhile.
struct Change {
    target: Target,
    proof: Proof,
    /// The hash that it was found out about.
    kept: Option<Hash>,
    is_proven: bool,
    is_same: bool,
    hash: Hash,
    /// Whether its owner has to choose another.
    is_passing: bool,
}

impl Change {
    fn carry_out(&self, tx: &mut dyn Tx, access: &Access) -> Result<Reply, Error> {
        let mut user = human(tx, access, &self.target)?;
        let id = user.id().clone();
        let is_unchanged = credentials::get(tx, access, &id)?.map(|password| password.hash) == self.kept;
        match &self.proof {
            Proof::None => {}
            Proof::Current(_) if user.state() == State::Locked => {
                return Err(Error::precondition("COMMAND-JLK35", "User is locked"));
            }
            Proof::Current(_) if !(self.is_proven && is_unchanged) => {
                let failures = credentials::count_wrong(tx, access, &id)?;
                lock_if_due(tx, access, &mut user, Answered::Password, failures)?;
                return Ok(Reply::Refused(Error::wrong_password(failures), failures));
            }
            Proof::Current(_) => credentials::forgive(tx, access, &id)?,
            Proof::Code(code) => match codes::answer(tx, access, &id, &Purpose::PasswordReset, code, None, TRIES)? {
                Outcome::Right => {}
                Outcome::Wrong { tries } => {
                    return Ok(Reply::Refused(Error::invalid("CODE-woT0xc", "Code is invalid"), tries));
                }
            },
        }
        if self.is_same && is_unchanged {
            let text = "New password cannot be the same as your current password";
            return Err(Error::precondition("COMMAND-Aesh5", text));
        }
        credentials::set(tx, access, &id, &self.hash, self.is_passing)?;
        codes::withdraw(tx, access, &id, &Purpose::PasswordReset)?;
        people::touch(tx, access, &mut user)?;
        Ok(Reply::of(&Done { details: details(&user) }))
    }
}

fn reset(call: &mut Call<'_>, asked: Reset) -> Result<Plan, Error> {
    let gives_back = asked.return_code.is_some();
    let target = if gives_back {
        other(call.caller, &asked.user_id, UserCredentialWrite)?
    } else {
        target(call.caller, &asked.user_id, UserCredentialWrite)?
    };
    let user = human(call.tx, call.access, &target)?;
    let draws = Draws::of(call, Generator::PasswordReset)?;
    let organisation = super::super::organisation::id_of(&user.entity.scope.id);
    let SendLink { notification_type, url_template } = asked.send_link.unwrap_or_default();
    let values = [("UserID", user.id().as_str()), ("Code", draws.code.expose()), ("OrgID", &organisation)];
    let link = url_template.map(|template| template::render(&template, &values)).transpose()?;
    let channel = match notification_type {
        NotificationType::Unspecified | NotificationType::Email => Channel::Email,
        NotificationType::Sms => Channel::Sms,
    };
    Ok(Plan::send(move |tx, access| {
        let mut user = human(tx, access, &target)?;
        let pose = Pose {
            entity: user.id().clone(),
            purpose: Purpose::PasswordReset,
            text: draws.code.clone(),
            proves: None,
            lifetime: draws.lifetime,
            tries: TRIES,
        };
        codes::pose(tx, access, &pose)?;
        if !gives_back {
            let contact = contacts::get(tx, access, user.id(), channel)?;
            let contact = contact.filter(|contact| contact.verified_at.is_some());
            let contact = contact.ok_or_else(|| Error::precondition("COMMAND-G8dh3", "Email not verified"))?;
            let notice = Notice {
                user: &user,
                channel,
                to: &contact.address,
                subject: "Reset password",
                purpose: "set a new password",
                draws: &draws,
                link: link.as_deref(),
            };
            notice::send(tx, access, &notice)?;
        }
        people::touch(tx, access, &mut user)?;
        let verification_code = gives_back.then(|| draws.code.clone());
        Ok(Reply::of(&WasReset { details: details(&user), verification_code }))
    }))
}
