//! What an operator meets: pages, a stop that others do not wait for, exit codes and what is said with them.

use std::time::Duration;

use serde_json::Value;

use crate::june::June;
use crate::scene::{Scene, WITHIN, binary};
use crate::support::{eventually, kafka, shared};
use crate::{OPEN, as_lines, produce};

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
