//! A partition's log: records and markers by offset, open transactions, the last stable offset, the start that trimming
//! moves. Says what a reader of committed records sees; decides no fate by itself.

use std::{collections::BTreeMap, sync::Arc};

use tillgate::domain::{
    PartitionId,
    dead_letter::header_bytes,
    flow::{Flow, InputPartition},
};

/// The topics of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// By its place in the flow, as are outputs.
    Input(&'static Flow, usize),
    Output(&'static Flow, usize),
    DeadLetters(&'static Flow),
    Journal(&'static Flow),
    /// One partition: which ruleset decided from where on.
    Rulesets,
}

impl Topic {
    /// All topics of a flow.
    pub fn all(flow: &'static Flow) -> impl Iterator<Item = Topic> {
        let inputs = (0..flow.inputs.len()).map(move |input| Topic::Input(flow, input));
        let outputs = (0..flow.outputs.len()).map(move |output| Topic::Output(flow, output));
        inputs.chain(outputs).chain([Topic::DeadLetters(flow), Topic::Journal(flow)])
    }

    /// By which its partitions are spread over the nodes.
    pub fn number(self) -> usize {
        match self {
            Topic::Input(_, input) => input,
            Topic::Output(_, output) => 2 + output,
            Topic::DeadLetters(_) => 3,
            Topic::Journal(_) => 4,
            Topic::Rulesets => 5,
        }
    }
}

/// The topic that a flow's decisions send to, by its place among the flow's outputs and feeds.
pub fn output_of(flow: &'static Flow, output: usize) -> Topic {
    match output.checked_sub(flow.outputs.len()) {
        None => Topic::Output(flow, output),
        Some(feed) => {
            let (fed, input) = flow.feeds[feed];
            Topic::Input(fed, input)
        }
    }
}

/// The log that an input is in.
pub fn place_of(at: InputPartition) -> Place {
    (Topic::Input(at.unit.flow, at.input), at.unit.partition)
}

/// A partition of a topic.
pub type Place = (Topic, PartitionId);

/// A record as it stands in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub timestamp_millis: i64,
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

impl Record {
    /// Bytes of its headers.
    pub fn headers_bytes(&self) -> usize {
        self.headers.iter().map(|(name, value)| header_bytes(name.as_bytes(), Some(value))).sum()
    }

    /// Bytes of key, value and headers.
    pub fn bytes(&self) -> usize {
        let part = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        part(&self.key) + part(&self.value) + self.headers_bytes()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| &**value)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Visible,
    Open(u64),
    Aborted,
    Marker,
}

/// One partition.
#[derive(Debug, Default)]
pub struct Log {
    entries: Vec<(Fate, Arc<Record>)>,
    start: i64,
    /// First offset of each open transaction, by producer.
    open: BTreeMap<u64, i64>,
    /// Latest epoch and number of the last batch of each producer.
    pub producers: BTreeMap<u64, (i32, u64)>,
}

impl Log {
    /// The first offset that is still there.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The offset of the next record.
    pub fn high(&self) -> i64 {
        self.entries.len() as i64
    }

    /// Where the first open transaction begins, or the end.
    pub fn stable(&self) -> i64 {
        self.open.values().copied().min().unwrap_or_else(|| self.high())
    }

    /// Whether the producer has a transaction open here.
    pub fn is_open(&self, producer: u64) -> bool {
        self.open.contains_key(&producer)
    }

    /// Appends a record, as part of the producer's transaction or visible at once.
    pub fn append(&mut self, producer: Option<u64>, record: Record) {
        let high = self.high();
        let fate = producer.map_or(Fate::Visible, |producer| {
            self.open.entry(producer).or_insert(high);
            Fate::Open(producer)
        });
        self.entries.push((fate, Arc::new(record)));
    }

    /// Ends the producer's transaction here: its records get their fate, and a marker takes an offset.
    pub fn end(&mut self, producer: u64, commit: bool) {
        if let Some(first) = self.open.remove(&producer) {
            for (fate, _) in &mut self.entries[first as usize..] {
                if *fate == Fate::Open(producer) {
                    *fate = if commit { Fate::Visible } else { Fate::Aborted };
                }
            }
        }
        self.entries.push((Fate::Marker, Arc::default()));
    }

    /// Deletes what lies before `before`.
    pub fn trim(&mut self, before: i64) {
        self.start = self.start.max(before.min(self.high()));
    }

    /// Committed records from `from` (at least the start) to the last stable offset, and their offsets.
    pub fn committed(&self, from: i64) -> impl Iterator<Item = (i64, &Arc<Record>)> {
        self.visible(from.max(self.start))
    }

    /// As [`Self::committed`], with what was trimmed.
    pub fn ever_committed(&self) -> impl Iterator<Item = (i64, &Arc<Record>)> {
        self.visible(0)
    }

    fn visible(&self, from: i64) -> impl Iterator<Item = (i64, &Arc<Record>)> {
        let range = from.max(0) as usize..self.stable().max(from.max(0)) as usize;
        let entries = self.entries.get(range).unwrap_or_default();
        (from.max(0)..)
            .zip(entries)
            .filter(|(_, (fate, _))| *fate == Fate::Visible)
            .map(|(at, (_, record))| (at, record))
    }

    /// The first record at or after `from`, whatever its fate.
    pub fn uncommitted(&self, from: i64) -> Option<&Record> {
        let entries = self.entries.get(from.max(self.start) as usize..)?;
        entries.iter().find(|(fate, _)| *fate != Fate::Marker).map(|(_, record)| &**record)
    }

    /// Offset after the last committed record, 0 without any.
    pub fn end_of_committed(&self) -> i64 {
        let last = self.entries.iter().rposition(|(fate, _)| *fate == Fate::Visible);
        last.map_or(0, |last| last as i64 + 1)
    }
}
