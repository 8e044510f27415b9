//! What the worker loop asks of a Kafka cluster, in its own words: records, offsets, transactions, journals.
//!
//! Two sides stand behind these traits: `client` with librdkafka, and a broker in memory for the simulation. So
//! nothing here names a client library, reads a clock or starts a thread by itself: time and threads come from
//! [`Broker`] too. Every call says whether it may block and what its faults mean.

use super::failure::{Destination, Fault};
pub use crate::codec::rulesets::RulesetChange;
pub use crate::domain::flow::{Flow, InputPartition, Positions, Unit};
pub use crate::pipeline::{Header, Outbound};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// How far an input partition was last known to reach, and what of it was delivered, as offsets of the next record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputReach {
    /// Where the first open transaction begins, or the end: nothing behind it is delivered.
    pub stable: i64,
    /// The end, open transactions included.
    pub end: i64,
    /// Behind the last record that was delivered; none: none was yet.
    pub delivered: Option<i64>,
    /// Up to here there is no further record, only markers and records that were aborted; none: not known.
    pub read: Option<i64>,
}

impl InputReach {
    /// Offsets that are not decided, where those before `position` are: with what an open transaction holds back.
    #[must_use]
    pub fn lag(&self, position: i64) -> i64 {
        let all_decided = self.delivered.is_none_or(|delivered| delivered <= position);
        let read = self.read.filter(|_| all_decided).unwrap_or(position);
        (self.end - position.max(read)).max(0)
    }
}

/// What the group asked of this member; it waits until the loop answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebalance {
    /// These partitions are now ours: answer with [`GroupConsumer::assign`].
    Assigned(Vec<InputPartition>),
    /// These partitions go away: answer with [`GroupConsumer::unassign`].
    Revoked(Vec<InputPartition>),
}

/// A record as it came, lent by the consumer.
pub trait LentRecord {
    /// Topic and partition of the record.
    fn source(&self) -> InputPartition;
    /// Offset in its partition.
    fn offset(&self) -> i64;
    /// Record time in milliseconds since 1970; -1 where the record has none.
    fn timestamp_millis(&self) -> i64;
    /// When its broker appended it, in milliseconds since 1970; none where its time is its sender's.
    fn appended_millis(&self) -> Option<i64> {
        None
    }
    /// Key bytes.
    fn key(&self) -> Option<&[u8]>;
    /// Value bytes; `None` is a tombstone.
    fn value(&self) -> Option<&[u8]>;
    /// The value of its last header of this name.
    fn header(&self, name: &str) -> Option<&[u8]>;
    /// Bytes that its headers take in a message, names and framing included; 0: it has none. Looks at each of them.
    fn headers_bytes(&self) -> usize;
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Records in it.
    pub records: u64,
    /// Their keys and values, in bytes.
    pub bytes: u64,
}

/// A member of the consumer group. Callbacks of the client only note what was asked; the loop answers between
/// transactions.
pub trait GroupConsumer {
    /// A record lent by this consumer.
    type Record<'a>: LentRecord
    where
        Self: 'a;
    /// Proof of membership that goes with the offsets of a transaction.
    type Membership;

    /// The next record, waiting for one up to `timeout`. `None`: nothing there, or something else was served.
    ///
    /// # Errors
    /// [`Fault`] of operation `Consume`; only fatal ones concern the loop, the client recovers from others itself.
    fn poll(&self, timeout: Duration) -> Result<Option<Self::Record<'_>>, Fault>;

    /// Whether the group waits for an answer. Cheap: asked while a batch is gathered.
    fn changes_waiting(&self) -> bool;

    /// What the group asked since the last call, in order.
    fn take_changes(&self) -> Vec<Rebalance>;

    /// Takes over `partitions`, paused: nothing is delivered before [`Self::resume`].
    ///
    /// # Errors
    /// [`Fault`] of operation `Rebalance`.
    fn assign(&self, partitions: &[InputPartition]) -> Result<(), Fault>;

    /// Lets go of `partitions`; their records are not delivered any more.
    ///
    /// # Errors
    /// [`Fault`] of operation `Rebalance`.
    fn unassign(&self, partitions: &[InputPartition]) -> Result<(), Fault>;

