//! How a method registers and checks WebAuthn authenticators (W3C Web Authentication, Level 3).

use serde::{Deserialize, Serialize};

use super::method::{enrolments, within};

/// How a method registers and checks WebAuthn authenticators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebAuthn {
    /// The relying party: a domain, which every origin is, or lies in.
    pub rp_id: String,
    /// What browsers show the relying party as.
    pub rp_name: String,
    /// Where ceremonies may take place: exact origins, scheme, host and port.
    pub origins: Vec<String>,
    /// Whether the authenticator has to know its user, beside being touched.
    pub user_verification: UserVerification,
    /// What must be known of an authenticator's make.
    pub attestation: Attestation,
    /// The signatures that are taken.
    pub algorithms: Vec<Algorithm>,
    /// How many authenticators an entity may have under it.
    pub max_enrolments: u32,
    /// Failed ceremonies in one window; read when an answer is checked.
    pub max_validation_attempts: u32,
    /// Whether somebody without an authenticator may register one during a login.
    pub self_enrolment: bool,
}

/// Whether an authenticator has to know its user (Level 3, section 5.8.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserVerification {
    /// It must, and say so.
    Required,
    /// It should if it can.
    Preferred,
    /// It need not.
    Discouraged,
}

/// What must be known of an authenticator's make (Level 3, section 5.4.7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attestation {
    /// Nothing.
    None,
    /// It must be one of these models, shown by a chain of certificates up to one of these roots.
    Direct {
        /// AAGUIDs; any, if empty.
        aaguids: Vec<String>,
        /// Roots, as PEM.
        roots: String,
    },
}

/// A signature algorithm (RFC 9053).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256: COSE -7.
    Es256,
    /// RSA with SHA-256: COSE -257.
    Rs256,
    /// Ed25519: COSE -8.
    EdDsa,
}

impl Algorithm {
    /// All of them, the one that every authenticator has first.
    pub const ALL: [Self; 3] = [Self::Es256, Self::Rs256, Self::EdDsa];

    /// The name that settings use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl UserVerification {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Required, Self::Preferred, Self::Discouraged];

    /// The name that the standard uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Preferred => "preferred",
            Self::Discouraged => "discouraged",
        }
    }
}

/// Settings as an operator asks for them, before they are checked.
#[derive(Debug, Clone)]
pub struct Request {
    /// A domain.
    pub rp_id: String,
    /// Empty for the domain.
    pub rp_name: String,
    /// At least one.
    pub origins: Vec<String>,
    /// As the standard names it.
    pub user_verification: String,
    /// `none` or `direct`.
    pub attestation: String,
    /// AAGUIDs that are let in; any, if empty.
    pub aaguids: Vec<String>,
    /// Roots, as PEM.
    pub roots: String,
    /// By name; all, if empty.
    pub algorithms: Vec<String>,
    /// 1 to 10.
    pub max_enrolments: i64,
    /// At least 0, which means the default.
    pub max_validation_attempts: i64,
    /// Whether entities may enrol themselves during a login.
    pub self_enrolment: bool,
}

/// The setting that is wrong, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a domain.
    #[error("rp_id must be a domain name")]
    RpId,
    /// None, or one that is not an origin within the relying party.
    #[error("origins must be https origins within rp_id, or http ones of localhost")]
    Origins,
    /// Not one of the three.
    #[error("user_verification must be required, preferred or discouraged")]
    UserVerification,
    /// Neither of the two.
    #[error("attestation must be none or direct")]
    Attestation,
    /// Not a UUID.
    #[error("allowed_aaguids must be UUIDs")]
    Aaguids,
    /// Direct attestation has no root to end at.
    #[error("attestation_roots must be set where attestation is direct")]
    Roots,
    /// There is no such algorithm.
    #[error("algorithms must be among ES256, RS256, EdDSA")]
    Algorithms,
    /// None, or more than anybody has devices.
    #[error("max_enrollments must be between 1 and 10")]
    Enrolments,
    /// Negative, or beyond counting.
    #[error("max_validation_attempts must be greater than zero")]
    Attempts,
}

