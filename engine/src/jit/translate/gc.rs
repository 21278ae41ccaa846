//! References, structures, arrays and `i31`, but for casts.
//!
//! What allocates or works on many elements runs in the engine, with its operands in their slots,
//! where the collector finds them. Objects never move, so a reference may stay in a register.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use probity_interp::exit;
use wasmparser::Operator as O;

use super::super::abi;
use super::{Region, Translator};
use crate::gc::layout::Storage;
use crate::types::ValType::{self, I32};
use crate::types::{HeapType, RefType};

/// Whether `op` is translated by [`Translator::gc`] into a plain computation.
pub(super) fn is_plain(op: &O<'_>) -> bool {
    matches!(
        op,
        O::RefNull { .. }
            | O::RefAsNonNull
            | O::RefI31
            | O::I31GetS
            | O::I31GetU
            | O::AnyConvertExtern
            | O::ExternConvertAny
            | O::StructGet { .. }
            | O::StructGetS { .. }
            | O::StructGetU { .. }
            | O::StructSet { .. }
            | O::ArrayGet { .. }
            | O::ArrayGetS { .. }
            | O::ArrayGetU { .. }
            | O::ArraySet { .. }
            | O::ArrayLen
    )
}

impl Translator<'_> {
    /// References and objects; whether `op` is of that kind.
    pub(super) fn gc(&mut self, op: &O<'_>) -> bool {
        match *op {
            O::RefNull { hty } => {
                let heap = self.heap_type(hty);
                let null = self.b.ins().iconst(types::I64, 0);
                let nullable = true;
                self.push(ValType::Ref(RefType { nullable, heap }), null);
            }
            O::RefIsNull => {
                let reference = self.pop();
                let null = self.is_null(reference);
                self.push_bit(null);
            }
            O::RefEq => {
                let b = self.pop();
                let a = self.pop();
                let same = self.b.ins().icmp(IntCC::Equal, a, b);
                self.push_bit(same);
            }
            O::RefAsNonNull => {
                let (ty, value) = self.pop_not_null(exit::NULL_REFERENCE);
                self.push_not_null(ty.heap, value);
            }
            O::RefI31 => self.ref_i31(),
            O::I31GetS => self.i31_get(true),
            O::I31GetU => self.i31_get(false),
            O::AnyConvertExtern => self.convert(HeapType::Any),
            O::ExternConvertAny => self.convert(HeapType::Extern),
            O::StructGet {
                struct_type_index: ty,
                field_index: field,
            }
            | O::StructGetU {
                struct_type_index: ty,
                field_index: field,
            } => self.struct_get(ty, field, false),
            O::StructGetS {
                struct_type_index: ty,
                field_index: field,
            } => self.struct_get(ty, field, true),
            O::StructSet {
                struct_type_index: ty,
                field_index: field,
            } => self.struct_set(ty, field),
            O::ArrayGet {
                array_type_index: ty,
            }
            | O::ArrayGetU {
                array_type_index: ty,
            } => self.array_get(ty, false),
            O::ArrayGetS {
                array_type_index: ty,
            } => self.array_get(ty, true),
            O::ArraySet {
                array_type_index: ty,
            } => self.array_set(ty),
            O::ArrayLen => {
                let (_, array) = self.pop_not_null(exit::NULL_ARRAY);
                let len = self.array_len(array);
                self.push(I32, len);
            }
            _ => return self.in_engine(op),
        }
        true
    }

    /// What allocates, and what works on many elements; whether `op` is of that kind.
    fn in_engine(&mut self, op: &O<'_>) -> bool {
        let (pops, made) = match *op {
            O::StructNew { struct_type_index } => {
                let fields = self.m.types[struct_type_index as usize].fields().len();
                (fields, Some(struct_type_index))
            }
            O::StructNewDefault { struct_type_index } => (0, Some(struct_type_index)),
            O::ArrayNew { array_type_index } => (2, Some(array_type_index)),
            O::ArrayNewDefault { array_type_index } => (1, Some(array_type_index)),
            O::ArrayNewFixed {
                array_type_index,
                array_size,
            } => (array_size as usize, Some(array_type_index)),
            O::ArrayNewData {
                array_type_index, ..
            }
            | O::ArrayNewElem {
                array_type_index, ..
            } => (2, Some(array_type_index)),
            O::ArrayFill { .. } | O::ArrayInitData { .. } | O::ArrayInitElem { .. } => (4, None),
            O::ArrayCopy { .. } => (5, None),
            _ => return false,
        };
        let made = made.map(|ty| {
            ValType::Ref(RefType {
                nullable: false,
                heap: HeapType::Concrete(self.m.type_ids[ty as usize]),
            })
        });
        self.slow_op(pops, made.as_slice());
        true
    }

    // ---- references

    pub(super) fn heap_type(&self, ty: wasmparser::HeapType) -> HeapType {
        let ty = HeapType::from_parser(ty, &self.m.type_ids, self.pc.into());
        ty.expect("a valid type")
    }

    pub(super) fn pop_reference(&mut self) -> (RefType, Value) {
        let operand = self.pop_operand();
        match operand.ty {
            ValType::Ref(ty) => (ty, operand.value),
            _ => unreachable!("the validator has seen that it is a reference"),
        }
    }

    /// Pops a reference; traps if it is null.
    fn pop_not_null(&mut self, status: u64) -> (RefType, Value) {
        let (ty, value) = self.pop_reference();
        if ty.nullable {
            let null = self.is_null(value);
            self.trap_if(null, status);
        }
        (ty, value)
    }

    fn push_not_null(&mut self, heap: HeapType, value: Value) {
        let nullable = false;
        self.push(ValType::Ref(RefType { nullable, heap }), value);
    }

    /// A conversion that leaves the word as it is.
    fn convert(&mut self, heap: HeapType) {
        let (RefType { nullable, .. }, value) = self.pop_reference();
        self.push(ValType::Ref(RefType { nullable, heap }), value);
    }

    fn ref_i31(&mut self) {
        let value = self.pop();
        let shifted = self.b.ins().ishl_imm_u(value, 1);
        let marked = self.b.ins().bor_imm_u(shifted, 1);
        let word = self.b.ins().uextend(types::I64, marked);
        self.push_not_null(HeapType::I31, word);
    }

    fn i31_get(&mut self, signed: bool) {
        let (_, word) = self.pop_not_null(exit::NULL_I31);
        let low = self.b.ins().ireduce(types::I32, word);
        let value = match signed {
            true => self.b.ins().sshr_imm_u(low, 1),
            false => self.b.ins().ushr_imm_u(low, 1),
        };
        self.push(I32, value);
    }

    // ---- parts of objects

    fn struct_get(&mut self, ty: u32, field: u32, signed: bool) {
        let (field, value) = self.m.types[ty as usize].field(field);
        let (_, object) = self.pop_not_null(exit::NULL_STRUCT);
        let flags = self.flags(Region::field(field.offset));
        let part = self.load_part(field.storage, signed, flags, object, field.offset as i32);
        self.push(value, part);
    }

    fn struct_set(&mut self, ty: u32, field: u32) {
        let (field, _) = self.m.types[ty as usize].field(field);
        let value = self.pop();
        let (_, object) = self.pop_not_null(exit::NULL_STRUCT);
        let flags = self.flags(Region::field(field.offset));
        self.store_part(field.storage, flags, value, object, field.offset as i32);
    }

    fn array_get(&mut self, ty: u32, signed: bool) {
        let (storage, value) = self.m.types[ty as usize].element();
        let index = self.pop();
        let at = self.element(storage, index);
        let flags = self.flags(Region::Elements(storage.size()));
        let part = self.load_part(storage, signed, flags, at, abi::ARRAY_ELEMENTS);
        self.push(value, part);
    }

    fn array_set(&mut self, ty: u32) {
        let (storage, _) = self.m.types[ty as usize].element();
        let value = self.pop();
        let index = self.pop();
        let at = self.element(storage, index);
        let flags = self.flags(Region::Elements(storage.size()));
        self.store_part(storage, flags, value, at, abi::ARRAY_ELEMENTS);
    }

    fn array_len(&mut self, array: Value) -> Value {
        let flags = self.flags(Region::ObjectHeads).with_readonly();
        self.b.ins().load(types::I32, flags, array, abi::ARRAY_LEN)
    }

    /// Address of an element of the array on the stack, less what lies before the first.
    fn element(&mut self, storage: Storage, index: Value) -> Value {
        let (_, array) = self.pop_not_null(exit::NULL_ARRAY);
        let len = self.array_len(array);
        let outside = self
            .b
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
        self.trap_if(outside, exit::ARRAY);
        let index = self.extend(index);
        let log2 = storage.size().trailing_zeros();
        let offset = self.b.ins().ishl_imm_u(index, i64::from(log2));
        self.b.ins().iadd(array, offset)
    }

    /// Reads a field or element.
    fn load_part(
        &mut self,
        storage: Storage,
        signed: bool,
        flags: MemFlagsData,
        base: Value,
        offset: i32,
    ) -> Value {
        let ins = self.b.ins();
        match storage {
            Storage::I8 if signed => ins.sload8(types::I32, flags, base, offset),
            Storage::I8 => ins.uload8(types::I32, flags, base, offset),
            Storage::I16 if signed => ins.sload16(types::I32, flags, base, offset),
            Storage::I16 => ins.uload16(types::I32, flags, base, offset),
            Storage::I32 => ins.load(types::I32, flags, base, offset),
            Storage::I64 | Storage::Ref { .. } => ins.load(types::I64, flags, base, offset),
            Storage::F32 => ins.load(types::F32, flags, base, offset),
            Storage::F64 => ins.load(types::F64, flags, base, offset),
            Storage::V128 => ins.load(types::I8X16, flags, base, offset),
        }
    }

    /// Writes a field or element.
    fn store_part(
        &mut self,
        storage: Storage,
        flags: MemFlagsData,
        value: Value,
        base: Value,
        offset: i32,
    ) {
        match storage {
            Storage::I8 => self.b.ins().istore8(flags, value, base, offset),
            Storage::I16 => self.b.ins().istore16(flags, value, base, offset),
            _ => self.b.ins().store(flags, value, base, offset),
        };
    }
}
