//! Topics of which only the latest record of each key counts, read by every process: to their ends before anything is decided,
//! and followed from there on. Nothing is decided here, and whoever decides does not wait for it.

use super::client::{Cluster, Isolation};
use super::failure::Fault;
use super::followed::{FollowedTopic, Taker};
use super::settings::ClusterSettings;
use crate::domain::PartitionId;
use crate::domain::record::TopicRecord;
use crate::pipeline::Latest;
use std::sync::Arc;

/// A topic, and who takes what it says.
#[derive(Clone)]
pub struct LatestTopic {
    /// Topic name.
    pub topic: String,
    /// Who takes its records.
    pub taker: Arc<dyn Latest>,
}

impl LatestTopic {
    /// Reads the topic to the end that it has now, to be followed from there.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub fn read(
        &self,
        cluster: &Arc<Cluster>,
        settings: &Arc<ClusterSettings>,
    ) -> Result<FollowedTopic, Fault> {
        let partitions = cluster.admin().partitions(&self.topic)?;
        if partitions == 0 {
            let text = format!("topic '{}' is missing: create it with `tillgate topics create`", self.topic);
            return Err(Fault::setup(text));
        }
        let mut dump = cluster.dump(Isolation::Committed)?;
        let read = PartitionId::all(partitions).map(|partition| {
            Ok((partition, dump.whole(&self.topic, partition, |record| self.take(record))?))
        });
        let next = read.collect::<Result<_, Fault>>()?;
        let (cluster, settings, taker) = (Arc::clone(cluster), Arc::clone(settings), Arc::new(self.clone()));
        Ok(FollowedTopic::of(cluster, settings, &self.topic, next, taker))
    }
}

impl Taker for LatestTopic {
    fn take(&self, record: &TopicRecord<'_>) {
        if let Err(why) = self.taker.set(record.key.unwrap_or_default(), record.value) {
            log::warn!("topic {}: a record is passed over: {why}", self.topic);
        }
    }

    fn trouble(&self, _why: Option<&str>) {}
}
