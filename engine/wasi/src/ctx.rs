//! The state of one guest.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use probity_engine::Error;

use crate::args::Strings;
use crate::builder::WasiCtxBuilder;
use crate::clock::Clocks;
use crate::descriptors::Descriptors;
use crate::errno::{Fault, Result};
use crate::exit::OutputLimit;
use crate::host::Stop;
use crate::random::Random;
use crate::usage::Usage;

/// What a guest has of the outside world: arguments, environment, descriptors,
/// clocks and random numbers.
///
/// Made by [`WasiCtxBuilder`] and kept in the store's data, where the closure
/// given to [`add_to_linker`](crate::add_to_linker) finds it.
pub struct WasiCtx {
    pub(crate) args: Strings,
    pub(crate) env: Strings,
    pub(crate) clocks: Clocks,
    pub(crate) random: Random,
    pub(crate) table: Descriptors,
    pub(crate) stop: Stop,
    pub(crate) usage: Usage,
    /// Of `usage.bytes_written`.
    pub(crate) output_bytes_max: Option<u64>,
}

impl WasiCtx {
    /// A builder of a context.
    pub fn builder() -> WasiCtxBuilder {
        WasiCtxBuilder::new()
    }

    /// What the guest has had so far.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// # Errors
    /// So many bytes more are more than it may write; the run ends before they are written.
    pub(crate) fn check_output(&self, bytes: usize) -> Result<()> {
        match self.output_bytes_max {
            Some(most) if self.usage.bytes_written.saturating_add(bytes as u64) > most => {
                Err(Fault::Stop(Error::host(OutputLimit(most))))
            }
            _ => Ok(()),
        }
    }

    /// The flag that ends the guest's waiting.
    ///
    /// Once it is true, a guest that sleeps, waits for input or moves data gets
    /// no answer any more: the call ends the run with
    /// [`TrapCode::Interrupted`](probity_engine::TrapCode::Interrupted), within
    /// about 20 ms. It does not end a guest that computes; the store's
    /// interrupt handle does. A read from an embedder's own reader is not
    /// interrupted.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop.0)
    }
}

impl fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtx")
            .field("args", &self.args.len())
            .field("env", &self.env.len())
            .field("clocks", &self.clocks)
            .finish_non_exhaustive()
    }
}
