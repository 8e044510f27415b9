//! Group limit (checks 29, 31, 32): does the amount fit the account's limit, its first-purchase cap and its holds?

use super::Context;
use super::catalogue::Check;
use super::findings::{Effect, Finding, Findings, Rule};
use super::parameters::PerCurrency;
use crate::domain::enums::EventType;
use crate::domain::{Amount, limits};
use crate::state::{Account, Standing};

/// `checks.limit`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `exceeded`
    pub exceeded: Rule,
    /// `default`: limit of an account that opens by itself.
    pub default: PerCurrency,
    /// `first_amount`
    pub first_amount: Rule,
    /// `first_amount.cap`
    pub first_cap: PerCurrency,
    /// `holds`
    pub holds: Rule,
    /// `holds.open_max`, at most [`limits::HOLDS_MAX`].
    pub holds_max: usize,
}

/// Checks 29, 31 and 32.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let event = context.event;
    if event.is_bookkeeping() {
        return;
    }
    let parameters = &context.parameters.limit;
    let spends = event.spends() || (event.event_type == EventType::Correction && event.total > Amount::ZERO);
    if parameters.exceeded.enabled && spends && !event.total.is_zero() {
        exceeded(context, parameters, findings);
    }
    if parameters.first_amount.enabled && event.counts_as() == EventType::Purchase {
        first_amount(context, parameters, findings);
    }
    let open = context.account.map_or(0, |account| account.holds().len());
    if parameters.holds.enabled && open >= parameters.holds_max {
        findings.add(holds(open, parameters.holds_max, parameters.holds.effect));
    }
}

/// Check 32.
fn holds(open: usize, most: usize, effect: Effect) -> Finding {
    let message = format!("the account has {open} open holds, at most {most} are allowed");
    Finding::new(Check::Holds, effect, message).at("accountNumber")
}

/// Refuses an event that would be Pending and has no room for its hold, whatever the parameters say and whatever its type.
pub fn refuse_past_bound(account: &Account, findings: &mut Findings) {
    let open = account.holds().len();
    if findings.effect() == Effect::Pending && open >= limits::HOLDS_MAX {
        findings.add(holds(open, limits::HOLDS_MAX, Effect::Reject));
    }
}

/// Check 29: balance + holds + amount > limit.
fn exceeded(context: &Context<'_>, parameters: &Parameters, findings: &mut Findings) {
    let total = context.event.total;
    let opening = parameters.default.get(context.event.currency).unwrap_or_default();
    let opened = Account::opened("", opening, None, None);
    let account = context.account.unwrap_or(&opened);
    let available = account.available();
    if total <= available {
        return;
    }
    let message = format!(
        "totalAmount {total} is {} above the {available} available (limit {} - used {} - held {})",
        total.saturating_minus(available),
        account.limit,
        account.balance.saturating_minus(account.fees),
        account.held()
    );
    findings.add(Finding::new(Check::LimitExceeded, parameters.exceeded.effect, message).at("totalAmount"));
}

/// Check 31.
fn first_amount(context: &Context<'_>, parameters: &Parameters, findings: &mut Findings) {
    let total = context.event.total;
    let purchased = context.account.is_some_and(|account| account.standing.has(Standing::PURCHASED));
    if let Some(cap) =
        parameters.first_cap.get(context.event.currency).filter(|cap| !purchased && total > *cap)
    {
        let message =
            format!("the first purchase of the account is {total}, above the cap of {cap} for a first one");
        findings
            .add(Finding::new(Check::FirstAmount, parameters.first_amount.effect, message).at("totalAmount"));
    }
}
