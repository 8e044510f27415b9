//! The cluster of one run and everything around it: time, chance, logs, coordinators, nodes that are down or slow, what
//! processes run, what happened so far. All chance comes from the seed, in the order in which things happen.

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use tillgate::{
    domain::PartitionId,
    kafka::port::{Flow, InputPartition, MessageLimits, Unit},
    load::draw::Draw,
};
use xxhash_rust::xxh3::Xxh3;

use super::{
    group::Group,
    log::{Log, Place, Topic},
    member::Client,
    planted::Bug,
    scheduler::{Pause, Process, pause},
    transactions::Transactional,
};

/// Brokers of the cluster.
pub const NODES: usize = 3;
/// A restore that is held up has its writer fenced by then, where requests are answered.
const FENCED_WITHIN: Duration = Duration::from_secs(2);
/// Steps that are shown of a failed run.
const TRACE_MAX: usize = 120;

/// What runs as a coroutine, and for which process; none: the environment, which never fails.
pub struct Job {
    pub process: Option<Arc<Process>>,
    pub job: Box<dyn FnOnce() + Send>,
}

/// How often which fault happens, per mille of the requests that could have it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    pub request_lost: u16,
    pub answer_lost: u16,
    pub late_end: u16,
    pub late_offsets: u16,
    pub delivery_failed: u16,
    pub slow: u16,
    pub trim_lost: u16,
    pub heartbeat_lost: u16,
    pub slow_marker: u16,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fortune {
    Served,
    RequestLost,
    AnswerLost,
}

/// One step of the run, for its trace.
#[derive(Clone, Debug)]
pub struct Step {
    at: Duration,
    process: u32,
    what: &'static str,
    detail: [i64; 2],
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at, process, what, detail: [first, second] } = self;
        write!(f, "{:10.6} process {process} {what} {first} {second}", at.as_secs_f64())
    }
}

type Timer = Box<dyn FnOnce(&mut World) + Send>;

/// Everything but the processes' own memory.
pub struct World {
    pub now: Duration,
    pub draw: Draw,
    /// How many partitions each flow has.
    pub flows: BTreeMap<&'static Flow, u32>,
    pub logs: BTreeMap<Place, Log>,
    pub transactional: BTreeMap<String, Transactional>,
    pub group: Group,
    pub clients: BTreeMap<u64, Client>,
    pub rates: Rates,
    /// The brokers' clock: what time it was, in milliseconds, and when; and how much faster it goes than time here.
    clock: (Duration, i64),
    pub clock_speed: u32,
    pub bug: Option<Bug>,
    /// When each node is back.
    down_until: [Duration; NODES],
    slow_until: [Duration; NODES],
    registry_down_until: Duration,
    frozen_until: BTreeMap<u32, Duration>,
    timers: BTreeMap<(Duration, u64), Timer>,
    numbers: u64,
    pub spawned: VecDeque<Job>,
    /// Something that a waiting consumer may want.
    pub news: bool,
    /// Transactions that senders of input have open.
    pub senders: u32,
    /// Largest messages that the cluster takes, and whether it says so.
    pub limits: MessageLimits,
    pub tells_limits: bool,
    /// Turns so far that decided on a unit in vain.
    in_vain: BTreeMap<Unit, u64>,
    /// How many there had been when a record was delivered that is not passed yet.
    met: BTreeMap<(InputPartition, i64), u64>,
    /// The most turns that were in vain before a record was passed.
    pub in_vain_max: u64,
    /// How long after the last fault everything was decided.
    pub recovered_after: Duration,
    /// Restores that were told that their unit's positions are held: whose, and since when.
    pub waits: BTreeMap<Unit, (Arc<Process>, Duration)>,
    /// Transactions that timed out with positions that a restore had waited for.
    pub waited_out: u64,
    /// Faults so far, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Faults of processes and nodes, with their time.
    pub schedule: Vec<Step>,
    trace: VecDeque<Step>,
    hasher: Xxh3,
}

