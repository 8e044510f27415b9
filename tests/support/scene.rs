//! Topics of one test, made by `tillgate topics create`, and processes of `tillgate run` on them.
//! Never reaches into the program: what it knows of a process is what an operator would, by signals, pages and log.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use tempfile::TempDir;

use super::{Kafka, Record, eventually};

/// How long anything may take on a machine that is busy with a build.
pub const WITHIN: Duration = Duration::from_secs(120);
/// Lines of a process's log that are shown where its test fails: its folder goes with the test.
const LOG_LINES_SHOWN: usize = 60;
/// How long a page may take that tells of this moment.
const AT_ONCE: Duration = Duration::from_secs(5);

/// The topics of shared profiles, by their names in the settings.
pub const OF_PROFILES: [&str; 5] =
    ["observations", "profile_records", "profiles", "profile_dead_letters", "profile_journal"];

/// The topics of contact decisions, likewise.
pub const OF_CONTACTS: [&str; 8] = [
    "contact_requests",
    "interactions",
    "party_records",
    "parties",
    "contact_decisions",
    "interaction_results",
    "contact_dead_letters",
    "contact_journal",
];

/// Topics, group and settings of `tillgate run`.
pub struct Scene {
    pub kafka: &'static Kafka,
    pub pos_events: String,
    pub account_events: String,
    pub ticks: String,
    pub pos_outcomes: String,
    pub account_results: String,
    pub dead_letters: String,
    pub journal: String,
    pub rulesets: String,
    /// What the topics of shared profiles begin with; they are there with `profiles.enabled`.
    profiles: String,
    /// What those of contact decisions begin with, and their number of partitions where they are there.
    contacts: String,
    pub contact_partitions: Option<u32>,
    pub partitions: u32,
    group: String,
    sets: Vec<String>,
    folder: TempDir,
    started: AtomicUsize,
}

impl Scene {
    /// A group with topics of its own, whose records have their senders' times: those of tests are of years ago.
    pub fn new(kafka: &'static Kafka, partitions: u32, sets: &[&str]) -> Self {
        Self::with(kafka, partitions, sets, &["--times", "producer"])
    }

    /// The same with topics as they are made for live events.
    pub fn live(kafka: &'static Kafka, partitions: u32, sets: &[&str]) -> Self {
        Self::with(kafka, partitions, sets, &[])
    }

    fn with(kafka: &'static Kafka, partitions: u32, sets: &[&str], create: &[&str]) -> Self {
        let name = kafka.topic("proof");
        let inputs = [format!("{name}.events"), format!("{name}.accounts")];
        Self::named(kafka, &name, inputs, partitions, sets, create)
    }

    /// Another group on the same inputs, with outcomes and journal of its own.
    pub fn beside(&self, partitions: u32, sets: &[&str]) -> Self {
        let inputs = [self.pos_events.clone(), self.account_events.clone()];
        Self::named(self.kafka, &self.kafka.topic("proof"), inputs, partitions, sets, &[])
    }

    fn named(
        kafka: &'static Kafka,
        name: &str,
        [pos_events, account_events]: [String; 2],
        partitions: u32,
        sets: &[&str],
        more: &[&str],
    ) -> Self {
        let scene = Scene {
            kafka,
            pos_events,
            account_events,
            ticks: format!("{name}.ticks"),
            pos_outcomes: format!("{name}.outcomes"),
            account_results: format!("{name}.results"),
            dead_letters: format!("{name}.dead"),
            journal: format!("{name}.journal"),
            rulesets: format!("{name}.rulesets"),
            profiles: format!("{name}.profiles"),
            contacts: format!("{name}.contacts"),
            contact_partitions: None,
            partitions,
            group: name.to_owned(),
            sets: sets.iter().map(|set| (*set).to_owned()).collect(),
            folder: tempfile::tempdir().expect("a folder"),
            started: AtomicUsize::new(0),
        };
        let retention = [
            "pos_events",
            "account_events",
            "ticks",
            "pos_outcomes",
            "account_results",
            "dead_letters",
            "observations",
            "contact_requests",
            "contact_decisions",
            "interaction_results",
        ];
        let mut create = scene.command(&["topics", "create"]);
        create.args(more).args(["--set", &format!("topics.partitions={partitions}")]);
        for topic in retention {
            // The records are of years ago.
            create.args(["--set", &format!("topics.retention.{topic}=forever")]);
        }
        succeed(create.output().expect("the binary"));
        eventually(WITHIN, "the topics to be as planned", || {
            let check = scene.command(&["topics", "check"]).output().expect("the binary");
            check.status.success().then_some(())
        });
        scene
    }

