//! Contact decisions over HTTP: may we contact this person now, this way, about this? A request becomes a record, and the
//! committed decision the answer: 200 also where it is no.

use super::{Api, json, require_contacts, require_json, twenty_four, unreadable_path, wrong_kind_of_answer};
use crate::contact::rules::{FAILED, UNAVAILABLE};
use crate::contact::{
    Channel, ContactDetails, ContactKind, ContactRequest, Day, ReadDecision, Reason, SUBJECTS, Theme,
    read_json,
};
use crate::domain::Micros;
use crate::domain::limits::{ID_CHARS_MAX, LOANS_MAX};
use crate::gateway::problem::Problem;
use crate::gateway::read_model::RecordAnswer;
use crate::gateway::records::InputTopic;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A request as the contract writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestBody {
    loan_id: Option<String>,
    loan_ids: Option<Vec<String>>,
    channel: String,
    subject: Option<String>,
    theme: Option<String>,
    start_at: Option<String>,
    is_autodialed: Option<bool>,
    contact_id: Option<String>,
    contact_external_id: Option<String>,
    contact_details: Option<ContactDetails>,
}

/// The answer.
#[derive(Serialize)]
struct DecisionBody<'a> {
    status: u16,
    message: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    result: bool,
    reasons: &'a [Reason],
    request_id: &'a str,
}

/// `POST /people/{personId}/can-interact`
pub(super) async fn ask(
    State(api): State<Arc<Api>>,
    person: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    require_contacts(&api)?;
    let Path(person) = person.map_err(unreadable_path)?;
    require_json(&headers)?;
    if !is_person(&person) {
        let detail = "personId is ext- and an id, a country's letters and two parts (US-A1-B2), or a number";
        return Err(Problem::bad_request(detail));
    }
    let request = read(&api, person, &body).map_err(Problem::bad_request)?;
    // Into memory nothing fails.
    let value = serde_json::to_vec(&request).unwrap_or_default();
    match api.ask(InputTopic::ContactRequests, &request.person_id, &value, None).await? {
        RecordAnswer::Decision(decision) => respond(&decision),
        _ => Err(wrong_kind_of_answer()),
    }
}

/// Whether an id is one that the contract's pattern finds: `^ext-|^[A-Z]{2}-[A-Z0-9]+-[A-Z0-9]+|^\d+$`, of at most the characters
/// that ids have.
fn is_person(id: &str) -> bool {
    let is_part =
        |part: &str| part.starts_with(|letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit());
    let whole = |part: &str| {
        part.bytes().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit()) && !part.is_empty()
    };
    let is_of_country = || {
        let (letters, rest) = id.split_at_checked(2)?;
        let (middle, last) = rest.strip_prefix('-')?.split_once('-')?;
        Some(letters.bytes().all(|letter| letter.is_ascii_uppercase()) && whole(middle) && is_part(last))
    };
    let is_number = !id.is_empty() && id.bytes().all(|digit| digit.is_ascii_digit());
    let is_form = id.starts_with("ext-") || is_of_country() == Some(true) || is_number;
    is_form && id.chars().count() <= ID_CHARS_MAX
}

/// The request of a body: its contact begins now where it does not say when.
fn read(api: &Api, person_id: String, body: &[u8]) -> Result<ContactRequest, String> {
    let body: RequestBody = read_json(body).map_err(|fault| fault.message)?;
    require_one_of("channel", &body.channel, Channel::ALL, Channel::symbol)?;
    if let Some(theme) = &body.theme {
        require_one_of("theme", theme, Theme::ALL, Theme::symbol)?;
    }
    if body.subject.as_ref().is_some_and(|subject| !SUBJECTS.contains(&subject.as_str())) {
        return Err("subject is not one of the contract's: /docs lists them".to_owned());
    }
    if body.subject.is_none() && body.theme.is_none() {
        return Err("subject or theme is required: why the person is to be contacted".to_owned());
    }
    if let Some(details) = &body.contact_details {
        require_one_of("contactDetails.kind", &details.kind, ContactKind::ALL, ContactKind::symbol)?;
    }
    if body.contact_id.is_none() && body.contact_external_id.is_none() && body.contact_details.is_none() {
        return Err("contactId, contactExternalId or contactDetails is required: by what contact".to_owned());
    }
    let (start_at, start_date) = start(api, body.start_at.as_deref())?;
    let mut loan_ids = body.loan_ids.unwrap_or_default();
    // One place is loanId's, and the same loan again takes one as well: so the document can say how many there are.
    if loan_ids.len() > LOANS_MAX - 1 {
        return Err(format!("loanIds has more than {} ids", LOANS_MAX - 1));
    }
    loan_ids.extend(body.loan_id);
    loan_ids.dedup();
    let request = ContactRequest {
        request_id: twenty_four((api.means.draw)()),
        person_id,
        loan_ids,
        channel: body.channel,
        subject: body.subject,
        theme: body.theme,
        start_at,
        start_date,
        is_autodialed: body.is_autodialed.unwrap_or(false),
        contact_id: body.contact_id,
        contact_external_id: body.contact_external_id,
        contact_details: body.contact_details,
    };
    // What is decided is what stands in the topic: held to the same form.
    let value = serde_json::to_vec(&request).unwrap_or_default();
    ContactRequest::read(&value).map_err(|fault| fault.message)
}

fn start(api: &Api, text: Option<&str>) -> Result<(Option<Micros>, Option<Day>), String> {
    let Some(text) = text else { return Ok((Some((api.means.now)()), None)) };
    match (Micros::parse_rfc3339(text), Day::parse(text)) {
        (Some(time), _) => Ok((Some(time), None)),
        (None, Some(day)) => Ok((None, Some(day))),
        (None, None) => Err("startAt is a time as 2026-03-02T09:00:00Z, or a day as 2026-03-02".to_owned()),
    }
}

fn require_one_of<T: Copy>(
    field: &str,
    word: &str,
    all: &[T],
    symbol: fn(T) -> &'static str,
) -> Result<(), String> {
    let known: Vec<&str> = all.iter().map(|one| symbol(*one)).collect();
    match known.contains(&word) {
        true => Ok(()),
        false => Err(format!("{field} is one of {}", known.join(", "))),
    }
}

fn respond(decision: &ReadDecision) -> Result<Response, Problem> {
    let has = |code: &str| decision.reasons.iter().any(|reason| reason.code == code);
    if has(UNAVAILABLE) {
        let detail = "what is known of the person is not available at present";
        return Err(Problem::again_later(StatusCode::SERVICE_UNAVAILABLE, detail));
    }
    if has(FAILED) {
        let detail = "the request could not be judged because of an internal error";
        return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail));
    }
    let (reasons, request_id) = (&decision.reasons, &decision.request_id);
    let data = Data { result: decision.result, reasons, request_id };
    Ok(json(StatusCode::OK, &DecisionBody { status: StatusCode::OK.as_u16(), message: "OK", data }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persons_are_those_that_the_contracts_pattern_finds() {
        for (id, is) in [
            ("ext-1", true),
            ("ext-", true),
            ("ext-x y", true),
            ("US-A1-B2", true),
            ("US-A1-B2-anything", true),
            ("NO-1-2x", true),
            ("4711", true),
            ("4711x", false),
            ("us-A1-B2", false),
            ("US-a1-B2", false),
            ("US-A1-b2", false),
            ("US-A1", false),
            ("USA-1-2", false),
            ("P-1", false),
            ("", false),
            ("٣", false),
        ] {
            assert_eq!(is_person(id), is, "{id}");
        }
    }
}
