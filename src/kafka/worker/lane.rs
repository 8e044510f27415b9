//! Hands the records of one unit to the state that decides them, and what they lead to on to the producer.
//!
//! A panic of the decision is caught here and counted against the record it happened in; the state it leaves behind is
//! not used again. What is larger than its topic takes is not sent: its record is condemned, and decided again without it.

use super::merge::{Lane, PerInput};
use crate::codec::{SCHEMA_ID_HEADER, guid_of_header};
use crate::domain::flow::Unit;
use crate::domain::record::RecordTime;
use crate::domain::reply::REQUEST_ID;
use crate::kafka::dead_letter::{self, DeadLetterReason, LetterRoom};
use crate::kafka::failure::{Destination, Fault, FaultClass, Operation};
use crate::kafka::port::{
    Broker, GroupConsumer, InputPartition, LentRecord, MessageLimits, TransactionalProducer,
};
use crate::kafka::settings::ClusterSettings;
use crate::kafka::suspect::Suspects;
use crate::pipeline::{Decider, InputRecord, Interrupt, MessageSink, Outbound};
use std::panic::{AssertUnwindSafe, catch_unwind};

type Lent<'c, B> = <<B as Broker>::Consumer as GroupConsumer>::Record<'c>;

/// How a lane ended.
#[derive(Debug)]
pub enum LaneEnd {
    /// All records are consumed.
    Done,
    /// Consumed up to where these inputs ran out, of which the broker has more.
    AwaitsInput(PerInput<usize>),
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
    pub at: InputPartition,
    /// Offset in its partition, from 0.
    pub offset: i64,
}

/// The largest messages of a batch, by topic.
#[derive(Clone, Debug, Default)]
pub struct LargestMessages(Vec<(Destination, Largest)>);

impl LargestMessages {
    /// One more message.
    pub fn note(&mut self, destination: Destination, message: Largest) {
        match self.0.iter_mut().find(|(found, _)| *found == destination) {
            Some((_, largest)) if message.bytes > largest.bytes => *largest = message,
            Some(_) => {}
            None => self.0.push((destination, message)),
        }
    }

    /// The largest to one topic.
    #[must_use]
    pub fn to(&self, destination: Destination) -> Option<Largest> {
        self.0.iter().find(|(found, _)| *found == destination).map(|(_, largest)| *largest)
    }
}

/// Sends what records lead to. The first fault is kept; nothing is sent after it.
pub struct LaneSink<'r, 'c, B: Broker>
where
    B::Consumer: 'c,
{
    producer: &'r B::Producer,
    settings: &'r ClusterSettings,
    suspects: &'r Suspects,
    limits: &'r MessageLimits,
    unit: Unit,
    lent: Option<&'r Lent<'c, B>>,
    /// How often the record failed before; 0 but for a condemned one.
    failures: u32,
    fault: Option<Fault>,
    /// A message is larger than its topic takes. Nothing of the batch will be committed; the rest of it is decided all the
    /// same, so that all such records are found in one go.
    looks_on: bool,
    largest: &'r mut LargestMessages,
}

impl<'r, 'c, B: Broker> LaneSink<'r, 'c, B>
where
    B::Consumer: 'c,
{
    /// For the records of `unit`.
    pub fn new(
        producer: &'r B::Producer,
        settings: &'r ClusterSettings,
        suspects: &'r Suspects,
        limits: &'r MessageLimits,
        unit: Unit,
        largest: &'r mut LargestMessages,
    ) -> Self {
        let (lent, failures, fault, looks_on) = (None, 0, None, false);
        Self { producer, settings, suspects, limits, unit, lent, failures, fault, looks_on, largest }
    }

    /// The first fault.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }

    fn note_size(&mut self, destination: Destination, bytes: usize) {
        if let Some(lent) = self.lent {
            self.largest.note(destination, Largest { bytes, at: lent.source(), offset: lent.offset() });
        }
    }

    fn room(&self) -> LetterRoom {
        if self.suspects.failures_since_condemned(self.failures) > 0 {
            return LetterRoom::Nothing;
        }
        LetterRoom::Bytes {
            message_max: self.limits.of(Destination::DeadLetters(self.unit.flow)),
            value_max: self.settings.kafka.message_bytes_max,
        }
    }
}

