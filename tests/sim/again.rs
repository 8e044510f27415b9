//! A unit of a flow beside POS events that is decided again, in an order that its messages record, and what its journal and its
//! dead letters say. What the messages say is the flow's own business.

use std::{collections::BTreeSet, sync::Arc};

use tillgate::{
    domain::{PartitionId, flow::Flow, record::RecordTime, reply::REQUEST_ID},
    kafka::port::Unit,
    pipeline::{DecisionSink, InputRecord, Model, Partition, Restore},
};

use super::{
    checker::{Stored, stored},
    log::{Record, Topic, place_of},
    planted::is_poison,
    world::World,
};

/// Input, partition and offset of a record.
pub type Place = (usize, PartitionId, i64);

/// A dead letter by what it is about, and its code.
pub type Letter = (usize, PartitionId, i64, String);

/// A record of a flow as it is decided.
pub fn in_record<'r>(flow: &Flow, (input, partition, offset): Place, record: &'r Record) -> InputRecord<'r> {
    InputRecord {
        input,
        partition,
        offset,
        timestamp_millis: record.timestamp_millis,
        time: RecordTime::of_millis(record.timestamp_millis),
        key: record.key.as_deref(),
        value: record.value.as_deref(),
        schema_guid: None,
        request_id: record.header(REQUEST_ID).filter(|_| flow.asked.contains(&input)),
    }
}

/// The dead letters of a flow, whose inputs have these topics.
pub fn letters(
    world: &World,
    flow: &'static Flow,
    inputs: &[&str],
    partitions: u32,
) -> Result<Vec<Letter>, String> {
    let mut found = Vec::new();
    for partition in PartitionId::all(partitions) {
        for (_, record) in stored(world, (Topic::DeadLetters(flow), partition)) {
            let header = |name| String::from_utf8_lossy(record.header(name).unwrap_or_default()).into_owned();
            let topic = header("source.topic");
            let input = inputs.iter().position(|name| *name == topic).ok_or("a letter of no input")?;
            let number = |name| header(name).parse::<i64>().map_err(|error| format!("{name}: {error}"));
            let partition = PartitionId::new(number("source.partition")? as i32);
            found.push((input, partition, number("source.offset")?, header("error.code")));
        }
    }
    found.sort();
    Ok(found)
}

/// The records that were given up, by the dead letters.
pub fn given_up(letters: &[Letter]) -> BTreeSet<Place> {
    let given_up = letters.iter().filter(|(.., code)| code == "500");
    given_up.map(|(input, partition, offset, _)| (*input, *partition, *offset)).collect()
}

/// A unit that is decided again.
pub struct Again<'a, M: Model, P> {
    pub unit: Unit,
    pub decided: Partition<M>,
    pub published: P,
    inputs: Vec<Vec<Stored>>,
    next: Vec<usize>,
    given_up: &'a BTreeSet<Place>,
}

impl<'a, M: Model, P: DecisionSink<M> + Default> Again<'a, M, P>
where
    for<'o> (): Into<M::Outside<'o>>,
{
    /// Before its first record, with nothing in its state.
    pub fn of(world: &World, unit: Unit, empty: Partition<M>, given_up: &'a BTreeSet<Place>) -> Self {
        let inputs: Vec<_> = unit.inputs().map(|at| stored(world, place_of(at))).collect();
        let next = vec![0; inputs.len()];
        Self { unit, decided: empty, published: P::default(), inputs, next, given_up }
    }

    /// Whether no record was ever sent to it.
    pub fn is_idle(&self) -> bool {
        self.inputs.iter().all(Vec::is_empty)
    }

    /// Decides the records of an input before an offset.
    pub fn feed_until(&mut self, input: usize, until: i64) -> Result<(), String> {
        while let Some((offset, record)) = self.inputs[input].get(self.next[input]) {
            if *offset >= until {
                break;
            }
            let in_record = in_record(M::FLOW, (input, self.unit.partition, *offset), record);
            self.next[input] += 1;
            if self.given_up.contains(&(input, self.unit.partition, *offset)) {
                if !is_poison(record.value.as_deref()) {
                    return Err(format!("input {input} offset {offset} was given up for no reason"));
                }
                self.decided.on_failed_record(&in_record, &mut self.published);
                continue;
            }
            let taken = self.decided.on_record((), &in_record, &mut self.published);
            taken.map_err(|interrupt| format!("input {input} offset {offset}: {interrupt}"))?;
        }
        Ok(())
    }

    /// Decides whatever is left.
    pub fn feed_all(&mut self) -> Result<(), String> {
        (0..self.inputs.len()).rev().try_for_each(|input| self.feed_until(input, i64::MAX))
    }

    /// What the journal folds to, from where it begins now and from its very beginning.
    pub fn folds(
        &self,
        world: &World,
        empty: impl Fn() -> Partition<M>,
    ) -> Result<[Partition<M>; 2], String> {
        let log = &world.logs[&(Topic::Journal(M::FLOW), self.unit.partition)];
        let fold = |records: Vec<(i64, &Arc<Record>)>| {
            let mut restore = Restore::new(empty());
            for (at, record) in records {
                let value = record.value.as_deref().unwrap_or_default();
                restore.on_record(value).map_err(|fault| format!("journal at {at}: {fault}"))?;
            }
            restore.finish().map_err(|fault| format!("journal: {fault}"))
        };
        Ok([fold(log.committed(0).collect())?, fold(log.ever_committed().collect())?])
    }
}
