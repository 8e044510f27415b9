//! The client side of a transactional producer: it queues, sends batch by batch, asks again where no answer came, and
//! notes every lost connection or time-out as the real client's log does. What it asks twice may arrive twice, and late.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tillgate::{
    codec::rulesets::write_change,
    contact,
    domain::{PartitionId, partitioner::Partitioner},
    kafka::{
        failure::{Destination, Fault, FaultClass, Operation},
        port::{
            Header, InputPartition, LentRecord, LetterRecord, Outbound, RulesetChange, TransactionalProducer,
            Unit,
        },
    },
};

use super::{
    log::{Place, Record, Topic, output_of},
    member::{Lent, Member, class},
    planted::Bug,
    transactions::{Identity, Refusal},
    world::{Seat, World},
};

/// Header of journal records that names their writer.
pub const WRITER_HEADER: &str = "writer";

/// What the first flow tells contact decisions, and what these decide.
const FACTS: Topic = Topic::Input(&contact::FLOW, contact::PARTIES);
const DECISIONS: Topic = Topic::Output(&contact::FLOW, contact::CONTACT_DECISIONS);

/// A client's time limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub transaction: Duration,
    pub socket: Duration,
}

#[derive(Debug, Default)]
struct Sending {
    queue: BTreeMap<Place, Vec<Record>>,
    /// What the coordinator was told of in this transaction.
    added: BTreeSet<Place>,
    offsets_added: bool,
    /// Units whose journal it writes, and the positions that it has taken in.
    decides: BTreeSet<Unit>,
    positions: Vec<(InputPartition, i64)>,
    /// Number of the next batch; the last one that was numbered is sent again under the same.
    batch: u64,
    failure: Option<Fault>,
    /// No call is of use any more.
    fatal: Option<FaultClass>,
    /// Messages were lost: the next transaction needs a new epoch.
    gap: bool,
    disturbed: bool,
}

/// A producer with a transactional id.
pub struct Producer {
    seat: Seat,
    limits: Limits,
    who: RefCell<Identity>,
    sending: RefCell<Sending>,
}

fn fault(operation: Operation, class: FaultClass, text: &str) -> Fault {
    Fault::new(operation, class, text)
}

/// Where a record is for whose size its topic does not take it.
fn too_large(world: &World, topic: Topic, record: &Record) -> Option<Destination> {
    let destination = match topic {
        Topic::Output(flow, output) => Destination::Output(flow, output),
        Topic::DeadLetters(flow) => Destination::DeadLetters(flow),
        _ => return None,
    };
    (record.bytes() > world.limits.of(destination)).then_some(destination)
}

fn refused_for_size(operation: Operation, destination: Destination) -> Fault {
    fault(operation, FaultClass::TooLarge(destination), "the cluster takes no record of this size")
}

impl Producer {
    /// InitProducerId, again and again until it is answered.
    pub fn init(seat: Seat, id: &str, limits: Limits) -> Result<Self, Fault> {
        let begun = seat.now();
        let mut disturbed = false;
        loop {
            let served = seat.request(World::coordinator(id), limits.socket, |world| {
                world.init_producer(id, limits.transaction)
            });
            match served {
                Some(Ok(who)) => {
                    seat.note("init", [who.producer as i64, who.epoch.into()]);
                    let sending = RefCell::new(Sending { disturbed, ..Sending::default() });
                    return Ok(Self { seat, limits, who: RefCell::new(who), sending });
                }
                Some(Err(_)) => seat.sleep(Duration::from_millis(10)),
                None => disturbed = true,
            }
            if seat.now() - begun > limits.transaction {
                return Err(fault(Operation::Init, FaultClass::Retriable, "no answer to InitProducerId"));
            }
        }
    }

    /// Where a key belongs among the partitions of a flow.
    fn home(&self, unit: Unit, key: &[u8]) -> PartitionId {
        let partitions = self.seat.world().flows[unit.flow];
        Partitioner::Murmur2.partition_of(key, partitions)
    }

    fn who(&self) -> Identity {
        self.who.borrow().clone()
    }

    fn disturb(&self) {
        self.sending.borrow_mut().disturbed = true;
    }

    /// One request to the coordinator or a leader, asked again until it is answered by more than "not now".
    fn ask(
        &self,
        operation: Operation,
        node: usize,
        begun: Duration,
        serve: impl Fn(&mut World) -> Result<(), Refusal>,
    ) -> Result<(), Fault> {
        loop {
            self.seat.step();
            match self.seat.request(node, self.limits.socket, &serve) {
                Some(Ok(())) => return Ok(()),
                Some(Err(Refusal::Concurrent)) => self.seat.sleep(Duration::from_millis(5)),
                Some(Err(refusal)) => return Err(self.refused(operation, refusal)),
                None => self.disturb(),
            }
            if self.seat.now() - begun > self.limits.transaction {
                return Err(fault(operation, FaultClass::Retriable, "no answer within transaction_timeout"));
            }
        }
    }

