//! Asking Duo, Okta and PingID: signed as they document it, once, and nothing but a plain yes is yes.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign::delivery::gateway::{Answer, Error, Gateway, Online, Options, Proof, Provider, PushQuestion};
use countersign::engine::pushing::{self, Outcome};
use countersign::id::{EntityId, MethodId};
use countersign::model::namespace::Scope;
use countersign::model::provider::{Duo, Okta, OktaBase, PingId};
use countersign::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::Sha256;

use crate::stand_in::{Asked, Says, StandIn};
use crate::support::{START, Server};

const DUO_HOST: &str = "api-test.duosecurity.com";
const OKTA_HOST: &str = "acme.okta.com";
const PINGID_HOST: &str = "idpxnyl3m.pingidentity.com";
const PINGID_KEY: &[u8] = b"a key of thirty-two bytes, or so";

fn says(status: u16, body: &Value) -> Says {
    Says::This(status, body.to_string())
}

fn question(provider: Provider) -> PushQuestion {
    PushQuestion {
        method: MethodId::new("m-1"),
        entity: EntityId::new("e-1"),
        provider,
        username: "alice@example.com".into(),
        asked_at: START,
        nonce: "a nonce".into(),
    }
}

fn denied(answer: Result<Answer, Error>) -> String {
    match answer.unwrap() {
        Answer::Denied(why) => why,
        Answer::Approved => panic!("approved"),
    }
}

// Duo.

fn duo(stand_in: &StandIn, proof: Proof) -> PushQuestion {
    let duo = Duo {
        secret_key: Secret::new("a secret key".into()),
        integration_key: Secret::new("DIINTEGRATION".into()),
        api_hostname: stand_in.host(),
        push_info: "from=login%20portal&domain=example.com".into(),
        use_passcode: false,
        username_format: String::new(),
    };
    question(Provider::Duo(duo, proof))
}

fn passcode(text: &str) -> Proof {
    Proof::Passcode(Secret::new(text.into()))
}

/// Whether the request is signed with the secret key, over what was in fact sent, as Duo documents it.
fn is_signed_for_duo(asked: &Asked) -> bool {
    let signed = [asked.header("date"), &asked.method, DUO_HOST, &asked.target, &asked.body].join("\n");
    let mac = Hmac::<Sha1>::new_from_slice(b"a secret key").unwrap().chain_update(signed);
    let signature = data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes());
    let password = format!("Basic {}", STANDARD.encode(format!("DIINTEGRATION:{signature}")));
    asked.header("authorization") == password && asked.header("date") == "Fri, 15 Jan 2027 08:00:15 -0000"
}

/// A Duo that says this of the user, and then this of their push or passcode.
fn duo_says(preauth: Value, auth: Value) -> StandIn {
    StandIn::start(DUO_HOST, move |asked| {
        if !is_signed_for_duo(asked) {
            let refusal =
                json!({ "stat": "FAIL", "code": 40103, "message": "Invalid signature in request credentials" });
            return says(401, &refusal);
        }
        match asked.target.as_str() {
            "/auth/v2/preauth" => says(200, &json!({ "stat": "OK", "response": preauth })),
            "/auth/v2/auth" => says(200, &json!({ "stat": "OK", "response": auth })),
            _ => says(404, &json!({ "stat": "FAIL" })),
        }
    })
}

#[test]
fn a_duo_push_is_signed_and_approved() {
    let stand_in = duo_says(json!({ "result": "auth" }), json!({ "result": "allow", "status": "allow" }));
    assert_eq!(stand_in.gateway().ask(&duo(&stand_in, Proof::Push)).unwrap(), Answer::Approved);
    let asked = stand_in.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].body, "username=alice%40example.com");
    assert_eq!(
        asked[1].body,
        "device=auto&factor=push&pushinfo=from%3Dlogin%2520portal%26domain%3Dexample.com&username=alice%40example.com"
    );
}

