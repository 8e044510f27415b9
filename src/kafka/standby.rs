//! Keeps warm what others decide: folds the journals of every partition that is not this process's, so that a take-over
//! reads no more than the end of one. Which partitions it would take over, no process can know: so it follows them all.
//!
//! Nothing rests on it. A restore that begins with a warm state takes every step that one from nothing takes, and where
//! the two do not fit together it begins with nothing. Only committed records are folded, each by the same fold, which
//! refuses gaps. One thread and one client for all partitions; while the journal is slow nothing else waits for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    decider::{Deciders, Restoring},
    failure::Fault,
    health::StandbyHealth,
    port::{Broker, Followed, JournalFollower},
    worker::Shared,
};
use crate::telemetry;

/// How often it is looked which partitions are ours, and how far the others are.
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
pub struct Warm<S> {
    /// The fold.
    pub state: S,
    /// Offset after the last folded record; none: nothing was folded yet.
    pub next: Option<i64>,
}

impl<S> Warm<S> {
    /// Nothing folded yet, into `state`.
    pub fn cold(state: S) -> Self {
        Self { state, next: None }
    }
}

/// A followed partition.
struct Copy<S> {
    warm: Warm<S>,
    /// The follower stands where the fold ends.
    placed: bool,
    /// All that was committed has been folded once since the fold began.
    caught_up: bool,
    /// The last thing that came was the end.
    at_end: bool,
}

impl<S> Copy<S> {
    fn new(state: S) -> Self {
        Self { warm: Warm::cold(state), placed: false, caught_up: false, at_end: false }
    }
}

/// The copies of this process. At most one for each partition.
pub struct Standby<S> {
    copies: Mutex<BTreeMap<i32, Copy<S>>>,
}

impl<S> Default for Standby<S> {
    fn default() -> Self {
        Self { copies: Mutex::default() }
    }
}

impl<S: Restoring> Standby<S> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, Copy<S>>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The copy of a partition that is to be decided here; none where nothing of it was folded.
    pub fn take(&self, partition: i32) -> Option<Warm<S>> {
        let copy = self.lock().remove(&partition);
        copy.map(|copy| copy.warm).filter(|warm| warm.next.is_some())
    }
}

/// The thread that follows; ends with [`Self::end`].
pub struct Following {
    ending: Arc<AtomicBool>,
    /// Held by the thread as long as it runs.
    alive: Arc<()>,
}

