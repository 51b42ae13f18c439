//! Chance that repeats: everything random comes from a seed.

use std::sync::Mutex;

/// Numbers that follow from a seed (SplitMix64: the same on every host, for ever).
#[derive(Debug)]
pub(super) struct Dice(Mutex<u64>);

impl Dice {
    /// Those of a seed; each purpose has its own, so that one does not change another.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        let spread = purpose.bytes().fold(seed ^ 0x5851_f42d_4c95_7f2d, |h, b| mix(h ^ u64::from(b)));
        Self(Mutex::new(spread))
    }

    fn next(&self) -> u64 {
        let mut state = self.0.lock().expect("nothing breaks while it is held");
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(*state)
    }

    /// From `least` to `most`.
    pub(super) fn between(&self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    /// So often in a thousand.
    pub(super) fn happens(&self, per_mille: u64) -> bool {
        self.next() % 1_000 < per_mille
    }

    /// One of them.
    pub(super) fn pick<T: Copy>(&self, of: &[T]) -> T {
        of[self.between(0, of.len() as u64 - 1) as usize]
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
