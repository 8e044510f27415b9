//! The cluster as one process reaches it: the worker's port, over the simulated world. Every call may be where the
//! process crashes, freezes or waits; nothing here decides.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use tillgate::domain::PartitionId;
use tillgate::kafka::{
    failure::{Fault, FaultClass, Operation},
    port::{
        Broker, Flow, Followed, JournalEnds, JournalFollower, JournalReader, MessageLimits, Positions, Unit,
    },
};

use super::{
    log::{Place, Record, Topic, place_of},
    member::Member,
    planted::{Bug, without_facts},
    producer::{Limits, Producer, WRITER_HEADER},
    world::{Job, Seat, World},
};

/// How long a question to the cluster may take, as in the real client.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// A process's way to the cluster.
pub struct SimBroker {
    pub seat: Seat,
    pub limits: Limits,
    /// Static name, without the worker's number.
    pub instance: Option<String>,
    /// The transactional ids of its own workers.
    pub own_ids: Vec<String>,
}

impl Broker for SimBroker {
    type Consumer = Member;
    type Producer = Producer;
    type Journal = Reader;
    type Follower = Follower;

    fn consumer(&self, worker: usize) -> Result<Member, Fault> {
        let instance = self.instance.as_ref().map(|name| format!("{name}-{worker}"));
        Ok(Member::join(self.seat.clone(), instance))
    }

    fn producer(&self, transactional_id: &str) -> Result<Producer, Fault> {
        if self.own_ids.iter().all(|id| id != transactional_id) {
            let mut world = self.seat.world();
            *world.faults.entry("writer fenced by a new owner").or_default() += 1;
            world.note(self.seat.process.number, "fences another writer", [0; 2]);
        }
        Producer::init(self.seat.clone(), transactional_id, self.limits)
    }

    fn journal(&self, unit: Unit) -> Result<Reader, Fault> {
        Ok(Reader { seat: self.seat.clone(), unit, position: 0, fetched: VecDeque::new() })
    }

    fn follower(&self) -> Result<Follower, Fault> {
        Ok(Follower { seat: self.seat.clone(), followed: Vec::new(), late: BTreeMap::new() })
    }

    fn message_limits(&self) -> Result<MessageLimits, Fault> {
        let world = self.seat.world();
        Ok(if world.tells_limits { world.limits.clone() } else { MessageLimits::default() })
    }

    fn input_partitions(&self, flow: &'static Flow) -> Result<u32, Fault> {
        let place = (Topic::Input(flow, 0), PartitionId::new(0));
        let answer = self.seat.request(World::leader(place), ASK_TIMEOUT, |world| world.flows[flow]);
        answer.ok_or_else(|| Fault::new(Operation::Check, FaultClass::Retriable, "no answer to Metadata"))
    }

    fn journal_end(&self, unit: Unit) -> Result<i64, Fault> {
        let place = (Topic::Journal(unit.flow), unit.partition);
        let answer = self.seat.request(World::leader(place), ASK_TIMEOUT, |world| world.log(place).high());
        answer.ok_or_else(|| Fault::new(Operation::Trim, FaultClass::Retriable, "no answer to ListOffsets"))
    }

    fn trim_journal(&self, unit: Unit, before: i64) {
        let place = (Topic::Journal(unit.flow), unit.partition);
        let mut world = self.seat.world();
        let rate = world.rates.trim_lost;
        if world.happens(rate) {
            return world.fault(self.seat.process.number, "DeleteRecords lost");
        }
        let delay = world.millis(1, 300);
        let before = match world.bug {
            Some(Bug::TrimTooMuch) => world.log(place).high(),
            _ => before,
        };
        world.note(self.seat.process.number, "trim", [unit.partition.into(), before]);
        world.after(delay, move |world| world.log(place).trim(before));
    }

