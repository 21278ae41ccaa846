//! What a module exports and which operators it has, read with wasmparser alone, so that neither
//! engine's reading of the module decides what is asked of both.

use wasmparser::types::{EntityType, TypesRef};
use wasmparser::{AbstractHeapType, HeapType, Operator, Parser, Payload, ValType, Validator};
use wasmparser::{CompositeInnerType, WasmFeatures};

use crate::value::{RefKind, Type};

/// Facts of a module.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Exports in order.
    pub exports: Vec<Export>,
    /// Does it have operators that work on many bytes or elements? Those are charged against a
    /// limit of fuel by their size.
    pub bulk: bool,
    /// Does it have a shared memory and operators that wait on one? Nobody would wake it.
    pub waits: bool,
}

/// An export.
#[derive(Debug, Clone)]
pub struct Export {
    /// Its name.
    pub name: String,
    /// Parameters, if it is a function.
    pub parameters: Option<Vec<Type>>,
}

impl Shape {
    /// Reads a module.
    ///
    /// # Errors
    /// It is not valid.
    pub fn of(wasm: &[u8]) -> Result<Shape, wasmparser::BinaryReaderError> {
        let types = Validator::new_with_features(WasmFeatures::all()).validate_all(wasm)?;
        let types = types.as_ref();
        let exports = types.core_exports().into_iter().flatten();
        let exports = exports.map(|(name, entity)| Export {
            name: name.to_owned(),
            parameters: parameters(types, entity),
        });
        Ok(Shape {
            exports: exports.collect(),
            bulk: has_operator(wasm, is_bulk)?,
            waits: has_shared_memory(types) && has_operator(wasm, is_wait)?,
        })
    }
}

fn parameters(types: TypesRef<'_>, entity: EntityType) -> Option<Vec<Type>> {
    let (EntityType::Func(id) | EntityType::FuncExact(id)) = entity else {
        return None;
    };
    match &types[id].composite_type.inner {
        CompositeInnerType::Func(ty) => Some(ty.params().iter().map(|&ty| type_of(ty)).collect()),
        _ => None,
    }
}

fn type_of(ty: ValType) -> Type {
    match ty {
        ValType::I32 => Type::I32,
        ValType::I64 => Type::I64,
        ValType::F32 => Type::F32,
        ValType::F64 => Type::F64,
        ValType::V128 => Type::V128,
        ValType::Ref(ty) => Type::Ref {
            nullable: ty.is_nullable(),
            kind: match ty.heap_type() {
                HeapType::Abstract { ty, .. } => match ty {
                    AbstractHeapType::Extern => RefKind::Extern,
                    AbstractHeapType::Any | AbstractHeapType::Eq | AbstractHeapType::I31 => {
                        RefKind::I31
                    }
                    _ => RefKind::NullOnly,
                },
                HeapType::Concrete(_) | HeapType::Exact(_) => RefKind::NullOnly,
            },
        },
    }
}

fn has_shared_memory(types: TypesRef<'_>) -> bool {
    (0..types.memory_count()).any(|i| types.memory_at(i).shared)
}

fn has_operator(
    wasm: &[u8],
    wanted: fn(&Operator<'_>) -> bool,
) -> Result<bool, wasmparser::BinaryReaderError> {
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::CodeSectionEntry(body) = payload? else {
            continue;
        };
        for operator in body.get_operators_reader()? {
            if wanted(&operator?) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn is_wait(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::MemoryAtomicWait32 { .. } | O::MemoryAtomicWait64 { .. }
    )
}

fn is_bulk(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::MemoryFill { .. }
            | O::MemoryCopy { .. }
            | O::MemoryInit { .. }
            | O::MemoryGrow { .. }
            | O::TableFill { .. }
            | O::TableCopy { .. }
            | O::TableInit { .. }
            | O::TableGrow { .. }
            | O::ArrayNew { .. }
            | O::ArrayNewDefault { .. }
            | O::ArrayNewData { .. }
            | O::ArrayNewElem { .. }
            | O::ArrayFill { .. }
            | O::ArrayCopy { .. }
            | O::ArrayInitData { .. }
            | O::ArrayInitElem { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_read() {
        let wasm = wat::parse_str(
            r#"(module (memory (export "m") 1)
                (func (export "f") (param i32 (ref extern) i31ref (ref null struct)))
                (func (result i32) i32.const 1 memory.grow))"#,
        );
        let shape = Shape::of(&wasm.expect("text")).expect("valid");
        assert_eq!(shape.exports.len(), 2);
        assert!(shape.exports[0].parameters.is_none());
        let reference = |nullable, kind| Type::Ref { nullable, kind };
        assert_eq!(
            shape.exports[1].parameters.as_deref(),
            Some(
                &[
                    Type::I32,
                    reference(false, RefKind::Extern),
                    reference(true, RefKind::I31),
                    reference(true, RefKind::NullOnly),
                ][..]
            )
        );
        assert!(shape.bulk && !shape.waits);
        assert!(Shape::of(b"\0asm").is_err());
    }

    #[test]
    fn waiting_needs_a_shared_memory() {
        let waits = |shared: &str| {
            let wasm = wat::parse_str(format!(
                "(module (memory 1 1 {shared}) (func (param i32) (result i32)
                    (memory.atomic.wait32 (local.get 0) (i32.const 0) (i64.const -1))))"
            ));
            Shape::of(&wasm.expect("text")).expect("valid").waits
        };
        assert!(waits("shared") && !waits(""));
    }
}
