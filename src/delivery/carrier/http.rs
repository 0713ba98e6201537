//! Carriers over HTTP: one request, and what its status means.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, RequestBuilder, Url};

use super::{CONNECT, Cause, Failure, in_time};
use crate::delivery::gateway::{Error, https};

/// Where a carrier may be.
#[derive(Clone)]
pub enum Reach {
    /// Wherever whoever runs this server says.
    Anywhere,
    /// At no address that this says yes to, whatever a name is said to stand for when it is used.
    Avoiding(Arc<Avoids>),
}

/// Whether an address is to be avoided.
pub type Avoids = dyn Fn(IpAddr) -> bool + Send + Sync;

impl Reach {
    fn avoids(&self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => false,
            Self::Avoiding(avoids) => avoids(address),
        }
    }
}

/// Where to put requests: over TLS, but on this machine itself in the clear too.
pub(super) fn url(text: &str, reach: &Reach) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_private = url.scheme() == "https" || (url.scheme() == "http" && is_here(&url));
    let is_avoided = literal(&url).is_some_and(|address| reach.avoids(address));
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    (is_private && url.has_host() && !is_avoided && is_anonymous).then_some(url)
}

fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

fn is_here(url: &Url) -> bool {
    url.host_str() == Some("localhost") || literal(url).is_some_and(|address| address.is_loopback())
}

/// Whoever asks carriers that are within `reach`.
pub(super) fn client(reach: &Reach, authorities: &[Vec<u8>]) -> Result<Client, Cause> {
    let tls = https::tls_trusting_also(authorities).map_err(Cause::Unreachable)?;
    let names = Arc::new(Names(reach.clone()));
    let client = https::builder(tls, CONNECT).dns_resolver(names).build();
    client.map_err(|error| Cause::Unreachable(Error::Unreachable(error.without_url())))
}

/// Send `request`, and read what it is answered with.
///
/// # Errors
/// [`Failure::Never`] where the answer is that this very request is wrong; anything else may be better another time.
pub(super) fn ask(request: RequestBuilder) -> Result<(), Failure> {
    in_time(async {
        let reply = https::send(request).await.map_err(|error| Failure::Later(Cause::Unreachable(error)))?;
        if reply.status.is_success() {
            return Ok(());
        }
        let said: Option<serde_json::Value> = serde_json::from_slice(&reply.body).ok();
        let code = said.and_then(|said| said.get("code")?.as_u64()).unwrap_or_default();
        let cause = Cause::Refused { status: reply.status.as_u16(), code };
        Err(if matches!(reply.status.as_u16(), 400 | 410 | 413 | 422) {
            Failure::Never(cause)
        } else {
            Failure::Later(cause)
        })
    })
}

/// Looks names up, and knows no address that is to be avoided.
struct Names(Reach);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let good: Vec<SocketAddr> = found.into_iter().filter(|address| !reach.avoids(address.ip())).collect();
            if good.is_empty() {
                return Err("the name stands for no address that may be used".into());
            }
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_here() -> Reach {
        Reach::Avoiding(Arc::new(|address| address.to_canonical().is_loopback()))
    }

    #[test]
    fn requests_go_over_tls_or_stay_on_this_machine() {
        for good in [
            "https://example.org/a?b",
            "https://10.0.0.1/",
            "http://127.0.0.1:8/x",
            "http://[::1]/",
            "http://localhost/",
        ] {
            assert!(url(good, &Reach::Anywhere).is_some(), "{good}");
        }
        for bad in [
            "http://example.org/",
            "ftp://example.org/",
            "https://user:pass@example.org/",
            "https://",
            "",
            "file:///etc/passwd",
            "http://localhost.example/",
        ] {
            assert!(url(bad, &Reach::Anywhere).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_address_to_be_avoided_is_avoided_however_it_is_written_or_named() {
        assert!(url("https://192.0.2.1/", &not_here()).is_some());
        for bad in [
            "http://127.0.0.1/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
        ] {
            assert!(url(bad, &not_here()).is_none(), "{bad}");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = |reach| runtime.block_on(Names(reach).resolve("localhost".parse().unwrap())).is_ok();
        assert!(found(Reach::Anywhere) && !found(not_here()));
    }
}
