//! The end of a Pending outcome: granted, refused, run out, or taken back by corrections. Each gives a second outcome that
//! supersedes the first.

use super::judged::stored;
use super::pos::{uses_limit, with_its_limit};
use super::{Decision, Engine, RecordContext, change};
use crate::checks::summaries::of_code;
use crate::checks::{Check, Effect, Finding, Findings, ParameterSet, account, correction, limit, nfc};
use crate::domain::enums::{CountryCode, EventType, MessageType, Verdict};
use crate::domain::ids::TransactionId;
use crate::domain::outcome::Outcome;
use crate::domain::{Amount, Micros, limits};
use crate::state::{
    Account, AccountFlags, AnswerOf, Booking, Correctable, EventPlace, Fact, Facts, Hold, PartitionState,
    Remembered, StoredAnswer, Taking,
};
use std::borrow::Cow;

/// How a Pending outcome ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PendingEnd {
    Granted,
    Refused,
    Expired,
    /// Corrections took all of it.
    Corrected,
}

/// What an outcome tells of its account, as decisions change it.
#[derive(Clone, Copy, Debug)]
pub(super) struct After {
    pub(super) balance: Amount,
    /// In ten-thousandths, however many.
    pub(super) available: i128,
    pub(super) revision: i64,
}

impl After {
    pub(super) fn of(account: &Account) -> Self {
        let (balance, available, revision) = (account.balance, account.available_units(), account.revision);
        Self { balance, available, revision }
    }

    /// Money is charged.
    pub(super) fn book(&mut self, event_type: EventType, amount: Amount) {
        self.balance = self.balance.saturating_plus(amount);
        if uses_limit(event_type) {
            self.available -= i128::from(amount.ten_thousandths());
        }
    }

    /// Money is given back; what was a fee frees no limit. What it was the original says, otherwise the sums that it is
    /// taken of.
    pub(super) fn give_back(
        &mut self,
        taking: &Taking,
        original: Option<Remembered>,
        account: &Account,
    ) -> Fact {
        let fees = match original {
            Some(original) if original.kind.is_fee() => taking.amount,
            Some(_) => Amount::ZERO,
            None => taking.of_sums.fees,
        };
        let fees = fees.min(account.fees);
        self.balance = self.balance.saturating_minus(taking.amount);
        self.available += i128::from(taking.amount.saturating_minus(fees).ten_thousandths());
        Fact::GaveBack { amount: taking.amount, fees }
    }

    /// Says it in an outcome; nothing of what does not fit the contract.
    pub(super) fn tell(self, outcome: &mut Outcome<'_>) {
        outcome.balance_after = Some(self.balance);
        outcome.available_after = i64::try_from(self.available).ok().and_then(Amount::new);
        outcome.account_revision = self.revision;
    }
}

/// What a correction takes of a Pending event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) place: EventPlace,
    pub(super) by: Amount,
}

