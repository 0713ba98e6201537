//! What the paths of the document share: schemas, replies, refusals, and how a caller shows who it is.

use serde_json::{Map, Value, json};

use crate::dialect::vault::field::Kind;

/// The schema of a parameter. What is said is what to send; much else is understood too, numbers as texts above all.
pub(super) fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Int => json!({ "type": "integer", "format": "int64" }),
        Kind::Seconds => json!({ "type": "integer", "format": "seconds", "minimum": 0 }),
        Kind::SignedSeconds => json!({ "type": "integer", "format": "seconds" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::List | Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Map => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Kind::Object => json!({ "type": "object" }),
        Kind::Patch => json!({ "type": "object", "additionalProperties": { "type": "string", "nullable": true } }),
    }
}

/// What a route may answer to this verb.
pub(super) fn responses(verb: &str) -> Value {
    let done = match verb {
        "POST" | "PUT" | "PATCH" | "DELETE" => &[("200", "Reply"), ("204", "Done")][..],
        _ => &[("200", "Reply")],
    };
    let mut statuses = vec![("403", "Forbidden"), ("404", "NotFound"), ("405", "OtherVerbs")];
    if verb == "PATCH" {
        statuses.push(("415", "MediaType"));
    }
    references(done.iter().copied().chain(statuses).chain(faults(verb)))
}

/// What is answered to this verb without a route; to a request that chooses its status, whatever it chooses.
pub(super) fn bare_responses(verb: &str, chooses_status: bool) -> Value {
    let chosen = chooses_status.then_some(("default", "State"));
    let statuses = [("200", "State")].into_iter().chain(chosen);
    match verb {
        "GET" | "HEAD" => references(statuses.chain([("400", "Mistake"), ("429", "TooOften")])),
        _ => references(statuses.chain(faults(verb))),
    }
}

/// What may go wrong with any request, and with those that have a body.
fn faults(verb: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_bodies = match verb {
        "POST" | "PUT" | "PATCH" => &[("408", "TooSlow"), ("413", "TooLarge")][..],
        _ => &[],
    };
    [("400", "Mistake"), ("429", "TooOften"), ("500", "Fault"), ("503", "Unavailable")]
        .into_iter()
        .chain(of_bodies.iter().copied())
}

fn references(statuses: impl Iterator<Item = (&'static str, &'static str)>) -> Value {
    let reference = |name| json!({ "$ref": format!("#/components/responses/{name}") });
    statuses.map(|(status, name)| (status.to_owned(), reference(name))).collect::<Map<_, _>>().into()
}

/// How a caller shows its token: in either header.
pub(super) fn security() -> Value {
    json!([{ "Token": [] }, { "Bearer": [] }])
}

/// The schemas of replies and refusals.
pub(super) fn schemas() -> Map<String, Value> {
    let maybe = |mut schema: Value| {
        if let Some(members) = schema.as_object_mut() {
            members.insert("nullable".into(), true.into());
        }
        schema
    };
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let texts_by_name = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let object = json!({ "type": "object" });
    let reply = json!({
        "type": "object",
        "description": "The envelope that data comes in.",
        "required": [
            "request_id", "lease_id", "renewable", "lease_duration", "data", "wrap_info", "warnings", "auth"
        ],
        "properties": {
            "request_id": { "type": "string" },
            "lease_id": { "type": "string" },
            "renewable": { "type": "boolean" },
            "lease_duration": { "type": "integer" },
            "data": maybe(object.clone()),
            "wrap_info": maybe(object.clone()),
            "warnings": maybe(texts.clone()),
            "auth": { "nullable": true, "allOf": [{ "$ref": "#/components/schemas/Auth" }] },
        },
    });
    let auth = json!({
        "type": "object",
        "description": "A token, or what is still to be proven before there is one.",
        "required": ["client_token", "accessor", "lease_duration", "renewable", "token_type"],
        "properties": {
            "client_token": { "type": "string" },
            "accessor": { "type": "string" },
            "policies": maybe(texts.clone()),
            "token_policies": texts,
            "identity_policies": { "type": "array", "items": { "type": "string" } },
            "metadata": maybe(texts_by_name),
            "lease_duration": { "type": "integer" },
            "renewable": { "type": "boolean" },
            "entity_id": { "type": "string" },
            "token_type": { "type": "string" },
            "orphan": { "type": "boolean" },
            "mfa_requirement": maybe(object),
            "num_uses": { "type": "integer" },
        },
    });
    let errors = json!({
        "type": "object",
        "required": ["errors"],
        "properties": { "errors": { "type": "array", "items": { "type": "string" } }, "data": {} },
    });
    Map::from_iter([("Reply".to_owned(), reply), ("Auth".to_owned(), auth), ("Errors".to_owned(), errors)])
}

/// Everything that is shared, with these schemas.
pub(super) fn components(schemas: &Map<String, Value>) -> Value {
    let with = |schema: &Value, description: &str| json!({ "description": description, "content": { "application/json": { "schema": schema } } });
    let reply = json!({ "$ref": "#/components/schemas/Reply" });
    let errors = json!({ "$ref": "#/components/schemas/Errors" });
    json!({
        "schemas": schemas,
        "parameters": {
            "Namespace": {
                "name": "X-Vault-Namespace",
                "in": "header",
                "description": "The path of the namespace that the request is about.",
                "schema": { "type": "string" },
            },
        },
        "responses": {
            "Reply": with(&reply, "Done, and this is to be said."),
            "Done": { "description": "Done, and nothing is to be said." },
            "State": with(&json!({ "type": "object" }), "The server's state."),
            "Mistake": with(&errors, "The request is wrong in itself, or asks for what cannot be."),
            "Forbidden": with(&errors, "There is no good token, or it is not good for this, or what was shown proves nothing."),
            "NotFound": with(&errors, "There is no such thing; or a list has nothing on it."),
            "OtherVerbs": with(&errors, "This cannot be done with the path; other things can."),
            "TooSlow": { "description": "The body did not arrive in time." },
            "TooLarge": with(&errors, "The body is too large."),
            "MediaType": with(&errors, "The body has another media type than this verb needs."),
            "TooOften": with(&errors, "The caller asks more often than it may."),
            "Fault": with(&errors, "Something failed that the caller has no part in."),
            "Unavailable": with(&errors, "The server is sealed, or has more to do than it can."),
        },
        "securitySchemes": {
            "Token": { "type": "apiKey", "in": "header", "name": "X-Vault-Token" },
            "Bearer": { "type": "http", "scheme": "bearer" },
        },
    })
}
