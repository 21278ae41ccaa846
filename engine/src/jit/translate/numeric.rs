//! Scalar operators without control flow or memory.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use wasmparser::Operator as O;

use super::super::abi;
use super::Translator;
use crate::types::ValType::{self, F32, F64, I32, I64};

impl Translator<'_> {
    /// Constants, locals, arithmetic, comparisons, conversions; whether `op` is of that kind.
    pub(super) fn numeric(&mut self, op: &O<'_>) -> bool {
        macro_rules! binary {
            ($ty:ident, $method:ident) => {{
                let b = self.pop();
                let a = self.pop();
                let r = self.b.ins().$method(a, b);
                self.push($ty, r)
            }};
        }
        macro_rules! unary {
            ($ty:ident, $method:ident) => {{
                let a = self.pop();
                let r = self.b.ins().$method(a);
                self.push($ty, r)
            }};
        }
        macro_rules! convert {
            ($ty:ident, $method:ident) => {{
                let a = self.pop();
                let r = self.b.ins().$method(abi::clif_type($ty), a);
                self.push($ty, r)
            }};
        }
        match *op {
            O::LocalGet { local_index } => {
                let local = self.locals[local_index as usize];
                let value = self.b.use_var(local.variable);
                self.push(local.ty, value);
            }
            O::LocalSet { local_index } => {
                let value = self.pop();
                self.set_local(local_index, value);
            }
            O::LocalTee { local_index } => {
                let value = self.peek(1)[0];
                self.set_local(local_index, value);
            }
            O::Drop => {
                self.pop();
            }
            O::Select => {
                // An operator without a type takes numbers.
                let ty = self.stack[self.stack.len() - 2].ty;
                self.select(ty);
            }
            O::TypedSelect { ty } => {
                // Operands may be of types below it, two different ones.
                let ty = ValType::from_parser(ty, &self.m.type_ids, self.pc.into());
                self.select(ty.expect("a valid type"));
            }
            O::I32Const { value } => {
                let v = self.b.ins().iconst(types::I32, i64::from(value as u32));
                self.push(I32, v);
            }
            O::I64Const { value } => {
                let v = self.b.ins().iconst(types::I64, value);
                self.push(I64, v);
            }
            O::F32Const { value } => {
                let v = self.b.ins().f32const(Ieee32::with_bits(value.bits()));
                self.push(F32, v);
            }
            O::F64Const { value } => {
                let v = self.b.ins().f64const(Ieee64::with_bits(value.bits()));
                self.push(F64, v);
            }
            O::I32Eqz | O::I64Eqz => {
                let a = self.pop();
                let bit = self.b.ins().icmp_imm_u(IntCC::Equal, a, 0);
                self.push_bit(bit);
            }
            O::I32Eq | O::I64Eq => self.int_compare(IntCC::Equal),
            O::I32Ne | O::I64Ne => self.int_compare(IntCC::NotEqual),
            O::I32LtS | O::I64LtS => self.int_compare(IntCC::SignedLessThan),
            O::I32LtU | O::I64LtU => self.int_compare(IntCC::UnsignedLessThan),
            O::I32GtS | O::I64GtS => self.int_compare(IntCC::SignedGreaterThan),
            O::I32GtU | O::I64GtU => self.int_compare(IntCC::UnsignedGreaterThan),
            O::I32LeS | O::I64LeS => self.int_compare(IntCC::SignedLessThanOrEqual),
            O::I32LeU | O::I64LeU => self.int_compare(IntCC::UnsignedLessThanOrEqual),
            O::I32GeS | O::I64GeS => self.int_compare(IntCC::SignedGreaterThanOrEqual),
            O::I32GeU | O::I64GeU => self.int_compare(IntCC::UnsignedGreaterThanOrEqual),
            O::F32Eq | O::F64Eq => self.float_compare(FloatCC::Equal),
            O::F32Ne | O::F64Ne => self.float_compare(FloatCC::NotEqual),
            O::F32Lt | O::F64Lt => self.float_compare(FloatCC::LessThan),
            O::F32Gt | O::F64Gt => self.float_compare(FloatCC::GreaterThan),
            O::F32Le | O::F64Le => self.float_compare(FloatCC::LessThanOrEqual),
            O::F32Ge | O::F64Ge => self.float_compare(FloatCC::GreaterThanOrEqual),
            O::I32Clz => unary!(I32, clz),
            O::I64Clz => unary!(I64, clz),
            O::I32Ctz => unary!(I32, ctz),
            O::I64Ctz => unary!(I64, ctz),
            O::I32Popcnt => unary!(I32, popcnt),
            O::I64Popcnt => unary!(I64, popcnt),
            O::I32Add => binary!(I32, iadd),
            O::I64Add => binary!(I64, iadd),
            O::I32Sub => binary!(I32, isub),
            O::I64Sub => binary!(I64, isub),
            O::I32Mul => binary!(I32, imul),
            O::I64Mul => binary!(I64, imul),
            O::I32DivS => binary!(I32, sdiv),
            O::I64DivS => binary!(I64, sdiv),
            O::I32DivU => binary!(I32, udiv),
            O::I64DivU => binary!(I64, udiv),
            O::I32RemS => binary!(I32, srem),
            O::I64RemS => binary!(I64, srem),
            O::I32RemU => binary!(I32, urem),
            O::I64RemU => binary!(I64, urem),
            O::I32And => binary!(I32, band),
            O::I64And => binary!(I64, band),
            O::I32Or => binary!(I32, bor),
            O::I64Or => binary!(I64, bor),
            O::I32Xor => binary!(I32, bxor),
            O::I64Xor => binary!(I64, bxor),
            O::I32Shl => binary!(I32, ishl),
            O::I64Shl => binary!(I64, ishl),
            O::I32ShrS => binary!(I32, sshr),
            O::I64ShrS => binary!(I64, sshr),
            O::I32ShrU => binary!(I32, ushr),
            O::I64ShrU => binary!(I64, ushr),
            O::I32Rotl => binary!(I32, rotl),
            O::I64Rotl => binary!(I64, rotl),
            O::I32Rotr => binary!(I32, rotr),
            O::I64Rotr => binary!(I64, rotr),
            O::F32Abs => unary!(F32, fabs),
            O::F64Abs => unary!(F64, fabs),
            O::F32Neg => unary!(F32, fneg),
            O::F64Neg => unary!(F64, fneg),
            O::F32Ceil => unary!(F32, ceil),
            O::F64Ceil => unary!(F64, ceil),
            O::F32Floor => unary!(F32, floor),
            O::F64Floor => unary!(F64, floor),
            O::F32Trunc => unary!(F32, trunc),
            O::F64Trunc => unary!(F64, trunc),
            O::F32Nearest => unary!(F32, nearest),
            O::F64Nearest => unary!(F64, nearest),
            O::F32Sqrt => unary!(F32, sqrt),
            O::F64Sqrt => unary!(F64, sqrt),
            O::F32Add => binary!(F32, fadd),
            O::F64Add => binary!(F64, fadd),
            O::F32Sub => binary!(F32, fsub),
            O::F64Sub => binary!(F64, fsub),
            O::F32Mul => binary!(F32, fmul),
            O::F64Mul => binary!(F64, fmul),
            O::F32Div => binary!(F32, fdiv),
            O::F64Div => binary!(F64, fdiv),
            O::F32Min => binary!(F32, fmin),
            O::F64Min => binary!(F64, fmin),
            O::F32Max => binary!(F32, fmax),
            O::F64Max => binary!(F64, fmax),
            O::F32Copysign => binary!(F32, fcopysign),
            O::F64Copysign => binary!(F64, fcopysign),
            O::I32WrapI64 => convert!(I32, ireduce),
            O::I64ExtendI32S => convert!(I64, sextend),
            O::I64ExtendI32U => convert!(I64, uextend),
            O::I32TruncF32S | O::I32TruncF64S => convert!(I32, fcvt_to_sint),
            O::I32TruncF32U | O::I32TruncF64U => convert!(I32, fcvt_to_uint),
            O::I64TruncF32S | O::I64TruncF64S => convert!(I64, fcvt_to_sint),
            O::I64TruncF32U | O::I64TruncF64U => convert!(I64, fcvt_to_uint),
            O::I32TruncSatF32S | O::I32TruncSatF64S => convert!(I32, fcvt_to_sint_sat),
            O::I32TruncSatF32U | O::I32TruncSatF64U => convert!(I32, fcvt_to_uint_sat),
            O::I64TruncSatF32S | O::I64TruncSatF64S => convert!(I64, fcvt_to_sint_sat),
            O::I64TruncSatF32U | O::I64TruncSatF64U => convert!(I64, fcvt_to_uint_sat),
            O::F32ConvertI32S | O::F32ConvertI64S => convert!(F32, fcvt_from_sint),
            O::F32ConvertI32U | O::F32ConvertI64U => convert!(F32, fcvt_from_uint),
            O::F64ConvertI32S | O::F64ConvertI64S => convert!(F64, fcvt_from_sint),
            O::F64ConvertI32U | O::F64ConvertI64U => convert!(F64, fcvt_from_uint),
            O::F32DemoteF64 => convert!(F32, fdemote),
            O::F64PromoteF32 => convert!(F64, fpromote),
            O::I32ReinterpretF32 => self.reinterpret(I32),
            O::I64ReinterpretF64 => self.reinterpret(I64),
            O::F32ReinterpretI32 => self.reinterpret(F32),
            O::F64ReinterpretI64 => self.reinterpret(F64),
            O::I32Extend8S => self.extend_low(types::I8, I32),
            O::I32Extend16S => self.extend_low(types::I16, I32),
            O::I64Extend8S => self.extend_low(types::I8, I64),
            O::I64Extend16S => self.extend_low(types::I16, I64),
            O::I64Extend32S => self.extend_low(types::I32, I64),
            _ => return self.wide_arithmetic(op),
        }
        true
    }

    fn select(&mut self, ty: ValType) {
        let condition = self.pop();
        let b = self.pop();
        let a = self.pop();
        let r = self.b.ins().select(condition, a, b);
        self.push(ty, r);
    }

    pub(super) fn push_bit(&mut self, bit: Value) {
        let value = self.b.ins().uextend(types::I32, bit);
        self.push(I32, value);
    }

    fn int_compare(&mut self, cc: IntCC) {
        let b = self.pop();
        let a = self.pop();
        let bit = self.b.ins().icmp(cc, a, b);
        self.push_bit(bit);
    }

    fn float_compare(&mut self, cc: FloatCC) {
        let b = self.pop();
        let a = self.pop();
        let bit = self.b.ins().fcmp(cc, a, b);
        self.push_bit(bit);
    }

    fn reinterpret(&mut self, ty: ValType) {
        let a = self.pop();
        let r = self
            .b
            .ins()
            .bitcast(abi::clif_type(ty), MemFlagsData::new(), a);
        self.push(ty, r);
    }

    /// Sign-extends the low part.
    fn extend_low(&mut self, low: Type, ty: ValType) {
        let a = self.pop();
        let part = self.b.ins().ireduce(low, a);
        let r = self.b.ins().sextend(abi::clif_type(ty), part);
        self.push(ty, r);
    }

    /// Arithmetic on 128 bits in two halves; whether `op` is of that kind.
    fn wide_arithmetic(&mut self, op: &O<'_>) -> bool {
        let (low, high) = match op {
            O::I64Add128 | O::I64Sub128 => {
                let operands = self.peek(4);
                self.stack.truncate(self.stack.len() - 4);
                let a = self.b.ins().iconcat(operands[0], operands[1]);
                let b = self.b.ins().iconcat(operands[2], operands[3]);
                let r = match op {
                    O::I64Add128 => self.b.ins().iadd(a, b),
                    _ => self.b.ins().isub(a, b),
                };
                self.b.ins().isplit(r)
            }
            O::I64MulWideS | O::I64MulWideU => {
                let b = self.pop();
                let a = self.pop();
                let low = self.b.ins().imul(a, b);
                let high = match op {
                    O::I64MulWideS => self.b.ins().smulhi(a, b),
                    _ => self.b.ins().umulhi(a, b),
                };
                (low, high)
            }
            _ => return false,
        };
        self.push(I64, low);
        self.push(I64, high);
        true
    }
}
