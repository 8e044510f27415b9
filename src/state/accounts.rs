//! The account table: accounts in slots, found by their number through a hash table of slots.
//!
//! Slots are never given away again, so that a checkpoint rotation can walk them in order: everything that is decided or
//! written goes by slots, and nothing by the table, whose hash differs from process to process.

use super::account::Account;
use crate::domain::hashing::{Seed, TableHash};
use hashbrown::hash_table::{Entry, HashTable};

/// Accounts of a chunk: the table grows by chunks, without moving accounts and without slack of half its size.
const CHUNK: usize = 1024;

/// Where an account is. As much of its number's hash as the table needs stands here too, so that a table that grows, or a
/// look-up that hits upon another account first, leaves the accounts alone: each would be a cache miss. Half of the 64 bits
/// suffice, since nobody who does not know the seed can aim at them; all of them would cost 8 bytes an account.
#[derive(Clone, Copy, Debug)]
struct AccountPlace {
    hash: u32,
    slot: u32,
}

/// An account that was looked for: where it is, if it is there, and by what it was looked for, so that nobody need hash its
/// number once more.
#[derive(Clone, Copy, Debug)]
pub(super) struct SoughtAccount {
    pub(super) slot: Option<u32>,
    hash: u32,
}

/// How many accounts are looked up at once: enough to keep the memory busy, few enough to stay in the nearest cache.
pub const AT_ONCE: usize = 32;

/// The accounts of one partition.
#[derive(Debug, Default)]
pub struct Accounts {
    hash: TableHash,
    slots: HashTable<AccountPlace>,
    chunks: Vec<Vec<Account>>,
    count: u32,
}

