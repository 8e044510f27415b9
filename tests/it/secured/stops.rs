//! SIGTERM ends a process in good order, whatever it is at and whatever brokers do.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::proxy::Proxy;
use crate::support::scene::{Running, Scene, WITHIN, succeed};
use crate::support::{eventually, secured_kafka};

/// How long an orchestrator is asked to wait at least.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

#[allow(clippy::disallowed_methods, reason = "how long the process takes")]
fn now() -> Instant {
    Instant::now()
}

fn stops(running: Running) {
    let asked = now();
    running.stop();
    // Measured: 9 s at most. What is held to is what a busy machine makes of it, below what orchestrators wait.
    assert!(asked.elapsed() < ENDS_WITHIN, "{:?}", asked.elapsed());
}

#[test]
fn ends_while_it_connects() {
    let Some(kafka) = secured_kafka() else { return };
    let scene = Scene::new(kafka, 1, &["kafka.workers=1"]);
    // Takes connections, and never answers.
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = silent.local_addr().expect("an address");
    let mut running = scene.start(&[&format!("kafka.bootstrap_servers={address}")]);
    eventually(WITHIN, "the start to say that it connects", || {
        running
            .page("/readyz")
            .1
            .contains("the process starts: connecting to kafka.bootstrap_servers")
            .then_some(())
    });
    let active = "tillgate_partitions{state=\"active\"} 0";
    assert!(running.page("/metrics").1.contains(active), "what an outage is noticed by");
    stops(running);
}

/// At moments all over a start: connecting, looking, writing the ruleset, joining, restoring, deciding.
#[test]
fn ends_at_any_moment_of_a_start() {
    let Some(kafka) = secured_kafka() else { return };
    let scene = Scene::new(kafka, 2, &["kafka.workers=1", "checks.account.unknown=open"]);
    succeed(scene.command(&["load", "--count", "2000", "--mistakes", "0"]).output().expect("the binary"));
    for step in 0..12 {
        let running = scene.start(&[]);
        let begun = now();
        // The moment is what is tried here.
        eventually(WITHIN, "the moment", || {
            (begun.elapsed() >= Duration::from_millis(60 * step)).then_some(())
        });
        if running.log().iter().any(|line| line["address"].is_string()) {
            stops(running);
        } else {
            // Before the signal is waited for it ends at once, by the signal itself.
            running.signal("TERM");
            running.ended();
        }
    }
    let mut running = scene.start(&[]);
    scene.await_decided(&mut running);
    stops(running);
    let verified = succeed(scene.command(&["replay", "--verify"]).output().expect("the binary"));
    assert!(verified.contains("outcomes identical"), "{verified}");
}

/// With a transaction open, and brokers that answer nothing any more.
#[test]
fn ends_with_all_brokers_gone_and_loses_nothing() {
    let Some(kafka) = secured_kafka() else { return };
    let scene = Scene::new(kafka, 2, &["kafka.workers=2", "checks.account.unknown=open"]);
    let proxy = Proxy::before(kafka.bootstrap());
    let mut running = scene.start(&[&format!("kafka.bootstrap_servers={}", proxy.bootstrap())]);
    running.await_ready(2);
    // It is at work when the network goes.
    succeed(scene.command(&["load", "--count", "5000", "--mistakes", "0"]).output().expect("the binary"));
    proxy.freeze();
    stops(running);
    proxy.thaw();
    let mut running = scene.start(&[]);
    scene.await_decided(&mut running);
    running.stop();
    let verified = succeed(scene.command(&["replay", "--verify"]).output().expect("the binary"));
    assert!(verified.contains("outcomes identical"), "{verified}");
}