    /// The same with contact decisions, whose topics have so many partitions.
    pub fn with_contacts(mut self, partitions: u32) -> Self {
        self.sets.push("contact.enabled=true".to_owned());
        self.contact_partitions = Some(partitions);
        let mut create = self.command(&["topics", "create"]);
        succeed(
            create.args(["--set", &format!("topics.partitions={partitions}")]).output().expect("the binary"),
        );
        eventually(WITHIN, "the topics of contact decisions to be as planned", || {
            let check = self.command(&["topics", "check"]).output().expect("the binary");
            check.status.success().then_some(())
        });
        self
    }

    /// A file in the folder of this test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary with the settings of this group.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = binary();
        command.args(args);
        let own = [
            ("kafka.bootstrap_servers", self.kafka.bootstrap()),
            ("kafka.group_id", &self.group),
            ("kafka.transactional_id_prefix", &self.group),
            ("topics.pos_events", &self.pos_events),
            ("topics.account_events", &self.account_events),
            ("topics.ticks", &self.ticks),
            ("topics.pos_outcomes", &self.pos_outcomes),
            ("topics.account_results", &self.account_results),
            ("topics.dead_letters", &self.dead_letters),
            ("topics.journal", &self.journal),
            ("topics.rulesets", &self.rulesets),
            ("admin.listen", "127.0.0.1:0"),
            ("log.format", "json"),
        ];
        for (key, value) in own {
            command.args(["--set", &format!("{key}={value}")]);
        }
        for topic in OF_PROFILES {
            command.args(["--set", &format!("topics.{topic}={}", self.of_profiles(topic))]);
        }
        for topic in OF_CONTACTS {
            command.args(["--set", &format!("topics.{topic}={}", self.of_contacts(topic))]);
        }
        for set in &self.sets {
            command.args(["--set", set]);
        }
        command
    }

    /// One of the topics of shared profiles, by its name in the settings.
    pub fn of_profiles(&self, topic: &str) -> String {
        format!("{}.{topic}", self.profiles)
    }

    /// One of the topics of contact decisions, by its name in the settings.
    pub fn of_contacts(&self, topic: &str) -> String {
        format!("{}.{topic}", self.contacts)
    }

    /// The inputs of contact decisions that others write; none where there are none.
    pub fn contact_inputs(&self) -> Vec<String> {
        let of_others = OF_CONTACTS[..3].iter().filter(|_| self.contact_partitions.is_some());
        of_others.map(|topic| self.of_contacts(topic)).collect()
    }

    /// Starts `tillgate run`.
    pub fn start(&self, sets: &[&str]) -> Running {
        self.start_as("run", sets)
    }

    /// Starts `tillgate gateway` at a free port, without pages of its own.
    pub fn start_gateway(&self, sets: &[&str]) -> Running {
        let own = ["gateway.listen=127.0.0.1:0", "gateway.admin="];
        self.start_as("gateway", &[&own, sets].concat())
    }

    fn start_as(&self, command: &str, sets: &[&str]) -> Running {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let log = self.path(&format!("{number}.log"));
        let errors = File::create(&log).expect("a log file");
        let mut command = self.command(&[command]);
        for set in sets {
            command.args(["--set", set]);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).spawn();
        Running { child: child.expect("the binary"), log }
    }

    /// Waits until the group has committed both inputs up to their ends, while `running` lives; all outcomes then.
    pub fn await_decided(&self, running: &mut Running) -> Vec<Record> {
        let topics = [&self.pos_events, &self.account_events];
        let ends = topics.map(|topic| (topic, self.kafka.ends(topic)));
        let member = self.member();
        eventually(WITHIN, &format!("all inputs to be decided; {}", running.log.display()), || {
            running.assert_alive();
            let committed = self.committed(&member, WITHIN)?;
            let reached = |topic: &str, partition: i32, end: i64| match committed
                .find_partition(topic, partition)
                .map(|found| found.offset())
            {
                Some(Offset::Offset(offset)) => offset >= end,
                _ => end == 0,
            };
            let all = ends
                .iter()
                .all(|(topic, ends)| ends.iter().all(|(&partition, &end)| reached(topic, partition, end)));
            all.then_some(())
        });
        self.kafka.read_committed(&self.pos_outcomes)
    }

    /// How many POS events the group has committed.
    pub fn events_decided(&self, member: &BaseConsumer) -> i64 {
        let committed = self.committed(member, WITHIN).expect("the group's offsets");
        let own = committed.elements_for_topic(&self.pos_events);
        own.iter().filter_map(|found| found.offset().to_raw()).filter(|offset| *offset > 0).sum()
    }

    /// How many partitions each topic has.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Its consumer group; transactional ids begin with the same name.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Its topics.
    pub fn topics(&self) -> [&str; 8] {
        [
            &self.pos_events,
            &self.account_events,
            &self.ticks,
            &self.pos_outcomes,
            &self.account_results,
            &self.dead_letters,
            &self.journal,
            &self.rulesets,
        ]
    }

    /// Leaves the folder with the logs behind, for somebody to look at.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    /// A client that asks for the group's offsets and never joins it. What is committed is answered in either isolation;
    /// in `read_committed` no answer comes at all while any transaction holds offsets of any partition asked for, and
    /// while many instances decide, some transaction always does.
    pub fn member(&self) -> BaseConsumer {
        let mut config = self.kafka.client();
        config.set("group.id", &self.group).set("isolation.level", "read_uncommitted");
        config.create().expect("a client")
    }

    /// Where the group stands on the inputs; none where its coordinator does not say within so long.
    pub fn committed(&self, member: &BaseConsumer, within: Duration) -> Option<TopicPartitionList> {
        let mut asked = TopicPartitionList::new();
        for topic in [&self.pos_events, &self.account_events, &self.ticks] {
            asked.add_partition_range(topic, 0, self.partitions as i32 - 1);
        }
        for topic in self.contact_inputs() {
            asked.add_partition_range(&topic, 0, self.contact_partitions.unwrap_or(1) as i32 - 1);
        }
        member.committed_offsets(asked, within).ok()
    }
}