    fn tick(&self, unit: Unit, value: &[u8]) -> Result<(), Fault> {
        let record = Record {
            key: Some(unit.partition.to_string().into_bytes()),
            value: Some(value.to_vec()),
            ..Record::default()
        };
        let place = (Topic::Input(unit.flow, unit.flow.ticks.expect("its ticks")), unit.partition);
        let mut world = self.seat.world();
        let (rate, delay) = (world.rates.request_lost * 5, world.millis(1, 2_000));
        if world.happens(rate) {
            world.fault(self.seat.process.number, "tick lost");
            return Ok(());
        }
        world.note(self.seat.process.number, "tick", [unit.partition.into(), 0]);
        // Whatever becomes of the process: it may be another one's by then.
        world.after(delay, move |world| {
            let timestamp_millis = world.clock_millis();
            world.log(place).append(None, Record { timestamp_millis, ..record });
            world.news = true;
        });
        Ok(())
    }

    fn wall_millis(&self) -> i64 {
        // Machines' clocks are an hour apart.
        let skew = i64::from(self.seat.process.number % 3) - 1;
        self.seat.world().clock_millis() + skew * 3_600_000
    }

    fn now(&self) -> Duration {
        self.seat.now()
    }

    fn wait(&self, time: Duration) {
        self.seat.sleep(time);
    }

    fn spawn(&self, _name: String, job: Box<dyn FnOnce() + Send>) {
        let process = Some(Arc::clone(&self.seat.process));
        self.seat.world().spawned.push_back(Job { process, job });
    }
}

/// Reads the journal of one unit.
pub struct Reader {
    seat: Seat,
    unit: Unit,
    position: i64,
    fetched: VecDeque<(i64, Arc<Record>)>,
}

impl Reader {
    fn place(&self) -> Place {
        (Topic::Journal(self.unit.flow), self.unit.partition)
    }

    fn ask<T>(&self, node: usize, serve: impl FnOnce(&mut World) -> T) -> Result<T, Fault> {
        let answer = self.seat.request(node, ASK_TIMEOUT, serve);
        answer.ok_or_else(|| Fault::new(Operation::Restore, FaultClass::Retriable, "no answer"))
    }
}

impl JournalReader for Reader {
    fn ends(&mut self) -> Result<JournalEnds, Fault> {
        let place = self.place();
        let node = World::leader(place);
        let (start, high) = self.ask(node, |world| (world.log(place).start(), world.log(place).high()))?;
        let stable = self.ask(node, |world| world.log(place).stable())?;
        Ok(JournalEnds { start, stable, high })
    }

    fn read_from(&mut self, offset: i64) -> Result<(), Fault> {
        self.position = offset;
        self.fetched.clear();
        Ok(())
    }

    fn next(&mut self, each: &mut dyn FnMut(i64, &[u8])) -> Result<bool, Fault> {
        if self.fetched.is_empty() {
            let (place, position) = (self.place(), self.position);
            let (stable, records) = self.ask(World::leader(place), |world| {
                let most = world.draw.between(1, 40) as usize;
                let log = world.log(place);
                let found = log.committed(position).take(most).map(|(at, record)| (at, Arc::clone(record)));
                let found: Vec<_> = found.collect();
                (log.stable(), found)
            })?;
            if records.is_empty() {
                self.position = self.position.max(stable);
            }
            self.fetched.extend(records);
        }
        let Some((offset, record)) = self.fetched.pop_front() else { return Ok(false) };
        self.position = offset + 1;
        each(offset, record.value.as_deref().unwrap_or_default());
        Ok(true)
    }

    fn open_writer(&mut self, offset: i64) -> Result<Option<String>, Fault> {
        let place = self.place();
        self.ask(World::leader(place), |world| {
            let record = world.log(place).uncommitted(offset)?;
            let writer = record.header(WRITER_HEADER)?;
            std::str::from_utf8(writer).ok().map(str::to_owned)
        })
    }

    fn open_output(&mut self) -> Result<Option<(usize, i64)>, Fault> {
        for output in 0..self.unit.flow.outputs.len() {
            let place = (Topic::Output(self.unit.flow, output), self.unit.partition);
            let open = self.ask(World::leader(place), |world| {
                let log = world.log(place);
                (log.stable() < log.high()).then_some(log.stable())
            })?;
            if let Some(open) = open {
                return Ok(Some((output, open)));
            }
        }
        Ok(None)
    }

