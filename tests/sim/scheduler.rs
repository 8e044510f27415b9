//! Runs every thread of a simulated cluster as a coroutine on one real thread, in an order that the seed chooses, on
//! virtual time. One runs at a time and gives way only in [`pause`]; so the same seed gives the same run. Never asks a
//! clock, and knows nothing of Kafka.

use std::{
    cell::{Cell, RefCell},
    cmp::Reverse,
    collections::BinaryHeap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Once,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use corosensei::{Coroutine, CoroutineResult, Yielder, stack::DefaultStack};

use super::world::{Job, Sim};

/// Bytes of a coroutine's stack.
const STACK_BYTES: usize = 1 << 20;
/// Resumptions of a run, at most: a loop that never lets time pass is a fault of the run, not a test that hangs.
const RESUMES_MAX: u64 = 20_000_000;

/// Why a coroutine gives way.
#[derive(Clone, Copy, Debug)]
pub enum Pause {
    /// Until this moment.
    Until(Duration),
    /// Until this moment, or until the cluster has something new.
    News(Duration),
}

/// What a crashed process unwinds with.
pub struct Crashed;

/// A simulated operating-system process.
#[derive(Debug, Default)]
pub struct Process {
    /// Its name in traces.
    pub number: u32,
    /// Every further call of it unwinds.
    pub crashed: AtomicBool,
    /// After so many steps of its transactions it fails; 0: not lit.
    pub fuse: AtomicU32,
    /// Then it freezes for so many milliseconds; 0: it crashes.
    pub fuse_freezes: AtomicU32,
}

impl Process {
    /// Unwinds where the process has crashed; not a second time while it unwinds.
    pub fn check(&self) {
        if self.crashed.load(Ordering::Relaxed) && !std::thread::panicking() {
            std::panic::resume_unwind(Box::new(Crashed));
        }
    }
}

thread_local! {
    static CURRENT: Cell<*const Yielder<(), Pause>> = const { Cell::new(std::ptr::null()) };
    /// Stacks of earlier coroutines.
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

thread_local! {
    /// Panics of this thread, caught or not, that were not asked for.
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// How many panics there were on this thread so far. The worker loop catches them, so that else none would be seen.
pub fn panics() -> u64 {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            before(panic);
        }));
    });
    PANICS.get()
}

/// Gives way. Must be called from a coroutine of a [`Scheduler`], with nothing locked.
pub fn pause(pause: Pause) {
    let yielder = CURRENT.get();
    assert!(!yielder.is_null(), "only what the scheduler runs can give way");
    // SAFETY: set by the coroutine that runs, whose stack holds the yielder for as long as it lives.
    unsafe { &*yielder }.suspend(pause);
    CURRENT.set(yielder);
}

struct Task {
    coroutine: Option<Coroutine<(), Pause, (), DefaultStack>>,
    process: Option<Arc<Process>>,
    /// Grows with every resumption: older entries of the queue are void.
    generation: u32,
    wake: Duration,
    on_news: bool,
}

/// The coroutines of one run.
pub struct Scheduler {
    sim: Arc<Sim>,
    tasks: Vec<Task>,
    free: Vec<usize>,
    queue: BinaryHeap<Reverse<(Duration, u32, usize, u32)>>,
    /// How often a coroutine was resumed.
    pub resumes: u64,
}

impl Scheduler {
    /// Nothing runs yet.
    pub fn new(sim: Arc<Sim>) -> Self {
        Self { sim, tasks: Vec::new(), free: Vec::new(), queue: BinaryHeap::new(), resumes: 0 }
    }

    /// Runs until everything has ended.
    ///
    /// # Errors
    /// Time does not pass any more.
    pub fn run(&mut self) -> Result<(), String> {
        loop {
            self.start_new();
            let next = self.queue.peek().map(|Reverse((time, ..))| *time);
            let Some(next) = next else { return Ok(()) };
            if self.sim.world().run_timers(next) {
                self.spread_news();
                continue;
            }
            let Some(Reverse((time, _, index, generation))) = self.queue.pop() else { return Ok(()) };
            if self.tasks[index].generation != generation {
                continue;
            }
            let frozen = {
                let mut world = self.sim.world();
                world.now = world.now.max(time);
                let process = self.tasks[index].process.as_ref();
                process.and_then(|process| world.frozen_until(process.number))
            };
            match frozen {
                Some(until) => self.wait(index, Pause::Until(until)),
                None => self.resume(index),
            }
            self.resumes += 1;
            if self.resumes > RESUMES_MAX {
                return Err(format!("{RESUMES_MAX} steps were not enough"));
            }
            self.spread_news();
        }
    }

    fn start_new(&mut self) {
        loop {
            let Some(Job { process, job }) = self.sim.world().spawned.pop_front() else { return };
            let stack = STACKS.with_borrow_mut(Vec::pop);
            let stack = stack.unwrap_or_else(|| DefaultStack::new(STACK_BYTES).expect("memory for a stack"));
            let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), Pause>, ()| {
                CURRENT.set(std::ptr::from_ref(yielder));
                // A crash, or a panic that the hook has counted.
                drop(catch_unwind(AssertUnwindSafe(job)));
            });
            let now = self.sim.world().now;
            let task = Task { coroutine: Some(coroutine), process, generation: 0, wake: now, on_news: false };
            let index = match self.free.pop() {
                Some(index) => {
                    let generation = self.tasks[index].generation;
                    self.tasks[index] = Task { generation, ..task };
                    index
                }
                None => {
                    self.tasks.push(task);
                    self.tasks.len() - 1
                }
            };
            self.wait(index, Pause::Until(now));
        }
    }

    fn wait(&mut self, index: usize, pause: Pause) {
        let tie = self.sim.world().draw.below(u32::MAX);
        let task = &mut self.tasks[index];
        task.generation += 1;
        (task.wake, task.on_news) = match pause {
            Pause::Until(wake) => (wake, false),
            Pause::News(wake) => (wake, true),
        };
        self.queue.push(Reverse((task.wake, tie, index, task.generation)));
    }

    fn resume(&mut self, index: usize) {
        let Some(coroutine) = &mut self.tasks[index].coroutine else { return };
        match coroutine.resume(()) {
            CoroutineResult::Yield(pause) => self.wait(index, pause),
            CoroutineResult::Return(()) => {
                let task = &mut self.tasks[index];
                task.generation += 1;
                task.process = None;
                task.on_news = false;
                if let Some(coroutine) = task.coroutine.take() {
                    STACKS.with_borrow_mut(|stacks| stacks.push(coroutine.into_stack()));
                }
                self.free.push(index);
            }
        }
    }

    /// Wakes whoever waits for something new, each a little later.
    fn spread_news(&mut self) {
        let now = {
            let mut world = self.sim.world();
            if !std::mem::take(&mut world.news) {
                return;
            }
            world.now
        };
        for index in 0..self.tasks.len() {
            if !self.tasks[index].on_news {
                continue;
            }
            let later = Duration::from_micros(self.sim.world().draw.below(2_000).into());
            if now + later < self.tasks[index].wake {
                self.wait(index, Pause::Until(now + later));
            }
        }
    }
}
