//! Group correction (check 44): a correction or cancellation needs an original, and cannot be above it.
//!
//! The contract has no reference to the original, so the account is the measure: what it has bought
//! (or withdrawn) and not yet had corrected.

use super::Context;
use super::catalogue::Check;
use super::findings::{Finding, Findings, Rule};
use crate::domain::Amount;
use crate::domain::enums::EventType;

/// `checks.correction`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `original`
    pub original: Rule,
    /// `cancel`: whether a purchase or withdrawal of category Cancel takes an earlier one back.
    pub cancel_takes_back: bool,
}

/// Check 44.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let rule = context.parameters.correction.original;
    let event = context.event;
    let (purchases, withdrawals) = context.account.map_or((Amount::ZERO, Amount::ZERO), |account| {
        (account.purchases_correctable, account.withdrawals_correctable)
    });
    let (taken_back, originals, what) = match event.event_type {
        EventType::WithdrawalCorrection => (event.total, withdrawals, "withdrawals"),
        EventType::Correction if event.total.is_negative() => {
            (event.total.negated(), purchases.saturating_plus(withdrawals), "purchases and withdrawals")
        }
        EventType::Purchase if event.takes_back => (event.total, purchases, "purchases"),
        EventType::Withdrawal if event.takes_back => (event.total, withdrawals, "withdrawals"),
        _ => return,
    };
    if !rule.enabled || taken_back <= originals {
        return;
    }
    let message = if originals.is_zero() {
        format!("{taken_back} is to be taken back, but the account has no {what} that could be")
    } else {
        format!("{taken_back} is to be taken back, above the {originals} of {what} not yet corrected")
    };
    findings.add(Finding::new(Check::Correction, rule.effect, message).at("totalAmount"));
}
