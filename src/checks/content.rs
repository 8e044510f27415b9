//! What an event is told apart by: its ids as hashes, and a digest of what money hangs on. Judges nothing.

use super::sound::SoundEvent;
use crate::domain::hashing::digest64;
use crate::domain::pos_event::PosEvent;
use crate::domain::varint::Varint;
use crate::domain::{Decimal, Field};
use crate::state::{
    EventPlace, MoneyKind, Remembered, content_digest, id_hash, old_id_hash, old_short_hash, trimmed,
};

/// Hashes of an event's ids, and of its content; 0 where there is no such id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Of accountTransactionId.
    pub id: u64,
    /// Of correctsTransactionId.
    pub corrects: u64,
    /// Of the terminal.
    pub terminal: u64,
    /// Of the chip.
    pub chip: u64,
    /// Of totals, lines, currency, chip and terminal. Names, descriptions and language are no content: nothing is paid by
    /// them. What is absent counts as 0.
    pub basket: u64,
}

impl Content {
    /// The content of an event: the same whatever format it came in.
    #[must_use]
    pub fn of(event: &PosEvent<'_>) -> Self {
        let terminal = id_hash(event.pos_id.as_deref());
        let chip = id_hash(event.nfc_id.as_deref());
        let mut bytes = Vec::with_capacity(64 + 64 * event.items.len());
        bytes.push(event.currency.value().map_or(0, |currency| currency as u8 + 1));
        bytes.extend_from_slice(&terminal.to_le_bytes());
        bytes.extend_from_slice(&chip.to_le_bytes());
        number(&mut bytes, &event.total_amount);
        number(&mut bytes, &event.total_tax);
        for item in &event.items {
            let id = trimmed(item.item_id.as_deref()).unwrap_or_default();
            bytes.extend_from_slice(Varint::of(id.len() as u64).bytes());
            bytes.extend_from_slice(id.as_bytes());
            for amount in [
                &item.quantity,
                &item.unit_price,
                &item.net_amount,
                &item.tax_amount,
                &item.discount,
                &item.gross_amount,
            ] {
                number(&mut bytes, amount);
            }
        }
        Self {
            id: id_hash(event.account_transaction_id.as_deref()),
            corrects: id_hash(event.corrects_transaction_id.as_deref()),
            terminal,
            chip,
            basket: digest64(&bytes),
        }
    }

    /// What ids are made of besides the record's place.
    #[must_use]
    pub fn digest(&self, event: &PosEvent<'_>) -> u64 {
        content_digest(self.basket, self.id, event.time.value().unwrap_or_default())
    }
}

/// The same bytes however the number is spelt.
fn number(bytes: &mut Vec<u8>, number: &Field<'_, Decimal>) {
    let (units, scale) = number.value().map_or((0, 0), |value| value.normalised());
    bytes.push(scale);
    bytes.extend_from_slice(Varint::of_signed(units).bytes());
}

/// An event as its account would remember it, and as it is held against what is remembered.
#[derive(Clone, Copy, Debug)]
pub struct KnownEvent<'e, 'a> {
    /// The event.
    pub event: &'e SoundEvent<'a>,
    /// Where its record stands.
    pub place: EventPlace,
}

impl KnownEvent<'_, '_> {
    /// What kind of event it is.
    #[must_use]
    pub fn kind(&self) -> MoneyKind {
        MoneyKind {
            event_type: self.event.event_type,
            gives_back: self.event.gives_back(),
            category: self.event.category,
            currency: self.event.currency,
            country: self.event.country,
        }
    }

    /// Whether a remembered event was at this one's terminal; never where either has none.
    #[must_use]
    pub fn is_terminal_of(&self, other: &Remembered) -> bool {
        self.event.content.terminal != 0 && self.shares_terminal_with(other)
    }

    /// Whether a remembered event was at this one's terminal; none is as none.
    #[must_use]
    pub fn shares_terminal_with(&self, other: &Remembered) -> bool {
        other.terminal
            == match other.is_of_old_journal() {
                false => self.event.content.terminal,
                true => old_short_hash(trimmed(self.event.event.pos_id.as_deref())),
            }
    }

    /// Whether a remembered event was on this one's chip; none is as none.
    #[must_use]
    pub fn is_chip_of(&self, other: &Remembered) -> bool {
        let chip = match other.is_of_old_journal() {
            false => self.event.content.chip,
            true => old_short_hash(trimmed(self.event.event.nfc_id.as_deref())),
        };
        other.chip == chip
    }

    /// Whether a remembered event has this one's id; never where this one has none.
    #[must_use]
    pub fn has_id_of(&self, other: &Remembered) -> bool {
        self.event.content.id != 0
            && match other.is_of_old_journal() {
                false => other.id == self.event.content.id,
                true => other.id == old_id_hash(self.event.event.account_transaction_id.as_deref()),
            }
    }

    /// Whether a remembered event is the one that this one names to be corrected.
    #[must_use]
    pub fn names(&self, other: &Remembered) -> bool {
        self.event.content.corrects != 0
            && match other.is_of_old_journal() {
                false => other.id == self.event.content.corrects,
                true => other.id == old_id_hash(self.event.event.corrects_transaction_id.as_deref()),
            }
    }

    /// Whether a remembered event says the same, its time apart. Of an event that an old journal remembered only type,
    /// currency and amount are known.
    #[must_use]
    pub fn says_the_same_as(&self, other: &Remembered) -> bool {
        let kind = self.kind();
        if other.is_of_old_journal() {
            return other.kind.event_type == self.event.counts_as()
                && other.kind.currency == kind.currency
                && other.amount == self.event.total;
        }
        other.basket == self.event.content.basket
            && other.kind == kind
            && other.corrects == self.event.content.corrects
            && other.amount == self.event.total
    }
}
