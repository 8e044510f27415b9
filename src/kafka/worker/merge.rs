//! The records of a batch by unit, and the order in which a unit's are decided: its inputs merged by record time, each in
//! the order of its offsets. Here alone it is decided what is waited for: where an input has run out of which the broker
//! has more, the rest of the others is left, since what is to come may lie before it. Once the lists exist, nothing is
//! allocated per record.

use crate::domain::flow::{InputPartition, Unit};
use crate::kafka::by_unit::ByUnit;
use smallvec::SmallVec;

/// A question about each input of a unit.
pub type PerInput<T> = SmallVec<[T; 2]>;

/// The records of one unit, as indices into the batch.
#[derive(Debug)]
pub struct Lane {
    /// The unit.
    pub unit: Unit,
    inputs: PerInput<Vec<u32>>,
}

impl Lane {
    fn of(unit: Unit) -> Self {
        Self { unit, inputs: unit.flow.inputs.iter().map(|_| Vec::new()).collect() }
    }

    /// The records in the order in which they are decided. `ended`: the inputs of which the broker has no more.
    pub fn merged<'a, T: Fn(u32) -> i64>(&'a self, ended: &'a [bool], time_of: T) -> Merged<'a, T> {
        let heads = self.inputs.iter().map(|input| Some((0, time_of(*input.first()?)))).collect();
        Merged { lane: self, ended, time_of, heads }
    }

    /// The last record of an input, if it has any.
    #[must_use]
    pub fn last_of(&self, input: Option<usize>) -> Option<u32> {
        self.inputs.get(input?)?.last().copied()
    }

    /// Which inputs have records in it.
    #[must_use]
    pub fn present(&self) -> PerInput<bool> {
        self.inputs.iter().map(|input| !input.is_empty()).collect()
    }
}

/// Records in the order in which they are decided.
pub struct Merged<'a, T> {
    lane: &'a Lane,
    ended: &'a [bool],
    time_of: T,
    /// Of each input the place of its next record, and the record's time; none where it has run out.
    heads: PerInput<Option<(usize, i64)>>,
}

impl<T: Fn(u32) -> i64> Merged<'_, T> {
    /// Inputs that have run out and of which there is more: they are waited for, where any other record is left.
    pub fn awaited(&self) -> PerInput<usize> {
        if self.heads.iter().all(Option::is_none) {
            return PerInput::new();
        }
        let inputs = self.heads.iter().zip(self.ended).enumerate();
        inputs.filter(|(_, (head, ended))| head.is_none() && !**ended).map(|(input, _)| input).collect()
    }
}

impl<T: Fn(u32) -> i64> Iterator for Merged<'_, T> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let mut first: Option<(usize, usize, i64)> = None;
        for (input, (head, ended)) in self.heads.iter().zip(self.ended).enumerate() {
            match (head, ended) {
                // Of the same time, those of a later input come first.
                (Some((place, time)), _) if first.is_none_or(|(.., least)| *time <= least) => {
                    first = Some((input, *place, *time));
                }
                (Some(_), _) | (None, true) => {}
                (None, false) => return None,
            }
        }
        let (input, place, _) = first?;
        let records = &self.lane.inputs[input];
        self.heads[input] = records.get(place + 1).map(|next| (place + 1, (self.time_of)(*next)));
        Some(records[place])
    }
}

/// The lanes of a batch, kept from batch to batch.
#[derive(Debug, Default)]
pub struct Lanes {
    lanes: Vec<Lane>,
    used: usize,
    /// The place of each unit's lane plus one; 0: it has none in this batch.
    places: ByUnit<u32>,
}

impl Lanes {
    /// Begins a batch.
    pub fn clear(&mut self) {
        let Self { lanes, used, places } = self;
        for lane in &mut lanes[..*used] {
            lane.inputs.iter_mut().for_each(Vec::clear);
            if let Some(place) = places.of(lane.unit) {
                *place = 0;
            }
        }
        *used = 0;
    }

    /// Adds a record of the batch.
    pub fn push(&mut self, at: InputPartition, index: u32) {
        let Some(place) = self.places.of(at.unit) else { return };
        if *place == 0 {
            let lane = self.used;
            // One that was the unit's before has the room that it needs.
            match self.lanes[lane..].iter().position(|spare| spare.unit == at.unit) {
                Some(own) => self.lanes.swap(lane, lane + own),
                None => {
                    self.lanes.push(Lane::of(at.unit));
                    let last = self.lanes.len() - 1;
                    self.lanes.swap(lane, last);
                }
            }
            self.used += 1;
            *place = u32::try_from(self.used).unwrap_or(u32::MAX);
        }
        self.lanes[*place as usize - 1].inputs[at.input].push(index);
    }

    /// The lanes of the batch.
    #[must_use]
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes[..self.used]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::flow::{Flow, TWO};
    use proptest::prelude::*;

    static THREE: Flow = Flow { name: "three", inputs: &["a", "b", "c"], ..TWO };
    const E: usize = 0;
    const R: usize = 1;

