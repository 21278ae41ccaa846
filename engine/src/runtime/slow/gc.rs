//! Structures and arrays: what allocates, bulk operations, and vectors in them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use probity_interp::exit;

use super::{Ending, Operands, instruction};
use crate::gc::access;
use crate::gc::layout::{Header, ObjectType, Shape, Storage, object_to_raw, raw_to_object};

/// Bytes above which clearing a structure is work that counts as that of an array.
const LARGE_STRUCTURE: u64 = 256;

/// Storage of vectors.
const VECTOR: Storage = Storage::V128;

impl Operands<'_> {
    /// A structure or array type of the module.
    fn object_type<'a>(&self, index: u32) -> &'a ObjectType {
        let ty: *const ObjectType = &self.instance().module.inner.types[index as usize].object;
        // SAFETY: types live as long as their engine, which the store holds.
        unsafe { &*ty }
    }

    /// How the elements of an array type lie.
    fn element(&self, index: u32) -> Storage {
        match self.object_type(index).shape {
            Shape::Array { element, .. } => element,
            _ => unreachable!("the validator has seen that it is an array type"),
        }
    }

    /// A new object, all zero. Operands are still in their slots: they are roots.
    fn allocate(&mut self, ty: &ObjectType, len: u32) -> Result<NonNull<Header>, u64> {
        if !self.core.heap.wants_collection(ty.object_bytes(len)) {
            // SAFETY: types live as long as their engine, which the store holds.
            if let Some(object) = unsafe { self.core.heap.alloc(ty, len) } {
                return Ok(object);
            }
        }
        self.allocate_and_collect(ty, len)
    }

    #[cold]
    fn allocate_and_collect(&mut self, ty: &ObjectType, len: u32) -> Result<NonNull<Header>, u64> {
        let instance = self.instance;
        // SAFETY: instances live as long as the store; the operand's slot is in the frame.
        let (ctx, fp) = unsafe {
            let slot = (*self.pc).slot as usize;
            ((*instance).ctx.as_ptr(), self.slots.sub(slot))
        };
        let (pc, core) = (self.pc, &mut *self.core);
        core.positions.push(core.position_of_op(pc, fp, ctx));
        // SAFETY: types live as long as their engine, which the store holds. Values of the host that
        // are collected may panic when they are dropped.
        let object = catch_unwind(AssertUnwindSafe(|| unsafe { core.allocate(ty, len) }));
        self.core.positions.pop();
        match object {
            Ok(Ok(object)) => Ok(object),
            Ok(Err(code)) => Err(self.raise(code)),
            Err(panic) => {
                self.core.ending = Some(Ending::Panic(panic));
                Err(exit::ENGINE)
            }
        }
    }

    /// Charges an operation on so many elements against the fuel limit.
    fn charge_elements(&mut self, element: Storage, len: u32) -> Result<(), u64> {
        self.charge((u64::from(len) * u64::from(element.size())).div_ceil(16))
    }

    /// The value of some type in slots, from operand slot `i` on.
    fn value(&self, i: usize, storage: Storage) -> u128 {
        match storage {
            Storage::V128 => u128::from(self.raw(i)) | u128::from(self.raw(i + 1)) << 64,
            _ => self.raw(i).into(),
        }
    }

    fn set_vector(&mut self, value: u128) {
        // SAFETY: lowering gave the instruction slots for its result.
        unsafe {
            *self.slots = value as u64;
            *self.slots.add(1) = (value >> 64) as u64;
        }
    }

    fn array(&self, i: usize) -> Result<NonNull<Header>, u64> {
        raw_to_object(self.raw(i)).ok_or(exit::NULL_ARRAY)
    }

    /// Offset of the vector that a `get` or `set` is about.
    fn vector_element(&self) -> Result<(NonNull<Header>, usize), u64> {
        let array = self.array(0)?;
        let index = self.raw(1) as u32;
        check(array, index, 1)?;
        Ok((array, access::element_offset(VECTOR, index)))
    }
}

/// Whether an array has `len` elements from `index` on.
fn check(array: NonNull<Header>, index: u32, len: u32) -> Result<(), u64> {
    // SAFETY: operands are alive.
    let end = unsafe { access::len(array) };
    match index.checked_add(len) {
        Some(stop) if stop <= end => Ok(()),
        _ => Err(exit::ARRAY),
    }
}

