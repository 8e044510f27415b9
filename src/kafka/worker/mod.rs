//! The loop: gather, decide, commit; again. One thread, one member of the group, one producer, the state of its units.
//!
//! It names no client library, no topic format and no clock. A turn either commits a batch whole, or leaves state and
//! positions as they were before it; where that is not certain it returns the fault, and the caller builds a new
//! worker from the journal.

use crate::kafka::locked::locked;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

mod decide;
mod gather;
mod lane;
mod merge;
mod owned;
mod ticks;
mod waiting;

use self::decide::{Decided, DecidedUnit, HeldRecords, decide, take_undecided};
use self::gather::gather;
use self::lane::{LaneEnd, Largest};
use self::merge::Lanes;
use self::owned::OwnedUnits;
use super::cluster::layout::Layout;
use super::failure::{Destination, Fault, FaultClass};
use super::health::Health;
use super::held_back;
use super::misplaced::Warnings;
use super::port::{Broker, GroupConsumer, InputPartition, InputReach, LentRecord, MessageLimits};
use super::settings::{BatchLimits, ClusterSettings};
use super::suspect::{FAILURES_BEFORE_BLOCKED, Suspects};
use super::takeover::restore::Restores;
use super::takeover::standby::Standby;
use super::transaction::{TransactionEnd, Transactions};
use crate::domain::flow::Flow;
use crate::pipeline::Deciders;
use crate::telemetry::standing::WorkerStanding;
use crate::telemetry::{self, TransactionResult};

/// How long a turn waits for a first record.
const IDLE: Duration = Duration::from_millis(20);
/// The same while a unit waits for a schema: a registry answers within milliseconds.
const IDLE_FOR_SCHEMA: Duration = Duration::from_millis(1);
/// How often gauges are written.
const GAUGES_EVERY: Duration = Duration::from_secs(1);
/// So many looks in a row, one whenever gauges are written, find a unit ours in part before that is told.
const HALF_FOR: u32 = 60;
/// Wait after an abort; it doubles with every further one up to the second.
const ABORT_PAUSE_MIN: Duration = Duration::from_millis(10);
const ABORT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// A message below this is hardly what a topic refuses for its size: it was one of many in a request.
const SUSPICIOUS_BYTES: usize = 64 << 10;

/// What every worker of the process shares.
pub struct SharedByWorkers<B: Broker> {
    /// The cluster.
    pub broker: Arc<B>,
    /// Makes the states of units, by flow.
    pub flows: Vec<Arc<dyn Deciders>>,
    /// Settings.
    pub settings: Arc<ClusterSettings>,
    /// Health pages.
    pub health: Arc<Health>,
    /// Records under suspicion.
    pub suspects: Suspects,
    /// Copies of what others decide.
    pub standby: Standby,
    /// Whether keys are still where they were at the start.
    pub layout: Layout,
    /// What the output topics take at most, as it was said last.
    pub limits: Mutex<Arc<MessageLimits>>,
}

impl<B: Broker> SharedByWorkers<B> {
    /// What makes the states of a flow's units.
    ///
    /// # Panics
    /// The flow is not one of this process.
    pub fn deciders(&self, flow: &Flow) -> &dyn Deciders {
        let found = self.flows.iter().find(|deciders| deciders.flow() == flow);
        &**found.unwrap_or_else(|| panic!("flow {flow:?} is not decided here"))
    }

    fn limits(&self) -> Arc<MessageLimits> {
        Arc::clone(&locked(&self.limits))
    }

    /// Asks what the output topics take: at the start, and when one of them took less than it was known to.
    pub(super) fn learn_limits(&self) {
        match self.broker.message_limits() {
            Ok(limits) => {
                *locked(&self.limits) = Arc::new(limits);
            }
            Err(fault) => log::warn!("what topics take at most cannot be asked: {fault}"),
        }
    }
}

/// One worker.
pub struct Worker<B: Broker> {
    number: usize,
    shared: Arc<SharedByWorkers<B>>,
    transactions: Transactions<B>,
    owned: OwnedUnits<Detached<B>>,
    restores: Restores<B>,
    lanes: Lanes,
    /// Memory of the last batch's list of records.
    spare: Vec<Detached<B>>,
    aborts: u32,
    gauges_at: Duration,
    open_transactions: held_back::InputWatch,
    warnings: Warnings,
    /// Something is out of reach, and that was said.
    told: bool,
    /// Whether the group has given it a place.
    joined: bool,
    /// Last, so that it leaves the group after everything else is dropped.
    consumer: B::Consumer,
}

