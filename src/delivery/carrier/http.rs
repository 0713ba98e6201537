//! Carriers over HTTP: one request, and what its status means.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, RequestBuilder, Url};

use super::{CONNECT, Cause, Failure, in_time};
use crate::delivery::gateway::{Error, https};

/// Where a carrier may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Wherever whoever runs this server says.
    Anywhere,
    /// On the Internet only: not on this machine and in none of its networks, whatever a name is said to stand for.
    Internet,
}

/// Where to put requests: over TLS, but on this machine itself in the clear too.
pub(super) fn url(text: &str, reach: Reach) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain_here = reach == Reach::Anywhere && url.scheme() == "http" && is_here(&url);
    let is_public = reach == Reach::Anywhere || literal(&url).is_none_or(is_public);
    let fits = (url.scheme() == "https" || plain_here) && url.has_host() && is_public;
    (fits && url.username().is_empty() && url.password().is_none()).then_some(url)
}

fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

fn is_here(url: &Url) -> bool {
    url.host_str() == Some("localhost") || literal(url).is_some_and(|address| address.is_loopback())
}

/// Whoever asks carriers that are within `reach`.
pub(super) fn client(reach: Reach, authorities: &[Vec<u8>]) -> Result<Client, Cause> {
    let tls = https::tls_trusting_also(authorities).map_err(Cause::Unreachable)?;
    let builder = https::builder(tls, CONNECT);
    let builder = match reach {
        Reach::Anywhere => builder,
        Reach::Internet => builder.https_only(true).dns_resolver(Arc::new(PublicNames)),
    };
    builder.build().map_err(|error| Cause::Unreachable(Error::Unreachable(error.without_url())))
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

/// Looks names up, and knows only what is on the Internet.
struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> = found.into_iter().filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err("the name stands for no address on the Internet".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the Internet's (RFC 6890).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol = (a, b, c) == (192, 0, 0);
    let benchmark = a == 198 && (b == 18 || b == 19);
    let reserved = a == 0 || a >= 224;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || shared
        || protocol
        || benchmark
        || reserved)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    // The IPv4 address whose last bit lies so far from the end.
    let embedded =
        |from_end: u32| Ipv4Addr::from_bits(u32::try_from(bits >> from_end & 0xffff_ffff).unwrap_or_default());
    match address.segments() {
        // What is translated to IPv4 is what it stands for (RFC 6052, RFC 3056).
        [0x64, 0xff9b, rest @ ..] => rest.starts_with(&[0, 0, 0, 0]) && is_public_v4(embedded(0)),
        [0x2002, ..] => is_public_v4(embedded(80)),
        // Teredo and other special purposes; documentation.
        [0x2001, 0..0x200 | 0xdb8, ..] => false,
        // Global unicast is all of 2000::/3, and nothing else is.
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_over_tls_or_stay_on_this_machine() {
        for good in [
            "https://example.org/a?b",
            "https://10.0.0.1/",
            "http://127.0.0.1:8/x",
            "http://[::1]/",
            "http://localhost/",
        ] {
            assert!(url(good, Reach::Anywhere).is_some(), "{good}");
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
            assert!(url(bad, Reach::Anywhere).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_must_be_on_the_internet_is_in_no_network_of_ours_however_it_is_written() {
        for good in ["https://example.org/", "https://93.184.215.14/", "https://[2606:2800:21f::1]/"] {
            assert!(url(good, Reach::Internet).is_some(), "{good}");
        }
        for bad in [
            "http://example.org/",
            "http://localhost/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://10.1.2.3/",
            "https://192.168.0.1/",
            "https://172.16.0.1/",
            "https://169.254.169.254/",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://[::1]/",
            "https://[::]/",
            "https://[fd00::1]/",
            "https://[fe80::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001::1]/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
        ] {
            assert!(url(bad, Reach::Internet).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_name_of_this_machine_is_not_found_on_the_internet() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(PublicNames.resolve("localhost".parse().unwrap()));
        assert!(found.is_err());
    }
}
