//! Full account states as bytes, and the pieces that facts share with them, as version 4 has them.

use super::bytes::{ByteReader, ByteWriter};
use super::{JournalFault, old};
use crate::domain::code::Code;
use crate::domain::enums::{CategoryType, CountryCode, Currency, EventType, Language};
use crate::domain::ids::TransactionId;
use crate::domain::{Amount, Micros, PartitionId};
use crate::state::{
    Account, AccountFlags, AnswerOf, AppliedEvents, Attempt, Correctable, Counter, Counters, EventPlace,
    Forgot, Hold, Kind, Marks, MasterData, Memory, Rare, RefusedEvent, StoredAnswer, StoredMessage, Taking,
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
        out.signed(amount.ten_thousandths());
    }
    write_correctable(out, &account.correctable);
    out.signed(account.revision);
    let counts = !account.counters().is_empty() || account.holds().iter().any(|hold| hold.asks_to_identify);
    out.unsigned(u64::from(account.standing.0) | if counts { COUNTERS_FOLLOW } else { 0 });
    write_symbol(out, account.currency.map(Currency::index));
    write_symbol(out, account.country.map(CountryCode::index));
    write_packed(out, account.recent.bytes());
    out.byte(account.master_data.is_some().into());
    if let Some(master_data) = &account.master_data {
        write_master_data(out, master_data);
    }
    out.byte(account.rare.is_some().into());
    if let Some(rare) = &account.rare {
        write_rare(out, rare);
        if counts {
            write_counters(out, rare);
        }
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
        *amount = read_amount(input)?;
    }
    account.correctable = read_correctable(input)?;
    account.revision = input.signed()?;
    let standing = input.unsigned()?;
    account.standing = standing_of(standing & !COUNTERS_FOLLOW)?;
    account.currency = read_symbol(input, Currency::ALL)?;
    account.country = read_symbol(input, CountryCode::ALL)?;
    account.recent = read_packed(input, Memory::of_bytes)?;
    if input.byte()? != 0 {
        account.master_data = Some(Arc::new(read_master_data(input)?));
    }
    if input.byte()? != 0 {
        account.rare = Some(Box::new(read_rare(input)?));
    }
    if standing & COUNTERS_FOLLOW != 0 {
        read_counters(input, account.rare.get_or_insert_default())?;
    }
    Ok(account)
}

pub(super) fn write_correctable(out: &mut ByteWriter, correctable: &Correctable) {
    for amount in [correctable.purchases, correctable.withdrawals, correctable.fees] {
        out.signed(amount.ten_thousandths());
    }
}

pub(super) fn read_correctable(input: &mut ByteReader<'_>) -> Result<Correctable, JournalFault> {
    Ok(Correctable {
        purchases: read_amount(input)?,
        withdrawals: read_amount(input)?,
        fees: read_amount(input)?,
    })
}

fn write_master_data(out: &mut ByteWriter, master_data: &MasterData) {
    write_hashes(out, master_data.chips());
    write_hashes(out, master_data.blocked_chips());
    out.byte(master_data.old_hashes.into());
    write_packed(out, master_data.events.bytes());
    write_packed(out, master_data.marks.bytes());
    out.optional_text(master_data.party_id.as_deref());
}

