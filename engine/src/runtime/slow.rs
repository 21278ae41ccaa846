//! Instructions that run in the engine: growth, bulk operations, tables.
//!
//! Operands and results are in canonical slots. Each function returns an exit
//! status, 0 to go on.

use probity_interp::dispatch::UNIT;
use probity_interp::exit;
use probity_interp::layout::{Cell, Ctx, Slow};

use super::call;
use super::core::{Ending, StoreCore, core_of};
use super::instance::InstanceData;
use crate::code::slow_op::{SLOW_OPS, SlowOp};
use crate::error::TrapCode;
use crate::hook;
use crate::module::DataKind;

/// The slow paths of the interpreter.
pub(super) static SLOW: Slow = Slow {
    poll: call::poll,
    prepare: call::prepare,
    host: call::host,
    fire: hook::fire,
    ops: &OPS,
};

type Op = unsafe fn(*mut Ctx, *const Cell, *mut u64) -> u64;

static OPS: [Op; SLOW_OPS] = {
    let mut ops: [Op; SLOW_OPS] = [memory_grow; SLOW_OPS];
    ops[SlowOp::MemoryFill as usize] = memory_fill;
    ops[SlowOp::MemoryCopy as usize] = memory_copy;
    ops[SlowOp::MemoryInit as usize] = memory_init;
    ops[SlowOp::DataDrop as usize] = data_drop;
    ops[SlowOp::TableGet as usize] = table_get;
    ops[SlowOp::TableSet as usize] = table_set;
    ops[SlowOp::TableSize as usize] = table_size;
    ops[SlowOp::TableGrow as usize] = table_grow;
    ops[SlowOp::TableFill as usize] = table_fill;
    ops[SlowOp::TableCopy as usize] = table_copy;
    ops[SlowOp::TableInit as usize] = table_init;
    ops[SlowOp::ElemDrop as usize] = elem_drop;
    ops
};

