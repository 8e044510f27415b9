//! Which partition of a topic, by its number. Never how many there are, and never a place in them: these are counts and offsets.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::TryFromIntError;

/// The number of a partition: from 0, and below the count of its topic's partitions.
///
/// A type of its own, because it stands beside counts, offsets, places of inputs and numbers of workers nearly everywhere, and
/// a partition given where one of these is meant compiles, runs, and decides by the state of another. It is 32 bits with a
/// sign, as in Kafka's protocol. Below 0 is none of any topic: only what others wrote and what an old journal did not keep
/// says so, and that stays what it is. In text, JSON and logs it is the bare number.
///
/// # Example
/// ```
/// use tillgate::domain::PartitionId;
///
/// let partitions: Vec<PartitionId> = PartitionId::all(3).collect();
/// assert_eq!(partitions, [PartitionId::new(0), PartitionId::new(1), PartitionId::new(2)]);
/// assert_eq!(format!("partition {}", partitions[2]), "partition 2");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionId(i32);

impl PartitionId {
    /// The partition of this number.
    #[must_use]
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// Its number, as Kafka, bytes and hashes have it.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// All of a topic that has `count` partitions, in their order.
    pub fn all(count: impl TryInto<i32>) -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        (0..count.try_into().unwrap_or(i32::MAX)).map(Self)
    }

    /// Whether a topic of `count` partitions has it.
    #[must_use]
    pub const fn is_among(self, count: usize) -> bool {
        self.index() < count
    }

    /// Its place in a table of one entry for each partition; beyond any table where the number is below 0.
    #[must_use]
    pub const fn index(self) -> usize {
        if self.0 < 0 { usize::MAX } else { self.0 as usize }
    }
}

impl From<i32> for PartitionId {
    fn from(number: i32) -> Self {
        Self(number)
    }
}

impl From<u16> for PartitionId {
    fn from(number: u16) -> Self {
        Self(number.into())
    }
}

/// As it is read from bytes, where it has more room.
impl TryFrom<i64> for PartitionId {
    type Error = TryFromIntError;

    fn try_from(number: i64) -> Result<Self, TryFromIntError> {
        number.try_into().map(Self)
    }
}

impl From<PartitionId> for i32 {
    fn from(partition: PartitionId) -> Self {
        partition.0
    }
}

/// As it is written into bytes, where it has more room.
impl From<PartitionId> for i64 {
    fn from(partition: PartitionId) -> Self {
        partition.0.into()
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_its_number_in_text_and_json() {
        let seven = PartitionId::new(7);
        assert_eq!(format!("{seven} {seven:05} {seven:?}"), "7 00007 7");
        assert_eq!(serde_json::to_string(&[seven]).expect("a number"), "[7]");
        assert_eq!(serde_json::from_str::<PartitionId>("7").ok(), Some(seven));
        assert!(serde_json::from_str::<PartitionId>("4294967296").is_err());
    }

    #[test]
    fn what_is_below_0_or_too_large_is_none_of_a_topic() {
        for number in [-1, i32::MIN] {
            assert!(!PartitionId::new(number).is_among(usize::MAX), "{number}");
            assert_eq!(PartitionId::new(number).index().checked_add(1), None, "{number}");
        }
        assert!(PartitionId::new(2).is_among(3) && !PartitionId::new(3).is_among(3));
        assert!(PartitionId::try_from(1_i64 << 32).is_err());
        assert_eq!(PartitionId::all(u32::MAX).len(), i32::MAX as usize);
    }
}
