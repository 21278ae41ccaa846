//! Constant expressions: initial values of globals, offsets of active segments, elements.
//!
//! They are decoded once, while loading. Values are raw bits: integers and floats
//! zero-extended, null references 0.

use wasmparser::Operator;

use crate::error::LoadError;

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
}

/// What constant expressions refer to.
pub(crate) trait ConstContext {
    /// Raw bits of the global with this index.
    fn global(&mut self, index: u32) -> u128;
    /// Raw bits of a reference to the function with this index.
    fn func_ref(&mut self, index: u32) -> u64;
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
    /// Decodes a validated expression.
    pub(crate) fn from_parser(expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr, LoadError> {
        let mut ops = Vec::new();
        let mut height = 0u32;
        let mut reader = expr.get_operators_reader();
        while !reader.is_end_then_eof() {
            let (operator, offset) = reader.read_with_offset()?;
            let op = ConstOp::from_parser(&operator, offset)?;
            // The validator has checked it; evaluation relies on it.
            height = match op {
                ConstOp::I32Add
                | ConstOp::I32Sub
                | ConstOp::I32Mul
                | ConstOp::I64Add
                | ConstOp::I64Sub
                | ConstOp::I64Mul => match height {
                    2.. => height - 1,
                    _ => return Err(LoadError::at("operands missing", offset)),
                },
                _ => height + 1,
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
    pub(crate) fn eval(&self, context: &mut impl ConstContext) -> u128 {
        let ops = match &self.0 {
            Repr::One(op) => return op.leaf(context),
            Repr::Many(ops) => ops,
        };
        let mut stack: Vec<u128> = Vec::with_capacity(ops.len());
        for op in ops {
            let value = match op.binary() {
                Some(apply) => {
                    let (b, a) = (stack.pop(), stack.pop());
                    apply(a.unwrap_or(0) as u64, b.unwrap_or(0) as u64).into()
                }
                None => op.leaf(context),
            };
            stack.push(value);
        }
        stack.pop().unwrap_or(0)
    }
}

impl ConstOp {
    fn from_parser(operator: &Operator<'_>, offset: u64) -> Result<ConstOp, LoadError> {
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
            _ => {
                let message = "operator not supported in a constant expression";
                return Err(LoadError::at(message, offset));
            }
        })
    }

    /// Value of an operator without operands.
    fn leaf(self, context: &mut impl ConstContext) -> u128 {
        match self {
            ConstOp::I32Const(v) => (v as u32).into(),
            ConstOp::I64Const(v) => (v as u64).into(),
            ConstOp::F32Const(v) => v.into(),
            ConstOp::F64Const(v) => v.into(),
            ConstOp::V128Const(v) => u128::from_le_bytes(v),
            ConstOp::GlobalGet(index) => context.global(index),
            ConstOp::RefFunc(index) => context.func_ref(index).into(),
            ConstOp::RefNull
            | ConstOp::I32Add
            | ConstOp::I32Sub
            | ConstOp::I32Mul
            | ConstOp::I64Add
            | ConstOp::I64Sub
            | ConstOp::I64Mul => 0,
        }
    }

    /// The function of an operator with two operands.
    fn binary(self) -> Option<fn(u64, u64) -> u64> {
        Some(match self {
            ConstOp::I32Add => |a, b| (a as u32).wrapping_add(b as u32).into(),
            ConstOp::I32Sub => |a, b| (a as u32).wrapping_sub(b as u32).into(),
            ConstOp::I32Mul => |a, b| (a as u32).wrapping_mul(b as u32).into(),
            ConstOp::I64Add => u64::wrapping_add,
            ConstOp::I64Sub => u64::wrapping_sub,
            ConstOp::I64Mul => u64::wrapping_mul,
            _ => return None,
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
    }

    fn decode(code: &[u8]) -> Result<ConstExpr, LoadError> {
        ConstExpr::from_parser(&wasmparser::ConstExpr::new(BinaryReader::new(code, 0)))
    }

    #[test]
    fn values() {
        let check = |code: &[u8], expect: u128| {
            assert_eq!(
                decode(code).map(|e| e.eval(&mut Context)),
                Ok(expect),
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
