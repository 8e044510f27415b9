//! Hands the records of one lane to the state that decides them, and what they lead to on to the producer.
//!
//! A panic of the decision is caught here and counted against the record it happened in; the state it leaves behind is
//! not used again. What is larger than its topic takes is not sent: its record is condemned, and decided anew without it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    batch::Lane,
    dead_letter::{self, Room, Verdict},
    decider::{Decider, InRecord, Interrupted, Sink as DeciderSink},
    failure::{Destination, Fault, FaultClass, Operation},
    port::{Broker, GroupConsumer, InboundRecord, MessageLimits, TopicPartition, TransactionalProducer},
    settings::Settings,
    suspect::Suspects,
};
use crate::domain::record::RecordTime;

type Lent<'c, B> = <<B as Broker>::Consumer as GroupConsumer>::Record<'c>;

/// How a lane ended.
#[derive(Debug)]
pub enum LaneEnd {
    /// All records are consumed.
    Done,
    /// Consumed up to where one input ran out of which the broker has more.
    Behind,
    /// Consumed up to a record whose schema is not known yet.
    NeedsSchema,
    /// The decision panicked or found its state wrong; the state must not be used again.
    Broken(Fault),
}

/// The largest message of a batch to one topic, and the record that led to it: if the topic refuses one for its size, it
/// refuses this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Largest {
    /// Key, value and headers.
    pub bytes: usize,
    /// Where the record stands.
    pub at: TopicPartition,
    /// Its offset.
    pub offset: i64,
}

impl Largest {
    /// The larger of two.
    #[must_use]
    pub fn of(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        [one, other].into_iter().flatten().max_by_key(|largest| largest.bytes)
    }
}

/// Sends what records lead to. The first fault is kept; nothing is sent after it.
pub struct Sink<'r, 'c, B: Broker>
where
    B::Consumer: 'c,
{
    producer: &'r B::Producer,
    settings: &'r Settings,
    suspects: &'r Suspects,
    limits: MessageLimits,
    partition: i32,
    lent: Option<&'r Lent<'c, B>>,
    /// How often the record failed before; 0 but for a condemned one.
    failures: u32,
    fault: Option<Fault>,
    /// An outcome is larger than its topic takes. Nothing of the batch will be committed; the rest of it is decided all the
    /// same, so that all such records are found in one go.
    looks_on: bool,
    /// Outcomes, dead letters.
    largest: [Option<Largest>; 2],
}

impl<'r, 'c, B: Broker> Sink<'r, 'c, B>
where
    B::Consumer: 'c,
{
    /// For the records of `partition`.
    pub fn new(
        producer: &'r B::Producer,
        settings: &'r Settings,
        suspects: &'r Suspects,
        limits: MessageLimits,
        partition: i32,
    ) -> Self {
        Self {
            producer,
            settings,
            suspects,
            limits,
            partition,
            lent: None,
            failures: 0,
            fault: None,
            looks_on: false,
            largest: [None; 2],
        }
    }

    /// The first fault.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    /// The largest outcome and the largest dead letter.
    #[must_use]
    pub fn largest(&self) -> [Option<Largest>; 2] {
        self.largest
    }

    fn note_size(&mut self, destination: Destination, bytes: usize) {
        if let Some(lent) = self.lent {
            let largest = &mut self.largest[usize::from(destination == Destination::DeadLetters)];
            let this = Largest { bytes, at: lent.source(), offset: lent.offset() };
            *largest = Largest::of(*largest, Some(this));
        }
    }

    fn room(&self) -> Room {
        if self.suspects.failures_since_condemned(self.failures) > 0 {
            return Room::Nothing;
        }
        Room::Bytes { message_max: self.limits.dead_letters, value_max: self.settings.message_bytes_max }
    }
}

impl<'c, B: Broker> DeciderSink for Sink<'_, 'c, B>
where
    B::Consumer: 'c,
{
    fn outcome(&mut self, key: &[u8], value: &[u8]) {
        let bytes = key.len() + value.len();
        if let Some(lent) = self.lent.filter(|_| bytes > self.limits.outcomes) {
            self.suspects.condemn(lent.source(), lent.offset());
            let class = FaultClass::TooLarge(Destination::Outcomes);
            let text = format!("an outcome of {bytes} bytes, and its topic takes {}", self.limits.outcomes);
            self.fault.get_or_insert(Fault::new(Operation::Produce, class, text));
            self.looks_on = true;
        }
        if self.fault.is_some() {
            return;
        }
        self.note_size(Destination::Outcomes, bytes);
        self.fault = self.producer.outcome(self.partition, key, value).err();
    }

    fn dead_letter(&mut self, record: &InRecord<'_>, code: &str, message: &str) {
        let (None, Some(lent)) = (&self.fault, self.lent) else { return };
        let verdict = Verdict { code, message, attempt: self.failures + 1 };
        let topics = &self.settings.topics;
        match dead_letter::send::<B>(self.producer, topics, self.room(), lent, record, &verdict) {
            Ok(bytes) => self.note_size(Destination::DeadLetters, bytes),
            Err(fault) => self.fault = Some(fault),
        }
    }
}

