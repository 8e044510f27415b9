//! The cluster as one process reaches it: the worker's port, over the simulated world. Every call may be where the
//! process crashes, freezes or waits; nothing here decides.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tillgate::kafka::{
    failure::{Fault, FaultClass, Operation},
    port::{
        Broker, Followed, Input, InputEnds, JournalEnds, JournalFollower, JournalReader, MessageLimits,
        Positions, TopicPartition,
    },
};

use super::{
    log::{Place, Record, Topic},
    member::{Member, place_of},
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

    fn journal(&self, partition: i32) -> Result<Reader, Fault> {
        Ok(Reader { seat: self.seat.clone(), partition, position: 0, fetched: VecDeque::new() })
    }

    fn follower(&self) -> Result<Follower, Fault> {
        Ok(Follower { seat: self.seat.clone(), followed: Vec::new(), late: BTreeMap::new() })
    }

    fn message_limits(&self) -> Result<MessageLimits, Fault> {
        let world = self.seat.world();
        Ok(if world.tells_limits { world.limits } else { MessageLimits::UNKNOWN })
    }

    fn input_partitions(&self) -> Result<u32, Fault> {
        let place = (Topic::PosEvents, 0);
        let answer = self.seat.request(World::leader(place), ASK_TIMEOUT, |world| world.partitions as u32);
        answer.ok_or_else(|| Fault::new(Operation::Check, FaultClass::Retriable, "no answer to Metadata"))
    }

    fn journal_end(&self, partition: i32) -> Result<i64, Fault> {
        let place = (Topic::Journal, partition);
        let answer = self.seat.request(World::leader(place), ASK_TIMEOUT, |world| world.log(place).high());
        answer.ok_or_else(|| Fault::new(Operation::Trim, FaultClass::Retriable, "no answer to ListOffsets"))
    }

    fn trim_journal(&self, partition: i32, before: i64) {
        let mut world = self.seat.world();
        let rate = world.rates.trim_lost;
        if world.happens(rate) {
            return world.fault(self.seat.process.number, "DeleteRecords lost");
        }
        let delay = world.millis(1, 300);
        let before = match world.bug {
            Some(Bug::TrimTooMuch) => world.log((Topic::Journal, partition)).high(),
            _ => before,
        };
        world.note(self.seat.process.number, "trim", [partition.into(), before]);
        world.after(delay, move |world| world.log((Topic::Journal, partition)).trim(before));
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

/// Reads one partition of the journal.
pub struct Reader {
    seat: Seat,
    partition: i32,
    position: i64,
    fetched: VecDeque<(i64, Arc<Record>)>,
}

impl Reader {
    fn place(&self) -> Place {
        (Topic::Journal, self.partition)
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

    fn open_outcomes(&mut self) -> Result<Option<i64>, Fault> {
        let place = (Topic::Outcomes, self.partition);
        self.ask(World::leader(place), |world| {
            let log = world.log(place);
            (log.stable() < log.high()).then_some(log.stable())
        })
    }

    fn committed(&mut self, within: Duration) -> Result<Option<Positions>, Fault> {
        let partition = self.partition;
        let until = self.seat.now() + within;
        loop {
            let positions = self.ask(World::GROUP, |world| match world.bug {
                Some(Bug::UnstableOffsets) => Some(world.group.positions(partition)),
                _ => world.group.stable_positions(partition),
            })?;
            let mut world = self.seat.world();
            if positions.is_some() {
                world.waits.remove(&partition);
                return Ok(positions);
            }
            world.told_to_wait(partition, &self.seat.process);
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

    fn input_ends(&mut self) -> Result<[InputEnds; 2], Fault> {
        let ends = |input| {
            let place = place_of(TopicPartition { input, partition: self.partition });
            self.ask(World::leader(place), |world| {
                let log = world.log(place);
                InputEnds { start: log.start(), end: log.high() }
            })
        };
        Ok([ends(Input::PosEvents)?, ends(Input::AccountEvents)?])
    }
}

/// Follows partitions of the journal, each with a reader of its own.
pub struct Follower {
    seat: Seat,
    /// With whether its end was told since its last record. The one that is asked next comes first.
    followed: Vec<(Reader, bool)>,
    /// Records that come one late, where that is the mistake.
    late: BTreeMap<i32, Vec<u8>>,
}

/// One record in so many loses its facts, where that is the mistake.
const FORGETS_EVERY: i64 = 4;

impl JournalFollower for Follower {
    fn follow(&mut self, partition: i32, offset: Option<i64>) -> Result<(), Fault> {
        self.leave(partition)?;
        if offset.is_none() {
            self.late.remove(&partition);
        }
        let position = offset.unwrap_or(0);
        let reader = Reader { seat: self.seat.clone(), partition, position, fetched: VecDeque::new() };
        self.followed.push((reader, false));
        Ok(())
    }

    fn leave(&mut self, partition: i32) -> Result<(), Fault> {
        self.followed.retain(|(reader, _)| reader.partition != partition);
        Ok(())
    }

    fn next(&mut self, timeout: Duration, each: &mut dyn FnMut(i32, i64, &[u8])) -> Result<Followed, Fault> {
        for at in 0..self.followed.len() {
            let (reader, ended) = &mut self.followed[at];
            let partition = reader.partition;
            // What gets no answer is tried again by itself.
            let (sim, late) = (&self.seat.sim, &mut self.late);
            let mut hand_over = |offset: i64, record: &[u8]| {
                let bug = sim.world().bug;
                match bug {
                    Some(Bug::StandbyForgets) if offset % FORGETS_EVERY == 0 => {
                        each(partition, offset, &without_facts(record));
                    }
                    Some(Bug::StandbyShort) => {
                        if let Some(before) = late.insert(partition, record.to_vec()) {
                            each(partition, offset, &before);
                        }
                    }
                    _ => each(partition, offset, record),
                }
            };
            let Ok(found) = reader.next(&mut hand_over) else { continue };
            let told = std::mem::replace(ended, !found);
            if found || !told {
                self.followed.rotate_left(at + 1);
                return Ok(if found { Followed::Record } else { Followed::End(partition) });
            }
        }
        self.seat.sleep(timeout);
        Ok(Followed::Nothing)
    }

    fn end(&self, partition: i32) -> Option<i64> {
        Some(self.seat.world().log((Topic::Journal, partition)).high())
    }
}
