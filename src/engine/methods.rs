//! Methods: set up, shown, deleted.

use super::challenges::Refusal;
use super::wording::{self, Words};
use super::{Access, Error, enforcements};
use crate::id::MethodId;
use crate::model::contact::Channel;
use crate::model::method::{Kind, LONGEST_TEXT, Method, Settings};
use crate::model::namespace::Scope;
use crate::storage::Tx;
use crate::storage::tables::{
    METHOD_BY_DEFAULT, METHOD_BY_NAME, METHOD_BY_NAMESPACE, METHODS, PURGES, Purge, method_default_key, method_key,
    method_name_key, method_namespace_key,
};

/// What a method is to be.
#[derive(Clone)]
pub struct Write {
    /// The namespace of the request.
    pub scope: Scope,
    /// The method to change; without one, the one of that name, or a new one.
    pub id: Option<MethodId>,
    /// Its name; empty to leave it as it is.
    pub name: String,
    /// All its settings: nothing of the old ones stays.
    pub settings: Settings,
    /// Its id, if it is new.
    pub fresh_id: MethodId,
}

/// Make a method, or set it up anew.
///
/// # Errors
/// [`Error::UnknownMethod`], [`Error::OtherNamespace`], [`Error::OtherKind`], [`Error::MethodNameTaken`], [`Error::NameTooLong`],
/// [`Error::Challenge`].
pub fn write(tx: &mut dyn Tx, access: &Access, command: &Write) -> Result<MethodId, Error> {
    if command.name.len() > LONGEST_TEXT {
        return Err(Error::NameTooLong);
    }
    match &command.settings {
        Settings::Sms(settings) => wording::check(Channel::Sms, &Words::of(settings)).map_err(Refusal::Wording)?,
        Settings::Email(settings) => wording::check(Channel::Email, &Words::of(settings)).map_err(Refusal::Wording)?,
        Settings::Totp(_)
        | Settings::Duo(_)
        | Settings::Okta(_)
        | Settings::PingId(_)
        | Settings::WebAuthn(_)
        | Settings::Recovery(_) => {}
    }
    let namesake = by_name(tx, access, &command.scope, &command.name)?;
    let there = match &command.id {
        Some(id) => {
            let method = METHODS.get(tx, access, method_key(access, id))?.ok_or(Error::UnknownMethod)?;
            if namesake.is_some_and(|namesake| namesake.id != method.id) {
                return Err(Error::MethodNameTaken(command.name.clone()));
            }
            Some(method)
        }
        None => namesake,
    };
    let mut method = match there {
        Some(method) if method.scope != command.scope => return Err(Error::OtherNamespace),
        Some(method) if method.settings.kind() != command.settings.kind() => return Err(Error::OtherKind),
        Some(method) => Method { settings: command.settings.clone(), ..method },
        None => Method {
            id: command.fresh_id.clone(),
            scope: command.scope.clone(),
            name: String::new(),
            settings: command.settings.clone(),
            is_default: false,
        },
    };
    if !command.name.is_empty() {
        method.name.clone_from(&command.name);
    }
    METHODS.put(tx, access, &method)?;
    Ok(method.id)
}

/// The method with this id, wherever it lives.
pub fn get(tx: &mut dyn Tx, access: &Access, id: &MethodId) -> Result<Option<Method>, Error> {
    Ok(METHODS.get(tx, access, method_key(access, id))?)
}

/// The method of this name in `scope` itself; names are told apart by case.
pub fn by_name(tx: &mut dyn Tx, access: &Access, scope: &Scope, name: &str) -> Result<Option<Method>, Error> {
    if name.is_empty() {
        return Ok(None);
    }
    Ok(METHODS.find_one(tx, access, METHOD_BY_NAME, method_name_key(access, &scope.id, name))?)
}

/// The method of this kind that `scope` itself uses where nobody names any, if it has one yet.
pub fn default_of(tx: &mut dyn Tx, access: &Access, scope: &Scope, kind: Kind) -> Result<Option<Method>, Error> {
    Ok(METHODS.find_one(tx, access, METHOD_BY_DEFAULT, method_default_key(access, &scope.id, kind))?)
}

/// The method of this kind that `scope` uses where nobody names any; with these settings, if it has none yet. Operators see and change it like
/// any other.
pub fn ensure_default(
    tx: &mut dyn Tx,
    access: &Access,
    scope: &Scope,
    settings: &Settings,
    fresh_id: &MethodId,
) -> Result<Method, Error> {
    let kind = settings.kind();
    if let Some(method) = default_of(tx, access, scope, kind)? {
        return Ok(method);
    }
    let name = format!("default-{}", kind.as_str());
    let is_taken = by_name(tx, access, scope, &name)?.is_some();
    let method = Method {
        id: fresh_id.clone(),
        scope: scope.clone(),
        name: if is_taken { String::new() } else { name },
        settings: settings.clone(),
        is_default: true,
    };
    METHODS.put(tx, access, &method)?;
    Ok(method)
}

/// The method with this id, if `scope` may see it: its namespace is the request's, one above or one below.
///
/// # Errors
/// [`Error::OtherNamespace`] for a method that is there but not to be seen from here.
pub fn visible(tx: &mut dyn Tx, access: &Access, scope: &Scope, id: &MethodId) -> Result<Option<Method>, Error> {
    match get(tx, access, id)? {
        Some(method) if !method.scope.contains(scope) && !scope.contains(&method.scope) => Err(Error::OtherNamespace),
        found => Ok(found),
    }
}

/// The methods of `scope` and of all namespaces above it, of one kind or of all, by id.
pub fn list(tx: &mut dyn Tx, access: &Access, scope: &Scope, kind: Option<Kind>) -> Result<Vec<Method>, Error> {
    let mut methods = Vec::new();
    for path in scope.lineage() {
        let namespace = super::namespaces::at(tx, access, path)?;
        let Some(namespace) = namespace else { continue };
        let key = method_namespace_key(access, &namespace.id);
        methods.extend(METHODS.find_all(tx, access, METHOD_BY_NAMESPACE, key)?);
    }
    methods.retain(|method| kind.is_none_or(|kind| method.settings.kind() == kind));
    methods.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(methods)
}

/// Delete a method. Its secrets are useless at once and destroyed in batches; nothing happens when there is no such method.
///
/// # Errors
/// [`Error::OtherKind`], [`Error::OtherNamespace`], [`Error::MethodInUse`]; then nothing is changed.
pub fn delete(tx: &mut dyn Tx, access: &Access, scope: &Scope, kind: Kind, id: &MethodId) -> Result<(), Error> {
    let Some(method) = get(tx, access, id)? else { return Ok(()) };
    if method.settings.kind() != kind {
        return Err(Error::OtherKind);
    }
    if method.scope != *scope {
        return Err(Error::OtherNamespace);
    }
    if let Some(enforcement) = enforcements::naming(tx, access, id)? {
        return Err(Error::MethodInUse(enforcement.id));
    }
    METHODS.delete(tx, method_key(access, id))?;
    Ok(PURGES.put(tx, access, &Purge::Method(id.clone()))?)
}
