//! Group pos (checks 37, 38 and 46): the terminal, as reference records and the shared profiles know it.

use super::Context;
use super::catalogue::Check;
use super::findings::{Effect, Findings, Rule};
use crate::domain::profile_view::{FraudCount, Listed};
use crate::domain::visible::excerpt;
use rust_decimal::Decimal;

/// `checks.pos`
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// `terminal`: one that is out of service.
    pub terminal: Rule,
    /// `terminal.unlisted`: what one that no reference record lists does; none: nothing.
    pub unlisted: Option<Effect>,
    /// `terminal_name`
    pub name: Rule,
    /// `terminal_country`
    pub country: Rule,
    /// `terminal_fraud`
    pub fraud: Rule,
    /// `terminal_fraud.rate`: more confirmed fraud among the events of the days than this fails, in millionths.
    pub fraud_rate: u32,
    /// `terminal_fraud.events`: with fewer events there is no rate.
    pub fraud_events: u32,
    /// `terminal_fraud.days`: of how many days.
    pub fraud_days: u16,
    /// `terminal_fraud.delay`: how many days before the event's own they end: fraud is confirmed late.
    pub fraud_delay: u16,
}

impl Parameters {
    /// The days whose fraud counts on a day, the last one not included; all counted from 1970.
    #[must_use]
    pub fn fraud_days_before(&self, day: i32) -> (i32, i32) {
        let until = day.saturating_sub(self.fraud_delay.into());
        (until.saturating_sub(self.fraud_days.into()), until)
    }
}

/// Checks 37, 38 and 46: for money to the customer too, but not for book-keeping.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let (parameters, event) = (&context.parameters.terminal, context.event());
    if event.is_bookkeeping() || context.known.event.content.terminal == 0 {
        return;
    }
    let view = &context.profiles.terminal;
    let listed = match view.listed {
        Some(Listed::Disabled) if parameters.terminal.enabled => {
            Some((parameters.terminal.effect, "the terminal is out of service"))
        }
        Some(Listed::No) if parameters.terminal.enabled => {
            parameters.unlisted.map(|effect| (effect, "the terminal is not registered"))
        }
        _ => None,
    };
    if let Some((effect, text)) = listed {
        findings.report(Check::Terminal, effect, "posId", text);
    }
    if let Some(name) = view.other_name.as_deref().filter(|_| parameters.name.enabled) {
        let text = format!("the terminal was called {} before", excerpt(name));
        findings.report(Check::TerminalName, parameters.name.effect, "posName", text);
    }
    if let Some(country) = view.other_country.filter(|_| parameters.country.enabled) {
        let text = format!("the terminal stands in {country}, the event says {}", event.country);
        findings.report(Check::TerminalCountry, parameters.country.effect, "countryCode", text);
    }
    let FraudCount { confirmed, judged } = view.fraud;
    let is_above = u64::from(confirmed) * 1_000_000 > u64::from(judged) * u64::from(parameters.fraud_rate);
    if parameters.fraud.enabled && judged >= parameters.fraud_events && is_above {
        let detail = format!(
            "{confirmed} of {judged} events at the terminal were confirmed as fraud, of {} days up to {} days before the \
             event; a rate above {} fails",
            parameters.fraud_days,
            parameters.fraud_delay,
            Decimal::new(parameters.fraud_rate.into(), 6).normalize()
        );
        findings.report(Check::TerminalFraud, parameters.fraud.effect, "posId", detail);
    }
}
