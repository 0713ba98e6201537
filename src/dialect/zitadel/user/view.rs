//! Users as they are shown.

use super::super::details::Details;
use super::super::error::Error;
use super::super::message::{enumeration, message};
use crate::engine::people::{self, User};
use crate::engine::{Access, contacts, credentials};
use crate::model::contact::Channel;
use crate::model::person::{self, Nature, Profile};
use crate::storage::Tx;
use crate::time::Timestamp;

message! {
    /// A user.
    pub(super) struct Shown("User") {
        pub(super) user_id: String,
        pub(super) details: Details,
        pub(super) state: State,
        pub(super) username: String,
        pub(super) login_names: Vec<String>,
        pub(super) preferred_login_name: String,
        pub(super) human: Option<Human>,
        pub(super) machine: Option<Machine>,
    }

    /// Somebody.
    pub(super) struct Human("HumanUser") {
        user_id: String,
        state: State,
        username: String,
        login_names: Vec<String>,
        preferred_login_name: String,
        profile: ShownProfile,
        pub(super) email: Email,
        pub(super) phone: Option<Phone>,
        password_change_required: bool,
        password_changed: Option<Timestamp>,
        mfa_init_skipped: Option<Timestamp>,
    }

    struct ShownProfile("HumanProfile") {
        given_name: String,
        family_name: String,
        nick_name: String,
        display_name: String,
        preferred_language: String,
        gender: Gender,
    }

    pub(super) struct Email("HumanEmail") {
        pub(super) email: String,
        is_verified: bool,
    }

    pub(super) struct Phone("HumanPhone") {
        pub(super) phone: String,
        is_verified: bool,
    }

    /// Something.
    pub(super) struct Machine("MachineUser") {
        name: String,
        description: String,
    }
}

enumeration! {
    /// Whether a user can do anything.
    pub(super) enum State {
        Unspecified = 0 "USER_STATE_UNSPECIFIED",
        Active = 1 "USER_STATE_ACTIVE",
        Inactive = 2 "USER_STATE_INACTIVE",
        Deleted = 3 "USER_STATE_DELETED",
        Locked = 4 "USER_STATE_LOCKED",
        Initial = 5 "USER_STATE_INITIAL",
    }
}

enumeration! {
    /// A gender, if somebody tells.
    pub(super) enum Gender {
        Unspecified = 0 "GENDER_UNSPECIFIED",
        Female = 1 "GENDER_FEMALE",
        Male = 2 "GENDER_MALE",
        Diverse = 3 "GENDER_DIVERSE",
    }
}

impl State {
    pub(super) const fn of(user: &User) -> Self {
        match user.state() {
            people::State::Active => Self::Active,
            people::State::Inactive => Self::Inactive,
            people::State::Locked => Self::Locked,
        }
    }
}

impl Gender {
    const fn of(gender: person::Gender) -> Self {
        match gender {
            person::Gender::Untold => Self::Unspecified,
            person::Gender::Female => Self::Female,
            person::Gender::Male => Self::Male,
            person::Gender::Diverse => Self::Diverse,
        }
    }

    pub(super) const fn told(self) -> person::Gender {
        match self {
            Self::Unspecified => person::Gender::Untold,
            Self::Female => person::Gender::Female,
            Self::Male => person::Gender::Male,
            Self::Diverse => person::Gender::Diverse,
        }
    }
}

/// A user, with what belongs to them.
pub(super) fn show(tx: &mut dyn Tx, access: &Access, user: &User) -> Result<Shown, Error> {
    let (human, machine) = match &user.person.nature {
        Nature::Human(profile) => (Some(show_human(tx, access, user, profile)?), None),
        Nature::Machine { name, description } => {
            (None, Some(Machine { name: name.clone(), description: description.clone() }))
        }
    };
    let name = user.entity.name.clone();
    Ok(Shown {
        user_id: user.entity.id.to_string(),
        details: super::details(user),
        state: State::of(user),
        username: name.clone(),
        login_names: vec![name.clone()],
        preferred_login_name: name,
        human,
        machine,
    })
}

fn show_human(tx: &mut dyn Tx, access: &Access, user: &User, profile: &Profile) -> Result<Human, Error> {
    let id = &user.entity.id;
    let email = contacts::get(tx, access, id, Channel::Email)?;
    let phone = contacts::get(tx, access, id, Channel::Sms)?;
    let password = credentials::get(tx, access, id)?;
    let name = user.entity.name.clone();
    Ok(Human {
        user_id: id.to_string(),
        state: State::of(user),
        username: name.clone(),
        login_names: vec![name.clone()],
        preferred_login_name: name,
        profile: ShownProfile {
            given_name: profile.given_name.clone(),
            family_name: profile.family_name.clone(),
            nick_name: profile.nick_name.clone(),
            display_name: profile.display_name.clone(),
            preferred_language: profile.language.clone(),
            gender: Gender::of(profile.gender),
        },
        email: email.map_or_else(Email::default, |email| Email {
            email: email.address.expose().clone(),
            is_verified: email.verified_at.is_some(),
        }),
        phone: phone
            .map(|phone| Phone { phone: phone.address.expose().clone(), is_verified: phone.verified_at.is_some() }),
        password_change_required: password.as_ref().is_some_and(|password| password.change_required),
        password_changed: password.map(|password| password.changed_at),
        mfa_init_skipped: user.person.skipped_at,
    })
}
