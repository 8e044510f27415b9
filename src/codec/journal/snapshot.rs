//! Full account states as bytes, and the pieces that facts share with them.

use super::bytes::{Reader, Writer};
use super::{JournalFault, numbered};
use crate::domain::code::Code;
use crate::domain::enums::{CountryCode, Currency, EventType, Language};
use crate::domain::ids::TransactionId;
use crate::domain::{Amount, Micros};
use crate::state::{Account, Answer, Hold, MasterData, Rare, Recent, RecentFlags, Standing, StoredMessage};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;

/// Appends an account's full state.
pub fn write_account(out: &mut Writer, account: &Account) {
    out.text(&account.number);
    for amount in [
        account.balance,
        account.fees,
        account.limit,
        account.held(),
        account.purchases_correctable,
        account.withdrawals_correctable,
    ] {
        out.signed(amount.ten_thousandths());
    }
    out.signed(account.revision);
    out.byte(account.standing.0);
    write_symbol(out, account.currency.map(Currency::index));
    write_symbol(out, account.country.map(CountryCode::index));
    out.unsigned(account.recent.len() as u64);
    let mut before = Micros(0);
    for recent in &account.recent {
        write_recent(out, recent, before);
        before = recent.time;
    }
    out.byte(account.master_data.is_some().into());
    if let Some(master_data) = &account.master_data {
        write_master_data(out, master_data);
    }
    out.byte(account.rare.is_some().into());
    if let Some(rare) = &account.rare {
        write_rare(out, rare);
    }
}

/// Reads an account's full state.
///
/// # Errors
/// [`JournalFault`] where the bytes are damaged.
pub fn read_account(input: &mut Reader<'_>) -> Result<Account, JournalFault> {
    let mut account = Account::opened(input.text()?, Amount::ZERO, None, None);
    // Follows from the holds.
    let mut held = Amount::ZERO;
    for amount in [
        &mut account.balance,
        &mut account.fees,
        &mut account.limit,
        &mut held,
        &mut account.purchases_correctable,
        &mut account.withdrawals_correctable,
    ] {
        *amount = read_amount(input)?;
    }
    account.revision = input.signed()?;
    account.standing = Standing(input.byte()?);
    account.currency = read_symbol(input, Currency::ALL)?;
    account.country = read_symbol(input, CountryCode::ALL)?;
    let count = input.count()?;
    account.recent = VecDeque::with_capacity(count);
    let mut before = Micros(0);
    for _ in 0..count {
        let recent = read_recent(input, before)?;
        before = recent.time;
        account.recent.push_back(recent);
    }
    if input.byte()? != 0 {
        account.master_data = Some(Arc::new(read_master_data(input)?));
    }
    if input.byte()? != 0 {
        account.rare = Some(Box::new(read_rare(input)?));
    }
    Ok(account)
}

fn write_master_data(out: &mut Writer, master_data: &MasterData) {
    write_hashes(out, master_data.chips());
    write_hashes(out, master_data.blocked_chips());
    write_hashes(out, master_data.event_ids());
    out.optional_text(master_data.party_id.as_deref());
}

fn read_master_data(input: &mut Reader<'_>) -> Result<MasterData, JournalFault> {
    let mut hashes = SmallVec::new();
    let mut ends = [0; 3];
    for end in &mut ends {
        let count = input.count()?;
        hashes.reserve_exact(count);
        for _ in 0..count {
            hashes.push(input.long()?);
        }
        *end = hashes.len();
    }
    let party_id = input.optional_text()?.map(Box::from);
    Ok(MasterData::new(hashes, [ends[0], ends[1]], party_id))
}

fn write_rare(out: &mut Writer, rare: &Rare) {
    out.unsigned(rare.holds.len() as u64);
    for hold in &rare.holds {
        write_hold(out, hold);
    }
    out.unsigned(rare.flags.len() as u64);
    for flag in &rare.flags {
        out.text(flag);
    }
    out.unsigned(rare.answers.len() as u64);
    for answer in &rare.answers {
        write_answer(out, answer);
    }
}

fn read_rare(input: &mut Reader<'_>) -> Result<Rare, JournalFault> {
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
    Ok(rare)
}

