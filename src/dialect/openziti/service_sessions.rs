//! `sessions`: the caller's uses of services.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::error::Error;
use super::listing::Page;
use super::request::Api;
use super::route::{Call, Door, Plan, Route};
use super::wire::{Base, Reply, entity_ref, links};
use crate::engine::Access;
use crate::engine::edge::Refusal;
use crate::engine::edge::service_sessions::{self, Create};
use crate::engine::edge::services::Granted;
use crate::id::{ServiceId, ServiceSessionId};
use crate::model::edge::service::{ServiceSession, Use};

pub(super) const ROUTES: &[Route] = &[
    Route {
        api: Some(Api::Client),
        pattern: &["sessions"],
        verbs: &[(Method::GET, Door::Full, list), (Method::POST, Door::Full, create)],
    },
    Route {
        api: Some(Api::Client),
        pattern: &["sessions", "*"],
        verbs: &[(Method::GET, Door::Full, read), (Method::DELETE, Door::Full, delete)],
    },
];

fn list(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (page, caller) = (Page::read(call.head)?, call.caller()?.clone());
    let all = service_sessions::list(call.tx, call.access, &call.scope, &caller)?;
    let access = call.access;
    let reply = page.reply(
        all,
        |(session, granted)| (session.id.as_str(), &granted.service.name),
        |(session, granted)| Ok(shown(access, &session, &granted)),
    )?;
    Ok(Plan::Reply(reply))
}

fn read(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (id, caller) = (call.id()?.to_owned(), call.caller()?.clone());
    let all = service_sessions::list(call.tx, call.access, &call.scope, &caller)?;
    let found = all.into_iter().find(|(session, _)| session.id.as_str() == id);
    let (session, granted) = found.ok_or(Refusal::Unknown)?;
    Ok(Plan::Reply(Reply::data(shown(call.access, &session, &granted))))
}

fn create(call: &mut Call<'_>) -> Result<Plan, Error> {
    let fields = call.fields()?;
    fields.require(&["serviceId", "type"])?;
    let command = Create {
        service: ServiceId::new(fields.required_text("serviceId")?),
        doing: fields.one_of("type", Use::parse)?.unwrap_or(Use::Dial),
        tags: fields.tags("tags")?.unwrap_or_default(),
        fresh_id: ServiceSessionId::fresh(call.engine.entropy.as_ref()),
    };
    let scope = call.scope.clone();
    Ok(Plan::write(move |tx, access, caller| {
        let (session, granted) = service_sessions::create(tx, access, &scope, caller, &command)?;
        Ok(Reply::made(shown(access, &session, &granted)))
    }))
}

fn delete(call: &mut Call<'_>) -> Result<Plan, Error> {
    let (scope, id) = (call.scope.clone(), call.id()?.to_owned());
    Ok(Plan::write(move |tx, access, caller| {
        service_sessions::delete(tx, access, &scope, caller, &id)?;
        Ok(Reply::empty())
    }))
}

fn shown(access: &Access, session: &ServiceSession, granted: &Granted) -> Value {
    let base = Base {
        id: session.id.as_str(),
        created_at: session.created_at,
        updated_at: session.created_at,
        tags: &session.tags,
        links: links(&[("self", &format!("./sessions/{}", session.id))]),
    };
    let (service, api_session) = (&granted.service, session.api_session.as_str());
    base.with(json!({
        // What a router would be shown. There is none, so nothing takes it; it is computed and kept nowhere.
        "token": format!("{:?}", access.blind("edge.service_session.token", &[session.id.as_str()])),
        "type": session.doing.as_str(),
        "apiSessionId": api_session,
        "apiSession": entity_ref("api-sessions", api_session, api_session),
        "identityId": session.entity.as_str(),
        "serviceId": service.id.as_str(),
        "service": entity_ref("services", service.id.as_str(), &service.name),
        "edgeRouters": [],
    }))
}
