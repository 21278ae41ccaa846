//! Reading and writing the parts of objects.
//!
//! Values have the form of slots: integers and floats zero-extended, a vector's low half in the
//! low bits.

use std::any::Any;
use std::ptr::NonNull;

use super::layout::{HEADER_BYTES, Header, HostBox, ObjectType, Shape, Storage};

/// The type of an object.
///
/// # Safety
/// The object must be alive, and its type be kept as long as `'a`.
pub(crate) unsafe fn type_of<'a>(object: NonNull<Header>) -> &'a ObjectType {
    // SAFETY: by contract.
    unsafe {
        debug_assert!(!super::heap::is_poisoned(object), "object was freed");
        &*(*object.as_ptr()).ty
    }
}

/// Elements of an array.
///
/// # Safety
/// The object must be alive.
pub(crate) unsafe fn len(object: NonNull<Header>) -> u32 {
    // SAFETY: by contract.
    unsafe {
        debug_assert!(!super::heap::is_poisoned(object), "object was freed");
        (*object.as_ptr()).len
    }
}

/// Offset of an array's element.
pub(crate) fn element_offset(element: Storage, index: u32) -> usize {
    HEADER_BYTES as usize + index as usize * element.size() as usize
}

/// Reads a field or element `offset` bytes from the object's beginning. Packed ones are extended
/// to 32 bits, with their sign if `signed`.
///
/// # Safety
/// The object must be alive and have such a part there.
pub(crate) unsafe fn load(
    object: NonNull<Header>,
    offset: usize,
    storage: Storage,
    signed: bool,
) -> u128 {
    // SAFETY: by contract.
    unsafe {
        let at = object.as_ptr().cast::<u8>().add(offset);
        match storage {
            Storage::I8 if signed => u128::from(i32::from(at.cast::<i8>().read()) as u32),
            Storage::I8 => at.read().into(),
            Storage::I16 if signed => u128::from(i32::from(at.cast::<i16>().read()) as u32),
            Storage::I16 => at.cast::<u16>().read().into(),
            Storage::I32 | Storage::F32 => at.cast::<u32>().read().into(),
            Storage::I64 | Storage::F64 | Storage::Ref { .. } => at.cast::<u64>().read().into(),
            Storage::V128 => {
                let halves = at.cast::<u64>();
                u128::from(halves.read()) | u128::from(halves.add(1).read()) << 64
            }
        }
    }
}

/// Writes a field or element; packed ones take the low bits.
///
/// # Safety
/// As for [`load`]; a reference must be one of this heap, or null.
pub(crate) unsafe fn store(object: NonNull<Header>, offset: usize, storage: Storage, value: u128) {
    // SAFETY: by contract.
    unsafe {
        let at = object.as_ptr().cast::<u8>().add(offset);
        match storage {
            Storage::I8 => at.write(value as u8),
            Storage::I16 => at.cast::<u16>().write(value as u16),
            Storage::I32 | Storage::F32 => at.cast::<u32>().write(value as u32),
            Storage::I64 | Storage::F64 | Storage::Ref { .. } => {
                at.cast::<u64>().write(value as u64);
            }
            Storage::V128 => {
                let halves = at.cast::<u64>();
                halves.write(value as u64);
                halves.add(1).write((value >> 64) as u64);
            }
        }
    }
}

/// Writes a value to `count` elements from `index` on.
///
/// # Safety
/// As for [`store`], for each of them.
pub(crate) unsafe fn fill(
    object: NonNull<Header>,
    element: Storage,
    index: u32,
    count: u32,
    value: u128,
) {
    // SAFETY: by contract.
    unsafe {
        let at = object
            .as_ptr()
            .cast::<u8>()
            .add(element_offset(element, index));
        let count = count as usize;
        match element.size() {
            1 => std::slice::from_raw_parts_mut(at, count).fill(value as u8),
            2 => std::slice::from_raw_parts_mut(at.cast::<u16>(), count).fill(value as u16),
            4 => std::slice::from_raw_parts_mut(at.cast::<u32>(), count).fill(value as u32),
            8 => std::slice::from_raw_parts_mut(at.cast::<u64>(), count).fill(value as u64),
            _ => {
                let halves = [value as u64, (value >> 64) as u64];
                std::slice::from_raw_parts_mut(at.cast::<[u64; 2]>(), count).fill(halves);
            }
        }
    }
}

/// Copies elements between arrays with elements of the same size, or within one.
///
/// # Safety
/// As for [`load`] and [`store`], for each of them.
pub(crate) unsafe fn copy(
    (to, to_index): (NonNull<Header>, u32),
    (from, from_index): (NonNull<Header>, u32),
    element: Storage,
    count: u32,
) {
    // SAFETY: by contract.
    unsafe {
        let to = to
            .as_ptr()
            .cast::<u8>()
            .add(element_offset(element, to_index));
        let from = from
            .as_ptr()
            .cast::<u8>()
            .add(element_offset(element, from_index));
        std::ptr::copy(from, to, count as usize * element.size() as usize);
    }
}

/// Writes little-endian bytes to elements from `index` on; their number is a multiple of the
/// elements' size.
///
/// # Safety
/// As for [`store`]; the elements must not be references.
pub(crate) unsafe fn write_bytes(
    object: NonNull<Header>,
    element: Storage,
    index: u32,
    bytes: &[u8],
) {
    const { assert!(cfg!(target_endian = "little")) };
    // SAFETY: by contract.
    unsafe {
        let at = object
            .as_ptr()
            .cast::<u8>()
            .add(element_offset(element, index));
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), at, bytes.len());
    }
}

/// Writes references to elements from `index` on.
///
/// # Safety
/// As for [`store`], for each of them.
pub(crate) unsafe fn write_words(object: NonNull<Header>, index: u32, words: &[u64]) {
    // SAFETY: by contract; elements that are references are words.
    unsafe {
        let at = object.as_ptr().cast::<u8>();
        let at = at.add(element_offset(Storage::I64, index)).cast::<u64>();
        std::ptr::copy_nonoverlapping(words.as_ptr(), at, words.len());
    }
}

/// The value of a host object; `None` for other objects.
///
/// # Safety
/// The object must stay alive as long as `'a`.
pub(crate) unsafe fn host_value<'a>(
    object: NonNull<Header>,
) -> Option<&'a (dyn Any + Send + Sync)> {
    // SAFETY: by contract; the payload of a host object is a box.
    unsafe {
        match type_of(object).shape {
            Shape::Host => Some(&**host_box(object)),
            _ => None,
        }
    }
}

/// Where a host object keeps its box.
///
/// # Safety
/// The object must be a host object.
pub(super) unsafe fn host_box(object: NonNull<Header>) -> *mut HostBox {
    // SAFETY: by contract.
    unsafe { object.as_ptr().add(1).cast() }
}
