//! Types of what operators take and leave, as far as they follow from the operator.

use probity_engine::wasmparser::Operator;
use probity_engine::{AsContext, FunctionInfo, Instance, Module, Result, Val, ValType};
use probity_probes::access::{Access, AccessKind};
use probity_probes::opcode::Opcode;
use probity_probes::operands::{Immediate, count, immediates, memarg};

use super::model::Type;
use super::record::of_val;

/// Targets of a `br_table` that are shown.
const IMMEDIATES_MAX: usize = 8;

/// The type of values of a type.
pub(super) fn of(ty: ValType) -> Type {
    of_val(&Val::default_for(ty), |_| 0).ty()
}

/// The type that a word of Wasm's names.
fn named(name: &str) -> Option<Type> {
    match name {
        "i32" => Some(Type::I32),
        "i64" => Some(Type::I64),
        "f32" => Some(Type::F32),
        "f64" => Some(Type::F64),
        "v128" => Some(Type::V128),
        _ => None,
    }
}

/// A function that is about to be watched.
pub(super) struct Body<'a, S> {
    pub module: &'a Module,
    pub info: &'a FunctionInfo<'a>,
    pub instance: Instance,
    pub store: &'a S,
    locals: Vec<ValType>,
}

impl<'a, S: AsContext> Body<'a, S> {
    pub fn new(
        module: &'a Module,
        info: &'a FunctionInfo<'a>,
        instance: Instance,
        store: &'a S,
    ) -> Result<Body<'a, S>> {
        let locals = info.local_types()?;
        Ok(Body {
            module,
            info,
            instance,
            store,
            locals,
        })
    }

    /// Of addresses of a memory.
    pub fn address(&self, memory: u32) -> Type {
        let memory = self.instance.memory(self.store, memory);
        match memory.is_some_and(|memory| memory.ty(self.store).memory64) {
            true => Type::I64,
            false => Type::I32,
        }
    }

    /// Of a global.
    pub fn global(&self, global: u32) -> Type {
        let global = self.instance.global(self.store, global);
        global.map_or(Type::Varies, |global| of(global.ty(self.store).content))
    }

    /// What an access takes, the address first, and what it leaves.
    pub fn access(&self, op: &Operator<'_>, access: &Access) -> (Vec<Type>, Vec<Type>) {
        let name = Opcode::of(op).mnemonic();
        let prefix = name.split_once('.').map_or(name, |(prefix, _)| prefix);
        let value = named(prefix).unwrap_or(Type::Varies);
        let takes = count(op, self.module, self.info).unwrap_or(1) as usize;
        let mut before = vec![self.address(access.memory)];
        before.resize(takes.max(1), value);
        let after = match access.kind {
            AccessKind::Store => Vec::new(),
            AccessKind::Load | AccessKind::Update => vec![value],
        };
        (before, after)
    }

    /// What a bulk operation on memories takes, and the memory that it writes.
    pub fn bulk(&self, op: &Operator<'_>) -> Option<(u32, Vec<Type>)> {
        Some(match *op {
            Operator::MemoryFill { mem } => {
                let address = self.address(mem);
                (mem, vec![address, Type::I32, address])
            }
            Operator::MemoryInit { mem, .. } => {
                (mem, vec![self.address(mem), Type::I32, Type::I32])
            }
            Operator::MemoryCopy { dst_mem, src_mem } => {
                let (to, from) = (self.address(dst_mem), self.address(src_mem));
                let len = if to == from { to } else { Type::I32 };
                (dst_mem, vec![to, from, len])
            }
            _ => return None,
        })
    }

    /// What any operator takes. Where that does not follow from it alone, each value says what it is.
    pub fn operands(&self, op: &Operator<'_>) -> Vec<Type> {
        let number = count(op, self.module, self.info).unwrap_or(0) as usize;
        let params = |index: u32| {
            let ty = self.module.func_type(index);
            ty.map(|ty| ty.params().iter().map(|ty| of(*ty)).collect::<Vec<Type>>())
        };
        let local = |index: u32| self.locals.get(index as usize).map(|ty| vec![of(*ty)]);
        let known = match *op {
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                local(local_index)
            }
            Operator::GlobalSet { global_index } => Some(vec![self.global(global_index)]),
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                let callee = self.module.function(function_index);
                callee.map(|callee| callee.ty().params().iter().map(|ty| of(*ty)).collect())
            }
            Operator::CallRef { type_index } | Operator::ReturnCallRef { type_index } => {
                params(type_index).map(|params| [&params[..], &[Type::Func]].concat())
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. } => {
                params(type_index).map(|params| [&params[..], &[Type::Varies]].concat())
            }
            Operator::Return => Some(self.info.ty().results().iter().map(|ty| of(*ty)).collect()),
            Operator::If { .. } | Operator::BrIf { .. } | Operator::BrTable { .. } => {
                Some(vec![Type::I32])
            }
            Operator::MemoryGrow { mem } => Some(vec![self.address(mem)]),
            _ => match Access::of(op) {
                Some(access) => Some(self.access(op, &access).0),
                None => self
                    .bulk(op)
                    .map(|(_, types)| types)
                    .or_else(|| numeric(op, number)),
            },
        };
        let known = known.filter(|types| types.len() == number);
        known.unwrap_or_else(|| vec![Type::Varies; number])
    }
}

/// What numeric operators take: a conversion names it at its end, the others at their beginning.
fn numeric(op: &Operator<'_>, number: usize) -> Option<Vec<Type>> {
    let (prefix, what) = Opcode::of(op).mnemonic().split_once('.')?;
    let own = named(prefix).filter(|ty| *ty != Type::V128)?;
    let from = ["_i32", "_i64", "_f32", "_f64"];
    let from = from.iter().find(|from| what.contains(**from));
    let ty = from.and_then(|from| named(&from[1..])).unwrap_or(own);
    Some(vec![ty; number])
}

/// An operator with the numbers that are part of it.
pub(super) fn shown(op: &Operator<'_>) -> String {
    let mut text = Opcode::of(op).mnemonic().to_owned();
    let all = immediates(op);
    for immediate in all.iter().take(IMMEDIATES_MAX) {
        text += &match immediate {
            Immediate::Int(number) => format!(" {number}"),
            Immediate::Float(number) => format!(" {number:?}"),
            Immediate::Vector(bits) => format!(" {bits:#034x}"),
        };
    }
    if all.len() > IMMEDIATES_MAX {
        text += &format!(" ... {} more", all.len() - IMMEDIATES_MAX);
    }
    if let Some(memarg) = memarg(op).filter(|memarg| memarg.offset > 0) {
        text += &format!(" offset={}", memarg.offset);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_of_conversions() {
        for (op, ty) in [
            (Operator::I32WrapI64, Type::I64),
            (Operator::I64ExtendI32S, Type::I32),
            (Operator::I64Extend8S, Type::I64),
            (Operator::F32DemoteF64, Type::F64),
            (Operator::I32ReinterpretF32, Type::F32),
            (Operator::F64ConvertI64U, Type::I64),
            (Operator::I64TruncSatF32S, Type::F32),
            (Operator::F64Trunc, Type::F64),
            (Operator::I32Eqz, Type::I32),
        ] {
            assert_eq!(numeric(&op, 1), Some(vec![ty]), "{op:?}");
        }
        assert_eq!(numeric(&Operator::Drop, 1), None);
        assert_eq!(numeric(&Operator::I32x4Splat, 1), None);
    }
}
