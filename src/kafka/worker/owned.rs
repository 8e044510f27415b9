//! Which units are ours, and the state of each: answers to the group, restores that come back, units that wait.
//! Everything here happens between transactions, so nothing that is let go has unfinished work.
//!
//! A unit is restored and decided once all of its inputs are ours, and its state is dropped as soon as one of them goes.
//! State never survives a revocation, however short: somebody else may have decided meanwhile.

use super::merge::PerInput;
use super::ticks::{Ticking, is_read_to_the_end};
use super::waiting::Wait;
use crate::domain::flow::{Flow, InputPartition, Positions, Unit};
use crate::kafka::failure::Fault;
use crate::kafka::health::Health;
use crate::kafka::port::{Broker, GroupConsumer, InputReach, LentRecord, Rebalance};
use crate::kafka::takeover::lost_input::ResumePoint;
use crate::kafka::takeover::restore::{RestoreError, Restored, Restores, Ticket};
use crate::pipeline::Decider;
use crate::telemetry::standing::PartitionStanding;
use crate::telemetry::{self};
use smallvec::smallvec;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Records held of a unit, at most, while an input is fetched; from here on the delivery of the others is paused.
const HELD_MAX: usize = 20_000;
/// Bytes of keys and values of them, likewise.
const HELD_BYTES_MAX: usize = 16 << 20;

/// At which look, a second after the other, the log is told of a wait for a schema: a registry answers within milliseconds.
const WAITS_TOLD_AT: u32 = 2;

/// What a unit is doing.
pub enum UnitState {
    /// Not all of its inputs are ours.
    Half,
    /// Its journal is being read.
    Restoring(Ticket),
    /// Deciding.
    Active(Box<dyn Decider>),
    /// Paused until it can go on; so many looks have found it so.
    Waiting(Box<dyn Decider>, u32),
    /// Paused for a person.
    Refused,
}

struct OwnedUnit<R> {
    /// Which inputs are ours.
    inputs: PerInput<bool>,
    state: UnitState,
    /// Where the inputs begin that lost what the state has to read next, if that is passed over.
    starts: Positions,
    /// The last committed record of its journal is this worker's.
    claimed: bool,
    /// Where the running rotation began in the journal, if it was asked.
    rotation_start: Option<i64>,
    /// Records of the last batch that wait for an input.
    held: Vec<R>,
    /// The inputs whose delivery is paused because too many are held.
    paused: PerInput<bool>,
    /// The inputs that are waited for.
    awaited: PerInput<Option<Wait>>,
    ticking: Ticking,
    /// How often in a row it was found that some inputs are ours, and not all.
    found_half: u32,
}

impl<R> OwnedUnit<R> {
    fn of(flow: &Flow) -> Self {
        let inputs = flow.inputs.len();
        Self {
            inputs: smallvec![false; inputs],
            state: UnitState::Half,
            starts: Positions::none(flow),
            claimed: false,
            rotation_start: None,
            held: Vec::new(),
            paused: smallvec![false; inputs],
            awaited: smallvec![None; inputs],
            ticking: Ticking::default(),
            found_half: 0,
        }
    }

    fn is_whole(&self) -> bool {
        self.inputs.iter().all(|ours| *ours)
    }

    /// The unit was moved: what was held comes again.
    fn drop_held(&mut self) {
        self.held.clear();
        self.paused.fill(false);
        self.awaited.fill(None);
    }
}

/// The units of a worker.
pub struct OwnedUnits<R> {
    worker: usize,
    health: Arc<Health>,
    units: BTreeMap<Unit, OwnedUnit<R>>,
}

impl<R: LentRecord> OwnedUnits<R> {
    /// None yet.
    pub fn new(worker: usize, health: Arc<Health>) -> Self {
        Self { worker, health, units: BTreeMap::new() }
    }

    /// The state of a unit that decides.
    pub fn active(&mut self, unit: Unit) -> Option<&mut dyn Decider> {
        match &mut self.units.get_mut(&unit)?.state {
            UnitState::Active(decider) => Some(&mut **decider),
            _ => None,
        }
    }

    /// Whether the last committed record of a unit's journal is this worker's.
    pub fn is_claimed(&self, unit: Unit) -> bool {
        self.units.get(&unit).is_some_and(|owned| owned.claimed)
    }

    /// A journal record of this worker is committed.
    pub fn mark_claimed(&mut self, unit: Unit) {
        if let Some(owned) = self.units.get_mut(&unit) {
            owned.claimed = true;
        }
    }

    /// Every unit that has a state, with it.
    pub fn deciders(&self) -> impl Iterator<Item = (Unit, &dyn Decider)> {
        self.units.iter().filter_map(|(unit, owned)| match &owned.state {
            UnitState::Active(decider) | UnitState::Waiting(decider, _) => Some((*unit, &**decider)),
            _ => None,
        })
    }

