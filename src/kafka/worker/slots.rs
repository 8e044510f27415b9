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
        health::{Health, PartitionHealth},
        port::{Broker, Change, GroupConsumer, InboundRecord},
        takeover::{
            lost_input::Places,
            restore::{RestoreError, Restored, Restores, Ticket},
        },
    },
    merge::PerInput,
};
use crate::{
    domain::flow::{Flow, InputPartition, Positions, Unit},
    pipeline::Decider,
    telemetry,
};

/// How long a unit waits for an input of which the broker has more, before it decides without: that input may be
/// out of reach. Counted is only the time in which nothing at all came: while records wait in the client, those of the
/// missing input are among them.
const BEHIND_MAX: Duration = Duration::from_secs(1);
/// The same where a single offset is missing: most likely the marker at the end of a transaction, which never comes.
const MARKER_MAX: Duration = Duration::from_millis(100);
/// Wait where something always comes, and for an input that was never fetched: no unit may stand still for ever.
const BUSY_MAX: Duration = Duration::from_secs(60);
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
}

/// A wait for one input.
#[derive(Clone, Copy, Debug)]
struct Wait {
    /// Since when.
    since: Duration,
    /// How long of it nothing came.
    idle: Duration,
    /// The wait is over: decided without until the input comes.
    over: bool,
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

    /// How many records are held of each unit.
    pub fn held(&self) -> impl Iterator<Item = (Unit, usize)> {
        self.slots.iter().map(|(unit, slot)| (*unit, slot.held.len()))
    }

    fn note(&self, unit: Unit, health: PartitionHealth) {
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
        self.note(unit, PartitionHealth::Restoring { done: 0, of: 0, entries: 0 });
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
                self.note(unit, PartitionHealth::Active);
            }
            Err(RestoreError::NotWanted) => {}
            Err(RestoreError::Fault(fault)) => return Err(fault),
            Err(error) => {
                log::error!("{error}");
                slot.state = State::Refused;
                self.note(unit, PartitionHealth::Blocked(error.to_string()));
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
                self.note(unit, PartitionHealth::Blocked(text.to_owned()));
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
            self.health.partition(self.worker, *unit, PartitionHealth::Blocked(why.to_owned()));
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
            slot.awaited[*input].get_or_insert(Wait { since: now, idle: Duration::ZERO, over: false });
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
                self.health.partition(self.worker, *unit, PartitionHealth::Active);
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

impl Wait {
    /// Nothing came of the input at `at` for `idle`, though so many offsets are there; none: that is not known.
    fn goes_on(&mut self, at: InputPartition, missing: Option<i64>, idle: Duration, now: Duration) {
        self.idle += idle;
        let most = match missing {
            Some(1) => MARKER_MAX,
            Some(_) => BEHIND_MAX,
            // Its broker has not answered yet: nothing is known of what it has.
            None => BUSY_MAX,
        };
        let over = self.over || self.idle >= most || now >= self.since + BUSY_MAX;
        if over && !self.over && missing != Some(1) {
            let missing = match missing {
                Some(offsets) => format!("{offsets} offsets of {}", at.name()),
                None => format!("{}, of which nothing is known,", at.name()),
            };
            log::warn!("{}: {missing} do not come: deciding without them", at.unit);
        }
        self.over = over;
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
mod tests {
    use std::cell::RefCell;

    use super::*;

    static FLOW: Flow =
        Flow { name: "two", key: "key", entries: "keys", inputs: &["events", "rules"], outputs: &[] };
    const UNIT: Unit = Unit { flow: &FLOW, partition: 0 };

    /// A consumer that notes which inputs are paused.
    #[derive(Default)]
    struct Noting {
        paused: RefCell<Vec<usize>>,
    }

    /// A record of so many bytes.
    struct Bytes(usize);

    impl InboundRecord for Bytes {
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
        fn take_changes(&self) -> Vec<Change> {
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
        fn behind(&self, _: InputPartition) -> Option<i64> {
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
        let mut slots: Slots<Bytes> = Slots::new(0, Arc::new(Health::new(1)));
        slots.slots.insert(UNIT, Slot::of(&FLOW));
        for (count, bytes, paused) in steps {
            let held = (0..*count).map(|_| Bytes(*bytes)).collect();
            slots.hold(&consumer, UNIT, &[1], held, Duration::ZERO).expect("no fault");
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
}
