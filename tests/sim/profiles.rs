//! The shared profiles of a run: what every process reads of them, and whether they are what decisions saw, each once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

pub use tillgate::profiles::{FLOW, Setup};
use tillgate::{
    codec::journal::ByteWriter,
    domain::{
        PartitionId,
        flow::{FlowTopics, Topics},
        partitioner::Partitioner,
    },
    pipeline::{DecisionSink, Division, InputRecord, Latest, Outbound, PartitionSettings, Restore, State},
    profiles::{
        Board, OBSERVATIONS, Observation, PROFILES, Partition, ProfileKey, Profiles, read_observations,
    },
};

use super::{
    again::in_record,
    checker::{Seen, stored},
    log::{Record, Topic},
    planted::is_poison,
    world::{Seat, World},
};
use tillgate::domain::promise::Promise;

/// Its topics.
pub fn topics() -> FlowTopics {
    Topics::of_profiles(
        ["tillgate.observations".to_owned(), "profile.records".to_owned()],
        "tillgate.profiles".to_owned(),
        "profile.dead-letters".to_owned(),
        "tillgate.profiles-journal".to_owned(),
    )
}

/// Settings under which journals turn over often.
pub fn settings(partitions: u32) -> PartitionSettings {
    PartitionSettings {
        checkpoint_records_per_entry: 1,
        rotation_records_min: 8,
        journal_record_bytes_max: 4_000,
        division: Division { partitioner: Partitioner::Murmur2, partitions },
    }
}

/// Reads what is published into a process's board, now and then, until the process has ended.
pub fn follow(seat: &Seat, board: &Board, ended: &AtomicBool) {
    let partitions = seat.world().flows[&FLOW];
    let mut next = vec![0; partitions as usize];
    while !ended.load(Ordering::Relaxed) {
        {
            let mut world = seat.world();
            for (partition, next) in PartitionId::all(partitions).zip(&mut next) {
                let log = world.log((Topic::Output(&FLOW, PROFILES), partition));
                for (at, record) in log.committed(*next) {
                    let key = record.key.as_deref().expect("a key");
                    board.set(key, record.value.as_deref()).expect("a profile");
                    *next = at + 1;
                }
            }
        }
        let wait = seat.world().millis(20, 900);
        seat.sleep(wait.max(Duration::from_millis(1)));
    }
}

/// An observation, as it can be told from others.
pub type Observed = (ProfileKey, String);

fn told(key: ProfileKey, observation: &Observation) -> Observed {
    (key, format!("{observation:?}"))
}

/// The observations of a record.
pub fn of_record(value: &[u8]) -> Vec<Observed> {
    let (_, keys) = read_observations(value).expect("observations");
    let all = keys.iter().flat_map(|of_key| of_key.seen.iter().map(|seen| told(of_key.key, seen)));
    all.collect()
}

/// Nothing of a unit goes anywhere but to its end of batch.
#[derive(Default)]
struct Letters(u64);

