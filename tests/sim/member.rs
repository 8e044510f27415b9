//! The client side of a group member: what its background thread does by heartbeats, and the calls of the worker loop.
//! As the real client it only notes what the group asks and waits for the loop to answer; a member that was put out
//! learns of it late, and forgets its place at once.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use tillgate::kafka::{
    failure::{Fault, FaultClass, Operation},
    port::{GroupConsumer, InputPartition, InputReach, LentRecord, Positions, Rebalance, Unit},
};

use super::{
    log::{Record, place_of},
    planted::Bug,
    scheduler::Process,
    transactions::Refusal,
    world::{Seat, World},
};

/// Records fetched of one partition at once, at most.
const FETCH_MAX: u32 = 30;
/// Heartbeats where nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// A record lent to the loop, or taken out.
pub struct Lent {
    at: InputPartition,
    offset: i64,
    record: Arc<Record>,
}

impl Lent {
    /// The record as it stands in its log.
    pub fn record(&self) -> &Record {
        &self.record
    }
}

impl LentRecord for Lent {
    fn source(&self) -> InputPartition {
        self.at
    }

    fn offset(&self) -> i64 {
        self.offset
    }

    fn timestamp_millis(&self) -> i64 {
        self.record.timestamp_millis
    }

    fn appended_millis(&self) -> Option<i64> {
        Some(self.record.timestamp_millis).filter(|millis| *millis >= 0)
    }

    fn key(&self) -> Option<&[u8]> {
        self.record.key.as_deref()
    }

    fn value(&self) -> Option<&[u8]> {
        self.record.value.as_deref()
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.record.header(name)
    }

    fn headers_bytes(&self) -> usize {
        self.record.headers_bytes()
    }
}

/// Reading of one partition.
#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    paused: bool,
    /// Where the next fetch begins; none: from the start.
    fetch: Option<i64>,
    /// After the last record that was delivered.
    delivered: Option<i64>,
    /// The end as of the last fetch.
    high: Option<i64>,
}

/// A client's memory: what it has of the group and of its partitions.
pub struct Client {
    process: Arc<Process>,
    instance: Option<String>,
    /// Number and epoch in the group; none: not in it.
    place: Option<(u64, i32)>,
    /// Noted for the loop.
    changes: VecDeque<Rebalance>,
    /// The loop has not answered yet.
    asked: bool,
    /// Refused for good: the client is of no use any more.
    fatal: bool,
    owned: BTreeMap<InputPartition, Reading>,
    buffer: VecDeque<Lent>,
}

impl Client {
    fn ask(&mut self, change: Rebalance) {
        self.changes.push_back(change);
        self.asked = true;
    }

    fn owns(&self) -> BTreeSet<InputPartition> {
        self.owned.keys().copied().collect()
    }

    /// What the coordinator's answer asks of the loop.
    fn follow(&mut self, assignment: &BTreeSet<InputPartition>, split: bool) {
        if self.asked {
            return;
        }
        let gone: Vec<_> = self.owned.keys().filter(|at| !assignment.contains(at)).copied().collect();
        let new: Vec<_> = assignment.iter().filter(|at| !self.owned.contains_key(at)).copied().collect();
        let (change, list): (fn(Vec<InputPartition>) -> Rebalance, _) =
            if gone.is_empty() { (Rebalance::Assigned, new) } else { (Rebalance::Revoked, gone) };
        match list.len() {
            0 => {}
            // The rest comes with the next heartbeat.
            2.. if split => self.ask(change(list[..list.len() / 2].to_vec())),
            _ => self.ask(change(list)),
        }
    }
}

impl World {
    fn beat_after(&mut self, client: u64, delay: Duration) {
        self.after(delay, move |world| world.beat(client));
    }