    fn refused(&self, operation: Operation, refusal: Refusal) -> Fault {
        if refusal == Refusal::Fenced {
            self.sending.borrow_mut().fatal = Some(FaultClass::Fenced);
        }
        self.seat.note("refused", [refusal as i64, 0]);
        fault(operation, class(refusal), "the broker refuses")
    }

    fn check(&self, operation: Operation) -> Result<(), Fault> {
        match self.sending.borrow().fatal {
            Some(class) => Err(fault(operation, class, "the producer has failed for good")),
            None => Ok(()),
        }
    }

    fn queue(&self, place: Place, record: Record) -> Result<(), Fault> {
        self.check(Operation::Produce)?;
        self.seat.step();
        let now = {
            let mut world = self.seat.world();
            let bug = world.bug;
            match bug {
                Some(Bug::PublishOutside) if matches!(place.0, Topic::Output(..)) => {
                    world.log(place).append(None, record);
                    return Ok(());
                }
                Some(Bug::LoseFact) if place.0 == FACTS && world.draw.per_mille(50) => return Ok(()),
                Some(Bug::DecideTwice) if place.0 == DECISIONS && world.draw.per_mille(50) => {
                    self.sending.borrow_mut().queue.entry(place).or_default().push(record.clone());
                }
                _ => {}
            }
            if let Some(destination) = too_large(&world, place.0, &record)
                && world.draw.per_mille(500)
            {
                world.fault(self.seat.process.number, "record too large");
                return Err(refused_for_size(Operation::Produce, destination));
            }
            world.draw.per_mille(60)
        };
        self.sending.borrow_mut().queue.entry(place).or_default().push(record);
        if now {
            self.send_some();
        }
        Ok(())
    }

    /// What the client's background thread has sent by now.
    fn send_some(&self) {
        let begun = self.seat.now();
        let place = {
            let sending = self.sending.borrow();
            let places: Vec<Place> = sending.queue.keys().copied().collect();
            if sending.failure.is_some() || places.is_empty() {
                return;
            }
            places[self.seat.world().draw.below(places.len() as u32) as usize]
        };
        self.send(place, begun);
    }

    fn send(&self, place: Place, begun: Duration) {
        let Some(records) = self.sending.borrow_mut().queue.remove(&place) else { return };
        let sent = self.try_send(place, records, begun);
        if let Err(failure) = sent {
            let mut sending = self.sending.borrow_mut();
            sending.gap = true;
            let class = match failure.class {
                FaultClass::Retriable => FaultClass::NeedsAbort,
                class => class,
            };
            sending.failure.get_or_insert(Fault { operation: Operation::Flush, class, ..failure });
        }
    }

    fn try_send(&self, place: Place, records: Vec<Record>, begun: Duration) -> Result<(), Fault> {
        let who = self.who();
        if !self.sending.borrow().added.contains(&place) {
            self.ask(Operation::Flush, World::coordinator(&who.id), begun, |world| {
                world.add_partition(&who, place)
            })?;
            self.sending.borrow_mut().added.insert(place);
        }
        let number = {
            let mut sending = self.sending.borrow_mut();
            sending.batch += 1;
            sending.batch
        };
        let fails = {
            let mut world = self.seat.world();
            let rate = world.rates.delivery_failed;
            let fails = world.happens(rate);
            if fails {
                world.fault(self.seat.process.number, "delivery failed");
            }
            fails.then(|| world.draw.per_mille(500))
        };
        let refused = |record| too_large(&self.seat.world(), place.0, record);
        if let Some(destination) = records.iter().find_map(refused) {
            self.seat.world().fault(self.seat.process.number, "record too large");
            return Err(refused_for_size(Operation::Flush, destination));
        }
        if let Some(arrived) = fails {
            // Given up by the client; the broker may have it all the same.
            if arrived {
                let _answer = self.seat.request(World::leader(place), self.limits.socket, |world| {
                    world.produce(&who, place, number, records)
                });
            }
            return Err(fault(Operation::Flush, FaultClass::NeedsAbort, "a message timed out"));
        }
        self.ask(Operation::Flush, World::leader(place), begun, |world| {
            world.produce(&who, place, number, records.clone())
        })
    }

