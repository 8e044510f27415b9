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
use super::topics::TopicSettings;
use crate::domain::enums::symbols;
use crate::domain::limits::JOURNAL_RECORD_BYTES_MIN;
use crate::telemetry::log::LineFormat;

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
    OutputFormat {
        /// As the public contracts write it.
        Json = "json",
        /// By the schema of the contract.
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

/// `[kafka]`
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// Brokers to ask first: `host:port`, several with commas.
    pub bootstrap_servers: String,
    /// The consumer group.
    pub group_id: String,
    /// How the group assigns its partitions.
    pub group_protocol: GroupProtocol,
    /// The name of this process, by which it keeps its place in the group over a restart (static membership); worker
    /// numbers are still to be appended.
    pub group_instance_id: Option<String>,
    /// How long a member may be silent; only with [`GroupProtocol::Classic`].
    pub session_timeout: Duration,
    /// Operating-system threads, each with its own consumer, producer and state; at least 1.
    pub workers: usize,
    /// When a transaction ends.
    pub batch: BatchLimits,
    /// What transactional ids begin with.
    pub transactional_id_prefix: String,
    /// After this the broker aborts a transaction that was left open.
    pub transaction_timeout: Duration,
    /// Of one request to a broker; a commit longer than half of it spends the producer.
    pub socket_timeout: Duration,
    /// How long an open transaction may hold back what is taken over before its writer counts as dead and is fenced.
    pub stuck_after: Duration,
    /// Partitions restored at the same time, per worker.
    pub restores_at_once: usize,
    /// Copies kept warm of partitions that other processes decide: 0, or 1 by following their journals.
    pub standby: usize,
    /// How often the decision of one record may fail before the record becomes a dead letter.
    pub failures_per_record_max: u32,
    /// What is done about input that was deleted before it was decided.
    pub on_lost_input: OnLostInput,
    /// Whether ticks are written, so that holds run out on partitions where nothing comes.
    pub ticks: bool,
    /// The largest message that is read, and passed on as a dead letter, in bytes.
    pub message_bytes_max: usize,
    /// Bytes of records that a worker's consumer keeps ahead; it fetches no more while they are there.
    pub consumer_queue_bytes_max: usize,
    /// Bytes of messages that a worker's producer keeps; while they are there, what decides waits.
    pub producer_queue_bytes_max: usize,
    /// Properties passed to librdkafka as they are (SASL, TLS, tuning), by its own names.
    pub librdkafka: BTreeMap<String, Secret>,
}

impl Default for KafkaSettings {
    fn default() -> Self {
        of_defaults(kafka)
    }
}

/// `[profiles]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileSettings {
    /// Whether terminals and chips are known across accounts.
    pub enabled: bool,
}

/// `[contact]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContactSettings {
    /// Whether contact decisions are made.
    pub enabled: bool,
}

/// `[registry]`
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// None: there is no registry. Without a slash at its end.
    pub url: Option<String>,
    /// How the registry knows us.
    pub auth: RegistryAuth,
    /// For [`RegistryAuth::Basic`].
    pub username: String,
    /// For [`RegistryAuth::Basic`].
    pub password: Secret,
    /// For [`RegistryAuth::Bearer`].
    pub token: Secret,
    /// Certificates to trust instead of the built-in ones.
    pub ca_file: Option<PathBuf>,
    /// How long one request may take.
    pub timeout: Duration,
    /// Pause after the first failure; doubled after each further one.
    pub backoff_min: Duration,
    /// Longest pause between two requests that fail.
    pub backoff_max: Duration,
    /// Schemas kept in memory, at most.
    pub cache_max: usize,
    /// Unknown schema ids that a partition may ask for within a minute.
    pub unknown_ids_max: usize,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        of_defaults(registry)
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

/// `[output]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSettings {
    /// JSON or Avro.
    pub format: OutputFormat,
    /// For [`OutputFormat::Avro`].
    pub avro_framing: AvroFraming,
    /// The registry subject of the outcome's schema.
    pub subject: String,
}

/// `[journal]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// One account's full state is written per so many events.
    pub checkpoint_events_per_account: u32,
    /// Events from the beginning of one rotation to that of the next, at least.
    pub rotation_events_min: u32,
    /// Journal records are split at this size.
    pub record_bytes_max: usize,
}

impl Default for JournalSettings {
    fn default() -> Self {
        of_defaults(|reader| journal(reader, usize::MAX))
    }
}

/// `[log]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// For people or for machines.
    pub format: LineFormat,
    /// What is logged: this and worse.
    pub level: tracing::Level,
}

pub(super) const MILLISECOND: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const HOUR: Duration = Duration::from_secs(3_600);
/// What librdkafka has where nothing else is set: a member's session must not be longer.
const BETWEEN_POLLS_MAX: Duration = Duration::from_secs(300);
const QUEUE_BYTES: RangeInclusive<u32> = 1 << 20..=2_000 << 20;

/// A section as the embedded defaults have it, in which a test finds no fault.
pub(super) fn of_defaults<T>(section: impl FnOnce(&mut SettingsReader) -> T) -> T {
    let (_, tree) = Schema::embedded(&mut Faults::default());
    section(&mut SettingsReader::new(&tree, &BTreeMap::new(), Faults::default()))
}

