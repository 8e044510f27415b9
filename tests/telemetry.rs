//! Metrics and log lines as they leave the process: documented, asked for by those names alone, and without card data.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use support::process::{Running, WITHIN, scene};
use support::stream::{Fed, Published, engine, options};
use support::{Message, kafka};
use tillgate::codec::KnownSchemas;
use tillgate::config::Secret;
use tillgate::domain::PartitionId;
use tillgate::domain::flow::{InputPartition, Unit};
use tillgate::domain::partitioner::Partitioner;
use tillgate::kafka::settings::ClusterSettings;
use tillgate::kafka::units::Units;
use tillgate::pos::{FLOW, Partition, PartitionOptions, Setup};
use tillgate::telemetry::exporter::Exporter;
use tillgate::telemetry::log::{LineFormat, on_panic, subscriber};
use tillgate::telemetry::standing::PartitionStanding;
use tillgate::telemetry::{self, RebuildReason, RestoredFrom, TransactionResult};
use tillgate::{contact, profiles};
use tracing::Level;

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

// ----------------------------------------------------------------------------------------------------------- metrics

/// Every `tillgate_...` in a text.
fn names_in(text: &str) -> BTreeSet<String> {
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !word(letter)).filter(|name| name.starts_with("tillgate_"));
    words.map(str::to_owned).collect()
}

const UNIT: Unit = Unit { flow: &FLOW, partition: PartitionId::new(3) };
const OF_PROFILES: Unit = Unit { flow: &profiles::FLOW, partition: PartitionId::new(1) };
const OF_CONTACT: Unit = Unit { flow: &contact::FLOW, partition: PartitionId::new(2) };
const INPUT: InputPartition = InputPartition { unit: UNIT, input: 0 };

/// Every metric once, with one value for each label.
fn count_everything() {
    telemetry::answers(&FLOW, "Accepted", 3);
    telemetry::codes(&FLOW, "pos.item.gross", 2);
    telemetry::dead_letters("400.001", 1);
    telemetry::tick();
    telemetry::transaction(TransactionResult::Committed);
    telemetry::transaction_duration(Duration::from_millis(13));
    telemetry::batch(7_000);
    telemetry::consumer_queue(1, 20_000, 6_400_000);
    telemetry::producer_queue_full();
    telemetry::held(UNIT, 12);
    telemetry::lost_input("account_events", 3);
    telemetry::consumer_lag(INPUT, 17);
    telemetry::open_transaction_age(INPUT, Duration::from_secs(75));
    telemetry::entries(UNIT, 1_000_000);
    telemetry::partitions([PartitionStanding::Active, PartitionStanding::Active].iter());
    telemetry::restored(&FLOW, RestoredFrom::Standby, 1_000_000, Duration::from_millis(640));
    telemetry::restore_records(70);
    telemetry::misplaced_records("pos_events", 2);
    telemetry::standby_lag(UNIT, 12);
    telemetry::standby_entries(UNIT, 1_000_000);
    telemetry::entries(OF_PROFILES, 40_000);
    telemetry::standby_entries(OF_PROFILES, 40_000);
    telemetry::restored(&profiles::FLOW, RestoredFrom::Journal, 40_000, Duration::from_millis(90));
    telemetry::answers(&contact::FLOW, "refused", 3);
    telemetry::codes(&contact::FLOW, "contact.hours", 2);
    telemetry::entries(OF_CONTACT, 70_000);
    telemetry::standby_entries(OF_CONTACT, 70_000);
    telemetry::restored(&contact::FLOW, RestoredFrom::Journal, 70_000, Duration::from_millis(90));
    telemetry::worker_rebuild(RebuildReason::Fenced);
    telemetry::producer_rebuild();
    telemetry::http::request("/v1/account_events", "POST", 202, Duration::from_millis(21));
    telemetry::http::connections(40, 3);
    telemetry::http::history(7, 4_096);
    telemetry::http::refused(telemetry::http::Refusal::Rate);
    telemetry::build_info("0123");
}

