//! Gathers the records of one transaction. A batch is whatever is there now: it ends when the local queue is empty or a
//! limit is reached, and never waits for more. Nothing is copied.

use super::merge::Lanes;
use crate::kafka::failure::Fault;
use crate::kafka::port::{Broker, GroupConsumer, LentRecord};
use crate::kafka::settings::BatchLimits;
use std::time::Duration;

/// How many records pass between two looks at the clock.
const CLOCK_EVERY: usize = 64;

/// The memory of a list, for records of another batch: a new list of thousands for every batch is cleared by the
/// kernel, page by page.
pub fn recycle<A, B>(mut list: Vec<A>) -> Vec<B> {
    list.clear();
    list.into_iter().filter_map(|_| None).collect()
}

/// Records of a batch, and how long nothing came before the first of them.
type Gathered<R> = (Vec<R>, Duration);

/// Takes what is there behind what was `held` before, waiting up to `idle` for the first record. Stops early where the
/// group waits for an answer.
///
/// # Errors
/// A fatal fault of the consumer.
pub fn gather<'a, B: Broker>(
    broker: &B,
    consumer: &'a B::Consumer,
    held: Vec<<B::Consumer as GroupConsumer>::Record<'static>>,
    spare: Vec<<B::Consumer as GroupConsumer>::Record<'static>>,
    limits: &BatchLimits,
    idle: Duration,
    lanes: &mut Lanes,
) -> Result<Gathered<<B::Consumer as GroupConsumer>::Record<'a>>, Fault> {
    lanes.clear();
    let mut records = recycle(spare);
    for record in held {
        take(<B::Consumer as GroupConsumer>::lend(record), &mut records, lanes);
    }
    let of_before = records.len();
    let asked = broker.now();
    let mut next = consumer.poll(idle)?;
    let begun = broker.now();
    // A thread that was not let run for longer has not waited for longer.
    let waited = (begun - asked).min(idle);
    let mut bytes = 0;
    while let Some(record) = next {
        bytes += record.value().map_or(0, <[u8]>::len) + record.key().map_or(0, <[u8]>::len);
        take(record, &mut records, lanes);
        let new = records.len() - of_before;
        let full = new >= limits.events || bytes >= limits.bytes;
        let late = new.is_multiple_of(CLOCK_EVERY) && broker.now() - begun >= limits.time;
        if full || late || consumer.changes_waiting() {
            break;
        }
        next = consumer.poll(Duration::ZERO)?;
    }
    Ok((records, waited))
}

fn take<R: LentRecord>(record: R, records: &mut Vec<R>, lanes: &mut Lanes) {
    lanes.push(record.source(), u32::try_from(records.len()).unwrap_or(u32::MAX));
    records.push(record);
}
