//! The admin listener over a real port of this machine: what a probe, a monitoring system and a person get.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tillgate::domain::flow::Unit;
use tillgate::gateway::{AdminBounds, AdminSource, Listener, ProcessStanding, admin};
use tillgate::pos::FLOW;
use tillgate::telemetry::standing::{CopyStanding, PartitionStanding, WorkerStanding};

fn unit(partition: i32) -> Unit {
    Unit { flow: &FLOW, partition: partition.into() }
}

#[derive(Default)]
struct Source(Mutex<ProcessStanding>);

impl AdminSource for Source {
    fn metrics(&self) -> String {
        "tillgate_events_total{outcome=\"Accepted\"} 7\n".to_owned()
    }

    fn standing(&self) -> ProcessStanding {
        self.0.lock().expect("no poison").clone()
    }

    fn upkeep(&self) {}
}

struct Admin {
    address: SocketAddr,
    source: Arc<Source>,
    stop: tokio::sync::oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

struct Answer {
    status: u16,
    content_type: String,
    body: String,
}

impl Answer {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Admin {
    fn start(standing: ProcessStanding) -> Self {
        Self::start_within(AdminBounds::default(), standing)
    }

    fn start_within(bounds: AdminBounds, standing: ProcessStanding) -> Self {
        let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let address = listener.address();
        let source = Arc::new(Source(Mutex::new(standing)));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let thread = admin::serve(listener, bounds, Arc::clone(&source) as Arc<dyn AdminSource>, shutdown);
        Self { address, source, stop, thread: thread.expect("a thread") }
    }

    fn ask(&self, method: &str, path: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n").expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let content_type = head.lines().find_map(|line| line.strip_prefix("content-type: "));
        Answer {
            status: head[9..12].parse().expect("a status"),
            content_type: content_type.unwrap_or_default().to_owned(),
            body: body.to_owned(),
        }
    }