/// Slots of a value.
fn slots(storage: Storage) -> usize {
    (storage.size() as usize).div_ceil(8)
}

instruction! {
    /// `struct.new`
    struct_new(o) {
        let ty = o.object_type(o.imm);
        let object = o.allocate(ty, 0)?;
        let Shape::Struct { fields, .. } = &ty.shape else {
            unreachable!("the validator has seen that it is a structure type");
        };
        let mut at = 0;
        for field in fields {
            let value = o.value(at, field.storage);
            // SAFETY: a new object with these fields; operands are of their types.
            unsafe { access::store(object, field.offset as usize, field.storage, value) };
            at += slots(field.storage);
        }
        o.set_result(object_to_raw(object));
        Ok(exit::DONE)
    }
}

instruction! {
    /// `struct.new_default`
    struct_new_default(o) {
        let ty = o.object_type(o.imm);
        let bytes = ty.object_bytes(0);
        if bytes > LARGE_STRUCTURE {
            o.charge(bytes / 16)?;
        }
        let object = o.allocate(ty, 0)?;
        o.set_result(object_to_raw(object));
        Ok(exit::DONE)
    }
}

instruction! {
    /// `struct.get` of a vector
    struct_get_vector(o) {
        let object = raw_to_object(o.raw(0)).ok_or(exit::NULL_STRUCT)?;
        // SAFETY: the operand is alive and has a vector there.
        let value = unsafe { access::load(object, o.imm as usize, VECTOR, false) };
        o.set_vector(value);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `struct.set` of a vector
    struct_set_vector(o) {
        let object = raw_to_object(o.raw(0)).ok_or(exit::NULL_STRUCT)?;
        let value = o.value(1, VECTOR);
        // SAFETY: as above.
        unsafe { access::store(object, o.imm as usize, VECTOR, value) };
        Ok(exit::DONE)
    }
}

instruction! {
    /// `array.new`
    array_new(o) {
        let ty = o.object_type(o.imm);
        let element = o.element(o.imm);
        let len = o.raw(slots(element)) as u32;
        o.charge_elements(element, len)?;
        let array = o.allocate(ty, len)?;
        let value = o.value(0, element);
        // SAFETY: a new array of so many elements; the operand is of their type.
        unsafe { access::fill(array, element, 0, len, value) };
        o.set_result(object_to_raw(array));
        Ok(exit::DONE)
    }
}

instruction! {
    /// `array.new_default`
    array_new_default(o) {
        let ty = o.object_type(o.imm);
        let element = o.element(o.imm);
        let len = o.raw(0) as u32;
        o.charge_elements(element, len)?;
        let array = o.allocate(ty, len)?;
        o.set_result(object_to_raw(array));
        Ok(exit::DONE)
    }
}

instruction! {
    /// `array.new_fixed`
    array_new_fixed(o, data) {
        let ty = o.object_type(o.imm);
        let element = o.element(o.imm);
        let array = o.allocate(ty, o.data)?;
        for i in 0..o.data {
            let value = o.value(i as usize * slots(element), element);
            // SAFETY: a new array of so many elements; operands are of their type.
            unsafe { access::store(array, access::element_offset(element, i), element, value) };
        }
        o.set_result(object_to_raw(array));
        Ok(exit::DONE)
    }
}

impl Operands<'_> {
    /// Bytes of the data segment in the data cell: `len` elements from byte `from` on.
    fn segment_bytes(&self, element: Storage, from: u32, len: u32) -> Result<&[u8], u64> {
        let data = self.instance();
        let m = &data.module.inner;
        let bytes: &[u8] = if data.dropped_data[self.data as usize] {
            &[]
        } else {
            &m.bytes[m.data[self.data as usize].range.clone()]
        };
        let size = u64::from(len) * u64::from(element.size());
        let stop = u64::from(from) + size;
        if stop > bytes.len() as u64 {
            return Err(exit::MEMORY);
        }
        Ok(&bytes[from as usize..stop as usize])
    }

    /// References of the element segment in the data cell.
    fn segment_elements(&self, from: u32, len: u32) -> Result<&[u64], u64> {
        let elements = &self.instance().elements[self.data as usize];
        let rest = elements.get(from as usize..).ok_or(exit::TABLE)?;
        rest.get(..len as usize).ok_or(exit::TABLE)
    }
}

