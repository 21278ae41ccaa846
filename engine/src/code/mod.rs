//! From Wasm to cells: lowering, and what is known of each cell.

pub(crate) mod atomic_op;
pub(crate) mod cast;
pub(crate) mod classify;
pub(crate) mod lower;
pub(crate) mod slow_op;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use probity_interp::layout::{Cell, HEADER_SLOTS};
use probity_interp::op::Ins;

use crate::error::LoadError;
#[cfg(jit)]
use crate::jit::cache::NativeCache;
use crate::module::{Module, ModuleInner};
use crate::types::ValType;

/// How structural opcodes are lowered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// They leave no cell: the code that runs where nothing is watched.
    Plain,
    /// Every opcode has a cell of its own, so that each can be probed and counted.
    Structural,
}

/// Lowered code of a function, before windows are chosen in structural mode,
/// after it in plain mode. Immutable and shared.
pub(crate) struct FuncCode {
    pub(crate) cells: Box<[Cell]>,
    /// Kinds and labels, kept in structural mode only.
    pub(crate) ins: Box<[Ins]>,
    /// Pc of each cell, ascending.
    pub(crate) pcs: Box<[u32]>,
    /// First slot above the operand stack before each cell.
    pub(crate) tops: Box<[u16]>,
    /// Slot of the return cell.
    pub(crate) header: u32,
    /// What a call must find free below the stack limit; 0 without calls.
    pub(crate) cost: u32,
    /// Slots of a frame, operands included.
    pub(crate) frame_slots: u32,
    /// Structural mode only.
    pub(crate) sites: Sites,
    /// Every `try_table`, outer ones before those inside them.
    pub(crate) tries: Box<[Try]>,
    /// First cell and pc of each `loop` that control can reach, ascending; outer ones first.
    pub(crate) loops: Box<[(u32, u32)]>,
    /// Cells that only break a long line, ascending. They have the pc of the operator behind.
    #[cfg_attr(not(jit), allow(dead_code, reason = "compiled code asks"))]
    line_breaks: Box<[u32]>,
}

/// A `try_table`.
#[derive(Default)]
pub(crate) struct Try {
    /// First cell that it covers.
    pub(crate) start: u32,
    /// Behind the last one.
    pub(crate) end: u32,
    /// Its clauses, in the order in which they are tried.
    pub(crate) catches: Vec<Catch>,
}

/// A catch clause.
pub(crate) struct Catch {
    /// Tag index; `None` catches everything.
    pub(crate) tag: Option<u32>,
    /// Delivers a reference to the exception, behind what it carries if there is a tag.
    pub(crate) exn: bool,
    /// Slot of the first value that is delivered.
    pub(crate) slot: u32,
    /// Cell where the function goes on.
    pub(crate) target: u32,
    /// Pc of the label: the `end` of a block, the `loop` of a loop.
    pub(crate) pc: u32,
}

impl Catch {
    /// Whether it catches exceptions of a tag of the store, in an instance with these tags.
    pub(crate) fn takes(&self, tag: u32, tags: &[u32]) -> bool {
        self.tag.is_none_or(|index| tags[index as usize] == tag)
    }
}

/// What probes need to know of structural code.
#[derive(Default)]
pub(crate) struct Sites {
    /// Pc of each operator, in dead code too, ascending.
    pub(crate) operators: Box<[u32]>,
    /// Pc and cell of each reachable operator, ascending.
    pub(crate) cells: Box<[(u32, u32)]>,
    /// The cell that stands for the function's entry, behind those that clear locals.
    pub(crate) entry: u32,
    /// For each of `cells`, whether control can go on from it to the operator behind it.
    pub(crate) goes_on: Box<[bool]>,
    /// Cells before operators that control comes to in other ways too: those who come from the operator
    /// before pass them, branches do not. Ascending; they have the pc of the operator behind.
    pub(crate) landings: Box<[u32]>,
    /// Cells that return, in program order.
    pub(crate) returns: Box<[u32]>,
    /// Types of the operands before each cell: an index in `stack_nodes`, 0 for none.
    pub(crate) stacks: Box<[u32]>,
    /// Operand and the rest of the stack below it.
    pub(crate) stack_nodes: Box<[(ValType, u32)]>,
    /// Types and slots of parameters and locals.
    pub(crate) locals: Box<[(ValType, u32)]>,
}

