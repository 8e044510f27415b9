//! One account as the checks see it. A million of these are in memory: sizes matter.

use super::counter::{Counter, Counters};
use super::hold::Hold;
use super::master_data::MasterData;
use super::memory::Memory;
use super::remembered::{EventPlace, MoneyKind, Remembered};
use crate::domain::code::Code;
use crate::domain::enums::{CountryCode, Currency, EventType};
use crate::domain::{Amount, Micros};
use compact_str::CompactString;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// Standing facts of an account, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountFlags(pub u16);

impl AccountFlags {
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
    /// The currency was fixed by a hold, and nothing was booked in it yet: it goes with the last hold.
    pub const CURRENCY_HELD: Self = Self(128);
    /// The account opened by itself and no limit was set: its limit is the default of its currency.
    pub const DEFAULT_LIMIT: Self = Self(256);

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

/// An account: 120 bytes, two lines of the processor's cache.
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
    /// What corrections may still take, in sum.
    pub correctable: Correctable,
    /// How many inputs this state has applied.
    pub revision: i64,
    /// The batch that last changed it: whether undo has it as it was before.
    pub(super) touched: Touched,
    /// Standing facts.
    pub standing: AccountFlags,
    /// Currency, where known.
    pub currency: Option<Currency>,
    /// Country, where known.
    pub country: Option<CountryCode>,
    /// Events that were accepted or are Pending, and those that were Pending, in the order they were decided.
    pub recent: Memory,
    /// What the account system told; shared with the copy that undo keeps.
    pub master_data: Option<Arc<MasterData>>,
    /// What few accounts have at a time.
    pub rare: Option<Box<Rare>>,
}

const _: () = assert!(size_of::<Account>() <= 120);

/// What was booked and no correction has taken back yet, by what it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Correctable {
    /// Purchases, and positive corrections.
    pub purchases: Amount,
    /// Withdrawals.
    pub withdrawals: Amount,
    /// Interest and commission.
    pub fees: Amount,
}

impl Correctable {
    /// What an event of this type adds when it is booked.
    #[must_use]
    pub fn of(event_type: EventType, amount: Amount) -> Self {
        let mut sums = Self::default();
        match event_type {
            EventType::Purchase | EventType::Correction => sums.purchases = amount,
            EventType::Withdrawal => sums.withdrawals = amount,
            EventType::WithdrawalCommission | EventType::Interest => sums.fees = amount,
            EventType::WithdrawalCorrection | EventType::Info | EventType::Unrecognized => {}
        }
        sums
    }

    /// With another's amounts added.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.with(other, Amount::saturating_plus)
    }

    /// Without another's amounts, none below zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.with(other, |own, other| own.saturating_minus(other).max(Amount::ZERO))
    }

    fn with(self, other: Self, with: impl Fn(Amount, Amount) -> Amount) -> Self {
        Self {
            purchases: with(self.purchases, other.purchases),
            withdrawals: with(self.withdrawals, other.withdrawals),
            fees: with(self.fees, other.fees),
        }
    }

    /// All of it.
    #[must_use]
    pub fn sum(self) -> Amount {
        self.purchases.saturating_plus(self.withdrawals).saturating_plus(self.fees)
    }
}

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
    /// Flags by name, sorted, without those that are [`AccountFlags`] bits.
    pub flags: Vec<Box<str>>,
    /// Messages of answers to events that repeats are held against, oldest first.
    pub answers: VecDeque<StoredAnswer>,
    /// Sales that are too old for windows and repeats, and that corrections may still name or take of.
    pub originals: Memory,
    /// Book-keeping that is too old for [`Account::recent`].
    pub book_keeping: Memory,
    /// The last refused events with an id, oldest first.
    pub refused: VecDeque<RefusedEvent>,
    /// Refused events, for the windows that count attempts, in the order they were decided.
    pub attempts: VecDeque<Attempt>,
    /// Up to when memories were cut at their bounds.
    pub forgot: Forgot,
    /// What was charged since customers last identified, by chip and currency.
    pub counters: Counters,
}

/// The allocator's next larger block has 320.
const _: () = assert!(size_of::<Rare>() <= 256);

/// Up to when an account's memories were cut at their bounds; nothing where they never were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgot {
    /// The latest time of an event that was pushed out of [`Account::recent`].
    pub events: Option<Micros>,
    /// The latest time of book-keeping that was pushed out of [`Rare::book_keeping`].
    pub book_keeping: Option<Micros>,
    /// The latest time of one that was pushed out of [`Rare::attempts`].
    pub attempts: Option<Micros>,
    /// When the latest account event that was pushed out was seen.
    pub account_events: Option<Micros>,
}

