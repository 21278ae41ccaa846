//! Places where a function is left, and what is live there.

use std::collections::HashMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, ExceptionTableData, ExceptionTableItem, ExceptionTag, InstBuilder,
    InstructionData, Opcode, SigRef, Value, types,
};

use super::super::abi;
use super::super::analysis::LocalSet;
use super::super::stubs::Exit;
use super::super::thunks::{call_exit, exit_address, store_local, store_slot};
use super::{NEVER, Region, Translator, trap_code};
use crate::tier::code::{FP_SLOT, SiteKind, Width};

/// What a translation knows of its sites, by their numbers.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) sites: Vec<DraftSite>,
    pub(crate) constants: Vec<u128>,
    /// Where the function is left to the interpreter because of what the operator is.
    #[cfg(test)]
    pub(crate) left: Vec<u32>,
}

/// A site before it is known where Cranelift puts the values.
pub(crate) struct DraftSite {
    pub(crate) pc: u32,
    pub(crate) kind: SiteKind,
    pub(crate) values: Vec<DraftValue>,
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
    Slot,
}

/// What a site calls.
#[derive(Clone, Copy)]
pub(super) enum Callee {
    Pointer(SigRef, Value),
}

/// A site that is being described.
#[derive(Default)]
struct SiteDraft {
    contexts: HashMap<Value, u32>,
    items: Vec<ExceptionTableItem>,
    values: Vec<DraftValue>,
}

impl SiteDraft {
    fn put(&mut self, slot: u32, width: Width, place: DraftPlace) {
        self.values.push(DraftValue { slot, width, place });
    }

    /// The value among the contexts.
    fn context(&mut self, value: Value) -> DraftPlace {
        let next = self.contexts.len() as u32;
        let at = *self.contexts.entry(value).or_insert_with(|| {
            self.items.push(ExceptionTableItem::Context(value));
            next
        });
        DraftPlace::Context(at)
    }
}

