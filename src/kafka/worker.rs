//! The loop: gather, decide, commit; again. One thread, one member of the group, one producer, the state of its
//! partitions.
//!
//! It names no client library, no topic format and no clock. A turn either commits a batch whole, or leaves state and
//! positions as they were before it; where that is not certain it returns the fault, and the caller builds a new
//! worker from the journal.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    batch::{Lanes, gather, recycle},
    decide::{LaneEnd, Largest, Sink, decide_lane},
    decider::{Decider, Deciders, Input},
    failure::{Destination, Fault, FaultClass},
    health::{Health, WorkerHealth},
    held_back,
    layout::Layout,
    misplaced::Warnings,
    port::{Broker, GroupConsumer, InboundRecord, MessageLimits, TopicPartition, TransactionalProducer},
    rebalance::{RotationStep, Slots},
    restore::{Restores, shown},
    settings::{BatchLimits, Settings},
    standby::Standby,
    suspect::{FAILURES_BEFORE_BLOCKED, Failed, Suspects},
    transaction::{End, Transactions},
    waits::{Told, Waits},
};
use crate::telemetry::{self, TransactionResult};

/// How long a turn waits for a first record.
const IDLE: Duration = Duration::from_millis(20);
/// The same while a partition waits for a schema: a registry answers within milliseconds.
const IDLE_FOR_SCHEMA: Duration = Duration::from_millis(1);
/// How often gauges are written.
const GAUGES_EVERY: Duration = Duration::from_secs(1);
/// Wait after an abort; it doubles with every further one up to the second.
const ABORT_PAUSE_MIN: Duration = Duration::from_millis(10);
const ABORT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// An outcome or dead letter below this is hardly what a topic refuses for its size: it was one of many in a request.
const SUSPICIOUS_BYTES: usize = 64 << 10;

/// What every worker of the process shares.
pub struct Shared<B: Broker, D: Deciders> {
    /// The cluster.
    pub broker: Arc<B>,
    /// Makes partition states.
    pub deciders: Arc<D>,
    /// Settings.
    pub settings: Arc<Settings>,
    /// Health pages.
    pub health: Arc<Health>,
    /// Records under suspicion.
    pub suspects: Arc<Suspects>,
    /// Copies of what others decide.
    pub standby: Arc<Standby<D::Restoring>>,
    /// Whether keys are still where they were at the start.
    pub layout: Arc<Layout>,
    /// What the output topics take at most, as it was said last.
    pub limits: Arc<Mutex<MessageLimits>>,
}

impl<B: Broker, D: Deciders> Shared<B, D> {
    fn limits(&self) -> MessageLimits {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks what the output topics take: at the start, and when one of them took less than it was known to.
    pub(super) fn learn_limits(&self) {
        match self.broker.message_limits() {
            Ok(limits) => *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits,
            Err(fault) => log::warn!("what topics take at most cannot be asked: {fault}"),
        }
    }
}

impl<B: Broker, D: Deciders> Clone for Shared<B, D> {
    fn clone(&self) -> Self {
        Self {
            broker: Arc::clone(&self.broker),
            deciders: Arc::clone(&self.deciders),
            settings: Arc::clone(&self.settings),
            health: Arc::clone(&self.health),
            suspects: Arc::clone(&self.suspects),
            standby: Arc::clone(&self.standby),
            layout: Arc::clone(&self.layout),
            limits: Arc::clone(&self.limits),
        }
    }
}

/// One worker.
pub struct Worker<B: Broker, D: Deciders> {
    number: usize,
    shared: Shared<B, D>,
    transactions: Transactions<B>,
    slots: Slots<D::Decider, Detached<B>>,
    restores: Restores<B, D>,
    lanes: Lanes,
    /// Memory of the last batch's list of records.
    spare: Vec<Detached<B>>,
    aborts: u32,
    gauges_at: Duration,
    open_transactions: held_back::Watch,
    warnings: Warnings,
    waits: Waits,
    /// Something is out of reach, and that was said.
    told: bool,
    /// Whether the group has given it a place.
    joined: bool,
    /// Last, so that it leaves the group after everything else is dropped.
    consumer: B::Consumer,
}

/// A record that is held beyond its batch.
type Detached<B> = <<B as Broker>::Consumer as GroupConsumer>::Record<'static>;

/// Records that are held beyond their batch, by partition.
type Held<B> = Vec<(i32, Vec<Detached<B>>)>;

/// How a batch ended before the transaction is ended.
struct Decided {
    positions: Vec<(TopicPartition, i64)>,
    /// Partitions among them whose last committed journal record is not this worker's yet.
    claimed: Vec<i32>,
    waiting: Vec<i32>,
    behind: Vec<i32>,
    broken: Vec<i32>,
    rotations: Vec<RotationStep>,
    /// What fails if the batch does.
    tried: Vec<Failed>,
    /// The largest outcome and the largest dead letter.
    largest: [Option<Largest>; 2],
    events: usize,
    fault: Option<Fault>,
}

impl<B: Broker, D: Deciders> Worker<B, D> {
    /// Settles what an earlier life left open, then joins the group.
    ///
    /// # Errors
    /// The cluster cannot be reached or refuses.
    pub fn start(shared: Shared<B, D>, number: usize) -> Result<Self, Fault> {
        let transactions = Transactions::start(
            Arc::clone(&shared.broker),
            shared.settings.transactional_id(number),
            shared.settings.transaction_timeout,
        )?;
        let consumer = shared.broker.consumer(number)?;
        let restores = Restores::new(shared.clone(), transactions.writer());
        Ok(Self {
            number,
            transactions,
            slots: Slots::new(number, Arc::clone(&shared.health)),
            restores,
            lanes: Lanes::default(),
            spare: Vec::new(),
            aborts: 0,
            gauges_at: Duration::ZERO,
            open_transactions: held_back::Watch::default(),
            warnings: Warnings::default(),
            waits: Waits::default(),
            told: false,
            joined: false,
            consumer,
            shared,
        })
    }