impl Accounts {
    /// None yet; `seed` is for looking them up.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self { hash: TableHash::new(seed), ..Self::default() }
    }

    fn hash_of(&self, number: &str) -> u32 {
        self.hash.hash64(number.as_bytes()) as u32
    }

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
        self.seek(number).slot
    }

    /// Looks for an account.
    pub(super) fn seek(&self, number: &str) -> SoughtAccount {
        let hash = self.hash_of(number);
        SoughtAccount { slot: self.slot_by(number, hash), hash }
    }

    /// Looks again, if the account was not there before.
    pub(super) fn seek_again(
        &self,
        number: &str,
        SoughtAccount { slot, hash }: SoughtAccount,
    ) -> SoughtAccount {
        SoughtAccount { slot: slot.or_else(|| self.slot_by(number, hash)), hash }
    }

    fn slot_by(&self, number: &str, hash: u32) -> Option<u32> {
        let is_it =
            |place: &AccountPlace| place.hash == hash && at(&self.chunks, place.slot).number == number;
        self.slots.find(spread(hash), is_it).map(|place| place.slot)
    }

    /// Looks for several accounts, one after another into `sought`. Each step is done for all of them before the next,
    /// so that the processor waits for many cache misses at a time: what restoring a state consists of.
    pub(super) fn seek_all<'n>(
        &self,
        numbers: impl Iterator<Item = &'n str> + Clone,
        sought: &mut Vec<SoughtAccount>,
    ) {
        sought.clear();
        sought.extend(numbers.clone().map(|number| SoughtAccount { slot: None, hash: self.hash_of(number) }));
        for SoughtAccount { slot, hash } in sought.iter_mut() {
            *slot = self.slots.find(spread(*hash), |place| place.hash == *hash).map(|place| place.slot);
        }
        for (SoughtAccount { slot, hash }, number) in sought.iter_mut().zip(numbers) {
            if slot.is_some_and(|slot| at(&self.chunks, slot).number != number) {
                *slot = self.slot_by(number, *hash);
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
        let hash = self.hash_of(&account.number);
        self.put_by(account, hash)
    }

    /// [`Accounts::put`] for an account that was looked for.
    pub(super) fn put_sought(&mut self, account: Account, sought: SoughtAccount) -> u32 {
        self.put_by(account, sought.hash)
    }

    fn put_by(&mut self, account: Account, hash: u32) -> u32 {
        let (chunks, number) = (&self.chunks, &account.number);
        let is_it = |place: &AccountPlace| place.hash == hash && at(chunks, place.slot).number == *number;
        let vacant = match self.slots.entry(spread(hash), is_it, |place| spread(place.hash)) {
            Entry::Occupied(place) => {
                let slot = place.get().slot;
                self.chunks[slot as usize / CHUNK][slot as usize % CHUNK] = account;
                return slot;
            }
            Entry::Vacant(vacant) => vacant,
        };
        let slot = self.count;
        vacant.insert(AccountPlace { hash, slot });
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
        let hash = spread(self.hash_of(&account.number));
        if let Ok(entry) = self.slots.find_entry(hash, |place| place.slot == slot) {
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
    use crate::domain::hashing::hash64;

    fn account(number: &str, limit: i64) -> Account {
        Account::opened(number, Amount::new(limit).unwrap_or_default(), None, None)
    }

    #[test]
    fn accounts_whose_hashes_agree_are_told_apart() {
        let any = Accounts::default();
        let mut hashes: Vec<_> =
            (0..500_000).map(|name| name.to_string()).map(|name| (any.hash_of(&name), name)).collect();
        hashes.sort_unstable();
        let same: Vec<_> = hashes.windows(2).filter(|pair| pair[0].0 == pair[1].0).collect();
        assert!(!same.is_empty(), "half a million names have some 29 such pairs");
        for pair in same {
            let [first, second] = [&*pair[0].1, &*pair[1].1];
            let mut accounts = Accounts::default();
            assert_eq!(accounts.put(account(first, 1)), 0);
            let mut found = Vec::new();
            let slots = |found: &[SoughtAccount]| found.iter().map(|sought| sought.slot).collect::<Vec<_>>();
            accounts.seek_all([first, second].into_iter(), &mut found);
            assert_eq!(slots(&found), [Some(0), None]);
            assert_eq!(accounts.put(account(second, 2)), 1);
            accounts.seek_all([second, first].into_iter(), &mut found);
            assert_eq!(slots(&found), [Some(1), Some(0)]);
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

    /// How many places a look-up holds against this number: those whose mark in the table agrees.
    fn compared(accounts: &Accounts, number: &str) -> usize {
        let mut compared = 0;
        let found = accounts.slots.find(spread(accounts.hash_of(number)), |place| {
            compared += 1;
            at(&accounts.chunks, place.slot).number == number
        });
        assert!(found.is_some());
        compared
    }

    /// Numbers of 8 bytes whose XXH3 ends in the same 32 bits: for keys of that length it can be turned round
    /// step by step, so nobody has to search. This is what a sender can make whom the fixed hash is known.
    fn numbers_of_one_hash(count: usize) -> Vec<String> {
        const MULTIPLIER: u64 = 0x9fb2_1c65_1e98_df25;
        /// What the words of the input are mixed with: bytes 8 to 23 of the published secret, both halves together.
        const MIXED: u64 = 0x1cad_21f7_2c81_017c ^ 0xdb97_9083_e96d_d4de;
        let inverse = (0..6).fold(MULTIPLIER, |inverse, _| {
            inverse.wrapping_mul(2_u64.wrapping_sub(MULTIPLIER.wrapping_mul(inverse)))
        });
        let number_of = |hash: u64| {
            let mut word = hash ^ hash >> 28;
            word = (word ^ word >> 56).wrapping_mul(inverse);
            word ^= (word >> 35) + 8;
            word = word.wrapping_mul(inverse);
            // The first step, 63 times more: 64 times it is the identity, and squared it turns twice as far.
            let turned =
                |word: u64, by: u32| word ^ word.rotate_left(49 * by % 64) ^ word.rotate_left(24 * by % 64);
            let word = [1, 2, 4, 8, 16, 32].into_iter().fold(word, turned) ^ MIXED;
            word.rotate_left(32).to_le_bytes()
        };
        let numbers = (0..).map(|high: u64| number_of(high << 32 | 0x4711));
        numbers.filter_map(|bytes| String::from_utf8(bytes.to_vec()).ok()).take(count).collect()
    }

    #[test]
    fn numbers_that_a_sender_has_chosen_are_found_at_once() {
        let chosen = numbers_of_one_hash(40_000);
        assert!(chosen.iter().all(|number| hash64(number.as_bytes()) as u32 == 0x4711));
        let mut accounts = Accounts::new(Seed([7, 11]));
        for (slot, number) in (0..).zip(&chosen) {
            assert_eq!(accounts.put(account(number, 0)), slot);
        }
        let compared = |number: &String| compared(&accounts, number);
        let all: usize = chosen.iter().map(compared).sum();
        assert!(all < chosen.len() * 2, "{all} comparisons for {} accounts", chosen.len());
        assert!(chosen.iter().map(compared).max() < Some(8));
    }
}
