//! The transaction coordinator, as Kafka has it for clients of the first version of the protocol: epochs per
//! transactional id, fencing by a new epoch, the time limit, markers written one by one after the answer. An EndTxn says
//! only id and epoch: one that comes late ends whatever transaction is open by then. That is the hole, and it is kept.

use std::{collections::BTreeSet, time::Duration};

use super::{
    log::{Place, Record},
    world::World,
};

/// Why a broker refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An earlier transaction has not ended yet: ask again.
    Concurrent,
    /// A newer epoch is known.
    Fenced,
    /// Not in the state of the transaction.
    InvalidState,
    /// The member is not, or not with this epoch, in the group.
    StaleMember,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Empty,
    Ongoing,
    /// Decided; so many markers are still to be written.
    Prepared {
        commit: bool,
        markers: usize,
    },
    Complete {
        commit: bool,
    },
}

/// What the coordinator knows of a transactional id.
#[derive(Debug)]
pub struct Transactional {
    producer: u64,
    epoch: i32,
    state: State,
    /// Counts transactions, so that a time limit finds its own.
    count: u64,
    time_limit: Duration,
    partitions: BTreeSet<Place>,
    offsets: bool,
}

/// Who a producer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub id: String,
    pub producer: u64,
    pub epoch: i32,
}

impl World {
    /// InitProducerId: aborts what is open, then gives a new epoch.
    pub fn init_producer(&mut self, id: &str, time_limit: Duration) -> Result<Identity, Refusal> {
        if !self.transactional.contains_key(id) {
            let producer = self.number();
            let fresh = Transactional {
                producer,
                epoch: -1,
                state: State::Empty,
                count: 0,
                time_limit,
                partitions: BTreeSet::new(),
                offsets: false,
            };
            self.transactional.insert(id.to_owned(), fresh);
        }
        let found = self.transactional.get_mut(id).ok_or(Refusal::InvalidState)?;
        match found.state {
            State::Ongoing => {
                found.epoch += 1;
                self.prepare(id, false);
                Err(Refusal::Concurrent)
            }
            State::Prepared { .. } => Err(Refusal::Concurrent),
            State::Empty | State::Complete { .. } => {
                found.epoch += 1;
                found.state = State::Empty;
                found.time_limit = time_limit;
                Ok(Identity { id: id.to_owned(), producer: found.producer, epoch: found.epoch })
            }
        }
    }

    /// InitProducerId of a producer that goes on after an abort with messages lost: the next epoch of its own.
    pub fn bump_epoch(&mut self, who: &Identity) -> Result<Identity, Refusal> {
        self.current(who)?;
        let limit = self.current(who)?.time_limit;
        self.init_producer(&who.id, limit)
    }

    fn current(&mut self, who: &Identity) -> Result<&mut Transactional, Refusal> {
        match self.transactional.get_mut(&who.id) {
            Some(found) if found.producer == who.producer && found.epoch == who.epoch => Ok(found),
            Some(_) => Err(Refusal::Fenced),
            None => Err(Refusal::InvalidState),
        }
    }

    fn ongoing(&mut self, who: &Identity) -> Result<&mut Transactional, Refusal> {
        let found = self.current(who)?;
        match found.state {
            State::Ongoing => {}
            State::Prepared { .. } => return Err(Refusal::Concurrent),
            State::Empty | State::Complete { .. } => {
                found.state = State::Ongoing;
                found.count += 1;
                let (count, limit) = (found.count, found.time_limit);
                // The coordinator looks for such transactions now and then.
                let late = self.millis(0, 2_000);
                let id = who.id.clone();
                self.after(limit + late, move |world| world.time_out(&id, count));
            }
        }
        self.current(who)
    }

    fn time_out(&mut self, id: &str, count: u64) {
        let Some(found) = self.transactional.get_mut(id) else { return };
        if found.count == count && found.state == State::Ongoing {
            found.epoch += 1;
            let producer = found.producer;
            self.fault(0, "transaction timed out");
            let held = self.group.pending_units(producer);
            self.waited_out += u64::from(self.is_waited_for(held.into_iter()));
            self.prepare(id, false);
        }
    }

    /// AddPartitionsToTxn.
    pub fn add_partition(&mut self, who: &Identity, place: Place) -> Result<(), Refusal> {
        self.ongoing(who)?.partitions.insert(place);
        Ok(())
    }

