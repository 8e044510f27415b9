//! `tillgate load --latency` beside a process that decides: every event is answered, and counted once.
//! Never judges how fast.

use serde_json::Value;

use crate::support::kafka;
use crate::support::scene::{Scene, succeed};

const EVENTS: u64 = 2_000;

#[test]
fn measures_the_answer_to_every_event_it_sends() {
    let Some(kafka) = kafka() else { return };
    // The records get the broker's time: what is measured from is in a header.
    let scene = Scene::live(kafka, 2, &[]);
    let mut running = scene.start(&[]);
    running.await_ready(2);
    let load = |more: &[&str]| {
        let mut load = scene.command(&["load", "--latency", "--accounts", "50", "--mistakes", "0"]);
        load.args(more).output().expect("the binary")
    };
    let count = EVENTS.to_string();
    let said = succeed(load(&["--rate", "500", "--count", &count, "--warm-up", "1s"]));
    let report: Value = serde_json::from_str(&said).expect("one JSON object");
    let number = |name: &str| report[name].as_u64().unwrap_or_else(|| panic!("{name}: {said}"));
    assert_eq!((number("rate"), number("events"), number("answered")), (500, EVENTS, EVENTS), "{said}");
    assert!((1..EVENTS).contains(&number("counted")), "the first second does not count: {said}");
    let times = ["p50_ms", "p99_ms", "p999_ms", "max_ms"].map(number);
    assert!(times.is_sorted() && times[3] > 0, "{said}");
    running.stop();

    let refused = load(&["--count", "1"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--rate"), "{refused:?}");
}
