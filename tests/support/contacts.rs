//! A partition of contact decisions as tests drive it: records in, what was published out. Never judges what comes out.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use tillgate::codec::journal::ByteWriter;
use tillgate::config::{Sources, load};
use tillgate::contact::{
    CONTACT_DECISIONS, ContactDecision, Contacts, EventId, INPUTS, INTERACTION_RESULTS, Partition, Rules,
};
use tillgate::domain::hashing::Seed;
use tillgate::domain::partitioner::Partitioner;
use tillgate::domain::record::RecordTime;
use tillgate::domain::{Micros, PartitionId};
use tillgate::pipeline::{
    DecisionSink, Division, InputRecord, Misplaced, Outbound, PartitionSettings, State,
};

/// The inputs' topics, in the flow's order.
pub const TOPICS: [&str; INPUTS] = ["contact.requests", "interactions", "party.records", "tillgate.parties"];

/// The default rules, and a policy for everybody.
pub static RULES: LazyLock<Arc<Rules>> = LazyLock::new(|| {
    let sources = Sources { overrides: vec!["contact.jurisdiction=US".to_owned()], ..Sources::default() };
    load(&sources).unwrap_or_else(|faults| panic!("{faults}")).contact_rules
});

/// Settings under which journals turn over often.
pub fn settings(partitions: u32, journal_record_bytes_max: usize) -> PartitionSettings {
    PartitionSettings {
        checkpoint_records_per_entry: 1,
        rotation_records_min: 3,
        journal_record_bytes_max,
        division: Division { partitioner: Partitioner::Murmur2, partitions },
    }
}

/// A partition of which nothing was read.
pub fn empty(number: impl Into<PartitionId>, settings: PartitionSettings) -> Partition {
    let contacts = Contacts::new(Arc::clone(&RULES), TOPICS.map(str::to_owned), Seed([3, 4]));
    Partition::of(contacts, number.into(), settings)
}

/// What a partition published, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Published {
    /// Key and value of each.
    pub decisions: Vec<(String, String)>,
    pub replies: Vec<(String, String)>,
    /// Input, offset, code.
    pub letters: Vec<(usize, i64, &'static str)>,
    pub misplaced: usize,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|fault| panic!("{fault}"))
}

impl DecisionSink<Contacts> for Published {
    fn send(&mut self, decision: &ContactDecision<'_>, outbound: &Outbound<'_>) {
        let at = (outbound.output, outbound.partition);
        assert_eq!(at, (CONTACT_DECISIONS, Some(decision.source.partition)), "beside its request");
        self.decisions.push((text(outbound.key), text(outbound.value.unwrap_or_default())));
    }

    fn reply(&mut self, outbound: &Outbound<'_>) {
        assert_eq!(outbound.output, INTERACTION_RESULTS);
        self.replies.push((text(outbound.key), text(outbound.value.unwrap_or_default())));
    }

    fn dead_letter(&mut self, record: &InputRecord<'_>, code: &'static str, _message: &str) {
        self.letters.push((record.input, record.offset, code));
    }

    fn misplaced(&mut self, _record: &InputRecord<'_>, _misplaced: &Misplaced) {
        self.misplaced += 1;
    }
}

/// A record of an input.
#[derive(Clone, Debug)]
pub struct Fed {
    pub input: usize,
    pub key: String,
    pub value: Option<String>,
    pub written: Micros,
    pub request_id: Option<String>,
}

impl Fed {
    pub fn new(input: usize, key: &str, value: impl Into<String>, written: Micros) -> Self {
        Self { input, key: key.to_owned(), value: Some(value.into()), written, request_id: None }
    }

    /// The same, of a sender who asks for a reply.
    pub fn asking(self, request_id: &str) -> Self {
        Self { request_id: Some(request_id.to_owned()), ..self }
    }

    /// Lets a partition take it in, at the next offset.
    ///
    /// # Panics
    /// The state is broken.
    pub fn take(&self, partition: &mut Partition, published: &mut Published) {
        let millis = self.written.0.div_euclid(1_000);
        let record = InputRecord {
            input: self.input,
            partition: partition.number(),
            offset: partition.positions()[self.input].unwrap_or(0),
            timestamp_millis: millis,
            time: RecordTime::of_millis(millis),
            key: Some(self.key.as_bytes()),
            value: self.value.as_deref().map(str::as_bytes),
            schema_guid: None,
            request_id: self.request_id.as_deref().map(str::as_bytes),
        };
        let taken = partition.on_record((), &record, published);
        taken.unwrap_or_else(|interrupt| panic!("{self:?}: {interrupt}"));
    }
}

/// The text of an interaction's id.
pub fn event_id(number: u64) -> String {
    EventId::new(1_700_000_000_000, number.into()).to_string()
}

/// An outbound call about a loan, as JSON; `more` are further members, each behind a comma.
pub fn call(number: u64, party: &str, occurred: Micros, more: &str) -> String {
    let id = event_id(number);
    format!(
        r#"{{"eventId":"{id}","partyId":"{party}","channel":"contact-center","type":"outbound-call","occurredAt":"{occurred}"{more}}}"#
    )
}

/// Every person's bytes by their id, and the time.
pub fn all(partition: &Partition) -> (Micros, BTreeMap<String, Vec<u8>>) {
    let state = partition.state();
    let entry = |slot: u32| {
        let mut writer = ByteWriter(Vec::new());
        state.write_entry(slot, &mut writer);
        Some((state.key(slot)?.to_owned(), writer.0))
    };
    (state.stream_time(), (0..state.entries() as u32).filter_map(entry).collect())
}
