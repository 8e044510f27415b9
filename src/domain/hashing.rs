//! The one hash of the project: XXH3, whose values are the same on every machine and in every release.
//!
//! State and ids depend on these values; a change here is a change of the journal's format.

use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_128};

/// 64-bit hash of bytes.
#[must_use]
pub fn hash64(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// 128-bit hash of bytes.
#[must_use]
pub fn hash128(bytes: &[u8]) -> u128 {
    xxh3_128(bytes)
}

/// [`hash128`] of bytes that come piece by piece. Boxed, because it is some 600 bytes.
#[derive(Clone, Default)]
pub struct Hasher128(Box<Xxh3>);

impl Hasher128 {
    /// Takes the next piece.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all pieces so far.
    #[must_use]
    pub fn hash(&self) -> u128 {
        self.0.digest128()
    }
}
