//! What an indirect call is about to reach, read from its table or reference
//! just before it.

use probity_engine::hook::ProbeContext;
use probity_engine::{Func, HeapType, Module, RefType, Val};

use crate::events::Callee;
use crate::reference::OfType;

/// The function that an indirect call is about to reach, of whatever type; to
/// be asked before the call. `None` if there is none, so that the call traps.
pub fn target(context: &mut ProbeContext<'_>, callee: Callee) -> Option<Func> {
    let top = context.frame().top(0)?;
    let value = match (callee, top) {
        (Callee::Table { table_index, .. }, Val::I32(at)) => {
            let table = context.instance().table(context, table_index)?;
            table.get(context, u64::from(at as u32))?
        }
        (Callee::Table { table_index, .. }, Val::I64(at)) => {
            let table = context.instance().table(context, table_index)?;
            table.get(context, at as u64)?
        }
        (_, value) => value,
    };
    match value {
        Val::FuncRef(func) => func,
        _ => None,
    }
}

/// What a call in `module` accepts: the functions of its type. Whatever else it
/// finds makes it trap. `None` for calls that accept every function that they
/// can find.
pub struct Accepted(OfType);

impl Accepted {
    /// What a call accepts.
    pub fn by(callee: Callee, module: &Module) -> Option<Accepted> {
        let Callee::Table { type_index, .. } = callee else {
            return None;
        };
        let heap = HeapType::Concrete(module.type_id(type_index)?);
        Some(Accepted(OfType::new(RefType {
            nullable: false,
            heap,
        })))
    }

    /// Whether it accepts this one.
    pub fn holds(&mut self, context: &mut ProbeContext<'_>, func: Func) -> bool {
        self.0.holds(context, Val::FuncRef(Some(func)))
    }
}
