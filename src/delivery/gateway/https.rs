//! One exchange with a provider or a carrier: over TLS, directly, once, in bounded time and size.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, RequestBuilder, StatusCode, Url};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use super::{Error, Options};

/// The largest answer that is read, in bytes.
const LARGEST: usize = 256 * 1024;

/// What a provider said.
pub(in crate::delivery) struct Reply {
    pub(in crate::delivery) status: StatusCode,
    pub(in crate::delivery) body: Vec<u8>,
}

/// Who is trusted to say who is who: `trusted` if given, or else whom the system trusts.
pub fn tls(trusted: Option<&[Vec<u8>]>) -> Result<ClientConfig, Error> {
    trusting(trusted.map_or_else(of_the_system, parsed))
}

/// The same, trusting `more` besides those whom the system trusts.
pub(in crate::delivery) fn tls_trusting_also(more: &[Vec<u8>]) -> Result<ClientConfig, Error> {
    trusting(of_the_system().into_iter().chain(parsed(more)).collect())
}

fn parsed(roots: &[Vec<u8>]) -> Vec<CertificateDer<'static>> {
    roots.iter().map(|root| CertificateDer::from(root.clone())).collect()
}

fn trusting(certificates: Vec<CertificateDer<'static>>) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.map_err(|_| Error::Setting("TLS"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn of_the_system() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(error = error as &dyn std::error::Error, "some certificates of the system cannot be read");
    }
    found.certs
}

/// A client for one question.
pub(super) fn client(tls: ClientConfig, options: &Options) -> Result<Client, Error> {
    let mut client = builder(tls, options.connect).https_only(true);
    for (name, address) in &options.names {
        client = client.resolve(name, *address);
    }
    client.build().map_err(unreachable)
}

/// What makes clients that go where they are told, and ask once. Whether only over TLS is to be said yet.
pub(in crate::delivery) fn builder(tls: ClientConfig, connect: Duration) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(connect)
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
}

/// Where a provider answers: `authority` is a host's name, and perhaps a port.
pub(super) fn origin(authority: &str) -> Option<Url> {
    let plain = authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':'));
    Url::parse(&format!("https://{authority}/")).ok().filter(|url| plain && url.host_str().is_some())
}

/// Send a request, and read what comes back as far as it may go.
pub(in crate::delivery) async fn send(request: RequestBuilder) -> Result<Reply, Error> {
    let mut response = request.send().await.map_err(unreachable)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len().saturating_add(chunk.len()) > LARGEST {
            return Err(Error::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status: response.status(), body })
}

/// `text` with everything but ASCII letters, digits, `_`, `.`, `~` and `-` percent-encoded, in capitals (RFC 3986, section 2.1).
pub(super) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'~' | b'-') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    encoded
}

/// A timeout is told apart; a URL, which may name the person, is left out.
fn unreachable(error: reqwest::Error) -> Error {
    if error.is_timeout() { Error::TooSlow } else { Error::Unreachable(error.without_url()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_host_and_nothing_else() {
        assert_eq!(origin("api-1.duosecurity.com").unwrap().as_str(), "https://api-1.duosecurity.com/");
        assert_eq!(origin("API.example:8443").unwrap().as_str(), "https://api.example:8443/");
        for authority in
            ["", "user@host", "host/path", "host?x", "host#x", "host:port", "a b", "host\\x", ":1", "ü.example"]
        {
            assert!(origin(authority).is_none(), "{authority}");
        }
    }
}
