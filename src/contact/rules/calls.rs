//! Telephone calls about a debt: how many were placed, and when somebody last spoke with the person (12 CFR 1006.14(b)(2) and
//! (3)). A presumption of the regulation, not a cap: see docs/contact.md.

use super::days::{Calendar, Stretches};
use super::parameters::{Policy, Rules};
use super::question::{Debt, Question};
use super::reading::{About, Meaning};
use super::times::{When, day_of};
use crate::contact::decision::Reason;
use crate::contact::party::Remembered;
use crate::contact::words::Channel;
use crate::domain::Micros;
use std::collections::{BTreeMap, BTreeSet};

pub const CALLS: &str = "contact.frequency.calls";
pub const CONVERSATION: &str = "contact.frequency.conversation";

/// The interactions of a person, as the rules read them.
pub struct History<'q> {
    policy: &'q Policy,
    question: &'q Question<'q>,
    calendar: Calendar<'q>,
    /// In the order in which they took place.
    told: Vec<Told>,
    /// The local day of each, in zones where these differ, and of [`Party::cut`](crate::contact::party::Party::cut).
    rows: Vec<(Vec<i64>, Option<i64>)>,
    /// The row of each zone.
    row_of: Vec<usize>,
    /// Which ones are about each debt that one names, and which ones about every debt.
    named: BTreeMap<u64, Vec<usize>>,
    of_every_debt: Vec<usize>,
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
        let mut told: Vec<Told> = question.party.interactions.iter().map(told).collect();
        told.sort_by_key(|told| told.at);
        let calendar = Calendar::of(&question.zones, question.when);
        let mut history = Self {
            policy,
            question,
            calendar,
            told,
            rows: Vec::new(),
            row_of: Vec::new(),
            named: BTreeMap::new(),
            of_every_debt: Vec::new(),
        };
        history.note();
        history
    }

    /// Notes their days, and what they are about.
    fn note(&mut self) {
        let mut known = BTreeMap::new();
        for zone in self.question.zones.iter() {
            let days = self.told.iter().map(|told| day_of(zone, told.at)).collect();
            let row = (days, self.question.party.cut.map(|cut| day_of(zone, cut)));
            let next = known.len();
            self.row_of.push(*known.entry(row).or_insert(next));
        }
        self.rows = vec![<(Vec<i64>, Option<i64>)>::default(); known.len()];
        known.into_iter().for_each(|(row, place)| self.rows[place] = row);
        for (place, told) in self.told.iter().enumerate() {
            match told.about {
                About::Debt(hash) => self.named.entry(hash).or_default().push(place),
                About::EveryDebt => self.of_every_debt.push(place),
                About::Nothing => {}
            }
        }
    }

    /// Those that name a debt, in their order.
    fn naming(&self, debt: &Debt<'_>) -> Vec<usize> {
        let lists = debt.names.iter().filter_map(|(_, hash)| self.named.get(hash));
        let mut found: Vec<usize> = lists.flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn consents_of(&self, naming: &[usize]) -> Vec<usize> {
        naming.iter().copied().filter(|place| self.told[*place].meaning.is(Meaning::CONSENT)).collect()
    }

    /// Whether direct prior consent lifts calls and hours: for each debt of the request.
    pub fn is_lifted(&self) -> bool {
        let debts = &self.question.debts;
        let days: Vec<(usize, i64)> = self.row_of.iter().copied().zip(self.calendar.days()).collect();
        let before = match self.question.when {
            When::At(time) => Some(time),
            When::On(_) => None,
        };
        let is_agreed =
            |debt| self.is_agreed(&self.consents_of(&self.naming(debt)), before, days.iter().copied());
        !debts.is_empty() && debts.iter().all(is_agreed)
    }

    /// Whether a contact before which only consents before a time count is one that the person agreed to by these, by its day in
    /// each row.
    fn is_agreed(
        &self,
        consents: &[usize],
        before: Option<Micros>,
        mut days: impl Iterator<Item = (usize, i64)>,
    ) -> bool {
        let is_before = |place: &usize| before.is_none_or(|time| self.told[*place].at < time);
        let earlier = &consents[..consents.partition_point(is_before)];
        let lasts = i64::from(self.policy.consent_days);
        // The later ones first: before one that is long over there is none that is not. A clock that is set back may make a day
        // one less.
        let covers = |(row, day): (usize, i64)| {
            let since = earlier.iter().rev().map(|place| day - self.rows[row].0[*place]);
            since.take_while(|since| *since <= lasts).any(|since| (0..lasts).contains(&since))
        };
        !earlier.is_empty() && days.all(covers)
    }

    /// Calls and conversations about a debt and about collection that count. `naming`: those that name it.
    fn counted(&self, naming: &[usize]) -> [Vec<usize>; 2] {
        let consents = self.consents_of(naming);
        let mut about: Vec<usize> = naming.iter().chain(&self.of_every_debt).copied().collect();
        about.sort_unstable();
        let (mut calls, mut conversations) = (Vec::new(), Vec::new());
        for place in about {
            let Told { at, meaning, is_collection, .. } = self.told[place];
            let (is_call, is_conversation) = (meaning.is_call_placed(), meaning.is_conversation());
            if !is_collection || meaning.is(Meaning::EXEMPT) || !(is_call || is_conversation) {
                continue;
            }
            let days = (0..).zip(&self.rows).map(|(row, (days, _))| (row, days[place]));
            if meaning.is(Meaning::PLACED) && self.is_agreed(&consents, Some(at), days) {
                continue;
            }
            calls.extend(is_call.then_some(place));
            conversations.extend(is_conversation.then_some(place));
        }
        [calls, conversations]
    }

    /// What is found of a debt: where calls, and where conversations refuse the day of the request, and until when.
    fn found(&self, naming: &[usize]) -> [Option<Option<Micros>>; 2] {
        let [calls, conversations] = self.counted(naming);
        let last = |(days, _): &(Vec<i64>, Option<i64>)| {
            calls.iter().chain(&conversations).map(|place| days[*place]).max()
        };
        let last = self.rows.iter().filter_map(last).max();
        let days = |row: &(Vec<i64>, Option<i64>), places: &[usize]| {
            let mut days: Vec<i64> = places.iter().map(|place| row.0[*place]).collect();
            days.sort_unstable();
            days
        };
        let rows = self.rows.iter();
        let of_calls = rows.clone().map(|row| days_of_calls(self.policy, &days(row, &calls), row.1));
        let of_conversations = rows.map(|row| days_of_conversations(self.policy, &days(row, &conversations)));
        [of_calls.collect::<Vec<_>>(), of_conversations.collect()]
            .map(|refused| self.calendar.refused(|zone| &refused[self.row_of[zone]], last))
    }
}

