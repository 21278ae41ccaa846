//! The structures that handlers read and write, with their layouts pinned.
//!
//! Nothing here is generic over the embedder, and nothing here owns memory:
//! the engine allocates these structures, keeps them alive and in place while
//! code runs, and frees them. Cells hold no pointers to an instance, so all
//! instances of a module can share them.

use std::ffi::c_void;
use std::mem::{offset_of, size_of};
use std::sync::atomic::{AtomicU32, AtomicU64};

/// One step of lowered code.
///
/// `handler` is the address of a [`Handler`]; in data cells it holds 8 raw
/// bytes. `imm` is a local index, constant, memory offset, byte distance of a
/// branch, function index...; `slot` is the frame slot of the instruction's
/// canonical operand (its result, or its first operand where it has none);
/// `extra` depends on the kind.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Cell {
    /// Address of the handler, or raw bytes in a data cell.
    pub handler: *const c_void,
    /// First immediate.
    pub imm: u32,
    /// Slot of the canonical operand.
    pub slot: u16,
    /// Second immediate.
    pub extra: u16,
}

/// Bytes of a [`Cell`]; also what one unit of fuel weighs in the budget.
pub const CELL: usize = size_of::<Cell>();
const _: () = assert!(CELL == 16 && offset_of!(Cell, imm) == 8 && offset_of!(Cell, slot) == 12);

impl Cell {
    /// A cell with all fields zero.
    pub const ZERO: Cell = Cell {
        handler: std::ptr::null(),
        imm: 0,
        slot: 0,
        extra: 0,
    };

    /// A cell that runs `handler` and has no immediates.
    pub fn of(handler: Handler) -> Cell {
        Cell {
            handler: handler as *const c_void,
            ..Cell::ZERO
        }
    }

    /// A data cell that carries 16 raw bytes.
    pub fn data(low: u64, high: u64) -> Cell {
        Cell {
            handler: std::ptr::without_provenance(low as usize),
            imm: high as u32,
            slot: (high >> 32) as u16,
            extra: (high >> 48) as u16,
        }
    }
}

// SAFETY: a cell is plain data; the code addresses in it are valid in every thread.
unsafe impl Send for Cell {}
// SAFETY: as above; shared cells are never written.
unsafe impl Sync for Cell {}

/// Number of frame slots that a call writes behind the callee's locals: the
/// return cell and the caller's frame.
pub const HEADER_SLOTS: usize = 2;

macro_rules! handler_type {
    ($abi:literal) => {
        /// Code of one cell: `(pc, frame, memory base, context, accumulator,
        /// budget, f64 accumulator, f32 accumulator)`. Returns an exit status,
        /// see [`crate::exit`].
        pub type Handler = unsafe extern $abi fn(
            *const Cell,
            *mut u64,
            *mut u8,
            *mut Ctx,
            u64,
            u64,
            f64,
            f32,
        ) -> u64;
    };
}
#[cfg(target_arch = "x86_64")]
handler_type!("sysv64");
#[cfg(not(target_arch = "x86_64"))]
handler_type!("C");

/// What a call needs to know of a function. One record per function of each
/// instance (imports included) and per host function; its address is the raw
/// value of a `funcref`.
#[derive(Debug)]
#[repr(C)]
pub struct FuncRecord {
    /// First cell: the code, or a fixed cell of [`crate::handlers::control`].
    pub code: *const Cell,
    /// Slot of the return cell in the callee's frame.
    pub header: u32,
    /// Slots that must fit below the stack limit; 0 for functions without calls.
    pub cost: u32,
    /// Context that the function runs in; null for host functions.
    pub ctx: *mut Ctx,
    /// Record that identifies the function (itself, unless this is an import).
    pub target: *const FuncRecord,
    /// Engine-wide id of the signature.
    pub sig: u32,
    /// Number in the store of the instance that the function runs in; [`NOWHERE`] for host functions and
    /// imports. With `sig` it is the function's *key*.
    pub home: u32,
    /// Function id in the store.
    pub id: u32,
    /// Slots of parameters.
    pub param_slots: u16,
    /// Slots of results.
    pub result_slots: u16,
    /// Entry for compiled code of the same instance: machine code with the native convention, which
    /// leads to the engine where the function is not compiled. Null in engines without compiler.
    pub native: *const c_void,
    /// Machine code that calls `native` with arguments from a frame; null if `native` is not
    /// compiled code of the function.
    pub thunk: *const c_void,
}

const _: () = assert!(
    size_of::<FuncRecord>() == 64 && std::mem::offset_of!(FuncRecord, sig).is_multiple_of(8)
);

