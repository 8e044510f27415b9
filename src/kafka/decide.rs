//! Hands the records of one lane to the state that decides them, and what they lead to on to the producer.
//!
//! A panic of the decision is caught here and counted against the record it happened in; the state it leaves behind is
//! not used again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    batch::Lane,
    dead_letter::{self, Verdict},
    decider::{Decider, InRecord, Interrupted, Sink as DeciderSink},
    failure::{Fault, FaultClass, Operation},
    port::{Broker, GroupConsumer, InboundRecord, TransactionalProducer},
    settings::Settings,
    suspect::Suspects,
};
use crate::domain::record::RecordTime;

/// A dead letter of a record whose results could not be delivered is cut to this, well under any broker's limit.
const CONDEMNED_VALUE_BYTES_MAX: usize = 512 << 10;

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

/// Sends what records lead to. The first fault is kept; nothing is sent after it.
pub struct Sink<'r, 'c, B: Broker>
where
    B::Consumer: 'c,
{
    producer: &'r B::Producer,
    settings: &'r Settings,
    partition: i32,
    lent: Option<&'r Lent<'c, B>>,
    attempt: u32,
    fault: Option<Fault>,
}

impl<'r, 'c, B: Broker> Sink<'r, 'c, B>
where
    B::Consumer: 'c,
{
    /// For the records of `partition`.
    pub fn new(producer: &'r B::Producer, settings: &'r Settings, partition: i32) -> Self {
        Self { producer, settings, partition, lent: None, attempt: 1, fault: None }
    }

    /// The first fault.
    pub fn take_fault(&mut self) -> Option<Fault> {
        self.fault.take()
    }
}

impl<'c, B: Broker> DeciderSink for Sink<'_, 'c, B>
where
    B::Consumer: 'c,
{
    fn outcome(&mut self, key: &[u8], value: &[u8]) {
        if self.fault.is_none() {
            self.fault = self.producer.outcome(self.partition, key, value).err();
        }
    }

    fn dead_letter(&mut self, record: &InRecord<'_>, code: &str, message: &str) {
        let (None, Some(lent)) = (&self.fault, self.lent) else { return };
        let value_bytes_max = if self.attempt > 1 {
            self.settings.message_bytes_max.min(CONDEMNED_VALUE_BYTES_MAX)
        } else {
            self.settings.message_bytes_max
        };
        let verdict = Verdict { code, message, attempt: self.attempt };
        let topics = &self.settings.topics;
        self.fault =
            dead_letter::send::<B>(self.producer, topics, value_bytes_max, lent, record, &verdict).err();
    }
}

/// Decides the records of a lane in their order.
pub fn decide_lane<'r, 'c, B: Broker, D: Decider>(
    decider: &mut D,
    lane: &Lane,
    ended: [bool; 2],
    records: &'r [Lent<'c, B>],
    sink: &mut Sink<'r, 'c, B>,
    suspects: &Suspects,
) -> LaneEnd
where
    B::Consumer: 'c,
{
    let mut current = None;
    let decided = catch_unwind(AssertUnwindSafe(|| {
        let mut next = decider.positions();
        let mut passed = 0;
        for index in lane.merged(ended, |index| records[index as usize].timestamp_millis()) {
            passed += 1;
            let lent = &records[index as usize];
            current = Some(index);
            let (source, offset) = (lent.source(), lent.offset());
            let expected = &mut next[source.input as usize];
            if expected.is_some_and(|expected| offset < expected) {
                // Already decided; it was on its way when the partition was moved.
                continue;
            }
            *expected = Some(offset + 1);
            let record = InRecord {
                input: source.input,
                partition: source.partition,
                offset,
                timestamp_millis: lent.timestamp_millis(),
                time: RecordTime::of_millis(lent.timestamp_millis()),
                key: lent.key(),
                value: lent.value(),
                schema_guid: lent.schema_guid(),
            };
            sink.lent = Some(lent);
            let condemned = if suspects.any() { suspects.condemned(source, offset) } else { None };
            if let Some(failures) = condemned {
                sink.attempt = failures + 1;
                decider.on_condemned(&record, sink);
                sink.attempt = 1;
            } else {
                match decider.on_record(&record, sink) {
                    Ok(()) => {}
                    Err(Interrupted::NeedsSchema) => return LaneEnd::NeedsSchema,
                    Err(Interrupted::Broken(text)) => return LaneEnd::Broken(broken(text)),
                }
            }
            if sink.fault.is_some() {
                break;
            }
        }
        if sink.fault.is_none() && passed < lane.len() { LaneEnd::Behind } else { LaneEnd::Done }
    }));
    let at = current.map(|index| &records[index as usize]);
    let end = decided.unwrap_or_else(|_panic| LaneEnd::Broken(broken("the decision panicked")));
    let Some(at) = at else { return end };
    match end {
        LaneEnd::Broken(fault) => {
            let (source, offset) = (at.source(), at.offset());
            let count = suspects.count(source, offset);
            let text = format!(
                "{}, at {:?} partition {} offset {offset} ({count} times): report it with the log",
                fault.text, source.input, source.partition
            );
            log::error!("{text}");
            LaneEnd::Broken(Fault { text, ..fault })
        }
        end => {
            if let Some(Fault { class: FaultClass::TooLarge, .. }) = &sink.fault {
                suspects.count(at.source(), at.offset());
            }
            end
        }
    }
}

fn broken(text: impl Into<String>) -> Fault {
    Fault::new(Operation::Produce, FaultClass::NeedsAbort, text)
}
