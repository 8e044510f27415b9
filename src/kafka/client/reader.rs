//! Reads records outside any group: of one isolation, each partition from its place on, up to its end or on as they come.
//! Commits nothing, and never says "end" for a time-out.

use super::error::{fault, is_of_connections, naming};
use super::log::Heard;
use super::{clock, config, watermarks};
use crate::domain::PartitionId;
use crate::kafka::cluster::rights::{Resource, Right};
use crate::kafka::failure::{Fault, FaultClass, Operation};
use crate::kafka::port::{Followed, JournalEnds};
use crate::kafka::settings::ClusterSettings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long the next record may take to arrive before the read is given up.
const NEXT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a question about ends may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// Which records are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Isolation {
    /// What every reader may see: up to the first transaction that is open
    Committed,
    /// Records of open and aborted transactions too
    Uncommitted,
}

impl Isolation {
    /// Kafka's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Committed => "read_committed",
            Self::Uncommitted => "read_uncommitted",
        }
    }

    /// Where a reader of this kind stops.
    #[must_use]
    pub const fn end(self, ends: JournalEnds) -> i64 {
        match self {
            Self::Committed => ends.stable,
            Self::Uncommitted => ends.high,
        }
    }
}

/// What a reader does where a partition ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// It is read no further, and the end is told as soon as may be.
    Stop,
    /// It goes on as records come, and tells each time that it has them all.
    Tell,
}

/// What came of a reader; nothing also where the client tries again by itself.
type Polled<'r> = Followed<BorrowedMessage<'r>, PartitionId>;

/// A reader.
pub struct TopicReader {
    /// For questions besides records.
    pub(super) consumer: BaseConsumer<Heard>,
    operation: Operation,
}

impl TopicReader {
    /// Prepares the client; nothing is connected yet. Its faults are of `operation`.
    pub fn open(
        settings: &ClusterSettings,
        isolation: Isolation,
        at_end: AtEnd,
        operation: Operation,
    ) -> Result<Self, Fault> {
        Self::with(&config::reader(settings, isolation, at_end), operation)
    }

    /// The same, with a configuration of its own.
    pub fn with(config: &ClientConfig, operation: Operation) -> Result<Self, Fault> {
        let consumer =
            config.create_with_context(Heard::default()).map_err(|error| fault(operation, &error))?;
        Ok(Self { consumer, operation })
    }

    /// First offset and end of a partition, as its leader says now: the stable end under `read_committed`.
    pub fn ends(&self, topic: &str, partition: PartitionId) -> Result<(i64, i64), Fault> {
        watermarks::ask(self.consumer.client(), topic, partition, ASK_TIMEOUT).map_err(|error| {
            let fault = fault(self.operation, &error);
            let text = format!("the ends of topic {topic} partition {partition}: {}", fault.text);
            let fault = Fault { text, ..fault };
            naming(fault, &error, Right::Describe, || Resource::Topic(topic.to_owned()))
        })
    }

    /// Reads these partitions and no others, each from its place on.
    pub fn read<'t>(
        &self,
        places: impl IntoIterator<Item = (&'t str, PartitionId, Offset)>,
    ) -> Result<(), Fault> {
        self.place(places, |list| self.consumer.assign(list))
    }

    /// Reads a partition besides, from its place on.
    pub fn add(&self, topic: &str, partition: PartitionId, from: Offset) -> Result<(), Fault> {
        self.place([(topic, partition, from)], |list| self.consumer.incremental_assign(list))
    }

    /// Reads a partition no longer.
    pub fn leave(&self, topic: &str, partition: PartitionId) -> Result<(), Fault> {
        self.place([(topic, partition, Offset::Invalid)], |list| self.consumer.incremental_unassign(list))
    }

