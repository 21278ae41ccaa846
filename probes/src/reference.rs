//! What `br_on_*` decides by: a property of the reference on top of the operand
//! stack, read just before.

use probity_engine::hook::ProbeContext;
use probity_engine::wasmparser::{Operator, RefType};
use probity_engine::{Module, Val};

/// The test of one `br_on_*`, and whether passing it branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Test {
    /// The type that the reference is tested for; `None` for null.
    ty: Option<RefType>,
    branches_if: bool,
}

impl Test {
    /// The test of an operator, if it has one.
    pub fn of(op: &Operator<'_>) -> Option<Test> {
        let (ty, branches_if) = match *op {
            Operator::BrOnNull { .. } => (None, true),
            Operator::BrOnNonNull { .. } => (None, false),
            Operator::BrOnCast { to_ref_type, .. } => (Some(to_ref_type), true),
            Operator::BrOnCastFail { to_ref_type, .. } => (Some(to_ref_type), false),
            _ => return None,
        };
        Some(Test { ty, branches_if })
    }

    /// Whether the operator of `module` that is about to execute branches.
    pub fn taken(self, context: &mut ProbeContext<'_>, _module: Option<&Module>) -> Option<bool> {
        let value = context.frame().top(0)?;
        let passes = match self.ty {
            None => matches!(value, Val::FuncRef(None) | Val::ExternRef(None)),
            Some(_) => return None,
        };
        Some(passes == self.branches_if)
    }
}