impl Engine {
    /// The second outcome of the hold that ran out first, where one has at `now`. `digest` is that of what moved time, and
    /// `ordinal` how many outcomes this record has caused before, its own included.
    #[must_use]
    pub fn expire<'a>(
        &'a self,
        state: &PartitionState,
        record: &RecordContext<'a>,
        digest: u64,
        ordinal: u32,
        now: Micros,
    ) -> Option<Decision<'a>> {
        let (account, transaction_id) = state.expired_hold(now)?;
        let hold = account.holds().iter().find(|hold| hold.transaction_id == transaction_id)?;
        Some(self.end_pending(record, account, hold, PendingEnd::Expired, (digest, ordinal), Facts::new()))
    }

    /// Ends a hold; `facts` come before its own. `id` is the digest and the ordinal of the outcome's id.
    pub(super) fn end_pending<'a>(
        &'a self,
        record: &RecordContext<'a>,
        account: &Account,
        hold: &Hold,
        end: PendingEnd,
        id: (u64, u32),
        mut facts: Facts,
    ) -> Decision<'a> {
        let parameters = self.parameters.of(hold.country, hold.currency);
        let inputs = facts.iter().filter(|fact| matches!(fact, Fact::AccountEventApplied { .. })).count();
        let limited = with_its_limit(account, hold.currency, parameters);
        let mut after = After::of(&limited);
        after.revision += inputs as i64;
        let recent: Vec<Remembered> = account.recent.iter().collect();
        let original = hold.taking.and_then(|taking| original(account, &recent, &taking));
        let reasons = match end {
            PendingEnd::Granted => rejudge(&limited, hold, (&recent, original), parameters),
            _ => Vec::new(),
        };
        let accepted = end == PendingEnd::Granted && reasons.is_empty();
        let verdict = if accepted { Verdict::Accepted } else { Verdict::Rejected };
        let findings = if reasons.is_empty() { vec![ending(end, hold)] } else { reasons };
        after.available += i128::from(hold.held.ten_thousandths());
        let place = hold.place;
        facts.push(Fact::HoldEnded { transaction_id: hold.transaction_id, granted: accepted });
        if end == PendingEnd::Granted {
            let own = recent.iter().find(|event| event.place == place);
            facts.extend(count_grant(account, hold, (own, accepted), parameters));
        }
        facts.push(Fact::Answered(Box::new(StoredAnswer {
            of: AnswerOf::Place(place),
            messages: stored(&findings),
        })));
        let (mut posted, mut ended) = (None, None);
        match hold.taking {
            Some(taking) if accepted => {
                let waits = original.filter(|original| original.verdict == Verdict::Pending);
                if let Some(original) = waits {
                    let taken = Taken { place: original.place, by: taking.amount };
                    ended = self.shrink_pending(record, account, taken, id.0, &mut after, &mut facts);
                } else {
                    // What was reserved of a Pending original was not of the account's sums.
                    let mut taking = taking;
                    if taking.of_sums.sum().is_zero() {
                        let of_sums = correction::of_sums(hold.event_type, taking.amount, account, original);
                        facts.push(Fact::Taken(Taking { original: None, of_sums, ..taking }));
                        taking.of_sums = of_sums;
                    }
                    posted = Some(taking.amount.negated());
                    facts.push(after.give_back(&taking, original, account));
                }
            }
            Some(taking) => facts.push(Fact::GivenBack(taking)),
            None if accepted && books(hold) => {
                after.book(hold.event_type, hold.posts);
                posted = Some(hold.posts);
                facts.push(Fact::Booked(Booking { event_type: hold.event_type, amount: hold.posts }));
                reserve_of_sums(account, hold, &mut facts);
            }
            None => {}
        }
        if posted.is_none() {
            free_currency(account, 1 + usize::from(ended.is_some()), &mut facts);
        }
        let transaction_id = record.transaction_id(id.0, id.1);
        let mut outcome = self.second(record, account, hold, (transaction_id, verdict), findings);
        outcome.posted_amount = posted;
        outcome.corrects = hold.taking.and_then(|taking| taking.corrects);
        after.tell(&mut outcome);
        let change = change(Cow::Owned(account.number.to_string()), facts);
        Decision { outcome: Some(outcome), ended, change, refusal: None, repeats: None }
    }

    /// A correction takes some of a Pending event; where that leaves nothing, its hold ends with a second outcome.
    pub(super) fn shrink_pending<'a>(
        &'a self,
        record: &RecordContext<'a>,
        account: &Account,
        taken: Taken,
        digest: u64,
        after: &mut After,
        facts: &mut Facts,
    ) -> Option<Box<Outcome<'a>>> {
        let hold = account.holds().iter().find(|hold| hold.place == taken.place)?;
        let by = taken.by.min(hold.posts);
        let transaction_id = hold.transaction_id;
        facts.push(Fact::HoldShrunk { transaction_id, by });
        after.available += i128::from(by.min(hold.held).ten_thousandths());
        if by < hold.posts {
            return None;
        }
        let findings = vec![ending(PendingEnd::Corrected, hold)];
        facts.push(Fact::HoldEnded { transaction_id, granted: false });
        let (of, messages) = (AnswerOf::Place(hold.place), stored(&findings));
        facts.push(Fact::Answered(Box::new(StoredAnswer { of, messages })));
        // Beyond the ordinals of the holds that one input may run out.
        let id = record.transaction_id(digest, limits::EXPIRIES_PER_INPUT_MAX as u32 + 1);
        let mut outcome = self.second(record, account, hold, (id, Verdict::Rejected), findings);
        after.tell(&mut outcome);
        Some(Box::new(outcome))
    }

    /// The second outcome of a Pending event, without what it changes.
    fn second<'a>(
        &'a self,
        record: &RecordContext<'a>,
        account: &Account,
        hold: &Hold,
        (id, verdict): (TransactionId, Verdict),
        findings: Vec<Finding>,
    ) -> Outcome<'a> {
        let mut outcome =
            self.outcome(record, id, verdict, self.messages(findings, hold.language, country_of(hold)));
        outcome.account_number = Cow::Owned(account.number.to_string());
        outcome.account_transaction_id =
            hold.account_transaction_id.as_deref().map(|id| Cow::Owned(id.to_owned()));
        outcome.event_type = hold.event_type;
        outcome.event_time = Some(hold.event_time);
        outcome.currency = Some(hold.currency.symbol());
        outcome.supersedes = Some(hold.transaction_id);
        outcome
    }
}

/// Where the event happened, for the customer's text.
fn country_of(hold: &Hold) -> Option<CountryCode> {
    Some(hold.country).filter(|country| *country != CountryCode::Unrecognized)
}

fn books(hold: &Hold) -> bool {
    !matches!(hold.event_type, EventType::Info | EventType::Unrecognized) && !hold.posts.is_zero()
}

