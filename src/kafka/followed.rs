//! Follows a topic outside the group and hands each committed record to whoever waits for it, from a time, the end or certain
//! offsets on. One thread a topic. Decides nothing, and whoever decides does not know of it.

use super::client::{Cluster, Follower};
use super::failure::{Fault, FaultClass, Operation};
use super::port::{Broker as _, Followed};
use super::settings::ClusterSettings;
use crate::domain::PartitionId;
use crate::domain::record::TopicRecord;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long one record is waited for, and so how soon it is noticed that the process ends.
const POLL: Duration = Duration::from_millis(100);
/// Wait before a reader that failed is made again.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is looked whether the topic has more partitions now.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// How long a step of the start is retried.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes a step of a start, and retries it for as long as brokers may take that have just started themselves, but no longer
/// once `stop` is set.
///
/// # Errors
/// It fails for another reason, or for longer.
pub fn retry_at_start<T>(
    cluster: &Cluster,
    stop: &AtomicBool,
    mut step: impl FnMut() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let begun = cluster.now();
    loop {
        match step() {
            Err(fault)
                if fault.class == FaultClass::Retriable
                    && cluster.now() - begun < PATIENCE
                    && !stop.load(Ordering::Acquire) =>
            {
                log::warn!("{fault}: trying again");
                cluster.wait(PAUSE);
            }
            other => return other,
        }
    }
}

/// Takes what is read of a topic.
pub trait Taker: Send + Sync {
    /// A committed record.
    fn take(&self, record: &TopicRecord<'_>);
    /// All that was there at the start has been read; called once.
    fn caught_up(&self) {}
    /// Why nothing is read at present; none: it is.
    fn trouble(&self, why: Option<&str>);
}

/// From where a topic is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Records of this time and later, in milliseconds since 1970.
    Time(i64),
    /// What comes from now on.
    End,
}

/// A topic that is followed.
pub struct FollowedTopic {
    topic: String,
    /// None: it was read up to certain offsets, and no more partitions are looked for.
    begin: Option<Begin>,
    taker: Arc<dyn Taker>,
    cluster: Arc<Cluster>,
    settings: Arc<ClusterSettings>,
    /// The next offset of each partition that was found.
    next: BTreeMap<PartitionId, i64>,
    /// Partitions of which the end was not reached yet.
    behind: BTreeSet<PartitionId>,
}

impl FollowedTopic {
    /// Looks how many partitions the topic has and where they begin; waits for brokers until `stop`.
    ///
    /// # Errors
    /// It is not there, or the cluster cannot be reached.
    pub fn start(
        settings: Arc<ClusterSettings>,
        topic: &str,
        begin: Begin,
        taker: Arc<dyn Taker>,
        stop: &AtomicBool,
    ) -> Result<Self, Fault> {
        let cluster = Arc::new(Cluster::new(Arc::clone(&settings))?);
        let mut following = Self::of(Arc::clone(&cluster), settings, topic, BTreeMap::new(), taker);
        following.begin = Some(begin);
        retry_at_start(&cluster, stop, || following.find_partitions())?;
        following.behind = following.next.keys().copied().collect();
        Ok(following)
    }

    /// A topic that was read up to the offsets `next` of its partitions.
    pub(super) fn of(
        cluster: Arc<Cluster>,
        settings: Arc<ClusterSettings>,
        topic: &str,
        next: BTreeMap<PartitionId, i64>,
        taker: Arc<dyn Taker>,
    ) -> Self {
        let (topic, begin, behind) = (topic.to_owned(), None, BTreeSet::new());
        Self { topic, begin, taker, cluster, settings, next, behind }
    }

    /// Follows it in a thread of its own until `stop`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn follow(mut self, stop: Arc<AtomicBool>) -> std::io::Result<JoinHandle<()>> {
        let name = format!("follow {}", self.topic);
        std::thread::Builder::new().name(name).spawn(move || self.run(&stop))
    }

    /// Finds partitions that are new: the first ones from where they are to be read, later ones from their beginning.
    fn find_partitions(&mut self) -> Result<bool, Fault> {
        let Some(begin) = self.begin else { return Ok(false) };
        let partitions = self.cluster.admin().partitions(&self.topic)?;
        if partitions == 0 {
            let text = format!("topic '{}' is missing: create it with `tillgate topics create`", self.topic);
            // One that was made a moment ago is not seen by every broker yet.
            return Err(Fault::new(Operation::Check, FaultClass::Retriable, text));
        }
        let new: Vec<PartitionId> =
            PartitionId::all(partitions).filter(|partition| !self.next.contains_key(partition)).collect();
        if new.is_empty() {
            return Ok(false);
        }
        let (cluster, topic) = (&self.cluster, &self.topic);
        let end = |partition: &PartitionId| Ok((*partition, cluster.ends(topic, *partition)?.stable));
        let places = match begin {
            _ if !self.next.is_empty() => Ok(new.iter().map(|partition| (*partition, 0)).collect()),
            Begin::Time(millis) => cluster.offsets_since(topic, &new, millis),
            Begin::End => new.iter().map(end).collect::<Result<Vec<_>, Fault>>(),
        };
        self.next.extend(places.map_err(|fault| Fault { operation: Operation::Consume, ..fault })?);
        Ok(true)
    }

    fn run(&mut self, stop: &AtomicBool) {
        let mut told = false;
        while !stop.load(Ordering::Acquire) {
            let Err(fault) = self.until_fault(stop, &mut told) else { continue };
            let level = if told { log::Level::Debug } else { log::Level::Warn };
            told = true;
            let kept = if self.begin.is_none() { "what was read is kept, " } else { "" };
            log::log!(level, "topic {}: {fault}: {kept}trying again", self.topic);
            self.taker.trouble(Some(&fault.text));
            std::thread::sleep(PAUSE);
        }
    }

    /// Reads until there are more partitions.
    fn until_fault(&mut self, stop: &AtomicBool, told: &mut bool) -> Result<(), Fault> {
        self.find_partitions()?;
        let places = self.next.iter().map(|(partition, next)| (self.topic.as_str(), *partition, *next));
        let follower = Follower::open(&self.settings, places)?;
        let mut looked = self.cluster.now();
        while !stop.load(Ordering::Acquire) {
            let Self { taker, next, .. } = self;
            let came = follower.next(POLL, |record| {
                taker.take(record);
                next.insert(record.partition, record.offset + 1);
            })?;
            if came != Followed::Nothing && std::mem::take(told) {
                log::info!("topic {}: goes on", self.topic);
                self.taker.trouble(None);
            }
            if let Followed::End(partition) = came
                && self.behind.remove(&partition)
                && self.behind.is_empty()
            {
                self.taker.caught_up();
            }
            if self.cluster.now() - looked >= LOOK_EVERY {
                looked = self.cluster.now();
                if self.find_partitions()? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
