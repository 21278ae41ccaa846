//! A run's analyses together: they share one decoding of each function and
//! one counter plan, and each function is instrumented just before its first
//! execution, so that a module of any size starts at once.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::Probes;
use probity_engine::{Error, Func, Module, Result, Store};
use probity_probes::counts::CountPlan;
use probity_probes::rule::Rule;
use probity_probes::source::{Origin, Source};
use probity_probes::unwind::Unwind;
use probity_probes::wanted::Wanted;

use crate::analysis::{Analysis, Common, Instrument, Key, Run};
use crate::export::DataKind;
use crate::options::{FUNC, Options, TOP, UsageError};
use crate::registry::{AnalysisInfo, registry};
use crate::report::AnalysisReport;
use crate::rules::{self, Rules};
use crate::steps::{self, StepOptions, StepTrace, StepsHandle};
use crate::trace::{self, Trace, TraceHandle};

/// The analyses of one run.
///
/// ```no_run
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use probity_analyses::Session;
/// use probity_engine::{Config, Engine, Linker, Module, Store};
///
/// let engine = Engine::new(&Config::new());
/// let module = Module::from_file(&engine, "program.wasm")?;
/// let mut store = Store::new(&engine, ());
/// let mut session = Session::new();
/// session.add("icount", &[])?;
/// session.attach(&mut store, &module)?;
/// let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
/// let outcome = instance.get_typed_func::<(), ()>(&store, "main")?.call(&mut store, ());
/// let reports = session.finish(&mut store);
/// # Ok(()) }
/// ```
#[derive(Default)]
pub struct Session {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    tools: Vec<Tool>,
    plan: CountPlan,
    modules: Vec<Module>,
    /// By the same index.
    sources: Vec<Source>,
    keys: HashMap<Func, Key>,
    started: BTreeMap<Key, Vec<Func>>,
    warnings: Vec<String>,
}

struct Tool {
    name: &'static str,
    options: Options,
    analysis: Box<dyn Analysis>,
    /// The data that it has for exports.
    data: Option<DataKind>,
}

impl Session {
    /// A session without analyses.
    pub fn new() -> Session {
        Session::default()
    }

    /// Adds an analysis with its options.
    ///
    /// # Errors
    /// If there is no such analysis, option or value (the message names the
    /// nearest), or the analysis is in the session already.
    pub fn add(&mut self, name: &str, options: &[(String, String)]) -> Result<(), UsageError> {
        if name == trace::NAME {
            let message = "analysis trace needs a sink: Session::add_trace";
            return Err(UsageError::new(message.to_owned()));
        }
        let Some(info) = registry().iter().find(|info| info.name == name) else {
            let names: Vec<&str> = registry().iter().map(|info| info.name).collect();
            return Err(UsageError::unknown("analysis", name, &names));
        };
        self.add_own(info, options)
    }

    /// Adds an analysis that the registry does not know, with its options.
    ///
    /// # Errors
    /// If there is no such option or value, or an analysis of this name is in the session already.
    pub fn add_own(
        &mut self,
        info: &AnalysisInfo,
        options: &[(String, String)],
    ) -> Result<(), UsageError> {
        let options = Options::parse(info.name, info.options, options)?;
        self.add_tool(Tool {
            name: info.name,
            analysis: (info.make)(&options),
            data: info.data,
            options,
        })
    }

