//! A request's head: which API it calls, which path in it, and who asks.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HOST};

use super::error::Error;
use crate::dialect::path::decode;
use crate::secret::Secret;

/// The two APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    /// For those who use the network.
    Client,
    /// For those who run it.
    Management,
}

/// Where the APIs are. What lies below none of them is the client API's, as it was before there were prefixes.
const PREFIXES: [(&str, Api); 3] =
    [("/edge/client/v1", Api::Client), ("/edge/management/v1", Api::Management), ("/edge/v1", Api::Client)];

/// The head of a request.
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) api: Api,
    /// The path in the API, decoded, by segments.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    /// What the caller shows.
    pub(super) token: Option<Secret<String>>,
    /// The code in the header that SDKs send it in where a request has no body.
    pub(super) code: Option<Secret<String>>,
    /// The address that it comes from, as the connection tells.
    pub(super) peer: String,
    /// What the client calls this server.
    pub(super) host: String,
    /// Whether the body says that it is something other than JSON.
    pub(super) is_other_than_json: bool,
}

impl Head {
    /// Read the head of `http`.
    ///
    /// # Errors
    /// When the path is none.
    pub(super) fn read(http: &HttpRequest) -> Result<Self, Error> {
        let (api, path) = split(http.uri().path());
        let media_type = header(http, CONTENT_TYPE.as_str()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        let is_json = media_type.eq_ignore_ascii_case("application/json") || media_type.ends_with("+json");
        let secret = |name| {
            header(http, name).map(str::trim).filter(|text| !text.is_empty()).map(|text| Secret::new(text.to_owned()))
        };
        Ok(Self {
            method: http.method().clone(),
            api,
            path: segments(path)?,
            query: form_urlencoded::parse(http.query_string().as_bytes()).into_owned().collect(),
            token: secret("zt-session"),
            code: secret("mfa-validation-code"),
            peer: http.peer_addr().map(|peer| peer.ip().to_canonical().to_string()).unwrap_or_default(),
            host: header(http, HOST.as_str()).unwrap_or_default().to_owned(),
            is_other_than_json: !media_type.is_empty() && !is_json,
        })
    }

    /// The first value of a parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn header<'a>(http: &'a HttpRequest, name: &str) -> Option<&'a str> {
    http.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Which API a path belongs to, and the path inside it.
fn split(path: &str) -> (Api, &str) {
    for (prefix, api) in PREFIXES {
        if let Some(rest) = path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            return (api, rest);
        }
    }
    (Api::Client, path)
}

/// The segments of a path, with or without a slash at its end, each decoded once.
fn segments(path: &str) -> Result<Vec<String>, Error> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let decode = |segment: &str| decode(segment).ok_or_else(Error::not_found);
    path.split('/').map(decode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_prefix_leads_to_its_api_and_none_to_the_clients() {
        assert_eq!(split("/edge/client/v1/version"), (Api::Client, "/version"));
        assert_eq!(split("/edge/v1/version"), (Api::Client, "/version"));
        assert_eq!(split("/edge/management/v1"), (Api::Management, ""));
        assert_eq!(split("/version"), (Api::Client, "/version"));
        assert_eq!(split("/edge/client/v10/version"), (Api::Client, "/edge/client/v10/version"));
    }

    #[test]
    fn a_path_is_decoded_once_and_may_end_in_a_slash() {
        assert_eq!(segments("/a/b%2fc/").ok().unwrap(), ["a", "b/c"]);
        assert_eq!(segments("/a%2520").ok().unwrap(), ["a%20"]);
        assert_eq!(segments("/").ok().unwrap(), Vec::<String>::new());
        assert_eq!(segments("//a").ok().unwrap(), ["", "a"], "no path of ours");
        for broken in ["/a%", "/a%2", "/a%zz", "/a%ff"] {
            assert!(segments(broken).is_err(), "{broken}");
        }
    }
}
