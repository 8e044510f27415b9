//! Facts as bytes: an account's number and what happened to it. A tag never changes its meaning.

use super::bytes::{ByteReader, ByteWriter};
use super::{JournalFault, old, snapshot};
use crate::domain::enums::{CountryCode, Currency, EventType};
use crate::domain::ids::TransactionId;
use crate::domain::{Amount, Micros};
use crate::state::{
    AccountFlags, AppliedEvents, Attempt, Booking, Fact, Facts, FactsOfAccount, Hold, Keep, Mark, Memory,
    Patch, RememberedFact, Thing,
};
use std::borrow::Cow;

const OPENED: u8 = 1;
const OLD_EVALUATED: u8 = 2;
const OLD_ANSWERED: u8 = 3;
const BOOKED: u8 = 4;
const OLD_HOLD_PLACED: u8 = 5;
const HOLD_ENDED: u8 = 6;
const OLD_ACCOUNT_EVENT_APPLIED: u8 = 7;
const PAID: u8 = 8;
const CASH_ADVANCED: u8 = 9;
const LIMIT_SET: u8 = 10;
const OLD_STANDING_SET: u8 = 11;
const FLAG_SET: u8 = 12;
const OLD_PATCHED: u8 = 13;
const EVALUATED: u8 = 14;
const REMEMBERED: u8 = 15;
const ATTEMPTED: u8 = 16;
const REFUSED: u8 = 17;
const ANSWERED: u8 = 18;
const GAVE_BACK: u8 = 19;
const TAKEN: u8 = 20;
const GIVEN_BACK: u8 = 21;
const HOLD_PLACED: u8 = 22;
const HOLD_SHRUNK: u8 = 23;
const HOLD_REPEATED: u8 = 24;
const CURRENCY_SET: u8 = 25;
const ACCOUNT_EVENT_APPLIED: u8 = 26;
const PAID_SPLIT: u8 = 27;
const PAYMENT_REVERSED: u8 = 28;
const MARKED: u8 = 29;
const STANDING_SET: u8 = 30;
const RESERVED: u8 = 31;
const HOLD_MOVED: u8 = 32;
const PATCHED: u8 = 33;
const COUNTED: u8 = 34;
const IDENTIFIED: u8 = 35;
/// A hold whose messages asked the customer to identify.
const ASKING_HOLD_PLACED: u8 = 36;

/// Appends the facts of one account.
pub fn write_change(out: &mut ByteWriter, change: &FactsOfAccount<'_>) {
    out.text(&change.account);
    out.unsigned(change.facts.len() as u64);
    for fact in &change.facts {
        write_fact(out, fact);
    }
}

/// Reads the facts of one account.
///
/// # Errors
/// [`JournalFault`] where the bytes are damaged.
pub fn read_change<'a>(input: &mut ByteReader<'a>) -> Result<FactsOfAccount<'a>, JournalFault> {
    let mut change = FactsOfAccount::default();
    read_change_into(input, &mut change)?;
    Ok(change)
}

/// [`read_change`] over one that is no longer needed: it is large, and where many are read each move counts.
///
/// # Errors
/// As [`read_change`].
pub fn read_change_into<'a>(
    input: &mut ByteReader<'a>,
    change: &mut FactsOfAccount<'a>,
) -> Result<(), JournalFault> {
    change.account = Cow::Borrowed(input.text()?);
    change.facts.clear();
    for _ in 0..input.count()? {
        read_fact(input, &mut change.facts)?;
    }
    Ok(())
}

