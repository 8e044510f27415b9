//! POS events: form, repeat, checks, and what follows from their findings.

use super::{Decision, Engine, Record, change, describe};
use crate::checks::account::UnknownAccount;
use crate::checks::form::{self, Envelope};
use crate::checks::repeat::{self, Digest, Repeat};
use crate::checks::time::reach;
use crate::checks::{Check, Context, Effect, Finding, Findings, ParameterSet, SoundEvent};
use crate::domain::enums::{ActionCode, CountryCode, Currency, EventType, Language, MessageType, Verdict};
use crate::domain::outcome::{Message, Outcome};
use crate::domain::pos_event::PosEvent;
use crate::domain::{Amount, Micros, limits};
use crate::state::{
    Account, Answer, Booking, Fact, Hold, PartitionState, Recent, RecentFlags, StoredMessage, id_hash,
};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Why an account's state is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// Its key belongs on another partition: which one, and by what.
    Elsewhere(String),
    /// It is unknown, and no further account opens by itself.
    NoRoom,
}

impl Engine {
    /// Check 22: the answer to an event whose account's state is not here. Nothing changes, no time passes. Partitions and
    /// bounds are told in the detail alone.
    #[must_use]
    pub fn unavailable<'a>(
        &'a self,
        event: &'a PosEvent<'a>,
        record: &Record<'a>,
        why: &Unavailable,
    ) -> Outcome<'a> {
        let message = "the account's state is not available: nothing at the till can mend that".to_owned();
        let detail = match why {
            Unavailable::Elsewhere(misplaced) => misplaced.clone(),
            Unavailable::NoRoom => format!(
                "the account is unknown, and the partition has {} accounts, beyond which none opens by itself: an account \
                 event must open it",
                self.accounts_max(event)
            ),
        };
        let finding = Finding::new(Check::StateUnavailable, Effect::NotEvaluated, message);
        self.unjudged(event, record, vec![finding.at("accountNumber").detailed(detail)])
    }

    /// Accounts that a partition may have, those apart that account events open.
    fn accounts_max(&self, event: &PosEvent<'_>) -> usize {
        self.parameters_of(event).account.open_max.min(limits::ACCOUNTS_PER_PARTITION_MAX)
    }

    /// Whether the account of the event is there, or one may open by itself, or none ever does so.
    #[must_use]
    pub fn has_room(&self, state: &PartitionState, event: &SoundEvent<'_>) -> bool {
        self.parameters_of(event.event).account.unknown == UnknownAccount::Reject
            || state.accounts().len() < self.accounts_max(event.event)
            || state.accounts().slot(event.account_number).is_some()
    }

    fn unjudged<'a>(
        &'a self,
        event: &'a PosEvent<'a>,
        record: &Record<'a>,
        findings: Vec<Finding>,
    ) -> Outcome<'a> {
        let language = event.conversation_language.value().unwrap_or(Language::En);
        let messages = self.messages(findings, language, event.country_code.value());
        let id = record.transaction_id(Digest::of(event).content, 0);
        let mut outcome = self.outcome(record, id, Verdict::NotEvaluated, messages);
        describe(&mut outcome, event);
        outcome
    }

    /// Judges the form of an event.
    ///
    /// # Errors
    /// The NotEvaluated outcome, where the event cannot be judged. Nothing changes then.
    #[allow(clippy::result_large_err, reason = "the outcome is moved once, on a rare path")]
    pub fn read<'a>(
        &'a self,
        event: &'a PosEvent<'a>,
        record: &Record<'a>,
    ) -> Result<SoundEvent<'a>, Outcome<'a>> {
        let envelope = Envelope { key: record.key, time: record.time };
        form::check(event, envelope, self.parameters_of(event))
            .map_err(|findings| self.unjudged(event, record, findings.into_vec()))
    }

    /// What ids are made of besides a record's place: the content, the same whatever format it came in.
    #[must_use]
    pub fn digest(event: &PosEvent<'_>) -> u64 {
        Digest::of(event).content
    }

    /// The stream time with this event, as far as it may move it: the `now` to decide it at.
    #[must_use]
    pub fn time_with(&self, state: &PartitionState, event: &SoundEvent<'_>, record: &Record<'_>) -> Micros {
        let skew = self.parameters_of(event.event).time.skew;
        let reach = reach(event.time, record.time, skew);
        reach.map_or(state.stream_time(), |reach| reach.max(state.stream_time()))
    }

    /// Decides on an event whose form is sound, and whose account [has room](Self::has_room). `now` is the stream time,
    /// this event included.
    #[must_use]
    pub fn decide<'a>(
        &'a self,
        state: &PartitionState,
        event: &SoundEvent<'a>,
        record: &Record<'a>,
        now: Micros,
    ) -> Decision<'a> {
        let digest = Digest::of(event.event);
        let parameters = self.parameters_of(event.event);
        let account = state.accounts().get(event.account_number);
        if parameters.repeat.same
            && let Repeat::Same(first) = repeat::find(event, digest, account)
        {
            return Decision {
                outcome: Some(self.repeated(event, record, digest, account, first)),
                change: None,
            };
        }
        let context = Context { event, account, parameters, now };
        let mut findings = crate::checks::run_all(&context, digest);
        let before = account.map_or_else(|| opening(event, parameters), Cow::Borrowed);
        self.refuse_overflow(event, &before, &mut findings);
        crate::checks::limit::refuse_past_bound(&before, &mut findings);
        let verdict = findings.effect().verdict();
        let known = account.is_some() || parameters.account.unknown == UnknownAccount::Open;
        let judged = Judged { event, record, digest, now, account: &before, is_new: account.is_none() };
        self.conclude(judged, verdict, findings, known && verdict != Verdict::NotEvaluated)
    }

    fn parameters_of(&self, event: &PosEvent<'_>) -> &ParameterSet {
        let country = event.country_code.value().unwrap_or(CountryCode::Unrecognized);
        let currency = event.currency.value().unwrap_or(Currency::Unrecognized);
        self.parameters.of(country, currency)
    }

    /// A booking that would leave the 18 digits of the contract cannot be judged.
    fn refuse_overflow(&self, event: &SoundEvent<'_>, account: &Account, findings: &mut Findings) {
        let posts = event.posts().unwrap_or_default();
        if account.balance.plus(posts).is_none() {
            let message = format!("totalAmount {} would take the balance out of 18 digits", event.total);
            findings
                .add(Finding::new(Check::Decimals, Effect::NotEvaluated, message).coded(1).at("totalAmount"));
        }
    }

    /// The first answer again; nothing is booked, nothing changes.
    fn repeated<'a>(
        &'a self,
        event: &SoundEvent<'a>,
        record: &Record<'a>,
        digest: Digest,
        account: Option<&Account>,
        first: &Recent,
    ) -> Outcome<'a> {
        let stored =
            account.filter(|_| first.flags.has_answer()).and_then(|account| account.answer(first.id));
        let mut messages: Vec<Message> = stored
            .map(|answer| {
                answer
                    .messages
                    .iter()
                    .filter_map(|message| self.recall(message, event.language, Some(event.country)))
                    .collect()
            })
            .unwrap_or_default();
        let mut note = repeat::same(first);
        note.action = messages.iter().map(|message| message.action).max().unwrap_or(ActionCode::Unavailable);
        messages.extend(self.messages(vec![note], event.language, Some(event.country)));
        let id = record.transaction_id(digest.content, 0);
        let mut outcome = self.outcome(record, id, first.flags.verdict(), messages);
        describe(&mut outcome, event.event);
        if let Some(account) = account {
            outcome.balance_after = Some(account.balance);
            outcome.available_after = Some(account.available());
            outcome.account_revision = account.revision;
        }
        outcome
    }

    /// A stored message, as it was said.
    fn recall(
        &self,
        stored: &StoredMessage,
        language: Language,
        country: Option<CountryCode>,
    ) -> Option<Message> {
        Some(Message {
            kind: *MessageType::ALL.get(usize::from(stored.kind))?,
            code: stored.code.clone(),
            message: stored.message.to_string(),
            customer_message: self.texts.of(stored.code.as_str(), language, country),
            action: *ActionCode::ALL.get(usize::from(stored.action))?,
            field: stored.field.as_deref().map(str::to_owned),
            detail: None,
        })
    }

    /// The outcome and the facts that follow from a verdict. `keeps`: whether the account remembers the event.
    fn conclude<'a>(
        &'a self,
        judged: Judged<'_, 'a>,
        verdict: Verdict,
        findings: Findings,
        keeps: bool,
    ) -> Decision<'a> {
        let Judged { event, record, digest, account, .. } = judged;
        let id = record.transaction_id(digest.content, 0);
        let findings = findings.in_catalogue_order().into_vec();
        let mut facts = SmallVec::new();
        if keeps {
            judged.remember(verdict, &findings, self.memory, &mut facts);
        }
        let mut outcome =
            self.outcome(record, id, verdict, self.messages(findings, event.language, Some(event.country)));
        describe(&mut outcome, event.event);
        let (mut balance, mut available) = (account.balance, account.available());
        if verdict == Verdict::Accepted
            && let Some(amount) = event.posts()
        {
            balance = balance.saturating_plus(amount);
            if !event.is_bookkeeping() {
                available = available.saturating_minus(amount);
            }
            outcome.posted_amount = Some(amount);
            facts.push(Fact::Booked(Booking { event_type: event.event_type, amount }));
        }
        if verdict == Verdict::Pending {
            let hold = judged.hold(id, self.parameters_of(event.event).hold_time);
            available = available.saturating_minus(hold.held);
            facts.push(Fact::HoldPlaced(Box::new(hold)));
        }
        if keeps {
            outcome.balance_after = Some(balance);
            outcome.available_after = Some(available);
            outcome.account_revision = account.revision + 1;
        }
        Decision { outcome: Some(outcome), change: change(Cow::Borrowed(event.account_number), facts) }
    }
}

