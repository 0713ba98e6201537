//! Token roles: what they give, what they refuse, and what they never can.

use serde_json::{Value, json};

use crate::support::{Answer, Server};

fn set(server: &Server, name: &str, role: &Value) {
    let answer = server.call("POST", &format!("auth/token/roles/{name}"), role);
    assert_eq!(answer.status, 204, "{answer:?}");
}

fn make(server: &Server, role: &str, asked: &Value) -> Answer {
    server.call("POST", &format!("auth/token/create/{role}"), asked)
}

fn lookup(server: &Server, made: &Answer) -> Answer {
    server.call("POST", "auth/token/lookup", &json!({ "token": made.text("auth.client_token") }))
}

#[test]
fn a_role_is_set_up_read_changed_listed_and_deleted() {
    let server = Server::start();
    assert_eq!(server.call("LIST", "auth/token/roles", &json!({})).status, 404);
    set(&server, "r", &json!({}));
    let bare = json!({
        "allowed_entity_aliases": null, "allowed_policies": [], "allowed_policies_glob": [], "disallowed_policies": [],
        "disallowed_policies_glob": [], "explicit_max_ttl": 0, "name": "r", "orphan": false, "path_suffix": "", "period": 0,
        "renewable": true, "token_explicit_max_ttl": 0, "token_no_default_policy": false, "token_period": 0,
        "token_type": "default-service"
    });
    assert_eq!(server.call("GET", "auth/token/roles/r", &json!({})).at("data"), &bare);
    set(&server, "r", &json!({ "allowed_policies": "a,B, c", "period": "1h", "token_num_uses": 4 }));
    set(&server, "r", &json!({ "orphan": true, "allowed_entity_aliases": ["Al*"] }));
    let read = server.call("GET", "auth/token/roles/r", &json!({}));
    assert_eq!(read.at("data.allowed_policies"), &json!(["a", "b", "c"]));
    assert_eq!((read.at("data.period"), read.at("data.token_period")), (&json!(3_600), &json!(3_600)));
    assert_eq!((read.at("data.orphan"), read.at("data.token_num_uses")), (&json!(true), &json!(4)));
    assert_eq!(read.at("data.allowed_entity_aliases"), &json!(["al*"]));
    set(&server, "UP", &json!({}));
    assert_eq!(server.call("LIST", "auth/token/roles", &json!({})).at("data.keys"), &json!(["UP", "r"]));
    assert_eq!(server.call("GET", "auth/token/roles/up", &json!({})).status, 404);
    for _ in 0..2 {
        assert_eq!(server.call("DELETE", "auth/token/roles/r", &json!({})).status, 204);
    }
    assert_eq!(make(&server, "r", &json!({})).error(), "unknown role r");
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let server = Server::start();
    set(&server, "r", &json!({ "allowed_policies": ["a"] }));
    for role in [
        json!({ "path_suffix": "../x" }),
        json!({ "path_suffix": "a b" }),
        json!({ "period": -1 }),
        json!({ "token_type": "odd" }),
        json!({ "token_type": "batch" }),
        json!({ "token_type": "batch", "orphan": true }),
        json!({ "token_num_uses": -1 }),
        json!({ "token_bound_cidrs": ["x"] }),
        json!({ "token_bound_cidrs": ["10.0.0.0/33"] }),
        json!({ "allowed_policies": ["b", " ROOT "] }),
    ] {
        assert_eq!(server.call("POST", "auth/token/roles/r", &role).status, 400, "{role}");
    }
    let read = server.call("GET", "auth/token/roles/r", &json!({}));
    assert_eq!(read.at("data.allowed_policies"), &json!(["a"]));
    assert_eq!(server.call("POST", "auth/token/roles/a%20b", &json!({})).status, 404);
}

