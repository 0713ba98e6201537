//! Identity: aliases, groups, merging; and what belongs to one namespace stays there.

use countersign::engine::logins::{self, Admission, FirstFactor, Fresh};
use countersign::engine::{self, namespaces, tokens};
use countersign::id::{Accessor, EntityId, NamespaceId};
use countersign::model::clock_guard::ClockGuard;
use countersign::model::mount::{Config, Kind, Mount, TokenSettings};
use countersign::storage::Tx;
use countersign::storage::table::Access;
use countersign::storage::tables::{
    ALIAS_BY_NAMESPACE, ALIASES, GROUP_BY_NAMESPACE, GROUPS, MOUNTS, TOKENS, alias_namespace_key, group_namespace_key,
};
use serde_json::{Value, json};

use crate::support::{Answer, START, Server};

pub(crate) const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Run a job of the engine's.
pub(crate) fn job<T: Send + 'static>(
    server: &Server,
    mut job: impl FnMut(&mut dyn Tx, &Access) -> Result<T, engine::Error> + Send + 'static,
) -> T {
    let access = server.engine.access().unwrap();
    server.engine.store.write(server.engine.now(), move |tx| job(tx, &access)).wait().unwrap()
}

/// An auth mount at `path` of the namespace at `namespace`.
pub(crate) fn mount(server: &Server, namespace: &'static str, path: &str) -> Mount {
    let scope = job(server, move |tx, access| Ok(namespaces::at(tx, access, namespace)?.unwrap()));
    let mount = Mount {
        accessor: Accessor::new(format!("auth_userpass_{}{path}", namespace.len())),
        uuid: String::new(),
        scope,
        path: format!("{path}/"),
        kind: Kind::Userpass,
        description: String::new(),
        options: Some(std::collections::BTreeMap::new()),
        bcrypt_cost: None,
        local: false,
        seal_wrap: false,
        external_entropy_access: false,
        config: Config::default(),
        created_at: START,
    };
    let stored = mount.clone();
    job(server, move |tx, access| Ok(MOUNTS.put(tx, access, &stored)?));
    mount
}

/// What a proven first factor of `name` in `mount` comes to: a token's text and its entity.
pub(crate) fn log_in(server: &Server, mount: &Mount, name: &str) -> (String, String) {
    let proven = FirstFactor {
        mount: mount.clone(),
        name: name.into(),
        path: format!("auth/{}login/{name}", mount.path),
        display_name: name.into(),
        metadata: std::collections::BTreeMap::new(),
        token: TokenSettings::default(),
        offer: None,
        codes: Vec::new(),
        fresh: Fresh::draw(server.engine.entropy.as_ref(), &mount.scope),
    };
    job(server, move |tx, access| {
        let Admission::Token(created) = logins::admit(tx, access, &proven, ClockGuard::default())? else {
            panic!("more is asked of {}", proven.name)
        };
        Ok((created.text.expose().clone(), created.token.entity.unwrap().to_string()))
    })
}

pub(crate) fn inside(server: &Server, namespace: &str, method: &str, path: &str, body: &Value) -> Answer {
    let headers = [("X-Vault-Token", "root"), ("X-Vault-Namespace", namespace)];
    server.ask(method, path, &headers, &body.to_string())
}

pub(crate) fn entity(server: &Server, name: &str) -> String {
    server.call("POST", "identity/entity", &json!({ "name": name })).text("data.id")
}

pub(crate) fn group(server: &Server, body: &Value) -> String {
    server.call("POST", "identity/group", body).text("data.id")
}

pub(crate) fn alias(server: &Server, mount: &Mount, name: &str, entity: &str) -> Answer {
    let body = json!({ "name": name, "mount_accessor": mount.accessor.as_str(), "canonical_id": entity });
    server.call("POST", "identity/entity-alias", &body)
}

pub(crate) fn read(server: &Server, kind: &str, id: &str) -> Answer {
    server.call("GET", &format!("identity/{kind}/id/{id}"), &json!({}))
}

pub(crate) fn lookup_self(server: &Server, token: &str) -> Answer {
    server.ask("GET", "auth/token/lookup-self", &[("X-Vault-Token", token)], "")
}