    /// Stops delivery of all inputs of a unit.
    ///
    /// # Errors
    /// [`Fault`] of operation `Seek`.
    fn pause(&self, unit: Unit) -> Result<(), Fault> {
        unit.inputs().try_for_each(|at| self.pause_input(at))
    }

    /// Starts delivery of all inputs of a unit at `positions`; also moves a running one back there.
    ///
    /// # Errors
    /// [`Fault`] of operation `Seek`.
    fn resume(&self, unit: Unit, positions: &Positions) -> Result<(), Fault>;

    /// Stops delivery of one input of a unit. What was delivered counts as read.
    ///
    /// # Errors
    /// [`Fault`] of operation `Seek`.
    fn pause_input(&self, at: InputPartition) -> Result<(), Fault>;

    /// Goes on with the delivery of one input after [`Self::pause_input`], where it stopped.
    ///
    /// # Errors
    /// [`Fault`] of operation `Seek`.
    fn resume_input(&self, at: InputPartition) -> Result<(), Fault>;

    /// How many offsets the broker is known to have of this input behind the last record that was delivered, as far as
    /// that can be told without asking; markers of transactions, which are never delivered, count too. `None`: not
    /// fetched yet. Cheap.
    fn undelivered(&self, at: InputPartition) -> Option<i64>;

    /// Takes a record out of the client's memory, to hold it beyond this batch.
    fn detach(record: Self::Record<'_>) -> Self::Record<'static>;

    /// A detached record as one of this batch.
    fn lend<'a>(record: Self::Record<'static>) -> Self::Record<'a>
    where
        Self: 'a;

    /// The membership as of now. Taken again for every transaction: a stale one is refused.
    ///
    /// # Errors
    /// [`Fault`] of operation `Offsets`.
    fn membership(&self) -> Result<Self::Membership, Fault>;

    /// How far each input partition that is read was last known to reach, for metrics; new values only.
    fn take_ends(&self) -> Vec<(InputPartition, InputReach)>;

    /// What the client holds of records that are not delivered yet, as of a few seconds ago; none: not known.
    fn queue(&self) -> Option<Queue> {
        None
    }

    /// Why nothing comes from the brokers; none while something does, or could.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// Leaves the group, answering whatever it still asks. May block for a few seconds.
    fn leave(self);
}

/// What of a record goes with its dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterRecord {
    /// Whether its headers go with it.
    pub headers: bool,
    /// Whether its key goes with it.
    pub key: bool,
    /// So many bytes of its value, from the front; none: no value.
    pub value_bytes: Option<usize>,
}

/// The largest message that topics take, in bytes of key, value and headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageLimits(pub BTreeMap<Destination, usize>);

impl MessageLimits {
    /// That of one topic; `usize::MAX` where it is not known.
    #[must_use]
    pub fn of(&self, destination: Destination) -> usize {
        self.0.get(&destination).copied().unwrap_or(usize::MAX)
    }
}

/// A producer with a transactional id: between `begin` and the end of `commit` or `abort`, all or nothing.
pub trait TransactionalProducer<C: GroupConsumer> {
    /// Begins a transaction.
    ///
    /// # Errors
    /// [`Fault`] of operation `Begin`.
    fn begin(&self) -> Result<(), Fault>;

