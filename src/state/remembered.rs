//! One event as an account remembers it: what a repeat, a near duplicate, a window, a cap and a correction are judged by.

use crate::domain::enums::{CategoryType, CountryCode, Currency, EventType, Verdict};
use crate::domain::hashing::{digest64, hash64};
use crate::domain::ids::TransactionId;
use crate::domain::{Amount, Micros, PartitionId};

/// Where the record of an event stood in its topic: no two events of an account share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPlace {
    /// Partition number.
    pub partition: PartitionId,
    /// Offset; below zero for an event that a journal of version 3 or older remembered, which kept no place.
    pub offset: i64,
}

impl EventPlace {
    /// What stands for the place of an event that an old journal remembered, given its [`old_id_hash`].
    #[must_use]
    pub fn of_old_journal(time: Micros, id: u64) -> Self {
        let hash = content_digest(0, id, time) >> 1;
        Self { partition: PartitionId::new(-1), offset: -1 - hash as i64 }
    }
}

/// What money hangs on, besides the lines and the totals, which stand in a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoneyKind {
    /// The event's type.
    pub event_type: EventType,
    /// Whether it gives money back: a cancel, a negative correction, a correction of a withdrawal.
    pub gives_back: bool,
    /// Its category.
    pub category: Option<CategoryType>,
    /// Its currency.
    pub currency: Currency,
    /// Its country.
    pub country: CountryCode,
}

impl MoneyKind {
    /// Whether the event takes money from the customer that is used at once: purchases, withdrawals, positive corrections.
    /// These use the limit, count in windows, and can be taken back.
    #[must_use]
    pub fn charges(self) -> bool {
        use EventType::{Correction, Purchase, Withdrawal};
        matches!(self.event_type, Purchase | Withdrawal | Correction) && !self.gives_back
    }

    /// Whether the event is a fee: interest or commission.
    #[must_use]
    pub fn is_fee(self) -> bool {
        matches!(self.event_type, EventType::Interest | EventType::WithdrawalCommission)
    }
}

/// An event that was accepted or is (or was) Pending, or one that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Where its record stood.
    pub place: EventPlace,
    /// When it happened.
    pub time: Micros,
    /// The later of its own time and the stream time at which it was first decided: from then on it is remembered.
    pub seen: Micros,
    /// totalAmount as stated.
    pub amount: Amount,
    /// How much of it counts in windows and caps: all, but of a Pending event what corrections have left of it.
    pub counts: Amount,
    /// What corrections may still take of it; zero for what is no original.
    pub left: Amount,
    /// [`id_hash`] of accountTransactionId; 0: none.
    pub id: u64,
    /// Digest of totals, lines, currency, chip and terminal; of an event of an old journal zero.
    pub basket: u64,
    /// [`id_hash`] of correctsTransactionId; 0: none.
    pub corrects: u64,
    /// [`id_hash`] of the terminal; 0: none.
    pub terminal: u64,
    /// [`id_hash`] of the chip; 0: none.
    pub chip: u64,
    /// The event that it takes back, where it is a correction whose original was found.
    pub original: Option<EventPlace>,
    /// What kind of event.
    pub kind: MoneyKind,
    /// The answer as it stands now.
    pub verdict: Verdict,
    /// Whether an account keeps messages of that answer.
    pub has_messages: bool,
}

impl Remembered {
    /// Whether it comes out of a journal of version 3 or older: its hashes are [`old_id_hash`] and [`old_short_hash`], and
    /// neither content nor place is known.
    #[must_use]
    pub fn is_of_old_journal(&self) -> bool {
        self.place.offset < 0
    }

    /// Whether the answer that stands lets it through or waits.
    #[must_use]
    pub fn stands(&self) -> bool {
        matches!(self.verdict, Verdict::Accepted | Verdict::Pending)
    }

    /// What ids are made of besides the record's place.
    #[must_use]
    pub fn digest(&self) -> u64 {
        content_digest(self.basket, self.id, self.time)
    }

    /// The id of its first outcome, given the topic of POS events; none where an old journal kept no place.
    #[must_use]
    pub fn transaction_id(&self, topic: &str) -> Option<TransactionId> {
        let EventPlace { partition, offset } = self.place;
        (offset >= 0).then(|| TransactionId::derive(topic, partition, offset, self.digest(), 0))
    }
}

/// What transaction ids are made of besides a record's place.
#[must_use]
pub fn content_digest(basket: u64, id: u64, time: Micros) -> u64 {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&basket.to_le_bytes());
    bytes[8..16].copy_from_slice(&id.to_le_bytes());
    bytes[16..].copy_from_slice(&time.0.to_le_bytes());
    hash64(&bytes)
}

/// An id without the spaces at its ends; none where nothing can be read in it.
#[must_use]
pub fn trimmed(id: Option<&str>) -> Option<&str> {
    id.map(str::trim).filter(|id| !id.chars().all(|letter| letter.is_whitespace() || letter.is_control()))
}

/// Hash of an id that decides: of a transaction, a chip, a terminal, an account event. 0 where there is none.
#[must_use]
pub fn id_hash(id: Option<&str>) -> u64 {
    trimmed(id).map_or(0, |id| digest64(id.as_bytes()).max(1))
}

/// As journals of version 3 and older kept the id of a transaction or of an account event.
#[must_use]
pub fn old_id_hash(id: Option<&str>) -> u64 {
    id.map_or(0, |id| hash64(id.as_bytes()).max(1))
}

/// As journals of version 3 and older kept a remembered event's chip and terminal.
#[must_use]
pub fn old_short_hash(id: Option<&str>) -> u64 {
    id.map_or(0, |id| u64::from((hash64(id.as_bytes()) as u32).max(1)))
}
