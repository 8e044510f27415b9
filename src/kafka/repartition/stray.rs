//! Accounts that stand on another partition than their keys belong to: found before anything is changed, and left out of
//! the new state only where they are named. Never drops an account that is at home.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    pipeline::{Division, Misplaced, Partition},
    state::Account,
};

/// An account that stands elsewhere than its key.
#[derive(Clone, Copy, Debug)]
pub struct Stray<'a> {
    /// The account.
    pub account: &'a Account,
    /// Where it stands, and where it belongs.
    pub at: Misplaced,
}

/// Accounts that may be dropped where they are not at home.
#[derive(Clone, Debug, Default)]
pub struct Dropped {
    /// By number, from which partition; none: from all on which it is not at home.
    named: BTreeMap<String, BTreeSet<Option<i32>>>,
}

impl Dropped {
    /// Names an account, on one partition or on all.
    pub fn name(&mut self, account: String, partition: Option<i32>) {
        self.named.entry(account).or_default().insert(partition);
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
            .get(stray.account.number.as_str())
            .is_some_and(|from| from.contains(&None) || from.contains(&Some(stray.at.stands_on)))
    }
}

/// How many such accounts were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// That are not named to be dropped.
    pub kept: u64,
    /// How many of those are at home by the other known partitioner.
    pub fit_other: u64,
    /// That are.
    pub dropped: u64,
}

/// The accounts of a state that stand elsewhere than their keys.
pub fn of(partition: &Partition, division: Division) -> impl Iterator<Item = Stray<'_>> {
    partition
        .state()
        .accounts()
        .iter()
        .filter_map(move |account| stray(account, partition.number(), division))
}

/// The account as a stray one, if it is not at home.
pub fn stray(account: &Account, partition: i32, division: Division) -> Option<Stray<'_>> {
    Some(Stray { account, at: division.misplaced(account.number.as_bytes(), partition)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Amount, partitioner::Partitioner};

    #[test]
    fn only_what_is_named_is_dropped_and_never_where_it_is_at_home() {
        let account = Account::opened("4711", Amount::ZERO, None, None);
        let division = Division { partitioner: Partitioner::Murmur2, partitions: 4 };
        let home = Partitioner::Murmur2.partition_of(b"4711", 4) as i32;
        assert!(stray(&account, home, division).is_none());
        let [one, two] = [1, 2].map(|off| stray(&account, (home + off) % 4, division).expect("a stray one"));
        let mut dropped = Dropped::default();
        dropped.name("another".to_owned(), None);
        assert!(!dropped.has(&one));
        dropped.name("4711".to_owned(), Some(one.at.stands_on));
        assert!(dropped.has(&one) && !dropped.has(&two));
        dropped.name("4711".to_owned(), None);
        assert!(dropped.has(&two));
    }
}