fn read_master_data(input: &mut ByteReader<'_>) -> Result<MasterData, JournalFault> {
    let mut master_data = read_chips(input)?;
    master_data.old_hashes = input.byte()? != 0;
    master_data.events = read_packed(input, AppliedEvents::of_bytes)?;
    master_data.marks = read_packed(input, Marks::of_bytes)?;
    master_data.party_id = input.optional_text()?.map(Into::into);
    Ok(master_data)
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

fn write_rare(out: &mut ByteWriter, rare: &Rare) {
    out.unsigned(rare.holds.len() as u64);
    rare.holds.iter().for_each(|hold| write_hold(out, hold));
    out.unsigned(rare.flags.len() as u64);
    rare.flags.iter().for_each(|flag| out.text(flag));
    out.unsigned(rare.answers.len() as u64);
    rare.answers.iter().for_each(|answer| write_answer(out, answer));
    write_packed(out, rare.originals.bytes());
    write_packed(out, rare.book_keeping.bytes());
    out.unsigned(rare.refused.len() as u64);
    rare.refused.iter().for_each(|refused| write_refused(out, refused));
    out.unsigned(rare.attempts.len() as u64);
    rare.attempts.iter().for_each(|attempt| write_attempt(out, attempt));
    let Forgot { events, book_keeping, attempts, account_events } = rare.forgot;
    for time in [events, book_keeping, attempts, account_events] {
        out.byte(time.is_some().into());
        if let Some(time) = time {
            out.signed(time.0);
        }
    }
}

fn read_rare(input: &mut ByteReader<'_>) -> Result<Rare, JournalFault> {
    let mut rare = Rare::default();
    for _ in 0..input.count()? {
        rare.holds.push(read_hold(input)?);
    }
    for _ in 0..input.count()? {
        rare.flags.push(input.text()?.into());
    }
    for _ in 0..input.count()? {
        rare.answers.push_back(read_answer(input)?);
    }
    rare.originals = read_packed(input, Memory::of_bytes)?;
    rare.book_keeping = read_packed(input, Memory::of_bytes)?;
    for _ in 0..input.count()? {
        rare.refused.push_back(read_refused(input)?);
    }
    for _ in 0..input.count()? {
        rare.attempts.push_back(read_attempt(input)?);
    }
    let mut time = || (input.byte()? != 0).then(|| input.signed().map(Micros)).transpose();
    rare.forgot =
        Forgot { events: time()?, book_keeping: time()?, attempts: time()?, account_events: time()? };
    Ok(rare)
}

/// What counts until customers identify, and the places of the holds that ask for it.
fn write_counters(out: &mut ByteWriter, rare: &Rare) {
    let counters = rare.counters.as_slice();
    out.unsigned(counters.len() as u64);
    for counter in counters {
        out.long(counter.chip);
        out.byte(counter.currency as u8);
        out.signed(counter.sum.ten_thousandths());
        out.unsigned(counter.number.into());
    }
    let asking = || rare.holds.iter().enumerate().filter(|(_, hold)| hold.asks_to_identify);
    out.unsigned(asking().count() as u64);
    asking().for_each(|(place, _)| out.unsigned(place as u64));
}

fn read_counters(input: &mut ByteReader<'_>, rare: &mut Rare) -> Result<(), JournalFault> {
    let mut counters = Vec::new();
    for _ in 0..input.count()? {
        counters.push(Counter {
            chip: input.long()?,
            currency: read_index(input, Currency::ALL)?,
            sum: read_amount(input)?,
            number: u32::try_from(input.unsigned()?)
                .map_err(|_| JournalFault::Damaged("a counter is out of range"))?,
        });
    }
    rare.counters = Counters::of(counters).ok_or(JournalFault::Damaged("counters are out of order"))?;
    for _ in 0..input.count()? {
        let place = usize::try_from(input.unsigned()?).unwrap_or(usize::MAX);
        let hold = rare.holds.get_mut(place);
        hold.ok_or(JournalFault::Damaged("a hold that asks is missing"))?.asks_to_identify = true;
    }
    Ok(())
}

/// What is packed in memory stands here with the same bytes.
pub(super) fn write_packed(out: &mut ByteWriter, bytes: &[u8]) {
    out.unsigned(bytes.len() as u64);
    out.0.extend_from_slice(bytes);
}

pub(super) fn read_packed<T>(
    input: &mut ByteReader<'_>,
    of_bytes: impl Fn(&[u8]) -> Option<T>,
) -> Result<T, JournalFault> {
    let length = input.count()?;
    of_bytes(input.take(length)?).ok_or(JournalFault::Damaged("what is packed does not unpack"))
}

pub(super) fn write_attempt(out: &mut ByteWriter, attempt: &Attempt) {
    out.signed(attempt.time.0);
    out.signed(attempt.seen.0.wrapping_sub(attempt.time.0));
    out.signed(attempt.amount.ten_thousandths());
    out.long(attempt.terminal);
    out.long(attempt.chip);
    out.byte(attempt.currency as u8 | if attempt.kind.is_some() { KIND_FOLLOWS } else { 0 });
    if let Some(kind) = attempt.kind {
        out.byte(kind.event_type as u8);
        write_symbol(out, kind.category.map(CategoryType::index));
        out.byte(kind.country as u8);
    }
}

pub(super) fn read_attempt(input: &mut ByteReader<'_>) -> Result<Attempt, JournalFault> {
    let time = input.signed()?;
    let seen = Micros(time.wrapping_add(input.signed()?));
    let (amount, terminal, chip) = (read_amount(input)?, input.long()?, input.long()?);
    let place = input.byte()?;
    let currency = symbol_at(Currency::ALL, place & !KIND_FOLLOWS)?;
    let kind = match place & KIND_FOLLOWS {
        0 => None,
        _ => Some(Kind {
            event_type: read_index(input, EventType::ALL)?,
            // Only what charges is an attempt.
            gives_back: false,
            category: read_symbol(input, CategoryType::ALL)?,
            currency,
            country: read_index(input, CountryCode::ALL)?,
        }),
    };
    Ok(Attempt { time: Micros(time), seen, amount, terminal, chip, currency, kind })
}

pub(super) fn write_refused(out: &mut ByteWriter, refused: &RefusedEvent) {
    write_packed(out, Memory::from_iter([&refused.event]).bytes());
    write_messages(out, &refused.messages);
}

pub(super) fn read_refused(input: &mut ByteReader<'_>) -> Result<RefusedEvent, JournalFault> {
    let event = read_packed(input, Memory::of_bytes)?.iter().next();
    let event = event.ok_or(JournalFault::Damaged("a refused event is missing"))?;
    Ok(RefusedEvent { event, messages: read_messages(input)? })
}

pub(super) fn write_place(out: &mut ByteWriter, place: EventPlace) {
    out.signed(place.partition.into());
    out.signed(place.offset);
}

pub(super) fn read_place(input: &mut ByteReader<'_>) -> Result<EventPlace, JournalFault> {
    let partition = PartitionId::try_from(input.signed()?);
    let partition = partition.map_err(|_| JournalFault::Damaged("a partition number is too large"))?;
    Ok(EventPlace { partition, offset: input.signed()? })
}

pub(super) fn write_taking(out: &mut ByteWriter, taking: &Taking) {
    out.byte(u8::from(taking.original.is_some()) | u8::from(taking.corrects.is_some()) << 1);
    if let Some(place) = taking.original {
        write_place(out, place);
    }
    if let Some(id) = taking.corrects {
        out.wide(id.0);
    }
    out.signed(taking.amount.ten_thousandths());
    write_correctable(out, &taking.of_sums);
}

pub(super) fn read_taking(input: &mut ByteReader<'_>) -> Result<Taking, JournalFault> {
    let there = input.byte()?;
    Ok(Taking {
        original: (there & 1 != 0).then(|| read_place(input)).transpose()?,
        corrects: (there & 2 != 0).then(|| input.wide()).transpose()?.map(TransactionId),
        amount: read_amount(input)?,
        of_sums: read_correctable(input)?,
    })
}

pub(super) fn write_hold(out: &mut ByteWriter, hold: &Hold) {
    out.wide(hold.transaction_id.0);
    write_place(out, hold.place);
    out.optional_text(hold.account_transaction_id.as_deref());
    out.byte(hold.event_type as u8);
    out.signed(hold.event_time.0);
    out.byte(hold.currency as u8);
    out.byte(hold.country as u8);
    out.byte(hold.language as u8);
    out.signed(hold.held.ten_thousandths());
    out.signed(hold.posts.ten_thousandths());
    out.byte(hold.taking.is_some().into());
    if let Some(taking) = &hold.taking {
        write_taking(out, taking);
    }
    out.signed(hold.expires.0);
    out.unsigned(hold.repeats.len() as u64);
    hold.repeats.iter().for_each(|repeat| out.wide(repeat.0));
}

pub(super) fn read_hold(input: &mut ByteReader<'_>) -> Result<Hold, JournalFault> {
    Ok(Hold {
        transaction_id: TransactionId(input.wide()?),
        place: read_place(input)?,
        account_transaction_id: input.optional_text()?.map(Box::from),
        event_type: read_index(input, EventType::ALL)?,
        event_time: Micros(input.signed()?),
        currency: read_index(input, Currency::ALL)?,
        country: read_index(input, CountryCode::ALL)?,
        language: read_index(input, Language::ALL)?,
        held: read_amount(input)?,
        posts: read_amount(input)?,
        taking: if input.byte()? != 0 { Some(read_taking(input)?) } else { None },
        asks_to_identify: false,
        expires: Micros(input.signed()?),
        repeats: {
            let count = input.count()?;
            (0..count).map(|_| input.wide().map(TransactionId)).collect::<Result<_, _>>()?
        },
    })
}

pub(super) fn write_answer(out: &mut ByteWriter, answer: &StoredAnswer) {
    match answer.of {
        AnswerOf::Place(place) => {
            out.byte(0);
            write_place(out, place);
        }
        AnswerOf::OldId(id) => {
            out.byte(1);
            out.long(id);
        }
    }
    write_messages(out, &answer.messages);
}

pub(super) fn read_answer(input: &mut ByteReader<'_>) -> Result<StoredAnswer, JournalFault> {
    let of = match input.byte()? {
        0 => AnswerOf::Place(read_place(input)?),
        1 => AnswerOf::OldId(input.long()?),
        _ => return Err(JournalFault::Damaged("an answer is to nothing that is known")),
    };
    Ok(StoredAnswer { of, messages: read_messages(input)? })
}

fn write_messages(out: &mut ByteWriter, messages: &[StoredMessage]) {
    out.unsigned(messages.len() as u64);
    for message in messages {
        out.text(message.code.as_str());
        out.byte(message.kind);
        out.byte(message.action);
        out.optional_text(message.field.as_deref());
    }
}

fn read_messages(input: &mut ByteReader<'_>) -> Result<Box<[StoredMessage]>, JournalFault> {
    let count = input.count()?;
    let mut message = || {
        Ok(StoredMessage {
            code: Code::of(input.text()?),
            kind: input.byte()?,
            action: input.byte()?,
            field: input.optional_text()?.map(Box::from),
        })
    };
    (0..count).map(|_| message()).collect()
}

pub(super) fn read_standing(input: &mut ByteReader<'_>) -> Result<AccountFlags, JournalFault> {
    standing_of(input.unsigned()?)
}

fn standing_of(bits: u64) -> Result<AccountFlags, JournalFault> {
    let bits = u16::try_from(bits);
    bits.map(AccountFlags).map_err(|_| JournalFault::Damaged("unknown standing facts"))
}

pub(super) fn write_hashes(out: &mut ByteWriter, hashes: &[u64]) {
    out.unsigned(hashes.len() as u64);
    for hash in hashes {
        out.long(*hash);
    }
}

pub(super) fn read_hashes(input: &mut ByteReader<'_>) -> Result<Vec<u64>, JournalFault> {
    let count = input.count()?;
    (0..count).map(|_| input.long()).collect()
}

/// An enum's symbol by its index, from 1; 0: none.
pub(super) fn write_symbol(out: &mut ByteWriter, index: Option<usize>) {
    out.byte(index.map_or(0, |index| index as u8 + 1));
}

pub(super) fn read_symbol<T: Copy>(input: &mut ByteReader<'_>, all: &[T]) -> Result<Option<T>, JournalFault> {
    match input.byte()? {
        0 => Ok(None),
        place => symbol_at(all, place - 1).map(Some),
    }
}

pub(super) fn read_index<T: Copy>(input: &mut ByteReader<'_>, all: &[T]) -> Result<T, JournalFault> {
    let place = input.byte()?;
    symbol_at(all, place)
}

fn symbol_at<T: Copy>(all: &[T], place: u8) -> Result<T, JournalFault> {
    all.get(usize::from(place)).copied().ok_or(JournalFault::Damaged("an unknown symbol"))
}

pub(super) fn read_amount(input: &mut ByteReader<'_>) -> Result<Amount, JournalFault> {
    Amount::new(input.signed()?).ok_or(JournalFault::Damaged("an amount is out of range"))
}
