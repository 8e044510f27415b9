//! The endpoints: a request becomes a record, and its committed outcome the answer. Nothing is answered with success before
//! that is committed, and nothing is decided here.

mod account_event;
mod body;
mod can_interact;
mod interaction;
mod pos_event;

use super::gate::{Gate, needing, protect};
use super::problem::Problem;
use super::read_model::{EventReply, ReadModel, RecordAnswer};
use super::records::{InputTopic, InputWriter, NotWritten, OnWritten};
use super::server::{Server, ServerError};
use crate::codec::json::Members;
use crate::config::{GatewaySettings, Scope};
use crate::domain::Micros;
use crate::domain::account_event::AccountEvent;
use crate::domain::limits::ID_CHARS_MAX;
use crate::domain::reply::Fate;
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

pub use body::Disclosure;

/// Characters of an Idempotency-Key.
const KEY_CHARS_MAX: usize = 80;
/// Crockford's base 32, as transaction ids have it.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What the page for people may do: show itself, by the styles in it.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// What the handlers share.
pub struct Api {
    records: Arc<dyn InputWriter>,
    model: Arc<ReadModel>,
    answer_within: Duration,
    disclosure: Disclosure,
    /// Whether contact decisions are made.
    decides_contacts: bool,
    means: Means,
}

/// What stands in nobody's request: `app` has it.
#[derive(Clone, Copy)]
pub struct Means {
    /// 128 bits that nobody can guess, for ids.
    pub draw: fn() -> u128,
    /// The time of this machine.
    pub now: fn() -> Micros,
    /// What is wrong with an account event whatever its account is like, in words.
    pub form: fn(&AccountEvent) -> Option<String>,
}

/// What is served besides the endpoints.
#[derive(Clone, Debug)]
pub struct Documents {
    /// The OpenAPI document, JSON.
    pub openapi: String,
    /// The same as a page, HTML.
    pub page: String,
}

impl Api {
    /// Endpoints over these topics. `withheld`: the codes whose reasons merchants do not learn.
    #[must_use]
    pub fn new(
        (records, model): (Arc<dyn InputWriter>, Arc<ReadModel>),
        settings: &GatewaySettings,
        decides_contacts: bool,
        withheld: BTreeSet<String>,
        means: Means,
    ) -> Arc<Self> {
        let disclosure =
            if settings.disclose { Disclosure::all() } else { Disclosure::withholding(withheld) };
        Arc::new(Self {
            records,
            model,
            answer_within: settings.answer_within,
            disclosure,
            decides_contacts,
            means,
        })
    }

    /// The routes.
    fn routes(self: Arc<Self>, documents: Documents) -> Router {
        let Documents { openapi, page } = documents;
        let events = "/api/v3/customer-account/{accountNumber}/event";
        let transaction = format!("{events}/{{transactionId}}");
        Router::new()
            .route(events, needing(Scope::EventsWrite, post(pos_event::add)))
            .route(&transaction, needing(Scope::EventsRead, get(pos_event::latest)))
            .route("/v1/account_events", needing(Scope::AccountEventsWrite, post(account_event::create)))
            .route("/v1/interactions", needing(Scope::InteractionsWrite, post(interaction::create)))
            .route("/people/{personId}/can-interact", needing(Scope::ContactAsk, post(can_interact::ask)))
            .with_state(self)
            .route(
                "/openapi.json",
                get(move || async move { ([(header::CONTENT_TYPE, "application/json")], openapi) }),
            )
            .route(
                "/docs",
                get(move || async move { ([(header::CONTENT_SECURITY_POLICY, PAGE_POLICY)], Html(page)) }),
            )
            .fallback(async || {
                Problem::new(StatusCode::NOT_FOUND, "there is nothing here: /docs says what there is")
            })
            .method_not_allowed_fallback(async || {
                Problem::new(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "this is asked for in another way: /docs says how",
                )
            })
    }

