//! Groups: what is in them, what that gives, and what is refused.

use std::sync::Arc;

use countersign::engine::groups;
use countersign::id::EntityId;
use countersign::model::entity::Entity;
use countersign::model::mount::Mount;
use countersign::model::namespace::Scope;
use countersign::storage::tables::ENTITIES;
use serde_json::{Value, json};

use crate::identity::{NOBODY, entity, group, job, log_in, lookup_self, mount, read};
use crate::support::{START, Server};

#[test]
fn root_is_given_in_no_spelling() {
    let server = Server::start();
    let (ours, theirs) = (group(&server, &json!({ "name": "g" })), entity(&server, "e"));
    for policy in ["root", "ROOT", "RoOt", " root", "Root ", "root\t", "a,root", "\u{a0}root"] {
        for path in [
            "identity/group".to_owned(),
            "identity/group/name/new".to_owned(),
            "identity/group/name/g".to_owned(),
            format!("identity/group/id/{ours}"),
            format!("identity/entity/id/{theirs}"),
        ] {
            for policies in [json!(policy), json!(["x", policy])] {
                let answer = server.call("POST", &path, &json!({ "policies": policies }));
                if policies == json!(["x", "a,root"]) {
                    continue;
                }
                assert_eq!(
                    (answer.status, answer.error().as_str()),
                    (400, "policies cannot contain root"),
                    "{policies}"
                );
            }
        }
    }
    let held = [read(&server, "group", &ours), read(&server, "entity", &theirs)];
    assert!(held.iter().all(|answer| !answer.text.contains("\"root\"]") && !answer.text.contains("[\"root\"")));
    let names = server.call("LIST", "identity/group/name", &json!({}));
    for name in names.at("data.keys").as_array().unwrap() {
        let name = name.as_str().unwrap();
        let policies =
            server.call("GET", &format!("identity/group/name/{name}"), &json!({})).at("data.policies").clone();
        assert!(!policies.as_array().is_some_and(|policies| policies.contains(&json!("root"))), "{name}: {policies}");
    }
}

#[test]
fn a_group_is_never_in_itself_and_chains_are_bounded() {
    let server = Server::start();
    let mut chain = vec![group(&server, &json!({}))];
    for _ in 1..32 {
        let below = chain.last().unwrap();
        chain.push(group(&server, &json!({ "member_group_ids": [below] })));
    }
    let deeper = server.call("POST", "identity/group", &json!({ "member_group_ids": [chain[31]] }));
    assert_eq!(deeper.status, 400, "{deeper:?}");
    let single = group(&server, &json!({}));
    let from_below = json!({ "member_group_ids": [single] });
    assert_eq!(
        server.call("POST", &format!("identity/group/id/{}", chain[0]), &from_below).status,
        400,
        "nor from below"
    );
    for (of, member) in [(0, 0), (0, 1), (0, 31), (30, 31), (7, 20)] {
        let body = json!({ "member_group_ids": [chain[member]] });
        let answer = server.call("POST", &format!("identity/group/id/{}", chain[of]), &body);
        assert_eq!(answer.status, 400, "{of} {member}");
        let text = if of == member { "is same as the ID of the group" } else { "cyclic relationship detected" };
        assert!(answer.error().contains(text), "{answer:?}");
    }
    let deep = entity(&server, "deep");
    server.call("POST", &format!("identity/group/id/{}", chain[0]), &json!({ "member_entity_ids": [deep] }));
    let shown = read(&server, "entity", &deep);
    assert_eq!(shown.at("data.direct_group_ids"), &json!([chain[0]]));
    assert_eq!(shown.at("data.inherited_group_ids").as_array().unwrap().len(), 31);
}

#[test]
fn of_two_groups_put_into_each_other_at_once_one_is_refused() {
    let server = Arc::new(Server::start());
    for round in 0..5 {
        let pair = [group(&server, &json!({})), group(&server, &json!({}))];
        let threads: Vec<_> = [(0, 1), (1, 0)]
            .into_iter()
            .map(|(of, member): (usize, usize)| {
                let (server, path) = (server.clone(), format!("identity/group/id/{}", pair[of]));
                let body = json!({ "member_group_ids": [pair[member]] });
                std::thread::spawn(move || server.call("POST", &path, &body).status)
            })
            .collect();
        let mut statuses: Vec<u16> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 400], "round {round}");
    }
}

#[test]
fn a_group_reached_by_many_ways_counts_once() {
    let server = Server::start();
    let alice = entity(&server, "alice");
    let mut level = vec![group(&server, &json!({ "member_entity_ids": [alice] }))];
    for _ in 0..12 {
        level = (0..3).map(|_| group(&server, &json!({ "member_group_ids": level }))).collect();
    }
    let shown = read(&server, "entity", &alice);
    assert_eq!(shown.at("data.group_ids").as_array().unwrap().len(), 1 + 12 * 3);
}