/// Name -> type and labels, as a page tells them.
fn on_page(page: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut found: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    for (name, kind) in types {
        found.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
    }
    for line in page.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).expect("a name"));
        let ends = ["_bucket", "_sum", "_count"];
        let base =
            ends.iter().find_map(|end| name.strip_suffix(end)).filter(|base| found.contains_key(*base));
        let (_, labels) = found.get_mut(base.unwrap_or(name)).unwrap_or_else(|| panic!("no type: {line}"));
        let inside =
            rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inside, _)| inside);
        let keys = inside.split(',').filter_map(|label| label.split_once('=')).map(|(key, _)| key.to_owned());
        labels.extend(keys.filter(|key| key != "le"));
    }
    found
}

/// Name -> type and labels, as the tables of docs/metrics.md tell them: | `name` | type | `label`, `label` | ...
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let text = file("docs/metrics.md");
    let rows = text.lines().filter(|line| line.starts_with("| `tillgate_"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let labels = cells[2].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        (cells[0].trim_matches('`').to_owned(), (cells[1].to_owned(), labels))
    };
    rows.map(row).collect()
}

#[test]
fn the_page_shows_what_is_documented_with_type_and_labels() {
    let page = Exporter::page_of(count_everything);
    assert_eq!(on_page(&page), documented(), "{page}");
    for (name, _) in documented() {
        assert!(page.contains(&format!("# HELP {name} ")), "{name} is not described");
    }
    assert!(page.contains("tillgate_transaction_duration_seconds_bucket{le=\"0.02\"} 1\n"), "{page}");
}

#[test]
fn the_names_in_the_code_are_those_documented() {
    let mut in_code = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/telemetry");
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path: PathBuf = entry.expect("an entry").path();
        in_code.extend(names_in(&std::fs::read_to_string(path).expect("a file")));
    }
    let documented: BTreeSet<String> = documented().into_keys().collect();
    // A name that ends in the middle goes on with what the flow calls its entries.
    let (begun, whole): (BTreeSet<String>, BTreeSet<String>) =
        in_code.into_iter().partition(|name| name.ends_with('_'));
    assert_eq!(whole, documented);
    for name in begun {
        let of_pos = format!("{name}{}", FLOW.entries);
        assert!(documented.iter().any(|documented| documented.starts_with(&of_pos)), "{of_pos}");
    }
}

#[test]
fn dashboard_and_alerts_ask_for_nothing_else() {
    let documented = documented();
    let ends = ["_bucket", "_sum", "_count"];
    let paths = [
        "docker/grafana/dashboards/tillgate.json",
        "docker/alerts.yaml",
        "docs/metrics.md",
        "docs/operations.md",
    ];
    for path in paths {
        for name in names_in(&file(path)) {
            let base = ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            let known = documented.contains_key(&name)
                || documented.get(base).is_some_and(|(kind, _)| kind == "histogram");
            assert!(known, "{path} names {name}, which there is not");
        }
    }
}

// --------------------------------------------------------------------------------------------------------- log lines

/// Collects log lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no poison").clone()).expect("UTF-8")
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no poison").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Every log line of this test process, of any level.
fn all_lines() -> &'static Lines {
    use tracing_subscriber::util::SubscriberInitExt;
    static LINES: OnceLock<Lines> = OnceLock::new();
    LINES.get_or_init(|| {
        let lines = Lines::default();
        let writer = lines.clone();
        subscriber(LineFormat::Json, Level::TRACE, false, move || writer.clone()).init();
        lines
    })
}

fn written(format: LineFormat, level: Level, work: impl FnOnce()) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing::subscriber::with_default(subscriber(format, level, false, move || writer.clone()), work);
    lines.text()
}

