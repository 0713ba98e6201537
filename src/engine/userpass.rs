//! Users of a mount: made, changed, found, deleted.

use super::{Access, Error, mounts};
use crate::factor::password::Hash;
use crate::id::Accessor;
use crate::model::mount::TokenSettings;
use crate::model::token_settings::{Changes, OldNames};
use crate::model::user::User;
use crate::storage::Tx;
use crate::storage::tables::{USER_BY_MOUNT, USERS, user_key, user_mount_key};

/// What a user is to be; what is `None` stays.
pub struct Write {
    /// The mount.
    pub mount: Accessor,
    /// The name, whatever the case.
    pub name: String,
    /// What is kept of the password. A new user needs one.
    pub password: Option<Hash>,
    /// What is said about its tokens.
    pub token: Changes,
    /// Whether it is made if there is none.
    pub create: bool,
}

/// Make or change a user.
///
/// # Errors
/// [`Error::UnknownUser`], [`Error::NoPassword`], [`Error::TokenSettings`].
pub fn write(tx: &mut dyn Tx, access: &Access, command: &Write) -> Result<(), Error> {
    let mut user = match (get(tx, access, &command.mount, &command.name)?, &command.password) {
        (Some(user), None) => user,
        (Some(user), Some(password)) => User { password: password.clone(), ..user },
        (None, _) if !command.create => return Err(Error::UnknownUser),
        (None, None) => return Err(Error::NoPassword),
        (None, Some(password)) => User {
            mount: command.mount.clone(),
            name: command.name.to_lowercase(),
            password: password.clone(),
            token: TokenSettings::default(),
            old_names: OldNames::default(),
        },
    };
    command.token.apply(&mut user.token, &mut user.old_names)?;
    if let Some(cost) = user.password.bcrypt_cost() {
        mounts::note_bcrypt(tx, access, &user.mount, cost)?;
    }
    Ok(USERS.put(tx, access, &user)?)
}

/// The user of this name, whatever the case.
pub fn get(tx: &mut dyn Tx, access: &Access, mount: &Accessor, name: &str) -> Result<Option<User>, Error> {
    Ok(USERS.get(tx, access, user_key(access, mount, name))?)
}

/// The user of this name, if the password is still the one that was checked, and, if it was just hashed anew, with that hash from now on.
pub fn confirm(
    tx: &mut dyn Tx,
    access: &Access,
    mount: &Accessor,
    name: &str,
    checked: &Hash,
    rehashed: Option<&Hash>,
) -> Result<Option<User>, Error> {
    let Some(mut user) = get(tx, access, mount, name)?.filter(|user| user.password == *checked) else {
        return Ok(None);
    };
    if let Some(rehashed) = rehashed {
        user.password = rehashed.clone();
        USERS.put(tx, access, &user)?;
    }
    Ok(Some(user))
}

/// The names of a mount's users, sorted.
pub fn names(tx: &mut dyn Tx, access: &Access, mount: &Accessor) -> Result<Vec<String>, Error> {
    let users = USERS.find_all(tx, access, USER_BY_MOUNT, user_mount_key(access, mount))?;
    let mut names: Vec<_> = users.into_iter().map(|user| user.name).collect();
    names.sort();
    Ok(names)
}

/// Delete the user of this name, if there is one. The entity that it logged in as stays.
pub fn delete(tx: &mut dyn Tx, access: &Access, mount: &Accessor, name: &str) -> Result<(), Error> {
    Ok(USERS.delete(tx, user_key(access, mount, name))?)
}
