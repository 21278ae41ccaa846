//! What an indirect call is about to reach, read from its table or reference
//! just before it.

use probity_engine::hook::ProbeContext;
use probity_engine::{Func, Module, Val};

use crate::events::Callee;

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

/// Whether a call in `module` accepts the type of the function that it found;
/// if not, it traps.
pub fn accepts(
    context: &ProbeContext<'_>,
    module: Option<&Module>,
    callee: Callee,
    func: Func,
) -> bool {
    let Callee::Table { type_index, .. } = callee else {
        return true;
    };
    let expected = module.and_then(|module| module.func_type(type_index));
    expected.is_none_or(|expected| *expected == func.ty(context))
}
