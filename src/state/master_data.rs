//! What the account system told of an account. A million of these are in memory: one block each, for what most have.

use super::applied::AppliedEvents;
use super::marks::Marks;
use compact_str::CompactString;
use smallvec::SmallVec;

/// Hashes that stand in the master data itself: most accounts have a chip or two.
const INLINE: usize = 2;

/// What the account system told, which decisions seldom look at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MasterData {
    /// Registered chips, blocked chips.
    hashes: SmallVec<[u64; INLINE]>,
    /// Where the registered ones end among them.
    registered: u32,
    /// Whether they are [`super::old_id_hash`]es: told before a journal of version 4.
    pub old_hashes: bool,
    /// Account events that were applied.
    pub events: AppliedEvents,
    /// When what was told last of each thing was created, by the thing.
    pub marks: Marks,
    /// The person behind the account.
    pub party_id: Option<CompactString>,
}

impl MasterData {
    /// Of hashes one after another: of the registered chips and, from `registered` on, of the blocked ones, each sorted.
    ///
    /// # Panics
    /// Where there are not so many: the caller's mistake.
    #[must_use]
    pub fn new(hashes: SmallVec<[u64; INLINE]>, registered: usize) -> Self {
        assert!(registered <= hashes.len(), "{registered} of {} hashes", hashes.len());
        Self { hashes, registered: registered as u32, ..Self::default() }
    }

    /// Hashes of the registered chips, sorted.
    #[must_use]
    pub fn chips(&self) -> &[u64] {
        &self.hashes[..self.registered as usize]
    }

    /// Hashes of the blocked chips, sorted.
    #[must_use]
    pub fn blocked_chips(&self) -> &[u64] {
        &self.hashes[self.registered as usize..]
    }

    pub(super) fn set_chips(&mut self, chips: &[u64]) {
        self.hashes = joined([chips, self.blocked_chips()]);
        self.registered = chips.len() as u32;
    }

    pub(super) fn set_blocked_chips(&mut self, chips: &[u64]) {
        self.hashes = joined([self.chips(), chips]);
    }
}

fn joined(lists: [&[u64]; 2]) -> SmallVec<[u64; INLINE]> {
    let mut hashes = SmallVec::with_capacity(lists.iter().map(|list| list.len()).sum());
    lists.iter().for_each(|list| hashes.extend_from_slice(list));
    hashes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_changes_without_the_other() {
        let mut master_data = MasterData::default();
        master_data.set_blocked_chips(&[5, 6]);
        master_data.set_chips(&[1, 2, 3]);
        assert_eq!((master_data.chips(), master_data.blocked_chips()), (&[1, 2, 3][..], &[5, 6][..]));
        master_data.set_chips(&[4]);
        master_data.set_blocked_chips(&[7]);
        assert_eq!((master_data.chips(), master_data.blocked_chips()), (&[4][..], &[7][..]));
        master_data.set_chips(&[]);
        master_data.set_blocked_chips(&[]);
        assert_eq!((master_data.chips(), master_data.blocked_chips()), (&[][..], &[][..]));
    }
}
