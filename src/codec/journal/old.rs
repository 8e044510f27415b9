//! Account states and facts as versions 1 to 3 of the journal have them. They kept no place and no content of an event, 32
//! bits of most hashes, refused events among the others, and account events without time.

use super::bytes::ByteReader;
use super::snapshot::read_chips;
use super::{JournalFault, numbered};
use crate::domain::code::Code;
use crate::domain::enums::{CountryCode, Currency, EventType, Verdict};
use crate::domain::ids::TransactionId;
use crate::domain::{Amount, Micros, limits};
use crate::state::{
    Account, AccountFlags, AnswerOf, AppliedEvent, EventPlace, Fact, Facts, Hold, Keep, MasterData,
    MoneyKind, RefusedEvent, Remembered, RememberedFact, StoredAnswer, StoredMessage, attempt, old_id_hash,
};
use std::sync::Arc;

/// Tags of facts that are written no more: what they say of an event, an answer, a hold or an account is as here.
pub(super) const EVALUATED: u8 = 2;
pub(super) const ANSWERED: u8 = 3;
pub(super) const HOLD_PLACED: u8 = 5;
pub(super) const ACCOUNT_EVENT_APPLIED: u8 = 7;
pub(super) const STANDING_SET: u8 = 11;
/// Of an account whose chips are hashed as then: written where state is that old.
pub(super) const PATCHED: u8 = 13;

/// An account's full state.
pub(super) fn read_account(input: &mut ByteReader<'_>) -> Result<Account, JournalFault> {
    let mut account = Account::opened(input.text()?, Amount::ZERO, None, None);
    // What is held follows from the holds.
    let [mut held, mut purchases, mut withdrawals] = [Amount::ZERO; 3];
    for amount in [
        &mut account.balance,
        &mut account.fees,
        &mut account.limit,
        &mut held,
        &mut purchases,
        &mut withdrawals,
    ] {
        *amount = input.piece()?;
    }
    account.correctable_of_old_journal(purchases, withdrawals);
    account.revision = input.signed()?;
    account.standing = AccountFlags(input.byte()?.into());
    account.currency = input.piece()?;
    account.country = input.piece()?;
    let count = input.count()?;
    let mut events = Vec::with_capacity(count);
    let mut before = Micros(0);
    for _ in 0..count {
        let event = read_recent(input, before)?;
        before = event.time;
        events.push(event);
    }
    if input.byte()? != 0 {
        account.master_data = Some(Arc::new(read_master_data(input)?));
    }
    if input.byte()? != 0 {
        let rare = account.rare.get_or_insert_default();
        for _ in 0..input.count()? {
            rare.holds.push(read_hold(input)?);
        }
        for _ in 0..input.count()? {
            rare.flags.push(input.text()?.into());
        }
        for _ in 0..input.count()? {
            rare.answers.push_back(read_answer(input)?);
        }
    }
    let currency = account.currency.unwrap_or(Currency::Unrecognized);
    events.iter_mut().for_each(|event| event.kind.currency = currency);
    account.remember_of_old_journal(&events);
    Ok(account)
}

fn read_master_data(input: &mut ByteReader<'_>) -> Result<MasterData, JournalFault> {
    let mut master_data = read_chips(input)?;
    master_data.old_hashes = true;
    let events: Vec<AppliedEvent> = input.piece::<Vec<u64>>()?.into_iter().map(applied_event).collect();
    master_data.events = events.iter().collect();
    master_data.party_id = input.optional_text()?.map(Into::into);
    Ok(master_data)
}

/// It is not known when it was seen: only the bound pushes it out.
fn applied_event(id: u64) -> AppliedEvent {
    AppliedEvent { id, key: 0, content: 0, seen: Micros(i64::MAX), payment: None }
}

pub(super) fn applied(id: u64) -> Fact {
    Fact::AccountEventApplied { event: applied_event(id), keep_from: Micros(i64::MIN) }
}

