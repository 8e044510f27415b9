//! Outcomes as Avro: `schemas/pos_outcome.avsc`, field for field, and as its first version had them, so that a replay
//! gives the bytes that were recorded. Never fails: an outcome has a place for everything.

use super::write::{boolean, branch, list, long, optional_amount, optional_text, optional_time, size, text};
use crate::domain::ids::TransactionId;
use crate::domain::outcome::{Message, Outcome};

/// The versions of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeLayout {
    /// `schemas/pos_outcome_1.avsc`: no `detail`, `corrects` and `repeats`.
    First,
    /// `schemas/pos_outcome.avsc`
    Second,
}

impl OutcomeLayout {
    /// The one that is written today.
    pub const LATEST: Self = Self::Second;
}

/// Appends `outcome` to `out` as a datum of the latest layout. The same outcome gives the same bytes.
pub fn write_outcome(outcome: &Outcome<'_>, out: &mut Vec<u8>) {
    write_outcome_as(OutcomeLayout::LATEST, outcome, out);
}

/// Appends `outcome` to `out` as a datum of `layout`; what that has no field for is left out.
pub fn write_outcome_as(layout: OutcomeLayout, outcome: &Outcome<'_>, out: &mut Vec<u8>) {
    let is_first = layout == OutcomeLayout::First;
    transaction_id(outcome.transaction_id, out);
    text(&outcome.account_number, out);
    optional_text(outcome.account_transaction_id.as_deref(), out);
    size(outcome.event_type.index(), out);
    optional_time(outcome.event_time, out);
    boolean(outcome.event_added(), out);
    size(outcome.verdict.index(), out);
    list(&outcome.messages, out, |said, out| {
        message(said, out);
        if !is_first {
            optional_text(said.detail.as_deref(), out);
        }
    });
    optional_text(outcome.currency, out);
    optional_amount(outcome.posted_amount, out);
    optional_amount(outcome.balance_after, out);
    optional_amount(outcome.available_after, out);
    optional_id(outcome.supersedes, out);
    if !is_first {
        optional_id(outcome.corrects, out);
        optional_id(outcome.repeats, out);
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

fn optional_id(id: Option<TransactionId>, out: &mut Vec<u8>) {
    branch(id.is_some(), out);
    if let Some(id) = id {
        transaction_id(id, out);
    }
}