impl World {
    pub fn new(seed: u64, flows: BTreeMap<&'static Flow, u32>) -> Self {
        let of_flow = |(flow, partitions): (&&'static Flow, &u32)| {
            let partitions = *partitions;
            Topic::all(flow)
                .flat_map(move |topic| PartitionId::all(partitions).map(move |partition| (topic, partition)))
        };
        let places = flows.iter().flat_map(of_flow);
        Self {
            now: Duration::from_secs(1),
            draw: Draw::of_slot(seed, 1),
            logs: places
                .chain([(Topic::Rulesets, PartitionId::new(0))])
                .map(|place| (place, Log::default()))
                .collect(),
            flows,
            transactional: BTreeMap::new(),
            group: Group::default(),
            clients: BTreeMap::new(),
            rates: Rates::default(),
            clock: (Duration::ZERO, 0),
            clock_speed: 1,
            bug: None,
            down_until: Default::default(),
            slow_until: Default::default(),
            registry_down_until: Duration::ZERO,
            frozen_until: BTreeMap::new(),
            timers: BTreeMap::new(),
            numbers: 0,
            spawned: VecDeque::new(),
            news: false,
            senders: 0,
            limits: MessageLimits::default(),
            tells_limits: false,
            in_vain: BTreeMap::new(),
            met: BTreeMap::new(),
            in_vain_max: 0,
            recovered_after: Duration::ZERO,
            waits: BTreeMap::new(),
            waited_out: 0,
            faults: BTreeMap::new(),
            schedule: Vec::new(),
            trace: VecDeque::new(),
            hasher: Xxh3::new(),
        }
    }

    /// A number that was never given before.
    pub fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub fn log(&mut self, place: Place) -> &mut Log {
        self.logs.entry(place).or_default()
    }

    /// What time it is by the brokers, in milliseconds.
    pub fn clock_millis(&self) -> i64 {
        let (at, millis) = self.clock;
        millis + (self.now.saturating_sub(at) * self.clock_speed).as_millis() as i64
    }

    /// It is so late at least: a record of then has come.
    pub fn is_later_than(&mut self, millis: i64) {
        if millis > self.clock_millis() {
            self.clock = (self.now, millis);
        }
    }

    /// Does `what` after `delay`, whatever becomes of whoever asked for it.
    pub fn after(&mut self, delay: Duration, what: impl FnOnce(&mut World) + Send + 'static) {
        let number = self.number();
        self.timers.insert((self.now + delay, number), Box::new(what));
    }

    /// Does the first thing that is due by `until`; whether there was one.
    pub fn run_timers(&mut self, until: Duration) -> bool {
        let due = self.timers.first_key_value().map(|((time, _), _)| *time);
        if due.is_none_or(|time| time > until) {
            return false;
        }
        if let Some(((time, _), what)) = self.timers.pop_first() {
            self.now = self.now.max(time);
            what(self);
        }
        true
    }

    /// From `low` to `high` microseconds.
    pub fn micros(&mut self, low: u32, high: u32) -> Duration {
        Duration::from_micros(self.draw.between(low, high).into())
    }

    /// From `low` to `high` milliseconds.
    pub fn millis(&mut self, low: u32, high: u32) -> Duration {
        Duration::from_millis(self.draw.between(low, high).into())
    }

    /// Notes a step.
    pub fn note(&mut self, process: u32, what: &'static str, detail: [i64; 2]) {
        let step = Step { at: self.now, process, what, detail };
        (step.at, process, what, detail).hash(&mut self.hasher);
        if self.trace.len() == TRACE_MAX {
            self.trace.pop_front();
        }
        self.trace.push_back(step);
    }

    /// Notes a fault that was injected into one request.
    pub fn fault(&mut self, process: u32, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
        self.note(process, kind, [0; 2]);
    }

    /// Notes a fault of a process or a node.
    pub fn scheduled(&mut self, process: u32, kind: &'static str, detail: [i64; 2]) {
        *self.faults.entry(kind).or_default() += 1;
        self.note(process, kind, detail);
        self.schedule.push(Step { at: self.now, process, what: kind, detail });
    }