    /// Queues a message of a decision of `unit`; blocks while the queue is full.
    ///
    /// # Errors
    /// [`Fault`] of operation `Produce`.
    fn send(&self, unit: Unit, outbound: &Outbound<'_>) -> Result<(), Fault>;

    /// Queues a dead letter: what is `kept` of `record`, and `headers` behind its own, of which
    /// those with such a name are [`renamed`](crate::domain::dead_letter::renamed), so that nobody takes them for ours.
    ///
    /// # Errors
    /// [`Fault`] of operation `Produce`.
    fn dead_letter(
        &self,
        record: &C::Record<'_>,
        kept: LetterRecord,
        headers: &[Header<'_>],
    ) -> Result<(), Fault>;

    /// Queues a journal record of `unit`, with the writer's id in a header.
    ///
    /// # Errors
    /// [`Fault`] of operation `Produce`.
    fn journal(&self, unit: Unit, record: &[u8]) -> Result<(), Fault>;

    /// Queues the note that `unit` is decided by another ruleset from certain positions on: a record on the
    /// rulesets topic. A unit has few of them, one at its very first batch.
    ///
    /// # Errors
    /// [`Fault`] of operation `Produce`.
    fn ruleset_change(&self, unit: Unit, change: &RulesetChange) -> Result<(), Fault>;

    /// Makes the consumed positions part of the transaction.
    ///
    /// # Errors
    /// [`Fault`] of operation `Offsets`.
    fn offsets(&self, positions: &[(InputPartition, i64)], membership: &C::Membership) -> Result<(), Fault>;

    /// Waits until the broker has acknowledged everything queued.
    ///
    /// # Errors
    /// [`Fault`] of operation `Flush`: a delivery failed or the time ran out.
    fn flush(&self) -> Result<(), Fault>;

    /// Commits. The same call again is allowed after a retriable fault.
    ///
    /// # Errors
    /// [`Fault`] of operation `Commit`.
    fn commit(&self) -> Result<(), Fault>;

    /// Aborts; queued messages are dropped.
    ///
    /// # Errors
    /// [`Fault`] of operation `Abort`.
    fn abort(&self) -> Result<(), Fault>;

    /// Whether a connection, request or broker failure was seen since this producer was made: requests of its
    /// transactions may then still be under way and end a later one, so it must not begin another.
    fn disturbed(&self) -> bool;
}

/// How far a journal partition reaches, as offsets of the next record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalEnds {
    /// The first record that is still there.
    pub start: i64,
    /// Where the first open transaction begins, or the end.
    pub stable: i64,
    /// The end, open transactions included.
    pub high: i64,
}

/// Reads the journal of one unit, committed records only, outside the group.
pub trait JournalReader {
    /// Asks the broker how far the partition reaches.
    ///
    /// # Errors
    /// [`Fault`] of operation `Restore`.
    fn ends(&mut self) -> Result<JournalEnds, Fault>;

    /// Goes to `offset`; the next records come from there.
    ///
    /// # Errors
    /// [`Fault`] of operation `Restore`.
    fn read_from(&mut self, offset: i64) -> Result<(), Fault>;

    /// Hands the next record and its offset to `each`; `false` at the stable end.
    ///
    /// # Errors
    /// [`Fault`] of operation `Restore`.
    fn next(&mut self, each: &mut dyn FnMut(i64, &[u8])) -> Result<bool, Fault>;

    /// The transactional id that wrote the first uncommitted record at or after `offset`.
    ///
    /// # Errors
    /// [`Fault`] of operation `Restore`.
    fn open_writer(&mut self, offset: i64) -> Result<Option<String>, Fault>;

    /// Which output of this unit is held back by a transaction that has not ended, and from where on; none where none is.
    ///
    /// # Errors
    /// [`Fault`] of operation `Restore`.
    fn open_output(&mut self) -> Result<Option<(usize, i64)>, Fault>;

    /// The group's committed positions of this unit's inputs, once no transaction holds any; none where one
    /// did for as long as `within`.
    ///
    /// # Errors
    /// [`Fault`] of operation `Restore`.
    fn committed(&mut self, within: Duration) -> Result<Option<Positions>, Fault>;

    /// Asks the brokers how far this unit's inputs reach, in the order of the flow: from the first record that is still there
    /// to the end, open transactions included.
    ///
    /// # Errors
    /// [`Fault`] of operation `Restore`.
    fn input_ends(&mut self) -> Result<Vec<Range<i64>>, Fault>;
}

/// What came of partitions that are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed<R, P> {
    /// A record; `()` where it was handed over already.
    Record(R),
    /// This partition has no more for now: no stable one where committed records are read.
    End(P),
    /// Nothing in time.
    Nothing,
}

/// Follows the journals of any number of units at once, committed records only, outside the group. Says nothing for certain
/// of where they end: that is for a [`JournalReader`].
pub trait JournalFollower {
    /// Follows `unit` too, from `offset` on; one that is followed already is moved there. `None`, or an offset that
    /// is not there any more: from the first record that is.
    ///
    /// # Errors
    /// [`Fault`] of operation `Restore`.
    fn follow(&mut self, unit: Unit, offset: Option<i64>) -> Result<(), Fault>;

