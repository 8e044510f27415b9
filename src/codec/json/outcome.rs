//! Outcomes as JSON, in the contract's field order.
//!
//! Fields that the contract lets be null are left out where they are, as in the public HTTP answer.
//! Amounts are numbers with at least two decimals, times RFC 3339, `source.timestamp` a number of
//! milliseconds since the epoch.

use super::write::{Writer, integer};
use crate::domain::outcome::{Evidence, Message, Outcome};

/// Appends `outcome` to `out`. The same outcome gives the same bytes.
pub fn write_outcome(outcome: &Outcome<'_>, out: &mut Vec<u8>) {
    let mut object = Writer::object(out);
    object.text("transactionId", str::from_utf8(&outcome.transaction_id.text()).ok());
    object.text("accountNumber", Some(&outcome.account_number));
    object.text("accountTransactionId", outcome.account_transaction_id.as_deref());
    object.text("eventType", Some(outcome.event_type.symbol()));
    object.time("eventTime", outcome.event_time);
    object.boolean("eventAdded", outcome.event_added());
    object.text("outcome", Some(outcome.verdict.symbol()));
    object.list("riskCheckMessages", &outcome.messages, write_message);
    object.text("currency", outcome.currency);
    object.amount("postedAmount", outcome.posted_amount);
    object.amount("balanceAfter", outcome.balance_after);
    object.amount("availableAfter", outcome.available_after);
    for (name, other) in
        [("supersedes", outcome.supersedes), ("corrects", outcome.corrects), ("repeats", outcome.repeats)]
    {
        if let Some(id) = other {
            object.text(name, str::from_utf8(&id.text()).ok());
        }
    }
    object.nested("source", |source| {
        source.text("topic", Some(outcome.source.topic));
        source.integer("partition", outcome.source.partition.into());
        source.integer("offset", outcome.source.offset);
        source.integer("timestamp", outcome.source.timestamp_millis);
    });
    object.integer("accountRevision", outcome.account_revision);
    object.nested("positions", |positions| {
        for (topic, offset) in outcome.positions {
            integer(*offset, positions.named(topic));
        }
    });
    object.list("evidence", &outcome.evidence, write_evidence);
    object.text("ruleset", Some(outcome.ruleset));
    object.end();
}

fn write_message(message: &Message, out: &mut Vec<u8>) {
    let mut object = Writer::object(out);
    object.text("type", Some(message.kind.symbol()));
    object.text("code", Some(message.code.as_str()));
    object.text("message", Some(&message.message));
    object.text("customerFacingMessage", message.customer_message.as_deref());
    object.text("actionCode", Some(message.action.symbol()));
    object.text("fieldReference", message.field.as_deref());
    object.text("detail", message.detail.as_deref());
    object.end();
}

fn write_evidence(evidence: &Evidence, out: &mut Vec<u8>) {
    let mut object = Writer::object(out);
    object.text("fact", Some(&evidence.fact));
    object.text("value", Some(&evidence.value));
    object.end();
}
