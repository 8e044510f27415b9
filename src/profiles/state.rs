//! The profiles of a partition as the state of a unit: in slots, each found by its key, the oldest forgotten first. A slot
//! that was freed is used again, so what is new there is always journalled as a whole.

use super::board::HashOfHash;
use super::key::Key;
use super::observation::Observation;
use super::profile::{Profile, read_record, write_record};
use super::record::Record;
use crate::codec::journal::{JournalFault, Reader, Writer};
use crate::domain::{Micros, limits};
use crate::pipeline::{FoldFault, State};
use compact_str::CompactString;
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasherDefault;

/// What happens to a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which one.
    pub(super) key: Key,
    /// What.
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The first is seen of it; its id, for people.
    Opened { now: Micros, id: Option<CompactString> },
    /// Something was seen, at this stream time.
    Seen { now: Micros, observation: Observation },
    /// A reference record came, or went.
    Listed(Option<Record>),
    /// Nobody uses it any more.
    Forgotten,
}

/// The profiles of a unit.
#[derive(Clone, Debug, Default)]
pub struct ProfilesState {
    stream_time: Micros,
    /// None: the slot is free.
    profiles: Vec<Option<Box<Profile>>>,
    slots: HashMap<Key, u32, BuildHasherDefault<HashOfHash>>,
    free: BTreeSet<u32>,
    /// Those that may be forgotten, by when something was seen of them last.
    by_age: BTreeSet<(Micros, u32)>,
    before: Before,
}

/// How things were before the batch.
#[derive(Clone, Debug, Default)]
struct Before {
    stream_time: Option<Micros>,
    /// Each slot that was touched, once.
    slots: BTreeMap<u32, Option<Box<Profile>>>,
}

impl ProfilesState {
    pub(super) fn get(&self, key: Key) -> Option<&Profile> {
        self.profiles[*self.slots.get(&key)? as usize].as_deref()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The one that was used longest ago and may be forgotten: because that is long enough ago, or because there is no
    /// room for a further one.
    pub(super) fn to_forget(&self, for_room: bool) -> Option<Key> {
        let (seen, slot) = self.by_age.first()?;
        let is_old = *seen < self.stream_time.minus(limits::PROFILE_MEMORY);
        let is_full = for_room && self.slots.len() >= limits::PROFILES_PER_PARTITION_MAX;
        (is_old || is_full).then(|| self.profiles[*slot as usize].as_ref().map(|profile| profile.key))?
    }

    /// The profiles that the batch has touched, as they were before it and as they are now.
    pub(super) fn changed(&self) -> BTreeMap<Key, [Option<&Profile>; 2]> {
        let mut changed: BTreeMap<Key, [Option<&Profile>; 2]> = BTreeMap::new();
        for (slot, before) in &self.before.slots {
            let after = self.profiles.get(*slot as usize).and_then(Option::as_deref);
            for (place, profile) in [before.as_deref(), after].into_iter().enumerate() {
                if let Some(profile) = profile {
                    // A key that was forgotten and came again may have been in another slot.
                    changed.entry(profile.key).or_default()[place] = Some(profile);
                }
            }
        }
        changed
    }

    /// Puts a profile into a slot, or takes it out; what was there before comes back.
    fn put(&mut self, slot: u32, profile: Option<Box<Profile>>) -> Option<Box<Profile>> {
        let place = slot as usize;
        if place >= self.profiles.len() {
            self.profiles.resize_with(place + 1, || None);
        }
        let before = std::mem::replace(&mut self.profiles[place], profile);
        if let Some(before) = &before {
            self.slots.remove(&before.key);
            self.by_age.remove(&(before.seen, slot));
        }
        match &self.profiles[place] {
            Some(profile) => {
                self.slots.insert(profile.key, slot);
                self.free.remove(&slot);
                if !profile.stays() {
                    self.by_age.insert((profile.seen, slot));
                }
            }
            None => {
                self.free.insert(slot);
            }
        }
        before
    }

    /// The slot of a key, or one for it.
    fn slot_for(&self, key: Key) -> u32 {
        let known = self.slots.get(&key).or_else(|| self.free.first());
        known.copied().unwrap_or(self.profiles.len() as u32)
    }

    /// As [`Self::put`], remembering how it was before the batch.
    fn replace(&mut self, slot: u32, profile: Option<Box<Profile>>) {
        let before = self.put(slot, profile);
        self.before.slots.entry(slot).or_insert(before);
    }

    fn make(&mut self, change: &Change) -> Result<(), String> {
        let Change { key, what } = change;
        let known = self.slots.get(key).copied();
        match (what, known) {
            (What::Opened { now, id }, None) => {
                let profile = Profile::new(*key, *now, id.as_deref());
                self.replace(self.slot_for(*key), Some(Box::new(profile)));
            }
            (What::Opened { .. }, Some(_)) => return Err(format!("profile {} was there before", key.text())),
            (What::Forgotten, Some(slot)) => self.replace(slot, None),
            (What::Seen { now, observation }, Some(slot)) => {
                self.alter(slot, |profile| profile.observe(observation, *now));
            }
            (What::Listed(record), Some(slot)) => {
                self.alter(slot, |profile| profile.set_record(record.clone()));
            }
            (_, None) => return Err(format!("there is no profile {}", key.text())),
        }
        Ok(())
    }

    /// Alters the profile of a slot, remembering how it was before the batch.
    fn alter(&mut self, slot: u32, how: impl FnOnce(&mut Profile)) {
        let Some(profile) = self.profiles.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        self.before.slots.entry(slot).or_insert_with(|| Some(profile.clone()));
        let age = (profile.seen, slot);
        how(profile);
        if profile.stays() || profile.seen != age.0 {
            self.by_age.remove(&age);
        }
        if !profile.stays() {
            self.by_age.insert((profile.seen, slot));
        }
    }
}

/// As the journal writes changes.
const OPENED: u8 = 0;
const SEEN: u8 = 1;
const LISTED: u8 = 2;
const FORGOTTEN: u8 = 3;

fn read_change(input: &mut Reader<'_>) -> Result<Change, JournalFault> {
    let key = Key::read(input)?;
    let what = match input.byte()? {
        OPENED => {
            What::Opened { now: Micros(input.signed()?), id: input.optional_text()?.map(CompactString::from) }
        }
        SEEN => {
            let now = Micros(input.signed()?);
            What::Seen { now, observation: Observation::read(now, input)? }
        }
        LISTED => What::Listed(read_record(key.kind, input)?),
        FORGOTTEN => What::Forgotten,
        _ => return Err(JournalFault::Damaged("a change of a profile is of no kind")),
    };
    Ok(Change { key, what })
}

impl State for ProfilesState {
    type Change<'a> = Change;

