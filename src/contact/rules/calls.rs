//! Telephone calls about a debt: how many were placed, and when somebody last spoke with the person (12 CFR 1006.14(b)(2) and
//! (3)). A presumption of the regulation, not a cap: see docs/contact.md.

use super::parameters::{Policy, Rules};
use super::question::{Debt, Question};
use super::reading::{About, Meaning};
use super::times::{When, date_of, day_of, first_permitted, plus, start_of};
use crate::contact::decision::Reason;
use crate::contact::party::RememberedInteraction;
use crate::contact::words::Channel;
use crate::domain::Micros;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

pub const CALLS: &str = "contact.frequency.calls";
pub const CONVERSATION: &str = "contact.frequency.conversation";

/// The interactions of a person, as the rules read them.
pub struct CallHistory<'q> {
    policy: &'q Policy,
    question: &'q Question<'q>,
    /// The day of the request in each zone.
    days: Vec<i64>,
    told: Vec<PastInteraction>,
}

struct PastInteraction {
    at: Micros,
    /// Its day in each zone.
    days: Vec<i64>,
    meaning: Meaning,
    about: About,
    is_collection: bool,
}

impl<'q> CallHistory<'q> {
    pub fn of(rules: &Rules, policy: &'q Policy, question: &'q Question<'q>) -> Self {
        let reading = &rules.reading;
        let told = |known: &RememberedInteraction| {
            let meaning = reading.meaning(known);
            let counts =
                meaning.is_call_placed() || meaning.is_conversation() || meaning.is(Meaning::CONSENT);
            counts.then(|| PastInteraction {
                at: known.occurred,
                days: question.zones.iter().map(|zone| day_of(date_of(zone, known.occurred))).collect(),
                meaning,
                about: reading.about(known),
                is_collection: reading.theme(known).is_some_and(|theme| rules.collection.contains(&theme)),
            })
        };
        let told = question.party.interactions.iter().filter_map(told).collect();
        let days = question.zones.iter().map(|zone| day_of(question.when.day(zone))).collect();
        Self { policy, question, days, told }
    }

    /// Whether direct prior consent lifts calls and hours: for each debt of the request.
    pub fn is_lifted(&self) -> bool {
        let debts = &self.question.debts;
        let at = match self.question.when {
            When::At(time) => Some(time),
            When::On(_) => None,
        };
        !debts.is_empty() && debts.iter().all(|debt| self.is_agreed(debt, at, &self.days))
    }

    /// Whether a contact about a debt is one that the person agreed to before, in each zone: by its time, where it has one, and
    /// its day in each.
    fn is_agreed(&self, debt: &Debt<'_>, at: Option<Micros>, days: &[i64]) -> bool {
        let is_before = |consent: &&PastInteraction| at.is_none_or(|at| consent.at < at);
        let consents: Vec<&PastInteraction> = self.consents_of(debt).filter(is_before).collect();
        let spans = 0..i64::from(self.policy.consent_days);
        let is_covered =
            |zone: usize| consents.iter().any(|consent| spans.contains(&(days[zone] - consent.days[zone])));
        !consents.is_empty() && (0..days.len()).all(is_covered)
    }

    fn consents_of(&self, debt: &Debt<'_>) -> impl Iterator<Item = &PastInteraction> {
        self.told.iter().filter(move |told| {
            told.meaning.is(Meaning::CONSENT) && matches!(told.about, About::Debt(hash) if debt.has(hash))
        })
    }

    /// Calls and conversations about a debt and about collection that count, by their days in each zone.
    fn days_of(&self, debt: &Debt<'_>) -> Vec<Days> {
        let mut days: Vec<Days> = self.days.iter().map(|_| Days::default()).collect();
        for told in self.told.iter().filter(|told| told.is_collection) {
            let is_about = match told.about {
                About::Debt(hash) => debt.has(hash),
                About::EveryDebt => true,
                About::Nothing => false,
            };
            let is_placed = told.meaning.is(Meaning::PLACED);
            if !is_about
                || told.meaning.is(Meaning::EXEMPT)
                || is_placed && self.is_agreed(debt, Some(told.at), &told.days)
            {
                continue;
            }
            for (days, day) in days.iter_mut().zip(&told.days) {
                days.calls.extend(told.meaning.is_call_placed().then_some(*day));
                days.conversations.extend(told.meaning.is_conversation().then_some(*day));
            }
        }
        days.iter_mut().for_each(|days| days.calls.sort_unstable());
        days
    }

    /// Whether something of a day may have been forgotten that a call on this day would be counted with, by a rule of so many
    /// days.
    fn is_cut(&self, days: u32, day: i64, zone: &TimeZone) -> bool {
        let near = |cut| day - day_of(date_of(zone, cut)) < i64::from(days);
        days > 0 && self.question.party.cut.is_some_and(near)
    }
}

/// Days in a zone.
#[derive(Default)]
struct Days {
    /// Of calls placed, in their order, each call one.
    calls: Vec<i64>,
    conversations: Vec<i64>,
}

impl Days {
    /// Whether so many calls lie on consecutive days that hold this one.
    fn has_calls(&self, policy: &Policy, day: i64) -> bool {
        let (most, span) = (policy.calls_max as usize, i64::from(policy.calls_days));
        let from = self.calls.partition_point(|call| *call <= day - span);
        let to = self.calls.partition_point(|call| *call < day + span);
        let holds = |calls: &[i64]| calls[most - 1].max(day) - calls[0].min(day) < span;
        most > 0 && self.calls[from..to].windows(most).any(holds)
    }

