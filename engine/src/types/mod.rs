//! Wasm types as the embedding API shows them, and their conversion from the parser's types.

mod composite;
mod matching;
mod reference;
pub(crate) mod registry;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::error::LoadError;

pub use composite::{ArrayType, CompositeType, FieldType, StorageType, StructType};
pub(crate) use matching::extern_matches;
pub use reference::{HeapType, RefType, TypeId, TypeKind};

/// Byte offset of an instruction in its module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WasmPc(pub u32);

impl fmt::Display for WasmPc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// Type of a local, operand, global, parameter or result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// 128-bit vector.
    V128,
    /// Reference.
    Ref(RefType),
}

impl ValType {
    /// `funcref`: a function or null.
    pub const FUNCREF: ValType = ValType::Ref(RefType::FUNCREF);
    /// `externref`: a value of the host or null.
    pub const EXTERNREF: ValType = ValType::Ref(RefType::EXTERNREF);
    /// `anyref`: a value of the guest or null.
    pub const ANYREF: ValType = ValType::Ref(RefType::ANYREF);
    /// `exnref`: an exception or null.
    pub const EXNREF: ValType = ValType::Ref(RefType::EXNREF);

    /// 64-bit slots that a value takes in a frame or an argument list.
    pub(crate) const fn slots(self) -> usize {
        match self {
            ValType::V128 => 2,
            _ => 1,
        }
    }

    /// The same with a type id replaced.
    fn map_id(self, f: &impl Fn(TypeId) -> TypeId) -> ValType {
        match self {
            ValType::Ref(RefType {
                nullable,
                heap: HeapType::Concrete(id),
            }) => ValType::Ref(RefType {
                nullable,
                heap: HeapType::Concrete(f(id)),
            }),
            other => other,
        }
    }

    /// Is it a reference that the collector has to know of?
    pub(crate) fn is_collected(self) -> bool {
        matches!(self, ValType::Ref(ty) if ty.heap.is_collected())
    }

    /// Converts the parser's type; types of features that the engine lacks are errors at
    /// `offset`. `types` are the ids of the module's types.
    pub(crate) fn from_parser(
        ty: wasmparser::ValType,
        types: &[TypeId],
        offset: u64,
    ) -> Result<ValType, LoadError> {
        Ok(match ty {
            wasmparser::ValType::I32 => ValType::I32,
            wasmparser::ValType::I64 => ValType::I64,
            wasmparser::ValType::F32 => ValType::F32,
            wasmparser::ValType::F64 => ValType::F64,
            wasmparser::ValType::V128 => ValType::V128,
            wasmparser::ValType::Ref(r) => ValType::Ref(RefType::from_parser(r, types, offset)?),
        })
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValType::I32 => f.write_str("i32"),
            ValType::I64 => f.write_str("i64"),
            ValType::F32 => f.write_str("f32"),
            ValType::F64 => f.write_str("f64"),
            ValType::V128 => f.write_str("v128"),
            ValType::Ref(r) => r.fmt(f),
        }
    }
}

/// Parameters and results of a function. Cheap to clone.
///
/// One that a module shows (the type of an import, say) also remembers which of the engine's types
/// it is, so that a host function or tag made of it is of that very type, even if the type is not
/// final or part of a recursive group. Equality does not look at that.
#[derive(Debug, Clone)]
pub struct FuncType {
    /// Parameters, then results.
    types: Arc<[ValType]>,
    num_params: usize,
    id: Option<TypeId>,
}

impl PartialEq for FuncType {
    fn eq(&self, other: &FuncType) -> bool {
        self.num_params == other.num_params && self.types == other.types
    }
}

impl Eq for FuncType {}

impl Hash for FuncType {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.types, self.num_params).hash(state);
    }
}

impl FuncType {
    /// Parameters or results that a function may have at most, as in modules (the JavaScript API's limits,
    /// which all engines share).
    pub const VALUES_MAX: usize = 1000;

