//! What an operator meets: pages, a stop that others do not wait for, exit codes and what is said with them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tillgate::domain::Micros;

use super::june::June;
use super::{OPEN, as_lines, produce};
use crate::support::scene::{Scene, WITHIN, binary, succeed};
use crate::support::{Kafka, Message, eventually, kafka, shared};

/// Far less than the 45 s that the group would wait for a member that did not say good-bye.
const AT_ONCE: Duration = Duration::from_secs(20);

#[test]
fn pages_tell_how_it_stands_and_a_stop_leaves_the_group_at_once() {
    let (Some(kafka), Some(shared)) = (kafka(), shared()) else { return };
    let june = June::read(&shared, 2_000);
    let scene = Scene::new(kafka, 4, &[OPEN]);
    produce(&scene, &june, as_lines);
    let mut first = scene.start(&[]);
    first.await_ready(4);
    let outcomes = scene.await_decided(&mut first);

    let (status, healthz) = first.page("/healthz");
    assert_eq!((status, page(&healthz)["status"].as_str()), (200, Some("alive")), "{healthz}");
    // The second worker may have joined late: a partition that moves to it is restored first.
    eventually(WITHIN, "the process to be ready", || {
        let (status, readyz) = first.page("/readyz");
        (status == 200 && page(&readyz)["status"] == "ready").then_some(())
    });
    // Counted after the commit that a reader may have seen already.
    eventually(WITHIN, "the outcomes in the metrics", || {
        let (status, metrics) = first.page("/metrics");
        assert_eq!(status, 200);
        let counts = metrics.lines().filter(|line| line.starts_with("tillgate_events_total{"));
        let counted: usize = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum();
        (counted == outcomes.len()).then_some(())
    });

    first.stop();
    let mut second = scene.start(&[]);
    eventually(AT_ONCE, "the partitions of the one that left", || {
        let (status, readyz) = second.page("/readyz");
        let partitions = page(&readyz)["partitions"].as_array().map_or(0, Vec::len);
        (status == 200 && partitions == 4).then_some(())
    });
    second.stop();
}

fn page(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_wrong_configuration_ends_it_with_2_and_all_faults() {
    let mut run = binary();
    let wrong = ["kafka.wokrers=4", "kafka.workers=0", "checks.account.unknown=perhaps", "output.format=xml"];
    for set in wrong {
        run.args(["--set", set]);
    }
    let ended = run.arg("run").output().expect("the binary");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    for part in ["kafka.wokrers", "kafka.workers", "checks.account.unknown", "output.format"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_missing_topic_ends_it_with_1_and_the_remedy() {
    let Some(kafka) = kafka() else { return };
    let scene = Scene::new(kafka, 1, &[]);
    let missing = kafka.topic("missing");
    let (code, said) = scene.start(&[&format!("topics.dead_letters={missing}")]).ended();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&missing) && said.contains("tillgate topics create"), "{said}");
}

/// Outcome and first code of four events: without a record time, with one in seconds, 40 minutes ahead as its record is,
/// and of now.
#[allow(
    clippy::disallowed_methods,
    reason = "brokers set a record's time by the clock, and these lie beside it"
)]
fn answers_to_clocks(scene: &Scene, kafka: &Kafka) -> Vec<[Option<String>; 2]> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    let event = |millis: i64, terminal: &str| {
        let time = Micros::from_millis(millis).to_string();
        let event = json!({
            "accountNumber": "A", "eventType": "Purchase", "time": time, "posId": terminal, "totalAmount": 12.0,
            "items": [{"itemId": "1", "itemDescription": "Lunch", "unitCode": "C62", "quantity": 1,
                "unitPrice": 12.0, "grossAmount": 12.0}],
            "currency": "EUR", "countryCode": "DE", "conversationLanguage": "DE",
        });
        Message::new("A", event.to_string())
    };
    let ahead = now + 40 * 60_000;
    let records = [
        event(now, "P1").at(-1),
        event(now, "P2").at(now / 1_000),
        event(ahead, "P3").at(ahead),
        event(now, "P4").at(now),
    ];
    kafka.produce(&scene.pos_events, records);
    let mut running = scene.start(&[]);
    let outcomes = scene.await_decided(&mut running);
    assert!(running.says("message.timestamp.type="), "{}", running.log_path().display());
    running.stop();
    succeed(scene.command(&["replay", "--verify"]).output().expect("the binary"));
    let said = outcomes.iter().map(|outcome| page(outcome.text()));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    said.map(|said| [text(&said["outcome"]), text(&said["riskCheckMessages"][0]["code"])]).collect()
}

#[test]
fn a_senders_clock_moves_no_time_beyond_what_the_topic_takes() {
    let Some(kafka) = kafka() else { return };
    let (accepted, refused) = ([Some("Accepted"), None], [Some("NotEvaluated"), Some("400.003")]);
    let live = Scene::live(kafka, 1, &[OPEN]);
    let imports = Scene::new(kafka, 1, &[OPEN]);
    for (scene, means, expected) in [
        (&live, "than the brokers' clocks", [accepted, accepted, refused, accepted]),
        (
            &imports,
            "senders' clocks move the partition's time, up to",
            [refused, refused, accepted, accepted],
        ),
    ] {
        let found = answers_to_clocks(scene, kafka);
        let found: Vec<_> = found.iter().map(|said| said.each_ref().map(Option::as_deref)).collect();
        assert_eq!(found, expected, "{means}");
        let check = scene.command(&["topics", "check"]).output().expect("the binary");
        let said = String::from_utf8_lossy(&check.stderr).into_owned();
        assert!(check.status.success() && said.matches(means).count() == 3, "{said}");
    }
    let altered = live.command(&["topics", "create", "--times", "producer"]).output().expect("the binary");
    assert_eq!(succeed(altered).matches("CreateTime").count(), 3);
}
