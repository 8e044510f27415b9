//! Check 40: contactless payments, and how far they go without strong customer authentication. After Article 11 of Commission
//! Delegated Regulation (EU) 2018/389, which exempts a payment of up to EUR 50 where those since the last authentication were
//! up to EUR 150, or up to five. Looks at what counted before and at the event itself; what counts from now on is the
//! engine's business.

use super::super::Context;
use super::super::catalogue::Check;
use super::super::findings::{Findings, Rule};
use super::super::parameters::PerCurrency;
use crate::domain::Amount;
use crate::domain::enums::Currency;
use crate::state::{Account, Counter};

/// `checks.nfc.sca`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `enabled` (off by default, for the contract does not say how a customer paid) and `outcome`.
    pub rule: Rule,
    /// `single`: a payment above this fails.
    pub single: PerCurrency,
    /// `sum`: payments above this in sum fail.
    pub sum: PerCurrency,
    /// `number`: more payments than this fail.
    pub number: u32,
    /// `counter`: which of the two is held against what counted.
    pub counter: CounterMeasure,
}

/// What is held against what counted since the customer last identified. The regulation asks for one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CounterMeasure {
    /// The sum.
    Sum,
    /// The number.
    Number,
    /// Each of them.
    Both,
}

impl Parameters {
    /// Whether a charge in this currency is judged; what is not judged does not count either.
    #[must_use]
    pub fn judges(&self, currency: Currency) -> bool {
        let is_listed = [&self.single, &self.sum].into_iter().any(|amounts| amounts.get(currency).is_some());
        self.rule.enabled && is_listed
    }
}

/// Check 40, of an event that charges. Nothing is paid by one of 0.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let (event, parameters) = (context.event(), &context.parameters.nfc.sca);
    if !parameters.judges(event.currency) || event.total <= Amount::ZERO {
        return;
    }
    let mut add = |field: &str, detail: String| {
        findings.report(Check::Sca, parameters.rule.effect, field, detail);
    };
    let total = event.total;
    if let Some(most) = parameters.single.get(event.currency).filter(|most| total > *most) {
        add("totalAmount", format!("{total} without identification, at most {most} is allowed at a time"));
    }
    let chip = context.known.event.content.chip;
    let whose = if chip == 0 { "of this account without a chip" } else { "on this chip" };
    let counters = context.account.map_or(&[][..], Account::counters);
    let (before, number) = counted_for_chip(counters, chip, event.currency);
    let (sum, number) = (before.saturating_plus(total), number.saturating_add(1));
    let most = parameters.sum.get(event.currency).filter(|_| parameters.counter != CounterMeasure::Number);
    if let Some(most) = most.filter(|most| sum > *most) {
        let detail = format!("{sum} {whose} since the last identification, at most {most} is allowed");
        add("totalAmount", detail);
    }
    if parameters.counter != CounterMeasure::Sum && number > parameters.number {
        let most = parameters.number;
        add(
            "nfcId",
            format!("{number} payments {whose} since the last identification, at most {most} are allowed"),
        );
    }
    if !Counter::has_room(counters, chip, event.currency) {
        let count = counters.len();
        let detail = format!(
            "the account counts for {count} others already: this chip has to be identified each time"
        );
        add("nfcId", detail);
    }
}

/// How much counted for a chip in this currency, and how often in any: a payment is one whatever it is in.
fn counted_for_chip(counters: &[Counter], chip: u64, currency: Currency) -> (Amount, u32) {
    let own = counters.iter().filter(|counter| counter.chip == chip);
    let number = own.clone().fold(0u32, |number, counter| number.saturating_add(counter.number));
    let mut same = own.filter(|counter| counter.currency == currency);
    (same.next().map_or(Amount::ZERO, |counter| counter.sum), number)
}
