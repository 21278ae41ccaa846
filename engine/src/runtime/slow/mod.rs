//! Instructions that run in the engine: growth, bulk operations, tables.
//!
//! Operands and results are in canonical slots. Each function returns an exit
//! status, 0 to go on.

use std::ops::Range;

use probity_interp::dispatch::UNIT;
use probity_interp::exit;
use probity_interp::layout::{Cell, Ctx, Slow};

mod atomic;
mod gc;
mod memory;
mod table;

use super::core::{Ending, StoreCore, core_of};
use super::instance::InstanceData;
use super::{call, exception};
use crate::code::slow_op::{SLOW_OPS, SlowOp};
use crate::error::TrapCode;
use crate::frame::walk::Position;
use crate::hook;

/// The slow paths of the interpreter.
pub(super) static SLOW: Slow = Slow {
    poll: call::poll,
    prepare: call::prepare,
    host: call::host,
    fire: hook::fire,
    steps: hook::steps,
    failed: hook::failed,
    native: crate::tier::enter::native,
    is_subtype,
    ops: &OPS,
};

/// Whether a function's type is declared below another.
///
/// # Safety
/// As for [`Slow::is_subtype`].
unsafe fn is_subtype(ctx: *mut Ctx, sub: u32, sup: u32) -> bool {
    // SAFETY: code is running in `ctx`, and only here is the core in use.
    let core = unsafe { core_of(ctx) };
    core.engine().with_types(|types| types.is_subtype(sub, sup))
}

type Op = unsafe fn(*mut Ctx, *const Cell, *mut u64) -> u64;

static OPS: [Op; SLOW_OPS] = {
    let mut ops: [Op; SLOW_OPS] = [memory::memory_grow; SLOW_OPS];
    ops[SlowOp::MemorySize as usize] = memory::memory_size;
    ops[SlowOp::MemoryFill as usize] = memory::memory_fill;
    ops[SlowOp::MemoryCopy as usize] = memory::memory_copy;
    ops[SlowOp::MemoryInit as usize] = memory::memory_init;
    ops[SlowOp::DataDrop as usize] = memory::data_drop;
    ops[SlowOp::TableGet as usize] = table::table_get;
    ops[SlowOp::TableSet as usize] = table::table_set;
    ops[SlowOp::TableSize as usize] = table::table_size;
    ops[SlowOp::TableGrow as usize] = table::table_grow;
    ops[SlowOp::TableFill as usize] = table::table_fill;
    ops[SlowOp::TableCopy as usize] = table::table_copy;
    ops[SlowOp::TableInit as usize] = table::table_init;
    ops[SlowOp::ElemDrop as usize] = table::elem_drop;
    ops[SlowOp::Throw as usize] = exception::throw;
    ops[SlowOp::ThrowRef as usize] = exception::throw_ref;
    ops[SlowOp::AtomicLoad as usize] = atomic::atomic_load;
    ops[SlowOp::AtomicStore as usize] = atomic::atomic_store;
    ops[SlowOp::AtomicRmw as usize] = atomic::atomic_rmw;
    ops[SlowOp::AtomicCmpxchg as usize] = atomic::atomic_cmpxchg;
    ops[SlowOp::AtomicNotify as usize] = atomic::atomic_notify;
    ops[SlowOp::AtomicWait as usize] = atomic::atomic_wait;
    ops[SlowOp::AtomicFence as usize] = atomic::atomic_fence;
    ops[SlowOp::StructNew as usize] = gc::struct_new;
    ops[SlowOp::StructNewDefault as usize] = gc::struct_new_default;
    ops[SlowOp::StructGetVector as usize] = gc::struct_get_vector;
    ops[SlowOp::StructSetVector as usize] = gc::struct_set_vector;
    ops[SlowOp::ArrayNew as usize] = gc::array_new;
    ops[SlowOp::ArrayNewDefault as usize] = gc::array_new_default;
    ops[SlowOp::ArrayNewFixed as usize] = gc::array_new_fixed;
    ops[SlowOp::ArrayNewData as usize] = gc::array_new_data;
    ops[SlowOp::ArrayNewElem as usize] = gc::array_new_elem;
    ops[SlowOp::ArrayGetVector as usize] = gc::array_get_vector;
    ops[SlowOp::ArraySetVector as usize] = gc::array_set_vector;
    ops[SlowOp::ArrayFill as usize] = gc::array_fill;
    ops[SlowOp::ArrayCopy as usize] = gc::array_copy;
    ops[SlowOp::ArrayInitData as usize] = gc::array_init_data;
    ops[SlowOp::ArrayInitElem as usize] = gc::array_init_elem;
    ops
};

