//! Group velocity (checks 41, 42): how much and how often in exact sliding windows, and withdrawals a day.
//!
//! Windows look at one account's own events; a chip or a terminal across accounts is another check.

use super::Context;
use super::catalogue::Check;
use super::content::Content;
use super::findings::{Effect, Finding, Findings, Rule};
use super::parameters::{PerCurrency, SymbolSet};
use super::time::{local_day, span};
use crate::domain::enums::{ActionCode, CategoryType, EventType};
use crate::domain::{Amount, Micros, limits};
use crate::state::{MoneyKind, Remembered};
use smallvec::SmallVec;
use std::collections::BTreeMap;

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
    pub scope: WindowScope,
    /// Whether refused events count.
    pub of: CountedEvents,
    /// Which events it is about: those that it judges, and those that it counts.
    pub filter: Filter,
    /// Its length; an event exactly this old is outside.
    pub span: Micros,
    /// What is counted.
    pub distinct: Distinct,
    /// More than this many fail; 0: no bound.
    pub count: usize,
    /// A sum above this fails.
    pub amount: PerCurrency,
    /// What it does.
    pub effect: Effect,
}

/// Whose events a window looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowScope {
    /// All of the account's.
    Account,
    /// The account's on the same chip.
    Chip,
    /// The account's at the same terminal.
    Terminal,
}

/// Which events a window counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedEvents {
    /// Those that were accepted, and those that wait.
    Accepted,
    /// All that were judged.
    Attempts,
}

/// What a window counts: events, or how many different values they have of something; what has none counts as none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distinct {
    /// Events.
    None,
    /// Chips.
    Chip,
    /// Terminals.
    Terminal,
    /// Countries.
    Country,
    /// Categories.
    Category,
}

/// Kinds of events; of a set that is empty, all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Event types.
    pub event_types: SymbolSet,
    /// Categories; an event that has none is in no set.
    pub categories: SymbolSet,
    /// Countries.
    pub countries: SymbolSet,
}

impl Filter {
    fn takes(&self, kind: MoneyKind) -> bool {
        let Self { event_types, categories, countries } = *self;
        let has = |set: SymbolSet, index: Option<usize>| {
            set.is_empty() || index.is_some_and(|index| set.has(index))
        };
        has(event_types, Some(kind.event_type.index()))
            && has(categories, kind.category.map(CategoryType::index))
            && has(countries, Some(kind.country.index()))
    }
}

