//! The topics of a cluster as a replay reads them: how far each reached, looked at in an order in which nothing that
//! belongs together is cut in two, and readers of them. Writes nothing.
//!
//! Per partition: how far outcomes and replies are settled, the group's positions, the journal's stable end, the group's
//! positions again, the ends of outcomes and replies. What was visible before the journal's end was looked at must be in the journal;
//! what the journal has must be visible up to the outcomes' end, once no transaction is open below it.

use super::{Each, Nothing, Recording};
use crate::kafka::client::{self, Dump, Isolation, Span};
use crate::kafka::cluster::rights::{self, Task};
use crate::kafka::failure::{Fault, FaultClass, Operation};
use crate::kafka::port::{Positions, Unit};
use crate::kafka::settings::Settings;
use crate::pos::{FLOW, INPUTS};
use crate::replay::{Kept, Recorded, RecordedReplies, ReplayError, Source};
use std::sync::Arc;
use std::time::Duration;

/// How often a transaction's end is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The topics of a cluster, as they were.
pub struct Cluster {
    client: Arc<client::Cluster>,
    settings: Arc<Settings>,
    input_partitions: u32,
    /// How many partitions the topic of ticks has; 0 where it is not there: the cluster may be older than ticks are.
    tick_partitions: usize,
    /// The same of replies to account events.
    reply_partitions: usize,
    spans: Vec<Spans>,
}

/// How far the topics of one partition reached.
struct Spans {
    partition: i32,
    inputs: [Span; INPUTS],
    outcomes: Span,
    settled: i64,
    /// Replies to account events, where they have a topic, and how far they are settled.
    replies: Option<(Span, i64)>,
    journal: Span,
    group: [Positions; 2],
}

impl Cluster {
    /// Looks at how far the topics reach; all partitions where none are named.
    ///
    /// # Errors
    /// The cluster cannot be asked, a partition is not there, or a transaction stays open.
    pub fn look(settings: Arc<Settings>, partitions: &[u16]) -> Result<Self, Fault> {
        let cluster = Arc::new(client::Cluster::new(Arc::clone(&settings))?);
        rights::verify(&cluster, &settings, Task::Replay)?;
        let names = &settings.topics;
        let wanted = [names.pos_events(), names.account_events(), names.pos_outcomes(), names.journal()];
        let looked_at = [&wanted[..], &[names.pos_ticks(), names.account_results()]].concat();
        let found = cluster.admin().topics(&looked_at, false)?;
        if let Some(missing) = wanted.iter().find(|name| !found.contains_key(**name)) {
            let text =
                format!("there is no topic {missing}: a replay needs it, see the settings in [topics]");
            return Err(Fault::new(Operation::Check, FaultClass::Setup, text));
        }
        let count = found[names.pos_events()].partitions;
        let all: Vec<i32> = match partitions {
            [] => (0..i32::try_from(count).unwrap_or(i32::MAX)).collect(),
            some => some.iter().copied().map(i32::from).collect(),
        };
        if let Some(beyond) = all.iter().find(|partition| **partition as usize >= count) {
            let text =
                format!("topic {} has partitions 0 to {}, not {beyond}", names.pos_events(), count - 1);
            return Err(Fault::new(Operation::Check, FaultClass::Setup, text));
        }
        let input_partitions = u32::try_from(count).unwrap_or(0);
        let spans = Vec::with_capacity(all.len());
        let [tick_partitions, reply_partitions] = [names.pos_ticks(), names.account_results()]
            .map(|name| found.get(name).map_or(0, |topic| topic.partitions));
        let mut topics =
            Self { client: cluster, settings, input_partitions, tick_partitions, reply_partitions, spans };
        for partition in all {
            let spans = topics.spans_of(partition)?;
            topics.spans.push(spans);
        }
        Ok(topics)
    }

    fn spans_of(&self, partition: i32) -> Result<Spans, Fault> {
        let names = &self.settings.topics;
        let settled = self.client.ends(names.pos_outcomes(), partition)?.stable;
        let has_replies = (0..self.reply_partitions).contains(&(partition as usize));
        let settled_replies =
            has_replies.then(|| self.client.ends(names.account_results(), partition)).transpose()?;
        let before = self.group(partition)?;
        let journal = self.settled_span(names.journal(), partition)?;
        let after = self.group(partition)?;
        let outcomes = self.settled_span(names.pos_outcomes(), partition)?;
        let replies = settled_replies.map(|ends| {
            let span = self.settled_span(names.account_results(), partition)?;
            Ok::<_, Fault>((span, ends.stable))
        });
        let input = |topic: &str| {
            let ends = self.client.ends(topic, partition)?;
            Ok::<_, Fault>(Span { topic: topic.to_owned(), partition, begin: ends.start, end: ends.stable })
        };
        let ticks = if (0..self.tick_partitions).contains(&(partition as usize)) {
            input(names.pos_ticks())?
        } else {
            Span { topic: names.pos_ticks().to_owned(), partition, begin: 0, end: 0 }
        };
        let inputs = [input(names.pos_events())?, input(names.account_events())?, ticks];
        Ok(Spans {
            partition,
            inputs,
            outcomes,
            settled,
            replies: replies.transpose()?,
            journal,
            group: [before, after],
        })
    }

