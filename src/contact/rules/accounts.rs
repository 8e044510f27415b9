//! What accounts and loans are: charged off, paid off, frozen, closed.

use super::parameters::{Refuses, Rules};
use super::question::{Debt, Question};
use super::reason;
use crate::contact::decision::Reason;
use crate::contact::words::Status;

pub const STATUS: &str = "contact.status.account";

/// One reason for each account or loan that is refused.
pub fn judge(rules: &Rules, question: &Question<'_>, reasons: &mut Vec<Reason>) {
    let all;
    let (debts, is_about_all) = if question.debts.is_empty() {
        all = question.all_debts();
        (&all, true)
    } else {
        (&question.debts, false)
    };
    let refused = |debt: &Debt<'_>| {
        let known = debt.statuses.iter().find(|status| refuses(rules, *status, question));
        let known = known.map(|status| status.symbol().replace('_', " "));
        // What nobody understands may be any of them.
        let all = || rules.refuses(Refuses::All, &question.themes).then(|| "of an unknown status".to_owned());
        known.or_else(|| debt.statuses.has_unknown().then(all).flatten())
    };
    let found: Vec<(&str, String)> =
        debts.iter().filter_map(|debt| Some((debt.name, refused(debt)?))).collect();
    if is_about_all && found.len() < debts.len() {
        return;
    }
    reasons.extend(found.into_iter().map(|(name, what)| reason(STATUS, format!("{name} is {what}"))));
}

fn refuses(rules: &Rules, status: Status, question: &Question<'_>) -> bool {
    let suppression = &rules.accounts[status.index()];
    rules.refuses(suppression.refuses, &question.themes_but(&suppression.subjects))
}