#[test]
fn duo_is_asked_about_a_passcode() {
    let stand_in = duo_says(json!({ "result": "auth" }), json!({ "result": "allow" }));
    assert_eq!(stand_in.gateway().ask(&duo(&stand_in, passcode("123456"))).unwrap(), Answer::Approved);
    assert_eq!(stand_in.asked()[1].body, "factor=passcode&passcode=123456&username=alice%40example.com");
}

#[test]
fn what_is_no_passcode_is_not_sent_to_duo() {
    let stand_in = duo_says(json!({ "result": "auth" }), json!({ "result": "allow" }));
    for text in ["", "12 456", "1&factor=push", &"1".repeat(65)] {
        denied(stand_in.gateway().ask(&duo(&stand_in, passcode(text))));
    }
    assert!(stand_in.asked().is_empty());
}

#[test]
fn what_duo_denies_is_denied_and_the_log_can_say_why() {
    let asks = |preauth: Value, auth: Value| {
        let stand_in = duo_says(preauth, auth);
        (stand_in.gateway().ask(&duo(&stand_in, Proof::Push)), stand_in.asked().len())
    };
    let auth = json!({ "result": "auth" });
    let deny = |status: &str| json!({ "result": "deny", "status": status, "status_msg": "said\r\nso" });
    let (answer, requests) = asks(auth.clone(), deny("timeout"));
    assert_eq!((denied(answer).as_str(), requests), ("timeout: said  so", 2));
    assert_eq!(denied(asks(auth.clone(), deny("fraud")).0), "fraud: said  so");
    let (answer, requests) = asks(deny(""), json!({ "result": "allow" }));
    assert_eq!((denied(answer).as_str(), requests), ("deny: said  so", 1));
    let (answer, requests) = asks(json!({ "result": "enroll" }), json!({ "result": "allow" }));
    assert_eq!((denied(answer).as_str(), requests), ("enroll: ", 1));
    for strange in ["waiting", "ALLOW", "", "bypass"] {
        let (answer, _) = asks(auth.clone(), json!({ "result": strange }));
        assert!(matches!(answer, Err(Error::Malformed(_))), "{strange}");
    }
}

#[test]
fn whom_duo_exempts_is_not_pushed_to() {
    let stand_in = duo_says(json!({ "result": "allow" }), json!({ "result": "deny" }));
    assert_eq!(stand_in.gateway().ask(&duo(&stand_in, Proof::Push)).unwrap(), Answer::Approved);
    assert_eq!(stand_in.asked().len(), 1);
}

#[test]
fn a_request_signed_with_another_key_is_refused_by_duo() {
    let stand_in = duo_says(json!({ "result": "allow" }), json!({ "result": "allow" }));
    let mut question = duo(&stand_in, Proof::Push);
    if let Provider::Duo(duo, _) = &mut question.provider {
        duo.secret_key = Secret::new("another".into());
    }
    let answer = stand_in.gateway().ask(&question);
    assert!(matches!(answer, Err(Error::Status { status: 401, ref why }) if why.starts_with("Invalid signature")));
}

// Okta.

fn okta(stand_in: &StandIn) -> PushQuestion {
    let domain = format!("okta.com:{}", stand_in.port);
    question(Provider::Okta(Okta {
        org_name: "acme".into(),
        api_token: Secret::new("a token".into()),
        base: OktaBase::Domain(domain),
        primary_email: false,
        username_format: String::new(),
    }))
}

const USERS: &str = "/api/v1/users?filter=profile.login%20eq%20%22alice%40example.com%22";
const FACTORS: &str = "/api/v1/users/00u1/factors";
const VERIFY: &str = "/api/v1/users/00u1/factors/opf1/verify";

fn user(login: &str) -> Value {
    json!({ "id": "00u1", "status": "ACTIVE", "profile": { "login": login, "email": "a@example.net" } })
}

fn factor(id: &str, kind: &str, status: &str) -> Value {
    json!({ "id": id, "factorType": kind, "provider": "OKTA", "status": status })
}

