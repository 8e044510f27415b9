//! The hole in Kafka's transaction protocol, over random schedules on a real broker: requests of a transaction are held
//! back into the next one, with and without a cut. The loop without its defence is torn by them; the one with it never.
//! Both are the same loop, on the same client: the naive one is not told that its producer was disturbed.
//!
//! `TILLGATE_HOLE_SCHEDULES`: schedules for each of the two (default [`SCHEDULES`]); `TILLGATE_HOLE_SEED`: the first
//! one's seed, the others follow (default [`SEED`]).

mod bent;
mod checker;
mod lane;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::proxy::{Cut, Kind};
use crate::support::{Kafka, kafka};
use checker::Tear;
use lane::{Lane, Played};
use schedule::Schedule;

const SCHEDULES: u64 = 40;
const SEED: u64 = 0;
/// Workers side by side, each with how long its clients wait for a request and for a transaction; a schedule's seed says
/// which one plays it. The last one's requests are not given up before its transactions.
const LANES: [[Duration; 2]; 4] = [USUAL, USUAL, USUAL, [Duration::from_secs(2), Duration::from_secs(2)]];
/// A request that is held without a cut costs the first of them.
const USUAL: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];
/// Spurts of events in which the requests that a schedule holds must come; what is held then is delivered.
const SPURTS: usize = 8;

fn given(name: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return default };
    text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}"))
}

/// What was seen over all schedules.
#[derive(Default)]
struct Tally {
    schedules: u64,
    /// Requests that were held, by kind and cut.
    held: BTreeMap<(Kind, bool), u64>,
    /// What the broker answered to them when they came late, by kind and error code; 0: it did what they ask for.
    answered: BTreeMap<(Kind, i16), u64>,
    /// Torn schedules by the requests they held.
    torn_by: BTreeMap<String, u64>,
    /// Torn schedules by what was torn.
    torn: BTreeMap<Tear, u64>,
    /// Torn states that a restore refused, and those it went on from.
    refused: u64,
    taken: Vec<String>,
}

impl Tally {
    fn note(&mut self, schedule: &Schedule, played: &Played) {
        self.schedules += 1;
        let caught = || schedule.holds.iter().zip(&played.caught).filter(|(_, caught)| **caught);
        for (hold, _) in caught() {
            *self.held.entry((hold.kind, hold.cut == Cut::Connection)).or_default() += 1;
        }
        for (hold, answer) in schedule.holds.iter().zip(&played.answers) {
            if let Some(code) = answer {
                *self.answered.entry((hold.kind, *code)).or_default() += 1;
            }
        }
        if played.findings.is_empty() {
            return;
        }
        let by: Vec<String> = caught().map(|(hold, _)| format!("{:?}", hold.kind)).collect();
        *self.torn_by.entry(by.join(" + ")).or_default() += 1;
        let tears: BTreeSet<Tear> = played.findings.iter().map(|finding| finding.tear).collect();
        for tear in tears {
            *self.torn.entry(tear).or_default() += 1;
        }
    }

    fn torn(&self) -> u64 {
        self.torn_by.values().sum()
    }

    /// On standard error past the test runner, which keeps what a passing test prints.
    fn print(&self, who: &str) {
        let mut text = format!("{who}: {} schedules, {} torn\n  held:", self.schedules, self.torn());
        for ((kind, cut), count) in &self.held {
            let cut = if *cut { " with a cut" } else { "" };
            let _ = write!(text, " {count} {kind:?}{cut},");
        }
        text.push_str("\n  answered when they came late:");
        for ((kind, code), count) in &self.answered {
            let _ = write!(text, " {count} {kind:?} with error {code},");
        }
        if self.torn() > 0 {
            let _ = write!(text, "\n  torn by: {:?}\n  torn: {:?}", self.torn_by, self.torn);
            let _ = write!(
                text,
                "\n  a restore refused {} of them, went on from {}",
                self.refused,
                self.taken.len()
            );
            for taken in &self.taken {
                let _ = write!(text, "\n    {taken}");
            }
        }
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// Says how to run a schedule again when the test fails within it, and ends the other lanes.
struct Rerun<'a> {
    test: &'a str,
    schedule: &'a Schedule,
    failed: &'a AtomicBool,
}

impl Drop for Rerun<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Rerun { test, schedule, failed } = self;
            failed.store(true, Ordering::Relaxed);
            eprintln!(
                "{schedule}\nto run it again: TILLGATE_HOLE_SEED={} TILLGATE_HOLE_SCHEDULES=1 cargo test --locked --test it {test}",
                schedule.seed
            );
        }
    }
}

