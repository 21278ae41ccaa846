//! Static facts of single functions: names, types, bodies, and the readers and validators
//! that lowering starts from.

use std::borrow::Cow;
use std::ops::Range;

use wasmparser::{
    BinaryReader, FuncToValidate, FuncValidatorAllocations, FunctionBody, Operator,
    ValidatorResources,
};

use super::{Module, ModuleInner};
use crate::error::LoadError;
use crate::types::{FuncType, ValType, WasmPc};

/// Locals that a function may have, parameters included (a limit that engines agreed on).
const LOCALS_MAX: usize = 50_000;

/// Where a function's code is.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    /// Bytes of the body without its size field, starting with the declarations of locals.
    pub(crate) range: Range<u32>,
}

impl ModuleInner {
    /// Type of a function, imported or defined. The index must be in range.
    pub(crate) fn func_type_of(&self, func: u32) -> &FuncType {
        self.types[self.funcs[func as usize] as usize].func()
    }

    /// The body of a defined function; `None` for imports and indices out of range.
    pub(crate) fn body(&self, func: u32) -> Option<&Body> {
        let defined = func.checked_sub(self.num_imported_funcs)?;
        self.bodies.get(defined as usize)
    }

    /// The parser's reader for the body of a defined function.
    pub(crate) fn function_body(&self, func: u32) -> Option<FunctionBody<'_>> {
        let range = &self.body(func)?.range;
        let data = &self.bytes[range.start as usize..range.end as usize];
        let features = self.engine.config().wasm_features();
        let reader = BinaryReader::new_features(data, range.start.into(), features);
        Some(FunctionBody::new(reader))
    }

    /// What it takes to validate a defined function; may be asked for any number of times.
    pub(crate) fn func_to_validate(&self, func: u32) -> Option<FuncToValidate<ValidatorResources>> {
        self.body(func)?;
        Some(FuncToValidate {
            resources: self.validator_resources.clone()?,
            index: func,
            ty: self.funcs[func as usize],
            features: self.engine.config().wasm_features(),
        })
    }

    /// Validates one function; gives the allocations back for the next one. Imports are
    /// always valid.
    pub(crate) fn validate_func(
        &self,
        func: u32,
        allocations: FuncValidatorAllocations,
    ) -> Result<FuncValidatorAllocations, LoadError> {
        let (Some(to_validate), Some(body)) =
            (self.func_to_validate(func), self.function_body(func))
        else {
            return Ok(allocations);
        };
        let mut validator = to_validate.into_validator(allocations);
        match validator.validate(&body) {
            Ok(()) => Ok(validator.into_allocations()),
            Err(error) => Err(LoadError::from(error).in_function(&self.display_name(func))),
        }
    }

    /// The operators of a function from the one at `pc` on.
    pub(crate) fn operators_from(
        &self,
        func: u32,
        pc: u32,
    ) -> impl Iterator<Item = (Operator<'_>, u32)> {
        let reader = self
            .function_body(func)
            .and_then(|body| body.get_operators_reader().ok());
        reader
            .into_iter()
            .flat_map(|reader| reader.into_iter_with_offsets())
            .map_while(Result::ok)
            .map(|(op, at)| (op, at as u32))
            .skip_while(move |&(_, at)| at < pc)
    }

    /// Validates every function.
    pub(crate) fn validate_all(&self) -> Result<(), LoadError> {
        let mut allocations = FuncValidatorAllocations::default();
        for func in self.num_imported_funcs..self.num_funcs() {
            allocations = self.validate_func(func, allocations)?;
        }
        Ok(())
    }

    /// Name section's name, else the import's, else an export's.
    pub(crate) fn func_name(&self, func: u32) -> Option<Cow<'_, str>> {
        let names = self.names();
        if let Some(name) = names.function(func, &self.bytes) {
            return Some(name.into());
        }
        if let Some(position) = names.import(func) {
            let import = &self.imports[position];
            return Some(format!("{}.{}", import.module, import.name).into());
        }
        let export = &self.exports[names.first_export(func)?];
        Some((&*export.name).into())
    }

    /// [`ModuleInner::func_name`], else `func[12]`.
    pub(crate) fn display_name(&self, func: u32) -> Cow<'_, str> {
        self.func_name(func)
            .unwrap_or_else(|| format!("func[{func}]").into())
    }
}

/// Static facts of one function.
#[derive(Clone, Copy)]
pub struct FunctionInfo<'a> {
    m: &'a Module,
    index: u32,
}

impl<'a> FunctionInfo<'a> {
    pub(super) fn new(m: &'a Module, index: u32) -> FunctionInfo<'a> {
        FunctionInfo { m, index }
    }

    /// The module that it is of.
    pub fn module(&self) -> &'a Module {
        self.m
    }

    /// Index in the module's function index space, imports first.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Name by the name section, else the import's `module.name`, else its first export's
    /// name. As the producer wrote it, not demangled.
    pub fn name(&self) -> Option<Cow<'a, str>> {
        self.m.inner.func_name(self.index)
    }

    /// The function's type.
    pub fn ty(&self) -> &'a FuncType {
        self.m.inner.func_type_of(self.index)
    }

    /// Is it imported?
    pub fn is_import(&self) -> bool {
        self.index < self.m.inner.num_imported_funcs
    }

    /// The body without its size field (declarations of locals included), as byte offsets in
    /// the module; `None` for imports.
    pub fn body(&self) -> Option<Range<u32>> {
        Some(self.m.inner.body(self.index)?.range.clone())
    }

    /// Number of parameters.
    pub fn num_params(&self) -> u32 {
        self.ty().params().len() as u32
    }

    /// Types of parameters and locals, by local index. Of an import only the parameters.
    ///
    /// # Errors
    /// The declarations are malformed, use unsupported types or declare more locals than the
    /// 50,000 that engines agreed on. The function need not be validated.
    pub fn local_types(&self) -> Result<Vec<ValType>, LoadError> {
        let mut types = self.ty().params().to_vec();
        let Some(body) = self.m.inner.function_body(self.index) else {
            return Ok(types);
        };
        let mut locals = body.get_locals_reader()?;
        for _ in 0..locals.get_count() {
            let offset = locals.original_position();
            let (count, ty) = locals.read()?;
            let total = types.len().saturating_add(count as usize);
            if total > LOCALS_MAX {
                return Err(LoadError::at("too many locals", offset));
            }
            types.resize(
                total,
                ValType::from_parser(ty, &self.m.inner.type_ids, offset)?,
            );
        }
        Ok(types)
    }

    /// Every operator in program order, with its pc; structured markers and the last `end`
    /// included. Empty for imports.
    ///
    /// # Errors
    /// The code is malformed. Operators are decoded, not validated.
    pub fn operators(&self) -> Result<Vec<(WasmPc, Operator<'a>)>, LoadError> {
        let Some(body) = self.m.inner.function_body(self.index) else {
            return Ok(Vec::new());
        };
        let mut reader = body.get_operators_reader()?;
        let mut operators = Vec::new();
        while !reader.eof() {
            let (operator, pc) = reader.read_with_offset()?;
            // Modules are smaller than 4 GiB.
            operators.push((WasmPc(pc as u32), operator));
        }
        reader.finish()?;
        Ok(operators)
    }
}