fn waiting(href: &str) -> Value {
    json!({ "factorResult": "WAITING", "_links": { "poll": { "href": href, "hints": { "allow": ["GET"] } } } })
}

/// An Okta with these users and factors, that says these things of a push, one after another.
fn okta_says(users: Value, factors: Value, results: Vec<Value>) -> StandIn {
    let results = Mutex::new(results.into_iter());
    StandIn::start(OKTA_HOST, move |asked| {
        if asked.header("authorization") != "SSWS a token" {
            let refusal = json!({ "errorCode": "E0000011", "errorSummary": "Invalid token provided" });
            return says(401, &refusal);
        }
        let next = || results.lock().unwrap().next().unwrap();
        match (asked.method.as_str(), asked.target.as_str()) {
            ("GET", USERS) => says(200, &users),
            ("GET", FACTORS) => says(200, &factors),
            ("POST", VERIFY) => says(201, &next()),
            ("GET", path) if path.starts_with("/api/v1/users/00u1/factors/opf1/transactions/") => says(200, &next()),
            _ => says(404, &json!({ "errorCode": "E0000007" })),
        }
    })
}

fn one_user() -> Value {
    json!([user("Alice@example.com")])
}

fn one_factor() -> Value {
    json!([factor("ost1", "token:software:totp", "ACTIVE"), factor("opf1", "push", "ACTIVE")])
}

fn result(said: &str) -> Value {
    json!({ "factorResult": said })
}

const POLL: &str = "https://acme.okta.com/api/v1/users/00u1/factors/opf1/transactions/v2mst.GldKV5VxTrifyeZmWSQguA";

#[test]
fn an_okta_push_is_looked_at_until_it_is_answered() {
    let results = vec![waiting(POLL), waiting(POLL), result("WAITING"), result("SUCCESS")];
    let stand_in = okta_says(one_user(), one_factor(), results);
    assert_eq!(stand_in.gateway().ask(&okta(&stand_in)).unwrap(), Answer::Approved);
    let asked: Vec<String> =
        stand_in.asked().iter().map(|asked| format!("{} {}", asked.method, asked.target)).collect();
    let poll = "GET /api/v1/users/00u1/factors/opf1/transactions/v2mst.GldKV5VxTrifyeZmWSQguA";
    assert_eq!(
        asked,
        [&format!("GET {USERS}"), &format!("GET {FACTORS}"), &format!("POST {VERIFY}"), poll, poll, poll]
    );
    assert!(stand_in.asked().iter().all(|asked| asked.header("user-agent").starts_with("countersign/")));
}

#[test]
fn what_is_not_approved_at_okta_is_denied() {
    for said in ["REJECTED", "TIMEOUT", "ERROR", "success", ""] {
        let stand_in = okta_says(one_user(), one_factor(), vec![waiting(POLL), result(said)]);
        assert_eq!(denied(stand_in.gateway().ask(&okta(&stand_in))), said);
    }
}

#[test]
fn nobody_is_pushed_to_who_is_not_the_one_at_okta() {
    let whom = |users: Value, factors: Value| {
        let stand_in = okta_says(users, factors, Vec::new());
        let answer = stand_in.gateway().ask(&okta(&stand_in));
        assert!(stand_in.asked().iter().all(|asked| asked.method == "GET"));
        answer
    };
    assert_eq!(denied(whom(json!([]), one_factor())), "no such user");
    let twice = json!([user("alice@example.com"), user("alice@example.com")]);
    assert_eq!(denied(whom(twice, one_factor())), "more than one such user");
    assert!(matches!(whom(json!([user("alice@example.com.evil")]), one_factor()), Err(Error::Malformed(_))));
    let odd = json!([{ "id": "../../x", "profile": { "login": "alice@example.com" } }]);
    assert!(matches!(whom(odd, one_factor()), Err(Error::Malformed(_))));
    for factors in
        [json!([]), json!([factor("opf1", "push", "PENDING_ACTIVATION")]), json!([factor("s", "sms", "ACTIVE")])]
    {
        assert_eq!(denied(whom(one_user(), factors)), "the user has no push factor");
    }
}