    /// Whether the coordinator was told of nothing: the client then ends the transaction by itself.
    fn nothing_sent(&self) -> bool {
        let sending = self.sending.borrow();
        sending.added.is_empty() && !sending.offsets_added
    }

    /// EndTxn, asked again until it is answered. One that was given up may still be under way.
    fn end(&self, operation: Operation, commit: bool) -> Result<(), Fault> {
        self.check(operation)?;
        let who = self.who();
        let begun = self.seat.now();
        if !self.nothing_sent() {
            self.delay_one(&who, commit);
            let node = World::coordinator(&who.id);
            let ended = self.ask(operation, node, begun, |world| world.end_transaction(&who, commit));
            if self.seat.now() - begun > self.limits.socket.min(self.limits.transaction) / 2 {
                self.disturb();
            }
            ended.map_err(|failure| match failure.class {
                // The client is lost where the broker says that there is no such transaction.
                FaultClass::NeedsAbort => {
                    self.sending.borrow_mut().fatal = Some(FaultClass::Fatal);
                    Fault { class: FaultClass::Fatal, ..failure }
                }
                _ => failure,
            })?;
        }
        let mut sending = self.sending.borrow_mut();
        sending.added.clear();
        sending.offsets_added = false;
        Ok(())
    }

    /// The first request is held back on its way; the client gives it up and asks again.
    fn delay_one(&self, who: &Identity, commit: bool) {
        let late = {
            let mut world = self.seat.world();
            let rate = world.rates.late_end;
            let late = world.happens(rate);
            if late {
                world.fault(self.seat.process.number, "late EndTxn");
                let (id, delay) = (who.clone(), world.millis(5, 3_000));
                world.after(delay, move |world| {
                    let ended = world.end_transaction(&id, commit);
                    world.note(0, "late EndTxn arrives", [ended.is_ok().into(), commit.into()]);
                });
            }
            late
        };
        if late {
            self.disturb();
            self.seat.unanswered(self.limits.socket);
        }
    }

    fn renew_epoch(&self) -> Result<(), Fault> {
        let who = self.who();
        let begun = self.seat.now();
        loop {
            match self
                .seat
                .request(World::coordinator(&who.id), self.limits.socket, |world| world.bump_epoch(&who))
            {
                Some(Ok(renewed)) => {
                    *self.who.borrow_mut() = renewed;
                    let mut sending = self.sending.borrow_mut();
                    sending.gap = false;
                    sending.batch = 0;
                    return Ok(());
                }
                Some(Err(Refusal::Concurrent)) => self.seat.sleep(Duration::from_millis(5)),
                Some(Err(refusal)) => return Err(self.refused(Operation::Abort, refusal)),
                None => {
                    // It may have been served: the epoch that this producer knows is then an old one.
                    self.disturb();
                }
            }
            if self.seat.now() - begun > self.limits.transaction {
                return Err(fault(Operation::Abort, FaultClass::Retriable, "no answer to InitProducerId"));
            }
        }
    }

    fn commit_offsets(&self, positions: &[(InputPartition, i64)], member: (u64, i32)) -> Result<(), Fault> {
        let who = self.who();
        let begun = self.seat.now();
        self.ask(Operation::Offsets, World::coordinator(&who.id), begun, |world| world.add_offsets(&who))?;
        self.sending.borrow_mut().offsets_added = true;
        let serve = {
            let (who, positions) = (who.clone(), positions.to_vec());
            move |world: &mut World| {
                if world.bug != Some(Bug::ForgetMembership) {
                    world.check_member(member.0, member.1)?;
                }
                world.takes_offsets(&who)?;
                world.add_pending(who.producer, &positions);
                Ok(())
            }
        };
        let late = {
            let mut world = self.seat.world();
            let rate = world.rates.late_offsets;
            let late = world.happens(rate);
            if late {
                world.fault(self.seat.process.number, "late TxnOffsetCommit");
                let (delay, serve) = (world.millis(5, 3_000), serve.clone());
                world.after(delay, move |world| {
                    let taken: Result<(), Refusal> = serve(world);
                    world.note(0, "late TxnOffsetCommit arrives", [taken.is_ok().into(), 0]);
                });
            }
            late
        };
        if late {
            self.disturb();
            self.seat.unanswered(self.limits.socket);
        }
        self.ask(Operation::Offsets, World::GROUP, begun, serve)
    }
}

impl TransactionalProducer<Member> for Producer {
    fn begin(&self) -> Result<(), Fault> {
        self.check(Operation::Begin)?;
        self.seat.process.check();
        let mut sending = self.sending.borrow_mut();
        sending.failure = None;
        sending.queue.clear();
        sending.decides.clear();
        sending.positions.clear();
        Ok(())
    }

