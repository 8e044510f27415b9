//! Cases of the party record: do not interact, and what the person is.

use super::parameters::Rules;
use super::question::Question;
use crate::contact::decision::Reason;
use crate::contact::records::{Case, Day};
use crate::contact::words::{CaseKind, Theme};

pub const CASE: &str = "contact.case";
pub const STATUS: &str = "contact.status.case";

/// The word that stands for every channel or theme.
const ALL: &str = "all";
/// The place of contacts at work.
const WORK: &str = "work";

/// One reason for each case, in the order of the party record.
pub fn judge(rules: &Rules, question: &Question<'_>, reasons: &mut Vec<Reason>) {
    for case in question.record().into_iter().flat_map(|record| &record.cases) {
        let kind = CaseKind::from_symbol(&case.kind).unwrap_or(CaseKind::Own);
        if is_open(case, question) && is_about(case, kind, question) && refuses(rules, case, kind, question) {
            reasons.push(Reason {
                code: if kind.is_status() { STATUS } else { CASE },
                message: match case.until {
                    Some(Day(until)) => format!("case {} ({kind}) is open until {until}", case.case_id),
                    None => format!("case {} ({kind}) is open", case.case_id),
                },
                // The calendar's last day has none after it.
                not_before: case
                    .until
                    .and_then(|Day(until)| until.tomorrow().ok())
                    .map(|day| question.zones.last_start(day)),
            });
        }
    }
}

fn is_open(case: &Case, question: &Question<'_>) -> bool {
    question.zones.any(|zone| {
        let day = Day(question.when.day(zone));
        case.from.is_none_or(|from| from <= day) && case.until.is_none_or(|until| day <= until)
    })
}

fn is_about(case: &Case, kind: CaseKind, question: &Question<'_>) -> bool {
    let debts = &question.debts;
    let is_of = |debt: &super::question::Debt<'_>| case.loan_ids.iter().any(|id| debt.is_called(id));
    let of_loans = case.loan_ids.is_empty() || debts.is_empty() || debts.iter().any(is_of);
    of_loans && (kind != CaseKind::Workplace || question.contact.place() == Some(WORK))
}

fn refuses(rules: &Rules, case: &Case, kind: CaseKind, question: &Question<'_>) -> bool {
    let suppression = &rules.cases[kind.index()];
    if question.subject.is_some_and(|subject| suppression.subjects.iter().any(|known| known == subject)) {
        return false;
    }
    if case.channels.is_empty() && case.themes.is_empty() {
        return rules.refuses(suppression.refuses, &question.themes);
    }
    let lists = |list: &[String], word: &str| list.iter().any(|listed| listed == word);
    let others = |theme: &Theme| *theme != Theme::AccountCredentials;
    let has_others = question.themes.iter().any(others);
    lists(&case.channels, question.channel.symbol())
        || (lists(&case.channels, ALL) || lists(&case.themes, ALL)) && has_others
        || question.themes.iter().any(|theme| lists(&case.themes, theme.symbol()))
}
