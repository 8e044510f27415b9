//! Group limit (checks 29, 31, 32): does the amount fit the account's limit, its first-purchase cap and its holds?

use super::Context;
use super::catalogue::Check;
use super::findings::{Effect, Finding, Findings, Rule};
use super::parameters::PerCurrency;
use crate::domain::amount::AMOUNT_SCALE;
use crate::domain::decimal::write_units;
use crate::domain::enums::EventType;
use crate::domain::{Amount, limits};
use crate::state::{Account, AccountFlags};

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

/// Checks 29 and 31, of an event that charges.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let event = context.event();
    let parameters = &context.parameters.limit;
    let opening = parameters.default.get(event.currency).unwrap_or_default();
    let opened = Account::opened("", opening, None, None);
    exceeded(context.account.unwrap_or(&opened), event.total, parameters, findings);
    if parameters.first_amount.enabled && event.event_type != EventType::Withdrawal {
        first_amount(context, parameters, findings);
    }
}

/// Check 32: an event that would wait, and open holds that leave it no room. The bound of holds holds whatever the parameters
/// say.
pub fn check_holds(account: &Account, parameters: &Parameters, bookkeeping: bool, findings: &mut Findings) {
    let open = account.holds().len();
    if findings.effect() != Effect::Pending {
        return;
    }
    if parameters.holds.enabled && !bookkeeping && open >= parameters.holds_max {
        findings.add(holds(open, parameters.holds_max, parameters.holds.effect));
    }
    if findings.effect() == Effect::Pending && open >= limits::HOLDS_MAX {
        findings.add(holds(open, limits::HOLDS_MAX, Effect::Reject));
    }
}

fn holds(open: usize, most: usize, effect: Effect) -> Finding {
    let detail = format!("the account has {open} open holds, at most {most} are allowed");
    Finding::new(Check::Holds, effect, detail).at("accountNumber")
}

/// Check 29: (balance - fees) + holds + amount > limit.
pub fn exceeded(account: &Account, amount: Amount, parameters: &Parameters, findings: &mut Findings) {
    let available = account.available_units();
    let above = i128::from(amount.ten_thousandths()) - available;
    if !parameters.exceeded.enabled || amount <= Amount::ZERO || above <= 0 {
        return;
    }
    let shown = |units: i128| Money(units).to_string();
    let detail = format!(
        "{amount} is {} above the {} available (limit {} - used {} - held {})",
        shown(above),
        shown(available),
        account.limit,
        account.balance.saturating_minus(account.fees),
        shown(account.held_units())
    );
    findings.report(Check::LimitExceeded, parameters.exceeded.effect, "totalAmount", detail);
}

/// Ten-thousandths, however many, written as an [`Amount`] is.
struct Money(i128);

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_units(f, self.0, AMOUNT_SCALE)
    }
}

/// Check 31.
fn first_amount(context: &Context<'_>, parameters: &Parameters, findings: &mut Findings) {
    let total = context.event().total;
    let purchased = context.account.is_some_and(|account| account.standing.has(AccountFlags::PURCHASED));
    if let Some(cap) =
        parameters.first_cap.get(context.event().currency).filter(|cap| !purchased && total > *cap)
    {
        let detail =
            format!("the first purchase of the account is {total}, above the cap of {cap} for a first one");
        findings.report(Check::FirstAmount, parameters.first_amount.effect, "totalAmount", detail);
    }
}