    /// Works until `stop`, then leaves the group.
    ///
    /// # Errors
    /// State or place are lost: build a new worker.
    pub fn run(mut self, stop: &AtomicBool) -> Result<(), Fault> {
        while !stop.load(Ordering::Acquire) {
            self.turn()?;
        }
        log::info!("worker {}: leaving the group", self.number);
        self.shared.health.forget_all(self.number);
        self.consumer.leave();
        Ok(())
    }

    /// One turn: whatever is due between transactions, then at most one batch.
    ///
    /// # Errors
    /// State or place are lost: build a new worker.
    pub fn turn(&mut self) -> Result<(), Fault> {
        self.shared.health.turned(self.number);
        self.between()?;
        if !self.make_ready()? {
            return Ok(());
        }
        let limits = self.limits();
        let held = self.slots.take_held();
        let spare = std::mem::take(&mut self.spare);
        let idle = if self.slots.waiting().next().is_some() { IDLE_FOR_SCHEMA } else { IDLE };
        let (records, idle) =
            gather(&*self.shared.broker, &self.consumer, held, spare, &limits, idle, &mut self.lanes)?;
        let layout = &self.shared.layout;
        if !records.iter().all(|record| layout.is_home(record.source().partition, record.key()))
            && let Err(fault) = layout.look(&*self.shared.broker, self.shared.broker.now())
        {
            drop(records);
            return self.put_back(fault);
        }
        if records.is_empty() || layout.grown().is_some() {
            return Ok(());
        }
        telemetry::batch(records.len());
        let begun = self.shared.broker.now();
        self.transactions.begin()?;
        let decided = decide(
            &records,
            idle,
            &self.lanes,
            &mut self.slots,
            &self.consumer,
            &self.transactions,
            &self.shared,
        );
        let (held, spare) = left::<B, _>(&mut self.slots, &decided, records);
        self.spare = spare;
        let end = self.end(&decided).inspect_err(|fault| self.failed(&decided, fault))?;
        telemetry::transaction_duration(self.shared.broker.now() - begun);
        match end {
            End::Committed => self.committed(&decided, held),
            End::Aborted(fault) => {
                self.failed(&decided, &fault);
                self.aborted(&decided, &fault)
            }
        }
    }

    /// The batch that was gathered cannot be decided now: it comes again. Out of reach: state is kept.
    fn put_back(&mut self, fault: Fault) -> Result<(), Fault> {
        if fault.class != FaultClass::Retriable {
            return Err(fault);
        }
        self.out_of_reach(&fault);
        for lane in self.lanes.lanes() {
            self.slots.abort(&self.consumer, lane.partition)?;
        }
        self.shared.broker.wait(ABORT_PAUSE_MAX);
        Ok(())
    }

