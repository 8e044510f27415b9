//! Which partitions are ours, and the state of each: answers to the group, restores that come back, partitions that
//! wait. Everything here happens between transactions, so nothing that is let go has unfinished work.
//!
//! A partition is one unit: it is restored and decided once both of its inputs are ours, and its state is dropped as
//! soon as one of them goes. State never survives a revocation, however short: somebody else may have decided
//! meanwhile.

use std::{sync::Arc, time::Duration};

use super::{
    decider::{Decider, Deciders},
    failure::Fault,
    health::{Health, PartitionHealth},
    port::{Broker, Change, GroupConsumer, InboundRecord, Input, Positions, TopicPartition},
    restore::{RestoreError, Restored, Restores, Ticket, shown},
};
use crate::telemetry;

/// How long a partition waits for an input of which the broker has more, before it decides without: that input may be
/// out of reach. Counted is only the time in which nothing at all came: while records wait in the client, those of the
/// missing input are among them.
const BEHIND_MAX: Duration = Duration::from_secs(1);
/// The same where a single offset is missing: most likely the marker at the end of a transaction, which never comes.
const MARKER_MAX: Duration = Duration::from_millis(100);
/// Wait where something always comes, and for an input that was never fetched: no partition may stand still for ever.
const BUSY_MAX: Duration = Duration::from_secs(60);
/// Records held of one input, at most, while the other is fetched; from here on its delivery is paused.
const HELD_MAX: usize = 20_000;
/// Bytes of keys and values of them, likewise.
const HELD_BYTES_MAX: usize = 16 << 20;

/// What a partition is doing.
pub enum State<D> {
    /// Only one of its inputs is ours.
    Half,
    /// Its journal is being read.
    Restoring(Ticket),
    /// Deciding.
    Active(D),
    /// Paused until it can go on.
    Waiting(D),
    /// Paused for a person.
    Refused,
}

struct Slot<D, R> {
    inputs: [bool; 2],
    state: State<D>,
    /// Where the inputs begin that lost what the state has to read next, if that is passed over.
    starts: Positions,
    /// The last committed record of its journal is this worker's.
    claimed: bool,
    /// Where the running rotation began in the journal, if it was asked.
    rotation_start: Option<i64>,
    /// Records of the last batch that wait for the other input.
    held: Vec<R>,
    /// The input whose delivery is paused because too many are held.
    paused: Option<Input>,
    /// The input that is waited for.
    behind: Option<Behind>,
}

/// A wait for one input.
#[derive(Clone, Copy, Debug)]
struct Behind {
    missing: Input,
    /// Since when.
    since: Duration,
    /// How long of it nothing came.
    idle: Duration,
    /// The wait is over: decided without until the input comes.
    over: bool,
}

impl<D, R> Default for Slot<D, R> {
    fn default() -> Self {
        Self {
            inputs: [false; 2],
            state: State::Half,
            starts: [None; 2],
            claimed: false,
            rotation_start: None,
            held: Vec::new(),
            paused: None,
            behind: None,
        }
    }
}

impl<D, R> Slot<D, R> {
    /// The partition was moved: what was held comes again.
    fn moved(&mut self) {
        self.held.clear();
        self.paused = None;
        self.behind = None;
    }
}

/// The partitions of a worker, by number.
pub struct Slots<D, R> {
    worker: usize,
    health: Arc<Health>,
    slots: Vec<Option<Slot<D, R>>>,
}

impl<D: Decider, R: InboundRecord> Slots<D, R> {
    /// None yet.
    pub fn new(worker: usize, health: Arc<Health>) -> Self {
        Self { worker, health, slots: Vec::new() }
    }

    fn slot(&mut self, partition: i32) -> Option<&mut Slot<D, R>> {
        let at = usize::try_from(partition).ok()?;
        self.slots.get_mut(at)?.as_mut()
    }

    /// The state of a partition that decides.
    pub fn active(&mut self, partition: i32) -> Option<&mut D> {
        match &mut self.slot(partition)?.state {
            State::Active(decider) => Some(decider),
            _ => None,
        }
    }

    /// Whether the last committed record of a partition's journal is this worker's.
    pub fn is_claimed(&mut self, partition: i32) -> bool {
        self.slot(partition).is_some_and(|slot| slot.claimed)
    }

    /// A journal record of this worker is committed.
    pub fn claimed(&mut self, partition: i32) {
        if let Some(slot) = self.slot(partition) {
            slot.claimed = true;
        }
    }