#[test]
fn every_spelling_of_a_name_is_one_alias_and_logs_in_as_one_entity() {
    let server = Server::start();
    let (mount, alice) = (mount(&server, "", "up"), entity(&server, "alice"));
    let made = alias(&server, &mount, "Alice", &alice);
    for name in ["alice", "ALICE", "aLiCe"] {
        assert_eq!(log_in(&server, &mount, name).1, alice, "{name}");
    }
    let other = entity(&server, "other");
    let moved = alias(&server, &mount, "ALICE", &other);
    assert_eq!(moved.text("data.id"), made.text("data.id"), "not a second alias");
    assert_eq!(log_in(&server, &mount, "alice").1, other);
    assert_eq!(log_in(&server, &mount, "bob").1, log_in(&server, &mount, "BOB").1);
}

#[test]
fn an_entity_has_one_alias_in_a_mount() {
    let server = Server::start();
    let (up, second) = (mount(&server, "", "up"), mount(&server, "", "second"));
    let (alice, bob) = (entity(&server, "alice"), entity(&server, "bob"));
    let of_alice = alias(&server, &up, "alice", &alice).text("data.id");
    let of_bob = alias(&server, &up, "bob", &bob).text("data.id");
    let elsewhere = alias(&server, &second, "bob", &bob).text("data.id");
    let refused = [
        (alias(&server, &up, "al", &alice), "Alias already exists for requested entity and mount accessor"),
        (
            alias(&server, &up, "bob", &alice),
            "Alias cannot be updated as the given entity already has an alias for this mount ",
        ),
        (
            server.call(
                "POST",
                &format!("identity/entity-alias/id/{elsewhere}"),
                &json!({ "mount_accessor": up.accessor.as_str(), "name": "x" }),
            ),
            "Alias cannot be updated as the entity already has an alias for the given 'mount_accessor' ",
        ),
        (
            server.call("POST", &format!("identity/entity-alias/id/{of_alice}"), &json!({ "name": "BOB" })),
            "alias with combination of mount accessor and name already exists",
        ),
        (
            server.call("POST", &format!("identity/entity-alias/id/{of_bob}"), &json!({ "canonical_id": NOBODY })),
            "given 'canonical_id' is not associated with an entity",
        ),
    ];
    for (answer, text) in refused {
        assert_eq!((answer.status, answer.error().as_str()), (400, text));
    }
}

#[test]
fn what_is_changed_of_an_alias_is_told_and_what_is_not_is_204() {
    let server = Server::start();
    let (mount, alice) = (mount(&server, "", "up"), entity(&server, "alice"));
    let id = alias(&server, &mount, "alice", &alice).text("data.id");
    let path = format!("identity/entity-alias/id/{id}");
    let noted = json!({ "custom_metadata": { "k": "v" } });
    assert_eq!(server.call("POST", &path, &noted).status, 200);
    assert_eq!(server.call("POST", &path, &noted).status, 204);
    assert_eq!(server.call("POST", &path, &json!({ "name": "alice" })).status, 204, "what is not said is kept");
    assert_eq!(read(&server, "entity-alias", &id).at("data.custom_metadata"), &json!({ "k": "v" }));
    assert_eq!(alias(&server, &mount, "alice", &alice).status, 200, "by name, what is not said is cleared");
    assert_eq!(read(&server, "entity-alias", &id).at("data.custom_metadata"), &json!({}));
    assert_eq!(alias(&server, &mount, "alice", &alice).status, 204);
    assert_eq!(alias(&server, &mount, "ALICE", &alice).status, 200, "another case is another spelling");
    assert_eq!(read(&server, "entity-alias", &id).text("data.name"), "ALICE");
    for metadata in [json!({ "k".repeat(129): "v" }), json!({ "k": "v".repeat(513) }), json!({ "k": "\u{0}" })] {
        let answer = server.call("POST", &path, &json!({ "custom_metadata": metadata }));
        assert_eq!(answer.status, 400, "{answer:?}");
    }
}

#[test]
fn the_token_mount_can_be_in_an_alias_and_a_mount_that_is_gone_hides_nothing() {
    let server = Server::start();
    let alice = entity(&server, "alice");
    let accessor = server.call("GET", "sys/auth", &json!({})).body["data"]["token/"]["accessor"].clone();
    let body = json!({ "name": "tool", "mount_accessor": accessor, "canonical_id": alice });
    assert_eq!(server.call("POST", "identity/entity-alias", &body).status, 200);
    let mount = mount(&server, "", "up");
    alias(&server, &mount, "alice", &alice);
    let (access, gone) = (server.engine.access().unwrap(), mount.clone());
    let key = countersign::storage::tables::mount_key(&access, &gone.scope.id, &gone.path);
    job(&server, move |tx, _| Ok(MOUNTS.delete(tx, key)?));
    let shown = read(&server, "entity", &alice);
    let mut paths = [shown.text("data.aliases.0.mount_path"), shown.text("data.aliases.1.mount_path")];
    paths.sort();
    assert_eq!(paths, ["", "auth/token/"]);
    assert_eq!(server.call("LIST", "identity/entity/id", &json!({})).status, 200);
    assert_eq!(server.call("LIST", "identity/entity-alias/id", &json!({})).status, 200);
}

