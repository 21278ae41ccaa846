//! Structures, arrays, `i31`, casts.

use probity_interp::eval::scalar::{LoadOp, StoreOp};
use probity_interp::op::Kind;
use wasmparser::Operator as O;

use super::Lowering;
use crate::code::cast::cast_target;
use crate::code::slow_op::SlowOp;
use crate::error::LoadError;
use crate::gc::layout::{Field, Storage};
use crate::types::{HeapType, RefType, ValType};

impl Lowering<'_> {
    /// Instructions of the GC proposal; whether it is one.
    pub(super) fn gc(&mut self, op: &O<'_>) -> Result<bool, LoadError> {
        match *op {
            O::StructNew { struct_type_index } => {
                let count = self.module.inner.types[struct_type_index as usize]
                    .fields()
                    .len();
                self.make(SlowOp::StructNew, struct_type_index, count, None);
            }
            O::StructNewDefault { struct_type_index } => {
                self.make(SlowOp::StructNewDefault, struct_type_index, 0, None);
            }
            O::StructGet {
                struct_type_index,
                field_index,
            }
            | O::StructGetU {
                struct_type_index,
                field_index,
            } => self.struct_get(struct_type_index, field_index, false),
            O::StructGetS {
                struct_type_index,
                field_index,
            } => self.struct_get(struct_type_index, field_index, true),
            O::StructSet {
                struct_type_index,
                field_index,
            } => self.struct_set(struct_type_index, field_index),
            O::ArrayNew { array_type_index } => {
                self.make(SlowOp::ArrayNew, array_type_index, 2, None);
            }
            O::ArrayNewDefault { array_type_index } => {
                self.make(SlowOp::ArrayNewDefault, array_type_index, 1, None);
            }
            O::ArrayNewFixed {
                array_type_index,
                array_size,
            } => self.make(
                SlowOp::ArrayNewFixed,
                array_type_index,
                array_size as usize,
                Some(array_size),
            ),
            O::ArrayNewData {
                array_type_index,
                array_data_index,
            } => self.make(
                SlowOp::ArrayNewData,
                array_type_index,
                2,
                Some(array_data_index),
            ),
            O::ArrayNewElem {
                array_type_index,
                array_elem_index,
            } => self.make(
                SlowOp::ArrayNewElem,
                array_type_index,
                2,
                Some(array_elem_index),
            ),
            O::ArrayGet { array_type_index } | O::ArrayGetU { array_type_index } => {
                self.array_get(array_type_index, false);
            }
            O::ArrayGetS { array_type_index } => self.array_get(array_type_index, true),
            O::ArraySet { array_type_index } => self.array_set(array_type_index),
            O::ArrayLen => self.replace(Kind::ArrayLen, ValType::I32),
            O::ArrayFill { array_type_index } => {
                self.bulk_array(SlowOp::ArrayFill, array_type_index, 4, None);
            }
            O::ArrayCopy {
                array_type_index_dst,
                ..
            } => self.bulk_array(SlowOp::ArrayCopy, array_type_index_dst, 5, None),
            O::ArrayInitData {
                array_type_index,
                array_data_index,
            } => self.bulk_array(
                SlowOp::ArrayInitData,
                array_type_index,
                4,
                Some(array_data_index),
            ),
            O::ArrayInitElem {
                array_type_index,
                array_elem_index,
            } => self.bulk_array(
                SlowOp::ArrayInitElem,
                array_type_index,
                4,
                Some(array_elem_index),
            ),
            O::RefI31 => self.replace(Kind::RefI31, not_null(HeapType::I31)),
            O::I31GetS => self.replace(Kind::I31Get(true), ValType::I32),
            O::I31GetU => self.replace(Kind::I31Get(false), ValType::I32),
            O::AnyConvertExtern => self.convert(HeapType::Any),
            O::ExternConvertAny => self.convert(HeapType::Extern),
            O::RefTestNonNull { hty } => self.cast(Kind::RefTest, hty, false)?,
            O::RefTestNullable { hty } => self.cast(Kind::RefTest, hty, true)?,
            O::RefCastNonNull { hty } => self.cast(Kind::RefCast, hty, false)?,
            O::RefCastNullable { hty } => self.cast(Kind::RefCast, hty, true)?,
            O::BrOnCast {
                relative_depth,
                from_ref_type,
                to_ref_type,
            } => {
                let target = self.ref_type(to_ref_type)?;
                let from = self.ref_type(from_ref_type)?;
                let code = self.cast_word(target);
                self.branch_on(Kind::BrOnCast, relative_depth, true, Some(code));
                self.pop();
                self.push(ValType::Ref(RefType {
                    nullable: from.nullable && !target.nullable,
                    ..from
                }));
            }
            O::BrOnCastFail {
                relative_depth,
                to_ref_type,
                ..
            } => {
                let target = self.ref_type(to_ref_type)?;
                let code = self.cast_word(target);
                self.branch_on(Kind::BrOnCastFail, relative_depth, true, Some(code));
                self.pop();
                self.push(ValType::Ref(target));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn ref_type(&self, ty: wasmparser::RefType) -> Result<RefType, LoadError> {
        RefType::from_parser(ty, &self.module.inner.type_ids, self.pc.into())
    }

    /// The word of a cast.
    fn cast_word(&self, ty: RefType) -> u64 {
        cast_target(&self.module.inner, ty.heap).encode(ty.nullable)
    }

    /// An allocation from the topmost `pops` operands.
    fn make(&mut self, op: SlowOp, ty: u32, pops: usize, data: Option<u32>) {
        let slot = self.lowest(pops);
        match data {
            Some(data) => self.emit_slow_data(op, ty, slot, data),
            None => self.emit_slow(op, ty, slot),
        }
        self.pop_many(pops);
        let id = self.module.inner.type_ids[ty as usize];
        self.push(not_null(HeapType::Concrete(id)));
    }

    fn bulk_array(&mut self, op: SlowOp, ty: u32, pops: usize, data: Option<u32>) {
        let slot = self.lowest(pops);
        match data {
            Some(data) => self.emit_slow_data(op, ty, slot, data),
            None => self.emit_slow(op, ty, slot),
        }
        self.pop_many(pops);
    }

    /// An instruction with one operand and one result.
    fn replace(&mut self, kind: Kind, result: ValType) {
        let slot = self.lowest(1);
        self.emit(kind, 0, slot, 0);
        self.pop();
        self.push(result);
    }

    fn convert(&mut self, heap: HeapType) {
        let nullable = match self.stack.last().map(|operand| operand.ty) {
            Some(ValType::Ref(ty)) => ty.nullable,
            _ => true,
        };
        self.replace(Kind::RefSame, ValType::Ref(RefType { nullable, heap }));
    }

    fn cast(
        &mut self,
        kind: Kind,
        heap: wasmparser::HeapType,
        nullable: bool,
    ) -> Result<(), LoadError> {
        let ids = &self.module.inner.type_ids;
        let heap = HeapType::from_parser(heap, ids, self.pc.into())?;
        let target = RefType { nullable, heap };
        let slot = self.lowest(1);
        self.emit(kind, 0, slot, 0);
        self.emit_data(self.cast_word(target), 0);
        self.pop();
        self.push(match kind {
            Kind::RefTest => ValType::I32,
            _ => ValType::Ref(target),
        });
        Ok(())
    }

    fn struct_get(&mut self, ty: u32, field: u32, signed: bool) {
        let (Field { offset, storage }, value) = self.module.inner.types[ty as usize].field(field);
        let slot = self.lowest(1);
        match load_op(storage, signed) {
            Some(op) => {
                self.emit(Kind::StructGet(op), offset, slot, 0);
            }
            None => self.emit_slow(SlowOp::StructGetVector, offset, slot),
        }
        self.pop();
        self.push(value);
    }

    fn struct_set(&mut self, ty: u32, field: u32) {
        let (Field { offset, storage }, _) = self.module.inner.types[ty as usize].field(field);
        let slot = self.lowest(2);
        match store_op(storage) {
            Some(op) => {
                self.emit(Kind::StructSet(op), offset, slot, 0);
            }
            None => self.emit_slow(SlowOp::StructSetVector, offset, slot),
        }
        self.pop_many(2);
    }

    fn array_get(&mut self, ty: u32, signed: bool) {
        let (storage, value) = self.module.inner.types[ty as usize].element();
        let slot = self.lowest(2);
        match load_op(storage, signed) {
            Some(op) => {
                self.emit(Kind::ArrayGet(op), 0, slot, 0);
            }
            None => self.emit_slow(SlowOp::ArrayGetVector, 0, slot),
        }
        self.pop_many(2);
        self.push(value);
    }

    fn array_set(&mut self, ty: u32) {
        let (storage, _) = self.module.inner.types[ty as usize].element();
        let slot = self.lowest(3);
        match store_op(storage) {
            Some(op) => {
                self.emit(Kind::ArraySet(op), 0, slot, 0);
            }
            None => self.emit_slow(SlowOp::ArraySetVector, 0, slot),
        }
        self.pop_many(3);
    }
}

fn not_null(heap: HeapType) -> ValType {
    ValType::Ref(RefType {
        nullable: false,
        heap,
    })
}

/// The load that reads a field or element; `None` for vectors.
fn load_op(storage: Storage, signed: bool) -> Option<LoadOp> {
    Some(match storage {
        Storage::I8 if signed => LoadOp::I32Load8S,
        Storage::I8 => LoadOp::I32Load8U,
        Storage::I16 if signed => LoadOp::I32Load16S,
        Storage::I16 => LoadOp::I32Load16U,
        Storage::I32 => LoadOp::I32Load,
        Storage::I64 | Storage::Ref { .. } => LoadOp::I64Load,
        Storage::F32 => LoadOp::F32Load,
        Storage::F64 => LoadOp::F64Load,
        Storage::V128 => return None,
    })
}

/// The store that writes a field or element; `None` for vectors.
fn store_op(storage: Storage) -> Option<StoreOp> {
    Some(match storage {
        Storage::I8 => StoreOp::I32Store8,
        Storage::I16 => StoreOp::I32Store16,
        Storage::I32 => StoreOp::I32Store,
        Storage::I64 | Storage::Ref { .. } => StoreOp::I64Store,
        Storage::F32 => StoreOp::F32Store,
        Storage::F64 => StoreOp::F64Store,
        Storage::V128 => return None,
    })
}