/// Decides the records of a lane in their order.
pub fn decide_lane<'r, 'c, B: Broker, D: Decider>(
    decider: &mut D,
    lane: &Lane,
    ended: [bool; 2],
    records: &'r [Lent<'c, B>],
    sink: &mut Sink<'r, 'c, B>,
) -> LaneEnd
where
    B::Consumer: 'c,
{
    let mut current = None;
    let decided = catch_unwind(AssertUnwindSafe(|| {
        let mut order = lane.merged(ended, |index| records[index as usize].timestamp_millis());
        let mut passed = 0;
        let mut next = decider.positions();
        while let Some(index) = order.next() {
            passed += 1;
            current = Some(index);
            let lent = &records[index as usize];
            let expected = &mut next[lent.source().input as usize];
            if expected.is_some_and(|expected| lent.offset() < expected) {
                // Already decided; it was on its way when the partition was moved.
                continue;
            }
            *expected = Some(lent.offset() + 1);
            match decide_record(decider, lent, sink) {
                Ok(()) if sink.fault.is_some() && !sink.looks_on => return LaneEnd::Done,
                Ok(()) => {}
                Err(Interrupted::NeedsSchema) => {
                    // Those behind it are asked for too, or each would be waited for by itself.
                    order.for_each(|index| decider.expect(&in_record(&records[index as usize])));
                    return LaneEnd::NeedsSchema;
                }
                Err(Interrupted::Broken(text)) => return LaneEnd::Broken(broken(text)),
            }
        }
        if passed < lane.len() { LaneEnd::Behind } else { LaneEnd::Done }
    }));
    let end = decided.unwrap_or_else(|_panic| LaneEnd::Broken(broken("the decision panicked")));
    match current.map(|index| &records[index as usize]) {
        Some(at) => blame::<B>(end, at, sink),
        None => end,
    }
}

/// One record, or what stands for it where it is condemned.
fn decide_record<'r, 'c, B: Broker, D: Decider>(
    decider: &mut D,
    lent: &'r Lent<'c, B>,
    sink: &mut Sink<'r, 'c, B>,
) -> Result<(), Interrupted>
where
    B::Consumer: 'c,
{
    let record = in_record(lent);
    sink.lent = Some(lent);
    let suspects = sink.suspects;
    let condemned = if suspects.any() { suspects.condemned(lent.source(), lent.offset()) } else { None };
    let Some(failures) = condemned else { return decider.on_record(&record, sink) };
    sink.failures = failures;
    decider.on_condemned(&record, sink);
    sink.failures = 0;
    Ok(())
}

/// Counts what went wrong against the record it went wrong with.
fn blame<'c, B: Broker>(end: LaneEnd, at: &Lent<'c, B>, sink: &Sink<'_, 'c, B>) -> LaneEnd
where
    B::Consumer: 'c,
{
    let (source, offset) = (at.source(), at.offset());
    match end {
        LaneEnd::Broken(fault) => {
            let count = sink.suspects.count(source, offset);
            let text = format!(
                "{}, at {} partition {} offset {offset} ({count} times): report it with the log",
                fault.text,
                source.input.name(),
                source.partition
            );
            log::error!("{text}");
            LaneEnd::Broken(Fault { text, ..fault })
        }
        end => {
            // Refused by the client, before it was sent.
            if let (false, Some(Fault { class: FaultClass::TooLarge(_), .. })) = (sink.looks_on, &sink.fault)
            {
                sink.suspects.condemn(source, offset);
            }
            end
        }
    }
}

fn in_record<R: InboundRecord>(lent: &R) -> InRecord<'_> {
    let source = lent.source();
    InRecord {
        input: source.input,
        partition: source.partition,
        offset: lent.offset(),
        timestamp_millis: lent.timestamp_millis(),
        time: RecordTime::of_millis(lent.timestamp_millis()),
        key: lent.key(),
        value: lent.value(),
        schema_guid: lent.schema_guid(),
    }
}

fn broken(text: impl Into<String>) -> Fault {
    Fault::new(Operation::Produce, FaultClass::NeedsAbort, text)
}
