//! The profiles of a partition as the state of a unit: what happens to one, and the bytes of it in the journal.

use super::board::HashOfHash;
use super::key::{ProfileKey, ProfileKind};
use super::observation::Observation;
use super::profile::Profile;
use super::record::{ReferenceRecord, read_record, write_record};
use crate::codec::journal::{ByteReader, ByteWriter, JournalFault};
use crate::domain::Micros;
use crate::domain::hashing::TableHash;
use crate::pipeline::{SlotChange, SlotEntry, Slots};
use compact_str::CompactString;
use std::hash::{BuildHasher, BuildHasherDefault};

/// The profiles of a unit.
pub type ProfilesState = Slots<Profile>;

/// Something happens to a profile.
pub(super) type ProfileChange = SlotChange<Profile>;

/// The first that is seen of a profile.
#[derive(Clone, Debug)]
pub struct ProfileOpening {
    /// The stream time at which it is.
    pub(super) now: Micros,
    /// Its id, for people.
    pub(super) id: Option<CompactString>,
}

/// What happens to a profile.
#[derive(Clone, Debug)]
pub enum ProfileUpdate {
    /// Something was seen, at this stream time.
    Seen {
        /// The stream time.
        now: Micros,
        /// What was seen.
        observation: Observation,
    },
    /// A reference record came, or went.
    Listed(Option<ReferenceRecord>),
}

/// As the journal writes updates.
const SEEN: u8 = 1;
const LISTED: u8 = 2;

impl SlotEntry for Profile {
    type Key = ProfileKey;
    type OwnKey = ProfileKey;
    type Opening = ProfileOpening;
    type Update = ProfileUpdate;

    const NAME: &'static str = "profile";
    const FORGOTTEN: u8 = 3;

    fn opened(key: &ProfileKey, ProfileOpening { now, id }: &ProfileOpening) -> Self {
        Self::new(*key, *now, id.as_deref())
    }

    fn update(&mut self, update: &ProfileUpdate) {
        match update {
            ProfileUpdate::Seen { now, observation } => self.observe(observation, *now),
            ProfileUpdate::Listed(record) => self.set_record(record.clone()),
        }
    }

    fn key(&self) -> &ProfileKey {
        &self.key
    }

    fn key_text(key: &ProfileKey) -> String {
        key.text().into()
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn hash(key: &ProfileKey, _: &TableHash) -> u64 {
        BuildHasherDefault::<HashOfHash>::default().hash_one(key)
    }

    fn seen(&self) -> Micros {
        self.seen
    }

    fn stays(&self) -> bool {
        self.is_listed()
    }

    fn write_key(key: &ProfileKey, out: &mut ByteWriter) {
        out.byte(key.kind as u8);
        out.long(key.hash);
    }

    fn write_opening(ProfileOpening { now, id }: &ProfileOpening, out: &mut ByteWriter) {
        out.signed(now.0);
        out.optional_text(id.as_deref());
    }

    fn write_update(update: &ProfileUpdate, out: &mut ByteWriter) {
        match update {
            ProfileUpdate::Seen { now, observation } => {
                out.byte(SEEN);
                out.signed(now.0);
                observation.write(*now, out);
            }
            ProfileUpdate::Listed(record) => {
                out.byte(LISTED);
                write_record(record.clone(), out);
            }
        }
    }

    fn write(&self, out: &mut ByteWriter) {
        out.byte(1 + self.key.kind as u8);
        self.write_fields(out);
    }

    fn read_key(input: &mut ByteReader<'_>) -> Result<ProfileKey, JournalFault> {
        ProfileKey::read(input)
    }

    fn read_opening(input: &mut ByteReader<'_>) -> Result<ProfileOpening, JournalFault> {
        let now = Micros(input.signed()?);
        Ok(ProfileOpening { now, id: input.optional_text()?.map(CompactString::from) })
    }

    fn read_update(
        number: u8,
        key: &ProfileKey,
        input: &mut ByteReader<'_>,
    ) -> Result<ProfileUpdate, JournalFault> {
        match number {
            SEEN => {
                let now = Micros(input.signed()?);
                Ok(ProfileUpdate::Seen { now, observation: Observation::read(now, input)? })
            }
            LISTED => Ok(ProfileUpdate::Listed(read_record(key.kind, input)?)),
            _ => Err(JournalFault::Damaged("a change of a profile is of no kind")),
        }
    }

    fn read(number: u8, input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        match number {
            1 => Self::read_fields(ProfileKind::Terminal, input),
            2 => Self::read_fields(ProfileKind::Chip, input),
            _ => Err(JournalFault::Damaged("a profile is of no kind")),
        }
    }
}
