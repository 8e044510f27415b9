//! Fan-out (check 43, group velocity): many accounts on one chip, or at one terminal, within a span. The other accounts are
//! known from the shared profiles.

use super::Context;
use super::catalogue::Check;
use super::findings::{Findings, Rule};
use super::time::span;
use crate::domain::Micros;

/// `checks.velocity.fanout`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `fanout`
    pub fanout: Rule,
    /// `fanout.span`: how far from the event uses count, either way.
    pub span: Micros,
    /// `fanout.chip`: more accounts than these on one chip fail; 0: no bound.
    pub chip: u32,
    /// `fanout.terminal`: more accounts than these at one terminal fail; 0: no bound.
    pub terminal: u32,
}

/// Check 43.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let parameters = &context.parameters.fanout;
    let view = context.profiles;
    if !parameters.fanout.enabled {
        return;
    }
    for (others, most, whose, field) in [
        (view.chip.other_accounts, parameters.chip, "used this chip", "nfcId"),
        (view.terminal.other_accounts, parameters.terminal, "were at this terminal", "posId"),
    ] {
        let count = others.saturating_add(1);
        if most > 0 && count > most {
            let length = span(parameters.span);
            let detail = format!("{count} accounts {whose} within {length}, at most {most} are allowed");
            findings.report(Check::FanOut, parameters.fanout.effect, field, detail);
        }
    }
}
