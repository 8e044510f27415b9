//! Telephone calls about a debt: how many were placed, and when somebody last spoke with the person (12 CFR 1006.14(b)(2) and
//! (3)). A presumption of the regulation, not a cap: see docs/contact.md.

use super::parameters::{Policy, Rules};
use super::question::{Debt, Question};
use super::reading::{About, Meaning};
use super::times::{When, date_of, days_between, first_permitted, plus, start_of};
use crate::contact::decision::Reason;
use crate::contact::party::Remembered;
use crate::contact::words::Channel;
use crate::domain::Micros;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub const CALLS: &str = "contact.frequency.calls";
pub const CONVERSATION: &str = "contact.frequency.conversation";

/// The interactions of a person, as the rules read them.
pub struct History<'q> {
    policy: &'q Policy,
    question: &'q Question<'q>,
    told: Vec<Told>,
}

struct Told {
    at: Micros,
    meaning: Meaning,
    about: About,
    is_collection: bool,
}

impl<'q> History<'q> {
    pub fn of(rules: &Rules, policy: &'q Policy, question: &'q Question<'q>) -> Self {
        let reading = &rules.reading;
        let told = |known: &Remembered| Told {
            at: known.occurred,
            meaning: reading.meaning(known),
            about: reading.about(known),
            is_collection: reading.theme(known).is_some_and(|theme| rules.collection.contains(&theme)),
        };
        Self { policy, question, told: question.party.interactions.iter().map(told).collect() }
    }

    /// Whether direct prior consent lifts calls and hours: for each debt of the request.
    pub fn is_lifted(&self) -> bool {
        let debts = &self.question.debts;
        !debts.is_empty() && debts.iter().all(|debt| self.is_agreed(debt, self.question.when))
    }

    /// Whether a contact about a debt is one that the person agreed to before, in each zone.
    fn is_agreed(&self, debt: &Debt<'_>, when: When) -> bool {
        let is_before = |consent: &Told| match when {
            When::At(time) => consent.at < time,
            When::On(_) => true,
        };
        let consents: Vec<&Told> = self.consents_of(debt).filter(|consent| is_before(consent)).collect();
        let covers =
            |zone: &TimeZone| consents.iter().any(|consent| self.is_covered(consent, when.day(zone), zone));
        !consents.is_empty() && self.question.zones.all(covers)
    }

    fn consents_of(&self, debt: &Debt<'_>) -> impl Iterator<Item = &Told> {
        self.told.iter().filter(move |told| {
            told.meaning.is(Meaning::CONSENT)
                && matches!(told.about, About::Debt(hash) if debt.names.iter().any(|(_, own)| *own == hash))
        })
    }

    /// Whether a day is one of those that a consent is for.
    fn is_covered(&self, consent: &Told, day: Date, zone: &TimeZone) -> bool {
        let days = days_between(date_of(zone, consent.at), day);
        (0..i64::from(self.policy.consent_days)).contains(&days)
    }

    /// Calls and conversations about a debt and about collection that count, by their days.
    fn days(&self, debt: &Debt<'_>, zone: &TimeZone) -> Days {
        let mut days = Days::default();
        for told in self.told.iter().filter(|told| told.is_collection) {
            let is_about = match told.about {
                About::Debt(hash) => debt.names.iter().any(|(_, own)| *own == hash),
                About::EveryDebt => true,
                About::Nothing => false,
            };
            let is_call = told.meaning.is_call_placed();
            let is_conversation = told.meaning.is_conversation();
            if !is_about || !(is_call || is_conversation) {
                continue;
            }
            let is_placed = told.meaning.is(Meaning::PLACED);
            if told.meaning.is(Meaning::EXEMPT) || is_placed && self.is_agreed(debt, When::At(told.at)) {
                continue;
            }
            let day = date_of(zone, told.at);
            days.calls.extend(is_call.then_some(day));
            days.conversations.extend(is_conversation.then_some(day));
        }
        days.calls.sort_unstable();
        days
    }

    /// Whether calls of a day may have been forgotten that a call on this day would be counted with.
    fn is_cut(&self, day: Date, zone: &TimeZone) -> bool {
        let days = i64::from(self.policy.calls_days.max(self.policy.conversation_days));
        self.question.party.cut.is_some_and(|cut| days_between(date_of(zone, cut), day) < days)
    }
}

/// Days in a zone.
#[derive(Default)]
struct Days {
    /// Of calls placed, in their order, each call one.
    calls: Vec<Date>,
    conversations: Vec<Date>,
}