    fn has_conversation(&self, policy: &Policy, day: i64) -> bool {
        let days = 0..i64::from(policy.conversation_days);
        self.conversations.iter().any(|conversation| days.contains(&(day - conversation)))
    }
}

/// What is said where something was forgotten.
const CUT: &str =
    "more was told of the person than is remembered: there may have been calls that are not counted";

/// Reasons for each debt of the request; without debts for each rule one, of the debt that is refused longest.
pub fn judge(history: &CallHistory<'_>, is_lifted: bool, reasons: &mut Vec<Reason>) {
    let question = history.question;
    if question.channel != Channel::Voice || is_lifted {
        return;
    }
    let named = !question.debts.is_empty();
    let debts = if named { question.debts.clone() } else { debts_of_all(history) };
    let days: Vec<Vec<Days>> = debts.iter().map(|debt| history.days_of(debt)).collect();
    let Policy { calls_max, calls_days, conversation_days, .. } = *history.policy;
    let has_calls = |days: &Days, day| days.has_calls(history.policy, day);
    let has_conversation = |days: &Days, day| days.has_conversation(history.policy, day);
    let rule =
        |code: &'static str, cut, refuses: &dyn Fn(&Days, i64) -> bool, what: &dyn Fn(&str) -> String| {
            let refused = debts.iter().zip(&days).filter_map(|(debt, days)| {
                let (not_before, is_cut) = refused_until(history, days, cut, refuses)?;
                let about = match debt.name {
                    "" => "the debts of the person",
                    name => name,
                };
                let message = if is_cut { CUT.to_owned() } else { what(about) };
                Some(Reason { code: code.into(), message, not_before })
            });
            if named {
                return refused.collect();
            }
            // One that has no end is the longest.
            let longest = refused.max_by_key(|reason| reason.not_before.unwrap_or(Micros::LAST));
            longest.into_iter().collect::<Vec<_>>()
        };
    let calls_cut = if calls_max > 0 { calls_days } else { 0 };
    reasons.extend(rule(CALLS, calls_cut, &has_calls, &|about| {
        format!("{calls_max} calls about {about} lie within {calls_days} consecutive days that would hold this one")
    }));
    reasons.extend(rule(CONVERSATION, conversation_days, &has_conversation, &|about| {
        format!("a telephone conversation about {about} took place within {conversation_days} days")
    }));
}

/// The debts that interactions name, those of the person by their names, and that which only calls without a debt count for: all
/// others are as that one.
fn debts_of_all<'q>(history: &CallHistory<'q>) -> Vec<Debt<'q>> {
    let named: BTreeSet<u64> = history
        .told
        .iter()
        .filter_map(|told| match told.about {
            About::Debt(hash) => Some(hash),
            _ => None,
        })
        .collect();
    let mut debts = history.question.all_debts();
    debts.retain(|debt| debt.names.iter().any(|(_, hash)| named.contains(hash)));
    let of_nobody = |hash: &u64| !debts.iter().any(|debt| debt.has(*hash));
    let others: Vec<u64> = named.iter().copied().filter(of_nobody).collect();
    debts.extend(others.into_iter().map(|hash| Debt { names: vec![("", hash)], ..Debt::default() }));
    debts.push(Debt::default());
    debts
}

/// Where a rule refuses the day of the request in one of the zones: from when on it refuses none, where that is known, and whether
/// it is only because something was forgotten, within `cut` days.
fn refused_until(
    history: &CallHistory<'_>,
    days: &[Days],
    cut: u32,
    refuses: &dyn Fn(&Days, i64) -> bool,
) -> Option<(Option<Micros>, bool)> {
    let question = history.question;
    let zones = || question.zones.iter().zip(days);
    let by_rule = zones().zip(&history.days).any(|((_, days), day)| refuses(days, *day));
    let by_cut = zones().zip(&history.days).any(|((zone, _), day)| history.is_cut(cut, *day, zone));
    if !by_rule && !by_cut {
        return None;
    }
    let permits = |time: Micros| {
        !zones().any(|(zone, days)| {
            let day = day_of(date_of(zone, time));
            refuses(days, day) || history.is_cut(cut, day, zone)
        })
    };
    let begin = question.zones.beginning(question.when);
    let starts = |span: i64| -> Vec<Micros> {
        let of_zone = |zone| {
            let first = date_of(zone, begin);
            (1..=span).map(move |day| start_of(zone, plus(first, day)))
        };
        question.zones.iter().flat_map(of_zone).collect()
    };
    // Days begin up to 26 hours apart: what is found at the end of the nearer ones may not be the first.
    let near = first_permitted(begin, starts(SPAN_NEAR), permits);
    let is_first = |time: &Micros| *time < begin.plus(Micros((SPAN_NEAR - 2) * DAY));
    let not_before = near.filter(is_first).or_else(|| first_permitted(begin, starts(SPAN_MAX), permits));
    Some((not_before, !by_rule))
}

/// Days ahead that are looked at first, and at most: more than any policy spans, and any call may lie ahead.
const SPAN_NEAR: i64 = 16;
const SPAN_MAX: i64 = 128;
const DAY: i64 = 86_400_000_000;