fn write_fact(out: &mut ByteWriter, fact: &Fact) {
    match fact {
        Fact::Opened { limit, currency, country } => {
            write_amount(out, OPENED, *limit);
            snapshot::write_symbol(out, currency.map(Currency::index));
            snapshot::write_symbol(out, country.map(CountryCode::index));
        }
        Fact::Evaluated => out.byte(EVALUATED),
        Fact::Remembered(remembered) => {
            let RememberedFact { event, keep } = &**remembered;
            out.byte(REMEMBERED);
            snapshot::write_packed(out, Memory::from_iter([event]).bytes());
            out.signed(event.seen.0.wrapping_sub(keep.all_from.0));
            out.signed(keep.all_from.0.wrapping_sub(keep.originals_from.0));
        }
        Fact::Attempted { attempt, keep_from } => {
            out.byte(ATTEMPTED);
            snapshot::write_attempt(out, attempt);
            out.signed(attempt.seen.0.wrapping_sub(keep_from.0));
        }
        Fact::Refused { refused, keep_from, most } => {
            out.byte(REFUSED);
            snapshot::write_refused(out, refused);
            out.signed(refused.event.seen.0.wrapping_sub(keep_from.0));
            out.unsigned(*most as u64);
        }
        Fact::Answered(answer) => {
            out.byte(ANSWERED);
            snapshot::write_answer(out, answer);
        }
        Fact::Booked(booking) => {
            out.byte(BOOKED);
            out.byte(booking.event_type as u8);
            out.signed(booking.amount.ten_thousandths());
        }
        Fact::GaveBack { amount, fees } => write_amounts(out, GAVE_BACK, *amount, *fees),
        Fact::Counted { chip, currency, amount } => {
            write_amount(out, COUNTED, *amount);
            out.long(*chip);
            out.byte(*currency as u8);
        }
        Fact::Identified { chip } => {
            out.byte(IDENTIFIED);
            out.long(*chip);
        }
        Fact::Taken(taking) => {
            out.byte(TAKEN);
            snapshot::write_taking(out, taking);
        }
        Fact::GivenBack(taking) => {
            out.byte(GIVEN_BACK);
            snapshot::write_taking(out, taking);
        }
        Fact::Reserved { .. }
        | Fact::HoldPlaced(_)
        | Fact::HoldShrunk { .. }
        | Fact::HoldRepeated { .. }
        | Fact::HoldMoved { .. }
        | Fact::HoldEnded { .. } => write_hold_fact(out, fact),
        Fact::CurrencySet(_)
        | Fact::AccountEventApplied { .. }
        | Fact::Paid(_)
        | Fact::PaidSplit { .. }
        | Fact::PaymentReversed(_)
        | Fact::CashAdvanced(_)
        | Fact::LimitSet(_)
        | Fact::StandingSet { .. }
        | Fact::FlagSet { .. }
        | Fact::Patched(_)
        | Fact::Marked(_) => write_account_fact(out, fact),
    }
}

/// Of holds.
fn write_hold_fact(out: &mut ByteWriter, fact: &Fact) {
    match fact {
        Fact::Reserved { transaction_id, of_sums } => {
            out.byte(RESERVED);
            out.wide(transaction_id.0);
            snapshot::write_correctable(out, of_sums);
        }
        Fact::HoldPlaced(hold) => {
            out.byte(if hold.asks_to_identify { ASKING_HOLD_PLACED } else { HOLD_PLACED });
            snapshot::write_hold(out, hold);
        }
        Fact::HoldShrunk { transaction_id, by } => {
            out.byte(HOLD_SHRUNK);
            out.wide(transaction_id.0);
            out.signed(by.ten_thousandths());
        }
        Fact::HoldRepeated { transaction_id, repeat } => {
            out.byte(HOLD_REPEATED);
            out.wide(transaction_id.0);
            out.wide(repeat.0);
        }
        Fact::HoldMoved { transaction_id, expires } => {
            out.byte(HOLD_MOVED);
            out.wide(transaction_id.0);
            out.signed(expires.0);
        }
        Fact::HoldEnded { transaction_id, granted } => {
            out.byte(HOLD_ENDED);
            out.wide(transaction_id.0);
            out.byte((*granted).into());
        }
        _ => {}
    }
}

