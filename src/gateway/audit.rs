//! What is said of every request: an audit line, its figures, the id it is found by, and the headers that every answer has.
//!
//! Never says what was asked beyond the route as it is declared: paths hold account numbers, and bodies what was bought.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::Instant;

use crate::telemetry;

/// Characters of an `X-Request-Id`.
const REQUEST_ID_CHARS_MAX: usize = 80;

/// The route of what is declared nowhere.
const NO_ROUTE: &str = "other";
/// What a request counts as whose client is gone before its answer.
const CLIENT_GONE: u16 = 499;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: printable ASCII, no longer than [`REQUEST_ID_CHARS_MAX`].
pub(super) struct RequestId(String);

impl RequestId {
    /// The one that the client sent, or a new one.
    ///
    /// # Errors
    /// The client sent one that is too long, is not printable, or more than one; a new one.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Self> {
        let mut sent = headers.get_all(REQUEST_ID).iter();
        match (sent.next(), sent.next()) {
            (None, _) => Ok(Self::generate()),
            (Some(id), None) => {
                let printable = |byte: &u8| matches!(byte, b' '..=b'~');
                let good =
                    (1..=REQUEST_ID_CHARS_MAX).contains(&id.len()) && id.as_bytes().iter().all(printable);
                let id = id.to_str().ok().filter(|_| good);
                id.map(|id| Self(id.to_owned())).ok_or_else(Self::generate)
            }
            (Some(_), Some(_)) => Err(Self::generate()),
        }
    }

    fn generate() -> Self {
        let mut bytes = [0; 16];
        // A system without randomness gives all the same id, and nothing depends on them.
        let _ = SystemRandom::new().fill(&mut bytes);
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }
}

/// A request under way. Tells of it once, at its answer or where its client is gone.
pub(super) struct AuditedRequest {
    route: String,
    method: &'static str,
    begun: Instant,
    /// Who sent it, once that is known.
    pub(super) client: String,
    pub(super) id: RequestId,
    status: u16,
}

impl AuditedRequest {
    pub(super) fn begin(request: &Request, id: RequestId) -> Self {
        let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str);
        Self {
            route: route.to_owned(),
            method: method_label(request.method()),
            begun: Instant::now(),
            client: "-".to_owned(),
            id,
            status: CLIENT_GONE,
        }
    }

    /// The answer goes out.
    pub(super) fn answered(mut self, response: &mut Response, is_tls: bool) {
        self.status = response.status().as_u16();
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&self.id.0) {
            headers.insert(REQUEST_ID, id);
        }
        protect(headers, is_tls);
    }
}

impl Drop for AuditedRequest {
    fn drop(&mut self) {
        let time = self.begun.elapsed();
        telemetry::http::request(&self.route, self.method, self.status, time);
        tracing::info!(
            target: "audit",
            method = self.method,
            route = %self.route,
            status = self.status,
            client = %self.client,
            // In quotes: what a client sends is no field of its own.
            request_id = self.id.0.as_str(),
            duration_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            "request"
        );
    }
}

/// Methods are what clients like: only known ones become labels.
fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// Headers that keep browsers from doing with an answer what it is not for. A handler's own stay.
fn protect(headers: &mut HeaderMap, is_tls: bool) {
    const ALWAYS: [(HeaderName, &str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    let of_tls = is_tls.then_some((header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"));
    for (name, value) in ALWAYS.into_iter().chain(of_tls) {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_policy_of_a_handler() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'"));
        protect(&mut headers, true);
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], "default-src 'self'");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert!(headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    }

    #[test]
    fn a_method_that_nobody_knows_becomes_no_label() {
        assert_eq!(method_label(&Method::POST), "POST");
        assert_eq!(method_label(&Method::from_bytes(b"BREW").expect("a method")), "other");
    }
}
