//! How control moves from one handler to the next, and where operands are.
//!
//! [`next!`] is the only place that dispatches. Threaded, it is a call in tail
//! position with the same signature, which LLVM makes a jump; portable, the
//! registers go to memory and the handler returns to the loop in [`run`].

use crate::eval::scalar::{Fault, Val};
use crate::exit;
use crate::layout::{CELL, Cell, Ctx, Handler, Machine, Saved};

/// Whether handlers jump to each other, rather than return to a loop (`build.rs` decides).
pub const THREADED: bool = cfg!(threaded);

/// Turns a handler's address into the function.
///
/// # Safety
/// `address` must be the address of a [`Handler`].
#[inline(always)]
pub unsafe fn handler_at(address: *const std::ffi::c_void) -> Handler {
    // SAFETY: the caller promises that it is the address of a handler.
    unsafe { std::mem::transmute::<*const std::ffi::c_void, Handler>(address) }
}

/// Runs code from `pc` on until the guest ends; returns an exit status. The
/// exit's pc, frame, context and budget are in the store's [`Machine`].
///
/// # Safety
/// `pc` must be a cell of valid code for `ctx`, `fp` a frame that the code's
/// function may use, and everything that the code reaches must stay alive.
pub unsafe fn run(pc: *const Cell, fp: *mut u64, ctx: *mut Ctx, acc: u64, budget: u64) -> u64 {
    // SAFETY: by the contract of this function.
    unsafe {
        let handler = handler_at((*pc).handler);
        let status = handler(pc, fp, (*ctx).mem_base, ctx, acc, budget, 0.0, 0.0);
        go_on(status)
    }
}

/// As [`run`], with the registers that the machine has saved and the budget in it.
///
/// # Safety
/// As for [`run`]; the frame is wholly in memory and `saved.acc` its topmost operand.
pub unsafe fn run_saved(machine: *mut Machine) -> u64 {
    // SAFETY: by the contract of this function.
    unsafe {
        let ctx = (*machine).saved.ctx;
        let (nowhere, fp) = (std::ptr::null(), std::ptr::null_mut());
        let mem = (*ctx).mem_base;
        let status = stop(nowhere, fp, mem, ctx, exit::MOVED, 0, 0.0, 0.0);
        go_on(status)
    }
}

/// The loop of portable dispatch; otherwise nothing.
unsafe fn go_on(mut status: u64) -> u64 {
    // SAFETY: a status above the limit is the address of the machine, with registers that the last
    // handler has saved.
    unsafe {
        while status >= exit::LIMIT {
            let s: Saved = (*(status as *const Machine)).saved;
            let handler = handler_at((*s.pc).handler);
            status = handler(s.pc, s.fp, s.mem, s.ctx, s.acc, s.budget, s.fd, s.fs);
        }
        status
    }
}

/// Passes control to the cell at `pc`.
#[cfg(threaded)]
macro_rules! next {
    ($pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) => {{
        let handler = $crate::dispatch::handler_at((*$pc).handler);
        return handler($pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs);
    }};
}
#[cfg(not(threaded))]
macro_rules! next {
    ($pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) => {{
        (*(*$ctx).machine).saved = $crate::layout::Saved {
            pc: $pc,
            fp: $fp,
            ctx: $ctx,
            mem: $mem,
            acc: $acc,
            budget: $budget,
            fd: $fd,
            fs: $fs,
        };
        return (*$ctx).machine as u64;
    }};
}

/// Ends the run with a trap at this cell.
macro_rules! trap {
    ($status:expr; $pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) => {
        return $crate::dispatch::stop($pc, $fp, $mem, $ctx, $status, $budget, $fd, $fs)
    };
}

/// Moves to `$to`, having executed everything before `$next`: pays for the
/// straight line behind us and asks the slow path when the budget is used up.
macro_rules! transfer {
    ($to:expr, $next:expr; $pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) => {
        let to: *const $crate::layout::Cell = $to;
        $budget = $budget.wrapping_add((to as u64).wrapping_sub($next as u64));
        $pc = to;
        if $budget < to as u64 {
            return $crate::dispatch::expired($pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs);
        }
    };
}

