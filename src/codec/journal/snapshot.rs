//! Full account states as bytes, and the pieces that facts share with them, as version 4 has them.

use super::bytes::{ByteReader, ByteWriter};
use super::pieces::{
    Journalled, flags_of, plain, read_optional, structs, symbol_at, write_optional, write_packed,
};
use super::{JournalFault, old};
use crate::domain::enums::Currency;
use crate::domain::{Amount, Micros, PartitionId};
use crate::state::{
    Account, AnswerOf, Attempt, Booking, Correctable, Counter, Counters, EventPlace, Forgot, Hold, Mark,
    MasterData, Memory, MoneyKind, Rare, RefusedEvent, StoredAnswer, StoredMessage, Taking,
};
use smallvec::SmallVec;
use std::sync::Arc;

/// Stands beside an account's standing facts, which are 16, where its counters follow at the end. Written where there are
/// any: a program that does not know of them takes it for a standing fact that it does not know, and refuses the account.
const COUNTERS_FOLLOW: u64 = 1 << 16;

/// Stands beside an attempt's currency, where its kind follows. Written where a window asks for it: a program that does not
/// know of it takes it for a currency that it does not know, and refuses the record.
const KIND_FOLLOWS: u8 = 1 << 7;

/// Appends an account's full state.
pub fn write_account(out: &mut ByteWriter, account: &Account) {
    out.text(&account.number);
    for amount in [account.balance, account.fees, account.limit] {
        amount.write(out);
    }
    account.correctable.write(out);
    out.signed(account.revision);
    let counts = !account.counters().is_empty() || account.holds().iter().any(|hold| hold.asks_to_identify);
    out.unsigned(u64::from(account.standing.0) | if counts { COUNTERS_FOLLOW } else { 0 });
    account.currency.write(out);
    account.country.write(out);
    account.recent.write(out);
    write_optional(account.master_data.as_deref(), out);
    write_optional(account.rare.as_deref(), out);
    if counts && let Some(rare) = &account.rare {
        write_counters(out, rare);
    }
}

/// Reads an account's full state.
///
/// # Errors
/// [`JournalFault`] where the bytes are damaged.
pub fn read_account(input: &mut ByteReader<'_>) -> Result<Account, JournalFault> {
    if input.version() < 4 {
        return old::read_account(input);
    }
    let mut account = Account::opened(input.text()?, Amount::ZERO, None, None);
    for amount in [&mut account.balance, &mut account.fees, &mut account.limit] {
        *amount = input.piece()?;
    }
    account.correctable = input.piece()?;
    account.revision = input.signed()?;
    let standing = input.unsigned()?;
    account.standing = flags_of(standing & !COUNTERS_FOLLOW)?;
    account.currency = input.piece()?;
    account.country = input.piece()?;
    account.recent = input.piece()?;
    account.master_data = read_optional(input)?.map(Arc::new);
    account.rare = read_optional(input)?;
    if standing & COUNTERS_FOLLOW != 0 {
        read_counters(input, account.rare.get_or_insert_default())?;
    }
    Ok(account)
}

structs! {
    Correctable { purchases, withdrawals, fees }
    Booking { event_type, amount }
    Mark { thing, created }
    EventPlace { partition, offset }
    StoredMessage { code, kind, action, field }
    StoredAnswer { of, messages }
    Counter { chip, currency, sum, number }
    Hold {
        transaction_id, place, account_transaction_id, event_type, event_time, currency, country, language, held, posts,
        taking, expires, repeats; or asks_to_identify = false
    }
    Rare {
        holds, flags, answers, originals, book_keeping, refused, attempts, forgot; or counters = Counters::default()
    }
}

plain! {
    PartitionId: |partition, out| out.signed((*partition).into()), |input| {
        let partition = PartitionId::try_from(input.signed()?);
        partition.map_err(|_| JournalFault::Damaged("a partition number is too large"))
    };
    // How often a counter has counted.
    u32: |number, out| out.unsigned((*number).into()), |input| {
        u32::try_from(input.unsigned()?).map_err(|_| JournalFault::Damaged("a counter is out of range"))
    };
    Option<Taking>: |taking, out| write_optional(taking.as_ref(), out), |input| read_optional(input);
}

impl Journalled for Forgot {
    fn write(&self, out: &mut ByteWriter) {
        for time in [self.events, self.book_keeping, self.attempts, self.account_events] {
            write_optional(time.as_ref(), out);
        }
    }

    fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let mut time = || read_optional(input);
        Ok(Self { events: time()?, book_keeping: time()?, attempts: time()?, account_events: time()? })
    }
}

impl Journalled for MasterData {
    fn write(&self, out: &mut ByteWriter) {
        for chips in [self.chips(), self.blocked_chips()] {
            out.unsigned(chips.len() as u64);
            chips.iter().for_each(|chip| out.long(*chip));
        }
        self.old_hashes.write(out);
        self.events.write(out);
        self.marks.write(out);
        self.party_id.write(out);
    }

    fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let mut master_data = read_chips(input)?;
        master_data.old_hashes = input.piece()?;
        master_data.events = input.piece()?;
        master_data.marks = input.piece()?;
        master_data.party_id = input.piece()?;
        Ok(master_data)
    }
}

/// Master data of the chips alone: those that are registered, and those that are blocked.
pub(super) fn read_chips(input: &mut ByteReader<'_>) -> Result<MasterData, JournalFault> {
    let mut hashes = SmallVec::new();
    let mut ends = [0; 2];
    for end in &mut ends {
        let count = input.count()?;
        hashes.reserve_exact(count);
        for _ in 0..count {
            hashes.push(input.long()?);
        }
        *end = hashes.len();
    }
    Ok(MasterData::new(hashes, ends[0]))
}

/// What counts until customers identify, and the places of the holds that ask for it.
fn write_counters(out: &mut ByteWriter, rare: &Rare) {
    let counters = rare.counters.as_slice();
    out.unsigned(counters.len() as u64);
    counters.iter().for_each(|counter| counter.write(out));
    let asking = || rare.holds.iter().enumerate().filter(|(_, hold)| hold.asks_to_identify);
    out.unsigned(asking().count() as u64);
    asking().for_each(|(place, _)| place.write(out));
}

fn read_counters(input: &mut ByteReader<'_>, rare: &mut Rare) -> Result<(), JournalFault> {
    let counters = Counters::of(input.piece()?);
    rare.counters = counters.ok_or(JournalFault::Damaged("counters are out of order"))?;
    for _ in 0..input.count()? {
        let hold = rare.holds.get_mut(input.piece::<usize>()?);
        hold.ok_or(JournalFault::Damaged("a hold that asks is missing"))?.asks_to_identify = true;
    }
    Ok(())
}

impl Journalled for Attempt {
    fn write(&self, out: &mut ByteWriter) {
        self.time.write(out);
        out.signed(self.seen.0.wrapping_sub(self.time.0));
        self.amount.write(out);
        out.long(self.terminal);
        out.long(self.chip);
        out.byte(self.currency as u8 | if self.kind.is_some() { KIND_FOLLOWS } else { 0 });
        if let Some(kind) = self.kind {
            kind.event_type.write(out);
            kind.category.write(out);
            kind.country.write(out);
        }
    }

    fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let time: Micros = input.piece()?;
        let seen = Micros(time.0.wrapping_add(input.signed()?));
        let (amount, terminal, chip) = (input.piece()?, input.long()?, input.long()?);
        let place = input.byte()?;
        let currency = symbol_at(Currency::ALL, place & !KIND_FOLLOWS)?;
        let kind = match place & KIND_FOLLOWS {
            0 => None,
            _ => Some(MoneyKind {
                event_type: input.piece()?,
                // Only what charges is an attempt.
                gives_back: false,
                category: input.piece()?,
                currency,
                country: input.piece()?,
            }),
        };
        Ok(Self { time, seen, amount, terminal, chip, currency, kind })
    }
}

impl Journalled for RefusedEvent {
    fn write(&self, out: &mut ByteWriter) {
        write_packed(out, Memory::from_iter([&self.event]).bytes());
        self.messages.write(out);
    }

    fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let event = input.piece::<Memory>()?.iter().next();
        let event = event.ok_or(JournalFault::Damaged("a refused event is missing"))?;
        Ok(Self { event, messages: input.piece()? })
    }
}

impl Journalled for Taking {
    fn write(&self, out: &mut ByteWriter) {
        out.byte(u8::from(self.original.is_some()) | u8::from(self.corrects.is_some()) << 1);
        self.original.iter().for_each(|place| place.write(out));
        self.corrects.iter().for_each(|id| id.write(out));
        self.amount.write(out);
        self.of_sums.write(out);
    }

    fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let there = input.byte()?;
        Ok(Self {
            original: (there & 1 != 0).then(|| input.piece()).transpose()?,
            corrects: (there & 2 != 0).then(|| input.piece()).transpose()?,
            amount: input.piece()?,
            of_sums: input.piece()?,
        })
    }
}

impl Journalled for AnswerOf {
    fn write(&self, out: &mut ByteWriter) {
        match self {
            Self::Place(place) => {
                out.byte(0);
                place.write(out);
            }
            Self::OldId(id) => {
                out.byte(1);
                out.long(*id);
            }
        }
    }

    fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        match input.byte()? {
            0 => input.piece().map(Self::Place),
            1 => input.long().map(Self::OldId),
            _ => Err(JournalFault::Damaged("an answer is to nothing that is known")),
        }
    }
}
