//! Addresses that the server never sends messages to, whoever asks for it: so that an operator's endpoint is no way into the server's own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::cidr;

/// This machine, private and shared networks, what reaches no further than a link, and what is nobody's address (RFC 6890); multicast.
pub const STANDARD: [&str; 17] = [
    "localhost",
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/127",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// What is denied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DenyList {
    blocks: Vec<IpNet>,
    names: Vec<String>,
}

impl DenyList {
    /// The list of [`STANDARD`].
    pub fn standard() -> Self {
        // A test holds that each entry can be read.
        Self::parse(&STANDARD).unwrap_or_default()
    }

    /// The list of these blocks of addresses and host names. A name denies what is below it too.
    ///
    /// # Errors
    /// The first that is neither.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, String> {
        let mut list = Self::default();
        for entry in entries {
            let entry = entry.as_ref();
            match cidr::parse(entry) {
                Some(block) => list.blocks.push(block),
                None if is_name(entry) => list.names.push(entry.to_ascii_lowercase()),
                None => return Err(entry.to_owned()),
            }
        }
        Ok(list)
    }

    /// Whether nothing may be sent to `address`. An IPv4 address counts in whatever IPv6 clothes it comes.
    pub fn denies_address(&self, address: IpAddr) -> bool {
        let inside = |address: IpAddr| self.blocks.iter().any(|block| block.contains(&address));
        inside(address) || inner(address).is_some_and(|inner| inside(inner.into()))
    }

    /// Whether nothing may be sent to `host`, a name or an address as a URL has it. What a name resolves to is to be asked too, when it is used.
    pub fn denies_host(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse() {
            return self.denies_address(address);
        }
        let name = bare.trim_end_matches('.').to_ascii_lowercase();
        let below =
            |denied: &String| name.strip_suffix(denied).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        self.names.iter().any(below)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// The IPv4 address inside an IPv6 one: mapped, compatible, translated (RFC 6052) or of 6to4 (RFC 3056).
fn inner(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let last = || {
        let [.., a, b, c, d] = address.octets();
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] if address != Ipv6Addr::UNSPECIFIED => {
            Some(last())
        }
        [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_into_the_servers_own_network() {
        assert!(DenyList::parse(&STANDARD).is_ok());
        let list = DenyList::standard();
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "192.168.1.1",
            "172.31.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "[::ffff:10.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::a00:1]",
            "[2002:7f00:1::]",
            "[fd00::1]",
            "[fe80::1]",
        ] {
            assert!(list.denies_host(host), "{host}");
        }
        for host in
            ["example.com", "notlocalhost", "8.8.8.8", "[2001:4860:4860::8888]", "172.32.0.1", "localhost.example.com"]
        {
            assert!(!list.denies_host(host), "{host}");
        }
    }

    #[test]
    fn an_entry_is_a_block_or_a_name() {
        for wrong in ["", "10.0.0.0/33", "a b", "http://a"] {
            assert_eq!(DenyList::parse(&[wrong]), Err(wrong.to_owned()));
        }
        assert!(!DenyList::default().denies_host("127.0.0.1"), "an empty list denies nothing");
    }
}
