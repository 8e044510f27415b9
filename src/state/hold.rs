//! What a Pending event reserves until it is granted, refused or runs out.

use super::account::Correctable;
use super::remembered::EventPlace;
use crate::domain::enums::{CountryCode, Currency, EventType, Language};
use crate::domain::ids::TransactionId;
use crate::domain::{Amount, Micros};

/// A Pending event's reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The Pending outcome.
    pub transaction_id: TransactionId,
    /// The event, among those that the account remembers.
    pub place: EventPlace,
    /// The event's accountTransactionId.
    pub account_transaction_id: Option<Box<str>>,
    /// The event's type.
    pub event_type: EventType,
    /// The event's time.
    pub event_time: Micros,
    /// The event's currency.
    pub currency: Currency,
    /// The event's country; `Unrecognized` where an old journal kept none.
    pub country: CountryCode,
    /// The event's conversation language.
    pub language: Language,
    /// What is held on the limit, never below zero.
    pub held: Amount,
    /// What is booked when it is granted, signed.
    pub posts: Amount,
    /// What it takes back, where it is a correction.
    pub taking: Option<Taking>,
    /// Whether its messages asked the customer to identify, so that a grant starts the chip's [`super::Counter`]s again; noted
    /// where those count alone.
    pub asks_to_identify: bool,
    /// Stream time at which it runs out.
    pub expires: Micros,
    /// The outcomes of its last repeats, by whose ids it can be resolved as well.
    pub repeats: Vec<TransactionId>,
}

/// What a correction takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taking {
    /// The original, where one was found.
    pub original: Option<EventPlace>,
    /// The outcome of the original, where one was found and an old journal did not forget it.
    pub corrects: Option<TransactionId>,
    /// How much, above zero.
    pub amount: Amount,
    /// What of it is taken of the account's sums: nothing while the original is Pending.
    pub of_sums: Correctable,
}

impl Hold {
    /// Whether an outcome of this id is the hold's own, or that of a repeat.
    #[must_use]
    pub fn answers_to(&self, id: TransactionId) -> bool {
        self.transaction_id == id || self.repeats.contains(&id)
    }
}
