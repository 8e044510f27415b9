//! When what was told last of each thing of an account was created, packed: what is older does not change it. One update tells
//! several things at once, so things stand by the time that they have in common.

use super::packed::{PackedReader, signed};
use crate::domain::{Micros, limits};
use smallvec::SmallVec;

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

    /// The bit of what is no flag.
    fn bit(self) -> Option<u8> {
        (1..=8).contains(&self.0).then(|| 1 << (self.0 - 1))
    }
}

/// Packed marks: for each time, from the earliest on, one bit for each thing that is no flag, and the flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Box<[u8]>);

impl Marks {
    /// The marks, the earliest first.
    pub fn iter(&self) -> impl Iterator<Item = Mark> {
        let mut input = PackedReader(&self.0);
        let mut left = Left::default();
        std::iter::from_fn(move || left.next(&mut input))
    }

    /// When the last change of this thing was created.
    #[must_use]
    pub fn of(&self, thing: Thing) -> Option<Micros> {
        self.iter().find(|mark| mark.thing == thing).map(|mark| mark.created)
    }

    /// Marks a thing, where it has no later mark. The earliest gives way where there are too many.
    pub(super) fn set(&mut self, mark: Mark) {
        if self.joins_the_latest(mark) {
            return;
        }
        let Mark { thing, created } = mark;
        let mut marks: SmallVec<[Mark; 8]> = self.iter().collect();
        match marks.iter_mut().find(|mark| mark.thing == thing) {
            Some(mark) if mark.created >= created => return,
            Some(mark) => mark.created = created,
            None => {
                if marks.len() >= limits::MARKS_MAX {
                    marks.remove(0);
                }
                marks.push(Mark { thing, created });
            }
        }
        *self = marks.into_iter().collect();
    }

    /// Adds a bit to the marks of the latest time, where that is all there is to do: what one update tells comes thing by thing.
    fn joins_the_latest(&mut self, Mark { thing, created }: Mark) -> bool {
        let Some(bit) = thing.bit() else { return false };
        let mut input = PackedReader(&self.0);
        let (mut latest, mut told, mut count) = (None, 0, 0);
        while let Some(time) = input.signed() {
            let at = self.0.len() - input.0.len();
            let (Some(bits), Some(flags)) = (input.byte(), input.byte()) else { return false };
            told |= bits;
            count += bits.count_ones() as usize + usize::from(flags);
            input.0 = input.0.get(8 * usize::from(flags)..).unwrap_or_default();
            latest = Some((time, at));
        }
        match latest {
            Some((time, at)) if time == created.0 && told & bit == 0 && count < limits::MARKS_MAX => {
                self.0[at] |= bit;
            }
            _ => return false,
        }
        true
    }

    /// The bytes, as a journal keeps them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Out of the bytes of a journal; none where they are damaged.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let marks = Self(bytes.into());
        let packed: Self = marks.iter().collect();
        (packed == marks).then_some(marks)
    }
}

impl FromIterator<Mark> for Marks {
    fn from_iter<T: IntoIterator<Item = Mark>>(marks: T) -> Self {
        let mut marks: SmallVec<[Mark; 8]> = marks.into_iter().collect();
        marks.sort_unstable_by_key(|mark| (mark.created, mark.thing));
        let mut bytes = Vec::new();
        for of_a_time in marks.chunk_by(|one, other| one.created == other.created) {
            let bits = of_a_time.iter().filter_map(|mark| mark.thing.bit()).fold(0, |bits, bit| bits | bit);
            let flags = of_a_time.iter().filter(|mark| mark.thing.bit().is_none());
            signed(&mut bytes, of_a_time[0].created.0);
            bytes.push(bits);
            bytes.push(flags.clone().count() as u8);
            flags.for_each(|mark| bytes.extend_from_slice(&mark.thing.0.to_le_bytes()));
        }
        Self(bytes.into())
    }
}

/// What is left of the marks of one time.
#[derive(Default)]
struct Left {
    created: Micros,
    bits: u8,
    flags: u8,
}

impl Left {
    fn next(&mut self, input: &mut PackedReader<'_>) -> Option<Mark> {
        while self.bits == 0 && self.flags == 0 {
            *self = Self { created: Micros(input.signed()?), bits: input.byte()?, flags: input.byte()? };
        }
        let thing = if self.bits == 0 {
            self.flags -= 1;
            Thing(input.long()?)
        } else {
            let lowest = self.bits.trailing_zeros();
            self.bits &= self.bits - 1;
            Thing(u64::from(lowest) + 1)
        };
        Some(Mark { thing, created: self.created })
    }
}

const _: () = assert!(limits::MARKS_MAX <= u8::MAX as usize);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn thing() -> impl Strategy<Value = Thing> {
        prop_oneof![(1..=8u64).prop_map(Thing), (0..6u64).prop_map(|flag| Thing(flag | 1 << 63))]
    }

    proptest! {
        #[test]
        fn each_thing_keeps_its_latest_mark(told in prop::collection::vec((thing(), -3..3i64), 0..40)) {
            let mut marks = Marks::default();
            let mut latest = BTreeMap::new();
            for (thing, created) in told {
                marks.set(Mark { thing, created: Micros(created) });
                let latest = latest.entry(thing).or_insert(created);
                *latest = created.max(*latest);
            }
            let found: BTreeMap<_, _> = marks.iter().map(|mark| (mark.thing, mark.created.0)).collect();
            prop_assert_eq!(found.len(), marks.iter().count());
            prop_assert_eq!(found, latest);
            prop_assert_eq!(Marks::of_bytes(marks.bytes()), Some(marks));
        }
    }

    #[test]
    fn the_earliest_gives_way_and_damage_is_found() {
        let mut marks = Marks::default();
        for number in 0..=limits::MARKS_MAX as u64 {
            marks.set(Mark { thing: Thing(number | 1 << 63), created: Micros(number as i64) });
        }
        assert_eq!(marks.of(Thing(1 << 63)), None);
        assert_eq!(marks.of(Thing(5 | 1 << 63)), Some(Micros(5)));
        assert_eq!(marks.iter().count(), limits::MARKS_MAX);
        marks.set(Mark { thing: Thing::LIMIT, created: Micros(limits::MARKS_MAX as i64) });
        assert_eq!(marks.iter().count(), limits::MARKS_MAX, "one that could join the latest is one more too");
        let bytes = marks.bytes();
        assert_eq!(Marks::of_bytes(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Marks::of_bytes(&[bytes, &bytes[..11]].concat()), None, "not in their order");
    }
}
