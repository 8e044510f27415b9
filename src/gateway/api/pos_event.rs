//! POS events over HTTP: sent, decided as any other, answered with their outcome; and asked for again by their transaction's
//! id. The account of the path is the event's, whatever its body says.

use super::body::{is_failure, is_of_wrong_form};
use super::{Api, json, require_account, require_json, unreadable_path, wrong_kind_of_answer};
use crate::codec::json::Members;
use crate::codec::read_outcome::ReadOutcome;
use crate::domain::ids::TransactionId;
use crate::gateway::problem::Problem;
use crate::gateway::read_model::{RecordAnswer, TransactionLookup};
use crate::gateway::records::InputTopic;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// The member that the path stands for.
const ACCOUNT_NUMBER: &str = "accountNumber";

/// `POST .../event`
pub(super) async fn add(
    State(api): State<Arc<Api>>,
    account: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let Path(account) = account.map_err(unreadable_path)?;
    require_json(&headers)?;
    require_account(&account)?;
    let value = record(&account, &body)
        .ok_or_else(|| Problem::bad_request("the body is no JSON text: it begins as another format does"))?;
    match api.ask(InputTopic::PosEvents, &account, &value, None).await? {
        RecordAnswer::Outcome(answer) => Ok(respond(&api, &answer)),
        _ => Err(wrong_kind_of_answer()),
    }
}

fn respond(api: &Api, answer: &ReadOutcome) -> Response {
    if is_failure(answer) {
        let detail = "the event could not be judged: an internal error";
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response();
    }
    if is_of_wrong_form(answer) {
        return json(StatusCode::BAD_REQUEST, &api.disclosure.messages(answer));
    }
    let first = answer.repeats.unwrap_or(answer.transaction_id);
    json(StatusCode::OK, &api.disclosure.answer(first, answer))
}

/// `GET .../event/{transactionId}`
pub(super) async fn latest(
    State(api): State<Arc<Api>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let Path((account, id)) = path.map_err(unreadable_path)?;
    let found =
        TransactionId::parse(&id).map_or(TransactionLookup::Nothing, |id| api.model.latest(&account, id));
    Ok(match found {
        TransactionLookup::Latest(first, answer) => {
            json(StatusCode::OK, &api.disclosure.answer(first, &answer))
        }
        TransactionLookup::NotYet => {
            let detail = "the history of transactions is still being read";
            return Err(Problem::again_later(StatusCode::SERVICE_UNAVAILABLE, detail));
        }
        TransactionLookup::Nothing => {
            let detail =
                "the account has no such transaction, or it is older than the history that is kept here";
            return Err(Problem::new(StatusCode::NOT_FOUND, detail));
        }
    })
}

/// The record of a body: its members as they are, with the account of the path in place of any of that name. What is no JSON
/// object is sent as it is, and answered as any event that cannot be read; none where it could be taken for another format.
fn record(account: &str, body: &[u8]) -> Option<Vec<u8>> {
    let Ok(members) = serde_json::from_slice::<Members<'_>>(body) else {
        let is_text = body.first().is_some_and(|first| *first != 0 && *first != 0xc3);
        return is_text.then(|| body.to_vec());
    };
    Some(members.with(&[(ACCOUNT_NUMBER, account)], &[ACCOUNT_NUMBER]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(account: &str, body: &str) -> Option<String> {
        record(account, body.as_bytes()).map(|value| String::from_utf8(value).expect("text"))
    }

    #[test]
    fn the_account_is_that_of_the_path_whatever_the_body_says() {
        let body =
            r#"{"eventType":"Purchase", "account\u004eumber":"B","totalAmount": 1.10, "accountNumber":null}"#;
        assert_eq!(
            text("A\"1", body).as_deref(),
            Some(r#"{"accountNumber":"A\"1","eventType":"Purchase","totalAmount":1.10}"#)
        );
        assert_eq!(text("A", "{}").as_deref(), Some(r#"{"accountNumber":"A"}"#));
    }

    #[test]
    fn numbers_and_members_that_come_twice_stay_as_they_were_sent() {
        let body = r#"{"totalTax":0.1000000000000000055511151231257827,"totalTax":1e2}"#;
        assert_eq!(
            text("A", body).as_deref(),
            Some(r#"{"accountNumber":"A","totalTax":0.1000000000000000055511151231257827,"totalTax":1e2}"#)
        );
    }

    #[test]
    fn what_is_no_object_goes_as_it_is_unless_it_could_be_avro() {
        for body in ["[]", "{\"a\":", "null", "{} {}", "x"] {
            assert_eq!(text("A", body).as_deref(), Some(body));
        }
        let deep = "[".repeat(100_000);
        assert_eq!(text("A", &deep), Some(deep.clone()));
        for body in [&b""[..], b"\0\0\0\0\x01x", b"\xc3\x01x"] {
            assert_eq!(record("A", body), None, "{body:?}");
        }
    }
}
