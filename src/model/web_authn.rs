//! How a method registers and checks WebAuthn authenticators (W3C Web Authentication, Level 3).

use serde::{Deserialize, Serialize};

use super::method::{LONGEST_TEXT, enrolments, within};
use crate::factor::web_authn::{Algorithm, Attestation, Origins, Party, UserVerification, is_domain, is_origin};

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
    /// The `AppID` under which its keys were registered with the older U2F, if there was one.
    pub app_id: Option<String>,
}

impl WebAuthn {
    /// The relying party.
    pub fn party(&self) -> Party {
        let (id, name, app_id) = (self.rp_id.clone(), self.rp_name.clone(), self.app_id.clone());
        Party { id, name, origins: Origins::Exact(self.origins.clone()), app_id }
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
    /// An `AppID`: an HTTPS URL of the relying party; empty for none.
    pub app_id: String,
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
    #[error("attestation_roots must be PEM certificates where attestation is direct")]
    Roots,
    /// Not an HTTPS URL of the relying party.
    #[error("app_id must be an https URL within rp_id")]
    AppId,
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
            "direct" => Attestation::Direct { aaguids: asked.aaguids, roots: asked.roots },
            _ => return Err(Refusal::Attestation),
        };
        if !attestation.is_usable() {
            return Err(Refusal::Roots);
        }
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
        let is_app_id = asked.app_id.len() <= LONGEST_TEXT && is_app_id(&asked.app_id, &asked.rp_id);
        if !asked.app_id.is_empty() && !is_app_id {
            return Err(Refusal::AppId);
        }
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
            app_id: Some(asked.app_id).filter(|app_id| !app_id.is_empty()),
        })
    }
}

/// Whether `text` can be an `AppID` of the relying party: an origin of it, over HTTPS, and perhaps a path.
fn is_app_id(text: &str, rp_id: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    is_origin(&format!("https://{authority}"), rp_id) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
