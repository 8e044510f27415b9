//! The state of a unit whose entries stand in slots: each found by its key, the oldest known first, and how they were before the
//! batch; what happens to them, and the bytes of it in the journal. A slot that was freed is used again, so what is new there must
//! be journalled as a whole. Knows nothing of what an entry says.

use super::model::{FoldFault, State};
use crate::codec::journal::{ByteReader, ByteWriter, JournalFault};
use crate::domain::Micros;
use crate::domain::hashing::TableHash;
use hashbrown::hash_table::HashTable;
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What is kept in a slot.
pub trait SlotEntry: Clone + fmt::Debug + Send + 'static {
    /// What it is found by: no two entries have the same, and one keeps it.
    type Key: ?Sized + PartialEq;
    /// The same, of a change.
    type OwnKey: Borrow<Self::Key> + Clone + fmt::Debug;
    /// What is known of it when it is heard of first.
    type Opening: Clone + fmt::Debug;
    /// What happens to it.
    type Update: Clone + fmt::Debug;

    /// What one is called, in words of a fault.
    const NAME: &'static str;
    /// What the journal writes where one is forgotten. Where one is opened it writes 0; the numbers in between are of updates.
    const FORGOTTEN: u8;

    /// One of which nothing but its opening is known.
    fn opened(key: &Self::OwnKey, opening: &Self::Opening) -> Self;
    /// Something happens to it. It keeps its key.
    fn update(&mut self, update: &Self::Update);

    /// Its key.
    fn key(&self) -> &Self::Key;
    /// A key as records have it.
    fn key_text(key: &Self::OwnKey) -> String;
    /// Its own.
    fn text(&self) -> &str;
    /// The hash of a key, which decides nothing but how fast it is found.
    fn hash(key: &Self::Key, hash: &TableHash) -> u64;
    /// When something happened to it last.
    fn seen(&self) -> Micros;
    /// Whether it is kept for however long nothing happens to it.
    fn stays(&self) -> bool;

    /// Appends a key.
    fn write_key(key: &Self::OwnKey, out: &mut ByteWriter);
    /// Appends an opening.
    fn write_opening(opening: &Self::Opening, out: &mut ByteWriter);
    /// Appends an update, its number first.
    fn write_update(update: &Self::Update, out: &mut ByteWriter);
    /// Appends all of it, a number other than 0 first.
    fn write(&self, out: &mut ByteWriter);
    /// What [`Self::write_key`] wrote.
    ///
    /// # Errors
    /// The bytes are damaged; so for the other three.
    fn read_key(input: &mut ByteReader<'_>) -> Result<Self::OwnKey, JournalFault>;
    /// What [`Self::write_opening`] wrote.
    fn read_opening(input: &mut ByteReader<'_>) -> Result<Self::Opening, JournalFault>;
    /// What [`Self::write_update`] wrote behind the number.
    fn read_update(
        number: u8,
        key: &Self::OwnKey,
        input: &mut ByteReader<'_>,
    ) -> Result<Self::Update, JournalFault>;
    /// What [`Self::write`] wrote behind the number.
    fn read(number: u8, input: &mut ByteReader<'_>) -> Result<Self, JournalFault>;
}

/// What the journal writes where an entry is opened.
pub const OPENED: u8 = 0;

/// Something happens to the entry of a key.
#[derive(Clone, Debug)]
pub struct SlotChange<E: SlotEntry> {
    key: E::OwnKey,
    what: Happens<E>,
}

#[derive(Clone, Debug)]
enum Happens<E: SlotEntry> {
    Opened(E::Opening),
    Updated(E::Update),
    Forgotten,
}

impl<E: SlotEntry> SlotChange<E> {
    /// The first is heard of it.
    #[must_use]
    pub fn opened(key: E::OwnKey, opening: E::Opening) -> Self {
        Self { key, what: Happens::Opened(opening) }
    }

    /// It is there, and this happens to it.
    #[must_use]
    pub fn updated(key: E::OwnKey, update: E::Update) -> Self {
        Self { key, what: Happens::Updated(update) }
    }

    /// Nothing is to be known of it any more.
    #[must_use]
    pub fn forgotten(key: E::OwnKey) -> Self {
        Self { key, what: Happens::Forgotten }
    }

    fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let key = E::read_key(input)?;
        let what = match input.byte()? {
            OPENED => Happens::Opened(E::read_opening(input)?),
            number if number == E::FORGOTTEN => Happens::Forgotten,
            number => Happens::Updated(E::read_update(number, &key, input)?),
        };
        Ok(Self { key, what })
    }
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
    fn insert(&mut self, entry: E) {
        self.replace(self.slot_for(entry.key()), Some(Box::new(entry)));
    }

    /// As [`Self::insert`], for what was journalled: not a part of the batch.
    fn load(&mut self, entry: E) {
        self.put(self.slot_for(entry.key()), Some(Box::new(entry)));
    }

    /// Frees a slot.
    fn remove(&mut self, slot: u32) {
        self.replace(slot, None);
    }

    /// Something happens to the entry of a slot, where there is one.
    fn update(&mut self, slot: u32, update: &E::Update) {
        let Some(entry) = self.entries.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        self.before.slots.entry(slot).or_insert_with(|| Some(entry.clone()));
        let age = (entry.seen(), slot);
        entry.update(update);
        if entry.stays() || entry.seen() != age.0 {
            self.by_age.remove(&age);
        }
        if !entry.stays() {
            self.by_age.insert((entry.seen(), slot));
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

impl<E: SlotEntry> State for Slots<E> {
    type Change<'a> = SlotChange<E>;

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
        self.entries.len()
    }

    fn key(&self, slot: u32) -> Option<&str> {
        self.at(slot).map(E::text)
    }

    fn apply(&mut self, change: &SlotChange<E>) -> Result<(), String> {
        match (&change.what, self.slot_of(change.key.borrow())) {
            (Happens::Opened(opening), None) => self.insert(E::opened(&change.key, opening)),
            (Happens::Opened(_), Some(_)) => return Err(format!("a {} was there before", E::NAME)),
            (Happens::Updated(update), Some(slot)) => self.update(slot, update),
            (Happens::Forgotten, Some(slot)) => self.remove(slot),
            (_, None) => return Err(format!("there is no such {}", E::NAME)),
        }
        Ok(())
    }

    fn keep(&mut self) {
        self.before = Before::default();
    }

    fn undo(&mut self) {
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

    fn write_change(change: &SlotChange<E>, out: &mut ByteWriter) {
        E::write_key(&change.key, out);
        match &change.what {
            Happens::Opened(opening) => {
                out.byte(OPENED);
                E::write_opening(opening, out);
            }
            Happens::Updated(update) => E::write_update(update, out),
            Happens::Forgotten => out.byte(E::FORGOTTEN),
        }
    }

    fn write_entry(&self, slot: u32, out: &mut ByteWriter) {
        match self.at(slot) {
            Some(entry) => entry.write(out),
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
            let change = SlotChange::<E>::read(input)?;
            match (&change.what, self.slot_of(change.key.borrow())) {
                // It comes as a whole later, or was forgotten before it did.
                (Happens::Updated(_) | Happens::Forgotten, None) if pass_over => continue,
                // An earlier slice had it as a whole before it was forgotten and came again.
                (Happens::Opened(_), Some(slot)) if pass_over => self.remove(slot),
                _ => {}
            }
            self.apply(&change).map_err(FoldFault::State)?;
        }
        self.keep();
        Ok(())
    }

    fn fold_entries(&mut self, count: usize, input: &mut ByteReader<'_>) -> Result<(), JournalFault> {
        for _ in 0..count {
            if let Some(entry) = read_entry(input)? {
                self.load(entry);
            }
        }
        Ok(())
    }

    fn keys(changes: usize, entries: usize, input: &mut ByteReader<'_>) -> Result<Vec<String>, JournalFault> {
        let mut keys = Vec::new();
        for _ in 0..changes {
            keys.push(E::key_text(&SlotChange::<E>::read(input)?.key));
        }
        for _ in 0..entries {
            keys.extend(read_entry::<E>(input)?.map(|entry| entry.text().to_owned()));
        }
        Ok(keys)
    }
}

/// What [`State::write_entry`] wrote: none where the slot was free.
fn read_entry<E: SlotEntry>(input: &mut ByteReader<'_>) -> Result<Option<E>, JournalFault> {
    match input.byte()? {
        0 => Ok(None),
        number => E::read(number, input).map(Some),
    }
}