    /// Serves the routes behind `gate` until `shutdown` is ready.
    ///
    /// # Errors
    /// [`ServerError::Start`].
    pub fn serve(
        self: Arc<Self>,
        server: Server,
        gate: &Arc<Gate>,
        documents: Documents,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<JoinHandle<()>, ServerError> {
        server.serve(protect(self.routes(documents), gate), shutdown)
    }

    /// Writes a record whose sender is told what becomes of it, and waits until it is applied. `away`: what is said where its
    /// state is not there.
    async fn apply(
        &self,
        input: InputTopic,
        key: &str,
        value: &[u8],
        away: &'static str,
    ) -> Result<Arc<EventReply>, Problem> {
        let request_id = twenty_four((self.means.draw)());
        match self.ask(input, key, value, Some(&request_id)).await? {
            RecordAnswer::Reply(reply) => require_applied(&reply, away).map(|()| reply),
            _ => Err(wrong_kind_of_answer()),
        }
    }

    /// Writes a record and waits for what is said of it.
    async fn ask(
        &self,
        input: InputTopic,
        key: &str,
        value: &[u8],
        request_id: Option<&str>,
    ) -> Result<RecordAnswer, Problem> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // Where nobody waits any more, the answer is found by whoever asks again.
        let then: OnWritten = Box::new(move |written| drop(sender.send(written)));
        self.records.write(input, key, value, request_id, then);
        let answered = async {
            let place = match receiver.await {
                Ok(written) => written?,
                Err(_) => return Err(NotWritten::Unknown("the producer ended".to_owned())),
            };
            Ok(self.model.said_of(place).await)
        };
        match tokio::time::timeout(self.answer_within, answered).await {
            Ok(Ok(said)) => Ok(said),
            Ok(Err(NotWritten::TooLarge)) => {
                Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the record is larger than its topic takes"))
            }
            Ok(Err(NotWritten::Away(why))) => {
                tracing::warn!(%why, "a request could not be written");
                Err(Problem::again_later(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the topics cannot be written at present",
                ))
            }
            Ok(Err(NotWritten::Unknown(why))) => {
                tracing::warn!(%why, "it is not known whether a request was written");
                Err(Problem::again_later(StatusCode::GATEWAY_TIMEOUT, UNDECIDED))
            }
            Err(_) => Err(Problem::again_later(StatusCode::GATEWAY_TIMEOUT, UNDECIDED)),
        }
    }
}

/// What is said where it is not known what becomes of a request.
const UNDECIDED: &str = "there is no decision yet, and what was sent may be decided all the same: send it again with the same \
                         id or key, and it counts once";

fn json(status: StatusCode, body: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be written").into_response()
        }
    }
}

/// That what stands in a path is no text.
fn unreadable_path(_: PathRejection) -> Problem {
    Problem::bad_request("the path is no text in UTF-8")
}

/// Refuses a body that is not JSON, or of which the headers say two things.
fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let content = types.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = content.split(';').next().unwrap_or_default().trim();
    match media.eq_ignore_ascii_case("application/json") && types.next().is_none() {
        true => Ok(()),
        false => {
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is sent as application/json"))
        }
    }
}

/// The members of a body.
fn members(body: &[u8]) -> Result<Members<'_>, Problem> {
    let no_object =
        |error: serde_json::Error| Problem::bad_request(format!("the body is no JSON object: {error}"));
    serde_json::from_slice(body).map_err(no_object)
}

/// Refuses an account that can have no records.
fn require_account(account: &str) -> Result<(), Problem> {
    let is_seen = |letter: char| !letter.is_control() && !letter.is_whitespace();
    match account.chars().any(is_seen) && account.chars().count() <= ID_CHARS_MAX {
        true => Ok(()),
        false => {
            let detail = format!("an account is a text of 1 to {ID_CHARS_MAX} characters, not blank");
            Err(Problem::bad_request(detail))
        }
    }
}

/// The key of the request, if it has one.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let key = key.to_str().ok().map(str::trim).filter(|key| (1..=KEY_CHARS_MAX).contains(&key.len()));
    match key.filter(|_| keys.next().is_none()) {
        Some(key) => Ok(Some(key.to_owned())),
        None => {
            let detail = "Idempotency-Key is 1 to 80 printable ASCII characters, once";
            Err(Problem::bad_request(detail))
        }
    }
}

/// 120 bits as text.
fn twenty_four(bits: u128) -> String {
    let letter = |place: usize| char::from(LETTERS[(bits >> (5 * place)) as usize & 31]);
    (0..24).map(letter).collect()
}

/// Refuses where contact decisions are not made.
fn require_contacts(api: &Api) -> Result<(), Problem> {
    match api.decides_contacts {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "contact decisions are switched off here (contact.enabled)",
        )),
    }
}

/// Refuses where an event was not applied, now or before. `away`: what is said where its state is not there.
fn require_applied(reply: &EventReply, away: &'static str) -> Result<(), Problem> {
    let why = || reply.message.clone().unwrap_or_else(|| "it was refused".to_owned());
    Err(match (reply.fate, reply.code.as_deref()) {
        (Fate::Applied | Fate::Repeat, _) => return Ok(()),
        (Fate::Conflict, _) => Problem::new(StatusCode::CONFLICT, why()),
        (Fate::Refused, Some("500")) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, why()),
        (Fate::Refused, Some("pos.state.unavailable")) => {
            Problem::again_later(StatusCode::SERVICE_UNAVAILABLE, away)
        }
        (Fate::Refused, _) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why()),
    })
}

fn wrong_kind_of_answer() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer is of another kind")
}
