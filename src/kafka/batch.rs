//! Gathers the records of one transaction and puts them in the order in which they are decided.
//!
//! A batch is whatever is there now: it ends when the local queue is empty or a limit is reached, and never waits for
//! more. Records are grouped by partition; within a partition the two inputs are merged by record time, account
//! events first where equal, each input in the order of its offsets. Where one input has run out while the broker has
//! more of it, the rest of the other is held: else a start on two full topics would judge events by accounts that are
//! still on their way. Nothing is copied and, once the lanes exist, nothing is allocated per record.

use std::time::Duration;

use super::{
    failure::Fault,
    port::{Broker, GroupConsumer, InboundRecord, Input},
    settings::BatchLimits,
};

/// How many records pass between two looks at the clock.
const CLOCK_EVERY: usize = 64;

/// The records of one partition, as indices into the batch.
#[derive(Debug)]
pub struct Lane {
    /// Partition number.
    pub partition: i32,
    inputs: [Vec<u32>; 2],
}

impl Lane {
    /// The records in the order in which they are decided. `ended`: the inputs of which the broker has no more; where
    /// the other one runs out, the rest is left.
    pub fn merged<'a>(
        &'a self,
        ended: [bool; 2],
        time_of: impl Fn(u32) -> i64 + 'a,
    ) -> impl Iterator<Item = u32> + 'a {
        let [pos, account] = &self.inputs;
        let (mut next_pos, mut next_account) = (0, 0);
        std::iter::from_fn(move || match (pos.get(next_pos), account.get(next_account)) {
            (None, None) => None,
            (Some(_), None) if !ended[Input::AccountEvents as usize] => None,
            (None, Some(_)) if !ended[Input::PosEvents as usize] => None,
            (Some(&index), None) => {
                next_pos += 1;
                Some(index)
            }
            (pos_index, Some(&index)) => {
                if let Some(&pos_index) = pos_index
                    && time_of(pos_index) < time_of(index)
                {
                    next_pos += 1;
                    return Some(pos_index);
                }
                next_account += 1;
                Some(index)
            }
        })
    }

    /// Which inputs have records in it.
    #[must_use]
    pub fn came(&self) -> [bool; 2] {
        self.inputs.each_ref().map(|input| !input.is_empty())
    }

    /// How many records it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inputs.iter().map(Vec::len).sum()
    }
}

/// Lanes, kept from batch to batch.
#[derive(Debug, Default)]
pub struct Lanes {
    lanes: Vec<Lane>,
    /// Lane of a partition plus one; 0: none yet in this batch.
    of_partition: Vec<u32>,
    used: usize,
}

impl Lanes {
    fn clear(&mut self) {
        for lane in &mut self.lanes[..self.used] {
            if let Ok(at) = usize::try_from(lane.partition) {
                self.of_partition[at] = 0;
            }
            lane.inputs.iter_mut().for_each(Vec::clear);
        }
        self.used = 0;
    }

    fn push(&mut self, partition: i32, input: Input, index: u32) {
        // The broker numbers partitions from 0.
        let Ok(at) = usize::try_from(partition) else { return };
        if at >= self.of_partition.len() {
            self.of_partition.resize(at + 1, 0);
        }
        if self.of_partition[at] == 0 {
            if self.used == self.lanes.len() {
                self.lanes.push(Lane { partition, inputs: [Vec::new(), Vec::new()] });
            }
            self.lanes[self.used].partition = partition;
            self.used += 1;
            self.of_partition[at] = u32::try_from(self.used).unwrap_or(u32::MAX);
        }
        let lane = self.of_partition[at] as usize - 1;
        self.lanes[lane].inputs[input as usize].push(index);
    }

    /// The lanes of the batch.
    #[must_use]
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes[..self.used]
    }
}

/// The memory of a list, for records of another batch: a list of thousands anew for every batch is cleared by the
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

fn take<R: InboundRecord>(record: R, records: &mut Vec<R>, lanes: &mut Lanes) {
    let source = record.source();
    lanes.push(source.partition, source.input, u32::try_from(records.len()).unwrap_or(u32::MAX));
    records.push(record);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each record: input, time. Expected: indices in the order of decision.
    fn check(records: &[(Input, i64)], expected: &[u32]) {
        let mut lanes = Lanes::default();
        for (index, (input, _)) in (0..).zip(records) {
            lanes.push(3, *input, index);
        }
        let order: Vec<u32> = lanes.lanes()[0].merged([true; 2], |index| records[index as usize].1).collect();
        assert_eq!(order, expected);
    }

    #[test]
    fn merges_by_time_and_puts_account_events_first_where_equal() {
        use Input::{AccountEvents as A, PosEvents as P};
        check(&[(P, 10), (P, 20), (A, 5), (A, 10), (A, 30)], &[2, 3, 0, 1, 4]);
        check(&[(A, 10), (P, 9), (P, 10), (A, 11)], &[1, 0, 2, 3]);
        check(&[(P, 1), (P, 2)], &[0, 1]);
    }

    #[test]
    fn keeps_the_offset_order_of_each_input_where_times_go_back() {
        use Input::{AccountEvents as A, PosEvents as P};
        check(&[(P, 50), (P, 10), (A, 20)], &[2, 0, 1]);
        check(&[(P, 10), (P, 5), (A, 20), (A, 1)], &[0, 1, 2, 3]);
    }

    #[test]
    fn holds_the_rest_where_the_broker_has_more_of_the_other_input() {
        let mut lanes = Lanes::default();
        let times = [10, 20, 5, 15];
        for (index, input) in [Input::PosEvents, Input::PosEvents, Input::AccountEvents, Input::AccountEvents]
            .into_iter()
            .enumerate()
        {
            lanes.push(0, input, index as u32);
        }
        let order =
            |ended| -> Vec<u32> { lanes.lanes()[0].merged(ended, |index| times[index as usize]).collect() };
        assert_eq!(order([true, true]), [2, 0, 3, 1]);
        assert_eq!(
            order([true, false]),
            [2, 0, 3],
            "account events to come may lie before the last POS event"
        );
        assert_eq!(order([false, true]), [2, 0, 3, 1]);
    }

    #[test]
    fn keeps_partitions_apart_and_starts_clean() {
        let mut lanes = Lanes::default();
        lanes.push(7, Input::PosEvents, 0);
        lanes.push(2, Input::PosEvents, 1);
        lanes.push(7, Input::AccountEvents, 2);
        let found: Vec<_> = lanes
            .lanes()
            .iter()
            .map(|lane| (lane.partition, lane.merged([true; 2], i64::from).count()))
            .collect();
        assert_eq!(found, [(7, 2), (2, 1)]);
        lanes.clear();
        lanes.push(2, Input::PosEvents, 0);
        assert_eq!(lanes.lanes().len(), 1);
        assert_eq!(
            (lanes.lanes()[0].partition, lanes.lanes()[0].merged([true; 2], i64::from).count()),
            (2, 1)
        );
    }
}