    fn send(&self, unit: Unit, outbound: &Outbound<'_>) -> Result<(), Fault> {
        let Outbound { output, partition, key, value, headers } = *outbound;
        let record = Record {
            key: Some(key.to_vec()),
            value: value.map(<[u8]>::to_vec),
            headers: headers.iter().map(|header| (header.name, header.value.to_vec())).collect(),
            ..Record::default()
        };
        let partition = partition.unwrap_or_else(|| self.home(unit, key));
        self.queue((output_of(unit.flow, output), partition), record)
    }

    fn dead_letter(&self, record: &Lent, kept: LetterRecord, headers: &[Header<'_>]) -> Result<(), Fault> {
        let mut letter = record.record().clone();
        letter.key = letter.key.filter(|_| kept.key);
        letter.value = letter.value.zip(kept.value_bytes).map(|(mut value, most)| {
            value.truncate(most);
            value
        });
        if !kept.headers {
            letter.headers.clear();
        }
        for (name, _) in &mut letter.headers {
            if headers.iter().any(|header| header.name == *name) {
                *name = "sender.forged";
            }
        }
        letter.headers.extend(headers.iter().map(|header| (header.name, header.value.to_vec())));
        let unit = record.source().unit;
        let partition = self.home(unit, record.key().unwrap_or_default());
        self.queue((Topic::DeadLetters(unit.flow), partition), letter)
    }

    fn journal(&self, unit: Unit, record: &[u8]) -> Result<(), Fault> {
        let record = Record {
            value: Some(record.to_vec()),
            headers: vec![(WRITER_HEADER, self.who.borrow().id.clone().into_bytes())],
            ..Record::default()
        };
        self.sending.borrow_mut().decides.insert(unit);
        self.queue((Topic::Journal(unit.flow), unit.partition), record)
    }

    fn ruleset_change(&self, unit: Unit, change: &RulesetChange) -> Result<(), Fault> {
        let (key, value) = write_change(unit.flow.name, unit.partition, change);
        let record =
            Record { key: Some(key.into_bytes()), value: Some(value.into_bytes()), ..Record::default() };
        self.queue((Topic::Rulesets, PartitionId::new(0)), record)
    }

    fn offsets(&self, positions: &[(InputPartition, i64)], membership: &(u64, i32)) -> Result<(), Fault> {
        self.check(Operation::Offsets)?;
        self.sending.borrow_mut().positions = positions.to_vec();
        let bug = self.seat.world().bug;
        if bug == Some(Bug::OffsetsOutside) {
            self.seat.world().group.commit_plainly(positions);
            return Ok(());
        }
        match self.commit_offsets(positions, *membership) {
            Err(fault) if bug == Some(Bug::IgnoreFence) && fault.class != FaultClass::Retriable => Ok(()),
            answer => answer,
        }
    }

    fn flush(&self) -> Result<(), Fault> {
        let begun = self.seat.now();
        loop {
            if let Some(failure) = self.sending.borrow().failure.clone() {
                return Err(failure);
            }
            let place = self.sending.borrow().queue.keys().next().copied();
            let Some(place) = place else { return Ok(()) };
            self.send(place, begun);
        }
    }

    fn commit(&self) -> Result<(), Fault> {
        let ended = self.end(Operation::Commit, true);
        self.seat.note("commit", [ended.is_ok().into(), 0]);
        if ended.is_ok() {
            self.seat.world().passed(&self.sending.borrow().positions);
        }
        match ended {
            Err(fault)
                if fault.class != FaultClass::Retriable
                    && self.seat.world().bug == Some(Bug::IgnoreFence) =>
            {
                Ok(())
            }
            ended => ended,
        }
    }

    fn abort(&self) -> Result<(), Fault> {
        let decides = std::mem::take(&mut self.sending.borrow_mut().decides);
        self.seat.world().was_in_vain(decides.into_iter());
        self.sending.borrow_mut().queue.clear();
        let nothing = self.nothing_sent();
        let ended = self.end(Operation::Abort, false);
        if !nothing {
            self.seat.note("abort", [ended.is_ok().into(), 0]);
        }
        ended?;
        self.sending.borrow_mut().failure = None;
        let gap = self.sending.borrow().gap;
        if gap { self.renew_epoch() } else { Ok(()) }
    }

    fn disturbed(&self) -> bool {
        self.seat.world().bug != Some(Bug::BeginAgain) && self.sending.borrow().disturbed
    }
}
