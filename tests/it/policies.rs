//! Policies: what they allow, where, and from when on.

use std::sync::Arc;

use countersign::id::{EntityId, GroupId};
use countersign::model::group::Group;
use countersign::model::namespace::Scope;
use countersign::storage::tables::{GROUPS, POLICIES};
use serde_json::{Value, json};

use crate::support::{Answer, START, Server};
use crate::tokens::speak_for;

const DENIED: &str = "1 error occurred:\n\t* permission denied\n\n";

fn write(server: &Server, namespace: &str, name: &str, text: &str) {
    let headers = [("X-Vault-Token", "root"), ("X-Vault-Namespace", namespace)];
    let body = json!({ "policy": text }).to_string();
    let answer = server.ask("POST", &format!("sys/policies/acl/{name}"), &headers, &body);
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// A token of `namespace` with these policies.
fn token(server: &Server, namespace: &str, policies: &[&str]) -> String {
    let headers = [("X-Vault-Token", "root"), ("X-Vault-Namespace", namespace)];
    let body = json!({ "policies": policies }).to_string();
    server.ask("POST", "auth/token/create", &headers, &body).text("auth.client_token")
}

fn as_token(server: &Server, token: &str, method: &str, path: &str, body: &Value) -> Answer {
    server.ask(method, path, &[("X-Vault-Token", token)], &body.to_string())
}

fn within(server: &Server, namespace: &str, token: &str, method: &str, path: &str) -> Answer {
    server.ask(method, path, &[("X-Vault-Token", token), ("X-Vault-Namespace", namespace)], "{}")
}

fn entity(server: &Server, body: &Value) -> String {
    server.call("POST", "identity/entity", body).text("data.id")
}

#[test]
fn a_policys_change_and_its_removal_count_from_the_next_request_on() {
    let server = Server::start();
    let holder = token(&server, "", &["ops"]);
    let list = || as_token(&server, &holder, "LIST", "identity/mfa/method", &json!({}));
    assert_eq!((list().status, list().error()), (403, DENIED.into()), "there is no such policy yet");
    write(&server, "", "ops", "path \"identity/mfa/method\" { capabilities = [\"list\"] }");
    assert_eq!(list().status, 404, "allowed, and none there");
    write(&server, "", "ops", "path \"identity/mfa/method\" { capabilities = [\"read\"] }");
    assert_eq!(list().status, 403);
    write(&server, "", "ops", "path \"identity/mfa/method\" { capabilities = [\"list\"] }");
    assert_eq!(list().status, 404);
    server.call("DELETE", "sys/policies/acl/ops", &json!({}));
    assert_eq!(list().status, 403);
}

#[test]
fn the_acl_comes_before_the_route() {
    let server = Server::start();
    write(
        &server,
        "",
        "ops",
        "path \"identity/there/not\" { capabilities = [\"update\"] } path \"nothing/*\" { policy = \"write\" }",
    );
    let holder = token(&server, "", &["ops"]);
    let post = |path| as_token(&server, &holder, "POST", path, &json!({}));
    assert_eq!(post("identity/not/there").error(), DENIED);
    assert_eq!(post("identity/there/not").status, 404);
    assert_eq!(post("no/mount").error(), DENIED);
    assert_eq!(post("nothing/here").status, 404);
}

#[test]
fn every_policy_may_be_read_and_default_changed_but_root_stays() {
    let server = Server::start();
    let holder = token(&server, "", &["default"]);
    let lookup = || as_token(&server, &holder, "GET", "auth/token/lookup-self", &json!({})).status;
    assert_eq!(lookup(), 200);
    write(&server, "", "default", "# nothing");
    assert_eq!(lookup(), 403);
    for name in ["root", "ROOT", "response-wrapping"] {
        let body = json!({ "policy": "path \"*\" { policy = \"sudo\" }" });
        assert_eq!(server.call("POST", &format!("sys/policies/acl/{name}"), &body).status, 400, "{name}");
        assert_eq!(server.call("DELETE", &format!("sys/policy/{name}"), &json!({})).status, 400, "{name}");
    }
    assert_eq!(server.call("DELETE", "sys/policies/acl/default", &json!({})).status, 400);
}

#[test]
fn a_policy_is_written_once_for_each_version_that_a_writer_names() {
    let server = Arc::new(Server::start());
    let threads: Vec<_> = (0..20)
        .map(|n| {
            let server = Arc::clone(&server);
            let body = json!({ "policy": format!("# {n}"), "cas": 0 });
            std::thread::spawn(move || server.call("POST", "sys/policies/acl/x", &body).status)
        })
        .collect();
    let statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1);
}

