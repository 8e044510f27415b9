//! What an account remembers and forgets, and what becomes of it: events, attempts, refused ones, answers, account events.
//! Every list has a bound; what a bound cuts is noted, because whoever looks back must know how far that goes.

use super::account::{Account, AnswerOf, Attempt, Correctable, RefusedEvent, StoredAnswer};
use super::applied::AppliedEvent;
use super::fact::RememberedFact;
use super::hold::{Hold, Taking};
use super::memory::Memory;
use super::remembered::{EventPlace, Remembered};
use crate::domain::enums::Verdict;
use crate::domain::{Amount, Micros, limits};
use std::collections::VecDeque;

impl Account {
    pub(super) fn remember(&mut self, RememberedFact { event, keep }: &RememberedFact) {
        let forgotten = self.recent.forget(keep.all_from, limits::REMEMBERED_MAX - 1);
        if !forgotten.is_empty() {
            let rare = self.rare_mut();
            rare.forgot.events = rare.forgot.events.max(latest_from(keep.all_from, &forgotten));
            // One of which nothing is left, or which came to nothing, is still found by its id, and nothing else instead.
            let is_found = |event: &&Remembered| event.id != 0 || !event.left.is_zero();
            for event in forgotten.iter().filter(|event| !event.kind.gives_back).filter(is_found) {
                // A sale that is pushed out here is looked for in vain, and the account's sum is the measure; a repeat of
                // book-keeping would be booked again.
                let (older, forgot) = match event.kind.charges() {
                    true => (&mut rare.originals, None),
                    false => (&mut rare.book_keeping, Some(&mut rare.forgot.book_keeping)),
                };
                let pushed_out = older.forget(keep.originals_from, limits::REMEMBERED_MAX - 1);
                older.push(event);
                if let Some(forgot) = forgot {
                    *forgot = (*forgot).max(latest_from(keep.originals_from, &pushed_out));
                }
            }
            let kept: Vec<EventPlace> =
                self.recent.iter().chain(self.older_book_keeping()).map(|event| event.place).collect();
            self.rare_mut().answers.retain(|answer| match answer.of {
                AnswerOf::Place(place) => kept.contains(&place),
                AnswerOf::OldId(_) => true,
            });
        }
        self.recent.push(event);
    }

    pub(super) fn remember_attempt(&mut self, attempt: Attempt, keep_from: Micros) {
        let rare = self.rare_mut();
        while rare.attempts.front().is_some_and(|oldest| oldest.seen < keep_from) {
            rare.attempts.pop_front();
        }
        while rare.attempts.len() >= limits::ATTEMPTS_MAX {
            let cut = rare.attempts.pop_front().map(|oldest| oldest.time);
            rare.forgot.attempts = rare.forgot.attempts.max(cut);
        }
        push(&mut rare.attempts, attempt);
    }

    pub(super) fn remember_refused(&mut self, refused: &RefusedEvent, keep_from: Micros, most: usize) {
        let kept = &mut self.rare_mut().refused;
        while kept.len() >= most.max(1) || kept.front().is_some_and(|oldest| oldest.event.seen < keep_from) {
            kept.pop_front();
        }
        if most > 0 {
            push(kept, refused.clone());
        }
    }

    pub(super) fn remember_answer(&mut self, answer: &StoredAnswer) {
        if let AnswerOf::Place(place) = answer.of {
            self.recent.edit(place, |event| event.has_messages = true);
        }
        let answers = &mut self.rare_mut().answers;
        answers.retain(|kept| kept.of != answer.of);
        while answers.len() >= limits::ANSWERS_MAX {
            answers.pop_front();
        }
        push(answers, answer.clone());
    }

    pub(super) fn remember_account_event(&mut self, event: &AppliedEvent, keep_from: Micros) {
        let events = &mut self.master_data_mut().events;
        let cut = events.forget(keep_from, limits::ACCOUNT_EVENTS_MAX - 1);
        events.push(event);
        if cut.is_some() {
            let rare = self.rare_mut();
            rare.forgot.account_events = rare.forgot.account_events.max(cut);
        }
    }

    /// The event of a hold that is no more: accepted from now on, or refused.
    pub(super) fn end_pending(&mut self, hold: &Hold, granted: bool) {
        let end = |event: &mut Remembered| {
            event.verdict = if granted { Verdict::Accepted } else { Verdict::Rejected };
            if !granted {
                event.left = Amount::ZERO;
            }
        };
        self.recent.edit(hold.place, end);
    }

    pub(super) fn take(&mut self, taking: &Taking) {
        self.correctable = self.correctable.minus(taking.of_sums);
        self.change_left(taking, |left, amount| left.saturating_minus(amount).max(Amount::ZERO));
    }

    pub(super) fn give_back(&mut self, taking: &Taking) {
        self.correctable = self.correctable.plus(taking.of_sums);
        self.change_left(taking, Amount::saturating_plus);
    }

    fn change_left(&mut self, taking: &Taking, change: impl Fn(Amount, Amount) -> Amount) {
        let Some(place) = taking.original else { return };
        let edit = |event: &mut Remembered| {
            if event.stands() {
                event.left = change(event.left, taking.amount);
            }
        };
        if !self.recent.edit(place, edit)
            && let Some(rare) = &mut self.rare
        {
            let _ = rare.originals.edit(place, edit) || rare.book_keeping.edit(place, edit);
        }
    }

    /// Takes over what a journal before version 4 remembered: events with the answers as they stood.
    pub fn remember_of_old_journal(&mut self, events: &[Remembered]) {
        let holds: Vec<_> = self.holds().iter().map(|hold| hold.place).collect();
        let mut recent = Memory::default();
        for event in events {
            let ended = event.verdict == Verdict::Pending && !holds.contains(&event.place);
            let verdict = if ended { Verdict::Rejected } else { event.verdict };
            let event = Remembered { verdict, ..*event };
            if event.stands() {
                recent.push(&event);
            } else {
                self.refuse_of_old_journal(&event);
            }
        }
        self.recent = recent;
    }

    fn refuse_of_old_journal(&mut self, event: &Remembered) {
        if event.kind.charges() {
            self.remember_attempt(attempt(event, false), Micros(i64::MIN));
        }
        if event.id != 0 {
            let refused = RefusedEvent { event: *event, messages: Box::default() };
            self.remember_refused(&refused, Micros(i64::MIN), limits::REFUSED_MAX);
        }
    }

    /// What corrections may still take, as far as a journal before version 4 knew it: of fees, those that are not paid.
    pub fn correctable_of_old_journal(&mut self, purchases: Amount, withdrawals: Amount) {
        self.correctable = Correctable { purchases, withdrawals, fees: self.fees };
    }
}

/// The latest time of those that would have had to be kept.
fn latest_from(keep: Micros, forgotten: &[Remembered]) -> Option<Micros> {
    forgotten.iter().filter(|event| event.seen >= keep).map(|event| event.time).max()
}

/// What windows of attempts count of a refused event, and its kind where one of them asks for it.
#[must_use]
pub fn attempt(event: &Remembered, with_kind: bool) -> Attempt {
    Attempt {
        time: event.time,
        seen: event.seen,
        amount: event.amount,
        terminal: event.terminal,
        chip: event.chip,
        currency: event.kind.currency,
        kind: with_kind.then_some(event.kind),
    }
}

/// Appends, with room for a quarter more at most: many accounts have a few of these.
fn push<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 4).max(2));
    }
    list.push_back(item);
}
