//! The persons of a partition as the state of a unit: in slots, each found by its id. A slot that was freed is used again, so
//! what is new there is always journalled as a whole.

use super::party::{Party, Remembered, read_contact, read_record, write_contact, write_record};
use super::records::{ContactDetails, PartyRecord};
use super::words::Statuses;
use crate::codec::journal::{JournalFault, Reader, Writer};
use crate::domain::hashing::{Seed, TableHash};
use crate::domain::{Micros, limits};
use crate::pipeline::{FoldFault, State};
use compact_str::CompactString;
use hashbrown::hash_table::HashTable;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What happens to a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which one.
    pub(super) party: CompactString,
    /// What.
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// The first is known of them.
    Opened,
    /// Somebody spoke with them, or tried to.
    Interacted(Remembered),
    /// A party record came, or went.
    Listed(Option<Arc<PartyRecord>>),
    /// An account is theirs and has these statuses, or is theirs no longer.
    Account(CompactString, Option<Statuses>),
    /// A request brought a contact along.
    Found(ContactDetails),
    /// Nothing is to be known of them any more.
    Forgotten,
}

/// The persons of a unit.
#[derive(Debug, Default)]
pub struct ContactState {
    stream_time: Micros,
    /// None: the slot is free.
    parties: Vec<Option<Box<Party>>>,
    hash: TableHash,
    slots: HashTable<u32>,
    free: BTreeSet<u32>,
    /// Those of whom nothing but interactions is known, by the last of these.
    by_age: BTreeSet<(Micros, u32)>,
    before: Before,
}

/// How things were before the batch.
#[derive(Debug, Default)]
struct Before {
    stream_time: Option<Micros>,
    /// Each slot that was touched, once.
    slots: BTreeMap<u32, Option<Box<Party>>>,
}

impl ContactState {
    /// Nobody yet; `seed` is for looking them up.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self { hash: TableHash::new(seed), ..Self::default() }
    }

    /// A person.
    #[must_use]
    pub fn get(&self, party: &str) -> Option<&Party> {
        self.parties[self.slot_of(party)? as usize].as_deref()
    }

    /// How many persons there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All of them, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &Party> {
        self.parties.iter().filter_map(Option::as_deref)
    }

    /// Somebody of whom nothing but interactions is known, all of them long ago.
    pub(super) fn to_forget(&self) -> Option<&Party> {
        let (seen, slot) = self.by_age.first()?;
        let is_old = *seen < self.stream_time.minus(limits::PARTY_MEMORY);
        is_old.then(|| self.parties[*slot as usize].as_deref())?
    }

    fn slot_of(&self, party: &str) -> Option<u32> {
        let is_it = |slot: &u32| self.parties[*slot as usize].as_ref().is_some_and(|known| known.id == party);
        self.slots.find(self.hash.hash64(party.as_bytes()), is_it).copied()
    }

    /// Puts a person into a slot, or takes them out; who was there before comes back.
    fn put(&mut self, slot: u32, party: Option<Box<Party>>) -> Option<Box<Party>> {
        let place = slot as usize;
        if place >= self.parties.len() {
            self.parties.resize_with(place + 1, || None);
        }
        if let Some(known) = &self.parties[place] {
            let hash = self.hash.hash64(known.id.as_bytes());
            if let Ok(found) = self.slots.find_entry(hash, |found| *found == slot) {
                found.remove();
            }
            self.by_age.remove(&(known.seen, slot));
        }
        let before = std::mem::replace(&mut self.parties[place], party);
        let Self { hash, slots, parties, .. } = self;
        match &parties[place] {
            Some(party) => {
                let hash_of = |slot: &u32| {
                    parties[*slot as usize].as_ref().map_or(0, |party| hash.hash64(party.id.as_bytes()))
                };
                slots.insert_unique(hash.hash64(party.id.as_bytes()), slot, hash_of);
                self.free.remove(&slot);
                if !party.stays() {
                    self.by_age.insert((party.seen, slot));
                }
            }
            None => {
                self.free.insert(slot);
            }
        }
        before
    }

    /// The slot of a person, or one for them.
    fn slot_for(&self, party: &str) -> u32 {
        let known = self.slot_of(party).or_else(|| self.free.first().copied());
        known.unwrap_or(self.parties.len() as u32)
    }

    /// As [`Self::put`], remembering how it was before the batch.
    fn replace(&mut self, slot: u32, party: Option<Box<Party>>) {
        let before = self.put(slot, party);
        self.before.slots.entry(slot).or_insert(before);
    }

    fn make(&mut self, change: &Change) -> Result<(), String> {
        let known = self.slot_of(&change.party);
        match (&change.what, known) {
            (What::Opened, None) => {
                self.replace(self.slot_for(&change.party), Some(Box::new(Party::new(&change.party))));
            }
            (What::Opened, Some(_)) => return Err("a party was there before".to_owned()),
            (_, None) => return Err("there is no such party".to_owned()),
            (What::Forgotten, Some(slot)) => self.replace(slot, None),
            (What::Interacted(interaction), Some(slot)) => {
                self.alter(slot, |party| party.remember(*interaction));
            }
            (What::Listed(record), Some(slot)) => {
                self.alter(slot, |party| party.set_record(record.clone()));
            }
            (What::Account(account, statuses), Some(slot)) => {
                self.alter(slot, |party| party.set_account(account, *statuses));
            }
            (What::Found(contact), Some(slot)) => {
                self.alter(slot, |party| party.add_contact(contact.clone()));
            }
        }
        Ok(())
    }

    /// Alters the person of a slot, remembering how they were before the batch.
    fn alter(&mut self, slot: u32, how: impl FnOnce(&mut Party)) {
        let Some(party) = self.parties.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        self.before.slots.entry(slot).or_insert_with(|| Some(party.clone()));
        self.by_age.remove(&(party.seen, slot));
        how(party);
        if !party.stays() {
            self.by_age.insert((party.seen, slot));
        }
    }
}

