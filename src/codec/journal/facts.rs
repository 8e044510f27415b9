//! Facts as bytes: an account's number and what happened to it. A tag never changes its meaning.

use super::bytes::{Reader, Writer};
use super::{JournalFault, snapshot};
use crate::domain::enums::{CountryCode, Currency, EventType};
use crate::domain::ids::TransactionId;
use crate::domain::{Amount, Micros};
use crate::state::{Booking, Change, Fact, Patch, Standing};
use std::borrow::Cow;

const OPENED: u8 = 1;
const EVALUATED: u8 = 2;
const ANSWERED: u8 = 3;
const BOOKED: u8 = 4;
const HOLD_PLACED: u8 = 5;
const HOLD_ENDED: u8 = 6;
const ACCOUNT_EVENT_APPLIED: u8 = 7;
const PAID: u8 = 8;
const CASH_ADVANCED: u8 = 9;
const LIMIT_SET: u8 = 10;
const STANDING_SET: u8 = 11;
const FLAG_SET: u8 = 12;
const PATCHED: u8 = 13;

/// Appends the facts of one account.
pub fn write_change(out: &mut Writer, change: &Change<'_>) {
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
pub fn read_change<'a>(input: &mut Reader<'a>) -> Result<Change<'a>, JournalFault> {
    let mut change = Change::default();
    read_change_into(input, &mut change)?;
    Ok(change)
}

/// [`read_change`] over one that is no longer needed: it is large, and where many are read each move counts.
///
/// # Errors
/// As [`read_change`].
pub fn read_change_into<'a>(input: &mut Reader<'a>, change: &mut Change<'a>) -> Result<(), JournalFault> {
    change.account = Cow::Borrowed(input.text()?);
    change.facts.clear();
    for _ in 0..input.count()? {
        change.facts.push(read_fact(input)?);
    }
    Ok(())
}

fn write_fact(out: &mut Writer, fact: &Fact) {
    match fact {
        Fact::Opened { limit, currency, country } => {
            out.byte(OPENED);
            out.signed(limit.ten_thousandths());
            snapshot::write_symbol(out, currency.map(Currency::index));
            snapshot::write_symbol(out, country.map(CountryCode::index));
        }
        Fact::Evaluated { recent, keep_from } => {
            out.byte(EVALUATED);
            snapshot::write_recent(out, recent, Micros(0));
            out.signed(recent.time.0 - keep_from.0);
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
        Fact::HoldPlaced(hold) => {
            out.byte(HOLD_PLACED);
            snapshot::write_hold(out, hold);
        }
        Fact::HoldEnded { transaction_id, granted } => {
            out.byte(HOLD_ENDED);
            out.wide(transaction_id.0);
            out.byte((*granted).into());
        }
        Fact::AccountEventApplied { id } => {
            out.byte(ACCOUNT_EVENT_APPLIED);
            out.long(*id);
        }
        Fact::Paid(amount) => write_amount(out, PAID, *amount),
        Fact::CashAdvanced(amount) => write_amount(out, CASH_ADVANCED, *amount),
        Fact::LimitSet(amount) => write_amount(out, LIMIT_SET, *amount),
        Fact::StandingSet { bit, on } => {
            out.byte(STANDING_SET);
            out.byte(bit.0);
            out.byte((*on).into());
        }
        Fact::FlagSet { name, on } => {
            out.byte(FLAG_SET);
            out.text(name);
            out.byte((*on).into());
        }
        Fact::Patched(patch) => {
            out.byte(PATCHED);
            write_patch(out, patch);
        }
    }
}

fn write_amount(out: &mut Writer, tag: u8, amount: Amount) {
    out.byte(tag);
    out.signed(amount.ten_thousandths());
}

fn write_patch(out: &mut Writer, patch: &Patch) {
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

fn read_fact(input: &mut Reader<'_>) -> Result<Fact, JournalFault> {
    Ok(match input.byte()? {
        OPENED => Fact::Opened {
            limit: snapshot::read_amount(input)?,
            currency: snapshot::read_symbol(input, Currency::ALL)?,
            country: snapshot::read_symbol(input, CountryCode::ALL)?,
        },
        EVALUATED => {
            let recent = snapshot::read_recent(input, Micros(0))?;
            let keep_from = Micros(recent.time.0.wrapping_sub(input.signed()?));
            Fact::Evaluated { recent, keep_from }
        }
        ANSWERED => Fact::Answered(Box::new(snapshot::read_answer(input)?)),
        BOOKED => Fact::Booked(Booking {
            event_type: snapshot::read_index(input, EventType::ALL)?,
            amount: snapshot::read_amount(input)?,
        }),
        HOLD_PLACED => Fact::HoldPlaced(Box::new(snapshot::read_hold(input)?)),
        HOLD_ENDED => {
            Fact::HoldEnded { transaction_id: TransactionId(input.wide()?), granted: input.byte()? != 0 }
        }
        ACCOUNT_EVENT_APPLIED => Fact::AccountEventApplied { id: input.long()? },
        PAID => Fact::Paid(snapshot::read_amount(input)?),
        CASH_ADVANCED => Fact::CashAdvanced(snapshot::read_amount(input)?),
        LIMIT_SET => Fact::LimitSet(snapshot::read_amount(input)?),
        STANDING_SET => Fact::StandingSet { bit: Standing(input.byte()?), on: input.byte()? != 0 },
        FLAG_SET => Fact::FlagSet { name: input.text()?.into(), on: input.byte()? != 0 },
        PATCHED => Fact::Patched(Box::new(read_patch(input)?)),
        _ => return Err(JournalFault::Damaged("an unknown fact")),
    })
}

fn read_patch(input: &mut Reader<'_>) -> Result<Patch, JournalFault> {
    let mut patch = Patch {
        party_id: input.optional_text()?.map(Box::from),
        currency: snapshot::read_symbol(input, Currency::ALL)?,
        country: snapshot::read_symbol(input, CountryCode::ALL)?,
        ..Patch::default()
    };
    for chips in [&mut patch.chips, &mut patch.blocked_chips] {
        if input.byte()? != 0 {
            *chips = Some(snapshot::read_hashes(input)?);
        }
    }
    Ok(patch)
}