#[test]
fn oktas_links_are_not_followed() {
    let elsewhere = "https://evil.example/steal/the/token/v2mst.GldKV5VxTrifyeZmWSQguA";
    let stand_in = okta_says(one_user(), one_factor(), vec![waiting(elsewhere), result("SUCCESS")]);
    assert_eq!(stand_in.gateway().ask(&okta(&stand_in)).unwrap(), Answer::Approved);
    assert!(stand_in.asked()[3].target.ends_with("/factors/opf1/transactions/v2mst.GldKV5VxTrifyeZmWSQguA"));
    for href in ["", "https://acme.okta.com/", "https://acme.okta.com/x?y=z", "https://acme.okta.com/.."] {
        let stand_in = okta_says(one_user(), one_factor(), vec![waiting(href), result("SUCCESS")]);
        assert!(matches!(stand_in.gateway().ask(&okta(&stand_in)), Err(Error::Malformed(_))), "{href}");
    }
}

#[test]
fn a_number_that_cannot_be_shown_is_not_guessed() {
    let mut asks = waiting(POLL);
    asks["_embedded"] = json!({ "challenge": { "correctAnswer": 72 } });
    let stand_in = okta_says(one_user(), one_factor(), vec![asks, result("SUCCESS")]);
    assert!(denied(stand_in.gateway().ask(&okta(&stand_in))).contains("number"));
}

#[test]
fn a_name_cannot_widen_oktas_filter() {
    let stand_in = okta_says(one_user(), one_factor(), Vec::new());
    let question = PushQuestion { username: "a\" or profile.login sw \"".into(), ..okta(&stand_in) };
    assert!(matches!(stand_in.gateway().ask(&question), Err(Error::Username)));
    assert!(stand_in.asked().is_empty());
}

#[test]
fn another_token_is_refused_by_okta() {
    let stand_in = okta_says(one_user(), one_factor(), Vec::new());
    let mut question = okta(&stand_in);
    if let Provider::Okta(okta) = &mut question.provider {
        okta.api_token = Secret::new("another".into());
    }
    let answer = stand_in.gateway().ask(&question);
    assert!(matches!(answer, Err(Error::Status { status: 401, ref why }) if why == "E0000011 Invalid token provided"));
}

// PingID.

fn pingid(stand_in: &StandIn) -> PushQuestion {
    let file = format!(
        "use_base64_key={}\nuse_signature=true\ntoken=a token\nidp_url=https://{}/pingid\norg_alias=an organisation\n",
        STANDARD.encode(PINGID_KEY),
        stand_in.host()
    );
    question(Provider::PingId(PingId::from_file(&STANDARD.encode(file)).ok().unwrap()))
}

fn jws(header: &Value, payload: &Value, key: &[u8]) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(payload));
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(&signed);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn our_header() -> Value {
    json!({ "alg": "HS256", "org_alias": "an organisation", "token": "a token" })
}

/// The payload of a request, if it is signed with the account's key.
fn opened(asked: &Asked) -> Option<Value> {
    let parts: Vec<&str> = asked.body.split('.').collect();
    let [header, payload] =
        [0, 1].map(|at| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(parts[at]).unwrap()).unwrap());
    let is_signed = jws(&header, &payload, PINGID_KEY) == asked.body && header == our_header();
    is_signed.then_some(payload)
}

/// A PingID that says this number and these words, echoing what it should.
fn pingid_says(number: i64, words: &'static str) -> StandIn {
    StandIn::start(PINGID_HOST, move |asked| match opened(asked) {
        Some(payload) if asked.target == "/pingid/rest/4/authonline/do" => {
            let body = json!({ "errorId": number, "errorMsg": words, "clientData": payload["reqBody"]["clientData"] });
            Says::This(200, jws(&our_header(), &json!({ "responseBody": body }), PINGID_KEY))
        }
        _ => says(400, &json!({})),
    })
}

