//! The engine: records in, decisions out. Pure: no I/O, no clock, no chance, nothing kept between calls.
//!
//! `decide` looks at the state and says what to answer and what to change; whoever calls it applies
//! the facts ([`crate::state::PartitionState::apply`]) and sends the outcomes. The same engine runs
//! in `run`, `check`, `demo`, the tests and the benches.

mod account;
mod account_form;
mod judged;
mod pending;
mod pos;
mod profiles;
mod repeated;
mod update;

pub use crate::checks::SoundEvent;
pub use crate::checks::time::FileTimes;
pub use account::Refusal;
pub use account_form::form;
pub use pos::Unavailable;
pub use profiles::profile_text;

use crate::checks::parameters::Memories;
use crate::checks::{Check, Effect, Finding, ParameterSet, ParameterSets, Texts};
use crate::domain::cut::cut_to;
use crate::domain::enums::{CountryCode, Currency, EventType, Language, Verdict};
use crate::domain::hashing::hash128;
use crate::domain::ids::TransactionId;
use crate::domain::outcome::{Message, Outcome, Source};
use crate::domain::pos_event::{PosEvent, Readable};
use crate::domain::record::RecordTime;
use crate::domain::{Micros, limits};
use crate::state::{EventPlace, Facts, FactsOfAccount};
use std::borrow::Cow;

/// Everything that decides, besides the state: parameters and texts.
#[derive(Debug)]
pub struct Engine {
    parameters: ParameterSets,
    texts: Texts,
    ruleset_hash: u128,
    ruleset: String,
    memory: Memories,
}

/// The record at hand: where it stands and what stands beside it.
#[derive(Clone, Copy, Debug)]
pub struct RecordContext<'a> {
    /// Where it stands.
    pub source: Source<'a>,
    /// Its key, the account.
    pub key: &'a str,
    /// What is known of when it was written.
    pub time: RecordTime,
    /// Next offset per other input topic of the partition.
    pub positions: &'a [(String, i64)],
    /// Whether its sender asked for a reply: it then applies as a whole or not at all, and after whatever of its account
    /// stands before it, since requests of one sender can go by clocks of several gateways.
    pub asked: bool,
}

impl RecordContext<'_> {
    /// Where it stands, as accounts remember it.
    fn place(&self) -> EventPlace {
        EventPlace { partition: self.source.partition, offset: self.source.offset }
    }

    fn transaction_id(&self, digest: u64, ordinal: u32) -> TransactionId {
        TransactionId::derive(self.source.topic, self.source.partition, self.source.offset, digest, ordinal)
    }
}

/// What one input causes.
#[derive(Debug, Default)]
pub struct Decision<'a> {
    /// What to publish.
    pub outcome: Option<Outcome<'a>>,
    /// What to publish next: the second outcome of a Pending event of which a correction has taken all.
    pub ended: Option<Box<Outcome<'a>>>,
    /// What to change.
    pub change: Option<FactsOfAccount<'a>>,
    /// Why a part of an account event is not applied, while the rest is.
    pub refusal: Option<Refusal>,
    /// The account event that was applied before, of which this one is a repeat.
    pub repeats: Option<Repeated>,
}

/// An account event that was applied before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// When it was created, or written where it does not say; none where that is not remembered.
    pub created: Option<Micros>,
    /// Whether it had the same id: otherwise the same idempotency key.
    pub under_id: bool,
}

impl Engine {
    /// An engine with these parameters and texts; `canonical` is their text, of which the ruleset hash is made.
    #[must_use]
    pub fn new(parameters: ParameterSets, texts: Texts, canonical: &str) -> Self {
        let memory = parameters.memory();
        let ruleset_hash = hash128(canonical.as_bytes());
        Self { parameters, texts, ruleset_hash, ruleset: format!("{ruleset_hash:032x}"), memory }
    }

    /// Hash of the parameters and texts, as a number.
    #[must_use]
    pub fn ruleset_hash(&self) -> u128 {
        self.ruleset_hash
    }

    /// Hash of the parameters and texts, in hexadecimal digits, as outcomes have it.
    #[must_use]
    pub fn ruleset(&self) -> &str {
        &self.ruleset
    }

    /// How the times of a file's lines are believed.
    #[must_use]
    pub fn files(&self) -> FileTimes {
        self.base().time.files
    }

    /// The parameters without overrides.
    fn base(&self) -> &ParameterSet {
        self.parameters.of(CountryCode::Unrecognized, Currency::Unrecognized)
    }

