//! A real Kafka for tests: one given by address, else one that `tests/kafka/kafka.sh` starts on free ports.
//! A started one ends with the process that started it, however that ends: the script watches its standard input.
//! Never leaves topics to be shared: every test makes its own names by [`Kafka::topic`].

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;

use super::proxy::Proxy;
use super::{eventually, skip};

/// The bootstrap address of a Kafka that is already there; tests then start none.
const GIVEN_KAFKA: &str = "TILLGATE_TEST_KAFKA";
/// The address of a schema registry (Confluent API) that is already there.
const GIVEN_REGISTRY: &str = "TILLGATE_TEST_REGISTRY";
/// How long brokers may take from launch to the first answer, on a machine that is busy with a build.
const START_WITHIN: Duration = Duration::from_secs(120);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The one broker that all tests of this process share; a loud skip where none can be had.
pub fn kafka() -> Option<&'static Kafka> {
    static SHARED: OnceLock<Result<Kafka, String>> = OnceLock::new();
    let start = || match std::env::var(GIVEN_KAFKA) {
        Ok(bootstrap) => Ok(Kafka::given(bootstrap)),
        Err(_) => Kafka::start(1, false),
    };
    match SHARED.get_or_init(start) {
        Ok(kafka) => Some(kafka),
        Err(reason) => {
            skip(reason);
            None
        }
    }
}

/// Brokers of the caller's own, for tests that kill some: never the given ones. They end when dropped.
pub fn kafka_cluster(brokers: u16) -> Option<Kafka> {
    match Kafka::start(brokers, false) {
        Ok(kafka) => Some(kafka),
        Err(reason) => {
            skip(&reason);
            None
        }
    }
}

/// The one secured broker that all tests of this process share, see `kafka.sh serve ... secured`; its plain listener is
/// that of [`Kafka::bootstrap`].
pub fn secured_kafka() -> Option<&'static Kafka> {
    static SHARED: OnceLock<Result<Kafka, String>> = OnceLock::new();
    match SHARED.get_or_init(|| Kafka::start(1, true)) {
        Ok(kafka) => Some(kafka),
        Err(reason) => {
            skip(reason);
            None
        }
    }
}

/// A listener of the secured broker.
#[derive(Clone, Copy, Debug)]
pub enum Listener {
    /// SASL_SSL, with PLAIN and SCRAM-SHA-512.
    Sasl = 2,
    /// TLS with client certificates.
    Tls = 3,
    /// TLS with a certificate that has expired.
    Expired = 4,
}

/// Brokers to test against.
pub struct Kafka {
    bootstrap: String,
    brokers: Option<Mutex<Script>>,
    registry: OnceLock<Registry>,
}

struct Registry {
    url: String,
    /// Keeps a started registry alive.
    _script: Option<Script>,
}

impl Kafka {
    fn given(bootstrap: String) -> Self {
        Kafka { bootstrap, brokers: None, registry: OnceLock::new() }
    }

    fn start(brokers: u16, secured: bool) -> Result<Self, String> {
        let mut script = Script::serve(brokers, secured)?;
        let bootstrap = script.answer("brokers ")?;
        let log = script.folder.join("1.log");
        let kafka = Kafka { bootstrap, brokers: Some(Mutex::new(script)), registry: OnceLock::new() };
        kafka.await_brokers(usize::from(brokers), &log);
        Ok(kafka)
    }

    /// `host:port`, with commas where there are several.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// A port of the secured broker.
    pub fn port(&self, listener: Listener) -> u16 {
        let brokers = self.brokers.as_ref().expect("a secured broker is the test's own");
        brokers.lock().expect("the script's lock").port + listener as u16
    }

    /// A file of the secured broker's certificates and keys.
    pub fn secret(&self, name: &str) -> PathBuf {
        let brokers = self.brokers.as_ref().expect("a secured broker is the test's own");
        brokers.lock().expect("the script's lock").folder.join("secrets").join(name)
    }