    /// A record is delivered to a worker.
    pub fn met(&mut self, at: InputPartition, offset: i64) {
        let before = self.in_vain.get(&at.unit).copied().unwrap_or(0);
        self.met.entry((at, offset)).or_insert(before);
    }

    /// A transaction that decided on these units was aborted.
    pub fn was_in_vain(&mut self, units: impl Iterator<Item = Unit>) {
        units.for_each(|unit| *self.in_vain.entry(unit).or_default() += 1);
    }

    /// What lies before these positions is committed.
    pub fn passed(&mut self, positions: &[(InputPartition, i64)]) {
        for (at, position) in positions {
            let now = self.in_vain.get(&at.unit).copied().unwrap_or(0);
            let passed = self.met.extract_if((*at, 0)..(*at, *position), |_, _| true);
            let most = passed.map(|(_, before)| now - before).max();
            self.in_vain_max = self.in_vain_max.max(most.unwrap_or(0));
        }
    }

    /// A restore of `process` is told that its unit's positions are held.
    pub fn told_to_wait(&mut self, unit: Unit, process: &Arc<Process>) {
        let since = self.now;
        match self.waits.get(&unit) {
            Some((by, _)) if by.number == process.number => return,
            _ => self.waits.insert(unit, (Arc::clone(process), since)),
        };
        let journal = self.log((Topic::Journal(unit.flow), unit.partition));
        if journal.stable() == journal.high() {
            self.fault(process.number, "positions held without a journal record");
        }
    }

    /// Whether a restore that goes on has waited for these units' positions for longer than fencing takes.
    pub fn is_waited_for(&self, units: impl Iterator<Item = Unit>) -> bool {
        let waiting = units.filter_map(|unit| self.waits.get(&unit));
        waiting
            .filter(|(process, _)| !process.crashed.load(Ordering::Relaxed))
            .any(|(_, since)| self.now - *since >= FENCED_WITHIN)
    }

    /// The last steps.
    pub fn trace(&self) -> impl Iterator<Item = &Step> {
        self.trace.iter()
    }

    /// Of every step so far.
    pub fn trace_hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// Whether a fault of `rate` happens.
    pub fn happens(&mut self, rate: u16) -> bool {
        rate > 0 && self.draw.per_mille(rate)
    }

    // ------------------------------------------------------------------------------------------ nodes and processes

    pub fn take_down(&mut self, node: usize, time: Duration) {
        self.down_until[node] = self.now + time;
    }

    pub fn slow_down(&mut self, node: usize, time: Duration) {
        self.slow_until[node] = self.now + time;
    }

    pub fn is_down(&self, node: usize) -> bool {
        self.down_until[node] > self.now
    }

    pub fn take_registry_down(&mut self, time: Duration) {
        self.registry_down_until = self.now + time;
    }

    pub fn registry_is_down(&self) -> bool {
        self.registry_down_until > self.now
    }

    pub fn freeze(&mut self, process: u32, time: Duration) {
        self.frozen_until.insert(process, self.now + time);
    }

    pub fn frozen_until(&self, process: u32) -> Option<Duration> {
        self.frozen_until.get(&process).copied().filter(|until| *until > self.now)
    }

    /// Ends every fault there is, and lets none begin.
    pub fn heal(&mut self) {
        self.rates = Rates::default();
        self.down_until = [Duration::ZERO; NODES];
        self.slow_until = [Duration::ZERO; NODES];
        self.registry_down_until = Duration::ZERO;
        self.frozen_until.clear();
        self.news = true;
    }

    /// The node that leads a partition.
    pub fn leader((topic, partition): Place) -> usize {
        (topic.number() + partition.index()) % NODES
    }

    /// The node that a transactional id's coordinator is on.
    pub fn coordinator(id: &str) -> usize {
        id.bytes().map(usize::from).sum::<usize>() % NODES
    }

    /// The node that the group's coordinator is on.
    pub const GROUP: usize = 0;

