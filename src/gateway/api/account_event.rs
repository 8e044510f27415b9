//! Account events over HTTP: one request becomes one record, and its answer says that it was applied. A request with an
//! Idempotency-Key counts once for its account, however often it is sent.

use super::{Api, idempotency_key, members, require_account, require_json, twenty_four};
use crate::codec::DecodeError;
use crate::codec::json::{read_account_event, write_account_event};
use crate::domain::account_event::AccountEvent;
use crate::domain::enums::AccountEventType;
use crate::gateway::problem::Problem;
use crate::gateway::read_model::EventReply;
use crate::gateway::records::InputTopic;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Before the 24 characters of an event's id.
const PREFIX: &str = "acc_evt_";

/// `POST /v1/account_events`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    require_json(&headers)?;
    let key = idempotency_key(&headers)?;
    let event = read(&api, &body, key)?;
    let mut value = Vec::new();
    write_account_event(&event, &mut value);
    let away = "the state of the account is not available at present";
    let reply = api.apply(InputTopic::AccountEvents, &event.account, &value, away).await?;
    respond(event, &reply)
}

fn respond(mut event: AccountEvent, reply: &EventReply) -> Result<Response, Problem> {
    let Some(id) = &reply.id else {
        let detail = "an event with this Idempotency-Key was applied that did not come over HTTP";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    };
    event.id.clone_from(id);
    event.created_at = reply.created_at.or(event.created_at);
    event.idempotency_key = None;
    let mut body = Vec::new();
    write_account_event(&event, &mut body);
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// The event of a body. Its id is made of account and key, so that a repeat has the same; without a key it is new.
fn read(api: &Api, body: &[u8], key: Option<String>) -> Result<AccountEvent, Problem> {
    let members = members(body)?;
    let account = members.text("account").unwrap_or_default();
    require_account(&account)?;
    // What the decoder would take as nothing else than the type: an event over HTTP says what it is about.
    if let Some(payload) = members.text("eventType").as_deref().and_then(payload_of)
        && !members.get(payload).is_some_and(|raw| raw.get().starts_with('{'))
    {
        return Err(Problem::bad_request(format!("{payload} is missing: the object of this eventType")));
    }
    let id = match &key {
        Some(key) => of_key(&account, key),
        None => (api.means.draw)(),
    };
    let (id, created) = (format!("{PREFIX}{}", twenty_four(id)), (api.means.now)().to_string());
    let text = members.with(&[("id", &id), ("createdAt", &created)], &["id", "createdAt", "idempotencyKey"]);
    let event = read_account_event(&text).map_err(|error| match error {
        DecodeError::Fault { message, .. } => Problem::bad_request(message.to_string()),
        DecodeError::NeedsSchema(_) => Problem::bad_request("the body cannot be read".to_owned()),
    })?;
    match (api.means.form)(&event) {
        Some(why) => Err(Problem::bad_request(why)),
        None => Ok(AccountEvent { idempotency_key: key, ..event }),
    }
}

/// The object that an event of this type has.
fn payload_of(event_type: &str) -> Option<&'static str> {
    Some(match AccountEventType::from_symbol(event_type)? {
        AccountEventType::Payment => "payment",
        AccountEventType::Flag => "flag",
        AccountEventType::CashAdvance => "cashAdvance",
        AccountEventType::Default => "default",
        AccountEventType::Close => "close",
        AccountEventType::Limit => "limit",
        AccountEventType::Update => "update",
        AccountEventType::Unrecognized => return None,
    })
}

fn of_key(account: &str, key: &str) -> u128 {
    let mut hasher = blake3::Hasher::new();
    // Its length before it: no two pairs are the same bytes.
    hasher.update(&(account.len() as u64).to_le_bytes());
    hasher.update(account.as_bytes());
    hasher.update(key.as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    u128::from_le_bytes(bytes)
}
