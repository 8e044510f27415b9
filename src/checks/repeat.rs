//! Group repeat (checks 19-21): the same transaction again, another one under its id, or the same
//! basket twice.
//!
//! A true repeat (19) is answered before the other checks run: see [`find`].

use super::Context;
use super::catalogue::Check;
use super::findings::{Finding, Findings, Rule};
use super::sound::SoundEvent;
use super::time::span;
use crate::domain::Micros;
use crate::domain::enums::Verdict;
use crate::domain::hashing::hash64;
use crate::domain::pos_event::PosEvent;
use crate::state::{Account, Recent, id_hash};

/// `checks.repeat`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `same.enabled`
    pub same: bool,
    /// `conflict`
    pub conflict: Rule,
    /// `near_duplicate`
    pub near_duplicate: Rule,
    /// `near_duplicate.within`
    pub near_duplicate_within: Micros,
}

/// Digests of an event's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Of everything but the time and the ids of the transaction and the account: the basket, at its terminal.
    pub basket: u64,
    /// Of everything.
    pub content: u64,
}

impl Digest {
    /// The digest of an event: the same whatever format it came in.
    #[must_use]
    pub fn of(event: &PosEvent<'_>) -> Self {
        let mut bytes = Vec::with_capacity(128 + 192 * event.items.len());
        text(&mut bytes, event.pos_id.as_deref());
        number(&mut bytes, &event.total_amount);
        number(&mut bytes, &event.total_tax);
        for item in &event.items {
            text(&mut bytes, item.item_id.as_deref());
            text(&mut bytes, item.item_description.as_deref());
            text(&mut bytes, item.unit_code.as_deref());
            for amount in [
                &item.quantity,
                &item.unit_price,
                &item.net_amount,
                &item.tax_amount,
                &item.discount,
                &item.gross_amount,
            ] {
                number(&mut bytes, amount);
            }
        }
        let basket = hash64(&bytes);
        bytes.clear();
        bytes.extend_from_slice(&basket.to_le_bytes());
        for value in [
            event.event_type.value().map_or(-1, |value| value as i64),
            event.category_type.value().map_or(-1, |value| value as i64),
            event.currency.value().map_or(-1, |value| value as i64),
            event.country_code.value().map_or(-1, |value| value as i64),
            event.conversation_language.value().map_or(-1, |value| value as i64),
            event.time.value().map_or(i64::MIN, |time| time.0),
        ] {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        text(&mut bytes, event.account_number.as_deref());
        text(&mut bytes, event.account_transaction_id.as_deref());
        text(&mut bytes, event.nfc_id.as_deref());
        text(&mut bytes, event.pos_name.as_deref());
        Self { basket, content: hash64(&bytes) }
    }
}

fn text(bytes: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => bytes.extend_from_slice(&u32::MAX.to_le_bytes()),
        Some(text) => {
            bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
}

fn number(bytes: &mut Vec<u8>, number: &crate::domain::Field<'_, crate::domain::Decimal>) {
    match number.value() {
        None => bytes.push(u8::MAX),
        Some(value) => {
            let (units, scale) = value.normalised();
            bytes.push(scale);
            bytes.extend_from_slice(&units.to_le_bytes());
        }
    }
}

/// What the account remembers under the event's accountTransactionId.
#[derive(Debug)]
pub enum Repeat<'a> {
    /// Nothing: the event is new.
    New,
    /// The same event: answer as the first time.
    Same(&'a Recent),
    /// Another event under the same id.
    Conflict(&'a Recent),
}

/// Checks 19 and 20: looks the event's id up in the account's memory.
#[must_use]
pub fn find<'a>(event: &SoundEvent<'_>, digest: Digest, account: Option<&'a Account>) -> Repeat<'a> {
    let id = id_hash(event.event.account_transaction_id.as_deref());
    match account.filter(|_| id != 0).and_then(|account| account.remembered(id)) {
        None => Repeat::New,
        Some(first) if first.content == digest.content as u32 => Repeat::Same(first),
        Some(first) => Repeat::Conflict(first),
    }
}

/// The message that check 19 adds to the first answer.
#[must_use]
pub fn same(first: &Recent) -> Finding {
    let verdict = first.flags.verdict();
    let since = if verdict == Verdict::Pending && first.flags.accepted() { ", granted since" } else { "" };
    let message = format!(
        "this accountTransactionId was answered before ({verdict}{since}, {} at {}): the first answer stands, nothing is booked again",
        first.flags.event_type(),
        first.time
    );
    Finding::new(Check::RepeatSame, super::Effect::Note, message).at("accountTransactionId")
}

/// Checks 20 and 21. (A [`Repeat::Same`] does not come here.)
pub fn check(context: &Context<'_>, digest: Digest, findings: &mut Findings) {
    let parameters = &context.parameters.repeat;
    if parameters.conflict.enabled
        && let Repeat::Conflict(first) = find(context.event, digest, context.account)
    {
        let message = format!(
            "this accountTransactionId was used for another event ({} of {} at {})",
            first.flags.event_type(),
            first.amount,
            first.time
        );
        findings.add(
            Finding::new(Check::RepeatConflict, parameters.conflict.effect, message)
                .at("accountTransactionId"),
        );
    }
    if parameters.near_duplicate.enabled {
        near_duplicate(context, digest, parameters, findings);
    }
}

/// Check 21: the same basket at the same terminal shortly before, under another id, and not refused.
fn near_duplicate(context: &Context<'_>, digest: Digest, parameters: &Parameters, findings: &mut Findings) {
    let (Some(account), Some(terminal)) = (context.account, context.event.event.pos_id.as_deref()) else {
        return;
    };
    if !context.event.spends() {
        return;
    }
    let (time, within) = (context.event.time, parameters.near_duplicate_within);
    let terminal = short_hash(Some(terminal));
    let id = id_hash(context.event.event.account_transaction_id.as_deref());
    let twin = account.recent.iter().rev().find(|recent| {
        recent.terminal == terminal
            && recent.amount == context.event.total
            && recent.flags.basket() == digest.basket as u32 & 0xffff_ff00
            && recent.flags.event_type() == context.event.counts_as()
            && recent.flags.verdict() != Verdict::Rejected
            && (recent.id != id || id == 0)
            && recent.time.0.abs_diff(time.0) <= within.0.unsigned_abs()
    });
    if let Some(twin) = twin {
        let message = format!(
            "the same basket over {} came from this terminal at {}, within {}",
            twin.amount,
            twin.time,
            span(within)
        );
        findings
            .add(Finding::new(Check::NearDuplicate, parameters.near_duplicate.effect, message).at("items"));
    }
}

/// 32 bits of an id's hash for windows within one account; 0 where there is none.
#[must_use]
pub fn short_hash(id: Option<&str>) -> u32 {
    id.map_or(0, |id| (hash64(id.as_bytes()) as u32).max(1))
}