    /// How long a request or its answer takes.
    fn way(&mut self, node: usize) -> Duration {
        let way = self.micros(50, 1_500);
        if self.slow_until[node] > self.now {
            way * self.draw.between(5, 60)
        } else if self.happens(self.rates.slow) {
            *self.faults.entry("slow answer").or_default() += 1;
            way * 100
        } else {
            way
        }
    }

    fn fortune(&mut self, process: u32) -> Fortune {
        if self.happens(self.rates.request_lost) {
            self.fault(process, "request lost");
            Fortune::RequestLost
        } else if self.happens(self.rates.answer_lost) {
            self.fault(process, "answer lost");
            Fortune::AnswerLost
        } else {
            Fortune::Served
        }
    }
}

/// The world, shared by every coroutine of the run.
pub struct Sim {
    world: Mutex<World>,
}

impl Sim {
    pub fn new(world: World) -> Arc<Self> {
        Arc::new(Self { world: Mutex::new(world) })
    }

    /// The world as it is now. Let go of it before giving way.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the environment wait.
    pub fn sleep(&self, time: Duration) {
        let until = self.world().now + time;
        pause(Pause::Until(until));
    }
}

/// A process's view of the world.
#[derive(Clone)]
pub struct Seat {
    pub sim: Arc<Sim>,
    pub process: Arc<Process>,
}

impl Seat {
    /// The world, unless the process has crashed.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.process.check();
        self.sim.world()
    }

    /// A step of a transaction: a fuse that was lit burns down by one.
    pub fn step(&self) {
        let fuse = &self.process.fuse;
        let left = fuse.load(Ordering::Relaxed);
        if left == 0 {
            return;
        }
        fuse.store(left - 1, Ordering::Relaxed);
        if left > 1 {
            return;
        }
        let (number, millis) = (self.process.number, self.process.fuse_freezes.load(Ordering::Relaxed));
        let mut world = self.sim.world();
        if millis > 0 {
            world.freeze(number, Duration::from_millis(millis.into()));
            world.scheduled(number, "freeze in a transaction", [millis.into(), 0]);
        } else {
            self.process.crashed.store(true, Ordering::Relaxed);
            world.scheduled(number, "crash in a transaction", [0; 2]);
        }
        drop(world);
        self.process.check();
    }

    pub fn now(&self) -> Duration {
        self.world().now
    }

    pub fn sleep(&self, time: Duration) {
        let until = self.world().now + time;
        pause(Pause::Until(until));
        self.process.check();
    }

    /// Waits until there is something new, `until` at most.
    pub fn wait_for_news(&self, until: Duration) {
        self.process.check();
        pause(Pause::News(until));
        self.process.check();
    }

    pub fn note(&self, what: &'static str, detail: [i64; 2]) {
        self.sim.world().note(self.process.number, what, detail);
    }

    /// Sends a request to `node`: what it answers, or nothing where request or answer were lost, after the time it took
    /// the client to see that.
    pub fn request<T>(
        &self,
        node: usize,
        time_out: Duration,
        serve: impl FnOnce(&mut World) -> T,
    ) -> Option<T> {
        let (fortune, way) = {
            let mut world = self.world();
            (world.fortune(self.process.number), world.way(node))
        };
        self.sleep(way);
        let answer = {
            let mut world = self.world();
            match fortune {
                Fortune::RequestLost => None,
                _ if world.is_down(node) => None,
                _ => Some(serve(&mut world)),
            }
        };
        match (fortune, answer) {
            (Fortune::Served, Some(answer)) => {
                let way = self.world().way(node);
                self.sleep(way);
                Some(answer)
            }
            _ => {
                self.unanswered(time_out);
                None
            }
        }
    }

    /// A lost connection is seen soon, silence after `time_out`.
    pub fn unanswered(&self, time_out: Duration) {
        let (silent, soon) = {
            let mut world = self.world();
            (world.draw.per_mille(300), world.millis(5, 60))
        };
        self.sleep(if silent { time_out } else { soon });
    }
}
