//! The heap of a program: what its allocator's functions give and take back, seen at their entries and exits.
//!
//! The functions are found by name (`allocators.rs` has them) or given. One that is called by another of them, as `malloc` by `operator new`, is part of that one: only
//! the outermost counts. Blocks are in memory 0 of the instance that the function is of. `realloc` frees and allocates.
//!
//! *Time* is the number of allocations and frees until then, so that it is the same in each run. Bytes are those that
//! were asked for. What is live at the end is a *leak* if the program meant to free it.
//!
//! With `check=on` each access of the program is looked at, those of the allocator itself excepted, and is
//! - a *use after free*, if its first byte was of a block that was freed, and of none that was allocated since;
//! - *out of bounds*, if it begins in a block and ends behind it, or begins between the lowest and the highest byte that ever were of
//!   a block of this memory, but in none.
//!
//! An aligned load that begins in a block may end behind it, for functions of strings read by words that they know to be there (valgrind's
//! `--partial-loads-ok`). What a wild pointer does to another block is not seen, nor what the host reads and writes (such as `fd_read`).
//! A *double free* is that of a block that was freed and not allocated again, an *invalid free* that of anything else but null
//! that is no block's beginning. Both are counted, and change nothing.

pub(crate) mod allocators;
mod blocks;
pub mod data;
mod ledger;
mod report;
mod series;
mod stacks;

use probity_engine::hook::{ExitReason, Probe, ProbeContext, Probes, Site};
use probity_engine::{Result, ValType};
use probity_probes::access::{AccessKind, unsigned};
use probity_probes::demangle::demangle;

use crate::accesses::{Sink, Touch, Tracer};
use crate::analysis::{Analysis, Common, Findings, Instrument, Run, function_name};
use crate::export::DataKind;
use crate::options::{NUMBER, OptionInfo, Options, TOP};
use allocators::{Allocators, CALLOC, FREE, MALLOC, MEMALIGN, REALLOC, Role};
use ledger::Ledger;
use stacks::Stacks;

/// Which functions are looked at.
const FUNC: OptionInfo = OptionInfo {
    help: "only these functions: allocators among them are followed, accesses in them are checked",
    ..crate::options::FUNC
};

/// How much of a stack is kept.
const DEPTH: OptionInfo = OptionInfo {
    name: "depth",
    default: "12",
    help: "frames of the stacks by which allocations are told apart",
    values: &["all", NUMBER],
};

/// Whether accesses are looked at.
const CHECK: OptionInfo = OptionInfo {
    name: "check",
    default: "off",
    help: "whether each access is checked: use after free, out of bounds; bytes of blocks that are read and written",
    values: &["off", "on"],
};

/// All options.
pub(crate) const OPTIONS: &[OptionInfo] = &[
    FUNC, TOP, CHECK, DEPTH, MALLOC, CALLOC, REALLOC, MEMALIGN, FREE,
];

pub(crate) struct Heap {
    allocators: Allocators,
    check: bool,
    is_exported: bool,
    tracer: Tracer<State>,
}

/// What is known while the program runs.
struct State {
    ledger: Ledger,
    stacks: Stacks,
    /// Allocator's functions that are active.
    depth: u32,
    /// The outermost of them.
    pending: Option<Pending>,
    /// Those that have gone on in another function by a tail call: what they gave is not known.
    unfollowed: u64,
    /// Names of the functions that are followed.
    names: Vec<std::sync::Arc<str>>,
}

/// A call that has begun.
struct Pending {
    role: Role,
    /// The parameters; as many as the role looks at.
    params: [u64; 4],
    stack: u32,
}

impl Heap {
    pub fn new(options: &Options) -> Heap {
        let depth = options.number(DEPTH.name);
        let depth = depth.map_or(usize::MAX, |depth| depth.try_into().unwrap_or(usize::MAX));
        Heap {
            allocators: Allocators::new(options),
            check: options.get(CHECK.name) == "on",
            is_exported: false,
            tracer: Tracer::new(State {
                ledger: Ledger::default(),
                stacks: Stacks::new(depth),
                depth: 0,
                pending: None,
                unfollowed: 0,
                names: Vec::new(),
            }),
        }
    }

    fn follow(&self, at: &mut Instrument<'_, '_, '_>, role: Role) -> Result<()> {
        let Some(memory) = self.tracer.memory(at, 0) else {
            return Ok(());
        };
        let name = function_name(&at.info);
        let name = demangle(&name).map_or(name, |name| name.into());
        let mut state = self.tracer.state();
        if !state.sink.names.contains(&name) {
            state.sink.names.push(name);
        }
        drop(state);
        let tracer = self.tracer.clone();
        let enter = Probe::call(move |context| {
            // What the program has done before it.
            tracer.ring().drain(context)?;
            tracer.finish().sink.enter(context, role);
            Ok(())
        });
        let wide = at.info.ty().params().first() == Some(&ValType::I64);
        let tracer = self.tracer.clone();
        let leave = Probe::call(move |context| {
            // What the allocator has done is of no interest.
            tracer.ring().drain(context)?;
            tracer.finish().sink.leave(context, memory, wide);
            Ok(())
        });
        at.probes
            .insert(at.func, Site::Entry, enter.priority(i32::MIN))?;
        at.probes
            .insert(at.func, Site::Exit, leave.priority(i32::MAX))?;
        Ok(())
    }
}

