//! Facts: what a decision changes, in the smallest typed steps. The journal is a list of these.

use super::account::{AccountFlags, Attempt, Correctable, RefusedEvent, StoredAnswer};
use super::applied::AppliedEvent;
use super::hold::{Hold, Taking};
use super::marks::Mark;
use super::memory::Keep;
use super::remembered::Remembered;
use crate::domain::enums::{CountryCode, Currency, EventType};
use crate::domain::ids::TransactionId;
use crate::domain::{Amount, Micros};
use compact_str::CompactString;
use smallvec::SmallVec;
use std::borrow::Cow;

/// The facts of one account that one input caused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FactsOfAccount<'a> {
    /// The account's number.
    pub account: Cow<'a, str>,
    /// What happened, in order.
    pub facts: Facts,
}

/// What happened, in order.
pub type Facts = SmallVec<[Fact; 3]>;

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
    Evaluated,
    /// An event that was accepted or waits is remembered.
    Remembered(Box<RememberedFact>),
    /// An event that would have charged was refused: windows of attempts count it.
    Attempted {
        /// What they count.
        attempt: Attempt,
        /// Attempts that were seen before this may be forgotten.
        keep_from: Micros,
    },
    /// An event with an id was refused: its repeats are answered alike.
    Refused {
        /// Event and answer.
        refused: Box<RefusedEvent>,
        /// Those that were seen before this may be forgotten.
        keep_from: Micros,
        /// How many are kept.
        most: usize,
    },
    /// What is answered to repeats of a remembered event from now on.
    Answered(Box<StoredAnswer>),
    /// Money was charged. Before version 4 of the journal also: given back, below zero.
    Booked(Booking),
    /// Money was given back.
    GaveBack {
        /// By how much the balance falls.
        amount: Amount,
        /// By how much the fees among it fall.
        fees: Amount,
    },
    /// A correction takes, or reserves, what it takes back.
    Taken(Taking),
    /// A Pending correction gives back what it reserved.
    GivenBack(Taking),
    /// The original of a Pending correction was granted: what it reserved is of the account's sums from now on.
    Reserved {
        /// The correction's Pending outcome.
        transaction_id: TransactionId,
        /// What it reserves of the sums.
        of_sums: Correctable,
    },
    /// A Pending event holds an amount.
    HoldPlaced(Box<Hold>),
    /// A correction took some of a Pending event.
    HoldShrunk {
        /// The Pending outcome.
        transaction_id: TransactionId,
        /// How much it took.
        by: Amount,
    },
    /// A Pending event was repeated.
    HoldRepeated {
        /// The Pending outcome.
        transaction_id: TransactionId,
        /// The outcome of the repeat.
        repeat: TransactionId,
    },
    /// An operator set stream time back, and the hold runs out so much earlier.
    HoldMoved {
        /// The Pending outcome.
        transaction_id: TransactionId,
        /// Stream time at which it runs out from now on.
        expires: Micros,
    },
    /// A charge counts for its chip until the customer identifies.
    Counted {
        /// [`super::id_hash`] of the chip; 0: none.
        chip: u64,
        /// The currency.
        currency: Currency,
        /// How much.
        amount: Amount,
    },
    /// The customer has identified with the chip of this [`super::id_hash`] (0: without one): its counters start again.
    Identified {
        /// The chip.
        chip: u64,
    },
    /// A hold is no more.
    HoldEnded {
        /// The Pending outcome.
        transaction_id: TransactionId,
        /// Whether its step was finished, so that the event counts as accepted.
        granted: bool,
    },
    /// The currency was fixed by an event, or is free again.
    CurrencySet(Option<Currency>),
    /// An account event was applied; counts as an applied input.
    AccountEventApplied {
        /// What is remembered of it.
        event: AppliedEvent,
        /// Those that were seen before this may be forgotten.
        keep_from: Micros,
    },
    /// As journals before version 4 have a payment (below zero: taken back): fees are paid first.
    Paid(Amount),
    /// Money was paid (below zero: a payment was taken back).
    PaidSplit {
        /// By how much the balance falls.
        amount: Amount,
        /// By how much the fees among it fall.
        fees: Amount,
    },
    /// The payment of the account event with this id hash was taken back.
    PaymentReversed(u64),
    /// Cash was paid out outside of a till.
    CashAdvanced(Amount),
    /// A new limit.
    LimitSet(Amount),
    /// A standing bit was set or cleared.
    StandingSet {
        /// Which.
        bit: AccountFlags,
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
    /// Something of the account was told, by what was created then.
    Marked(Mark),
}

/// An event that is remembered, and what may be forgotten with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RememberedFact {
    /// The event.
    pub event: Remembered,
    /// From when on events are kept.
    pub keep: Keep,
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
    pub party_id: Option<CompactString>,
    /// Currency.
    pub currency: Option<Currency>,
    /// Country.
    pub country: Option<CountryCode>,
    /// Hashes of the registered chips, sorted; replaces the list.
    pub chips: Option<Vec<u64>>,
    /// Hashes of the blocked chips, sorted; replaces the list.
    pub blocked_chips: Option<Vec<u64>>,
    /// Whether chips are hashed as journals before version 4 have them.
    pub old_hashes: bool,
}
