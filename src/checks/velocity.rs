//! Group velocity (checks 41, 42): how much and how often in exact sliding windows, and withdrawals a day.
//!
//! Windows look at one account's own events; a chip or a terminal across accounts is another check.

use super::Context;
use super::catalogue::Check;
use super::findings::{Effect, Finding, Findings, Rule};
use super::parameters::PerCurrency;
use super::time::{local_day, span};
use crate::domain::enums::{ActionCode, EventType};
use crate::domain::{Amount, Micros, limits};
use crate::state::Remembered;
use smallvec::SmallVec;

/// `checks.velocity`
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// `windows.enabled`
    pub windows_enabled: bool,
    /// `windows.rules`, by name.
    pub windows: Vec<Window>,
    /// `withdrawal_cap`
    pub withdrawal_cap: Rule,
    /// `withdrawal_cap.each`
    pub cap_each: PerCurrency,
    /// `withdrawal_cap.day`
    pub cap_day: PerCurrency,
}

/// One sliding window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its name in the config.
    pub name: String,
    /// Whose events it looks at.
    pub scope: Scope,
    /// Whether refused events count.
    pub of: Counted,
    /// Its length; an event exactly this old is outside.
    pub span: Micros,
    /// More than this many fail; 0: no bound.
    pub count: usize,
    /// A sum above this fails.
    pub amount: PerCurrency,
    /// What it does.
    pub effect: Effect,
}

/// Whose events a window looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of the account's.
    Account,
    /// The account's on the same chip.
    Chip,
    /// The account's at the same terminal.
    Terminal,
}

/// Which events a window counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Those that were accepted, and those that wait.
    Accepted,
    /// All that were judged.
    Attempts,
}

impl Parameters {
    /// How long events must be remembered for these windows and a local day.
    #[must_use]
    pub fn memory(&self) -> Micros {
        self.windows.iter().map(|window| window.span).max().unwrap_or_default().max(limits::LOCAL_DAY_MAX)
    }

    /// How long refused events must be remembered for these windows; none where they count in none.
    #[must_use]
    pub fn attempts_memory(&self) -> Option<Micros> {
        let attempts = self.windows.iter().filter(|window| window.of == Counted::Attempts);
        attempts.map(|window| window.span).max().filter(|_| self.windows_enabled)
    }
}

/// Checks 41 and 42.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let parameters = &context.parameters.velocity;
    if !context.event().charges() {
        return;
    }
    if parameters.windows_enabled {
        for window in &parameters.windows {
            check_window(context, window, findings);
        }
    }
    if parameters.withdrawal_cap.enabled && context.event().event_type == EventType::Withdrawal {
        withdrawal_cap(context, parameters, findings);
    }
}

/// An event in a window.
#[derive(Clone, Copy)]
struct Entry {
    time: Micros,
    /// Where it is of the event's currency.
    amount: Amount,
}

/// The most that any window of the span which contains the event at hand holds, that event included.
struct Fullest {
    count: usize,
    sum: Amount,
}

