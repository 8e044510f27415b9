//! An event with its verdict still to be carried out: what its account remembers of it, reserves and fixes. Judges nothing.

use super::RecordContext;
use crate::checks::parameters::Memories;
use crate::checks::{Check, Finding, KnownEvent, ParameterSet};
use crate::domain::enums::{ActionCode, Verdict};
use crate::domain::ids::TransactionId;
use crate::domain::{Amount, Micros, limits};
use crate::state::{
    Account, AccountFlags, AnswerOf, EventPlace, Fact, Facts, Hold, Keep, RefusedEvent, Remembered,
    RememberedFact, StoredAnswer, StoredMessage, Taking, attempt,
};

/// An event with its verdict still to be carried out.
#[derive(Clone, Copy)]
pub(super) struct Judged<'e, 'a> {
    pub(super) known: KnownEvent<'e, 'a>,
    pub(super) record: &'e RecordContext<'a>,
    pub(super) now: Micros,
    pub(super) account: &'e Account,
    pub(super) is_new: bool,
    pub(super) parameters: &'e ParameterSet,
}

impl Judged<'_, '_> {
    /// The facts by which the account remembers the event, and opens if it was unknown.
    pub(super) fn remember(
        &self,
        verdict: Verdict,
        findings: &[Finding],
        (memory, original): (Memories, Option<EventPlace>),
        facts: &mut Facts,
    ) {
        let KnownEvent { event, place } = self.known;
        let content = event.content;
        if self.is_new {
            facts.push(Fact::Opened { limit: Amount::ZERO, currency: None, country: self.account.country });
            facts.push(Fact::StandingSet { bit: AccountFlags::DEFAULT_LIMIT, on: true });
        }
        facts.push(Fact::Evaluated);
        let kind = self.known.kind();
        let seen = event.time.max(self.now);
        let remembered = Remembered {
            place,
            time: event.time,
            seen,
            amount: event.total,
            counts: event.total,
            left: if kind.charges() || kind.is_fee() { event.total } else { Amount::ZERO },
            id: content.id,
            basket: content.basket,
            corrects: content.corrects,
            terminal: content.terminal,
            chip: content.chip,
            original,
            kind,
            verdict,
            has_messages: false,
        };
        if verdict == Verdict::Rejected {
            if let Some(kept) = memory.attempts.filter(|_| kind.charges()) {
                let keep_from = self.now.minus(kept);
                let attempt = attempt(&remembered, memory.kinds_of_attempts);
                facts.push(Fact::Attempted { attempt, keep_from });
            }
            // A conflicting event does not take the id over: the first answer under it stands.
            let conflict = findings.iter().any(|finding| finding.check == Check::RepeatConflict);
            if content.id != 0 && !conflict {
                let refused = Box::new(RefusedEvent { event: remembered, messages: stored(findings) });
                let (keep_from, most) = (self.now.minus(memory.refused), self.parameters.repeat.refused_max);
                facts.push(Fact::Refused { refused, keep_from, most });
            }
        } else if content.id != 0 || kind.charges() || event.posts().is_some() {
            let keep = Keep {
                all_from: self.now.minus(memory.events),
                originals_from: self.now.minus(memory.originals),
            };
            facts.push(Fact::Remembered(Box::new(RememberedFact { event: remembered, keep })));
            if !findings.is_empty() && content.id != 0 {
                let of = AnswerOf::Place(place);
                facts.push(Fact::Answered(Box::new(StoredAnswer { of, messages: stored(findings) })));
            }
        }
    }

    /// The facts that fix the account's currency, where this event is the first that books or holds.
    pub(super) fn fix_currency(&self, facts: &mut Facts) {
        if self.account.currency.is_some() {
            return;
        }
        let currency = self.known.event.currency;
        facts.push(Fact::CurrencySet(Some(currency)));
        if self.account.standing.has(AccountFlags::DEFAULT_LIMIT) {
            facts.push(Fact::LimitSet(self.account.limit));
        }
    }

    /// An accepted charge counts for its chip, where check 40 judges it. What is taken back later gives nothing back: what was
    /// let through without identification counts, not what is left of it.
    pub(super) fn count(&self, facts: &mut Facts) {
        let event = self.known.event;
        let content = event.content;
        let counts = event.charges() && event.total > Amount::ZERO;
        if counts && self.parameters.nfc.sca.judges(event.currency) {
            facts.push(Fact::Counted { chip: content.chip, currency: event.currency, amount: event.total });
        }
    }

    /// Whether a grant of the event will be an identification that check 40 looks back to.
    pub(super) fn asks_to_identify(&self, findings: &[Finding]) -> bool {
        let asks = |finding: &Finding| finding.action == ActionCode::AskConsumerToIdentify;
        self.parameters.nfc.sca.rule.enabled && findings.iter().any(asks)
    }

    /// The hold of a Pending event.
    pub(super) fn hold(
        &self,
        transaction_id: TransactionId,
        taking: Option<Taking>,
        asks_to_identify: bool,
    ) -> Hold {
        let event = self.known.event;
        let posts = event.posts().unwrap_or_default();
        Hold {
            transaction_id,
            place: self.known.place,
            account_transaction_id: event.event.account_transaction_id.as_deref().map(Box::from),
            event_type: event.event_type,
            event_time: event.time,
            currency: event.currency,
            country: event.country,
            language: event.language,
            held: if event.is_bookkeeping() { Amount::ZERO } else { posts.max(Amount::ZERO) },
            posts,
            taking,
            asks_to_identify,
            expires: self.now.plus(self.parameters.hold_time),
            repeats: Vec::new(),
        }
    }
}

/// What is kept of an answer for repeats.
pub(super) fn stored(findings: &[Finding]) -> Box<[StoredMessage]> {
    let stored = |finding: &Finding| StoredMessage {
        code: finding.code.clone(),
        kind: finding.kind as u8,
        action: finding.action as u8,
        field: finding.field.as_deref().map(Box::from),
    };
    findings.iter().take(limits::STORED_MESSAGES_MAX).map(stored).collect()
}