pub(super) fn kafka(reader: &mut SettingsReader) -> KafkaSettings {
    let instance = reader.text("kafka.group_instance_id");
    let settings = KafkaSettings {
        bootstrap_servers: reader.name("kafka.bootstrap_servers"),
        group_id: reader.name("kafka.group_id"),
        group_protocol: reader
            .choice("kafka.group_protocol", &named(GroupProtocol::ALL, GroupProtocol::symbol)),
        group_instance_id: Some(instance).filter(|name| !name.is_empty()),
        session_timeout: reader.duration("kafka.session_timeout", SECOND..=HOUR),
        workers: reader.count("kafka.workers", 1..=256),
        batch: BatchLimits {
            events: reader.count("kafka.batch_events_max", 1..=1_000_000),
            bytes: reader.bytes("kafka.batch_bytes_max", 1 << 10..=1 << 30),
            time: reader.duration("kafka.batch_time_max", MILLISECOND..=HOUR),
        },
        transactional_id_prefix: reader.name("kafka.transactional_id_prefix"),
        transaction_timeout: reader.duration("kafka.transaction_timeout", SECOND..=HOUR),
        socket_timeout: reader.duration("kafka.socket_timeout", SECOND..=HOUR),
        stuck_after: reader.duration("kafka.stuck_after", MILLISECOND..=HOUR),
        restores_at_once: reader.count("kafka.restores_at_once", 1..=64),
        standby: reader.count("kafka.standby", 0..=1),
        failures_per_record_max: reader.integer("kafka.failures_per_record_max", 1..=100),
        on_lost_input: reader.choice("kafka.on_lost_input", &named(OnLostInput::ALL, OnLostInput::symbol)),
        ticks: reader.flag("kafka.ticks"),
        // librdkafka takes up to 1,000,000,000.
        message_bytes_max: reader.bytes("kafka.message_bytes_max", 1 << 10..=900 << 20),
        // librdkafka takes up to 2,097,151 kB.
        consumer_queue_bytes_max: reader.bytes("kafka.consumer_queue_bytes_max", QUEUE_BYTES),
        producer_queue_bytes_max: reader.bytes("kafka.producer_queue_bytes_max", QUEUE_BYTES),
        librdkafka: librdkafka::read(reader),
    };
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

pub(super) fn profiles(reader: &mut SettingsReader) -> ProfileSettings {
    ProfileSettings { enabled: reader.flag("profiles.enabled") }
}

pub(super) fn contact(reader: &mut SettingsReader) -> ContactSettings {
    ContactSettings { enabled: reader.flag("contact.enabled") }
}

pub(super) fn registry(reader: &mut SettingsReader) -> RegistrySettings {
    let settings = RegistrySettings {
        url: registry_url(reader),
        auth: reader.choice("registry.auth", &named(RegistryAuth::ALL, RegistryAuth::symbol)),
        username: reader.text("registry.username"),
        password: reader.secret("registry.password"),
        token: reader.secret("registry.token"),
        ca_file: reader.path("registry.ca_file"),
        timeout: reader.duration("registry.timeout", MILLISECOND..=HOUR),
        backoff_min: reader.duration("registry.backoff_min", MILLISECOND..=HOUR),
        backoff_max: reader.duration("registry.backoff_max", MILLISECOND..=HOUR),
        cache_max: reader.count("registry.cache_max", 1..=1_000_000),
        unknown_ids_max: reader.count("registry.unknown_ids_max", 1..=1_000_000),
    };
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

pub(super) fn output(
    reader: &mut SettingsReader,
    topics: &TopicSettings,
    registry: &RegistrySettings,
) -> OutputSettings {
    let subject = reader.text("output.subject");
    let settings = OutputSettings {
        format: reader.choice("output.format", &named(OutputFormat::ALL, OutputFormat::symbol)),
        avro_framing: reader.choice("output.avro_framing", &named(AvroFraming::ALL, AvroFraming::symbol)),
        subject: if subject.is_empty() { format!("{}-value", topics.pos_outcomes) } else { subject },
    };
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
    let settings = JournalSettings {
        checkpoint_events_per_account: reader.integer("journal.checkpoint_events_per_account", 1..=1_000),
        rotation_events_min: reader.integer("journal.rotation_events_min", 1..=1_000_000_000),
        record_bytes_max: reader
            .bytes("journal.record_bytes_max", JOURNAL_RECORD_BYTES_MIN as u32..=64 << 20),
    };
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

pub(super) fn log(reader: &mut SettingsReader) -> LogSettings {
    let levels = [
        ("error", tracing::Level::ERROR),
        ("warn", tracing::Level::WARN),
        ("info", tracing::Level::INFO),
        ("debug", tracing::Level::DEBUG),
        ("trace", tracing::Level::TRACE),
    ];
    LogSettings {
        format: reader.choice("log.format", &named(LineFormat::ALL, LineFormat::symbol)),
        level: reader.choice("log.level", &levels),
    }
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
