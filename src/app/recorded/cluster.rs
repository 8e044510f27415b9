//! The topics of a cluster as a replay reads them: how far each reaches, looked at in an order in which nothing that
//! belongs together is cut in two, and readers of them. Writes nothing.
//!
//! Per partition, when it is opened, since a journal may be trimmed past its end soon after: how far outcomes and replies are settled, the group's positions, the journal's stable end, the group's
//! positions again, the ends of outcomes and replies. What was visible before the journal's end was looked at must be in the journal;
//! what the journal has must be visible up to the outcomes' end, once no transaction is open below it.

use super::{NothingRecorded, Recording};
use crate::domain::PartitionId;
use crate::domain::flow::{Flow, FlowTopics};
use crate::kafka::client::{self, Dump, Isolation, Span};
use crate::kafka::cluster::rights::{self, Task};
use crate::kafka::failure::{Fault, FaultClass, Operation};
use crate::kafka::port::{Positions, Unit};
use crate::kafka::settings::ClusterSettings;
use crate::replay::{OUTCOMES, REPLIES, RecordBuffer, RecordSource, Recorded, RecordedReplies, ReplayError};
use std::sync::Arc;
use std::time::Duration;

/// How often a transaction's end is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The topics of a cluster.
pub struct ClusterTopics {
    client: Arc<client::Cluster>,
    settings: Arc<ClusterSettings>,
    input_partitions: u32,
    /// The partitions that are looked at.
    partitions: Vec<PartitionId>,
}

impl ClusterTopics {
    /// Looks whether the topics are there; all partitions where none are named.
    ///
    /// # Errors
    /// The cluster cannot be asked, or a topic or partition is not there.
    pub fn look(settings: Arc<ClusterSettings>, partitions: &[PartitionId]) -> Result<Self, Fault> {
        let cluster = Arc::new(client::Cluster::new(Arc::clone(&settings))?);
        rights::verify(&cluster, &settings, Task::Replay)?;
        let names = &settings.topics;
        let wanted = [names.pos_events(), names.account_events(), names.pos_outcomes(), names.journal()];
        let found = cluster.admin().topics(&wanted, false)?;
        if let Some(missing) = wanted.iter().find(|name| !found.contains_key(**name)) {
            let text =
                format!("there is no topic {missing}: a replay needs it, see the settings in [topics]");
            return Err(Fault::setup(text));
        }
        let count = found[names.pos_events()].partitions;
        let partitions = match partitions {
            [] => PartitionId::all(count).collect(),
            some => some.to_vec(),
        };
        if let Some(beyond) = partitions.iter().find(|partition| !partition.is_among(count)) {
            let text =
                format!("topic {} has partitions 0 to {}, not {beyond}", names.pos_events(), count - 1);
            return Err(Fault::setup(text));
        }
        let input_partitions = u32::try_from(count).unwrap_or(0);
        Ok(Self { client: cluster, settings, input_partitions, partitions })
    }

    /// Looks how far the topics of a partition reach, in the order that keeps together what belongs together.
    fn look_at<'r>(&'r self, topics: &FlowTopics, partition: PartitionId) -> Result<Recorded<'r>, Fault> {
        let [outcomes, replies] = [OUTCOMES, REPLIES].map(|output| &topics.outputs[output]);
        let settled = self.client.ends(outcomes, partition)?.stable;
        let has_replies = self.has(replies, partition)?;
        let settled_replies = has_replies.then(|| self.client.ends(replies, partition)).transpose()?;
        let before = self.group(topics.flow, partition)?;
        let journal = self.settled_span(&topics.journal, partition)?;
        let after = self.group(topics.flow, partition)?;
        let outcomes = self.settled_span(outcomes, partition)?;
        let replies = settled_replies.map(|ends| {
            let span = self.settled_span(replies, partition)?;
            let (start, settled) = (span.begin, ends.stable);
            Ok::<_, Fault>(RecordedReplies { source: source(&self.client, span)?, start, settled })
        });
        let replies = replies.transpose()?;
        let inputs = self.inputs(topics, partition)?;
        Ok(Recorded {
            starts: inputs.iter().map(|span| span.begin).collect(),
            input: Box::new(move |input, from| {
                source(&self.client, from_offset(&inputs[input], from)).map_err(unreadable)
            }),
            outcomes: source(&self.client, outcomes)?,
            settled,
            replies,
            journal: Some(source(&self.client, journal)?),
            group: Some([before, after]),
        })
    }

    fn has(&self, topic: &str, partition: PartitionId) -> Result<bool, Fault> {
        let found = self.client.admin().topics(&[topic], false)?;
        Ok(found.get(topic).is_some_and(|topic| partition.is_among(topic.partitions)))
    }

    /// The cluster may be older than ticks are.
    fn inputs(&self, topics: &FlowTopics, partition: PartitionId) -> Result<Vec<Span>, Fault> {
        let span = |topic: &String| {
            let is_there = topics.ticks() != Some(topic.as_str()) || self.has(topic, partition)?;
            let ends = is_there.then(|| self.client.ends(topic, partition)).transpose()?;
            let (begin, end) = ends.map_or((0, 0), |ends| (ends.start, ends.stable));
            Ok(Span { topic: topic.clone(), partition, begin, end })
        };
        topics.inputs.iter().map(span).collect()
    }

    /// A partition up to its stable end, once that is not before what is its end now.
    fn settled_span(&self, topic: &str, partition: PartitionId) -> Result<Span, Fault> {
        let first = self.client.ends(topic, partition)?;
        let mut ends = first;
        let tries = self.patience();
        for _ in 0..tries {
            if ends.stable >= first.high {
                let (topic, begin, end) = (topic.to_owned(), ends.start, ends.stable);
                return Ok(Span { topic, partition, begin, end });
            }
            std::thread::sleep(LOOK_AGAIN);
            ends = self.client.ends(topic, partition)?;
        }
        let text = format!(
            "topic {topic} partition {partition}: a transaction is open since offset {}: start tillgate, which \
             settles it, or wait until the broker aborts it",
            ends.stable
        );
        Err(Fault::new(Operation::Consume, FaultClass::Setup, text))
    }

    fn group(&self, flow: &'static Flow, partition: PartitionId) -> Result<Positions, Fault> {
        let mut tries = self.patience();
        loop {
            match self.client.group_positions(Unit { flow, partition }) {
                Err(fault) if fault.class == FaultClass::Retriable && tries > 0 => {
                    tries -= 1;
                    std::thread::sleep(LOOK_AGAIN);
                }
                other => return other,
            }
        }
    }

    /// Looks until the broker has aborted whatever was left open.
    fn patience(&self) -> u128 {
        3 * self.settings.kafka.transaction_timeout.as_millis() / LOOK_AGAIN.as_millis()
    }
}

