//! The real program, killed at the worst moment: nothing that was acknowledged is lost, and no code gets a second life.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use countersign::time::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};

use crate::support::{Answer, authenticator, code_at};

/// The program, started on a data directory.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start(data: &Path) -> Self {
        // A port that was free a moment ago; should somebody else have taken it, another is tried.
        for _ in 0..20 {
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
                .args(["server", "--dev", "--dev-root-token-id", "root", "--listen", &address.to_string(), "--data"])
                .arg(data)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            if lines.map_while(Result::ok).any(|line| line.starts_with("Address:")) {
                return Self { child, address };
            }
            child.wait().unwrap();
        }
        panic!("the program does not start");
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        crate::support::ask(self.address, method, path, &[("X-Vault-Token", "root")], &body.to_string())
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A question that only lacks the passcode. The period is a day, so that no step ends during a test.
fn enrol(program: &Program) -> (Value, countersign::factor::totp::Authenticator) {
    let settings = json!({ "issuer": "x", "period": 86_400, "max_validation_attempts": 5 });
    let method = program.call("POST", "identity/mfa/method/totp", &settings).text("data.method_id");
    let entity = program.call("POST", "identity/entity", &json!({})).text("data.id");
    let pair = json!({ "method_id": method, "entity_id": entity });
    let url = program.call("POST", "identity/mfa/method/totp/admin-generate", &pair).text("data.url");
    (pair, authenticator(&url))
}

fn validate(program: &Program, pair: &Value, passcode: &str) -> Answer {
    let mut question = pair.clone();
    question["passcode"] = passcode.into();
    program.call("POST", "identity/mfa/validate", &question)
}

fn now() -> Timestamp {
    SystemClock.now()
}

#[test]
fn a_code_accepted_before_a_kill_is_refused_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let program = Program::start(&data);
    let (pair, authenticator) = enrol(&program);
    let code = code_at(&authenticator, now(), 0);
    assert_eq!(validate(&program, &pair, &code).status, 200);
    program.kill();
    for _ in 0..3 {
        let program = Program::start(&data);
        assert_eq!(validate(&program, &pair, &code).status, 403);
        program.kill();
    }
    let program = Program::start(&data);
    assert_eq!(validate(&program, &pair, &code_at(&authenticator, now(), 1)).status, 200, "the next code is good");
}

#[test]
fn a_shut_window_is_shut_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let program = Program::start(&data);
    let (pair, authenticator) = enrol(&program);
    let right = code_at(&authenticator, now(), 0);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..6 {
        assert_eq!(validate(&program, &pair, wrong).status, 403);
    }
    program.kill();
    let program = Program::start(&data);
    let refused = validate(&program, &pair, &right);
    assert_eq!(refused.status, 403);
    assert!(refused.error().contains("maximum TOTP validation attempts 7 exceeded the allowed attempts 5"));
}

#[test]
fn a_data_directory_holds_its_files_for_their_owner_only_and_serves_one_program() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let program = Program::start(&data);
    enrol(&program);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(
            ["countersign.db", "countersign.db-wal", "countersign.db-shm", "unseal.key"].contains(&name.as_str()),
            "{name}"
        );
        assert_eq!(mode(&path), 0o600, "{name}");
    }
    let second = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["server", "--dev", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data)
        .output()
        .unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("another server uses this data directory"));
}

#[test]
fn a_server_told_to_end_ends_in_good_order() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut program = Program::start(&data);
    let (pair, authenticator) = enrol(&program);
    let code = code_at(&authenticator, now(), 0);
    assert_eq!(validate(&program, &pair, &code).status, 200);
    let told = Command::new("kill").args(["-TERM", &program.child.id().to_string()]).status().unwrap();
    assert!(told.success());
    assert!(program.child.wait().unwrap().success());
    assert!(!data.join("countersign.db-wal").exists(), "the log was folded into the file");
    let program = Program::start(&data);
    assert_eq!(validate(&program, &pair, &code).status, 403);
}

#[test]
fn development_listens_on_the_loopback_only() {
    let refused = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["server", "--dev", "--listen", "0.0.0.0:0"])
        .output()
        .unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("loopback only"));
}
