//! The state of shared profiles: an abort puts everything back, the journal folds to the same from its beginning and from each
//! complete rotation, what is published is what is known, and nothing that somebody writes grows it without bound.

use proptest::prelude::*;
use std::collections::BTreeMap;
use tillgate::codec::journal::ByteWriter;
use tillgate::domain::Micros;
use tillgate::domain::enums::{CountryCode, Verdict};
use tillgate::domain::limits;
use tillgate::domain::partitioner::Partitioner;
use tillgate::domain::record::RecordTime;
use tillgate::pipeline::{DecisionSink, Division, InputRecord, Outbound, PartitionSettings, Restore, State};
use tillgate::profiles::{
    OBSERVATIONS, Observation, Observations, PROFILE_RECORDS, Partition, ProfileKey, Profiles, Use,
};

const HOUR: i64 = 3_600_000_000;

fn empty() -> Partition {
    let settings = PartitionSettings {
        checkpoint_records_per_entry: 1,
        rotation_records_min: 3,
        journal_record_bytes_max: 4_000,
        division: Division { partitioner: Partitioner::Murmur2, partitions: 1 },
    };
    Partition::of(Profiles::new(2, settings.division), 0.into(), settings)
}

/// Codes of the dead letters.
#[derive(Default)]
struct Letters(Vec<&'static str>);

impl DecisionSink<Profiles> for Letters {
    fn send(&mut self, (): &(), _outbound: &Outbound<'_>) {}

    fn dead_letter(&mut self, _record: &InputRecord<'_>, code: &'static str, _message: &str) {
        self.0.push(code);
    }
}

fn feed(
    partition: &mut Partition,
    input: usize,
    key: &str,
    value: Option<&[u8]>,
    written: Micros,
) -> Letters {
    let record = InputRecord {
        input,
        partition: 0.into(),
        offset: partition.positions()[input].unwrap_or(0),
        timestamp_millis: written.0 / 1_000,
        time: RecordTime::Written(written),
        key: Some(key.as_bytes()),
        value,
        schema_guid: None,
        request_id: None,
    };
    let mut letters = Letters::default();
    partition.on_record((), &record, &mut letters).expect("a sound state");
    letters
}

fn observe(partition: &mut Partition, seen: &[(ProfileKey, Observation)], now: Micros) -> Letters {
    let mut observations = Observations::default();
    for (key, observation) in seen {
        observations.add(*key, Some("T"), observation.clone());
    }
    let mut letters = Letters::default();
    observations.drain(now, Partitioner::Murmur2, 1, |_, value| {
        letters.0.extend(feed(partition, OBSERVATIONS, "0", Some(value), now).0);
    });
    letters
}

fn key(chip: bool, hash: u64) -> ProfileKey {
    if chip { ProfileKey::chip(hash) } else { ProfileKey::terminal(hash) }.expect("not 0")
}

fn used(account: u64, time: i64) -> Observation {
    Observation::Used(Use {
        time: Micros(time),
        account,
        verdict: Verdict::ALL[(account % 3) as usize],
        granted: false,
        country: CountryCode::No,
        terminal: account + 1,
        name: Some("Kiosk".into()),
    })
}

/// What happens in one batch.
#[derive(Clone, Debug)]
enum Step {
    Seen(Vec<(bool, u64, u64, u8)>),
    Listed {
        chip: bool,
        hash: u64,
        gone: bool,
    },
    /// Long enough for what nobody uses to be forgotten.
    Month,
}

fn step() -> impl Strategy<Value = Step> {
    let seen = (any::<bool>(), 1u64..7, 0u64..4, 0u8..4);
    prop_oneof![
        4 => prop::collection::vec(seen, 1..8).prop_map(Step::Seen),
        1 => (any::<bool>(), 1u64..7, any::<bool>()).prop_map(|(chip, hash, gone)| Step::Listed { chip, hash, gone }),
        1 => Just(Step::Month),
    ]
}

fn take(partition: &mut Partition, step: &Step, now: &mut i64) {
    *now += HOUR;
    match step {
        Step::Month => *now += 40 * 24 * HOUR,
        Step::Listed { chip, hash, gone } => {
            let value = if *chip { r#"{"blocked":true}"# } else { r#"{"country":"SE"}"# };
            let value = (!gone).then_some(value.as_bytes());
            feed(partition, PROFILE_RECORDS, &key(*chip, *hash).text(), value, Micros(*now));
        }
        Step::Seen(all) => {
            let observation = |(chip, hash, account, kind): &(bool, u64, u64, u8)| {
                let observation = match (kind, chip) {
                    (0, true) => Observation::Registered { account: *account, on: true },
                    (1, true) => Observation::Registered { account: *account, on: false },
                    (0, false) => Observation::Fraud { transaction: *account, time: Micros(*now), on: true },
                    (1, false) => Observation::Fraud { transaction: *account, time: Micros(*now), on: false },
                    _ => used(*account, *now),
                };
                (key(*chip, *hash), observation)
            };
            let all: Vec<_> = all.iter().map(observation).collect();
            assert_eq!(observe(partition, &all, Micros(*now)).0, [""; 0]);
        }
    }
}

/// Every profile's bytes by its key, and the time.
fn all(partition: &Partition) -> (Micros, BTreeMap<String, Vec<u8>>) {
    let state = partition.state();
    let entry = |slot: u32| {
        let mut writer = ByteWriter(Vec::new());
        state.write_entry(slot, &mut writer);
        Some((state.key(slot)?.to_owned(), writer.0))
    };
    (state.stream_time(), (0..state.entries() as u32).filter_map(entry).collect())
}

fn publish(partition: &mut Partition, published: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    partition.end_batch(&mut |outbound| {
        match outbound.value {
            Some(value) => published.insert(outbound.key.to_vec(), value.to_vec()),
            None => published.remove(outbound.key),
        };
    });
}

proptest! {
    #[test]
    fn aborts_leave_no_trace_and_the_journal_folds_to_the_state(
        batches in prop::collection::vec((prop::collection::vec(step(), 1..4), any::<bool>()), 1..25),
    ) {
        let (mut partition, mut twin) = (empty(), empty());
        let (mut now, mut journal, mut begins) = (HOUR, Vec::new(), vec![0]);
        let (mut published, mut by_twin) = (BTreeMap::new(), BTreeMap::new());
        for (steps, commits) in &batches {
            let (before, begun) = (all(&partition), now);
            steps.iter().for_each(|step| take(&mut partition, step, &mut now));
            if !commits {
                partition.aborted();
                prop_assert_eq!(all(&partition), before);
                now = begun;
                continue;
            }
            publish(&mut partition, &mut published);
            let written = partition.journal("writer");
            if written.rotation_begins {
                begins.push(journal.len());
            }
            let completes = written.rotation_completes;
            journal.extend(written.records);
            partition.committed();
            let mut of_twin = begun;
            for step in steps {
                take(&mut twin, step, &mut of_twin);
                publish(&mut twin, &mut by_twin);
                twin.committed();
            }
            prop_assert_eq!(all(&partition), all(&twin));
            prop_assert_eq!(&published, &by_twin, "whatever batches are");
            let mut starts = vec![0];
            starts.extend(begins.last().filter(|_| completes));
            for start in starts {
                let mut restore = Restore::new(empty());
                for record in &journal[start..] {
                    restore.on_record(record).expect("a journal that fits together");
                }
                prop_assert_eq!(all(&restore.finish().expect("a state")), all(&partition), "from {}", start);
            }
        }
    }
}

#[test]
fn nobody_makes_a_profile_grow_without_bound() {
    let mut partition = empty();
    let now = Micros(HOUR);
    let each =
        |number: u64| (key(number.is_multiple_of(2), 1 + number % 2), used(number, HOUR + number as i64));
    let many: Vec<_> = (0..5_000).map(each).collect();
    assert_eq!(observe(&mut partition, &many, now).0, [""; 0]);
    let frauds: Vec<_> = (0..5_000)
        .map(|transaction| (key(false, 2), Observation::Fraud { transaction, time: now, on: true }))
        .collect();
    observe(&mut partition, &frauds, now);
    let owners: Vec<_> =
        (0..5_000).map(|account| (key(true, 1), Observation::Registered { account, on: true })).collect();
    observe(&mut partition, &owners, now);
    for (key, bytes) in all(&partition).1 {
        assert!(bytes.len() < 8_000, "{key}: {} bytes", bytes.len());
    }
    let long = "n".repeat(limits::ID_CHARS_MAX + 1);
    let record = format!(r#"{{"posId":"{long}","disabled":true}}"#);
    let of_long = ProfileKey::of_terminal(&long).expect("an id").text();
    assert_eq!(feed(&mut partition, PROFILE_RECORDS, &of_long, Some(record.as_bytes()), now).0, ["400.001"]);
    let other = br#"{"posId":"another","disabled":true}"#;
    assert_eq!(feed(&mut partition, PROFILE_RECORDS, &key(false, 9).text(), Some(other), now).0, ["400.003"]);
    assert_eq!(feed(&mut partition, PROFILE_RECORDS, "T-1", Some(b"{}"), now).0, ["400.003"]);
    let named = Use {
        name: Some(long.into()),
        ..match used(1, HOUR) {
            Observation::Used(seen) => seen,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(observe(&mut partition, &[(key(false, 1), Observation::Used(named))], now).0, ["400.001"]);
}

#[test]
fn a_partition_whose_time_ran_ahead_takes_no_others_profiles_along() {
    let mut partition = empty();
    observe(&mut partition, &[(key(false, 1), used(1, HOUR))], Micros(HOUR));
    let mut observations = Observations::default();
    observations.add(key(false, 2), None, used(2, i64::MAX));
    observations.drain(Micros(i64::MAX), Partitioner::Murmur2, 1, |_, value| {
        feed(&mut partition, OBSERVATIONS, "0", Some(value), Micros(2 * HOUR));
    });
    let (time, profiles) = all(&partition);
    assert_eq!(time, Micros(2 * HOUR).plus(limits::PROFILE_TIME_AHEAD));
    assert_eq!(profiles.len(), 2);
}
