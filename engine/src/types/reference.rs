//! Reference types: what a reference may refer to, and which types contain which others.

use std::fmt;

use super::registry::TypeRegistry;
use super::unsupported;
use crate::error::LoadError;

/// Type of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefType {
    /// May be null.
    pub nullable: bool,
    /// What it refers to when it is not null.
    pub heap: HeapType,
}

/// Kind of a defined type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TypeKind {
    /// Function type.
    Func,
    /// Structure type.
    Struct,
    /// Array type.
    Array,
}

/// Identity of a function, structure or array type in its engine. Types that the specification
/// calls equivalent ("type equivalence" of recursive groups) have the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeId {
    pub(crate) index: u32,
    pub(crate) kind: TypeKind,
}

impl TypeId {
    /// What kind of type it is.
    pub fn kind(self) -> TypeKind {
        self.kind
    }
}

impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            TypeKind::Func => "func",
            TypeKind::Struct => "struct",
            TypeKind::Array => "array",
        };
        write!(f, "${kind}{}", self.index)
    }
}

/// What a reference refers to. There are four hierarchies, of values, functions, values of the
/// host and exceptions; nothing is of two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeapType {
    /// Any value: `i31`, structures, arrays, and values of the host that were made `any`.
    Any,
    /// Values that can be compared: `i31`, structures, arrays.
    Eq,
    /// 31-bit integers, which are not allocated.
    I31,
    /// Any structure.
    Struct,
    /// Any array.
    Array,
    /// No value: the type of null references to values.
    None,
    /// Any function.
    Func,
    /// No function.
    NoFunc,
    /// Any value of the host.
    Extern,
    /// No value of the host.
    NoExtern,
    /// Any exception.
    Exn,
    /// No exception.
    NoExn,
    /// A defined type.
    Concrete(TypeId),
}

impl HeapType {
    /// Top of the hierarchy.
    pub fn top(self) -> HeapType {
        use HeapType as H;
        match self {
            H::Any | H::Eq | H::I31 | H::Struct | H::Array | H::None => H::Any,
            H::Func | H::NoFunc => H::Func,
            H::Extern | H::NoExtern => H::Extern,
            H::Exn | H::NoExn => H::Exn,
            H::Concrete(id) => match id.kind {
                TypeKind::Func => H::Func,
                TypeKind::Struct | TypeKind::Array => H::Any,
            },
        }
    }

    /// Bottom of the hierarchy, which has no values.
    pub fn bottom(self) -> HeapType {
        match self.top() {
            HeapType::Func => HeapType::NoFunc,
            HeapType::Extern => HeapType::NoExtern,
            HeapType::Exn => HeapType::NoExn,
            _ => HeapType::None,
        }
    }

    /// Does the collector look after what references of this type refer to?
    pub(crate) fn is_collected(self) -> bool {
        self.top() != HeapType::Func
    }

    /// Is everything of `self` also of `other`? (Specification, "Heap Types" of "Matching".)
    pub(crate) fn is_subtype_of(self, other: HeapType, registry: &TypeRegistry) -> bool {
        use HeapType as H;
        if self == other || other == self.top() || self == other.bottom() {
            return true;
        }
        match (self, other) {
            (H::Concrete(a), H::Concrete(b)) => registry.is_subtype(a.index, b.index),
            (H::I31 | H::Struct | H::Array, H::Eq) => true,
            (H::Concrete(a), H::Eq) => a.kind != TypeKind::Func,
            (H::Concrete(a), H::Struct) => a.kind == TypeKind::Struct,
            (H::Concrete(a), H::Array) => a.kind == TypeKind::Array,
            _ => false,
        }
    }

    /// Converts the parser's type. `types` are the ids of the module's types so far.
    pub(crate) fn from_parser(
        ty: wasmparser::HeapType,
        types: &[TypeId],
        offset: u64,
    ) -> Result<HeapType, LoadError> {
        use wasmparser::{AbstractHeapType as A, HeapType as H, UnpackedIndex};
        Ok(match ty {
            H::Abstract { shared: false, ty } => match ty {
                A::Any => HeapType::Any,
                A::Eq => HeapType::Eq,
                A::I31 => HeapType::I31,
                A::Struct => HeapType::Struct,
                A::Array => HeapType::Array,
                A::None => HeapType::None,
                A::Func => HeapType::Func,
                A::NoFunc => HeapType::NoFunc,
                A::Extern => HeapType::Extern,
                A::NoExtern => HeapType::NoExtern,
                A::Exn => HeapType::Exn,
                A::NoExn => HeapType::NoExn,
                _ => return Err(unsupported(&format!("heap type {ty:?}"), offset)),
            },
            H::Concrete(UnpackedIndex::Module(index)) => match types.get(index as usize) {
                Some(&id) => HeapType::Concrete(id),
                None => return Err(LoadError::at("unknown type", offset)),
            },
            _ => return Err(unsupported(&format!("heap type {ty:?}"), offset)),
        })
    }
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HeapType::Any => "any",
            HeapType::Eq => "eq",
            HeapType::I31 => "i31",
            HeapType::Struct => "struct",
            HeapType::Array => "array",
            HeapType::None => "none",
            HeapType::Func => "func",
            HeapType::NoFunc => "nofunc",
            HeapType::Extern => "extern",
            HeapType::NoExtern => "noextern",
            HeapType::Exn => "exn",
            HeapType::NoExn => "noexn",
            HeapType::Concrete(id) => return id.fmt(f),
        })
    }
}

macro_rules! nullable {
    ($($(#[$meta:meta])* $name:ident = $heap:ident;)*) => {
        $( $(#[$meta])* pub const $name: RefType = RefType { nullable: true, heap: HeapType::$heap }; )*
    };
}

impl RefType {
    nullable! {
        /// A function or null.
        FUNCREF = Func;
        /// A value of the host or null.
        EXTERNREF = Extern;
        /// Any value or null.
        ANYREF = Any;
        /// A comparable value or null.
        EQREF = Eq;
        /// A 31-bit integer or null.
        I31REF = I31;
        /// A structure or null.
        STRUCTREF = Struct;
        /// An array or null.
        ARRAYREF = Array;
        /// An exception or null.
        EXNREF = Exn;
        /// Null of the values.
        NULLREF = None;
        /// Null of the functions.
        NULLFUNCREF = NoFunc;
        /// Null of the host's values.
        NULLEXTERNREF = NoExtern;
        /// Null of the exceptions.
        NULLEXNREF = NoExn;
    }

    pub(crate) fn from_parser(
        ty: wasmparser::RefType,
        types: &[TypeId],
        offset: u64,
    ) -> Result<RefType, LoadError> {
        Ok(RefType {
            nullable: ty.is_nullable(),
            heap: HeapType::from_parser(ty.heap_type(), types, offset)?,
        })
    }

    /// Is every value of `self` a value of `other`?
    pub(crate) fn is_subtype_of(self, other: RefType, registry: &TypeRegistry) -> bool {
        (other.nullable || !self.nullable) && self.heap.is_subtype_of(other.heap, registry)
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.nullable, self.heap) {
            (true, HeapType::None) => f.write_str("nullref"),
            (true, HeapType::NoFunc) => f.write_str("nullfuncref"),
            (true, HeapType::NoExtern) => f.write_str("nullexternref"),
            (true, HeapType::NoExn) => f.write_str("nullexnref"),
            (true, heap @ HeapType::Concrete(_)) => write!(f, "(ref null {heap})"),
            (true, heap) => write!(f, "{heap}ref"),
            (false, heap) => write!(f, "(ref {heap})"),
        }
    }
}
