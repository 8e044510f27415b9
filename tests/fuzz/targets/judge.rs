//! What must hold of everything that a partition publishes, whatever came in.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use tillgate::codec::{DecodeError, KnownSchemas, SchemaRef, avro, recorded};
use tillgate::config::{Sources, load};
use tillgate::domain::enums::Verdict;
use tillgate::domain::hashing::Seed;
use tillgate::domain::limits::{ID_CHARS_MAX, MESSAGE_CHARS_MAX};
use tillgate::domain::outcome::Outcome;
use tillgate::domain::partitioner::Partitioner;
use tillgate::domain::record::RecordTime;
use tillgate::domain::visible::is_visible;
use tillgate::engine::Engine;
use tillgate::pipeline::{DecisionSink, InputRecord, Outbound};
use tillgate::pos::{Input, OutcomeEncoding, Partition, PartitionOptions, Pos};

/// Bytes of an outcome, far below what any topic takes.
const OUTCOME_BYTES_MAX: usize = 256 << 10;
/// A time that no check minds where an event says none: 2025-06-15.
const NOON: i64 = 1_750_000_000_000;

/// Our own schemas by their fingerprints and under these references.
pub static SCHEMAS: LazyLock<KnownSchemas> = LazyLock::new(|| {
    let mut schemas = KnownSchemas::new().unwrap_or_else(|fault| panic!("{fault}"));
    for reference in [SchemaRef::Id(1), SchemaRef::Guid([1; 16])] {
        let added = schemas
            .add_pos_event(reference, avro::POS_EVENT_SCHEMA)
            .and_then(|()| schemas.add_account_event(reference, avro::ACCOUNT_EVENT_SCHEMA));
        added.unwrap_or_else(|fault| panic!("{fault}"));
    }
    schemas
});

/// The default ruleset but that accounts open by themselves, and one that lets through whatever it may.
static ENGINES: LazyLock<[Arc<Engine>; 2]> = LazyLock::new(|| {
    let open = "checks.account.unknown=open";
    let lenient = [
        "checks.form.length.enabled=false",
        "checks.limit.exceeded.enabled=false",
        "checks.nfc.sca.enabled=true",
        "checks.nfc.sca.outcome=note",
        // It never fails, and lets the kind of refused events be remembered.
        "checks.velocity.windows.rules.tried={ scope = \"account\", of = \"attempts\", span = \"31d\", distinct = \"country\", count = 500, outcome = \"pending\" }",
    ];
    [engine(&[open]), engine(&[&[open], &lenient[..]].concat())]
});

fn engine(sets: &[&str]) -> Arc<Engine> {
    let overrides = sets.iter().map(|set| (*set).to_owned()).collect();
    let settings = load(&Sources { configs: Vec::new(), environment: BTreeMap::new(), overrides });
    let settings = settings.unwrap_or_else(|faults| panic!("{faults}"));
    Arc::new(Engine::new(settings.checks.clone(), settings.texts.clone(), settings.canonical_text()))
}

/// A new partition 0; `lenient` as its engine is, and its outcomes are then Avro.
pub fn new_partition(lenient: bool) -> Partition {
    let encoding = if lenient { OutcomeEncoding::Avro(vec![0, 0, 0, 0, 9]) } else { OutcomeEncoding::Json };
    let options = PartitionOptions {
        topics: ["pos.events", "account.events", "tillgate.ticks"].map(str::to_owned),
        encoding,
        checkpoint_events_per_account: 1,
        rotation_events_min: 4,
        journal_record_bytes_max: tillgate::domain::limits::JOURNAL_RECORD_BYTES_MIN,
        input_partitions: 1,
        partitioner: Partitioner::Murmur2,
        profiles: None,
        parties: None,
        table_seed: Seed([1, 2]),
    };
    Partition::new(Arc::clone(&ENGINES[usize::from(lenient)]), 0.into(), options)
}

/// What one record caused.
#[derive(Debug, Default)]
pub struct Judge {
    /// Its own outcomes.
    pub own: usize,
    /// Outcomes that end an earlier Pending one.
    pub ended: usize,
    /// Dead letters.
    pub dead_letters: usize,
    /// Of the record at hand, its position and the next one of the first of the other inputs.
    at: (i64, i64),
}