/// Of the account's standing, and of what the account system told.
fn write_account_fact(out: &mut ByteWriter, fact: &Fact) {
    match fact {
        Fact::CurrencySet(currency) => {
            out.byte(CURRENCY_SET);
            snapshot::write_symbol(out, currency.map(Currency::index));
        }
        Fact::AccountEventApplied { event, keep_from } => {
            out.byte(ACCOUNT_EVENT_APPLIED);
            snapshot::write_packed(out, AppliedEvents::from_iter([event]).bytes());
            out.signed(event.seen.0.wrapping_sub(keep_from.0));
        }
        Fact::Paid(amount) => write_amount(out, PAID, *amount),
        Fact::PaidSplit { amount, fees } => write_amounts(out, PAID_SPLIT, *amount, *fees),
        Fact::PaymentReversed(id) => {
            out.byte(PAYMENT_REVERSED);
            out.long(*id);
        }
        Fact::CashAdvanced(amount) => write_amount(out, CASH_ADVANCED, *amount),
        Fact::LimitSet(amount) => write_amount(out, LIMIT_SET, *amount),
        Fact::StandingSet { bit, on } => {
            out.byte(STANDING_SET);
            out.unsigned(bit.0.into());
            out.byte((*on).into());
        }
        Fact::FlagSet { name, on } => {
            out.byte(FLAG_SET);
            out.text(name);
            out.byte((*on).into());
        }
        Fact::Patched(patch) => {
            out.byte(if patch.old_hashes { OLD_PATCHED } else { PATCHED });
            write_patch(out, patch);
        }
        Fact::Marked(mark) => {
            out.byte(MARKED);
            out.unsigned(mark.thing.0);
            out.signed(mark.created.0);
        }
        _ => {}
    }
}

fn write_amounts(out: &mut ByteWriter, tag: u8, amount: Amount, fees: Amount) {
    write_amount(out, tag, amount);
    out.signed(fees.ten_thousandths());
}

fn write_amount(out: &mut ByteWriter, tag: u8, amount: Amount) {
    out.byte(tag);
    out.signed(amount.ten_thousandths());
}

fn write_patch(out: &mut ByteWriter, patch: &Patch) {
    out.optional_text(patch.party_id.as_deref());
    snapshot::write_symbol(out, patch.currency.map(Currency::index));
    snapshot::write_symbol(out, patch.country.map(CountryCode::index));
    for chips in [&patch.chips, &patch.blocked_chips] {
        out.byte(chips.is_some().into());
        if let Some(chips) = chips {
            snapshot::write_hashes(out, chips);
        }
    }
}

/// Adds the next fact; what an old one stands for may be several.
fn read_fact(input: &mut ByteReader<'_>, facts: &mut Facts) -> Result<(), JournalFault> {
    let fact = match input.byte()? {
        OPENED => Fact::Opened {
            limit: snapshot::read_amount(input)?,
            currency: snapshot::read_symbol(input, Currency::ALL)?,
            country: snapshot::read_symbol(input, CountryCode::ALL)?,
        },
        OLD_EVALUATED => return old::read_evaluated(input, facts),
        EVALUATED => Fact::Evaluated,
        REMEMBERED => {
            let memory = snapshot::read_packed(input, Memory::of_bytes)?;
            let event = memory.iter().next().ok_or(JournalFault::Damaged("no event is remembered"))?;
            let all_from = read_earlier_time(event.seen, input)?;
            let originals_from = read_earlier_time(all_from, input)?;
            Fact::Remembered(Box::new(RememberedFact { event, keep: Keep { all_from, originals_from } }))
        }
        ATTEMPTED => {
            let attempt: Attempt = snapshot::read_attempt(input)?;
            Fact::Attempted { attempt, keep_from: read_earlier_time(attempt.seen, input)? }
        }
        REFUSED => {
            let refused = Box::new(snapshot::read_refused(input)?);
            let keep_from = read_earlier_time(refused.event.seen, input)?;
            Fact::Refused {
                refused,
                keep_from,
                most: usize::try_from(input.unsigned()?).unwrap_or(usize::MAX),
            }
        }
        OLD_ANSWERED => Fact::Answered(Box::new(old::read_answer(input)?)),
        ANSWERED => Fact::Answered(Box::new(snapshot::read_answer(input)?)),
        BOOKED => Fact::Booked(Booking {
            event_type: snapshot::read_index(input, EventType::ALL)?,
            amount: snapshot::read_amount(input)?,
        }),
        GAVE_BACK => {
            Fact::GaveBack { amount: snapshot::read_amount(input)?, fees: snapshot::read_amount(input)? }
        }
        TAKEN => Fact::Taken(snapshot::read_taking(input)?),
        GIVEN_BACK => Fact::GivenBack(snapshot::read_taking(input)?),
        RESERVED => Fact::Reserved {
            transaction_id: TransactionId(input.wide()?),
            of_sums: snapshot::read_correctable(input)?,
        },
        OLD_HOLD_PLACED => Fact::HoldPlaced(Box::new(old::read_hold(input)?)),
        HOLD_PLACED => Fact::HoldPlaced(Box::new(snapshot::read_hold(input)?)),
        ASKING_HOLD_PLACED => {
            let hold = snapshot::read_hold(input)?;
            Fact::HoldPlaced(Box::new(Hold { asks_to_identify: true, ..hold }))
        }
        COUNTED => Fact::Counted {
            amount: snapshot::read_amount(input)?,
            chip: input.long()?,
            currency: snapshot::read_index(input, Currency::ALL)?,
        },
        IDENTIFIED => Fact::Identified { chip: input.long()? },
        HOLD_SHRUNK => Fact::HoldShrunk {
            transaction_id: TransactionId(input.wide()?),
            by: snapshot::read_amount(input)?,
        },
        HOLD_REPEATED => Fact::HoldRepeated {
            transaction_id: TransactionId(input.wide()?),
            repeat: TransactionId(input.wide()?),
        },
        tag => read_account_fact(tag, input)?,
    };
    facts.push(fact);
    Ok(())
}

