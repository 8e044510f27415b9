//! The hashes of what is decided or kept, whose values are the same on every machine and in every release: [`digest64`] for
//! what a sender could gain by aiming at, XXH3 for the rest. State and ids depend on these values; a change here is a change
//! of the journal's format.
//!
//! Beside it, [`TableHash`]: the hash of a look-up table, which nothing but the speed of a look-up may depend on.

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;
use std::fmt;
use std::hash::Hasher;
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_128};

/// 64-bit hash of bytes, for what nobody gains by aiming at.
#[must_use]
pub fn hash64(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// 64 bits of BLAKE3: whoever wants other bytes of the same digest has to try some 2^64. By an XXH3 hash of 32 bits an event
/// of 900 was once made to look like one of 1 in 2^18 tries.
#[must_use]
pub fn digest64(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    u64::from_le_bytes(first)
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

/// What the hash of a look-up table begins with. Whoever sends keys must not know it: by a known hash they could choose keys
/// that all fall into one place, and every look-up would go through them all. It comes from outside, because nothing here is
/// random.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Seed(pub [u64; 2]);

/// Not shown: it must stay unknown.
impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(_)")
    }
}

/// The hash of a look-up table: foldhash, each of whose words is drawn by the seed. XXH3 would not do with a seed on top: some
/// hashes made like it have keys that collide whatever the seed is. SipHash is proof even against those who see hashes, which
/// no sender does; it made a restore some 5 % slower.
#[derive(Clone)]
pub struct TableHash {
    own: u64,
    words: SharedSeed,
}

impl TableHash {
    /// By this seed.
    #[must_use]
    pub fn new(Seed([own, words]): Seed) -> Self {
        Self { own, words: SharedSeed::from_u64(words) }
    }

    /// 64-bit hash of bytes.
    #[must_use]
    pub fn hash64(&self, bytes: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.own, &self.words);
        hasher.write(bytes);
        hasher.finish()
    }
}

impl Default for TableHash {
    fn default() -> Self {
        Self::new(Seed::default())
    }
}

/// As of the seed.
impl fmt::Debug for TableHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TableHash(_)")
    }
}
