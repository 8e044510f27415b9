//! Whether a person may be contacted: each rule in a file of its own, in the order in which reasons are reported. Pure: out of the
//! request, what is known of the person, and the parameters. docs/contact.md says what is judged and where each rule comes from.

mod accounts;
mod calls;
mod cases;
mod consent;
mod hours;
mod parameters;
mod question;
mod reading;
mod times;

pub use parameters::{Policy, Refuses, Rules, Suppression};
pub use reading::{About, Meaning, Reading};

use super::decision::Reason;
use super::party::Party;
use super::records::ContactRequest;
use crate::domain::cut::cut_to;
use crate::domain::visible::visible;
use crate::domain::{Micros, limits};
use question::Question;

/// The code of a decision on which the program failed.
pub const FAILED: &str = "500";
/// The code of a decision where the state of the person is elsewhere.
pub const UNAVAILABLE: &str = "pos.state.unavailable";

/// Every code that a reason can have, in the order in which reasons are reported.
pub const CODES: &[&str] = &[
    question::PERSON,
    question::THEME,
    question::CHANNEL,
    question::LOAN,
    question::CONTACT,
    question::TIME,
    cases::CASE,
    cases::STATUS,
    consent::AUTODIALED,
    consent::ELECTRONIC,
    accounts::STATUS,
    calls::CALLS,
    calls::CONVERSATION,
    hours::HOURS,
    hours::LOCATION,
    hours::INCONVENIENT,
    hours::PLACE,
    UNAVAILABLE,
    FAILED,
];

/// Why the person may not be contacted; nothing: they may. `now`: when the request was made, where that is known.
#[must_use]
pub fn judge(
    rules: &Rules,
    party: Option<&Party>,
    request: &ContactRequest,
    now: Option<Micros>,
) -> Vec<Reason> {
    let question = match Question::of(rules, party, request, now) {
        Ok(question) => question,
        Err(reasons) => return reasons,
    };
    if question.themes.iter().all(|theme| theme.is_inbound()) {
        return Vec::new();
    }
    let mut reasons = Vec::new();
    cases::judge(rules, &question, &mut reasons);
    consent::judge(&question, &mut reasons);
    accounts::judge(rules, &question, &mut reasons);
    if let Some(policy) = question.policy(rules)
        && question.is_collecting(rules)
    {
        let history = calls::CallHistory::of(rules, policy, &question);
        let is_lifted = history.is_lifted();
        calls::judge(&history, is_lifted, &mut reasons);
        hours::judge(policy, &question, is_lifted, &mut reasons);
    }
    for reason in &mut reasons {
        // They name loans, cases and places, and those of party records may be of any letters and length.
        reason.message = cut_to(&visible(&reason.message), limits::MESSAGE_CHARS_MAX).into_owned();
    }
    reasons
}

/// A reason without a time at which it ends.
pub(super) fn reason(code: &'static str, message: impl Into<String>) -> Reason {
    Reason { code: code.into(), message: message.into(), not_before: None }
}