    /// The same brokers as clients behind `proxy` see them; they cannot be killed through it.
    pub fn through(&self, proxy: &Proxy) -> Kafka {
        Kafka::given(proxy.bootstrap())
    }

    /// Where the schema registry (Confluent API) answers; started by the first who asks.
    ///
    /// # Panics
    /// Where none is given by TILLGATE_TEST_REGISTRY and none can be started.
    pub fn registry(&self) -> &str {
        let registry = self.registry.get_or_init(|| {
            if let Ok(url) = std::env::var(GIVEN_REGISTRY) {
                return Registry { url, _script: None };
            }
            start_registry()
                .unwrap_or_else(|reason| panic!("no schema registry, set {GIVEN_REGISTRY} to one: {reason}"))
        });
        &registry.url
    }

    /// A name that no other test has, beginning with `prefix`.
    pub fn topic(&self, prefix: &str) -> String {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        static RUN: OnceLock<u64> = OnceLock::new();
        // A given broker outlives this process, whose id comes again: so a random number, which every new RandomState is.
        let run = RUN.get_or_init(|| RandomState::new().build_hasher().finish());
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        format!("{prefix}.{run:016x}-{number}")
    }

    /// Makes a topic and waits until every broker's metadata shows it. Replicated to three where there are three brokers.
    ///
    /// # Panics
    /// When the broker refuses.
    pub fn create_topic(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let replicas = self.bootstrap.split(',').count().min(3) as i32;
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(replicas));
        for (key, value) in configs {
            topic = topic.set(key, value);
        }
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let options = AdminOptions::new().operation_timeout(Some(ANSWER_WITHIN));
        let mut tries = 0;
        eventually(START_WITHIN, &format!("topic {name} to be made"), || {
            tries += 1;
            // Brokers that have just started may take longer than an answer may; it is made all the same then.
            let created = runtime.block_on(admin.create_topics([&topic], &options)).ok()?;
            match created.into_iter().next() {
                Some(Ok(_)) => Some(()),
                Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) if tries > 1 => Some(()),
                Some(Err((_, RDKafkaErrorCode::RequestTimedOut))) | None => None,
                Some(Err((_, code))) => panic!("topic {name} was refused: {code}"),
            }
        });
        eventually(ANSWER_WITHIN, "the new topic's partitions", || {
            let metadata = admin.inner().fetch_metadata(Some(name), ANSWER_WITHIN).ok()?;
            let found = metadata.topics().first()?.partitions();
            let led = found.iter().filter(|partition| partition.leader() >= 0);
            (led.count() == partitions as usize).then_some(())
        });
    }

    /// `kill -9` for broker `number` (1, 2, ...). Only for brokers of the test's own, see [`kafka_cluster`].
    pub fn kill_broker(&self, number: u16) {
        self.command(&format!("kill {number}"), "killed ");
    }

    /// Starts a killed broker again on the data it left, and waits until all brokers are there.
    pub fn start_broker(&self, number: u16) {
        let log = self.command(&format!("start {number}"), "started ");
        self.await_brokers(self.bootstrap.split(',').count(), &log);
    }

    /// Leaves the brokers' data and logs behind when they end, in this folder. Only for brokers of the test's own.
    pub fn keep(&self) -> PathBuf {
        let brokers = self.brokers.as_ref().expect("brokers of the test's own");
        let mut script = brokers.lock().expect("the script's lock");
        script.ask("keep", "kept").unwrap_or_else(|reason| panic!("keep: {reason}"));
        script.folder.clone()
    }

    /// Settings that every client of a test begins with: where the brokers are, and short pauses between attempts.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "200")
            .set("message.max.bytes", "8388608");
        config
    }

    fn command(&self, line: &str, answer: &str) -> PathBuf {
        let brokers = self.brokers.as_ref().unwrap_or_else(|| {
            panic!("{line}: the brokers of {GIVEN_KAFKA} are not ours, use kafka_cluster")
        });
        let mut script = brokers.lock().expect("the script's lock");
        let number = script.ask(line, answer).unwrap_or_else(|reason| panic!("{line}: {reason}"));
        script.folder.join(format!("{number}.log"))
    }

    fn await_brokers(&self, count: usize, log: &Path) {
        let client: BaseConsumer = self.client().set("group.id", "none").create().expect("a client");
        let what = format!("{count} broker(s) at {}, see {}", self.bootstrap, log.display());
        eventually(START_WITHIN, &what, || {
            let metadata = client.fetch_metadata(None, Duration::from_secs(5)).ok()?;
            (metadata.brokers().len() == count).then_some(())
        });
    }
}

