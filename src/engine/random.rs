//! Random streams: one per (seed, replication, purpose), and one per entity where fleets are compared.
//!
//! Both generators are named and frozen algorithms, so results do not move when a library changes its default:
//! `ChaCha8` (20 is the cipher's strength, 8 suffices here) for long streams, `SplitMix64` (Steele, Lea, Flood,
//! OOPSLA 2014) for the few draws of one entity. Every draw must be rounded to whole milliseconds, millicores or
//! parts per million before it is used: the last bits of floating-point distributions differ between builds.

use std::convert::Infallible;

use rand::{SeedableRng, TryRng};
use rand_chacha::ChaCha8Rng;

/// What a stream is drawn for. Streams of different names never meet, so a new purpose moves nothing elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose(u64);

impl Purpose {
    /// The purpose called `name`; the name is hashed (FNV-1a, 64 bit), so renaming one changes its draws.
    #[must_use]
    pub const fn named(name: &str) -> Self {
        let bytes = name.as_bytes();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut index = 0;
        while index < bytes.len() {
            hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            index += 1;
        }
        Self(hash)
    }
}

/// All random streams of one replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
    replication: u32,
}

impl Streams {
    /// The streams of `replication` under `seed`.
    #[must_use]
    pub const fn new(seed: u64, replication: u32) -> Self {
        Self { seed, replication }
    }

    /// One long stream for `purpose`. For draws whose order is fixed by the workload alone, not by the fleet.
    #[must_use]
    pub fn stream(&self, purpose: Purpose) -> ChaCha8Rng {
        let mut seed = [0_u8; 32];
        for (chunk, word) in seed.chunks_exact_mut(8).zip([
            mix(self.seed),
            mix(u64::from(self.replication)),
            purpose.0,
            mix(self.seed ^ purpose.0),
        ]) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        ChaCha8Rng::from_seed(seed)
    }

    /// The short stream of one entity (the job, node or pool numbered `entity`) for `purpose`: the same in every
    /// fleet, whatever else was drawn before.
    #[must_use]
    pub const fn entity(&self, purpose: Purpose, entity: u64) -> EntityRng {
        let key = mix(self.seed ^ mix(self.replication as u64 ^ mix(purpose.0 ^ mix(entity))));
        EntityRng { state: key }
    }
}

/// `SplitMix64`: a few nanoseconds to make and to draw from.
#[derive(Clone, Copy, Debug)]
pub struct EntityRng {
    state: u64,
}

/// The finalizer of `SplitMix64` (variant 13 of Stafford's mixers) after one step of its sequence.
const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl TryRng for EntityRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|word| (word >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let word = mix(self.state);
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        Ok(word)
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn streams_differ_by_seed_replication_purpose_and_entity_and_repeat_otherwise() {
        let first = |seed, replication, purpose, entity| {
            let streams = Streams::new(seed, replication);
            (
                streams.stream(Purpose::named(purpose)).next_u64(),
                streams.entity(Purpose::named(purpose), entity).next_u64(),
            )
        };
        let base = first(1, 0, "boot", 7);
        assert_eq!(base, first(1, 0, "boot", 7));
        for other in [first(2, 0, "boot", 7), first(1, 1, "boot", 7), first(1, 0, "market", 7)] {
            assert_ne!(base.0, other.0);
            assert_ne!(base.1, other.1);
        }
        assert_ne!(base.1, first(1, 0, "boot", 8).1);
    }

    #[test]
    fn generators_are_frozen() {
        // Known answer of SplitMix64 started at 0, and today's ChaCha8 keying: a change here moves every result.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        let mut stream = Streams::new(42, 3).stream(Purpose::named("frozen"));
        let mut entity = Streams::new(42, 3).entity(Purpose::named("frozen"), 9);
        assert_eq!(
            (stream.next_u64(), entity.next_u64()),
            (18_297_805_133_946_926_691, 13_552_272_200_710_787_469)
        );
    }
}
