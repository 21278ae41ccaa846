//! Random bytes: the operating system's, or a seeded generator's.

use std::io;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::WasiCtx;
use crate::errno::Result;
use crate::guest::Guest;

/// Bytes made between two looks at the stop flag.
const CHUNK: usize = 1 << 20;

/// Where random bytes come from.
#[derive(Clone, Debug, Default)]
pub(crate) enum Random {
    #[default]
    Os,
    Seeded(Box<ChaCha20Rng>),
}

impl Random {
    /// The same bytes for the same seed and the same sequence of calls, on
    /// every machine.
    pub(crate) fn seeded(seed: u64) -> Random {
        Random::Seeded(Box::new(ChaCha20Rng::seed_from_u64(seed)))
    }

    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        match self {
            Random::Os => getrandom::fill(bytes).map_err(io::Error::other),
            Random::Seeded(generator) => {
                generator.fill_bytes(bytes);
                Ok(())
            }
        }
    }
}

pub(crate) fn get(ctx: &mut WasiCtx, guest: &mut Guest, buf: u32, len: u32) -> Result<()> {
    guest.range(buf, len)?;
    ctx.usage.random_reads += 1;
    let mut chunk = vec![0; CHUNK.min(len as usize)];
    for at in (0..len).step_by(CHUNK) {
        ctx.stop.check()?;
        let chunk = &mut chunk[..CHUNK.min((len - at) as usize)];
        ctx.random.fill(chunk)?;
        guest.write(buf + at, chunk)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(mut random: Random) -> [u8; 24] {
        let mut bytes = [0; 24];
        assert!(random.fill(&mut bytes).is_ok());
        bytes
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        assert_eq!(bytes(Random::seeded(42)), bytes(Random::seeded(42)));
        assert_ne!(bytes(Random::seeded(42)), bytes(Random::seeded(43)));
    }

    #[test]
    fn the_stream_of_a_seed_never_changes() {
        let first = u64::from_le_bytes(bytes(Random::seeded(0))[..8].try_into().unwrap());
        assert_eq!(first, 449_479_075_714_955_186);
    }

    #[test]
    fn the_system_gives_different_bytes() {
        assert_ne!(bytes(Random::Os), bytes(Random::Os));
    }
}
