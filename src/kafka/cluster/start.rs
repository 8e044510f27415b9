//! From nothing to where workers may decide. Every step has a bound, says what it waits for, and ends when the process is
//! asked to; what cannot work is refused, with the reason. Nothing is decided here.

use super::rights::{self, Task};
use super::{brokers, descriptors, input_times, layout, rulesets, topics};
use crate::kafka::client::Cluster;
use crate::kafka::failure::{Fault, Recovery, recovery};
use crate::kafka::followed::FollowedTopic;
use crate::kafka::health::Health;
use crate::kafka::latest::LatestTopic;
use crate::kafka::port::Broker;
use crate::kafka::settings::ClusterSettings;
use crate::pipeline::Deciders;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Wait between two tries of a step.
const PAUSE: Duration = Duration::from_millis(250);

/// Makes the states of units, flow by flow in the order of the settings, once it is known how many partitions the inputs of
/// each have.
pub type Flows = Box<dyn FnOnce(&[u32]) -> Vec<Arc<dyn Deciders>> + Send>;

/// Where workers may decide, and write ticks where that is of use.
pub struct Started {
    /// Whose topics.
    pub cluster: Arc<Cluster>,
    /// Makes the states of units.
    pub flows: Vec<Arc<dyn Deciders>>,
    /// Whether ticks are written.
    pub ticks: bool,
    /// The topics that were read to their ends.
    pub latest: Vec<FollowedTopic>,
}

/// Looks at rights, topics and brokers, keeps `rulesets` for replays, and looks whether the state is where the keys are. None
/// where it was asked to end before.
///
/// # Errors
/// The cluster cannot be reached, refuses, or is not set up as it must be.
pub fn start(
    settings: &Arc<ClusterSettings>,
    texts: &[String],
    flows: Flows,
    latest: &[LatestTopic],
    health: &Health,
    stop: &Arc<AtomicBool>,
) -> Result<Option<Started>, Fault> {
    descriptors::verify(settings, 1, 0)?;
    let cluster = Arc::new(Cluster::until(Arc::clone(settings), Arc::clone(stop))?);
    let steps = Steps { cluster: &cluster, settings, health, stop };
    let started = steps.all(texts, flows).and_then(|(flows, ticks)| Ok((flows, ticks, steps.read(latest)?)));
    health.note_start(None);
    match started {
        Ok((flows, ticks, latest)) => Ok(Some(Started { cluster, flows, ticks, latest })),
        Err(_) if stop.load(Ordering::Acquire) => Ok(None),
        Err(fault) => Err(fault),
    }
}

struct Steps<'a> {
    cluster: &'a Arc<Cluster>,
    settings: &'a Arc<ClusterSettings>,
    health: &'a Health,
    stop: &'a AtomicBool,
}

impl Steps<'_> {
    fn all(&self, texts: &[String], flows: Flows) -> Result<(Vec<Arc<dyn Deciders>>, bool), Fault> {
        let Self { cluster, settings, .. } = self;
        let (admin, topics) = (cluster.admin(), &settings.topics);
        let connecting =
            format!("connecting to kafka.bootstrap_servers {}", settings.kafka.bootstrap_servers);
        let brokers = self.step(&connecting, || admin.brokers())?;
        let looking = "looking at rights, topics and brokers";
        if settings.check_topic_configs {
            self.step(looking, || rights::verify(cluster, settings, Task::Run))?;
        }
        let partitions = self.step(looking, || topics::verify(admin, settings))?;
        descriptors::verify(settings, brokers, partitions.iter().sum::<u32>() as usize)?;
        // Nothing is known of the topics' times: those that ticks would have might be anything.
        let mut ticks = settings.kafka.ticks && settings.check_topic_configs;
        if settings.check_topic_configs {
            self.step(looking, || brokers::verify(admin, settings))?;
            for times in self.step(looking, || input_times::look(admin, settings))? {
                let level = if times.are_the_senders() { log::Level::Warn } else { log::Level::Info };
                log::log!(level, "{times}");
                if ticks && times.are_the_senders() && times.is_of_ticks(settings) {
                    log::warn!("no ticks are written: {} does not have its brokers' times", times.topic);
                    ticks = false;
                }
            }
            for found in self.step(looking, || topics::remarks(admin, settings))? {
                log::warn!("{found}");
            }
        }
        let keeping = format!("writing the ruleset to topic {}", topics.rulesets);
        for text in texts {
            self.step(&keeping, || rulesets::keep(settings, text, self.stop))?;
        }
        let flows = flows(&partitions);
        for (deciders, partitions) in flows.iter().zip(partitions) {
            self.step("looking whether the state is where the keys are", || {
                layout::verify(cluster, &**deciders, partitions)
            })?;
        }
        Ok((flows, ticks))
    }

    /// Reads topics to their ends: what decisions look up must be there before the first one.
    fn read(&self, latest: &[LatestTopic]) -> Result<Vec<FollowedTopic>, Fault> {
        let read = |wanted: &LatestTopic| {
            let reading = format!("reading topic {}", wanted.topic);
            self.step(&reading, || wanted.read(self.cluster, self.settings))
        };
        latest.iter().map(read).collect()
    }

    /// Takes a step, again and again for as long as a broker that is away for a moment may take.
    fn step<T>(&self, what: &str, mut call: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
        self.health.note_start(Some(what.to_owned()));
        let begun = self.cluster.now();
        loop {
            match call() {
                Err(fault)
                    if recovery(fault.operation, fault.class) == Recovery::Again
                        && self.cluster.now() - begun < self.settings.kafka.transaction_timeout
                        && !self.stop.load(Ordering::Acquire) =>
                {
                    log::warn!("{what}: {}: trying again", fault.text);
                    self.cluster.wait(PAUSE);
                }
                other => return other,
            }
        }
    }
}
