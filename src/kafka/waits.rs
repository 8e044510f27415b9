//! Tells in the log of partitions that wait for a schema: once when it takes long, and once when they go on. Decides
//! nothing.

use std::collections::BTreeMap;

/// Partitions that waited at the last look, and whether that was told. A registry answers within milliseconds: who waits
/// at two looks in a row, a second apart, waits for one that does not.
#[derive(Debug, Default)]
pub struct Waits(BTreeMap<i32, bool>);

/// What is to be told of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It waits.
    Waits(i32),
    /// It no longer does.
    GoesOn(i32),
}

impl Waits {
    /// Looks at the partitions that wait now.
    pub fn look(&mut self, waiting: impl Iterator<Item = i32>) -> Vec<Told> {
        let before = std::mem::take(&mut self.0);
        self.0 = waiting.map(|partition| (partition, before.contains_key(&partition))).collect();
        let new = |partition: &&i32| self.0[*partition] && before.get(*partition) == Some(&false);
        let waits = self.0.keys().filter(new).map(|partition| Told::Waits(*partition));
        let over = before.iter().filter(|(partition, told)| **told && !self.0.contains_key(*partition));
        waits.chain(over.map(|(partition, _)| Told::GoesOn(*partition))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_of_a_long_wait_once_and_of_its_end() {
        let mut waits = Waits::default();
        let mut look = |waiting: &[i32]| waits.look(waiting.iter().copied());
        assert_eq!(look(&[3]), []);
        assert_eq!(look(&[]), [], "a short one");
        assert_eq!(look(&[3]), []);
        assert_eq!(look(&[3, 4]), [Told::Waits(3)]);
        assert_eq!(look(&[3, 4]), [Told::Waits(4)]);
        assert_eq!(look(&[4]), [Told::GoesOn(3)]);
        assert_eq!(look(&[]), [Told::GoesOn(4)]);
        assert_eq!(look(&[]), []);
    }
}
