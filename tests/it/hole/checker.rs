//! Says from the committed topics alone whether anything was torn: it knows what the records of the stand-in decision
//! say, and nothing of the loop. Never repairs or waits for anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::Offset;
use tillgate::kafka::settings::ClusterSettings;

use crate::support::{Kafka, Record, eventually};

const WITHIN: Duration = Duration::from_secs(60);

/// How a partition is torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tear {
    /// An event has two outcomes: one of an aborted transaction is visible, or it was decided again.
    Duplicate,
    /// An event has no outcome although its position is committed.
    Loss,
    /// The journal repeats or misses a record.
    Journal,
    /// Journal and outcomes say different things: a transaction is visible in part.
    Part,
    /// The group's offset is not where the journal ends.
    Offsets,
}

/// A tear and what was seen.
#[derive(Clone, Debug)]
pub struct Finding {
    pub tear: Tear,
    text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}: {}", self.tear, self.text)
    }
}

/// The group's committed offsets of the POS events, from a client of its own.
pub struct GroupOffsets {
    client: BaseConsumer,
    topic: String,
}

impl GroupOffsets {
    pub fn of(kafka: &Kafka, settings: &ClusterSettings) -> Self {
        let mut config = kafka.client();
        config.set("group.id", &settings.kafka.group_id).set("isolation.level", "read_committed");
        let client = config.create().expect("a client");
        GroupOffsets { client, topic: settings.topics.pos_events().to_owned() }
    }

    /// None while a transaction holds some, or the coordinator does not answer. A partition without one has 0.
    pub fn read(&self, partitions: usize) -> Option<BTreeMap<i32, i64>> {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&self.topic, 0, partitions as i32 - 1);
        let list = self.client.committed_offsets(list, Duration::from_secs(5)).ok()?;
        let each = list.elements().into_iter().map(|element| {
            element.error().ok()?;
            let offset = if let Offset::Offset(offset) = element.offset() { offset } else { 0 };
            Some((element.partition(), offset))
        });
        each.collect()
    }
}

/// What a journal record of the stand-in says: its number, the events decided so far, the next event's offset.
struct Journaled {
    sequence: i64,
    events: usize,
    position: i64,
}

fn journaled(record: &Record) -> Journaled {
    let fields: Vec<&str> = record.text().split(' ').collect();
    let number = |at: usize| fields[at].parse::<i64>().ok();
    Journaled {
        sequence: number(0).expect("a sequence"),
        events: number(1).expect("a count") as usize,
        position: number(3).unwrap_or(0),
    }
}

/// Everything that is wrong, after `produced` events on each partition. All transactions must have ended.
pub fn findings(
    kafka: &Kafka,
    settings: &ClusterSettings,
    group: &GroupOffsets,
    produced: &[i64],
) -> Vec<Finding> {
    let outcomes = kafka.read_committed(settings.topics.pos_outcomes());
    let journal = kafka.read_committed(settings.topics.journal());
    let offsets = eventually(WITHIN, "the group's offsets", || group.read(produced.len()));
    let mut findings = Vec::new();
    for (partition, &produced) in produced.iter().enumerate() {
        let partition = partition as i32;
        let own = |records: &[Record]| -> Vec<Record> {
            records.iter().filter(|record| record.partition == partition).cloned().collect()
        };
        let decided: Vec<i64> = own(&outcomes)
            .iter()
            .map(|outcome| outcome.text().split(':').nth(1).and_then(|offset| offset.parse().ok()))
            .map(|offset| offset.expect("an offset"))
            .collect();
        let journal: Vec<Journaled> = own(&journal).iter().map(journaled).collect();
        let mut find = |tear, text: String| {
            findings.push(Finding { tear, text: format!("partition {partition}: {text}") });
        };
        let once: BTreeSet<i64> = decided.iter().copied().collect();
        if once.len() < decided.len() {
            find(Tear::Duplicate, format!("outcomes of the offsets {decided:?}"));
        }
        let position = offsets.get(&partition).copied().unwrap_or(0);
        if let Some(lost) = (0..position.max(produced)).find(|offset| !once.contains(offset)) {
            find(Tear::Loss, format!("no outcome of offset {lost}, of {produced} events"));
        }
        let sequences: Vec<i64> = journal.iter().map(|record| record.sequence).collect();
        if !sequences.iter().copied().eq(1..=sequences.len() as i64) {
            find(Tear::Journal, format!("records {sequences:?}"));
        }
        let fits = |record: &&Journaled| {
            decided.iter().filter(|offset| **offset < record.position).count() == record.events
        };
        if let Some(record) = journal.iter().find(|record| !fits(record)) {
            let Journaled { sequence, events, position } = record;
            find(
                Tear::Part,
                format!("journal record {sequence}: {events} before {position}, outcomes of {decided:?}"),
            );
        }
        let end = journal.last().map_or(0, |record| record.position);
        if end != position {
            find(Tear::Offsets, format!("the journal ends at {end}, the group at {position}"));
        }
        if end < once.last().map_or(0, |last| last + 1) {
            find(Tear::Part, format!("the journal ends at {end}, outcomes of {decided:?}"));
        }
    }
    findings
}
