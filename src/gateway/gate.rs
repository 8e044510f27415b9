//! The gate before every handler: whether a request can be understood in one way alone, who sends it, whether that client
//! may, and how much at once. Handlers see whole bodies of clients that may ask, and nothing else.
//!
//! Order matters: who may not ask is refused before its body is read, and a body is read before it takes one of the places
//! of requests under way. So slow and unknown clients take up nothing but connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::audit::{AuditedRequest, RequestId};
use super::auth::{AuthRefusal, Authenticator, Client, JwksError};
use super::body::Room;
use super::problem::Problem;
use super::rate::{Rates, Who};
use super::server::Peer;
use crate::config::{GatewaySettings, Scope};
use crate::telemetry::http::{Refusal, refused};

/// How much longer than `gateway.answer_within` a handler may take before it is given up.
pub const HANDLER_SLACK: Duration = Duration::from_secs(5);

/// What all requests pass.
#[derive(Debug)]
pub struct Gate {
    authenticator: Authenticator,
    rates: Option<Rates>,
    room: Room,
    under_way: Semaphore,
    handler_within: Duration,
    is_tls: bool,
}

/// What the outer half of the gate found, for the inner one.
#[derive(Clone)]
struct Admission {
    gate: Arc<Gate>,
    client: Result<Client, AuthRefusal>,
    /// Whether nothing of the body is left on the connection.
    is_read: Arc<AtomicBool>,
}

impl Gate {
    /// A gate with the bounds and clients of `settings`.
    ///
    /// # Errors
    /// [`JwksError`] where the keys of tokens cannot be had.
    pub fn new(settings: &GatewaySettings) -> Result<Arc<Self>, JwksError> {
        Ok(Arc::new(Self {
            authenticator: Authenticator::new(&settings.auth)?,
            rates: Rates::new(settings.rate_per_client, settings.rate_burst),
            room: Room::new(settings.body_bytes_max, settings.body_timeout),
            under_way: Semaphore::new(settings.requests_max),
            handler_within: settings.answer_within + HANDLER_SLACK,
            is_tls: settings.tls.is_some(),
        }))
    }
}

/// Lets requests for `routes` through `gate`. Around everything that is served: routes without [`needing`] are for everybody.
pub fn protect(routes: Router, gate: &Arc<Gate>) -> Router {
    let gate = Arc::clone(gate);
    let outer = from_fn(move |request: Request, next: Next| outer(Arc::clone(&gate), request, next));
    // The gate reads bodies itself, within its own bound.
    routes.layer(DefaultBodyLimit::disable()).layer(outer)
}

/// Lets only clients that have `scope` ask for `routes`, and hands their handlers whole bodies. Without [`protect`] around it nobody may.
pub fn needing<S>(scope: Scope, routes: MethodRouter<S>) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    routes.layer(from_fn(move |request: Request, next: Next| inner(scope, request, next)))
}

async fn outer(gate: Arc<Gate>, mut request: Request, next: Next) -> Response {
    let (id, is_good) = match RequestId::of(request.headers()) {
        Ok(id) => (id, true),
        Err(made) => (made, false),
    };
    let mut audited = AuditedRequest::begin(&request, id);
    let is_read = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let client = gate.authenticator.client(request.headers());
    if let Ok(client) = &client {
        audited.client.clone_from(&client.name);
    }
    let refusal = beyond_rate(&gate, &request, client.as_ref().ok()).or_else(|| ambiguous(&request));
    let mut response = match refusal {
        Some(response) => response,
        None if !is_good => {
            refused(Refusal::Malformed);
            problem(StatusCode::BAD_REQUEST, "X-Request-Id is up to 80 printable ASCII characters, once")
        }
        None => {
            request.extensions_mut().insert(Admission {
                gate: Arc::clone(&gate),
                client,
                is_read: Arc::clone(&is_read),
            });
            next.run(request).await
        }
    };
    if !is_read.load(Ordering::Acquire) {
        // The next request would be looked for within a body that nobody has read.
        response = closing(response);
    }
    audited.answered(&mut response, gate.is_tls);
    response
}