impl Following {
    /// Begins to follow, where the settings ask for it.
    pub fn start<B: Broker, D: Deciders>(shared: &Shared<B, D>) -> Self {
        let following = Self { ending: Arc::default(), alive: Arc::default() };
        if shared.settings.standby > 0 {
            let (shared, ending) = (shared.clone(), Arc::clone(&following.ending));
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
fn live<B: Broker, D: Deciders>(shared: &Shared<B, D>, ending: &AtomicBool) {
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
struct Follow<'a, B: Broker, D: Deciders> {
    shared: &'a Shared<B, D>,
    follower: B::Follower,
    followed: BTreeSet<i32>,
    /// Journals that do not fit together: why, and when they are tried again.
    refused: BTreeMap<i32, (String, Duration)>,
    partitions: i32,
    count_at: Duration,
    look_at: Duration,
    gauges_at: Duration,
}

impl<'a, B: Broker, D: Deciders> Follow<'a, B, D> {
    fn start(shared: &'a Shared<B, D>) -> Result<Self, Fault> {
        let follower = shared.broker.follower()?;
        Ok(Self {
            shared,
            follower,
            followed: BTreeSet::new(),
            refused: BTreeMap::new(),
            partitions: 0,
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
            let standby = &*self.shared.standby;
            let mut refused = None;
            let followed = self.follower.next(NEXT, &mut |partition, offset, record| {
                refused = fold(standby, partition, offset, record).err().map(|why| (partition, why));
            })?;
            if let Followed::End(partition) = followed
                && let Some(copy) = standby.lock().get_mut(&partition).filter(|copy| copy.placed)
            {
                (copy.caught_up, copy.at_end) = (true, true);
            }
            if let Some((partition, why)) = refused {
                self.refuse(partition, why)?;
            }
        }
        Ok(())
    }

    /// Follows what is others', leaves what is ours, and says how far everything is.
    fn look(&mut self, now: Duration) -> Result<(), Fault> {
        if now >= self.count_at {
            self.count_at = now + COUNT_EVERY;
            self.partitions = i32::try_from(self.shared.broker.input_partitions()?).unwrap_or(i32::MAX);
        }
        let ours = self.shared.health.partitions();
        self.refused.retain(|partition, (_, until)| *until > now && !ours.contains_key(partition));
        for partition in 0..self.partitions {
            let theirs = !ours.contains_key(&partition) && !self.refused.contains_key(&partition);
            let from = {
                let mut copies = self.shared.standby.lock();
                if !theirs {
                    // The copy of one that has become ours waits for its restore.
                    copies.get_mut(&partition).into_iter().for_each(|copy| copy.placed = false);
                    None
                } else {
                    let copy = copies
                        .entry(partition)
                        .or_insert_with(|| Copy::new(self.shared.deciders.restoring(partition)));
                    let from = (!copy.placed).then_some(copy.warm.next);
                    copy.placed = true;
                    from
                }
            };
            if let Some(from) = from {
                self.follower.follow(partition, from)?;
                self.followed.insert(partition);
            } else if !theirs && self.followed.remove(&partition) {
                self.follower.leave(partition)?;
            }
        }
        self.tell(now);
        Ok(())
    }

    /// Begins anew with a journal that cannot be folded on; after a pause where it was refused on the way to its end.
    fn refuse(&mut self, partition: i32, why: String) -> Result<(), Fault> {
        let dropped = self.shared.standby.lock().remove(&partition);
        if dropped.is_some_and(|copy| copy.caught_up) {
            log::info!("standby of partition {partition}: {why}: beginning anew");
            return Ok(());
        }
        log::warn!("standby of partition {partition}: {why}: given up, trying again in {REFUSED_PAUSE:?}");
        self.refused.insert(partition, (why, self.shared.broker.now() + REFUSED_PAUSE));
        if self.followed.remove(&partition) {
            self.follower.leave(partition)?;
        }
        Ok(())
    }

    fn tell(&mut self, now: Duration) {
        let mut told = BTreeMap::new();
        for (partition, copy) in &*self.shared.standby.lock() {
            let lag = match (copy.at_end, self.follower.end(*partition)) {
                (true, _) => Some(0),
                (_, end) => end.map(|end| (end - copy.warm.next.unwrap_or(0)).max(0)),
            };
            let (warm, accounts) = (copy.caught_up, copy.warm.state.accounts());
            told.insert(*partition, StandbyHealth { warm, lag, accounts, refused: None });
        }
        for (partition, (why, _)) in &self.refused {
            let refused = Some(why.clone());
            told.insert(*partition, StandbyHealth { refused, ..StandbyHealth::default() });
        }
        if now >= self.gauges_at {
            self.gauges_at = now + GAUGES_EVERY;
            for (partition, copy) in &told {
                telemetry::standby_accounts(*partition, copy.accounts);
                copy.lag.into_iter().for_each(|lag| telemetry::standby_lag(*partition, lag));
            }
        }
        self.shared.health.standby(told);
    }
}

/// Folds a record into its copy, where it is the one that comes next.
fn fold<S: Restoring>(
    standby: &Standby<S>,
    partition: i32,
    offset: i64,
    record: &[u8],
) -> Result<(), String> {
    let mut copies = standby.lock();
    // Taken meanwhile, or not where the follower stands.
    let Some(copy) = copies.get_mut(&partition).filter(|copy| copy.placed) else { return Ok(()) };
    if copy.warm.next.is_some_and(|next| offset < next) {
        return Ok(());
    }
    copy.at_end = false;
    copy.warm.next = Some(offset + 1);
    catch_unwind(AssertUnwindSafe(|| copy.warm.state.on_record(record)))
        .unwrap_or_else(|_panic| Err("folding the journal panicked: report it with the log".to_owned()))
}
