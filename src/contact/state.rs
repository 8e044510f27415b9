//! The persons of a partition as the state of a unit, each found by its id; and how changes of them are journalled.

use super::party::{Party, Remembered, read_contact, read_record, write_contact, write_record};
use super::records::{ContactDetails, PartyRecord};
use super::words::Statuses;
use crate::codec::journal::{ByteReader, ByteWriter, JournalFault};
use crate::domain::hashing::{Seed, TableHash};
use crate::domain::{Micros, limits};
use crate::pipeline::{FoldFault, Slots, State};
use compact_str::CompactString;
use std::sync::Arc;

/// What happens to a person.
#[derive(Clone, Debug, PartialEq)]
pub struct PartyChange {
    /// Id of the person.
    pub(super) party: CompactString,
    /// What happens to them.
    pub(super) what: PartyUpdate,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum PartyUpdate {
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
#[derive(Debug)]
pub struct ContactState {
    parties: Slots<Party>,
}

impl ContactState {
    /// Nobody yet; `seed` is for looking them up.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self { parties: Slots::new(TableHash::new(seed)) }
    }

    /// A person.
    #[must_use]
    pub fn get(&self, party: &str) -> Option<&Party> {
        self.parties.get(party)
    }

    /// How many persons there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parties.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parties.is_empty()
    }

    /// All of them, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &Party> {
        self.parties.iter()
    }

    /// Somebody of whom nothing but interactions is known, all of them long ago.
    pub(super) fn to_forget(&self) -> Option<&Party> {
        let is_old = |party: &&Party| party.seen < self.stream_time().minus(limits::PARTY_MEMORY);
        self.parties.oldest().filter(is_old)
    }

    fn make(&mut self, change: &PartyChange) -> Result<(), String> {
        let known = self.parties.slot_of(&change.party);
        match (&change.what, known) {
            (PartyUpdate::Opened, None) => self.parties.insert(Party::new(&change.party)),
            (PartyUpdate::Opened, Some(_)) => return Err("a party was there before".to_owned()),
            (_, None) => return Err("there is no such party".to_owned()),
            (PartyUpdate::Forgotten, Some(slot)) => self.parties.remove(slot),
            (PartyUpdate::Interacted(interaction), Some(slot)) => {
                self.parties.alter(slot, |party| party.remember(*interaction));
            }
            (PartyUpdate::Listed(record), Some(slot)) => {
                self.parties.alter(slot, |party| party.set_record(record.clone()));
            }
            (PartyUpdate::Account(account, statuses), Some(slot)) => {
                self.parties.alter(slot, |party| party.set_account(account, *statuses));
            }
            (PartyUpdate::Found(contact), Some(slot)) => {
                self.parties.alter(slot, |party| party.add_contact(contact.clone()));
            }
        }
        Ok(())
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

fn read_change(input: &mut ByteReader<'_>) -> Result<PartyChange, JournalFault> {
    let party = input.text()?.into();
    let what = match input.byte()? {
        OPENED => PartyUpdate::Opened,
        INTERACTED => PartyUpdate::Interacted(Remembered::read(input)?),
        LISTED => PartyUpdate::Listed(read_record(input)?),
        ACCOUNT => PartyUpdate::Account(input.text()?.into(), Some(Statuses(input.byte()?))),
        WITHDRAWN => PartyUpdate::Account(input.text()?.into(), None),
        FOUND => PartyUpdate::Found(read_contact(input)?),
        FORGOTTEN => PartyUpdate::Forgotten,
        _ => return Err(JournalFault::Damaged("a change of a party is of no kind")),
    };
    Ok(PartyChange { party, what })
}

impl State for ContactState {
    type Change<'a> = PartyChange;

    fn stream_time(&self) -> Micros {
        self.parties.stream_time()
    }

    fn advance(&mut self, time: Micros) {
        if time > self.stream_time() {
            self.set_time(time);
        }
    }

    fn set_time(&mut self, time: Micros) {
        self.parties.set_time(time);
    }

    /// Free slots count too: a rotation goes over all of them.
    fn entries(&self) -> usize {
        self.parties.places()
    }

    fn key(&self, slot: u32) -> Option<&str> {
        self.parties.at(slot).map(|party| party.id.as_str())
    }

    fn apply(&mut self, change: &PartyChange) -> Result<(), String> {
        self.make(change)
    }

    fn keep(&mut self) {
        self.parties.keep();
    }

    fn undo(&mut self) {
        self.parties.undo();
    }

    fn write_change(change: &PartyChange, out: &mut ByteWriter) {
        out.text(&change.party);
        match &change.what {
            PartyUpdate::Opened => out.byte(OPENED),
            PartyUpdate::Interacted(interaction) => {
                out.byte(INTERACTED);
                interaction.write(out);
            }
            PartyUpdate::Listed(record) => {
                out.byte(LISTED);
                write_record(record.as_deref(), out);
            }
            PartyUpdate::Account(account, Some(statuses)) => {
                out.byte(ACCOUNT);
                out.text(account);
                out.byte(statuses.0);
            }
            PartyUpdate::Account(account, None) => {
                out.byte(WITHDRAWN);
                out.text(account);
            }
            PartyUpdate::Found(contact) => {
                out.byte(FOUND);
                write_contact(contact, out);
            }
            PartyUpdate::Forgotten => out.byte(FORGOTTEN),
        }
    }

    fn write_entry(&self, slot: u32, out: &mut ByteWriter) {
        match self.parties.at(slot) {
            Some(party) => {
                out.byte(1);
                party.write(out);
            }
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
            match (&change.what, self.parties.slot_of(&change.party)) {
                (PartyUpdate::Opened, None) => {}
                // They come as a whole later, or were forgotten before they did.
                (_, None) if pass_over => continue,
                // An earlier slice had them as a whole before they were forgotten and came again.
                (PartyUpdate::Opened, Some(_)) if pass_over => {
                    let forgotten = PartyChange { party: change.party.clone(), what: PartyUpdate::Forgotten };
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
            if input.byte()? != 0 {
                self.parties.load(Party::read(input)?);
            }
        }
        Ok(())
    }

    fn keys(changes: usize, entries: usize, input: &mut ByteReader<'_>) -> Result<Vec<String>, JournalFault> {
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