/// What functions have as home that run in no instance, or in another one than the record's.
pub const NOWHERE: u32 = u32::MAX;

/// What a function of an instance has as `sig` and `home`, read as one word.
pub fn key(sig: u32, home: u32) -> u64 {
    u64::from(home) << 32 | u64::from(sig)
}

/// Routines of the engine that compiled code calls.
pub const NATIVES: usize = 7;

/// What handlers need of an instance.
#[derive(Debug)]
#[repr(C)]
pub struct Ctx {
    /// Bytes of memory 0 that exist.
    pub mem_len: u64,
    /// First byte of memory 0.
    pub mem_base: *mut u8,
    /// No frame may reach beyond this slot.
    pub stack_limit: *mut u64,
    /// Slots of the globals that the instance defines. They lie behind the context.
    pub globals: *mut u64,
    /// Address of each global's slots by index, imports included.
    pub global_addrs: *const *mut u64,
    /// Records of all functions by index. They lie behind the globals; behind them, by type index, the keys
    /// that the instance's own functions of each type have.
    pub funcs: *mut FuncRecord,
    /// Elements of table 0.
    pub table0: *const u64,
    /// Length of table 0.
    pub table0_len: u64,
    /// Views of all tables by index.
    pub tables: *const *const TableView,
    /// What compiled code polls.
    pub poll: Poll,
    /// Record of the function that an indirect call of compiled code is about to call.
    pub callee: *const FuncRecord,
    /// Frame that compiled code has just left to the interpreter, all of it in its slots.
    pub left: *mut u64,
    /// Distance in bytes from a private cell to its [`Shadow`].
    pub shadow_delta: isize,
    /// The slow paths.
    pub slow: &'static Slow,
    /// State shared by all instances of a store.
    pub machine: *mut Machine,
    /// The engine's record of this instance.
    pub instance: *mut c_void,
    /// Views of all memories by index.
    pub memories: *const *mut MemoryView,
    /// What compiled code calls of the engine; null in engines without compiler.
    pub natives: [*const c_void; NATIVES],
    /// Ways from compiled code to functions that are not of this instance, by type index.
    pub outs: *const *const c_void,
    /// Units of fuel that compiled code which counts may consume.
    pub fuel: *mut i64,
}

/// What compiled code looks at to see whether another thread wants something.
#[derive(Debug)]
#[repr(C)]
pub struct Poll {
    /// Stack limit of compiled code: that of the store, or 0 if there is a request.
    pub limit: AtomicU64,
    /// Not 0 if there is a request.
    pub request: AtomicU32,
}

/// A memory as handlers for any memory see it; kept up to date when it grows. One for each store
/// that uses the memory.
#[derive(Debug)]
#[repr(C)]
pub struct MemoryView {
    /// First byte.
    pub base: *mut u8,
    /// Bytes that exist; of a shared memory, that were there when someone last looked.
    pub len: u64,
    /// Bytes of a shared memory, which other threads may grow; null for others.
    pub shared_len: *const AtomicU64,
}

/// What every object of the collected heap begins with. The payload lies behind it.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct ObjectHeader {
    /// The engine's description of the object's type.
    pub ty: *const c_void,
    /// Elements of an array; 0 for other objects.
    pub len: u32,
    /// The engine's.
    pub home: u32,
}
const _: () = assert!(size_of::<ObjectHeader>() == 16);

/// What an object is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum ObjectClass {
    /// A structure, or an exception.
    Struct,
    /// An array.
    Array,
    /// A value of the host.
    Host,
}

/// What the description of an object's type begins with.
#[derive(Debug)]
#[repr(C)]
pub struct TypeHead {
    /// Ids from the outermost supertype down to the type itself.
    pub supers: *const u32,
    /// How many.
    pub count: u32,
    /// What its objects are.
    pub class: ObjectClass,
}

// SAFETY: whoever makes one keeps the list in place and unchanged.
unsafe impl Send for TypeHead {}
// SAFETY: as above.
unsafe impl Sync for TypeHead {}

/// Elements of a table; kept up to date when the table grows.
#[derive(Debug)]
#[repr(C)]
pub struct TableView {
    /// First element.
    pub elements: *const u64,
    /// Number of elements.
    pub len: u64,
}