/// The events that could share a window with the one at hand; nothing where the window is of no concern to it.
fn entries(context: &Context<'_>, window: &Window) -> Option<SmallVec<[Entry; 16]>> {
    let (known, event) = (context.known, context.event());
    // What is kept beyond this would count in some accounts and not in others.
    let oldest = context.now.minus(context.parameters.time.older_than.plus(window.span));
    let is_near = |time: Micros| {
        time >= oldest && time > event.time.minus(window.span) && time < event.time.plus(window.span)
    };
    let entry = |time: Micros, same_currency: bool, amount: Amount| Entry {
        time,
        amount: if same_currency { amount } else { Amount::ZERO },
    };
    if match window.scope {
        Scope::Account => false,
        Scope::Chip => known.content.chip == 0,
        Scope::Terminal => known.content.terminal == 0,
    } {
        return None;
    }
    let counts = |recent: &&Remembered| {
        recent.kind.charges()
            && is_near(recent.time)
            && (recent.stands() || window.of == Counted::Attempts)
            && match window.scope {
                Scope::Account => true,
                Scope::Chip => known.is_chip_of(recent),
                Scope::Terminal => known.is_terminal_of(recent),
            }
    };
    let mut entries: SmallVec<[Entry; 16]> = context
        .recent
        .iter()
        .filter(counts)
        .map(|recent| {
            let amount = if recent.stands() { recent.counts } else { recent.amount };
            entry(recent.time, recent.kind.currency == event.currency, amount)
        })
        .collect();
    let rare = context.account.and_then(|account| account.rare.as_ref());
    if let Some(rare) = rare.filter(|_| window.of == Counted::Attempts) {
        for attempt in rare.attempts.iter().filter(|attempt| is_near(attempt.time)) {
            let same = match window.scope {
                Scope::Account => true,
                Scope::Chip => attempt.chip == known.content.chip,
                Scope::Terminal => attempt.terminal == known.content.terminal,
            };
            if same {
                entries.push(entry(attempt.time, attempt.currency == event.currency, attempt.amount));
            }
        }
    }
    Some(entries)
}

/// Slides a window of the span over the entries, along all places where it contains the event at hand. It is open at its old
/// end.
fn fullest(mut entries: SmallVec<[Entry; 16]>, event: Entry, span: Micros) -> Fullest {
    let mut fullest = Fullest { count: 1, sum: event.amount };
    if entries.is_empty() {
        return fullest;
    }
    entries.push(event);
    entries.sort_unstable_by_key(|entry| entry.time);
    let (mut begin, mut sum) = (0, 0i128);
    for (end, entry) in entries.iter().enumerate() {
        sum += i128::from(entry.amount.ten_thousandths());
        while entries[begin].time <= entry.time.minus(span) {
            sum -= i128::from(entries[begin].amount.ten_thousandths());
            begin += 1;
        }
        // Events of one time come in together: only the last of them ends a window.
        let is_last = entries.get(end + 1).is_none_or(|next| next.time > entry.time);
        if is_last && entry.time >= event.time && entries[begin].time <= event.time {
            fullest.count = fullest.count.max(end + 1 - begin);
            let sum = sum.min(i128::from(Amount::MAX.ten_thousandths())) as i64;
            fullest.sum = fullest.sum.max(Amount::new(sum).unwrap_or(Amount::MAX));
        }
    }
    fullest
}

/// Whether the account has forgotten something that a window around the event might hold.
fn is_cut_short(context: &Context<'_>, window: &Window) -> bool {
    let forgot = context.account.map(crate::state::Account::forgot).unwrap_or_default();
    let attempts = forgot.attempts.filter(|_| window.of == Counted::Attempts);
    let begin = context.event().time.minus(window.span);
    forgot.events.max(attempts).is_some_and(|forgot| forgot > begin)
}

/// Check 41, one window.
fn check_window(context: &Context<'_>, window: &Window, findings: &mut Findings) {
    let event = context.event();
    let most = window.amount.get(event.currency);
    let Some(entries) = entries(context, window) else { return };
    let own = Entry { time: event.time, amount: event.total };
    let Fullest { count, sum } = fullest(entries, own, window.span);
    let too_many = window.count > 0 && count > window.count;
    let too_much = most.filter(|most| sum > *most);
    let cut_short = is_cut_short(context, window);
    if !too_many && too_much.is_none() && !cut_short {
        return;
    }
    let whose = match window.scope {
        Scope::Account => "of this account",
        Scope::Chip => "on this chip",
        Scope::Terminal => "at this terminal",
    };
    let what = if window.of == Counted::Accepted { "accepted or pending events" } else { "attempts" };
    let (length, name) = (span(window.span), &window.name);
    let detail = if too_many {
        format!(
            "{count} {what} {whose} within {length}, at most {} are allowed (window {name})",
            window.count
        )
    } else if let Some(most) = too_much {
        format!("{sum} in {what} {whose} within {length}, at most {most} is allowed (window {name})")
    } else {
        format!("events {whose} were forgotten: window {name} over {length} cannot be told")
    };
    let finding = Finding::new(Check::Velocity, window.effect, detail);
    findings.add(match window.effect {
        Effect::Reject => finding.asking(ActionCode::OfferSecurePaymentMethods),
        _ => finding,
    });
}

