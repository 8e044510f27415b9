//! Outcomes as the contract answers them over HTTP, and how much of a refusal its sender learns. What analysts read, `detail`
//! and evidence, never leaves here.

use crate::codec::read_outcome::{ReadMessage, ReadOutcome};
use crate::domain::enums::{ActionCode, Verdict};
use crate::domain::ids::TransactionId;
use serde::Serialize;
use std::collections::BTreeSet;

/// The code of all reasons that are withheld.
const REFUSED: &str = "pos.account.refused";

/// What senders learn of refusals.
#[derive(Clone, Debug)]
pub struct Disclosure(BTreeSet<String>);

/// The answer to an event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventAnswer<'a> {
    event_added: bool,
    transaction_id: String,
    outcome: &'static str,
    risk_check_messages: Vec<AnswerMessage<'a>>,
}

/// One message of it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnswerMessage<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_facing_message: Option<&'a str>,
    action_code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field_reference: Option<&'a str>,
}

impl Disclosure {
    /// Everything but details.
    #[must_use]
    pub fn all() -> Self {
        Self(BTreeSet::new())
    }

    /// These codes fold into one.
    #[must_use]
    pub fn withholding(codes: BTreeSet<String>) -> Self {
        Self(codes)
    }

    /// The answer, of a transaction whose first outcome had this id.
    pub(super) fn answer<'a>(&self, first: TransactionId, answer: &'a ReadOutcome) -> EventAnswer<'a> {
        EventAnswer {
            event_added: matches!(answer.verdict, Verdict::Accepted | Verdict::Pending),
            transaction_id: first.to_string(),
            outcome: answer.verdict.symbol(),
            risk_check_messages: self.messages(answer),
        }
    }

    /// The messages: those withheld as one, where the first of them stands, with the first thing that they ask for.
    pub(super) fn messages<'a>(&self, answer: &'a ReadOutcome) -> Vec<AnswerMessage<'a>> {
        let mut messages: Vec<AnswerMessage<'a>> = Vec::with_capacity(answer.messages.len());
        let mut folded: Option<usize> = None;
        for message in &answer.messages {
            let told = message_body(message);
            if !self.0.contains(&message.code) {
                messages.push(told);
                continue;
            }
            match folded.map(|place| &mut messages[place]) {
                None => {
                    folded = Some(messages.len());
                    messages.push(AnswerMessage { code: REFUSED, field_reference: None, ..told });
                }
                // What refuses or asks for something stands before what is only noted.
                Some(one) if one.action_code == ActionCode::Unavailable.symbol() => {
                    let action_code = told.action_code;
                    let other = AnswerMessage { code: REFUSED, field_reference: None, ..told };
                    *one = if action_code == one.action_code { *one } else { other };
                }
                Some(_) => {}
            }
        }
        messages
    }
}

fn message_body(message: &ReadMessage) -> AnswerMessage<'_> {
    AnswerMessage {
        kind: message.kind.symbol(),
        code: &message.code,
        message: &message.message,
        customer_facing_message: message.customer_message.as_deref(),
        action_code: message.action.symbol(),
        field_reference: message.field.as_deref(),
    }
}

/// Whether the event was not of the form that the contract asks for. A time that lies ahead has a code of the form's, and is
/// judged.
pub(super) fn is_of_wrong_form(answer: &ReadOutcome) -> bool {
    let is_of_form = |message: &ReadMessage| {
        let lies_ahead = message.code == "400.003" && message.field.as_deref() == Some("time");
        message.code.starts_with("400.00") && !lies_ahead
    };
    answer.verdict == Verdict::NotEvaluated && answer.messages.iter().any(is_of_form)
}

/// Whether the program failed on it.
pub(super) fn is_failure(answer: &ReadOutcome) -> bool {
    answer.messages.iter().any(|message| message.code == "500")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::enums::MessageType;

    fn message(code: &str, action: ActionCode, field: Option<&str>) -> ReadMessage {
        ReadMessage {
            kind: MessageType::BusinessError,
            code: code.to_owned(),
            message: format!("of {code}"),
            customer_message: Some("for the customer".to_owned()),
            action,
            field: field.map(str::to_owned),
        }
    }

    fn answer(verdict: Verdict, messages: Vec<ReadMessage>) -> ReadOutcome {
        ReadOutcome {
            transaction_id: TransactionId(7),
            account: "A".to_owned(),
            verdict,
            messages,
            supersedes: None,
            repeats: None,
            source: (0.into(), 0),
        }
    }

    #[test]
    fn withheld_reasons_are_one_message_with_what_they_ask_for() {
        let answer = answer(
            Verdict::Pending,
            vec![
                message("pos.item.gross", ActionCode::Unavailable, Some("items[0].grossAmount")),
                message("pos.account.flag", ActionCode::Unavailable, Some("accountNumber")),
                message("200.903", ActionCode::AskConsumerToIdentify, Some("totalAmount")),
                message("pos.holds", ActionCode::OfferSecurePaymentMethods, None),
            ],
        );
        let withheld = ["pos.account.flag", "200.903", "pos.holds"].map(str::to_owned).into();
        let told = Disclosure::withholding(withheld).messages(&answer);
        let codes: Vec<&str> = told.iter().map(|message| message.code).collect();
        assert_eq!(codes, ["pos.item.gross", REFUSED]);
        assert_eq!((told[1].action_code, told[1].field_reference), ("AskConsumerToIdentify", None));
        assert_eq!(Disclosure::all().messages(&answer).len(), 4);
        let json = serde_json::to_string(&Disclosure::all().answer(TransactionId(1), &answer)).expect("JSON");
        assert!(
            json.starts_with(
                r#"{"eventAdded":true,"transactionId":"txn_00000000000000000000000001","outcome":"Pending""#
            ),
            "{json}"
        );
        assert!(!json.contains("detail"), "{json}");
    }

    #[test]
    fn a_fault_of_form_is_told_from_a_time_that_lies_ahead() {
        for (code, field, verdict, is) in [
            ("400.001", None, Verdict::NotEvaluated, true),
            ("400.001", Some("time"), Verdict::NotEvaluated, true),
            ("400.002", Some("time"), Verdict::NotEvaluated, true),
            ("400.004", Some("time"), Verdict::NotEvaluated, true),
            ("400.003", Some("items[0].quantity"), Verdict::NotEvaluated, true),
            ("400.003", Some("time"), Verdict::NotEvaluated, false),
            ("pos.state.unavailable", None, Verdict::NotEvaluated, false),
            ("400.102", Some("totalAmount"), Verdict::Rejected, false),
            ("400.100", None, Verdict::Rejected, false),
        ] {
            let answer = answer(verdict, vec![message(code, ActionCode::Unavailable, field)]);
            assert_eq!(is_of_wrong_form(&answer), is, "{code} {field:?}");
        }
    }
}