/// Defines a handler: the body, then [`next!`].
macro_rules! handler {
    ($(#[$meta:meta])* fn $name:ident $(<$($g:ident: $bound:path),*; $($c:ident),*>)?
     ($pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) $body:block) => {
        $crate::dispatch::raw_handler! {
            $(#[$meta])* fn $name $(<$($g: $bound),*; $($c),*>)?
            ($pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs) {
                $body
                $crate::dispatch::next!($pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs)
            }
        }
    };
}

macro_rules! raw_handler {
    ($(#[$meta:meta])* fn $name:ident $(<$($g:ident: $bound:path),*; $($c:ident),*>)?
     ($pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) $body:block) => {
        #[cfg(target_arch = "x86_64")]
        $(#[$meta])*
        #[allow(unused_mut, unused_variables, unused_assignments, clippy::too_many_arguments, clippy::missing_safety_doc)]
        pub unsafe extern "sysv64" fn $name $(<$($g: $bound,)* $(const $c: usize),*>)? (
            mut $pc: *const $crate::layout::Cell, mut $fp: *mut u64, mut $mem: *mut u8,
            mut $ctx: *mut $crate::layout::Ctx, mut $acc: u64, mut $budget: u64, mut $fd: f64, mut $fs: f32,
        ) -> u64 {
            // SAFETY: a handler runs only on a cell that lowering made for it, with a frame of the
            // function's size, the memory and context of the running instance (see `run`).
            unsafe { $body }
        }
        #[cfg(not(target_arch = "x86_64"))]
        $(#[$meta])*
        #[allow(unused_mut, unused_variables, unused_assignments, clippy::too_many_arguments, clippy::missing_safety_doc)]
        pub unsafe extern "C" fn $name $(<$($g: $bound,)* $(const $c: usize),*>)? (
            mut $pc: *const $crate::layout::Cell, mut $fp: *mut u64, mut $mem: *mut u8,
            mut $ctx: *mut $crate::layout::Ctx, mut $acc: u64, mut $budget: u64, mut $fd: f64, mut $fs: f32,
        ) -> u64 {
            // SAFETY: a handler runs only on a cell that lowering made for it, with a frame of the
            // function's size, the memory and context of the running instance (see `run`).
            unsafe { $body }
        }
    };
}
pub(crate) use {handler, next, raw_handler, transfer, trap};

raw_handler! {
    /// Ends the run: `acc` is the exit status. [`exit::MOVED`] does not: it goes on elsewhere.
    #[cold]
    #[inline(never)]
    fn stop(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let machine = (*ctx).machine;
        if acc == exit::MOVED {
            let saved = &(*machine).saved;
            pc = saved.pc;
            fp = saved.fp;
            ctx = saved.ctx;
            acc = saved.acc;
            mem = (*ctx).mem_base;
            budget = (*machine).budget;
            fd = f64::from_bits(acc);
            fs = f32::from_bits(acc as u32);
            let resume = std::mem::replace(&mut (*machine).resume, std::ptr::null());
            if !resume.is_null() {
                return handler_at(resume)(pc, fp, mem, ctx, acc, budget, fd, fs);
            }
            next!(pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        (*machine).exit_pc = pc;
        (*machine).exit_fp = fp;
        (*machine).exit_ctx = ctx;
        (*machine).budget = budget;
        acc
    }
}

raw_handler! {
    /// The budget is used up at a transfer to `pc`: asks the engine.
    #[cold]
    #[inline(never)]
    fn expired(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let resume = ((*ctx).slow.poll)(ctx, pc, fp, budget);
        if resume.handler.is_null() {
            if resume.pc as u64 == exit::MOVED {
                return stop(pc, fp, mem, ctx, exit::MOVED, budget, fd, fs);
            }
            return resume.pc as u64;
        }
        pc = resume.pc;
        mem = (*ctx).mem_base;
        budget = (*(*ctx).machine).budget;
        let handler = handler_at(resume.handler);
        handler(pc, fp, mem, ctx, acc, budget, fd, fs)
    }
}

/// Exit status of a fault.
#[inline(always)]
pub fn fault_status(fault: Fault) -> u64 {
    match fault {
        Fault::DivideByZero => exit::DIVIDE_BY_ZERO,
        Fault::Overflow => exit::OVERFLOW,
        Fault::InvalidConversion => exit::INVALID_CONVERSION,
    }
}

/// `cells` cells behind `pc`.
///
/// # Safety
/// They must be in the same code.
#[inline(always)]
pub unsafe fn skip(pc: *const Cell, cells: usize) -> *const Cell {
    // SAFETY: by contract.
    unsafe { pc.add(cells) }
}

/// Target of the branch cell at `pc`, whose `imm` is a distance in bytes.
///
/// # Safety
/// `pc` must be a branch cell.
#[inline(always)]
pub unsafe fn branch_target(pc: *const Cell) -> *const Cell {
    // SAFETY: lowering wrote a distance that stays in the code.
    unsafe { pc.byte_offset((*pc).imm as i32 as isize) }
}

/// Where an operand comes from.
pub trait Src {
    /// Reads it.
    ///
    /// # Safety
    /// As for the handler that reads.
    unsafe fn get<V: Val>(pc: *const Cell, fp: *mut u64, acc: u64, fd: f64, fs: f32) -> V;
}

/// Where a result goes.
pub trait Dst {
    /// Writes it.
    ///
    /// # Safety
    /// As for the handler that writes.
    unsafe fn put(bits: u64, pc: *const Cell, fp: *mut u64);
}

/// The local that cell `I` of the window names.
#[derive(Debug)]
pub struct Local<const I: usize>;
/// The immediate of cell `I`.
#[derive(Debug)]
pub struct Imm<const I: usize>;
/// The canonical operand slot of cell `I`, plus `K`.
#[derive(Debug)]
pub struct Slot<const I: usize, const K: usize>;
/// The accumulator; as a destination: nowhere else.
#[derive(Debug)]
pub struct Acc;
/// `local.tee`: the local of cell `I` and the canonical slot of cell `J`.
#[derive(Debug)]
pub struct Tee<const I: usize, const J: usize>;

impl<const I: usize> Src for Local<I> {
    #[inline(always)]
    unsafe fn get<V: Val>(pc: *const Cell, fp: *mut u64, _: u64, _: f64, _: f32) -> V {
        // SAFETY: local indices are slots of the frame.
        unsafe { V::from_slot(*fp.add((*pc.add(I)).imm as usize)) }
    }
}
impl<const I: usize> Src for Imm<I> {
    #[inline(always)]
    unsafe fn get<V: Val>(pc: *const Cell, _: *mut u64, _: u64, _: f64, _: f32) -> V {
        // SAFETY: cell I belongs to the window.
        unsafe { V::from_imm((*pc.add(I)).imm) }
    }
}
impl<const I: usize, const K: usize> Src for Slot<I, K> {
    #[inline(always)]
    unsafe fn get<V: Val>(pc: *const Cell, fp: *mut u64, _: u64, _: f64, _: f32) -> V {
        // SAFETY: canonical slots lie in the frame.
        unsafe { V::from_slot(*fp.add((*pc.add(I)).slot as usize + K)) }
    }
}
impl Src for Acc {
    #[inline(always)]
    unsafe fn get<V: Val>(_: *const Cell, _: *mut u64, acc: u64, fd: f64, fs: f32) -> V {
        V::from_acc(acc, fd, fs)
    }
}
impl<const I: usize> Dst for Local<I> {
    #[inline(always)]
    unsafe fn put(bits: u64, pc: *const Cell, fp: *mut u64) {
        // SAFETY: local indices are slots of the frame.
        unsafe { *fp.add((*pc.add(I)).imm as usize) = bits }
    }
}
impl<const I: usize> Dst for Slot<I, 0> {
    #[inline(always)]
    unsafe fn put(bits: u64, pc: *const Cell, fp: *mut u64) {
        // SAFETY: canonical slots lie in the frame.
        unsafe { *fp.add((*pc.add(I)).slot as usize) = bits }
    }
}
impl<const I: usize, const J: usize> Dst for Tee<I, J> {
    #[inline(always)]
    unsafe fn put(bits: u64, pc: *const Cell, fp: *mut u64) {
        // SAFETY: local indices and canonical slots lie in the frame.
        unsafe {
            *fp.add((*pc.add(I)).imm as usize) = bits;
            *fp.add((*pc.add(J)).slot as usize) = bits;
        }
    }
}
impl Dst for Acc {
    #[inline(always)]
    unsafe fn put(_: u64, _: *const Cell, _: *mut u64) {}
}

/// One unit of fuel in the budget.
pub const UNIT: u64 = CELL as u64;
