//! Keeps warm what others decide: folds the journals of every unit that is not this process's, so that a take-over
//! reads no more than the end of one. Which units it would take over, no process can know: so it follows them all.
//!
//! Nothing rests on it. A restore that begins with a warm state takes every step that one from nothing takes, and where
//! the two do not fit together it begins with nothing. Only committed records are folded, each by the same fold, which
//! refuses gaps. One thread and one client for all units; while the journal is slow nothing else waits for it.

use crate::domain::PartitionId;
use crate::domain::flow::Unit;
use crate::kafka::failure::Fault;
use crate::kafka::locked::locked;
use crate::kafka::port::{Broker, Followed, JournalFollower};
use crate::kafka::worker::SharedByWorkers;
use crate::pipeline::Restoring;
use crate::telemetry::standing::CopyStanding;
use crate::telemetry::{self};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// How often it is looked which units are ours, and how far the others are.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often the number of partitions is asked for.
const COUNT_EVERY: Duration = Duration::from_secs(60);
/// How long the next record is waited for.
const NEXT: Duration = Duration::from_millis(50);
/// How often gauges are written.
const GAUGES_EVERY: Duration = Duration::from_secs(1);
/// Wait before a journal that was refused twice on the way to its end is read again.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);
/// Wait before the journals are followed again after a fault of the cluster; it doubles up to [`FAULT_PAUSE_MAX`].
const FAULT_PAUSE_MIN: Duration = Duration::from_millis(200);
const FAULT_PAUSE_MAX: Duration = Duration::from_secs(15);

/// A partition's state as far as its journal was folded.
pub struct Warm {
    /// The fold.
    pub state: Box<dyn Restoring>,
    /// Offset after the last folded record; none: nothing was folded yet.
    pub next: Option<i64>,
}

impl Warm {
    /// Nothing folded yet, into `state`.
    pub fn cold(state: Box<dyn Restoring>) -> Self {
        Self { state, next: None }
    }
}

/// A followed unit.
struct UnitCopy {
    warm: Warm,
    /// The follower stands where the fold ends.
    placed: bool,
    /// All that was committed has been folded once since the fold began.
    caught_up: bool,
    /// The last thing that came was the end.
    at_end: bool,
}

impl UnitCopy {
    fn new(state: Box<dyn Restoring>) -> Self {
        Self { warm: Warm::cold(state), placed: false, caught_up: false, at_end: false }
    }
}

/// The copies of this process. At most one for each unit.
#[derive(Default)]
pub struct Standby {
    copies: Mutex<BTreeMap<Unit, UnitCopy>>,
}

impl Standby {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Unit, UnitCopy>> {
        locked(&self.copies)
    }

    /// The copy of a unit that is to be decided here; none where nothing of it was folded.
    pub fn take(&self, unit: Unit) -> Option<Warm> {
        let copy = self.lock().remove(&unit);
        copy.map(|copy| copy.warm).filter(|warm| warm.next.is_some())
    }
}

/// The thread that follows; ends with [`Self::end`].
pub struct StandbyFollower {
    ending: Arc<AtomicBool>,
    /// Held by the thread as long as it runs.
    alive: Arc<()>,
}

impl StandbyFollower {
    /// Begins to follow, where the settings ask for it.
    pub fn start<B: Broker>(shared: &Arc<SharedByWorkers<B>>) -> Self {
        let following = Self { ending: Arc::default(), alive: Arc::default() };
        if shared.settings.kafka.standby > 0 {
            let (shared, ending) = (Arc::clone(shared), Arc::clone(&following.ending));
            let alive = Arc::clone(&following.alive);
            let broker = Arc::clone(&shared.broker);
            let job = move || {
                let _alive = alive;
                live(&shared, &ending);
            };
            broker.spawn("standby".to_owned(), Box::new(job));
        }
        following
    }

    /// Ends the thread and waits for it.
    pub fn end<B: Broker>(self, broker: &B) {
        self.ending.store(true, Ordering::Release);
        while Arc::strong_count(&self.alive) > 1 {
            broker.wait(NEXT);
        }
    }
}

/// Follows until it is to end, again after every fault; what was folded is kept meanwhile.
fn live<B: Broker>(shared: &SharedByWorkers<B>, ending: &AtomicBool) {
    let mut pause = FAULT_PAUSE_MIN;
    while !ending.load(Ordering::Acquire) {
        let begun = shared.broker.now();
        let Err(fault) = Follow::start(shared).and_then(|mut follow| follow.run(ending)) else { break };
        if shared.broker.now() - begun > FAULT_PAUSE_MAX {
            pause = FAULT_PAUSE_MIN;
        }
        log::warn!("standby: {fault}: following again in {pause:?}");
        shared.standby.lock().values_mut().for_each(|copy| copy.placed = false);
        let until = shared.broker.now() + pause;
        while shared.broker.now() < until && !ending.load(Ordering::Acquire) {
            shared.broker.wait(NEXT);
        }
        pause = (pause * 2).min(FAULT_PAUSE_MAX);
    }
    shared.health.standby(BTreeMap::new());
}

/// The follower and what it follows.
struct Follow<'a, B: Broker> {
    shared: &'a SharedByWorkers<B>,
    follower: B::Follower,
    /// Journals that do not fit together: why, and when they are tried again.
    refused: BTreeMap<Unit, (String, Duration)>,
    /// Every unit there is.
    units: Vec<Unit>,
    count_at: Duration,
    look_at: Duration,
    gauges_at: Duration,
}