    /// A function type with these parameters and results.
    ///
    /// # Panics
    /// With more than [`FuncType::VALUES_MAX`] parameters or results.
    ///
    /// ```should_panic
    /// use probity_engine::{FuncType, ValType};
    ///
    /// FuncType::new(vec![ValType::I32; FuncType::VALUES_MAX + 1], []);
    /// ```
    pub fn new(
        p: impl IntoIterator<Item = ValType>,
        r: impl IntoIterator<Item = ValType>,
    ) -> FuncType {
        let mut types: Vec<ValType> = p.into_iter().collect();
        let num_params = types.len();
        types.extend(r);
        let most = num_params.max(types.len() - num_params);
        assert!(
            most <= FuncType::VALUES_MAX,
            "a function with {most} parameters or results"
        );
        FuncType {
            types: types.into(),
            num_params,
            id: None,
        }
    }

    /// The same, known as this type of an engine.
    fn with_id(self, id: TypeId) -> FuncType {
        FuncType {
            id: Some(id),
            ..self
        }
    }

    /// Which type of its engine it is, if it comes from a module.
    pub(crate) fn id(&self) -> Option<TypeId> {
        self.id
    }

    /// Types of the parameters.
    pub fn params(&self) -> &[ValType] {
        &self.types[..self.num_params]
    }

    /// Types of the results.
    pub fn results(&self) -> &[ValType] {
        &self.types[self.num_params..]
    }

    pub(crate) fn from_parser(
        ty: &wasmparser::FuncType,
        types: &[TypeId],
        offset: u64,
    ) -> Result<FuncType, LoadError> {
        let all: Result<Arc<[ValType]>, LoadError> = ty
            .params()
            .iter()
            .chain(ty.results())
            .map(|&t| ValType::from_parser(t, types, offset))
            .collect();
        Ok(FuncType {
            types: all?,
            num_params: ty.params().len(),
            id: None,
        })
    }
}

/// `[i32 i64] -> [f32]`, as the specification writes it.
impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(f: &mut fmt::Formatter<'_>, types: &[ValType]) -> fmt::Result {
            f.write_str("[")?;
            for (i, ty) in types.iter().enumerate() {
                write!(f, "{}{ty}", if i == 0 { "" } else { " " })?;
            }
            f.write_str("]")
        }
        list(f, self.params())?;
        f.write_str(" -> ")?;
        list(f, self.results())
    }
}

/// Type of a global variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GlobalType {
    /// Type of the value.
    pub content: ValType,
    /// May it be written?
    pub mutable: bool,
}

impl GlobalType {
    pub(crate) fn from_parser(
        ty: wasmparser::GlobalType,
        types: &[TypeId],
        offset: u64,
    ) -> Result<GlobalType, LoadError> {
        if ty.shared {
            return Err(unsupported("shared global", offset));
        }
        Ok(GlobalType {
            content: ValType::from_parser(ty.content_type, types, offset)?,
            mutable: ty.mutable,
        })
    }
}

impl fmt::Display for GlobalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mutability = if self.mutable { "mut " } else { "" };
        write!(f, "{mutability}{}", self.content)
    }
}

/// Type of a linear memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryType {
    /// Pages at least (of an existing memory: its size now).
    pub minimum: u64,
    /// Pages at most.
    pub maximum: Option<u64>,
    /// Addressed by `i64` rather than `i32`.
    pub memory64: bool,
    /// Shared between threads.
    pub shared: bool,
    /// Binary logarithm of the page size in bytes; 16 unless a module says otherwise.
    pub page_size_log2: u8,
}

impl MemoryType {
    /// A 32-bit memory with pages of 64 KiB; sizes in pages.
    pub fn new(minimum: u64, maximum: Option<u64>) -> MemoryType {
        MemoryType {
            minimum,
            maximum,
            memory64: false,
            shared: false,
            page_size_log2: 16,
        }
    }

    /// 32-bit and unshared: as memory 0, accessed on the interpreter's short path.
    pub(crate) fn is_plain(&self) -> bool {
        !self.memory64 && !self.shared
    }