    /// Units that have been found to be ours in part for so many times: each call is one. Others have the rest of their
    /// inputs, or nobody has.
    pub fn halves(&mut self, times: u32) -> Vec<(Unit, String)> {
        let mut halves = Vec::new();
        for (unit, owned) in &mut self.units {
            owned.found_half = if owned.is_whole() { 0 } else { owned.found_half.saturating_add(1) };
            if owned.found_half < times {
                continue;
            }
            let named = |ours| {
                let inputs = unit.inputs().filter(|at| owned.inputs[at.input] == ours);
                inputs.map(InputPartition::name).collect::<Vec<_>>().join(", ")
            };
            let why = format!(
                "{unit}: the group gave {} of it to this worker, and {} to no worker of its kind: a process of an older \
                 release, which reads fewer inputs, is in the group: see \"Upgrade and rollback\" in docs/operations.md",
                named(true),
                named(false)
            );
            halves.push((*unit, why));
        }
        halves
    }

    /// What a unit's ticks are judged by.
    pub fn ticking(&mut self, unit: Unit) -> Option<&mut Ticking> {
        self.units.get_mut(&unit).map(|owned| &mut owned.ticking)
    }

    /// The ticks to write now, of units that are read to the ends of all inputs: as `ends` has them, of just now.
    pub fn due_ticks(
        &mut self,
        ends: &[(InputPartition, InputReach)],
        now: Duration,
        wall_millis: i64,
    ) -> Vec<(Unit, Vec<u8>)> {
        let mut due = Vec::new();
        for (unit, owned) in &mut self.units {
            let UnitState::Active(decider) = &owned.state else { continue };
            let Some(next) = decider.next_tick().filter(|_| owned.held.is_empty()) else { continue };
            let reach = |input| ends.iter().find(|(at, _)| at.unit == *unit && at.input == input);
            let read = is_read_to_the_end(*unit, decider.positions().iter(), |input| Some(reach(input)?.1));
            if read && owned.ticking.is_due(&next, now, wall_millis) {
                due.push((*unit, next.value));
            }
        }
        due
    }

    /// How many records are held of each unit.
    pub fn held_counts(&self) -> impl Iterator<Item = (Unit, usize)> {
        self.units.iter().map(|(unit, owned)| (*unit, owned.held.len()))
    }

    fn note(&self, unit: Unit, health: PartitionStanding) {
        self.health.partition(self.worker, unit, health);
    }

    /// Answers what the group asked.
    ///
    /// # Errors
    /// The member has lost its place: rebuild.
    pub fn answer<B: Broker>(
        &mut self,
        consumer: &B::Consumer,
        restores: &mut Restores<B>,
    ) -> Result<(), Fault> {
        for change in consumer.take_changes() {
            match change {
                Rebalance::Assigned(partitions) => {
                    consumer.assign(&partitions)?;
                    for at in partitions {
                        self.gain(at, restores);
                    }
                }
                Rebalance::Revoked(partitions) => {
                    for at in &partitions {
                        self.lose(*at);
                    }
                    consumer.unassign(&partitions)?;
                }
            }
        }
        Ok(())
    }

    fn gain<B: Broker>(&mut self, at: InputPartition, restores: &mut Restores<B>) {
        let owned = self.units.entry(at.unit).or_insert_with(|| OwnedUnit::of(at.unit.flow));
        owned.inputs[at.input] = true;
        if owned.is_whole() {
            log::info!("{}: assigned, restoring", at.unit);
            self.restore(at.unit, restores);
        }
    }

    fn lose(&mut self, at: InputPartition) {
        let Some(owned) = self.units.get_mut(&at.unit) else { return };
        owned.inputs[at.input] = false;
        if owned.inputs.iter().any(|ours| *ours) {
            owned.state = UnitState::Half;
            owned.drop_held();
        } else {
            self.units.remove(&at.unit);
            log::info!("{}: let go", at.unit);
        }
        self.health.forget(self.worker, at.unit);
    }

    /// Drops the state of a unit and asks for it from the journal.
    pub fn restore<B: Broker>(&mut self, unit: Unit, restores: &mut Restores<B>) {
        self.note(unit, PartitionStanding::Restoring { done: 0, of: 0, entries: 0 });
        if let Some(owned) = self.units.get_mut(&unit) {
            let ticket = restores.ask(unit);
            let inputs = std::mem::take(&mut owned.inputs);
            *owned = OwnedUnit { inputs, state: UnitState::Restoring(ticket), ..OwnedUnit::of(unit.flow) };
        }
    }

