//! Interactions over HTTP: one request becomes one record, and its answer says that it is remembered. A request counts once for
//! its party by its Idempotency-Key, however often it is sent.

use super::{Api, idempotency_key, json, members, require_contacts, require_json};
use crate::contact::{EventId, Interaction, InteractionChannel};
use crate::gateway::problem::Problem;
use crate::gateway::records::InputTopic;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use std::sync::Arc;

/// `POST /v1/interactions`
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    require_contacts(&api)?;
    require_json(&headers)?;
    let Some(key) = idempotency_key(&headers)? else {
        return Err(Problem::bad_request("Idempotency-Key is missing: a key of your own for it"));
    };
    let mut interaction = read(&api, &body, &key)?;
    // Into memory nothing fails.
    let value = serde_json::to_vec(&interaction).unwrap_or_default();
    let away = "what is known of the party is not available at present";
    let reply = api.apply(InputTopic::Interactions, &interaction.party_id, &value, away).await?;
    // Of a repeat, that of the first.
    if let Some(id) = &reply.id {
        interaction.event_id.clone_from(id);
    }
    interaction.idempotency_key = None;
    Ok(json(StatusCode::CREATED, &interaction))
}

fn read(api: &Api, body: &[u8], key: &str) -> Result<Interaction, Problem> {
    let members = members(body)?;
    let millis = u64::try_from((api.means.now)().0 / 1_000).unwrap_or(0);
    let id = EventId::new(millis, (api.means.draw)()).to_string();
    let own = [("eventId", id.as_str()), ("idempotencyKey", key)];
    let text = members.with(&own, &["eventId", "idempotencyKey"]);
    let interaction = Interaction::read(&text).map_err(|fault| Problem::bad_request(fault.message))?;
    match InteractionChannel::from_symbol(&interaction.channel) {
        Some(channel) if channel != InteractionChannel::Unrecognized => Ok(interaction),
        _ => Err(Problem::bad_request(format!("channel is one of {}", names()))),
    }
}

fn names() -> String {
    let names: Vec<&str> = InteractionChannel::ALL[1..].iter().map(|channel| channel.symbol()).collect();
    names.join(", ")
}