    /// Accesses beyond the end fault by themselves in compiled code: everything that a 32-bit index
    /// can reach is reserved.
    pub(crate) fn is_guarded(&self) -> bool {
        self.is_plain() && self.page_size_log2 == 16
    }

    pub(crate) fn from_parser(
        ty: wasmparser::MemoryType,
        offset: u64,
    ) -> Result<MemoryType, LoadError> {
        let log2 = ty.page_size_log2.unwrap_or(16);
        let page_size_log2 =
            u8::try_from(log2).map_err(|_| unsupported(&format!("page size 2^{log2}"), offset))?;
        Ok(MemoryType {
            minimum: ty.initial,
            maximum: ty.maximum,
            memory64: ty.memory64,
            shared: ty.shared,
            page_size_log2,
        })
    }
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.memory64 {
            f.write_str("i64 ")?;
        }
        write_limits(f, self.minimum, self.maximum)?;
        if self.shared {
            f.write_str(" shared")?;
        }
        if self.page_size_log2 != 16 {
            write!(f, " (pagesize {})", 1u128 << self.page_size_log2.min(127))?;
        }
        Ok(())
    }
}

/// Type of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableType {
    /// Type of the elements.
    pub element: RefType,
    /// Elements at least (of an existing table: its size now).
    pub minimum: u64,
    /// Elements at most.
    pub maximum: Option<u64>,
    /// Indexed by `i64` rather than `i32`.
    pub table64: bool,
}

impl TableType {
    /// A table with 32-bit indices; sizes in elements.
    pub fn new(element: RefType, minimum: u64, maximum: Option<u64>) -> TableType {
        TableType {
            element,
            minimum,
            maximum,
            table64: false,
        }
    }

    pub(crate) fn from_parser(
        ty: wasmparser::TableType,
        types: &[TypeId],
        offset: u64,
    ) -> Result<TableType, LoadError> {
        if ty.shared {
            return Err(unsupported("shared table", offset));
        }
        Ok(TableType {
            element: RefType::from_parser(ty.element_type, types, offset)?,
            minimum: ty.initial,
            maximum: ty.maximum,
            table64: ty.table64,
        })
    }
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.table64 {
            f.write_str("i64 ")?;
        }
        write_limits(f, self.minimum, self.maximum)?;
        write!(f, " {}", self.element)
    }
}

fn write_limits(f: &mut fmt::Formatter<'_>, minimum: u64, maximum: Option<u64>) -> fmt::Result {
    write!(f, "{minimum}")?;
    maximum.map_or(Ok(()), |max| write!(f, " {max}"))
}

/// Type of something that can be imported or exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A global variable.
    Global(GlobalType),
    /// A linear memory.
    Memory(MemoryType),
    /// A table.
    Table(TableType),
    /// An exception tag: the types of what its exceptions carry are the parameters.
    Tag(FuncType),
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternType::Func(ty) => write!(f, "func {ty}"),
            ExternType::Global(ty) => write!(f, "global {ty}"),
            ExternType::Memory(ty) => write!(f, "memory {ty}"),
            ExternType::Table(ty) => write!(f, "table {ty}"),
            ExternType::Tag(ty) => write!(f, "tag {ty}"),
        }
    }
}

/// One import of a module.
#[derive(Debug, Clone)]
pub struct ImportType<'a> {
    /// First name: the module that it is imported from.
    pub module: &'a str,
    /// Second name.
    pub name: &'a str,
    /// The type that it must have.
    pub ty: ExternType,
}

/// One export of a module.
#[derive(Debug, Clone)]
pub struct ExportType<'a> {
    /// Name of the export.
    pub name: &'a str,
    /// Its type.
    pub ty: ExternType,
    /// Index in the module's index space of that kind.
    pub index: u32,
}

fn unsupported(what: &str, offset: u64) -> LoadError {
    LoadError::at(format!("{what} is not supported"), offset)
}
