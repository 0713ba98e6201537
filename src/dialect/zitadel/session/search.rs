//! Sessions searched for. Nobody sees another's but by permission, and what a session does not say matches nothing (CVE-2024-39683).

use super::change::creator;
use super::view::{self, Shown};
use crate::dialect::zitadel::auth::{Caller, Level, Permission};
use crate::dialect::zitadel::details::ListDetails;
use crate::dialect::zitadel::error::Error;
use crate::dialect::zitadel::message::{enumeration, message};
use crate::dialect::zitadel::method::{Api, Call, Method, Plan, Reply};
use crate::dialect::zitadel::rule::{NAME, Rule};
use crate::dialect::zitadel::search::{MomentMethod, Page};
use crate::engine::{Access, sessions};
use crate::id::EntityId;
use crate::model::namespace::Scope;
use crate::model::session::{Session, Standing};
use crate::storage::Tx;
use crate::time::Timestamp;

/// The methods.
pub(in crate::dialect::zitadel) const METHODS: &[Method] = &[Method::new(
    Api::Sessions,
    "ListSessions",
    &[("POST", "sessions/search")],
    Permission::Authenticated,
    |call, sent| list(call, sent.read()?),
)];

message! {
    struct List("ListSessionsRequest") {
        query: Option<Page>,
        queries: Vec<Query> where Rule::AtMost(100),
        sorting_column: Column,
    }

    #[expect(clippy::struct_field_names, reason = "fields are called as on the wire")]
    struct Query("SearchQuery")
        one_of(ids_query, user_id_query, creation_date_query, creator_query, user_agent_query, expiration_date_query)
    {
        ids_query: Option<IdsQuery>,
        user_id_query: Option<UserIdQuery>,
        creation_date_query: Option<CreationDateQuery>,
        creator_query: Option<CreatorQuery>,
        user_agent_query: Option<UserAgentQuery>,
        expiration_date_query: Option<ExpirationDateQuery>,
    }

    struct IdsQuery("IDsQuery") { ids: Vec<String> where Rule::AtMost(1000) }
    struct UserIdQuery("UserIDQuery") { id: String where NAME }
    struct CreationDateQuery { creation_date: Option<Timestamp>, method: MomentMethod }
    struct CreatorQuery { id: Option<String> where NAME }
    struct UserAgentQuery { fingerprint_id: Option<String> where NAME }
    struct ExpirationDateQuery { expiration_date: Option<Timestamp>, method: MomentMethod }

    struct Listed("ListSessionsResponse") {
        details: ListDetails,
        sessions: Vec<Shown>,
    }
}

enumeration! {
    /// What a list is sorted by. There is one such thing, and it is taken where nobody says.
    enum Column {
        Unspecified = 0 "SESSION_FIELD_NAME_UNSPECIFIED",
        CreationDate = 1 "SESSION_FIELD_NAME_CREATION_DATE",
    }
}

/// Who asks, as far as that matters to what they find.
struct Seeker {
    bounds: Scope,
    /// Whose sessions they see, if not everybody's.
    only: Option<EntityId>,
    creator: String,
    /// What tells their own browser from others.
    fingerprint: Option<String>,
}

fn seeker(call: &mut Call<'_>) -> Result<Seeker, Error> {
    let Caller { level, scope, proof } = call.caller;
    let (only, fingerprint) = match level {
        Level::Owner | Level::LoginClient => (None, None),
        Level::Myself { entity, session } => {
            let session = sessions::get(call.tx, call.access, &Scope::root(), session)?;
            (Some(entity.clone()), session.and_then(|session| session.user_agent?.fingerprint))
        }
        Level::Holder { .. } => return Err(Error::not_on_this()),
    };
    Ok(Seeker { bounds: scope.clone(), only, creator: creator(*proof), fingerprint })
}

