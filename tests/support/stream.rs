//! A partition as tests drive it: records in, what was published out. Never judges what comes out: that is the test's.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use tillgate::checks::Check;
use tillgate::codec::KnownSchemas;
use tillgate::config::{Sources, load};
use tillgate::domain::code::Code;
use tillgate::domain::hashing::Seed;
use tillgate::domain::ids::TransactionId;
use tillgate::domain::outcome::{Message, Outcome};
use tillgate::domain::partitioner::Partitioner;
use tillgate::domain::record::RecordTime;
use tillgate::domain::{Amount, PartitionId, enums::Verdict};
use tillgate::engine::Engine;
use tillgate::pipeline::{DecisionSink, InputRecord, Misplaced, Outbound};
use tillgate::pos::{Input, OutcomeEncoding, Outside, Partition, PartitionOptions, Pos, ProfileSource};

/// The schemas of the contract; no other is asked for.
pub static SCHEMAS: LazyLock<KnownSchemas> =
    LazyLock::new(|| KnownSchemas::new().unwrap_or_else(|fault| panic!("{fault}")));

/// The same, to be shared by partitions that run.
pub static SCHEMAS_SHARED: LazyLock<Arc<KnownSchemas>> =
    LazyLock::new(|| Arc::new(KnownSchemas::new().unwrap_or_else(|fault| panic!("{fault}"))));

/// The engine of the default parameters, and of these `KEY=VALUE` on top.
///
/// # Panics
/// When a setting is refused.
pub fn engine<S: AsRef<str>>(sets: &[S]) -> Arc<Engine> {
    let overrides = sets.iter().map(|set| set.as_ref().to_owned()).collect();
    let sources = Sources { configs: Vec::new(), environment: BTreeMap::new(), overrides };
    let settings = load(&sources).unwrap_or_else(|faults| panic!("{faults}"));
    Arc::new(Engine::new(settings.checks.clone(), settings.texts.clone(), settings.canonical_text()))
}

/// Options of a partition whose checkpoint rotation goes on by one account per two records, as is the default.
pub fn options() -> PartitionOptions {
    PartitionOptions {
        topics: ["pos.events", "account.events", "tillgate.ticks"].map(str::to_owned),
        encoding: OutcomeEncoding::Json,
        checkpoint_events_per_account: 2,
        rotation_events_min: 100_000,
        journal_record_bytes_max: 900 << 10,
        input_partitions: 1,
        partitioner: Partitioner::Murmur2,
        profiles: None,
        parties: None,
        table_seed: Seed([1, 2]),
    }
}

/// A record of an input topic that a test holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fed {
    pub input: Input,
    pub partition: PartitionId,
    pub offset: i64,
    pub timestamp_millis: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

impl Fed {
    /// A POS event at this offset of partition 0, written in 2100: after whatever the events of tests say.
    pub fn pos(offset: i64, key: &str, value: impl Into<Vec<u8>>) -> Self {
        Self {
            input: Input::PosEvents,
            partition: PartitionId::new(0),
            offset,
            timestamp_millis: 4_102_444_800_000,
            key: Some(key.as_bytes().to_vec()),
            value: Some(value.into()),
        }
    }

    pub fn record(&self) -> InputRecord<'_> {
        InputRecord {
            input: self.input as usize,
            partition: self.partition,
            offset: self.offset,
            timestamp_millis: self.timestamp_millis,
            time: RecordTime::of_millis(self.timestamp_millis),
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            schema_guid: None,
            request_id: None,
        }
    }
}

/// An outcome as it was published, and what of it tests look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    pub source: (Input, i64),
    pub id: TransactionId,
    pub account: String,
    pub verdict: Verdict,
    pub messages: Vec<Message>,
    pub posted: Option<Amount>,
    pub balance: Option<Amount>,
    pub available: Option<Amount>,
    pub supersedes: Option<TransactionId>,
    /// As it is encoded.
    pub value: Vec<u8>,
}

impl Said {
    pub fn codes(&self) -> Vec<&'static str> {
        self.messages.iter().map(|message| of_the_catalogue(&message.code)).collect()
    }
}

/// The code's text, for as long as the catalogue stands.
pub fn of_the_catalogue(code: &Code) -> &'static str {
    let known = Check::codes().into_iter().find(|known| *known == code.as_str());
    known.unwrap_or_else(|| panic!("{code} is not in the catalogue"))
}

/// A dead letter: the record, code and message.
pub type DeadLetter = ((Input, i64), &'static str, String);

/// What a partition published, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Published {
    pub outcomes: Vec<Said>,
    pub dead_letters: Vec<DeadLetter>,
    /// Records whose keys belong elsewhere: input, where they belong, and whether the other partitioner fits.
    pub misplaced: Vec<(Input, PartitionId, bool)>,
    /// Of the record at hand; an outcome does not say which input it came from but by the topic's name.
    at: Option<(Input, i64)>,
}

impl DecisionSink<Pos> for Published {
    fn send(&mut self, outcome: &Outcome<'_>, outbound: &Outbound<'_>) {
        let (key, value) = (outbound.key, outbound.value.unwrap_or_default());
        assert_eq!(key, outcome.account_number.as_bytes(), "the outcome's key is its account");
        self.outcomes.push(Said {
            source: self.at.expect("a record at hand"),
            id: outcome.transaction_id,
            account: outcome.account_number.to_string(),
            verdict: outcome.verdict,
            messages: outcome.messages.clone(),
            posted: outcome.posted_amount,
            balance: outcome.balance_after,
            available: outcome.available_after,
            supersedes: outcome.supersedes,
            value: value.to_vec(),
        });
    }

    fn dead_letter(&mut self, record: &InputRecord<'_>, code: &'static str, message: &str) {
        self.dead_letters.push(((Input::at(record.input), record.offset), code, message.to_owned()));
    }

    fn misplaced(&mut self, record: &InputRecord<'_>, misplaced: &Misplaced) {
        self.misplaced.push((Input::at(record.input), misplaced.belongs_on, misplaced.fits_other));
    }
}

impl Published {
    /// Nothing yet, of a record of this input at this offset.
    pub fn at(input: Input, offset: i64) -> Self {
        Self { at: Some((input, offset)), ..Self::default() }
    }

    /// Lets the partition take the record in.
    ///
    /// # Panics
    /// When the record is not taken in.
    pub fn feed(&mut self, partition: &mut Partition, fed: &Fed) {
        self.feed_with(partition, fed, None);
    }

    /// As [`Self::feed`], with shared profiles.
    ///
    /// # Panics
    /// As there.
    pub fn feed_with(&mut self, partition: &mut Partition, fed: &Fed, profiles: Option<&dyn ProfileSource>) {
        self.at = Some((fed.input, fed.offset));
        partition
            .on_record(Outside { schemas: &*SCHEMAS, profiles }, &fed.record(), self)
            .unwrap_or_else(|interrupt| panic!("{fed:?}: {interrupt}"));
    }
}

/// What a new partition 0 answers to one POS event.
///
/// # Panics
/// When there is not exactly one outcome.
pub fn answer(engine: &Arc<Engine>, key: &str, value: &[u8]) -> Said {
    let mut published = Published::default();
    published.feed(&mut Partition::new(engine.clone(), 0.into(), options()), &Fed::pos(0, key, value));
    assert_eq!(published.outcomes.len(), 1, "{:?}", published.dead_letters);
    published.outcomes.remove(0)
}