impl Translator<'_> {
    /// Locals that are live behind the current operator.
    fn live_locals(&self) -> Vec<usize> {
        match self.analysis.live_after(self.at) {
            Some(set) => set.iter().map(|i| i as usize).collect(),
            None => (0..self.locals.len()).collect(),
        }
    }

    /// Puts locals that a loop does not assign into their slots, where sites inside find them. To be
    /// called before control comes to the loop's header; gives the locals.
    pub(super) fn keep_locals(&mut self) -> Vec<u32> {
        let info = self.analysis.loop_info(self.at);
        if !info.has_site_inside {
            // It does not pay for a poll alone.
            return Vec::new();
        }
        let live = self
            .analysis
            .live_before(self.at)
            .into_iter()
            .flat_map(LocalSet::iter);
        let kept = live.filter(|&i| !info.assigned.contains(i) && !self.locals[i as usize].kept);
        let mut kept: Vec<u32> = kept.collect();
        kept.retain(|&i| {
            let local = self.locals[i as usize];
            let value = self.b.use_var(local.variable);
            let value = self.b.func.dfg.resolve_aliases(value);
            let pays = self.constant_bits(value).is_none();
            if pays {
                store_local(&mut self.b, value, self.fp, local.slot);
                self.locals[i as usize].kept = true;
            }
            pays
        });
        kept
    }

    /// Calls something that may look at the frame. Operands that the call takes are off the stack
    /// already. Gives the results.
    pub(super) fn call_site(
        &mut self,
        callee: Callee,
        arguments: &[Value],
        kind: SiteKind,
    ) -> Vec<Value> {
        let mut site = SiteDraft::default();
        self.describe(&mut site, FP_SLOT, self.fp);
        for i in self.live_locals() {
            let local = self.locals[i];
            if local.kept {
                let width = abi::width(abi::clif_type(local.ty));
                site.put(local.slot, width, DraftPlace::Slot);
            } else {
                let value = self.b.use_var(local.variable);
                self.describe(&mut site, local.slot, value);
            }
        }
        for at in 0..self.stack.len() {
            let operand = self.stack[at];
            self.describe(&mut site, operand.slot, operand.value);
        }
        let items = self.finish_site(site, kind);
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
        self.b.ins().try_call_indirect(target, arguments, table);
        self.b.seal_block(next);
        self.b.switch_to_block(next);
        results
    }

    /// Adds where a value is that belongs in a slot.
    fn describe(&mut self, site: &mut SiteDraft, slot: u32, value: Value) {
        let value = self.b.func.dfg.resolve_aliases(value);
        let width = abi::width(self.b.func.dfg.value_type(value));
        let place = match self.constant_bits(value) {
            Some(bits) => {
                self.draft.constants.push(bits);
                DraftPlace::Constant(self.draft.constants.len() as u32 - 1)
            }
            None => site.context(value),
        };
        site.put(slot, width, place);
    }

    /// Notes a site; gives what its call says of it.
    fn finish_site(&mut self, site: SiteDraft, kind: SiteKind) -> Vec<ExceptionTableItem> {
        let mut items = site.items;
        let id = self.draft.sites.len() as u32;
        self.draft.sites.push(DraftSite {
            pc: self.pc,
            kind,
            values: site.values,
        });
        let pad = self.pad();
        let pad = self.b.func.dfg.block_call(pad, &[]);
        items.push(ExceptionTableItem::Tag(ExceptionTag::from_u32(id), pad));
        items
    }

    /// The block that calls would go to if they returned otherwise, which they never do.
    fn pad(&mut self) -> Block {
        match self.pad {
            Some(pad) => pad,
            None => {
                let pad = self.b.create_block();
                self.b.set_cold_block(pad);
                self.pad = Some(pad);
                pad
            }
        }
    }

    /// Bits of a value that is a constant.
    fn constant_bits(&self, value: Value) -> Option<u128> {
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
        let live: Option<Vec<bool>> = self.analysis.live_before(self.at).map(|set| {
            (0..self.locals.len() as u32)
                .map(|i| set.contains(i))
                .collect()
        });
        for i in 0..self.locals.len() {
            let local = self.locals[i];
            let is_live = live.as_ref().is_none_or(|live| live[i]);
            if is_live && local.kept {
                // It is there already.
            } else if is_live {
                let value = self.b.use_var(local.variable);
                store_local(&mut self.b, value, self.fp, local.slot);
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

    /// Lets the interpreter go on at the current operator, with the frame as it is in the slots.
    pub(super) fn call_interpret(&mut self) {
        let pc = self.b.ins().iconst(types::I64, i64::from(self.pc));
        let leave = *self.interpret.get_or_insert_with(|| {
            let block = self.b.create_block();
            self.b.append_block_param(block, types::I64);
            self.b.set_cold_block(block);
            block
        });
        self.jump_to(leave, &[pc]);
    }

    /// The block that all places go through which leave the function for the interpreter.
    pub(super) fn fill_interpret(&mut self) {
        let Some(block) = self.interpret else {
            return;
        };
        self.b.switch_to_block(block);
        self.b.seal_block(block);
        let pc = self.b.block_params(block)[0];
        call_exit(&mut self.b, Exit::Interpret, self.ctx, &[self.fp, pc]);
        self.unreachable();
    }

    /// Behind calls that do not return.
    pub(super) fn unreachable(&mut self) {
        self.b.ins().trap(trap_code(NEVER));
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
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(over, cold, &[], next, &[]);
        self.b.set_cold_block(cold);
        self.b.seal_block(cold);
        self.b.switch_to_block(cold);
        for i in 0..self.ty.params().len() {
            let local = self.locals[i];
            let value = self.b.use_var(local.variable);
            store_local(&mut self.b, value, self.fp, local.slot);
        }
        let slots = self.b.ins().iconst(types::I64, i64::from(self.plain.cost));
        call_exit(&mut self.b, Exit::Overflow, self.ctx, &[self.fp, slots]);
        self.unreachable();
        self.b.seal_block(next);
        self.b.switch_to_block(next);
    }

    /// At the header of a loop: does anybody want anything?
    pub(super) fn poll(&mut self) {
        self.polls += 1;
        let flags = self.flags(Region::Poll);
        // Loads of one address between which nothing is stored would be taken for the same, whatever
        // their regions, and a loop would test what it had seen before it began. So each poll has an
        // address of its own, from which the offset leads back.
        let apart = i64::from(self.polls) * 8;
        let base = self.b.ins().iadd_imm_s(self.ctx, apart);
        let offset = abi::CTX_POLL_REQUEST - apart as i32;
        let request = self.b.ins().load(types::I32, flags, base, offset);
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(request, cold, &[], next, &[]);
        self.b.set_cold_block(cold);
        self.b.seal_block(cold);
        self.b.switch_to_block(cold);
        self.store_frame(self.stack.len());
        self.call_interpret();
        self.b.seal_block(next);
        self.b.switch_to_block(next);
    }
}
