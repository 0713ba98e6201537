//! A provider's stand-in: a TLS server in this process that says what a test tells it to, and remembers what it was asked.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use countersign::delivery::gateway::{Online, Options};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What the stand-in was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// By lower-case names.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What it does then.
pub(crate) enum Says {
    /// It answers.
    This(u16, String),
    /// It sends a head with these headers, and these bytes.
    Raw(String, Vec<u8>),
    /// It never says anything.
    Nothing,
    /// It hangs up.
    HangsUp,
}

/// A running stand-in.
pub(crate) struct StandIn {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Who vouches for it, in DER.
    pub(crate) authority: Vec<u8>,
    name: String,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

type Script = dyn Fn(&Asked) -> Says + Send + Sync;

impl StandIn {
    /// A stand-in for the host `name`, with a certificate for it.
    pub(crate) fn start(name: &str, script: impl Fn(&Asked) -> Says + Send + Sync + 'static) -> Self {
        Self::certified(name, name, script)
    }

    /// A stand-in for the host `name`, with a certificate for `certified`.
    pub(crate) fn certified(
        name: &str,
        certified: &str,
        script: impl Fn(&Asked) -> Says + Send + Sync + 'static,
    ) -> Self {
        let (authority, config) = certificate(certified);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, stopped, script) =
            (Arc::<Mutex<Vec<Asked>>>::default(), Arc::<AtomicBool>::default(), Arc::new(script));
        let (noted, ends) = (asked.clone(), stopped.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ends.load(Ordering::SeqCst) {
                    break;
                }
                let (config, noted, script) = (config.clone(), noted.clone(), script.clone());
                std::thread::spawn(move || serve(stream, config, &noted, script.as_ref()));
            }
        });
        Self { port, asked, authority, name: name.into(), stopped, thread: Some(thread) }
    }

    /// The host's name and port, as a method's settings have it.
    pub(crate) fn host(&self) -> String {
        format!("{}:{}", self.name, self.port)
    }

    /// A gateway that trusts the stand-in, and finds it, and does not wait long.
    pub(crate) fn gateway(&self) -> Online {
        Online::new(self.options())
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            wait: Duration::from_secs(30),
            pause: Duration::ZERO,
            trusted: Some(vec![self.authority.clone()]),
            names: vec![(self.name.clone(), SocketAddr::from(([127, 0, 0, 1], self.port)))],
            ..Options::default()
        }
    }

    /// All that it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn certificate(name: &str) -> (Vec<u8>, Arc<ServerConfig>) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    (authority.der().to_vec(), Arc::new(config))
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, noted: &Mutex<Vec<Asked>>, script: &Script) {
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    while let Some(asked) = read(&mut stream) {
        noted.lock().unwrap().push(asked.clone());
        let (head, body) = match script(&asked) {
            Says::This(status, body) => {
                (format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n", body.len()), body.into())
            }
            Says::Raw(head, body) => (head, body),
            Says::Nothing => {
                // Until the other side has had enough.
                let _ = stream.read(&mut [0]);
                return;
            }
            Says::HangsUp => return,
        };
        let _ = stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(&body));
        let _ = stream.flush();
    }
}

fn read(stream: &mut impl Read) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.trim_end().split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Asked { method, target, headers, body: String::from_utf8(body).ok()? })
}
