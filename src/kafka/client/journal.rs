//! Reads one partition of the journal outside the group, over librdkafka: committed records in order, how far the
//! partition reaches, who holds an open transaction on it, and the group's committed offsets to compare with.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    ClientContext, Message, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
};

use super::{
    super::{
        failure::{Fault, Operation},
        port::{Input, InputEnds, JournalEnds, JournalReader, Positions},
        rights::{Resource, Right},
        settings::{Settings, Topics},
    },
    clock, config,
    error::{fault, naming},
    headers, log as client_log, poll,
    producer::WRITER_HEADER,
    unstable, watermarks,
};

/// How long a group's coordinator may take to be found and to answer.
const COORDINATOR_WITHIN: Duration = Duration::from_secs(3);
/// How long one question to the cluster may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// Passes log lines on.
pub struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        client_log::pass_on(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // Its log lines say the same.
        log::debug!(target: "librdkafka", "{error}: {reason}");
    }
}

impl ConsumerContext for Quiet {}

/// Answers questions about offsets, for all readers of the process: a client of its own for each would spend most of
/// a short restore on finding the group's coordinator.
pub struct Asker {
    /// Sees what is committed.
    committed: BaseConsumer<Quiet>,
    /// Sees open transactions too.
    uncommitted: BaseConsumer<Quiet>,
    topics: Topics,
    group_id: String,
}

impl Asker {
    /// Prepares the clients; nothing is asked yet.
    pub fn new(settings: &Settings) -> Result<Self, Fault> {
        Ok(Self {
            committed: open(config::journal_reader(settings))?,
            uncommitted: open(config::uncommitted_reader(settings))?,
            topics: settings.topics.clone(),
            group_id: settings.group_id.clone(),
        })
    }

    fn high(&self, consumer: &BaseConsumer<Quiet>, topic: &str, partition: i32) -> Result<(i64, i64), Fault> {
        // Handles log lines that wait; these clients are assigned nothing, so no record comes.
        drop(consumer.poll(Duration::ZERO));
        watermarks::ask(consumer.client(), topic, partition, ASK_TIMEOUT).map_err(|error| {
            let fault = fault(Operation::Restore, &error);
            let text = format!("the ends of topic {topic} partition {partition}: {}", fault.text);
            let fault = Fault { text, ..fault };
            naming(fault, &error, Right::Describe, || Resource::Topic(topic.to_owned()))
        })
    }

    /// How far a partition reaches.
    pub fn ends(&self, topic: &str, partition: i32) -> Result<JournalEnds, Fault> {
        // Asked in this order, an end that moves in between makes `high` the older one: never a false "all stable".
        let (start, high) = self.high(&self.uncommitted, topic, partition)?;
        // Under read_committed the broker answers with the last stable offset.
        let (_, stable) = self.high(&self.committed, topic, partition)?;
        Ok(JournalEnds { start, stable, high })
    }

    /// How far an input partition reaches.
    fn input_ends(&self, input: Input, partition: i32) -> Result<InputEnds, Fault> {
        let (start, end) = self.high(&self.uncommitted, self.topics.input(input), partition)?;
        Ok(InputEnds { start, end })
    }

    fn inputs(&self, partition: i32) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(2);
        list.add_partition(&self.topics.pos_events, partition);
        list.add_partition(&self.topics.account_events, partition);
        list
    }

    /// The group's committed positions of a partition's inputs. The client asks for stable ones, because it reads
    /// committed records only.
    pub fn positions(&self, partition: i32) -> Result<Positions, Fault> {
        self.try_positions(partition, ASK_TIMEOUT).map_err(|error| self.of_group(&error))
    }

    /// The same; none where a transaction held some of them as long as `within`.
    fn positions_within(&self, partition: i32, within: Duration) -> Result<Option<Positions>, Fault> {
        match self.try_positions(partition, within) {
            Ok(positions) => Ok(Some(positions)),
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut) => {
                let list = self.inputs(partition);
                let held = unstable::is_held(self.committed.client(), &self.group_id, &list, ASK_TIMEOUT)
                    .map_err(|error| fault(Operation::Restore, &error))?;
                if held { Ok(None) } else { self.positions(partition).map(Some) }
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
        let denied = |error: &KafkaError| {
            error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed)
        };
        while begun.elapsed() < COORDINATOR_WITHIN {
            // The client tells of a coordinator that does not let it look as of an error of its own.
            if let Some(Err(error)) = self.uncommitted.poll(Duration::from_millis(20))
                && denied(&error)
            {
                return false;
            }
            match self.uncommitted.committed_offsets(self.inputs(0), Duration::from_millis(200)) {
                Ok(_) => return true,
                Err(error) if denied(&error) => return false,
                Err(_) => {}
            }
        }
        true
    }

    fn try_positions(&self, partition: i32, within: Duration) -> KafkaResult<Positions> {
        let list = self.committed.committed_offsets(self.inputs(partition), within)?;
        let mut positions = [None, None];
        for element in list.elements() {
            element.error()?;
            let input = if element.topic() == self.topics.pos_events {
                Input::PosEvents
            } else {
                Input::AccountEvents
            };
            if let Offset::Offset(offset) = element.offset() {
                positions[input as usize] = Some(offset);
            }
        }
        Ok(positions)
    }
}

