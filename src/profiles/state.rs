//! The profiles of a partition as the state of a unit, the oldest forgotten first; and how changes of them are journalled.

use super::key::Key;
use super::observation::Observation;
use super::profile::Profile;
use super::record::{ReferenceRecord, read_record, write_record};
use crate::codec::journal::{ByteReader, ByteWriter, JournalFault};
use crate::domain::hashing::TableHash;
use crate::domain::{Micros, limits};
use crate::pipeline::{FoldFault, Slots, State};
use compact_str::CompactString;
use std::collections::BTreeMap;

/// What happens to a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileChange {
    /// Key of the profile.
    pub(super) key: Key,
    /// What happens to it.
    pub(super) what: ProfileUpdate,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProfileUpdate {
    /// The first is seen of it; its id, for people.
    Opened { now: Micros, id: Option<CompactString> },
    /// Something was seen, at this stream time.
    Seen { now: Micros, observation: Observation },
    /// A reference record came, or went.
    Listed(Option<ReferenceRecord>),
    /// Nobody uses it any more.
    Forgotten,
}

/// The profiles of a unit.
#[derive(Clone, Debug)]
pub struct ProfilesState {
    profiles: Slots<Profile>,
}

impl Default for ProfilesState {
    fn default() -> Self {
        Self { profiles: Slots::new(TableHash::default()) }
    }
}

impl ProfilesState {
    pub(super) fn get(&self, key: Key) -> Option<&Profile> {
        self.profiles.get(&key)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.profiles.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.profiles.is_empty()
    }

    /// The one that was used longest ago and may be forgotten: because that is long enough ago, or because there is no
    /// room for a further one.
    pub(super) fn to_forget(&self, for_room: bool) -> Option<Key> {
        let is_full = for_room && self.len() >= limits::PROFILES_PER_PARTITION_MAX;
        let is_old = |profile: &&Profile| profile.seen < self.stream_time().minus(limits::PROFILE_MEMORY);
        self.profiles.oldest().filter(|profile| is_full || is_old(profile)).map(|profile| profile.key)
    }

    /// The profiles that the batch has touched, as they were before it and as they are now.
    pub(super) fn changed(&self) -> BTreeMap<Key, [Option<&Profile>; 2]> {
        let mut changed: BTreeMap<Key, [Option<&Profile>; 2]> = BTreeMap::new();
        for touched in self.profiles.touched() {
            for (place, profile) in touched.into_iter().enumerate() {
                if let Some(profile) = profile {
                    // A key that was forgotten and came again may have been in another slot.
                    changed.entry(profile.key).or_default()[place] = Some(profile);
                }
            }
        }
        changed
    }

    fn make(&mut self, change: &ProfileChange) -> Result<(), String> {
        let ProfileChange { key, what } = change;
        let known = self.profiles.slot_of(key);
        match (what, known) {
            (ProfileUpdate::Opened { now, id }, None) => {
                self.profiles.insert(Profile::new(*key, *now, id.as_deref()));
            }
            (ProfileUpdate::Opened { .. }, Some(_)) => {
                return Err(format!("profile {} was there before", key.text()));
            }
            (ProfileUpdate::Forgotten, Some(slot)) => self.profiles.remove(slot),
            (ProfileUpdate::Seen { now, observation }, Some(slot)) => {
                self.profiles.alter(slot, |profile| profile.observe(observation, *now));
            }
            (ProfileUpdate::Listed(record), Some(slot)) => {
                self.profiles.alter(slot, |profile| profile.set_record(record.clone()));
            }
            (_, None) => return Err(format!("there is no profile {}", key.text())),
        }
        Ok(())
    }
}

/// As the journal writes changes.
const OPENED: u8 = 0;
const SEEN: u8 = 1;
const LISTED: u8 = 2;
const FORGOTTEN: u8 = 3;

