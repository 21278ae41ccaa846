//! Blocks and branches.

use std::collections::HashMap;

use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, JumpTableData, MemFlagsData, Value};
use cranelift_frontend::Variable;
use probity_interp::exit;
use wasmparser::{BlockType, Operator as O};

use super::super::abi;
use super::super::thunks::store_slot;
use super::{Operand, Translator, trap_code};
use crate::runtime::slot_offsets;
use crate::tier::code::ResultKind;
use crate::types::ValType;

/// An open block.
pub(super) struct Control {
    /// Where control goes on behind it.
    end: Block,
    /// Of a loop: where branches to it go.
    head: Option<Block>,
    /// The false arm of an `if` that has not begun, and the parameters for it.
    other: Option<(Block, Vec<Operand>)>,
    params: Vec<ValType>,
    results: Vec<ValType>,
    /// Operands below the parameters.
    height: usize,
    /// Something goes to `end`.
    reached: bool,
}

impl<'a> Translator<'a> {
    fn block_sig(&self, ty: &BlockType) -> (Vec<ValType>, Vec<ValType>) {
        match *ty {
            BlockType::Empty => (Vec::new(), Vec::new()),
            BlockType::Type(ty) => {
                let ids = &self.m.type_ids;
                let ty = ValType::from_parser(ty, ids, self.pc.into());
                (Vec::new(), vec![ty.expect("a valid type")])
            }
            BlockType::FuncType(index) => {
                let ty = self.m.types[index as usize].func();
                (ty.params().to_vec(), ty.results().to_vec())
            }
        }
    }

    fn block_with(&mut self, types: &[ValType]) -> Block {
        let block = self.b.create_block();
        for &ty in types {
            self.b.append_block_param(block, abi::clif_type(ty));
        }
        block
    }

    /// The outermost block: branches to it return.
    pub(super) fn open_function(&mut self) {
        let results = self.ty.results().to_vec();
        let end = self.block_with(&results);
        self.control.push(Control {
            end,
            head: None,
            other: None,
            params: Vec::new(),
            results,
            height: 0,
            reached: false,
        });
    }

    fn open(&mut self, ty: &BlockType, head: Option<Block>, other: Option<Block>) {
        let (params, results) = self.block_sig(ty);
        let end = self.block_with(&results);
        let height = self.stack.len() - params.len();
        let other = other.map(|block| (block, self.stack[height..].to_vec()));
        self.control.push(Control {
            end,
            head,
            other,
            params,
            results,
            height,
            reached: false,
        });
    }

    /// Blocks, branches and what else decides where control goes; whether `op` is of that kind.
    pub(super) fn structured(&mut self, op: &O<'_>) -> bool {
        if let O::Block { .. } | O::Loop { .. } | O::If { .. } | O::TryTable { .. } = op {
            self.note_operands();
        }
        match op {
            O::Nop => {}
            O::Block { blockty } => self.open(blockty, None, None),
            O::Loop { blockty } => self.begin_loop(op, blockty),
            O::If { blockty } => {
                let condition = self.pop();
                let (yes, no) = (self.b.create_block(), self.b.create_block());
                self.b.ins().brif(condition, yes, &[], no, &[]);
                self.b.seal_block(yes);
                self.b.seal_block(no);
                self.b.switch_to_block(yes);
                self.open(blockty, None, Some(no));
            }
            O::TryTable { try_table } => {
                self.open(&try_table.ty, None, None);
                self.open_try(try_table);
            }
            O::Else => self.begin_other(),
            O::End => self.end(),
            O::Br { relative_depth } => {
                self.jump(*relative_depth);
                self.dead = Some(0);
            }
            O::BrIf { relative_depth } => {
                let condition = self.pop();
                self.branch_if(condition, *relative_depth, false);
            }
            O::BrOnNull { relative_depth } => {
                let reference = self.pop_operand();
                self.branch_if(reference.value, *relative_depth, true);
                self.push(reference.ty, reference.value);
            }
            O::BrOnNonNull { relative_depth } => {
                let reference = self.stack[self.stack.len() - 1].value;
                self.branch_if(reference, *relative_depth, false);
                self.pop();
            }
            O::BrTable { targets } => self.branch_table(targets),
            // It is not the last `end` that returns, so what watches that does not see it.
            O::Return if self.watch.is_some() => {
                self.flush_held();
                self.return_results();
                self.dead = Some(0);
            }
            O::Return => {
                self.jump(self.control.len() as u32 - 1);
                self.dead = Some(0);
            }
            O::Unreachable => {
                // Otherwise a branch to this block becomes the trap, and the pc is the branch's.
                self.b.ins().sequence_point();
                self.b.ins().trap(trap_code(exit::UNREACHABLE));
                self.dead = Some(0);
            }
            _ => return false,
        }
        true
    }

