//! Users searched for.

use super::super::auth::{Level, Permission};
use super::super::details::ListDetails;
use super::super::error::Error;
use super::super::message::{enumeration, message};
use super::super::method::{Api, Call, Method, Plan, Reply};
use super::super::organisation;
use super::super::rule::{NAME, Rule};
use super::super::search::{DEEPEST, Page, TextMethod};
use super::view::{self, Shown, State};
use crate::engine::Access;
use crate::engine::people::{self, User};
use crate::id::EntityId;
use crate::model::namespace::Scope;
use crate::storage::Tx;

/// The methods.
pub(in crate::dialect::zitadel) const METHODS: &[Method] =
    &[Method::new(Api::Users, "ListUsers", &[("POST", "users")], Permission::Authenticated, |call, sent| {
        list(call, sent.read()?)
    })];

message! {
    struct List("ListUsersRequest") {
        query: Option<Page>,
        sorting_column: Column,
        queries: Vec<Query> where Rule::AtMost(100),
    }

    #[expect(clippy::struct_field_names, reason = "fields are called as on the wire")]
    struct Query("SearchQuery")
        one_of(
            user_name_query, first_name_query, last_name_query, nick_name_query, display_name_query, email_query,
            phone_query, state_query, type_query, login_name_query, in_user_ids_query, organization_id_query, or_query,
            and_query, not_query, in_user_emails_query
        )
    {
        user_name_query: Option<UserNameQuery>,
        first_name_query: Option<FirstNameQuery>,
        last_name_query: Option<LastNameQuery>,
        nick_name_query: Option<NickNameQuery>,
        display_name_query: Option<DisplayNameQuery>,
        email_query: Option<EmailQuery>,
        phone_query: Option<PhoneQuery>,
        state_query: Option<StateQuery>,
        type_query: Option<TypeQuery>,
        login_name_query: Option<LoginNameQuery>,
        in_user_ids_query: Option<IdsQuery>,
        organization_id_query: Option<OrganisationQuery>,
        or_query: Option<SeveralQuery>,
        and_query: Option<SeveralQuery>,
        not_query: Option<NotQuery>,
        in_user_emails_query: Option<EmailsQuery>,
    }

    struct UserNameQuery { user_name: String where NAME, method: TextMethod }
    struct FirstNameQuery { first_name: String where NAME, method: TextMethod }
    struct LastNameQuery { last_name: String where NAME, method: TextMethod }
    struct NickNameQuery { nick_name: String where NAME, method: TextMethod }
    struct DisplayNameQuery { display_name: String where NAME, method: TextMethod }
    struct EmailQuery { email_address: String where NAME, method: TextMethod }
    struct PhoneQuery { number: String where NAME, method: TextMethod }
    struct StateQuery { state: State }
    struct TypeQuery { r#type: Kind }
    struct LoginNameQuery { login_name: String where NAME, method: TextMethod }
    struct IdsQuery("InUserIDQuery") { user_ids: Vec<String> where Rule::AtMost(1000) }
    struct EmailsQuery("InUserEmailsQuery") { user_emails: Vec<String> where Rule::AtMost(1000) }
    struct OrganisationQuery("OrganizationIdQuery") { organization_id: String where NAME }
    struct SeveralQuery { queries: Vec<Query> }
    struct NotQuery { query: Option<Box<Query>> }

    struct Listed("ListUsersResponse") {
        details: ListDetails,
        sorting_column: Column,
        result: Vec<Shown>,
    }
}

enumeration! {
    /// What a list is sorted by.
    enum Column {
        Unspecified = 0 "USER_FIELD_NAME_UNSPECIFIED",
        UserName = 1 "USER_FIELD_NAME_USER_NAME",
        FirstName = 2 "USER_FIELD_NAME_FIRST_NAME",
        LastName = 3 "USER_FIELD_NAME_LAST_NAME",
        NickName = 4 "USER_FIELD_NAME_NICK_NAME",
        DisplayName = 5 "USER_FIELD_NAME_DISPLAY_NAME",
        Email = 6 "USER_FIELD_NAME_EMAIL",
        State = 7 "USER_FIELD_NAME_STATE",
        Type = 8 "USER_FIELD_NAME_TYPE",
        CreationDate = 9 "USER_FIELD_NAME_CREATION_DATE",
    }
}

enumeration! {
    /// What a user is.
    enum Kind {
        Unspecified = 0 "TYPE_UNSPECIFIED",
        Human = 1 "TYPE_HUMAN",
        Machine = 2 "TYPE_MACHINE",
    }
}

/// Whom a caller sees.
enum Sight {
    /// Themselves.
    Oneself(EntityId),
    /// Everybody in their organisation and those below it.
    All,
}

fn list(call: &mut Call<'_>, asked: List) -> Result<Plan, Error> {
    let sight = match &call.caller.level {
        Level::Myself { entity, .. } => Sight::Oneself(entity.clone()),
        Level::Holder { .. } => return Err(Error::not_on_this()),
        Level::Owner | Level::LoginClient => Sight::All,
    };
    asked.queries.iter().try_for_each(|query| query.check(0))?;
    let (here, bounds) = (call.scope.clone(), call.caller.scope.clone());
    Ok(Plan::slow(move |engine| {
        let access = engine.access()?;
        engine.store.read(engine.now(), |tx| search(tx, &access, &asked, &sight, &here, &bounds))
    }))
}

fn search(
    tx: &mut dyn Tx,
    access: &Access,
    asked: &List,
    sight: &Sight,
    here: &Scope,
    bounds: &Scope,
) -> Result<Plan, Error> {
    let candidates = match sight {
        Sight::Oneself(id) => people::find(tx, access, bounds, id)?.into_iter().collect(),
        Sight::All => candidates(tx, access, &asked.queries, here, bounds)?,
    };
    let mut found = Vec::new();
    for user in candidates {
        let shown = view::show(tx, access, &user)?;
        if asked.queries.iter().all(|query| query.fits(&user, &shown)) {
            found.push((user, shown));
        }
    }
    found.sort_by_cached_key(|(user, shown)| asked.sorting_column.key(user, shown));
    let details = ListDetails::new(found.len(), tx.now());
    let found: Vec<Shown> = found.into_iter().map(|(_, shown)| shown).collect();
    let result = match &asked.query {
        Some(page) => page.of(found),
        None => Page::default().of(found),
    };
    Ok(Plan::Reply(Reply::of(&Listed { details, sorting_column: asked.sorting_column, result })))
}

/// Those among whom everybody is who can fit: few, where ids or a whole name are asked for.
fn candidates(
    tx: &mut dyn Tx,
    access: &Access,
    queries: &[Query],
    here: &Scope,
    bounds: &Scope,
) -> Result<Vec<User>, Error> {
    for query in queries {
        if let Some(IdsQuery { user_ids }) = &query.in_user_ids_query {
            let mut found = Vec::new();
            for id in user_ids.iter().collect::<std::collections::BTreeSet<_>>() {
                found.extend(people::find(tx, access, bounds, &EntityId::new(id.as_str()))?);
            }
            return Ok(found);
        }
        let name = match (&query.login_name_query, &query.user_name_query) {
            (Some(query), _) if query.method.is_whole() => Some(&query.login_name),
            (_, Some(query)) if query.method.is_whole() => Some(&query.user_name),
            (Some(_) | None, Some(_) | None) => None,
        };
        if let Some(name) = name {
            return Ok(people::namesakes(tx, access, bounds, name)?);
        }
        if let Some(OrganisationQuery { organization_id }) = &query.organization_id_query {
            let scope = organisation::find(tx, access, bounds, organization_id)?;
            return Ok(people::list(tx, access, &scope)?);
        }
    }
    // Who chooses an organisation means those of it, and of those below it.
    Ok(people::list_within(tx, access, here)?)
}

impl Query {
    /// That it says something, and does not nest without end.
    fn check(&self, depth: usize) -> Result<(), Error> {
        if depth > DEEPEST || !self.says_something() {
            return Err(Error::invalid("GRPC-vR9nC", "List.Query.Invalid"));
        }
        let below = self.or_query.iter().chain(&self.and_query).flat_map(|several| &several.queries);
        let negated = self.not_query.iter().filter_map(|not| not.query.as_deref());
        below.chain(negated).try_for_each(|query| query.check(depth + 1))
    }

    const fn says_something(&self) -> bool {
        self.user_name_query.is_some()
            || self.first_name_query.is_some()
            || self.last_name_query.is_some()
            || self.nick_name_query.is_some()
            || self.display_name_query.is_some()
            || self.email_query.is_some()
            || self.phone_query.is_some()
            || self.state_query.is_some()
            || self.type_query.is_some()
            || self.login_name_query.is_some()
            || self.in_user_ids_query.is_some()
            || self.organization_id_query.is_some()
            || self.or_query.is_some()
            || self.and_query.is_some()
            || self.not_query.is_some()
            || self.in_user_emails_query.is_some()
    }

    /// Whether a user is like that.
    fn fits(&self, user: &User, shown: &Shown) -> bool {
        let profile = user.person.profile();
        let of_profile = |text: Option<&String>, method: TextMethod, wanted: &str| {
            text.is_some_and(|text| method.fits(text, wanted))
        };
        let email = shown.human.as_ref().map(|human| human.email.email.as_str()).unwrap_or_default();
        let phone = shown.human.as_ref().and_then(|human| human.phone.as_ref()).map(|phone| phone.phone.as_str());
        let name = user.entity.name.as_str();
        let all = [
            self.user_name_query.as_ref().map(|query| query.method.fits(name, &query.user_name)),
            self.login_name_query.as_ref().map(|query| query.method.fits(name, &query.login_name)),
            self.first_name_query
                .as_ref()
                .map(|query| of_profile(profile.map(|profile| &profile.given_name), query.method, &query.first_name)),
            self.last_name_query
                .as_ref()
                .map(|query| of_profile(profile.map(|profile| &profile.family_name), query.method, &query.last_name)),
            self.nick_name_query
                .as_ref()
                .map(|query| of_profile(profile.map(|profile| &profile.nick_name), query.method, &query.nick_name)),
            self.display_name_query
                .as_ref()
                .map(|query| query.method.fits(user.person.display_name(), &query.display_name)),
            self.email_query.as_ref().map(|query| query.method.fits(email, &query.email_address)),
            self.in_user_emails_query.as_ref().map(|query| query.user_emails.iter().any(|wanted| wanted == email)),
            self.phone_query.as_ref().map(|query| phone.is_some_and(|phone| query.method.fits(phone, &query.number))),
            self.state_query.as_ref().map(|query| query.state == shown.state),
            self.type_query.as_ref().map(|query| query.r#type == Kind::of(user)),
            self.in_user_ids_query.as_ref().map(|query| query.user_ids.iter().any(|id| id == user.entity.id.as_str())),
            self.organization_id_query
                .as_ref()
                .map(|query| query.organization_id == organisation::id_of(&user.entity.scope.id)),
            self.or_query.as_ref().map(|query| query.queries.iter().any(|query| query.fits(user, shown))),
            self.and_query.as_ref().map(|query| query.queries.iter().all(|query| query.fits(user, shown))),
            self.not_query.as_ref().map(|query| query.query.as_ref().is_none_or(|query| !query.fits(user, shown))),
        ];
        all.into_iter().flatten().all(|fits| fits)
    }
}

impl Kind {
    const fn of(user: &User) -> Self {
        if user.person.profile().is_some() { Self::Human } else { Self::Machine }
    }
}

impl Column {
    /// What is compared, and then what tells two apart that are alike in that.
    fn key(self, user: &User, shown: &Shown) -> (String, u64, String) {
        let profile = user.person.profile();
        let of_profile = |text: Option<&String>| text.cloned().unwrap_or_default();
        let text = match self {
            Self::Unspecified | Self::CreationDate => String::new(),
            Self::UserName => user.entity.name.to_lowercase(),
            Self::FirstName => of_profile(profile.map(|profile| &profile.given_name)),
            Self::LastName => of_profile(profile.map(|profile| &profile.family_name)),
            Self::NickName => of_profile(profile.map(|profile| &profile.nick_name)),
            Self::DisplayName => user.person.display_name().to_lowercase(),
            Self::Email => shown.human.as_ref().map(|human| human.email.email.clone()).unwrap_or_default(),
            Self::State => format!("{:?}", shown.state),
            Self::Type => format!("{:?}", Kind::of(user)),
        };
        (text, user.entity.created_at.as_millis(), user.entity.id.to_string())
    }
}
