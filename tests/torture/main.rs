//! Real faults on a real Kafka: three brokers, one to four instances of the built binary, load that never ends, and
//! kill -9, SIGSTOP, cut connections and restarts out of a seeded schedule. Then everything is checked, from committed
//! records alone. Minutes by itself; hours on demand:
//!
//! ```sh
//! TILLGATE_TORTURE=2h TILLGATE_TORTURE_SEED=7 cargo test --locked --test torture -- --nocapture
//! ```
//!
//! TILLGATE_TORTURE_PROTOCOL (classic, consumer or both), TILLGATE_TORTURE_RATE (events a second) and
//! TILLGATE_TORTURE_REPORT (where the page goes) choose the rest. Never looks into the program.

mod checker;
mod cluster;
mod contacts;
mod faults;
mod gather;
mod load;
mod plan;
mod planted;
mod report;
mod sights;
#[path = "../support/mod.rs"]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use checker::judge;
use cluster::{BROKERS, Cluster};
use faults::{Run, now, protocol_sets, seconds};
use gather::gather;
use load::Load;
use plan::{Plan, Round, shuffled};
use report::Done;
use support::kafka_cluster;
use support::proxy::Proxy;
use support::scene::{OF_CONTACTS, OF_PROFILES, Scene};
use tillgate::load::draw::Draw;

const PARTITIONS: u32 = 8;
/// Other than those of POS events.
const CONTACT_PARTITIONS: u32 = 5;
/// Rotations, trims, journal records in parts and holds that run out within a round.
const SMALL: [&str; 7] = [
    "profiles.enabled=true",
    "checks.velocity.fanout.terminal=5",
    "checks.velocity.fanout.outcome=note",
    "checks.pending.hold_time=10min",
    "journal.checkpoint_events_per_account=1",
    "journal.rotation_events_min=2000",
    "journal.record_bytes_max=400KiB",
];

#[test]
fn every_event_is_decided_exactly_once_whatever_fails() {
    let plan = Plan::from_environment();
    let Some(kafka) = kafka_cluster(BROKERS) else { return };
    // Instances and threads of a round that failed may still hold on to it: the script ends with the process.
    let kafka = Box::leak(Box::new(kafka));
    let cluster = Cluster::new(kafka);
    let began = now();
    let mut rounds = Vec::new();
    for number in plan.first.. {
        let left =
            plan.length.map(|length| length.saturating_sub(Duration::from_millis((now() - began) as u64)));
        let over = match left {
            Some(left) => left.is_zero(),
            None => number >= plan.rounds(),
        };
        if over {
            break;
        }
        let round = plan.round(number);
        rounds.push(kept_where_it_fails(&plan, &round, &cluster, left));
        let page = report::page(&plan, &rounds);
        std::fs::write(&plan.report, &page).expect("a place for the report");
    }
    println!("{}\nreport: {}", report::page(&plan, &rounds), plan.report.display());
}

/// A round; where it fails, everything is left for somebody to look at.
fn kept_where_it_fails(plan: &Plan, round: &Round, cluster: &Cluster, left: Option<Duration>) -> Done {
    let protocol = protocol_sets(round.protocol);
    let mut sets: Vec<&str> = protocol.iter().map(String::as_str).collect();
    sets.extend(SMALL);
    let scene = Scene::new(cluster.kafka, PARTITIONS, &sets).with_contacts(CONTACT_PARTITIONS);
    eprintln!("round {} of seed {}: {}", round.number, plan.seed, round.protocol);
    match catch_unwind(AssertUnwindSafe(|| survive(plan, round, cluster, &scene, left))) {
        Ok(done) => {
            cluster.delete(&scene.topics());
            let of_profiles = OF_PROFILES.map(|topic| scene.of_profiles(topic));
            cluster.delete(&of_profiles.each_ref().map(String::as_str));
            let of_contacts = OF_CONTACTS.map(|topic| scene.of_contacts(topic));
            cluster.delete(&of_contacts.each_ref().map(String::as_str));
            done
        }
        Err(panic) => {
            let brokers = cluster.kafka.keep();
            eprintln!(
                "round {} of seed {} failed. Logs of the instances: {}. Brokers, with their data: {}. Again: {}",
                round.number,
                plan.seed,
                scene.keep().display(),
                brokers.display(),
                plan.again(round)
            );
            resume_unwind(panic)
        }
    }
}

/// What `tillgate replay --verify` says when it decides everything again.
///
/// # Panics
/// Where a byte differs.
fn verified(scene: &Scene) -> String {
    let replay = scene.command(&["replay", "--verify"]).output().expect("the binary");
    let said = String::from_utf8_lossy(&replay.stdout).into_owned();
    let errors = String::from_utf8_lossy(&replay.stderr);
    assert!(replay.status.success(), "replay --verify: {}\n{said}\n{errors}", replay.status);
    said.lines().next().unwrap_or_default().to_owned()
}

/// Load and faults, then peace, then the checks.
fn survive(plan: &Plan, round: &Round, cluster: &Cluster, scene: &Scene, left: Option<Duration>) -> Done {
    let began = now();
    let proxy = Proxy::before(cluster.kafka.bootstrap());
    let load = Load::start(scene, round);
    let mut run = Run::start(round, scene, cluster, &proxy);
    match left.map(Plan::round_length) {
        None => plan.faults(round).into_iter().for_each(|fault| run.suffer(fault)),
        Some(length) => {
            let until = began + length.as_millis() as i64;
            let mut draw = Draw::of_slot(round.seed, 1);
            'round: loop {
                for fault in shuffled(&mut draw) {
                    run.suffer(fault);
                    if now() >= until {
                        break 'round;
                    }
                }
            }
        }
    }
    load.stop();
    run.await_calm();
    let (happened, kills) = run.stop();
    let took = Duration::from_millis((now() - began) as u64);

    let evidence = gather(scene);
    let mut judgement = judge(&evidence);
    sights::judge(scene, &mut judgement);
    contacts::judge(scene, &evidence, &mut judgement);
    assert!(judgement.wrong == 0, "{} faults, the first: {:#?}", judgement.wrong, judgement.faults);
    assert!(judgement.events > 0 && judgement.dead_letters > 0 && judgement.superseding > 0, "{judgement:?}");
    assert!(judgement.by_ticks > 0 && judgement.sights > 0 && judgement.replies > 0, "{judgement:?}");
    assert!(judgement.contacts > 0 && judgement.interactions > 0 && judgement.facts > 0, "{judgement:?}");
    let verified = verified(scene);
    let decisions = report::decisions(&evidence);
    let stop = |happened: &faults::Happened| (happened.fault, report::longest_stop(&decisions, happened));
    eprintln!("  {:6.1} s  checked {} events; {verified}", seconds(now() - began), judgement.events);
    Done {
        round: *round,
        took,
        stops: happened.iter().map(stop).collect(),
        take_overs: kills.iter().flat_map(|kill| report::take_overs(&decisions, kill)).collect(),
        judgement,
        verified,
    }
}
