//! Places where a function is left, and what is live there.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, ExceptionTableData, ExceptionTableItem, InstBuilder, InstructionData, Opcode,
    SigRef, StackSlot, Type, Value, types,
};

use super::super::abi;
use super::super::held::DraftHeld;
use super::super::location::Location;
use super::super::stubs::Exit;
use super::super::thunks::{exit_address, store_slot};
use super::polls::Poll;
use super::{Region, Translator, trap_code};
use crate::tier::code::{Clause, FP_SLOT, SiteKind, Width, leaving};
use wasmparser::Operator as O;

/// What a translation knows of its sites, by their numbers.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) sites: Vec<DraftSite>,
    pub(crate) constants: Vec<u128>,
    pub(crate) polls: Vec<Poll>,
    /// Where polls put their values, in the native frame.
    pub(crate) poll_slot: Option<StackSlot>,
    /// Units of fuel behind operators of lines that are paid for as wholes, by pc.
    pub(crate) unspent: Vec<(u32, u32)>,
    /// Pcs of accesses of memories, in order; what each traps with tells it from others nearby.
    pub(crate) accesses: Vec<u32>,
    /// Counters that loops hold in registers.
    pub(crate) held: DraftHeld,
    /// Where the function is left to the interpreter because of what the operator is.
    #[cfg(test)]
    pub(crate) left: Vec<u32>,
}

/// A site before it is known where Cranelift puts the values.
pub(crate) struct DraftSite {
    pub(crate) pc: u32,
    pub(crate) kind: SiteKind,
    pub(crate) values: Vec<DraftValue>,
    /// Clauses that may catch what it throws, in the order of their tags.
    pub(crate) clauses: Vec<Clause>,
}

/// A live local or operand.
pub(crate) struct DraftValue {
    pub(crate) slot: u32,
    pub(crate) width: Width,
    pub(crate) place: DraftPlace,
}

/// Where it is.
#[derive(Clone, Copy)]
pub(crate) enum DraftPlace {
    /// Number among the contexts of the site.
    Context(u32),
    /// Number of a constant.
    Constant(u32),
    /// In its slot.
    Kept,
    /// Offset in the slot of polls.
    PollSlot(u32),
}

/// What a site calls.
#[derive(Clone, Copy)]
pub(super) enum Callee {
    Pointer(SigRef, Value),
}

/// What is live in a slot.
pub(super) enum Live {
    /// The slot has it.
    Kept(Type),
    Value(Value),
}

