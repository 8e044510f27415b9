//! The small pieces of packed state: integers of variable length, hashes as they are.

use crate::domain::varint::{self, Varint};

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
pub(super) struct PackedEntry {
    bytes: [u8; ENTRY_MAX],
    length: usize,
}

/// Bytes of an entry, at most: 5 of flags and keys, 10 for each of 9 integers, 8 for each of 5 hashes.
const ENTRY_MAX: usize = 5 + 9 * 10 + 5 * 8;

impl PackedEntry {
    pub(super) fn new() -> Self {
        Self { bytes: [0; ENTRY_MAX], length: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Bytes for PackedEntry {
    #[inline]
    fn all(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        self.bytes[self.length..end].copy_from_slice(bytes);
        self.length = end;
    }
}

/// Appends a signed integer.
#[inline]
pub(super) fn signed(out: &mut impl Bytes, value: i64) {
    out.all(Varint::of_signed(value).bytes());
}

/// Packed bytes that are read from their front; nothing where they end too early.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedReader<'a>(pub(super) &'a [u8]);

impl PackedReader<'_> {
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
    pub(super) fn signed(&mut self) -> Option<i64> {
        varint::take_signed(&mut self.0).ok()
    }
}