impl DecisionSink<Profiles> for Letters {
    fn send(&mut self, (): &(), _outbound: &Outbound<'_>) {}

    fn dead_letter(&mut self, _record: &InputRecord<'_>, _code: &'static str, _message: &str) {
        self.0 += 1;
    }
}

/// Checks every unit: each observation is there once, the journal folds to what they give, and that is published.
///
/// # Errors
/// The first promise that is broken.
pub fn check(
    world: &World,
    partitions: u32,
    mut expected: Vec<Observed>,
    seen: &mut Seen,
) -> Result<(), String> {
    let mut found = Vec::new();
    for partition in PartitionId::all(partitions) {
        let broken = |promise: Promise| {
            move |text: String| promise.broken(format_args!("profiles partition {partition}: {text}"))
        };
        let mut again =
            Partition::of(Profiles::new(2, settings(partitions).division), partition, settings(partitions));
        let mut letters = Letters::default();
        let given_up = given_up(world, partitions, partition);
        let records = stored(world, (Topic::Input(&FLOW, OBSERVATIONS), partition));
        for (offset, record) in &records {
            found.extend(of_record(record.value.as_deref().unwrap_or_default()));
            let record = in_record(&FLOW, (OBSERVATIONS, partition, *offset), record);
            if given_up.contains(offset) && is_poison(record.value) {
                again.on_failed_record(&record, &mut Letters::default());
                continue;
            }
            let taken = again.on_record((), &record, &mut letters);
            taken.map_err(|interrupt| broken(Promise::SameBytes)(interrupt.to_string()))?;
        }
        if letters.0 > 0 {
            return Err(broken(Promise::DeadLetters)(format!("{} observations are none", letters.0)));
        }
        if records.is_empty() {
            continue;
        }
        published(world, &mut again).map_err(broken(Promise::SameBytes))?;
        journal(world, partitions, &again).map_err(broken(Promise::Journal))?;
        *seen.entry("profiles").or_default() += again.state().len() as u64;
    }
    *seen.entry("observations").or_default() += found.len() as u64;
    found.sort();
    expected.sort();
    if found == expected {
        return Ok(());
    }
    let differs = found.iter().zip(&expected).find(|(found, expected)| found != expected);
    let (found, expected) = (found.len(), expected.len());
    let text = format!("{found} observations, expected {expected}: first difference {differs:?}");
    Err(Promise::Once.broken(text))
}

/// Offsets of the observations on which the decision panicked again and again.
fn given_up(world: &World, partitions: u32, of: PartitionId) -> BTreeSet<i64> {
    let letters = PartitionId::all(partitions)
        .flat_map(|partition| stored(world, (Topic::DeadLetters(&FLOW), partition)));
    let number = |record: &Record, name| {
        String::from_utf8_lossy(record.header(name).unwrap_or_default()).parse::<i64>().expect("a number")
    };
    let own = letters.filter(|(_, record)| number(record, "source.partition") == i64::from(of));
    own.map(|(_, record)| number(&record, "source.offset")).collect()
}

/// What is published last of each key is what all observations give.
fn published(world: &World, again: &mut Partition) -> Result<(), String> {
    let mut expected = BTreeMap::new();
    again.end_batch(&mut |outbound| {
        expected.insert(outbound.key.to_vec(), outbound.value.map(<[u8]>::to_vec));
    });
    let mut found = BTreeMap::new();
    for (_, record) in stored(world, (Topic::Output(&FLOW, PROFILES), again.number())) {
        found.insert(record.key.clone().unwrap_or_default(), record.value.clone());
    }
    // Those that were forgotten meanwhile.
    found.retain(|_, value| value.is_some());
    match found == expected {
        true => Ok(()),
        false => Err(format!("{} profiles are published, not as {} observed", found.len(), expected.len())),
    }
}

fn journal(world: &World, partitions: u32, again: &Partition) -> Result<(), String> {
    let log = &world.logs[&(Topic::Journal(&FLOW), again.number())];
    let (trimmed, whole): (Vec<_>, Vec<_>) = (log.committed(0).collect(), log.ever_committed().collect());
    for records in [trimmed, whole] {
        let empty = Partition::of(
            Profiles::new(2, settings(partitions).division),
            again.number(),
            settings(partitions),
        );
        let mut restore = Restore::new(empty);
        for (at, record) in records {
            let value = record.value.as_deref().unwrap_or_default();
            restore.on_record(value).map_err(|fault| format!("the journal at {at}: {fault}"))?;
        }
        let folded = restore.finish().map_err(|fault| fault.to_string())?;
        if (entries(&folded), folded.state().stream_time(), folded.positions())
            != (entries(again), again.state().stream_time(), again.positions())
        {
            return Err("the journal does not fold to the state that its inputs give".to_owned());
        }
    }
    Ok(())
}

fn entries(partition: &Partition) -> BTreeMap<String, Vec<u8>> {
    let state = partition.state();
    let entry = |slot: u32| {
        let mut writer = ByteWriter(Vec::new());
        state.write_entry(slot, &mut writer);
        Some((state.key(slot)?.to_owned(), writer.0))
    };
    (0..state.entries() as u32).filter_map(entry).collect()
}
