//! Keeps what decides where replays find it: the ruleset's text under its hash, acknowledged before the first decision
//! by it. Never starts without.

use crate::codec::rulesets::{hash_of, hash_text};
use crate::kafka::client::{EventProducer, NewRecord};
use crate::kafka::failure::Fault;
use crate::kafka::settings::ClusterSettings;
use std::sync::atomic::AtomicBool;

/// Writes the ruleset to its topic, once more where it is there already: the topic is compacted. Gives up after
/// `transaction_timeout`, and once `stop` is set.
///
/// # Errors
/// The cluster did not take it. Nothing must be decided then.
pub fn keep(settings: &ClusterSettings, text: &str, stop: &AtomicBool) -> Result<(), Fault> {
    let mut producer = EventProducer::new(settings)?;
    let (topic, hash) = (&settings.topics.rulesets, hash_text(hash_of(text)));
    let (key, value) = (Some(hash.as_bytes()), Some(text.as_bytes()));
    producer.send(&NewRecord { topic, key, value, ..NewRecord::default() })?;
    producer.flush_within(settings.kafka.transaction_timeout, stop).map_err(|fault| {
        let text = format!("the ruleset is not in topic {topic}: {}", fault.text);
        Fault { text, ..fault }
    })
}
