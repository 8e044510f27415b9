//! An outcome: what was decided on one POS event, and why.

use super::code::Code;
use super::cut::cut_to;
use super::enums::{ActionCode, EventType, MessageType, Verdict};
use super::ids::TransactionId;
use super::{Amount, Micros, PartitionId, limits};
use serde::Serialize;
use std::borrow::Cow;

/// Where an input record stood. Recorded in every outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Source<'a> {
    /// Topic name (for files: the name that the config gives the topic).
    pub topic: &'a str,
    /// Partition number.
    pub partition: PartitionId,
    /// Offset in the partition (for files: the line among the lines of its partition, from 0).
    pub offset: i64,
    /// The record's timestamp, milliseconds since the epoch.
    #[serde(rename = "timestamp")]
    pub timestamp_millis: i64,
}

/// The answer to one POS event: every field of the contract's PosOutcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<'a> {
    /// Deterministic id of this outcome.
    pub transaction_id: TransactionId,
    /// The account; key of the outcome record.
    pub account_number: Cow<'a, str>,
    /// The sender's id of the transaction.
    pub account_transaction_id: Option<Cow<'a, str>>,
    /// The event's type; `Unrecognized` where it could not be read.
    pub event_type: EventType,
    /// The event's time, where it could be read.
    pub event_time: Option<Micros>,
    /// The answer. `eventAdded` is true for Accepted and Pending.
    pub verdict: Verdict,
    /// Every reason, in catalogue order.
    pub messages: Vec<Message>,
    /// The event's currency symbol.
    pub currency: Option<&'static str>,
    /// What billing books; nothing where nothing is booked.
    pub posted_amount: Option<Amount>,
    /// Balance of the account after this event.
    pub balance_after: Option<Amount>,
    /// Limit - balance on the limit - open holds, after this event.
    pub available_after: Option<Amount>,
    /// The Pending outcome that this one replaces.
    pub supersedes: Option<TransactionId>,
    /// The outcome whose event this correction or cancel was found to be of.
    pub corrects: Option<TransactionId>,
    /// The first outcome, of which this one is the answer again.
    pub repeats: Option<TransactionId>,
    /// The input record that caused it.
    pub source: Source<'a>,
    /// How many inputs the account's state has applied.
    pub account_revision: i64,
    /// Next offset per other input topic of the same partition.
    pub positions: &'a [(String, i64)],
    /// Facts read from outside the partition, as they were.
    pub evidence: Vec<Evidence>,
    /// Hash of the parameters and texts that decided.
    pub ruleset: &'a str,
}

impl Outcome<'_> {
    /// True for Accepted and Pending.
    #[must_use]
    pub fn event_added(&self) -> bool {
        matches!(self.verdict, Verdict::Accepted | Verdict::Pending)
    }

    /// Gives up the length of messages, which alone can make an outcome too large for its topic: the first
    /// [`limits::SHORTENED_MESSAGES_MAX`] stay, each cut with its detail to [`limits::SHORTENED_MESSAGE_CHARS_MAX`], and
    /// the customer's text only on the first. Codes, fields and everything else stay as they are.
    pub fn shorten(&mut self) {
        self.messages.truncate(limits::SHORTENED_MESSAGES_MAX);
        for (place, message) in self.messages.iter_mut().enumerate() {
            if let Cow::Owned(cut) = cut_to(&message.message, limits::SHORTENED_MESSAGE_CHARS_MAX) {
                message.message = cut;
            }
            let left = limits::SHORTENED_MESSAGE_CHARS_MAX - message.message.chars().count();
            message.detail =
                message.detail.take().filter(|_| left > 0).map(|detail| match cut_to(&detail, left) {
                    Cow::Owned(cut) => cut,
                    Cow::Borrowed(_) => detail,
                });
            if place > 0 {
                message.customer_message = None;
            }
        }
    }
}

/// One message of an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What kind of message.
    pub kind: MessageType,
    /// A code for machines that never changes.
    pub code: Code,
    /// For the merchant: what to mend at the till, never why an account is refused.
    pub message: String,
    /// For the customer, in the event's conversation language.
    pub customer_message: Option<std::sync::Arc<str>>,
    /// What can be done next.
    pub action: ActionCode,
    /// The field at fault, such as `items[2].grossAmount`.
    pub field: Option<String>,
    /// For analysts and support: the figures compared. Never shown to merchant or customer.
    pub detail: Option<String>,
}

/// A fact from outside the partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Which fact.
    pub fact: String,
    /// Its value at the moment of the decision.
    pub value: String,
}
