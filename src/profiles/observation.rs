//! What decisions saw of terminals and chips, and its bytes: one record per transaction and partition of this flow, split
//! where it grows too long. tillgate alone writes and reads these; bytes of a newer version are refused.

use super::key::ProfileKey;
use crate::codec::journal::{ByteReader, ByteWriter, JournalFault};
use crate::domain::enums::{CountryCode, Verdict};
use crate::domain::partitioner::Partitioner;
use crate::domain::{Micros, PartitionId, limits};
use compact_str::CompactString;

/// The version that is written.
const VERSION: u8 = 1;

/// Something seen of a terminal or a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A purchase, a withdrawal or a positive correction was judged, or one that waited was granted.
    Used(Use),
    /// The account system told that a chip is registered for an account, or is no more.
    Registered {
        /// Hash of the account's number.
        account: u64,
        /// Whether it is.
        on: bool,
    },
    /// The account system told that an event is fraud, or is not after all.
    Fraud {
        /// Hash of the event's transactionId.
        transaction: u64,
        /// When the event happened.
        time: Micros,
        /// Whether it is.
        on: bool,
    },
}

/// A use of a terminal or a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// When the event happened.
    pub time: Micros,
    /// Hash of the account's number.
    pub account: u64,
    /// What was answered.
    pub verdict: Verdict,
    /// The event was counted when it was answered Pending: this is its grant.
    pub granted: bool,
    /// The event's country.
    pub country: CountryCode,
    /// Of a chip: the terminal's hash, 0 where there was none.
    pub terminal: u64,
    /// Of a terminal: its name, where the event gives one.
    pub name: Option<CompactString>,
}

/// What the decisions of a batch saw.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    seen: Vec<(ProfileKey, Option<CompactString>, Observation)>,
}

impl Observations {
    /// One more; `id` is a terminal's id, for people.
    pub fn add(&mut self, key: ProfileKey, id: Option<&str>, observation: Observation) {
        self.seen.push((key, id.map(CompactString::from), observation));
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.seen.clear();
    }

    /// Hands over the records for each partition of this flow, among so many, and forgets them. `now` is the stream time of
    /// whoever saw them. Those of one key are in one record in the order they were seen, unless it is split.
    pub fn drain(
        &mut self,
        now: Micros,
        partitioner: Partitioner,
        partitions: u32,
        mut send: impl FnMut(PartitionId, &[u8]),
    ) {
        self.seen.sort_by_key(|(key, ..)| *key);
        let mut records: Vec<ObservationRecord> = Vec::new();
        records.resize_with(partitions as usize, ObservationRecord::default);
        for of_key in self.seen.chunk_by(|(one, ..), (other, ..)| one == other) {
            let key = of_key[0].0;
            let partition = partitioner.partition_of(key.text().as_bytes(), partitions);
            let Some(record) = records.get_mut(partition.index()) else { continue };
            // A key with very many uses does not make a record longer than a topic takes.
            for some in of_key.chunks(limits::OBSERVATIONS_OF_KEY_MAX) {
                if record.is_full() {
                    send(partition, &std::mem::take(record).bytes(now));
                }
                record.add(key, some, now);
            }
        }
        for (partition, record) in
            PartitionId::all(partitions).zip(records).filter(|(_, record)| record.keys > 0)
        {
            send(partition, &record.bytes(now));
        }
        self.seen.clear();
    }
}

/// A record under way.
#[derive(Default)]
struct ObservationRecord {
    keys: usize,
    body: ByteWriter,
}

impl ObservationRecord {
    fn is_full(&self) -> bool {
        self.body.0.len() >= limits::OBSERVATIONS_RECORD_BYTES_MAX / 2
    }

    fn add(
        &mut self,
        key: ProfileKey,
        seen: &[(ProfileKey, Option<CompactString>, Observation)],
        now: Micros,
    ) {
        self.keys += 1;
        let out = &mut self.body;
        out.byte(key.kind as u8);
        out.long(key.hash);
        out.optional_text(seen.iter().find_map(|(_, id, _)| id.as_deref()));
        out.unsigned(seen.len() as u64);
        seen.iter().for_each(|(.., observation)| observation.write(now, out));
    }