    fn between(&mut self) -> Result<(), Fault> {
        if !self.joined && self.consumer.membership().is_ok() {
            self.joined = true;
            self.shared.health.worker(self.number, WorkerHealth::Running);
        }
        if self.consumer.changes_waiting() {
            self.slots.answer(&self.consumer, &mut self.restores)?;
            self.shared.layout.owns(self.slots.highest(), &*self.shared.broker);
        }
        if let Some(why) = self.shared.layout.grown() {
            self.slots.refuse_all(&self.consumer, why)?;
        }
        while let Some(restored) = self.restores.take() {
            let (partition, state) = (restored.partition, restored.result.as_ref().ok());
            if let Some((decider, _)) = state
                && !self.shared.suspects.restored(partition, decider.positions())
            {
                // What it failed at here, if it did, somebody else has passed.
                self.shared.health.stuck(partition, None);
            }
            self.slots.restored(&self.consumer, restored)?;
        }
        self.slots.wake(&self.consumer)?;
        let now = self.shared.broker.now();
        if now >= self.gauges_at {
            self.gauges_at = now + GAUGES_EVERY;
            self.gauges();
            self.shared.health.trouble(self.number, self.consumer.trouble());
            self.tell_of_waits();
            let warnings = self.slots.each().map(|(partition, decider)| (partition, decider.warnings()));
            let found = warnings.filter(|(_, warnings)| !warnings.is_empty()).collect();
            self.warnings.tell(self.number, now, found, &self.shared.health);
        }
        Ok(())
    }

    fn tell_of_waits(&mut self) {
        for told in self.waits.look(self.slots.waiting()) {
            match told {
                Told::Waits(partition) => log::warn!(
                    "partition {partition}: waits for a schema: the schema registry does not answer; /readyz says more"
                ),
                // One that was let go meanwhile goes on elsewhere.
                Told::GoesOn(partition) if self.slots.active(partition).is_some() => {
                    log::info!("partition {partition}: goes on, its schema is there");
                }
                Told::GoesOn(_) => {}
            }
        }
    }

    /// Says that something is out of reach: once, until a batch has passed.
    fn out_of_reach(&mut self, fault: &Fault) {
        let level = if self.told { log::Level::Debug } else { log::Level::Warn };
        self.told = true;
        log::log!(level, "worker {}: {fault}: keeping state, trying again", self.number);
    }

    /// Replaces a spent producer. Out of reach: what is held is kept, and the next turn tries again.
    fn make_ready(&mut self) -> Result<bool, Fault> {
        match self.transactions.ready() {
            Ok(()) => {
                telemetry::producer_rebuilds(self.transactions.take_rebuilds());
                Ok(true)
            }
            Err(fault) if fault.class == FaultClass::Retriable => {
                self.out_of_reach(&fault);
                self.shared.broker.wait(ABORT_PAUSE_MAX);
                Ok(false)
            }
            Err(fault) => Err(fault),
        }
    }

    fn limits(&self) -> BatchLimits {
        let mut limits = self.shared.settings.batch;
        if self.shared.suspects.any()
            && let Some(most) = self.shared.suspects.events_max(self.slots.actives())
        {
            limits.events = limits.events.min(most);
        }
        limits
    }

    fn end(&mut self, decided: &Decided) -> Result<End, Fault> {
        if let Some(fault) = &decided.fault {
            self.transactions.abort_because(fault)?;
            return Ok(End::Aborted(fault.clone()));
        }
        if decided.positions.is_empty() {
            // Nothing was consumed and nothing produced: the client ends it without asking the broker.
            self.transactions.abort()?;
            return Ok(End::Committed);
        }
        // Positions of a partition can hold up its next owner: the journal must name us there before we send any.
        let flush_first = !decided.claimed.is_empty();
        self.transactions.finish(&self.consumer, &decided.positions, flush_first)
    }

    fn committed(&mut self, decided: &Decided, mut held: Held<B>) -> Result<(), Fault> {
        if !decided.positions.is_empty() {
            telemetry::transaction(TransactionResult::Committed);
            self.aborts = 0;
            if std::mem::take(&mut self.told) {
                log::info!("worker {}: goes on", self.number);
            }
        }
        for lane in self.lanes.lanes() {
            if let Some(decider) = self.slots.active(lane.partition) {
                decider.committed();
            }
        }
        for partition in &decided.claimed {
            self.slots.claimed(*partition);
        }
        for rotation in &decided.rotations {
            self.slots.trim(&*self.shared.broker, rotation);
        }
        if self.shared.suspects.any() {
            self.passed(decided);
        }
        let now = self.shared.broker.now();
        for lane in self.lanes.lanes() {
            if decided.waiting.contains(&lane.partition) {
                self.slots.wait_for_schema(&self.consumer, lane.partition)?;
                continue;
            }
            let own = held.iter_mut().find(|(partition, _)| *partition == lane.partition);
            let own = own.map(|(_, held)| std::mem::take(held)).unwrap_or_default();
            self.slots.hold(&self.consumer, lane.partition, own, now)?;
        }
        Ok(())
    }