/// Check 42: one withdrawal, and those of one local day. A Pending one counts by what is left of it, an accepted one wholly,
/// whatever was taken back of it.
fn withdrawal_cap(context: &Context<'_>, parameters: &Parameters, findings: &mut Findings) {
    let event = context.event();
    let effect = parameters.withdrawal_cap.effect;
    if let Some(cap) = parameters.cap_each.get(event.currency).filter(|cap| event.total > *cap) {
        let detail = format!("the withdrawal of {} is above the cap of {cap} for one", event.total);
        findings.add(Finding::new(Check::WithdrawalCap, effect, detail).at("totalAmount"));
    }
    let Some(cap) = parameters.cap_day.get(event.currency) else { return };
    let day = local_day(event.country, event.time);
    let oldest = context.now.minus(context.parameters.time.older_than.plus(limits::LOCAL_DAY_MAX));
    let earlier = context
        .recent
        .iter()
        .filter(|recent| recent.kind.event_type == EventType::Withdrawal && recent.kind.charges())
        .filter(|recent| recent.stands() && recent.kind.currency == event.currency)
        .filter(|recent| recent.time >= oldest)
        .filter(|recent| recent.time.0.abs_diff(event.time.0) <= limits::LOCAL_DAY_MAX.0.unsigned_abs())
        .filter(|recent| local_day(event.country, recent.time) == day)
        .fold(Amount::ZERO, |sum, recent| sum.saturating_plus(recent.counts));
    let sum = earlier.saturating_plus(event.total);
    if sum > cap {
        let detail = format!("withdrawals of the day sum up to {sum}, above the cap of {cap} a day");
        findings.add(Finding::new(Check::WithdrawalCap, effect, detail).at("totalAmount"));
    }
    let forgot = context.account.map(crate::state::Account::forgot).unwrap_or_default().events;
    if sum <= cap && forgot.is_some_and(|forgot| forgot > event.time.minus(limits::LOCAL_DAY_MAX)) {
        let detail = "withdrawals may have been forgotten: those of the day cannot be summed up".to_owned();
        findings.add(Finding::new(Check::WithdrawalCap, effect, detail).at("totalAmount"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries() -> impl Strategy<Value = Vec<(i64, i64)>> {
        prop::collection::vec((0i64..60, 0i64..1_000), 1..30)
    }

    proptest! {
        /// Every window that ends at some event, the event at hand within it: the most of them all.
        #[test]
        fn the_fullest_window_is_that_of_a_naive_model(all in entries(), span in 1i64..40) {
            let entry = |(time, units): (i64, i64)| Entry { time: Micros(time), amount: Amount::new(units).unwrap() };
            let (own, others) = all.split_first().expect("one at least");
            let near = |(time, _): &&(i64, i64)| *time > own.0 - span && *time < own.0 + span;
            let others: SmallVec<[Entry; 16]> = others.iter().filter(near).copied().map(entry).collect();
            let found = fullest(others, entry(*own), Micros(span));
            let windows = all.iter().map(|(end, _)| *end).filter(|end| (*end - span < own.0) && own.0 <= *end);
            let held = |end: i64| all.iter().filter(move |(time, _)| *time > end - span && *time <= end);
            let count = windows.clone().map(|end| held(end).count()).max();
            let sum = windows.map(|end| held(end).map(|(_, units)| *units).sum::<i64>()).max();
            prop_assert_eq!((Some(found.count), Some(found.sum.ten_thousandths())), (count, sum));
        }
    }
}
