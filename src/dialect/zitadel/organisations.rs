//! Organisations, told: which ones there are, and under which ids. They are made and removed as the namespaces that they are.

use super::auth::Permission;
use super::details::{Details, ListDetails};
use super::error::Error;
use super::message::{enumeration, message};
use super::method::{Api, Call, Method, Plan};
use super::organisation;
use super::search::TextMethod;
use super::settings::Empty;
use crate::engine::namespaces;
use crate::model::namespace::Scope;
use crate::model::revision::Revision;
use crate::time::Timestamp;

/// The methods.
pub(super) const METHODS: &[Method] = &[
    Method::new(
        Api::Organisations,
        "ListOrganizations",
        &[("POST", "organizations/_search")],
        Permission::OrganisationRead,
        |call, sent| search(call, sent.read()?),
    ),
    Method::new(Api::Management, "GetMyOrg", &[("GET", "orgs/me")], Permission::OrganisationRead, |call, sent| {
        mine(call, &sent.read()?)
    }),
    Method::new(Api::Admin, "GetDefaultOrg", &[("GET", "orgs/default")], Permission::IamRead, |call, sent| {
        default(call, &sent.read()?)
    }),
];

message! {
    struct Search("ListOrganizationsRequest") {
        query: Option<ListQuery>,
        queries: Vec<Query>,
    }

    struct ListQuery {
        offset: u64,
        limit: u32,
        /// From first to last; from last to first if not said.
        asc: bool,
    }

    struct Query("SearchQuery") one_of(name_query, id_query, default_query) {
        name_query: Option<NameQuery>,
        id_query: Option<IdQuery>,
        default_query: Option<Empty>,
    }

    struct NameQuery("OrganizationNameQuery") {
        name: String where super::rule::NAME,
        method: TextMethod,
    }

    struct IdQuery("OrganizationIDQuery") {
        id: String where super::rule::NAME,
    }

    struct Found("ListOrganizationsResponse") {
        details: ListDetails,
        result: Vec<Organisation>,
    }

    struct Organisation("Organization") {
        id: String,
        details: Details,
        state: State,
        name: String,
    }

    struct Shown("GetMyOrgResponse") {
        org: Old,
    }

    /// An organisation as the old services show it.
    struct Old("Org") {
        id: String,
        details: Details,
        state: OldState,
        name: String,
    }
}

enumeration! {
    enum State {
        Unspecified = 0 "ORGANIZATION_STATE_UNSPECIFIED",
        Active = 1 "ORGANIZATION_STATE_ACTIVE",
    }
}

enumeration! {
    enum OldState {
        Unspecified = 0 "ORG_STATE_UNSPECIFIED",
        Active = 1 "ORG_STATE_ACTIVE",
    }
}

/// The most organisations of one answer.
const MOST: usize = 1_000;

/// What an organisation is called: its namespace's path, or what root is called everywhere.
fn name(scope: &Scope) -> String {
    if scope.id.is_root() { "root".into() } else { scope.path.trim_end_matches('/').into() }
}

/// Nothing tells when a namespace was made.
fn details(scope: &Scope) -> Details {
    Details::of(Revision::first(Timestamp::EPOCH), &scope.id)
}

impl Old {
    fn of(scope: &Scope) -> Self {
        let id = organisation::id_of(&scope.id);
        Self { id, details: details(scope), state: OldState::Active, name: name(scope) }
    }
}

impl Query {
    fn finds(&self, scope: &Scope) -> Result<bool, Error> {
        match (&self.name_query, &self.id_query, &self.default_query) {
            (Some(NameQuery { name: sought, method }), ..) => Ok(method.fits(&name(scope), sought)),
            (_, Some(IdQuery { id }), _) => Ok(organisation::id_of(&scope.id) == *id),
            (.., Some(Empty {})) => Ok(scope.id.is_root()),
            (None, None, None) => Err(Error::invalid("GRPC-Sfefs", "List.Query.Invalid")),
        }
    }
}

fn search(call: &mut Call<'_>, asked: Search) -> Result<Plan, Error> {
    let ListQuery { offset, limit, asc } = asked.query.unwrap_or_default();
    let mut found = Vec::new();
    for scope in visible(call)? {
        let mut is_sought = true;
        for query in &asked.queries {
            is_sought &= query.finds(&scope)?;
        }
        if is_sought {
            found.push(scope);
        }
    }
    found.sort_by_key(name);
    if !asc {
        found.reverse();
    }
    let limit = if limit == 0 { MOST } else { usize::try_from(limit).map_or(MOST, |limit| limit.min(MOST)) };
    let total = found.len();
    let page = found.iter().skip(usize::try_from(offset).unwrap_or(usize::MAX)).take(limit);
    let result = page.map(|scope| Organisation {
        id: organisation::id_of(&scope.id),
        details: details(scope),
        state: State::Active,
        name: name(scope),
    });
    let result = result.collect();
    Plan::reply(&Found { details: ListDetails::new(total, call.tx.now()), result })
}

/// The organisations that the caller sees: their own, and all in it.
fn visible(call: &mut Call<'_>) -> Result<Vec<Scope>, Error> {
    let (mut seen, mut next) = (vec![call.caller.scope.clone()], 0);
    while let Some(parent) = seen.get(next).cloned() {
        let below = namespaces::list(call.tx, call.access, &parent)?;
        seen.extend(below.into_iter().map(|namespace| namespace.scope));
        next += 1;
    }
    Ok(seen)
}

fn mine(call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    Plan::reply(&Shown { org: Old::of(&call.scope) })
}

fn default(_call: &mut Call<'_>, _asked: &Empty) -> Result<Plan, Error> {
    Plan::reply(&Shown { org: Old::of(&Scope::root()) })
}
