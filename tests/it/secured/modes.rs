//! Every way to protect a connection, end to end: events in, outcomes out, verified, with tillgate's own rights alone.

use tillgate::kafka::cluster::rights::{Task, needed};

use super::access::Access;
use super::rights::settings_of;
use crate::support::acl::grant;
use crate::support::scene::{Scene, succeed};
use crate::support::{Kafka, secured_kafka};

const PARTITIONS: u32 = 2;
const EVENTS: &str = "400";

fn works(kafka: &'static Kafka, principal: &str, access: &Access) {
    let scene = Scene::new(kafka, PARTITIONS, &["kafka.workers=1", "checks.account.unknown=open"]);
    grant(kafka, principal, &needed(Task::Run, &settings_of(&scene)));
    let mut running = access.start(&scene, &[]);
    running.await_ready(PARTITIONS as usize);
    succeed(scene.command(&["load", "--count", EVENTS, "--mistakes", "0"]).output().expect("the binary"));
    let outcomes = scene.await_decided(&mut running);
    assert!(!outcomes.is_empty(), "{principal}");
    running.stop();
    let verified = succeed(scene.command(&["replay", "--verify"]).output().expect("the binary"));
    assert!(verified.contains("outcomes identical"), "{principal}: {verified}");
}

#[test]
fn decides_over_tls_with_plain_passwords() {
    let Some(kafka) = secured_kafka() else { return };
    works(kafka, "u98", &Access::user(kafka, "u98"));
}

#[test]
fn decides_over_tls_with_scram() {
    let Some(kafka) = secured_kafka() else { return };
    works(kafka, "scram", &Access::scram(kafka));
}

#[test]
fn decides_over_tls_with_a_client_certificate() {
    let Some(kafka) = secured_kafka() else { return };
    works(kafka, "CN=tillgate", &Access::certificate(kafka));
}
