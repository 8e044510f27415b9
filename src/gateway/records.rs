//! What the gateway asks of the topics: to write a record and say where it stands. `app` fills it in, so nothing here knows
//! Kafka.

use crate::domain::PartitionId;

/// An input topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InputTopic {
    /// POS events.
    PosEvents,
    /// Account events.
    AccountEvents,
    /// Interactions.
    Interactions,
    /// Contact requests.
    ContactRequests,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordPlace {
    /// The input whose topic it is in.
    pub input: InputTopic,
    /// Partition number, from 0.
    pub partition: PartitionId,
    /// Offset in that partition, from 0.
    pub offset: i64,
}

/// Why it is not known where a record stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotWritten {
    /// It was not written, and will not be.
    Away(String),
    /// It was not written: it is larger than its topic takes.
    TooLarge,
    /// It may have been written.
    Unknown(String),
}

/// Takes the place of a record, or why it is not known; called once, and must not block.
pub type OnWritten = Box<dyn FnOnce(Result<RecordPlace, NotWritten>) + Send + Sync>;

/// Writes to the input topics.
pub trait InputWriter: Send + Sync + 'static {
    /// Writes a record on the partition where its key belongs. `request_id`: asks for a reply.
    fn write(&self, input: InputTopic, key: &str, value: &[u8], request_id: Option<&str>, then: OnWritten);
}