    fn begin_loop(&mut self, op: &O<'_>, ty: &BlockType) {
        let (params, _) = self.block_sig(ty);
        let head = self.block_with(&params);
        self.choose_held();
        self.begin_held();
        self.set_before_loop();
        let values = self.peek(params.len());
        self.jump_to(head, &values);
        let height = self.stack.len() - params.len();
        if self.osr == Some(self.pc)
            && let Some(entry) = self.osr_block.take()
        {
            self.fill_osr_entry(entry, head, params.len());
        }
        self.b.switch_to_block(head);
        self.open(ty, Some(head), None);
        self.bind(head, height, &params);
        if self.analysis.loop_info(self.at).polls {
            self.poll();
        }
        self.paid = false;
        self.before_operator(op);
    }

    /// Code for a loop begins here: locals and operands are in their slots.
    fn fill_osr_entry(&mut self, entry: Block, head: Block, params: usize) {
        self.b.switch_to_block(entry);
        let flags = MemFlagsData::trusted();
        for i in 0..self.locals.len() {
            let local = self.locals[i];
            let ty = abi::clif_type(local.ty);
            let value = self.b.ins().load(ty, flags, self.fp, local.slot as i32 * 8);
            self.b.def_var(local.variable, value);
        }
        let mut values = Vec::new();
        for at in 0..self.stack.len() {
            let operand = self.stack[at];
            let ty = abi::clif_type(operand.ty);
            let offset = operand.slot as i32 * 8;
            let value = self.b.ins().load(ty, flags, self.fp, offset);
            let variable = self.operand_variable(at);
            self.b.def_var(variable, value);
            values.push(value);
        }
        self.begin_held();
        self.set_before_loop();
        self.reload_cursor();
        self.jump_to(head, &values[values.len() - params..]);
    }

    /// In code for a loop, what lies on the stack outside of a block has two origins: the code before
    /// the loop, which is never reached, and the frame. Variables merge them.
    fn operand_variable(&mut self, at: usize) -> Variable {
        let ty = abi::clif_type(self.stack[at].ty);
        let builder = &mut self.b;
        let known = self.operand_variables.entry((at, ty));
        *known.or_insert_with(|| builder.declare_var(ty))
    }

    /// A block begins: what is on the stack is looked up again behind it.
    fn note_operands(&mut self) {
        if self.osr.is_none() {
            return;
        }
        for at in 0..self.stack.len() {
            let variable = self.operand_variable(at);
            self.b.def_var(variable, self.stack[at].value);
        }
    }

    /// Control has come here from outside of a block or from its inside.
    fn look_up_operands(&mut self) {
        if self.osr.is_none() {
            return;
        }
        for at in 0..self.stack.len() {
            let variable = self.operand_variable(at);
            self.stack[at].value = self.b.use_var(variable);
        }
    }

    /// Makes a block's parameters the operands above `height`.
    fn bind(&mut self, block: Block, height: usize, types: &[ValType]) {
        self.stack.truncate(height);
        self.look_up_operands();
        let values = self.b.block_params(block).to_vec();
        for (&ty, value) in types.iter().zip(values) {
            self.push(ty, value);
        }
    }

    pub(super) fn jump_to(&mut self, block: Block, values: &[Value]) {
        let arguments: Vec<BlockArg> = values.iter().map(|&v| BlockArg::Value(v)).collect();
        self.b.ins().jump(block, &arguments);
    }

    /// Target of a branch, and how many values it takes there.
    pub(super) fn label(&mut self, depth: u32) -> (Block, usize) {
        let at = self.control.len() - 1 - depth as usize;
        let control = &mut self.control[at];
        match control.head {
            Some(head) => (head, control.params.len()),
            None => {
                control.reached = true;
                (control.end, control.results.len())
            }
        }
    }

    fn label_arguments(&mut self, depth: u32) -> (Block, Vec<BlockArg>) {
        let (block, count) = self.label(depth);
        let values = self.peek(count);
        (block, values.into_iter().map(BlockArg::Value).collect())
    }

    pub(super) fn jump(&mut self, depth: u32) {
        if self.leaves_held(depth) {
            self.flush_held();
        }
        let (block, arguments) = self.label_arguments(depth);
        self.b.ins().jump(block, &arguments);
    }