#[test]
fn a_pingid_push_is_signed_and_approved() {
    let stand_in = pingid_says(200, "ok");
    assert_eq!(stand_in.gateway().ask(&pingid(&stand_in)).unwrap(), Answer::Approved);
    let [asked] = stand_in.asked().try_into().unwrap();
    assert_eq!((asked.method.as_str(), asked.header("content-type")), ("POST", "application/json"));
    let payload = opened(&asked).unwrap();
    let wanted = json!({ "locale": "en", "orgAlias": "an organisation", "secretKey": "a token",
        "timestamp": "2027-01-15 08:00:15.000", "version": "4.9" });
    assert_eq!(payload["reqHeader"], wanted);
    let wanted =
        json!({ "authType": "CONFIRM", "clientData": "a nonce", "spAlias": "web", "userName": "alice@example.com" });
    assert_eq!(payload["reqBody"], wanted);
}

#[test]
fn what_is_not_approved_at_pingid_is_denied() {
    let stand_in = pingid_says(30001, "rejected");
    assert_eq!(denied(stand_in.gateway().ask(&pingid(&stand_in))), "30001: rejected");
    assert_eq!(stand_in.asked().len(), 1);
}

#[test]
fn an_answer_of_pingids_counts_only_signed_and_for_this_question() {
    let yes = |nonce: &str| json!({ "responseBody": { "errorId": 200, "errorMsg": "ok", "clientData": nonce } });
    let said = [
        yes("a nonce").to_string(),
        jws(&our_header(), &yes("a nonce"), b"another key"),
        jws(&json!({ "alg": "none", "org_alias": "an organisation", "token": "a token" }), &yes("a nonce"), PINGID_KEY),
        jws(&json!({ "alg": "HS256", "org_alias": "another", "token": "a token" }), &yes("a nonce"), PINGID_KEY),
        jws(
            &json!({ "alg": "HS256", "org_alias": "an organisation", "token": "another" }),
            &yes("a nonce"),
            PINGID_KEY,
        ),
        jws(&our_header(), &yes("a nonce of yesterday"), PINGID_KEY),
        jws(&our_header(), &json!({ "responseBody": { "errorId": 200 } }), PINGID_KEY),
        jws(&our_header(), &json!({ "errorId": 200, "clientData": "a nonce" }), PINGID_KEY),
    ];
    for said in said {
        let body = said.clone();
        let stand_in = StandIn::start(PINGID_HOST, move |_| Says::This(200, body.clone()));
        assert!(matches!(stand_in.gateway().ask(&pingid(&stand_in)), Err(Error::Forged)), "{said}");
    }
}

#[test]
fn pingid_is_not_asked_without_a_key() {
    let stand_in = pingid_says(200, "ok");
    let mut question = pingid(&stand_in);
    if let Provider::PingId(pingid) = &mut question.provider {
        pingid.key = Secret::new(Vec::new());
    }
    assert!(matches!(stand_in.gateway().ask(&question), Err(Error::Setting("use_base64_key"))));
}

// All of them.

type Ask = fn(&StandIn) -> PushQuestion;

const PROVIDERS: [(&str, Ask); 3] =
    [(DUO_HOST, |stand_in| duo(stand_in, Proof::Push)), (OKTA_HOST, okta), (PINGID_HOST, pingid)];

/// Ask each provider, where each says `what` to everything, and once only; what comes of it.
fn everywhere(what: fn() -> Says, change: fn(&mut Options), expected: fn(&Error) -> bool) {
    for (host, ask) in PROVIDERS {
        let stand_in = StandIn::start(host, move |_| what());
        let mut options = stand_in.options();
        change(&mut options);
        let answer = Online::new(options).ask(&ask(&stand_in));
        assert!(answer.as_ref().is_err_and(expected), "{host}: {answer:?}");
        assert!(stand_in.asked().len() <= 1, "{host} was asked again");
    }
}

