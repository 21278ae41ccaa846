//! The peers by name.

use crate::features::Features;
use crate::fuzz::Peer;
use crate::probity::ProbityPeer;
use crate::wasmi::{self, WasmiPeer};

/// A peer's name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PeerName {
    /// An interpreter.
    Wasmi,
    /// Probity itself: only its watched runs are compared.
    Probity,
    /// A compiler; also has garbage collection, exceptions and threads.
    #[cfg(feature = "wasmtime")]
    Wasmtime,
}

impl PeerName {
    /// The peer.
    pub fn peer(self) -> Box<dyn Peer> {
        match self {
            PeerName::Wasmi => Box::new(WasmiPeer::default()),
            PeerName::Probity => Box::new(ProbityPeer::default()),
            #[cfg(feature = "wasmtime")]
            PeerName::Wasmtime => Box::new(crate::wasmtime::WasmtimePeer::default()),
        }
    }

    /// The proposals that it and Probity support.
    pub fn features(self) -> Features {
        let theirs = match self {
            PeerName::Wasmi => wasmi::FEATURES,
            PeerName::Probity => Features::ALL,
            #[cfg(feature = "wasmtime")]
            PeerName::Wasmtime => crate::wasmtime::FEATURES,
        };
        theirs.and(crate::probity::FEATURES)
    }
}