/// The binary without any setting of the machine that tests run on.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillgate"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TILLGATE_")) {
        command.env_remove(name);
    }
    command
}

/// Its standard output.
///
/// # Panics
/// When it failed: the message says what it said.
pub fn succeed(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// A process of `tillgate run`; killed when dropped.
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Lines of its log so far, one JSON object each.
    pub fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.log).expect("the log");
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Whether its log has this text by now.
    pub fn says(&self, text: &str) -> bool {
        std::fs::read_to_string(&self.log).expect("the log").contains(text)
    }

    /// The path of its log.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    pub fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().expect("the child") {
            panic!("ended with {status}: {}", std::fs::read_to_string(&self.log).expect("the log"));
        }
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the child").is_some()
    }

    /// Number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself: its exit code, and what it said.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let what = format!("the end of the process; {}", self.log.display());
        let status = eventually(WITHIN, &what, || self.child.try_wait().expect("the child"));
        (status.code(), std::fs::read_to_string(&self.log).expect("the log"))
    }

    /// SIGTERM, after which it must end well.
    pub fn stop(self) {
        self.signal("TERM");
        let (code, said) = self.ended();
        assert_eq!(code, Some(0), "{said}");
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.signal("KILL");
        self.child.wait().expect("the child");
    }

    /// Sends a signal by its name, such as STOP.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill");
        assert!(sent.success(), "kill -s {name} {pid}: {sent}");
    }

    /// The most memory it had so far, in MiB.
    pub fn memory_peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("Linux");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak.expect("VmHWM").parse::<u64>().expect("a number") / 1_024
    }

    /// What a page of its admin listener answers: status and body.
    pub fn page(&mut self, path: &str) -> (u16, String) {
        let address = self.address();
        ask(&address, path, WITHIN).expect("an answer")
    }

    /// Where it listens, once it does.
    pub fn address(&mut self) -> String {
        eventually(WITHIN, "an address to listen at", || {
            self.assert_alive();
            self.log().iter().find_map(|line| Some(line.get("address")?.as_str()?.to_owned()))
        })
    }

    /// The partitions of POS events that it decides at this moment; none where it does not answer.
    pub fn decides(&self) -> Vec<i32> {
        let address = self.log().iter().find_map(|line| Some(line.get("address")?.as_str()?.to_owned()));
        let page = address.and_then(|address| ask(&address, "/readyz", AT_ONCE));
        let page: Value = page.and_then(|(_, body)| serde_json::from_str(&body).ok()).unwrap_or_default();
        let rows = page["partitions"].as_array().map_or(&[][..], Vec::as_slice);
        let active = rows.iter().filter(|row| row["state"] == "active" && row["flow"] == "pos");
        active.filter_map(|row| i32::try_from(row["partition"].as_i64()?).ok()).collect()
    }

    /// Waits until it decides on so many partitions.
    pub fn await_ready(&mut self, partitions: usize) {
        eventually(WITHIN, &format!("{partitions} partitions to be active"), || {
            let (status, body) = self.page("/readyz");
            let page: Value = serde_json::from_str(&body).expect("JSON");
            let found = page["partitions"].as_array().map_or(0, Vec::len);
            (status == 200 && found == partitions).then_some(())
        });
    }
}

/// Status and body of a page.
fn ask(address: &str, path: &str, within: Duration) -> Option<(u16, String)> {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(within));
    let agent: ureq::Agent = agent.build().into();
    let mut answer = agent.get(format!("http://{address}{path}")).call().ok()?;
    let body = answer.body_mut().read_to_string().ok()?;
    Some((answer.status().as_u16(), body))
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.len().saturating_sub(LOG_LINES_SHOWN);
            eprintln!("the end of {}:\n{}", self.log.display(), lines[last..].join("\n"));
        }
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
