//! What an analysis is to the session that runs it.
//!
//! An analysis of one's own is a type that implements [`Analysis`] and an [`AnalysisInfo`](crate::AnalysisInfo), which
//! [`Session::add_own`](crate::Session::add_own) takes; `examples/own-analysis` is one.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use probity_engine::hook::Probes;
use probity_engine::wasmparser::Operator;
use probity_engine::{Func, FunctionInfo, Module, Result, WasmPc};
use probity_probes::cfg::Cfg;
use probity_probes::counts::{CountPlan, FunctionCounts};
use probity_probes::matcher::FunctionSelector;
use probity_probes::source::{Source, SourceMap};
use probity_probes::unwind::Unwind;
use probity_probes::wanted::Wanted;

pub use crate::common::Common;
use crate::export::{Data, DataKind};
use crate::report::table::{Column, Fact, Kind, Table, Value};

/// One analysis in one run.
pub trait Analysis: Send {
    /// Has the store tell of what is no site of a function, and finds what it has in common with others of the session. Called
    /// once, before the first module is attached and before any function is instrumented.
    fn attach(&mut self, _probes: &mut Probes<'_>, _common: &mut Common) {}

    /// Something wants this data, one of the kinds that the analysis has by its row of the
    /// registry. Called before the run, if at all: what nobody wants need not be collected.
    fn collect(&mut self, _kind: DataKind) {}

    /// Which execution counts of this function it reads, one of those that it
    /// looks at.
    fn wants_counts(&self, _at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        Ok(Wanted::nothing())
    }

    /// Puts probes of its own into a function, just before the first
    /// execution of it in an instance.
    fn instrument(&mut self, _at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        Ok(())
    }

    /// An activation of a function ended early, or caught an exception.
    fn unwound(&mut self, _key: Key, _func: Func, _unwind: Unwind) {}

    /// What it found out. Called after the run.
    fn finish(&mut self, run: &Run<'_>) -> Findings;
}

/// What an analysis gives: single values, then tables; and what exports show.
#[derive(Default)]
pub struct Findings {
    /// Single values.
    pub facts: Vec<Fact>,
    /// Rows of values.
    pub tables: Vec<Table>,
    /// What formats of other tools are made from.
    pub data: Option<Data>,
}

/// A function of an attached module, all its instances taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Which attached module, in the order of attaching.
    pub module: u32,
    /// Index of the function there.
    pub index: u32,
}

type Operators<'m> = Rc<[(WasmPc, Operator<'m>)]>;

/// A function that is about to execute for the first time.
pub struct Instrument<'a, 'p, 'm> {
    /// Where probes are put in.
    pub probes: &'a mut Probes<'p>,
    /// The function, in its instance.
    pub func: Func,
    /// The same in all instances.
    pub key: Key,
    /// Its module.
    pub module: &'m Module,
    /// The function in its module.
    pub info: FunctionInfo<'m>,
    operators: OnceCell<Operators<'m>>,
    cfg: OnceCell<Arc<Cfg>>,
}

impl<'a, 'p, 'm> Instrument<'a, 'p, 'm> {
    pub(crate) fn new(
        probes: &'a mut Probes<'p>,
        func: Func,
        key: Key,
        module: &'m Module,
        info: FunctionInfo<'m>,
    ) -> Instrument<'a, 'p, 'm> {
        Instrument {
            probes,
            func,
            key,
            module,
            info,
            operators: OnceCell::new(),
            cfg: OnceCell::new(),
        }
    }

    /// Its operators, decoded once for all analyses.
    pub fn operators(&self) -> Result<Operators<'m>> {
        if let Some(operators) = self.operators.get() {
            return Ok(operators.clone());
        }
        let operators: Operators<'m> = self.info.operators()?.into();
        Ok(self.operators.get_or_init(|| operators).clone())
    }

    /// Its control flow, made once for all analyses.
    pub fn cfg(&self) -> Result<Arc<Cfg>> {
        if let Some(cfg) = self.cfg.get() {
            return Ok(cfg.clone());
        }
        let cfg = Arc::new(Cfg::new(&self.operators()?));
        Ok(self.cfg.get_or_init(|| cfg).clone())
    }
}

