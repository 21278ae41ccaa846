//! How a program uses its memories: each load and store by where it stands and what it touches.
//!
//! *Sites*: accesses and bytes of each operator, the stride that it has most often from one access to the next, and how many different
//! lines and pages it touches. *Lines* of the source have the sums of their operators. *Pages* of each memory have what was
//! read and written there. The *working set* is the number of different lines that are touched in a window of so many accesses.
//!
//! An access that traps is none. Operators that work on a length (`memory.fill`, `copy`, `init`) are one access to all of their bytes,
//! `memory.copy` one that reads and one that writes; an atomic update reads and writes. What the host does with a memory is not
//! seen, nor are active segments and other threads' accesses to a shared memory.

mod chunks;
mod report;
mod sites;
mod windows;

use probity_engine::Result;
use probity_engine::hook::Probes;
use probity_probes::access::AccessKind;

use crate::accesses::{Sink, Touch, Tracer};
use crate::analysis::{Analysis, Common, Findings, Instrument, Run};
use crate::options::{LINE_POWER, NUMBER, OptionInfo, Options, PAGE_POWER};
use chunks::Chunks;
use sites::Sites;
use windows::Windows;

/// Bytes of a line.
pub(crate) const LINE: OptionInfo = OptionInfo {
    name: "line",
    default: "64",
    help: "bytes of a cache line",
    values: &[LINE_POWER],
};

/// Bytes of a page.
pub(crate) const PAGE: OptionInfo = OptionInfo {
    name: "page",
    default: "65536",
    help: "bytes of a page in the table of pages: 65536 is Wasm's, 4096 most machines'",
    values: &[PAGE_POWER],
};

/// Accesses in a window.
pub(crate) const WINDOW: OptionInfo = OptionInfo {
    name: "window",
    default: "100_000",
    help: "accesses in each of the windows in which the working set is measured",
    values: &[NUMBER],
};

pub(crate) struct MemoryUse {
    tracer: Tracer<Seen>,
    line: u64,
    page: u64,
}

/// Sizes, as the number of their bits.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    line_bits: u32,
    page_bits: u32,
}

/// What has been seen so far.
struct Seen {
    sizes: Sizes,
    /// By number of the memory.
    memories: Vec<Chunks>,
    sites: Sites,
    windows: Windows,
}

impl MemoryUse {
    pub fn new(options: &Options) -> MemoryUse {
        let number = |option: OptionInfo, default| options.number(option.name).unwrap_or(default);
        let (line, page) = (number(LINE, 64), number(PAGE, 65536));
        let sizes = Sizes {
            line_bits: line.trailing_zeros(),
            page_bits: page.trailing_zeros(),
        };
        MemoryUse {
            tracer: Tracer::new(Seen {
                sizes,
                memories: Vec::new(),
                sites: Sites::default(),
                windows: Windows::new(number(WINDOW, 100_000)),
            }),
            line,
            page,
        }
    }
}

impl Seen {
    #[inline]
    fn touch(&mut self, site: usize, touch: &Touch) {
        let at = touch.memory as usize;
        if at >= self.memories.len() {
            self.memories.resize_with(at + 1, Chunks::default);
        }
        let new = self.memories[at].touch(touch, self.sizes, self.windows.number());
        self.windows.touched(new);
        self.sites.touch(site, touch, self.sizes);
    }

    /// An operator is done.
    #[inline]
    fn done(&mut self) {
        if self.windows.access() {
            for memory in &mut self.memories {
                memory.forget_windows();
            }
        }
    }
}

impl Sink for Seen {
    #[inline]
    fn access(&mut self, site: u32, touch: Touch) {
        self.touch(Sites::index(site, false), &touch);
        self.done();
    }

    fn bulk(&mut self, site: u32, read: Option<Touch>, write: Touch) {
        if let Some(read) = read {
            self.touch(Sites::index(site, true), &read);
        }
        self.touch(Sites::index(site, false), &write);
        self.done();
    }
}

/// Numbers of accesses and bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sums {
    reads: u64,
    read_bytes: u64,
    writes: u64,
    written_bytes: u64,
}

impl Sums {
    #[inline]
    fn add(&mut self, kind: AccessKind, bytes: u64) {
        if kind.reads() {
            self.reads += 1;
            self.read_bytes += bytes;
        }
        if kind.writes() {
            self.writes += 1;
            self.written_bytes += bytes;
        }
    }

    fn merge(&mut self, other: &Sums) {
        self.reads += other.reads;
        self.read_bytes += other.read_bytes;
        self.writes += other.writes;
        self.written_bytes += other.written_bytes;
    }
}

impl Analysis for MemoryUse {
    fn attach(&mut self, probes: &mut Probes<'_>, _common: &mut Common) {
        self.tracer.attach(probes);
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        self.tracer.accesses(at)
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut state = self.tracer.finish();
        state.sink.windows.finish();
        report::findings(run, &state.sites, &state.sink, (self.line, self.page))
    }
}
