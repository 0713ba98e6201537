//! Blocks of addresses, in the notation of RFC 4632: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use std::net::IpAddr;

use ipnet::IpNet;

/// The block that `text` writes, if it is one.
pub fn parse(text: &str) -> Option<IpNet> {
    let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse::<IpNet>().ok().or_else(one)
}

/// Whether somebody at `peer` is let in by `blocks`: none lets everybody in, and who comes from nowhere is in no block.
pub fn admits<S: AsRef<str>>(blocks: &[S], peer: Option<IpAddr>) -> bool {
    let inside =
        |peer: IpAddr| blocks.iter().filter_map(|block| parse(block.as_ref())).any(|block| block.contains(&peer));
    blocks.is_empty() || peer.map(|peer| peer.to_canonical()).is_some_and(inside)
}

/// Whether each of `inner` lies in one of `outer`; in none, everything does.
pub fn covers<S: AsRef<str>>(outer: &[S], inner: &[S]) -> bool {
    let lies_in =
        |block: &IpNet| outer.iter().filter_map(|outer| parse(outer.as_ref())).any(|outer| outer.contains(block));
    outer.is_empty() || inner.iter().all(|block| parse(block.as_ref()).is_some_and(|block| lies_in(&block)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(peer: &str) -> Option<IpAddr> {
        Some(peer.parse().unwrap())
    }

    #[test]
    fn a_block_lets_in_who_comes_from_it() {
        let blocks = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"];
        for inside in ["10.1.2.3", "192.0.2.7", "2001:db8::1", "::ffff:10.0.0.1"] {
            assert!(admits(&blocks, at(inside)), "{inside}");
        }
        for outside in ["11.0.0.1", "192.0.2.8", "2001:db9::1", "::10.0.0.1"] {
            assert!(!admits(&blocks, at(outside)), "{outside}");
        }
        assert!(!admits(&blocks, None));
        assert!(admits::<&str>(&[], None));
        assert!(!admits(&["nonsense"], at("10.0.0.1")), "what is no block lets nobody in");
    }

    #[test]
    fn a_block_lies_in_a_wider_one() {
        assert!(covers(&["10.0.0.0/8"], &["10.3.0.0/16", "10.0.0.0/8"]));
        assert!(!covers(&["10.0.0.0/8"], &["11.0.0.0/8"]));
        assert!(!covers(&["10.0.0.0/8"], &["0.0.0.0/0"]));
        assert!(covers(&[], &["11.0.0.0/8"]));
    }
}