/// Bytes of a memory that an instruction works on at once: about a millisecond, page faults
/// included.
const PIECE: usize = 1 << 20;

/// What an instruction works with.
struct Operands<'a> {
    core: &'a mut StoreCore,
    instance: *mut InstanceData,
    ctx: *mut Ctx,
    /// The instruction's cell, and where its frame stands now: jobs may have moved it.
    pc: *const Cell,
    moved: *const Cell,
    fp: *mut u64,
    /// First operand.
    slots: *mut u64,
    imm: u32,
    /// Immediate of the data cell, where there is one.
    data: u32,
}

impl Operands<'_> {
    /// # Safety
    /// As for the instruction, which has a data cell if `has_data`.
    unsafe fn new<'a>(
        ctx: *mut Ctx,
        pc: *const Cell,
        fp: *mut u64,
        has_data: bool,
    ) -> Operands<'a> {
        // SAFETY: code is running in `ctx`, and only here is the core in use; the cell is the
        // instruction's.
        unsafe {
            Operands {
                core: core_of(ctx),
                instance: (*ctx).instance.cast(),
                ctx,
                pc,
                moved: pc,
                fp,
                slots: fp.add((*pc).slot as usize),
                imm: (*pc).imm,
                data: if has_data { (*pc.add(1)).imm } else { 0 },
            }
        }
    }

    fn instance(&self) -> &InstanceData {
        // SAFETY: instances live as long as the store.
        unsafe { &*self.instance }
    }

    fn instance_mut(&mut self) -> &mut InstanceData {
        // SAFETY: as above, and borrowed as `self` is.
        unsafe { &mut *self.instance }
    }

    fn memory(&self, index: u32) -> usize {
        self.instance().memories[index as usize] as usize
    }

    fn table(&self, index: u32) -> usize {
        self.instance().tables[index as usize] as usize
    }

    fn raw(&self, i: usize) -> u64 {
        // SAFETY: lowering gave the instruction slots for its operands.
        unsafe { *self.slots.add(i) }
    }

    /// An operand that is an address or length, of a 32- or 64-bit space.
    fn size(&self, i: usize, is_64: bool) -> u64 {
        let raw = self.raw(i);
        if is_64 { raw } else { u64::from(raw as u32) }
    }

    fn set_result(&mut self, value: u64) {
        // SAFETY: as in `raw`.
        unsafe { *self.slots = value }
    }

    /// Ends the guest if another thread wants it.
    fn poll(&mut self) -> Result<(), u64> {
        match self.core.interrupt.take() {
            None => Ok(()),
            Some(code) => Err(self.raise(code)),
        }
    }

    /// Lets the interpreter poll behind this instruction if another thread wants something. A loop of
    /// bulk operations spends little fuel, so they do not leave this to the end of the slice.
    fn poll_behind(&mut self) {
        if self.core.interrupt.is_pending() {
            self.take_fuel_back();
            self.core.fuel.settle(-1);
            self.give_fuel();
        }
    }

    /// Notes what running code has left.
    fn take_fuel_back(&mut self) {
        let left = self.core.machine.budget.wrapping_sub(self.pc as u64) as i64;
        self.core.fuel.set_left(left / UNIT as i64);
    }

    /// Lets running code have what is left.
    fn give_fuel(&mut self) {
        let left = self.core.fuel.left() as u64;
        self.core.machine.budget = (self.pc as u64).wrapping_add(left.wrapping_mul(UNIT));
    }

    /// Does what other threads want, in the middle of the instruction. `Err` if it ends the guest,
    /// whose frames are unwound then.
    fn serve(&mut self) -> Result<(), ()> {
        self.take_fuel_back();
        let core = &mut *self.core;
        let position = core.position_of_op(self.moved, self.fp, self.ctx);
        core.positions.push(position);
        let interrupted = core.interrupt.has_code();
        let last = core.probes.last_id();
        let served = core.serve();
        core.fuel.put_off(last);
        let position = core.positions.pop().unwrap_or(position);
        if let Position::Code { pc, .. } = position {
            self.moved = pc;
        }
        let code = || core.interrupt.take_behind(interrupted);
        match served.and_then(|()| code().map_or(Ok(()), |code| Err(code.into()))) {
            Ok(()) => {
                self.give_fuel();
                Ok(())
            }
            Err(error) => {
                if core.native.at_op.is_none() || core.native.counted {
                    core.fuel.consume(1);
                }
                let error = core.unwind(error, position, false, false);
                core.ending = Some(Ending::Unwound(error));
                Err(())
            }
        }
    }

    /// The instruction, which has a data cell, is done: the status with which its frame goes on where
    /// it stands now.
    fn go_on(&mut self) -> u64 {
        if self.moved == self.pc {
            return exit::DONE;
        }
        self.take_fuel_back();
        self.core.fuel.consume(1);
        self.core
            .move_to(self.moved.wrapping_add(2), self.fp, self.ctx)
    }

    /// Does work on `len` bytes in pieces, from the last to the first if `backwards`; between
    /// them another thread can end the guest.
    fn in_pieces(
        &mut self,
        len: usize,
        backwards: bool,
        mut work: impl FnMut(Range<usize>),
    ) -> Result<(), u64> {
        let mut done = 0;
        while done < len {
            let piece = PIECE.min(len - done);
            let at = if backwards { len - done - piece } else { done };
            work(at..at + piece);
            done += piece;
            if done < len {
                self.poll()?;
            }
        }
        Ok(())
    }

    /// Begins a bulk operation: charges it against the fuel limit, if there is one.
    fn charge(&mut self, units: u64) -> Result<(), u64> {
        match self.core.interrupt.take_alone() {
            Some(code) => return Err(self.raise(code)),
            None => self.poll_behind(),
        }
        if self.core.fuel.to_limit().is_none() {
            return Ok(());
        }
        self.take_fuel_back();
        let allowed = self.core.fuel.charge_bulk(units);
        self.give_fuel();
        if allowed {
            Ok(())
        } else {
            Err(self.raise(TrapCode::OutOfFuel))
        }
    }

    fn raise(&mut self, code: TrapCode) -> u64 {
        self.core.ending = Some(Ending::Raised(code.into()));
        exit::ENGINE
    }

    fn refused(&mut self, is_64: bool, code: TrapCode) -> u64 {
        if self.core.limits.trap_on_refused_growth {
            return self.raise(code);
        }
        self.set_result(if is_64 { u64::MAX } else { u32::MAX.into() });
        exit::DONE
    }
}

/// Defines an instruction. `return` a status, or go on by falling off the end.
macro_rules! instruction {
    ($(#[$meta:meta])* $name:ident($o:ident$(, $data:ident)?) $body:block) => {
        $(#[$meta])*
        pub(super) unsafe fn $name(
            ctx: *mut probity_interp::layout::Ctx,
            pc: *const probity_interp::layout::Cell,
            fp: *mut u64,
        ) -> u64 {
            // SAFETY: the handler of slow instructions passes its own registers.
            #[allow(unused_mut)]
            let mut $o = unsafe { $crate::runtime::slow::Operands::new(ctx, pc, fp, $crate::runtime::slow::instruction!(@ $($data)?)) };
            #[allow(unused_mut)]
            let mut run = || -> Result<u64, u64> { $body };
            match run() {
                Ok(status) | Err(status) => status,
            }
        }
    };
    (@ $data:ident) => { true };
    (@) => { false };
}
pub(super) use instruction;
