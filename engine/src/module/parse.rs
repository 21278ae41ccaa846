//! From bytes to [`ModuleInner`]: one pass over the sections, each validated as a whole
//! before it is read.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use wasmparser::{
    ElementItems as ParsedItems, ElementKind as ParsedElementKind, ExternalKind, FromReader,
    Parser, Payload, SectionLimited, TableInit, TypeRef, ValidPayload, Validator,
};

use super::body::Body;
use super::const_expr::ConstExpr;
#[cfg(jit)]
use super::digest::Digest;
use super::{
    Data, DataKind, Element, ElementItems, ElementKind, Export, ExternIndex, GlobalDef, Import,
    ImportKind, ModuleInner, TableDef,
};
use crate::code::CodeCache;
use crate::engine::Engine;
use crate::error::LoadError;
use crate::types::registry::TypeInfo;
use crate::types::{GlobalType, MemoryType, RefType, TableType, TypeId};

const MAGIC: &[u8] = b"\0asm";

/// The binary of what was given, which may be text. An existing binary is not copied.
pub(super) fn binary_of(input: Vec<u8>) -> Result<Vec<u8>, LoadError> {
    if input.is_empty() {
        return Err(LoadError::at("empty input", 0));
    }
    // Text never begins with a zero byte; let the parser say what is wrong.
    let binary = if input[0] == MAGIC[0] {
        input
    } else {
        let text = std::str::from_utf8(&input).map_err(|error| {
            let message = "neither a WebAssembly binary nor text in UTF-8";
            LoadError::at(message, error.valid_up_to() as u64)
        })?;
        wat::parse_str(text).map_err(|error| LoadError::without_offset(error.to_string()))?
    };
    // Behind the magic: version (16 bits) and layer, which is 1 for components.
    if binary.starts_with(MAGIC) && binary.get(6..8) == Some(&[1, 0]) {
        let message = "this is a component; Probity runs core modules";
        return Err(LoadError::at(message, 4));
    }
    if u32::try_from(binary.len()).is_err() {
        return Err(LoadError::at("module of 4 GiB or more", u32::MAX.into()));
    }
    Ok(binary)
}

/// Reads and validates all sections; function bodies are only registered.
pub(super) fn parse(engine: &Engine, bytes: Arc<Vec<u8>>) -> Result<ModuleInner, LoadError> {
    static NEXT_ID: AtomicU64 = AtomicU64::new(1);
    let mut module = ModuleInner {
        engine: engine.clone(),
        id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        bytes: bytes.clone(),
        #[cfg(jit)]
        digest: match engine.disk_cache() {
            Some(_) => Digest::start(&bytes),
            None => Digest::default(),
        },
        types: Vec::new(),
        type_ids: Vec::new(),
        imports: Vec::new(),
        funcs: Vec::new(),
        tables: Vec::new(),
        memories: Vec::new(),
        globals: Vec::new(),
        tags: Vec::new(),
        num_imported_funcs: 0,
        num_imported_tables: 0,
        num_imported_memories: 0,
        num_imported_globals: 0,
        num_imported_tags: 0,
        exports: Vec::new(),
        exports_by_name: Vec::new(),
        start: None,
        elements: Vec::new(),
        data: Vec::new(),
        bodies: Vec::new(),
        validator_resources: None,
        name_section: None,
        names: OnceLock::new(),
        code: CodeCache::new(0, 0),
        global_slots: Vec::new(),
    };
    let features = engine.config().wasm_features();
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut validator = Validator::new_with_features(features);
    for payload in parser.parse_all(&bytes) {
        let payload = payload?;
        match validator.payload(&payload)? {
            ValidPayload::Func(func, body) => {
                // The same for all functions.
                module.validator_resources.get_or_insert(func.resources);
                let range = body.range();
                module.bodies.push(Body {
                    range: range.start as u32..range.end as u32,
                });
            }
            _ => module.read_section(payload)?,
        }
    }
    module.code = CodeCache::new(module.bodies.len(), module.types.len());
    let mut slot = 0;
    for global in &module.globals[module.num_imported_globals as usize..] {
        module.global_slots.push(slot);
        slot += global.ty.content.slots() as u32;
    }
    module.sort_exports();
    Ok(module)
}

