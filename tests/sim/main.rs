//! Runs the real worker loop on a simulated Kafka, seed after seed, with faults of every kind, and holds the promises over
//! what is left in the topics: exactly one outcome for every event, the same bytes as deciding again, a journal that folds
//! to the state, nothing left undecided. Needs no Kafka and no clock.
//!
//! `TILLGATE_SIM_SEED` is the first seed, `TILLGATE_SIM_SEEDS` how many.

#[path = "../support/mod.rs"]
mod support;

mod again;
mod broker;
mod checker;
mod contacts;
mod group;
mod input;
mod log;
mod member;
mod plan;
mod planted;
mod producer;
mod profiles;
mod run;
mod scheduler;
mod tally;
mod transactions;
mod world;

use std::collections::BTreeMap;

use plan::Plan;
use planted::Bug;
use run::{Report, run, run_plan};

/// Seeds of the default run.
const SEEDS: u64 = 3_000;
/// Seeds of the runs in which only crashes happen.
const SEEDS_OF_CRASHES: u64 = 400;
/// Seeds of the runs in which only senders do what they should not.
const SEEDS_OF_BAD_SENDERS: u64 = 400;
/// So many seeds have every kind of fault among them.
const ALL_KINDS_WITHIN: usize = 1_000;
/// Every kind of fault, and what faults lead to.
const FAULTS: &[&str] = &[
    "DeleteRecords lost",
    "answer lost",
    "crash",
    "crash in a transaction",
    "decision panicked",
    "delivered twice",
    "delivery failed",
    "freeze",
    "freeze in a transaction",
    "heartbeat lost",
    "late EndTxn",
    "late TxnOffsetCommit",
    "member put out",
    "node down",
    "node slow",
    "positions held without a journal record",
    "rebalance",
    "record too large",
    "registry down",
    "request lost",
    "schema missing",
    "slow answer",
    "slow marker",
    "stop",
    "tick lost",
    "transaction timed out",
    "writer fenced by a new owner",
];

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}: give a number")),
        Err(_) => default,
    }
}

/// Runs seeds on two threads; the reports in the order of the seeds.
fn reports(first: u64, count: u64) -> Vec<Report> {
    let half = |part: u64| {
        move || {
            (first..first + count)
                .filter(|seed| seed % 2 == part)
                .map(|seed| run(seed, None))
                .collect::<Vec<_>>()
        }
    };
    let mut all = std::thread::scope(|scope| {
        let halves = [scope.spawn(half(0)), scope.spawn(half(1))];
        halves.into_iter().flat_map(|half| half.join().expect("a run does not panic")).collect::<Vec<_>>()
    });
    all.sort_by_key(|report| report.seed);
    all
}

/// Sums by name.
fn sums<'a>(counts: impl Iterator<Item = (&'a &'static str, &'a u64)>) -> BTreeMap<&'static str, u64> {
    let mut sums = BTreeMap::new();
    for (name, count) in counts {
        *sums.entry(*name).or_default() += count;
    }
    sums
}

#[test]
fn holds_every_promise_over_thousands_of_seeds() {
    let reports = reports(number("TILLGATE_SIM_SEED", 1), number("TILLGATE_SIM_SEEDS", SEEDS));
    let faults = sums(reports.iter().flat_map(|report| &report.faults));
    let seen = sums(reports.iter().flat_map(|report| &report.seen));
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    println!(
        "{} seeds, {} input records, {} s of virtual time, {} steps\nfaults: {faults:?}\nchecked: {seen:?}",
        reports.len(),
        sum(|report| report.records),
        sum(|report| report.virtual_time.as_secs()),
        sum(|report| report.resumes),
    );
    if let Some(slowest) = reports.iter().max_by_key(|report| report.recovered_after) {
        println!("longest until all was decided: {:?}, seed {}", slowest.recovered_after, slowest.seed);
    }
    let broken: Vec<&Report> = reports.iter().filter(|report| report.violation.is_some()).collect();
    if let Some(first) = broken.first().and_then(|report| report.violation.as_ref()) {
        let seeds: Vec<u64> = broken.iter().map(|report| report.seed).collect();
        panic!("{} of {} seeds: {seeds:?}\n{first}", broken.len(), reports.len());
    }
    if reports.len() >= ALL_KINDS_WITHIN {
        assert_eq!(faults.keys().copied().collect::<Vec<_>>(), FAULTS, "every kind of fault is there");
        let nothing: Vec<_> = seen.iter().filter(|(_, count)| **count == 0).collect();
        assert!(nothing.is_empty(), "checks that had nothing to look at: {nothing:?}");
    }
}