    /// Lets a restored unit decide, or says why it cannot.
    ///
    /// # Errors
    /// The unit or its journal cannot be read: rebuild.
    pub fn restored<C: GroupConsumer>(&mut self, consumer: &C, restored: Restored) -> Result<(), Fault> {
        let unit = restored.unit;
        let Some(owned) = self.units.get_mut(&unit) else { return Ok(()) };
        match &owned.state {
            UnitState::Restoring(ticket) if ticket.is_for(&restored) => {}
            _ => return Ok(()),
        }
        match restored.result {
            Ok((decider, ResumePoint { positions, lost })) => {
                consumer.resume(unit, &positions)?;
                owned.drop_held();
                let lost_at = |(position, lost): (Option<i64>, &u64)| position.filter(|_| *lost > 0);
                owned.starts = positions.iter().zip(&lost).map(lost_at).collect();
                owned.state = UnitState::Active(decider);
                for (at, lost) in unit.inputs().zip(lost) {
                    telemetry::lost_input(at.name(), lost);
                }
                log::info!("{unit}: active at {}", positions.words(unit.flow));
                self.note(unit, PartitionStanding::Active);
            }
            Err(RestoreError::NotWanted) => {}
            Err(RestoreError::Fault(fault)) => return Err(fault),
            Err(error) => {
                log::error!("{error}");
                owned.state = UnitState::Refused;
                self.note(unit, PartitionStanding::Blocked(error.to_string()));
            }
        }
        Ok(())
    }

    /// Pauses a unit at its state's positions until the schema of its next record is there.
    ///
    /// # Errors
    /// The unit cannot be moved: rebuild.
    pub fn wait_for_schema<C: GroupConsumer>(&mut self, consumer: &C, unit: Unit) -> Result<(), Fault> {
        let Some(owned) = self.units.get_mut(&unit) else { return Ok(()) };
        match std::mem::replace(&mut owned.state, UnitState::Half) {
            UnitState::Active(decider) => {
                // What was read past the blocked record is forgotten by moving back when it resumes.
                consumer.pause(unit)?;
                owned.state = UnitState::Waiting(decider, 0);
                let text = "waiting for a schema: the schema registry has not answered";
                self.note(unit, PartitionStanding::Blocked(text.to_owned()));
            }
            other => owned.state = other,
        }
        Ok(())
    }

    /// The units that wait for a schema, which may be there any moment.
    pub fn waiting(&self) -> impl Iterator<Item = Unit> {
        let waits = |owned: &OwnedUnit<R>| matches!(owned.state, UnitState::Waiting(..));
        self.units.iter().filter(move |(_, owned)| waits(owned)).map(|(unit, _)| *unit)
    }

    /// Tells in the log, once, of units that wait for a schema and did at the last look: each call is one.
    pub fn tell_of_waits(&mut self) {
        for (unit, owned) in &mut self.units {
            let UnitState::Waiting(_, looks) = &mut owned.state else { continue };
            *looks = looks.saturating_add(1);
            if *looks == WAITS_TOLD_AT {
                log::warn!(
                    "{unit}: waits for a schema: the schema registry does not answer; /readyz says more"
                );
            }
        }
    }

    /// Puts an active unit's state back as of its last commit, and moves it there.
    ///
    /// # Errors
    /// The unit cannot be moved: rebuild.
    pub fn abort<C: GroupConsumer>(&mut self, consumer: &C, unit: Unit) -> Result<(), Fault> {
        let Some(owned) = self.units.get_mut(&unit) else { return Ok(()) };
        if let UnitState::Active(decider) = &mut owned.state {
            decider.aborted();
            consumer.resume(unit, &decider.positions().later(&owned.starts))?;
            owned.drop_held();
        }
        Ok(())
    }

    /// The units that are decided.
    pub fn actives(&self) -> impl Iterator<Item = Unit> {
        let active = |owned: &OwnedUnit<R>| matches!(owned.state, UnitState::Active(_));
        self.units.iter().filter(move |(_, owned)| active(owned)).map(|(unit, _)| *unit)
    }

    /// All units of which something is ours.
    pub fn units(&self) -> impl Iterator<Item = Unit> {
        self.units.keys().copied()
    }

    /// Stops deciding on every unit of a flow: their states are dropped, and a person must look at it.
    ///
    /// # Errors
    /// Delivery cannot be paused: rebuild.
    pub fn refuse_all<C: GroupConsumer>(
        &mut self,
        consumer: &C,
        flow: &Flow,
        why: &str,
    ) -> Result<(), Fault> {
        for (unit, owned) in self.units.iter_mut().filter(|(unit, _)| unit.flow == flow) {
            if !owned.is_whole() || matches!(owned.state, UnitState::Refused) {
                continue;
            }
            consumer.pause(*unit)?;
            owned.drop_held();
            owned.state = UnitState::Refused;
            self.health.partition(self.worker, *unit, PartitionStanding::Blocked(why.to_owned()));
        }
        Ok(())
    }

