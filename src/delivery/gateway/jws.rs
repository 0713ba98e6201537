//! JSON Web Signatures in their compact form, with HMAC-SHA-256 and nothing else (RFC 7515; RFC 7518, section 3.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

/// `header` and `payload`, signed with `key`. The header must say `HS256`.
pub(super) fn sign(header: &[u8], payload: &[u8], key: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = mac(key, &signed).finalize().into_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The header and payload of `token`, if it is signed with `key`.
pub(super) fn verify(token: &str, key: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    #[derive(Deserialize)]
    struct Header<'a> {
        alg: &'a str,
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    mac(key, signed).verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    // The key is for one algorithm, whatever else a header may name (RFC 8725, section 3.1).
    (serde_json::from_slice::<Header<'_>>(&header).ok()?.alg == "HS256").then_some(())?;
    Some((header, URL_SAFE_NO_PAD.decode(payload).ok()?))
}

fn mac(key: &[u8], signed: &str) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.chain_update(signed.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515, appendix A.1.
    const KEY: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    const TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
        cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    fn key() -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(KEY).unwrap()
    }

    #[test]
    fn the_standards_example_comes_out() {
        let header = b"{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}";
        let payload = b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
        assert_eq!(sign(header, payload, &key()), TOKEN);
        assert_eq!(verify(TOKEN, &key()).unwrap(), (header.to_vec(), payload.to_vec()));
    }

    #[test]
    fn what_is_not_signed_with_the_key_is_nothing() {
        assert!(verify(TOKEN, b"another key").is_none());
        assert!(verify(&TOKEN.replace("eyJpc3M", "eyJpc3N"), &key()).is_none());
        assert!(verify(&TOKEN[..TOKEN.len() - 2], &key()).is_none());
        for token in ["", ".", "..", "a.b", "{\"responseBody\":{\"errorId\":200}}"] {
            assert!(verify(token, &key()).is_none(), "{token}");
        }
    }

    #[test]
    fn no_other_algorithm_is_taken() {
        for header in [&b"{\"alg\":\"none\"}"[..], b"{\"alg\":\"HS512\"}", b"{}", b"[]"] {
            assert!(verify(&sign(header, b"{}", &key()), &key()).is_none());
        }
    }
}