#[test]
fn nonsense_is_no_answer() {
    let nonsense = |error: &Error| matches!(error, Error::Malformed(_) | Error::Forged);
    everywhere(|| Says::This(200, "<html>approved</html>".into()), |_| {}, nonsense);
    everywhere(|| Says::This(200, "\"allow\"".into()), |_| {}, nonsense);
    everywhere(|| Says::This(200, String::new()), |_| {}, nonsense);
    everywhere(|| Says::Raw("HTTP/1.1 200 x\r\nContent-Length: 2\r\n".into(), vec![0xFF, 0xFE]), |_| {}, nonsense);
}

#[test]
fn an_error_is_no_answer() {
    let refused = |error: &Error| matches!(error, Error::Status { status: 500, .. });
    everywhere(|| Says::This(500, "{\"stat\":\"OK\",\"response\":{\"result\":\"allow\"}}".into()), |_| {}, refused);
}

#[test]
fn a_redirection_is_not_followed() {
    everywhere(
        || Says::Raw("HTTP/1.1 307 x\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n".into(), Vec::new()),
        |_| {},
        |error| matches!(error, Error::Status { status: 307, .. }),
    );
}

#[test]
fn a_huge_answer_is_not_read_to_its_end() {
    everywhere(
        || Says::Raw("HTTP/1.1 200 x\r\nContent-Length: 1000000000\r\n".into(), vec![b' '; 300_000]),
        |_| {},
        |error| matches!(error, Error::TooLarge),
    );
}

#[test]
fn nothing_is_waited_for_longer_than_is_set() {
    let brief = |options: &mut Options| options.wait = Duration::from_millis(100);
    let too_slow = |error: &Error| matches!(error, Error::TooSlow);
    everywhere(|| Says::Nothing, brief, too_slow);
    everywhere(|| Says::Raw("HTTP/1.1 200 x\r\nContent-Length: 100\r\n".into(), b"{\"st".to_vec()), brief, too_slow);
}

#[test]
fn an_okta_push_that_nobody_answers_ends() {
    let stand_in = StandIn::start(OKTA_HOST, |asked| match asked.target.as_str() {
        USERS => says(200, &one_user()),
        FACTORS => says(200, &one_factor()),
        _ => says(200, &waiting(POLL)),
    });
    let options = Options { wait: Duration::from_millis(500), pause: Duration::from_millis(1), ..stand_in.options() };
    assert!(matches!(Online::new(options).ask(&okta(&stand_in)), Err(Error::TooSlow)));
    assert_eq!(stand_in.asked().iter().filter(|asked| asked.method == "POST").count(), 1);
}

#[test]
fn a_provider_that_hangs_up_is_not_asked_again() {
    everywhere(|| Says::HangsUp, |_| {}, |error| matches!(error, Error::Unreachable(_)));
}

#[test]
fn who_is_not_who_they_say_is_told_nothing() {
    let unreachable = |answer: Result<Answer, Error>| assert!(matches!(answer, Err(Error::Unreachable(_))));
    for (host, ask) in PROVIDERS {
        let other_name = StandIn::certified(host, "evil.example", |_| panic!("asked"));
        unreachable(other_name.gateway().ask(&ask(&other_name)));
        let other_authority = StandIn::start(host, |_| panic!("asked"));
        let trusted = Some(vec![other_name.authority.clone()]);
        unreachable(Online::new(Options { trusted, ..other_authority.options() }).ask(&ask(&other_authority)));
        let of_the_system = Options { trusted: None, ..other_authority.options() };
        unreachable(Online::new(of_the_system).ask(&ask(&other_authority)));
    }
}

