//! Endpoints: addresses that an operator names and the server then sends to. Read by the very parser that sending uses, so that nothing is
//! one host to the check and another to the connection.

use reqwest::Url;

use crate::model::deny_list::DenyList;

/// Why an address is no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is no address of HTTP, or has a name and password in it.
    #[error("no URL of HTTP without credentials")]
    Url,
    /// Nothing is sent there.
    #[error("an address that nothing is sent to")]
    Denied,
}

/// The endpoint at `url`, unless its host is on `denied`. A host's name says nothing of its addresses: whoever connects asks about those again.
///
/// # Errors
/// When it is none.
pub fn parse(url: &str, denied: &DenyList) -> Result<Url, Unusable> {
    let url = Url::parse(url).map_err(|_| Unusable::Url)?;
    let is_bare = url.username().is_empty() && url.password().is_none();
    let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https") && is_bare);
    match host {
        None => Err(Unusable::Url),
        Some(host) if denied.denies_host(host) => Err(Unusable::Denied),
        Some(_) => Ok(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_disguise_is_the_address() {
        let list = DenyList::standard();
        for url in [
            "http://127.1/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://①②⑦.0.0.1/",
            "https://[::ffff:127.0.0.1]/",
            "https://LOCALHOST:8443/x",
            "https://localhost./",
            "https:\\\\10.0.0.1\\x",
        ] {
            assert_eq!(parse(url, &list), Err(Unusable::Denied), "{url}");
        }
        for url in [
            "",
            "x",
            "ftp://example.com/",
            "file:///etc/passwd",
            "https://",
            "https://u@example.com/",
            "https://u:p@example.com/",
            "https://:p@example.com/",
        ] {
            assert_eq!(parse(url, &list), Err(Unusable::Url), "{url}");
        }
        assert!(parse("https://sms.example.com:8443/send?x=1", &list).is_ok());
        assert!(parse("http://127.0.0.1:1/", &DenyList::default()).is_ok());
    }
}