    /// What was held of the last batches, to be part of the next.
    pub fn take_held(&mut self) -> Vec<R> {
        self.units.values_mut().flat_map(|owned| std::mem::take(&mut owned.held)).collect()
    }

    /// Holds records of a unit until the inputs that are `missing` have come; pauses the others where they are too many.
    ///
    /// # Errors
    /// Delivery cannot be paused or resumed: rebuild.
    pub fn hold<C: GroupConsumer>(
        &mut self,
        consumer: &C,
        unit: Unit,
        missing: &[usize],
        held: Vec<R>,
        now: Duration,
    ) -> Result<(), Fault> {
        let Some(owned) = self.units.get_mut(&unit) else { return Ok(()) };
        for input in missing {
            owned.awaited[*input].get_or_insert_with(|| Wait::new(now));
        }
        let bytes = held.iter().map(size).sum();
        for at in unit.inputs() {
            let has = held.iter().any(|record| record.source().input == at.input);
            let paused = &mut owned.paused[at.input];
            let too_many = has && are_too_many(held.len(), bytes, *paused);
            if *paused && !too_many {
                consumer.resume_input(at)?;
            } else if !*paused && too_many {
                consumer.pause_input(at)?;
            }
            *paused = too_many;
        }
        owned.held = held;
        Ok(())
    }

    /// Of which inputs the broker has no more, or which are not waited for any longer. `present`: which have records in
    /// the batch; `idle`: how long nothing came before it.
    pub fn exhausted<C: GroupConsumer>(
        &mut self,
        consumer: &C,
        unit: Unit,
        present: &[bool],
        idle: Duration,
        now: Duration,
    ) -> PerInput<bool> {
        let Some(owned) = self.units.get_mut(&unit) else { return smallvec![false; present.len()] };
        let exhausted = |at: InputPartition| {
            let wait = &mut owned.awaited[at.input];
            if present[at.input] {
                *wait = None;
            }
            match (consumer.undelivered(at), wait) {
                (Some(0), _) => true,
                (_, None) => false,
                (missing, Some(wait)) => {
                    wait.lengthen(at, missing, idle, now);
                    wait.over
                }
            }
        };
        unit.inputs().map(exhausted).collect()
    }

    /// Lets units go on whose wait is over; where the log was told of the wait, it is told of its end.
    ///
    /// # Errors
    /// A unit cannot be moved: rebuild.
    pub fn wake<C: GroupConsumer>(&mut self, consumer: &C) -> Result<(), Fault> {
        for (unit, owned) in &mut self.units {
            if !matches!(&owned.state, UnitState::Waiting(decider, _) if decider.can_go_on()) {
                continue;
            }
            if let UnitState::Waiting(decider, looks) = std::mem::replace(&mut owned.state, UnitState::Half) {
                consumer.resume(*unit, &decider.positions().later(&owned.starts))?;
                owned.drop_held();
                if looks >= WAITS_TOLD_AT {
                    log::info!("{unit}: goes on, its schema is there");
                }
                owned.state = UnitState::Active(decider);
                self.health.partition(self.worker, *unit, PartitionStanding::Active);
            }
        }
        Ok(())
    }

    /// Looks after the journal of a unit whose batch is committed: notes where a rotation began and, once it is
    /// complete, cuts off what lies before it.
    pub fn trim<B: Broker>(&mut self, broker: &B, unit: Unit, rotation: RotationStep) {
        let Some(owned) = self.units.get_mut(&unit) else { return };
        if rotation.begins {
            owned.rotation_start = rotation.start;
        }
        if rotation.completes
            && let Some(before) = owned.rotation_start.take()
        {
            broker.trim_journal(unit, before);
        }
    }
}

/// Whether so many records, of so many bytes, are too many to be held beside what is delivered; of an input that is paused
/// already, half of them are.
fn are_too_many(records: usize, bytes: usize, paused: bool) -> bool {
    let part = if paused { 2 } else { 1 };
    records >= HELD_MAX / part || bytes >= HELD_BYTES_MAX / part
}

/// Bytes of key and value.
fn size<R: LentRecord>(record: &R) -> usize {
    record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len)
}

/// What a batch does to a unit's checkpoint rotation.
#[derive(Clone, Copy, Debug)]
pub struct RotationStep {
    /// A rotation begins with it.
    pub begins: bool,
    /// The journal's end before it, where that could be asked.
    pub start: Option<i64>,
    /// The rotation is complete with it.
    pub completes: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivery_stops_while_too_much_is_held_and_goes_on_at_half() {
        for (most, held) in [(HELD_MAX, [1, 0]), (HELD_BYTES_MAX, [0, 1])] {
            let too_many = |count: usize, paused| are_too_many(count * held[0], count * held[1], paused);
            assert!(!too_many(most - 1, false) && too_many(most, false));
            assert!(!too_many(most / 2 - 1, true) && too_many(most / 2, true));
        }
    }
}