impl<'c, B: Broker> MessageSink for LaneSink<'_, 'c, B>
where
    B::Consumer: 'c,
{
    fn send(&mut self, outbound: &Outbound<'_>) {
        let destination = Destination::Output(self.unit.flow, outbound.output);
        let (bytes, limit) = (outbound.bytes(), self.limits.of(destination));
        if let Some(lent) = self.lent.filter(|_| bytes > limit) {
            self.suspects.condemn(lent.source(), lent.offset());
            let topic = destination.topic(&self.settings.topics);
            let text = format!("a message of {bytes} bytes to topic {topic}, which takes {limit}");
            let class = FaultClass::TooLarge(destination);
            self.fault.get_or_insert(Fault::new(Operation::Produce, class, text));
            self.looks_on = true;
        }
        if self.fault.is_some() {
            return;
        }
        self.note_size(destination, bytes);
        self.fault = self.producer.send(self.unit, outbound).err();
    }

    fn dead_letter(&mut self, record: &InputRecord<'_>, code: &str, message: &str) {
        let (None, Some(lent)) = (&self.fault, self.lent) else { return };
        let verdict = DeadLetterReason { code, message, attempt: self.failures + 1 };
        let topics = &self.settings.topics;
        match dead_letter::send::<B>(self.producer, topics, self.room(), lent, record, &verdict) {
            Ok(bytes) => self.note_size(Destination::DeadLetters(self.unit.flow), bytes),
            Err(fault) => self.fault = Some(fault),
        }
    }
}

/// Decides the records of a lane in their order.
pub fn decide_lane<'r, 'c, B: Broker>(
    decider: &mut dyn Decider,
    lane: &Lane,
    ended: &[bool],
    records: &'r [Lent<'c, B>],
    sink: &mut LaneSink<'r, 'c, B>,
) -> LaneEnd
where
    B::Consumer: 'c,
{
    let mut current = None;
    let decided = catch_unwind(AssertUnwindSafe(|| {
        let mut order = lane.merged(ended, |index| records[index as usize].timestamp_millis());
        let mut next = decider.positions();
        while let Some(index) = order.next() {
            current = Some(index);
            let lent = &records[index as usize];
            let expected = &mut next[lent.source().input];
            if expected.is_some_and(|expected| lent.offset() < expected) {
                // Already decided; it was on its way when the partition was moved.
                continue;
            }
            *expected = Some(lent.offset() + 1);
            match decide_record(decider, lent, sink) {
                Ok(()) if sink.fault.is_some() && !sink.looks_on => return LaneEnd::Done,
                Ok(()) => decider.read_at(lent.appended_millis()),
                Err(Interrupt::NeedsSchema(_)) => {
                    // Those behind it are asked for too, or each would be waited for by itself.
                    order.for_each(|index| decider.expect(&in_record(&records[index as usize])));
                    return LaneEnd::NeedsSchema;
                }
                Err(state @ Interrupt::State(_)) => return LaneEnd::Broken(broken(state.to_string())),
            }
        }
        let missing = order.awaited();
        if missing.is_empty() { LaneEnd::Done } else { LaneEnd::AwaitsInput(missing) }
    }));
    let end = decided.unwrap_or_else(|_panic| LaneEnd::Broken(broken("the decision panicked")));
    match current.map(|index| &records[index as usize]) {
        Some(at) => blame::<B>(end, at, sink),
        None => end,
    }
}

/// Sends what is said of all records of a lane together. None of them alone is to blame for it.
pub fn end_batch<B: Broker>(
    decider: &mut dyn Decider,
    lane_end: LaneEnd,
    sink: &mut LaneSink<'_, '_, B>,
) -> LaneEnd {
    if matches!(lane_end, LaneEnd::Broken(_)) {
        return lane_end;
    }
    sink.lent = None;
    match catch_unwind(AssertUnwindSafe(|| decider.end_batch(sink))) {
        Ok(()) => lane_end,
        Err(_panic) => LaneEnd::Broken(broken("the end of the batch panicked")),
    }
}

/// One record, or what stands for it where it is condemned.
fn decide_record<'r, 'c, B: Broker>(
    decider: &mut dyn Decider,
    lent: &'r Lent<'c, B>,
    sink: &mut LaneSink<'r, 'c, B>,
) -> Result<(), Interrupt>
where
    B::Consumer: 'c,
{
    let record = in_record(lent);
    sink.lent = Some(lent);
    let suspects = sink.suspects;
    let condemned = if suspects.any() { suspects.condemned(lent.source(), lent.offset()) } else { None };
    let Some(failures) = condemned else { return decider.on_record(&record, sink) };
    sink.failures = failures;
    decider.on_failed_record(&record, sink);
    sink.failures = 0;
    Ok(())
}

/// Counts what went wrong against the record it went wrong with.
fn blame<'c, B: Broker>(end: LaneEnd, at: &Lent<'c, B>, sink: &LaneSink<'_, 'c, B>) -> LaneEnd
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
                source.name(),
                source.unit.partition
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

fn in_record<R: LentRecord>(lent: &R) -> InputRecord<'_> {
    let source = lent.source();
    InputRecord {
        input: source.input,
        partition: source.unit.partition,
        offset: lent.offset(),
        timestamp_millis: lent.timestamp_millis(),
        time: RecordTime::of_millis(lent.timestamp_millis()),
        key: lent.key(),
        value: lent.value(),
        schema_guid: lent.header(SCHEMA_ID_HEADER).and_then(guid_of_header),
        request_id: source.may_ask().then(|| lent.header(REQUEST_ID)).flatten(),
    }
}

fn broken(text: impl Into<String>) -> Fault {
    Fault::new(Operation::Produce, FaultClass::NeedsAbort, text)
}
