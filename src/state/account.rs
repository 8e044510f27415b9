//! One account as the checks see it. A million of these are in memory: sizes matter.

use super::master_data::MasterData;
use crate::domain::code::Code;
use crate::domain::enums::{CountryCode, Currency, EventType, Language, Verdict};
use crate::domain::hashing::hash64;
use crate::domain::ids::TransactionId;
use crate::domain::limits;
use crate::domain::{Amount, Micros};
use compact_str::CompactString;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// Standing facts of an account, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing(pub u8);

impl Standing {
    /// Flag `stopped`.
    pub const STOPPED: Self = Self(1);
    /// Flag `dunning`.
    pub const DUNNING: Self = Self(2);
    /// Flag `chargeback`: a chargeback is open.
    pub const CHARGEBACK: Self = Self(4);
    /// In default, not satisfied.
    pub const DEFAULT: Self = Self(8);
    /// Closed, for good.
    pub const CLOSED: Self = Self(16);
    /// Has an accepted purchase.
    pub const PURCHASED: Self = Self(32);
    /// The social security number is known.
    pub const SSN_KNOWN: Self = Self(64);

    /// Whether all bits of `other` are set.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// With the bits of `other` set or cleared.
    #[must_use]
    pub fn with(self, other: Self, on: bool) -> Self {
        if on { Self(self.0 | other.0) } else { Self(self.0 & !other.0) }
    }

    /// The bit that a flag's name stands for, where it has a check of its own.
    #[must_use]
    pub fn of_flag(name: &str) -> Option<Self> {
        match name {
            "stopped" => Some(Self::STOPPED),
            "dunning" => Some(Self::DUNNING),
            "chargeback" => Some(Self::CHARGEBACK),
            _ => None,
        }
    }
}

/// An account: 128 bytes, two lines of the processor's cache.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Its number, the record key.
    pub number: CompactString,
    /// Everything booked and not paid.
    pub balance: Amount,
    /// The part of the balance that does not use the limit (interest, commission), never below zero.
    pub fees: Amount,
    /// The limit; 0 until one is set.
    pub limit: Amount,
    /// Accepted purchases that no correction has taken back yet.
    pub purchases_correctable: Amount,
    /// Accepted withdrawals that no correction has taken back yet.
    pub withdrawals_correctable: Amount,
    /// How many inputs this state has applied.
    pub revision: i64,
    /// The batch that last changed it: whether undo has it as it was before.
    pub(super) touched: Touched,
    /// Standing facts.
    pub standing: Standing,
    /// Currency, where known.
    pub currency: Option<Currency>,
    /// Country, where known.
    pub country: Option<CountryCode>,
    /// The last evaluated events, in the order they were decided.
    pub recent: VecDeque<Recent>,
    /// What the account system told; shared with the copy that undo keeps.
    pub master_data: Option<Arc<MasterData>>,
    /// What few accounts have at a time.
    pub rare: Option<Box<Rare>>,
}

const _: () = assert!(size_of::<Account>() <= 128);

/// Number of a batch. No part of what an account is: all are equal.
#[derive(Clone, Copy, Default)]
pub(super) struct Touched(pub(super) u32);

/// As all are equal, all are shown alike.
impl fmt::Debug for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

impl PartialEq for Touched {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What few accounts have at a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rare {
    /// Open holds, oldest first.
    pub holds: Vec<Hold>,
    /// Flags by name, sorted, without those that are [`Standing`] bits.
    pub flags: Vec<Box<str>>,
    /// First answers that were more than a plain Accepted, oldest first.
    pub answers: VecDeque<Answer>,
}

/// One evaluated event, for windows and repeats: 40 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    /// Event time.
    pub time: Micros,
    /// totalAmount.
    pub amount: Amount,
    /// Hash of accountTransactionId; 0: it had none.
    pub id: u64,
    /// Digest of the whole event.
    pub content: u32,
    /// Hash of the terminal's id; 0: none.
    pub terminal: u32,
    /// Hash of the chip's id; 0: none.
    pub chip: u32,
    /// What kind of event, what was answered, and 24 bits of the basket's digest.
    pub flags: RecentFlags,
}

/// Kind and answer of a [`Recent`] event, packed: bits 0-2 event type, 3-4 verdict, 5 accepted, 6 has an answer, 8-31 basket digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentFlags(pub u32);

impl RecentFlags {
    const ACCEPTED: u32 = 1 << 5;
    const ANSWER: u32 = 1 << 6;

    /// Packs; `basket` keeps its upper 24 bits.
    #[must_use]
    pub fn new(event_type: EventType, verdict: Verdict, has_answer: bool, basket: u32) -> Self {
        let accepted = if verdict == Verdict::Accepted { Self::ACCEPTED } else { 0 };
        let answer = if has_answer { Self::ANSWER } else { 0 };
        Self((basket & 0xffff_ff00) | event_type as u32 | (verdict as u32) << 3 | accepted | answer)
    }

    /// The event's type.
    #[must_use]
    pub fn event_type(self) -> EventType {
        EventType::ALL[(self.0 & 7) as usize]
    }

