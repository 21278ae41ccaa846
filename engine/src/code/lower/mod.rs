//! Lowering: one pass over a function's operators, which have been validated.
//!
//! Each operator that does work becomes one cell (constants of 64 bits, tables
//! of branches and the like add data cells), in program order. Operands live in
//! fixed slots: the operand at a given height of the stack always has the same.

use probity_interp::fuse::fuse;
use probity_interp::layout::{Cell, HEADER_SLOTS};
use probity_interp::op::{Ins, Kind, VKind};
use wasmparser::{FuncValidatorAllocations, Operator as O};

mod calls;
mod control;
mod exceptions;
mod gc;
mod memory;

use super::classify::{self, num};
use super::slow_op::SlowOp;
use super::{FuncCode, Mode, Sites, Try};
use crate::error::LoadError;
use crate::module::Module;
use crate::types::{FuncType, HeapType, RefType, ValType};

/// Slots that a frame can have: slot numbers in cells have 16 bits.
const FRAME_SLOTS_MAX: u32 = 0xffff;

/// Longest straight line in cells. Between two transfers a run may overshoot its
/// budget by one line, so the engine keeps that much in reserve.
pub(crate) const LINE_MAX: usize = 4096;

/// Lowers a function of `module`; `validate` if that has not been done yet.
pub(crate) fn lower(
    module: &Module,
    func: u32,
    mode: Mode,
    validate: bool,
) -> Result<FuncCode, LoadError> {
    let m = &*module.inner;
    let Some(body) = m.function_body(func) else {
        return Err(LoadError::without_offset("function has no body"));
    };
    let in_function = |e: LoadError| e.in_function(&m.display_name(func));
    if validate {
        m.validate_func(func, FuncValidatorAllocations::default())?;
    }
    let info = module
        .function(func)
        .expect("a function with a body is in the index space");
    let locals = info.local_types().map_err(in_function)?;
    let mut lowering = Lowering::new(module, func, mode, &locals).map_err(in_function)?;
    let mut reader = body
        .get_operators_reader()
        .map_err(|e| in_function(e.into()))?;
    while !reader.eof() {
        let (op, pc) = reader
            .read_with_offset()
            .map_err(|e| in_function(e.into()))?;
        lowering.operator(pc as u32, &op).map_err(in_function)?;
    }
    Ok(lowering.finish())
}

/// Parameters and results of a block.
#[derive(Clone, Copy)]
enum Sig<'a> {
    Empty,
    One(ValType),
    Func(&'a FuncType),
}

impl Sig<'_> {
    fn params(&self) -> &[ValType] {
        match self {
            Sig::Func(ty) => ty.params(),
            _ => &[],
        }
    }

    fn results(&self) -> &[ValType] {
        match self {
            Sig::Empty => &[],
            Sig::One(ty) => std::slice::from_ref(ty),
            Sig::Func(ty) => ty.results(),
        }
    }
}

/// A branch whose target is not known yet.
#[derive(Clone, Copy)]
enum Fixup {
    /// The branch cell.
    Branch(usize),
    /// Entry of a `br_table` cell.
    Entry(usize, usize),
    /// Clause of a `try_table`.
    Catch(usize, usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Function,
    Plain,
    Loop,
    If,
    /// Number in `tries`.
    Try(usize),
}

struct Control<'a> {
    block: Block,
    sig: Sig<'a>,
    /// Operands below the block's parameters.
    height: usize,
    /// First cell of a loop.
    start: usize,
    /// Of the operator that opened it.
    pc: u32,
    fixups: Vec<Fixup>,
    /// The `if` whose false arm has not begun.
    no_else: Option<usize>,
}

struct Operand {
    ty: ValType,
    slot: u32,
    /// Index in `stack_nodes`.
    node: u32,
}

struct Lowering<'a> {
    module: &'a Module,
    mode: Mode,
    canonical_nans: bool,
    locals: Vec<(ValType, u32)>,
    header: u32,
    max_slot: u32,
    leaf: bool,
    stack: Vec<Operand>,
    control: Vec<Control<'a>>,
    /// Depth of blocks opened in dead code; `None` where control can be.
    dead: Option<u32>,
    pc: u32,
    /// First cell since control last transferred for certain.
    line: usize,
    /// A branch arrives at the next cell.
    pending_label: bool,
    cells: Vec<Cell>,
    ins: Vec<Ins>,
    pcs: Vec<u32>,
    tops: Vec<u16>,
    entry: u32,
    operators: Vec<u32>,
    sites: Vec<(u32, u32)>,
    goes_on: Vec<bool>,
    landings: Vec<u32>,
    returns: Vec<u32>,
    tries: Vec<Try>,
    loops: Vec<(u32, u32)>,
    line_breaks: Vec<u32>,
    stacks: Vec<u32>,
    stack_nodes: Vec<(ValType, u32)>,
}