/// An account as it would open by itself.
fn opening<'s>(event: &SoundEvent<'_>, parameters: &ParameterSet) -> Cow<'s, Account> {
    let limit = parameters.limit.default.get(event.currency).unwrap_or_default();
    Cow::Owned(Account::opened(event.account_number, limit, Some(event.currency), Some(event.country)))
}

/// An event with its verdict still to be carried out.
#[derive(Clone, Copy)]
struct Judged<'e, 'a> {
    event: &'e SoundEvent<'a>,
    record: &'e Record<'a>,
    digest: Digest,
    now: Micros,
    account: &'e Account,
    is_new: bool,
}

impl Judged<'_, '_> {
    /// The facts by which the account remembers the event, and opens if it was unknown.
    fn remember(
        &self,
        verdict: Verdict,
        findings: &[Finding],
        memory: Micros,
        facts: &mut SmallVec<[Fact; 3]>,
    ) {
        let (event, raw) = (self.event, self.event.event);
        if self.is_new {
            let Account { limit, currency, country, .. } = *self.account;
            facts.push(Fact::Opened { limit, currency, country });
        }
        // A conflicting event does not take the id over: the first answer under it stands.
        let conflict = findings.iter().any(|finding| finding.check == Check::RepeatConflict);
        let id = if conflict { 0 } else { id_hash(raw.account_transaction_id.as_deref()) };
        let has_answer = id != 0 && !findings.is_empty();
        let recent = Recent {
            time: event.time,
            amount: event.total,
            id,
            content: self.digest.content as u32,
            terminal: repeat::short_hash(raw.pos_id.as_deref()),
            chip: repeat::short_hash(raw.nfc_id.as_deref()),
            flags: RecentFlags::new(event.counts_as(), verdict, has_answer, self.digest.basket as u32),
        };
        facts.push(Fact::Evaluated { recent, keep_from: self.now.minus(memory) });
        if has_answer {
            let messages = findings.iter().map(stored).collect();
            facts.push(Fact::Answered(Box::new(Answer { id, messages })));
        }
    }

    /// The hold of a Pending event.
    fn hold(&self, transaction_id: crate::domain::ids::TransactionId, hold_time: Micros) -> Hold {
        let event = self.event;
        let posts = event.posts().unwrap_or_default();
        Hold {
            transaction_id,
            account_transaction_id: event.event.account_transaction_id.as_deref().map(Box::from),
            event_type: event.event_type,
            event_time: event.time,
            currency: event.currency,
            language: event.language,
            held: if event.is_bookkeeping() { Amount::ZERO } else { posts.max(Amount::ZERO) },
            posts,
            expires: self.now.plus(hold_time),
        }
    }
}

fn stored(finding: &Finding) -> StoredMessage {
    StoredMessage {
        code: finding.code.clone(),
        kind: finding.kind as u8,
        action: finding.action as u8,
        message: finding.message.as_str().into(),
        field: finding.field.as_deref().map(Box::from),
    }
}

/// Whether an event type's booking uses the limit.
pub(super) fn uses_limit(event_type: EventType) -> bool {
    !matches!(event_type, EventType::Interest | EventType::WithdrawalCommission | EventType::Info)
}
