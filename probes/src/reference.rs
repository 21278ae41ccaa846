//! Types of references, asked at run time: what `br_on_*` decides by, and
//! whether an indirect call accepts the function that it finds.

use probity_engine::hook::ProbeContext;
use probity_engine::wasmparser::{self, AbstractHeapType, Operator};
use probity_engine::{AsContextMut, Global, GlobalType, HeapType, Module, RefType, Val, ValType};

/// The test of one `br_on_*`, and whether passing it branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Test {
    /// The type that the reference is tested for; `None` for null.
    ty: Option<wasmparser::RefType>,
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

    /// A function that tells, just before the operator, whether it branches.
    /// `None` if the operator is none of a valid function of `module`.
    pub fn taken(
        self,
        module: &Module,
    ) -> Option<impl FnMut(&mut ProbeContext<'_>) -> Option<bool> + Send + 'static + use<>> {
        let mut of_type = match self.ty {
            None => None,
            Some(ty) => Some(OfType::new(ref_type(ty, module)?)),
        };
        let branches_if = self.branches_if;
        Some(move |context: &mut ProbeContext<'_>| {
            let value = context.frame().top(0)?;
            let passes = match &mut of_type {
                None => is_null(&value),
                Some(of_type) => of_type.holds(context, value),
            };
            Some(passes == branches_if)
        })
    }
}

/// Whether references are of a type.
pub(crate) struct OfType {
    ty: RefType,
    /// A variable of the type, nullable: it takes what is of the type.
    variable: Option<Global>,
}

impl OfType {
    pub fn new(ty: RefType) -> OfType {
        OfType { ty, variable: None }
    }

    pub fn holds(&mut self, store: &mut impl AsContextMut, value: Val) -> bool {
        if is_null(&value) {
            return self.ty.nullable;
        }
        let content = ValType::Ref(RefType {
            nullable: true,
            ..self.ty
        });
        let null = Val::default_for(content);
        let variable = match self.variable {
            Some(variable) => variable,
            None => {
                let ty = GlobalType {
                    content,
                    mutable: true,
                };
                match Global::new(store, ty, null.clone()) {
                    Ok(variable) => *self.variable.insert(variable),
                    Err(_) => return false,
                }
            }
        };
        // Emptied again: what was asked about is not kept alive.
        variable.set(store, value).is_ok() && variable.set(store, null).is_ok()
    }
}

fn is_null(value: &Val) -> bool {
    matches!(
        value,
        Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None)
    )
}

/// The engine's form of a type that stands in `module`.
fn ref_type(ty: wasmparser::RefType, module: &Module) -> Option<RefType> {
    let heap = match ty.heap_type() {
        wasmparser::HeapType::Concrete(index) | wasmparser::HeapType::Exact(index) => {
            HeapType::Concrete(module.type_id(index.as_module_index()?)?)
        }
        wasmparser::HeapType::Abstract { ty, .. } => match ty {
            AbstractHeapType::Any => HeapType::Any,
            AbstractHeapType::Eq => HeapType::Eq,
            AbstractHeapType::I31 => HeapType::I31,
            AbstractHeapType::Struct => HeapType::Struct,
            AbstractHeapType::Array => HeapType::Array,
            AbstractHeapType::None => HeapType::None,
            AbstractHeapType::Func => HeapType::Func,
            AbstractHeapType::NoFunc => HeapType::NoFunc,
            AbstractHeapType::Extern => HeapType::Extern,
            AbstractHeapType::NoExtern => HeapType::NoExtern,
            AbstractHeapType::Exn => HeapType::Exn,
            AbstractHeapType::NoExn => HeapType::NoExn,
            AbstractHeapType::Cont | AbstractHeapType::NoCont => return None,
        },
    };
    Some(RefType {
        nullable: ty.is_nullable(),
        heap,
    })
}
