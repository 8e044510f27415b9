//! Reads the journal of one unit outside the group, over librdkafka: committed records in order, how far the
//! journal reaches, who holds an open transaction on it, and the group's committed offsets to compare with.

use super::error::{fault, naming};
use super::producer::WRITER_HEADER;
use super::reader::{AtEnd, Isolation, TopicReader};
use super::{clock, headers, unstable};
use crate::domain::PartitionId;
use crate::kafka::cluster::rights::{Resource, Right};
use crate::kafka::failure::{Fault, Operation};
use crate::kafka::port::{Followed, JournalEnds, JournalReader, Positions, Unit};
use crate::kafka::settings::{ClusterSettings, FlowTopics, Topics};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Message, Offset, TopicPartitionList};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// How long a group's coordinator may take to be found and to answer.
const COORDINATOR_WITHIN: Duration = Duration::from_secs(3);
/// How long one question to the cluster may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers questions about offsets, for all readers of the process: a client of its own for each would spend most of
/// a short restore on finding the group's coordinator.
pub struct Asker {
    /// Sees what is committed.
    committed: TopicReader,
    /// Sees open transactions too.
    uncommitted: TopicReader,
    topics: Topics,
    group_id: String,
}

impl Asker {
    /// Prepares the clients; nothing is asked yet.
    pub fn new(settings: &ClusterSettings) -> Result<Self, Fault> {
        Ok(Self {
            committed: open(settings, Isolation::Committed)?,
            uncommitted: open(settings, Isolation::Uncommitted)?,
            topics: settings.topics.clone(),
            group_id: settings.kafka.group_id.clone(),
        })
    }

    fn high(reader: &TopicReader, topic: &str, partition: PartitionId) -> Result<(i64, i64), Fault> {
        // Handles log lines that wait; these clients are assigned nothing, so no record comes.
        drop(reader.consumer.poll(Duration::ZERO));
        reader.ends(topic, partition)
    }

    /// How far a partition reaches.
    pub fn ends(&self, topic: &str, partition: PartitionId) -> Result<JournalEnds, Fault> {
        // Asked in this order, an end that moves in between makes `high` the older one: never a false "all stable".
        let (start, high) = Self::high(&self.uncommitted, topic, partition)?;
        // Under read_committed the broker answers with the last stable offset.
        let (_, stable) = Self::high(&self.committed, topic, partition)?;
        Ok(JournalEnds { start, stable, high })
    }

    /// Where the records of this time, in milliseconds since 1970, and later begin in each partition; its end where there are
    /// none.
    pub fn offsets_since(
        &self,
        topic: &str,
        partitions: &[PartitionId],
        millis: i64,
    ) -> Result<Vec<(PartitionId, i64)>, Fault> {
        // Asked first: what is written meanwhile to a partition without such records is read from here on.
        let end =
            |partition: &PartitionId| Ok((*partition, Self::high(&self.committed, topic, *partition)?.1));
        let ends = partitions.iter().map(end).collect::<Result<Vec<_>, Fault>>()?;
        let mut list = TopicPartitionList::new();
        let found = partitions
            .iter()
            .try_for_each(|partition| {
                list.add_partition_offset(topic, partition.number(), Offset::Offset(millis))
            })
            .and_then(|()| self.committed.consumer.offsets_for_times(list, ASK_TIMEOUT))
            .map_err(|error| fault(Operation::Restore, &error))?;
        ends.into_iter()
            .map(|(partition, end)| {
                let at = found.find_partition(topic, partition.number());
                // A broker that has just started may answer for some partitions alone.
                if let Some(error) = at.as_ref().and_then(|at| at.error().err()) {
                    let fault = fault(Operation::Restore, &error);
                    let text = format!("the places of topic {topic} partition {partition}: {}", fault.text);
                    return Err(Fault { text, ..fault });
                }
                match at.map(|at| at.offset()) {
                    Some(Offset::Offset(offset)) => Ok((partition, offset)),
                    _ => Ok((partition, end)),
                }
            })
            .collect()
    }