impl Sites {
    /// Whether an operator starts at `pc`.
    pub(crate) fn is_operator(&self, pc: u32) -> bool {
        self.operators.binary_search(&pc).is_ok()
    }

    /// The cell of the operator at `pc`, if control can reach it.
    pub(crate) fn cell_at(&self, pc: u32) -> Option<usize> {
        let at = self.cells.binary_search_by_key(&pc, |s| s.0).ok()?;
        Some(self.cells[at].1 as usize)
    }

    /// The cell that control passes when it goes on from the operator at `pc` to the one behind it, and in no
    /// other way; `None` if it never does.
    pub(crate) fn cell_after(&self, pc: u32) -> Option<usize> {
        let at = self.cells.binary_search_by_key(&pc, |s| s.0).ok()?;
        if !self.goes_on[at] {
            return None;
        }
        let next = self.cells.get(at + 1)?.1 as usize;
        Some(self.landing_before(next).unwrap_or(next))
    }

    /// The operator for which [`Sites::cell_after`] gives a cell.
    pub(crate) fn pc_before(&self, cell: usize) -> Option<u32> {
        let at = self.cells.partition_point(|s| (s.1 as usize) < cell);
        let (pc, _) = *self.cells.get(at.checked_sub(1)?)?;
        (self.cell_after(pc) == Some(cell)).then_some(pc)
    }

    /// The cell that only those pass who come to an operator's cell from the operator before, if there
    /// are others.
    pub(crate) fn landing_before(&self, cell: usize) -> Option<usize> {
        cell.checked_sub(1).filter(|&cell| self.is_landing(cell))
    }

    /// Whether a cell only stands before an operator's: see [`Sites::landings`].
    pub(crate) fn is_landing(&self, cell: usize) -> bool {
        self.landings.binary_search(&(cell as u32)).is_ok()
    }

    /// Types of the operands before a cell, bottom first.
    pub(crate) fn operand_types(&self, cell: usize) -> Vec<ValType> {
        let stack = self.stack(cell).into_iter();
        stack
            .map(|node| self.stack_nodes[node as usize].0)
            .collect()
    }

    /// Type of an operand before a cell, counted from the topmost one, and slots from its first one to the top of the
    /// stack.
    pub(crate) fn operand_from_top(&self, cell: usize, n: u32) -> Option<(ValType, u32)> {
        let mut node = self.stacks[cell];
        let mut slots = 0;
        for _ in 0..n {
            let (ty, below) = *self.stack_nodes.get(node as usize).filter(|_| node != 0)?;
            slots += ty.slots() as u32;
            node = below;
        }
        let (ty, _) = *self.stack_nodes.get(node as usize).filter(|_| node != 0)?;
        Some((ty, slots + ty.slots() as u32))
    }

    /// How many operands before a cell are still there before another one, to which control goes on.
    pub(crate) fn operands_kept(&self, cell: usize, next: usize) -> usize {
        let (old, new) = (self.stack(cell), self.stack(next));
        old.iter().zip(&new).take_while(|(a, b)| a == b).count()
    }

    /// The operands before a cell, bottom first, as indices in `stack_nodes`.
    fn stack(&self, cell: usize) -> Vec<u32> {
        let mut nodes = Vec::new();
        let mut node = self.stacks[cell];
        while node != 0 {
            nodes.push(node);
            node = self.stack_nodes[node as usize].1;
        }
        nodes.reverse();
        nodes
    }
}

