//! Cases of the party record: do not interact, and what the person is.

use super::parameters::{Refuses, Rules};
use super::question::Question;
use crate::contact::decision::Reason;
use crate::contact::records::{Case, Day};
use crate::contact::words::{CaseKind, Channel, Theme};

pub const CASE: &str = "contact.case";
pub const STATUS: &str = "contact.status.case";

/// The place of contacts at work.
const WORK: &str = "work";

/// One reason for each case, in the order of the party record.
pub fn judge(rules: &Rules, question: &Question<'_>, reasons: &mut Vec<Reason>) {
    for case in question.record().into_iter().flat_map(|record| &record.cases) {
        let known = CaseKind::from_symbol(&case.kind);
        let kind = known.unwrap_or(CaseKind::Own);
        if is_open(case, question) && is_about(case, kind, question) && refuses(rules, case, known, question)
        {
            reasons.push(Reason {
                code: if kind.is_status() { STATUS } else { CASE }.into(),
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
    of_loans && (kind != CaseKind::Workplace || question.contact.place().as_deref() == Some(WORK))
}

fn refuses(rules: &Rules, case: &Case, kind: Option<CaseKind>, question: &Question<'_>) -> bool {
    let suppression = kind.map(|kind| &rules.cases[kind.index()]);
    let themes = question.themes_but(suppression.map_or(&[], |suppression| &suppression.subjects));
    if themes.is_empty() {
        return false;
    }
    if case.channels.is_empty() && case.themes.is_empty() {
        // What nobody understands refuses all.
        return rules.refuses(suppression.map_or(Refuses::All, |suppression| suppression.refuses), &themes);
    }
    let has_others = themes.iter().any(|theme| *theme != Theme::AccountCredentials);
    let is_channel = |word: &String| match Channel::from_symbol(word) {
        Some(channel) => channel == question.channel,
        // "all", and what is no channel.
        None => has_others,
    };
    let is_theme = |word: &String| match Theme::from_symbol(word) {
        Some(theme) => themes.contains(&theme),
        None => has_others,
    };
    case.channels.iter().any(is_channel) || case.themes.iter().any(is_theme)
}