#[test]
fn nothing_of_one_namespace_is_reached_from_another() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", &json!({}));
    let (here, there) = (mount(&server, "", "up"), mount(&server, "a/", "up"));
    let (ours, our_group) = (entity(&server, "alice"), group(&server, &json!({ "name": "g", "policies": ["p"] })));
    let our_alias = alias(&server, &here, "alice", &ours).text("data.id");
    let external = group(&server, &json!({ "name": "e", "type": "external" }));
    let body = json!({ "name": "dev", "mount_accessor": here.accessor.as_str(), "canonical_id": external });
    let our_group_alias = server.call("POST", "identity/group-alias", &body).text("data.id");
    let before = [
        read(&server, "entity", &ours).body["data"].clone(),
        read(&server, "entity-alias", &our_alias).body["data"].clone(),
        read(&server, "group", &our_group).body["data"].clone(),
        read(&server, "group-alias", &our_group_alias).body["data"].clone(),
    ];
    let theirs = inside(&server, "a", "POST", "identity/entity", &json!({ "name": "mallory" })).text("data.id");
    let mine = json!(there.accessor.as_str());

    for (kind, id) in
        [("entity", &ours), ("entity-alias", &our_alias), ("group", &our_group), ("group-alias", &our_group_alias)]
    {
        let path = format!("identity/{kind}/id/{id}");
        assert_eq!(inside(&server, "a", "GET", &path, &json!({})).status, 404, "{kind}");
        assert_eq!(inside(&server, "a", "DELETE", &path, &json!({})).status, 204, "{kind}");
        let steal = json!({ "name": "x", "mount_accessor": mine, "canonical_id": theirs, "policies": ["p"] });
        assert_eq!(inside(&server, "a", "POST", &path, &steal).status, 400, "{kind}");
        let by_body = json!({ "id": id, "name": "x", "mount_accessor": mine });
        assert_eq!(inside(&server, "a", "POST", &format!("identity/{kind}"), &by_body).status, 400, "{kind}");
    }
    let refused = [
        (400, "identity/group", json!({ "name": "x", "member_entity_ids": [ours] })),
        (400, "identity/group", json!({ "name": "x", "member_group_ids": [our_group] })),
        (400, "identity/entity-alias", json!({ "name": "x", "mount_accessor": mine, "canonical_id": ours })),
        (
            403,
            "identity/entity-alias",
            json!({ "name": "x", "mount_accessor": here.accessor.as_str(), "canonical_id": theirs }),
        ),
        (400, "identity/group-alias", json!({ "name": "x", "mount_accessor": mine, "canonical_id": external })),
        (403, "identity/group-alias", json!({ "name": "x", "mount_accessor": here.accessor.as_str() })),
        (400, "identity/entity/merge", json!({ "to_entity_id": theirs, "from_entity_ids": [ours] })),
        (400, "identity/entity/merge", json!({ "to_entity_id": ours, "from_entity_ids": [theirs] })),
        (204, "identity/lookup/entity", json!({ "alias_id": our_alias })),
        (
            204,
            "identity/lookup/entity",
            json!({ "alias_name": "alice", "alias_mount_accessor": here.accessor.as_str() }),
        ),
        (204, "identity/lookup/group", json!({ "id": our_group })),
        (204, "identity/lookup/group", json!({ "alias_id": our_group_alias })),
        (204, "identity/lookup/group", json!({ "alias_name": "dev", "alias_mount_accessor": here.accessor.as_str() })),
        (204, "identity/entity/batch-delete", json!({ "entity_ids": [ours] })),
    ];
    for (status, path, body) in refused {
        assert_eq!(inside(&server, "a", "POST", path, &body).status, status, "{path} {body}");
    }
    let after = [
        read(&server, "entity", &ours).body["data"].clone(),
        read(&server, "entity-alias", &our_alias).body["data"].clone(),
        read(&server, "group", &our_group).body["data"].clone(),
        read(&server, "group-alias", &our_group_alias).body["data"].clone(),
    ];
    assert_eq!(before, after, "nothing was changed");
    for kind in ["group", "entity-alias", "group-alias"] {
        let listed = inside(&server, "a", "LIST", &format!("identity/{kind}/id"), &json!({}));
        assert_eq!(listed.status, 404, "{kind}: nothing was made");
    }
}

