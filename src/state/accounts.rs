//! The account table: accounts in slots, found by their number through a hash table of slots.
//!
//! Slots are never given away again, so that a checkpoint rotation can walk them in order.

use super::account::Account;
use crate::domain::hashing::hash64;
use hashbrown::hash_table::{Entry, HashTable};
use smallvec::SmallVec;

/// Accounts of a chunk: the table grows by chunks, without moving accounts and without slack of half its size.
const CHUNK: usize = 1024;

/// Where an account is. As much of its number's hash as the table needs stands here too, so that a table that grows, or a
/// look-up that hits upon another account first, leaves the accounts alone: each would be a cache miss.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    slot: u32,
}

/// How many accounts are looked up at once: enough to keep the memory busy, few enough to stay in the nearest cache.
pub const AT_ONCE: usize = 32;

/// The accounts of one partition.
#[derive(Debug, Default)]
pub struct Accounts {
    slots: HashTable<Place>,
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
        let hash = hash_of(number);
        let is_it = |place: &Place| place.hash == hash && at(&self.chunks, place.slot).number == number;
        self.slots.find(spread(hash), is_it).map(|place| place.slot)
    }

    /// The slots of several accounts, one after another into `found`. Each step is done for all of them before the next,
    /// so that the processor waits for many cache misses at a time: what restoring a state consists of.
    pub(super) fn slots<'n>(
        &self,
        numbers: impl Iterator<Item = &'n str> + Clone,
        found: &mut Vec<Option<u32>>,
    ) {
        found.clear();
        let hashes: SmallVec<[u32; AT_ONCE]> = numbers.clone().map(hash_of).collect();
        found.extend(
            hashes.iter().map(|hash| {
                self.slots.find(spread(*hash), |place| place.hash == *hash).map(|place| place.slot)
            }),
        );
        for (slot, number) in found.iter_mut().zip(numbers) {
            if slot.is_some_and(|slot| at(&self.chunks, slot).number != number) {
                *slot = self.slot(number);
            }
        }
    }

    /// Puts an account in the place of the one in this slot, which has the same number.
    pub(super) fn replace(&mut self, slot: u32, account: Account) {
        self.chunks[slot as usize / CHUNK][slot as usize % CHUNK] = account;
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
        let (chunks, number, hash) = (&self.chunks, &account.number, hash_of(&account.number));
        let is_it = |place: &Place| place.hash == hash && at(chunks, place.slot).number == *number;
        let vacant = match self.slots.entry(spread(hash), is_it, |place| spread(place.hash)) {
            Entry::Occupied(place) => {
                let slot = place.get().slot;
                self.chunks[slot as usize / CHUNK][slot as usize % CHUNK] = account;
                return slot;
            }
            Entry::Vacant(vacant) => vacant,
        };
        let slot = self.count;
        vacant.insert(Place { hash, slot });
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(if self.chunks.is_empty() { 0 } else { CHUNK }));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(account);
        }
        self.count += 1;
        slot
    }

    /// Takes the newest account away again: undo of a [`Accounts::put`] that made a slot.
    pub fn remove_last(&mut self) {
        let Some(account) = self.chunks.last_mut().and_then(Vec::pop) else {
            return;
        };
        self.count -= 1;
        let slot = self.count;
        if let Ok(entry) = self.slots.find_entry(spread(hash_of(&account.number)), |place| place.slot == slot)
        {
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

fn hash_of(number: &str) -> u32 {
    hash64(number.as_bytes()) as u32
}

/// The table's hash: it takes the place from the lowest bits, and a mark from the highest.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

fn at(chunks: &[Vec<Account>], slot: u32) -> &Account {
    &chunks[slot as usize / CHUNK][slot as usize % CHUNK]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Amount;

    fn account(number: &str, limit: i64) -> Account {
        Account::opened(number, Amount::new(limit).unwrap_or_default(), None, None)
    }

    #[test]
    fn accounts_whose_hashes_agree_are_told_apart() {
        let mut hashes: Vec<_> =
            (0..500_000).map(|name| name.to_string()).map(|name| (hash_of(&name), name)).collect();
        hashes.sort_unstable();
        let same: Vec<_> = hashes.windows(2).filter(|pair| pair[0].0 == pair[1].0).collect();
        assert!(!same.is_empty(), "half a million names have some 29 such pairs");
        for pair in same {
            let [first, second] = [&*pair[0].1, &*pair[1].1];
            let mut accounts = Accounts::default();
            assert_eq!(accounts.put(account(first, 1)), 0);
            let mut found = Vec::new();
            accounts.slots([first, second].into_iter(), &mut found);
            assert_eq!(found, [Some(0), None]);
            assert_eq!(accounts.put(account(second, 2)), 1);
            accounts.slots([second, first].into_iter(), &mut found);
            assert_eq!(found, [Some(1), Some(0)]);
            assert_eq!([first, second].map(|number| accounts.slot(number)), [Some(0), Some(1)]);
            accounts.remove_last();
            assert_eq!([first, second].map(|number| accounts.slot(number)), [Some(0), None]);
        }
    }

    #[test]
    fn an_account_that_is_there_is_put_in_its_own_slot() {
        let mut accounts = Accounts::default();
        for number in 0..3_000 {
            assert_eq!(accounts.put(account(&number.to_string(), 0)), number);
        }
        assert_eq!(accounts.put(account("1024", 7)), 1_024);
        assert_eq!(accounts.len(), 3_000);
        assert_eq!(accounts.get("1024").map(|account| account.limit.ten_thousandths()), Some(7));
        assert_eq!(accounts.iter().filter(|account| !account.limit.is_zero()).count(), 1);
    }
}