    /// One round of the client's background thread.
    fn beat(&mut self, number: u64) {
        let Some(client) = self.clients.get(&number) else { return };
        let process = client.process.clone();
        if process.crashed.load(std::sync::atomic::Ordering::Relaxed) {
            self.clients.remove(&number);
            return;
        }
        if let Some(until) = self.frozen_until(process.number) {
            return self.beat_after(number, until - self.now);
        }
        let lost = self.happens(self.rates.heartbeat_lost);
        if self.is_down(Self::GROUP) || lost {
            if lost {
                self.fault(process.number, "heartbeat lost");
            }
            let again = self.millis(200, 800);
            return self.beat_after(number, again);
        }
        let Some(client) = self.clients.get(&number) else { return };
        let (place, instance, asked, owned) =
            (client.place, client.instance.clone(), client.asked, client.owns());
        let id = match place {
            Some((id, _)) => Ok(id),
            // Joins again once the loop has let go of what was lost.
            None if asked || !owned.is_empty() => {
                let again = self.millis(20, 100);
                return self.beat_after(number, again);
            }
            None => self.join(instance),
        };
        let owned = (!asked).then_some(&owned);
        let answer = id.and_then(|id| self.heartbeat(id, owned).map(|answer| (id, answer)));
        let split = self.draw.per_mille(100);
        let Some(client) = self.clients.get_mut(&number) else { return };
        match answer {
            Ok((id, answer)) => {
                client.place = Some((id, answer.epoch));
                client.follow(&answer.assignment, split);
            }
            Err(_) if place.is_none() => client.fatal = true,
            Err(_) => {
                client.place = None;
                let lost: Vec<_> = client.owned.keys().copied().collect();
                client.changes.clear();
                client.asked = false;
                if !lost.is_empty() {
                    client.ask(Rebalance::Revoked(lost));
                }
            }
        }
        let again = if client.asked || !client.changes.is_empty() {
            self.news = true;
            self.millis(50, 200)
        } else {
            let jitter = self.millis(0, 200);
            HEARTBEAT + jitter
        };
        self.beat_after(number, again);
    }

    /// Fetches some records of a partition into the client's memory.
    fn fetch(&mut self, number: u64, at: InputPartition) {
        let place = place_of(at);
        if self.is_down(Self::leader(place)) || self.draw.per_mille(200) {
            return;
        }
        let most = self.draw.between(1, FETCH_MAX) as usize;
        let Some(log) = self.logs.get(&place) else { return };
        let Some(client) = self.clients.get_mut(&number) else { return };
        let Some(reading) = client.owned.get_mut(&at) else { return };
        reading.high = Some(log.high());
        for (offset, record) in log.committed(reading.fetch.unwrap_or(0)).take(most) {
            reading.fetch = Some(offset + 1);
            client.buffer.push_back(Lent { at, offset, record: Arc::clone(record) });
        }
    }

    fn fetch_all(&mut self, number: u64) {
        let Some(client) = self.clients.get(&number) else { return };
        let wanted: Vec<InputPartition> =
            client.owned.iter().filter(|(_, reading)| !reading.paused).map(|(at, _)| *at).collect();
        let first = self.draw.below(wanted.len().max(1) as u32) as usize;
        for step in 0..wanted.len() {
            self.fetch(number, wanted[(first + step) % wanted.len()]);
        }
    }
}

/// A member of the group.
pub struct Member {
    seat: Seat,
    number: u64,
    left: bool,
}

impl Member {
    /// Subscribes; the background thread joins.
    pub fn join(seat: Seat, instance: Option<String>) -> Self {
        let number = {
            let mut world = seat.world();
            let number = world.number();
            let client = Client {
                process: Arc::clone(&seat.process),
                instance,
                place: None,
                changes: VecDeque::new(),
                asked: false,
                fatal: false,
                owned: BTreeMap::new(),
                buffer: VecDeque::new(),
            };
            world.clients.insert(number, client);
            let soon = world.millis(1, 50);
            world.beat_after(number, soon);
            number
        };
        Self { seat, number, left: false }
    }