    fn bytes(self, now: Micros) -> Vec<u8> {
        let mut out = ByteWriter(Vec::with_capacity(self.body.0.len() + 24));
        out.byte(VERSION);
        out.signed(now.0);
        out.unsigned(self.keys as u64);
        out.0.extend_from_slice(&self.body.0);
        out.0
    }
}

const USED: u8 = 0;
const REGISTERED: u8 = 1;
const FRAUD: u8 = 2;

impl Observation {
    /// Appends it; times are written as differences to `base`.
    pub(super) fn write(&self, base: Micros, out: &mut ByteWriter) {
        match self {
            Self::Used(seen) => {
                out.byte(USED | (seen.verdict as u8) << 2 | u8::from(seen.granted) << 4);
                out.signed(seen.time.0.wrapping_sub(base.0));
                out.long(seen.account);
                out.byte(seen.country as u8);
                out.long(seen.terminal);
                out.optional_text(seen.name.as_deref());
            }
            Self::Registered { account, on } => {
                out.byte(REGISTERED | u8::from(*on) << 2);
                out.long(*account);
            }
            Self::Fraud { transaction, time, on } => {
                out.byte(FRAUD | u8::from(*on) << 2);
                out.long(*transaction);
                out.signed(time.0.wrapping_sub(base.0));
            }
        }
    }

    /// Reads one.
    pub(super) fn read(base: Micros, input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let head = input.byte()?;
        let on = head >> 2 & 1 == 1;
        let time =
            |input: &mut ByteReader<'_>| Ok::<_, JournalFault>(Micros(input.signed()?.wrapping_add(base.0)));
        Ok(match head & 3 {
            USED => Self::Used(Use {
                time: time(input)?,
                account: input.long()?,
                verdict: Verdict::ALL[usize::from(head >> 2 & 3)],
                granted: head >> 4 & 1 == 1,
                country: *CountryCode::ALL
                    .get(usize::from(input.byte()?))
                    .ok_or(JournalFault::Damaged("a country is none"))?,
                terminal: input.long()?,
                name: short(input.optional_text()?)?,
            }),
            REGISTERED => Self::Registered { account: input.long()?, on },
            FRAUD => Self::Fraud { transaction: input.long()?, time: time(input)?, on },
            _ => return Err(JournalFault::Damaged("an observation is of no kind")),
        })
    }
}

const _: () = assert!(Verdict::ALL.len() == 4);

/// A text that whoever wrote it has cut: state and journal must not grow by a longer one.
fn short(text: Option<&str>) -> Result<Option<CompactString>, JournalFault> {
    match text {
        Some(text) if text.chars().count() > limits::ID_CHARS_MAX => {
            Err(JournalFault::Damaged("a name is too long"))
        }
        text => Ok(text.map(CompactString::from)),
    }
}

/// What a record says of one key.
#[derive(Debug, PartialEq, Eq)]
pub struct OfKey {
    /// Of which.
    pub key: ProfileKey,
    /// A terminal's id, for people.
    pub id: Option<CompactString>,
    /// What was seen, in order.
    pub seen: Vec<Observation>,
}

