//! May they? What policies say about a request, before it is looked up whether there is anything to be done with its path.

use super::error::Error;
use super::field::Sent;
use super::input::{Input, Parameters};
use super::route::{Call, Found, Route, find};
use crate::engine::access::{self, Capability};
use crate::model::acl::{self, Grant, Node};

/// Refuse a request that the caller's policies do not allow, and note in `call` whether they give `sudo`. Gives back how many keys a list may
/// have, if a policy limits that.
pub(super) fn check(
    call: &mut Call<'_>,
    routes: impl Iterator<Item = &'static Route>,
    below: &str,
) -> Result<Option<u64>, Error> {
    let caller = call.caller.as_ref().ok_or_else(Error::no_token)?;
    if !caller.scope.contains(&call.scope) {
        return Err(Error::denied());
    }
    let acl = access::acl(call.tx, call.access, call.engine, caller)?;
    if acl.is_root() {
        call.sudo = true;
        return Ok(None);
    }
    let operation = call.head.operation;
    let wanted = if operation == Capability::Update && is_new(call, routes, below)? {
        acl::Capability::Create
    } else {
        operation.into()
    };
    let path = format!("{}{}", call.scope.path, call.path);
    let grant = acl.grant(&path, operation == Capability::List);
    call.sudo = grant.sudo();
    let permitted = grant.allows(wanted)
        && (call.sudo || !access::needs_sudo(call.path))
        && grant.admits_wrapping(call.head.wrap_ttl)
        && admits_parameters(&grant, operation, call.sent);
    if !permitted {
        return Err(Error::denied());
    }
    Ok(grant.pagination_limit().filter(|_| operation == Capability::List))
}

/// Whether what is written is not there yet, where that makes a difference.
fn is_new(call: &mut Call<'_>, routes: impl Iterator<Item = &'static Route>, below: &str) -> Result<bool, Error> {
    let Found::Handler(route, _, captures) = find(routes, Capability::Update, below) else { return Ok(false) };
    let Some(exists) = route.exists else { return Ok(false) };
    call.input = Input::typed(&[], route.wording, &Parameters::new(), &captures)?;
    let there = exists(call);
    call.input = Input::default();
    Ok(!there?)
}

/// Whether the grant allows these parameters: of a write, or of a read's query.
fn admits_parameters(grant: &Grant<'_>, operation: Capability, sent: &Parameters) -> bool {
    match operation {
        Capability::Delete | Capability::List => true,
        Capability::Read | Capability::Update | Capability::Patch if !grant.minds_parameters() => true,
        Capability::Read | Capability::Update | Capability::Patch => {
            let read = sent.iter().map(|(name, value)| Some((name.clone(), node(value)?)));
            // What cannot be read cannot be judged.
            read.collect::<Option<Vec<_>>>().is_some_and(|parameters| grant.admits(&parameters))
        }
    }
}

fn node(sent: &Sent) -> Option<Node> {
    match sent {
        Sent::Text(text) => Some(Node::Text(text.clone())),
        Sent::Json(json) => serde_json::from_str(json.get()).ok(),
    }
}

/// The parameters of a list that may have at most `limit` keys.
pub(super) fn within(limit: u64, sent: &Parameters) -> Parameters {
    let asked = match sent.get("limit") {
        Some(Sent::Text(asked)) => asked.parse().ok().filter(|asked| *asked > 0),
        Some(Sent::Json(_)) | None => None,
    };
    let mut sent = sent.clone();
    sent.insert("limit".into(), Sent::Text(limit.min(asked.unwrap_or(limit)).to_string()));
    sent
}
