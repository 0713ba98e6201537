//! Organisations are namespaces under decimal ids.

use serde_json::{Value, json};

use super::{Zitadel, error};
use crate::support::Answer;

fn names(answer: &Answer) -> Vec<String> {
    let found = answer.at("result").as_array().cloned().unwrap_or_default();
    found.iter().map(|organisation| organisation["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_owner_finds_the_organisations_in_their_own_and_no_others() {
    let zitadel = Zitadel::start();
    let (acme, theirs) = (zitadel.organisation("acme"), zitadel.token("acme", "zitadel-owner"));
    zitadel.organisation("globex");
    zitadel.server.call("POST", "acme/sys/namespaces/lab", &json!({}));
    let search = |token: &str, body: &Value| {
        let rest = zitadel.call_as(token, "POST", "/v2/organizations/_search", body);
        let connect = zitadel.connect_as(token, "org.v2.OrganizationService/ListOrganizations", body);
        assert_eq!(rest.body, connect.body);
        rest
    };
    assert_eq!(names(&search("root", &json!({ "query": { "asc": true } }))), ["acme", "acme/lab", "globex", "root"]);
    assert_eq!(names(&search("root", &json!({}))), ["root", "globex", "acme/lab", "acme"]);
    let page = search("root", &json!({ "query": { "asc": true, "offset": "1", "limit": 2 } }));
    assert_eq!(
        (names(&page), page.text("details.totalResult")),
        (vec!["acme/lab".into(), "globex".into()], "4".into())
    );
    assert_eq!(names(&search(&theirs, &json!({ "query": { "asc": true } }))), ["acme", "acme/lab"]);
    let by = |query: Value| search("root", &json!({ "queries": [query] }));
    assert_eq!(by(json!({ "idQuery": { "id": acme } })).text("result.0.id"), acme);
    assert_eq!(
        names(&by(json!({ "nameQuery": { "name": "GLO", "method": "TEXT_QUERY_METHOD_STARTS_WITH_IGNORE_CASE" } }))),
        ["globex"]
    );
    assert_eq!(names(&by(json!({ "defaultQuery": {} }))), ["root"]);
    let unknown = json!({ "queries": [{ "domainQuery": { "domain": "acme.com" } }] });
    let answer = zitadel.call("POST", "/v2/organizations/_search", &unknown);
    assert_eq!(error(&answer), (400, 3, "GRPC-Sfefs".into()));
}

#[test]
fn an_organisation_tells_its_id() {
    let zitadel = Zitadel::start();
    let (acme, theirs) = (zitadel.organisation("acme"), zitadel.token("acme", "zitadel-owner"));
    let me = |token: &str| zitadel.call_as(token, "GET", "/management/v1/orgs/me", &json!({}));
    assert_eq!((me(&theirs).text("org.id"), me(&theirs).text("org.name")), (acme.clone(), "acme".into()));
    assert_eq!(zitadel.call_in(&acme, "GET", "/management/v1/orgs/me", &json!({})).text("org.id"), acme);
    let default = zitadel.call("GET", "/admin/v1/orgs/default", &json!({}));
    assert_eq!(default.text("org.id"), zitadel.call("GET", "/v2/settings", &json!({})).text("defaultOrgId"));
    let answer = zitadel.call_as(&theirs, "GET", "/admin/v1/orgs/default", &json!({}));
    assert_eq!(error(&answer), (403, 7, "AUTH-5mWD2".into()));
}