#[test]
fn writes_lines_for_machines_as_one_object_each() {
    let text = written(LineFormat::Json, Level::INFO, || {
        tracing::info!(target: "tillgate::kafka", partition = 3, "restored");
        tracing::debug!(target: "tillgate::kafka", "not at this level");
    });
    let line: serde_json::Value = serde_json::from_str(text.trim_end()).expect("one object");
    assert_eq!((&line["level"], &line["message"]), (&"INFO".into(), &"restored".into()));
    assert_eq!((&line["target"], &line["partition"]), (&"tillgate::kafka".into(), &3.into()));
}

#[test]
fn lines_of_the_log_facade_look_like_any_other() {
    let lines = all_lines();
    log::warn!(target: "librdkafka", "FAIL a broker is gone");
    let text = lines.text();
    let line = text.lines().find(|line| line.contains("a broker is gone")).expect("the line");
    let line: serde_json::Value = serde_json::from_str(line).expect("one object");
    let keys: Vec<&String> = line.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["level", "message", "target", "timestamp"]);
    assert_eq!((&line["level"], &line["target"]), (&"WARN".into(), &"librdkafka".into()));
}

#[test]
fn holds_libraries_to_warnings_and_writes_no_colour_off_a_terminal() {
    let text = written(LineFormat::Text, Level::TRACE, || {
        tracing::info!(target: "hyper::proto", "a header");
        tracing::warn!(target: "hyper::proto", "a warning");
        tracing::trace!(target: "librdkafka", "a trace");
    });
    assert!(text.contains("a warning") && text.contains("a trace"), "{text}");
    assert!(!text.contains("a header") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn no_line_obeys_what_a_text_says() {
    let hostile = "a\u{1b}[2J\u{9b}31m\nWARN forged\u{202e}b";
    for format in [LineFormat::Text, LineFormat::Json] {
        let text = written(format, Level::INFO, || {
            tracing::warn!(target: "librdkafka", shown = %hostile, quoted = hostile, "{hostile}");
        });
        assert_eq!(text.lines().count(), 1, "{text:?}");
        assert!(text.trim_end().chars().all(tillgate::domain::visible::is_visible), "{text:?}");
        assert!(text.contains("2J") && text.contains("forged"), "{text}");
    }
}

const ACCOUNT: &str = "4711000012345678";
const CHIP: &str = "04C0FFEE";
const TRANSACTION: &str = "tx-very-private-1";

/// Events that name account, chip and transaction, and are wrong each in another way.
fn bad_events() -> Vec<String> {
    let event = serde_json::json!({
        "accountNumber": ACCOUNT, "eventType": "Purchase", "categoryType": "Sales",
        "time": "2025-01-06T12:00:00Z", "nfcId": CHIP, "posId": "P", "totalTax": 0.2, "totalAmount": 9.99,
        "items": [{ "itemId": "1", "itemDescription": "Bread", "unitCode": "C62", "quantity": 1, "unitPrice": 1.2,
            "netAmount": 1.0, "taxAmount": 0.2, "grossAmount": 1.2 }],
        "currency": "EUR", "accountTransactionId": TRANSACTION, "countryCode": "DE", "conversationLanguage": "DE",
    });
    let whole = event.to_string();
    vec![
        whole[..whole.len() - 3].to_owned(),
        whole.replace("\"Purchase\"", "\"Theft\""),
        whole.replace("2025-01-06", "2025-13-06"),
        whole.replace("9.99", "1e400"),
        whole.replace(ACCOUNT, &format!("{ACCOUNT}9")),
        whole,
    ]
}

#[track_caller]
fn assert_nothing_private(text: &str) {
    for private in [ACCOUNT, CHIP, TRANSACTION] {
        let line = text.lines().find(|line| line.contains(private));
        assert_eq!(line, None, "a log line holds {private}");
    }
}

#[test]
fn bad_events_leave_nothing_private_in_the_log_lines() {
    let lines = all_lines();
    let mut partition = Partition::new(engine::<&str>(&[]), 0.into(), options());
    let mut published = Published::default();
    for (offset, event) in (0..).zip(bad_events()) {
        published.feed(&mut partition, &Fed::pos(offset, ACCOUNT, event));
    }
    assert_eq!(published.outcomes.len(), bad_events().len());
    assert_nothing_private(&lines.text());
}

#[test]
fn requests_over_http_leave_one_audit_line_each_and_nothing_private() {
    use axum::routing::post;
    use tillgate::config::{GatewaySettings, Scope};
    use tillgate::gateway::{Gate, Server, ServerBounds, needing, protect};
    let lines = all_lines();
    let settings = GatewaySettings { listen: ([127, 0, 0, 1], 0).into(), ..GatewaySettings::default() };
    let gate = Gate::new(&settings).expect("a gate");
    let pattern = "/account/{account}/event";
    let routes =
        axum::Router::new().route(pattern, needing(Scope::EventsWrite, post(async |body: String| body)));
    let server = Server::bind(settings.listen, ServerBounds::of(&settings), None).expect("a port");
    let address = server.address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let ended = async move { stopped.await.unwrap_or(()) };
    let thread = server.serve(protect(routes, &gate), ended).expect("a thread");
    let requests = [
        (format!("/account/{ACCOUNT}/event?chip={CHIP}"), "", 200, pattern),
        (format!("/account/{ACCOUNT}/event"), "content-encoding: gzip\r\n", 415, pattern),
        (format!("/{ACCOUNT}/{CHIP}"), "", 404, "other"),
    ];
    for (number, (path, header, _, _)) in requests.iter().enumerate() {
        let mut stream = std::net::TcpStream::connect(address).expect("a connection");
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: x\r\nx-request-id: audited-{number}\r\nconnection: close\r\n\
             authorization: Bearer {TRANSACTION}\r\ncontent-length: {}\r\n{header}\r\n{CHIP}",
            CHIP.len()
        )
        .expect("sent");
        std::io::Read::read_to_string(&mut stream, &mut String::new()).expect("an answer");
    }
    stop.send(()).expect("it runs");
    thread.join().expect("it ends");
    let text = lines.text();
    assert_nothing_private(&text);
    for (number, (_, _, status, route)) in requests.iter().enumerate() {
        let id = format!("audited-{number}");
        let mut told = text.lines().filter(|line| line.contains(&id));
        let line: serde_json::Value = serde_json::from_str(told.next().expect("a line")).expect("one object");
        assert_eq!(told.next(), None, "told twice");
        assert_eq!((&line["target"], &line["method"]), (&"audit".into(), &"POST".into()));
        assert_eq!((&line["status"], &line["route"]), (&(*status).into(), &(*route).into()));
        assert_eq!(line["client"], "anybody");
    }
}

#[test]
fn a_panic_is_told_by_its_place_and_never_quotes_a_record() {
    let lines = all_lines();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(on_panic));
    let formatted = std::panic::catch_unwind(|| panic!("no digit in {ACCOUNT}"));
    let fixed = std::panic::catch_unwind(|| panic!("a fixed text"));
    std::panic::set_hook(usual);
    assert!(formatted.is_err() && fixed.is_err());
    let text = lines.text();
    assert!(text.contains("tests/telemetry.rs") && text.contains("panic: a fixed text"), "{text}");
    assert!(text.contains("may quote a record"), "{text}");
    assert_nothing_private(&text);
}

