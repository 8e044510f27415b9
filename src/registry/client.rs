//! Single requests to the registry, and what their answers mean. Blocks; never retries by itself but
//! where it says so.

use crate::codec::SchemaRef;
use base64::Engine as _;
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use ureq::http;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// Longest answer that is read: the longest schemas known are far below a megabyte.
const ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// How the registry knows us.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    None,
    /// User name and password.
    Basic {
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
    /// A token.
    Bearer(String),
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic(***)",
            Self::Bearer(_) => "Bearer(***)",
        })
    }
}

/// Where the registry is and how it is asked.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// `http://` or `https://`, host, port and path.
    pub url: String,
    /// How it knows us.
    pub auth: Auth,
    /// Certificates (PEM) to trust instead of the built-in ones.
    pub ca_file: Option<PathBuf>,
    /// Of one request, from connecting to the last byte.
    pub timeout: Duration,
    /// The pause after the first failure; doubled after each further one.
    pub backoff_min: Duration,
    /// The longest pause.
    pub backoff_max: Duration,
}

/// Why the registry gave no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The registry answered that this is not there.
    #[error("{0}")]
    NotFound(String),
    /// The answer will be the same however often we ask: the reason.
    #[error("{0}")]
    Unusable(String),
    /// The registry does not let us in: our configuration.
    #[error("{0}; check registry.auth and what belongs to it")]
    Denied(String),
    /// It cannot be reached, or has trouble of its own: ask again.
    #[error("{0}")]
    Unavailable(String),
    /// The options are at fault.
    #[error("{0}")]
    Options(String),
}

/// Asks one registry.
#[derive(Debug)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
    /// The URL without user and password.
    shown_url: String,
    authorization: Option<String>,
    backoff: [Duration; 2],
}

#[derive(Deserialize)]
struct SchemaAnswer {
    schema: String,
    #[serde(rename = "schemaType")]
    schema_type: Option<String>,
    references: Option<Vec<serde::de::IgnoredAny>>,
}

#[derive(Deserialize)]
struct IdAnswer {
    id: u32,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error_code: Option<u32>,
    message: Option<String>,
}