fn read_change(input: &mut ByteReader<'_>) -> Result<ProfileChange, JournalFault> {
    let key = Key::read(input)?;
    let what = match input.byte()? {
        OPENED => ProfileUpdate::Opened {
            now: Micros(input.signed()?),
            id: input.optional_text()?.map(CompactString::from),
        },
        SEEN => {
            let now = Micros(input.signed()?);
            ProfileUpdate::Seen { now, observation: Observation::read(now, input)? }
        }
        LISTED => ProfileUpdate::Listed(read_record(key.kind, input)?),
        FORGOTTEN => ProfileUpdate::Forgotten,
        _ => return Err(JournalFault::Damaged("a change of a profile is of no kind")),
    };
    Ok(ProfileChange { key, what })
}

impl State for ProfilesState {
    type Change<'a> = ProfileChange;

    fn stream_time(&self) -> Micros {
        self.profiles.stream_time()
    }

    fn advance(&mut self, time: Micros) {
        if time > self.stream_time() {
            self.set_time(time);
        }
    }

    fn set_time(&mut self, time: Micros) {
        self.profiles.set_time(time);
    }

    /// Free slots count too: a rotation goes over all of them.
    fn entries(&self) -> usize {
        self.profiles.places()
    }

    fn key(&self, slot: u32) -> Option<&str> {
        self.profiles.at(slot).map(|profile| profile.text.as_str())
    }

    fn apply(&mut self, change: &ProfileChange) -> Result<(), String> {
        self.make(change)
    }

    fn keep(&mut self) {
        self.profiles.keep();
    }

    fn undo(&mut self) {
        self.profiles.undo();
    }

    fn write_change(change: &ProfileChange, out: &mut ByteWriter) {
        out.byte(change.key.kind as u8);
        out.long(change.key.hash);
        match &change.what {
            ProfileUpdate::Opened { now, id } => {
                out.byte(OPENED);
                out.signed(now.0);
                out.optional_text(id.as_deref());
            }
            ProfileUpdate::Seen { now, observation } => {
                out.byte(SEEN);
                out.signed(now.0);
                observation.write(*now, out);
            }
            ProfileUpdate::Listed(record) => {
                out.byte(LISTED);
                write_record(record.clone(), out);
            }
            ProfileUpdate::Forgotten => out.byte(FORGOTTEN),
        }
    }

    fn write_entry(&self, slot: u32, out: &mut ByteWriter) {
        match self.profiles.at(slot) {
            Some(profile) => profile.write(out),
            None => out.byte(0),
        }
    }

    fn fold_changes(
        &mut self,
        count: usize,
        input: &mut ByteReader<'_>,
        pass_over: bool,
    ) -> Result<(), FoldFault> {
        for _ in 0..count {
            let change = read_change(input)?;
            let is_known = self.profiles.slot_of(&change.key).is_some();
            match (&change.what, is_known) {
                // It comes as a whole later, or was forgotten before it did.
                (ProfileUpdate::Seen { .. } | ProfileUpdate::Listed(_) | ProfileUpdate::Forgotten, false)
                    if pass_over =>
                {
                    continue;
                }
                // An earlier slice had it as a whole before it was forgotten and came again.
                (ProfileUpdate::Opened { .. }, true) if pass_over => {
                    let forgotten = ProfileChange { key: change.key, what: ProfileUpdate::Forgotten };
                    self.make(&forgotten).map_err(FoldFault::State)?;
                }
                _ => {}
            }
            self.make(&change).map_err(FoldFault::State)?;
        }
        self.keep();
        Ok(())
    }

    fn fold_entries(&mut self, count: usize, input: &mut ByteReader<'_>) -> Result<(), JournalFault> {
        for _ in 0..count {
            if let Some(profile) = Profile::read(input)? {
                self.profiles.load(profile);
            }
        }
        Ok(())
    }

    fn keys(changes: usize, entries: usize, input: &mut ByteReader<'_>) -> Result<Vec<String>, JournalFault> {
        let mut keys = Vec::new();
        for _ in 0..changes {
            keys.push(read_change(input)?.key.text().into());
        }
        for _ in 0..entries {
            keys.extend(Profile::read(input)?.map(|profile| profile.text.into()));
        }
        Ok(keys)
    }
}