impl<'a> Lowering<'a> {
    fn new(
        module: &'a Module,
        func: u32,
        mode: Mode,
        locals: &[ValType],
    ) -> Result<Lowering<'a>, LoadError> {
        let ty = module.inner.func_type_of(func);
        let mut slot = 0;
        let locals: Vec<(ValType, u32)> = locals
            .iter()
            .map(|&ty| {
                let at = slot;
                slot += ty.slots() as u32;
                (ty, at)
            })
            .collect();
        let header = slot.max(slots(ty.results()));
        let size = module.inner.body(func).map_or(0, |b| b.range.len());
        let mut lowering = Lowering {
            module,
            mode,
            canonical_nans: module.inner.engine.config().deterministic,
            locals,
            header,
            max_slot: header + HEADER_SLOTS as u32,
            leaf: true,
            stack: Vec::new(),
            control: vec![Control {
                block: Block::Function,
                sig: Sig::Func(ty),
                height: 0,
                start: 0,
                pc: 0,
                fixups: Vec::new(),
                no_else: None,
            }],
            dead: None,
            pc: module.inner.body(func).map_or(0, |b| b.range.start),
            line: 0,
            pending_label: false,
            cells: Vec::with_capacity(size / 2),
            ins: Vec::with_capacity(size / 2),
            pcs: Vec::with_capacity(size / 2),
            tops: Vec::with_capacity(size / 2),
            entry: 0,
            operators: Vec::new(),
            sites: Vec::new(),
            goes_on: Vec::new(),
            landings: Vec::new(),
            returns: Vec::new(),
            tries: Vec::new(),
            loops: Vec::new(),
            line_breaks: Vec::new(),
            stacks: Vec::new(),
            stack_nodes: vec![(ValType::I32, 0)],
        };
        lowering.check_frame()?;
        let mut first = slots(ty.params());
        while first < slot {
            let count = (slot - first).min(FRAME_SLOTS_MAX) as u16;
            lowering.emit(Kind::Zero, first, 0, count);
            first += u32::from(count);
        }
        lowering.entry = lowering.cells.len() as u32;
        lowering.marker();
        Ok(lowering)
    }

    fn check_frame(&self) -> Result<(), LoadError> {
        if self.max_slot > FRAME_SLOTS_MAX {
            let message = format!("frame of more than {FRAME_SLOTS_MAX} slots");
            return Err(LoadError::at(message, self.pc.into()));
        }
        Ok(())
    }

    // ---- operand stack

    /// First slot above the operand stack.
    fn top(&self) -> u32 {
        match self.stack.last() {
            Some(operand) => operand.slot + operand.ty.slots() as u32,
            None => self.header + HEADER_SLOTS as u32,
        }
    }

    fn push(&mut self, ty: ValType) {
        let slot = self.top();
        let mut node = 0;
        if self.mode == Mode::Structural {
            let below = self.stack.last().map_or(0, |o| o.node);
            node = self.stack_nodes.len() as u32;
            self.stack_nodes.push((ty, below));
        }
        self.stack.push(Operand { ty, slot, node });
        self.max_slot = self.max_slot.max(self.top());
    }

    fn pop(&mut self) -> Operand {
        // Validation came before lowering, so the operand is there.
        self.stack.pop().expect("operand of validated code")
    }

    /// Pops `n` operands; gives the slot of the lowest.
    fn pop_many(&mut self, n: usize) -> u32 {
        let keep = self.stack.len() - n;
        let slot = self.stack.get(keep).map_or_else(|| self.top(), |o| o.slot);
        self.stack.truncate(keep);
        slot
    }

    fn push_all(&mut self, types: &[ValType]) {
        for &ty in types {
            self.push(ty);
        }
    }

    // ---- cells

    fn emit(&mut self, kind: Kind, imm: u32, slot: u32, extra: u16) -> usize {
        let at = self.cells.len();
        self.cells.push(Cell {
            imm,
            slot: slot as u16,
            extra,
            ..Cell::ZERO
        });
        let label = std::mem::take(&mut self.pending_label);
        self.ins.push(Ins {
            label,
            ..Ins::new(kind)
        });
        self.pcs.push(self.pc);
        self.tops.push(self.top() as u16);
        if self.mode == Mode::Structural {
            self.stacks.push(self.stack.last().map_or(0, |o| o.node));
        }
        at
    }

    fn emit_data(&mut self, low: u64, high: u64) {
        let at = self.emit(Kind::Data, 0, 0, 0);
        self.cells[at] = Cell::data(low, high);
    }

    fn emit_slow(&mut self, op: SlowOp, imm: u32, slot: u32) {
        self.emit(Kind::Slow, imm, slot, op as u16);
    }

    fn emit_slow_data(&mut self, op: SlowOp, imm: u32, slot: u32, data: u32) {
        self.emit(Kind::SlowData, imm, slot, op as u16);
        let at = self.emit(Kind::Data, 0, 0, 0);
        self.cells[at].imm = data;
    }

    /// Keeps straight lines short enough for the budget's reserve.
    fn limit_line(&mut self) {
        if self.cells.len() - self.line >= LINE_MAX - 64 {
            let at = self.emit(Kind::BrFree, 0, 0, 0);
            self.cells[at].imm = size_of::<Cell>() as u32;
            self.line_breaks.push(at as u32);
            self.line = self.cells.len();
            self.pending_label = true;
        }
    }

    /// Lets a branch go to a cell; `pc` is the label's.
    fn patch(&mut self, fixup: Fixup, target: usize, pc: u32) {
        match fixup {
            Fixup::Branch(at) => {
                self.cells[at].imm = distance(at, target) as u32;
            }
            Fixup::Entry(at, index) => {
                let cell = &mut self.cells[at + 1 + index / 4];
                let shift = 32 * (index % 4);
                let mut bits = cell_bits(cell);
                bits &= !(u128::from(u32::MAX) << shift);
                bits |= u128::from(distance(at, target) as u32) << shift;
                *cell = Cell::data(bits as u64, (bits >> 64) as u64);
            }
            Fixup::Catch(index, clause) => {
                let catch = &mut self.tries[index].catches[clause];
                catch.target = target as u32;
                catch.pc = pc;
            }
        }
        if target < self.ins.len() {
            self.ins[target].label = true;
        }
    }

    // ---- operators

    fn operator(&mut self, pc: u32, op: &O<'_>) -> Result<(), LoadError> {
        self.pc = pc;
        if self.mode == Mode::Structural {
            self.operators.push(pc);
        }
        if self.dead.is_none() {
            self.limit_line();
        }
        let first = self.cells.len();
        match self.dead {
            Some(depth) => self.skip_dead(depth, op),
            None => self.live(op)?,
        }
        if self.mode == Mode::Structural && self.cells.len() > first {
            let landed = self.landings.last() == Some(&(first as u32));
            self.sites.push((pc, first as u32 + u32::from(landed)));
            self.goes_on
                .push(self.dead.is_none() && !matches!(op, O::Else));
        }
        self.check_frame()
    }

    fn live(&mut self, op: &O<'_>) -> Result<(), LoadError> {
        if let Some(simple) = classify::scalar(op) {
            self.simple(simple, op);
            return Ok(());
        }
        match *op {
            O::LocalGet { local_index } => {
                let (ty, local) = self.locals[local_index as usize];
                let slot = self.top();
                let kind = if ty == ValType::V128 {
                    Kind::Vector(VKind::Get)
                } else {
                    Kind::Get(num(ty))
                };
                self.emit(kind, local, slot, 0);
                self.push(ty);
            }
            O::LocalSet { local_index } => {
                self.set_local(local_index, Kind::Set);
                self.pop();
            }
            O::LocalTee { local_index } => self.set_local(local_index, Kind::Tee),
            O::I32Const { value } => self.constant(ValType::I32, value as u32),
            O::I64Const { value } => match i32::try_from(value) {
                Ok(small) => self.constant(ValType::I64, small as u32),
                Err(_) => self.wide_constant(ValType::I64, value as u64),
            },
            O::F32Const { value } => self.constant(ValType::F32, value.bits()),
            O::F64Const { value } => self.wide_constant(ValType::F64, value.bits()),
            O::V128Const { value } => {
                let bits = value.i128() as u128;
                let slot = self.top();
                self.emit(Kind::Vector(VKind::Const), 0, slot, 0);
                self.emit_data(bits as u64, (bits >> 64) as u64);
                self.push(ValType::V128);
            }
            O::I8x16Shuffle { lanes } => {
                let bits = u128::from_le_bytes(lanes);
                let slot = self.lowest(2);
                self.emit(Kind::Vector(VKind::Shuffle), 0, slot, 0);
                self.emit_data(bits as u64, (bits >> 64) as u64);
                self.pop_many(2);
                self.push(ValType::V128);
            }
            O::Drop => {
                self.emit(Kind::Drop, 0, 0, 0);
                self.pop();
            }
            O::Select | O::TypedSelect { .. } => {
                let ty = self.stack[self.stack.len() - 2].ty;
                let kind = if ty == ValType::V128 {
                    Kind::Vector(VKind::Select)
                } else {
                    Kind::Select(num(ty))
                };
                let slot = self.lowest(3);
                self.emit(kind, 0, slot, 0);
                self.pop_many(3);
                self.push(ty);
            }
            O::GlobalGet { global_index } => self.global_get(global_index),
            O::GlobalSet { global_index } => self.global_set(global_index),
            O::RefNull { hty } => {
                let ids = &self.module.inner.type_ids;
                let heap = HeapType::from_parser(hty, ids, self.pc.into())?;
                let ty = RefType {
                    nullable: true,
                    heap: heap.bottom(),
                };
                self.constant(ValType::Ref(ty), 0);
            }
            O::RefFunc { function_index } => {
                let slot = self.top();
                self.emit(Kind::RefFunc, function_index, slot, 0);
                self.push(ValType::Ref(self.func_ref_type(function_index)));
            }
            O::Call { function_index } => self.call(function_index),
            O::CallIndirect {
                type_index,
                table_index,
            } => self.call_indirect(type_index, table_index),
            O::CallRef { type_index } => self.call_ref(type_index),
            O::ReturnCall { function_index } => self.return_call(function_index),
            O::ReturnCallIndirect {
                type_index,
                table_index,
            } => self.return_call_indirect(type_index, table_index),
            O::ReturnCallRef { type_index } => self.return_call_ref(type_index),
            O::MemorySize { .. }
            | O::MemoryGrow { .. }
            | O::MemoryFill { .. }
            | O::MemoryCopy { .. }
            | O::MemoryInit { .. }
            | O::DataDrop { .. }
            | O::TableGet { .. }
            | O::TableSet { .. }
            | O::TableSize { .. }
            | O::TableGrow { .. }
            | O::TableFill { .. }
            | O::TableCopy { .. }
            | O::TableInit { .. }
            | O::ElemDrop { .. } => self.bulk(op),
            _ if self.gc(op)? => {}
            _ => return self.structured(op),
        }
        Ok(())
    }

    /// Type of a reference to a function of the module.
    fn func_ref_type(&self, func: u32) -> RefType {
        let m = &self.module.inner;
        RefType {
            nullable: false,
            heap: HeapType::Concrete(m.type_ids[m.funcs[func as usize] as usize]),
        }
    }

    /// Slot of the lowest of the topmost `n` operands.
    fn lowest(&self, n: usize) -> u32 {
        match self.stack.get(self.stack.len() - n) {
            Some(operand) => operand.slot,
            None => self.top(),
        }
    }

    fn simple(&mut self, simple: classify::Simple, op: &O<'_>) {
        let slot = self.lowest(simple.pops);
        match simple.place {
            Some((memory, offset)) if !self.is_short_path(memory) => {
                let kind = simple.kind.at().unwrap_or(simple.kind);
                self.emit(kind, 0, slot, simple.extra);
                self.emit_place(memory, offset);
            }
            _ => {
                self.emit(simple.kind, simple.imm, slot, simple.extra);
            }
        }
        self.pop_many(simple.pops);
        if let Some(ty) = simple.push {
            self.push(ty);
        }
        if self.canonical_nans
            && let Some(kind) = classify::canon(op)
        {
            self.emit(kind, 0, slot, 0);
        }
    }

    fn set_local(&mut self, index: u32, kind: fn(probity_interp::eval::scalar::Num) -> Kind) {
        let (ty, local) = self.locals[index as usize];
        let slot = self.lowest(1);
        let kind = if ty == ValType::V128 {
            Kind::Vector(VKind::Set)
        } else {
            kind(num(ty))
        };
        self.emit(kind, local, slot, 0);
    }

    fn constant(&mut self, ty: ValType, imm: u32) {
        let slot = self.top();
        self.emit(Kind::Const(num(ty)), imm, slot, 0);
        self.push(ty);
    }

    fn wide_constant(&mut self, ty: ValType, bits: u64) {
        let slot = self.top();
        self.emit(Kind::Wide(num(ty)), 0, slot, 0);
        self.emit_data(bits, 0);
        self.push(ty);
    }

    /// Slot of an own global among the instance's; `None` for imports.
    fn own_global(&self, index: u32) -> Option<u32> {
        let m = &self.module.inner;
        let own = index.checked_sub(m.num_imported_globals)?;
        Some(m.global_slots[own as usize])
    }

    fn global_get(&mut self, index: u32) {
        let ty = self.module.inner.globals[index as usize].ty.content;
        let slot = self.top();
        match (ty, self.own_global(index)) {
            (ValType::V128, _) => self.emit(Kind::Vector(VKind::GlobalGet), index, slot, 0),
            (_, Some(own)) => self.emit(Kind::GlobalGet(num(ty)), own, slot, 0),
            (_, None) => self.emit(Kind::GlobalGetAt(num(ty)), index, slot, 0),
        };
        self.push(ty);
    }

    fn global_set(&mut self, index: u32) {
        let ty = self.module.inner.globals[index as usize].ty.content;
        let slot = self.lowest(1);
        match (ty, self.own_global(index)) {
            (ValType::V128, _) => self.emit(Kind::Vector(VKind::GlobalSet), index, slot, 0),
            (_, Some(own)) => self.emit(Kind::GlobalSet(num(ty)), own, slot, 0),
            (_, None) => self.emit(Kind::GlobalSetAt, index, slot, 0),
        };
        self.pop();
    }

    /// Gives branches to a return the return's fields: their handlers may return at once.
    fn shorten_returns(&mut self) {
        for at in 0..self.cells.len() {
            if self.ins[at].kind == Kind::Br {
                let target =
                    at as i64 + i64::from(self.cells[at].imm as i32) / size_of::<Cell>() as i64;
                let target = target as usize;
                if let Kind::ReturnOne(_) = self.ins[target].kind {
                    self.cells[at].slot = self.cells[target].slot;
                    self.cells[at].extra = self.cells[target].extra;
                }
            }
        }
    }

    fn finish(mut self) -> FuncCode {
        let structural = self.mode == Mode::Structural;
        if !structural {
            self.shorten_returns();
            let all = 0..self.cells.len();
            fuse(&self.ins, &mut self.cells, None, all);
            self.ins = Vec::new();
        }
        let sites = Sites {
            operators: self.operators.into(),
            entry: self.entry,
            cells: self.sites.into(),
            goes_on: self.goes_on.into(),
            landings: self.landings.into(),
            returns: if structural {
                self.returns.into()
            } else {
                Box::default()
            },
            stacks: self.stacks.into(),
            stack_nodes: if structural {
                self.stack_nodes.into()
            } else {
                Box::default()
            },
            locals: if structural {
                self.locals.into()
            } else {
                Box::default()
            },
        };
        FuncCode {
            cells: self.cells.into(),
            ins: self.ins.into(),
            pcs: self.pcs.into(),
            tops: self.tops.into(),
            header: self.header,
            cost: if self.leaf { 0 } else { self.max_slot },
            frame_slots: self.max_slot,
            sites,
            tries: self.tries.into(),
            loops: self.loops.into(),
            line_breaks: self.line_breaks.into(),
        }
    }
}

/// Slots that values of these types take.
pub(crate) fn slots(types: &[ValType]) -> u32 {
    types.iter().map(|ty| ty.slots() as u32).sum()
}

/// Distance in bytes from one cell to another.
fn distance(from: usize, to: usize) -> i32 {
    ((to as i64 - from as i64) * size_of::<Cell>() as i64) as i32
}

fn cell_bits(cell: &Cell) -> u128 {
    let high = u64::from(cell.imm) | u64::from(cell.slot) << 32 | u64::from(cell.extra) << 48;
    u128::from(cell.handler.addr() as u64) | u128::from(high) << 64
}