    fn stop(self) {
        self.stop.send(()).expect("it still runs");
        self.thread.join().expect("a clean end");
    }
}

fn working() -> ProcessStanding {
    ProcessStanding {
        starting: None,
        stopping: false,
        troubles: Vec::new(),
        workers: vec![WorkerStanding::Running(None), WorkerStanding::Running(None)],
        partitions: BTreeMap::from([
            (unit(0), PartitionStanding::Active),
            (unit(3), PartitionStanding::Active),
        ]),
        standby: BTreeMap::new(),
        held_up: Vec::new(),
        warnings: Vec::new(),
    }
}

#[test]
fn a_process_that_decides_is_alive_and_ready() {
    let admin = Admin::start(working());
    let health = admin.ask("GET", "/healthz");
    assert_eq!((health.status, health.content_type.as_str()), (200, "application/json"));
    assert_eq!(health.json()["status"], "alive");
    let ready = admin.ask("GET", "/readyz");
    assert_eq!(ready.status, 200);
    assert_eq!(
        ready.json(),
        serde_json::json!({
            "status": "ready",
            "reasons": [],
            "workers": [{ "worker": 0, "state": "running" }, { "worker": 1, "state": "running" }],
            "partitions": [
                { "flow": "pos", "partition": 0, "state": "active" },
                { "flow": "pos", "partition": 3, "state": "active" },
            ],
        })
    );
    admin.stop();
}

#[test]
fn a_start_says_what_it_waits_for_and_the_process_stays_alive() {
    let step = "writing the ruleset to topic tillgate.rulesets";
    let workers = vec![WorkerStanding::Starting(None)];
    let admin = Admin::start(ProcessStanding {
        starting: Some(step.to_owned()),
        workers,
        ..ProcessStanding::default()
    });
    assert_eq!(admin.ask("GET", "/healthz").status, 200);
    let ready = admin.ask("GET", "/readyz");
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["reasons"], serde_json::json!([format!("the process starts: {step}")]));
    admin.stop();
}

#[test]
fn a_worker_that_gets_nothing_of_its_brokers_says_why() {
    let why = || Some("broker b:9092: nobody listens there".to_owned());
    let workers = vec![WorkerStanding::Starting(why()), WorkerStanding::Running(why())];
    let admin = Admin::start(ProcessStanding { workers, ..working() });
    let ready = admin.ask("GET", "/readyz");
    assert_eq!(ready.status, 503);
    let body = ready.json();
    let reasons = [
        "worker 0 cannot join the group: broker b:9092: nobody listens there",
        "worker 1 receives nothing from its brokers: broker b:9092: nobody listens there",
    ];
    assert_eq!(body["reasons"], serde_json::json!(reasons));
    assert_eq!(body["workers"][1]["state"], "running");
    assert_eq!(body["workers"][1]["reason"], "broker b:9092: nobody listens there");
    admin.stop();
}

#[test]
fn a_restore_says_how_far_it_is_and_the_process_stays_alive() {
    let mut standing = working();
    standing
        .partitions
        .insert(unit(3), PartitionStanding::Restoring { done: 1_200, of: 5_000, entries: 70_000 });
    let admin = Admin::start(standing);
    assert_eq!(admin.ask("GET", "/healthz").status, 200);
    let ready = admin.ask("GET", "/readyz");
    assert_eq!(ready.status, 503);
    let body = ready.json();
    assert_eq!(body["reasons"][0], "pos partition 3 is restoring: 1200 of 5000 journal offsets");
    assert_eq!(body["partitions"][1]["done"], 1_200);
    assert_eq!(body["partitions"][1]["of"], 5_000);
    assert_eq!(body["partitions"][1]["accounts"], 70_000);
    let mut standing = working();
    standing.partitions.insert(unit(3), PartitionStanding::Restoring { done: 0, of: 0, entries: 0 });
    *admin.source.0.lock().expect("no poison") = standing;
    assert_eq!(admin.ask("GET", "/readyz").json()["reasons"][0], "pos partition 3 is restoring");
    *admin.source.0.lock().expect("no poison") = working();
    assert_eq!(admin.ask("GET", "/readyz").status, 200);
    admin.stop();
}

#[test]
fn what_a_sender_holds_up_is_told_and_never_makes_a_process_unready() {
    let told =
        "partition 3: a sender's transaction has been open since offset 41 of pos_events for 75 s or more";
    let admin = Admin::start(ProcessStanding { held_up: vec![told.to_owned()], ..working() });
    let ready = admin.ask("GET", "/readyz");
    assert_eq!((ready.status, &ready.json()["heldUp"]), (200, &serde_json::json!([told])));
    admin.stop();
}

#[test]
fn copies_of_what_others_decide_are_shown_and_never_make_a_process_unready() {
    let mut standing = working();
    let warm = CopyStanding { warm: true, lag: Some(3), entries: 70_000, refused: None };
    let refused = Some("the journal does not fit together".to_owned());
    standing.standby = BTreeMap::from([
        (unit(1), warm),
        (unit(2), CopyStanding::default()),
        (unit(4), CopyStanding { refused, ..CopyStanding::default() }),
    ]);
    let admin = Admin::start(standing);
    let ready = admin.ask("GET", "/readyz");
    assert_eq!(ready.status, 200);
    assert_eq!(
        ready.json()["standby"],
        serde_json::json!([
            { "flow": "pos", "partition": 1, "state": "warm", "lag": 3, "accounts": 70_000 },
            { "flow": "pos", "partition": 2, "state": "catching up", "lag": null, "accounts": 0 },
            {
                "flow": "pos", "partition": 4, "state": "refused", "lag": null, "accounts": 0,
                "reason": "the journal does not fit together",
            },
        ])
    );
    admin.stop();
}

#[test]
fn what_goes_wrong_though_all_is_decided_is_told_and_never_makes_a_process_unready() {
    let warnings = vec!["partition 3: 12 records stood here whose keys belong elsewhere".to_owned()];
    let admin = Admin::start(ProcessStanding { warnings, ..working() });
    let ready = admin.ask("GET", "/readyz");
    assert_eq!((ready.status, ready.json()["reasons"].as_array().map(Vec::len)), (200, Some(0)));
    assert!(ready.json()["warnings"][0].as_str().is_some_and(|text| text.starts_with("partition 3: 12")));
    admin.stop();
}

#[test]
fn blocked_partitions_and_workers_under_repair_are_not_ready_but_alive() {
    let mut standing = working();
    standing.workers[1] = WorkerStanding::Rebuilding("the broker is gone".to_owned());
    standing.partitions.insert(unit(0), PartitionStanding::Blocked("torn".to_owned()));
    let admin = Admin::start(standing);
    assert_eq!(admin.ask("GET", "/healthz").status, 200);
    let ready = admin.ask("GET", "/readyz");
    assert_eq!(ready.status, 503);
    let reasons = ["worker 1 is rebuilt: the broker is gone", "pos partition 0 is blocked: torn"];
    assert_eq!(ready.json()["reasons"], serde_json::json!(reasons));
    admin.stop();
}

#[test]
fn a_worker_that_ended_or_hangs_is_named_and_the_process_not_alive() {
    let mut standing = working();
    standing.workers[1] = WorkerStanding::Stopped;
    let admin = Admin::start(standing.clone());
    let health = admin.ask("GET", "/healthz");
    assert_eq!(health.status, 503);
    assert_eq!(health.json()["reasons"], serde_json::json!(["worker 1 has ended"]));
    standing.workers[0] = WorkerStanding::Hanging(Duration::from_secs(150));
    *admin.source.0.lock().expect("no poison") = standing.clone();
    let reasons = ["worker 0 hangs: it has not moved for 150 s", "worker 1 has ended"];
    assert_eq!(admin.ask("GET", "/healthz").json()["reasons"], serde_json::json!(reasons));
    assert_eq!(admin.ask("GET", "/readyz").json()["reasons"], serde_json::json!(reasons));
    // Asked to end it is as it should be, and no probe may kill it meanwhile.
    standing.stopping = true;
    *admin.source.0.lock().expect("no poison") = standing;
    assert_eq!(admin.ask("GET", "/healthz").status, 200);
    assert_eq!(admin.ask("GET", "/readyz").status, 503);
    admin.stop();
}

#[test]
fn metrics_come_as_prometheus_reads_them() {
    let admin = Admin::start(working());
    let metrics = admin.ask("GET", "/metrics");
    assert_eq!(
        (metrics.status, metrics.content_type.as_str()),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(metrics.body, "tillgate_events_total{outcome=\"Accepted\"} 7\n");
    assert!(admin.ask("HEAD", "/metrics").body.is_empty());
    admin.stop();
}

#[test]
fn what_is_not_there_is_a_problem_that_says_what_is() {
    let admin = Admin::start(working());
    let unknown = admin.ask("GET", "/metric");
    assert_eq!((unknown.status, unknown.content_type.as_str()), (404, "application/problem+json"));
    assert_eq!(unknown.json()["detail"], "there are /metrics, /healthz and /readyz");
    let posted = admin.ask("POST", "/healthz");
    assert_eq!((posted.status, posted.content_type.as_str()), (405, "application/problem+json"));
    assert_eq!(posted.json()["title"], "Method Not Allowed");
    assert!(admin.ask("GET", "/").body.contains("/readyz"));
    admin.stop();
}

#[test]
fn an_address_that_is_taken_is_named_with_what_to_set() {
    let admin = Admin::start(working());
    let error = Listener::bind(admin.address).expect_err("it is taken").to_string();
    assert!(error.starts_with(&format!("cannot listen at {}", admin.address)), "{error}");
    assert!(error.contains("admin.listen"), "{error}");
    admin.stop();
}

#[test]
fn ends_although_a_reader_never_finishes_its_request() {
    let admin = Admin::start(working());
    let mut stream = TcpStream::connect(admin.address).expect("a connection");
    write!(stream, "GET /healthz HTTP/1.1\r\nhost:").expect("half a request");
    assert_eq!(admin.ask("GET", "/healthz").status, 200);
    admin.stop();
    drop(stream);
}

/// A connection that has sent so much of a request, and waits.
fn half_open(admin: &Admin, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(admin.address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream.write_all(sent.as_bytes()).expect("sent");
    stream
}

/// Waits until the other side has closed it.
#[track_caller]
fn assert_closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it is still open: {error}")
        }
    }
}

