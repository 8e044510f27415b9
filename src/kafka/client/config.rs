//! The settings every client is made with. What is set here is refused in `[kafka.librdkafka]`, or gives way to it.

use super::error::fault;
use super::reader::{AtEnd, Isolation};
use crate::config::Secret;
use crate::kafka::failure::{Fault, Operation};
use crate::kafka::settings::{ClusterSettings, GroupProtocol};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use std::time::Duration;

/// Two names of one property: how much of one partition is fetched at once.
const OF_PARTITION: [&str; 2] = ["fetch.message.max.bytes", "max.partition.fetch.bytes"];

/// Records that a client keeps ahead, however small they are.
const CONSUMER_QUEUE_RECORDS_MAX: usize = 100_000;
/// Messages that a producer keeps, however small they are.
const PRODUCER_QUEUE_RECORDS_MAX: usize = 100_000;
/// What one who reads a journal or outcomes keeps ahead, in bytes.
const READER_QUEUE_BYTES_MAX: usize = 16 << 20;

/// Bytes of a partition's messages that a producer sends in one batch, unless a single one is larger: a topic limits
/// batches by the same setting as messages, and refuses the whole of one that is too large.
pub const PRODUCED_AT_ONCE_BYTES_MAX: usize = 512 << 10;

/// Room for headers and framing above the largest value.
const OVERHEAD_BYTES: usize = 64 << 10;

/// Files of `[kafka.librdkafka]`, and the properties that have to fit them, by what the client says when one does not.
const FILES: &[(&str, &str)] = &[
    ("ssl.ca.location", "name a file of certificates in PEM"),
    ("ssl.certificate.location", "name a file with the certificate in PEM"),
    ("ssl.key.location", "name a file with the certificate's key in PEM"),
    ("ssl.keystore.location", "name a file in PKCS#12, and set ssl.keystore.password right"),
    ("ssl.crl.location", "name a file of revoked certificates in PEM"),
];

/// What a client that cannot be made means, in words: its own are those of OpenSSL.
pub fn client_fault(settings: &ClusterSettings, error: &KafkaError) -> Fault {
    let found = fault(Operation::Check, error);
    let KafkaError::ClientCreation(words) = error else { return found };
    let file = FILES.iter().find(|(name, _)| words.contains(&format!("{name} failed")));
    let text = match file {
        Some((name, remedy)) => {
            let path = settings.kafka.librdkafka.get(*name).map_or("", Secret::expose);
            let why = match std::fs::File::open(path) {
                Err(error) => format!("{path} cannot be read ({error}): {remedy}"),
                Ok(_) if *name != "ssl.key.location" => format!("{path} cannot be used ({words}): {remedy}"),
                Ok(_) if settings.kafka.librdkafka.contains_key("ssl.key.password") => format!(
                    "the key in {path} cannot be read with ssl.key.password: set the password right, or {remedy} ({words})"
                ),
                Ok(_) => format!(
                    "the key in {path} cannot be read without a password: set ssl.key.password, or {remedy} ({words})"
                ),
            };
            format!("[kafka.librdkafka] {name}: {why}")
        }
        None => format!("[kafka.librdkafka]: {words}"),
    };
    Fault { text, ..found }
}

/// Sets what the operator may set otherwise, unless that is done.
fn unless_set(config: &mut ClientConfig, name: &str, value: &str) {
    if config.get(name).is_none() {
        config.set(name, value);
    }
}

/// What all clients share: brokers, pass-through settings, level Info whatever the log facade's level is, because
/// disconnects are learnt from the log.
pub fn base(settings: &ClusterSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (key, value) in &settings.kafka.librdkafka {
        config.set(key, value.expose());
    }
    config
        .set("bootstrap.servers", &settings.kafka.bootstrap_servers)
        .set("log.connection.close", "true")
        .set_log_level(RDKafkaLogLevel::Info);
    unless_set(&mut config, "client.id", &format!("tillgate-{}", settings.instance));
    unless_set(&mut config, "retry.backoff.ms", "5");
    unless_set(&mut config, "retry.backoff.max.ms", "50");
    unless_set(&mut config, "reconnect.backoff.ms", "50");
    unless_set(&mut config, "reconnect.backoff.max.ms", "1000");
    if settings.with_tls() && !settings.kafka.librdkafka.keys().any(|name| name.starts_with("ssl.ca.")) {
        // The system's authorities. The OpenSSL that is built in looks for them in a folder that no system has.
        config.set("ssl.ca.location", "probe");
    }
    config
}

