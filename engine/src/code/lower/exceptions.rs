//! `try_table`, `throw` and `throw_ref`.
//!
//! The cell of a `try_table` is a unit of fuel and no more: the cells that it covers are noted, and where its catch
//! clauses lead. A clause is a branch to a label outside the `try_table`, so what it delivers is
//! known to a slot; whoever unwinds writes it there and goes on at the label.

use probity_interp::op::Kind;
use wasmparser::{Catch as C, TryTable};

use super::{Block, Fixup, Lowering};
use crate::code::slow_op::SlowOp;
use crate::code::{Catch, Try};
use crate::error::LoadError;

impl Lowering<'_> {
    pub(super) fn try_table(&mut self, table: &TryTable) -> Result<(), LoadError> {
        let sig = self.sig(table.ty)?;
        let index = self.tries.len();
        self.tries.push(Try::default());
        for (position, catch) in table.catches.iter().enumerate() {
            let (tag, exn, label) = match *catch {
                C::One { tag, label } => (Some(tag), false, label),
                C::OneRef { tag, label } => (Some(tag), true, label),
                C::All { label } => (None, false, label),
                C::AllRef { label } => (None, true, label),
            };
            let slot = self.label_slot(label);
            self.tries[index].catches.push(Catch {
                tag,
                exn,
                slot,
                target: 0,
                pc: 0,
            });
            self.link(label, Fixup::Catch(index, position));
        }
        self.emit(Kind::Try, 0, 0, 0);
        self.tries[index].start = self.cells.len() as u32;
        self.enter(Block::Try(index), sig, None);
        Ok(())
    }

    pub(super) fn throw(&mut self, tag: u32) {
        let params = self.module.inner.tag_type(tag).func().params().len();
        let slot = self.lowest(params);
        self.emit(Kind::Throw, tag, slot, SlowOp::Throw as u16);
        self.stop();
    }

    pub(super) fn throw_ref(&mut self) {
        let slot = self.lowest(1);
        self.emit(Kind::Throw, 0, slot, SlowOp::ThrowRef as u16);
        self.stop();
    }
}