/// What handlers and slow paths hand to each other, one per store.
#[derive(Debug)]
#[repr(C)]
pub struct Machine {
    /// Budget handed back by slow paths, and the budget at an exit.
    pub budget: u64,
    /// Cell of the last exit.
    pub exit_pc: *const Cell,
    /// Frame of the last exit.
    pub exit_fp: *mut u64,
    /// Context of the last exit.
    pub exit_ctx: *mut Ctx,
    /// Registers between two steps of portable dispatch.
    pub saved: Saved,
    /// The engine's store.
    pub store: *mut c_void,
    /// With [`crate::exit::MOVED`], the handler to go on with, if it is not the cell's own.
    pub resume: *const c_void,
}

/// Registers of the abstract machine, kept in memory by portable dispatch.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Saved {
    /// Next cell.
    pub pc: *const Cell,
    /// Current frame.
    pub fp: *mut u64,
    /// Context.
    pub ctx: *mut Ctx,
    /// Memory base.
    pub mem: *mut u8,
    /// Integer accumulator.
    pub acc: u64,
    /// Budget.
    pub budget: u64,
    /// f64 accumulator.
    pub fd: f64,
    /// f32 accumulator.
    pub fs: f32,
}

impl Default for Saved {
    fn default() -> Saved {
        Saved {
            pc: std::ptr::null(),
            fp: std::ptr::null_mut(),
            ctx: std::ptr::null_mut(),
            mem: std::ptr::null_mut(),
            acc: 0,
            budget: 0,
            fd: 0.0,
            fs: 0.0,
        }
    }
}

/// What stands beside each cell of private (probed) code.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Shadow {
    /// Handler that the cell would have without a probe.
    pub original: *const c_void,
    /// Meaning depends on the probe handler: a counter, a list of actions.
    pub data: *mut u64,
}
const _: () = assert!(size_of::<Shadow>() == CELL);

impl Shadow {
    /// The shadow of a private cell, `delta` bytes away. By its address: cells and shadows are
    /// separate memory, so that a pointer to the one cannot be moved to the other.
    #[inline(always)]
    pub fn of(cell: *const Cell, delta: isize) -> *const Shadow {
        std::ptr::with_exposed_provenance(cell.addr().wrapping_add_signed(delta))
    }
}

/// Where execution continues after a slow path: run `handler` on `pc`. A null
/// handler means that the guest ended; the status is in the `pc` field then.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Resume {
    /// Next cell, or the exit status.
    pub pc: *const Cell,
    /// Handler to run there.
    pub handler: *const c_void,
}

/// The slow paths, which the engine supplies. All take values, not the address
/// of a register: a local whose address escapes would cost handlers their jumps.
#[derive(Debug)]
pub struct Slow {
    /// The budget ran out at a transfer to `pc`: new budget in `machine.budget`.
    pub poll: unsafe fn(ctx: *mut Ctx, pc: *const Cell, fp: *mut u64, budget: u64) -> Resume,
    /// First call of a function: makes its code. `fp` is the callee's frame.
    pub prepare:
        unsafe fn(ctx: *mut Ctx, record: *mut FuncRecord, fp: *mut u64, budget: u64) -> Resume,
    /// Calls a host function: exit status (0 to go on), budget in `machine.budget`.
    pub host: unsafe fn(ctx: *mut Ctx, record: *const FuncRecord, fp: *mut u64, budget: u64) -> u64,
    /// A probe that needs the engine fires before `pc`; budget in `machine.budget`.
    pub fire: unsafe fn(ctx: *mut Ctx, pc: *const Cell, fp: *mut u64, budget: u64) -> Resume,
    /// Probes that need nothing but the frame fire before `pc`: 0 to go on.
    pub steps: unsafe fn(ctx: *mut Ctx, pc: *const Cell, fp: *mut u64) -> u64,
    /// One of them has failed: exit status.
    pub failed: unsafe fn(ctx: *mut Ctx, pc: *const Cell, fp: *mut u64, budget: u64) -> u64,
    /// Runs a compiled function whose frame is at `fp`: exit status (0 to go on at the frame's
    /// return cell), budget relative to the cell in `machine.budget`.
    pub native:
        unsafe fn(ctx: *mut Ctx, record: *const FuncRecord, fp: *mut u64, budget: u64) -> u64,
    /// Whether a function's type `sub` is declared below `sup`, where they differ.
    pub is_subtype: unsafe fn(ctx: *mut Ctx, sub: u32, sup: u32) -> bool,
    /// Instructions without a handler of their own, by `Cell::extra`: exit
    /// status (0 to go on), budget in `machine.budget`.
    pub ops: &'static [unsafe fn(ctx: *mut Ctx, pc: *const Cell, fp: *mut u64) -> u64],
}