    fn committed(&mut self, within: Duration) -> Result<Option<Positions>, Fault> {
        let unit = self.unit;
        let until = self.seat.now() + within;
        loop {
            let positions = self.ask(World::GROUP, |world| match world.bug {
                Some(Bug::UnstableOffsets) => Some(world.group.positions(unit)),
                _ => world.group.stable_positions(unit),
            })?;
            let mut world = self.seat.world();
            if positions.is_some() {
                world.waits.remove(&unit);
                return Ok(positions);
            }
            world.told_to_wait(unit, &self.seat.process);
            if world.now >= until {
                let text = "offsets of an open transaction";
                return match world.bug {
                    Some(Bug::FenceNobody) => {
                        Err(Fault::new(Operation::Restore, FaultClass::Retriable, text))
                    }
                    _ => Ok(None),
                };
            }
            drop(world);
            self.seat.sleep(Duration::from_millis(20));
        }
    }

    fn input_ends(&mut self) -> Result<Vec<Range<i64>>, Fault> {
        let ends = |at| {
            let place = place_of(at);
            self.ask(World::leader(place), |world| {
                let log = world.log(place);
                log.start()..log.high()
            })
        };
        self.unit.inputs().map(ends).collect()
    }
}

/// Follows journals, each with a reader of its own.
pub struct Follower {
    seat: Seat,
    /// With whether its end was told since its last record. The one that is asked next comes first.
    followed: Vec<(Reader, bool)>,
    /// Records that come one late, where that is the mistake.
    late: BTreeMap<Unit, Vec<u8>>,
}

/// One record in so many loses its facts, where that is the mistake.
const FORGETS_EVERY: i64 = 4;

impl JournalFollower for Follower {
    fn follow(&mut self, unit: Unit, offset: Option<i64>) -> Result<(), Fault> {
        self.leave(unit)?;
        if offset.is_none() {
            self.late.remove(&unit);
        }
        let position = offset.unwrap_or(0);
        let reader = Reader { seat: self.seat.clone(), unit, position, fetched: VecDeque::new() };
        self.followed.push((reader, false));
        Ok(())
    }

    fn leave(&mut self, unit: Unit) -> Result<(), Fault> {
        self.followed.retain(|(reader, _)| reader.unit != unit);
        Ok(())
    }

    fn next(
        &mut self,
        timeout: Duration,
        each: &mut dyn FnMut(Unit, i64, &[u8]),
    ) -> Result<Followed<(), Unit>, Fault> {
        for at in 0..self.followed.len() {
            let (reader, ended) = &mut self.followed[at];
            let unit = reader.unit;
            // What gets no answer is tried again by itself.
            let (sim, late) = (&self.seat.sim, &mut self.late);
            let mut hand_over = |offset: i64, record: &[u8]| {
                let bug = sim.world().bug;
                match bug {
                    Some(Bug::StandbyForgets) if offset % FORGETS_EVERY == 0 => {
                        each(unit, offset, &without_facts(unit, record));
                    }
                    Some(Bug::StandbyShort) => {
                        if let Some(before) = late.insert(unit, record.to_vec()) {
                            each(unit, offset, &before);
                        }
                    }
                    _ => each(unit, offset, record),
                }
            };
            let Ok(found) = reader.next(&mut hand_over) else { continue };
            let told = std::mem::replace(ended, !found);
            if found || !told {
                self.followed.rotate_left(at + 1);
                return Ok(if found { Followed::Record(()) } else { Followed::End(unit) });
            }
        }
        self.seat.sleep(timeout);
        Ok(Followed::Nothing)
    }

    fn end(&self, unit: Unit) -> Option<i64> {
        Some(self.seat.world().log((Topic::Journal(unit.flow), unit.partition)).high())
    }
}