    fn with<T>(&self, answer: impl FnOnce(&mut Client) -> T) -> Option<T> {
        self.seat.world().clients.get_mut(&self.number).map(answer)
    }

    /// Changes one partition's reading; what was fetched of it and not delivered is forgotten.
    fn move_reading(&self, at: InputPartition, change: impl FnOnce(&mut Reading)) {
        self.with(|client| {
            client.buffer.retain(|lent| lent.at != at);
            if let Some(reading) = client.owned.get_mut(&at) {
                change(reading);
            }
        });
    }

    fn next(&self) -> Option<Lent> {
        let lent = self.with(|client| {
            let lent = client.buffer.pop_front()?;
            if let Some(reading) = client.owned.get_mut(&lent.at) {
                reading.delivered = Some(lent.offset + 1);
            }
            Some(lent)
        });
        let lent = lent.flatten()?;
        self.seat.world().met(lent.at, lent.offset);
        Some(lent)
    }

    fn beat_soon(&self) {
        let mut world = self.seat.world();
        let soon = world.millis(1, 20);
        let number = self.number;
        // One round more than the regular ones, which go on.
        world.after(soon, move |world| world.acknowledge(number));
    }

    fn go(&mut self) {
        if std::mem::replace(&mut self.left, true) {
            return;
        }
        let crashed = self.seat.process.crashed.load(std::sync::atomic::Ordering::Relaxed);
        let mut world = self.seat.sim.world();
        let client = world.clients.remove(&self.number);
        if let (Some((id, _)), false, false) =
            (client.and_then(|client| client.place), crashed, world.is_down(World::GROUP))
        {
            world.leave(id);
        }
    }
}

impl World {
    /// Tells the coordinator at once what is owned now.
    fn acknowledge(&mut self, number: u64) {
        if self.is_down(Self::GROUP) {
            return;
        }
        let Some(client) = self.clients.get(&number) else { return };
        let asked = client.asked;
        let (Some((id, _)), owned, process) = (client.place, client.owns(), client.process.clone()) else {
            return;
        };
        if process.crashed.load(std::sync::atomic::Ordering::Relaxed)
            || self.frozen_until(process.number).is_some()
        {
            return;
        }
        let owned = (!asked).then_some(&owned);
        let Ok(answer) = self.heartbeat(id, owned) else { return };
        if let Some(client) = self.clients.get_mut(&number) {
            client.place = Some((id, answer.epoch));
            client.follow(&answer.assignment, false);
            self.news |= client.asked;
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.go();
    }
}

impl GroupConsumer for Member {
    type Record<'a> = Lent;
    /// Number and epoch.
    type Membership = (u64, i32);

    fn poll(&self, timeout: Duration) -> Result<Option<Lent>, Fault> {
        let until = self.seat.now() + timeout;
        loop {
            let fatal = self.with(|client| client.fatal).unwrap_or(true);
            if fatal {
                let text = "another member has this static name";
                return Err(Fault::new(Operation::Consume, FaultClass::Fenced, text));
            }
            if let Some(lent) = self.next() {
                return Ok(Some(lent));
            }
            {
                let mut world = self.seat.world();
                // With no time to wait only what has come by now is there.
                if !timeout.is_zero() || world.draw.per_mille(300) {
                    world.fetch_all(self.number);
                }
            }
            if let Some(lent) = self.next() {
                return Ok(Some(lent));
            }
            if self.seat.now() >= until || self.changes_waiting() {
                return Ok(None);
            }
            self.seat.wait_for_news(until);
        }
    }

    fn changes_waiting(&self) -> bool {
        self.with(|client| !client.changes.is_empty()).unwrap_or(false)
    }

    fn take_changes(&self) -> Vec<Rebalance> {
        self.with(|client| client.changes.drain(..).collect()).unwrap_or_default()
    }

