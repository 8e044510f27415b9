//! What must hold of everything that a partition of contact decisions publishes, whatever came in.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use tillgate::codec::journal::ByteWriter;
use tillgate::codec::json::read_reply;
use tillgate::config::{Sources, load};
use tillgate::contact::{
    CONTACT_DECISIONS, CONTACT_REQUESTS, ContactDecision, ContactRequest, Contacts, INPUTS,
    INTERACTION_RESULTS, INTERACTIONS, PARTY_RECORDS, Partition, ReadDecision, Rules, read_decision, rules,
};
use tillgate::domain::Micros;
use tillgate::domain::flow::Positions;
use tillgate::domain::hashing::Seed;
use tillgate::domain::limits::{ID_CHARS_MAX, JOURNAL_RECORD_BYTES_MIN, MESSAGE_CHARS_MAX};
use tillgate::domain::partitioner::Partitioner;
use tillgate::pipeline::{DecisionSink, Division, InputRecord, Outbound, PartitionSettings, State};

use super::judge::assert_text;

pub const TOPICS: [&str; INPUTS] = ["contact.requests", "interactions", "party.records", "tillgate.parties"];
/// Bytes of a decision, far below what any topic takes: a reason for each of 64 loans by each rule.
const DECISION_BYTES_MAX: usize = 512 << 10;

/// The default rules, and a policy for everybody.
pub static RULES: LazyLock<Arc<Rules>> = LazyLock::new(|| {
    let overrides = vec!["contact.jurisdiction=US".to_owned()];
    let sources = Sources { configs: Vec::new(), environment: BTreeMap::new(), overrides };
    load(&sources).unwrap_or_else(|faults| panic!("{faults}")).contact_rules
});

/// A new partition 0 whose checkpoints turn over often.
pub fn new_partition() -> Partition {
    let settings = PartitionSettings {
        checkpoint_records_per_entry: 1,
        rotation_records_min: 4,
        journal_record_bytes_max: JOURNAL_RECORD_BYTES_MIN,
        division: Division { partitioner: Partitioner::Murmur2, partitions: 1 },
    };
    let contacts = Contacts::new(Arc::clone(&RULES), TOPICS.map(str::to_owned), Seed([1, 2]));
    Partition::of(contacts, 0.into(), settings)
}

/// What one record caused.
#[derive(Debug, Default)]
pub struct Judge {
    pub decisions: Vec<ReadDecision>,
    replies: usize,
    dead_letters: usize,
    at: i64,
    positions: Vec<i64>,
}

impl DecisionSink<Contacts> for Judge {
    fn send(&mut self, decision: &ContactDecision<'_>, outbound: &Outbound<'_>) {
        assert_eq!(
            (outbound.output, outbound.partition),
            (CONTACT_DECISIONS, Some(0.into())),
            "beside its request"
        );
        let value = outbound.value.unwrap_or_default();
        assert!(value.len() <= DECISION_BYTES_MAX, "a decision of {} bytes", value.len());
        let read = read_decision(value).expect("a decision reads again");
        assert_eq!(
            (read.request_id.as_str(), read.person_id.as_str()),
            (decision.request_id, decision.person_id)
        );
        assert_eq!(read.person_id.as_bytes(), outbound.key);
        assert_eq!((read.source.topic.as_str(), read.source.offset), (TOPICS[CONTACT_REQUESTS], self.at));
        let positions: Vec<i64> = TOPICS[1..].iter().map(|topic| read.positions[*topic]).collect();
        assert_eq!(positions, self.positions, "it says where the other inputs stood");
        assert_eq!((read.result, read.reasons.len()), (decision.reasons.is_empty(), decision.reasons.len()));
        for (reason, own) in read.reasons.iter().zip(&decision.reasons) {
            assert!(rules::CODES.contains(&&*reason.code), "{}", reason.code);
            assert_ne!(reason.code, rules::FAILED);
            assert_eq!(reason.not_before, own.not_before, "a time that cannot be written");
            assert_text(&reason.message, MESSAGE_CHARS_MAX);
        }
        let order = |code: &str| rules::CODES.iter().position(|known| *known == code);
        // The two codes of cases come in the order of the party record.
        let is_case = |code: &str| code == "contact.case" || code == "contact.status.case";
        let codes = read.reasons.windows(2).map(|two| (&*two[0].code, &*two[1].code));
        let mut codes = codes.filter(|(one, other)| !(is_case(one) && is_case(other)));
        assert!(codes.all(|(one, other)| order(one) <= order(other)), "{:?}", read.reasons);
        self.decisions.push(read);
    }

    fn reply(&mut self, outbound: &Outbound<'_>) {
        assert_eq!((outbound.output, outbound.partition), (INTERACTION_RESULTS, Some(0.into())));
        let reply = read_reply(outbound.value.unwrap_or_default()).expect("a reply reads again");
        drop(reply);
        self.replies += 1;
    }

    fn dead_letter(&mut self, _: &InputRecord<'_>, code: &'static str, message: &str) {
        assert!(!code.is_empty());
        assert_text(message, MESSAGE_CHARS_MAX);
        self.dead_letters += 1;
    }
}

impl Judge {
    /// Lets the partition take the record in, which must cause what its input owes.
    pub fn feed(partition: &mut Partition, record: &InputRecord<'_>) -> Self {
        let positions = partition.positions();
        let positions = (1..INPUTS).map(|input| positions[input].unwrap_or(0)).collect();
        let mut judge = Self { at: record.offset, positions, ..Self::default() };
        let key = record.key.and_then(|key| str::from_utf8(key).ok());
        let key = key.filter(|key| !key.trim().is_empty() && key.chars().count() <= ID_CHARS_MAX);
        if let Err(interrupt) = partition.on_record((), record, &mut judge) {
            panic!("the record stops its partition: {interrupt}");
        }
        let owed = match record.input {
            CONTACT_REQUESTS => {
                let request = ContactRequest::read(record.value.unwrap_or_default());
                let is_readable = request.is_ok_and(|request| Some(request.person_id.as_str()) == key);
                assert_eq!(judge.dead_letters, usize::from(!is_readable), "{judge:?}");
                [usize::from(is_readable), 0]
            }
            INTERACTIONS => [0, usize::from(key.is_some() && record.request_id().is_some())],
            _ => [0, 0],
        };
        assert_eq!([judge.decisions.len(), judge.replies], owed, "each is answered as its input owes");
        assert!(judge.dead_letters <= 1, "{judge:?}");
        if record.input == PARTY_RECORDS && record.value.is_none() && key.is_some() {
            assert_eq!(judge.dead_letters, 0, "a party record can always be taken away");
        }
        judge
    }
}

/// What a partition knows: persons by their ids, its time, and where its inputs stand.
pub type Known = (BTreeMap<String, Vec<u8>>, Micros, Positions);

pub fn known(partition: &Partition) -> Known {
    let state = partition.state();
    let entry = |slot: u32| {
        let mut writer = ByteWriter::default();
        state.write_entry(slot, &mut writer);
        Some((state.key(slot)?.to_owned(), writer.0))
    };
    let parties = (0..state.entries() as u32).filter_map(entry).collect();
    (parties, state.stream_time(), partition.positions().clone())
}

/// The batch's journal records, of which none is too long.
pub fn commit(partition: &mut Partition) -> Vec<Vec<u8>> {
    let records = partition.journal("fuzz").records;
    for record in &records {
        assert!(record.len() <= JOURNAL_RECORD_BYTES_MIN, "a journal record of {} bytes", record.len());
    }
    partition.committed();
    records
}