/// One remembered event; its time as the distance to the one `before`.
pub(super) fn write_recent(out: &mut Writer, recent: &Recent, before: Micros) {
    out.signed(recent.time.0.wrapping_sub(before.0));
    out.signed(recent.amount.ten_thousandths());
    out.long(recent.id);
    out.word(recent.content);
    out.word(recent.terminal);
    out.word(recent.chip);
    out.word(recent.flags.0);
}

pub(super) fn read_recent(input: &mut Reader<'_>, before: Micros) -> Result<Recent, JournalFault> {
    Ok(Recent {
        time: Micros(before.0.wrapping_add(input.signed()?)),
        amount: read_amount(input)?,
        id: input.long()?,
        content: input.word()?,
        terminal: input.word()?,
        chip: input.word()?,
        flags: RecentFlags(input.word()?),
    })
}

pub(super) fn write_hold(out: &mut Writer, hold: &Hold) {
    out.wide(hold.transaction_id.0);
    out.optional_text(hold.account_transaction_id.as_deref());
    out.byte(hold.event_type as u8);
    out.signed(hold.event_time.0);
    out.byte(hold.currency as u8);
    out.byte(hold.language as u8);
    out.signed(hold.held.ten_thousandths());
    out.signed(hold.posts.ten_thousandths());
    out.signed(hold.expires.0);
}

pub(super) fn read_hold(input: &mut Reader<'_>) -> Result<Hold, JournalFault> {
    Ok(Hold {
        transaction_id: TransactionId(input.wide()?),
        account_transaction_id: input.optional_text()?.map(Box::from),
        event_type: read_index(input, EventType::ALL)?,
        event_time: Micros(input.signed()?),
        currency: read_index(input, Currency::ALL)?,
        language: read_index(input, Language::ALL)?,
        held: read_amount(input)?,
        posts: read_amount(input)?,
        expires: Micros(input.signed()?),
    })
}

pub(super) fn write_answer(out: &mut Writer, answer: &Answer) {
    out.long(answer.id);
    out.unsigned(answer.messages.len() as u64);
    for message in &answer.messages {
        out.text(message.code.as_str());
        out.byte(message.kind);
        out.byte(message.action);
        out.text(&message.message);
        out.optional_text(message.field.as_deref());
    }
}

pub(super) fn read_answer(input: &mut Reader<'_>) -> Result<Answer, JournalFault> {
    let mut answer = Answer { id: input.long()?, messages: Vec::new() };
    for _ in 0..input.count()? {
        answer.messages.push(StoredMessage {
            code: read_code(input)?,
            kind: input.byte()?,
            action: input.byte()?,
            message: input.text()?.into(),
            field: input.optional_text()?.map(Box::from),
        });
    }
    Ok(answer)
}

fn read_code(input: &mut Reader<'_>) -> Result<Code, JournalFault> {
    if input.version() >= 3 {
        return input.text().map(Code::of);
    }
    let (check, place) = (input.byte()?, input.byte()?);
    numbered::code(check, place).ok_or(JournalFault::Damaged("a message is of an unknown check"))
}

pub(super) fn write_hashes(out: &mut Writer, hashes: &[u64]) {
    out.unsigned(hashes.len() as u64);
    for hash in hashes {
        out.long(*hash);
    }
}

pub(super) fn read_hashes(input: &mut Reader<'_>) -> Result<Vec<u64>, JournalFault> {
    let count = input.count()?;
    (0..count).map(|_| input.long()).collect()
}

/// An enum's symbol by its index, from 1; 0: none.
pub(super) fn write_symbol(out: &mut Writer, index: Option<usize>) {
    out.byte(index.map_or(0, |index| index as u8 + 1));
}

pub(super) fn read_symbol<T: Copy>(input: &mut Reader<'_>, all: &[T]) -> Result<Option<T>, JournalFault> {
    match input.byte()? {
        0 => Ok(None),
        place => symbol_at(all, place - 1).map(Some),
    }
}

pub(super) fn read_index<T: Copy>(input: &mut Reader<'_>, all: &[T]) -> Result<T, JournalFault> {
    let place = input.byte()?;
    symbol_at(all, place)
}

fn symbol_at<T: Copy>(all: &[T], place: u8) -> Result<T, JournalFault> {
    all.get(usize::from(place)).copied().ok_or(JournalFault::Damaged("an unknown symbol"))
}

pub(super) fn read_amount(input: &mut Reader<'_>) -> Result<Amount, JournalFault> {
    Amount::new(input.signed()?).ok_or(JournalFault::Damaged("an amount is out of range"))
}
