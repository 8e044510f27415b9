//! Hand-over between two processes after a crash: what a copy that was kept warm changes (how fast), what it does not (the
//! bytes), and what does not happen at all where the crashed one is back in time.

use serde_json::Value;

use super::june::{June, message};
use super::{OPEN, as_lines, by_partition, checked, produce};
use crate::support::scene::{Running, Scene, WITHIN};
use crate::support::{eventually, kafka, shared};

const PARTITIONS: u32 = 4;
const EVENTS: usize = 20_000;
const CLASSIC: [&str; 2] = [OPEN, "kafka.group_protocol=classic"];

/// How often its log says that a partition was given to it.
fn assignments(running: &Running) -> usize {
    let said =
        |line: &&Value| line["message"].as_str().is_some_and(|text| text.ends_with("assigned, restoring"));
    running.log().iter().filter(said).count()
}

/// Numbers of the partitions that are in this list of its ready page, and as asked for.
fn partitions(running: &mut Running, list: &str, is: impl Fn(&Value) -> bool) -> Vec<i64> {
    let (_, body) = running.page("/readyz");
    let page: Value = serde_json::from_str(&body).expect("JSON");
    let rows = page[list].as_array().cloned().unwrap_or_default();
    rows.iter().filter(|row| is(row)).filter_map(|row| row["partition"].as_i64()).collect()
}

fn active(running: &mut Running) -> Vec<i64> {
    partitions(running, "partitions", |row| row["state"] == "active")
}

/// Two processes that share the partitions evenly.
fn two(scene: &Scene, of_second: &[&str]) -> (Running, Running) {
    let mut first = scene.start(&["kafka.group_instance_id=first"]);
    first.await_ready(PARTITIONS as usize);
    let mut second = scene.start(&[&["kafka.group_instance_id=second"], of_second].concat());
    for running in [&mut first, &mut second] {
        running.await_ready(PARTITIONS as usize / 2);
    }
    (first, second)
}

#[test]
fn a_crash_is_taken_over_from_warm_copies_and_the_bytes_are_the_same() {
    let (Some(kafka), Some(shared)) = (kafka(), shared()) else { return };
    let mut june = June::read(&shared, EVENTS);
    let (first_part, second_part, rest) = (EVENTS / 2, EVENTS / 2..EVENTS * 3 / 4, EVENTS * 3 / 4..);
    june.accounts_until(first_part);
    let scene = Scene::new(kafka, PARTITIONS, &CLASSIC);
    let events = |of: &[String]| of.iter().map(|line| message(line, line.clone())).collect::<Vec<_>>();
    scene.kafka.produce(&scene.account_events, events(&june.account_events));
    scene.kafka.produce(&scene.pos_events, events(&june.events[..first_part]));
    let (first, mut second) = two(&scene, &["kafka.standby=1"]);
    let warm = |row: &Value| row["state"] == "warm" && row["accounts"].as_u64() > Some(0);
    let others = eventually(WITHIN, "warm copies of the other half", || {
        let others = partitions(&mut second, "standby", warm);
        (others.len() == 2).then_some(others)
    });
    scene.kafka.produce(&scene.pos_events, events(&june.events[second_part]));
    // It sleeps over what comes then, so that there is work left for the other however fast the machine is.
    first.signal("STOP");
    scene.kafka.produce(&scene.pos_events, events(&june.events[rest]));
    first.kill();
    let outcomes = scene.await_decided(&mut second);
    let log = second.log();
    for partition in others {
        let taken_over = format!("pos partition {partition}: restored from the standby's copy");
        let mut messages = log.iter().filter_map(|line| line["message"].as_str());
        assert!(
            messages.any(|text| text.starts_with(&taken_over)),
            "{taken_over}: {}",
            second.log_path().display()
        );
    }
    second.stop();
    super::assert_same(
        &by_partition(&outcomes, |record| record.text().to_owned()),
        &checked(&scene, &june, PARTITIONS),
    );
}

#[test]
fn a_static_member_that_is_back_within_its_session_moves_nothing() {
    let (Some(kafka), Some(shared)) = (kafka(), shared()) else { return };
    let june = June::read(&shared, 4_000);
    let scene = Scene::new(kafka, PARTITIONS, &[&CLASSIC[..], &["kafka.session_timeout=120s"]].concat());
    let (mut first, mut second) = two(&scene, &[]);
    // Each may have been ready with its half at another moment: a rebalance may still have been under way.
    let half = PARTITIONS as usize / 2;
    let (before, others) = eventually(WITHIN, "each to decide on its half", || {
        let halves = (active(&mut first), active(&mut second));
        (halves.0.len() == half && halves.1.len() == half).then_some(halves)
    });
    let assigned = assignments(&second);
    first.kill();
    let mut first = scene.start(&["kafka.group_instance_id=first"]);
    produce(&scene, &june, as_lines);
    scene.await_decided(&mut first);
    first.await_ready(half);
    assert_eq!(active(&mut first), before, "it has what it had");
    assert_eq!(active(&mut second), others);
    assert_eq!(assignments(&second), assigned, "{}", second.log_path().display());
    assert!(!second.says("let go"), "{}", second.log_path().display());
    first.stop();
    second.stop();
}