fn start_registry() -> Result<Registry, String> {
    let mut script = Script::serve(0, false)?;
    let line = format!("registry {}", script.port);
    let url = script.ask(&line, "registry ")?;
    eventually(START_WITHIN, "the schema registry", || ureq::get(format!("{url}/subjects")).call().ok());
    Ok(Registry { url, _script: Some(script) })
}

/// A running `kafka.sh serve`; it ends, and all it started with it, when its standard input is closed.
struct Script {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    errors: File,
    folder: PathBuf,
    port: u16,
}

impl Script {
    fn serve(brokers: u16, secured: bool) -> Result<Self, String> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tillgate-{}-{number}", std::process::id()));
        let port = free_ports(2 * brokers.max(1) + if secured { 3 } else { 0 });
        let errors = tempfile::tempfile().map_err(|error| error.to_string())?;
        let mut child = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/kafka.sh"))
            .arg("serve")
            .arg(&folder)
            .args([port.to_string(), brokers.to_string()])
            .args(secured.then_some("secured"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors.try_clone().map_err(|error| error.to_string())?)
            .spawn()
            .map_err(|error| format!("tests/kafka/kafka.sh does not run: {error}"))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("piped above"));
        Ok(Script { child, input, output, errors, folder, port })
    }

    fn ask(&mut self, line: &str, answer: &str) -> Result<String, String> {
        let input = self.input.as_mut().expect("open until dropped");
        writeln!(input, "{line}").map_err(|error| format!("kafka.sh is gone ({error}): {}", self.said()))?;
        self.answer(answer)
    }

    /// The rest of the next line, which begins with `start`; what the script complained of when it ended instead.
    fn answer(&mut self, start: &str) -> Result<String, String> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line);
        match line.trim_end().strip_prefix(start) {
            Some(rest) if read.is_ok() => Ok(rest.to_owned()),
            _ => Err(format!("kafka.sh did not answer '{start}': {}", self.said())),
        }
    }

    fn said(&mut self) -> String {
        let mut text = String::new();
        let read = self.errors.seek(SeekFrom::Start(0)).and_then(|_| self.errors.read_to_string(&mut text));
        match read {
            Ok(_) => text.trim().to_owned(),
            Err(error) => format!("its complaints cannot be read: {error}"),
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.input.take());
        if let Err(error) = self.child.wait() {
            eprintln!("kafka.sh cannot be waited for: {error}");
        }
    }
}

/// The first of `count` ports in a row that nobody listens on, below the range from which outgoing connections take
/// theirs. Where to look first depends on the process, so that runs side by side do not meet.
pub fn free_ports(count: u16) -> u16 {
    const FIRST: u16 = 20_000;
    const STEP: u16 = 16;
    const PLACES: u16 = 750;
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let home = (std::process::id() % u32::from(PLACES)) as u16;
    for _ in 0..PLACES {
        let place = (home + TRIED.fetch_add(1, Ordering::Relaxed)) % PLACES;
        let first = FIRST + place * STEP;
        let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if (first..first + count).all(free) {
            return first;
        }
    }
    panic!("no {count} free ports in a row from {FIRST} to {}", FIRST + PLACES * STEP);
}
