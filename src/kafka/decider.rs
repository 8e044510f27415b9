//! What the worker loop asks of the pure part: the state of one partition that decides its records.
//!
//! The loop knows neither events nor outcomes. Whatever stands behind [`Decider`] does no I/O and can put its state
//! back to the last commit at any time.

/// Which of the two inputs a record came from. The number is the index into positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Input {
    /// The point-of-sale events.
    PosEvents = 0,
    /// The account events.
    AccountEvents = 1,
}

/// A record, borrowed from wherever it came.
#[derive(Clone, Copy, Debug)]
pub struct InRecord<'a> {
    /// Which topic.
    pub input: Input,
    /// Partition number.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
    /// Record time, milliseconds since 1970.
    pub timestamp_millis: i64,
    /// Key bytes.
    pub key: Option<&'a [u8]>,
    /// Value bytes; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Schema GUID of the framing header.
    pub schema_guid: Option<[u8; 16]>,
}

/// Takes what a record leads to.
pub trait Output {
    /// An outcome to publish on the record's partition.
    fn outcome(&mut self, key: &[u8], value: &[u8]);
    /// The record itself goes to the dead letters.
    fn dead_letter(&mut self, record: &InRecord<'_>, code: &str, message: &str);
}

/// The record cannot be read before the schema registry has answered. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeedsSchema;

/// Something the restore cannot go on from; the text says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreFault(pub String);

/// Where the checkpoint rotation stands after a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// Nothing to note.
    Within,
    /// The committed batch completed a rotation: the next journal record begins another.
    Completed,
}

/// The state of one input partition.
pub trait Decider: Send + 'static {
    /// Decides a record, or says that it cannot be read yet.
    ///
    /// # Errors
    /// [`NeedsSchema`]: nothing was changed, the same record must come again.
    fn on_record(&mut self, record: &InRecord<'_>, out: &mut dyn Output) -> Result<(), NeedsSchema>;

    /// Passes over a record that made the decision panic several times: dead letter, and NotEvaluated where it has a
    /// key.
    fn on_condemned(&mut self, record: &InRecord<'_>, out: &mut dyn Output);

    /// Journal records of the batch so far; empty where nothing was consumed.
    fn journal(&mut self, writer: &str) -> Vec<Vec<u8>>;

    /// The batch is committed.
    fn committed(&mut self);

    /// The batch is aborted: state as of the last commit.
    fn aborted(&mut self);

    /// Next offsets as of the state.
    fn positions(&self) -> [Option<i64>; 2];

    /// Folds a journal record into the state.
    ///
    /// # Errors
    /// [`RestoreFault`] where it does not follow what was folded before.
    fn restore(&mut self, journal_record: &[u8]) -> Result<(), RestoreFault>;

    /// The rotation as of the last commit; says [`Rotation::Completed`] once.
    fn take_rotation(&mut self) -> Rotation;

    /// Accounts held, for the metrics.
    fn accounts(&self) -> usize;
}

/// Makes the state of a partition, empty.
pub trait Deciders: Send + Sync + 'static {
    /// The state of one partition.
    type Decider: Decider;
    /// A new, empty state for `partition`.
    fn decider(&self, partition: i32) -> Self::Decider;
}
