//! The form of account events: what is wrong with one whatever its account is like. Applying it finds the same, but for texts
//! of which nobody sees anything.

use super::account::{INVALID, Refusal, fits, refuse};
use super::update::read_patch;
use crate::domain::Amount;
use crate::domain::account_event::{AccountChange, AccountEvent};
use crate::domain::visible::excerpt;

/// What is wrong with an account event whatever its account is like.
///
/// # Errors
/// [`Refusal`]; as applying it gives, where that finds it too.
pub fn form(event: &AccountEvent) -> Result<(), Refusal> {
    match &event.change {
        AccountChange::Payment { amount, status, .. } => {
            positive("payment.amount", *amount)?;
            status_of(status).map(|_| ())
        }
        AccountChange::CashAdvance { amount } => positive("cashAdvance.amount", *amount).map(|_| ()),
        AccountChange::Limit { amount } => not_negative(*amount),
        AccountChange::Flag { name, .. } => {
            check_visible("flag.name", name).and_then(|()| check_flag_name(name))
        }
        AccountChange::Update(update) => {
            update.party_id.as_deref().map_or(Ok(()), |id| check_visible("update.partyId", id))?;
            read_patch(update).map(|_| ())
        }
        AccountChange::Default { .. } | AccountChange::Close { .. } => Ok(()),
    }
}

/// Refuses a text of which nobody sees anything: over topics it is what its sender calls it, and stays so.
fn check_visible(field: &str, text: &str) -> Result<(), Refusal> {
    match text.chars().any(|letter| !letter.is_control() && !letter.is_whitespace()) {
        true => Ok(()),
        false => refuse(INVALID, format!("{field} has no character that can be seen")),
    }
}

/// What a payment's status makes of it.
pub(super) enum PaymentStatus {
    Success,
    Reversed,
    Failed,
}

pub(super) fn status_of(status: &str) -> Result<PaymentStatus, Refusal> {
    match status {
        "success" => Ok(PaymentStatus::Success),
        "reversed" => Ok(PaymentStatus::Reversed),
        "failed" => Ok(PaymentStatus::Failed),
        other => {
            let text = format!("payment.status \"{}\" is none of success, failed, reversed", excerpt(other));
            refuse("400.004", text)
        }
    }
}

pub(super) fn not_negative(limit: i64) -> Result<(), Refusal> {
    if limit < 0 { refuse(INVALID, format!("limit.amount {limit} is below 0")) } else { Ok(()) }
}

pub(super) fn check_flag_name(flag: &str) -> Result<(), Refusal> {
    if fits(flag) { Ok(()) } else { refuse(INVALID, "flag.name is blank or longer than 100 characters") }
}

pub(super) fn positive(field: &str, minor: i64) -> Result<Amount, Refusal> {
    match Amount::from_minor(minor) {
        Some(amount) if amount > Amount::ZERO => Ok(amount),
        Some(_) => refuse(INVALID, format!("{field} {minor} must be above 0")),
        None => refuse(INVALID, format!("{field} {minor} is larger than 18 digits")),
    }
}