instruction! {
    /// `array.new_data`
    array_new_data(o, data) {
        let ty = o.object_type(o.imm);
        let element = o.element(o.imm);
        let (from, len) = (o.raw(0) as u32, o.raw(1) as u32);
        o.charge_elements(element, len)?;
        o.segment_bytes(element, from, len)?;
        let array = o.allocate(ty, len)?;
        let bytes = o.segment_bytes(element, from, len)?;
        // SAFETY: a new array with so many bytes of elements, which are numbers.
        unsafe { access::write_bytes(array, element, 0, bytes) };
        o.set_result(object_to_raw(array));
        Ok(exit::DONE)
    }
}

instruction! {
    /// `array.new_elem`
    array_new_elem(o, data) {
        let ty = o.object_type(o.imm);
        let element = o.element(o.imm);
        let (from, len) = (o.raw(0) as u32, o.raw(1) as u32);
        o.charge_elements(element, len)?;
        o.segment_elements(from, len)?;
        let array = o.allocate(ty, len)?;
        let elements = o.segment_elements(from, len)?;
        // SAFETY: a new array of so many references, to which the segment's belong.
        unsafe { access::write_words(array, 0, elements) };
        o.set_result(object_to_raw(array));
        Ok(exit::DONE)
    }
}

instruction! {
    /// `array.get` of a vector
    array_get_vector(o) {
        let (array, offset) = o.vector_element()?;
        // SAFETY: the operand is alive and has a vector there.
        let value = unsafe { access::load(array, offset, VECTOR, false) };
        o.set_vector(value);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `array.set` of a vector
    array_set_vector(o) {
        let (array, offset) = o.vector_element()?;
        let value = o.value(2, VECTOR);
        // SAFETY: as above.
        unsafe { access::store(array, offset, VECTOR, value) };
        Ok(exit::DONE)
    }
}

instruction! {
    /// `array.fill`
    array_fill(o) {
        let element = o.element(o.imm);
        let array = o.array(0)?;
        let (index, len) = (o.raw(1) as u32, o.raw(2 + slots(element)) as u32);
        o.charge_elements(element, len)?;
        check(array, index, len)?;
        let value = o.value(2, element);
        // SAFETY: the array has these elements; the operand is of their type.
        unsafe { access::fill(array, element, index, len, value) };
        Ok(exit::DONE)
    }
}

instruction! {
    /// `array.copy`
    array_copy(o) {
        let element = o.element(o.imm);
        let (to, to_index) = (o.array(0)?, o.raw(1) as u32);
        let (from, from_index, len) = (o.array(2)?, o.raw(3) as u32, o.raw(4) as u32);
        o.charge_elements(element, len)?;
        check(to, to_index, len)?;
        check(from, from_index, len)?;
        // SAFETY: both arrays have these elements, and what the one has fits into the other.
        unsafe { access::copy((to, to_index), (from, from_index), element, len) };
        Ok(exit::DONE)
    }
}

instruction! {
    /// `array.init_data`
    array_init_data(o, data) {
        let element = o.element(o.imm);
        let array = o.array(0)?;
        let (index, from, len) = (o.raw(1) as u32, o.raw(2) as u32, o.raw(3) as u32);
        o.charge_elements(element, len)?;
        check(array, index, len)?;
        let bytes = o.segment_bytes(element, from, len)?;
        // SAFETY: the array has so many bytes of elements there, which are numbers.
        unsafe { access::write_bytes(array, element, index, bytes) };
        Ok(exit::DONE)
    }
}

instruction! {
    /// `array.init_elem`
    array_init_elem(o, data) {
        let element = o.element(o.imm);
        let array = o.array(0)?;
        let (index, from, len) = (o.raw(1) as u32, o.raw(2) as u32, o.raw(3) as u32);
        o.charge_elements(element, len)?;
        check(array, index, len)?;
        let elements = o.segment_elements(from, len)?;
        // SAFETY: the array has so many references there, to which the segment's belong.
        unsafe { access::write_words(array, index, elements) };
        Ok(exit::DONE)
    }
}
