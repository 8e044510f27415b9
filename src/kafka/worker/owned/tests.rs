//! What a unit holds while it waits for an input: bounds of it, and when delivery is paused.

use super::*;
use crate::domain::PartitionId;
use crate::domain::flow::TWO as FLOW;
use std::cell::RefCell;

const UNIT: Unit = Unit { flow: &FLOW, partition: PartitionId::new(0) };

/// A consumer that notes which inputs are paused.
#[derive(Default)]
struct Noting {
    paused: RefCell<Vec<usize>>,
}

/// A record of so many bytes.
struct Bytes(usize);

impl LentRecord for Bytes {
    fn source(&self) -> InputPartition {
        InputPartition { unit: UNIT, input: 0 }
    }
    fn offset(&self) -> i64 {
        0
    }
    fn timestamp_millis(&self) -> i64 {
        0
    }
    fn key(&self) -> Option<&[u8]> {
        None
    }
    fn value(&self) -> Option<&[u8]> {
        Some(&[0; 1 << 20][..self.0])
    }
    fn header(&self, _name: &str) -> Option<&[u8]> {
        None
    }

    fn schema_guid(&self) -> Option<[u8; 16]> {
        None
    }
    fn headers_bytes(&self) -> usize {
        0
    }
}

impl GroupConsumer for Noting {
    type Record<'a> = Bytes;
    type Membership = ();

    fn poll(&self, _: Duration) -> Result<Option<Bytes>, Fault> {
        Ok(None)
    }
    fn changes_waiting(&self) -> bool {
        false
    }
    fn take_changes(&self) -> Vec<Rebalance> {
        Vec::new()
    }
    fn assign(&self, _: &[InputPartition]) -> Result<(), Fault> {
        Ok(())
    }
    fn unassign(&self, _: &[InputPartition]) -> Result<(), Fault> {
        Ok(())
    }
    fn pause(&self, _: Unit) -> Result<(), Fault> {
        Ok(())
    }
    fn resume(&self, _: Unit, _: &Positions) -> Result<(), Fault> {
        Ok(())
    }
    fn pause_input(&self, at: InputPartition) -> Result<(), Fault> {
        self.paused.borrow_mut().push(at.input);
        Ok(())
    }
    fn resume_input(&self, at: InputPartition) -> Result<(), Fault> {
        self.paused.borrow_mut().retain(|input| *input != at.input);
        Ok(())
    }
    fn undelivered(&self, _: InputPartition) -> Option<i64> {
        Some(3)
    }
    fn detach(record: Bytes) -> Bytes {
        record
    }
    fn lend<'a>(record: Bytes) -> Bytes
    where
        Self: 'a,
    {
        record
    }
    fn membership(&self) -> Result<(), Fault> {
        Ok(())
    }
    fn take_ends(&self) -> Vec<(InputPartition, crate::kafka::port::InputReach)> {
        Vec::new()
    }
    fn leave(self) {}
}

/// Holds so many records of so many bytes, time after time; whether delivery is paused then.
fn check(steps: &[(usize, usize, bool)]) {
    let consumer = Noting::default();
    let mut units: OwnedUnits<Bytes> = OwnedUnits::new(0, Arc::new(Health::new(1)));
    units.units.insert(UNIT, OwnedUnit::of(&FLOW));
    for (count, bytes, paused) in steps {
        let held = (0..*count).map(|_| Bytes(*bytes)).collect();
        units.hold(&consumer, UNIT, &[1], held, Duration::ZERO).expect("no fault");
        let expected: &[usize] = if *paused { &[0] } else { &[] };
        assert_eq!(*consumer.paused.borrow(), expected, "{count} records of {bytes} bytes");
    }
}

#[test]
fn delivery_stops_while_too_many_records_are_held_and_goes_on_at_half() {
    let half = HELD_MAX / 2;
    check(&[(HELD_MAX - 1, 1, false), (HELD_MAX, 1, true), (half, 1, true), (half - 1, 1, false)]);
    check(&[(HELD_MAX, 1, true), (0, 0, false)]);
}

#[test]
fn delivery_stops_while_too_many_bytes_are_held_and_goes_on_at_half() {
    let most = HELD_BYTES_MAX >> 20;
    check(&[(most - 1, 1 << 20, false), (most, 1 << 20, true), (most / 2, 1 << 20, true)]);
    check(&[(most, 1 << 20, true), (most / 2 - 1, 1 << 20, false)]);
}