    fn assign(&self, partitions: &[InputPartition]) -> Result<(), Fault> {
        self.seat.note(
            "assigned",
            [partitions.len() as i64, partitions.first().map_or(-1, |at| at.unit.partition.into())],
        );
        self.with(|client| {
            client.asked = !client.changes.is_empty();
            for at in partitions {
                client.owned.insert(*at, Reading { paused: true, ..Reading::default() });
            }
        });
        self.beat_soon();
        Ok(())
    }

    fn unassign(&self, partitions: &[InputPartition]) -> Result<(), Fault> {
        self.seat.note(
            "let go",
            [partitions.len() as i64, partitions.first().map_or(-1, |at| at.unit.partition.into())],
        );
        self.with(|client| {
            client.asked = !client.changes.is_empty();
            client.owned.retain(|at, _| !partitions.contains(at));
            client.buffer.retain(|lent| !partitions.contains(&lent.at));
        });
        self.beat_soon();
        Ok(())
    }

    fn resume(&self, unit: Unit, positions: &Positions) -> Result<(), Fault> {
        for (at, position) in unit.inputs().zip(positions.iter()) {
            self.move_reading(at, |reading| {
                *reading = Reading { paused: false, fetch: position, delivered: position, ..*reading };
            });
        }
        let way = self.seat.world().micros(10, 2_000);
        self.seat.sleep(way);
        Ok(())
    }

    fn pause_input(&self, at: InputPartition) -> Result<(), Fault> {
        self.move_reading(at, |reading| {
            reading.paused = true;
            reading.fetch = reading.delivered;
        });
        Ok(())
    }

    fn resume_input(&self, at: InputPartition) -> Result<(), Fault> {
        self.move_reading(at, |reading| {
            reading.paused = false;
            reading.fetch = reading.delivered;
        });
        Ok(())
    }

    fn undelivered(&self, at: InputPartition) -> Option<i64> {
        let reading = self.with(|client| client.owned.get(&at).copied()).flatten()?;
        Some((reading.high? - reading.delivered.unwrap_or(0)).max(0))
    }

    fn detach(record: Lent) -> Lent {
        record
    }

    fn lend<'a>(record: Lent) -> Lent
    where
        Self: 'a,
    {
        record
    }

    fn membership(&self) -> Result<(u64, i32), Fault> {
        let place = self.with(|client| client.place).flatten();
        if self.seat.world().bug == Some(Bug::ForgetMembership) {
            return Ok(place.unwrap_or_default());
        }
        place.ok_or_else(|| {
            let text = "the place in the group is lost: somebody else may own the partitions now";
            Fault::new(Operation::Offsets, FaultClass::NeedsAbort, text)
        })
    }

    fn take_ends(&self) -> Vec<(InputPartition, InputReach)> {
        let world = self.seat.world();
        let Some(client) = world.clients.get(&self.number) else { return Vec::new() };
        let reach = |(at, reading): (&InputPartition, &Reading)| {
            let (log, place) = (&world.logs[&place_of(*at)], place_of(*at));
            let waits = client.buffer.iter().any(|lent| lent.at == *at);
            let more = log.committed(reading.fetch.unwrap_or(0)).next().is_some();
            let (stable, delivered) = (log.stable(), reading.delivered);
            let reach = InputReach {
                stable,
                end: reading.high?,
                delivered,
                read: (!waits && !more).then_some(stable),
            };
            (!reading.paused && !world.is_down(World::leader(place))).then_some((*at, reach))
        };
        client.owned.iter().filter_map(reach).collect()
    }

    fn leave(mut self) {
        let way = self.seat.world().micros(100, 5_000);
        self.seat.sleep(way);
        self.go();
    }
}

/// What a refusal means to the worker.
pub fn class(refusal: Refusal) -> FaultClass {
    match refusal {
        Refusal::Concurrent => FaultClass::Retriable,
        Refusal::Fenced => FaultClass::Fenced,
        Refusal::InvalidState | Refusal::StaleMember => FaultClass::NeedsAbort,
    }
}
