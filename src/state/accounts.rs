//! The account table: accounts in slots, found by their number through a hash table of slots.
//!
//! Slots are never given away again, so that a checkpoint rotation can walk them in order.

use super::account::Account;
use crate::domain::hashing::hash64;
use hashbrown::HashTable;

/// Accounts of a chunk: the table grows by chunks, without moving accounts and without slack of half its size.
const CHUNK: usize = 1024;

/// The accounts of one partition.
#[derive(Debug, Default)]
pub struct Accounts {
    slots: HashTable<u32>,
    chunks: Vec<Vec<Account>>,
    count: u32,
}

impl Accounts {
    /// How many accounts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The slot of an account.
    #[must_use]
    pub fn slot(&self, number: &str) -> Option<u32> {
        self.slots.find(hash64(number.as_bytes()), |slot| at(&self.chunks, *slot).number == number).copied()
    }

    /// The account with this number.
    #[must_use]
    pub fn get(&self, number: &str) -> Option<&Account> {
        self.slot(number).map(|slot| at(&self.chunks, slot))
    }

    /// The account in a slot (below [`Accounts::len`]).
    #[must_use]
    pub fn at(&self, slot: u32) -> Option<&Account> {
        (slot < self.count).then(|| at(&self.chunks, slot))
    }

    /// The account in a slot, to change it.
    pub fn at_mut(&mut self, slot: u32) -> Option<&mut Account> {
        (slot < self.count).then(|| &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK])
    }

    /// Puts an account in: in the slot it has, or in a new one, which is returned.
    pub fn put(&mut self, account: Account) -> u32 {
        if let Some(slot) = self.slot(&account.number) {
            self.chunks[slot as usize / CHUNK][slot as usize % CHUNK] = account;
            return slot;
        }
        let slot = self.count;
        let hash = hash64(account.number.as_bytes());
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(if self.chunks.is_empty() { 0 } else { CHUNK }));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(account);
        }
        self.count += 1;
        let chunks = &self.chunks;
        self.slots.insert_unique(hash, slot, |slot| hash64(at(chunks, *slot).number.as_bytes()));
        slot
    }

    /// Takes the newest account away again: undo of a [`Accounts::put`] that made a slot.
    pub fn remove_last(&mut self) {
        let Some(account) = self.chunks.last_mut().and_then(Vec::pop) else {
            return;
        };
        self.count -= 1;
        let slot = self.count;
        if let Ok(entry) = self.slots.find_entry(hash64(account.number.as_bytes()), |found| *found == slot) {
            entry.remove();
        }
        if self.chunks.last().is_some_and(Vec::is_empty) {
            self.chunks.pop();
        }
    }

    /// All accounts in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.chunks.iter().flatten()
    }
}

fn at(chunks: &[Vec<Account>], slot: u32) -> &Account {
    &chunks[slot as usize / CHUNK][slot as usize % CHUNK]
}
