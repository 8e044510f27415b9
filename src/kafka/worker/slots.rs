//! Which units are ours, and the state of each: answers to the group, restores that come back, units that wait.
//! Everything here happens between transactions, so nothing that is let go has unfinished work.
//!
//! A unit is restored and decided once all of its inputs are ours, and its state is dropped as soon as one of them goes.
//! State never survives a revocation, however short: somebody else may have decided meanwhile.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use smallvec::smallvec;

use super::{
    super::{
        failure::Fault,
        health::Health,
        port::{Broker, Change, GroupConsumer, InboundRecord, InputReach},
        takeover::{
            lost_input::Places,
            restore::{RestoreError, Restored, Restores, Ticket},
        },
    },
    merge::PerInput,
    ticks::{Ticking, is_read_to_the_end},
    waiting::Wait,
};
use crate::{
    domain::flow::{Flow, InputPartition, Positions, Unit},
    pipeline::Decider,
    telemetry::{self, standing::PartitionStanding},
};

/// Records held of a unit, at most, while an input is fetched; from here on the delivery of the others is paused.
const HELD_MAX: usize = 20_000;
/// Bytes of keys and values of them, likewise.
const HELD_BYTES_MAX: usize = 16 << 20;

/// What a unit is doing.
pub enum State {
    /// Not all of its inputs are ours.
    Half,
    /// Its journal is being read.
    Restoring(Ticket),
    /// Deciding.
    Active(Box<dyn Decider>),
    /// Paused until it can go on.
    Waiting(Box<dyn Decider>),
    /// Paused for a person.
    Refused,
}