    fn place<'t>(
        &self,
        places: impl IntoIterator<Item = (&'t str, PartitionId, Offset)>,
        act: impl FnOnce(&TopicPartitionList) -> KafkaResult<()>,
    ) -> Result<(), Fault> {
        let mut list = TopicPartitionList::new();
        let mut places = places.into_iter();
        places
            .try_for_each(|(topic, partition, offset)| {
                list.add_partition_offset(topic, partition.number(), offset)
            })
            .and_then(|()| act(&list))
            .map_err(|error| fault(self.operation, &error))
    }

    /// What comes next, within `timeout`.
    ///
    /// # Errors
    /// What the client does not try again by itself.
    pub fn poll(&self, timeout: Duration) -> Result<Polled<'_>, Fault> {
        self.try_poll(timeout).map_err(|error| self.fault(&error))
    }

    /// The same, with the client's error.
    pub fn try_poll(&self, timeout: Duration) -> KafkaResult<Polled<'_>> {
        match self.consumer.poll(timeout) {
            None => Ok(Followed::Nothing),
            Some(Ok(message)) => Ok(Followed::Record(message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Followed::End(partition.into())),
            Some(Err(error)) => {
                let fault = self.fault(&error);
                if fault.class != FaultClass::Retriable {
                    return Err(error);
                }
                let level = if is_of_connections(&error) { log::Level::Debug } else { log::Level::Warn };
                log::log!(level, "{fault}: the client tries again by itself");
                Ok(Followed::Nothing)
            }
        }
    }

    /// The next record of the one partition that is read; none at its end. `what` is read, for the text of a fault.
    ///
    /// # Errors
    /// As [`Self::poll`]; retriable where nothing came in time.
    pub fn next(&self, what: impl Fn() -> String) -> Result<Option<BorrowedMessage<'_>>, Fault> {
        let begun = clock::now();
        while begun.elapsed() < NEXT_TIMEOUT {
            match self.try_poll(Duration::from_millis(100)) {
                Ok(Followed::Record(message)) => return Ok(Some(message)),
                Ok(Followed::End(_)) => return Ok(None),
                Ok(Followed::Nothing) => {}
                Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset)) => {
                    let text = format!("{}: records were deleted that had yet to be read: try again", what());
                    return Err(Fault::new(self.operation, FaultClass::Setup, text));
                }
                Err(error) => return Err(self.fault(&error)),
            }
        }
        Err(self.nothing(&what()))
    }

    /// That nothing came of `what` in time.
    fn nothing(&self, what: &str) -> Fault {
        let text = format!("no record of {what} within {NEXT_TIMEOUT:?}");
        Fault::new(self.operation, FaultClass::Retriable, text)
    }

    /// Reads partitions of a topic side by side, each from its place to its end, and hands every record to `each`.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn read_to_ends(
        &self,
        topic: &str,
        places: &[(PartitionId, i64)],
        mut each: impl FnMut(PartitionId, &[u8]),
    ) -> Result<(), Fault> {
        self.read(places.iter().map(|(partition, from)| (topic, *partition, Offset::Offset(*from))))?;
        let mut open = places.len();
        let mut heard = clock::now();
        while open > 0 {
            match self.poll(Duration::from_millis(100))? {
                Followed::Nothing if heard.elapsed() < NEXT_TIMEOUT => continue,
                Followed::Nothing => return Err(self.nothing(&format!("{open} partitions of topic {topic}"))),
                Followed::Record(message) => {
                    each(message.partition().into(), message.payload().unwrap_or_default())
                }
                Followed::End(_) => open -= 1,
            }
            heard = clock::now();
        }
        Ok(())
    }

    fn fault(&self, error: &KafkaError) -> Fault {
        naming(fault(self.operation, error), error, Right::Read, || {
            let list = self.consumer.assignment().unwrap_or_default();
            let topics: BTreeSet<String> = list.elements().iter().map(|at| at.topic().to_owned()).collect();
            Resource::Topic(topics.into_iter().collect::<Vec<_>>().join(", "))
        })
    }
}
