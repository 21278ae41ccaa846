//! A loaded module: what its sections say, immutable and shared by all its instances.
//!
//! Loading validates everything but the function bodies, which are only registered: a
//! function is validated when it is lowered for its first call, so that loading costs time
//! and memory by the number of functions rather than by the size of the code.

#![forbid(unsafe_code)]

mod body;
mod const_expr;
#[cfg(jit)]
pub(crate) mod digest;
mod names;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use wasmparser::ValidatorResources;

use crate::code::CodeCache;
use crate::engine::Engine;
use crate::error::LoadError;
use crate::sys::read::read_file;
use crate::types::registry::TypeInfo;
use crate::types::{
    CompositeType, ExportType, ExternType, FuncType, GlobalType, ImportType, MemoryType, RefType,
    TableType, TypeId,
};

pub(crate) use body::Body;
pub use body::FunctionInfo;
#[allow(unused_imports)]
pub(crate) use const_expr::{ConstContext, ConstExpr};
use names::Names;

#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) module: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) kind: ImportKind,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum ImportKind {
    /// Type index.
    Func(u32),
    Table(TableType),
    Memory(MemoryType),
    Global(GlobalType),
    /// Type index.
    Tag(u32),
}

#[derive(Debug)]
pub(crate) struct Export {
    pub(crate) name: Box<str>,
    pub(crate) index: ExternIndex,
}

/// An index in one of the module's index spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExternIndex {
    Func(u32),
    Table(u32),
    Memory(u32),
    Global(u32),
    Tag(u32),
}

#[derive(Debug)]
pub(crate) struct TableDef {
    pub(crate) ty: TableType,
    /// Initial value of the elements; `None` is null (or an import).
    pub(crate) init: Option<ConstExpr>,
}

#[derive(Debug)]
pub(crate) struct GlobalDef {
    pub(crate) ty: GlobalType,
    /// `None` for imports.
    pub(crate) init: Option<ConstExpr>,
}

#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) kind: ElementKind,
    pub(crate) items: ElementItems,
}

#[derive(Debug)]
pub(crate) enum ElementKind {
    Active { table: u32, offset: ConstExpr },
    Passive,
    Declared,
}

#[derive(Debug)]
pub(crate) enum ElementItems {
    Funcs(Vec<u32>),
    Exprs(RefType, Vec<ConstExpr>),
}

#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) kind: DataKind,
    /// The segment's contents, as byte offsets in the module.
    pub(crate) range: Range<usize>,
}

#[derive(Debug)]
pub(crate) enum DataKind {
    Active { memory: u32, offset: ConstExpr },
    Passive,
}

/// What a module consists of. Index spaces have the imports first.
pub(crate) struct ModuleInner {
    pub(crate) engine: Engine,
    /// Unique in the process.
    pub(crate) id: u64,
    pub(crate) bytes: Arc<Vec<u8>>,
    /// Of `bytes`.
    #[cfg(jit)]
    pub(crate) digest: digest::Digest,
    /// What each type of the type section is.
    pub(crate) types: Vec<Arc<TypeInfo>>,
    /// Their identities, by the same index.
    pub(crate) type_ids: Vec<TypeId>,
    pub(crate) imports: Vec<Import>,
    /// Type index of each function.
    pub(crate) funcs: Vec<u32>,
    pub(crate) tables: Vec<TableDef>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<GlobalDef>,
    /// Type index of each tag.
    pub(crate) tags: Vec<u32>,
    pub(crate) num_imported_funcs: u32,
    pub(crate) num_imported_tables: u32,
    pub(crate) num_imported_memories: u32,
    pub(crate) num_imported_globals: u32,
    pub(crate) num_imported_tags: u32,
    /// In the module's order.
    pub(crate) exports: Vec<Export>,
    /// Positions in `exports`, sorted by name.
    exports_by_name: Vec<u32>,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<Element>,
    pub(crate) data: Vec<Data>,
    /// Of the defined functions.
    pub(crate) bodies: Vec<Body>,
    /// What validating a body needs to know of the module; `None` if there are no bodies.
    validator_resources: Option<ValidatorResources>,
    /// Contents of the first name section.
    name_section: Option<Range<usize>>,
    names: OnceLock<Names>,
    pub(crate) code: CodeCache,
    /// Slot of each defined global among those of an instance; a v128 takes two.
    pub(crate) global_slots: Vec<u32>,
}

