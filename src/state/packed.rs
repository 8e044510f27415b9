//! Integers of variable length in packed state: 7 bits a byte, lowest first; signed ones zigzag. As the journal writes them.

use smallvec::SmallVec;

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

impl<const N: usize> Bytes for SmallVec<[u8; N]> {
    fn all(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Appends an unsigned integer.
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