/// A finished run, as one analysis may see it: with the functions that it was
/// asked to look at.
pub struct Run<'a> {
    pub(crate) modules: &'a [Module],
    /// By the same index.
    pub(crate) sources: &'a [Source],
    pub(crate) started: &'a BTreeMap<Key, Vec<Func>>,
    pub(crate) plan: &'a CountPlan,
    pub(crate) selector: &'a FunctionSelector,
    /// Module and index of a function of an attached module.
    pub(crate) key_of: &'a dyn Fn(Func) -> Option<Key>,
    /// The name of any function.
    pub(crate) name_of: &'a dyn Fn(Func) -> String,
}

/// A function in a finished run.
pub struct Function<'a> {
    /// Which function.
    pub key: Key,
    /// The function in its module.
    pub info: FunctionInfo<'a>,
    /// `None` if it never started, or was not counted.
    pub counts: Option<FunctionCounts>,
    module: &'a Module,
}

impl<'a> Run<'a> {
    /// The functions that the analysis looks at, ascending: those that
    /// started, or `all` that have a body.
    pub fn functions(&self, all: bool) -> impl Iterator<Item = Function<'a>> {
        let defined = |module: &Module| module.num_imported_functions()..module.num_functions();
        let every = self
            .modules
            .iter()
            .enumerate()
            .flat_map(move |(at, module)| {
                defined(module).map(move |index| Key {
                    module: at as u32,
                    index,
                })
            });
        let keys: Vec<Key> = match all {
            true => every.collect(),
            false => self.started.keys().copied().collect(),
        };
        let (modules, selector, plan, started) =
            (self.modules, self.selector, self.plan, self.started);
        keys.into_iter().filter_map(move |key| {
            let module = modules.get(key.module as usize)?;
            let info = module.function(key.index)?;
            if !selector.matches(&info) {
                return None;
            }
            let instances = started.get(&key).map_or(&[][..], Vec::as_slice);
            let counts = instances.iter().filter_map(|&func| plan.counts(func));
            let counts = counts.reduce(|mut sum, more| {
                sum.merge(&more);
                sum
            });
            Some(Function {
                key,
                info,
                counts,
                module,
            })
        })
    }

    /// What is known of a function's source; read when it is first asked for.
    pub fn source(&self, key: Key) -> Option<&'a SourceMap> {
        self.sources.get(key.module as usize)?.map()
    }

    /// What ran: the file of each module as it was given, else its name.
    pub(crate) fn titles(&self) -> Vec<Arc<str>> {
        let modules = (0..).zip(self.modules).zip(self.sources);
        let titles = modules.map(|((at, module), source)| match &source.origin().path {
            Some(path) => path.display().to_string().into(),
            None => module_name(module, at).into(),
        });
        titles.collect()
    }

    /// The columns that say which function a row is about: `index` as given,
    /// `name`, and `module` if several modules are attached.
    pub fn function_columns(&self, index: &'static str) -> Vec<Column> {
        let mut columns = vec![
            Column::new(index, Kind::Index),
            Column::new("name", Kind::Function),
        ];
        if self.modules.len() > 1 {
            columns.insert(0, Column::new("module", Kind::Text));
        }
        columns
    }

    /// The values of [`Run::function_columns`].
    pub fn function_cells(&self, function: &Function<'_>) -> Vec<Value> {
        let mut cells = vec![
            Value::from(function.key.index),
            Value::Text(function.name()),
        ];
        if self.modules.len() > 1 {
            let module = module_name(function.module, function.key.module);
            cells.insert(0, Value::Text(module.into()));
        }
        cells
    }
}

impl Function<'_> {
    /// Its name in the module, else `func[i]`.
    pub fn name(&self) -> Arc<str> {
        function_name(&self.info)
    }

    /// Number of functions that its module imports.
    pub fn imported(&self) -> u32 {
        self.module.num_imported_functions()
    }

    /// Another function of its module.
    pub fn sibling(&self, index: u32) -> Option<FunctionInfo<'_>> {
        self.module.function(index)
    }

    /// Its operators. What is not valid never ran and has none.
    pub fn operators(&self) -> Vec<(WasmPc, Operator<'_>)> {
        self.info.operators().unwrap_or_default()
    }
}

/// A module's own name, else `module[i]`.
pub(crate) fn module_name(module: &Module, at: u32) -> String {
    let name = module.name().map(str::to_owned);
    name.unwrap_or_else(|| format!("module[{at}]"))
}

/// The name section's name, else the import's or export's, else `func[i]`.
pub(crate) fn function_name(info: &FunctionInfo<'_>) -> Arc<str> {
    match info.name() {
        Some(name) => name.as_ref().into(),
        None => format!("func[{}]", info.index()).into(),
    }
}