    fn stream_time(&self) -> Micros {
        self.stream_time
    }

    fn advance(&mut self, time: Micros) {
        if time > self.stream_time {
            self.set_time(time);
        }
    }

    fn set_time(&mut self, time: Micros) {
        self.before.stream_time.get_or_insert(self.stream_time);
        self.stream_time = time;
    }

    /// Free slots count too: a rotation goes over all of them.
    fn entries(&self) -> usize {
        self.profiles.len()
    }

    fn key(&self, slot: u32) -> Option<&str> {
        self.profiles.get(slot as usize)?.as_ref().map(|profile| profile.text.as_str())
    }

    fn apply(&mut self, change: &Change) -> Result<(), String> {
        self.make(change)
    }

    fn keep(&mut self) {
        self.before = Before::default();
    }

    fn undo(&mut self) {
        let Before { stream_time, slots } = std::mem::take(&mut self.before);
        if let Some(time) = stream_time {
            self.stream_time = time;
        }
        // What moved into a slot must be gone before what was there comes back: a key may have been in another.
        for slot in slots.keys() {
            self.put(*slot, None);
        }
        for (slot, profile) in slots {
            self.put(slot, profile);
        }
    }

    fn write_change(change: &Change, out: &mut Writer) {
        out.byte(change.key.kind as u8);
        out.long(change.key.hash);
        match &change.what {
            What::Opened { now, id } => {
                out.byte(OPENED);
                out.signed(now.0);
                out.optional_text(id.as_deref());
            }
            What::Seen { now, observation } => {
                out.byte(SEEN);
                out.signed(now.0);
                observation.write(*now, out);
            }
            What::Listed(record) => {
                out.byte(LISTED);
                write_record(record.clone(), out);
            }
            What::Forgotten => out.byte(FORGOTTEN),
        }
    }

    fn write_entry(&self, slot: u32, out: &mut Writer) {
        match self.profiles.get(slot as usize) {
            Some(Some(profile)) => profile.write(out),
            _ => out.byte(0),
        }
    }

    fn fold_changes(
        &mut self,
        count: usize,
        input: &mut Reader<'_>,
        pass_over: bool,
    ) -> Result<(), FoldFault> {
        for _ in 0..count {
            let change = read_change(input)?;
            let is_known = self.slots.contains_key(&change.key);
            match (&change.what, is_known) {
                // It comes as a whole later, or was forgotten before it did.
                (What::Seen { .. } | What::Listed(_) | What::Forgotten, false) if pass_over => continue,
                // An earlier slice had it as a whole before it was forgotten and came again.
                (What::Opened { .. }, true) if pass_over => {
                    let forgotten = Change { key: change.key, what: What::Forgotten };
                    self.make(&forgotten).map_err(FoldFault::State)?;
                }
                _ => {}
            }
            self.make(&change).map_err(FoldFault::State)?;
        }
        self.keep();
        Ok(())
    }

    fn fold_entries(&mut self, count: usize, input: &mut Reader<'_>) -> Result<(), JournalFault> {
        for _ in 0..count {
            if let Some(profile) = Profile::read(input)? {
                self.put(self.slot_for(profile.key), Some(Box::new(profile)));
            }
        }
        Ok(())
    }

    fn keys(changes: usize, entries: usize, input: &mut Reader<'_>) -> Result<Vec<String>, JournalFault> {
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