impl DecisionSink<Pos> for Judge {
    fn send(&mut self, outcome: &Outcome<'_>, outbound: &Outbound<'_>) {
        let (key, value) = (outbound.key, outbound.value.unwrap_or_default());
        assert!(value.len() <= OUTCOME_BYTES_MAX, "an outcome of {} bytes", value.len());
        assert_eq!(key, outcome.account_number.as_bytes());
        assert!(chars(key) <= ID_CHARS_MAX, "an account of {} characters", chars(key));
        let id = outcome.account_transaction_id.as_deref().unwrap_or_default();
        assert!(chars(id.as_bytes()) <= ID_CHARS_MAX, "an id of {} characters", chars(id.as_bytes()));
        assert!(outcome.posted_amount.is_none() || outcome.verdict == Verdict::Accepted);
        for message in &outcome.messages {
            assert_text(&message.message, MESSAGE_CHARS_MAX);
            if let Some(field) = &message.field {
                assert_text(field, ID_CHARS_MAX);
            }
            assert!(message.customer_message.is_some(), "{} has no text for customers", message.code);
        }
        let place = recorded::place(value).expect("an outcome says where it comes from");
        let other = place.positions.first().map(|(_, position)| *position);
        assert_eq!((place.offset, other), (self.at.0, Some(self.at.1)));
        recorded::fields(value).expect("an outcome reads again");
        if outcome.supersedes.is_some() {
            self.ended += 1;
        } else {
            self.own += 1;
        }
    }

    fn dead_letter(&mut self, _: &InputRecord<'_>, code: &'static str, message: &str) {
        assert!(!code.is_empty());
        assert_text(message, MESSAGE_CHARS_MAX);
        self.dead_letters += 1;
    }
}

impl Judge {
    /// Lets the partition take the record in, which must cause what its input owes.
    pub fn feed(partition: &mut Partition, schemas: &KnownSchemas, record: &InputRecord<'_>) -> Self {
        let first = Input::at(record.input).others().next().expect("there are others");
        let other = partition.positions()[first as usize].unwrap_or(0);
        let mut judge = Self { at: (record.offset, other), ..Self::default() };
        let key = record.key.and_then(|key| str::from_utf8(key).ok()).unwrap_or_default();
        let has_account = !key.trim().is_empty() && key.chars().count() <= ID_CHARS_MAX;
        if let Err(interrupt) = partition.on_record(schemas, record, &mut judge) {
            panic!("the record stops its partition: {interrupt}");
        }
        match Input::at(record.input) {
            Input::PosEvents => {
                assert_eq!(judge.own, usize::from(has_account), "a POS event is answered once");
                assert!(judge.dead_letters <= 1 && (has_account || judge.dead_letters == 1), "{judge:?}");
            }
            Input::AccountEvents => {
                assert_eq!(judge.own, 0, "an account event has no outcome of its own");
                assert!(judge.ended + judge.dead_letters <= 1, "{judge:?}");
            }
            Input::Ticks => {
                assert_eq!(judge.own, 0, "a tick has no outcome of its own");
                assert!(judge.dead_letters == 0 || judge.dead_letters == 1 && judge.ended == 0, "{judge:?}");
            }
        }
        judge
    }
}

/// A record's value, alone in a new partition: by the default ruleset and by a lenient one.
pub fn alone(
    schemas: &KnownSchemas,
    input: Input,
    guid: Option<[u8; 16]>,
    key: &str,
    time: Option<i64>,
    value: &[u8],
) {
    for lenient in [false, true] {
        let mut partition = new_partition(lenient);
        let millis =
            time.map(|micros| micros.div_euclid(1_000)).filter(|millis| (0..1 << 42).contains(millis));
        let record = InputRecord {
            input: input as usize,
            partition: 0.into(),
            offset: 0,
            timestamp_millis: millis.unwrap_or(NOON),
            time: RecordTime::of_millis(millis.unwrap_or(NOON)),
            key: Some(key.as_bytes()),
            value: Some(value),
            schema_guid: guid,
            request_id: None,
        };
        Judge::feed(&mut partition, schemas, &record);
        let batch = partition.journal("fuzz");
        let most = tillgate::domain::limits::JOURNAL_RECORD_BYTES_MIN;
        assert!(batch.records.iter().all(|record| record.len() <= most), "a journal record above its bound");
        partition.committed();
    }
}

/// A fault must be one, short, and fit to be shown.
pub fn assert_fault(error: &DecodeError) {
    let DecodeError::Fault { code, message, field } = error else { return };
    assert!(matches!(*code, "400.001" | "400.002" | "400.003" | "400.004" | "400.005"), "{code}");
    assert_text(message, MESSAGE_CHARS_MAX);
    if let Some(field) = field {
        assert_text(field, MESSAGE_CHARS_MAX);
    }
}

/// A text that people are shown.
#[track_caller]
pub fn assert_text(text: &str, most: usize) {
    assert!(!text.is_empty(), "an empty text");
    assert!(text.chars().all(is_visible), "a character that a terminal obeys in {text:?}");
    let chars = text.chars().count();
    assert!(chars <= most, "a text of {chars} characters, at most {most}");
}

fn chars(text: &[u8]) -> usize {
    str::from_utf8(text).map_or(text.len(), |text| text.chars().count())
}