/// Descriptors of this process that are ends of connections to or from `port`, as /proc has them.
fn connections_taken(address: SocketAddr) -> usize {
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("the table of connections");
    let port = format!(":{:04X}", address.port());
    // Established, by local address and with an inode: what is not accepted yet has none.
    let taken = |line: &&str| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        cells[1].ends_with(&port) && cells[3] == "01" && cells[9] != "0"
    };
    table.lines().skip(1).filter(taken).count()
}

#[test]
fn half_open_connections_are_closed_after_their_time() {
    let bounds = AdminBounds {
        headers_within: Duration::from_millis(50),
        answered_within: Duration::from_millis(100),
        ..AdminBounds::default()
    };
    let admin = Admin::start_within(bounds, working());
    let silent = half_open(&admin, "");
    let broken_off = half_open(&admin, "GET /healthz HTTP/1.1\r\nhost:");
    let of_body = half_open(&admin, "POST /healthz HTTP/1.1\r\nhost: admin\r\ncontent-length: 9\r\n\r\nx");
    let idle = half_open(&admin, "GET /healthz HTTP/1.1\r\nhost: admin\r\n\r\n");
    for mut stream in [silent, broken_off, of_body, idle] {
        assert_closed(&mut stream);
    }
    assert_eq!(admin.ask("GET", "/healthz").status, 200);
    admin.stop();
}

