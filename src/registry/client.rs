//! Single requests to the registry, and what their answers mean. Blocks; never retries by itself but
//! where it says so.

use super::schemas::FETCHERS;
use crate::codec::SchemaRef;
use crate::config::{RegistryAuth, RegistrySettings, trusted};
use crate::domain::visible::visible;
use base64::Engine as _;
use serde::Deserialize;
use std::fmt;
use std::io::Read as _;
use std::time::Duration;
use ureq::http;
use ureq::tls::TlsConfig;

/// Longest answer that is read: the longest schemas known are far below a megabyte.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Characters of what an answer says of itself that are repeated.
const SAID_CHARS_MAX: usize = 200;
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

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
    /// It cannot be reached, has trouble of its own, or what answers is no registry: ask again.
    #[error("{0}")]
    Unavailable(String),
    /// The options are at fault.
    #[error("{0}")]
    Options(String),
}

/// Asks one registry.
#[derive(Debug)]
pub struct RegistryClient {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
    /// The shortest and the longest pause between two requests that fail.
    pub(super) backoff: [Duration; 2],
}

/// How the values behind a schema are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WrittenAs {
    /// In Avro, by the schema of this text.
    Avro(String),
    /// In JSON.
    Json,
}

/// What the registry answered to a request.
struct RegistryReply {
    status: u16,
    /// No more than [`ANSWER_BYTES_MAX`] and one.
    body: Vec<u8>,
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

impl RegistryClient {
    /// Prepares to ask the registry at `url`, which holds no user and no password; nothing is sent yet.
    ///
    /// # Errors
    /// [`RegistryError::Options`] where `registry.ca_file` holds no certificates.
    pub fn new(url: &str, settings: &RegistrySettings) -> Result<Self, RegistryError> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = &settings.ca_file {
            let fault = |what| RegistryError::Options(format!("registry.ca_file {}: {what}", path.display()));
            tls = tls.root_certs(trusted(path).map_err(fault)?);
        }
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(settings.timeout))
            .http_status_as_error(false)
            .max_redirects_will_error(false)
            .user_agent(concat!("tillgate/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls.build())
            .max_idle_connections_per_host(FETCHERS)
            .build()
            .new_agent();
        let authorization = match settings.auth {
            RegistryAuth::None => None,
            RegistryAuth::Basic => {
                let pair = format!("{}:{}", settings.username, settings.password.expose());
                Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
            }
            RegistryAuth::Bearer => Some(format!("Bearer {}", settings.token.expose())),
        };
        let backoff = [settings.backoff_min, settings.backoff_max];
        Ok(Self { agent, url: url.trim_end_matches('/').to_owned(), authorization, backoff })
    }

    /// How the values behind a schema are written.
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::NotFound`] and [`RegistryError::Unusable`] only where it is a registry
    /// that says so.
    pub fn schema(&self, schema: &SchemaRef) -> Result<WrittenAs, RegistryError> {
        let path = path_of(schema)?;
        let reply = self.exchange(self.request("GET", &path), "")?;
        match (reply.status, reply.own_code()) {
            (200..300, _) => {}
            // These texts end in records that others read: they say nothing of where the registry is.
            (404, Some(40_400..40_500)) => return Err(not_there(schema)),
            // Registries from before there were GUIDs know the path as little as the schema.
            (404, Some(_)) if matches!(schema, SchemaRef::Guid(_)) && self.is_registry() => {
                return Err(not_there(schema));
            }
            (422, Some(_)) => {
                let text = format!("{schema}: the registry answers 422{}", reply.reason());
                return Err(RegistryError::Unusable(text));
            }
            _ => return Err(self.no_answer(&path, &reply)),
        }
        if reply.body.len() > ANSWER_BYTES_MAX && reply.body.trim_ascii_start().starts_with(b"{") {
            let megabytes = ANSWER_BYTES_MAX >> 20;
            let text = format!("{schema}: the registry's answer is longer than {megabytes} MiB");
            return Err(RegistryError::Unusable(text));
        }
        let answer: SchemaAnswer = self.parse(&reply.body)?;
        match answer.schema_type.as_deref() {
            None | Some("AVRO") => {}
            Some("JSON") => return Ok(WrittenAs::Json),
            Some(other) => {
                let other = foreign(other, 40);
                let text = format!("{schema} is of type {other}, which is not supported: send Avro or JSON");
                return Err(RegistryError::Unusable(text));
            }
        }
        if answer.references.is_some_and(|references| !references.is_empty()) {
            let text = format!(
                "{schema} refers to other schemas of the registry, which is not supported: register it with its types \
                 in one text"
            );
            return Err(RegistryError::Unusable(text));
        }
        Ok(WrittenAs::Avro(answer.schema))
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

    fn post(&self, path: &str, body: &str) -> Result<Vec<u8>, RegistryError> {
        let request = self.request("POST", path).header("content-type", MEDIA_TYPE);
        let reply = self.exchange(request, body)?;
        match (reply.status, reply.own_code()) {
            (200..300, _) => Ok(reply.body),
            (status @ (409 | 422), Some(_)) => {
                Err(RegistryError::Unusable(format!("the registry answers {status}{}", reply.reason())))
            }
            _ => Err(self.no_answer(path, &reply)),
        }
    }

    /// Tells a registry that has no such path from an address where there is no registry.
    fn is_registry(&self) -> bool {
        let reply = self.exchange(self.request("GET", "/schemas/types"), "");
        reply.is_ok_and(|reply| {
            reply.status == 200 && serde_json::from_slice::<Vec<String>>(&reply.body).is_ok()
        })
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

    fn exchange(&self, request: http::request::Builder, body: &str) -> Result<RegistryReply, RegistryError> {
        let request = request
            .body(body.to_owned())
            .map_err(|error| RegistryError::Options(format!("{}: {error}", self.url)))?;
        let unavailable = |error: &dyn fmt::Display| {
            let error = error.to_string();
            let remedy = match () {
                () if error.contains("UnknownIssuer") => {
                    ": set registry.ca_file to its authority's certificate"
                }
                () if error.contains("certificate") => ": renew its certificate, or check registry.url",
                () => "",
            };
            RegistryError::Unavailable(format!("{}: {error}{remedy}", self.url))
        };
        let mut response = self.agent.run(request).map_err(|error| unavailable(&error))?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        let mut reader = response.body_mut().as_reader().take(ANSWER_BYTES_MAX as u64 + 1);
        reader.read_to_end(&mut body).map_err(|error| unavailable(&error))?;
        Ok(RegistryReply { status, body })
    }

    /// The error behind an answer that says nothing of what was asked: a proxy's, a busy server's, a redirect that leads
    /// nowhere, another service than a registry.
    fn no_answer(&self, path: &str, reply: &RegistryReply) -> RegistryError {
        let RegistryReply { status, .. } = reply;
        let text = format!("{}{path} answers {status}{}", self.url, reply.reason());
        match status {
            401 | 403 => RegistryError::Denied(text),
            400..500 if reply.own_code().is_none() => RegistryError::Unavailable(format!(
                "{text}, and not as a schema registry does; check registry.url"
            )),
            404 => RegistryError::Unavailable(format!("{text}; check registry.url")),
            _ => RegistryError::Unavailable(text),
        }
    }

    fn parse<T: serde::de::DeserializeOwned>(&self, body: &[u8]) -> Result<T, RegistryError> {
        serde_json::from_slice(body).map_err(|error| {
            let why = foreign(&error.to_string(), SAID_CHARS_MAX);
            RegistryError::Unavailable(format!("{} answers what is no registry's: {why}", self.url))
        })
    }
}

impl RegistryReply {
    /// The registry's own error code: the status, or it and two digits; Apicurio has 0 for what it has no code for.
    fn own_code(&self) -> Option<u32> {
        let answer: ErrorAnswer = serde_json::from_slice(&self.body).ok()?;
        let status = u32::from(self.status);
        answer.error_code.filter(|code| [*code, code / 100].contains(&status) || *code == 0)
    }

    /// What it says of itself, for people, or nothing.
    fn reason(&self) -> String {
        match serde_json::from_slice::<ErrorAnswer>(&self.body) {
            Ok(ErrorAnswer { message: Some(message), .. }) => {
                format!(": {}", foreign(&message, SAID_CHARS_MAX))
            }
            _ => String::new(),
        }
    }
}

/// Where a registry has the schema.
///
/// # Errors
/// [`RegistryError::NotFound`] where no registry can have it.
pub(super) fn path_of(schema: &SchemaRef) -> Result<String, RegistryError> {
    match schema {
        // The registry's ids are positive 32-bit numbers.
        SchemaRef::Id(id) if *id > i32::MAX.unsigned_abs() => {
            Err(RegistryError::NotFound(format!("{schema} is none that a registry gives")))
        }
        SchemaRef::Id(id) => Ok(format!("/schemas/ids/{id}")),
        SchemaRef::Guid(_) => {
            Ok(format!("/schemas/guids/{}", schema.to_string().replace("schema guid ", "")))
        }
        SchemaRef::Fingerprint(_) => {
            Err(RegistryError::NotFound(format!("{schema}: registries do not know fingerprints")))
        }
    }
}

/// The beginning of what an answer says, fit for a log line and a dead letter.
fn foreign(text: &str, chars_max: usize) -> String {
    visible(&text.chars().take(chars_max).collect::<String>()).into_owned()
}

fn not_there(schema: &SchemaRef) -> RegistryError {
    RegistryError::NotFound(format!("{schema} is not in the registry"))
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
    fn escapes_subjects() {
        assert_eq!(escaped("pos.outcomes-value"), "pos.outcomes-value");
        assert_eq!(escaped("a/b é"), "a%2Fb%20%C3%A9");
    }
}