impl ModuleInner {
    /// Reads a section that the validator has accepted.
    fn read_section(&mut self, payload: Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::TypeSection(section) => self.read_types(section)?,
            Payload::ImportSection(section) => self.read_imports(section)?,
            Payload::FunctionSection(section) => {
                self.funcs.reserve(capacity(&section));
                for ty in section {
                    self.funcs.push(ty?);
                }
            }
            Payload::TableSection(section) => {
                for table in section.into_iter_with_offsets() {
                    let (offset, table) = table?;
                    let init = match &table.init {
                        TableInit::RefNull => None,
                        TableInit::Expr(expr) => Some(ConstExpr::from_parser(expr, &self.types)?),
                    };
                    let ty = TableType::from_parser(table.ty, &self.type_ids, offset)?;
                    self.tables.push(TableDef { ty, init });
                }
            }
            Payload::MemorySection(section) => {
                for memory in section.into_iter_with_offsets() {
                    let (offset, memory) = memory?;
                    self.memories.push(MemoryType::from_parser(memory, offset)?);
                }
            }
            Payload::GlobalSection(section) => {
                self.globals.reserve(capacity(&section));
                for global in section.into_iter_with_offsets() {
                    let (offset, global) = global?;
                    self.globals.push(GlobalDef {
                        ty: GlobalType::from_parser(global.ty, &self.type_ids, offset)?,
                        init: Some(ConstExpr::from_parser(&global.init_expr, &self.types)?),
                    });
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    self.tags.push(tag?.func_type_idx);
                }
            }
            Payload::ExportSection(section) => self.read_exports(section)?,
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                self.elements.reserve(capacity(&section));
                for element in section {
                    let element = read_element(element?, &self.type_ids, &self.types)?;
                    self.elements.push(element);
                }
            }
            Payload::CodeSectionStart { count, size, .. } => {
                self.bodies.reserve(count.min(size) as usize);
            }
            Payload::DataSection(section) => {
                self.data.reserve(capacity(&section));
                for data in section {
                    self.data.push(read_data(data?, &self.types)?);
                }
            }
            Payload::CustomSection(section) if section.name() == "name" => {
                let range = section.data_range();
                let range = range.start as usize..range.end as usize;
                self.name_section.get_or_insert(range);
            }
            // Everything else is of no consequence, or the validator has refused it.
            _ => {}
        }
        Ok(())
    }

    fn read_types(&mut self, section: wasmparser::TypeSectionReader<'_>) -> Result<(), LoadError> {
        // One lock for all of them.
        self.engine.clone().with_types(|registry| {
            for group in section {
                registry.read_group(group?, &mut self.type_ids)?;
            }
            let infos = self
                .type_ids
                .iter()
                .map(|id| registry.info(id.index).clone());
            self.types = infos.collect();
            Ok(())
        })
    }

    fn read_imports(
        &mut self,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), LoadError> {
        self.imports.reserve(capacity(&section));
        for import in section.into_imports_with_offsets() {
            let (offset, import) = import?;
            let kind = match import.ty {
                TypeRef::Func(ty) => {
                    self.funcs.push(ty);
                    self.num_imported_funcs += 1;
                    ImportKind::Func(ty)
                }
                TypeRef::Table(ty) => {
                    let ty = TableType::from_parser(ty, &self.type_ids, offset)?;
                    self.tables.push(TableDef { ty, init: None });
                    self.num_imported_tables += 1;
                    ImportKind::Table(ty)
                }
                TypeRef::Memory(ty) => {
                    let ty = MemoryType::from_parser(ty, offset)?;
                    self.memories.push(ty);
                    self.num_imported_memories += 1;
                    ImportKind::Memory(ty)
                }
                TypeRef::Global(ty) => {
                    let ty = GlobalType::from_parser(ty, &self.type_ids, offset)?;
                    self.globals.push(GlobalDef { ty, init: None });
                    self.num_imported_globals += 1;
                    ImportKind::Global(ty)
                }
                TypeRef::Tag(ty) => {
                    self.tags.push(ty.func_type_idx);
                    self.num_imported_tags += 1;
                    ImportKind::Tag(ty.func_type_idx)
                }
                TypeRef::FuncExact(_) => {
                    return Err(LoadError::at("kind of import is not supported", offset));
                }
            };
            self.imports.push(Import {
                module: import.module.into(),
                name: import.name.into(),
                kind,
            });
        }
        Ok(())
    }

    fn read_exports(
        &mut self,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), LoadError> {
        self.exports.reserve(capacity(&section));
        for export in section.into_iter_with_offsets() {
            let (offset, export) = export?;
            let index = match export.kind {
                ExternalKind::Func => ExternIndex::Func(export.index),
                ExternalKind::Table => ExternIndex::Table(export.index),
                ExternalKind::Memory => ExternIndex::Memory(export.index),
                ExternalKind::Global => ExternIndex::Global(export.index),
                ExternalKind::Tag => ExternIndex::Tag(export.index),
                ExternalKind::FuncExact => {
                    return Err(LoadError::at("kind of export is not supported", offset));
                }
            };
            self.exports.push(Export {
                name: export.name.into(),
                index,
            });
        }
        Ok(())
    }

    fn sort_exports(&mut self) {
        let mut order: Vec<u32> = (0..self.exports.len() as u32).collect();
        order.sort_by_key(|&i| &*self.exports[i as usize].name);
        self.exports_by_name = order;
    }
}