    /// What failed before may be passed now.
    fn passed(&mut self, decided: &Decided) {
        for tried in decided.tried.iter().filter(|tried| tried.from != tried.until) {
            self.shared.suspects.passed(tried.partition, tried.until);
            if self.shared.health.stuck(tried.partition, None) {
                log::info!("partition {}: goes on at {}", tried.partition, shown(tried.until));
            }
        }
    }

    /// Remembers a batch that failed, by whatever the worker's next life can do better.
    fn failed(&self, decided: &Decided, fault: &Fault) {
        let mut halve = false;
        if let FaultClass::TooLarge(destination) = fault.class {
            match culprit(decided, destination) {
                // One that was not even sent is condemned by now.
                _ if decided.fault.is_some() => {}
                Some(largest) => self.shared.suspects.condemn(largest.at, largest.offset),
                None => halve = true,
            }
            self.shared.learn_limits();
        }
        for tried in &decided.tried {
            let failures = self.shared.suspects.failed(*tried, decided.events, halve);
            if failures < FAILURES_BEFORE_BLOCKED {
                continue;
            }
            let at = shown(tried.from);
            let why = format!("{failures} tries in a row to go on at {at} failed, the last one: {fault}");
            if self.shared.health.stuck(tried.partition, Some(why)) {
                log::error!("partition {}: stands still at {at}: {fault}", tried.partition);
            }
        }
    }

    fn aborted(&mut self, decided: &Decided, fault: &Fault) -> Result<(), Fault> {
        telemetry::transaction(TransactionResult::Aborted);
        let pause = (ABORT_PAUSE_MIN * 2_u32.pow(self.aborts.min(10))).min(ABORT_PAUSE_MAX);
        self.aborts += 1;
        // From there on the partition is told to stand still, until it goes on.
        let level = if self.aborts > FAILURES_BEFORE_BLOCKED { log::Level::Debug } else { log::Level::Warn };
        log::log!(level, "worker {}: aborted, the batch is done again in {pause:?}: {fault}", self.number);
        for lane in self.lanes.lanes() {
            if decided.broken.contains(&lane.partition) {
                self.consumer.pause(lane.partition)?;
                self.slots.restore(lane.partition, &mut self.restores);
            } else {
                self.slots.abort(&self.consumer, lane.partition)?;
            }
        }
        self.shared.broker.wait(pause);
        Ok(())
    }