/// A record that is held beyond its batch.
type Detached<B> = <<B as Broker>::Consumer as GroupConsumer>::Record<'static>;

impl<B: Broker> Worker<B> {
    /// Settles what an earlier life left open, then joins the group.
    ///
    /// # Errors
    /// The cluster cannot be reached or refuses.
    pub fn start(shared: Arc<SharedByWorkers<B>>, number: usize) -> Result<Self, Fault> {
        let transactions = Transactions::start(
            Arc::clone(&shared.broker),
            shared.settings.transactional_id(number),
            shared.settings.kafka.transaction_timeout,
        )?;
        let consumer = shared.broker.consumer(number)?;
        let restores = Restores::new(Arc::clone(&shared), transactions.writer());
        Ok(Self {
            number,
            transactions,
            owned: OwnedUnits::new(number, Arc::clone(&shared.health)),
            restores,
            lanes: Lanes::default(),
            spare: Vec::new(),
            aborts: 0,
            gauges_at: Duration::ZERO,
            open_transactions: held_back::InputWatch::default(),
            warnings: Warnings::default(),
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
        self.shared.health.note_turn(self.number);
        self.tend_units()?;
        if !self.make_ready()? {
            return Ok(());
        }
        let limits = self.limits();
        let held = self.owned.take_held();
        let spare = std::mem::take(&mut self.spare);
        let idle = if self.owned.waiting().next().is_some() { IDLE_FOR_SCHEMA } else { IDLE };
        let (records, idle) =
            gather(&*self.shared.broker, &self.consumer, held, spare, &limits, idle, &mut self.lanes)?;
        let layout = &self.shared.layout;
        for flow in self.shared.flows.iter().map(|deciders| deciders.flow()) {
            let own = || records.iter().filter(|record| record.source().unit.flow == flow);
            let home = |at: InputPartition, key| at.is_numbered() || layout.is_home(at.unit, key);
            if !own().all(|record| home(record.source(), record.key()))
                && let Err(fault) = layout.look(flow, &*self.shared.broker, self.shared.broker.now())
            {
                drop(records);
                return self.put_back(fault);
            }
        }
        if records.is_empty() {
            return Ok(());
        }
        if self.owned.actives().any(|unit| layout.why_stopped(unit.flow).is_some()) {
            // Noticed just now: the rest of the batch comes again once those are paused.
            drop(records);
            return self.move_back();
        }
        telemetry::batch(records.len());
        let begun = self.shared.broker.now();
        self.transactions.begin()?;
        let decided = decide(
            &records,
            idle,
            &self.lanes,
            &mut self.owned,
            &self.consumer,
            &self.transactions,
            &self.shared,
        );
        let (held, spare) = take_undecided::<B>(&decided, records);
        self.spare = spare;
        let end = self.end(&decided).inspect_err(|fault| self.note_failed_batch(&decided, fault))?;
        telemetry::transaction_duration(self.shared.broker.now() - begun);
        match end {
            TransactionEnd::Committed => self.committed(&decided, held),
            TransactionEnd::Aborted(fault) => {
                self.note_failed_batch(&decided, &fault);
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
        self.move_back()?;
        self.shared.broker.wait(ABORT_PAUSE_MAX);
        Ok(())
    }

    /// The batch that was gathered is read again.
    fn move_back(&mut self) -> Result<(), Fault> {
        for lane in self.lanes.lanes() {
            self.owned.abort(&self.consumer, lane.unit)?;
        }
        Ok(())
    }

    fn tend_units(&mut self) -> Result<(), Fault> {
        if !self.joined && self.consumer.membership().is_ok() {
            self.joined = true;
            self.shared.health.worker(self.number, WorkerStanding::Running(None));
        }
        if self.consumer.changes_waiting() {
            self.owned.answer(&self.consumer, &mut self.restores)?;
            self.shared.layout.owns(self.owned.units(), &*self.shared.broker);
        }
        for deciders in &self.shared.flows {
            if let Some(why) = self.shared.layout.why_stopped(deciders.flow()) {
                self.owned.refuse_all(&self.consumer, deciders.flow(), why)?;
            }
        }
        while let Some(restored) = self.restores.take() {
            let (unit, state) = (restored.unit, restored.result.as_ref().ok());
            if let Some((decider, _)) = state
                && !self.shared.suspects.restored(unit, &decider.positions())
            {
                // What it failed at here, if it did, somebody else has passed.
                self.shared.health.stuck(unit, None);
            }
            self.owned.restored(&self.consumer, restored)?;
        }
        self.owned.wake(&self.consumer)?;
        let now = self.shared.broker.now();
        if now >= self.gauges_at {
            self.gauges_at = now + GAUGES_EVERY;
            self.gauges();
            self.shared.health.trouble(self.number, self.consumer.trouble());
            self.owned.tell_of_waits();
            let warnings = self.owned.deciders().map(|(unit, decider)| (unit, decider.warnings()));
            let mut found: BTreeMap<_, _> = warnings.filter(|(_, warnings)| !warnings.is_empty()).collect();
            found.extend(self.owned.halves(HALF_FOR).into_iter().map(|(unit, why)| (unit, vec![why])));
            self.warnings.tell(self.number, now, found, &self.shared.health);
        }
        Ok(())
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
            Ok(()) => Ok(true),
            Err(fault) if fault.class == FaultClass::Retriable => {
                self.out_of_reach(&fault);
                self.shared.broker.wait(ABORT_PAUSE_MAX);
                Ok(false)
            }
            Err(fault) => Err(fault),
        }
    }

    fn limits(&self) -> BatchLimits {
        let mut limits = self.shared.settings.kafka.batch;
        if self.shared.suspects.any()
            && let Some(most) = self.shared.suspects.events_max(self.owned.actives())
        {
            limits.events = limits.events.min(most);
        }
        limits
    }

    fn end(&mut self, decided: &Decided) -> Result<TransactionEnd, Fault> {
        if let Some(fault) = &decided.fault {
            self.transactions.abort_because(fault)?;
            return Ok(TransactionEnd::Aborted(fault.clone()));
        }
        if decided.positions.is_empty() {
            // Nothing was consumed and nothing produced: the client ends it without asking the broker.
            self.transactions.abort()?;
            return Ok(TransactionEnd::Committed);
        }
        // Positions of a unit can hold up its next owner: the journal must name us there before we send any.
        let flush_first = decided.units.iter().any(|unit| unit.claims);
        self.transactions.finish(&self.consumer, &decided.positions, flush_first)
    }

    fn committed(&mut self, decided: &Decided, mut held: HeldRecords<B>) -> Result<(), Fault> {
        if !decided.positions.is_empty() {
            telemetry::transaction(TransactionResult::Committed);
            self.aborts = 0;
            if std::mem::take(&mut self.told) {
                log::info!("worker {}: goes on", self.number);
            }
        }
        let broker = &*self.shared.broker;
        for of_unit in &decided.units {
            let unit = of_unit.tried.unit;
            if let Some(decider) = self.owned.active(unit) {
                decider.committed();
            }
            if of_unit.claims {
                self.owned.mark_claimed(unit);
            }
            if let Some(rotation) = of_unit.rotation {
                self.owned.trim(broker, unit, rotation);
            }
            if let Some(ticking) = self.owned.ticking(unit) {
                let wall = of_unit.ticked.map_or(0, |_| broker.wall_millis());
                ticking.note_decided(broker.now(), of_unit.ticked, wall);
            }
        }
        if self.shared.suspects.any() {
            self.forget_passed(decided);
        }
        for DecidedUnit { tried, end, .. } in &decided.units {
            let missing = match end {
                LaneEnd::NeedsSchema => {
                    self.owned.wait_for_schema(&self.consumer, tried.unit)?;
                    continue;
                }
                LaneEnd::AwaitsInput(missing) => missing,
                LaneEnd::Done | LaneEnd::Broken(_) => &[][..],
            };
            let own = held.iter_mut().find(|(unit, _)| *unit == tried.unit);
            let own = own.map(|(_, held)| std::mem::take(held)).unwrap_or_default();
            self.owned.hold(&self.consumer, tried.unit, missing, own, broker.now())?;
        }
        Ok(())
    }

    /// What failed before may be passed now.
    fn forget_passed(&self, decided: &Decided) {
        let tried = decided.units.iter().map(|unit| &unit.tried);
        for tried in tried.filter(|tried| tried.from != tried.until) {
            self.shared.suspects.forget_passed(tried.unit, &tried.until);
            if self.shared.health.stuck(tried.unit, None) {
                log::info!("{}: goes on at {}", tried.unit, tried.until.words(tried.unit.flow));
            }
        }
    }

    /// Remembers a batch that failed, by whatever the worker's next life can do better.
    fn note_failed_batch(&self, decided: &Decided, fault: &Fault) {
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
        for DecidedUnit { tried, .. } in &decided.units {
            let failures = self.shared.suspects.note_failure(tried, decided.events, halve);
            if failures < FAILURES_BEFORE_BLOCKED {
                continue;
            }
            let at = tried.from.words(tried.unit.flow);
            let why = format!("{failures} tries in a row to go on at {at} failed, the last one: {fault}");
            if self.shared.health.stuck(tried.unit, Some(why)) {
                log::error!("{}: stands still at {at}: {fault}", tried.unit);
            }
        }
    }

    fn aborted(&mut self, decided: &Decided, fault: &Fault) -> Result<(), Fault> {
        telemetry::transaction(TransactionResult::Aborted);
        let pause = (ABORT_PAUSE_MIN * 2_u32.pow(self.aborts.min(10))).min(ABORT_PAUSE_MAX);
        self.aborts += 1;
        // From there on the unit is told to stand still, until it goes on.
        let level = if self.aborts > FAILURES_BEFORE_BLOCKED { log::Level::Debug } else { log::Level::Warn };
        log::log!(level, "worker {}: aborted, the batch is done again in {pause:?}: {fault}", self.number);
        for lane in self.lanes.lanes() {
            let is_it = |of: &&DecidedUnit| of.tried.unit == lane.unit;
            let of_unit = decided.units.iter().find(is_it);
            if of_unit.is_some_and(|of| matches!(of.end, LaneEnd::Broken(_))) {
                self.consumer.pause(lane.unit)?;
                self.owned.restore(lane.unit, &mut self.restores);
            } else {
                self.owned.abort(&self.consumer, lane.unit)?;
            }
        }
        self.shared.broker.wait(pause);
        Ok(())
    }

    /// Writes the ticks that are due of units that are read to their ends.
    fn tick(&mut self, ends: &[(InputPartition, InputReach)]) {
        let broker = &*self.shared.broker;
        let now = broker.now();
        for (unit, value) in self.owned.due_ticks(ends, now, broker.wall_millis()) {
            match broker.tick(unit, &value) {
                Ok(()) => telemetry::tick(),
                Err(fault) => log::warn!("{unit}: no tick could be written: {fault}"),
            }
            if let Some(ticking) = self.owned.ticking(unit) {
                ticking.wrote(now);
            }
        }
    }

    fn gauges(&mut self) {
        let ends = self.consumer.take_ends();
        let mut own = Vec::with_capacity(ends.len());
        for (unit, decider) in self.owned.deciders() {
            telemetry::entries(unit, decider.entries());
            let positions = decider.positions();
            for (at, reach) in ends.iter().filter(|(at, _)| at.unit == unit) {
                let position = positions[at.input].unwrap_or(0);
                telemetry::consumer_lag(*at, reach.lag(position));
                own.push((*at, *reach));
            }
        }
        if !ends.is_empty() {
            let held = self.open_transactions.look(&own, self.shared.broker.now());
            for (at, _) in &own {
                let age = held.iter().find(|held| held.at == *at).map_or(Duration::ZERO, |held| held.time);
                telemetry::open_transaction_age(*at, age);
            }
            self.shared.health.held_back(self.number, held);
        }
        for (unit, held) in self.owned.held_counts() {
            telemetry::held(unit, held);
        }
        if self.shared.settings.kafka.ticks {
            self.tick(&ends);
        }
        if let Some(queue) = self.consumer.queue() {
            telemetry::consumer_queue(self.number, queue.records, queue.bytes);
        }
    }
}

/// The record whose message its topic did not take, where it can be told.
fn culprit(decided: &Decided, destination: Destination) -> Option<Largest> {
    let largest = decided.largest.to(destination);
    largest.filter(|largest| decided.events == 1 || largest.bytes >= SUSPICIOUS_BYTES)
}