/// Whoever dies between its positions and its journal record is fenced by its next owner, where nothing else is wrong.
#[test]
fn no_restore_waits_until_the_broker_gives_a_dead_writer_up() {
    let first = number("TILLGATE_SIM_SEED", 1);
    let seeds = first..first + number("TILLGATE_SIM_SEEDS", SEEDS_OF_CRASHES);
    let run_all = |bug| {
        let reports: Vec<Report> = seeds.clone().map(|seed| run_plan(Plan::of_crashes(seed), bug)).collect();
        if let Some(violation) = reports.iter().find_map(|report| report.violation.as_ref()) {
            panic!("{violation}");
        }
        let held = |report: &Report| report.faults.get("positions held without a journal record").copied();
        let waited =
            reports.iter().filter(|report| report.waited_out > 0).map(|report| report.seed).collect();
        (reports.iter().filter_map(held).sum::<u64>(), waited)
    };
    let (held, waited): (u64, Vec<u64>) = run_all(None);
    let (_, waited_with_bug) = run_all(Some(Bug::FenceNobody));
    println!("{held} times held; with nobody fenced, seeds that waited: {waited_with_bug:?}");
    assert_eq!(waited, Vec::<u64>::new(), "seeds in which a restore waited until a transaction timed out");
    if seeds.count() as u64 >= SEEDS_OF_CRASHES {
        assert!(held > 0 && !waited_with_bug.is_empty(), "there was something to wait for");
    }
}

/// Whatever somebody sends who may write an input, what stands behind it is decided soon.
#[test]
fn what_stands_behind_a_bad_record_is_decided_within_eight_turns() {
    let first = number("TILLGATE_SIM_SEED", 1);
    let count = number("TILLGATE_SIM_SEEDS", SEEDS_OF_BAD_SENDERS);
    let reports: Vec<Report> =
        (first..first + count).map(|seed| run_plan(Plan::of_bad_senders(seed), None)).collect();
    if let Some(violation) = reports.iter().find_map(|report| report.violation.as_ref()) {
        panic!("{violation}");
    }
    let slowest = reports.iter().max_by_key(|report| report.in_vain_max).expect("a report");
    println!("most turns in vain: {}, seed {}", slowest.in_vain_max, slowest.seed);
    assert!(slowest.in_vain_max < 8, "seed {}: {} turns in vain", slowest.seed, slowest.in_vain_max);
    assert!(count < SEEDS_OF_BAD_SENDERS || slowest.in_vain_max > 0, "nothing was ever in vain");
}

#[test]
fn the_same_seed_takes_the_same_steps() {
    let of = |seeds: std::ops::Range<u64>| {
        let steps = |seed| {
            let report = run(seed, None);
            (report.trace_hash, report.resumes, report.records, report.seen)
        };
        seeds.map(steps).collect::<Vec<_>>()
    };
    let beside = std::thread::spawn(move || of(1..60));
    assert_eq!(of(1..60), beside.join().expect("a run does not panic"));
    assert_ne!(of(1..2), of(2..3));
}

/// A planted mistake is found within so many seeds, and the seed that finds it holds without.
fn check(bug: Bug, seeds: u64) {
    let found = (1..=seeds).map(|seed| run(seed, Some(bug))).find(|report| report.violation.is_some());
    let Some(found) = found else { panic!("{bug:?} is not found within {seeds} seeds") };
    let violation = found.violation.unwrap_or_default();
    println!("{bug:?}: seed {}: {}", found.seed, violation.lines().take(3).collect::<Vec<_>>().join("\n"));
    assert_eq!(run(found.seed, None).violation, None);
}

#[test]
fn finds_a_state_that_an_abort_does_not_undo() {
    check(Bug::SkipUndo, 20);
}

#[test]
fn finds_offsets_that_are_committed_beside_the_transaction() {
    check(Bug::OffsetsOutside, 20);
}

#[test]
fn finds_a_restore_that_stops_one_record_short() {
    check(Bug::RestoreShort, 20);
}

#[test]
fn finds_a_worker_that_takes_no_notice_of_being_fenced() {
    check(Bug::IgnoreFence, 100);
}

#[test]
fn finds_a_producer_that_begins_again_after_a_disturbance() {
    check(Bug::BeginAgain, 200);
}

#[test]
fn finds_outcomes_that_are_published_beside_the_transaction() {
    check(Bug::PublishOutside, 20);
}

#[test]
fn finds_offsets_that_are_added_without_a_place_in_the_group() {
    check(Bug::ForgetMembership, 400);
}

#[test]
fn finds_a_restore_that_does_not_wait_for_offsets_of_an_open_transaction() {
    check(Bug::UnstableOffsets, 400);
}

#[test]
fn finds_a_journal_that_is_cut_off_too_far() {
    check(Bug::TrimTooMuch, 50);
}

#[test]
fn finds_a_standbys_copy_that_forgets_the_facts_of_a_record() {
    check(Bug::StandbyForgets, 200);
}

#[test]
fn finds_a_fact_of_an_account_that_is_lost_on_its_way() {
    check(Bug::LoseFact, 50);
}

#[test]
fn finds_a_contact_decision_that_is_sent_twice() {
    check(Bug::DecideTwice, 50);
}

#[test]
fn a_standbys_copy_that_is_one_record_short_is_dropped_and_the_partition_decided_all_the_same() {
    let reports: Vec<Report> = (1..=400).map(|seed| run(seed, Some(Bug::StandbyShort))).collect();
    let differ = |report: &&Report| run(report.seed, None).trace_hash != report.trace_hash;
    let short = reports.iter().filter(differ).count();
    assert!(short > 20, "only {short} runs took a short copy over");
    for report in reports {
        assert_eq!(report.violation, None);
    }
}
