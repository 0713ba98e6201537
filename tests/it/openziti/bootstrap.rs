//! The first administrator, and the namespace of the network.

use super::*;

fn empty() -> Server {
    Server::over(std::sync::Arc::new(Sqlite::in_memory(tables::ALL, Options::default()).unwrap()), Settings::default())
}

fn ensure(server: &Server, password: &str, reset: bool) -> countersign::engine::edge::authenticators::Ensured {
    let rules = Settings::default().edge_rules();
    app::ensure_edge_admin(&server.engine, &rules, "admin", &Secret::new(password.into()), reset).unwrap()
}

#[test]
fn the_first_administrator_is_made_once_and_given_another_password_only_on_demand() {
    use countersign::engine::edge::authenticators::Ensured;
    let net = Net { server: empty(), admin: String::new() };
    assert_eq!(net.try_login("admin", "password-admin").status, 401, "nobody is there before");
    assert_eq!(ensure(&net.server, "password-admin", true), Ensured::Made);
    assert_eq!(ensure(&net.server, "password-other", false), Ensured::Kept);
    assert_eq!(net.try_login("admin", "password-other").status, 401);
    let token = net.login("admin");
    let own = net.client(&token, "GET", "current-identity", &NONE);
    assert_eq!((own.at("data.isAdmin"), own.at("data.isDefaultAdmin")), (&json!(true), &json!(true)));
    // Whoever has disabled themselves is let in again with the new password.
    let path = format!("identities/{}/disable", own.text("data.id"));
    net.manage_as(&token, "POST", &path, &json!({ "durationMinutes": 0 }));
    assert_eq!(net.try_login("admin", "password-admin").status, 401);
    assert_eq!(ensure(&net.server, "password-other", true), Ensured::Reset);
    assert_eq!(net.try_login("admin", "password-other").status, 200);
    assert_eq!(net.try_login("admin", "password-admin").status, 401);
}

#[test]
fn somebody_elses_name_is_not_taken_over() {
    let net = Net::start();
    net.person("mallory");
    let rules = Settings::default().edge_rules();
    let password = Secret::new("password-x".into());
    assert!(app::ensure_edge_admin(&net.server.engine, &rules, "mallory", &password, true).is_err());
    net.login("mallory");
}

#[test]
fn a_network_may_live_in_another_namespace() {
    let server = empty();
    assert!(server.call("POST", "sys/namespaces/edge", &json!({})).status < 300);
    let settings = Settings { openziti_namespace: "edge".into(), ..Settings::default() };
    // A second server over the same engine would be another process: here the rules alone are asked.
    let password = Secret::new("password-admin".into());
    app::ensure_edge_admin(&server.engine, &settings.edge_rules(), "admin", &password, false).unwrap();
    let headers = [("X-Vault-Token", "root"), ("X-Vault-Namespace", "edge")];
    let listed = server.ask("LIST", "identity/entity/name", &headers, "");
    assert_eq!(*listed.at("data.keys"), json!(["Default Admin"]));
    assert!(
        app::ensure_edge_admin(
            &server.engine,
            &Settings { openziti_namespace: "nowhere".into(), ..Settings::default() }.edge_rules(),
            "admin",
            &password,
            false
        )
        .is_err()
    );
}