    fn gauges(&mut self) {
        let ends = self.consumer.take_ends();
        let mut own = Vec::with_capacity(ends.len());
        for (partition, decider) in self.slots.each() {
            telemetry::accounts(partition, decider.accounts());
            let positions = decider.positions();
            for (at, reach) in ends.iter().filter(|(at, _)| at.partition == partition) {
                let position = positions[at.input as usize].unwrap_or(0);
                telemetry::consumer_lag(at.input.name(), partition, reach.lag(position));
                own.push((*at, *reach));
            }
        }
        if !ends.is_empty() {
            let held = self.open_transactions.look(&own, self.shared.broker.now());
            for (at, _) in &own {
                let age = held.iter().find(|held| held.at == *at).map_or(Duration::ZERO, |held| held.time);
                telemetry::open_transaction_age(at.input.name(), at.partition, age);
            }
            self.shared.health.held_back(self.number, held);
        }
        for (partition, held) in self.slots.held() {
            telemetry::held(partition, held);
        }
        if let Some(queue) = self.consumer.queue() {
            telemetry::consumer_queue(self.number, queue.records, queue.bytes);
        }
    }
}

/// The record whose outcome or dead letter its topic did not take, where it can be told.
fn culprit(decided: &Decided, destination: Destination) -> Option<Largest> {
    let largest = match destination {
        Destination::Outcomes => decided.largest[0],
        Destination::DeadLetters => decided.largest[1],
        Destination::Journal | Destination::Rulesets => None,
    };
    largest.filter(|largest| decided.events == 1 || largest.bytes >= SUSPICIOUS_BYTES)
}

/// What the batch left of the partitions that wait for an input, by partition, and the list's memory; the rest goes
/// back to the client.
fn left<B: Broker, D: Decider>(
    slots: &mut Slots<D, Detached<B>>,
    decided: &Decided,
    mut records: Vec<<B::Consumer as GroupConsumer>::Record<'_>>,
) -> (Held<B>, Vec<Detached<B>>) {
    let behind = decided
        .behind
        .iter()
        .filter_map(|&partition| Some((partition, slots.active(partition)?.positions(), Vec::new())));
    let mut behind: Vec<_> = behind.collect();
    for record in records.drain(..) {
        let source = record.source();
        let held = behind.iter_mut().find(|(partition, ..)| *partition == source.partition);
        if let Some((_, positions, held)) = held
            && positions[source.input as usize].is_none_or(|position| record.offset() >= position)
        {
            held.push(<B::Consumer as GroupConsumer>::detach(record));
        }
    }
    (behind.into_iter().map(|(partition, _, held)| (partition, held)).collect(), recycle(records))
}

/// Decides the records of a batch, lane by lane, into the open transaction.
fn decide<B: Broker, D: Deciders>(
    records: &[<B::Consumer as GroupConsumer>::Record<'_>],
    idle: Duration,
    lanes: &Lanes,
    slots: &mut Slots<D::Decider, Detached<B>>,
    consumer: &B::Consumer,
    transactions: &Transactions<B>,
    shared: &Shared<B, D>,
) -> Decided {
    let mut decided = Decided {
        positions: Vec::with_capacity(2 * lanes.lanes().len()),
        claimed: Vec::new(),
        waiting: Vec::new(),
        behind: Vec::new(),
        broken: Vec::new(),
        rotations: Vec::new(),
        tried: Vec::with_capacity(lanes.lanes().len()),
        largest: [None; 2],
        events: records.len(),
        fault: None,
    };
    let producer = transactions.producer();
    let now = shared.broker.now();
    let limits = shared.limits();
    for lane in lanes.lanes() {
        let ended = slots.ended(consumer, lane.partition, lane.came(), idle, now);
        let claimed = slots.is_claimed(lane.partition);
        // Records of a partition that is not ours to decide: it is read again once it is.
        let Some(decider) = slots.active(lane.partition) else { continue };
        let mut sink = Sink::<B>::new(producer, &shared.settings, &shared.suspects, limits, lane.partition);
        let from = decider.positions();
        decider.batch_begins(now);
        let lane_end = decide_lane::<B, _>(decider, lane, ended, records, &mut sink);
        decided.tried.push(Failed { partition: lane.partition, from, until: decider.positions() });
        for (largest, of_lane) in decided.largest.iter_mut().zip(sink.largest()) {
            *largest = Largest::of(*largest, of_lane);
        }
        match lane_end {
            LaneEnd::Done => {}
            LaneEnd::Behind => decided.behind.push(lane.partition),
            LaneEnd::NeedsSchema => decided.waiting.push(lane.partition),
            LaneEnd::Broken(fault) => {
                decided.broken.push(lane.partition);
                decided.fault = Some(fault);
                return decided;
            }
        }
        let start = rotation_start(&*shared.broker, decider, lane.partition);
        let journal = decider.journal(transactions.writer());
        let journaled =
            journal.records.iter().try_for_each(|record| producer.journal(lane.partition, record));
        let noted =
            journal.ruleset_change.map_or(Ok(()), |change| producer.ruleset_change(lane.partition, &change));
        if journal.rotation_begins || journal.rotation_completes {
            decided.rotations.push(RotationStep {
                partition: lane.partition,
                begins: journal.rotation_begins,
                start,
                completes: journal.rotation_completes,
            });
        }
        if let Err(fault) = sink.take_fault().map_or(journaled.and(noted), Err) {
            decided.fault = Some(fault);
            return decided;
        }
        if journal.records.is_empty() {
            continue;
        }
        if !claimed {
            decided.claimed.push(lane.partition);
        }
        for (input, position) in [Input::PosEvents, Input::AccountEvents].into_iter().zip(decider.positions())
        {
            if let Some(position) = position {
                let at = TopicPartition { input, partition: lane.partition };
                decided.positions.push((at, position));
            }
        }
    }
    decided
}

/// Where the journal ends before a rotation begins. This worker alone writes it, and has written nothing of this batch.
fn rotation_start<B: Broker, D: Decider>(broker: &B, decider: &D, partition: i32) -> Option<i64> {
    if !decider.rotation_begins() {
        return None;
    }
    match broker.journal_end(partition) {
        Ok(end) => Some(end),
        // Not cut off after this rotation then: more to read, nothing lost.
        Err(fault) => {
            log::warn!("partition {partition}: {fault}");
            None
        }
    }
}