    /// The first answer.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        Verdict::ALL[(self.0 >> 3 & 3) as usize]
    }

    /// Whether it was accepted, at once or when a Pending was granted.
    #[must_use]
    pub fn accepted(self) -> bool {
        self.0 & Self::ACCEPTED != 0
    }

    /// Whether the first answer had messages, kept in [`Rare::answers`].
    #[must_use]
    pub fn has_answer(self) -> bool {
        self.0 & Self::ANSWER != 0
    }

    /// 24 bits of the basket's digest.
    #[must_use]
    pub fn basket(self) -> u32 {
        self.0 & 0xffff_ff00
    }

    /// The same, accepted: a Pending that was granted.
    #[must_use]
    pub fn granted(self) -> Self {
        Self(self.0 | Self::ACCEPTED)
    }
}

/// Hash of an accountTransactionId; 0 where there is none.
#[must_use]
pub fn id_hash(id: Option<&str>) -> u64 {
    id.map_or(0, |id| hash64(id.as_bytes()).max(1))
}

/// The messages of a first answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Hash of accountTransactionId.
    pub id: u64,
    /// What was said.
    pub messages: Vec<StoredMessage>,
}

/// A message as it is kept: without the text for the customer, which the ruleset has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// The code for machines.
    pub code: Code,
    /// Index of the message type.
    pub kind: u8,
    /// Index of the action code.
    pub action: u8,
    /// Text for the merchant.
    pub message: Box<str>,
    /// The field at fault.
    pub field: Option<Box<str>>,
}

/// An amount held for a Pending event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The Pending outcome.
    pub transaction_id: TransactionId,
    /// The event's accountTransactionId.
    pub account_transaction_id: Option<Box<str>>,
    /// The event's type.
    pub event_type: EventType,
    /// The event's time.
    pub event_time: Micros,
    /// The event's currency.
    pub currency: Currency,
    /// The event's conversation language.
    pub language: Language,
    /// What is held on the limit, never below zero.
    pub held: Amount,
    /// What is booked when it is granted, signed.
    pub posts: Amount,
    /// Stream time at which it runs out.
    pub expires: Micros,
}

impl Answer {
    /// Bytes of its texts.
    pub(super) fn text_bytes(&self) -> usize {
        let of = |message: &StoredMessage| {
            message.code.heap_bytes()
                + message.message.len()
                + message.field.as_ref().map_or(0, |field| field.len())
        };
        self.messages.iter().map(of).sum()
    }
}

impl Account {
    /// An account that was just opened.
    #[must_use]
    pub fn opened(
        number: &str,
        limit: Amount,
        currency: Option<Currency>,
        country: Option<CountryCode>,
    ) -> Self {
        Self {
            number: number.into(),
            balance: Amount::ZERO,
            fees: Amount::ZERO,
            limit,
            purchases_correctable: Amount::ZERO,
            withdrawals_correctable: Amount::ZERO,
            revision: 0,
            touched: Touched::default(),
            standing: Standing::default(),
            currency,
            country,
            recent: VecDeque::new(),
            master_data: None,
            rare: None,
        }
    }

    /// Limit - balance on the limit - open holds.
    #[must_use]
    pub fn available(&self) -> Amount {
        self.limit.saturating_minus(self.balance.saturating_minus(self.fees)).saturating_minus(self.held())
    }

    /// Sum of the open holds, kept within 18 digits.
    #[must_use]
    pub fn held(&self) -> Amount {
        self.holds().iter().fold(Amount::ZERO, |sum, hold| sum.saturating_plus(hold.held))
    }

    /// Open holds, oldest first.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        self.rare.as_ref().map_or(&[], |rare| &rare.holds)
    }

    /// Flags by name, sorted.
    #[must_use]
    pub fn flags(&self) -> &[Box<str>] {
        self.rare.as_ref().map_or(&[], |rare| &rare.flags)
    }

    /// Whether an account event with this id hash was applied lately.
    #[must_use]
    pub fn has_applied(&self, id: u64) -> bool {
        self.master_data.as_ref().is_some_and(|master_data| master_data.event_ids().contains(&id))
    }

    /// The remembered event with this id hash.
    #[must_use]
    pub fn remembered(&self, id: u64) -> Option<&Recent> {
        self.recent.iter().rev().find(|recent| recent.id == id)
    }

    /// The messages of the first answer to the event with this id hash.
    #[must_use]
    pub fn answer(&self, id: u64) -> Option<&Answer> {
        self.rare.as_ref()?.answers.iter().rev().find(|answer| answer.id == id)
    }

    pub(super) fn master_data_mut(&mut self) -> &mut MasterData {
        Arc::make_mut(self.master_data.get_or_insert_default())
    }

    pub(super) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Remembers an event and forgets what is older than `keep_from`, within the bounds.
    pub(super) fn remember(&mut self, recent: Recent, keep_from: Micros) {
        while self.recent.len() >= limits::RECENT_EVENTS_MAX
            || (self.recent.len() >= limits::RECENT_EVENTS_MIN
                && self.recent.front().is_some_and(|oldest| oldest.time < keep_from))
        {
            self.recent.pop_front();
        }
        if self.recent.len() == self.recent.capacity() {
            // Room for 2, 4, 8, 12, 16, then a quarter more: most accounts have few.
            self.recent.reserve_exact((self.recent.len() / 4).max(self.recent.len().clamp(2, 4)));
        }
        self.recent.push_back(recent);
    }
}