/// A fact of the account's standing, or of what the account system told.
fn read_account_fact(tag: u8, input: &mut ByteReader<'_>) -> Result<Fact, JournalFault> {
    Ok(match tag {
        HOLD_MOVED => {
            Fact::HoldMoved { transaction_id: TransactionId(input.wide()?), expires: Micros(input.signed()?) }
        }
        HOLD_ENDED => {
            Fact::HoldEnded { transaction_id: TransactionId(input.wide()?), granted: input.byte()? != 0 }
        }
        CURRENCY_SET => Fact::CurrencySet(snapshot::read_symbol(input, Currency::ALL)?),
        OLD_ACCOUNT_EVENT_APPLIED => old::applied(input.long()?),
        ACCOUNT_EVENT_APPLIED => {
            let events = snapshot::read_packed(input, AppliedEvents::of_bytes)?;
            let event = events.iter().next().ok_or(JournalFault::Damaged("no account event was applied"))?;
            Fact::AccountEventApplied { event, keep_from: read_earlier_time(event.seen, input)? }
        }
        PAID => Fact::Paid(snapshot::read_amount(input)?),
        PAID_SPLIT => {
            Fact::PaidSplit { amount: snapshot::read_amount(input)?, fees: snapshot::read_amount(input)? }
        }
        PAYMENT_REVERSED => Fact::PaymentReversed(input.long()?),
        CASH_ADVANCED => Fact::CashAdvanced(snapshot::read_amount(input)?),
        LIMIT_SET => Fact::LimitSet(snapshot::read_amount(input)?),
        OLD_STANDING_SET => {
            Fact::StandingSet { bit: AccountFlags(input.byte()?.into()), on: input.byte()? != 0 }
        }
        STANDING_SET => Fact::StandingSet { bit: snapshot::read_standing(input)?, on: input.byte()? != 0 },
        FLAG_SET => Fact::FlagSet { name: input.text()?.into(), on: input.byte()? != 0 },
        OLD_PATCHED => Fact::Patched(Box::new(read_patch(input, true)?)),
        PATCHED => Fact::Patched(Box::new(read_patch(input, false)?)),
        MARKED => Fact::Marked(Mark { thing: Thing(input.unsigned()?), created: Micros(input.signed()?) }),
        _ => return Err(JournalFault::Damaged("an unknown fact")),
    })
}

/// A time, by how long it lies before another.
fn read_earlier_time(time: Micros, input: &mut ByteReader<'_>) -> Result<Micros, JournalFault> {
    Ok(Micros(time.0.wrapping_sub(input.signed()?)))
}

fn read_patch(input: &mut ByteReader<'_>, old_hashes: bool) -> Result<Patch, JournalFault> {
    let mut patch = Patch {
        party_id: input.optional_text()?.map(Into::into),
        currency: snapshot::read_symbol(input, Currency::ALL)?,
        country: snapshot::read_symbol(input, CountryCode::ALL)?,
        old_hashes,
        ..Patch::default()
    };
    for chips in [&mut patch.chips, &mut patch.blocked_chips] {
        if input.byte()? != 0 {
            *chips = Some(snapshot::read_hashes(input)?);
        }
    }
    Ok(patch)
}
