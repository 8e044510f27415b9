//! Entries of a state that stand on another partition than their keys belong to: found before anything is changed, and left
//! out of the new state only where they are named. Never drops one that stands where it belongs.

use crate::domain::PartitionId;
use crate::pipeline::{Division, Folded, Misplaced};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};

/// An entry that stands elsewhere than its key belongs.
#[derive(Clone, Copy)]
pub struct Stray<'a> {
    /// Its key.
    pub key: &'a str,
    /// Where it stands, and where it belongs.
    pub at: Misplaced,
    /// The state that it is of, for whoever knows the flow, and its slot there.
    pub state: &'a dyn Any,
    /// Its slot.
    pub slot: u32,
}

/// Entries that may be dropped where they are not where they belong.
#[derive(Clone, Debug, Default)]
pub struct Dropped {
    /// By key, from which partition; none: from all on which it does not belong.
    named: BTreeMap<String, BTreeSet<Option<PartitionId>>>,
}

impl Dropped {
    /// Names an entry, on one partition or on all.
    pub fn name(&mut self, key: String, partition: Option<PartitionId>) {
        self.named.entry(key).or_default().insert(partition);
    }

    /// Whether it names none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// Whether it names this one.
    #[must_use]
    pub fn has(&self, stray: &Stray<'_>) -> bool {
        self.named
            .get(stray.key)
            .is_some_and(|from| from.contains(&None) || from.contains(&Some(stray.at.stands_on)))
    }
}

/// How many such entries were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// That are not named to be dropped.
    pub kept: u64,
    /// How many of those belong where they stand by the other known partitioner.
    pub fit_other: u64,
    /// That are.
    pub dropped: u64,
}

/// The entries of a state that stand elsewhere than their keys belong.
pub fn of(state: &dyn Folded, division: Division) -> impl Iterator<Item = Stray<'_>> {
    let slots = 0..u32::try_from(state.entries()).unwrap_or(u32::MAX);
    slots.filter_map(move |slot| stray(state, slot, division))
}

/// The entry in a slot as a stray one, if it is not where it belongs.
pub fn stray(state: &dyn Folded, slot: u32, division: Division) -> Option<Stray<'_>> {
    let key = state.key(slot)?;
    let at = division.misplaced(key.as_bytes(), state.unit().partition)?;
    Some(Stray { key, at, state: state.state(), slot })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::partitioner::Partitioner;

    #[test]
    fn only_what_is_named_is_dropped_and_only_from_where_it_is_named() {
        let division = Division { partitioner: Partitioner::Murmur2, partitions: 4 };
        let home = Partitioner::Murmur2.partition_of(b"4711", 4).number();
        let stray = |off| {
            let at = division
                .misplaced(b"4711", PartitionId::new((home + off) % 4))
                .expect("it does not belong there");
            Stray { key: "4711", at, state: &(), slot: 0 }
        };
        let [one, two] = [1, 2].map(stray);
        let mut dropped = Dropped::default();
        dropped.name("another".to_owned(), None);
        assert!(!dropped.has(&one));
        dropped.name("4711".to_owned(), Some(one.at.stands_on));
        assert!(dropped.has(&one) && !dropped.has(&two));
        dropped.name("4711".to_owned(), None);
        assert!(dropped.has(&two));
    }
}
