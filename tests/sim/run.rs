//! One run: starts the cluster's processes under the real worker loop, lets faults come, ends them, waits until all is
//! decided, and has the outcome checked. The report says how to run it again.

use std::{
    fmt::Write as _,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tillgate::{
    engine::Engine,
    kafka::{
        self,
        failure::Destination,
        health::Health,
        port::{InputPartition, MessageLimits, Unit},
        units::Units,
    },
    pipeline::Deciders,
    pos,
    profiles::Board,
};

use super::{
    broker::SimBroker,
    checker, contacts, input,
    log::{Log, Place, Topic},
    plan::{Blow, Plan},
    planted::{Bug, Planted, Trouble},
    producer::Limits,
    profiles,
    scheduler::{Process, Scheduler, panics},
    world::{Job, NODES, Seat, Sim, World},
};
use crate::support::{stream, tally};

/// Once faults have ended, everything must be decided within this.
const LIVENESS: Duration = Duration::from_secs(180);
/// And every process must have ended within this of being asked.
const STOP: Duration = Duration::from_secs(60);

/// Settings under which a short run sees every way a hold can end, and accounts that open by themselves.
const SETS: [&str; 5] = [
    "checks.pending.hold_time=45min",
    "checks.limit.holds.open_max=20",
    // Terminals are many, and two customers at one of them are what profiles tell.
    "checks.velocity.fanout.terminal=1",
    "checks.velocity.fanout.outcome=note",
    "checks.override.NL.account.unknown=open",
];

/// What the second ruleset has besides.
const CHANGED: [&str; 2] = ["checks.limit.holds.open_max=2", "checks.velocity.windows.enabled=false"];

/// Two rulesets, where one is rolled out while the cluster runs.
static ENGINES: LazyLock<[Arc<Engine>; 2]> =
    LazyLock::new(|| [stream::engine(&SETS), stream::engine(&[&SETS[..], &CHANGED[..]].concat())]);

/// What came of a run.
pub struct Report {
    pub seed: u64,
    /// What was broken, and the end of the trace; none: every promise was held.
    pub violation: Option<String>,
    /// Of every step.
    pub trace_hash: u64,
    /// Faults by kind.
    pub faults: std::collections::BTreeMap<&'static str, u64>,
    pub records: u64,
    /// What the checks had to look at.
    pub seen: checker::Seen,
    pub virtual_time: Duration,
    /// From the last fault until everything was decided.
    pub recovered_after: Duration,
    /// Transactions that timed out with positions that a restore had waited for.
    pub waited_out: u64,
    /// The most turns on a partition that were in vain before a record was passed.
    pub in_vain_max: u64,
    /// How often a coroutine was resumed.
    pub resumes: u64,
}

struct Running {
    process: Arc<Process>,
    stop: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    health: Arc<Health>,
}

impl Running {
    /// Neither over nor asked to stop.
    fn goes_on(&self) -> bool {
        !self.is_over() && !self.stop.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.ended.load(Ordering::Relaxed) || self.process.crashed.load(Ordering::Relaxed)
    }
}

struct Conductor {
    sim: Arc<Sim>,
    plan: Plan,
    bug: Option<Bug>,
    slots: Vec<Option<Running>>,
    /// Processes whose place a new one took while they were frozen.
    zombies: Vec<Running>,
    fed: Arc<AtomicBool>,
    violation: Arc<std::sync::Mutex<Option<String>>>,
}

impl Conductor {
    fn start(&mut self, slot: usize) {
        let mut world = self.sim.world();
        let number = world.number() as u32;
        let engine = &ENGINES[usize::from(self.plan.upgrades && world.draw.per_mille(500))];
        let instance = if self.plan.named { format!("p{slot}") } else { format!("p{slot}-{number}") };
        world.note(number, "start", [slot as i64, 0]);
        let process = Arc::new(Process { number, ..Process::default() });
        let settings = Arc::new(self.plan.settings(instance.clone()));
        let broker = SimBroker {
            seat: Seat { sim: Arc::clone(&self.sim), process: Arc::clone(&process) },
            limits: Limits {
                transaction: settings.kafka.transaction_timeout,
                socket: settings.kafka.socket_timeout,
            },
            instance: self.plan.named.then_some(instance),
            own_ids: (0..settings.kafka.workers).map(|worker| settings.transactional_id(worker)).collect(),
        };
        let setup =
            pos::Setup::new(Arc::clone(engine), self.plan.options.clone(), stream::SCHEMAS_SHARED.clone());
        let board = self.plan.profile_partitions.map(|_| Arc::new(Board::default()));
        let setup = setup.reading(board.clone());
        let mut real: Vec<Box<dyn Deciders>> = vec![Box::new(Units::of(setup))];
        if let Some(partitions) = self.plan.tally_partitions {
            real.push(Box::new(Units::of(tally::Setup(tally::settings(partitions)))));
        }
        if let Some(partitions) = self.plan.profile_partitions {
            let settings = profiles::settings(partitions);
            let setup = profiles::Setup { settings, terminal_accounts: engine.terminal_accounts() };
            real.push(Box::new(Units::of(setup)));
        }
        if let Some(partitions) = self.plan.contact_partitions {
            real.push(Box::new(Units::of(contacts::setup(partitions))));
        }
        let trouble = Trouble { sim: Arc::clone(&self.sim), bug: self.bug, poison: self.plan.poison };
        let planted = |real| -> Arc<dyn Deciders> { Arc::new(Planted { real, trouble: trouble.clone() }) };
        let flows: Vec<Arc<dyn Deciders>> = real.into_iter().map(planted).collect();
        let running = Running {
            process: Arc::clone(&process),
            stop: Arc::default(),
            ended: Arc::default(),
            health: Arc::new(Health::new(settings.kafka.workers)),
        };
        let (stop, ended) = (Arc::clone(&running.stop), Arc::clone(&running.ended));
        if let Some(board) = board {
            let (seat, ended) = (broker.seat.clone(), Arc::clone(&ended));
            let job = move || profiles::follow(&seat, &board, &ended);
            world.spawned.push_back(Job { process: Some(Arc::clone(&process)), job: Box::new(job) });
        }
        let health = Arc::clone(&running.health);
        let job = move || {
            kafka::run_on(Arc::new(broker), settings, flows, health, &stop);
            ended.store(true, Ordering::Relaxed);
        };
        world.spawned.push_back(Job { process: Some(process), job: Box::new(job) });
        self.slots[slot] = Some(running);
    }

    /// Slots whose process runs, or whose process is gone.
    fn slots_that(&self, run: bool) -> Vec<usize> {
        let running = |slot: &Option<Running>| slot.as_ref().is_some_and(|running| !running.is_over());
        (0..self.slots.len()).filter(|slot| running(&self.slots[*slot]) == run).collect()
    }

    fn choose(&self, from: &[usize]) -> Option<usize> {
        if from.is_empty() {
            None
        } else {
            Some(from[self.sim.world().draw.below(from.len() as u32) as usize])
        }
    }

    fn crash(&self, running: &Running) {
        running.process.crashed.store(true, Ordering::Relaxed);
        let mut world = self.sim.world();
        world.scheduled(running.process.number, "crash", [0; 2]);
        // What is frozen need not wait to be gone.
        world.freeze(running.process.number, Duration::ZERO);
    }

    fn one_blow(&mut self) {
        let weights = self.plan.weights;
        let mut drawn = self.sim.world().draw.below(weights.iter().map(|(_, weight)| weight).sum());
        let blow = weights.iter().find(|(_, weight)| {
            let here = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            here
        });
        let Some((blow, _)) = blow else { return };
        let up = self.slots_that(true);
        match (*blow, self.choose(&up)) {
            (Blow::NodeDown | Blow::NodeSlow | Blow::Rebalance | Blow::Registry, _) => {
                self.hit_cluster(*blow)
            }
            (Blow::Start, _) => {
                let down = self.slots_that(false);
                if let Some(slot) = self.choose(&down) {
                    self.start(slot);
                }
            }
            (blow, Some(slot)) => self.hit_process(blow, slot),
            (_, None) => {}
        }
    }

    fn hit_process(&mut self, blow: Blow, slot: usize) {
        match blow {
            Blow::Crash => {
                if let Some(running) = self.slots[slot].take() {
                    self.crash(&running);
                }
            }
            Blow::Freeze => self.freeze(slot),
            Blow::Fuse => self.light_fuse(slot),
            Blow::Replace => {
                self.freeze(slot);
                self.zombies.extend(self.slots[slot].take());
                self.start(slot);
            }
            _ => {
                if let Some(running) = &self.slots[slot] {
                    running.stop.store(true, Ordering::Relaxed);
                    self.sim.world().scheduled(running.process.number, "stop", [0; 2]);
                }
            }
        }
    }

    fn hit_cluster(&self, blow: Blow) {
        let mut world = self.sim.world();
        let node = world.draw.below(NODES as u32) as usize;
        let time = world.millis(20, 7_000);
        let detail = [node as i64, time.as_millis() as i64];
        match blow {
            Blow::NodeDown => {
                world.take_down(node, time);
                world.scheduled(0, "node down", detail);
            }
            Blow::NodeSlow => {
                world.slow_down(node, time);
                world.scheduled(0, "node slow", detail);
            }
            Blow::Registry => {
                world.take_registry_down(time / 2);
                world.scheduled(0, "registry down", detail);
            }
            _ => {
                world.turn_assignment();
                world.scheduled(0, "rebalance", [0; 2]);
            }
        }
    }

    fn light_fuse(&self, slot: usize) {
        let Some(running) = &self.slots[slot] else { return };
        let most = self.plan.session_timeout.as_millis() as u32 * 2;
        let mut world = self.sim.world();
        let freezes =
            if world.draw.per_mille(self.plan.fuse_freezes) { world.draw.between(50, most) } else { 0 };
        running.process.fuse_freezes.store(freezes, Ordering::Relaxed);
        running.process.fuse.store(world.draw.between(1, 120), Ordering::Relaxed);
    }

    fn freeze(&self, slot: usize) {
        let Some(running) = &self.slots[slot] else { return };
        let most = self.plan.session_timeout.as_millis() as u32 * 2;
        let mut world = self.sim.world();
        let time = world.millis(50, most);
        world.freeze(running.process.number, time);
        world.scheduled(running.process.number, "freeze", [time.as_millis() as i64, 0]);
    }

    /// The whole run, as the environment sees it.
    fn conduct(mut self) {
        for slot in 0..self.slots.len() {
            self.start(slot);
            let wait = self.sim.world().millis(0, 700);
            self.sim.sleep(wait);
        }
        let end = self.sim.world().now + self.plan.faults_for;
        let most = self.plan.fault_pause_max.as_millis() as u32;
        while self.sim.world().now < end {
            let wait = self.sim.world().millis(20, most);
            self.sim.sleep(wait);
            self.one_blow();
        }
        for running in self.slots.iter().flatten().chain(&self.zombies) {
            running.process.fuse.store(0, Ordering::Relaxed);
        }
        self.sim.world().heal();
        let healed = self.sim.world().now;
        self.sim.world().note(0, "faults end", [0; 2]);
        // They share the names of those that replaced them and would fence each other for ever, as operators are told: what
        // they do once they wake was seen by now.
        for zombie in &self.zombies {
            self.crash(zombie);
        }
        if !self.slots.iter().flatten().any(Running::goes_on) {
            self.zombies.extend(self.slots[0].take());
            self.start(0);
        }
        let deadline = self.sim.world().now + LIVENESS;
        while !(self.fed.load(Ordering::Relaxed) && all_decided(&self.sim.world())) {
            if self.sim.world().now > deadline {
                self.violated("not everything was decided after the faults had ended");
                break;
            }
            self.sim.sleep(Duration::from_millis(200));
        }
        {
            let mut world = self.sim.world();
            world.recovered_after = world.now - healed;
        }
        let mut left: Vec<Running> = self.slots.iter_mut().filter_map(Option::take).collect();
        left.append(&mut self.zombies);
        for running in &left {
            running.stop.store(true, Ordering::Relaxed);
        }
        let deadline = self.sim.world().now + STOP;
        while left.iter().any(|running| !running.is_over()) {
            if self.sim.world().now > deadline {
                self.violated("a process did not end");
                break;
            }
            self.sim.sleep(Duration::from_millis(50));
        }
        for running in left.iter().filter(|running| !running.is_over()) {
            self.crash(running);
        }
    }

    fn violated(&self, what: &str) {
        let mut text = what.to_owned();
        for running in self.slots.iter().flatten().chain(&self.zombies) {
            let (number, over) = (running.process.number, running.is_over());
            let _ = write!(
                text,
                "\n  process {number} over {over}: {:?} {:?}",
                running.health.workers(),
                running.health.partitions()
            );
        }
        let world = self.sim.world();
        for (at, end) in ends(&world) {
            let _ = write!(text, "\n  {at:?} ends at {end}, group at {:?}", world.group.committed(at));
        }
        let mut violation = self.violation.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        violation.get_or_insert(text);
    }
}

fn ends(world: &World) -> Vec<(InputPartition, i64)> {
    let input = |((topic, partition), log): (&Place, &Log)| {
        let Topic::Input(flow, input) = *topic else { return None };
        let unit = Unit { flow, partition: *partition };
        Some((InputPartition { unit, input }, log.end_of_committed()))
    };
    world.logs.iter().filter_map(input).collect()
}

fn all_decided(world: &World) -> bool {
    world.senders == 0
        && world.settled()
        && ends(world).into_iter().all(|(at, end)| world.group.committed(at).unwrap_or(0) >= end)
}

/// Runs a seed, with a mistake where one is planted.
pub fn run(seed: u64, bug: Option<Bug>) -> Report {
    run_plan(Plan::of(seed), bug)
}

/// Runs a plan, likewise.
pub fn run_plan(plan: Plan, bug: Option<Bug>) -> Report {
    let seed = plan.seed;
    let mut world = World::new(seed, plan.flows());
    world.rates = plan.rates;
    world.bug = bug;
    world.clock_speed = plan.clock_speed;
    world.group.session_timeout = plan.session_timeout;
    world.group.replaces = plan.replaces;
    world.group.eager = plan.eager;
    let limits = [
        (Destination::Output(&pos::FLOW, 0), plan.outcome_bytes_max),
        (Destination::DeadLetters(&pos::FLOW), plan.letter_bytes_max),
    ];
    let limits = limits.into_iter().filter_map(|(destination, most)| Some((destination, most?)));
    world.limits = MessageLimits(limits.collect());
    world.tells_limits = plan.tells_limits;
    let sim = Sim::new(world);
    let fed = Arc::new(AtomicBool::new(false));
    let violation = Arc::default();
    {
        let (of_feeder, shape, all_fed) = (Arc::clone(&sim), plan.shape, Arc::clone(&fed));
        let feeder = move || {
            input::feed(&of_feeder, &shape);
            all_fed.store(true, Ordering::Relaxed);
        };
        let conductor = Conductor {
            sim: Arc::clone(&sim),
            plan: plan.clone(),
            bug,
            slots: (0..plan.processes).map(|_| None).collect(),
            zombies: Vec::new(),
            fed,
            violation: Arc::clone(&violation),
        };
        let mut world = sim.world();
        world.spawned.push_back(Job { process: None, job: Box::new(feeder) });
        world.spawned.push_back(Job { process: None, job: Box::new(move || conductor.conduct()) });
    }
    let mut scheduler = Scheduler::new(Arc::clone(&sim));
    let panics_before = panics();
    let ran = scheduler.run();
    let panicked = panics() - panics_before;
    let world = sim.world();
    let mut broken = violation.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    let checked = checker::check(&world, &*ENGINES, &plan);
    let seen = checked.as_ref().cloned().unwrap_or_default();
    for (what, of) in [
        ("safety", checked.err()),
        ("panic", (panicked > 0).then(|| format!("{panicked} panics, shown above"))),
        ("time", ran.err()),
    ] {
        if let Some(text) = of {
            broken =
                Some(format!("{}{what}: {text}", broken.map(|before| before + "\n").unwrap_or_default()));
        }
    }
    Report {
        seed,
        violation: broken.map(|text| told(&plan, &world, &text)),
        trace_hash: world.trace_hash(),
        faults: world.faults.clone(),
        records: ends(&world).iter().map(|(_, end)| *end as u64).sum(),
        seen,
        virtual_time: world.now,
        recovered_after: world.recovered_after,
        waited_out: world.waited_out,
        in_vain_max: world.in_vain_max,
        resumes: scheduler.resumes,
    }
}

/// A violation as a person reads it.
fn told(plan: &Plan, world: &World, text: &str) -> String {
    let mut told = format!(
        "seed {} breaks a promise:\n{text}\n\nrun it again:\n  TILLGATE_SIM_SEED={} TILLGATE_SIM_SEEDS=1 cargo test --locked --test sim {} -- --nocapture\n\n{plan:?}\n\nfaults of processes and nodes:\n",
        plan.seed, plan.seed, plan.test
    );
    for step in &world.schedule {
        let _ = writeln!(told, "  {step}");
    }
    told.push_str("\nlast steps:\n");
    for step in world.trace() {
        let _ = writeln!(told, "  {step}");
    }
    told
}