    /// Every partition that has a state, with it.
    pub fn each(&self) -> impl Iterator<Item = (i32, &D)> {
        (0..).zip(&self.slots).filter_map(|(partition, slot)| match &slot.as_ref()?.state {
            State::Active(decider) | State::Waiting(decider) => Some((partition, decider)),
            _ => None,
        })
    }

    /// How many records are held of each partition.
    pub fn held(&self) -> impl Iterator<Item = (i32, usize)> {
        let slots = (0..).zip(&self.slots);
        slots.filter_map(|(partition, slot)| Some((partition, slot.as_ref()?.held.len())))
    }

    fn note(&self, partition: i32, health: PartitionHealth) {
        self.health.partition(self.worker, partition, health);
    }

    /// Answers what the group asked.
    ///
    /// # Errors
    /// The member has lost its place: rebuild.
    pub fn answer<B, S>(&mut self, consumer: &B::Consumer, restores: &mut Restores<B, S>) -> Result<(), Fault>
    where
        B: Broker,
        S: Deciders<Decider = D>,
    {
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

    fn gain<B, S>(&mut self, at: TopicPartition, restores: &mut Restores<B, S>)
    where
        B: Broker,
        S: Deciders<Decider = D>,
    {
        let Ok(index) = usize::try_from(at.partition) else { return };
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        let slot = self.slots[index].get_or_insert_with(Slot::default);
        slot.inputs[at.input as usize] = true;
        if slot.inputs == [true; 2] {
            log::info!("partition {}: assigned, restoring", at.partition);
            self.restore(at.partition, restores);
        }
    }

    fn lose(&mut self, at: TopicPartition) {
        let Some(slot) = self.slot(at.partition) else { return };
        slot.inputs[at.input as usize] = false;
        if slot.inputs == [false; 2] {
            if let Ok(index) = usize::try_from(at.partition) {
                self.slots[index] = None;
            }
            log::info!("partition {}: let go", at.partition);
        } else {
            slot.state = State::Half;
            slot.moved();
        }
        self.health.forget(self.worker, at.partition);
    }

    /// Drops the state of a partition and asks for it from the journal.
    pub fn restore<B, S>(&mut self, partition: i32, restores: &mut Restores<B, S>)
    where
        B: Broker,
        S: Deciders<Decider = D>,
    {
        self.note(partition, PartitionHealth::Restoring { done: 0, of: 0, accounts: 0 });
        if let Some(slot) = self.slot(partition) {
            let ticket = restores.ask(partition);
            *slot = Slot { inputs: slot.inputs, ..Slot::default() };
            slot.state = State::Restoring(ticket);
        }
    }

    /// Lets a restored partition decide, or says why it cannot.
    ///
    /// # Errors
    /// The partition or its journal cannot be read: rebuild.
    pub fn restored<C: GroupConsumer>(&mut self, consumer: &C, restored: Restored<D>) -> Result<(), Fault> {
        let partition = restored.partition;
        let Some(slot) = self.slot(partition) else { return Ok(()) };
        match &slot.state {
            State::Restoring(ticket) if ticket.number == restored.ticket => {}
            _ => return Ok(()),
        }
        match restored.result {
            Ok((decider, places)) => {
                consumer.resume(partition, places.positions)?;
                slot.moved();
                slot.starts = std::array::from_fn(|at| places.positions[at].filter(|_| places.lost[at] > 0));
                Input::ALL.into_iter().for_each(|input| {
                    telemetry::lost_input(input.name(), places.lost[input as usize]);
                });
                log::info!("partition {partition}: active at {}", shown(places.positions));
                slot.state = State::Active(decider);
                self.note(partition, PartitionHealth::Active);
            }
            Err(RestoreError::NotWanted) => {}
            Err(RestoreError::Fault(fault)) => return Err(fault),
            Err(error) => {
                log::error!("{error}");
                slot.state = State::Refused;
                self.note(partition, PartitionHealth::Blocked(error.to_string()));
            }
        }
        Ok(())
    }

    /// Pauses a partition at its state's positions until the schema of its next record is there.
    ///
    /// # Errors
    /// The partition cannot be moved: rebuild.
    pub fn wait_for_schema<C: GroupConsumer>(&mut self, consumer: &C, partition: i32) -> Result<(), Fault> {
        let Some(slot) = self.slot(partition) else { return Ok(()) };
        match std::mem::replace(&mut slot.state, State::Half) {
            State::Active(decider) => {
                // What was read past the blocked record is forgotten by moving back when it resumes.
                consumer.pause(partition)?;
                slot.state = State::Waiting(decider);
                let text = "waiting for a schema: the schema registry has not answered";
                self.note(partition, PartitionHealth::Blocked(text.to_owned()));
            }
            other => slot.state = other,
        }
        Ok(())
    }

    /// The partitions that wait for a schema, which may be there any moment.
    pub fn waiting(&self) -> impl Iterator<Item = i32> {
        let slots = (0..).zip(&self.slots);
        let waits = |slot: &Option<Slot<D, R>>| matches!(slot, Some(Slot { state: State::Waiting(_), .. }));
        slots.filter(move |(_, slot)| waits(slot)).map(|(partition, _)| partition)
    }

    /// Puts an active partition's state back as of its last commit, and moves it there.
    ///
    /// # Errors
    /// The partition cannot be moved: rebuild.
    pub fn abort<C: GroupConsumer>(&mut self, consumer: &C, partition: i32) -> Result<(), Fault> {
        let Some(slot) = self.slot(partition) else { return Ok(()) };
        if let State::Active(decider) = &mut slot.state {
            decider.aborted();
            consumer.resume(partition, later(slot.starts, decider.positions()))?;
            slot.moved();
        }
        Ok(())
    }

    /// The partitions that are decided.
    pub fn actives(&self) -> impl Iterator<Item = i32> {
        let slots = (0..).zip(&self.slots);
        slots.filter_map(|(partition, slot)| {
            matches!(slot.as_ref()?.state, State::Active(_)).then_some(partition)
        })
    }

    /// The highest partition number of which something is ours.
    pub fn highest(&self) -> Option<i32> {
        let highest = self.slots.iter().rposition(Option::is_some)?;
        i32::try_from(highest).ok()
    }

    /// Stops deciding on every partition: their states are dropped, and a person must look at it.
    ///
    /// # Errors
    /// Delivery cannot be paused: rebuild.
    pub fn refuse_all<C: GroupConsumer>(&mut self, consumer: &C, why: &str) -> Result<(), Fault> {
        for (partition, slot) in (0..).zip(&mut self.slots) {
            let Some(slot) = slot else { continue };
            if slot.inputs != [true; 2] || matches!(slot.state, State::Refused) {
                continue;
            }
            consumer.pause(partition)?;
            slot.moved();
            slot.state = State::Refused;
            self.health.partition(self.worker, partition, PartitionHealth::Blocked(why.to_owned()));
        }
        Ok(())
    }

    /// What was held of the last batches, to be part of the next.
    pub fn take_held(&mut self) -> Vec<R> {
        self.slots.iter_mut().flatten().flat_map(|slot| std::mem::take(&mut slot.held)).collect()
    }

    /// Holds records of a partition until the other input has come; pauses their input where they are too many.
    ///
    /// # Errors
    /// Delivery cannot be paused or resumed: rebuild.
    pub fn hold<C: GroupConsumer>(
        &mut self,
        consumer: &C,
        partition: i32,
        held: Vec<R>,
        now: Duration,
    ) -> Result<(), Fault> {
        let Some(slot) = self.slot(partition) else { return Ok(()) };
        let input = held.first().map(|record| record.source().input);
        let bytes: usize = held.iter().map(size).sum();
        let missing = input.map(Input::other);
        if let Some(missing) =
            missing.filter(|missing| slot.behind.is_none_or(|behind| behind.missing != *missing))
        {
            slot.behind = Some(Behind { missing, since: now, idle: Duration::ZERO, over: false });
        }
        let full = |part: usize| held.len() >= HELD_MAX / part || bytes >= HELD_BYTES_MAX / part;
        if let Some(paused) = slot.paused.filter(|paused| Some(*paused) != input || !full(2)) {
            consumer.resume_input(TopicPartition { input: paused, partition })?;
            slot.paused = None;
        }
        if let (Some(input), None) = (input, slot.paused)
            && full(1)
        {
            consumer.pause_input(TopicPartition { input, partition })?;
            slot.paused = Some(input);
        }
        slot.held = held;
        Ok(())
    }

    /// Of which inputs the broker has no more, or which are not waited for any longer. `came`: which have records in
    /// the batch; `idle`: how long nothing came before it.
    pub fn ended<C: GroupConsumer>(
        &mut self,
        consumer: &C,
        partition: i32,
        came: [bool; 2],
        idle: Duration,
        now: Duration,
    ) -> [bool; 2] {
        let Some(slot) = self.slot(partition) else { return [false; 2] };
        slot.behind = slot.behind.filter(|behind| !came[behind.missing as usize]);
        Input::ALL.map(|input| {
            let missing = consumer.behind(TopicPartition { input, partition });
            let waited = slot.behind.as_mut().filter(|behind| behind.missing == input);
            match (missing, waited) {
                (Some(0), _) => true,
                (_, None) => false,
                (_, Some(behind)) => {
                    behind.idle += idle;
                    let most = match missing {
                        Some(1) => MARKER_MAX,
                        Some(_) => BEHIND_MAX,
                        // Its broker has not answered yet: nothing is known of what it has.
                        None => BUSY_MAX,
                    };
                    let over = behind.over || behind.idle >= most || now >= behind.since + BUSY_MAX;
                    if over && !behind.over && missing != Some(1) {
                        let missing = match missing {
                            Some(offsets) => format!("{offsets} offsets of {}", input.name()),
                            None => format!("{}, of which nothing is known,", input.name()),
                        };
                        log::warn!("partition {partition}: {missing} do not come: deciding without them");
                    }
                    behind.over = over;
                    over
                }
            }
        })
    }

    /// Lets partitions go on whose wait is over.
    ///
    /// # Errors
    /// A partition cannot be moved: rebuild.
    pub fn wake<C: GroupConsumer>(&mut self, consumer: &C) -> Result<(), Fault> {
        for (partition, slot) in (0..).zip(&mut self.slots) {
            let Some(slot) = slot else { continue };
            if !matches!(&slot.state, State::Waiting(decider) if decider.can_go_on()) {
                continue;
            }
            if let State::Waiting(decider) = std::mem::replace(&mut slot.state, State::Half) {
                consumer.resume(partition, later(slot.starts, decider.positions()))?;
                slot.moved();
                slot.state = State::Active(decider);
                self.health.partition(self.worker, partition, PartitionHealth::Active);
            }
        }
        Ok(())
    }

    /// Looks after the journal of a partition whose batch is committed: notes where a rotation began and, once it is
    /// complete, cuts off what lies before it.
    pub fn trim<B: Broker>(&mut self, broker: &B, rotation: &RotationStep) {
        let Some(slot) = self.slot(rotation.partition) else { return };
        if rotation.begins {
            slot.rotation_start = rotation.start;
        }
        if rotation.completes
            && let Some(before) = slot.rotation_start.take()
        {
            broker.trim_journal(rotation.partition, before);
        }
    }
}

/// Where a state goes on that has read up to `positions`, with inputs that begin at `starts`.
fn later(starts: Positions, positions: Positions) -> Positions {
    std::array::from_fn(|input| positions[input].max(starts[input]))
}

/// Bytes of key and value.
fn size<R: InboundRecord>(record: &R) -> usize {
    record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len)
}

