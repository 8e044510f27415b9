//! What the account system told of an account. A million of these are in memory: one block each, for what most have.

use super::applied::AppliedEvents;
use crate::domain::{Micros, limits};
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
    pub marks: Vec<Mark>,
    /// The person behind the account.
    pub party_id: Option<Box<str>>,
}

/// When the last change of one thing was created: what is older does not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What changed.
    pub thing: Thing,
    /// When that was created.
    pub created: Micros,
}

/// What account events change, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing(pub u64);

impl Thing {
    /// The limit.
    pub const LIMIT: Self = Self(1);
    /// The default.
    pub const DEFAULT: Self = Self(2);
    /// `update.partyId`
    pub const PARTY: Self = Self(3);
    /// `update.currency`
    pub const CURRENCY: Self = Self(4);
    /// `update.countryCode`
    pub const COUNTRY: Self = Self(5);
    /// `update.ssnKnown`
    pub const SSN: Self = Self(6);
    /// `update.nfcIds`
    pub const CHIPS: Self = Self(7);
    /// `update.blockedNfcIds`
    pub const BLOCKED_CHIPS: Self = Self(8);

    /// The flag of this name.
    #[must_use]
    pub fn flag(name: &str) -> Self {
        Self(super::id_hash(Some(name)) | 1 << 63)
    }
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

    /// When the last change of this thing was created.
    #[must_use]
    pub fn mark(&self, thing: Thing) -> Option<Micros> {
        self.marks.iter().find(|mark| mark.thing == thing).map(|mark| mark.created)
    }

    pub(super) fn set_chips(&mut self, chips: &[u64]) {
        self.hashes = joined([chips, self.blocked_chips()]);
        self.registered = chips.len() as u32;
    }

    pub(super) fn set_blocked_chips(&mut self, chips: &[u64]) {
        self.hashes = joined([self.chips(), chips]);
    }

    pub(super) fn set_mark(&mut self, thing: Thing, created: Micros) {
        if let Some(mark) = self.marks.iter_mut().find(|mark| mark.thing == thing) {
            mark.created = mark.created.max(created);
            return;
        }
        if self.marks.len() >= limits::MARKS_MAX
            && let Some(oldest) = (0..self.marks.len()).min_by_key(|place| self.marks[*place].created)
        {
            self.marks.remove(oldest);
        }
        self.marks.reserve_exact(1);
        self.marks.push(Mark { thing, created });
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

    #[test]
    fn a_mark_never_goes_back_and_the_oldest_gives_way() {
        let mut master_data = MasterData::default();
        for number in 0..=limits::MARKS_MAX as u64 {
            master_data.set_mark(Thing(number), Micros(number as i64));
        }
        master_data.set_mark(Thing(5), Micros(0));
        assert_eq!(master_data.mark(Thing(5)), Some(Micros(5)));
        assert_eq!(master_data.mark(Thing(0)), None);
        assert_eq!(master_data.marks.len(), limits::MARKS_MAX);
    }
}
