//! One person as the rules see them: the party record, the facts of accounts, contacts that requests brought along, and the
//! interactions of the last weeks. A million of these are in memory: an interaction is 80 bytes, its words are hashes.

use super::records::{ContactDetails, EventId, Interaction, PartyRecord};
use super::words::{ContactKind, InteractionChannel, Statuses};
use crate::codec::journal::{ByteReader, ByteWriter, JournalFault};
use crate::domain::hashing::{digest64, hash64};
use crate::domain::{Micros, limits};
use compact_str::CompactString;
use std::sync::Arc;

/// A person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Party {
    /// The id, the record key.
    pub id: CompactString,
    /// What was told last.
    pub record: Option<Arc<PartyRecord>>,
    /// Accounts, by their numbers.
    pub accounts: Vec<AccountFact>,
    /// Contacts that requests brought along, the oldest first.
    pub found: Vec<Arc<ContactDetails>>,
    /// In the order in which they were told.
    pub interactions: Vec<RememberedInteraction>,
    /// When the latest interaction took place that is remembered no more.
    pub cut: Option<Micros>,
    /// The record time of the latest interaction.
    pub seen: Micros,
}

/// What is known of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFact {
    /// Account number.
    pub account: CompactString,
    /// What it is.
    pub statuses: Statuses,
}

/// An interaction that is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RememberedInteraction {
    /// When it took place.
    pub occurred: Micros,
    /// The record time at which it was told.
    pub seen: Micros,
    /// Its id, as two halves: so it needs no more than eight bytes' place.
    id: [u64; 2],
    /// Digest of its idempotency key; 0: it has none.
    key: u64,
    /// Digest of what it says.
    content: u64,
    /// [`debt_hash`] of the linked resource's id; 0: it has none.
    pub debt: u64,
    /// Hashes of its words; 0: there is none.
    pub words: WordHashes,
    /// Where it took place.
    pub channel: InteractionChannel,
}

const _: () = assert!(size_of::<RememberedInteraction>() <= 80);

/// [`word_hash`]es of the words of an interaction that rules look at; 0: there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WordHashes {
    /// Of its type.
    pub kind: u32,
    /// Of its outcome.
    pub outcome: u32,
    /// Of its purpose.
    pub purpose: u32,
    /// Of its linkedResourceType.
    pub resource: u32,
}

/// The hash by which a word of an interaction is compared with those of the rules, whatever its case, and with hyphens for blanks
/// and underscores. Never 0.
#[must_use]
pub fn word_hash(word: &str) -> u32 {
    let plain: String = word.trim().to_lowercase().replace([' ', '_'], "-");
    (hash64(plain.as_bytes()) as u32).max(1)
}

/// The hash of the id of a debt. Never 0.
#[must_use]
pub fn debt_hash(id: &str) -> u64 {
    digest64(id.as_bytes()).max(1)
}