impl Window {
    /// Whether it looks at what kind of event one is.
    fn asks_for_kinds(&self) -> bool {
        self.filter != Filter::default() || matches!(self.distinct, Distinct::Country | Distinct::Category)
    }
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
        let attempts = self.windows.iter().filter(|window| window.of == CountedEvents::Attempts);
        attempts.map(|window| window.span).max().filter(|_| self.windows_enabled)
    }

    /// Whether these windows ask for the kind of refused events.
    #[must_use]
    pub fn asks_for_kinds_of_attempts(&self) -> bool {
        let mut attempts = self.windows.iter().filter(|window| window.of == CountedEvents::Attempts);
        attempts.any(Window::asks_for_kinds) && self.windows_enabled
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
struct WindowEvent {
    time: Micros,
    /// Where it is of the event's currency.
    amount: Amount,
    /// What stands for its value, where different values are counted and it has one.
    value: Option<u64>,
}

/// The most that any window of the span which contains the event at hand holds, that event included: events, or different
/// values.
struct Fullest {
    count: usize,
    sum: Amount,
}

/// The events that could share a window with the one at hand; nothing where the window is of no concern to it.
fn entries(context: &Context<'_>, window: &Window) -> Option<SmallVec<[WindowEvent; 16]>> {
    let (known, event) = (context.known, context.event());
    // What is kept beyond this would count in some accounts and not in others.
    let oldest = context.now.minus(context.parameters.time.older_than.plus(window.span));
    let is_near = |time: Micros| {
        time >= oldest && time > event.time.minus(window.span) && time < event.time.plus(window.span)
    };
    if !window.filter.takes(known.kind())
        || match window.scope {
            WindowScope::Account => false,
            WindowScope::Chip => known.event.content.chip == 0,
            WindowScope::Terminal => known.event.content.terminal == 0,
        }
    {
        return None;
    }
    let takes = |kind: Option<MoneyKind>| kind.is_none_or(|kind| window.filter.takes(kind));
    let counts = |recent: &&Remembered| {
        recent.kind.charges()
            && is_near(recent.time)
            && (recent.stands() || window.of == CountedEvents::Attempts)
            && takes(kind_of(recent))
            && match window.scope {
                WindowScope::Account => true,
                WindowScope::Chip => known.is_chip_of(recent),
                WindowScope::Terminal => known.is_terminal_of(recent),
            }
    };
    let mut entries: SmallVec<[WindowEvent; 16]> = context
        .recent
        .iter()
        .filter(counts)
        .enumerate()
        .map(|(place, recent)| {
            let amount = if recent.stands() { recent.counts } else { recent.amount };
            let chip = if known.is_chip_of(recent) { known.event.content.chip } else { recent.chip };
            let terminal =
                if known.is_terminal_of(recent) { known.event.content.terminal } else { recent.terminal };
            WindowEvent {
                time: recent.time,
                amount: if recent.kind.currency == event.currency { amount } else { Amount::ZERO },
                value: value(window.distinct, chip, terminal, kind_of(recent), place),
            }
        })
        .collect();
    let rare = context.account.and_then(|account| account.rare.as_ref());
    if let Some(rare) = rare.filter(|_| window.of == CountedEvents::Attempts) {
        let near = rare.attempts.iter().filter(|attempt| is_near(attempt.time));
        for attempt in near.filter(|attempt| takes(attempt.kind)) {
            let same = match window.scope {
                WindowScope::Account => true,
                WindowScope::Chip => attempt.chip == known.event.content.chip,
                WindowScope::Terminal => attempt.terminal == known.event.content.terminal,
            };
            if same {
                let place = entries.len();
                entries.push(WindowEvent {
                    time: attempt.time,
                    amount: if attempt.currency == event.currency { attempt.amount } else { Amount::ZERO },
                    value: value(window.distinct, attempt.chip, attempt.terminal, attempt.kind, place),
                });
            }
        }
    }
    Some(entries)
}

/// What kind of event one is, as far as an old journal kept it.
fn kind_of(recent: &Remembered) -> Option<MoneyKind> {
    (!recent.is_of_old_journal()).then_some(recent.kind)
}

/// What stands for an event's value: of chips and terminals their hash, of others the symbol's place. The kind of an event
/// may not have been remembered: it might fit any filter and have any value, so it counts, as another value than all others.
fn value(distinct: Distinct, chip: u64, terminal: u64, kind: Option<MoneyKind>, place: usize) -> Option<u64> {
    let of_hash = |hash: u64| (hash != 0).then_some(hash);
    let of_kind = |index: fn(MoneyKind) -> Option<usize>| match kind {
        Some(kind) => index(kind).map(|index| index as u64),
        None => Some(u64::MAX - place as u64),
    };
    match distinct {
        Distinct::None => None,
        Distinct::Chip => of_hash(chip),
        Distinct::Terminal => of_hash(terminal),
        Distinct::Country => of_kind(|kind| Some(kind.country.index())),
        Distinct::Category => of_kind(|kind| kind.category.map(CategoryType::index)),
    }
}

/// The different values in a window, and how many events have each.
#[derive(Default)]
struct ValueCounts(BTreeMap<u64, usize>);

impl ValueCounts {
    fn add(&mut self, value: u64) {
        *self.0.entry(value).or_default() += 1;
    }

    fn take(&mut self, value: u64) {
        if let Some(events) = self.0.get_mut(&value) {
            *events -= 1;
            if *events == 0 {
                self.0.remove(&value);
            }
        }
    }
}

/// Slides a window of the span over the entries, along all places where it contains the event at hand. It is open at its old
/// end.
fn fullest(
    mut entries: SmallVec<[WindowEvent; 16]>,
    event: WindowEvent,
    span: Micros,
    distinct: Distinct,
) -> Fullest {
    let count = if distinct == Distinct::None { 1 } else { usize::from(event.value.is_some()) };
    let mut fullest = Fullest { count, sum: event.amount };
    if entries.is_empty() {
        return fullest;
    }
    entries.push(event);
    entries.sort_unstable_by_key(|entry| entry.time);
    let (mut begin, mut sum, mut values) = (0, 0i128, ValueCounts::default());
    for (end, entry) in entries.iter().enumerate() {
        sum += i128::from(entry.amount.ten_thousandths());
        entry.value.into_iter().for_each(|value| values.add(value));
        while entries[begin].time <= entry.time.minus(span) {
            sum -= i128::from(entries[begin].amount.ten_thousandths());
            entries[begin].value.into_iter().for_each(|value| values.take(value));
            begin += 1;
        }
        // Events of one time come in together: only the last of them ends a window.
        let is_last = entries.get(end + 1).is_none_or(|next| next.time > entry.time);
        if is_last && entry.time >= event.time && entries[begin].time <= event.time {
            let count = if distinct == Distinct::None { end + 1 - begin } else { values.0.len() };
            fullest.count = fullest.count.max(count);
            let sum = sum.min(i128::from(Amount::MAX.ten_thousandths())) as i64;
            fullest.sum = fullest.sum.max(Amount::new(sum).unwrap_or(Amount::MAX));
        }
    }
    fullest
}

/// Whether the account has forgotten something that a window around the event might hold.
fn is_cut_short(context: &Context<'_>, window: &Window) -> bool {
    let forgot = context.account.map(crate::state::Account::forgot).unwrap_or_default();
    let attempts = forgot.attempts.filter(|_| window.of == CountedEvents::Attempts);
    let begin = context.event().time.minus(window.span);
    forgot.events.max(attempts).is_some_and(|forgot| forgot > begin)
}

/// Check 41, one window.
fn check_window(context: &Context<'_>, window: &Window, findings: &mut Findings) {
    let event = context.event();
    let most = window.amount.get(event.currency);
    let Some(entries) = entries(context, window) else { return };
    let Content { chip, terminal, .. } = context.known.event.content;
    let own_value = value(window.distinct, chip, terminal, Some(context.known.kind()), 0);
    let own = WindowEvent { time: event.time, amount: event.total, value: own_value };
    let Fullest { count, sum } = fullest(entries, own, window.span, window.distinct);
    let too_many = window.count > 0 && count > window.count;
    let too_much = most.filter(|most| sum > *most);
    let cut_short = is_cut_short(context, window);
    if !too_many && too_much.is_none() && !cut_short {
        return;
    }
    let whose = match window.scope {
        WindowScope::Account => "of this account",
        WindowScope::Chip => "on this chip",
        WindowScope::Terminal => "at this terminal",
    };
    let what = if window.of == CountedEvents::Accepted { "accepted or pending events" } else { "attempts" };
    let (length, name) = (span(window.span), &window.name);
    let detail = if too_many {
        let values = match window.distinct {
            Distinct::None => "",
            Distinct::Chip => "chips in ",
            Distinct::Terminal => "terminals in ",
            Distinct::Country => "countries in ",
            Distinct::Category => "categories in ",
        };
        format!(
            "{count} {values}{what} {whose} within {length}, at most {} are allowed (window {name})",
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
        findings.report(Check::WithdrawalCap, effect, "totalAmount", detail);
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
        findings.report(Check::WithdrawalCap, effect, "totalAmount", detail);
    }
    let forgot = context.account.map(crate::state::Account::forgot).unwrap_or_default().events;
    if sum <= cap && forgot.is_some_and(|forgot| forgot > event.time.minus(limits::LOCAL_DAY_MAX)) {
        let detail = "withdrawals may have been forgotten: those of the day cannot be summed up".to_owned();
        findings.report(Check::WithdrawalCap, effect, "totalAmount", detail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Time, amount and value of an event.
    type Drawn = (i64, i64, Option<u64>);

    fn entries() -> impl Strategy<Value = Vec<Drawn>> {
        let value = prop::option::of(0u64..6);
        prop::collection::vec((0i64..60, 0i64..1_000, value), 1..30)
    }

    proptest! {
        /// Every window that ends at some event, the event at hand within it: the most of them all.
        #[test]
        fn the_fullest_window_is_that_of_a_naive_model(all in entries(), span in 1i64..40) {
            let entry = |(time, units, value): Drawn| {
                WindowEvent { time: Micros(time), amount: Amount::new(units).unwrap(), value }
            };
            let (own, others) = all.split_first().expect("one at least");
            let near = |(time, ..): &&Drawn| *time > own.0 - span && *time < own.0 + span;
            let others: SmallVec<[WindowEvent; 16]> = others.iter().filter(near).copied().map(entry).collect();
            let of = |distinct| fullest(others.clone(), entry(*own), Micros(span), distinct);
            let windows = all.iter().map(|(end, ..)| *end).filter(|end| (*end - span < own.0) && own.0 <= *end);
            let held = |end: i64| all.iter().filter(move |(time, ..)| *time > end - span && *time <= end);
            let count = windows.clone().map(|end| held(end).count()).max();
            let sum = windows.clone().map(|end| held(end).map(|(_, units, _)| *units).sum::<i64>()).max();
            let values = |end: i64| held(end).filter_map(|(.., value)| *value).collect::<BTreeSet<u64>>().len();
            let distinct = windows.map(values).max();
            let (found, found_distinct) = (of(Distinct::None), of(Distinct::Terminal));
            prop_assert_eq!((Some(found.count), Some(found.sum.ten_thousandths())), (count, sum));
            prop_assert_eq!((Some(found_distinct.count), found_distinct.sum), (distinct, found.sum));
        }
    }
}
