//! The key URI that carries an authenticator to an app: `otpauth://totp/…`, in the exact form of Vault's.

use std::fmt::Write as _;

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use super::totp::Authenticator;
use crate::secret::Secret;

/// The URI of `authenticator`, issued by `issuer` for `account`.
///
/// The label is escaped like a path, the values like path segments, the keys stand in alphabetical order, and the secret is base32 without
/// padding. DEVIATION: `&`, `=`, `+` and `#` in a value are escaped too, which Vault leaves alone and so writes URIs that no app can read;
/// `reserved_characters_survive_the_round_trip` shows it.
pub fn key_uri(issuer: &str, account: &str, authenticator: &Authenticator) -> Secret<String> {
    let seed = Zeroizing::new(BASE32_NOPAD.encode(authenticator.seed.expose()));
    let parameters = &authenticator.parameters;
    let mut uri = String::with_capacity(256);
    uri.push_str("otpauth://totp/");
    escape(&mut uri, issuer, IN_PATH);
    uri.push(':');
    escape(&mut uri, account, IN_PATH);
    uri.push_str("?algorithm=");
    uri.push_str(parameters.algorithm.as_str());
    uri.push_str("&digits=");
    uri.push_str(if parameters.digits.count() == 8 { "8" } else { "6" });
    uri.push_str("&issuer=");
    escape(&mut uri, issuer, IN_VALUE);
    uri.push_str("&period=");
    uri.push_str(&parameters.period_secs.to_string());
    uri.push_str("&secret=");
    uri.push_str(&seed);
    Secret::new(uri)
}

/// The shortest URI of an authenticator with parameters that apps take for granted, as OpenZiti writes it: issuer and secret, in this order.
///
/// DEVIATION: the label is escaped as RFC 3986 says, where OpenZiti writes it as it is, so that a name could bring a secret of its own;
/// `a_name_cannot_bring_a_secret` shows it.
pub fn short_key_uri(issuer: &str, account: &str, authenticator: &Authenticator) -> Secret<String> {
    let seed = Zeroizing::new(BASE32_NOPAD.encode(authenticator.seed.expose()));
    let mut uri = String::with_capacity(256);
    uri.push_str("otpauth://totp/");
    escape(&mut uri, issuer, b"");
    uri.push(':');
    escape(&mut uri, account, b"");
    uri.push_str("?issuer=");
    escape(&mut uri, issuer, b"");
    uri.push_str("&secret=");
    uri.push_str(&seed);
    Secret::new(uri)
}

/// What stands for itself in a path besides letters, digits and `-_.~`: as in Go's `url.URL`.
const IN_PATH: &[u8] = b"$&+,/:;=@";
/// What stands for itself in a value: as in Go's `url.PathEscape`, but for what would end the value.
const IN_VALUE: &[u8] = b"$:@";

fn escape(uri: &mut String, text: &str, kept: &[u8]) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || kept.contains(&byte) {
            uri.push(char::from(byte));
        } else {
            #[expect(clippy::let_underscore_must_use, reason = "writing to a String cannot fail")]
            let _ = write!(uri, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::super::otp::{Algorithm, Digits};
    use super::super::totp::Parameters;
    use super::*;

    fn uri(issuer: &str) -> String {
        let authenticator =
            Authenticator { parameters: Parameters::default(), seed: Secret::new(b"12345678901234567890".to_vec()) };
        key_uri(issuer, "ID", &authenticator).expose().clone()
    }

    #[test]
    fn a_uri_names_every_parameter_in_alphabetical_order() {
        assert_eq!(
            uri("vault"),
            "otpauth://totp/vault:ID?algorithm=SHA1&digits=6&issuer=vault&period=30&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
        let parameters = Parameters {
            algorithm: Algorithm::Sha512,
            digits: Digits::Eight,
            period_secs: NonZeroU32::new(60).unwrap(),
            skew: 0,
        };
        let other = Authenticator { parameters, seed: Secret::new(vec![0xff]) };
        assert_eq!(
            key_uri("My Corp: a/b", "ID", &other).expose(),
            "otpauth://totp/My%20Corp:%20a/b:ID?algorithm=SHA512&digits=8&issuer=My%20Corp:%20a%2Fb&period=60&secret=74"
        );
    }

    #[test]
    fn a_name_cannot_bring_a_secret() {
        let seed = Secret::new(b"12345678901234567890".to_vec());
        let authenticator = Authenticator { parameters: Parameters::default(), seed };
        let uri = short_key_uri("ziti.example", "a b?secret=AAAA&x=#/:é", &authenticator);
        assert_eq!(
            uri.expose(),
            "otpauth://totp/ziti.example:a%20b%3Fsecret%3DAAAA%26x%3D%23%2F%3A%C3%A9?issuer=ziti.example&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
    }

    /// Labels and issuers as OpenBao 2.7.2 writes them, but for `&`, `=` and `+` in the issuer.
    #[test]
    fn reserved_characters_are_escaped_as_vault_does() {
        let label_and_issuer = |issuer: &str| {
            let uri = uri(issuer);
            let label = uri.strip_prefix("otpauth://totp/").unwrap().split_once(":ID?").unwrap().0.to_owned();
            (label, uri.split_once("issuer=").unwrap().1.split_once("&period").unwrap().0.to_owned())
        };
        let cases = [
            (
                "a&b+c=d#e%f?g;h,i@j$k!l'm(n)o*p~q\"r<s>t\\u^v`w{x|y}z",
                "a&b+c=d%23e%25f%3Fg;h,i@j$k%21l%27m%28n%29o%2Ap~q%22r%3Cs%3Et%5Cu%5Ev%60w%7Bx%7Cy%7Dz",
                "a%26b%2Bc%3Dd%23e%25f%3Fg%3Bh%2Ci@j$k%21l%27m%28n%29o%2Ap~q%22r%3Cs%3Et%5Cu%5Ev%60w%7Bx%7Cy%7Dz",
            ),
            ("é😀 ü", "%C3%A9%F0%9F%98%80%20%C3%BC", "%C3%A9%F0%9F%98%80%20%C3%BC"),
            ("/lead/:x:", "/lead/:x:", "%2Flead%2F:x:"),
            ("[b]\t", "%5Bb%5D%09", "%5Bb%5D%09"),
            ("a%20b", "a%2520b", "a%2520b"),
        ];
        for (issuer, label, value) in cases {
            assert_eq!(label_and_issuer(issuer), (label.into(), value.into()), "{issuer}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reserved_characters_survive_the_round_trip(issuer in "\\PC{1,40}") {
            let uri = uri(&issuer);
            let query = uri.split_once('?').unwrap().1;
            let pairs: Vec<(&str, String)> = query.split('&').map(|pair| pair.split_once('=').unwrap()).map(|(key, value)| (key, unescape(value))).collect();
            let keys: Vec<&str> = pairs.iter().map(|(key, _)| *key).collect();
            proptest::prop_assert_eq!(keys, ["algorithm", "digits", "issuer", "period", "secret"]);
            proptest::prop_assert_eq!(&pairs[2].1, &issuer);
            let label = uri.strip_prefix("otpauth://totp/").unwrap().split_once('?').unwrap().0;
            proptest::prop_assert_eq!(unescape(label), format!("{issuer}:ID"));
        }
    }

    fn unescape(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(if byte == b'%' {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            } else {
                byte
            });
        }
        String::from_utf8(bytes).unwrap()
    }
}