impl ModuleInner {
    /// Slots of all globals that an instance defines.
    pub(crate) fn global_slot_count(&self) -> usize {
        // The last one may take two.
        let last = self.global_slots.last();
        last.map_or(0, |&last| last as usize + 2)
    }

    pub(crate) fn num_funcs(&self) -> u32 {
        self.funcs.len() as u32
    }

    pub(crate) fn names(&self) -> &Names {
        self.names.get_or_init(|| Names::read(self))
    }

    /// The export of this name.
    pub(crate) fn export(&self, name: &str) -> Option<ExternIndex> {
        let at = self
            .exports_by_name
            .binary_search_by(|&i| (*self.exports[i as usize].name).cmp(name))
            .ok()?;
        Some(self.exports[self.exports_by_name[at] as usize].index)
    }

    /// Type of an import.
    pub(crate) fn import_type(&self, import: &Import) -> ExternType {
        match import.kind {
            ImportKind::Func(ty) => ExternType::Func(self.types[ty as usize].func().clone()),
            ImportKind::Table(ty) => ExternType::Table(ty),
            ImportKind::Memory(ty) => ExternType::Memory(ty),
            ImportKind::Global(ty) => ExternType::Global(ty),
            ImportKind::Tag(ty) => ExternType::Tag(self.types[ty as usize].func().clone()),
        }
    }

    /// Type of a tag. The index must be in range.
    pub(crate) fn tag_type(&self, tag: u32) -> &TypeInfo {
        &self.types[self.tags[tag as usize] as usize]
    }

    /// Static type of a part of the module.
    pub(crate) fn extern_type(&self, index: ExternIndex) -> ExternType {
        match index {
            ExternIndex::Func(i) => ExternType::Func(self.func_type_of(i).clone()),
            ExternIndex::Table(i) => ExternType::Table(self.tables[i as usize].ty),
            ExternIndex::Memory(i) => ExternType::Memory(self.memories[i as usize]),
            ExternIndex::Global(i) => ExternType::Global(self.globals[i as usize].ty),
            ExternIndex::Tag(i) => ExternType::Tag(self.tag_type(i).func().clone()),
        }
    }
}

/// A WebAssembly module, ready to be instantiated and to be looked into.
///
/// Cheap to clone (clones are the same module), `Send` and `Sync`.
///
/// ```
/// use probity_engine::{Engine, Module};
///
/// let engine = Engine::default();
/// let module = Module::new(
///     &engine,
///     r#"(module $demo
///          (import "env" "log" (func (param i32)))
///          (func $twice (export "twice") (param $x i32) (result i32)
///            (i32.shl (local.get $x) (i32.const 1))))"#,
/// )?;
/// assert_eq!(module.name(), Some("demo"));
/// assert_eq!(module.num_functions(), 2);
///
/// let twice = module.function(1).expect("two functions");
/// assert_eq!(twice.name().as_deref(), Some("twice"));
/// assert_eq!(twice.ty().to_string(), "[i32] -> [i32]");
/// let operators = twice.operators()?;
/// assert_eq!(operators.len(), 4); // local.get, i32.const, i32.shl, end
/// let (pc, _) = &operators[0];
/// assert_eq!(module.bytes()[pc.0 as usize], 0x20); // local.get
///
/// // Errors say what is wrong, and where in a binary.
/// let error = Module::new(&engine, b"\0asm\x01\0\0\0\x01\x09").unwrap_err();
/// assert!(error.offset().is_some());
/// # Ok::<(), probity_engine::LoadError>(())
/// ```
#[derive(Clone)]
pub struct Module {
    pub(crate) inner: Arc<ModuleInner>,
}

impl Module {
    /// Loads a module from a binary, or from text in the WebAssembly text format.
    ///
    /// Function bodies are validated when they are first called, unless
    /// [`Config::lazy`](crate::Config::lazy) says otherwise; everything else is now.
    ///
    /// # Errors
    /// What is malformed or invalid, or a feature that the engine does not have.
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module, LoadError> {
        Module::from_input(engine, bytes.as_ref().into())
    }