fn reader_base(settings: &ClusterSettings, queue_bytes_max: usize) -> ClientConfig {
    let mut config = base(settings);
    let bytes_max = settings.kafka.message_bytes_max + OVERHEAD_BYTES;
    config
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .set("message.max.bytes", bytes_max.to_string())
        .set("fetch.max.bytes", bytes_max.to_string())
        .set("queued.max.messages.kbytes", (queue_bytes_max / 1_000).to_string())
        .set("queued.min.messages", CONSUMER_QUEUE_RECORDS_MAX.to_string())
        .set("socket.timeout.ms", millis(settings.kafka.socket_timeout));
    if !OF_PARTITION.iter().any(|name| settings.kafka.librdkafka.contains_key(*name)) {
        config.set(OF_PARTITION[0], bytes_max.to_string());
    }
    unless_set(&mut config, "fetch.queue.backoff.ms", "10");
    config
}

/// A member of the group.
pub fn member(settings: &ClusterSettings, worker: usize) -> ClientConfig {
    let mut config = reader_base(settings, settings.kafka.consumer_queue_bytes_max);
    config
        .set("group.id", &settings.kafka.group_id)
        // An input that no longer holds what comes next is an error, not a reason to go on elsewhere.
        .set("auto.offset.reset", "error");
    // How often the client tells how far inputs reach, which metrics are made of.
    unless_set(&mut config, "statistics.interval.ms", "5000");
    match settings.kafka.group_protocol {
        GroupProtocol::Consumer => {
            config.set("group.protocol", "consumer").set("group.remote.assignor", "range");
        }
        GroupProtocol::Classic => {
            config
                .set("group.protocol", "classic")
                .set("partition.assignment.strategy", "range")
                .set("session.timeout.ms", millis(settings.kafka.session_timeout));
            unless_set(&mut config, "heartbeat.interval.ms", &millis(settings.kafka.session_timeout / 4));
        }
    }
    if settings.kafka.group_instance_id.is_some() {
        config.set("group.instance.id", format!("{}-{worker}", settings.instance));
    }
    config
}

/// Reads outside the group: it has the group's name to ask for its offsets, and never subscribes.
pub fn reader(settings: &ClusterSettings, isolation: Isolation, at_end: AtEnd) -> ClientConfig {
    let mut config = reader_base(settings, READER_QUEUE_BYTES_MAX);
    config
        .set("group.id", &settings.kafka.group_id)
        .set("isolation.level", isolation.name())
        .set("enable.partition.eof", "true");
    if at_end == AtEnd::Stop {
        // The end is told only by an answer without records, which the broker gives after this time.
        config.set("fetch.wait.max.ms", "10");
    }
    config
}

/// Reads whole partitions. Records that are gone are a fault there, and what is damaged is refused.
pub fn dump(settings: &ClusterSettings, isolation: Isolation) -> ClientConfig {
    let mut config = reader(settings, isolation, AtEnd::Stop);
    config.set("auto.offset.reset", "error").set("check.crcs", "true").set("fetch.wait.max.ms", "50");
    config
}

/// The worker's producer.
pub fn producer(settings: &ClusterSettings, transactional_id: &str) -> ClientConfig {
    let mut config = producer_base(settings);
    config
        .set("transactional.id", transactional_id)
        .set("transaction.timeout.ms", millis(settings.kafka.transaction_timeout))
        // The client refuses a request time-out above the transaction's.
        .set(
            "socket.timeout.ms",
            millis(settings.kafka.socket_timeout.min(settings.kafka.transaction_timeout)),
        )
        .set("delivery.report.only.error", "true")
        .set("batch.size", PRODUCED_AT_ONCE_BYTES_MAX.to_string());
    // The end of a batch sends what is left at once (`send_now`). Until then each partition that has something to send would
    // wake the client's thread after this time, which then looks at all of them: at 1 ms that took a third of all our CPU.
    unless_set(&mut config, "linger.ms", "10");
    config
}

/// How large a message may be, and what a producer keeps: whoever sends waits while it is full.
fn producer_base(settings: &ClusterSettings) -> ClientConfig {
    let mut config = base(settings);
    config
        .set("message.max.bytes", (settings.kafka.message_bytes_max + OVERHEAD_BYTES).to_string())
        .set("queue.buffering.max.messages", PRODUCER_QUEUE_RECORDS_MAX.to_string())
        .set("queue.buffering.max.kbytes", (settings.kafka.producer_queue_bytes_max / 1_024).to_string());
    config
}

/// A producer of input records: idempotent, in large batches, by key as the senders do.
pub fn event_producer(settings: &ClusterSettings) -> ClientConfig {
    let mut config = producer_base(settings);
    config
        .set("enable.idempotence", "true")
        .set("delivery.report.only.error", "true")
        .set("partitioner", settings.partitioner.librdkafka());
    unless_set(&mut config, "linger.ms", "5");
    config
}