/// What a grant does to the counters of check 40. A step that asked the customer to identify starts those of the chip again,
/// even where the grant fails by what holds now: the customer was there. Any other one counts once it is accepted, by what is
/// left of the event.
fn count_grant(
    account: &Account,
    hold: &Hold,
    (own, accepted): (Option<&Remembered>, bool),
    parameters: &ParameterSet,
) -> Option<Fact> {
    // Of an event of an old journal another hash of the chip is known: it counts as the account's own.
    let chip = own.filter(|event| !event.is_of_old_journal()).map_or(0, |event| event.chip);
    let sca = &parameters.nfc.sca;
    if hold.asks_to_identify {
        let counts = account.counters().iter().any(|counter| counter.chip == chip);
        return (sca.rule.enabled && counts).then_some(Fact::Identified { chip });
    }
    (accepted && charges(hold) && sca.judges(hold.currency)).then_some(Fact::Counted {
        chip,
        currency: hold.currency,
        amount: hold.posts,
    })
}

/// Whether there is something to charge.
fn charges(hold: &Hold) -> bool {
    hold.taking.is_none() && uses_limit(hold.event_type) && hold.posts > Amount::ZERO
}

/// Corrections that wait for this event reserve of the account's sums, now that it is booked.
fn reserve_of_sums(account: &Account, hold: &Hold, facts: &mut Facts) {
    for waiting in account.holds() {
        let taking = waiting.taking.filter(|taking| taking.original == Some(hold.place));
        let Some(taking) = taking.filter(|taking| taking.of_sums.sum().is_zero()) else { continue };
        let booked = Correctable::of(hold.event_type, taking.amount.min(hold.posts));
        facts.push(Fact::Reserved { transaction_id: waiting.transaction_id, of_sums: booked });
    }
}

/// Where holds alone fixed the account's currency, it goes with the last of them; so many end without a booking.
pub(super) fn free_currency(account: &Account, ending: usize, facts: &mut Facts) {
    if account.standing.has(AccountFlags::CURRENCY_HELD) && account.holds().len() == ending {
        facts.push(Fact::CurrencySet(None));
    }
}

fn original(account: &Account, recent: &[Remembered], taking: &Taking) -> Option<Remembered> {
    let place = taking.original?;
    recent.iter().copied().chain(account.older()).find(|event| event.place == place)
}

/// Why a grant fails by what holds now; nothing where it does not.
fn rejudge(
    account: &Account,
    hold: &Hold,
    (recent, original): (&[Remembered], Option<Remembered>),
    parameters: &ParameterSet,
) -> Vec<Finding> {
    let mut findings = Findings::default();
    let charges = charges(hold);
    if parameters.rejudge && charges {
        account::standing(account, &parameters.account, &mut findings);
        account::blocking_flags(account, &parameters.account, &mut findings);
        let mut without = account.clone();
        if let Some(rare) = &mut without.rare {
            rare.holds.retain(|open| open.transaction_id != hold.transaction_id);
        }
        limit::exceeded(&without, hold.posts, &parameters.limit, &mut findings);
    } else if charges && account.standing.has(AccountFlags::CLOSED) {
        findings.add(account::closed());
    }
    let own = recent.iter().find(|event| event.place == hold.place).filter(|_| parameters.rejudge);
    if let Some(own) = own.filter(|own| own.kind.charges() || own.kind.gives_back) {
        nfc::blocked_since(account, own.chip, &parameters.nfc, &mut findings);
    }
    if let Some(taking) = hold.taking.filter(|_| parameters.rejudge) {
        correction::recheck(
            &taking,
            original,
            account,
            (hold.event_type, &parameters.correction),
            &mut findings,
        );
    }
    if account.balance.plus(hold.posts).is_none() {
        let detail = "the balance would leave 18 digits".to_owned();
        findings.report(Check::LimitExceeded, Effect::Reject, "totalAmount", detail);
    }
    let mut reasons = findings.in_catalogue_order().into_vec();
    reasons.retain(|finding| finding.effect >= Effect::Reject);
    reasons
}

/// What a second outcome says.
fn ending(end: PendingEnd, hold: &Hold) -> Finding {
    // The outcome it was asked for by is named by `supersedes`; in the text it would differ from run to run.
    let (place, effect) = match end {
        PendingEnd::Granted => (0, Effect::Note),
        PendingEnd::Refused => (1, Effect::Reject),
        PendingEnd::Expired => (2, Effect::Reject),
        PendingEnd::Corrected => (3, Effect::Reject),
    };
    let message = match end {
        PendingEnd::Expired => {
            format!("the step that was asked for was not finished by {}: nothing is booked", hold.expires)
        }
        _ => of_code(Check::Pending.entry().codes[place].as_str()).unwrap_or_default().to_owned(),
    };
    let mut finding = Finding::new(Check::Pending, effect, message).coded(place);
    finding.kind = MessageType::NotificationMessage;
    finding
}
