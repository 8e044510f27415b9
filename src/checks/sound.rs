//! An event whose form is sound: what later checks may rely on without asking again.

use super::content::Content;
use crate::domain::enums::{CategoryType, CountryCode, Currency, EventType, Language};
use crate::domain::pos_event::PosEvent;
use crate::domain::{Amount, Micros};

/// A POS event that passed the form checks: required fields are there, enums known, amounts in range.
#[derive(Debug)]
pub struct SoundEvent<'a> {
    /// The event as it came in.
    pub event: &'a PosEvent<'a>,
    /// Its account.
    pub account_number: &'a str,
    /// Its type.
    pub event_type: EventType,
    /// Its category, where it has one.
    pub category: Option<CategoryType>,
    /// When it happened.
    pub time: Micros,
    /// Its currency.
    pub currency: Currency,
    /// Its country.
    pub country: CountryCode,
    /// Its conversation language, as sent.
    pub language: Language,
    /// totalAmount; zero where it has none.
    pub total: Amount,
    /// A purchase or withdrawal of category Cancel: takes an earlier one back.
    pub takes_back: bool,
    /// What it is told apart by.
    pub content: Content,
}

impl SoundEvent<'_> {
    /// Purchases, withdrawals and positive corrections: what uses the limit and counts in windows.
    #[must_use]
    pub fn charges(&self) -> bool {
        use EventType::{Correction, Purchase, Withdrawal};
        matches!(self.event_type, Purchase | Withdrawal | Correction) && !self.gives_back()
    }

    /// Cancels, negative corrections and corrections of withdrawals: money back to the customer.
    #[must_use]
    pub fn gives_back(&self) -> bool {
        match self.event_type {
            EventType::WithdrawalCorrection => true,
            EventType::Correction => self.total.is_negative(),
            _ => self.takes_back,
        }
    }

    /// How much is given back, above zero.
    #[must_use]
    pub fn given_back(&self) -> Amount {
        if self.total.is_negative() { self.total.negated() } else { self.total }
    }

    /// The type that journals before version 4 have an event under: a cancelled purchase is no purchase.
    #[must_use]
    pub fn counts_as(&self) -> EventType {
        match self.event_type {
            EventType::Withdrawal if self.takes_back => EventType::WithdrawalCorrection,
            EventType::Purchase if self.takes_back => EventType::Correction,
            event_type => event_type,
        }
    }

    /// Interest, commission and info are book-keeping: checks 18, 21 and 24 to 43 do not look at them (check 45).
    #[must_use]
    pub fn is_bookkeeping(&self) -> bool {
        matches!(self.event_type, EventType::Info | EventType::Interest | EventType::WithdrawalCommission)
    }

    /// What the event books when it is accepted, signed.
    #[must_use]
    pub fn posts(&self) -> Option<Amount> {
        match self.event_type {
            EventType::Info | EventType::Unrecognized => None,
            _ if self.total.is_zero() => None,
            EventType::WithdrawalCorrection => Some(self.total.negated()),
            _ if self.takes_back => Some(self.total.negated()),
            _ => Some(self.total),
        }
    }
}