pub(super) fn open(config: rdkafka::ClientConfig) -> Result<BaseConsumer<Quiet>, Fault> {
    config.create_with_context(Quiet).map_err(|error| fault(Operation::Restore, &error))
}

/// A reader of one journal partition.
pub struct Reader {
    asker: Arc<Asker>,
    records: BaseConsumer<Quiet>,
    settings: Arc<Settings>,
    partition: i32,
}

impl Reader {
    /// Opens a reader; nothing is read yet.
    pub fn open(asker: Arc<Asker>, settings: Arc<Settings>, partition: i32) -> Result<Self, Fault> {
        let records = open(config::journal_reader(&settings))?;
        Ok(Self { asker, records, settings, partition })
    }

    fn assign(&self, consumer: &BaseConsumer<Quiet>, offset: i64) -> Result<(), Fault> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&self.settings.topics.journal, self.partition, Offset::Offset(offset))
            .and_then(|()| consumer.assign(&list))
            .map_err(|error| fault(Operation::Restore, &error))
    }
}

impl JournalReader for Reader {
    fn ends(&mut self) -> Result<JournalEnds, Fault> {
        self.asker.ends(&self.settings.topics.journal, self.partition)
    }

    fn read_from(&mut self, offset: i64) -> Result<(), Fault> {
        self.assign(&self.records, offset)
    }

    fn next(&mut self, each: &mut dyn FnMut(i64, &[u8])) -> Result<bool, Fault> {
        let what = || format!("journal partition {}", self.partition);
        let Some(message) = poll::next(&self.records, Operation::Restore, what)? else { return Ok(false) };
        each(message.offset(), message.payload().unwrap_or_default());
        Ok(true)
    }

    fn open_writer(&mut self, offset: i64) -> Result<Option<String>, Fault> {
        let uncommitted = open(config::uncommitted_reader(&self.settings))?;
        self.assign(&uncommitted, offset)?;
        let begun = clock::now();
        let mut writer = None;
        while begun.elapsed() < ASK_TIMEOUT {
            match uncommitted.poll(Duration::from_millis(100)) {
                None => {}
                Some(Ok(message)) => {
                    // Whoever wrote it: a name that is no text is none of ours, and ends nothing.
                    writer = headers::all(&message).ok().and_then(|headers| {
                        let found = headers.iter().find(|header| header.name == WRITER_HEADER.as_bytes())?;
                        std::str::from_utf8(found.value?).ok().map(str::to_owned)
                    });
                    break;
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) => log::warn!("{}", fault(Operation::Restore, &error)),
            }
        }
        Ok(writer)
    }

    fn open_outcomes(&mut self) -> Result<Option<i64>, Fault> {
        let ends = self.asker.ends(&self.settings.topics.pos_outcomes, self.partition)?;
        Ok((ends.stable < ends.high).then_some(ends.stable))
    }

    fn committed(&mut self, within: Duration) -> Result<Option<Positions>, Fault> {
        self.asker.positions_within(self.partition, within)
    }

    fn input_ends(&mut self) -> Result<[InputEnds; 2], Fault> {
        let ends = |input| self.asker.input_ends(input, self.partition);
        Ok([ends(Input::PosEvents)?, ends(Input::AccountEvents)?])
    }
}