    fn inputs(&self, unit: Unit) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(unit.flow.inputs.len());
        for at in unit.inputs() {
            list.add_partition(self.topics.input(at), unit.partition.number());
        }
        list
    }

    /// The group's committed positions of a unit's inputs. The client asks for stable ones, because it reads
    /// committed records only.
    pub fn positions(&self, unit: Unit) -> Result<Positions, Fault> {
        self.try_positions(unit, ASK_TIMEOUT).map_err(|error| self.of_group(&error))
    }

    /// Looks for the group's coordinator, so that whoever asks next finds it.
    pub fn find_group(&self) {
        for topics in &self.topics.flows {
            drop(self.positions(Unit { flow: topics.flow, partition: PartitionId::new(0) }));
        }
    }

    /// The same as [`Self::positions`]; none where a transaction held some of them as long as `within`.
    fn positions_within(&self, unit: Unit, within: Duration) -> Result<Option<Positions>, Fault> {
        match self.try_positions(unit, within) {
            Ok(positions) => Ok(Some(positions)),
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut) => {
                let list = self.inputs(unit);
                let held =
                    unstable::is_held(self.committed.consumer.client(), &self.group_id, &list, ASK_TIMEOUT)
                        .map_err(|error| fault(Operation::Restore, &error))?;
                if held { Ok(None) } else { self.positions(unit).map(Some) }
            }
            Err(error) => Err(self.of_group(&error)),
        }
    }

    /// The fault that an error about the group's positions means.
    fn of_group(&self, error: &KafkaError) -> Fault {
        let found = fault(Operation::Restore, error);
        naming(found, error, Right::Describe, || Resource::Group(self.group_id.clone()))
    }

    /// Whether the group may be seen; where its coordinator does not say within three seconds, as that of the first group
    /// of a cluster, it is taken to be so, and what is missing shows when it is used.
    pub fn sees_group(&self) -> bool {
        let begun = clock::now();
        let Some(FlowTopics { flow, .. }) = self.topics.flows.first() else { return true };
        let any = Unit { flow, partition: PartitionId::new(0) };
        let denied = |error: &KafkaError| {
            error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed)
        };
        while begun.elapsed() < COORDINATOR_WITHIN {
            // The client tells of a coordinator that does not let it look as of an error of its own.
            if let Some(Err(error)) = self.uncommitted.consumer.poll(Duration::from_millis(20))
                && denied(&error)
            {
                return false;
            }
            match self.uncommitted.consumer.committed_offsets(self.inputs(any), Duration::from_millis(200)) {
                Ok(_) => return true,
                Err(error) if denied(&error) => return false,
                Err(_) => {}
            }
        }
        true
    }

    fn try_positions(&self, unit: Unit, within: Duration) -> KafkaResult<Positions> {
        let list = self.committed.consumer.committed_offsets(self.inputs(unit), within)?;
        let mut positions = Positions::none(unit.flow);
        for element in list.elements() {
            element.error()?;
            let at = self.topics.input_partition(element.topic(), element.partition().into());
            if let (Some(at), Offset::Offset(offset)) = (at, element.offset()) {
                positions[at.input] = Some(offset);
            }
        }
        Ok(positions)
    }
}

fn open(settings: &ClusterSettings, isolation: Isolation) -> Result<TopicReader, Fault> {
    TopicReader::open(settings, isolation, AtEnd::Stop, Operation::Restore)
}

/// The journal of one unit, and what stands beside it.
pub struct UnitJournal {
    asker: Arc<Asker>,
    records: TopicReader,
    settings: Arc<ClusterSettings>,
    unit: Unit,
}

impl UnitJournal {
    /// Opens a reader; nothing is read yet.
    pub fn open(asker: Arc<Asker>, settings: Arc<ClusterSettings>, unit: Unit) -> Result<Self, Fault> {
        let records = open(&settings, Isolation::Committed)?;
        Ok(Self { asker, records, settings, unit })
    }

    fn topics(&self) -> &FlowTopics {
        self.settings.topics.of(self.unit.flow)
    }

    fn read(&self, reader: &TopicReader, offset: i64) -> Result<(), Fault> {
        reader.read([(self.topics().journal.as_str(), self.unit.partition, Offset::Offset(offset))])
    }
}

impl JournalReader for UnitJournal {
    fn ends(&mut self) -> Result<JournalEnds, Fault> {
        self.asker.ends(&self.topics().journal, self.unit.partition)
    }

    fn read_from(&mut self, offset: i64) -> Result<(), Fault> {
        self.read(&self.records, offset)
    }

    fn next(&mut self, each: &mut dyn FnMut(i64, &[u8])) -> Result<bool, Fault> {
        let what = || format!("the journal of {}", self.unit);
        let Some(message) = self.records.next(what)? else { return Ok(false) };
        each(message.offset(), message.payload().unwrap_or_default());
        Ok(true)
    }

    fn open_writer(&mut self, offset: i64) -> Result<Option<String>, Fault> {
        let uncommitted = open(&self.settings, Isolation::Uncommitted)?;
        self.read(&uncommitted, offset)?;
        let begun = clock::now();
        let mut writer = None;
        while begun.elapsed() < ASK_TIMEOUT {
            match uncommitted.poll(Duration::from_millis(100)) {
                Ok(Followed::Nothing) => {}
                Ok(Followed::Record(message)) => {
                    // Whoever wrote it: a name that is no text is none of ours, and ends nothing.
                    writer = headers::all(&message).ok().and_then(|headers| {
                        let found = headers.iter().find(|header| header.name == WRITER_HEADER.as_bytes())?;
                        std::str::from_utf8(found.value?).ok().map(str::to_owned)
                    });
                    break;
                }
                Ok(Followed::End(_)) => break,
                Err(fault) => log::warn!("{fault}"),
            }
        }
        Ok(writer)
    }

    fn open_output(&mut self) -> Result<Option<(usize, i64)>, Fault> {
        for (output, topic) in self.topics().outputs.iter().enumerate() {
            let ends = self.asker.ends(topic, self.unit.partition)?;
            if ends.stable < ends.high {
                return Ok(Some((output, ends.stable)));
            }
        }
        Ok(None)
    }

    fn committed(&mut self, within: Duration) -> Result<Option<Positions>, Fault> {
        self.asker.positions_within(self.unit, within)
    }

    fn input_ends(&mut self) -> Result<Vec<Range<i64>>, Fault> {
        let uncommitted = &self.asker.uncommitted;
        let ends =
            |topic| Asker::high(uncommitted, topic, self.unit.partition).map(|(start, end)| start..end);
        self.topics().input_names().map(ends).collect()
    }
}