    /// Adds rules, which together are one analysis of the name `rules`; numbered from 1 in
    /// this order. `on_print` is given each line that a `print` of theirs makes, when
    /// it is made and without a line break.
    ///
    /// # Errors
    /// If there are rules in the session already.
    ///
    /// ```
    /// use probity_analyses::Session;
    /// use probity_probes::rule::Rule;
    ///
    /// let mut session = Session::new();
    /// let rule = Rule::parse("*.load* { hist(effective_addr) }")?;
    /// session.add_rules([rule], |line| println!("{line}"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_rules(
        &mut self,
        rules: impl IntoIterator<Item = Rule>,
        on_print: impl FnMut(&str) + Send + 'static,
    ) -> Result<(), UsageError> {
        let options = Options::parse(rules::NAME, &rules::OPTIONS, &[])?;
        let analysis = Rules::new(rules, on_print);
        self.add_tool(Tool {
            name: rules::NAME,
            analysis: Box::new(analysis),
            data: None,
            options,
        })
    }

    /// Adds a trace, which is an analysis of the name `trace`, with its options
    /// ([`trace::OPTIONS`]). It writes to `sink` while the program runs, and the rest by [`Session::finish`]; a flight
    /// recorder (`last=N`) when the program traps, and nothing at all if it does not. What fails
    /// there does not disturb the program, and is told by the handle.
    ///
    /// # Errors
    /// If there is no such option or value, options that exclude each other, or a trace in the session already.
    ///
    /// ```
    /// use probity_analyses::Session;
    ///
    /// let mut session = Session::new();
    /// let options = [("events".to_owned(), "calls+memory".to_owned())];
    /// let trace = session.add_trace(&options, std::io::stderr())?;
    /// assert_eq!(trace.problem(), None);
    /// # Ok::<(), probity_analyses::UsageError>(())
    /// ```
    pub fn add_trace(
        &mut self,
        options: &[(String, String)],
        sink: impl Write + Send + 'static,
    ) -> Result<TraceHandle, UsageError> {
        let options = Options::parse(trace::NAME, trace::OPTIONS, options)?;
        let (analysis, handle) = Trace::new(&options, sink)?;
        self.add_tool(Tool {
            name: trace::NAME,
            analysis: Box::new(analysis),
            data: None,
            options,
        })?;
        Ok(handle)
    }

    /// Adds the steps of a source file ([`steps`](crate::steps)), which are an analysis of the name `steps` without a
    /// report: the handle gives them.
    ///
    /// # Errors
    /// If the session has them already.
    pub fn add_steps(&mut self, options: StepOptions) -> Result<StepsHandle, UsageError> {
        let (analysis, handle) = StepTrace::new(options);
        self.add_tool(Tool {
            name: steps::NAME,
            analysis: Box::new(analysis),
            data: None,
            options: Options::parse(steps::NAME, &[FUNC, TOP], &[])?,
        })?;
        Ok(handle)
    }

    fn add_tool(&mut self, tool: Tool) -> Result<(), UsageError> {
        let mut state = self.state();
        if state.tools.iter().any(|known| known.name == tool.name) {
            let message = format!("analysis {} is given twice", tool.name);
            return Err(UsageError::new(message));
        }
        state.tools.push(tool);
        Ok(())
    }

    /// Has the analyses collect what exports of this kind show
    /// ([`ExportInfo::takes`](crate::export::ExportInfo::takes)). Call it before the run, behind
    /// adding the analyses.
    ///
    /// # Errors
    /// If no analysis of the session has such data; the message names those that do.
    pub fn collect(&mut self, kind: DataKind) -> Result<(), UsageError> {
        let mut state = self.state();
        let mut found = false;
        for tool in &mut state.tools {
            if tool.data == Some(kind) {
                tool.analysis.collect(kind);
                found = true;
            }
        }
        if found {
            return Ok(());
        }
        let have: Vec<&str> = kind.analyses().collect();
        let (kind, have) = (kind.name(), have.join(" or "));
        Err(UsageError::new(format!(
            "no analysis of the run has {kind} data; add {have}"
        )))
    }

    /// Watches every function of a module, in every instance that `store`
    /// will have of it, from its first execution on. Call it before
    /// instantiating; add the analyses first.
    ///
    /// # Errors
    /// If the module is attached already.
    pub fn attach<T>(&mut self, store: &mut Store<T>, module: &Module) -> Result<(), Error> {
        self.attach_from(store, module, Origin::default())
    }

    /// The same, for a module of which is known where it came from: reports can name its file,
    /// and its sources are found.
    ///
    /// # Errors
    /// If the module is attached already.
    pub fn attach_from<T>(
        &mut self,
        store: &mut Store<T>,
        module: &Module,
        origin: Origin,
    ) -> Result<(), Error> {
        let mut state = self.state();
        if state.modules.iter().any(|known| known.same(module)) {
            return Err(Error::usage(
                "the module is attached to the session already",
            ));
        }
        if state.tools.is_empty() {
            return Ok(());
        }
        if state.modules.is_empty() {
            state.plan.attach(&mut store.probes());
            let mut common = Common::default();
            for tool in &mut state.tools {
                tool.analysis.attach(&mut store.probes(), &mut common);
            }
        }
        let at = state.modules.len() as u32;
        state.modules.push(module.clone());
        state.sources.push(Source::new(module, origin));
        drop(state);

        let (module, shared) = (module.clone(), self.state.clone());
        store.probes().on_first_call(move |probes, func| {
            let of = probes.module_of(func);
            if let Some((_, index)) = of.filter(|(of, _)| of.same(&module)) {
                let key = Key { module: at, index };
                lock(&shared).first_call(probes, func, key, &module);
            }
        });
        let shared = self.state.clone();
        store.probes().on_unwind(move |probes, func, pc| {
            let mut state = lock(&shared);
            let State { keys, tools, .. } = &mut *state;
            if let Some(&key) = keys.get(&func).filter(|key| key.module == at) {
                for tool in tools {
                    tool.analysis.unwound(key, func, Unwind::new(probes, pc));
                }
            }
        });
        Ok(())
    }

    /// What the analyses found out, in the order of adding. Call it when the
    /// run is over, however it ended.
    pub fn finish<T>(&mut self, store: &mut Store<T>) -> Vec<AnalysisReport> {
        let mut state = self.state();
        let State {
            tools,
            plan,
            modules,
            sources,
            keys,
            started,
            warnings,
        } = &mut *state;
        let store = &*store;
        let key_of = |func: Func| {
            let known = keys.get(&func).copied();
            known.or_else(|| {
                let (of, index) = func.module(store)?;
                let module = modules.iter().position(|module| module.same(of))? as u32;
                Some(Key { module, index })
            })
        };
        let name_of = |func: Func| func.name(store);
        let reports = tools.iter_mut().map(|tool| {
            let findings = tool.analysis.finish(&Run {
                modules,
                sources,
                started,
                plan,
                selector: &tool.options.selector,
                key_of: &key_of,
                name_of: &name_of,
            });
            AnalysisReport {
                name: tool.name,
                facts: findings.facts,
                tables: findings.tables,
                top: tool.options.top,
                warnings: warnings.clone(),
                data: findings.data,
            }
        });
        let mut reports: Vec<AnalysisReport> = reports.collect();
        // Known only now: sources are read when they are first asked for.
        let asked = sources.iter().filter(|source| source.was_asked());
        for problem in asked.filter_map(Source::problem) {
            for report in reports.iter_mut().filter(|report| report.data.is_some()) {
                report.warnings.push(format!("failed to {problem}"));
            }
        }
        reports
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// A panic elsewhere leaves plain numbers behind: still worth reporting.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn first_call(&mut self, probes: &mut Probes<'_>, func: Func, key: Key, module: &Module) {
        self.keys.insert(func, key);
        self.started.entry(key).or_default().push(func);
        let Some(info) = module.function(key.index) else {
            return;
        };
        let mut at = Instrument::new(probes, func, key, module, info);
        if let Err(error) = self.instrument(&mut at) {
            let index = key.index;
            let warning = format!("failed to instrument function {index}: {error}");
            self.warnings.push(warning);
        }
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let mut wanted = Wanted::nothing();
        for tool in &mut self.tools {
            if tool.options.selector.matches(&at.info) {
                wanted.join(tool.analysis.wants_counts(at)?);
                tool.analysis.instrument(at)?;
            }
        }
        if !wanted.is_nothing() {
            let cfg = at.cfg()?;
            let plan = &self.plan;
            plan.instrument(at.probes, at.func, &cfg, &wanted)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_names_are_refused() {
        let mut session = Session::new();
        let error = |result: Result<(), UsageError>| result.err().map(|e| e.to_string());
        assert_eq!(
            error(session.add("hotnes", &[])).as_deref(),
            Some("unknown analysis `hotnes`; did you mean `hotness`?")
        );
        assert_eq!(error(session.add("hotness", &[])), None);
        assert_eq!(
            error(session.add("hotness", &[])).as_deref(),
            Some("analysis hotness is given twice")
        );
    }

    #[test]
    fn names_are_distinct_and_options_complete() {
        for (at, info) in registry().iter().enumerate() {
            assert!(registry()[..at].iter().all(|other| other.name != info.name));
            let names: Vec<&str> = info.options.iter().map(|option| option.name).collect();
            assert!(
                names.contains(&"func") && names.contains(&"top"),
                "{}",
                info.name
            );
            let defaults = Options::parse(info.name, info.options, &[]);
            assert!(defaults.is_ok(), "{}", info.name);
            for option in info.options {
                assert!(option.accepts(option.default), "{}", option.name);
            }
        }
    }
}