fn read_element(
    element: wasmparser::Element<'_>,
    types: &[TypeId],
    infos: &[Arc<TypeInfo>],
) -> Result<Element, LoadError> {
    let kind = match &element.kind {
        ParsedElementKind::Active {
            table_index,
            offset_expr,
        } => ElementKind::Active {
            table: table_index.unwrap_or(0),
            offset: ConstExpr::from_parser(offset_expr, infos)?,
        },
        ParsedElementKind::Passive => ElementKind::Passive,
        ParsedElementKind::Declared => ElementKind::Declared,
    };
    let items = match element.items {
        ParsedItems::Functions(section) => {
            let mut funcs = Vec::with_capacity(capacity(&section));
            for func in section {
                funcs.push(func?);
            }
            ElementItems::Funcs(funcs)
        }
        ParsedItems::Expressions(ty, section) => {
            let ty = RefType::from_parser(ty, types, element.range.start)?;
            let mut exprs = Vec::with_capacity(capacity(&section));
            for expr in section {
                exprs.push(ConstExpr::from_parser(&expr?, infos)?);
            }
            ElementItems::Exprs(ty, exprs)
        }
    };
    Ok(Element { kind, items })
}

fn read_data(data: wasmparser::Data<'_>, infos: &[Arc<TypeInfo>]) -> Result<Data, LoadError> {
    let kind = match &data.kind {
        wasmparser::DataKind::Active {
            memory_index,
            offset_expr,
        } => DataKind::Active {
            memory: *memory_index,
            offset: ConstExpr::from_parser(offset_expr, infos)?,
        },
        wasmparser::DataKind::Passive => DataKind::Passive,
    };
    let end = data.range.end as usize;
    let range: Range<usize> = end - data.data.len()..end;
    Ok(Data { kind, range })
}

/// Items that a section can hold: a claimed count is only believed as far as there are
/// bytes.
fn capacity<'a, T: FromReader<'a>>(section: &SectionLimited<'a, T>) -> usize {
    let range = section.range();
    let bytes = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    bytes.min(section.count() as usize)
}
