//! Constant expressions: initial values of globals, offsets of active segments, elements.
//!
//! They are decoded once, while loading. Values are raw bits: integers and floats
//! zero-extended, null references 0.

use std::sync::Arc;

use wasmparser::Operator;

use crate::error::{LoadError, Result};
use crate::gc::layout::i31_to_raw;
use crate::types::CompositeType;
use crate::types::registry::TypeInfo;

/// One operator of a constant expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConstOp {
    I32Const(i32),
    I64Const(i64),
    /// Bits.
    F32Const(u32),
    /// Bits.
    F64Const(u64),
    V128Const([u8; 16]),
    GlobalGet(u32),
    RefNull,
    RefFunc(u32),
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
    RefI31,
    /// A conversion that leaves the word as it is.
    Convert,
    /// Type and number of fields.
    StructNew(u32, u32),
    StructNewDefault(u32),
    ArrayNew(u32),
    ArrayNewDefault(u32),
    /// Type and length.
    ArrayNewFixed(u32, u32),
}

/// What constant expressions refer to.
pub(crate) trait ConstContext {
    /// Raw bits of the global with this index.
    fn global(&mut self, index: u32) -> u128;
    /// Raw bits of a reference to the function with this index.
    fn func_ref(&mut self, index: u32) -> u64;
    /// Raw bits of a reference to a new structure; without fields, they are zero.
    fn new_struct(&mut self, ty: u32, fields: &[u128]) -> Result<u64>;
    /// Raw bits of a reference to a new array. With one value, all elements have it; without, they
    /// are zero.
    fn new_array(&mut self, ty: u32, len: u32, elements: &[u128]) -> Result<u64>;
}

/// A decoded constant expression. Nearly all have one operator, which needs no allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConstExpr(Repr);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Repr {
    One(ConstOp),
    Many(Box<[ConstOp]>),
}

impl ConstExpr {
    /// Decodes a validated expression of a module with these types.
    pub(crate) fn from_parser(
        expr: &wasmparser::ConstExpr<'_>,
        types: &[Arc<TypeInfo>],
    ) -> Result<ConstExpr, LoadError> {
        let mut ops = Vec::new();
        let mut height = 0u32;
        let mut reader = expr.get_operators_reader();
        while !reader.is_end_then_eof() {
            let (operator, offset) = reader.read_with_offset()?;
            let op = ConstOp::from_parser(&operator, types, offset)?;
            // The validator has checked it; evaluation relies on it.
            height = match height.checked_sub(op.operands()) {
                Some(below) => below + 1,
                None => return Err(LoadError::at("operands missing", offset)),
            };
            ops.push(op);
        }
        if height != 1 {
            let message = "constant expression without exactly one result";
            return Err(LoadError::at(message, reader.original_position()));
        }
        Ok(ConstExpr(match ops[..] {
            [op] => Repr::One(op),
            _ => Repr::Many(ops.into()),
        }))
    }

    /// The value's raw bits.
    ///
    /// # Errors
    /// An object cannot be allocated.
    pub(crate) fn eval(&self, context: &mut impl ConstContext) -> Result<u128> {
        let ops = match &self.0 {
            Repr::One(op) => return op.apply(&[], context),
            Repr::Many(ops) => ops,
        };
        let mut stack: Vec<u128> = Vec::with_capacity(ops.len());
        for op in ops {
            let below = stack.len().saturating_sub(op.operands() as usize);
            let value = op.apply(&stack[below..], context)?;
            stack.truncate(below);
            stack.push(value);
        }
        Ok(stack.pop().unwrap_or(0))
    }
}

impl ConstOp {
    fn from_parser(
        operator: &Operator<'_>,
        types: &[Arc<TypeInfo>],
        offset: u64,
    ) -> Result<ConstOp, LoadError> {
        Ok(match *operator {
            Operator::I32Const { value } => ConstOp::I32Const(value),
            Operator::I64Const { value } => ConstOp::I64Const(value),
            Operator::F32Const { value } => ConstOp::F32Const(value.bits()),
            Operator::F64Const { value } => ConstOp::F64Const(value.bits()),
            Operator::V128Const { value } => ConstOp::V128Const(*value.bytes()),
            Operator::GlobalGet { global_index } => ConstOp::GlobalGet(global_index),
            Operator::RefNull { .. } => ConstOp::RefNull,
            Operator::RefFunc { function_index } => ConstOp::RefFunc(function_index),
            Operator::I32Add => ConstOp::I32Add,
            Operator::I32Sub => ConstOp::I32Sub,
            Operator::I32Mul => ConstOp::I32Mul,
            Operator::I64Add => ConstOp::I64Add,
            Operator::I64Sub => ConstOp::I64Sub,
            Operator::I64Mul => ConstOp::I64Mul,
            Operator::RefI31 => ConstOp::RefI31,
            Operator::AnyConvertExtern | Operator::ExternConvertAny => ConstOp::Convert,
            Operator::StructNew { struct_type_index } => {
                let info = types.get(struct_type_index as usize);
                let Some(CompositeType::Struct(ty)) = info.map(|info| &info.composite) else {
                    return Err(LoadError::at("unknown structure type", offset));
                };
                ConstOp::StructNew(struct_type_index, ty.fields().len() as u32)
            }
            Operator::StructNewDefault { struct_type_index } => {
                ConstOp::StructNewDefault(struct_type_index)
            }
            Operator::ArrayNew { array_type_index } => ConstOp::ArrayNew(array_type_index),
            Operator::ArrayNewDefault { array_type_index } => {
                ConstOp::ArrayNewDefault(array_type_index)
            }
            Operator::ArrayNewFixed {
                array_type_index,
                array_size,
            } => ConstOp::ArrayNewFixed(array_type_index, array_size),
            _ => {
                let message = "operator not supported in a constant expression";
                return Err(LoadError::at(message, offset));
            }
        })
    }

