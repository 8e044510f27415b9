//! `tillgate load`: the generator, with Kafka as one of the places it can write to.

use super::latency::{OutcomeWatch, SILENCE_MAX, Sent};
use super::{AppError, now_millis, settings};
use crate::cli::Common;
use crate::config::Settings;
use crate::domain::Micros;
use crate::domain::account_event::AccountEvent;
use crate::domain::record::RecordHeader;
use crate::kafka::client::{Cluster, EventProducer, NewRecord};
use crate::kafka::cluster::rights::{self, Task};
use crate::kafka::failure::Fault;
use crate::kafka::settings::ClusterSettings;
use crate::load::latency::SENT_HEADER;
use crate::load::{LoadArgs, LoadError, PosRecord, RecordSink, SinkError, load};
use std::io::Write;
use std::sync::Arc;

pub fn run(args: &LoadArgs, common: &Common) -> Result<(), AppError> {
    let settings = settings(common)?;
    let mut watch = None;
    let connect = || -> Result<Box<dyn RecordSink>, SinkError> {
        let mut sink = KafkaSink::new(&settings, args.latency)?;
        if args.latency {
            let sent = Arc::new(Sent::default());
            watch = Some(sink.watch(args.warm_up, Arc::clone(&sent))?);
            sink.sent = Some(sent);
        }
        Ok(Box::new(sink))
    };
    // A run into kafka ends about now, so that brokers keep it.
    let report = match load(args, Micros(now_millis().saturating_mul(1_000)), connect) {
        Err(LoadError::Args(fault)) => return Err(AppError::Usage(fault.to_string())),
        other => other?,
    };
    writeln!(std::io::stderr(), "{report}")?;
    if let Some(watch) = watch {
        let (report, unanswered) = watch.finish(args.rate)?;
        writeln!(std::io::stdout(), "{report}")?;
        if unanswered > 0 {
            let silence = SILENCE_MAX.as_secs();
            writeln!(
                std::io::stderr(),
                "{unanswered} events have no answer, and none came for {silence} s: `tillgate run` must decide the \
                 same topics, and write JSON (output.format)"
            )?;
        }
    }
    Ok(())
}

/// Writes records to the input topics, with the event's time as the record's, unless the topic takes the broker's; where
/// latency is measured, with the time at which it is sent in a header.
struct KafkaSink {
    cluster: Arc<ClusterSettings>,
    producer: EventProducer,
    /// Of POS events and outcomes.
    partitions: [usize; 2],
    sent: Option<Arc<Sent>>,
}

impl KafkaSink {
    /// Looks for the topics first: without them a client would wait, or a broker make them its own way.
    fn new(settings: &Settings, answers: bool) -> Result<Self, SinkError> {
        let cluster = Arc::new(ClusterSettings::from(settings));
        let [inputs @ .., outcomes] =
            [cluster.topics.pos_events(), cluster.topics.account_events(), cluster.topics.pos_outcomes()];
        let client = Cluster::new(Arc::clone(&cluster))?;
        rights::verify(&client, &cluster, Task::Load(answers))?;
        let there = client.admin().topics(&[inputs[0], inputs[1], outcomes], false)?;
        if let Some(missing) = inputs.iter().find(|topic| !there.contains_key(**topic)) {
            let remedy = "make it with `tillgate topics create`";
            return Err(SinkError::Broker(format!("there is no topic {missing}: {remedy}")));
        }
        let partitions =
            [inputs[0], outcomes].map(|topic| there.get(topic).map_or(0, |topic| topic.partitions));
        let producer = EventProducer::new(&cluster)?;
        Ok(Self { cluster, producer, partitions, sent: None })
    }

    /// Reads the answers to what is sent from now on.
    fn watch(&self, warm_up: Micros, sent: Arc<Sent>) -> Result<OutcomeWatch, SinkError> {
        Ok(OutcomeWatch::start(&self.cluster, self.partitions, sent, warm_up)?)
    }
}

impl RecordSink for KafkaSink {
    fn account_event(&mut self, event: &AccountEvent, value: &[u8], time: Micros) -> Result<(), SinkError> {
        let (topic, key) = (self.cluster.topics.account_events(), event.account.as_bytes());
        Ok(self.producer.send(&NewRecord::by_key(topic, Some(key), value, time.millis()))?)
    }

    fn pos_event(&mut self, record: &PosRecord<'_>, value: &[u8]) -> Result<(), SinkError> {
        let key = record.key.as_deref();
        let sent = self.sent.as_ref().map(|sent| sent.stamp(key.is_some()).to_string());
        // An event without a key has no answer.
        let sent = sent.as_ref().filter(|_| key.is_some());
        let header =
            sent.map(|sent| RecordHeader { name: SENT_HEADER.as_bytes(), value: Some(sent.as_bytes()) });
        let topic = self.cluster.topics.pos_events();
        let record = NewRecord::by_key(topic, key, value, record.time.millis());
        Ok(self.producer.send(&NewRecord { headers: header.as_slice(), ..record })?)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.producer.flush()?)
    }
}

/// The generator's folder knows no client.
impl From<Fault> for SinkError {
    fn from(fault: Fault) -> Self {
        Self::Broker(fault.text)
    }
}