    /// A partition up to its stable end, once that is not before what is its end now.
    fn settled_span(&self, topic: &str, partition: i32) -> Result<Span, Fault> {
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

    fn group(&self, partition: i32) -> Result<Positions, Fault> {
        let mut tries = self.patience();
        loop {
            match self.client.group_positions(Unit { flow: &FLOW, partition }) {
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

impl Recording for Cluster {
    fn partitions(&self) -> Vec<i32> {
        self.spans.iter().map(|spans| spans.partition).collect()
    }

    fn input_partitions(&self) -> u32 {
        self.input_partitions
    }

    fn input_offsets(&self) -> u64 {
        let inputs = self.spans.iter().flat_map(|spans| &spans.inputs);
        inputs.map(|span| (span.end - span.begin).unsigned_abs()).sum()
    }

    fn each_of(&self, topic: &str, each: &mut Each<'_>) -> Result<(), ReplayError> {
        let found = self.client.admin().topics(&[topic], false).map_err(told)?;
        let partitions = found.get(topic).map(|topic| topic.partitions);
        let partitions = partitions
            .ok_or_else(|| ReplayError::Recorded(format!("there is no topic {topic}: a replay needs it")))?;
        let mut record = Kept::default();
        // One client for all partitions: each would otherwise find the cluster again.
        let mut dump = self.client.dump(Isolation::Committed).map_err(told)?;
        for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
            dump.read(self.settled_span(topic, partition).map_err(told)?).map_err(told)?;
            while dump.next(|found| record.set(found)).map_err(told)?.is_some() {
                each(partition, &record)?;
            }
        }
        Ok(())
    }

    fn partitions_of(&self, topic: &str) -> Result<Option<u32>, ReplayError> {
        let found = self.client.admin().topics(&[topic], false).map_err(told)?;
        Ok(found.get(topic).and_then(|topic| u32::try_from(topic.partitions).ok()))
    }

    fn source(&self, topic: &str, partition: i32, from: i64) -> Result<(Box<dyn Source>, i64), ReplayError> {
        let span = self.settled_span(topic, partition).map_err(told)?;
        let (start, begin) = (span.begin, from.clamp(span.begin, span.end.max(span.begin)));
        Ok((source(&self.client, Span { begin, ..span })?, start))
    }

    fn open(&self, partition: i32) -> Result<Recorded, ReplayError> {
        let spans = self.spans.iter().find(|spans| spans.partition == partition);
        let spans = spans.ok_or_else(|| ReplayError::Recorded("not looked at".to_owned()))?;
        let (client, inputs) = (Arc::clone(&self.client), spans.inputs.clone());
        let starts = spans.inputs.each_ref().map(|span| span.begin);
        let mut journal = source(&self.client, spans.journal.clone())?;
        journal.start_over()?;
        let open_inputs = move |positions: [i64; INPUTS]| {
            let [pos_events, account_events, ticks] = inputs;
            let from = |span: Span, position: i64| {
                let begin = position.clamp(span.begin, span.end.max(span.begin));
                source(&client, Span { begin, ..span })
            };
            let [at_pos, at_account, at_ticks] = positions;
            Ok([from(pos_events, at_pos)?, from(account_events, at_account)?, from(ticks, at_ticks)?])
        };
        let replies = spans.replies.clone().map(|(span, settled)| {
            // What retention has deleted since they were looked at.
            let start = self.client.ends(&span.topic, partition).map_err(told)?.start.max(span.begin);
            let source = source(&self.client, Span { begin: start, ..span })?;
            Ok::<_, ReplayError>(RecordedReplies { source, start, settled })
        });
        Ok(Recorded {
            inputs: Box::new(open_inputs),
            starts,
            outcomes: source(&self.client, spans.outcomes.clone())?,
            settled: spans.settled,
            replies: replies.transpose()?,
            journal: Some(journal),
            group: Some(spans.group.clone()),
        })
    }
}

fn told(fault: Fault) -> ReplayError {
    ReplayError::Recorded(fault.text)
}

/// Of a topic that has nothing there, or is not there, nothing is asked.
fn source(client: &Arc<client::Cluster>, span: Span) -> Result<Box<dyn Source>, ReplayError> {
    if span.begin >= span.end {
        return Ok(Box::new(Nothing));
    }
    let mut dump = client.dump(Isolation::Committed).map_err(told)?;
    dump.read(span.clone()).map_err(told)?;
    Ok(Box::new(TopicPartition { client: Arc::clone(client), dump, span }))
}

/// A partition of a topic, from `span.begin` on.
struct TopicPartition {
    client: Arc<client::Cluster>,
    dump: Dump,
    /// What is yet to be read.
    span: Span,
}

impl Source for TopicPartition {
    fn next(&mut self, record: &mut Kept) -> Result<bool, ReplayError> {
        let found = self.dump.next(|found| record.set(found)).map_err(told)?;
        if found.is_some() {
            self.span.begin = record.offset + 1;
        }
        Ok(found.is_some())
    }

    fn start_over(&mut self) -> Result<bool, ReplayError> {
        let start = self.client.ends(&self.span.topic, self.span.partition).map_err(told)?.start;
        if start <= self.span.begin {
            return Ok(false);
        }
        self.span.begin = start;
        self.dump.read(self.span.clone()).map_err(told)?;
        Ok(true)
    }
}
