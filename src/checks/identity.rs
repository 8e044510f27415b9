//! Group identity (check 33): in NO, SE and FI larger amounts need a known social security number.

use super::Context;
use super::catalogue::Check;
use super::findings::{Findings, Rule};
use super::parameters::{PerCurrency, SymbolSet};
use crate::state::AccountFlags;

/// `checks.identity`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `ssn`
    pub ssn: Rule,
    /// `ssn.countries`
    pub countries: SymbolSet,
    /// `ssn.above`
    pub above: PerCurrency,
}

/// Check 33.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let (event, parameters) = (context.event(), &context.parameters.identity);
    if !parameters.ssn.enabled || !parameters.countries.has(event.country.index()) {
        return;
    }
    let known = context.account.is_some_and(|account| account.standing.has(AccountFlags::SSN_KNOWN));
    if let Some(above) = parameters.above.get(event.currency).filter(|above| !known && event.total > *above) {
        let message = format!(
            "totalAmount {} is above {above}, for which {} needs a known social security number",
            event.total, event.country
        );
        findings.report(Check::Ssn, parameters.ssn.effect, "totalAmount", message);
    }
}
