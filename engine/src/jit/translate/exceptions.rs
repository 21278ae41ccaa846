//! Exceptions: `throw` calls the engine, which looks for who catches. Each call inside a `try_table`
//! has *pads*, places where it goes on if a clause takes what it throws: to the clause's label, with
//! what the clause delivers, which the engine has put into the slots that are the label's.

use cranelift_codegen::ir::{Block, ExceptionTableItem, ExceptionTag, InstBuilder, types};
use probity_interp::exit;
use wasmparser::{Catch, Operator as O, TryTable};

use super::super::abi;
use super::super::stubs::Exit;
use super::super::thunks::store_slot;
use super::{NEVER, Region, Translator, trap_code};
use crate::runtime::slot_offsets;
use crate::tier::code::{Clause, SiteKind};
use crate::types::ValType;

/// A `try_table` that is open.
pub(super) struct Try {
    /// Number among those of the function.
    table: u32,
    /// Length of the control stack with it.
    depth: usize,
    clauses: Vec<Catch>,
    /// By clause, where calls go on that it catches for.
    pads: Vec<Option<Block>>,
}

/// Pads that a function may have. Their number is a product of what the guest chooses; a frame whose
/// call has none catches in the interpreter.
const PADS_MAX: usize = 1 << 14;

impl Translator<'_> {
    /// Throws; whether `op` does.
    pub(super) fn throw(&mut self, op: &O<'_>) -> bool {
        let pops = match *op {
            O::Throw { tag_index } => self.m.tag_type(tag_index).func().params().len(),
            O::ThrowRef => {
                let exception = self.peek(1)[0];
                let null = self.is_null(exception);
                self.trap_if(null, exit::NULL_EXCEPTION);
                1
            }
            _ => return false,
        };
        let from = self.stack.len() - pops;
        for at in from..self.stack.len() {
            let operand = self.stack[at];
            store_slot(&mut self.b, operand.value, self.fp, operand.slot);
        }
        self.stack.truncate(from);
        let kind = SiteKind::Throw {
            cell: self.plain.own_cell(self.pc) as u32,
        };
        let exit = self.exit(Exit::Throw, 1);
        self.call_site(exit, &[self.ctx, self.fp], kind);
        self.b.ins().trap(trap_code(NEVER));
        self.dead = Some(0);
        true
    }

    /// A `try_table` has been opened.
    pub(super) fn open_try(&mut self, table: &TryTable) {
        let start = self.plain.own_cell(self.pc) as u32 + 1;
        let tables = &self.plain.tries;
        let Ok(index) = tables.binary_search_by_key(&start, |table| table.start) else {
            // Its calls have no pads, so the interpreter catches.
            return;
        };
        self.tries.push(Try {
            table: index as u32,
            depth: self.control.len(),
            clauses: table.catches.clone(),
            pads: vec![None; table.catches.len()],
        });
    }

    /// A block has been closed: if it was a `try_table`, its pads can be filled.
    pub(super) fn close_try(&mut self) {
        let depth = self.control.len();
        let Some(closed) = self.tries.pop_if(|open| open.depth > depth) else {
            return;
        };
        let plain = self.plain;
        let clauses = &plain.tries[closed.table as usize].catches;
        for ((catch, clause), pad) in closed.clauses.iter().zip(clauses).zip(closed.pads) {
            let Some(pad) = pad else {
                continue;
            };
            self.b.switch_to_block(pad);
            self.b.seal_block(pad);
            self.reload_cursor();
            let (tag, exception, label) = match *catch {
                Catch::One { tag, label } => (Some(tag), false, label),
                Catch::OneRef { tag, label } => (Some(tag), true, label),
                Catch::All { label } => (None, false, label),
                Catch::AllRef { label } => (None, true, label),
            };
            let m = self.m;
            let params: &[ValType] = match tag {
                Some(tag) => m.tag_type(tag).func().params(),
                None => &[],
            };
            let flags = self.flags(Region::Frame);
            let mut values = Vec::new();
            let mut behind = clause.slot;
            for (ty, slot) in slot_offsets(params, clause.slot) {
                behind = slot + ty.slots() as u32;
                let offset = slot as i32 * 8;
                let ty = abi::clif_type(ty);
                values.push(self.b.ins().load(ty, flags, self.fp, offset));
            }
            if exception {
                let offset = behind as i32 * 8;
                values.push(self.b.ins().load(types::I64, flags, self.fp, offset));
            }
            let (block, _) = self.label(label);
            self.jump_to(block, &values);
        }
    }

    /// Adds the pads of a site that may throw to what its call says of it; gives their clauses.
    pub(super) fn clauses_at(
        &mut self,
        kind: SiteKind,
        items: &mut Vec<ExceptionTableItem>,
    ) -> Vec<Clause> {
        let mut clauses = Vec::new();
        if !matches!(kind, SiteKind::Call { .. } | SiteKind::Throw { .. }) {
            return clauses;
        }
        'tables: for open in self.tries.iter_mut().rev() {
            for (at, catch) in open.clauses.iter().enumerate() {
                if self.pads == PADS_MAX {
                    break 'tables;
                }
                self.pads += 1;
                let pad = *open.pads[at].get_or_insert_with(|| {
                    let pad = self.b.create_block();
                    self.b.set_cold_block(pad);
                    pad
                });
                let pad = self.b.func.dfg.block_call(pad, &[]);
                let tag = ExceptionTag::from_u32(clauses.len() as u32);
                items.push(ExceptionTableItem::Tag(tag, pad));
                clauses.push(Clause {
                    table: open.table,
                    clause: at as u32,
                });
                // Nothing gets beyond it.
                if matches!(catch, Catch::All { .. } | Catch::AllRef { .. }) {
                    break 'tables;
                }
            }
        }
        clauses
    }
}