    /// Loads a module from a file, binary or text.
    ///
    /// # Errors
    /// As [`Module::new`]; if the file cannot be read, the message names its path.
    pub fn from_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module, LoadError> {
        let path = path.as_ref();
        let bytes = read_file(path).map_err(|error| {
            LoadError::without_offset(format!("cannot read `{}`: {error}", path.display()))
        })?;
        Module::from_input(engine, bytes)
    }

    fn from_input(engine: &Engine, input: Vec<u8>) -> Result<Module, LoadError> {
        let bytes = Arc::new(parse::binary_of(input)?);
        let inner = parse::parse(engine, bytes)?;
        if !engine.config().lazy {
            inner.validate_all()?;
            inner.code.set_validated();
        }
        Ok(Module {
            inner: Arc::new(inner),
        })
    }

    /// Validates every function body now.
    ///
    /// # Errors
    /// The first invalid function, with its name and the offset of what is wrong.
    pub fn validate(&self) -> Result<(), LoadError> {
        self.inner.validate_all()?;
        self.inner.code.set_validated();
        Ok(())
    }

    /// Name of the module by its name section.
    pub fn name(&self) -> Option<&str> {
        self.inner.names().module(&self.inner.bytes)
    }

    /// The engine that it was loaded for.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// What the module imports, in its order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> {
        self.inner.imports.iter().map(|import| ImportType {
            module: &import.module,
            name: &import.name,
            ty: self.inner.import_type(import),
        })
    }

    /// What the module exports, in its order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> {
        self.inner.exports.iter().map(|export| ExportType {
            name: &export.name,
            ty: self.inner.extern_type(export.index),
            index: match export.index {
                ExternIndex::Func(i)
                | ExternIndex::Table(i)
                | ExternIndex::Memory(i)
                | ExternIndex::Global(i)
                | ExternIndex::Tag(i) => i,
            },
        })
    }

    /// Number of functions, imported and defined.
    pub fn num_functions(&self) -> u32 {
        self.inner.num_funcs()
    }

    /// Index of the function that runs when the module is instantiated, if it has one.
    pub fn start_function(&self) -> Option<u32> {
        self.inner.start
    }

    /// Number of imported functions; they have the first indices.
    pub fn num_imported_functions(&self) -> u32 {
        self.inner.num_imported_funcs
    }

    /// Facts of an imported or defined function; `None` beyond the last one.
    pub fn function(&self, index: u32) -> Option<FunctionInfo<'_>> {
        (index < self.num_functions()).then(|| FunctionInfo::new(self, index))
    }

    /// Function type of a type index, for example of a `call_indirect`; `None` for structures and
    /// arrays too.
    pub fn func_type(&self, type_index: u32) -> Option<&FuncType> {
        match &self.inner.types.get(type_index as usize)?.composite {
            CompositeType::Func(ty) => Some(ty),
            _ => None,
        }
    }

    /// Number of types in the type section, those of recursive groups counted one by one.
    pub fn num_types(&self) -> u32 {
        self.inner.types.len() as u32
    }

    /// Engine-wide identity of a type of the type section.
    pub fn type_id(&self, type_index: u32) -> Option<TypeId> {
        self.inner.type_ids.get(type_index as usize).copied()
    }

    /// What a type of the type section is.
    pub fn composite_type(&self, type_index: u32) -> Option<&CompositeType> {
        Some(&self.inner.types.get(type_index as usize)?.composite)
    }

    /// Number of exception tags, imported and defined.
    pub fn num_tags(&self) -> u32 {
        self.inner.tags.len() as u32
    }

    /// Type of an exception tag: the parameters are what its exceptions carry.
    pub fn tag_type(&self, tag: u32) -> Option<&FuncType> {
        let ty = *self.inner.tags.get(tag as usize)?;
        Some(self.inner.types[ty as usize].func())
    }

    /// The Wasm bytes (after assembling, if text was given).
    pub fn bytes(&self) -> &[u8] {
        &self.inner.bytes
    }

    /// Is it the same module? Clones are; a module that was loaded twice is two.
    pub fn same(&self, other: &Module) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("id", &self.inner.id)
            .field("name", &self.name())
            .field("functions", &self.num_functions())
            .finish_non_exhaustive()
    }
}