/// As the journal writes changes.
const OPENED: u8 = 0;
const INTERACTED: u8 = 1;
const LISTED: u8 = 2;
const ACCOUNT: u8 = 3;
const WITHDRAWN: u8 = 4;
const FOUND: u8 = 5;
const FORGOTTEN: u8 = 6;

fn read_change(input: &mut Reader<'_>) -> Result<Change, JournalFault> {
    let party = input.text()?.into();
    let what = match input.byte()? {
        OPENED => What::Opened,
        INTERACTED => What::Interacted(Remembered::read(input)?),
        LISTED => What::Listed(read_record(input)?),
        ACCOUNT => What::Account(input.text()?.into(), Some(Statuses(input.byte()?))),
        WITHDRAWN => What::Account(input.text()?.into(), None),
        FOUND => What::Found(read_contact(input)?),
        FORGOTTEN => What::Forgotten,
        _ => return Err(JournalFault::Damaged("a change of a party is of no kind")),
    };
    Ok(Change { party, what })
}

impl State for ContactState {
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
        self.parties.len()
    }

    fn key(&self, slot: u32) -> Option<&str> {
        self.parties.get(slot as usize)?.as_ref().map(|party| party.id.as_str())
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
        // Who moved into a slot must be gone before who was there comes back: somebody may have been in another.
        for slot in slots.keys() {
            self.put(*slot, None);
        }
        for (slot, party) in slots {
            self.put(slot, party);
        }
    }

    fn write_change(change: &Change, out: &mut Writer) {
        out.text(&change.party);
        match &change.what {
            What::Opened => out.byte(OPENED),
            What::Interacted(interaction) => {
                out.byte(INTERACTED);
                interaction.write(out);
            }
            What::Listed(record) => {
                out.byte(LISTED);
                write_record(record.as_deref(), out);
            }
            What::Account(account, Some(statuses)) => {
                out.byte(ACCOUNT);
                out.text(account);
                out.byte(statuses.0);
            }
            What::Account(account, None) => {
                out.byte(WITHDRAWN);
                out.text(account);
            }
            What::Found(contact) => {
                out.byte(FOUND);
                write_contact(contact, out);
            }
            What::Forgotten => out.byte(FORGOTTEN),
        }
    }

    fn write_entry(&self, slot: u32, out: &mut Writer) {
        match self.parties.get(slot as usize) {
            Some(Some(party)) => {
                out.byte(1);
                party.write(out);
            }
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
            match (&change.what, self.slot_of(&change.party)) {
                (What::Opened, None) => {}
                // They come as a whole later, or were forgotten before they did.
                (_, None) if pass_over => continue,
                // An earlier slice had them as a whole before they were forgotten and came again.
                (What::Opened, Some(_)) if pass_over => {
                    let forgotten = Change { party: change.party.clone(), what: What::Forgotten };
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
            if input.byte()? != 0 {
                let party = Party::read(input)?;
                self.put(self.slot_for(&party.id), Some(Box::new(party)));
            }
        }
        Ok(())
    }

    fn keys(changes: usize, entries: usize, input: &mut Reader<'_>) -> Result<Vec<String>, JournalFault> {
        let mut keys = Vec::new();
        for _ in 0..changes {
            keys.push(read_change(input)?.party.into());
        }
        for _ in 0..entries {
            if input.byte()? != 0 {
                keys.push(Party::read(input)?.id.into());
            }
        }
        Ok(keys)
    }
}