#[test]
fn a_deleted_entity_leaves_no_alias_and_no_membership() {
    let server = Server::start();
    let (mount, alice) = (mount(&server, "", "up"), entity(&server, "alice"));
    let (token, _) = log_in(&server, &mount, "alice2");
    let id = alias(&server, &mount, "alice", &alice).text("data.id");
    let team = group(&server, &json!({ "member_entity_ids": [alice] }));
    server.call("DELETE", &format!("identity/entity/id/{alice}"), &json!({}));
    assert_eq!(read(&server, "entity-alias", &id).status, 404);
    assert_eq!(read(&server, "group", &team).at("data.member_entity_ids"), &Value::Null);
    assert_ne!(log_in(&server, &mount, "alice").1, alice, "the name is somebody else's now");
    assert_eq!(lookup_self(&server, &token).status, 200);
}

#[test]
fn a_deleted_namespace_leaves_no_alias_and_no_group() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", &json!({}));
    let mount = mount(&server, "a/", "up");
    for n in 0..3 {
        let (_, entity) = log_in(&server, &mount, &format!("u{n}"));
        let inner =
            inside(&server, "a", "POST", "identity/group", &json!({ "member_entity_ids": [entity] })).text("data.id");
        inside(&server, "a", "POST", "identity/group", &json!({ "member_group_ids": [inner] }));
    }
    let left = |id: &NamespaceId| {
        let id = id.clone();
        job(&server, move |tx, access| {
            let aliases = ALIASES.find_all(tx, access, ALIAS_BY_NAMESPACE, alias_namespace_key(access, &id))?;
            let groups = GROUPS.find_all(tx, access, GROUP_BY_NAMESPACE, group_namespace_key(access, &id))?;
            Ok((aliases.len(), groups.len()))
        })
    };
    assert_eq!(left(&mount.scope.id), (3, 6));
    server.call("DELETE", "sys/namespaces/a", &json!({}));
    while server.engine.keep_house().unwrap() {}
    assert_eq!(left(&mount.scope.id), (0, 0));
}

#[test]
fn a_merge_moves_aliases_memberships_and_secrets_and_spent_codes_stay_spent() {
    let server = Server::start();
    let mount = mount(&server, "", "up");
    let who = server.enrol(&json!({ "issuer": "x" }));
    let target = entity(&server, "target");
    let id = alias(&server, &mount, "alice", &who.entity).text("data.id");
    let (token, _) = log_in(&server, &mount, "alice");
    let team = group(&server, &json!({ "member_entity_ids": [who.entity, target], "policies": ["team"] }));
    let code = server.code(&who, 0);
    assert_eq!(server.validate(&who, &code).at("data.valid"), &json!(true));
    let merge = json!({ "to_entity_id": target, "from_entity_ids": [who.entity] });
    assert_eq!(server.call("POST", "identity/entity/merge", &merge).status, 204);

    assert_eq!(read(&server, "entity", &who.entity).status, 404);
    let shown = read(&server, "entity", &target);
    assert_eq!(shown.at("data.merged_entity_ids"), &json!([who.entity]));
    assert_eq!(shown.text("data.aliases.0.id"), id);
    assert_eq!(shown.at("data.aliases.0.merged_from_canonical_ids"), &json!([who.entity]));
    assert_eq!(read(&server, "group", &team).at("data.member_entity_ids"), &json!([target]));
    assert_eq!(log_in(&server, &mount, "ALICE").1, target);
    let spoken = lookup_self(&server, &token);
    assert_eq!(spoken.text("data.entity_id"), target, "its tokens live on");
    assert_eq!(spoken.at("data.identity_policies"), &json!(["team"]));

    let moved = crate::support::Enrolled { entity: target.clone(), ..who };
    assert_ne!(server.validate(&moved, &code).at("data.valid"), &json!(true), "spent before, spent after");
    server.advance(30);
    let next = server.code(&moved, 0);
    assert_eq!(server.validate(&moved, &next).at("data.valid"), &json!(true));
    server.call("POST", &format!("identity/entity/id/{target}"), &json!({ "disabled": true }));
    assert_eq!(lookup_self(&server, &token).status, 403, "they end with whom they speak for");
}

