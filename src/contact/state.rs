//! The persons of a partition as the state of a unit: what happens to one, and the bytes of it in the journal.

use super::party::{
    AccountFact, Party, RememberedInteraction, read_contact, read_record, write_contact, write_record,
};
use super::records::{ContactDetails, PartyRecord};
use super::words::Statuses;
use crate::codec::journal::{ByteReader, ByteWriter, JournalFault};
use crate::domain::Micros;
use crate::domain::hashing::TableHash;
use crate::pipeline::{SlotChange, SlotEntry, Slots};
use compact_str::CompactString;
use std::sync::Arc;

/// The persons of a unit.
pub type ContactState = Slots<Party>;

/// Something happens to a person.
pub(super) type PartyChange = SlotChange<Party>;

/// What happens to a person.
#[derive(Clone, Debug)]
pub enum PartyUpdate {
    /// Somebody spoke with them, or tried to.
    Interacted(RememberedInteraction),
    /// A party record came, or went.
    Listed(Option<Arc<PartyRecord>>),
    /// An account is theirs and has these statuses, or is theirs no longer.
    Account(CompactString, Option<Statuses>),
    /// A request brought a contact along.
    Found(ContactDetails),
}

/// As the journal writes updates.
const INTERACTED: u8 = 1;
const LISTED: u8 = 2;
const ACCOUNT: u8 = 3;
const WITHDRAWN: u8 = 4;
const FOUND: u8 = 5;

impl SlotEntry for Party {
    type Key = str;
    type OwnKey = CompactString;
    type Opening = ();
    type Update = PartyUpdate;

    const NAME: &'static str = "party";
    const FORGOTTEN: u8 = 6;

    fn opened(id: &CompactString, (): &()) -> Self {
        Self { id: id.clone(), ..Self::default() }
    }

    fn update(&mut self, update: &PartyUpdate) {
        match update {
            PartyUpdate::Interacted(interaction) => self.remember(*interaction),
            PartyUpdate::Listed(record) => self.set_record(record.clone()),
            PartyUpdate::Account(account, statuses) => self.set_account(account, *statuses),
            PartyUpdate::Found(contact) => self.add_contact(contact.clone()),
        }
    }

    fn key(&self) -> &str {
        &self.id
    }

    fn key_text(id: &CompactString) -> String {
        id.to_string()
    }

    fn text(&self) -> &str {
        &self.id
    }

    fn hash(id: &str, hash: &TableHash) -> u64 {
        hash.hash64(id.as_bytes())
    }

    fn seen(&self) -> Micros {
        self.seen
    }

    fn stays(&self) -> bool {
        self.is_known() || !self.found.is_empty()
    }

    fn write_key(id: &CompactString, out: &mut ByteWriter) {
        out.text(id);
    }

    fn write_opening((): &(), _out: &mut ByteWriter) {}

    fn write_update(update: &PartyUpdate, out: &mut ByteWriter) {
        match update {
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
        }
    }

    fn write(&self, out: &mut ByteWriter) {
        out.byte(1);
        out.text(&self.id);
        write_record(self.record.as_deref(), out);
        out.unsigned(self.accounts.len() as u64);
        for fact in &self.accounts {
            out.text(&fact.account);
            out.byte(fact.statuses.0);
        }
        out.unsigned(self.found.len() as u64);
        for found in &self.found {
            write_contact(found, out);
        }
        out.unsigned(self.interactions.len() as u64);
        for interaction in &self.interactions {
            interaction.write(out);
        }
        out.byte(u8::from(self.cut.is_some()));
        if let Some(cut) = self.cut {
            out.signed(cut.0);
        }
        out.signed(self.seen.0);
    }

    fn read_key(input: &mut ByteReader<'_>) -> Result<CompactString, JournalFault> {
        Ok(input.text()?.into())
    }

    fn read_opening(_input: &mut ByteReader<'_>) -> Result<(), JournalFault> {
        Ok(())
    }

    fn read_update(
        number: u8,
        _id: &CompactString,
        input: &mut ByteReader<'_>,
    ) -> Result<PartyUpdate, JournalFault> {
        Ok(match number {
            INTERACTED => PartyUpdate::Interacted(RememberedInteraction::read(input)?),
            LISTED => PartyUpdate::Listed(read_record(input)?),
            ACCOUNT => PartyUpdate::Account(input.text()?.into(), Some(Statuses(input.byte()?))),
            WITHDRAWN => PartyUpdate::Account(input.text()?.into(), None),
            FOUND => PartyUpdate::Found(read_contact(input)?),
            _ => return Err(JournalFault::Damaged("a change of a party is of no kind")),
        })
    }

    fn read(_number: u8, input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let mut party = Self { id: input.text()?.into(), record: read_record(input)?, ..Self::default() };
        for _ in 0..input.count()? {
            let (account, statuses) = (input.text()?.into(), Statuses(input.byte()?));
            party.accounts.push(AccountFact { account, statuses });
        }
        for _ in 0..input.count()? {
            party.found.push(Arc::new(read_contact(input)?));
        }
        for _ in 0..input.count()? {
            party.interactions.push(RememberedInteraction::read(input)?);
        }
        if input.byte()? != 0 {
            party.cut = Some(Micros(input.signed()?));
        }
        party.seen = Micros(input.signed()?);
        Ok(party)
    }
}