#[test]
fn hundreds_of_half_open_connections_take_a_few_descriptors_and_probes_are_answered() {
    // Times that this test never sees: it is the bound that closes them.
    let bounds = AdminBounds {
        connections_max: 8,
        headers_within: Duration::from_secs(600),
        answered_within: Duration::from_secs(600),
    };
    let admin = Admin::start_within(bounds, working());
    let mut held: Vec<TcpStream> =
        (0..300).map(|_| half_open(&admin, "GET /healthz HTTP/1.1\r\nhost:")).collect();
    assert_eq!(admin.ask("GET", "/healthz").status, 200);
    // The probe was taken in last, so all before it were taken in, and all but the last few put out again.
    let taken = connections_taken(admin.address);
    assert!(taken <= 8, "{taken} connections are open");
    for stream in &mut held[..290] {
        assert_closed(stream);
    }
    drop(held);
    admin.stop();
}

#[test]
fn a_reader_that_takes_too_long_is_closed() {
    struct Endless;
    impl AdminSource for Endless {
        fn metrics(&self) -> String {
            "x".repeat(64 << 20)
        }
        fn standing(&self) -> ProcessStanding {
            working()
        }
        fn upkeep(&self) {}
    }
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address = listener.address();
    let bounds = AdminBounds { answered_within: Duration::from_millis(300), ..AdminBounds::default() };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let thread = admin::serve(listener, bounds, Arc::new(Endless), shutdown).expect("a thread");
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: admin\r\n\r\n").expect("sent");
    // It reads nothing until it is closed, which only the table of connections tells without reading.
    crate::support::eventually(Duration::from_secs(10), "the end of the connection", || {
        (connections_taken(address) == 0).then_some(())
    });
    drop(stream);
    stop.send(()).expect("it still runs");
    thread.join().expect("a clean end");
}

/// What `tillgate health` says of the process at this address: exit code, standard output, standard error.
fn health(address: SocketAddr, flags: &[&str]) -> (Option<i32>, String, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tillgate"))
        .arg("health")
        .args(flags)
        .args(["--set", &format!("admin.listen={address}")])
        // Nobody is asked on the way.
        .env("http_proxy", "http://127.0.0.1:1")
        .output()
        .expect("the program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_health_command_ends_as_the_pages_say() {
    let mut standing = working();
    standing.partitions.insert(unit(0), PartitionStanding::Blocked("torn".to_owned()));
    let admin = Admin::start(standing);
    assert_eq!(health(admin.address, &[]), (Some(0), "alive\n".to_owned(), String::new()));
    let (code, _, said) = health(admin.address, &["--ready"]);
    assert_eq!((code, said.as_str()), (Some(1), "error: not ready: pos partition 0 is blocked: torn\n"));
    let address = admin.address;
    admin.stop();
    let (code, _, said) = health(address, &[]);
    assert!(code == Some(1) && said.contains("no answer from http://127.0.0.1:"), "{said}");
}