    /// The answer to a record that could not be decoded but for what is `readable`; `digest` is that of its bytes.
    #[must_use]
    pub fn undecodable<'a>(
        &'a self,
        record: &RecordContext<'a>,
        digest: u64,
        (why, field): (&str, Option<&str>),
        readable: Readable,
    ) -> Outcome<'a> {
        let mut finding = Finding::new(
            Check::Undecodable,
            Effect::NotEvaluated,
            format!("the record cannot be decoded: {why}"),
        );
        finding.field = field.map(str::to_owned);
        let language = readable.language.unwrap_or(Language::En);
        let mut outcome = self.not_evaluated(record, digest, vec![finding], language);
        let id = readable.account_transaction_id;
        outcome.account_transaction_id = id.map(|id| Cow::Owned(shorten(id, limits::ID_CHARS_MAX)));
        outcome.event_type = readable.event_type.unwrap_or(EventType::Unrecognized);
        outcome.event_time = readable.time;
        outcome
    }

    /// The answer to a record on which the program failed again and again.
    #[must_use]
    pub fn failed<'a>(&'a self, record: &RecordContext<'a>, digest: u64) -> Outcome<'a> {
        let message = "the event could not be judged because of an internal error".to_owned();
        let finding = Finding::new(Check::Failed, Effect::NotEvaluated, message);
        self.not_evaluated(record, digest, vec![finding], Language::En)
    }

    fn not_evaluated<'a>(
        &'a self,
        record: &RecordContext<'a>,
        digest: u64,
        findings: Vec<Finding>,
        language: Language,
    ) -> Outcome<'a> {
        let messages = self.messages(findings, language, None);
        self.outcome(record, record.transaction_id(digest, 0), Verdict::NotEvaluated, messages)
    }

    /// An outcome of a record with nothing of the event in it yet.
    fn outcome<'a>(
        &'a self,
        record: &RecordContext<'a>,
        transaction_id: TransactionId,
        verdict: Verdict,
        messages: Vec<Message>,
    ) -> Outcome<'a> {
        Outcome {
            transaction_id,
            account_number: Cow::Borrowed(record.key),
            account_transaction_id: None,
            event_type: EventType::Unrecognized,
            event_time: None,
            verdict,
            messages,
            currency: None,
            posted_amount: None,
            balance_after: None,
            available_after: None,
            supersedes: None,
            corrects: None,
            repeats: None,
            source: record.source,
            account_revision: 0,
            positions: record.positions,
            evidence: Vec::new(),
            ruleset: &self.ruleset,
        }
    }

    /// Findings as messages, with the customer's text as it is read in the country.
    fn messages(
        &self,
        findings: Vec<Finding>,
        language: Language,
        country: Option<CountryCode>,
    ) -> Vec<Message> {
        findings
            .into_iter()
            .map(|finding| Message {
                kind: finding.kind,
                customer_message: self.texts.of(finding.code.as_str(), language, country),
                code: finding.code,
                message: shorten(finding.message, limits::MESSAGE_CHARS_MAX),
                action: finding.action,
                field: finding.field.map(|field| shorten(field, limits::ID_CHARS_MAX)),
                detail: finding.detail.map(|detail| shorten(detail, limits::MESSAGE_CHARS_MAX)),
            })
            .collect()
    }
}

/// The contract bounds texts; what is longer ends in `…`.
fn shorten(text: String, chars_max: usize) -> String {
    match cut_to(&text, chars_max) {
        Cow::Owned(cut) => cut,
        Cow::Borrowed(_) => text,
    }
}

/// What an outcome repeats of the event, where it could be read. The id may be too long to be judged, never to be
/// answered.
fn describe<'a>(outcome: &mut Outcome<'a>, event: &'a PosEvent<'a>) {
    let id = event.account_transaction_id.as_deref();
    outcome.account_transaction_id = id.map(|id| cut_to(id, limits::ID_CHARS_MAX));
    outcome.event_type = event.event_type.value().unwrap_or(EventType::Unrecognized);
    outcome.event_time = event.time.value();
    outcome.currency = event.currency.value().map(crate::domain::enums::Currency::symbol);
}

/// A change of one account.
fn change<'a>(account: Cow<'a, str>, facts: Facts) -> Option<FactsOfAccount<'a>> {
    (!facts.is_empty()).then_some(FactsOfAccount { account, facts })
}
