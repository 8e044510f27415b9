//! Outcomes as Avro: `schemas/pos_outcome.avsc`, field for field. Never fails: an outcome has a place for everything.

use super::write::{boolean, branch, long, optional_amount, optional_text, optional_time, size, text};
use crate::domain::ids::TransactionId;
use crate::domain::outcome::{Message, Outcome};

/// Appends `outcome` to `out` as a datum. The same outcome gives the same bytes.
pub fn write_outcome(outcome: &Outcome<'_>, out: &mut Vec<u8>) {
    transaction_id(outcome.transaction_id, out);
    text(&outcome.account_number, out);
    optional_text(outcome.account_transaction_id.as_deref(), out);
    size(outcome.event_type.index(), out);
    optional_time(outcome.event_time, out);
    boolean(outcome.event_added(), out);
    size(outcome.verdict.index(), out);
    list(&outcome.messages, out, message);
    optional_text(outcome.currency, out);
    optional_amount(outcome.posted_amount, out);
    optional_amount(outcome.balance_after, out);
    optional_amount(outcome.available_after, out);
    branch(outcome.supersedes.is_some(), out);
    if let Some(superseded) = outcome.supersedes {
        transaction_id(superseded, out);
    }
    text(outcome.source.topic, out);
    long(outcome.source.partition.into(), out);
    long(outcome.source.offset, out);
    long(outcome.source.timestamp_millis, out);
    long(outcome.account_revision, out);
    list(outcome.positions, out, |(topic, offset), out| {
        text(topic, out);
        long(*offset, out);
    });
    list(&outcome.evidence, out, |evidence, out| {
        text(&evidence.fact, out);
        text(&evidence.value, out);
    });
    text(outcome.ruleset, out);
}

fn message(message: &Message, out: &mut Vec<u8>) {
    size(message.kind.index(), out);
    text(message.code.as_str(), out);
    text(&message.message, out);
    optional_text(message.customer_message.as_deref(), out);
    size(message.action.index(), out);
    optional_text(message.field.as_deref(), out);
}

fn transaction_id(id: TransactionId, out: &mut Vec<u8>) {
    let text = id.text();
    size(text.len(), out);
    out.extend_from_slice(&text);
}

/// An array or map in one block.
fn list<T>(values: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    if !values.is_empty() {
        size(values.len(), out);
        for value in values {
            write(value, out);
        }
    }
    size(0, out);
}
