//! `tillgate load`: the generator, with Kafka as one of the places it can write to.

use super::{AppError, settings};
use crate::cli::Common;
use crate::config::Settings;
use crate::domain::Micros;
use crate::kafka::client::{Cluster, EventProducer};
use crate::kafka::failure::Fault;
use crate::kafka::settings::Settings as ClusterSettings;
use crate::load::{LoadArgs, LoadError, Sink, SinkError, load};
use std::io::Write;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub fn run(args: &LoadArgs, common: &Common) -> Result<(), AppError> {
    let settings = settings(common)?;
    let report = match load(args, now(), || Ok(Box::new(KafkaSink::new(&settings)?))) {
        Err(LoadError::Args(fault)) => return Err(AppError::Usage(fault.to_string())),
        other => other?,
    };
    writeln!(std::io::stderr(), "{report}")?;
    Ok(())
}

/// Writes records to the input topics, with the event's time as the record's.
struct KafkaSink {
    producer: EventProducer,
    pos_events: String,
    account_events: String,
}

impl KafkaSink {
    /// Looks for the topics first: without them a client would wait, or a broker make them its own way.
    fn new(settings: &Settings) -> Result<Self, SinkError> {
        let cluster = Arc::new(ClusterSettings::from(settings));
        let topics = [cluster.topics.pos_events.as_str(), cluster.topics.account_events.as_str()];
        let client = Cluster::new(Arc::clone(&cluster)).map_err(broker)?;
        let there = client.admin().topics(&topics, false).map_err(|fault| {
            SinkError::Broker(format!(
                "no answer from {} ({}): start it, or set kafka.bootstrap_servers",
                cluster.bootstrap_servers, fault.text
            ))
        })?;
        if let Some(missing) = topics.iter().find(|topic| !there.contains_key(**topic)) {
            let remedy = "make it with `tillgate topics create`";
            return Err(SinkError::Broker(format!("there is no topic {missing}: {remedy}")));
        }
        Ok(Self {
            producer: EventProducer::new(&cluster).map_err(broker)?,
            pos_events: cluster.topics.pos_events.clone(),
            account_events: cluster.topics.account_events.clone(),
        })
    }
}

impl Sink for KafkaSink {
    fn account_event(&mut self, key: &[u8], value: &[u8], time: Micros) -> Result<(), SinkError> {
        self.producer.send(&self.account_events, Some(key), value, millis(time)).map_err(broker)
    }

    fn pos_event(&mut self, key: Option<&[u8]>, value: &[u8], time: Micros) -> Result<(), SinkError> {
        self.producer.send(&self.pos_events, key, value, millis(time)).map_err(broker)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.producer.flush().map_err(broker)
    }

    fn finish(&mut self) -> Result<(), SinkError> {
        self.flush()
    }
}

fn broker(fault: Fault) -> SinkError {
    SinkError::Broker(fault.text)
}

fn millis(time: Micros) -> i64 {
    time.0.div_euclid(1_000)
}

#[allow(clippy::disallowed_methods, reason = "a run into kafka ends about now, so that brokers keep it")]
fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
