//! POS events: form, repeat, checks, and what follows from their findings.

use super::judged::Judged;
use super::pending::{After, Taken, free_currency};
use super::{Decision, Engine, RecordContext, change, describe};
use crate::checks::account::UnknownAccount;
use crate::checks::correction::{self, Corrected, Ledger};
use crate::checks::form::{self, Envelope};
use crate::checks::repeat::{self, Repeat};
use crate::checks::time::{reach, span};
use crate::checks::{
    Check, Content, Context, Effect, Finding, Findings, KnownEvent, ParameterSet, SoundEvent, limit,
};
use crate::domain::enums::{CountryCode, Currency, EventType, Language, Verdict};
use crate::domain::outcome::Outcome;
use crate::domain::pos_event::PosEvent;
use crate::domain::{Micros, ProfileView, limits};
use crate::state::{Account, AccountFlags, Booking, Fact, Facts, PartitionState, Remembered};
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
        record: &RecordContext<'a>,
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
        record: &RecordContext<'a>,
        findings: Vec<Finding>,
    ) -> Outcome<'a> {
        let language = event.conversation_language.value().unwrap_or(Language::En);
        let messages = self.messages(findings, language, event.country_code.value());
        let id = record.transaction_id(Content::of(event).digest(event), 0);
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
        record: &RecordContext<'a>,
    ) -> Result<SoundEvent<'a>, Outcome<'a>> {
        let envelope = Envelope { key: record.key, time: record.time };
        form::check(event, envelope, self.parameters_of(event))
            .map_err(|findings| self.unjudged(event, record, findings.into_vec()))
    }

    /// The stream time with this event, as far as it may move it: the `now` to decide it at.
    #[must_use]
    pub fn time_with(
        &self,
        state: &PartitionState,
        event: &SoundEvent<'_>,
        record: &RecordContext<'_>,
    ) -> Micros {
        let skew = self.parameters_of(event.event).time.skew;
        let reach = reach(event.time, record.time, skew);
        reach.map_or(state.stream_time(), |reach| reach.max(state.stream_time()))
    }

    /// Decides on an event whose form is sound, and whose account [has room](Self::has_room). `now` is the stream time,
    /// this event included; `profiles` what was answered to [`Self::profile_question`].
    #[must_use]
    pub fn decide<'a>(
        &'a self,
        state: &PartitionState,
        event: &SoundEvent<'a>,
        record: &RecordContext<'a>,
        (now, profiles): (Micros, &ProfileView),
    ) -> Decision<'a> {
        let known = KnownEvent { event, place: record.place() };
        let parameters = self.parameters_of(event.event);
        let account = state.accounts().get(event.account_number);
        let recent: SmallVec<[Remembered; 8]> =
            account.map(|account| account.recent.iter().collect()).unwrap_or_default();
        let repeat =
            account.map_or(Repeat::New, |account| repeat::find(&known, account, &recent, now, parameters));
        if let Some(account) = account {
            match &repeat {
                Repeat::Same(first) if parameters.repeat.same => {
                    return self.repeated(&known, record, account, first);
                }
                Repeat::New => {
                    if let Some(finding) = forgotten(&known, account, parameters) {
                        let mut outcome = self.unjudged(event.event, record, vec![finding]);
                        outcome.account_revision = account.revision;
                        return Decision { outcome: Some(outcome), ..Decision::default() };
                    }
                }
                _ => {}
            }
        }
        let before = match account {
            Some(account) => with_its_limit(account, event.currency, parameters),
            None => opening(event, parameters),
        };
        let own = account.map(|_| &*before);
        let context = Context { known: &known, account: own, recent: &recent, profiles, parameters, now };
        let mut findings = crate::checks::run_all(&context, &repeat);
        self.refuse_overflow(event, &before, &mut findings);
        let ledger = own.map(|account| Ledger { account, recent: &recent, now });
        let corrected =
            correction::check(&known, ledger, &parameters.correction, record.source.topic, &mut findings);
        limit::check_holds(&before, &parameters.limit, event.is_bookkeeping(), &mut findings);
        let verdict = findings.effect().verdict();
        let keeps = account.is_some() || parameters.account.unknown == UnknownAccount::Open;
        let judged = Judged { known, record, now, account: &before, is_new: account.is_none(), parameters };
        let keeps = keeps && verdict != Verdict::NotEvaluated;
        let mut decision = self.conclude(judged, verdict, findings, &corrected, keeps);
        if let Some(outcome) = &mut decision.outcome {
            outcome.evidence = profiles.evidence();
        }
        decision
    }

    pub(super) fn parameters_of(&self, event: &PosEvent<'_>) -> &ParameterSet {
        let country = event.country_code.value().unwrap_or(CountryCode::Unrecognized);
        let currency = event.currency.value().unwrap_or(Currency::Unrecognized);
        self.parameters.of(country, currency)
    }

    /// A booking that would leave the 18 digits of the contract cannot be judged.
    fn refuse_overflow(&self, event: &SoundEvent<'_>, account: &Account, findings: &mut Findings) {
        let posts = event.posts().unwrap_or_default();
        if account.balance.plus(posts).is_none() {
            let message = format!("totalAmount {} would take the balance out of 18 digits", event.total);
            let finding = Finding::new(Check::Decimals, Effect::NotEvaluated, message).coded(1);
            findings.add(finding.at("totalAmount"));
        }
    }

    /// The outcome and the facts that follow from a verdict. `keeps`: whether the account remembers the event.
    fn conclude<'a>(
        &'a self,
        judged: Judged<'_, 'a>,
        verdict: Verdict,
        findings: Findings,
        corrected: &Corrected,
        keeps: bool,
    ) -> Decision<'a> {
        let Judged { known, record, account, .. } = judged;
        let event = known.event;
        let id = record.transaction_id(known.event.content.digest(event.event), 0);
        let findings = findings.in_catalogue_order().into_vec();
        let mut facts = Facts::new();
        if keeps {
            let original = corrected.original.map(|original| original.place);
            judged.remember(verdict, &findings, (self.memory, original), &mut facts);
        }
        let asks_to_identify = judged.asks_to_identify(&findings);
        let mut outcome =
            self.outcome(record, id, verdict, self.messages(findings, event.language, Some(event.country)));
        describe(&mut outcome, event.event);
        outcome.corrects = corrected.taking.and_then(|taking| taking.corrects);
        let mut after = After::of(account);
        after.revision += 1;
        let mut ended = None;
        let is_counted = verdict == Verdict::Accepted || verdict == Verdict::Pending;
        if is_counted && event.posts().is_some() {
            judged.fix_currency(&mut facts);
        }
        match (verdict, corrected.taking) {
            (Verdict::Accepted, Some(taking)) => {
                facts.push(Fact::Taken(taking));
                let waits = corrected.original.filter(|original| original.verdict == Verdict::Pending);
                if let Some(original) = waits {
                    let taken = Taken { place: original.place, by: taking.amount };
                    let digest = known.event.content.digest(event.event);
                    ended = self.shrink_pending(record, account, taken, digest, &mut after, &mut facts);
                    if ended.is_some() {
                        free_currency(account, 1, &mut facts);
                    }
                } else {
                    outcome.posted_amount = Some(taking.amount.negated());
                    facts.push(after.give_back(&taking, corrected.original, account));
                }
            }
            (Verdict::Accepted, None) => {
                if let Some(amount) = event.posts() {
                    after.book(event.event_type, amount);
                    outcome.posted_amount = Some(amount);
                    facts.push(Fact::Booked(Booking { event_type: event.event_type, amount }));
                    judged.count(&mut facts);
                }
            }
            (Verdict::Pending, taking) => {
                let hold = judged.hold(id, taking, asks_to_identify);
                after.available -= i128::from(hold.held.ten_thousandths());
                facts.extend(taking.map(Fact::Taken));
                facts.push(Fact::HoldPlaced(Box::new(hold)));
            }
            _ => {}
        }
        if keeps {
            after.tell(&mut outcome);
        }
        let change = change(Cow::Borrowed(event.account_number), facts);
        Decision { outcome: Some(outcome), ended, change, refusal: None, repeats: None }
    }
}