impl<'a, B: Broker> Follow<'a, B> {
    fn start(shared: &'a SharedByWorkers<B>) -> Result<Self, Fault> {
        let follower = shared.broker.follower()?;
        Ok(Self {
            shared,
            follower,
            refused: BTreeMap::new(),
            units: Vec::new(),
            count_at: Duration::ZERO,
            look_at: Duration::ZERO,
            gauges_at: Duration::ZERO,
        })
    }

    fn run(&mut self, ending: &AtomicBool) -> Result<(), Fault> {
        while !ending.load(Ordering::Acquire) {
            let now = self.shared.broker.now();
            if now >= self.look_at {
                self.look_at = now + LOOK_EVERY;
                self.look(now)?;
            }
            let standby = &self.shared.standby;
            let mut refused = None;
            let followed = self.follower.next(NEXT, &mut |unit, offset, record| {
                refused = fold(standby, unit, offset, record).err().map(|why| (unit, why));
            })?;
            if let Followed::End(unit) = followed
                && let Some(copy) = standby.lock().get_mut(&unit).filter(|copy| copy.placed)
            {
                (copy.caught_up, copy.at_end) = (true, true);
            }
            if let Some((unit, why)) = refused {
                self.refuse(unit, why)?;
            }
        }
        Ok(())
    }

    /// Follows what is others', leaves what is ours, and says how far everything is.
    fn look(&mut self, now: Duration) -> Result<(), Fault> {
        if now >= self.count_at {
            self.count_at = now + COUNT_EVERY;
            self.units.clear();
            for deciders in &self.shared.flows {
                let flow = deciders.flow();
                let partitions = PartitionId::all(self.shared.broker.input_partitions(flow)?);
                self.units.extend(partitions.map(|partition| Unit { flow, partition }));
            }
        }
        let ours = self.shared.health.partitions();
        self.refused.retain(|unit, (_, until)| *until > now && !ours.contains_key(unit));
        for &unit in &self.units {
            let theirs = !ours.contains_key(&unit) && !self.refused.contains_key(&unit);
            let from = {
                let mut copies = self.shared.standby.lock();
                if !theirs {
                    // The copy of one that has become ours waits for its restore.
                    copies.get_mut(&unit).into_iter().for_each(|copy| copy.placed = false);
                    None
                } else {
                    let deciders = self.shared.deciders(unit.flow);
                    let copy = copies
                        .entry(unit)
                        .or_insert_with(|| UnitCopy::new(deciders.restoring(unit.partition)));
                    let from = (!copy.placed).then_some(copy.warm.next);
                    copy.placed = true;
                    from
                }
            };
            if let Some(from) = from {
                self.follower.follow(unit, from)?;
            } else if !theirs {
                self.follower.leave(unit)?;
            }
        }
        self.tell(now);
        Ok(())
    }

    /// Reads a journal that cannot be folded on from its beginning; after a pause where it was refused on the way to its
    /// end.
    fn refuse(&mut self, unit: Unit, why: String) -> Result<(), Fault> {
        let dropped = self.shared.standby.lock().remove(&unit);
        if dropped.is_some_and(|copy| copy.caught_up) {
            log::info!("standby of {unit}: {why}: read from its beginning");
            return Ok(());
        }
        log::warn!("standby of {unit}: {why}: given up, trying again in {REFUSED_PAUSE:?}");
        self.refused.insert(unit, (why, self.shared.broker.now() + REFUSED_PAUSE));
        self.follower.leave(unit)
    }

    fn tell(&mut self, now: Duration) {
        let mut told = BTreeMap::new();
        for (unit, copy) in &*self.shared.standby.lock() {
            let lag = match (copy.at_end, self.follower.end(*unit)) {
                (true, _) => Some(0),
                (_, end) => end.map(|end| (end - copy.warm.next.unwrap_or(0)).max(0)),
            };
            let (warm, entries) = (copy.caught_up, copy.warm.state.entries());
            told.insert(*unit, CopyStanding { warm, lag, entries, refused: None });
        }
        for (unit, (why, _)) in &self.refused {
            let refused = Some(why.clone());
            told.insert(*unit, CopyStanding { refused, ..CopyStanding::default() });
        }
        if now >= self.gauges_at {
            self.gauges_at = now + GAUGES_EVERY;
            for (unit, copy) in &told {
                telemetry::standby_entries(*unit, copy.entries);
                copy.lag.into_iter().for_each(|lag| telemetry::standby_lag(*unit, lag));
            }
        }
        self.shared.health.standby(told);
    }
}

/// Folds a record into its copy, where it is the one that comes next.
fn fold(standby: &Standby, unit: Unit, offset: i64, record: &[u8]) -> Result<(), String> {
    let mut copies = standby.lock();
    // Taken meanwhile, or not where the follower stands.
    let Some(copy) = copies.get_mut(&unit).filter(|copy| copy.placed) else { return Ok(()) };
    if copy.warm.next.is_some_and(|next| offset < next) {
        return Ok(());
    }
    copy.at_end = false;
    copy.warm.next = Some(offset + 1);
    catch_unwind(AssertUnwindSafe(|| copy.warm.state.on_record(record)))
        .unwrap_or_else(|_panic| Err("folding the journal panicked: report it with the log".to_owned()))
}
