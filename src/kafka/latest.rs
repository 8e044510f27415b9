//! Topics of which only the latest record of each key counts, read by every process: to their ends before anything is decided,
//! and on from there by a thread of its own. Nothing is decided here, and whoever decides does not wait for it.

use super::client::{Cluster, Follower, Isolation, Span};
use super::failure::{Fault, FaultClass, Operation};
use super::settings::Settings;
use crate::domain::PartitionId;
use crate::pipeline::Latest;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long one record is waited for.
const POLL: Duration = Duration::from_millis(100);
/// Wait before a reader that failed is made again.
const PAUSE: Duration = Duration::from_secs(1);

/// A topic, and who takes what it says.
#[derive(Clone)]
pub struct LatestTopic {
    /// Topic name.
    pub topic: String,
    /// Who takes its records.
    pub taker: Arc<dyn Latest>,
}

/// A topic that was read to its end.
pub struct ReadLatest {
    wanted: LatestTopic,
    /// The next offset of each partition.
    next: Vec<i64>,
}

impl LatestTopic {
    /// Reads the topic to the end that it has now.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub fn read(&self, cluster: &Cluster) -> Result<ReadLatest, Fault> {
        let found = cluster.admin().topics(&[&self.topic], false)?;
        let partitions = found.get(&self.topic).map_or(0, |topic| topic.partitions);
        if partitions == 0 {
            let text = format!("topic '{}' is missing: create it with `tillgate topics create`", self.topic);
            return Err(Fault::new(Operation::Check, FaultClass::Setup, text));
        }
        let mut read = ReadLatest { wanted: self.clone(), next: Vec::new() };
        let mut dump = cluster.dump(Isolation::Committed)?;
        for partition in PartitionId::all(partitions) {
            let ends = cluster.ends(&self.topic, partition)?;
            let span = Span { topic: self.topic.clone(), partition, begin: ends.start, end: ends.stable };
            dump.read(span)?;
            while dump.next(|record| self.take(record.key.unwrap_or_default(), record.value))?.is_some() {}
            read.next.push(ends.stable);
        }
        Ok(read)
    }

    fn take(&self, key: &[u8], value: Option<&[u8]>) {
        if let Err(why) = self.taker.set(key, value) {
            log::warn!("topic {}: a record is passed over: {why}", self.topic);
        }
    }
}

impl ReadLatest {
    /// Follows the topic from its end on, until `stop`.
    pub fn follow(self, settings: Arc<Settings>, stop: Arc<AtomicBool>) -> std::io::Result<JoinHandle<()>> {
        let name = format!("latest of {}", self.wanted.topic);
        std::thread::Builder::new().name(name).spawn(move || self.run(&settings, &stop))
    }

    fn run(mut self, settings: &Settings, stop: &AtomicBool) {
        let mut told = false;
        while !stop.load(Ordering::Acquire) {
            let Err(fault) = self.until_fault(settings, stop, &mut told) else { return };
            let level = if told { log::Level::Debug } else { log::Level::Warn };
            told = true;
            let topic = &self.wanted.topic;
            log::log!(level, "topic {topic}: {fault}: what was read is kept, trying again");
            std::thread::sleep(PAUSE);
        }
    }

    fn until_fault(&mut self, settings: &Settings, stop: &AtomicBool, told: &mut bool) -> Result<(), Fault> {
        let Self { wanted, next } = self;
        let follower = Follower::open_from(settings, &wanted.topic, next)?;
        while !stop.load(Ordering::Acquire) {
            let came = follower.next(POLL, |record| {
                wanted.take(record.key(), record.value_or_tombstone());
                if let Some(next) = next.get_mut(record.partition.index()) {
                    *next = record.offset + 1;
                }
            })?;
            if came && std::mem::take(told) {
                log::info!("topic {}: goes on", wanted.topic);
            }
        }
        Ok(())
    }
}