#[test]
fn a_merge_that_is_refused_changes_nothing() {
    let server = Server::start();
    let (up, second) = (mount(&server, "", "up"), mount(&server, "", "second"));
    let who = server.enrol(&json!({ "issuer": "x" }));
    let target = entity(&server, "target");
    server.generate(&who.method, &target);
    let id = alias(&server, &up, "alice", &who.entity).text("data.id");
    alias(&server, &second, "target", &target);
    let team = group(&server, &json!({ "member_entity_ids": [who.entity] }));
    let mut merge = json!({ "to_entity_id": target, "from_entity_ids": [who.entity] });
    let answer = server.call("POST", "identity/entity/merge", &merge);
    assert_eq!(answer.status, 400);
    assert_eq!(answer.error(), format!("conflicting MFA config ID \"{}\" in entity ID \"{}\"", who.method, who.entity));
    assert_eq!(read(&server, "entity-alias", &id).text("data.canonical_id"), who.entity);
    assert_eq!(read(&server, "group", &team).at("data.member_entity_ids"), &json!([who.entity]));
    merge["force"] = json!(true);
    assert_eq!(server.call("POST", "identity/entity/merge", &merge).status, 204);
    assert_eq!(read(&server, "entity-alias", &id).text("data.canonical_id"), target);
}

#[test]
fn clashing_aliases_are_told_and_only_the_one_to_keep_stays() {
    let server = Server::start();
    let mount = mount(&server, "", "up");
    let ids: Vec<(String, String)> = ["t", "a", "b"]
        .map(|name| {
            let id = entity(&server, name);
            let alias = alias(&server, &mount, name, &id).text("data.id");
            (id, alias)
        })
        .into();
    let merge = |from: &[&str], keep: &[&str]| {
        let body = json!({ "to_entity_id": ids[0].0, "from_entity_ids": from, "conflicting_alias_ids_to_keep": keep });
        server.call("POST", "identity/entity/merge", &body)
    };
    let (first, second) = (ids[1].0.as_str(), ids[2].0.as_str());
    let undecided = merge(&[first], &[]);
    assert_eq!(undecided.status, 400);
    assert!(undecided.error().contains("repeat the merge request specifying exactly one fromEntity"));
    assert_eq!(
        undecided.at("data.1"),
        &json!({ "alias": "a", "entity": "a", "entity_id": first, "mount": "userpass", "mount_path": "auth/up/" })
    );
    assert!(merge(&[first, second], &[]).error().contains("found in multiple fromEntities"));
    assert!(merge(&[first, second], &[&ids[0].1]).error().contains("merge one entity at a time"));
    assert!(merge(&[first], &[NOBODY]).error().contains("neither were present"));
    assert!(merge(&[first], &[&ids[0].1, &ids[1].1]).error().contains("only one of them can be kept"));
    assert_eq!(merge(&[first, first], &[&ids[1].1]).status, 400, "one that is named twice is not there twice");
    assert_eq!(read(&server, "entity", &ids[0].0).at("data.aliases").as_array().unwrap().len(), 1);
    assert_eq!(merge(&[first], &[&ids[1].1]).status, 204);
    assert_eq!(read(&server, "entity", &ids[0].0).text("data.aliases.0.id"), ids[1].1);
    assert_eq!(read(&server, "entity-alias", &ids[0].1).status, 404);
    assert_eq!(merge(&[second], &[&ids[1].1]).status, 204);
    assert_eq!(log_in(&server, &mount, "A").1, ids[0].0);
    assert_ne!(log_in(&server, &mount, "b").1, ids[0].0, "the dropped name leads to nobody who was there");
}

#[test]
fn a_token_of_a_merged_entity_is_found_by_its_stored_id_through_any_number_of_merges() {
    let server = Server::start();
    let mount = mount(&server, "", "up");
    let (token, first) = log_in(&server, &mount, "alice");
    let (second, third) = (entity(&server, "second"), entity(&server, "third"));
    for (from, to) in [(&first, &second), (&second, &third)] {
        let merge = json!({ "to_entity_id": to, "from_entity_ids": [from] });
        assert_eq!(server.call("POST", "identity/entity/merge", &merge).status, 204);
    }
    assert_eq!(lookup_self(&server, &token).text("data.entity_id"), third);
    let text = token.clone();
    let stored = job(&server, move |tx, access| {
        let key = countersign::storage::tables::token_key(access, &text);
        Ok((TOKENS.get(tx, access, key)?.unwrap().entity, tokens::authenticate(tx, access, &text)?.unwrap().entity))
    });
    assert_eq!(stored, (Some(EntityId::new(first)), Some(EntityId::new(third.as_str()))));
    server.call("DELETE", &format!("identity/entity/id/{third}"), &json!({}));
    assert_eq!(lookup_self(&server, &token).status, 403);
}