fn list(call: &mut Call<'_>, asked: List) -> Result<Plan, Error> {
    let seeker = seeker(call)?;
    if !asked.queries.iter().all(Query::says_something) {
        return Err(Error::invalid("GRPC-Sfefs", "List.Query.Invalid"));
    }
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        engine.store.read(engine.now(), |tx| search(tx, &access, &asked, &seeker))
    }))
}

fn search(tx: &mut dyn Tx, access: &Access, asked: &List, seeker: &Seeker) -> Result<Plan, Error> {
    let now = tx.now();
    let mut found = candidates(tx, access, &asked.queries, seeker)?;
    found.retain(|session| {
        session.standing(now) != Standing::Ended
            && seeker.sees(session)
            && asked.queries.iter().all(|query| query.fits(session, seeker))
    });
    found.sort_by(|a, b| (a.revision.created_at, &a.id).cmp(&(b.revision.created_at, &b.id)));
    let details = ListDetails::new(found.len(), now);
    let page = match &asked.query {
        Some(page) => page.of(found),
        None => Page::default().of(found),
    };
    let sessions = page.iter().map(|session| view::show(tx, access, session)).collect::<Result<_, _>>()?;
    Ok(Plan::Reply(Reply::of(&Listed { details, sessions })))
}

impl Seeker {
    fn sees(&self, session: &Session) -> bool {
        match &self.only {
            None => self.bounds.contains(&session.scope),
            Some(only) => session.factors.user.as_ref().is_some_and(|user| user.who.entity == *only),
        }
    }
}

/// Those among whom everything is that can fit: few, where it is said whose or which.
fn candidates(tx: &mut dyn Tx, access: &Access, queries: &[Query], seeker: &Seeker) -> Result<Vec<Session>, Error> {
    if let Some(only) = &seeker.only {
        return Ok(sessions::of_entity(tx, access, only)?);
    }
    for query in queries {
        if let Some(IdsQuery { ids }) = &query.ids_query {
            let mut found = Vec::new();
            for id in ids.iter().collect::<std::collections::BTreeSet<_>>() {
                found.extend(sessions::get(tx, access, &seeker.bounds, id)?);
            }
            return Ok(found);
        }
        if let Some(UserIdQuery { id }) = &query.user_id_query {
            return Ok(sessions::of_entity(tx, access, &EntityId::new(id.as_str()))?);
        }
    }
    Ok(sessions::list_within(tx, access, &seeker.bounds)?)
}

impl Query {
    const fn says_something(&self) -> bool {
        self.ids_query.is_some()
            || self.user_id_query.is_some()
            || self.creation_date_query.is_some()
            || self.creator_query.is_some()
            || self.user_agent_query.is_some()
            || self.expiration_date_query.is_some()
    }

    fn fits(&self, session: &Session, seeker: &Seeker) -> bool {
        let fingerprint = session.user_agent.as_ref().and_then(|agent| agent.fingerprint.as_ref());
        let all = [
            self.ids_query.as_ref().map(|query| query.ids.contains(&session.id)),
            self.user_id_query
                .as_ref()
                .map(|query| session.factors.user.as_ref().is_some_and(|user| user.who.entity.as_str() == query.id)),
            self.creation_date_query.as_ref().map(|query| {
                query.creation_date.is_some_and(|wanted| query.method.fits(session.revision.created_at, wanted))
            }),
            self.creator_query.as_ref().map(|query| session.creator == *query.id.as_ref().unwrap_or(&seeker.creator)),
            self.user_agent_query.as_ref().map(|query| {
                let wanted = query.fingerprint_id.as_ref().or(seeker.fingerprint.as_ref());
                wanted.is_some() && wanted == fingerprint
            }),
            self.expiration_date_query.as_ref().map(|query| {
                let both = session.expires_at.zip(query.expiration_date);
                both.is_some_and(|(end, wanted)| query.method.fits(end, wanted))
            }),
        ];
        all.into_iter().flatten().all(|fits| fits)
    }
}