impl Client {
    /// Prepares to ask; nothing is sent yet.
    ///
    /// # Errors
    /// [`RegistryError::Options`] where `ca_file` holds no certificates.
    pub fn new(options: &ClientOptions) -> Result<Self, RegistryError> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = &options.ca_file {
            tls = tls.root_certs(certificates(path)?);
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(options.timeout))
            .http_status_as_error(false)
            .max_redirects_will_error(false)
            .user_agent(concat!("tillgate/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls.build())
            .build()
            .new_agent();
        let authorization = match &options.auth {
            Auth::None => None,
            Auth::Basic { username, password } => {
                let pair = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
                Some(format!("Basic {pair}"))
            }
            Auth::Bearer(token) => Some(format!("Bearer {token}")),
        };
        let url = options.url.trim_end_matches('/').to_owned();
        let shown_url = without_user(&url);
        Ok(Self { agent, url, shown_url, authorization, backoff: [options.backoff_min, options.backoff_max] })
    }

    /// The registry's address, without user and password.
    #[must_use]
    pub fn shown_url(&self) -> &str {
        &self.shown_url
    }

    /// The text of an Avro schema.
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::NotFound`] only where it is a registry that says so.
    pub fn schema(&self, schema: &SchemaRef) -> Result<String, RegistryError> {
        let path = match schema {
            // The registry's ids are positive 32-bit numbers.
            SchemaRef::Id(id) if *id > i32::MAX.unsigned_abs() => {
                return Err(RegistryError::NotFound(format!("{schema} is none that a registry gives")));
            }
            SchemaRef::Id(id) => format!("/schemas/ids/{id}"),
            SchemaRef::Guid(_) => {
                format!("/schemas/guids/{}", schema.to_string().replace("schema guid ", ""))
            }
            SchemaRef::Fingerprint(_) => {
                return Err(RegistryError::NotFound(format!(
                    "{schema}: registries do not know fingerprints"
                )));
            }
        };
        let body = self.get(&path).map_err(|error| error.about(schema))?;
        let answer: SchemaAnswer = self.parse(&body)?;
        if let Some(other) = answer.schema_type.filter(|kind| kind != "AVRO") {
            return Err(RegistryError::Unusable(format!("{schema} is {other}, not Avro")));
        }
        if answer.references.is_some_and(|references| !references.is_empty()) {
            let text = format!("{schema} refers to other schemas of the registry, which is not supported");
            return Err(RegistryError::Unusable(text));
        }
        Ok(answer.schema)
    }

    /// Puts a schema under `subject`, if it is not there yet, and gives its id. While the registry is
    /// unavailable it is asked again, `attempts` times in all, with the configured pauses in between.
    ///
    /// # Errors
    /// [`RegistryError`] of the last attempt.
    pub fn register(&self, subject: &str, schema: &str, attempts: u32) -> Result<u32, RegistryError> {
        let path = format!("/subjects/{}/versions", escaped(subject));
        let body = serde_json::json!({ "schema": schema }).to_string();
        let [mut pause, longest] = self.backoff;
        for attempt in 1.. {
            match self.post(&path, &body) {
                Err(RegistryError::Unavailable(_)) if attempt < attempts => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(longest);
                }
                answer => return self.parse::<IdAnswer>(&answer?).map(|answer| answer.id),
            }
        }
        Err(RegistryError::Unavailable("never asked".to_owned()))
    }

    fn get(&self, path: &str) -> Result<Vec<u8>, RegistryError> {
        let (status, body) = self.exchange(self.request("GET", path), "")?;
        if status == 404 && !says_not_found(&body) && !self.is_registry() {
            let text = format!("{}{path} answers 404, and not as a schema registry does", self.shown_url);
            return Err(RegistryError::Unavailable(format!("{text}; check registry.url")));
        }
        self.judge(path, status, body)
    }

    fn post(&self, path: &str, body: &str) -> Result<Vec<u8>, RegistryError> {
        let request = self.request("POST", path).header("content-type", MEDIA_TYPE);
        let (status, body) = self.exchange(request, body)?;
        self.judge(path, status, body)
    }

    /// Tells a registry that has no such thing from an address where there is no registry.
    fn is_registry(&self) -> bool {
        let answer = self.exchange(self.request("GET", "/schemas/types"), "");
        answer
            .is_ok_and(|(status, body)| status == 200 && serde_json::from_slice::<Vec<String>>(&body).is_ok())
    }

    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("accept", format!("{MEDIA_TYPE}, application/json"));
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    fn exchange(&self, request: http::request::Builder, body: &str) -> Result<(u16, Vec<u8>), RegistryError> {
        let request = request
            .body(body.to_owned())
            .map_err(|error| RegistryError::Options(format!("{}: {error}", self.shown_url)))?;
        let unavailable = |error| RegistryError::Unavailable(format!("{}: {error}", self.shown_url));
        let mut response = self.agent.run(request).map_err(unavailable)?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        Ok((status, body.map_err(unavailable)?))
    }

    fn judge(&self, path: &str, status: u16, body: Vec<u8>) -> Result<Vec<u8>, RegistryError> {
        if (200..300).contains(&status) {
            return Ok(body);
        }
        let said = match serde_json::from_slice::<ErrorAnswer>(&body) {
            Ok(ErrorAnswer { message: Some(message), .. }) => {
                format!(": {}", message.chars().take(200).collect::<String>())
            }
            _ => String::new(),
        };
        let text = format!("{}{path} answers {status}{said}", self.shown_url);
        Err(match status {
            // These two end in records that others read: they say nothing of where the registry is.
            404 => RegistryError::NotFound("the registry has no such thing".to_owned()),
            400..=499 if !matches!(status, 401 | 403 | 407 | 408 | 425 | 429) => {
                RegistryError::Unusable(format!("the registry answers {status}{said}"))
            }
            401 | 403 => RegistryError::Denied(text),
            // A proxy, a busy server, a redirect that leads nowhere.
            _ => RegistryError::Unavailable(text),
        })
    }

    fn parse<T: serde::de::DeserializeOwned>(&self, body: &[u8]) -> Result<T, RegistryError> {
        serde_json::from_slice(body).map_err(|error| {
            RegistryError::Unavailable(format!("{} answers what is no registry's: {error}", self.shown_url))
        })
    }
}

impl RegistryError {
    fn about(self, schema: &SchemaRef) -> Self {
        match self {
            Self::NotFound(_) => Self::NotFound(format!("{schema} is not in the registry")),
            Self::Unusable(text) => Self::Unusable(format!("{schema}: {text}")),
            other => other,
        }
    }
}

/// The registry's own codes for what it does not have: 404 and two digits.
fn says_not_found(body: &[u8]) -> bool {
    serde_json::from_slice::<ErrorAnswer>(body)
        .is_ok_and(|answer| answer.error_code.is_some_and(|code| (40_400..40_500).contains(&code)))
}

fn certificates(path: &std::path::Path) -> Result<RootCerts, RegistryError> {
    let fault = |what: String| RegistryError::Options(format!("registry.ca_file {}: {what}", path.display()));
    let pem = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(fault(error.to_string())),
        }
    }
    if certificates.is_empty() {
        return Err(fault("no certificate in it".to_owned()));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority_end = rest.find('/').unwrap_or(rest.len());
    match rest[..authority_end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// A path segment, percent-encoded.
fn escaped(segment: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    segment.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_password() {
        assert_eq!(without_user("https://u:p@host:1/x@y"), "https://host:1/x@y");
        assert_eq!(without_user("http://host"), "http://host");
        let auth = Auth::Basic { username: "u".into(), password: "secret".into() };
        assert_eq!(format!("{auth:?}"), "Basic(***)");
    }

    #[test]
    fn escapes_subjects() {
        assert_eq!(escaped("pos.outcomes-value"), "pos.outcomes-value");
        assert_eq!(escaped("a/b é"), "a%2Fb%20%C3%A9");
    }
}