    /// Number of operands.
    fn operands(self) -> u32 {
        match self {
            ConstOp::I32Const(_)
            | ConstOp::I64Const(_)
            | ConstOp::F32Const(_)
            | ConstOp::F64Const(_)
            | ConstOp::V128Const(_)
            | ConstOp::GlobalGet(_)
            | ConstOp::RefNull
            | ConstOp::RefFunc(_)
            | ConstOp::StructNewDefault(_) => 0,
            ConstOp::RefI31 | ConstOp::Convert | ConstOp::ArrayNewDefault(_) => 1,
            ConstOp::I32Add
            | ConstOp::I32Sub
            | ConstOp::I32Mul
            | ConstOp::I64Add
            | ConstOp::I64Sub
            | ConstOp::I64Mul
            | ConstOp::ArrayNew(_) => 2,
            ConstOp::StructNew(_, count) | ConstOp::ArrayNewFixed(_, count) => count,
        }
    }

    /// The result from as many operands as there are.
    fn apply(self, operands: &[u128], context: &mut impl ConstContext) -> Result<u128> {
        let word = |i: usize| operands.get(i).map_or(0, |&raw| raw as u64);
        let (a, b) = (word(0), word(1));
        Ok(match self {
            ConstOp::I32Const(v) => (v as u32).into(),
            ConstOp::I64Const(v) => (v as u64).into(),
            ConstOp::F32Const(v) => v.into(),
            ConstOp::F64Const(v) => v.into(),
            ConstOp::V128Const(v) => u128::from_le_bytes(v),
            ConstOp::GlobalGet(index) => context.global(index),
            ConstOp::RefNull => 0,
            ConstOp::RefFunc(index) => context.func_ref(index).into(),
            ConstOp::I32Add => (a as u32).wrapping_add(b as u32).into(),
            ConstOp::I32Sub => (a as u32).wrapping_sub(b as u32).into(),
            ConstOp::I32Mul => (a as u32).wrapping_mul(b as u32).into(),
            ConstOp::I64Add => a.wrapping_add(b).into(),
            ConstOp::I64Sub => a.wrapping_sub(b).into(),
            ConstOp::I64Mul => a.wrapping_mul(b).into(),
            ConstOp::RefI31 => i31_to_raw(a as i32).into(),
            ConstOp::Convert => a.into(),
            ConstOp::StructNew(ty, _) => context.new_struct(ty, operands)?.into(),
            ConstOp::StructNewDefault(ty) => context.new_struct(ty, &[])?.into(),
            ConstOp::ArrayNew(ty) => context.new_array(ty, b as u32, &operands[..1])?.into(),
            ConstOp::ArrayNewDefault(ty) => context.new_array(ty, a as u32, &[])?.into(),
            ConstOp::ArrayNewFixed(ty, len) => context.new_array(ty, len, operands)?.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::BinaryReader;

    struct Context;
    impl ConstContext for Context {
        fn global(&mut self, index: u32) -> u128 {
            1000 + u128::from(index)
        }
        fn func_ref(&mut self, index: u32) -> u64 {
            0xf000 + u64::from(index)
        }
        fn new_struct(&mut self, ty: u32, fields: &[u128]) -> Result<u64> {
            Ok(0xa000 + u64::from(ty) + fields.len() as u64)
        }
        fn new_array(&mut self, _: u32, len: u32, elements: &[u128]) -> Result<u64> {
            Ok(0xb000 + u64::from(len) + elements.len() as u64)
        }
    }

    fn decode(code: &[u8]) -> Result<ConstExpr, LoadError> {
        let reader = BinaryReader::new(code, 0);
        ConstExpr::from_parser(&wasmparser::ConstExpr::new(reader), &[])
    }

    #[test]
    fn values() {
        let check = |code: &[u8], expect: u128| {
            assert_eq!(
                decode(code).map(|e| e.eval(&mut Context).ok()),
                Ok(Some(expect)),
                "{code:x?}"
            );
        };
        check(&[0x41, 0x7f, 0x0b], 0xffff_ffff); // i32.const -1
        check(&[0x42, 0x7f, 0x0b], u64::MAX.into()); // i64.const -1
        check(&[0x43, 0, 0, 0x80, 0x3f, 0x0b], 1f32.to_bits().into());
        check(&[0x23, 2, 0x0b], 1002); // global.get 2
        check(&[0xd0, 0x70, 0x0b], 0); // ref.null func
        check(&[0xd2, 3, 0x0b], 0xf003); // ref.func 3
        check(&[0x41, 1, 0x41, 2, 0x6b, 0x0b], 0xffff_ffff); // 1 - 2
        check(&[0x41, 0x7f, 0xfb, 0x1c, 0x0b], 0xffff_ffff); // ref.i31 of -1
        check(&[0xfb, 1, 7, 0x0b], 0xa007); // struct.new_default 7
        check(&[0x41, 9, 0xfb, 7, 0, 0x0b], 0xb009); // array.new_default of 9
        check(&[0x41, 9, 0x41, 3, 0xfb, 6, 0, 0x0b], 0xb004); // array.new of 3
        check(&[0x42, 3, 0x42, 5, 0x7e, 0x42, 1, 0x7d, 0x0b], 14); // 3 * 5 - 1
    }

    #[test]
    fn what_is_not_constant_is_an_error() {
        let error = decode(&[0x41, 1, 0x45, 0x0b]).unwrap_err(); // i32.eqz
        assert_eq!(error.offset(), Some(2));
        assert!(decode(&[0x41, 1, 0x6a, 0x0b]).is_err()); // an operand is missing
        assert!(decode(&[0x0b]).is_err());
    }
}
