//! Facts: what a decision changes, in the smallest typed steps. The journal is a list of these.

use super::account::{Answer, Hold, Recent, Standing};
use crate::domain::enums::{CountryCode, Currency, EventType};
use crate::domain::ids::TransactionId;
use crate::domain::{Amount, Micros};
use smallvec::SmallVec;
use std::borrow::Cow;

/// The facts of one account that one input caused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change<'a> {
    /// The account's number.
    pub account: Cow<'a, str>,
    /// What happened, in order.
    pub facts: SmallVec<[Fact; 3]>,
}

/// One fact about one account.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// The account was opened.
    Opened {
        /// Its limit.
        limit: Amount,
        /// Its currency, where known.
        currency: Option<Currency>,
        /// Its country, where known.
        country: Option<CountryCode>,
    },
    /// A POS event was evaluated; counts as an applied input.
    Evaluated {
        /// What is remembered of it.
        recent: Recent,
        /// Events before this time may be forgotten.
        keep_from: Micros,
    },
    /// The first answer was more than a plain Accepted.
    Answered(Box<Answer>),
    /// Money was booked.
    Booked(Booking),
    /// A Pending event holds an amount.
    HoldPlaced(Box<Hold>),
    /// A hold is no more.
    HoldEnded {
        /// The Pending outcome.
        transaction_id: TransactionId,
        /// Whether its step was finished, so that the event counts as accepted.
        granted: bool,
    },
    /// An account event was applied; counts as an applied input.
    AccountEventApplied {
        /// Hash of its id.
        id: u64,
    },
    /// Money was paid (below zero: a payment was taken back). Pays fees first.
    Paid(Amount),
    /// Cash was paid out outside of a till.
    CashAdvanced(Amount),
    /// A new limit.
    LimitSet(Amount),
    /// A standing bit was set or cleared.
    StandingSet {
        /// Which.
        bit: Standing,
        /// Set, or cleared.
        on: bool,
    },
    /// A flag was set or cleared.
    FlagSet {
        /// Its name.
        name: Box<str>,
        /// Set, or cleared.
        on: bool,
    },
    /// Master data was patched.
    Patched(Box<Patch>),
}

/// Money that an event books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booking {
    /// What caused it: Purchase, Withdrawal, WithdrawalCorrection, WithdrawalCommission, Interest or Correction.
    pub event_type: EventType,
    /// Signed change of the balance.
    pub amount: Amount,
}

/// A patch of master data: what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// The person behind the account.
    pub party_id: Option<Box<str>>,
    /// Currency.
    pub currency: Option<Currency>,
    /// Country.
    pub country: Option<CountryCode>,
    /// Hashes of the registered chips, sorted; replaces the list.
    pub chips: Option<Vec<u64>>,
    /// Hashes of the blocked chips, sorted; replaces the list.
    pub blocked_chips: Option<Vec<u64>>,
}
