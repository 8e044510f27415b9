//! Integers of variable length in packed state: 7 bits a byte, lowest first; signed ones zigzag. As the journal writes them.

/// What bytes are appended to.
pub(super) trait Bytes {
    /// Appends these.
    fn all(&mut self, bytes: &[u8]);
}

impl Bytes for Vec<u8> {
    fn all(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// An entry that is put together, on the stack.
pub(super) struct Entry {
    bytes: [u8; ENTRY_MAX],
    length: usize,
}

/// Bytes of an entry, at most: 5 of flags and keys, 10 for each of 9 integers, 8 for each of 5 hashes.
const ENTRY_MAX: usize = 5 + 9 * 10 + 5 * 8;

impl Entry {
    pub(super) fn new() -> Self {
        Self { bytes: [0; ENTRY_MAX], length: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Bytes for Entry {
    #[inline]
    fn all(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        self.bytes[self.length..end].copy_from_slice(bytes);
        self.length = end;
    }
}

/// Appends an unsigned integer.
#[inline]
pub(super) fn unsigned(out: &mut impl Bytes, mut value: u64) {
    // Put together first: appending byte by byte costs a tenth more of an entry.
    let mut bytes = [0; 10];
    let mut length = 0;
    while value >= 0x80 {
        bytes[length] = value as u8 | 0x80;
        value >>= 7;
        length += 1;
    }
    bytes[length] = value as u8;
    out.all(&bytes[..=length]);
}

/// Appends a signed integer.
#[inline]
pub(super) fn signed(out: &mut impl Bytes, value: i64) {
    unsigned(out, (value << 1 ^ value >> 63) as u64);
}

/// Packed bytes that are read from their front; nothing where they end too early.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl Input<'_> {
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    #[inline]
    pub(super) fn long(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    #[inline]
    pub(super) fn unsigned(&mut self) -> Option<u64> {
        // Eight bytes at once where they are there, and enough: a third of what one by one costs.
        if let Some(eight) = self.0.first_chunk() {
            let word = u64::from_le_bytes(*eight);
            let ends = !word & 0x8080_8080_8080_8080;
            if ends != 0 {
                let bits = ends.trailing_zeros() + 1;
                self.0 = &self.0[bits as usize / 8..];
                let own = word & (u64::MAX >> (64 - bits)) & 0x7f7f_7f7f_7f7f_7f7f;
                let pairs = own & 0x007f_007f_007f_007f | (own & 0x7f00_7f00_7f00_7f00) >> 1;
                let fours = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
                return Some(fours & 0x0fff_ffff | (fours & 0x0fff_ffff_0000_0000) >> 4);
            }
        }
        self.unsigned_by_bytes()
    }

    #[cold]
    fn unsigned_by_bytes(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    #[inline]
    pub(super) fn signed(&mut self) -> Option<i64> {
        let value = self.unsigned()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_come_out_as_they_went_in(values in prop::collection::vec((any::<i64>(), 0..64u32), 0..9)) {
            let values: Vec<i64> = values.into_iter().map(|(value, shift)| value >> shift).collect();
            let mut bytes = Vec::new();
            values.iter().for_each(|value| signed(&mut bytes, *value));
            let mut input = Input(&bytes);
            let read: Vec<i64> = std::iter::from_fn(|| input.signed()).collect();
            prop_assert_eq!((read, input.0.len()), (values, 0));
        }
    }

    #[test]
    fn what_ends_within_an_integer_is_none() {
        for length in 0..20 {
            assert_eq!(Input(&vec![0x80; length]).unsigned(), None, "{length}");
        }
    }
}