    /// AddOffsetsToTxn.
    pub fn add_offsets(&mut self, who: &Identity) -> Result<(), Refusal> {
        self.ongoing(who)?.offsets = true;
        Ok(())
    }

    /// Produce: a batch with its number, which tells one that was sent twice. A leader that has no transaction of the
    /// producer open asks the coordinator.
    pub fn produce(
        &mut self,
        who: &Identity,
        place: Place,
        number: u64,
        records: Vec<Record>,
    ) -> Result<(), Refusal> {
        let (epoch, last) = self.log(place).producers.get(&who.producer).copied().unwrap_or((-1, 0));
        if who.epoch < epoch {
            return Err(Refusal::Fenced);
        }
        if who.epoch == epoch && number <= last {
            return Ok(());
        }
        if !self.log(place).is_open(who.producer) {
            let found = self.current(who)?;
            if found.state != State::Ongoing || !found.partitions.contains(&place) {
                return Err(Refusal::InvalidState);
            }
        }
        let log = self.log(place);
        log.producers.insert(who.producer, (who.epoch, number));
        for record in records {
            log.append(Some(who.producer), record);
        }
        Ok(())
    }

    /// Whether the group's coordinator takes pending offsets of this producer.
    pub fn takes_offsets(&mut self, who: &Identity) -> Result<(), Refusal> {
        if self.group.has_pending(who.producer) {
            let known = self.transactional.get(&who.id).map_or(-1, |found| found.epoch);
            return if who.epoch < known { Err(Refusal::Fenced) } else { Ok(()) };
        }
        let found = self.current(who)?;
        if found.state == State::Ongoing && found.offsets { Ok(()) } else { Err(Refusal::InvalidState) }
    }

    /// EndTxn.
    pub fn end_transaction(&mut self, who: &Identity, commit: bool) -> Result<(), Refusal> {
        match self.current(who)?.state {
            State::Ongoing => {
                self.prepare(&who.id, commit);
                Ok(())
            }
            State::Prepared { commit: decided, .. } if decided == commit => Err(Refusal::Concurrent),
            State::Complete { commit: decided } if decided == commit => Ok(()),
            _ => Err(Refusal::InvalidState),
        }
    }

    /// Decides the fate; the markers follow, each in its own time.
    fn prepare(&mut self, id: &str, commit: bool) {
        let Some(found) = self.transactional.get_mut(id) else { return };
        let partitions = std::mem::take(&mut found.partitions);
        let offsets = std::mem::take(&mut found.offsets);
        let (producer, epoch) = (found.producer, found.epoch);
        found.state = State::Prepared { commit, markers: partitions.len() + usize::from(offsets) };
        self.note(
            0,
            if commit { "prepare commit" } else { "prepare abort" },
            [producer as i64, epoch.into()],
        );
        for place in partitions {
            self.marker(id.to_owned(), Some(place), (producer, epoch), commit);
        }
        if offsets {
            self.marker(id.to_owned(), None, (producer, epoch), commit);
        }
    }

    fn marker(&mut self, id: String, place: Option<Place>, producer: (u64, i32), commit: bool) {
        let rate = self.rates.slow_marker;
        let delay = if self.happens(rate) {
            *self.faults.entry("slow marker").or_default() += 1;
            self.millis(10, 2_500)
        } else {
            self.micros(100, 4_000)
        };
        self.after(delay, move |world| {
            let node = place.map_or(Self::GROUP, Self::leader);
            if world.is_down(node) {
                let again = world.millis(20, 200);
                world.after(again, move |world| world.marker(id, place, producer, commit));
                return;
            }
            match place {
                Some(place) => {
                    let log = world.log(place);
                    log.end(producer.0, commit);
                    let known = log.producers.entry(producer.0).or_insert((producer.1, 0));
                    if known.0 < producer.1 {
                        *known = (producer.1, 0);
                    }
                }
                None => world.group.end_pending(producer.0, commit),
            }
            world.news = true;
            if let Some(Transactional { state, .. }) = world.transactional.get_mut(&id)
                && let State::Prepared { commit, markers } = *state
            {
                let markers = markers - 1;
                *state = if markers == 0 {
                    State::Complete { commit }
                } else {
                    State::Prepared { commit, markers }
                };
            }
        });
    }

    /// Whether no transaction is open anywhere.
    pub fn settled(&self) -> bool {
        self.transactional.values().all(|found| matches!(found.state, State::Empty | State::Complete { .. }))
    }
}