    /// Follows `unit` no longer, if it does.
    ///
    /// # Errors
    /// [`Fault`] of operation `Restore`.
    fn leave(&mut self, unit: Unit) -> Result<(), Fault>;

    /// Hands unit, offset and bytes of the next record of any of them to `each`, waiting for one up to `timeout`.
    ///
    /// # Errors
    /// [`Fault`] of operation `Restore`.
    fn next(
        &mut self,
        timeout: Duration,
        each: &mut dyn FnMut(Unit, i64, &[u8]),
    ) -> Result<Followed<(), Unit>, Fault>;

    /// Where a followed journal ended when it was last fetched; `None`: not fetched yet. Asks nobody.
    fn end(&self, unit: Unit) -> Option<i64>;
}

/// A cluster: makes members, producers and journal readers, and has the time and the threads.
pub trait Broker: Send + Sync + 'static {
    /// Members of the group.
    type Consumer: GroupConsumer;
    /// Producers whose transactions carry that member's offsets.
    type Producer: TransactionalProducer<Self::Consumer>;
    /// Journal readers.
    type Journal: JournalReader;
    /// Journal followers.
    type Follower: JournalFollower;

    /// A new member for worker number `worker`, subscribed.
    ///
    /// # Errors
    /// [`Fault`] of operation `Join`.
    fn consumer(&self, worker: usize) -> Result<Self::Consumer, Fault>;

    /// A new producer; whatever its id left open is aborted, and older producers of that id are fenced.
    ///
    /// # Errors
    /// [`Fault`] of operation `Init`.
    fn producer(&self, transactional_id: &str) -> Result<Self::Producer, Fault>;

    /// A reader of the journal of `unit`.
    ///
    /// # Errors
    /// [`Fault`] of operation `Restore`.
    fn journal(&self, unit: Unit) -> Result<Self::Journal, Fault>;

    /// A follower of journals; it follows nothing yet.
    ///
    /// # Errors
    /// [`Fault`] of operation `Restore`.
    fn follower(&self) -> Result<Self::Follower, Fault>;

    /// What the output topics take at most.
    ///
    /// # Errors
    /// [`Fault`] of operation `Check`.
    fn message_limits(&self) -> Result<MessageLimits, Fault> {
        Ok(MessageLimits::default())
    }

    /// How many partitions the largest input of a flow has now; 0: the broker cannot tell.
    ///
    /// # Errors
    /// [`Fault`] of operation `Check`.
    fn input_partitions(&self, _flow: &'static Flow) -> Result<u32, Fault> {
        Ok(0)
    }

    /// Where the next record of the journal of `unit` will stand, at least.
    ///
    /// # Errors
    /// [`Fault`] of operation `Trim`.
    fn journal_end(&self, unit: Unit) -> Result<i64, Fault>;

    /// Deletes the records of the journal of `unit` before offset `before`. Does not wait for it.
    fn trim_journal(&self, unit: Unit, before: i64);

    /// Appends a tick to the flow's input of ticks, on the partition of `unit`. Does not wait for it: one that is lost is
    /// written again.
    ///
    /// # Errors
    /// [`Fault`] of operation `Produce`: of this one, or of an earlier one.
    fn tick(&self, unit: Unit, value: &[u8]) -> Result<(), Fault>;

    /// What time it is by this machine, in milliseconds since 1970. Says when to ask the brokers, by [`Self::tick`];
    /// nothing is decided by it.
    fn wall_millis(&self) -> i64;

    /// Time since some fixed moment. Never goes back.
    fn now(&self) -> Duration;

    /// Waits.
    fn wait(&self, time: Duration);

    /// Runs `job` beside the caller.
    fn spawn(&self, name: String, job: Box<dyn FnOnce() + Send>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_counts_what_an_open_transaction_holds_back_and_no_markers() {
        let reach = |read| InputReach { stable: 10, end: 25, delivered: Some(9), read };
        assert_eq!(reach(Some(10)).lag(9), 15, "offset 9 is a marker");
        assert_eq!(reach(None).lag(9), 16, "not known to be one");
        assert_eq!(reach(Some(10)).lag(4), 21, "what was delivered is not decided");
        assert_eq!(InputReach { stable: 25, read: Some(25), ..reach(None) }.lag(9), 0);
    }
}
