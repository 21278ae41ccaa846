//! What a reference, an object and an object's type look like.
//!
//! A reference is one 64-bit word: 0 is null, an odd word is an `i31` (its value shifted left by
//! one), anything else is the address of an object's [`Header`]. Function references are words
//! of another kind, and never looked at here.

use std::ptr::NonNull;

use probity_interp::layout::{ObjectClass, ObjectHeader, TypeHead};

/// Bytes of a header. The payload lies behind it.
pub(crate) const HEADER_BYTES: u32 = size_of::<Header>() as u32;

/// Objects begin at multiples of this, and take multiples of it.
pub(crate) const GRANULE: usize = 16;

/// What every object begins with.
#[repr(C, align(16))]
pub(crate) struct Header {
    /// Lives as long as the heap.
    pub(crate) ty: *const ObjectType,
    /// Elements of an array; 0 for other objects.
    pub(crate) len: u32,
    /// Where the collector keeps the object's bits; see `heap`.
    pub(crate) home: u32,
}

const _: () = assert!(size_of::<Header>() == GRANULE);
const _: () = assert!(std::mem::offset_of!(Header, ty) == std::mem::offset_of!(ObjectHeader, ty));
const _: () = assert!(std::mem::offset_of!(Header, len) == std::mem::offset_of!(ObjectHeader, len));
const _: () = assert!(std::mem::offset_of!(ObjectType, head) == 0);

/// How a value lies in an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Storage {
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
    V128,
    /// A reference, which the collector follows if it is traced: function references are not.
    Ref {
        traced: bool,
    },
}

impl Storage {
    /// Bytes that a value takes.
    pub(crate) fn size(self) -> u32 {
        match self {
            Storage::I8 => 1,
            Storage::I16 => 2,
            Storage::I32 | Storage::F32 => 4,
            Storage::I64 | Storage::F64 | Storage::Ref { .. } => 8,
            Storage::V128 => 16,
        }
    }

    /// Alignment; vectors are accessed unaligned.
    fn align(self) -> u32 {
        self.size().min(8)
    }

    fn is_traced(self) -> bool {
        self == Storage::Ref { traced: true }
    }
}

/// A field of a struct.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Field {
    /// From the beginning of the object, header included.
    pub(crate) offset: u32,
    pub(crate) storage: Storage,
}

/// The parts of an object.
#[derive(Debug)]
pub(crate) enum Shape {
    Struct {
        fields: Box<[Field]>,
        /// Bytes of the object, header included.
        size: u32,
        /// Offsets of the references to follow.
        traced: Box<[u32]>,
    },
    Array {
        element: Storage,
        /// Whether elements are references to follow.
        traced: bool,
    },
    /// A `Box<dyn Any + Send + Sync>` of the host, dropped when the object is swept.
    Host,
}

/// A type of objects. It must live as long as the heaps that have objects of it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct ObjectType {
    /// What handlers read. Leads to `supers`.
    head: TypeHead,
    /// The engine's id of the type.
    pub(crate) id: u32,
    /// Ids from the outermost supertype down to the type itself.
    supers: Box<[u32]>,
    pub(crate) shape: Shape,
}

impl ObjectType {
    fn new(id: u32, supers: Box<[u32]>, shape: Shape) -> ObjectType {
        let head = TypeHead {
            supers: supers.as_ptr(),
            count: supers.len() as u32,
            class: match shape {
                Shape::Struct { .. } => ObjectClass::Struct,
                Shape::Array { .. } => ObjectClass::Array,
                Shape::Host => ObjectClass::Host,
            },
        };
        ObjectType {
            head,
            id,
            supers,
            shape,
        }
    }

    /// A struct with these fields. Those that a supertype has get the same offsets as there,
    /// since fields are laid out in order.
    pub(crate) fn structure(id: u32, supers: Box<[u32]>, storages: &[Storage]) -> ObjectType {
        let mut end = HEADER_BYTES;
        let fields: Box<[Field]> = storages
            .iter()
            .map(|&storage| {
                let offset = end.next_multiple_of(storage.align());
                end = offset + storage.size();
                Field { offset, storage }
            })
            .collect();
        let traced = fields.iter().filter(|field| field.storage.is_traced());
        let traced = traced.map(|field| field.offset).collect();
        let size = end.next_multiple_of(GRANULE as u32);
        let shape = Shape::Struct {
            fields,
            size,
            traced,
        };
        ObjectType::new(id, supers, shape)
    }

    /// An array of such elements.
    pub(crate) fn array(id: u32, supers: Box<[u32]>, element: Storage) -> ObjectType {
        let traced = element.is_traced();
        ObjectType::new(id, supers, Shape::Array { element, traced })
    }

    /// Values of the host.
    pub(crate) fn host() -> ObjectType {
        ObjectType::new(u32::MAX, Box::default(), Shape::Host)
    }

    /// Bytes of an object with `len` elements, header included.
    pub(crate) fn object_bytes(&self, len: u32) -> u64 {
        let bytes = match &self.shape {
            Shape::Struct { size, .. } => u64::from(*size),
            Shape::Array { element, .. } => {
                u64::from(HEADER_BYTES) + u64::from(len) * u64::from(element.size())
            }
            Shape::Host => u64::from(HEADER_BYTES) + size_of::<HostBox>() as u64,
        };
        bytes.next_multiple_of(GRANULE as u64)
    }

    /// Whether objects can refer to others.
    pub(super) fn is_traced(&self) -> bool {
        match &self.shape {
            Shape::Struct { traced, .. } => !traced.is_empty(),
            Shape::Array { traced, .. } => *traced,
            Shape::Host => false,
        }
    }
}

/// A value of the host.
pub(crate) type HostValue = Box<dyn std::any::Any + Send + Sync>;

/// The payload of a host object: a box as a pointer.
pub(super) type HostBox = *mut (dyn std::any::Any + Send + Sync);

/// The word of a reference to an object.
pub(crate) fn object_to_raw(object: NonNull<Header>) -> u64 {
    object.as_ptr().expose_provenance() as u64
}

/// The object that a word refers to; `None` for null and `i31`.
pub(crate) fn raw_to_object(raw: u64) -> Option<NonNull<Header>> {
    if raw & 1 == 1 {
        return None;
    }
    NonNull::new(std::ptr::with_exposed_provenance_mut(raw as usize))
}

/// The word of an `i31`: the low 31 bits of `value`.
pub(crate) fn i31_to_raw(value: i32) -> u64 {
    u64::from((value as u32) << 1 | 1)
}

/// The value of an `i31`, sign-extended; `None` for other references.
pub(crate) fn raw_to_i31(raw: u64) -> Option<i32> {
    (raw & 1 == 1).then_some(raw as u32 as i32 >> 1)
}