impl State {
    fn enter(&mut self, context: &mut ProbeContext<'_>, role: Role) {
        self.depth += 1;
        if self.depth > 1 {
            return;
        }
        let stack = self.stacks.of(context);
        let frame = context.frame();
        let param = |index| frame.local(index).as_ref().and_then(unsigned).unwrap_or(0);
        self.pending = Some(Pending {
            role,
            params: [0, 1, 2, 3].map(param),
            stack,
        });
    }

    fn leave(&mut self, context: &mut ProbeContext<'_>, memory: u32, wide: bool) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth > 0 {
            return;
        }
        let Some(Pending {
            role,
            params,
            stack,
        }) = self.pending.take()
        else {
            return;
        };
        match context.exit_reason() {
            Some(ExitReason::Return) => {}
            // Freed is freed, whoever does it.
            Some(ExitReason::TailCall) if role == Role::Free => {}
            Some(ExitReason::TailCall) => {
                self.unfollowed += 1;
                return;
            }
            // It neither gave nor took anything.
            _ => return,
        }
        let result = || context.frame().top(0).as_ref().and_then(unsigned);
        match role {
            Role::Free => self.free(memory, params[0], stack),
            Role::Malloc { size } => {
                let given = { result }().unwrap_or(0);
                self.give(memory, given, params[size as usize], stack);
            }
            Role::Calloc => {
                let size = params[0].saturating_mul(params[1]);
                let given = { result }().unwrap_or(0);
                self.give(memory, given, size, stack);
            }
            Role::PosixMemalign => {
                let given = match { result }() {
                    Some(0) => pointer(context, params[0], wide),
                    _ => 0,
                };
                self.give(memory, given, params[2], stack);
            }
            Role::Realloc { size } => {
                let size = params[size as usize];
                let given = { result }().unwrap_or(0);
                self.ledger.reallocations += 1;
                // If it gives nothing, the block stays; unless it was to be of no bytes.
                if given != 0 || size == 0 {
                    self.free(memory, params[0], stack);
                }
                if given != 0 || size > 0 {
                    self.give(memory, given, size, stack);
                }
            }
        }
    }

    fn give(&mut self, memory: u32, start: u64, size: u64, stack: u32) {
        match start {
            0 => self.ledger.failed += 1,
            _ => self.ledger.allocate(memory, start, size, stack),
        }
    }

    fn free(&mut self, memory: u32, address: u64, stack: u32) {
        if address != 0 {
            self.ledger.free(memory, address, stack);
        }
    }

    fn check(&mut self, site: u32, touch: &Touch, may_overlap: bool) {
        if self.depth == 0 {
            self.ledger.access(site, touch, may_overlap);
        }
    }
}

/// A pointer in memory 0; 0 if it is not there.
fn pointer(context: &mut ProbeContext<'_>, address: u64, wide: bool) -> u64 {
    let instance = context.instance();
    let Some(memory) = instance.memory(context, 0) else {
        return 0;
    };
    let mut bytes = [0; 8];
    let len = if wide { 8 } else { 4 };
    match memory.read(context, address, &mut bytes[..len]) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => 0,
    }
}

impl Sink for State {
    fn access(&mut self, site: u32, touch: Touch) {
        let is_aligned = touch.address.is_multiple_of(touch.bytes);
        let may_overlap = touch.kind == AccessKind::Load && is_aligned;
        self.check(site, &touch, may_overlap);
    }

    fn bulk(&mut self, site: u32, read: Option<Touch>, write: Touch) {
        for touch in read.iter().chain([&write]) {
            self.check(site, touch, false);
        }
    }
}

impl Analysis for Heap {
    fn collect(&mut self, _kind: DataKind) {
        self.is_exported = true;
    }

    fn attach(&mut self, probes: &mut Probes<'_>, _common: &mut Common) {
        self.tracer.attach(probes);
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let mut state = self.tracer.state();
        state.sink.stacks.know(at.key.module, at.module);
        drop(state);
        match self.allocators.role(&at.info) {
            Some(role) => self.follow(at, role),
            None if self.check => self.tracer.accesses(at),
            None => Ok(()),
        }
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut state = self.tracer.finish();
        state.sink.ledger.finish();
        report::findings(run, &state.sites, &state.sink, self.check, self.is_exported)
    }
}