impl TryFrom<Request> for WebAuthn {
    type Error = Refusal;

    /// The first setting that is wrong, in this order, is the one reported.
    fn try_from(asked: Request) -> Result<Self, Refusal> {
        if !is_domain(&asked.rp_id) {
            return Err(Refusal::RpId);
        }
        if asked.origins.is_empty() || !asked.origins.iter().all(|origin| is_origin(origin, &asked.rp_id)) {
            return Err(Refusal::Origins);
        }
        let user_verification = UserVerification::ALL
            .into_iter()
            .find(|level| level.as_str() == asked.user_verification)
            .ok_or(Refusal::UserVerification)?;
        let attestation = match asked.attestation.as_str() {
            "none" => Attestation::None,
            "direct" if !asked.aaguids.iter().all(|id| uuid::Uuid::try_parse(id).is_ok()) => {
                return Err(Refusal::Aaguids);
            }
            "direct" if asked.roots.is_empty() => return Err(Refusal::Roots),
            "direct" => Attestation::Direct { aaguids: asked.aaguids, roots: asked.roots },
            _ => return Err(Refusal::Attestation),
        };
        let named = |name: &String| Algorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == name.as_str());
        let algorithms = match asked.algorithms.as_slice() {
            [] => Algorithm::ALL.to_vec(),
            names => names.iter().map(named).collect::<Option<_>>().ok_or(Refusal::Algorithms)?,
        };
        let max_enrolments = enrolments(asked.max_enrolments).ok_or(Refusal::Enrolments)?;
        let max_validation_attempts = match within(asked.max_validation_attempts, u32::MAX) {
            Some(0) => 5,
            Some(attempts) => attempts,
            None => return Err(Refusal::Attempts),
        };
        let rp_name = if asked.rp_name.is_empty() { asked.rp_id.clone() } else { asked.rp_name };
        Ok(Self {
            rp_id: asked.rp_id,
            rp_name,
            origins: asked.origins,
            user_verification,
            attestation,
            algorithms,
            max_enrolments,
            max_validation_attempts,
            self_enrolment: asked.self_enrolment,
        })
    }
}

/// Whether `text` can be a relying party's id: a domain in lower case, without a port.
pub fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        inner && !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// Whether `origin` is one, written as browsers write it, whose host is `rp_id` or lies in it. Plain HTTP is for the machine itself.
pub fn is_origin(origin: &str, rp_id: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number.to_string() == port));
    let within = host == rp_id || host.strip_suffix(rp_id).is_some_and(|rest| rest.ends_with('.'));
    let is_local = host == "localhost" || host.ends_with(".localhost");
    is_domain(host) && is_port && within && (scheme == "https" || (scheme == "http" && is_local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_lies_within_the_relying_party() {
        for origin in ["https://acme.com", "https://login.acme.com", "https://acme.com:8443"] {
            assert!(is_origin(origin, "acme.com"), "{origin}");
        }
        for origin in [
            "http://acme.com",
            "https://evilacme.com",
            "https://acme.com.evil.com",
            "https://acme.com/",
            "https://acme.com:08443",
            "https://acme.com:70000",
            "https://ACME.com",
            "https://user@acme.com",
            "acme.com",
            "",
        ] {
            assert!(!is_origin(origin, "acme.com"), "{origin}");
        }
        assert!(is_origin("http://localhost:3000", "localhost"));
    }

    #[test]
    fn a_relying_party_is_a_domain() {
        assert!(is_domain("acme.com") && is_domain("localhost"));
        for text in ["", "acme..com", "acme.com.", "-acme.com", "ACME.com", "acme.com:443", "a_b.com", "é.com"] {
            assert!(!is_domain(text), "{text}");
        }
    }
}