impl RememberedInteraction {
    /// What is remembered of it.
    #[must_use]
    pub fn of(interaction: &Interaction, id: EventId, seen: Micros) -> Self {
        let told = |word: &&String| !word.trim().is_empty();
        let word = |word: Option<&String>| word.filter(told).map_or(0, |word| word_hash(word));
        let hash = |text: Option<&String>| text.map_or(0, |text| debt_hash(text));
        Self {
            occurred: interaction.occurred_at,
            seen,
            id: [(id.0 >> 64) as u64, id.0 as u64],
            key: hash(interaction.idempotency_key.as_ref()),
            content: interaction.content(),
            debt: hash(interaction.linked_resource_id.as_ref()),
            words: WordHashes {
                kind: word_hash(&interaction.kind),
                outcome: word(interaction.outcome.as_ref()),
                purpose: word(interaction.purpose.as_ref()),
                resource: word(interaction.linked_resource_type.as_ref()),
            },
            channel: interaction.channel(),
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> EventId {
        EventId(u128::from(self.id[0]) << 64 | u128::from(self.id[1]))
    }

    /// Whether both say the same.
    #[must_use]
    pub fn says_what(&self, other: &Self) -> bool {
        self.content == other.content
    }

    /// Whether it is remembered no more at this record time.
    fn is_over(&self, now: Micros) -> bool {
        self.seen.plus(limits::INTERACTION_MEMORY) < now
    }

    pub(super) fn write(&self, out: &mut ByteWriter) {
        out.signed(self.occurred.0);
        out.signed(self.seen.0.saturating_sub(self.occurred.0));
        out.wide(self.id().0);
        out.long(self.key);
        out.long(self.content);
        out.long(self.debt);
        for word in [self.words.kind, self.words.outcome, self.words.purpose, self.words.resource] {
            out.word(word);
        }
        out.byte(self.channel as u8);
    }

    pub(super) fn read(input: &mut ByteReader<'_>) -> Result<Self, JournalFault> {
        let occurred = Micros(input.signed()?);
        let seen = occurred.plus(Micros(input.signed()?));
        let id = input.wide()?;
        Ok(Self {
            occurred,
            seen,
            id: [(id >> 64) as u64, id as u64],
            key: input.long()?,
            content: input.long()?,
            debt: input.long()?,
            words: WordHashes {
                kind: input.word()?,
                outcome: input.word()?,
                purpose: input.word()?,
                resource: input.word()?,
            },
            channel: *InteractionChannel::ALL
                .get(usize::from(input.byte()?))
                .ok_or(JournalFault::Damaged("an interaction is on no channel"))?,
        })
    }
}

impl Party {
    /// Whether a party record or facts of an account are known, not just that somebody spoke with them.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.record.is_some() || !self.accounts.is_empty()
    }

    /// The interaction that another is a repeat of, or in conflict with: of the same id or the same key.
    #[must_use]
    pub fn earlier(&self, other: &RememberedInteraction) -> Option<&RememberedInteraction> {
        let same =
            |known: &&RememberedInteraction| known.id == other.id || known.key != 0 && known.key == other.key;
        self.interactions.iter().filter(|known| !known.is_over(other.seen)).find(same)
    }

    /// Remembers an interaction, and forgets those that are over, or are too many.
    pub(super) fn remember(&mut self, interaction: RememberedInteraction) {
        self.seen = self.seen.max(interaction.seen);
        // Also of those whose time is over: where record times run ahead, that may have been yesterday.
        let over = self.interactions.iter().filter(|known| known.is_over(interaction.seen));
        let mut gone = over.map(|known| known.occurred).max();
        self.interactions.retain(|known| !known.is_over(interaction.seen));
        if self.interactions.len() >= limits::INTERACTIONS_MAX {
            gone = gone.max(Some(self.interactions.remove(0).occurred));
        }
        self.cut = self.cut.max(gone);
        if self.interactions.len() == self.interactions.capacity() {
            // A vector would double its room.
            self.interactions.reserve_exact(self.interactions.len() / 4 + 2);
        }
        self.interactions.push(interaction);
    }

    pub(super) fn set_account(&mut self, account: &str, statuses: Option<Statuses>) {
        let place = self.accounts.binary_search_by(|fact| fact.account.as_str().cmp(account));
        match (place, statuses) {
            (Ok(place), Some(statuses)) => self.accounts[place].statuses = statuses,
            (Err(place), Some(statuses)) => {
                self.accounts.insert(place, AccountFact { account: account.into(), statuses });
            }
            (Ok(place), None) => {
                self.accounts.remove(place);
            }
            (Err(_), None) => {}
        }
    }

    /// Whether the account is one of the person's, or would find a place among these.
    #[must_use]
    pub fn takes_account(&self, account: &str) -> bool {
        self.accounts.len() < limits::PARTY_ACCOUNTS_MAX
            || self.accounts.iter().any(|fact| fact.account == account)
    }

    /// Whether the contact is listed, or was found before.
    pub(super) fn has_contact(&self, details: &ContactDetails) -> bool {
        let mut listed = self.record.iter().flat_map(|record| &record.contacts);
        listed.any(|contact| is_same((&contact.kind, &contact.value), details))
            || self.found.iter().any(|found| is_same((&found.kind, &found.value), details))
    }

    pub(super) fn add_contact(&mut self, contact: ContactDetails) {
        if self.found.len() >= limits::FOUND_CONTACTS_MAX {
            self.found.remove(0);
        }
        self.found.push(Arc::new(contact));
    }

    /// Takes over a party record; contacts that it lists are found no longer.
    pub(super) fn set_record(&mut self, record: Option<Arc<PartyRecord>>) {
        if let Some(record) = &record {
            let is_listed = |found: &ContactDetails| {
                record.contacts.iter().any(|contact| is_same((&contact.kind, &contact.value), found))
            };
            self.found.retain(|found| !is_listed(found));
        }
        self.record = record;
    }
}

/// Digits that a telephone number has at least; what has fewer, or letters, is compared as it stands.
const PHONE_DIGITS_MIN: usize = 5;

/// Whether two contacts are the same: of the same kind, with values that differ in spelling at most.
#[must_use]
pub fn is_same((kind, value): (&str, &str), other: &ContactDetails) -> bool {
    kind == other.kind && plain(kind, value) == plain(kind, &other.value)
}

/// A value without what is a matter of spelling.
fn plain(kind: &str, value: &str) -> String {
    match ContactKind::from_symbol(kind) {
        Some(ContactKind::Phone) => {
            let value = value.trim();
            let digits = value.chars().filter(char::is_ascii_digit).count();
            if digits < PHONE_DIGITS_MIN || value.chars().any(char::is_alphabetic) {
                return value.to_lowercase();
            }
            let plus = value.strip_prefix('+').map_or("", |_| "+");
            plus.chars().chain(value.chars().filter(char::is_ascii_digit)).collect()
        }
        Some(ContactKind::Email) => value.trim().to_lowercase(),
        _ => value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase(),
    }
}

/// A party record as the journal has it: the JSON of it.
pub(super) fn write_record(record: Option<&PartyRecord>, out: &mut ByteWriter) {
    let text = record.and_then(|record| serde_json::to_string(record).ok());
    out.optional_text(text.as_deref());
}

pub(super) fn read_record(input: &mut ByteReader<'_>) -> Result<Option<Arc<PartyRecord>>, JournalFault> {
    let Some(text) = input.optional_text()? else { return Ok(None) };
    let mut record: PartyRecord =
        serde_json::from_str(text).map_err(|_| JournalFault::Damaged("a party record is none"))?;
    record.shrink();
    Ok(Some(Arc::new(record)))
}

pub(super) fn write_contact(contact: &ContactDetails, out: &mut ByteWriter) {
    out.text(&contact.kind);
    out.text(&contact.value);
}

pub(super) fn read_contact(input: &mut ByteReader<'_>) -> Result<ContactDetails, JournalFault> {
    Ok(ContactDetails { kind: input.text()?.to_owned(), value: input.text()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_the_same_whatever_their_spelling() {
        let same = |kind: &str, one: &str, other: &str| {
            is_same((kind, one), &ContactDetails { kind: kind.to_owned(), value: other.to_owned() })
        };
        assert!(same("phone", "+1 (555) 010-9999", "+15550109999"));
        assert!(!same("phone", "15550109999", "+15550109999"));
        assert!(same("email", "Jo@Example.org ", "jo@example.org"));
        assert!(same("address", "1 Main St,  Austin", "1 main st, austin"));
        assert!(!same("address", "1 Main St", "1 Main Street"));
    }
}
