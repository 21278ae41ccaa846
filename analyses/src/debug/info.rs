//! What the debugger knows of the modules of a run: their sources, kept ready, for a condition may ask thousands of times.

use std::collections::HashMap;
use std::sync::Arc;

use probity_engine::{Func, Instance, Module, WasmPc};
use probity_probes::demangle::demangle;
use probity_probes::source::{
    Origin, Source, SourceFrame, SourceLine, Type, TypeId, TypeKind, Variable,
};

/// A module of the run.
pub(crate) struct Known {
    pub module: Module,
    pub source: Source,
    variables: HashMap<WasmPc, Arc<[Variable]>>,
    statics: Option<Arc<[Variable]>>,
    types: HashMap<TypeId, Option<Arc<Type>>>,
}

/// Aliases of aliases end somewhere.
const ALIASES_MAX: u32 = 32;

impl Known {
    pub fn new(module: &Module, origin: Origin) -> Known {
        Known {
            module: module.clone(),
            source: Source::new(module, origin),
            variables: HashMap::new(),
            statics: None,
            types: HashMap::new(),
        }
    }

    /// The variables in scope, inner ones first.
    pub fn variables(&mut self, pc: WasmPc) -> Arc<[Variable]> {
        if let Some(known) = self.variables.get(&pc) {
            return known.clone();
        }
        let map = self.source.map();
        let found: Arc<[Variable]> = map.map_or_else(Vec::new, |map| map.variables(pc)).into();
        self.variables.insert(pc, found.clone());
        found
    }

    /// The variables outside of all functions.
    pub fn statics(&mut self) -> Arc<[Variable]> {
        if let Some(known) = &self.statics {
            return known.clone();
        }
        let map = self.source.map();
        let found: Arc<[Variable]> = map.map_or_else(Vec::new, |map| map.statics()).into();
        self.statics = Some(found.clone());
        found
    }

    /// The variable that a name means at an operator: the innermost in scope, else one outside of functions, by its path
    /// or the last part of it.
    pub fn named(&mut self, name: &str, pc: WasmPc) -> Option<Variable> {
        let local = self.variables(pc);
        if let Some(found) = local.iter().find(|variable| *variable.name == *name) {
            return Some(found.clone());
        }
        let statics = self.statics();
        let found = statics.iter().find(|variable| *variable.name == *name);
        let last = |variable: &&Variable| variable.name.rsplit("::").next() == Some(name);
        found.or_else(|| statics.iter().find(last)).cloned()
    }

    /// A type, behind all its other names and qualifiers.
    pub fn ty(&mut self, id: TypeId) -> Option<Arc<Type>> {
        let mut id = id;
        for _ in 0..ALIASES_MAX {
            let ty = self.named_type(id)?;
            match ty.kind {
                TypeKind::Alias(Some(of)) => id = of,
                _ => return Some(ty),
            }
        }
        None
    }

    /// How many bytes a value of a type has.
    pub fn size(&mut self, id: TypeId) -> Option<u64> {
        let ty = self.ty(id)?;
        match &ty.kind {
            // Memory 0 of 32 bits is what C and Rust know.
            TypeKind::Pointer(_) => ty.bytes.or(Some(4)),
            TypeKind::Array {
                of: Some(of),
                counts,
            } if ty.bytes.is_none() => {
                let element = self.size(*of)?;
                let counts = counts.iter().map(|count| count.unwrap_or(0));
                Some(counts.fold(element, u64::saturating_mul))
            }
            _ => ty.bytes,
        }
    }

    /// A type as it is named.
    pub fn named_type(&mut self, id: TypeId) -> Option<Arc<Type>> {
        let source = &self.source;
        let read = || source.map().and_then(|map| map.ty(id)).map(Arc::new);
        self.types.entry(id).or_insert_with(read).clone()
    }

    /// The line of an operator.
    pub fn line(&self, pc: WasmPc) -> Option<SourceLine> {
        let line = self.source.map()?.line(pc)?;
        (line.line > 0).then_some(line)
    }

    /// The source's functions around an operator, innermost first.
    pub fn frames(&self, index: u32, pc: WasmPc) -> Vec<SourceFrame> {
        self.source.frames(index, pc)
    }

    /// A function's name for people.
    pub fn function_name(&self, index: u32) -> String {
        let info = self.module.function(index);
        match info.as_ref().and_then(|info| info.name()) {
            Some(name) => demangle(&name).unwrap_or_else(|| name.into_owned()),
            None => format!("func[{index}]"),
        }
    }

    /// Where a function's own work begins: behind what the compiler does first, which is the second line's first
    /// operator; or at its first operator.
    pub fn body_start(&self, index: u32) -> Option<WasmPc> {
        let info = self.module.function(index)?;
        let range = info.body()?;
        let operators = info.operators().ok()?;
        let first = operators.first()?.0;
        let Some(map) = self.source.map() else {
            return Some(first);
        };
        let mut rows = map.rows(first.0..range.end).filter(|row| row.line > 0);
        let opening = rows.next();
        let body = rows.next().map(|row| WasmPc(row.start));
        // A row may begin between operators, where the table is not of this code.
        let body = body.filter(|pc| has(&operators, *pc));
        Some(body.filter(|_| opening.is_some()).unwrap_or(first))
    }

    /// Whether lines of the function are known.
    pub fn has_lines(&self, index: u32) -> bool {
        let body = self.module.function(index).and_then(|info| info.body());
        let lines = self.source.map().zip(body);
        lines.is_some_and(|(map, body)| map.rows(body).any(|row| row.line > 0))
    }
}

/// Whether an operator begins at an offset.
pub(crate) fn has<O>(operators: &[(WasmPc, O)], pc: WasmPc) -> bool {
    operators
        .binary_search_by_key(&pc.0, |(pc, _)| pc.0)
        .is_ok()
}

/// The modules of a run, and their instances.
#[derive(Default)]
pub(crate) struct Program {
    pub modules: Vec<Known>,
    /// With the index of its module.
    pub instances: Vec<(Instance, usize)>,
}

impl Program {
    /// The index of a module, if it is one of the program's.
    pub fn find(&self, module: &Module) -> Option<usize> {
        self.modules
            .iter()
            .position(|known| known.module.same(module))
    }

    /// Module and index of a function.
    pub fn of(&self, of: Option<(Module, u32)>) -> Option<(usize, u32)> {
        let (module, index) = of?;
        Some((self.find(&module)?, index))
    }

    /// The function of an index in each instance of a module.
    pub fn functions<'p>(
        &'p self,
        store: &'p impl probity_engine::AsContext,
        module: usize,
        index: u32,
    ) -> impl Iterator<Item = Func> + 'p {
        let of_module = self.instances.iter().filter(move |(_, of)| *of == module);
        of_module.filter_map(move |(instance, _)| instance.func(store, index))
    }
}