/// Reads a record: the stream time of whoever wrote it, and what it says of each key.
///
/// # Errors
/// The bytes are damaged, or of a newer version.
pub fn read(bytes: &[u8]) -> Result<(Micros, Vec<OfKey>), JournalFault> {
    if bytes.len() > limits::OBSERVATIONS_RECORD_BYTES_MAX {
        return Err(JournalFault::Damaged("a record of observations is too long"));
    }
    let mut input = ByteReader::new(bytes);
    match input.byte()? {
        VERSION => {}
        other => return Err(JournalFault::Version(other)),
    }
    let now = Micros(input.signed()?);
    let count = input.count()?;
    let mut keys = Vec::with_capacity(count.min(limits::OBSERVATIONS_OF_KEY_MAX));
    for _ in 0..count {
        let key = ProfileKey::read(&mut input)?;
        let id = short(input.optional_text()?)?;
        let count = input.count()?;
        if count > limits::OBSERVATIONS_OF_KEY_MAX {
            return Err(JournalFault::Damaged("too many observations of one profile"));
        }
        let seen = (0..count).map(|_| Observation::read(now, &mut input));
        keys.push(OfKey { key, id, seen: seen.collect::<Result<_, _>>()? });
    }
    match input.is_empty() {
        true => Ok((now, keys)),
        false => Err(JournalFault::Damaged("something follows the last observation")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::ProfileKind;
    use super::*;
    use proptest::prelude::*;

    fn observation() -> impl Strategy<Value = Observation> {
        let verdict = prop::sample::select(Verdict::ALL);
        let country = prop::sample::select(CountryCode::ALL);
        let name = prop::option::of(".{0,9}".prop_map(CompactString::from));
        let used = (any::<i64>(), any::<u64>(), verdict, any::<bool>(), country, any::<u64>(), name)
            .prop_map(|(time, account, verdict, granted, country, terminal, name)| {
                let time = Micros(time);
                Observation::Used(Use { time, account, verdict, granted, country, terminal, name })
            });
        prop_oneof![
            used,
            (any::<u64>(), any::<bool>()).prop_map(|(account, on)| Observation::Registered { account, on }),
            (any::<u64>(), any::<i64>(), any::<bool>()).prop_map(|(transaction, time, on)| {
                Observation::Fraud { transaction, time: Micros(time), on }
            }),
        ]
    }

    proptest! {
        #[test]
        fn records_say_of_each_key_what_was_seen_in_its_order(
            seen in prop::collection::vec((any::<bool>(), 1u64..6, observation()), 1..40),
            now in any::<i64>(),
        ) {
            let key = |(chip, hash): (bool, u64)| ProfileKey { kind: if chip { ProfileKind::Chip } else { ProfileKind::Terminal }, hash };
            let mut observations = Observations::default();
            for (chip, hash, observation) in &seen {
                observations.add(key((*chip, *hash)), Some("T"), observation.clone());
            }
            let mut found: Vec<(ProfileKey, Observation)> = Vec::new();
            observations.drain(Micros(now), Partitioner::Murmur2, 3, |partition, bytes| {
                let (time, keys) = read(bytes).expect("it was just written");
                assert_eq!(time, Micros(now));
                for of_key in keys {
                    let at_home = Partitioner::Murmur2.partition_of(of_key.key.text().as_bytes(), 3);
                    assert_eq!(at_home, partition);
                    found.extend(of_key.seen.into_iter().map(|observation| (of_key.key, observation)));
                }
            });
            prop_assert!(observations.is_empty());
            found.sort_by_key(|(key, _)| *key);
            let mut wanted: Vec<(ProfileKey, Observation)> =
                seen.into_iter().map(|(chip, hash, observation)| (key((chip, hash)), observation)).collect();
            wanted.sort_by_key(|(key, _)| *key);
            prop_assert_eq!(found, wanted);
        }

        #[test]
        fn damaged_records_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&bytes);
        }
    }

    #[test]
    fn many_uses_of_one_terminal_are_split_into_records_that_a_topic_takes() {
        let mut observations = Observations::default();
        let key = ProfileKey { kind: ProfileKind::Terminal, hash: 7 };
        let name = "n".repeat(limits::ID_CHARS_MAX);
        for account in 0..20_000 {
            let used = Use {
                time: Micros(0),
                account,
                verdict: Verdict::Accepted,
                granted: false,
                country: CountryCode::No,
                terminal: 0,
                name: Some((&*name).into()),
            };
            observations.add(key, None, Observation::Used(used));
        }
        let mut accounts = Vec::new();
        observations.drain(Micros(1), Partitioner::Murmur2, 1, |_, bytes| {
            assert!(bytes.len() <= limits::OBSERVATIONS_RECORD_BYTES_MAX, "{}", bytes.len());
            for of_key in read(bytes).expect("a record").1 {
                accounts.extend(of_key.seen.iter().map(|seen| match seen {
                    Observation::Used(seen) => seen.account,
                    other => panic!("{other:?}"),
                }));
            }
        });
        assert_eq!(accounts, (0..20_000).collect::<Vec<u64>>());
    }
}
