//! Structure and array types.

use std::fmt;
use std::sync::Arc;

use super::{FuncType, TypeId, TypeKind, ValType, unsupported};
use crate::error::LoadError;
use crate::gc::layout::Storage;

/// What a field or an element stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StorageType {
    /// 8 bits, read as an i32.
    I8,
    /// 16 bits, read as an i32.
    I16,
    /// A whole value.
    Val(ValType),
}

impl StorageType {
    /// Type of the value that is read or written.
    pub fn unpacked(self) -> ValType {
        match self {
            StorageType::I8 | StorageType::I16 => ValType::I32,
            StorageType::Val(ty) => ty,
        }
    }

    /// How it lies in an object.
    pub(crate) fn layout(self) -> Storage {
        match self {
            StorageType::I8 => Storage::I8,
            StorageType::I16 => Storage::I16,
            StorageType::Val(ty) => match ty {
                ValType::I32 => Storage::I32,
                ValType::I64 => Storage::I64,
                ValType::F32 => Storage::F32,
                ValType::F64 => Storage::F64,
                ValType::V128 => Storage::V128,
                ValType::Ref(ty) => Storage::Ref {
                    traced: ty.heap.is_collected(),
                },
            },
        }
    }
}

impl fmt::Display for StorageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageType::I8 => f.write_str("i8"),
            StorageType::I16 => f.write_str("i16"),
            StorageType::Val(ty) => ty.fmt(f),
        }
    }
}

/// Type of a field of a structure, or of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FieldType {
    /// What it stores.
    pub storage: StorageType,
    /// May it be written after the object was made?
    pub mutable: bool,
}

impl FieldType {
    fn from_parser(
        ty: &wasmparser::FieldType,
        types: &[TypeId],
        offset: u64,
    ) -> Result<FieldType, LoadError> {
        let storage = match ty.element_type {
            wasmparser::StorageType::I8 => StorageType::I8,
            wasmparser::StorageType::I16 => StorageType::I16,
            wasmparser::StorageType::Val(ty) => {
                StorageType::Val(ValType::from_parser(ty, types, offset)?)
            }
        };
        Ok(FieldType {
            storage,
            mutable: ty.mutable,
        })
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mutable {
            true => write!(f, "(mut {})", self.storage),
            false => self.storage.fmt(f),
        }
    }
}

/// Fields of a structure. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StructType {
    fields: Arc<[FieldType]>,
}

impl StructType {
    /// A structure with these fields.
    pub fn new(fields: impl IntoIterator<Item = FieldType>) -> StructType {
        StructType {
            fields: fields.into_iter().collect(),
        }
    }

    /// The fields, by index.
    pub fn fields(&self) -> &[FieldType] {
        &self.fields
    }
}

impl fmt::Display for StructType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(struct")?;
        for field in self.fields() {
            write!(f, " (field {field})")?;
        }
        f.write_str(")")
    }
}

/// Type of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ArrayType {
    /// The elements.
    pub element: FieldType,
}

impl fmt::Display for ArrayType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(array {})", self.element)
    }
}

/// A defined type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CompositeType {
    /// Function type.
    Func(FuncType),
    /// Structure type.
    Struct(StructType),
    /// Array type.
    Array(ArrayType),
}

impl CompositeType {
    /// Kind of the type.
    pub fn kind(&self) -> TypeKind {
        match self {
            CompositeType::Func(_) => TypeKind::Func,
            CompositeType::Struct(_) => TypeKind::Struct,
            CompositeType::Array(_) => TypeKind::Array,
        }
    }

    /// Kind of a parsed type.
    pub(crate) fn kind_of(
        ty: &wasmparser::CompositeType,
        offset: u64,
    ) -> Result<TypeKind, LoadError> {
        use wasmparser::CompositeInnerType as C;
        Ok(match ty.inner {
            C::Func(_) if !ty.shared => TypeKind::Func,
            C::Struct(_) if !ty.shared => TypeKind::Struct,
            C::Array(_) if !ty.shared => TypeKind::Array,
            _ => return Err(unsupported("kind of type", offset)),
        })
    }

    pub(crate) fn from_parser(
        ty: &wasmparser::CompositeType,
        types: &[TypeId],
        offset: u64,
    ) -> Result<CompositeType, LoadError> {
        use wasmparser::CompositeInnerType as C;
        if ty.descriptor_idx.is_some() || ty.describes_idx.is_some() {
            return Err(unsupported("custom descriptor", offset));
        }
        Ok(match &ty.inner {
            C::Func(ty) => CompositeType::Func(FuncType::from_parser(ty, types, offset)?),
            C::Struct(ty) => {
                let fields = ty.fields.iter();
                let fields = fields.map(|field| FieldType::from_parser(field, types, offset));
                CompositeType::Struct(StructType {
                    fields: fields.collect::<Result<_, _>>()?,
                })
            }
            C::Array(ty) => CompositeType::Array(ArrayType {
                element: FieldType::from_parser(&ty.0, types, offset)?,
            }),
            C::Cont(_) => return Err(unsupported("continuation type", offset)),
        })
    }

    /// The same, known as this type of an engine.
    pub(super) fn with_id(self, id: TypeId) -> CompositeType {
        match self {
            CompositeType::Func(ty) => CompositeType::Func(ty.with_id(id)),
            other => other,
        }
    }

    /// The same with every type id replaced.
    pub(super) fn map_ids(&self, f: &impl Fn(TypeId) -> TypeId) -> CompositeType {
        let val = |ty: ValType| ty.map_id(f);
        let field = |field: FieldType| FieldType {
            storage: match field.storage {
                StorageType::Val(ty) => StorageType::Val(val(ty)),
                packed => packed,
            },
            ..field
        };
        match self {
            CompositeType::Func(ty) => CompositeType::Func(FuncType::new(
                ty.params().iter().map(|&ty| val(ty)),
                ty.results().iter().map(|&ty| val(ty)),
            )),
            CompositeType::Struct(ty) => {
                CompositeType::Struct(StructType::new(ty.fields().iter().map(|&f| field(f))))
            }
            CompositeType::Array(ty) => CompositeType::Array(ArrayType {
                element: field(ty.element),
            }),
        }
    }
}

impl fmt::Display for CompositeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompositeType::Func(ty) => write!(f, "func {ty}"),
            CompositeType::Struct(ty) => ty.fmt(f),
            CompositeType::Array(ty) => ty.fmt(f),
        }
    }
}