struct Slot<R> {
    /// Which inputs are ours.
    inputs: PerInput<bool>,
    state: State,
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

impl<R> Slot<R> {
    fn of(flow: &Flow) -> Self {
        let inputs = flow.inputs.len();
        Self {
            inputs: smallvec![false; inputs],
            state: State::Half,
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
    fn moved(&mut self) {
        self.held.clear();
        self.paused.fill(false);
        self.awaited.fill(None);
    }
}

/// The units of a worker.
pub struct Slots<R> {
    worker: usize,
    health: Arc<Health>,
    slots: BTreeMap<Unit, Slot<R>>,
}

impl<R: InboundRecord> Slots<R> {
    /// None yet.
    pub fn new(worker: usize, health: Arc<Health>) -> Self {
        Self { worker, health, slots: BTreeMap::new() }
    }

    /// The state of a unit that decides.
    pub fn active(&mut self, unit: Unit) -> Option<&mut dyn Decider> {
        match &mut self.slots.get_mut(&unit)?.state {
            State::Active(decider) => Some(&mut **decider),
            _ => None,
        }
    }

    /// Whether the last committed record of a unit's journal is this worker's.
    pub fn is_claimed(&self, unit: Unit) -> bool {
        self.slots.get(&unit).is_some_and(|slot| slot.claimed)
    }

    /// A journal record of this worker is committed.
    pub fn claimed(&mut self, unit: Unit) {
        if let Some(slot) = self.slots.get_mut(&unit) {
            slot.claimed = true;
        }
    }

    /// Every unit that has a state, with it.
    pub fn each(&self) -> impl Iterator<Item = (Unit, &dyn Decider)> {
        self.slots.iter().filter_map(|(unit, slot)| match &slot.state {
            State::Active(decider) | State::Waiting(decider) => Some((*unit, &**decider)),
            _ => None,
        })
    }

    /// Units that have been found to be ours in part for so many times: each call is one. Others have the rest of their
    /// inputs, or nobody has.
    pub fn halves(&mut self, times: u32) -> Vec<(Unit, String)> {
        let mut halves = Vec::new();
        for (unit, slot) in &mut self.slots {
            slot.found_half = if slot.is_whole() { 0 } else { slot.found_half.saturating_add(1) };
            if slot.found_half < times {
                continue;
            }
            let named = |ours| {
                let inputs = unit.inputs().filter(|at| slot.inputs[at.input] == ours);
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
        self.slots.get_mut(&unit).map(|slot| &mut slot.ticking)
    }

    /// The ticks to write now, of units that are read to the ends of all inputs: as `ends` has them, of just now.
    pub fn due_ticks(
        &mut self,
        ends: &[(InputPartition, InputReach)],
        now: Duration,
        wall_millis: i64,
    ) -> Vec<(Unit, Vec<u8>)> {
        let mut due = Vec::new();
        for (unit, slot) in &mut self.slots {
            let State::Active(decider) = &slot.state else { continue };
            let Some(next) = decider.next_tick().filter(|_| slot.held.is_empty()) else { continue };
            let reach = |input| ends.iter().find(|(at, _)| at.unit == *unit && at.input == input);
            let read = is_read_to_the_end(*unit, decider.positions().iter(), |input| Some(reach(input)?.1));
            if read && slot.ticking.is_due(&next, now, wall_millis) {
                due.push((*unit, next.value));
            }
        }
        due
    }

    /// How many records are held of each unit.
    pub fn held(&self) -> impl Iterator<Item = (Unit, usize)> {
        self.slots.iter().map(|(unit, slot)| (*unit, slot.held.len()))
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
                Change::Assigned(partitions) => {
                    consumer.assign(&partitions)?;
                    for at in partitions {
                        self.gain(at, restores);
                    }
                }
                Change::Revoked(partitions) => {
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
        let slot = self.slots.entry(at.unit).or_insert_with(|| Slot::of(at.unit.flow));
        slot.inputs[at.input] = true;
        if slot.is_whole() {
            log::info!("{}: assigned, restoring", at.unit);
            self.restore(at.unit, restores);
        }
    }

    fn lose(&mut self, at: InputPartition) {
        let Some(slot) = self.slots.get_mut(&at.unit) else { return };
        slot.inputs[at.input] = false;
        if slot.inputs.iter().any(|ours| *ours) {
            slot.state = State::Half;
            slot.moved();
        } else {
            self.slots.remove(&at.unit);
            log::info!("{}: let go", at.unit);
        }
        self.health.forget(self.worker, at.unit);
    }

    /// Drops the state of a unit and asks for it from the journal.
    pub fn restore<B: Broker>(&mut self, unit: Unit, restores: &mut Restores<B>) {
        self.note(unit, PartitionStanding::Restoring { done: 0, of: 0, entries: 0 });
        if let Some(slot) = self.slots.get_mut(&unit) {
            let ticket = restores.ask(unit);
            let inputs = std::mem::take(&mut slot.inputs);
            *slot = Slot { inputs, state: State::Restoring(ticket), ..Slot::of(unit.flow) };
        }
    }

    /// Lets a restored unit decide, or says why it cannot.
    ///
    /// # Errors
    /// The unit or its journal cannot be read: rebuild.
    pub fn restored<C: GroupConsumer>(&mut self, consumer: &C, restored: Restored) -> Result<(), Fault> {
        let unit = restored.unit;
        let Some(slot) = self.slots.get_mut(&unit) else { return Ok(()) };
        match &slot.state {
            State::Restoring(ticket) if ticket.number == restored.ticket => {}
            _ => return Ok(()),
        }
        match restored.result {
            Ok((decider, Places { positions, lost })) => {
                consumer.resume(unit, &positions)?;
                slot.moved();
                let lost_at = |(position, lost): (Option<i64>, &u64)| position.filter(|_| *lost > 0);
                slot.starts = positions.iter().zip(&lost).map(lost_at).collect();
                slot.state = State::Active(decider);
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
                slot.state = State::Refused;
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
        let Some(slot) = self.slots.get_mut(&unit) else { return Ok(()) };
        match std::mem::replace(&mut slot.state, State::Half) {
            State::Active(decider) => {
                // What was read past the blocked record is forgotten by moving back when it resumes.
                consumer.pause(unit)?;
                slot.state = State::Waiting(decider);
                let text = "waiting for a schema: the schema registry has not answered";
                self.note(unit, PartitionStanding::Blocked(text.to_owned()));
            }
            other => slot.state = other,
        }
        Ok(())
    }

    /// The units that wait for a schema, which may be there any moment.
    pub fn waiting(&self) -> impl Iterator<Item = Unit> {
        let waits = |slot: &Slot<R>| matches!(slot.state, State::Waiting(_));
        self.slots.iter().filter(move |(_, slot)| waits(slot)).map(|(unit, _)| *unit)
    }

    /// Puts an active unit's state back as of its last commit, and moves it there.
    ///
    /// # Errors
    /// The unit cannot be moved: rebuild.
    pub fn abort<C: GroupConsumer>(&mut self, consumer: &C, unit: Unit) -> Result<(), Fault> {
        let Some(slot) = self.slots.get_mut(&unit) else { return Ok(()) };
        if let State::Active(decider) = &mut slot.state {
            decider.aborted();
            consumer.resume(unit, &decider.positions().later(&slot.starts))?;
            slot.moved();
        }
        Ok(())
    }

    /// The units that are decided.
    pub fn actives(&self) -> impl Iterator<Item = Unit> {
        let active = |slot: &Slot<R>| matches!(slot.state, State::Active(_));
        self.slots.iter().filter(move |(_, slot)| active(slot)).map(|(unit, _)| *unit)
    }

    /// All units of which something is ours.
    pub fn units(&self) -> impl Iterator<Item = Unit> {
        self.slots.keys().copied()
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
        for (unit, slot) in self.slots.iter_mut().filter(|(unit, _)| unit.flow == flow) {
            if !slot.is_whole() || matches!(slot.state, State::Refused) {
                continue;
            }
            consumer.pause(*unit)?;
            slot.moved();
            slot.state = State::Refused;
            self.health.partition(self.worker, *unit, PartitionStanding::Blocked(why.to_owned()));
        }
        Ok(())
    }

    /// What was held of the last batches, to be part of the next.
    pub fn take_held(&mut self) -> Vec<R> {
        self.slots.values_mut().flat_map(|slot| std::mem::take(&mut slot.held)).collect()
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
        let Some(slot) = self.slots.get_mut(&unit) else { return Ok(()) };
        for input in missing {
            slot.awaited[*input].get_or_insert_with(|| Wait::new(now));
        }
        let bytes: usize = held.iter().map(size).sum();
        let full = |part: usize| held.len() >= HELD_MAX / part || bytes >= HELD_BYTES_MAX / part;
        for at in unit.inputs() {
            let has = held.iter().any(|record| record.source().input == at.input);
            let paused = &mut slot.paused[at.input];
            if *paused && !(has && full(2)) {
                consumer.resume_input(at)?;
                *paused = false;
            } else if !*paused && has && full(1) {
                consumer.pause_input(at)?;
                *paused = true;
            }
        }
        slot.held = held;
        Ok(())
    }

    /// Of which inputs the broker has no more, or which are not waited for any longer. `came`: which have records in
    /// the batch; `idle`: how long nothing came before it.
    pub fn ended<C: GroupConsumer>(
        &mut self,
        consumer: &C,
        unit: Unit,
        came: &[bool],
        idle: Duration,
        now: Duration,
    ) -> PerInput<bool> {
        let Some(slot) = self.slots.get_mut(&unit) else { return smallvec![false; came.len()] };
        let ended = |at: InputPartition| {
            let wait = &mut slot.awaited[at.input];
            if came[at.input] {
                *wait = None;
            }
            match (consumer.behind(at), wait) {
                (Some(0), _) => true,
                (_, None) => false,
                (missing, Some(wait)) => {
                    wait.goes_on(at, missing, idle, now);
                    wait.over
                }
            }
        };
        unit.inputs().map(ended).collect()
    }

    /// Lets units go on whose wait is over.
    ///
    /// # Errors
    /// A unit cannot be moved: rebuild.
    pub fn wake<C: GroupConsumer>(&mut self, consumer: &C) -> Result<(), Fault> {
        for (unit, slot) in &mut self.slots {
            if !matches!(&slot.state, State::Waiting(decider) if decider.can_go_on()) {
                continue;
            }
            if let State::Waiting(decider) = std::mem::replace(&mut slot.state, State::Half) {
                consumer.resume(*unit, &decider.positions().later(&slot.starts))?;
                slot.moved();
                slot.state = State::Active(decider);
                self.health.partition(self.worker, *unit, PartitionStanding::Active);
            }
        }
        Ok(())
    }

    /// Looks after the journal of a unit whose batch is committed: notes where a rotation began and, once it is
    /// complete, cuts off what lies before it.
    pub fn trim<B: Broker>(&mut self, broker: &B, rotation: &RotationStep) {
        let Some(slot) = self.slots.get_mut(&rotation.unit) else { return };
        if rotation.begins {
            slot.rotation_start = rotation.start;
        }
        if rotation.completes
            && let Some(before) = slot.rotation_start.take()
        {
            broker.trim_journal(rotation.unit, before);
        }
    }
}

/// Bytes of key and value.
fn size<R: InboundRecord>(record: &R) -> usize {
    record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len)
}

/// What a batch does to a unit's checkpoint rotation.
#[derive(Clone, Copy, Debug)]
pub struct RotationStep {
    /// The unit.
    pub unit: Unit,
    /// A rotation begins with it.
    pub begins: bool,
    /// The journal's end before it, where that could be asked.
    pub start: Option<i64>,
    /// The rotation is complete with it.
    pub completes: bool,
}

#[cfg(test)]
mod tests;
