//! Keeps what decides where replays find it: the ruleset's text under its hash, acknowledged before the first decision
//! by it. Never starts without.

use std::sync::Arc;

use super::{
    client::{Cluster, EventProducer},
    failure::Fault,
    settings::Settings,
    topics,
    transaction::again,
};
use crate::codec::rulesets::{hash_of, hash_text};

/// Writes the ruleset to its topic, once more where it is there already: the topic is compacted.
///
/// # Errors
/// The topics are not as they must be, or the cluster did not take it. Nothing must be decided then.
pub fn keep(settings: &Settings, text: &str) -> Result<(), Fault> {
    let cluster = Cluster::new(Arc::new(settings.clone()))?;
    again(&cluster, settings.transaction_timeout, || topics::verify(cluster.admin(), settings))?;
    let mut producer = EventProducer::new(settings)?;
    let hash = hash_text(hash_of(text));
    /// The client then takes the present time.
    const NOW: i64 = 0;
    producer.send(&settings.topics.rulesets, Some(hash.as_bytes()), text.as_bytes(), NOW)?;
    producer.flush()
}
