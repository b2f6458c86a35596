//! Names and numbers replaced by keyed hashes, dates by the same hours of another week. Not reversible without the key;
//! with it, a guessed name can be checked.

/// The key where none is given: everybody knows it, so guessed names can be checked by everybody.
pub const DEFAULT_ANONYMIZE_KEY: &str = "fleetsim";

const WEEK_MS: i64 = 7 * 86_400_000;
/// Monday 2001-01-01 00:00 UTC: the week in which anonymous exports begin.
const BEGIN_MS: i64 = 978_307_200_000;

/// Replaces names by what a key makes of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anonymizer {
    key: (u64, u64),
}

impl Anonymizer {
    /// With `key`, a text of any length that should be kept secret.
    #[must_use]
    pub fn new(key: &str) -> Self {
        let half = |half| siphash((0x666c_6565_7473_696d, half), key.as_bytes());
        Self { key: (half(0), half(1)) }
    }

    /// What stands for a job's name; nothing for no name.
    pub(super) fn name(&self, name: &str) -> String {
        if name.is_empty() { String::new() } else { format!("job-{:016x}", self.number(name)) }
    }

    /// What stands for an identifier.
    pub(super) fn number(&self, text: &str) -> u64 {
        siphash(self.key, text.as_bytes())
    }

    /// By how many ms an export that begins at `first_ms` is shifted: whole weeks, so that hours and weekdays stay.
    pub(super) const fn shift_ms(first_ms: i64) -> i64 {
        -((first_ms - BEGIN_MS).div_euclid(WEEK_MS) * WEEK_MS)
    }
}

/// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) of `text` under a key of 128 bits.
fn siphash((k0, k1): (u64, u64), text: &[u8]) -> u64 {
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let absorb = |v: &mut [u64; 4], word: u64| {
        v[3] ^= word;
        round(v);
        round(v);
        v[0] ^= word;
    };
    let chunks = text.chunks_exact(8);
    let mut last = [0_u8; 8];
    last[..chunks.remainder().len()].copy_from_slice(chunks.remainder());
    last[7] = text.len() as u8;
    for chunk in chunks {
        absorb(&mut v, u64::from_le_bytes(chunk.try_into().unwrap_or_default()));
    }
    absorb(&mut v, u64::from_le_bytes(last));
    v[2] ^= 0xff;
    for _ in 0..4 {
        round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_siphash_2_4() {
        // Key 00 01 … 0f and message 00 01 … 0e of the paper's appendix A.
        let key = (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
        let message: Vec<u8> = (0..15).collect();
        assert_eq!(siphash(key, &message), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn hours_and_weekdays_stay() {
        let first = 1_773_044_042_311; // Monday 2026-03-09T08:14:02.311Z
        let shift = Anonymizer::shift_ms(first);
        assert_eq!(shift % WEEK_MS, 0);
        assert!((BEGIN_MS..BEGIN_MS + WEEK_MS).contains(&(first + shift)));
    }
}