impl Translator<'_> {
    /// Locals that are live behind the current operator, by their slots.
    fn live_locals(&mut self) -> Vec<(u32, Live)> {
        let live: Vec<u32> = match self.analysis.live_after(self.at) {
            Some(set) if !self.shows_all => set.iter().collect(),
            _ => (0..self.locals.len() as u32).collect(),
        };
        live.into_iter().map(|i| self.live_local(i)).collect()
    }

    pub(super) fn live_local(&mut self, index: u32) -> (u32, Live) {
        let local = self.locals[index as usize];
        let live = match self.kept[index as usize] {
            true => Live::Kept(abi::clif_type(local.ty)),
            false => Live::Value(self.b.use_var(local.variable)),
        };
        (local.slot, live)
    }

    /// Puts into their slots what is kept there.
    pub(super) fn keep_at_entry(&mut self) {
        let given = abi::in_registers(self.ty.params()).collect::<Vec<_>>();
        for i in 0..self.locals.len() {
            let is_read = self.shows_all || self.analysis.live_at_entry().contains(i as u32);
            // Others of the parameters came in their slots.
            if is_read && given.get(i).copied().unwrap_or(true) {
                let value = self.b.use_var(self.locals[i].variable);
                self.keep(i as u32, value);
            }
        }
    }

    /// Stores a local that is kept in its slot.
    pub(super) fn keep(&mut self, index: u32, value: Value) {
        if self.kept[index as usize] {
            let flags = self.flags(Region::Frame);
            let offset = self.locals[index as usize].slot as i32 * 8;
            // The slot is as wide as need be when somebody looks.
            self.b.ins().store(flags, value, self.fp, offset);
        }
    }

    /// Calls something that may look at the frame. Operands that the call takes are off the stack
    /// already. Gives the results.
    pub(super) fn call_site(
        &mut self,
        callee: Callee,
        arguments: &[Value],
        kind: SiteKind,
    ) -> Vec<Value> {
        let mut live = vec![(FP_SLOT, Live::Value(self.fp))];
        live.extend(self.live_locals());
        live.extend(self.stack.iter().map(|o| (o.slot, Live::Value(o.value))));
        let number = self.draft.sites.len();
        let items = self.site_items(live, kind);
        let Callee::Pointer(signature, target) = callee;
        let returns = &self.b.func.dfg.signatures[signature].returns;
        let types: Vec<_> = returns.iter().map(|r| r.value_type).collect();
        let next = self.b.create_block();
        let results: Vec<Value> = types
            .iter()
            .map(|&ty| self.b.append_block_param(next, ty))
            .collect();
        let passed: Vec<BlockArg> = (0..types.len() as u32).map(BlockArg::TryCallRet).collect();
        let normal = self.b.func.dfg.block_call(next, &passed);
        let table = ExceptionTableData::new(signature, normal, items);
        let table = self.b.func.dfg.exception_tables.push(table);
        self.b.set_srcloc(Location::Site(number).source());
        self.b.ins().try_call_indirect(target, arguments, table);
        self.b.set_srcloc(Location::Pc(self.pc).source());
        self.b.seal_block(next);
        self.b.switch_to_block(next);
        self.reload_cursor();
        results
    }

    /// Notes a site; gives what its call says of it.
    fn site_items(&mut self, live: Vec<(u32, Live)>, kind: SiteKind) -> Vec<ExceptionTableItem> {
        let mut contexts: HashMap<Value, u32> = HashMap::new();
        let mut items = Vec::new();
        let mut values = Vec::new();
        for live in live {
            values.push(self.draft_value(live, |_, value| {
                let next = contexts.len() as u32;
                let at = *contexts.entry(value).or_insert_with(|| {
                    items.push(ExceptionTableItem::Context(value));
                    next
                });
                DraftPlace::Context(at)
            }));
        }
        let clauses = self.clauses_at(kind, &mut items);
        self.draft.sites.push(DraftSite {
            pc: self.pc,
            kind,
            values,
            clauses,
        });
        items
    }

    /// What is said of a live value; `place` finds a place for one that is nowhere yet.
    pub(super) fn draft_value(
        &mut self,
        (slot, live): (u32, Live),
        place: impl FnOnce(&mut Self, Value) -> DraftPlace,
    ) -> DraftValue {
        let value = match live {
            Live::Value(value) => self.b.func.dfg.resolve_aliases(value),
            Live::Kept(ty) => {
                let (width, place) = (abi::width(ty), DraftPlace::Kept);
                return DraftValue { slot, width, place };
            }
        };
        let width = abi::width(self.b.func.dfg.value_type(value));
        let place = match self.constant_bits(value) {
            Some(bits) => {
                self.draft.constants.push(bits);
                DraftPlace::Constant(self.draft.constants.len() as u32 - 1)
            }
            None => place(self, value),
        };
        DraftValue { slot, width, place }
    }

    /// Bits of a value that is a constant.
    pub(super) fn constant_bits(&self, value: Value) -> Option<u128> {
        let dfg = &self.b.func.dfg;
        let inst = dfg.value_def(value).inst()?;
        match dfg.insts[inst] {
            InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm,
            } => {
                let bits = imm.bits() as u64;
                Some(match dfg.value_type(value) {
                    types::I32 => (bits as u32).into(),
                    _ => bits.into(),
                })
            }
            InstructionData::UnaryIeee32 { imm, .. } => Some(imm.bits().into()),
            InstructionData::UnaryIeee64 { imm, .. } => Some(imm.bits().into()),
            _ => None,
        }
    }

    /// Writes live locals and the lowest `operands` operands to their slots. Locals that are not
    /// live become zero if the collector would look at them.
    pub(super) fn store_frame(&mut self, operands: usize) {
        let live = self.is_live_before();
        for (i, is_live) in live.into_iter().enumerate() {
            let local = self.locals[i];
            if is_live {
                let value = self.b.use_var(local.variable);
                store_slot(&mut self.b, value, self.fp, local.slot);
            } else if local.ty.is_collected() {
                let zero = self.b.ins().iconst(types::I64, 0);
                store_slot(&mut self.b, zero, self.fp, local.slot);
            }
        }
        for at in 0..operands {
            let operand = self.stack[at];
            store_slot(&mut self.b, operand.value, self.fp, operand.slot);
        }
    }

    /// For each local, whether somebody may want its value at the current operator.
    pub(super) fn is_live_before(&self) -> Vec<bool> {
        let locals = 0..self.locals.len() as u32;
        match self.analysis.live_before(self.at) {
            Some(live) if !self.shows_all => locals.map(|i| live.contains(i)).collect(),
            // Nothing reads a local any more. A probe of the exit that may fail must not keep those of a loop
            // before it from being in registers.
            None if !self.shows_all && self.is_leaving() => locals.map(|_| false).collect(),
            _ => locals.map(|_| true).collect(),
        }
    }

    /// Whether the current operator returns.
    fn is_leaving(&self) -> bool {
        self.at + 1 == self.ops.len() || matches!(self.ops[self.at].0, O::Return)
    }

    /// Begins a cold block, where control goes if the condition is not zero, and which leaves the
    /// function. Gives the block where control goes on otherwise.
    pub(super) fn leave_if(&mut self, condition: Value) -> Block {
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(condition, cold, &[], next, &[]);
        self.b.set_cold_block(cold);
        self.b.seal_block(cold);
        self.b.seal_block(next);
        self.b.switch_to_block(cold);
        next
    }

    /// Lets the interpreter go on at the current operator, with the frame as it is in the slots.
    pub(super) fn leave_frame(&mut self) {
        self.leave_as(match self.fired {
            true => leaving::BEHIND_PROBES,
            false => leaving::BEFORE,
        });
    }

    /// Leaves the function at its entry, with its parameters.
    pub(super) fn leave_entry(&mut self) {
        for i in 0..self.ty.params().len() {
            let local = self.locals[i];
            let value = self.b.use_var(local.variable);
            store_slot(&mut self.b, value, self.fp, local.slot);
        }
        self.leave_as(leaving::ENTRY);
    }

    pub(super) fn leave_as(&mut self, status: u8) {
        let flags = self.flags(Region::Context(abi::CTX_LEFT));
        self.b.ins().store(flags, self.fp, self.ctx, abi::CTX_LEFT);
        // What is stored is all that is left of the frame, so the stores stay before it.
        self.b.ins().trap(trap_code(status.into()));
    }

    /// The callee of an exit.
    pub(super) fn exit(&mut self, exit: Exit, arguments: usize) -> Callee {
        let signature = self.b.import_signature(abi::exit_signature(arguments));
        let target = exit_address(&mut self.b, exit, self.ctx);
        Callee::Pointer(signature, target)
    }

    /// In a function with calls: is there room for its frame, and does nobody want anything?
    pub(super) fn check_stack(&mut self) {
        let cost = i64::from(self.plain.cost) * 8;
        let end = self.b.ins().iadd_imm_s(self.fp, cost);
        let flags = self.flags(Region::Poll);
        let limit = self
            .b
            .ins()
            .load(types::I64, flags, self.ctx, abi::CTX_POLL_LIMIT);
        let over = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, limit);
        let next = self.leave_if(over);
        self.leave_entry();
        self.b.switch_to_block(next);
    }
}