/// What a batch does to a partition's checkpoint rotation.
#[derive(Clone, Copy, Debug)]
pub struct RotationStep {
    /// The partition.
    pub partition: i32,
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

    use super::{super::partitions::Live, *};

    /// A consumer that notes which inputs are paused.
    #[derive(Default)]
    struct Noting {
        paused: RefCell<Vec<Input>>,
    }

    /// A record of so many bytes.
    struct Bytes(usize);

    impl InboundRecord for Bytes {
        fn source(&self) -> TopicPartition {
            TopicPartition { input: Input::PosEvents, partition: 0 }
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
        fn assign(&self, _: &[TopicPartition]) -> Result<(), Fault> {
            Ok(())
        }
        fn unassign(&self, _: &[TopicPartition]) -> Result<(), Fault> {
            Ok(())
        }
        fn pause(&self, _: i32) -> Result<(), Fault> {
            Ok(())
        }
        fn resume(&self, _: i32, _: Positions) -> Result<(), Fault> {
            Ok(())
        }
        fn pause_input(&self, at: TopicPartition) -> Result<(), Fault> {
            self.paused.borrow_mut().push(at.input);
            Ok(())
        }
        fn resume_input(&self, at: TopicPartition) -> Result<(), Fault> {
            self.paused.borrow_mut().retain(|input| *input != at.input);
            Ok(())
        }
        fn behind(&self, _: TopicPartition) -> Option<i64> {
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
        fn take_ends(&self) -> Vec<(TopicPartition, crate::kafka::port::InputReach)> {
            Vec::new()
        }
        fn leave(self) {}
    }

    /// Holds so many records of so many bytes, time after time; whether delivery is paused then.
    fn check(steps: &[(usize, usize, bool)]) {
        let consumer = Noting::default();
        let mut slots: Slots<Live, Bytes> = Slots::new(0, Arc::new(Health::new(1)));
        slots.slots.push(Some(Slot::default()));
        for (count, bytes, paused) in steps {
            let held = (0..*count).map(|_| Bytes(*bytes)).collect();
            slots.hold(&consumer, 0, held, Duration::ZERO).expect("no fault");
            let expected: &[Input] = if *paused { &[Input::PosEvents] } else { &[] };
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