#[test]
fn bad_events_from_kafka_leave_nothing_private_in_the_log_lines() {
    let Some(kafka) = kafka() else { return };
    let lines = all_lines();
    let settings = scene(kafka, 1);
    kafka.produce(
        settings.topics.pos_events(),
        bad_events().into_iter().map(|event| Message::new(ACCOUNT, event)),
    );
    let options = PartitionOptions { topics: inputs(&settings), ..options() };
    let schemas = KnownSchemas::new().expect("the contract's schemas");
    let deciders = Arc::new(Units::of(Setup::new(engine::<&str>(&[]), options, Arc::new(schemas))));
    let running = Running::start(&settings, deciders);
    kafka.await_committed(settings.topics.pos_outcomes(), bad_events().len(), WITHIN);
    running.stop();
    let text = lines.text();
    assert!(text.contains("assigned"), "the worker's lines are not captured: {text}");
    assert_nothing_private(&text);
}

/// The names of the inputs.
fn inputs(settings: &ClusterSettings) -> [String; 3] {
    let topics = &settings.topics;
    [topics.pos_events(), topics.account_events(), topics.pos_ticks()].map(str::to_owned)
}

/// The value of a gauge of an input's partition on the page.
fn gauge(page: &str, name: &str, partition: PartitionId) -> Option<f64> {
    let labels = format!("{name}{{input=\"pos_events\",partition=\"{partition}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&labels)?.parse().ok())
}

#[test]
fn an_open_transaction_of_a_sender_is_counted_told_and_over_when_it_ends() {
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
    const PARTITION: PartitionId = PartitionId::new(1);
    let Some(kafka) = kafka() else { return };
    let often = ("statistics.interval.ms".to_owned(), Secret::new("200"));
    let settings = scene(kafka, 2).with(|kafka| kafka.librdkafka = [often].into());
    let exporter = Exporter::install("0123").expect("the only one of this process");
    let options = PartitionOptions { topics: inputs(&settings), input_partitions: 2, ..options() };
    let schemas = KnownSchemas::new().expect("the contract's schemas");
    let deciders = Arc::new(Units::of(Setup::new(engine::<&str>(&[]), options, Arc::new(schemas))));
    let running = Running::start(&settings, deciders);
    running.await_active(2);
    let home = |key: &String| Partitioner::Murmur2.is_home(key.as_bytes(), PARTITION, 2);
    let key = (0..).map(|number| number.to_string()).find(home).expect("a key of that partition");
    let sender: BaseProducer = kafka
        .client()
        .set("transactional.id", format!("{}-sender", settings.kafka.group_id))
        .set("transaction.timeout.ms", "300000")
        .create()
        .expect("a producer");
    sender.init_transactions(WITHIN).expect("its id");
    sender.begin_transaction().expect("a transaction");
    let record =
        BaseRecord::to(settings.topics.pos_events()).partition(PARTITION.number()).key(&key).payload("{}");
    sender.send(record).expect("room");
    sender.flush(WITHIN).expect("written");
    // Of somebody else, and ready to be decided.
    kafka.produce(settings.topics.pos_events(), [Message::new(key.as_str(), "{}").on(PARTITION)]);
    let lag = |page: &str| gauge(page, "tillgate_consumer_lag_records", PARTITION);
    let age = |page: &str| gauge(page, "tillgate_open_transaction_age_seconds", PARTITION);
    support::eventually(WITHIN, "the transaction to be seen", || {
        let page = exporter.render();
        (lag(&page) == Some(2.0) && age(&page) > Some(1.0)).then_some(())
    });
    let held = running.health.all_held_back();
    let [held] = &held[..] else { panic!("{held:?}") };
    assert_eq!((held.at.unit.partition, held.offset), (PARTITION, 0));
    assert_eq!(kafka.read_committed(settings.topics.pos_outcomes()).len(), 0, "it holds back the other one");
    sender.abort_transaction(WITHIN).expect("its end");
    kafka.await_committed(settings.topics.pos_outcomes(), 1, WITHIN);
    support::eventually(WITHIN, "the figures to be as before", || {
        let page = exporter.render();
        (lag(&page) == Some(0.0) && age(&page) == Some(0.0)).then_some(())
    });
    assert_eq!(running.health.all_held_back(), []);
    running.stop();
}