/// What is made of a schedule that was played; whether the lane is torn.
type Judge<'a> = &'a (dyn Fn(&mut Lane<'_>, &Schedule, &Played) -> bool + Sync);

/// Plays all schedules, some side by side. A torn lane is given up for a new one.
fn play_all(kafka: &Kafka, defended: bool, test: &str, judge: Judge<'_>) {
    let (first, count) = (given("TILLGATE_HOLE_SEED", SEED), given("TILLGATE_HOLE_SCHEDULES", SCHEDULES));
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (number, timeouts) in LANES.into_iter().enumerate() {
            let seeds =
                (first..first + count).filter(move |seed| *seed % LANES.len() as u64 == number as u64);
            let mut schedules = seeds.map(|seed| Schedule::drawn(seed, SPURTS)).peekable();
            let failed = &failed;
            scope.spawn(move || {
                if schedules.peek().is_none() {
                    return;
                }
                let mut lane = Lane::new(kafka, defended, timeouts);
                for schedule in schedules {
                    if failed.load(Ordering::Relaxed) {
                        return;
                    }
                    let _rerun = Rerun { test, schedule: &schedule, failed };
                    let played = lane.play(&schedule);
                    if judge(&mut lane, &schedule, &played) {
                        lane = Lane::new(kafka, defended, timeouts);
                    }
                }
                go_on_after_a_restore(lane);
            });
        }
    });
}

fn go_on_after_a_restore(mut lane: Lane<'_>) {
    lane.stop();
    let refused = lane.start();
    assert!(refused.is_empty(), "a restore of what is not torn: {refused:?}");
    lane.feed(4);
    lane.await_decided();
    lane.stop();
}

#[test]
fn late_requests_never_tear_a_transaction_of_ours() {
    let Some(kafka) = kafka() else { return };
    let tally = Mutex::new(Tally::default());
    play_all(kafka, true, "never_tear", &|_, schedule, played| {
        tally.lock().expect("the lock").note(schedule, played);
        let found: Vec<String> = played.findings.iter().map(ToString::to_string).collect();
        let story = || played.story.join("\n  ");
        assert!(found.is_empty(), "torn:\n  {}\nthe network:\n  {}", found.join("\n  "), story());
        false
    });
    let tally = tally.into_inner().expect("the lock");
    tally.print("with the defence");
    assert!(!tally.held.is_empty(), "nothing was held: the schedules show nothing");
}

#[test]
fn late_requests_tear_the_loop_without_the_defence() {
    let Some(kafka) = kafka() else { return };
    let tally = Mutex::new(Tally::default());
    play_all(kafka, false, "without_the_defence", &|lane, schedule, played| {
        tally.lock().expect("the lock").note(schedule, played);
        if played.findings.is_empty() {
            return false;
        }
        lane.stop();
        let refused = lane.start();
        let mut tally = tally.lock().expect("the lock");
        if refused.is_empty() {
            let found: Vec<String> = played.findings.iter().map(ToString::to_string).collect();
            tally.taken.push(format!("{schedule}: {}", found.join("; ")));
        } else {
            tally.refused += 1;
        }
        true
    });
    let tally = tally.into_inner().expect("the lock");
    tally.print("without the defence");
    assert!(tally.torn() > 0, "the naive loop was not torn: the schedules show nothing");
}

/// Positions that arrive late take the group back behind the journal: a worker that starts then would decide those events
/// again.
#[test]
fn a_restore_refuses_what_a_late_request_tore() {
    let Some(kafka) = kafka() else { return };
    let mut lane = Lane::new(kafka, false, [Duration::from_secs(30), Duration::from_secs(60)]);
    let played = lane.play(&Schedule::known());
    let tears: BTreeSet<Tear> = played.findings.iter().map(|finding| finding.tear).collect();
    let story = played.story.join("\n  ");
    assert_eq!(tears, [Tear::Offsets].into(), "{:?}\n  {story}", played.findings);
    lane.stop();
    let refused = lane.start();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[&0.into()].contains("torn"), "{refused:?}");
}
