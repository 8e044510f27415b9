//! What the account system told of an account. A million of these are in memory: one block each, for what most have.

use crate::domain::limits;
use smallvec::SmallVec;

/// Hashes that stand in the master data itself: a chip and the ids of a few account events.
const INLINE: usize = 4;

/// What the account system told, which decisions seldom look at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MasterData {
    /// Registered chips, blocked chips, event ids.
    hashes: SmallVec<[u64; INLINE]>,
    /// Where the chips, and where the blocked chips, end among them.
    ends: [u32; 2],
    /// The person behind the account.
    pub party_id: Option<Box<str>>,
}

impl MasterData {
    /// Of hashes one after another: of the registered chips and of the blocked chips, each sorted, up to these ends, and of
    /// the last account events' ids, oldest first.
    ///
    /// # Panics
    /// Where the ends are not in order, or not within: the caller's mistake.
    #[must_use]
    pub fn new(hashes: SmallVec<[u64; INLINE]>, ends: [usize; 2], party_id: Option<Box<str>>) -> Self {
        assert!(ends[0] <= ends[1] && ends[1] <= hashes.len(), "{ends:?} of {} hashes", hashes.len());
        Self { hashes, ends: ends.map(|end| end as u32), party_id }
    }

    /// Hashes of the registered chips, sorted.
    #[must_use]
    pub fn chips(&self) -> &[u64] {
        &self.hashes[..self.ends[0] as usize]
    }

    /// Hashes of the blocked chips, sorted.
    #[must_use]
    pub fn blocked_chips(&self) -> &[u64] {
        &self.hashes[self.ends[0] as usize..self.ends[1] as usize]
    }

    /// Hashes of the last account events' ids, oldest first.
    #[must_use]
    pub fn event_ids(&self) -> &[u64] {
        &self.hashes[self.ends[1] as usize..]
    }

    pub(super) fn set_chips(&mut self, chips: &[u64]) {
        self.hashes = joined([chips, self.blocked_chips(), self.event_ids()]);
        self.ends = [chips.len() as u32, self.ends[1] - self.ends[0] + chips.len() as u32];
    }

    pub(super) fn set_blocked_chips(&mut self, chips: &[u64]) {
        self.hashes = joined([self.chips(), chips, self.event_ids()]);
        self.ends[1] = self.ends[0] + chips.len() as u32;
    }

    pub(super) fn remember_event(&mut self, id: u64) {
        if self.event_ids().len() >= limits::ACCOUNT_EVENT_IDS_MAX {
            self.hashes.remove(self.ends[1] as usize);
        } else if self.hashes.len() == self.hashes.capacity() {
            self.hashes.reserve_exact(2);
        }
        self.hashes.push(id);
    }
}

fn joined(lists: [&[u64]; 3]) -> SmallVec<[u64; INLINE]> {
    let mut hashes = SmallVec::with_capacity(lists.iter().map(|list| list.len()).sum());
    lists.iter().for_each(|list| hashes.extend_from_slice(list));
    hashes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_changes_without_the_others() {
        let mut master_data = MasterData::default();
        master_data.remember_event(9);
        master_data.set_blocked_chips(&[5, 6]);
        master_data.set_chips(&[1, 2, 3]);
        assert_eq!((master_data.chips(), master_data.blocked_chips()), (&[1, 2, 3][..], &[5, 6][..]));
        master_data.set_chips(&[4]);
        master_data.remember_event(10);
        master_data.set_blocked_chips(&[7]);
        assert_eq!((master_data.chips(), master_data.blocked_chips()), (&[4][..], &[7][..]));
        master_data.set_chips(&[]);
        master_data.set_blocked_chips(&[]);
        assert_eq!((master_data.chips(), master_data.blocked_chips()), (&[][..], &[][..]));
        assert_eq!(master_data.event_ids(), [9, 10]);
    }

    #[test]
    fn the_last_event_ids_are_remembered_and_no_more() {
        let (mut master_data, ids) = (MasterData::default(), limits::ACCOUNT_EVENT_IDS_MAX as u64);
        master_data.set_chips(&[1, 2]);
        (0..ids + 5).for_each(|id| master_data.remember_event(id));
        assert_eq!(master_data.event_ids(), (5..ids + 5).collect::<Vec<_>>());
        assert_eq!(master_data.chips(), [1, 2]);
    }
}