/// A producer of input records each of which somebody waits for, `within` this time.
pub fn receipt_producer(settings: &ClusterSettings, within: Duration) -> ClientConfig {
    let mut config = producer_base(settings);
    config
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", millis(within))
        .set("socket.timeout.ms", millis(settings.kafka.socket_timeout));
    // What comes while a request is under way goes with the next.
    unless_set(&mut config, "linger.ms", "0");
    config
}

/// Topics, their settings, deleting records.
pub fn admin(settings: &ClusterSettings) -> ClientConfig {
    base(settings)
}

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::librdkafka::refusal;

    fn passing_through(properties: &[(&str, &str)]) -> ClusterSettings {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), Secret::new(*value));
        ClusterSettings::default().with(|kafka| kafka.librdkafka = properties.iter().map(own).collect())
    }

    #[test]
    fn everything_that_a_client_keeps_is_bounded() {
        let settings = ClusterSettings::default().with(|kafka| {
            kafka.message_bytes_max = 1_000_000;
            kafka.consumer_queue_bytes_max = 5_000_000;
            kafka.producer_queue_bytes_max = 3 << 20;
        });
        let largest = (settings.kafka.message_bytes_max + OVERHEAD_BYTES).to_string();
        let readers =
            [reader(&settings, Isolation::Committed, AtEnd::Tell), dump(&settings, Isolation::Uncommitted)];
        let readers = readers.iter().map(|reader| (reader, "16777"));
        for (config, kilobytes) in readers.chain([(&member(&settings, 0), "5000")]) {
            assert_eq!(config.get("queued.max.messages.kbytes"), Some(kilobytes));
            assert_eq!(config.get("queued.min.messages"), Some("100000"));
            assert_eq!(config.get("fetch.max.bytes"), Some(&*largest));
        }
        for config in [producer(&settings, "id"), event_producer(&settings)] {
            assert_eq!(config.get("queue.buffering.max.kbytes"), Some("3072"));
            assert_eq!(config.get("queue.buffering.max.messages"), Some("100000"));
        }
    }

    #[test]
    fn the_systems_authorities_are_trusted_where_no_others_are_named() {
        let ca = |properties: &[(&str, &str)]| {
            base(&passing_through(properties)).get("ssl.ca.location").map(str::to_owned)
        };
        assert_eq!(ca(&[]), None);
        assert_eq!(ca(&[("security.protocol", "sasl_plaintext")]), None);
        assert_eq!(ca(&[("security.protocol", "SASL_SSL")]).as_deref(), Some("probe"));
        assert_eq!(ca(&[("security.protocol", "ssl"), ("ssl.ca.pem", "x")]), None);
        let named = [("security.protocol", "ssl"), ("ssl.ca.location", "/ca.pem")];
        assert_eq!(ca(&named).as_deref(), Some("/ca.pem"));
    }

    #[test]
    fn an_input_that_no_longer_holds_what_comes_next_is_an_error() {
        assert_eq!(member(&ClusterSettings::default(), 0).get("auto.offset.reset"), Some("error"));
    }

    #[test]
    fn what_a_client_sets_the_operator_may_set_or_is_refused() {
        // These reach ends of their own, and what they need for it is nobody else's.
        const OF_READERS: [&str; 2] = ["check.crcs", "fetch.wait.max.ms"];
        let of_all = |settings: &ClusterSettings| {
            let classic = settings.clone().with(|kafka| {
                kafka.group_protocol = GroupProtocol::Classic;
                kafka.group_instance_id = Some("1".to_owned());
            });
            [
                member(settings, 0),
                member(&classic, 0),
                reader(settings, Isolation::Uncommitted, AtEnd::Stop),
                reader(settings, Isolation::Committed, AtEnd::Tell),
                dump(settings, Isolation::Committed),
                producer(settings, "id"),
                event_producer(settings),
                admin(settings),
            ]
        };
        for (place, config) in of_all(&ClusterSettings::default()).iter().enumerate() {
            for name in config.config_map().keys().filter(|name| !OF_READERS.contains(*name)) {
                let set = &of_all(&passing_through(&[(name, "theirs")]))[place];
                let is_theirs = set.get(name) == Some("theirs");
                assert_ne!(is_theirs, refusal(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn how_much_of_a_partition_is_fetched_may_be_set_by_either_name() {
        for name in OF_PARTITION {
            let config = member(&passing_through(&[(name, "65536")]), 0);
            let found = OF_PARTITION.iter().filter_map(|name| config.get(name));
            assert_eq!(found.collect::<Vec<_>>(), ["65536"]);
        }
    }
}