/// A fact that says both that an event was evaluated and what is remembered of it.
pub(super) fn read_evaluated(input: &mut ByteReader<'_>, facts: &mut Facts) -> Result<(), JournalFault> {
    let event = read_recent(input, Micros(0))?;
    let keep_from = Micros(event.time.0.wrapping_sub(input.signed()?));
    facts.push(Fact::Evaluated);
    if event.verdict == Verdict::Rejected {
        if event.kind.charges() {
            facts.push(Fact::Attempted { attempt: attempt(&event, false), keep_from });
        }
        if event.id != 0 {
            let refused = Box::new(RefusedEvent { event, messages: Box::default() });
            facts.push(Fact::Refused { refused, keep_from, most: limits::REFUSED_MAX });
        }
    } else {
        let keep = Keep { all_from: keep_from, originals_from: keep_from };
        facts.push(Fact::Remembered(Box::new(RememberedFact { event, keep })));
    }
    Ok(())
}

/// One remembered event; its time as the distance to the one `before`.
fn read_recent(input: &mut ByteReader<'_>, before: Micros) -> Result<Remembered, JournalFault> {
    let time = Micros(before.0.wrapping_add(input.signed()?));
    let amount: Amount = input.piece()?;
    let id = input.long()?;
    let _content = input.word()?;
    let terminal = input.word()?.into();
    let chip = input.word()?.into();
    // Bits 0-2 event type, 3-4 first answer, 5 accepted, 6 has messages, 8-31 of the basket.
    let flags = input.word()?;
    let counted_as = EventType::ALL[(flags & 7) as usize];
    let first = Verdict::ALL[(flags >> 3 & 3) as usize];
    let accepted = flags & 1 << 5 != 0;
    let gives_back = counted_as == EventType::WithdrawalCorrection
        || (counted_as == EventType::Correction && amount.is_negative());
    let kind = MoneyKind {
        event_type: counted_as,
        gives_back,
        category: None,
        currency: Currency::Unrecognized,
        country: CountryCode::Unrecognized,
    };
    let is_original = kind.charges() || kind.is_fee();
    Ok(Remembered {
        place: EventPlace::of_old_journal(time, id),
        time,
        seen: time,
        amount,
        counts: amount,
        left: if is_original { amount } else { Amount::ZERO },
        id,
        basket: 0,
        corrects: 0,
        terminal,
        chip,
        original: None,
        kind,
        verdict: if accepted { Verdict::Accepted } else { first },
        has_messages: flags & 1 << 6 != 0,
    })
}

pub(super) fn read_hold(input: &mut ByteReader<'_>) -> Result<Hold, JournalFault> {
    let transaction_id = TransactionId(input.wide()?);
    let account_transaction_id: Option<Box<str>> = input.optional_text()?.map(Box::from);
    let event_type = input.piece()?;
    let event_time = Micros(input.signed()?);
    let place = EventPlace::of_old_journal(event_time, old_id_hash(account_transaction_id.as_deref()));
    Ok(Hold {
        transaction_id,
        place,
        account_transaction_id,
        event_type,
        event_time,
        currency: input.piece()?,
        country: CountryCode::Unrecognized,
        language: input.piece()?,
        held: input.piece()?,
        posts: input.piece()?,
        taking: None,
        asks_to_identify: false,
        expires: Micros(input.signed()?),
        repeats: Vec::new(),
    })
}

/// An answer with its texts, which are passed over: no repeat has figures.
pub(super) fn read_answer(input: &mut ByteReader<'_>) -> Result<StoredAnswer, JournalFault> {
    let of = AnswerOf::OldId(input.long()?);
    let mut messages = Vec::new();
    for _ in 0..input.count()? {
        let code = read_code(input)?;
        let (kind, action) = (input.byte()?, input.byte()?);
        input.text()?;
        let field = input.optional_text()?.map(Box::from);
        if messages.len() < limits::STORED_MESSAGES_MAX {
            messages.push(StoredMessage { code, kind, action, field });
        }
    }
    Ok(StoredAnswer { of, messages: messages.into() })
}

fn read_code(input: &mut ByteReader<'_>) -> Result<Code, JournalFault> {
    if input.version() >= 3 {
        return input.text().map(Code::of);
    }
    let (check, place) = (input.byte()?, input.byte()?);
    numbered::code(check, place).ok_or(JournalFault::Damaged("a message is of an unknown check"))
}