/// What an instruction works with.
struct Operands<'a> {
    core: &'a mut StoreCore,
    instance: *mut InstanceData,
    pc: *const Cell,
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
                pc,
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

    /// Charges a bulk operation against the fuel limit, if there is one.
    fn charge(&mut self, units: u64) -> Result<(), u64> {
        if self.core.fuel.remaining().is_none() {
            return Ok(());
        }
        let pc = self.pc as u64;
        let left = (self.core.machine.budget.wrapping_sub(pc) as i64) / UNIT as i64;
        self.core.fuel.set_left(left);
        let allowed = self.core.fuel.charge_bulk(units);
        self.core.machine.budget =
            pc.wrapping_add((self.core.fuel.left() as u64).wrapping_mul(UNIT));
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
        unsafe fn $name(ctx: *mut Ctx, pc: *const Cell, fp: *mut u64) -> u64 {
            // SAFETY: the handler of slow instructions passes its own registers.
            #[allow(unused_mut)]
            let mut $o = unsafe { Operands::new(ctx, pc, fp, instruction!(@ $($data)?)) };
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

instruction! {
    /// `memory.grow`
    memory_grow(o) {
        let memory = o.memory(o.imm);
        let is_64 = o.core.memories[memory].ty.memory64;
        let pages = o.size(0, is_64);
        let most = o.core.limits.memory_bytes_max;
        match o.core.memories[memory].grow(pages, most) {
            Some(old) => o.set_result(old),
            None => return Ok(o.refused(is_64, TrapCode::MemoryLimit)),
        }
        Ok(exit::DONE)
    }
}

instruction! {
    /// `memory.fill`
    memory_fill(o) {
        let memory = o.memory(o.imm);
        let is_64 = o.core.memories[memory].ty.memory64;
        let (at, byte, len) = (o.size(0, is_64), o.raw(1) as u8, o.size(2, is_64));
        o.charge(len / 16)?;
        o.core.memories[memory].range(at, len).ok_or(exit::MEMORY)?.fill(byte);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `memory.copy`
    memory_copy(o, data) {
        let (to_memory, from_memory) = (o.memory(o.imm), o.memory(o.data));
        let to_64 = o.core.memories[to_memory].ty.memory64;
        let from_64 = o.core.memories[from_memory].ty.memory64;
        let (to, from, len) = (o.size(0, to_64), o.size(1, from_64), o.size(2, to_64 && from_64));
        o.charge(len / 16)?;
        o.core.memories[from_memory].range(from, len).ok_or(exit::MEMORY)?;
        o.core.memories[to_memory].range(to, len).ok_or(exit::MEMORY)?;
        if to_memory == from_memory {
            let (from, to, len) = (from as usize, to as usize, len as usize);
            o.core.memories[to_memory].data_mut().copy_within(from..from + len, to);
        } else {
            let bytes = o.core.memories[from_memory].range(from, len).ok_or(exit::MEMORY)?.to_vec();
            o.core.memories[to_memory].range(to, len).ok_or(exit::MEMORY)?.copy_from_slice(&bytes);
        }
        Ok(exit::DONE)
    }
}

instruction! {
    /// `memory.init`
    memory_init(o, data) {
        let memory = o.memory(o.imm);
        let is_64 = o.core.memories[memory].ty.memory64;
        let (to, from, len) = (o.size(0, is_64), o.size(1, false), o.size(2, false));
        o.charge(len / 16)?;
        let index = o.data as usize;
        let module = o.instance().module.clone();
        let segment = &module.inner.data[index];
        // Active segments are empty once the module is instantiated.
        let dropped = o.instance().dropped_data[index] || !matches!(segment.kind, DataKind::Passive);
        let bytes = if dropped { &[][..] } else { &module.inner.bytes[segment.range.clone()] };
        let end = from.checked_add(len).filter(|&end| end <= bytes.len() as u64).ok_or(exit::MEMORY)?;
        let bytes = &bytes[from as usize..end as usize];
        o.core.memories[memory].range(to, len).ok_or(exit::MEMORY)?.copy_from_slice(bytes);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `data.drop`
    data_drop(o) {
        let index = o.imm as usize;
        o.instance_mut().dropped_data[index] = true;
        Ok(exit::DONE)
    }
}

instruction! {
    /// `table.get`
    table_get(o) {
        let table = o.table(o.imm);
        let at = o.size(0, o.core.tables[table].ty.table64);
        let element = usize::try_from(at).ok().and_then(|at| o.core.tables[table].elements().get(at).copied());
        o.set_result(element.ok_or(exit::TABLE)?);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `table.set`
    table_set(o) {
        let table = o.table(o.imm);
        let at = o.size(0, o.core.tables[table].ty.table64);
        let value = o.raw(1);
        let at = usize::try_from(at).map_err(|_| exit::TABLE)?;
        *o.core.tables[table].elements_mut().get_mut(at).ok_or(exit::TABLE)? = value;
        Ok(exit::DONE)
    }
}

instruction! {
    /// `table.size`
    table_size(o) {
        let table = o.table(o.imm);
        let len = o.core.tables[table].elements().len() as u64;
        o.set_result(len);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `table.grow`
    table_grow(o) {
        let table = o.table(o.imm);
        let is_64 = o.core.tables[table].ty.table64;
        let (init, delta) = (o.raw(0), o.size(1, is_64));
        o.charge(delta)?;
        let most = o.core.limits.table_elements_max;
        match o.core.tables[table].grow(delta, init, most) {
            Some(old) => o.set_result(old),
            None => return Ok(o.refused(is_64, TrapCode::TableLimit)),
        }
        Ok(exit::DONE)
    }
}

/// Positions `at..at + len`, if both are within `end`.
fn range(at: u64, len: u64, end: usize) -> Result<std::ops::Range<usize>, u64> {
    let stop = at
        .checked_add(len)
        .filter(|&stop| stop <= end as u64)
        .ok_or(exit::TABLE)?;
    Ok(at as usize..stop as usize)
}

instruction! {
    /// `table.fill`
    table_fill(o) {
        let table = o.table(o.imm);
        let is_64 = o.core.tables[table].ty.table64;
        let (at, value, len) = (o.size(0, is_64), o.raw(1), o.size(2, is_64));
        o.charge(len)?;
        let elements = o.core.tables[table].elements_mut();
        let range = range(at, len, elements.len())?;
        elements[range].fill(value);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `table.copy`
    table_copy(o, data) {
        let (to_table, from_table) = (o.table(o.imm), o.table(o.data));
        let to_64 = o.core.tables[to_table].ty.table64;
        let from_64 = o.core.tables[from_table].ty.table64;
        let (to, from, len) = (o.size(0, to_64), o.size(1, from_64), o.size(2, to_64 && from_64));
        o.charge(len)?;
        let from = range(from, len, o.core.tables[from_table].elements().len())?;
        let to = range(to, len, o.core.tables[to_table].elements().len())?;
        if to_table == from_table {
            o.core.tables[to_table].elements_mut().copy_within(from, to.start);
        } else {
            let elements = o.core.tables[from_table].elements()[from].to_vec();
            o.core.tables[to_table].elements_mut()[to].copy_from_slice(&elements);
        }
        Ok(exit::DONE)
    }
}

instruction! {
    /// `table.init`
    table_init(o, data) {
        let table = o.table(o.imm);
        let is_64 = o.core.tables[table].ty.table64;
        let (to, from, len) = (o.size(0, is_64), o.size(1, false), o.size(2, false));
        o.charge(len)?;
        let index = o.data as usize;
        let from = range(from, len, o.instance().elements[index].len())?;
        let to = range(to, len, o.core.tables[table].elements().len())?;
        let elements = o.instance().elements[index][from].to_vec();
        o.core.tables[table].elements_mut()[to].copy_from_slice(&elements);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `elem.drop`
    elem_drop(o) {
        let index = o.imm as usize;
        o.instance_mut().elements[index] = Vec::new();
        Ok(exit::DONE)
    }
}