#[test]
fn a_role_decides_what_its_tokens_are_like() {
    let server = Server::start();
    let role = json!({
        "allowed_policies": ["a", "b"], "allowed_policies_glob": ["x*"], "disallowed_policies": ["xx"], "orphan": true,
        "renewable": false, "path_suffix": "sfx", "token_period": "30m", "token_explicit_max_ttl": "2h",
        "token_bound_cidrs": ["127.0.0.1"], "token_num_uses": 4, "token_no_default_policy": true, "token_type": "service"
    });
    set(&server, "r", &role);
    let made = make(&server, "r", &json!({ "type": "batch", "num_uses": 9, "display_name": "dd" }));
    assert_eq!(made.at("auth.policies"), &json!(["a", "b"]));
    assert_eq!((made.at("auth.num_uses"), made.at("auth.renewable")), (&json!(4), &json!(false)));
    assert_eq!((made.at("auth.lease_duration"), made.at("auth.orphan")), (&json!(1_800), &json!(true)));
    let seen = lookup(&server, &made);
    assert_eq!(seen.text("data.path"), "auth/token/create/r/sfx");
    assert_eq!((seen.text("data.role"), seen.at("data.bound_cidrs")), ("r".into(), &json!(["127.0.0.1"])));
    assert_eq!(make(&server, "r", &json!({ "policies": ["x1", "a"] })).at("auth.policies"), &json!(["a", "x1"]));
    let outside = make(&server, "r", &json!({ "policies": ["a", "z"] })).error();
    assert!(
        outside.starts_with(r#"token policies (["a" "z"]) must be subset of the role's allowed policies (["a" "b"])"#)
    );
    assert_eq!(
        make(&server, "r", &json!({ "policies": ["xx"] })).error(),
        "token policy \"xx\" is disallowed by this role"
    );
    let both = make(&server, "r", &json!({ "explicit_max_ttl": "1h", "period": "2h" }));
    let told = both.text("warnings.0");
    let explicit =
        "Explicit max TTL specified both during creation call and in role; using the lesser value of 3600 seconds";
    assert_eq!(told, explicit);
}

#[test]
fn a_batch_role_makes_batch_tokens_that_die_with_their_parent_unless_orphans() {
    let server = Server::start();
    set(&server, "b", &json!({ "token_type": "batch", "orphan": true, "renewable": false, "allowed_policies": "a" }));
    let made = make(&server, "b", &json!({ "type": "service" }));
    assert_eq!(made.text("auth.token_type"), "batch");
    assert_eq!(made.text("auth.accessor"), "");
    assert_eq!(make(&server, "b", &json!({ "num_uses": 2 })).error(), "batch tokens cannot have \"num_uses\" set");
    let token = made.text("auth.client_token");
    let renewed = server.call("POST", "auth/token/renew", &json!({ "token": token }));
    assert_eq!(renewed.error(), "batch tokens cannot be renewed");
    let parent = server.call("POST", "auth/token/create", &json!({ "policies": ["root"] })).text("auth.client_token");
    let batch = server.ask(
        "POST",
        "auth/token/create",
        &[("X-Vault-Token", &parent)],
        r#"{"policies":["default"],"type":"batch","ttl":"1h"}"#,
    );
    let alive =
        || server.call("POST", "auth/token/lookup", &json!({ "token": batch.text("auth.client_token") })).status;
    assert_eq!(alive(), 200);
    server.call("POST", "auth/token/revoke", &json!({ "token": parent }));
    assert_eq!(alive(), 403);
}

#[test]
fn no_role_makes_root_tokens_for_others_than_root() {
    let server = Server::start();
    set(&server, "no", &json!({ "disallowed_policies": ["root"] }));
    for asked in [json!({}), json!({ "policies": ["ROOT"] })] {
        assert_eq!(make(&server, "no", &asked).error(), "token policy \"root\" is disallowed by this role");
    }
    set(&server, "any", &json!({ "allowed_policies_glob": ["*"] }));
    let wrapping = make(&server, "any", &json!({ "policies": ["response-wrapping"] }));
    assert_eq!(wrapping.error(), "cannot assign policy \"response-wrapping\"");
    server.call("POST", "sys/namespaces/a", &json!({}));
    let inside = [("X-Vault-Token", "root"), ("X-Vault-Namespace", "a")];
    assert_eq!(server.ask("POST", "auth/token/create/any", &inside, "{}").error(), "unknown role any");
    server.ask("POST", "auth/token/roles/any", &inside, r#"{"allowed_policies_glob":["*"]}"#);
    let refused = server.ask("POST", "auth/token/create/any", &inside, r#"{"policies":["root"]}"#);
    assert_eq!(refused.error(), "root tokens may not be created from a parent namespace");
}

#[test]
fn a_roles_limits_hold_at_each_renewal_as_they_are_then() {
    let server = Server::start();
    set(&server, "r", &json!({ "allowed_policies": "a", "period": "1h" }));
    let made = make(&server, "r", &json!({}));
    let renew = || {
        server.call("POST", "auth/token/renew", &json!({ "token": made.text("auth.client_token"), "increment": "5h" }))
    };
    assert_eq!(renew().at("auth.lease_duration"), &json!(3_600));
    set(&server, "r", &json!({ "period": "30m" }));
    assert_eq!(renew().at("auth.lease_duration"), &json!(1_800));
    server.advance(1_000);
    set(&server, "r", &json!({ "period": 0, "explicit_max_ttl": "10m" }));
    assert_eq!(renew().error(), "past the max TTL, cannot renew");
    assert_eq!(lookup(&server, &made).status, 200, "a refused renewal ends nothing");
    set(&server, "r", &json!({ "explicit_max_ttl": "20m" }));
    assert_eq!(renew().at("auth.lease_duration"), &json!(200));
    server.call("DELETE", "auth/token/roles/r", &json!({}));
    assert_eq!(renew().error(), "original token role \"r\" could not be found, not renewing");
}

#[test]
fn a_roles_token_speaks_for_an_allowed_alias_only() {
    let server = Server::start();
    set(&server, "r", &json!({ "allowed_policies": "a", "allowed_entity_aliases": ["al*", "Bob"] }));
    let entity = |alias: &str| make(&server, "r", &json!({ "entity_alias": alias })).text("auth.entity_id");
    let alice = entity("alice");
    assert_eq!(entity("ALICE"), alice, "whatever the case, it is one");
    assert_ne!(entity("bob"), alice);
    for alias in ["carol", "xal", "bob2"] {
        let refused = make(&server, "r", &json!({ "entity_alias": alias })).error();
        assert_eq!(refused, "invalid 'entity_alias' value", "{alias}");
    }
    set(&server, "none", &json!({}));
    assert_eq!(make(&server, "none", &json!({ "entity_alias": "al" })).error(), "invalid 'entity_alias' value");
    let without = server.call("POST", "auth/token/create", &json!({ "entity_alias": "al" }));
    assert_eq!(without.error(), "'entity_alias' is only allowed in combination with token role");
    server.call("POST", &format!("identity/entity/id/{alice}"), &json!({ "disabled": true }));
    assert_eq!(make(&server, "r", &json!({ "entity_alias": "alice" })).status, 403);
}
