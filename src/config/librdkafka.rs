//! Properties that go to librdkafka as they are, and those that must not: what exactly-once, replay and the
//! transaction guard depend on, and what has a key of its own.

use std::collections::BTreeMap;

use super::reader::SettingsReader;
use super::secret::Secret;
use super::value::Value;

const PATH: &str = "kafka.librdkafka";

/// Refused because a promise depends on them: property, reason.
const PROTECTED: &[(&str, &str)] = &[
    ("acks", "an outcome counts only when all replicas have it"),
    ("request.required.acks", "an outcome counts only when all replicas have it"),
    ("allow.auto.create.topics", "topics need equal partition counts: `tillgate topics create` makes them"),
    ("auto.commit.enable", "offsets move in the transaction of their outcomes"),
    ("auto.offset.reset", "a group must read its topics from the start or from the journal's positions"),
    ("batch.size", "a topic refuses the whole of a batch that is larger than one message may be"),
    ("delivery.report.only.error", "every failed message must be reported, and only those"),
    ("enable.auto.commit", "offsets move in the transaction of their outcomes"),
    ("enable.auto.offset.store", "offsets move in the transaction of their outcomes"),
    ("enable.idempotence", "transactions need the idempotent producer"),
    ("enable.partition.eof", "only what reads up to an end is told of it"),
    (
        "group.remote.assignor",
        "events and accounts of a partition must meet in one worker: only range does that",
    ),
    ("isolation.level", "records of aborted transactions must never be read"),
    ("log.connection.close", "a producer whose connection broke must be replaced, and the log line tells it"),
    ("log_level", "a producer whose connection broke must be replaced, and the log line tells it"),
    (
        "partition.assignment.strategy",
        "events and accounts of a partition must meet in one worker: only range does that",
    ),
    ("queue.buffering.max.messages", "what a producer keeps is bounded, see docs/operations.md"),
    ("queued.min.messages", "what a consumer reads ahead is bounded, see docs/operations.md"),
    ("transactional.id", "each worker has its own, by which a new owner fences a dead one"),
];

/// Refused because they have a key of their own.
const NAMED: &[(&str, &str)] = &[
    ("bootstrap.servers", "kafka.bootstrap_servers"),
    ("metadata.broker.list", "kafka.bootstrap_servers"),
    ("fetch.max.bytes", "kafka.message_bytes_max"),
    ("group.id", "kafka.group_id"),
    ("group.instance.id", "kafka.group_instance_id"),
    ("group.protocol", "kafka.group_protocol"),
    ("message.max.bytes", "kafka.message_bytes_max"),
    ("partitioner", "topics.partitioner"),
    ("queue.buffering.max.kbytes", "kafka.producer_queue_bytes_max"),
    ("queued.max.messages.kbytes", "kafka.consumer_queue_bytes_max"),
    ("session.timeout.ms", "kafka.session_timeout"),
    ("socket.timeout.ms", "kafka.socket_timeout"),
    ("transaction.timeout.ms", "kafka.transaction_timeout"),
];

/// Two names of one property, and the values that are of use: the others need what is not built in.
const MECHANISM: [&str; 2] = ["sasl.mechanism", "sasl.mechanisms"];
const MECHANISMS: &[&str] = &["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"];

/// Properties that hold no secret, and may be shown, besides [`PATHS`]: names, numbers and switches.
const HARMLESS: &[&str] = &[
    "broker.address.family",
    "broker.address.ttl",
    "check.crcs",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "debug",
    "enable.ssl.certificate.verification",
    "heartbeat.interval.ms",
    "max.poll.interval.ms",
    "message.timeout.ms",
    "sasl.kerberos.principal",
    "sasl.kerberos.service.name",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.method",
    "sasl.username",
    "security.protocol",
    "ssl.ca.certificate.stores",
    "ssl.cipher.suites",
    "ssl.curves.list",
    "ssl.endpoint.identification.algorithm",
    "ssl.providers",
    "ssl.sigalgs.list",
    "statistics.interval.ms",
];

/// Properties that are paths: relative ones start at the folder of the file they were written in, as all paths do.
const PATHS: &[&str] = &[
    "sasl.kerberos.keytab",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.crl.location",
    "ssl.engine.location",
    "ssl.key.location",
    "ssl.keystore.location",
];

/// The client looks for the system's authorities itself: no path.
const PROBE: &str = "probe";

/// Beginnings of the names of others.
const HARMLESS_BEGINNINGS: &[&str] = &[
    "batch.",
    "compression.",
    "fetch.",
    "linger.",
    "max.in.flight",
    "metadata.",
    "queue.",
    "queued.",
    "reconnect.",
    "request.timeout",
    "retry.",
    "socket.",
    "sticky.partitioning.",
    "topic.metadata.",
];

/// Whether a property is known to hold no secret.
pub fn is_harmless(name: &str) -> bool {
    let begins_so = || HARMLESS_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning));
    HARMLESS.contains(&name) || PATHS.contains(&name) || begins_so()
}

/// What is wrong with setting a property that is not the operator's to set, and what to do instead.
pub fn refusal(name: &str) -> Option<(String, String)> {
    let of = |list: &'static [(&str, &'static str)]| list.iter().find(|(denied, _)| *denied == name);
    if let Some((_, reason)) = of(PROTECTED) {
        return Some((format!("cannot be set: {reason}"), "delete it".to_owned()));
    }
    of(NAMED).map(|(_, own)| ("has a setting of its own".to_owned(), format!("set {own} instead")))
}

/// The properties to hand over; all of them kept like secrets, as any of them may be one.
pub fn read(reader: &mut SettingsReader) -> BTreeMap<String, Secret> {
    let mut properties = BTreeMap::new();
    for (name, entry) in reader.open(PATH) {
        let key = format!("{PATH}.{name}");
        if let Some((problem, remedy)) = refusal(name) {
            reader.refuse(&key, problem, remedy);
            continue;
        }
        let value = match &entry.value {
            Value::Text(text) if PATHS.contains(&name) && text != PROBE => {
                let path = reader.path(&key).unwrap_or_default();
                Secret::new(path.to_string_lossy())
            }
            Value::Text(text) => reader.resolve_secret(&key, text),
            other => Secret::new(other.to_toml()),
        };
        let is_unknown_mechanism = MECHANISM.contains(&name) && !MECHANISMS.contains(&value.expose());
        if is_unknown_mechanism {
            let problem = format!("is {}, which is not built in", value.expose());
            reader.refuse(
                &key,
                problem,
                format!("use one of {}, or client certificates", MECHANISMS.join(", ")),
            );
            continue;
        }
        properties.insert(name.to_owned(), value);
    }
    properties
}