#[test]
fn settings_that_lead_elsewhere_are_refused() {
    let stand_in = duo_says(json!({ "result": "allow" }), json!({ "result": "allow" }));
    for host in ["", "evil.example/", "evil.example/x?", "u@evil.example", "evil.example#"] {
        let mut question = duo(&stand_in, Proof::Push);
        if let Provider::Duo(duo, _) = &mut question.provider {
            duo.api_hostname = host.into();
        }
        assert!(matches!(stand_in.gateway().ask(&question), Err(Error::Setting("api_hostname"))), "{host}");
    }
}

#[test]
fn one_push_rings_at_a_time_for_each_person() {
    let (started, starts) = channel();
    let (release, released) = channel::<()>();
    let (started, released) = (Mutex::new(started), Mutex::new(released));
    let stand_in = StandIn::start(DUO_HOST, move |asked| {
        let result = if asked.target.ends_with("preauth") { "auth" } else { "allow" };
        if asked.body.contains("factor=push") && asked.body.contains("username=alice") {
            started.lock().unwrap().send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
        }
        says(200, &json!({ "stat": "OK", "response": { "result": result } }))
    });
    let gateway = Arc::new(Online::new(Options { at_once: 2, ..stand_in.options() }));
    let (first, asking) = (duo(&stand_in, Proof::Push), gateway.clone());
    let first = std::thread::spawn(move || asking.ask(&first));
    starts.recv().unwrap();
    let again = duo(&stand_in, Proof::Push);
    assert!(matches!(gateway.ask(&again), Err(Error::Outstanding)));
    let by_passcode = duo(&stand_in, passcode("123456"));
    assert_eq!(gateway.ask(&by_passcode).unwrap(), Answer::Approved);
    let somebody_else = PushQuestion { entity: EntityId::new("e-2"), username: "bob".into(), ..again.clone() };
    assert_eq!(gateway.ask(&somebody_else).unwrap(), Answer::Approved);
    release.send(()).unwrap();
    assert_eq!(first.join().unwrap().unwrap(), Answer::Approved);
    release.send(()).unwrap();
    assert_eq!(gateway.ask(&again).unwrap(), Answer::Approved);
}

#[test]
fn only_so_many_questions_wait_at_once() {
    let stand_in = duo_says(json!({ "result": "allow" }), json!({}));
    let gateway = Online::new(Options { at_once: 0, ..stand_in.options() });
    assert!(matches!(gateway.ask(&duo(&stand_in, passcode("123456"))), Err(Error::Busy)));
}

#[test]
fn a_question_is_made_of_what_is_stored_and_its_outcome_is_one_word() {
    let server = Server::start();
    let stand_in = duo_says(json!({ "result": "auth" }), json!({ "result": "allow" }));
    let method = json!({ "secret_key": "a secret key", "integration_key": "DIINTEGRATION", "api_hostname": stand_in.host(),
        "username_format": "{{identity.entity.metadata.mail}}" });
    let method = server.call("POST", "identity/mfa/method/duo", &method).text("data.method_id");
    let asked = json!({ "name": "alice", "metadata": { "mail": "alice@example.com" } });
    let entity = server.call("POST", "identity/entity", &asked).text("data.id");
    let access = server.engine.access().unwrap();
    let question = server.engine.store.read::<_, countersign::engine::Error>(START, |tx| {
        let method = countersign::engine::methods::get(tx, &access, &MethodId::new(method.as_str()))?.unwrap();
        let root = Scope { id: countersign::id::NamespaceId::root(), path: String::new() };
        let entity = countersign::engine::entities::get(tx, &access, &root, &EntityId::new(entity.as_str()))?.unwrap();
        pushing::question(tx, &access, &method, &entity, None, "n".into())
    });
    let question = question.unwrap().ok().unwrap();
    assert_eq!(question.username, "alice@example.com");
    assert_eq!(pushing::ask(&stand_in.gateway(), &question), Outcome::Approved);
    // A server that was given no gateway asks nobody.
    assert_eq!(pushing::ask(server.engine.gateway.as_ref(), &question), Outcome::Failed);
}
