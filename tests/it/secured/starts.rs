//! What cannot work is refused at the start, with both numbers; what has to be waited for is said, and ends.

use tillgate::kafka::cluster::rights::{Task, needed};

use super::access::{Access, next_user};
use super::rights::settings_of;
use crate::support::acl::grant;
use crate::support::proxy::{Hold, Kind, Proxy};
use crate::support::scene::{Running, Scene, WITHIN};
use crate::support::{eventually, secured_kafka};

fn refused(scene: &Scene, sets: &[&str], parts: &[&str]) {
    let (code, said) = scene.start(sets).ended();
    assert_eq!(code, Some(1), "{sets:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{sets:?}: no '{part}' in {said}");
    }
}

#[test]
fn times_that_brokers_do_not_take_are_refused_with_both_numbers() {
    let Some(kafka) = secured_kafka() else { return };
    let scene = Scene::new(kafka, 1, &["kafka.workers=1"]);
    let long = ["kafka.transaction_timeout=16min"];
    refused(&scene, &long, &["transaction.max.timeout.ms=900000", "kafka.transaction_timeout is 960000 ms"]);
    let silent = [
        "kafka.group_protocol=classic",
        "kafka.session_timeout=40min",
        "kafka.librdkafka={ max.poll.interval.ms = 3600000 }",
    ];
    refused(
        &scene,
        &silent,
        &["group.max.session.timeout.ms=1800000", "kafka.session_timeout is 2400000 ms"],
    );
}

/// Where brokers do not say what they are set to, it shows when the group is joined.
#[test]
fn a_session_that_the_group_does_not_take_is_the_workers_reason() {
    let Some(kafka) = secured_kafka() else { return };
    let scene = Scene::new(kafka, 1, &["kafka.workers=1"]);
    let user = next_user();
    grant(kafka, &user, &needed(Task::Run, &settings_of(&scene)));
    let silent = [
        "kafka.group_protocol=classic",
        "kafka.session_timeout=40min",
        "kafka.librdkafka.max.poll.interval.ms=3600000",
    ];
    let mut running = Access::user(kafka, &user).start(&scene, &silent);
    let reason = "kafka.session_timeout is not between the broker's group.min.session.timeout.ms and";
    eventually(WITHIN, "the worker's reason", || {
        let (status, page) = running.page("/readyz");
        (status == 503 && page.contains(reason)).then_some(())
    });
    assert!(running.says(reason), "the log");
    running.stop();
}

#[test]
fn too_few_descriptors_are_refused_with_the_number_that_is_needed() {
    let Some(kafka) = secured_kafka() else { return };
    let scene = Scene::new(kafka, 1, &["kafka.workers=2"]);
    let run = scene.command(&["run"]);
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -n 24; exec \"$0\" \"$@\""]).arg(run.get_program()).args(run.get_args());
    let output = limited.output().expect("sh");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("may open 24 files and connections, and needs "), "{said}");
    assert!(said.contains("LimitNOFILE"), "{said}");
}

/// The ruleset's write is held back on its way.
#[test]
fn a_ruleset_that_cannot_be_written_is_waited_for_said_and_given_up() {
    let Some(kafka) = secured_kafka() else { return };
    let scene = Scene::new(kafka, 1, &["kafka.workers=1"]);
    let proxy = Proxy::before(kafka.bootstrap());
    let bootstrap = format!("kafka.bootstrap_servers={}", proxy.bootstrap());
    let step = format!("the process starts: writing the ruleset to topic {}", scene.rulesets);
    let waits = |running: &mut Running| {
        eventually(WITHIN, "the start to say what it waits for", || {
            let (status, page) = running.page("/readyz");
            (status == 503 && page.contains(&step)).then_some(())
        });
        assert_eq!(running.page("/healthz").0, 200);
    };
    let held = proxy.hold(Hold::next(Kind::Produce));
    let mut running = scene.start(&[&bootstrap, "kafka.transaction_timeout=2s"]);
    waits(&mut running);
    let (code, said) = running.ended();
    assert_eq!(code, Some(1), "{said}");
    let given_up = format!("the ruleset is not in topic {}: not written within 2s", scene.rulesets);
    assert!(said.contains(&given_up) && said.contains("min.insync.replicas"), "{said}");
    held.release();
    // And it ends when it is told to, before that.
    let held = proxy.hold(Hold::next(Kind::Produce));
    let mut running = scene.start(&[&bootstrap, "kafka.transaction_timeout=5min"]);
    waits(&mut running);
    running.stop();
    held.release();
}
