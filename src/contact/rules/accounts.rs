//! What accounts and loans are: charged off, paid off, frozen, closed.

use super::parameters::Rules;
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
    let refused = |debt: &Debt<'_>| debt.statuses.iter().find(|status| refuses(rules, *status, question));
    let found: Vec<(&str, Status)> =
        debts.iter().filter_map(|debt| Some((debt.name, refused(debt)?))).collect();
    if is_about_all && found.len() < debts.len() {
        return;
    }
    reasons.extend(
        found
            .into_iter()
            .map(|(name, status)| reason(STATUS, format!("{name} is {}", status.symbol().replace('_', " ")))),
    );
}

fn refuses(rules: &Rules, status: Status, question: &Question<'_>) -> bool {
    let suppression = &rules.accounts[status.index()];
    let may_go_out = |subject: &str| suppression.subjects.iter().any(|known| known == subject);
    !question.subject.is_some_and(may_go_out) && rules.refuses(suppression.refuses, &question.themes)
}