#[test]
fn a_group_has_bounded_members_and_what_is_too_much_is_the_callers_mistake() {
    let server = Server::start();
    let ids: Vec<String> = (0..1_001).map(|n| format!("{n:08}-0000-0000-0000-000000000000")).collect();
    let strings = server.call("POST", "identity/group", &json!({ "member_entity_ids": ids }));
    assert_eq!(strings.status, 400);
    assert!(strings.error().contains("exceeded maximum number of strings"), "{strings:?}");
    for field in ["member_entity_ids", "member_group_ids"] {
        let answer = server.call("POST", "identity/group", &json!({ field: ids.join(",") }));
        assert_eq!(answer.status, 400);
        assert!(answer.error().contains("too many members"), "{answer:?}");
        let same = server.call("POST", "identity/group", &json!({ field: vec![NOBODY; 2_000].join(",") }));
        assert!(same.error().contains(&format!("\"{NOBODY}\"")), "each counts once: {same:?}");
    }
    let many: Vec<String> = (0..1_000).map(|n| format!("e{n:03}")).collect();
    let ids = many.clone();
    job(&server, move |tx, access| {
        for id in &ids {
            let entity = Entity::new(EntityId::new(id.as_str()), Scope::root(), id.clone(), START);
            ENTITIES.put(tx, access, &entity)?;
        }
        Ok(())
    });
    let full = group(&server, &json!({ "member_entity_ids": many.join(",") }));
    assert_eq!(read(&server, "group", &full).at("data.member_entity_ids").as_array().unwrap().len(), 1_000);
    server.call("DELETE", &format!("identity/entity/id/{}", many[500]), &json!({}));
    assert_eq!(read(&server, "group", &full).at("data.member_entity_ids").as_array().unwrap().len(), 999);
}

#[test]
fn policies_of_groups_count_at_the_next_request_and_no_longer_than_that() {
    let server = Server::start();
    let mount = mount(&server, "", "up");
    let (token, alice) = log_in(&server, &mount, "alice");
    assert!(!lookup_self(&server, &token).text.contains("identity_policies"));
    server.call("POST", &format!("identity/entity/id/{alice}"), &json!({ "policies": ["own"] }));
    let team = group(&server, &json!({ "member_entity_ids": [alice], "policies": ["team", "own"] }));
    let all = group(&server, &json!({ "member_group_ids": [team], "policies": ["all"] }));
    let shown = lookup_self(&server, &token);
    assert_eq!(shown.at("data.identity_policies"), &json!(["all", "own", "team"]));
    assert_eq!(shown.at("data.external_namespace_policies"), &json!({}));
    assert_eq!(shown.at("data.policies"), &json!(["default"]));
    let renewed = server.ask("POST", "auth/token/renew-self", &[("X-Vault-Token", &token)], "{}");
    assert_eq!(renewed.at("auth.policies"), &json!(["all", "default", "own", "team"]));
    assert_eq!(renewed.at("auth.token_policies"), &json!(["default"]));
    assert_eq!(renewed.at("auth.identity_policies"), &json!(["all", "own", "team"]));
    server.call("DELETE", &format!("identity/group/id/{all}"), &json!({}));
    assert_eq!(lookup_self(&server, &token).at("data.identity_policies"), &json!(["own", "team"]));
    server.call("POST", &format!("identity/group/id/{team}"), &json!({ "member_entity_ids": [] }));
    assert_eq!(lookup_self(&server, &token).at("data.identity_policies"), &json!(["own"]));
    let alone = server.call("POST", "auth/token/create", &json!({ "policies": ["default"] }));
    assert!(!alone.text.contains("identity_policies"), "a token of nobody has no such member");
}

#[test]
fn who_is_in_an_external_group_is_what_the_last_login_said() {
    let server = Server::start();
    let (up, second) = (mount(&server, "", "up"), mount(&server, "", "second"));
    let alice = entity(&server, "alice");
    let external = |name: &str, mount: &Mount| {
        let id = group(&server, &json!({ "type": "external" }));
        let body = json!({ "name": name, "mount_accessor": mount.accessor.as_str(), "canonical_id": id });
        assert_eq!(server.call("POST", "identity/group-alias", &body).status, 200);
        id
    };
    let (dev, ops, other) = (external("Dev", &up), external("ops", &up), external("dev", &second));
    let inner = group(&server, &json!({ "member_entity_ids": [alice] }));
    let refresh = |mount: &Mount, names: &[&str]| {
        let (entity, accessor) = (EntityId::new(alice.as_str()), mount.accessor.clone());
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        job(&server, move |tx, access| groups::refresh_external(tx, access, &entity, &accessor, &names));
        let mut ids = read(&server, "entity", &alice).at("data.direct_group_ids").clone();
        ids.as_array_mut().unwrap().sort_by_key(ToString::to_string);
        ids
    };
    let sorted = |ids: &[&String]| {
        let mut ids: Vec<&String> = ids.to_vec();
        ids.sort();
        json!(ids)
    };
    assert_eq!(refresh(&up, &["DEV", "dev", "nobody's"]), sorted(&[&inner, &dev]));
    assert_eq!(refresh(&second, &["dev"]), sorted(&[&inner, &dev, &other]));
    assert_eq!(refresh(&up, &["ops"]), sorted(&[&inner, &ops, &other]));
    assert_eq!(refresh(&up, &[]), sorted(&[&inner, &other]));
    assert_eq!(refresh(&up, &["ops"]), sorted(&[&inner, &ops, &other]));
    let stranger = json!({ "name": "strangers", "mount_accessor": up.accessor.as_str(), "canonical_id": ops });
    assert_eq!(server.call("POST", "identity/group-alias", &stranger).status, 200);
    assert_eq!(
        read(&server, "group", &ops).at("data.member_entity_ids"),
        &Value::Null,
        "nobody was said to be among them"
    );
    for body in [json!({ "member_entity_ids": [alice] }), json!({ "member_group_ids": [inner] })] {
        assert_eq!(server.call("POST", &format!("identity/group/id/{dev}"), &body).status, 400);
    }
}