    /// Branches if the condition is not zero, or if it is.
    pub(super) fn branch_if(&mut self, condition: Value, depth: u32, if_zero: bool) {
        let next = self.b.create_block();
        let leaves = self.leaves_held(depth);
        let (block, arguments) = match leaves {
            true => (self.b.create_block(), Vec::new()),
            false => self.label_arguments(depth),
        };
        match if_zero {
            false => self.b.ins().brif(condition, block, &arguments, next, &[]),
            true => self.b.ins().brif(condition, next, &[], block, &arguments),
        };
        if leaves {
            self.b.seal_block(block);
            self.b.switch_to_block(block);
            self.jump(depth);
        }
        self.b.seal_block(next);
        self.b.switch_to_block(next);
    }

    fn branch_table(&mut self, targets: &wasmparser::BrTable<'_>) {
        let index = self.pop();
        let depths: Vec<u32> = targets.targets().flatten().collect();
        // Entries of a jump table with arguments cost a block each, so each label gets one; so does a way out of a
        // loop that holds counters.
        let mut ways: HashMap<u32, Block> = HashMap::new();
        let mut order = Vec::new();
        let mut calls = Vec::new();
        for depth in depths.into_iter().chain([targets.default()]) {
            let (block, count) = self.label(depth);
            let block = match count {
                0 if !self.leaves_held(depth) => block,
                _ => *ways.entry(depth).or_insert_with(|| {
                    let way = self.b.create_block();
                    order.push((way, depth));
                    way
                }),
            };
            calls.push(self.b.func.dfg.block_call(block, &[]));
        }
        let default = calls.pop().expect("the default");
        let table = JumpTableData::new(default, &calls);
        let table = self.b.create_jump_table(table);
        self.b.ins().br_table(index, table);
        for (way, depth) in order {
            self.b.switch_to_block(way);
            self.b.seal_block(way);
            self.jump(depth);
        }
        self.dead = Some(0);
    }

    fn begin_other(&mut self) {
        let top = self.control.len() - 1;
        if self.dead.is_none() {
            let (end, count) = (self.control[top].end, self.control[top].results.len());
            let values = self.peek(count);
            self.jump_to(end, &values);
            self.control[top].reached = true;
        }
        self.dead = None;
        self.paid = false;
        let (block, saved) = self.control[top].other.take().expect("an `if`");
        self.stack.truncate(self.control[top].height);
        self.b.switch_to_block(block);
        self.look_up_operands();
        self.stack.extend(saved);
    }

    fn end(&mut self) {
        let top = self.control.len() - 1;
        if self.dead.is_none() {
            if self.control[top].head.is_some() {
                self.flush_held();
            }
            let (end, count) = (self.control[top].end, self.control[top].results.len());
            let values = self.peek(count);
            self.jump_to(end, &values);
            self.control[top].reached = true;
        }
        if let Some((block, saved)) = self.control[top].other.take() {
            self.b.switch_to_block(block);
            let values: Vec<Value> = saved.iter().map(|o| o.value).collect();
            let end = self.control[top].end;
            self.jump_to(end, &values);
            self.control[top].reached = true;
        }
        let control = self.control.pop().expect("the function's own block");
        self.close_try();
        if let Some(head) = control.head {
            self.b.seal_block(head);
            self.leave_held();
        }
        self.stack.truncate(control.height);
        if !control.reached {
            self.dead = Some(0);
            return;
        }
        self.dead = None;
        self.b.switch_to_block(control.end);
        self.b.seal_block(control.end);
        self.bind(control.end, control.height, &control.results);
        self.paid = false;
        self.before_operator(&O::End);
        if self.control.is_empty() {
            self.return_results();
            self.dead = Some(0);
        }
    }

    /// Returns the topmost operands.
    fn return_results(&mut self) {
        let values = self.peek(self.ty.results().len());
        let kind = ResultKind::of(self.ty.results());
        if self.osr.is_none() && kind != ResultKind::Slots {
            self.b.ins().return_(&values);
            return;
        }
        for ((_, slot), value) in slot_offsets(self.ty.results(), 0).zip(values) {
            store_slot(&mut self.b, value, self.fp, slot);
        }
        self.b.ins().return_(&[]);
    }

    /// In dead code only what opens and closes blocks matters.
    pub(super) fn dead_operator(&mut self, op: &O<'_>) {
        let Some(depth) = self.dead else {
            return;
        };
        match op {
            O::Block { .. } | O::Loop { .. } | O::If { .. } | O::TryTable { .. } => {
                self.dead = Some(depth + 1);
            }
            O::Else if depth == 0 => self.begin_other(),
            O::End if depth == 0 => self.end(),
            O::End => self.dead = Some(depth - 1),
            _ => {}
        }
    }
}
