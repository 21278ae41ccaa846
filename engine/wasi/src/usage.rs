//! What a guest has had of the outside world.

/// Numbers of one context, from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Calls of any of the 46 functions.
    pub calls: u64,
    /// Clocks read, and their resolutions.
    pub clock_reads: u64,
    /// Requests for random bytes.
    pub random_reads: u64,
    /// Bytes read through descriptors.
    pub bytes_read: u64,
    /// Bytes written through descriptors.
    pub bytes_written: u64,
}