    fn at(flow: &'static Flow, partition: i32, input: usize) -> InputPartition {
        InputPartition { unit: Unit { flow, partition: partition.into() }, input }
    }

    fn lanes(flow: &'static Flow, records: &[(usize, i64)]) -> Lanes {
        let mut lanes = Lanes::default();
        for (index, (input, _)) in (0..).zip(records) {
            lanes.push(at(flow, 3, *input), index);
        }
        lanes
    }

    /// Each record: input, time. Expected: indices in the order of decision.
    fn check(records: &[(usize, i64)], expected: &[u32]) {
        let lanes = lanes(&TWO, records);
        let order: Vec<u32> =
            lanes.lanes()[0].merged(&[true; 2], |index| records[index as usize].1).collect();
        assert_eq!(order, expected);
    }

    #[test]
    fn merges_by_time_and_puts_the_later_input_first_where_equal() {
        check(&[(E, 10), (E, 20), (R, 5), (R, 10), (R, 30)], &[2, 3, 0, 1, 4]);
        check(&[(R, 10), (E, 9), (E, 10), (R, 11)], &[1, 0, 2, 3]);
        check(&[(E, 1), (E, 2)], &[0, 1]);
    }

    #[test]
    fn keeps_the_offset_order_of_each_input_where_times_go_back() {
        check(&[(E, 50), (E, 10), (R, 20)], &[2, 0, 1]);
        check(&[(E, 10), (E, 5), (R, 20), (R, 1)], &[0, 1, 2, 3]);
    }

    #[test]
    fn leaves_the_rest_where_the_broker_has_more_of_another_input() {
        let records = [(E, 10), (E, 20), (R, 5), (R, 15)];
        let lanes = lanes(&TWO, &records);
        let order = |ended: [bool; 2]| -> (Vec<u32>, Vec<usize>) {
            let mut merged = lanes.lanes()[0].merged(&ended, |index| records[index as usize].1);
            let order = merged.by_ref().collect();
            (order, merged.awaited().to_vec())
        };
        assert_eq!(order([true, true]), (vec![2, 0, 3, 1], vec![]));
        assert_eq!(
            order([true, false]),
            (vec![2, 0, 3], vec![R]),
            "what is to come may lie before the last one"
        );
        assert_eq!(order([false, true]), (vec![2, 0, 3, 1], vec![]), "nothing is left");
        assert_eq!(order([false, false]), (vec![2, 0, 3], vec![R]));
    }

    #[test]
    fn keeps_units_apart_and_starts_clean() {
        let mut lanes = Lanes::default();
        lanes.push(at(&TWO, 7, E), 0);
        lanes.push(at(&THREE, 7, E), 1);
        lanes.push(at(&TWO, 7, R), 2);
        let found = |lanes: &Lanes| -> Vec<(&str, i32, usize)> {
            let count = |lane: &Lane| lane.inputs.iter().map(Vec::len).sum();
            let of = |lane: &Lane| (lane.unit.flow.name, lane.unit.partition.number(), count(lane));
            lanes.lanes().iter().map(of).collect()
        };
        assert_eq!(found(&lanes), [("two", 7, 2), ("three", 7, 1)]);
        lanes.clear();
        lanes.push(at(&THREE, 7, 2), 0);
        assert_eq!(found(&lanes), [("three", 7, 1)]);
        lanes.clear();
        lanes.push(at(&TWO, 2, E), 0);
        lanes.push(at(&TWO, 7, E), 1);
        assert_eq!(found(&lanes), [("two", 2, 1), ("two", 7, 1)]);
    }

    proptest! {
        /// Three inputs, any of which may not have ended: what is decided is a beginning of what would be decided of all,
        /// whatever comes later of the inputs that have not.
        #[test]
        fn whatever_comes_later_belongs_behind(
            records in prop::collection::vec((0usize..3, 0i64..20), 0..40),
            ended in prop::array::uniform3(any::<bool>()),
            later in prop::collection::vec((0usize..3, 0i64..20), 0..40),
        ) {
            // Within an input times grow, as they do where brokers write them.
            let mut all: Vec<(usize, i64)> = records.clone();
            let later: Vec<_> = later.into_iter().filter(|(input, _)| !ended[*input]).collect();
            all.extend(later);
            let mut last = [0; 3];
            for (input, time) in &mut all {
                last[*input] = last[*input].max(*time);
                *time = last[*input];
            }
            let now: Vec<_> = all[..records.len()].to_vec();
            let (some, whole) = (lanes(&THREE, &now), lanes(&THREE, &all));
            let order = |lanes: &Lanes, ended: [bool; 3]| -> Vec<u32> {
                let lane = lanes.lanes().first();
                lane.map_or_else(Vec::new, |lane| {
                    lane.merged(&ended, |index| all[index as usize].1).collect()
                })
            };
            let decided = order(&some, ended);
            prop_assert!(order(&whole, [true; 3]).starts_with(&decided));
        }
    }
}