impl Days {
    /// Whether so many calls lie on consecutive days that hold this one.
    fn has_calls(&self, policy: &Policy, day: Date) -> bool {
        let (most, span) = (policy.calls_max as usize, i64::from(policy.calls_days));
        let near = |call: &&Date| days_between(**call, day).abs() < span;
        let near: Vec<Date> = self.calls.iter().filter(near).copied().collect();
        most > 0
            && near.windows(most).any(|calls| {
                let (first, last) = (calls[0].min(day), calls[most - 1].max(day));
                days_between(first, last) < span
            })
    }

    fn has_conversation(&self, policy: &Policy, day: Date) -> bool {
        let days = 0..i64::from(policy.conversation_days);
        self.conversations.iter().any(|conversation| days.contains(&days_between(*conversation, day)))
    }
}

/// Reasons for each debt of the request; without debts for each rule one, of the debt that is refused longest.
pub fn judge(history: &History<'_>, is_lifted: bool, reasons: &mut Vec<Reason>) {
    let question = history.question;
    if question.channel != Channel::Voice || is_lifted {
        return;
    }
    let named = !question.debts.is_empty();
    let debts = if named { question.debts.clone() } else { debts_of_all(history) };
    let policy = history.policy;
    let (mut calls, mut conversations) = (Vec::new(), Vec::new());
    for debt in &debts {
        let days: Vec<(&TimeZone, Days)> =
            question.zones.iter().map(|zone| (zone, history.days(debt, zone))).collect();
        let about = match debt.name {
            "" => "about the debts of the person".to_owned(),
            name => format!("about {name}"),
        };
        let is_over =
            |days: &Days, day, zone: &TimeZone| days.has_calls(policy, day) || history.is_cut(day, zone);
        calls.extend(refused(question, &days, is_over).map(|not_before| Reason {
            code: CALLS,
            message: format!(
                "{} calls {about} lie within {} consecutive days that would hold this one",
                policy.calls_max, policy.calls_days
            ),
            not_before,
        }));
        let is_soon = |days: &Days, day, _: &TimeZone| days.has_conversation(policy, day);
        conversations.extend(refused(question, &days, is_soon).map(|not_before| Reason {
            code: CONVERSATION,
            message: format!(
                "a telephone conversation {about} took place within {} days",
                policy.conversation_days
            ),
            not_before,
        }));
    }
    if !named {
        for list in [&mut calls, &mut conversations] {
            // One that has no end is the longest.
            let longest = list.iter().cloned().max_by_key(|reason| reason.not_before.unwrap_or(Micros::LAST));
            *list = longest.into_iter().collect();
        }
    }
    reasons.append(&mut calls);
    reasons.append(&mut conversations);
}

/// Every debt of the person, every one that an interaction names, and that which only calls without a debt count for.
fn debts_of_all<'q>(history: &History<'q>) -> Vec<Debt<'q>> {
    let mut debts = history.question.all_debts();
    for told in &history.told {
        if let About::Debt(hash) = told.about
            && !debts.iter().any(|debt| debt.names.iter().any(|(_, own)| *own == hash))
        {
            debts.push(Debt { names: vec![("", hash)], ..Debt::default() });
        }
    }
    debts.push(Debt::default());
    debts
}

/// Where a rule refuses the day of the request in one of the zones: from when on it refuses none, where that is known.
fn refused(
    question: &Question<'_>,
    days: &[(&TimeZone, Days)],
    refuses: impl Fn(&Days, Date, &TimeZone) -> bool,
) -> Option<Option<Micros>> {
    let is_refused = |when: When| days.iter().any(|(zone, days)| refuses(days, when.day(zone), zone));
    if !is_refused(question.when) {
        return None;
    }
    let begin = question.zones.beginning(question.when);
    // No call is remembered for longer than these days, and none lies far ahead.
    let last = days.iter().flat_map(|(_, days)| days.calls.iter().chain(&days.conversations)).max();
    let starts = days.iter().flat_map(|(zone, _)| {
        let first = date_of(zone, begin);
        let span = last.map_or(0, |last| days_between(first, *last)).clamp(0, SPAN_MAX) + SPAN_MAX;
        (1..=span).map(move |day| start_of(zone, plus(first, day)))
    });
    Some(first_permitted(begin, starts.collect(), |time| !is_refused(When::At(time))))
}

/// Days ahead that are looked at: more than any policy spans.
const SPAN_MAX: i64 = 64;