/// A refused event, as windows of attempts count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it happened.
    pub time: Micros,
    /// The later of that and the stream time at which it was decided.
    pub seen: Micros,
    /// totalAmount.
    pub amount: Amount,
    /// [`super::id_hash`] of the terminal; 0: none.
    pub terminal: u64,
    /// [`super::id_hash`] of the chip; 0: none.
    pub chip: u64,
    /// The currency.
    pub currency: Currency,
    /// What kind of event, where a window asks for more of it than the above.
    pub kind: Option<MoneyKind>,
}

/// [`crate::domain::limits::ATTEMPTS_MAX`] counts on this.
const _: () = assert!(size_of::<Attempt>() == 48);

/// A refused event, for its repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEvent {
    /// The event.
    pub event: Remembered,
    /// What was answered.
    pub messages: Box<[StoredMessage]>,
}

/// What was answered to an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Which event.
    pub of: AnswerOf,
    /// What was said.
    pub messages: Box<[StoredMessage]>,
}

/// Which event an answer is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerOf {
    /// The one of this place.
    Place(EventPlace),
    /// The one with this [`super::old_id_hash`]: an old journal kept no place.
    OldId(u64),
}

/// A message as it is kept: what machines read, without the texts, whose figures would be large and soon untrue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// The code for machines.
    pub code: Code,
    /// Index of the message type.
    pub kind: u8,
    /// Index of the action code.
    pub action: u8,
    /// The field at fault.
    pub field: Option<Box<str>>,
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
            correctable: Correctable::default(),
            revision: 0,
            touched: Touched::default(),
            standing: AccountFlags::default(),
            currency,
            country,
            recent: Memory::default(),
            master_data: None,
            rare: None,
        }
    }

    /// Limit - balance on the limit - open holds, in ten-thousandths; exact, whatever the amounts are.
    #[must_use]
    pub fn available_units(&self) -> i128 {
        let units = |amount: Amount| i128::from(amount.ten_thousandths());
        units(self.limit) - (units(self.balance) - units(self.fees)) - self.held_units()
    }

    /// [`Account::available_units`] as an amount; none where that leaves 18 digits.
    #[must_use]
    pub fn available(&self) -> Option<Amount> {
        i64::try_from(self.available_units()).ok().and_then(Amount::new)
    }

    /// Sum of the open holds, kept within 18 digits.
    #[must_use]
    pub fn held(&self) -> Amount {
        self.holds().iter().fold(Amount::ZERO, |sum, hold| sum.saturating_plus(hold.held))
    }

    /// Sum of the open holds, in ten-thousandths.
    #[must_use]
    pub fn held_units(&self) -> i128 {
        self.holds().iter().map(|hold| i128::from(hold.held.ten_thousandths())).sum()
    }

    /// Open holds, oldest first.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        self.rare.as_ref().map_or(&[], |rare| &rare.holds)
    }

    /// What was charged since customers last identified, by chip and currency.
    #[must_use]
    pub fn counters(&self) -> &[Counter] {
        self.rare.as_ref().map_or(&[], |rare| rare.counters.as_slice())
    }

    /// Flags by name, sorted.
    #[must_use]
    pub fn flags(&self) -> &[Box<str>] {
        self.rare.as_ref().map_or(&[], |rare| &rare.flags)
    }

    /// Book-keeping older than [`Account::recent`] goes back.
    pub fn older_book_keeping(&self) -> impl Iterator<Item = Remembered> {
        self.rare.iter().flat_map(|rare| rare.book_keeping.iter())
    }

    /// All events older than [`Account::recent`] goes back.
    pub fn older(&self) -> impl Iterator<Item = Remembered> {
        self.rare.iter().flat_map(|rare| rare.originals.iter().chain(rare.book_keeping.iter()))
    }

    /// Up to when its memories were cut at their bounds.
    #[must_use]
    pub fn forgot(&self) -> Forgot {
        self.rare.as_ref().map_or_else(Forgot::default, |rare| rare.forgot)
    }

    /// What was answered to a remembered event, as it stands now; `old_id` is its id's [`super::old_id_hash`].
    #[must_use]
    pub fn answer(&self, event: &Remembered) -> &[StoredMessage] {
        let of = match event.is_of_old_journal() {
            false => AnswerOf::Place(event.place),
            true => AnswerOf::OldId(event.id),
        };
        let answers = self.rare.iter().flat_map(|rare| rare.answers.iter().rev());
        answers.into_iter().find(|answer| answer.of == of).map_or(&[], |answer| &answer.messages)
    }

    pub(super) fn master_data_mut(&mut self) -> &mut MasterData {
        Arc::make_mut(self.master_data.get_or_insert_default())
    }

    pub(super) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}
