//! Entries of a unit in slots, each found by its key, the oldest known first, and how they were before the batch. A slot that was
//! freed is used again, so what is new there must be journalled as a whole. Knows nothing of what an entry says.

use crate::domain::Micros;
use crate::domain::hashing::TableHash;
use hashbrown::hash_table::HashTable;
use std::collections::{BTreeMap, BTreeSet};

/// What is kept in a slot.
pub trait SlotEntry: Clone {
    /// What it is found by: no two entries have the same, and one keeps it.
    type Key: ?Sized + PartialEq;

    /// Its key.
    fn key(&self) -> &Self::Key;

    /// The hash of a key, which decides nothing but how fast it is found.
    fn hash(key: &Self::Key, hash: &TableHash) -> u64;

    /// When something happened to it last.
    fn seen(&self) -> Micros;

    /// Whether it is kept for however long nothing happens to it.
    fn stays(&self) -> bool;
}

/// The entries of a unit, and its stream time.
#[derive(Clone, Debug)]
pub struct Slots<E> {
    stream_time: Micros,
    /// None: the slot is free.
    entries: Vec<Option<Box<E>>>,
    hash: TableHash,
    by_key: HashTable<u32>,
    free: BTreeSet<u32>,
    /// Those that may be forgotten.
    by_age: BTreeSet<(Micros, u32)>,
    before: Before<E>,
}

/// How things were before the batch.
#[derive(Clone, Debug)]
struct Before<E> {
    stream_time: Option<Micros>,
    /// Each slot that was touched, once.
    slots: BTreeMap<u32, Option<Box<E>>>,
}

impl<E> Default for Before<E> {
    fn default() -> Self {
        Self { stream_time: None, slots: BTreeMap::new() }
    }
}

impl<E: SlotEntry> Slots<E> {
    /// None yet; `hash` is for finding them.
    #[must_use]
    pub fn new(hash: TableHash) -> Self {
        Self {
            stream_time: Micros::default(),
            entries: Vec::new(),
            hash,
            by_key: HashTable::new(),
            free: BTreeSet::new(),
            by_age: BTreeSet::new(),
            before: Before::default(),
        }
    }

    /// The latest time of the unit's records.
    #[must_use]
    pub fn stream_time(&self) -> Micros {
        self.stream_time
    }

    /// Sets the stream time, be it back.
    pub fn set_time(&mut self, time: Micros) {
        self.before.stream_time.get_or_insert(self.stream_time);
        self.stream_time = time;
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// How many slots there are, free ones too.
    #[must_use]
    pub fn places(&self) -> usize {
        self.entries.len()
    }

    /// What is in a slot.
    #[must_use]
    pub fn at(&self, slot: u32) -> Option<&E> {
        self.entries.get(slot as usize)?.as_deref()
    }

    /// The slot of a key.
    #[must_use]
    pub fn slot_of(&self, key: &E::Key) -> Option<u32> {
        let is_it = |slot: &u32| self.at(*slot).is_some_and(|entry| entry.key() == key);
        self.by_key.find(E::hash(key, &self.hash), is_it).copied()
    }

    /// The entry of a key.
    #[must_use]
    pub fn get(&self, key: &E::Key) -> Option<&E> {
        self.at(self.slot_of(key)?)
    }

    /// All entries, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.entries.iter().filter_map(Option::as_deref)
    }

    /// Of those that may be forgotten the one to which something happened longest ago.
    #[must_use]
    pub fn oldest(&self) -> Option<&E> {
        self.at(self.by_age.first()?.1)
    }

    /// The slots that the batch has touched: what was in them before it, and what is now.
    pub fn touched(&self) -> impl Iterator<Item = [Option<&E>; 2]> {
        self.before.slots.iter().map(|(slot, before)| [before.as_deref(), self.at(*slot)])
    }

    /// Puts an entry into the slot of its key, or into a free one.
    pub fn insert(&mut self, entry: E) {
        self.replace(self.slot_for(entry.key()), Some(Box::new(entry)));
    }

    /// As [`Self::insert`], for what was journalled: not a part of the batch.
    pub fn load(&mut self, entry: E) {
        self.put(self.slot_for(entry.key()), Some(Box::new(entry)));
    }

    /// Frees a slot.
    pub fn remove(&mut self, slot: u32) {
        self.replace(slot, None);
    }

    /// Alters the entry of a slot, where there is one. It keeps its key.
    pub fn alter(&mut self, slot: u32, how: impl FnOnce(&mut E)) {
        let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        self.before.slots.entry(slot).or_insert_with(|| Some(entry.clone()));
        let age = (entry.seen(), slot);
        how(entry);
        if entry.stays() || entry.seen() != age.0 {
            self.by_age.remove(&age);
        }
        if !entry.stays() {
            self.by_age.insert((entry.seen(), slot));
        }
    }

    /// The batch is over and stands.
    pub fn keep(&mut self) {
        self.before = Before::default();
    }

    /// The batch never was.
    pub fn undo(&mut self) {
        let Before { stream_time, slots } = std::mem::take(&mut self.before);
        if let Some(time) = stream_time {
            self.stream_time = time;
        }
        // What moved into a slot must be gone before what was there comes back: its key may have been in another.
        for slot in slots.keys() {
            self.put(*slot, None);
        }
        for (slot, entry) in slots {
            self.put(slot, entry);
        }
    }

    /// The slot of a key, or one for it.
    fn slot_for(&self, key: &E::Key) -> u32 {
        let known = self.slot_of(key).or_else(|| self.free.first().copied());
        known.unwrap_or(self.entries.len() as u32)
    }

    /// As [`Self::put`], remembering how it was before the batch.
    fn replace(&mut self, slot: u32, entry: Option<Box<E>>) {
        let before = self.put(slot, entry);
        self.before.slots.entry(slot).or_insert(before);
    }

    /// Puts an entry into a slot, or takes it out; what was there before comes back.
    fn put(&mut self, slot: u32, entry: Option<Box<E>>) -> Option<Box<E>> {
        let Self { entries, hash, by_key, free, by_age, .. } = self;
        let place = slot as usize;
        if place >= entries.len() {
            entries.resize_with(place + 1, || None);
        }
        let before = std::mem::replace(&mut entries[place], entry);
        if let Some(before) = &before {
            if let Ok(found) = by_key.find_entry(E::hash(before.key(), hash), |found| *found == slot) {
                found.remove();
            }
            by_age.remove(&(before.seen(), slot));
        }
        match &entries[place] {
            Some(entry) => {
                let hash_of = |slot: &u32| {
                    entries[*slot as usize].as_ref().map_or(0, |entry| E::hash(entry.key(), hash))
                };
                by_key.insert_unique(E::hash(entry.key(), hash), slot, hash_of);
                free.remove(&slot);
                if !entry.stays() {
                    by_age.insert((entry.seen(), slot));
                }
            }
            None => {
                free.insert(slot);
            }
        }
        before
    }
}