async fn inner(scope: Scope, request: Request, next: Next) -> Response {
    let Some(found) = request.extensions().get::<Admission>().cloned() else {
        return unauthenticated();
    };
    match &found.client {
        Err(AuthRefusal::Nothing) => return unauthenticated(),
        Err(why) => {
            tracing::debug!(%why, "a request is refused");
            return unauthenticated();
        }
        Ok(client) if !client.may(scope) => return forbidden(scope),
        Ok(_) => {}
    }
    let (parts, body) = request.into_parts();
    let body = match found.gate.room.read(&parts.headers, body).await {
        Ok(body) => body,
        Err(cause) => return unread(cause),
    };
    found.is_read.store(true, Ordering::Release);
    let Ok(_place) = found.gate.under_way.try_acquire() else {
        return unread(Refusal::Overload);
    };
    let handled = next.run(Request::from_parts(parts, Body::from(body.bytes)));
    let response = tokio::time::timeout(found.gate.handler_within, handled).await;
    // Until here the body may be in use.
    drop(body.room);
    response.unwrap_or_else(|_| {
        refused(Refusal::SlowExchange);
        let detail = "the answer took too long; what was sent may be decided all the same";
        Problem::again_later(StatusCode::GATEWAY_TIMEOUT, detail).into_response()
    })
}

/// The answer to what two readers could understand differently, or what is not taken.
fn ambiguous(request: &Request) -> Option<Response> {
    let headers = request.headers();
    let hosts = headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        refused(Refusal::Malformed);
        return Some(closing(problem(StatusCode::BAD_REQUEST, "a request has one Host")));
    }
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let first = codings.next();
    let is_chunked = first.is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    if !is_chunked || codings.next().is_some() {
        refused(Refusal::Encoding);
        return Some(closing(problem(StatusCode::BAD_REQUEST, "the only Transfer-Encoding is chunked")));
    }
    let plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(header::CONTENT_ENCODING).iter().all(plain) {
        refused(Refusal::Encoding);
        let response =
            problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "bodies are sent without Content-Encoding");
        return Some(closing(with(response, header::ACCEPT_ENCODING, "identity")));
    }
    None
}

/// Takes the request from what its client may send; the answer where that is used up.
fn beyond_rate(gate: &Gate, request: &Request, client: Option<&Client>) -> Option<Response> {
    let rates = gate.rates.as_ref()?;
    let peer = request.extensions().get::<Peer>();
    let who = match client {
        Some(client) if !gate.authenticator.is_open() => Who::Client(client.name.clone()),
        _ => Who::at(peer?.0.ip()),
    };
    let wait = rates.take(who, Instant::now()).err()?;
    refused(Refusal::Rate);
    let response =
        problem(StatusCode::TOO_MANY_REQUESTS, "more requests than gateway.rate_per_client allows");
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Some(with(response, header::RETRY_AFTER, &seconds.to_string()))
}

/// The same for every reason: neither which part was wrong nor how near it was.
fn unauthenticated() -> Response {
    refused(Refusal::Unauthenticated);
    let response = problem(StatusCode::UNAUTHORIZED, "an access token or an API key is needed");
    with(response, header::WWW_AUTHENTICATE, "Bearer realm=\"tillgate\"")
}

fn forbidden(scope: Scope) -> Response {
    refused(Refusal::Forbidden);
    let response = problem(StatusCode::FORBIDDEN, "the client has not the scope that this needs");
    let challenge = format!("Bearer realm=\"tillgate\", error=\"insufficient_scope\", scope=\"{scope}\"");
    with(response, header::WWW_AUTHENTICATE, &challenge)
}

/// Answers a request whose body was not read to its end, or that finds no place.
fn unread(cause: Refusal) -> Response {
    refused(cause);
    match cause {
        Refusal::BodySize => {
            closing(problem(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than gateway.body_bytes_max"))
        }
        Refusal::SlowBody => closing(problem(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
        Refusal::Overload => {
            let detail = "too many requests are under way";
            Problem::again_later(StatusCode::SERVICE_UNAVAILABLE, detail).into_response()
        }
        _ => closing(problem(StatusCode::BAD_REQUEST, "the body cannot be read")),
    }
}

fn problem(status: StatusCode, detail: &'static str) -> Response {
    Problem::new(status, detail).into_response()
}

/// Whatever comes behind is not to be understood as a request.
fn closing(response: Response) -> Response {
    with(response, header::CONNECTION, "close")
}

fn with(mut response: Response, name: HeaderName, value: &str) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
    response
}