impl Recording for ClusterTopics {
    fn partitions(&self) -> Vec<PartitionId> {
        self.partitions.clone()
    }

    fn input_partitions(&self) -> u32 {
        self.input_partitions
    }

    fn input_offsets(&self, topics: &FlowTopics) -> u64 {
        let inputs = self.partitions.iter().filter_map(|partition| self.inputs(topics, *partition).ok());
        inputs.flatten().map(|span| (span.end - span.begin).unsigned_abs()).sum()
    }

    fn partitions_of(&self, topic: &str) -> Result<Option<u32>, ReplayError> {
        let found = self.client.admin().topics(&[topic], false).map_err(unreadable)?;
        Ok(found.get(topic).and_then(|topic| u32::try_from(topic.partitions).ok()))
    }

    fn missing(&self, topic: &str) -> ReplayError {
        ReplayError::Recorded(format!("there is no topic {topic}: a replay needs it"))
    }

    fn source(
        &self,
        topic: &str,
        partition: PartitionId,
        from: i64,
    ) -> Result<(Box<dyn RecordSource>, i64), ReplayError> {
        let span = self.settled_span(topic, partition).map_err(unreadable)?;
        Ok((source(&self.client, from_offset(&span, from)).map_err(unreadable)?, span.begin))
    }

    fn open<'r>(
        &'r self,
        topics: &'r FlowTopics,
        partition: PartitionId,
    ) -> Result<Recorded<'r>, ReplayError> {
        self.look_at(topics, partition).map_err(unreadable)
    }
}

/// What of a span begins at an offset.
fn from_offset(span: &Span, from: i64) -> Span {
    Span { begin: from.clamp(span.begin, span.end.max(span.begin)), ..span.clone() }
}

fn unreadable(fault: Fault) -> ReplayError {
    ReplayError::Recorded(fault.text)
}

/// Of a topic that has nothing there, or is not there, nothing is asked.
fn source(client: &Arc<client::Cluster>, span: Span) -> Result<Box<dyn RecordSource>, Fault> {
    if span.begin >= span.end {
        return Ok(Box::new(NothingRecorded));
    }
    let mut dump = client.dump(Isolation::Committed)?;
    dump.read(span.clone())?;
    Ok(Box::new(TopicPartition { client: Arc::clone(client), dump, span }))
}

/// A partition of a topic, from `span.begin` on.
struct TopicPartition {
    client: Arc<client::Cluster>,
    dump: Dump,
    /// What is yet to be read.
    span: Span,
}

impl RecordSource for TopicPartition {
    fn next(&mut self, record: &mut RecordBuffer) -> Result<bool, ReplayError> {
        let found = self.dump.next(|found| record.set(found)).map_err(unreadable)?;
        if found.is_some() {
            self.span.begin = record.offset + 1;
        }
        Ok(found.is_some())
    }

    fn start_over(&mut self) -> Result<bool, ReplayError> {
        let start = self.client.ends(&self.span.topic, self.span.partition).map_err(unreadable)?.start;
        if start <= self.span.begin {
            return Ok(false);
        }
        self.span.begin = start;
        self.dump.read(self.span.clone()).map_err(unreadable)?;
        Ok(true)
    }
}