#[test]
fn a_policy_too_large_too_deep_or_of_any_bytes_is_refused_and_nothing_breaks() {
    let server = Server::start();
    let deep = format!("path \"x\" {{ control_group = {} }}", "[".repeat(50_000));
    let json_deep = format!("{{\"path\":{}", "{\"a\":".repeat(50_000));
    for text in [deep, json_deep, "# ".repeat(200_000), "path \"\u{0}\" {".into(), "\u{feff}{}".into(), "{".into()] {
        let answer = server.call("POST", "sys/policies/acl/x", &json!({ "policy": text }));
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.error().starts_with("failed to parse policy: "));
    }
    let long = format!("sys/policies/acl/{}", "n".repeat(2_000));
    assert_eq!(server.call("POST", &long, &json!({ "policy": "# x" })).status, 400);
    assert_eq!(server.call("GET", "sys/policies/acl/x", &json!({})).status, 404);
}

#[test]
fn parameters_are_checked_as_they_were_sent() {
    let server = Server::start();
    let policy = "path \"identity/mfa/method/totp\" { capabilities = [\"update\"] required_parameters = [\"issuer\"] \
        allowed_parameters = { \"issuer\" = [\"corp-*\"] \"digits\" = [] } denied_parameters = { \"skew\" = [] } }";
    write(&server, "", "par", policy);
    let holder = token(&server, "", &["par"]);
    let post = |body: Value| as_token(&server, &holder, "POST", "identity/mfa/method/totp", &body).status;
    assert_eq!(post(json!({ "issuer": "corp-1", "digits": 8 })), 200);
    for body in [
        json!({ "issuer": "other" }),
        json!({ "digits": 8 }),
        json!({ "issuer": "corp-1", "skew": 0 }),
        json!({ "issuer": "corp-1", "period": 60 }),
        json!({ "issuer": "corp-1", "Issuer": "other" }),
        json!({ "Issuer": "corp-1" }),
        json!({ "issuer": ["corp-1"] }),
        json!({}),
    ] {
        assert_eq!(post(body.clone()), 403, "{body}");
    }
    let twice = r#"{"issuer":"corp-1","issuer":"other"}"#;
    let answer = server.ask("POST", "identity/mfa/method/totp", &[("X-Vault-Token", &holder)], twice);
    assert_eq!(answer.status, 403, "the last of equal keys is the one that counts, for the policy too");
    let form = [("X-Vault-Token", holder.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(server.ask("POST", "identity/mfa/method/totp", &form, "issuer=corp-1&skew=1").status, 403);
    assert_eq!(server.ask("POST", "identity/mfa/method/totp", &form, "issuer=corp-1").status, 200);
}

#[test]
fn a_reply_that_must_be_wrapped_is_not_given_in_the_open() {
    let server = Server::start();
    let policy = "path \"identity/entity\" { capabilities = [\"update\"] min_wrapping_ttl = \"1m\" }";
    write(&server, "", "wrapped", policy);
    let holder = token(&server, "", &["wrapped"]);
    assert_eq!(as_token(&server, &holder, "POST", "identity/entity", &json!({})).status, 403);
    let wrapped = |ttl| {
        let headers = [("X-Vault-Token", holder.as_str()), ("X-Vault-Wrap-TTL", ttl)];
        server.ask("POST", "identity/entity", &headers, "{}")
    };
    assert_eq!(wrapped("59").error(), DENIED);
    assert_eq!(wrapped("60").at("wrap_info.ttl"), &json!(60));
}

#[test]
fn creating_is_permitted_apart_from_changing() {
    let server = Server::start();
    server.call("POST", "sys/auth/userpass", &json!({ "type": "userpass" }));
    let paths = ["auth/userpass/users/*", "auth/token/roles/*"];
    for (name, capability) in [("maker", "create"), ("changer", "update")] {
        let rules = paths.map(|path| format!("path \"{path}\" {{ capabilities = [\"{capability}\"] }}"));
        write(&server, "", name, &rules.concat());
    }
    let (maker, changer) = (token(&server, "", &["maker"]), token(&server, "", &["changer"]));
    let post = |token, path| as_token(&server, token, "POST", path, &json!({ "password": "p" })).status;
    for path in ["auth/userpass/users/new", "auth/token/roles/new"] {
        assert_eq!(post(&changer, path), 403, "{path} is not there to be changed");
        assert_eq!(post(&maker, path), 204, "{path}");
        assert_eq!(post(&maker, path), 403, "{path} is there by now");
        assert_eq!(post(&changer, path), 204, "{path}");
    }
    assert_eq!(post(&maker, "auth/userpass/users/NEW"), 403, "whatever the case");
}

#[test]
fn what_is_kept_for_operators_needs_sudo() {
    let server = Server::start();
    write(&server, "", "all", "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }");
    let holder = token(&server, "", &["all"]);
    for (method, path) in
        [("POST", "sys/seal"), ("POST", "sys/clock/accept"), ("LIST", "auth/token/accessors"), ("POST", "sys/auth/x")]
    {
        assert_eq!(as_token(&server, &holder, method, path, &json!({ "type": "userpass" })).error(), DENIED, "{path}");
    }
    assert_eq!(
        as_token(&server, &holder, "POST", "auth/token/revoke-orphan", &json!({ "token": "x" })).error(),
        DENIED
    );
    assert!(!server.engine.seal.is_sealed());
    write(&server, "", "all", "path \"*\" { capabilities = [\"list\", \"update\", \"sudo\"] }");
    assert_eq!(as_token(&server, &holder, "LIST", "auth/token/accessors", &json!({})).status, 200);
}

#[test]
fn a_token_gives_no_more_than_it_has_unless_it_has_sudo() {
    let server = Server::start();
    let make = "path \"auth/token/create\" { capabilities = [\"update\"] } path \"auth/token/create-orphan\" { capabilities = [\"update\"] }";
    write(&server, "", "make", make);
    write(&server, "", "more", "path \"*\" { policy = \"sudo\" }");
    let maker = token(&server, "", &["make"]);
    let create = |maker: &str, path: &str, body: Value| as_token(&server, maker, "POST", path, &body);
    let subset = "child policies must be subset of parent";
    assert_eq!(create(&maker, "auth/token/create", json!({})).at("auth.policies"), &json!(["default", "make"]));
    for policy in ["more", "root", " ROOT ", "nothing"] {
        for path in ["auth/token/create", "auth/token/create-orphan"] {
            assert_eq!(create(&maker, path, json!({ "policies": [policy] })).error(), subset, "{policy} {path}");
        }
    }
    assert_eq!(create(&maker, "auth/token/create-orphan", json!({})).at("auth.orphan"), &json!(true));
    let orphan = "root or sudo privileges required to create orphan token";
    assert_eq!(create(&maker, "auth/token/create", json!({ "no_parent": true })).error(), orphan);
    assert_eq!(create(&maker, "auth/token/create-orphan", json!({ "no_parent": true })).error(), orphan);
    assert_eq!(create(&maker, "auth/token/create", json!({ "id": "own" })).status, 400);
    write(&server, "", "make", "path \"auth/token/create\" { capabilities = [\"update\", \"sudo\"] }");
    let warned = create(&maker, "auth/token/create", json!({ "policies": ["more", "nothing"], "no_parent": true }));
    assert_eq!(warned.at("warnings"), &json!(["Policy \"nothing\" does not exist"]));
    assert_eq!(create(&maker, "auth/token/create", json!({ "id": "own" })).text("auth.client_token"), "own");
    let root = "root tokens may not be created without parent token being root";
    assert_eq!(create(&maker, "auth/token/create", json!({ "policies": ["Root"] })).error(), root);
}

#[test]
fn policies_are_their_namespaces_own() {
    let server = Server::start();
    for namespace in ["a", "b"] {
        server.call("POST", &format!("sys/namespaces/{namespace}"), &json!({}));
    }
    write(&server, "", "ops", "path \"a/identity/entity/id\" { capabilities = [\"list\"] }");
    write(&server, "a", "ops", "path \"identity/mfa/method\" { capabilities = [\"list\"] }");
    let (above, inside) = (token(&server, "", &["ops"]), token(&server, "a", &["ops"]));
    let status = |namespace, token: &str, path| within(&server, namespace, token, "LIST", path).status;
    assert_eq!(
        status("a", &above, "identity/entity/id"),
        404,
        "allowed from above, by the path with the namespace in it"
    );
    assert_eq!(status("", &above, "a/identity/entity/id"), 404, "however the namespace is named");
    assert_eq!(status("", &above, "identity/entity/id"), 403);
    assert_eq!(status("b", &above, "identity/entity/id"), 403);
    assert_eq!(status("a", &above, "identity/mfa/method"), 403, "the namespace's own policy of that name is another");
    assert_eq!(status("a", &inside, "identity/mfa/method"), 404);
    assert_eq!(status("a", &inside, "identity/entity/id"), 403);
    for namespace in ["", "b"] {
        assert_eq!(status(namespace, &inside, "identity/mfa/method"), 403, "{namespace}");
    }
    let own = within(&server, "b", &inside, "GET", "auth/token/lookup-self");
    assert_eq!(own.status, 200, "whatever the request's namespace, its own business is in its own");
}

#[test]
fn no_policy_is_borrowed_from_a_namespace_below() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", &json!({}));
    write(&server, "", "ops", "path \"a/auth/token/create\" { capabilities = [\"update\"] }");
    write(&server, "a", "ops", "path \"*\" { policy = \"sudo\" }");
    let above = token(&server, "", &["ops"]);
    let asked = |body: &str| {
        server.ask("POST", "auth/token/create", &[("X-Vault-Token", &above), ("X-Vault-Namespace", "a")], body)
    };
    assert_eq!(asked(r#"{"policies":["ops"]}"#).error(), "child policies must be subset of parent");
    assert_eq!(asked("{}").at("auth.policies"), &json!(["default"]));
}

#[test]
fn what_a_token_can_do_is_asked_where_it_can_do_it() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", &json!({}));
    write(&server, "", "ops", "path \"a/x\" { policy = \"read\" } path \"x\" { policy = \"deny\" }");
    write(&server, "a", "all", "path \"*\" { policy = \"read\" }");
    let (above, inside) = (token(&server, "", &["ops"]), token(&server, "a", &["all"]));
    let asked = |namespace, token: &str| {
        let headers = [("X-Vault-Token", "root"), ("X-Vault-Namespace", namespace)];
        let body = json!({ "token": token, "paths": ["x"] }).to_string();
        server.ask("POST", "sys/capabilities", &headers, &body)
    };
    assert_eq!(asked("", &above).at("data.x"), &json!(["deny"]));
    assert_eq!(asked("", &inside).at("data.x"), &json!(["deny"]), "who may do all below may do nothing above");
    assert_eq!(asked("a", &inside).at("data.x"), &json!(["list", "read"]));
    assert_eq!(asked("a", &above).error(), "1 error occurred:\n\t* invalid token\n\n", "it cannot be named from below");
    let named = server.call("POST", "sys/capabilities", &json!({ "token": above, "paths": ["a/x"] }));
    assert_eq!(named.at("capabilities"), &json!(["list", "read"]));
}

#[test]
fn a_namespaces_policies_are_gone_with_it() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", &json!({}));
    write(&server, "a", "ops", "path \"*\" { policy = \"sudo\" }");
    server.call("DELETE", "sys/namespaces/a", &json!({}));
    while server.engine.keep_house().unwrap() {}
    let access = server.engine.access().unwrap();
    let left = server.engine.store.read(START, |tx| POLICIES.first(tx, &access)).unwrap();
    assert_eq!(left, None);
    server.call("POST", "sys/namespaces/a", &json!({}));
    assert_eq!(within(&server, "a", "root", "GET", "sys/policies/acl/ops").status, 404);
}

#[test]
fn an_entitys_policies_and_its_data_count_at_once() {
    let server = Server::start();
    let policy = "path \"identity/entity/id/{{identity.entity.id}}\" { capabilities = [\"read\"] } \
        path \"identity/entity/name/{{identity.entity.metadata.dept}}-*\" { capabilities = [\"read\"] }";
    write(&server, "", "self", policy);
    write(&server, "", "extra", "path \"identity/mfa/method\" { capabilities = [\"list\"] }");
    let (alice, bob) = (entity(&server, &json!({ "name": "alice" })), entity(&server, &json!({ "name": "bob" })));
    let holder = token(&server, "", &["self"]);
    let status = |method, path: &str| as_token(&server, &holder, method, path, &json!({})).status;
    assert_eq!(status("GET", &format!("identity/entity/id/{alice}")), 403, "it speaks for nobody yet");
    speak_for(&server, &holder, &alice);
    assert_eq!(status("GET", &format!("identity/entity/id/{alice}")), 200);
    assert_eq!(status("GET", &format!("identity/entity/id/{bob}")), 403);
    assert_eq!(status("GET", "identity/entity/name/alice"), 200, "the default policy allows it");
    assert_eq!(status("GET", "identity/entity/name/dev-1"), 403);
    let change =
        |body: Value| assert_eq!(server.call("POST", &format!("identity/entity/id/{alice}"), &body).status, 204);
    change(json!({ "metadata": { "dept": "dev" } }));
    assert_eq!(status("GET", "identity/entity/name/dev-1"), 404, "allowed, and not there");
    assert_eq!(status("LIST", "identity/mfa/method"), 403);
    change(json!({ "policies": ["extra"] }));
    assert_eq!(status("LIST", "identity/mfa/method"), 404);
    change(json!({ "policies": [] }));
    assert_eq!(status("LIST", "identity/mfa/method"), 403);
}

#[test]
fn nobody_widens_a_path_by_what_they_are_called() {
    let server = Server::start();
    let policy = "path \"identity/entity/name/{{identity.entity.metadata.k}}\" { capabilities = [\"read\"] } \
        path \"identity/entity/id/{{identity.entity.metadata.k}}*\" { capabilities = [\"read\"] } \
        path \"identity/mfa/method\" { capabilities = [\"list\"] }";
    write(&server, "", "self", policy);
    let (mallory, alice) = (entity(&server, &json!({})), entity(&server, &json!({ "name": "alice" })));
    let holder = token(&server, "", &["self"]);
    speak_for(&server, &holder, &mallory);
    let status = |method, path: &str| as_token(&server, &holder, method, path, &json!({})).status;
    for value in ["*", "+", "a*", "al+", "x/y", "", "**"] {
        let body = json!({ "name": "*", "metadata": { "k": value } });
        assert_eq!(server.call("POST", &format!("identity/entity/id/{mallory}"), &body).status, 204, "{value}");
        assert_eq!(status("GET", "identity/entity/name/alice"), 403, "{value}");
        assert_eq!(status("GET", &format!("identity/entity/id/{alice}")), 403, "{value}");
        assert_eq!(status("LIST", "identity/mfa/method"), 404, "no other rule suffers from {value}");
    }
}

#[test]
fn what_is_known_of_groups_fills_templates() {
    let server = Server::start();
    let policy = "path \"identity/entity/name/{{identity.groups.names.outer.id}}\" { capabilities = [\"read\"] } \
        path \"identity/entity/name/{{identity.groups.ids.g1.name}}\" { capabilities = [\"read\"] } \
        path \"identity/entity/name/{{identity.groups.names.other.id}}\" { capabilities = [\"read\"] }";
    write(&server, "", "far", policy);
    let alice = entity(&server, &json!({ "name": "alice" }));
    let holder = token(&server, "", &["far"]);
    speak_for(&server, &holder, &alice);
    // The inner group holds the entity, the outer one the inner, and each the other: a circle must not hold up anything.
    put_group(&server, "g1", "inner", &[&alice], &["g2"]);
    put_group(&server, "g2", "outer", &[], &["g1"]);
    put_group(&server, "g3", "other", &[], &[]);
    let status =
        |name: &str| as_token(&server, &holder, "GET", &format!("identity/entity/name/{name}"), &json!({})).status;
    assert_eq!((status("g2"), status("inner"), status("g3")), (404, 404, 403));
}

fn put_group(server: &Server, id: &str, name: &str, entities: &[&str], groups: &[&str]) {
    let group = Group {
        entities: entities.iter().map(|id| EntityId::new(*id)).collect(),
        groups: groups.iter().map(|id| GroupId::new(*id)).collect(),
        ..Group::new(GroupId::new(id), Scope::root(), name.into(), START)
    };
    let access = server.engine.access().unwrap();
    server.engine.store.write(START, move |tx| GROUPS.put(tx, &access, &group)).wait().unwrap();
}
