//! What a run survived, as a page of Markdown: faults by kind, what was checked, how long deciding stood still.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::checker::{Evidence, Judgement};
use crate::faults::{Happened, Kill, seconds};
use crate::plan::{Fault, Plan, Round};

/// A round that is over.
pub struct Done {
    pub round: Round,
    pub took: Duration,
    pub judgement: Judgement,
    /// How long each fault kept a partition from deciding, at most: milliseconds.
    pub stops: Vec<(Fault, i64)>,
    /// From each kill to the first decision of somebody else, partition by partition: milliseconds.
    pub take_overs: Vec<(bool, i64)>,
    /// What `tillgate replay --verify` said.
    pub verified: String,
}

/// Times at which each partition decided.
pub type Decisions = Vec<Vec<i64>>;

pub fn decisions(evidence: &Evidence) -> Decisions {
    let times = |outcomes: &[crate::checker::Outcome]| {
        let mut times: Vec<i64> = outcomes.iter().map(|outcome| outcome.at).collect();
        times.sort_unstable();
        times
    };
    evidence.partitions.iter().map(|partition| times(&partition.outcomes)).collect()
}

/// The longest time that any partition did not decide between the beginning of a fault and its end.
pub fn longest_stop(decisions: &Decisions, happened: &Happened) -> i64 {
    let gaps = decisions.iter().flat_map(|times| {
        let first = times.partition_point(|at| *at < happened.began);
        let within = times[first..].iter().take_while(|at| **at <= happened.ended).copied();
        let edges = std::iter::once(happened.began).chain(within).chain([happened.ended]);
        let edges: Vec<i64> = edges.collect();
        edges.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>()
    });
    gaps.max().unwrap_or(0)
}

/// From a kill to the next decision, for every partition that was taken over.
pub fn take_overs(decisions: &Decisions, kill: &Kill) -> Vec<(bool, i64)> {
    let next = |partition: &i32| {
        let times = &decisions[*partition as usize];
        let first = times.partition_point(|at| *at <= kill.at);
        times.get(first).map(|at| (kill.again_at_once, at - kill.at))
    };
    kill.partitions.iter().filter_map(next).collect()
}

/// The page.
pub fn page(plan: &Plan, rounds: &[Done]) -> String {
    let mut page = String::from("# Torture\n\n");
    let took: Duration = rounds.iter().map(|done| done.took).sum();
    let sum = |of: fn(&Judgement) -> u64| rounds.iter().map(|done| of(&done.judgement)).sum::<u64>();
    let faults: usize = rounds.iter().map(|done| done.stops.len()).sum();
    let write = |page: &mut String, line: String| page.push_str(&(line + "\n"));
    write(
        &mut page,
        format!(
            "Seed {}, {} rounds, {} faults in {:.0} s; 3 brokers (replication 3, 2 in sync), 1 to 4 instances.\n",
            plan.seed,
            rounds.len(),
            faults,
            took.as_secs_f64()
        ),
    );
    write(&mut page, "| checked | |\n|---|---|".to_owned());
    for (name, of) in [
        ("POS events", (|judgement| judgement.events) as fn(&Judgement) -> u64),
        ("account events", |judgement| judgement.account_events),
        ("outcomes", |judgement| judgement.outcomes),
        ("of these in place of a Pending one", |judgement| judgement.superseding),
        ("of these by a tick", |judgement| judgement.by_ticks),
        ("replies to account events", |judgement| judgement.replies),
        ("dead letters", |judgement| judgement.dead_letters),
        ("uses told to profiles", |judgement| judgement.sights),
        ("contact decisions", |judgement| judgement.contacts),
        ("interactions, each counted once", |judgement| judgement.interactions),
        ("facts of accounts told to contact decisions", |judgement| judgement.facts),
        ("accounts, balance by balance", |judgement| judgement.accounts),
        ("**duplicates**", |judgement| judgement.duplicates),
        ("**losses**", |judgement| judgement.losses),
        ("**anything else wrong**", |judgement| {
            judgement.wrong.saturating_sub(judgement.duplicates + judgement.losses)
        }),
    ] {
        write(&mut page, format!("| {name} | {} |", sum(of)));
    }
    stops(&mut page, rounds);
    take_over_table(&mut page, rounds);
    write(
        &mut page,
        "\n| round | protocol | names | events | events/s | `replay --verify` |\n|---|---|---|---|---|---|"
            .into(),
    );
    for Done { round, took, judgement, verified, .. } in rounds {
        let names = if round.named { "yes" } else { "no" };
        let format = if round.avro { "Avro" } else { "JSON" };
        let rate = judgement.events as f64 / took.as_secs_f64();
        let (number, protocol, events) = (round.number, round.protocol, judgement.events);
        write(
            &mut page,
            format!("| {number} | {protocol} | {names} | {events} {format} | {rate:.0} | {verified} |"),
        );
    }
    page
}

fn stops(page: &mut String, rounds: &[Done]) {
    let mut kinds: BTreeMap<Fault, Vec<i64>> = BTreeMap::new();
    for (fault, stop) in rounds.iter().flat_map(|done| &done.stops) {
        kinds.entry(*fault).or_default().push(*stop);
    }
    page.push_str("\n| fault | times | longest stop of a partition, p50 | max |\n|---|---|---|---|\n");
    for (fault, mut stops) in kinds {
        let (times, (middle, most)) = (stops.len(), spread(&mut stops));
        let _ = writeln!(page, "| {} | {times} | {middle:.1} s | {most:.1} s |", fault.name());
    }
}

fn take_over_table(page: &mut String, rounds: &[Done]) {
    let mut kinds: BTreeMap<(String, bool, bool), Vec<i64>> = BTreeMap::new();
    for done in rounds {
        for (again_at_once, time) in &done.take_overs {
            let kind = (done.round.protocol.to_string(), done.round.named, *again_at_once);
            kinds.entry(kind).or_default().push(*time);
        }
    }
    page.push_str(
        "\n| kill -9 of an instance to deciding again | partitions | p50 | max |\n|---|---|---|---|\n",
    );
    for ((protocol, named, again_at_once), mut times) in kinds {
        let names = if named { "with names" } else { "without names" };
        let then = if again_at_once { "started again at once" } else { "taken over by another" };
        let (count, (middle, most)) = (times.len(), spread(&mut times));
        let _ = writeln!(page, "| {protocol}, {names}, {then} | {count} | {middle:.1} s | {most:.1} s |");
    }
}

/// The middle and the largest, in seconds.
fn spread(millis: &mut [i64]) -> (f64, f64) {
    millis.sort_unstable();
    let at = |place: usize| millis.get(place).map_or(0.0, |millis| seconds(*millis));
    let last = millis.len().saturating_sub(1);
    (at(last / 2), at(last))
}
