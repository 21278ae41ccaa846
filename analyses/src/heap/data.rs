//! A heap profile as data, for exports.

use std::sync::Arc;

use serde::Serialize;

/// What a program has allocated. Time is in allocations and frees.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeapData {
    /// What ran: the modules' files or names.
    pub modules: Vec<Arc<str>>,
    /// The end of the run.
    pub end_time: u64,
    /// When most was live.
    pub peak_time: u64,
    /// Whether accesses were looked at, so that it is known what was read and written.
    pub has_accesses: bool,
    /// By stack.
    pub sites: Vec<HeapSite>,
}

/// What was allocated by calls along one stack.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeapSite {
    /// Bytes and blocks in all.
    pub total: [u64; 2],
    /// The sum of times that blocks were live.
    pub lifetimes: u64,
    /// The most bytes that were live at once, and in how many blocks.
    pub max: [u64; 2],
    /// Bytes and blocks when most was live of all.
    pub peak: [u64; 2],
    /// Bytes and blocks at the end.
    pub end: [u64; 2],
    /// Bytes read and written.
    pub accesses: [u64; 2],
    /// Callers from the innermost out, inlined ones included.
    pub frames: Vec<HeapFrame>,
}

/// A function that was active.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct HeapFrame {
    /// Offset in the module of the call.
    pub pc: u32,
    /// The function, demangled.
    pub function: Arc<str>,
    /// File and line, if they are known.
    pub place: Option<(Arc<str>, u32)>,
}
