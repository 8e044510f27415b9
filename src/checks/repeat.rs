//! Group repeat (checks 19-21): the same transaction again, another one under its id, or the same
//! basket twice.
//!
//! A true repeat (19) is answered before the other checks run: see [`find`].

use super::Context;
use super::catalogue::Check;
use super::content::KnownEvent;
use super::findings::{Finding, Findings, Rule};
use super::time::{local_day, span};
use crate::domain::Micros;
use crate::domain::enums::Verdict;
use crate::state::{Account, Remembered};

/// `checks.repeat`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `same.enabled`
    pub same: bool,
    /// `conflict`
    pub conflict: Rule,
    /// `near_duplicate`
    pub near_duplicate: Rule,
    /// `near_duplicate.within`
    pub near_duplicate_within: Micros,
    /// `remember`: how long events are remembered, never less than `checks.time.late.older_than`.
    pub remember: Micros,
    /// `retry_within`: how far the times of a retry and of the first may lie apart.
    pub retry_within: Micros,
    /// `scope`
    pub scope: IdScope,
    /// `refused_max`: how many refused events are remembered.
    pub refused_max: usize,
    /// `account_events`: how long account events are remembered.
    pub account_events: Micros,
}

/// Among which events an accountTransactionId counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdScope {
    /// The account's.
    Account,
    /// The account's at the same terminal on the same local day.
    TerminalDay,
}

/// What the account remembers under the event's accountTransactionId.
#[derive(Debug)]
pub enum Repeat {
    /// Nothing: the event is new.
    New,
    /// The same event: answer it as it stands now.
    Same(Remembered),
    /// Another event under the same id.
    Conflict(Remembered),
}

/// Checks 19 and 20: looks the event's id up among what the account remembers. `recent` is [`Account::recent`].
#[must_use]
pub fn find(
    known: &KnownEvent<'_, '_>,
    account: &Account,
    recent: &[Remembered],
    now: Micros,
    parameters: &super::ParameterSet,
) -> Repeat {
    if known.event.content.id == 0 {
        return Repeat::New;
    }
    let keep_from = now.minus(parameters.repeat.remember);
    let originals_from = now.minus(parameters.correction.originals.max(parameters.repeat.remember));
    let is_here = |first: &Remembered| {
        let book_keeping = !first.kind.charges() && !first.kind.gives_back;
        let from = if book_keeping { originals_from } else { keep_from };
        first.verdict == Verdict::Pending || first.seen >= from
    };
    let of_refused = |first: &Remembered| first.seen >= keep_from;
    let mut conflict = None;
    let refused = account.rare.iter().flat_map(|rare| rare.refused.iter().rev()).map(|refused| refused.event);
    let refused = refused.filter(of_refused);
    for first in recent.iter().rev().copied().chain(refused).chain(account.older_book_keeping()) {
        if !known.has_id_of(&first) || !is_here(&first) || !shares_id(known, &first, parameters) {
            continue;
        }
        let apart = first.time.0.abs_diff(known.event.time.0);
        let is_retry = first.is_of_old_journal() || apart <= parameters.repeat.retry_within.0.unsigned_abs();
        if is_retry && known.says_the_same_as(&first) {
            return Repeat::Same(first);
        }
        conflict = conflict.or(Some(first));
    }
    conflict.map_or(Repeat::New, Repeat::Conflict)
}

/// Whether two events of one id cannot both be: a correction may bear the id of its sale, and corrections of different types
/// may share one.
fn shares_id(known: &KnownEvent<'_, '_>, first: &Remembered, parameters: &super::ParameterSet) -> bool {
    let kind = known.kind();
    let same_use = if first.is_of_old_journal() {
        kind.gives_back == first.kind.gives_back
    } else {
        kind.gives_back == first.kind.gives_back
            && (!kind.gives_back || kind.event_type == first.kind.event_type)
    };
    same_use
        && (parameters.repeat.scope == IdScope::Account
            || known.shares_terminal_with(first)
                && local_day(kind.country, known.event.time) == local_day(kind.country, first.time))
}

/// The message that check 19 adds to the answer as it stands.
#[must_use]
pub fn repeat_finding(first: &Remembered) -> Finding {
    let message = format!(
        "this accountTransactionId was answered before ({} at {}): the answer is as it stands now, nothing is booked again",
        first.kind.event_type, first.time
    );
    Finding::new(Check::RepeatSame, super::Effect::Note, message).at("accountTransactionId")
}

/// Checks 20 and 21. (A [`Repeat::Same`] does not come here.)
pub fn check(context: &Context<'_>, repeat: &Repeat, findings: &mut Findings) {
    let parameters = &context.parameters.repeat;
    if parameters.conflict.enabled
        && let Repeat::Conflict(first) = repeat
    {
        let message = format!(
            "this accountTransactionId was used for another event ({} of {} at {}, which was answered {})",
            first.kind.event_type, first.amount, first.time, first.verdict
        );
        findings.report(Check::RepeatConflict, parameters.conflict.effect, "accountTransactionId", message);
    }
    if parameters.near_duplicate.enabled && !context.event().is_bookkeeping() {
        near_duplicate(context, parameters, findings);
    }
}

/// Check 21: the same basket at the same terminal and on the same chip shortly before or after, under another id, and not
/// refused.
fn near_duplicate(context: &Context<'_>, parameters: &Parameters, findings: &mut Findings) {
    let known = context.known;
    let kind = known.kind();
    let within = parameters.near_duplicate_within;
    let keep_from = context.now.minus(parameters.remember);
    let twin = context.recent.iter().rev().find(|recent| {
        recent.stands()
            && (recent.verdict == Verdict::Pending || recent.seen >= keep_from)
            && recent.amount == known.event.total
            && recent.time.0.abs_diff(known.event.time.0) <= within.0.unsigned_abs()
            && recent.basket == known.event.content.basket
            && recent.kind.event_type == kind.event_type
            && recent.kind.gives_back == kind.gives_back
            && recent.kind.currency == kind.currency
            && known.is_terminal_of(recent)
            && known.is_chip_of(recent)
            && !known.has_id_of(recent)
    });
    if let Some(twin) = twin {
        let message = format!(
            "the same basket over {} came from this terminal at {}, within {}",
            twin.amount,
            twin.time,
            span(within)
        );
        findings.report(Check::NearDuplicate, parameters.near_duplicate.effect, "items", message);
    }
}
