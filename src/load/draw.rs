//! Seeded draws: every slot of a run has a stream of its own, so that any event can be made again.
//!
//! Integers only, and reduced by our own arithmetic: a release of a random-number crate must never
//! change what a seed gives.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The draws of one slot.
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of `slot` under `seed`, from its beginning.
    #[must_use]
    pub fn of_slot(seed: u64, slot: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut stream = ChaCha8Rng::from_seed(key);
        stream.set_stream(slot);
        Self(stream)
    }

    /// A number below `bound`; 0 where the bound is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    /// True in `share` of a thousand draws.
    pub fn per_mille(&mut self, share: u16) -> bool {
        self.below(1_000) < u32::from(share)
    }

    /// One of `choices`, which are not empty.
    pub fn one_of<'c, T>(&mut self, choices: &'c [T]) -> &'c T {
        &choices[self.below(choices.len() as u32) as usize]
    }
}