/// Check 22: the account has forgotten events at its bound, and this one may be one of them.
fn forgotten(known: &KnownEvent<'_, '_>, account: &Account, parameters: &ParameterSet) -> Option<Finding> {
    let forgot = account.forgot();
    let forgot = forgot.events.max(forgot.book_keeping.filter(|_| known.event.is_bookkeeping()))?;
    let retry = if known.event.content.id == 0 { Micros(0) } else { parameters.repeat.retry_within };
    if known.event.time > forgot.plus(retry) {
        return None;
    }
    let message = "what the account remembers does not reach back to this event".to_owned();
    let detail = format!(
        "the account's events up to {forgot} were forgotten at the bound of {}; a retry may be {} later",
        limits::REMEMBERED_MAX,
        span(retry)
    );
    let finding = Finding::new(Check::StateUnavailable, Effect::NotEvaluated, message);
    Some(finding.at("time").detailed(detail))
}

/// An account as it would open by itself: its currency is fixed by the first event that books or holds.
fn opening<'s>(event: &SoundEvent<'_>, parameters: &ParameterSet) -> Cow<'s, Account> {
    let limit = parameters.limit.default.get(event.currency).unwrap_or_default();
    let mut account = Account::opened(event.account_number, limit, None, Some(event.country));
    account.standing = account.standing.with(AccountFlags::DEFAULT_LIMIT, true);
    Cow::Owned(account)
}

/// An account with the limit that an event in this currency is judged by: where the account opened by itself and has no
/// currency yet, the default of that one.
pub(super) fn with_its_limit<'s>(
    account: &'s Account,
    currency: Currency,
    parameters: &ParameterSet,
) -> Cow<'s, Account> {
    if account.currency.is_some() || !account.standing.has(AccountFlags::DEFAULT_LIMIT) {
        return Cow::Borrowed(account);
    }
    let mut account = account.clone();
    account.limit = parameters.limit.default.get(currency).unwrap_or_default();
    Cow::Owned(account)
}

/// Whether an event type's booking uses the limit.
pub(super) fn uses_limit(event_type: EventType) -> bool {
    !matches!(event_type, EventType::Interest | EventType::WithdrawalCommission | EventType::Info)
}
