//! All settings of a run, typed and checked against each other. Built from a merged tree; holds no default of its own:
//! those of a type are read of the embedded files.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::fault::Faults;
use super::librdkafka;
use super::reader::{SettingsReader, named};
use super::schema::Schema;
use super::secret::Secret;
use crate::domain::enums::symbols;
use crate::domain::limits::JOURNAL_RECORD_BYTES_MIN;
use crate::telemetry::log::LineFormat;

/// A section: what each of its settings is, and how it is read.
macro_rules! section {
    ($(#[$of_section:meta])* $name:ident($reader:ident) {
        $($(#[$of_setting:meta])* $setting:ident: $type:ty = $read:expr;)+
    }) => {
        $(#[$of_section])*
        pub struct $name { $($(#[$of_setting])* pub $setting: $type,)+ }

        impl $name {
            pub(super) fn read($reader: &mut SettingsReader) -> Self {
                Self { $($setting: $read,)+ }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                of_defaults(Self::read)
            }
        }
    };
}
pub(super) use section;

symbols! {
    /// How the group assigns its partitions.
    GroupProtocol {
        /// By the broker (KIP-848, Kafka 4 and later): incremental, and the session time-out is the group's (45 s by default).
        Consumer = "consumer",
        /// By the group's leader, and everybody stops for it: for older brokers, or for a session time-out of 6 s.
        Classic = "classic",
    }
}

symbols! {
    /// What is done about input that was deleted before it was decided.
    OnLostInput {
        /// Its partition stands still until a person has looked.
        Stop = "stop",
        /// It is passed over: said in the log, and counted.
        Skip = "skip",
    }
}

symbols! {
    /// How the registry knows us.
    RegistryAuth {
        /// Without credentials.
        None = "none",
        /// By user name and password.
        Basic = "basic",
        /// By a bearer token.
        Bearer = "bearer",
    }
}

symbols! {
    /// How outcomes are written.
    #[derive(clap::ValueEnum)]
    OutputFormat {
        /// JSON
        Json = "json",
        /// Avro
        Avro = "avro",
    }
}

symbols! {
    /// How an Avro outcome names its schema.
    AvroFraming {
        /// Byte 0 and the registry's id.
        Confluent = "confluent",
        /// Two marker bytes and the schema's fingerprint.
        SingleObject = "single_object",
    }
}

/// When a transaction ends: whatever comes first; an empty local queue ends it before.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// Records. 10,000 a transaction reached twice the rate of 2,000 and still commits within 50 ms.
    pub events: usize,
    /// Key and value bytes.
    pub bytes: usize,
    /// Time since the first record.
    pub time: Duration,
}

section! {
    /// `[kafka]`
    #[derive(Clone, Debug)]
    KafkaSettings(reader) {
        /// Brokers to ask first: `host:port`, several with commas.
        bootstrap_servers: String = reader.name("kafka.bootstrap_servers");
        /// The consumer group.
        group_id: String = reader.name("kafka.group_id");
        /// How the group assigns its partitions.
        group_protocol: GroupProtocol =
            reader.choice("kafka.group_protocol", &named(GroupProtocol::ALL, GroupProtocol::symbol));
        /// The name of this process, by which it keeps its place in the group over a restart (static membership); worker
        /// numbers are still to be appended.
        group_instance_id: Option<String> =
            Some(reader.text("kafka.group_instance_id")).filter(|name| !name.is_empty());
        /// How long a member may be silent; only with [`GroupProtocol::Classic`].
        session_timeout: Duration = reader.duration("kafka.session_timeout", SECOND..=HOUR);
        /// Operating-system threads, each with its own consumer, producer and state; at least 1.
        workers: usize = reader.count("kafka.workers", 1..=256);
        /// When a transaction ends.
        batch: BatchLimits = BatchLimits {
            events: reader.count("kafka.batch_events_max", 1..=1_000_000),
            bytes: reader.bytes("kafka.batch_bytes_max", 1 << 10..=1 << 30),
            time: reader.duration("kafka.batch_time_max", MILLISECOND..=HOUR),
        };
        /// What transactional ids begin with.
        transactional_id_prefix: String = reader.name("kafka.transactional_id_prefix");
        /// After this the broker aborts a transaction that was left open.
        transaction_timeout: Duration = reader.duration("kafka.transaction_timeout", SECOND..=HOUR);
        /// Of one request to a broker; a commit longer than half of it spends the producer.
        socket_timeout: Duration = reader.duration("kafka.socket_timeout", SECOND..=HOUR);
        /// How long an open transaction may hold back what is taken over before its writer counts as dead and is fenced.
        stuck_after: Duration = reader.duration("kafka.stuck_after", MILLISECOND..=HOUR);
        /// Partitions restored at the same time, per worker.
        restores_at_once: usize = reader.count("kafka.restores_at_once", 1..=64);
        /// Copies kept warm of partitions that other processes decide: 0, or 1 by following their journals.
        standby: usize = reader.count("kafka.standby", 0..=1);
        /// How often the decision of one record may fail before the record becomes a dead letter.
        failures_per_record_max: u32 = reader.integer("kafka.failures_per_record_max", 1..=100);
        /// What is done about input that was deleted before it was decided.
        on_lost_input: OnLostInput =
            reader.choice("kafka.on_lost_input", &named(OnLostInput::ALL, OnLostInput::symbol));
        /// Whether ticks are written, so that holds run out on partitions where nothing comes.
        ticks: bool = reader.flag("kafka.ticks");
        /// The largest message that is read, and passed on as a dead letter, in bytes.
        // librdkafka takes up to 1,000,000,000.
        message_bytes_max: usize = reader.bytes("kafka.message_bytes_max", 1 << 10..=900 << 20);
        /// Bytes of records that a worker's consumer keeps ahead; it fetches no more while they are there.
        // librdkafka takes up to 2,097,151 kB.
        consumer_queue_bytes_max: usize = reader.bytes("kafka.consumer_queue_bytes_max", QUEUE_BYTES);
        /// Bytes of messages that a worker's producer keeps; while they are there, what decides waits.
        producer_queue_bytes_max: usize = reader.bytes("kafka.producer_queue_bytes_max", QUEUE_BYTES);
        /// Properties passed to librdkafka as they are (SASL, TLS, tuning), by its own names.
        librdkafka: BTreeMap<String, Secret> = librdkafka::read(reader);
    }
}

section! {
    /// `[profiles]`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    ProfileSettings(reader) {
        /// Whether terminals and chips are known across accounts.
        enabled: bool = reader.flag("profiles.enabled");
    }
}

section! {
    /// `[contact]`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    ContactSettings(reader) {
        /// Whether contact decisions are made.
        enabled: bool = reader.flag("contact.enabled");
    }
}

section! {
    /// `[registry]`
    #[derive(Clone, Debug)]
    RegistrySettings(reader) {
        /// None: there is no registry. Without a slash at its end.
        url: Option<String> = registry_url(reader);
        /// How the registry knows us.
        auth: RegistryAuth = reader.choice("registry.auth", &named(RegistryAuth::ALL, RegistryAuth::symbol));
        /// For [`RegistryAuth::Basic`].
        username: String = reader.text("registry.username");
        /// For [`RegistryAuth::Basic`].
        password: Secret = reader.secret("registry.password");
        /// For [`RegistryAuth::Bearer`].
        token: Secret = reader.secret("registry.token");
        /// Certificates to trust instead of the built-in ones.
        ca_file: Option<PathBuf> = reader.path("registry.ca_file");
        /// How long one request may take.
        timeout: Duration = reader.duration("registry.timeout", MILLISECOND..=HOUR);
        /// Pause after the first failure; doubled after each further one.
        backoff_min: Duration = reader.duration("registry.backoff_min", MILLISECOND..=HOUR);
        /// Longest pause between two requests that fail.
        backoff_max: Duration = reader.duration("registry.backoff_max", MILLISECOND..=HOUR);
        /// Schemas kept in memory, at most.
        cache_max: usize = reader.count("registry.cache_max", 1..=1_000_000);
        /// Unknown schema ids that a partition may ask for within a minute.
        unknown_ids_max: usize = reader.count("registry.unknown_ids_max", 1..=1_000_000);
    }
}

impl RegistrySettings {
    /// What is careless though it works: a password or token that anybody on the way can read.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let what = match self.auth {
            RegistryAuth::None => return None,
            RegistryAuth::Basic => "the password",
            RegistryAuth::Bearer => "the token",
        };
        let host = host_of(self.url.as_deref()?.strip_prefix("http://")?);
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if host == "localhost" || address.is_ok_and(|address| address.is_loopback()) {
            return None;
        }
        Some(format!(
            "registry.url is http:// with registry.auth set: {what} can be read on the way to {host}; use https://"
        ))
    }
}

/// The host of an address without its scheme.
pub(super) fn host_of(address: &str) -> &str {
    let place = address.split('/').next().unwrap_or_default();
    match place.rsplit_once(':') {
        // The colons of an IPv6 address stand within brackets.
        Some((host, port)) if !port.contains(']') => host,
        _ => place,
    }
}

section! {
    /// `[output]`
    #[derive(Clone, Debug, PartialEq, Eq)]
    OutputSettings(reader) {
        /// JSON or Avro.
        format: OutputFormat = reader.choice("output.format", &named(OutputFormat::ALL, OutputFormat::symbol));
        /// For [`OutputFormat::Avro`].
        avro_framing: AvroFraming =
            reader.choice("output.avro_framing", &named(AvroFraming::ALL, AvroFraming::symbol));
        /// The registry subject of the outcome's schema.
        subject: String = subject(reader);
    }
}

section! {
    /// `[journal]`
    #[derive(Clone, Debug, PartialEq, Eq)]
    JournalSettings(reader) {
        /// One account's full state is written per so many events.
        checkpoint_events_per_account: u32 = reader.integer("journal.checkpoint_events_per_account", 1..=1_000);
        /// Events from the beginning of one rotation to that of the next, at least.
        rotation_events_min: u32 = reader.integer("journal.rotation_events_min", 1..=1_000_000_000);
        /// Journal records are split at this size.
        record_bytes_max: usize =
            reader.bytes("journal.record_bytes_max", JOURNAL_RECORD_BYTES_MIN as u32..=64 << 20);
    }
}

section! {
    /// `[log]`
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    LogSettings(reader) {
        /// For people or for machines.
        format: LineFormat = reader.choice("log.format", &named(LineFormat::ALL, LineFormat::symbol));
        /// What is logged: this and worse.
        level: tracing::Level = reader.choice("log.level", &LEVELS);
    }
}

const LEVELS: [(&str, tracing::Level); 5] = [
    ("error", tracing::Level::ERROR),
    ("warn", tracing::Level::WARN),
    ("info", tracing::Level::INFO),
    ("debug", tracing::Level::DEBUG),
    ("trace", tracing::Level::TRACE),
];

pub(super) const MILLISECOND: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
/// What librdkafka has where nothing else is set: a member's session must not be longer.
const BETWEEN_POLLS_MAX: Duration = Duration::from_secs(300);
const QUEUE_BYTES: RangeInclusive<u32> = 1 << 20..=2_000 << 20;

/// A section as the embedded files have it, in which a test finds no fault.
pub(super) fn of_defaults<T>(section: impl FnOnce(&mut SettingsReader) -> T) -> T {
    let (_, tree) = Schema::embedded(&mut Faults::default());
    section(&mut SettingsReader::new(&tree, &BTreeMap::new(), Faults::default()))
}

pub(super) fn kafka(reader: &mut SettingsReader) -> KafkaSettings {
    let settings = KafkaSettings::read(reader);
    let between_polls = settings.librdkafka.get("max.poll.interval.ms");
    let between_polls =
        between_polls.and_then(|millis| millis.expose().parse().ok()).map(Duration::from_millis);
    let between_polls = between_polls.unwrap_or(BETWEEN_POLLS_MAX);
    if settings.group_protocol == GroupProtocol::Classic
        && reader.sound(&["kafka.session_timeout", "kafka.group_protocol"])
        && settings.session_timeout > between_polls
    {
        let problem = format!(
            "is longer than librdkafka's max.poll.interval.ms, which is {} ms",
            between_polls.as_millis()
        );
        let remedy = "lower it, or raise \"max.poll.interval.ms\" in [kafka.librdkafka]";
        reader.refuse("kafka.session_timeout", problem, remedy);
    }
    let times = ["kafka.batch_time_max", "kafka.transaction_timeout"];
    if reader.sound(&times) && settings.transaction_timeout < settings.batch.time * 2 {
        let problem = "is less than twice kafka.batch_time_max: transactions would run out while they fill";
        reader.refuse("kafka.transaction_timeout", problem, "raise it, or lower kafka.batch_time_max");
    }
    let sizes = ["kafka.message_bytes_max", "kafka.producer_queue_bytes_max"];
    if reader.sound(&sizes) && settings.producer_queue_bytes_max < settings.message_bytes_max * 2 {
        let problem = "is less than twice kafka.message_bytes_max: the largest message may never fit";
        reader.refuse(
            "kafka.producer_queue_bytes_max",
            problem,
            "raise it, or lower kafka.message_bytes_max",
        );
    }
    settings
}

pub(super) fn registry(reader: &mut SettingsReader) -> RegistrySettings {
    let settings = RegistrySettings::read(reader);
    if reader.sound(&["registry.auth"]) {
        let needed = match settings.auth {
            RegistryAuth::Basic => Some(("registry.username", settings.username.is_empty())),
            RegistryAuth::Bearer => Some(("registry.token", settings.token.is_empty())),
            RegistryAuth::None => None,
        };
        if let Some((key, true)) = needed.filter(|(key, _)| reader.sound(&[key])) {
            reader.refuse("registry.auth", format!("needs {key}, which is empty"), format!("set {key}"));
        }
    }
    let backoffs = ["registry.backoff_min", "registry.backoff_max"];
    if reader.sound(&backoffs) && settings.backoff_min > settings.backoff_max {
        let remedy = "lower it, or raise registry.backoff_max";
        reader.refuse("registry.backoff_min", "is longer than registry.backoff_max", remedy);
    }
    settings
}

pub(super) fn output(reader: &mut SettingsReader, registry: &RegistrySettings) -> OutputSettings {
    let settings = OutputSettings::read(reader);
    let registered = settings.format == OutputFormat::Avro && settings.avro_framing == AvroFraming::Confluent;
    let sound = reader.sound(&["output.format", "output.avro_framing", "registry.url"]);
    if sound && registered && registry.url.is_none() {
        let problem = "is \"avro\" with a schema id of the registry, and registry.url is empty";
        let remedy = "set registry.url, or output.avro_framing = \"single_object\"";
        reader.refuse("output.format", problem, remedy);
    }
    settings
}

pub(super) fn journal(reader: &mut SettingsReader, message_bytes_max: usize) -> JournalSettings {
    let settings = JournalSettings::read(reader);
    let sizes = ["journal.record_bytes_max", "kafka.message_bytes_max"];
    if reader.sound(&sizes) && settings.record_bytes_max > message_bytes_max {
        let remedy = "lower it, or raise kafka.message_bytes_max";
        reader.refuse("journal.record_bytes_max", "is larger than kafka.message_bytes_max", remedy);
    }
    settings
}

/// Where `/metrics` is served; none: nowhere.
pub(super) fn admin(reader: &mut SettingsReader, key: &str) -> Option<SocketAddr> {
    let text = reader.text(key);
    let address = text.parse().ok();
    if address.is_none() && !text.is_empty() {
        let problem = format!("is {text:?}, which is not an address and port");
        reader.refuse(key, problem, "write it as \"127.0.0.1:9464\", or \"\" for off");
    }
    address
}

/// The subject that is set, or that of the topic's values.
fn subject(reader: &mut SettingsReader) -> String {
    let subject = reader.text("output.subject");
    if subject.is_empty() { format!("{}-value", reader.text("topics.pos_outcomes")) } else { subject }
}

fn registry_url(reader: &mut SettingsReader) -> Option<String> {
    const KEY: &str = "registry.url";
    let url = reader.text(KEY);
    if url.is_empty() {
        return None;
    }
    let address = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let host = address.and_then(|address| address.split('/').next()).unwrap_or_default();
    if host.is_empty() {
        reader.refuse(KEY, "is not an address of http:// or https://", "write http://HOST:PORT");
    } else if host.contains('@') {
        let remedy = "set registry.auth = \"basic\", registry.username and registry.password instead";
        reader.refuse(KEY, "holds a user name or password", remedy);
    }
    Some(url.trim_end_matches('/').to_owned())
}
