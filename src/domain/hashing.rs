//! The hash of everything that is decided or kept: XXH3, whose values are the same on every machine and in every release.
//! State and ids depend on these values; a change here is a change of the journal's format.
//!
//! Beside it, [`Seed`]: the hash of a look-up table, which nothing but the speed of a look-up may depend on.

use siphasher::sip::SipHasher13;
use std::fmt;
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

/// The key of a look-up table's hash. Whoever sends keys must not know it: by a known hash they could choose keys that all
/// fall into one place, and every look-up would go through them all. It comes from outside, because nothing here is
/// random.
///
/// SipHash and not XXH3 with a seed: XXH3 is no keyed hash, and families of keys that collide whatever the seed is were
/// found for hashes made like it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Seed(pub [u64; 2]);

impl Seed {
    /// 64-bit hash of bytes under this key.
    #[must_use]
    pub fn hash64(self, bytes: &[u8]) -> u64 {
        SipHasher13::new_with_keys(self.0[0], self.0[1]).hash(bytes)
    }
}

/// Not shown: it must stay unknown.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(_)")
    }
}
