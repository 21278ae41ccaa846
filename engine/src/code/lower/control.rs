//! Blocks and branches.

use probity_interp::op::Kind;
use wasmparser::{BlockType, Operator as O};

use super::{Block, Control, Fixup, Lowering, Mode, Sig, classify, num, slots};
use crate::error::LoadError;
use crate::types::ValType;

impl<'a> Lowering<'a> {
    pub(super) fn sig(&self, ty: BlockType) -> Result<Sig<'a>, LoadError> {
        Ok(match ty {
            BlockType::Empty => Sig::Empty,
            BlockType::Type(ty) => Sig::One(ValType::from_parser(
                ty,
                &self.module.inner.type_ids,
                self.pc.into(),
            )?),
            BlockType::FuncType(index) => Sig::Func(self.module.inner.types[index as usize].func()),
        })
    }

    pub(super) fn enter(&mut self, block: Block, sig: Sig<'a>, no_else: Option<usize>) {
        let height = self.stack.len() - sig.params().len();
        let start = self.cells.len();
        self.control.push(Control {
            block,
            sig,
            height,
            start,
            pc: self.pc,
            fixups: Vec::new(),
            no_else,
        });
    }

    /// Values that a branch to the label at `depth` carries, in slots: how many,
    /// where they are, where they go.
    pub(super) fn moves(&self, depth: u32) -> (u32, u32, u32) {
        let target = &self.control[self.control.len() - 1 - depth as usize];
        let types = match target.block {
            Block::Loop => target.sig.params(),
            _ => target.sig.results(),
        };
        let count = slots(types);
        let from = self.top() - count;
        (count, from, self.label_slot(depth))
    }

    /// Slot of the lowest value that a branch to the label at `depth` carries.
    pub(super) fn label_slot(&self, depth: u32) -> u32 {
        let target = &self.control[self.control.len() - 1 - depth as usize];
        match self.stack.get(target.height) {
            Some(operand) => operand.slot,
            None => self.top(),
        }
    }

    pub(super) fn link(&mut self, depth: u32, fixup: Fixup) {
        let index = self.control.len() - 1 - depth as usize;
        let target = &mut self.control[index];
        if target.block == Block::Loop {
            let (start, pc) = (target.start, target.pc);
            self.patch(fixup, start, pc);
        } else {
            target.fixups.push(fixup);
        }
    }

    pub(super) fn branch(&mut self, depth: u32) {
        let (count, from, to) = self.moves(depth);
        let at = match count {
            _ if count == 0 || from == to => self.emit(Kind::Br, 0, 0, 0),
            1 => self.emit(Kind::BrMove, 0, from, to as u16),
            _ => {
                let at = self.emit(Kind::BrMoveMany, 0, from, to as u16);
                let data = self.emit(Kind::Data, 0, 0, 0);
                self.cells[data].imm = count;
                at
            }
        };
        self.link(depth, Fixup::Branch(at));
        self.stop();
    }

    pub(super) fn branch_if(&mut self, depth: u32) {
        let condition = self.stack[self.stack.len() - 1].slot;
        let top = self.top();
        let operand = self.pop();
        let (count, from, to) = self.moves(depth);
        // The cell's view of the stack still has the condition.
        self.stack.push(operand);
        debug_assert_eq!(top, self.top());
        let at = match count {
            _ if count == 0 || from == to => self.emit(Kind::BrIf(true), 0, condition, 0),
            1 => self.emit(Kind::BrIfMove, 0, from, to as u16),
            _ => {
                let at = self.emit(Kind::BrIfMoveMany, 0, from, to as u16);
                let data = self.emit(Kind::Data, 0, 0, 0);
                self.cells[data].imm = count;
                at
            }
        };
        self.pop();
        self.link(depth, Fixup::Branch(at));
    }

    /// A branch that depends on the topmost operand, a reference. It is carried along if `carried`,
    /// otherwise it is gone where the branch goes. `ty` is the second data cell of casts.
    pub(super) fn branch_on(&mut self, kind: Kind, depth: u32, carried: bool, ty: Option<u64>) {
        let reference = self.lowest(1);
        let operand = (!carried).then(|| self.pop());
        let (count, from, to) = self.moves(depth);
        // The cell's view of the stack still has the reference.
        self.stack.extend(operand);
        let at = self.emit(kind, 0, reference, to as u16);
        self.emit(Kind::Data, count, from, 0);
        if let Some(ty) = ty {
            self.emit_data(ty, 0);
        }
        self.link(depth, Fixup::Branch(at));
    }

    /// The topmost operand is not null from here on.
    pub(super) fn not_null(&mut self) {
        let mut operand = self.pop();
        if let ValType::Ref(ty) = &mut operand.ty {
            ty.nullable = false;
        }
        self.push(operand.ty);
    }

    pub(super) fn branch_table(
        &mut self,
        targets: &wasmparser::BrTable<'_>,
    ) -> Result<(), LoadError> {
        let mut depths = Vec::with_capacity(targets.len() as usize + 1);
        for depth in targets.targets() {
            depths.push(depth?);
        }
        depths.push(targets.default());
        let index_slot = self.stack[self.stack.len() - 1].slot;
        let at = self.emit(Kind::BrTable, (depths.len() - 1) as u32, index_slot, 0);
        for _ in 0..depths.len().div_ceil(4) {
            self.emit_data(0, 0);
        }
        self.pop();
        // Targets that need their values moved are reached over a step of their own.
        let mut steps: Vec<(u32, usize)> = Vec::new();
        for (index, depth) in depths.into_iter().enumerate() {
            let (count, from, to) = self.moves(depth);
            let entry = Fixup::Entry(at, index);
            if count == 0 || from == to {
                self.link(depth, entry);
                continue;
            }
            let step = match steps.iter().find(|s| s.0 == depth) {
                Some(step) => step.1,
                None => {
                    let step = self.emit(Kind::BrMoveManyFree, 0, from, to as u16);
                    let data = self.emit(Kind::Data, 0, 0, 0);
                    self.cells[data].imm = count;
                    steps.push((depth, step));
                    self.link(depth, Fixup::Branch(step));
                    step
                }
            };
            self.patch(entry, step, self.pc);
        }
        self.stop();
        Ok(())
    }

    pub(super) fn emit_return(&mut self) {
        let results = match &self.control[0].sig {
            Sig::Func(ty) => ty.results(),
            _ => &[],
        };
        let count = slots(results);
        let from = self.top() - count;
        let header = self.header as u16;
        let at = match *results {
            [] => self.emit(Kind::ReturnNone, 0, 0, header),
            [ty] if ty.slots() == 1 => self.emit(Kind::ReturnOne(num(ty)), 0, from, header),
            _ => self.emit(Kind::ReturnMany, count, from, header),
        };
        self.returns.push(at as u32);
    }

    /// What follows cannot be reached.
    pub(super) fn stop(&mut self) {
        self.dead = Some(0);
        self.line = self.cells.len();
    }

    pub(super) fn marker(&mut self) {
        if self.mode == Mode::Structural {
            self.emit(Kind::Marker, 0, 0, 0);
        }
    }

    /// Control goes on to an operator that it comes to in other ways, too.
    fn landing(&mut self) {
        if self.mode == Mode::Structural && self.dead.is_none() {
            let at = self.emit(Kind::Marker, 0, 0, 0);
            self.landings.push(at as u32);
        }
    }

    /// `else`
    pub(super) fn begin_false_arm(&mut self) {
        let top = self.control.len() - 1;
        if self.dead.is_none() {
            let at = self.emit(Kind::BrFree, 0, 0, 0);
            self.control[top].fixups.push(Fixup::Branch(at));
        }
        self.dead = None;
        let control = &mut self.control[top];
        let (height, sig) = (control.height, control.sig);
        let branch = control.no_else.take();
        self.stack.truncate(height);
        self.push_all(sig.params());
        if let Some(at) = branch {
            self.patch_forward(&[Fixup::Branch(at)]);
        }
    }

    /// Lets branches arrive at the next cell.
    pub(super) fn patch_forward(&mut self, fixups: &[Fixup]) {
        let here = self.cells.len();
        for &fixup in fixups {
            self.patch(fixup, here, self.pc);
        }
        self.pending_label |= !fixups.is_empty();
    }

    /// `end`
    pub(super) fn end(&mut self) {
        let control = self
            .control
            .last()
            .expect("the function's own block is open");
        let (block, height, sig) = (control.block, control.height, control.sig);
        let top = self.control.len() - 1;
        let mut fixups = std::mem::take(&mut self.control[top].fixups);
        fixups.extend(self.control[top].no_else.take().map(Fixup::Branch));
        if !fixups.is_empty() {
            self.landing();
        }
        if self.dead.is_some() || !fixups.is_empty() {
            self.stack.truncate(height);
            self.push_all(sig.results());
        }
        if !fixups.is_empty() {
            self.dead = None;
        }
        self.patch_forward(&fixups);
        if block == Block::Function {
            if self.dead.is_none() {
                self.emit_return();
            }
            self.stop();
            return;
        }
        self.control.pop();
        if let Block::Try(index) = block {
            self.tries[index].end = self.cells.len() as u32;
        }
        if self.dead.is_none() {
            self.marker();
        }
    }

    /// Operators in dead code only matter for finding its end.
    pub(super) fn skip_dead(&mut self, depth: u32, op: &O<'_>) {
        match op {
            O::Block { .. } | O::Loop { .. } | O::If { .. } | O::TryTable { .. } => {
                self.dead = Some(depth + 1);
            }
            O::Else if depth == 0 => self.begin_false_arm(),
            O::End if depth == 0 => self.end(),
            O::End => self.dead = Some(depth - 1),
            _ => {}
        }
    }

    pub(super) fn structured(&mut self, op: &O<'_>) -> Result<(), LoadError> {
        match *op {
            O::Nop => self.marker(),
            O::Block { blockty } => {
                let sig = self.sig(blockty)?;
                self.marker();
                self.enter(Block::Plain, sig, None);
            }
            O::Loop { blockty } => {
                let sig = self.sig(blockty)?;
                self.landing();
                self.pending_label = true;
                self.loops.push((self.cells.len() as u32, self.pc));
                self.enter(Block::Loop, sig, None);
                self.marker();
            }
            O::If { blockty } => {
                let sig = self.sig(blockty)?;
                let slot = self.lowest(1);
                let at = self.emit(Kind::BrIf(false), 0, slot, 0);
                self.pop();
                self.enter(Block::If, sig, Some(at));
            }
            O::TryTable { ref try_table } => self.try_table(try_table)?,
            O::Throw { tag_index } => self.throw(tag_index),
            O::ThrowRef => self.throw_ref(),
            O::Else => self.begin_false_arm(),
            O::End => self.end(),
            O::Br { relative_depth } => self.branch(relative_depth),
            O::BrIf { relative_depth } => self.branch_if(relative_depth),
            O::BrOnNull { relative_depth } => {
                self.branch_on(Kind::BrOnNull, relative_depth, false, None);
                self.not_null();
            }
            O::BrOnNonNull { relative_depth } => {
                self.branch_on(Kind::BrOnNonNull, relative_depth, true, None);
                self.pop();
            }
            O::RefAsNonNull => {
                let slot = self.lowest(1);
                self.emit(Kind::RefAsNonNull, 0, slot, 0);
                self.not_null();
            }
            O::BrTable { ref targets } => self.branch_table(targets)?,
            O::Return => {
                self.emit_return();
                self.stop();
            }
            O::Unreachable => {
                self.emit(Kind::Unreachable, 0, 0, 0);
                self.stop();
            }
            _ => match classify::vector(op) {
                Some(simple) => self.simple(simple, op),
                None if self.atomic(op) || self.wide(op) => {}
                None => {
                    let name = format!("{op:?}");
                    let name = name.split([' ', '{']).next().unwrap_or_default().to_owned();
                    return Err(LoadError::at(
                        format!("instruction {name} is not supported"),
                        self.pc.into(),
                    ));
                }
            },
        }
        Ok(())
    }
}