impl FuncCode {
    /// The clause that catches an exception of a tag of the store, thrown at a cell: number of the
    /// `try_table` and of the clause.
    pub(crate) fn catcher(&self, cell: usize, tag: u32, tags: &[u32]) -> Option<(usize, usize)> {
        let cell = cell as u32;
        // Inner ones come first.
        let around = self.tries.iter().enumerate().rev();
        around
            .filter(|(_, t)| t.start <= cell && cell < t.end)
            .find_map(|(index, t)| {
                let clause = t.catches.iter().position(|catch| catch.takes(tag, tags))?;
                Some((index, clause))
            })
    }

    /// The outermost `loop` that begins at a cell.
    pub(crate) fn loop_at(&self, cell: usize) -> Option<u32> {
        let at = self.loops.partition_point(|l| (l.0 as usize) < cell);
        let &(first, pc) = self.loops.get(at)?;
        (first as usize == cell).then_some(pc)
    }

    /// First operand slot.
    pub(crate) fn operand_base(&self) -> u32 {
        self.header + HEADER_SLOTS as u32
    }

    /// The first cell at or behind `pc`.
    pub(crate) fn first_cell_from(&self, pc: u32) -> usize {
        self.pcs.partition_point(|&p| p < pc)
    }

    /// The first cell of what the operator at `pc` does: a line may be broken before it.
    #[cfg(jit)]
    pub(crate) fn own_cell(&self, pc: u32) -> usize {
        let cell = self.first_cell_from(pc);
        let is_break = self.line_breaks.binary_search(&(cell as u32)).is_ok();
        cell + usize::from(is_break)
    }

    /// The cell behind the last one of the operator at `pc`: where a call at `pc` returns to.
    pub(crate) fn cell_behind(&self, pc: u32) -> usize {
        self.pcs.partition_point(|&p| p <= pc)
    }
}

/// Code of a module's functions, made when first asked for and shared by all
/// stores of the engine.
pub(crate) struct CodeCache {
    plain: Box<[OnceLock<Arc<FuncCode>>]>,
    structural: Mutex<HashMap<u32, Arc<FuncCode>>>,
    /// All bodies are known to be valid.
    validated: AtomicBool,
    /// Number of types, and machine code once there is any.
    #[cfg(jit)]
    native: (usize, OnceLock<Arc<NativeCache>>),
}

impl CodeCache {
    pub(crate) fn new(bodies: usize, types: usize) -> CodeCache {
        #[cfg(not(jit))]
        let _ = types;
        CodeCache {
            plain: (0..bodies).map(|_| OnceLock::new()).collect(),
            structural: Mutex::default(),
            validated: AtomicBool::new(false),
            #[cfg(jit)]
            native: (types, OnceLock::new()),
        }
    }

    /// Machine code; `make` makes the place for it, by the number of types.
    #[cfg(jit)]
    pub(crate) fn native(&self, make: impl FnOnce(usize) -> Arc<NativeCache>) -> &NativeCache {
        let (types, cache) = &self.native;
        cache.get_or_init(|| make(*types))
    }

    /// Every body has been validated.
    pub(crate) fn set_validated(&self) {
        self.validated.store(true, Ordering::Relaxed);
    }
}

impl ModuleInner {
    /// Code of a defined function. `module` is the handle of this very module.
    ///
    /// # Errors
    /// The function is invalid, or its frame is too large.
    pub(crate) fn code(
        &self,
        module: &Module,
        func: u32,
        mode: Mode,
    ) -> Result<Arc<FuncCode>, LoadError> {
        let at = (func - self.num_imported_funcs) as usize;
        let cache = &self.code;
        let validate = !cache.validated.load(Ordering::Relaxed);
        if mode == Mode::Plain {
            if let Some(code) = cache.plain[at].get() {
                return Ok(code.clone());
            }
            let code = Arc::new(lower::lower(module, func, mode, validate)?);
            return Ok(cache.plain[at].get_or_init(|| code).clone());
        }
        let lock = || {
            cache
                .structural
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(code) = lock().get(&func) {
            return Ok(code.clone());
        }
        // Two threads may both lower it; the first one's code is kept.
        let validate = validate && cache.plain[at].get().is_none();
        let code = Arc::new(lower::lower(module, func, mode, validate)?);
        Ok(lock().entry(func).or_insert(code).clone())
    }
}