/// Days of which a call would make too many on consecutive days that hold it, by the days of calls in their order; and those with
/// which calls would be counted that may have been forgotten.
fn days_of_calls(policy: &Policy, calls: &[i64], cut: Option<i64>) -> Stretches {
    let (most, span) = (policy.calls_max as usize, i64::from(policy.calls_days));
    let mut found = Stretches::default();
    if let Some(cut) = cut {
        // Without either rule nothing is counted.
        let counted = if most > 0 { span } else { 0 }.max(i64::from(policy.conversation_days));
        if counted > 0 {
            found.add(i64::MIN, cut + counted - 1);
        }
    }
    if most > 0 {
        for calls in calls.windows(most).filter(|calls| calls[most - 1] - calls[0] < span) {
            found.add(calls[most - 1] - span + 1, calls[0] + span - 1);
        }
    }
    found
}

/// Days that come too soon after a conversation, by the days of these in their order.
fn days_of_conversations(policy: &Policy, conversations: &[i64]) -> Stretches {
    let mut found = Stretches::default();
    for day in conversations {
        found.add(*day, *day + i64::from(policy.conversation_days) - 1);
    }
    found
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
    // Debts that the same interactions name are judged alike.
    let mut known: BTreeMap<Vec<usize>, [Option<Option<Micros>>; 2]> = BTreeMap::new();
    for debt in &debts {
        let about = match debt.name {
            "" => "about the debts of the person".to_owned(),
            name => format!("about {name}"),
        };
        let naming = history.naming(debt);
        let found = known.get(&naming).copied().unwrap_or_else(|| history.found(&naming));
        known.insert(naming, found);
        let [of_calls, of_conversations] = found;
        calls.extend(of_calls.map(|not_before| Reason {
            code: CALLS,
            message: format!(
                "{} calls {about} lie within {} consecutive days that would hold this one",
                policy.calls_max, policy.calls_days
            ),
            not_before,
        }));
        conversations.extend(of_conversations.map(|not_before| Reason {
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
    let hashes = debts.iter().flat_map(|debt| debt.names.iter().map(|(_, hash)| *hash));
    let mut known: BTreeSet<u64> = hashes.collect();
    for told in &history.told {
        if let About::Debt(hash) = told.about
            && known.insert(hash)
        {
            debts.push(Debt { names: vec![("", hash)], ..Debt::default() });
        }
    }
    debts.push(Debt::default());
    debts
}
