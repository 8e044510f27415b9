//! Facts as bytes: an account's number and what happened to it. A tag never changes its meaning.

use super::bytes::{ByteReader, ByteWriter};
use super::pieces::{Journalled, read_optional, write_optional, write_packed};
use super::{JournalFault, old};
use crate::domain::Micros;
use crate::state::{
    AccountFlags, AppliedEvents, Attempt, Fact, Facts, FactsOfAccount, Hold, Keep, Memory, Patch,
    RefusedEvent, RememberedFact,
};
use std::borrow::Cow;

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

/// Facts that stand as their fields in this order, behind their tag; others by [`write_other`] and [`read_other`].
macro_rules! facts {
    ($($tag:literal $fact:ident $(($value:ident))? $({ $($field:ident),+ })?;)+) => {
        fn write_fact(out: &mut ByteWriter, fact: &Fact) {
            match fact {
                $(Fact::$fact $(($value))? $({ $($field),+ })? => {
                    out.byte($tag);
                    $($value.write(out);)?
                    $($($field.write(out);)+)?
                })+
                other => write_other(out, other),
            }
        }

        /// Adds the next fact; what an old one stands for may be several.
        fn read_fact(input: &mut ByteReader<'_>, facts: &mut Facts) -> Result<(), JournalFault> {
            let fact = match input.byte()? {
                $($tag => {
                    $(let $value = input.piece()?;)?
                    $($(let $field = input.piece()?;)+)?
                    Fact::$fact $(($value))? $({ $($field),+ })?
                })+
                old::EVALUATED => return old::read_evaluated(input, facts),
                tag => read_other(tag, input)?,
            };
            facts.push(fact);
            Ok(())
        }
    };
}

facts! {
    1 Opened { limit, currency, country };
    4 Booked(booking);
    6 HoldEnded { transaction_id, granted };
    8 Paid(amount);
    9 CashAdvanced(amount);
    10 LimitSet(limit);
    12 FlagSet { name, on };
    14 Evaluated;
    15 Remembered(remembered);
    18 Answered(answer);
    19 GaveBack { amount, fees };
    20 Taken(taking);
    21 GivenBack(taking);
    23 HoldShrunk { transaction_id, by };
    24 HoldRepeated { transaction_id, repeat };
    25 CurrencySet(currency);
    27 PaidSplit { amount, fees };
    28 PaymentReversed(id);
    29 Marked(mark);
    30 StandingSet { bit, on };
    31 Reserved { transaction_id, of_sums };
    32 HoldMoved { transaction_id, expires };
    34 Counted { amount, chip, currency };
    35 Identified { chip };
}

const ATTEMPTED: u8 = 16;
const REFUSED: u8 = 17;
const HOLD_PLACED: u8 = 22;
const ACCOUNT_EVENT_APPLIED: u8 = 26;
const PATCHED: u8 = 33;
/// A hold whose messages asked the customer to identify.
const ASKING_HOLD_PLACED: u8 = 36;

fn write_other(out: &mut ByteWriter, fact: &Fact) {
    match fact {
        Fact::Attempted { attempt, keep_from } => {
            out.byte(ATTEMPTED);
            attempt.write(out);
            write_earlier_time(out, attempt.seen, *keep_from);
        }
        Fact::Refused { refused, keep_from, most } => {
            out.byte(REFUSED);
            refused.write(out);
            write_earlier_time(out, refused.event.seen, *keep_from);
            most.write(out);
        }
        Fact::HoldPlaced(hold) => {
            out.byte(if hold.asks_to_identify { ASKING_HOLD_PLACED } else { HOLD_PLACED });
            hold.write(out);
        }
        Fact::AccountEventApplied { event, keep_from } => {
            out.byte(ACCOUNT_EVENT_APPLIED);
            write_packed(out, AppliedEvents::from_iter([event]).bytes());
            write_earlier_time(out, event.seen, *keep_from);
        }
        Fact::Patched(patch) => {
            out.byte(if patch.old_hashes { old::PATCHED } else { PATCHED });
            write_patch(out, patch);
        }
        // All others stand as their fields.
        _ => {}
    }
}

fn read_other(tag: u8, input: &mut ByteReader<'_>) -> Result<Fact, JournalFault> {
    Ok(match tag {
        ATTEMPTED => {
            let attempt: Attempt = input.piece()?;
            Fact::Attempted { attempt, keep_from: read_earlier_time(attempt.seen, input)? }
        }
        REFUSED => {
            let refused: Box<RefusedEvent> = input.piece()?;
            let keep_from = read_earlier_time(refused.event.seen, input)?;
            Fact::Refused { refused, keep_from, most: input.piece()? }
        }
        HOLD_PLACED => Fact::HoldPlaced(input.piece()?),
        ASKING_HOLD_PLACED => {
            let hold = input.piece()?;
            Fact::HoldPlaced(Box::new(Hold { asks_to_identify: true, ..hold }))
        }
        ACCOUNT_EVENT_APPLIED => {
            let event = input.piece::<AppliedEvents>()?.iter().next();
            let event = event.ok_or(JournalFault::Damaged("no account event was applied"))?;
            Fact::AccountEventApplied { event, keep_from: read_earlier_time(event.seen, input)? }
        }
        PATCHED => Fact::Patched(Box::new(read_patch(input, false)?)),
        old::PATCHED => Fact::Patched(Box::new(read_patch(input, true)?)),
        old::ANSWERED => Fact::Answered(Box::new(old::read_answer(input)?)),
        old::HOLD_PLACED => Fact::HoldPlaced(Box::new(old::read_hold(input)?)),
        old::ACCOUNT_EVENT_APPLIED => old::applied(input.long()?),
        old::STANDING_SET => {
            Fact::StandingSet { bit: AccountFlags(input.byte()?.into()), on: input.piece()? }
        }
        _ => return Err(JournalFault::Damaged("an unknown fact")),
    })
}

impl Journalled for RememberedFact {
    #[inline]
    fn write(&self, out: &mut ByteWriter) {
        let Self { event, keep } = self;
        write_packed(out, Memory::from_iter([event]).bytes());
        write_earlier_time(out, event.seen, keep.all_from);
        write_earlier_time(out, keep.all_from, keep.originals_from);
    }

    #[inline]
    fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let event = input.piece::<Memory>()?.iter().next();
        let event = event.ok_or(JournalFault::Damaged("no event is remembered"))?;
        let all_from = read_earlier_time(event.seen, input)?;
        let originals_from = read_earlier_time(all_from, input)?;
        Ok(Self { event, keep: Keep { all_from, originals_from } })
    }
}

/// A time, by how long it lies before another.
#[inline]
fn write_earlier_time(out: &mut ByteWriter, time: Micros, earlier: Micros) {
    out.signed(time.0.wrapping_sub(earlier.0));
}

#[inline]
fn read_earlier_time(time: Micros, input: &mut ByteReader<'_>) -> Result<Micros, JournalFault> {
    Ok(Micros(time.0.wrapping_sub(input.signed()?)))
}

fn write_patch(out: &mut ByteWriter, patch: &Patch) {
    patch.party_id.write(out);
    patch.currency.write(out);
    patch.country.write(out);
    write_optional(patch.chips.as_ref(), out);
    write_optional(patch.blocked_chips.as_ref(), out);
}

fn read_patch(input: &mut ByteReader<'_>, old_hashes: bool) -> Result<Patch, JournalFault> {
    Ok(Patch {
        party_id: input.piece()?,
        currency: input.piece()?,
        country: input.piece()?,
        chips: read_optional(input)?,
        blocked_chips: read_optional(input)?,
        old_hashes,
    })
}
