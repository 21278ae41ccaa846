//! A rule at work in a store.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{Action as HookAction, Counters, Probe, ProbeId, Probes, Site};
use probity_engine::{Func, FunctionInfo, Module, Result, Store, WasmPc};

use super::Rule;
use super::ast::{Action, Expr, Kind};
use super::body::Body;
use super::live::{Cause, Live, Meant, Sink};
use super::moments::{Moments, SharedLive, Try};
use super::results::{self, Results};
use super::select::{Match, Selected};
use super::spec::{Event, Structure};
use super::tally::Tallies;
use super::value::Value;
use super::ways::Ways;
use crate::opcode::Opcode;
use crate::source::SourceMap;

/// A rule that watches the functions it is put into, and what it has found. Clones are
/// the same watcher; results can be read from any thread at any time.
#[derive(Clone)]
pub struct Watcher {
    shared: Arc<Shared>,
}

struct Shared {
    rule: Rule,
    sink: Sink,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub modules: Vec<(Module, Option<SourceMap>)>,
    pub watched: HashSet<Func>,
    placed: Vec<Placed>,
    /// Counts of loops, with the function that they are in.
    loops: Vec<(Func, Ways)>,
    pub moments: Moments,
    pub probes: Vec<ProbeId>,
    pub errors: Vec<String>,
    pub detached: bool,
}

/// A site in one instance.
pub(super) struct Placed {
    pub module: usize,
    pub name: Arc<str>,
    pub at: Match,
    pub opcode: Option<Opcode>,
    /// One for each action of the rule.
    pub cells: Vec<Cell>,
}

/// Where one action at one site keeps what it has seen.
pub(super) enum Cell {
    /// A counter that compiled code adds to, with what it says.
    Inline {
        counters: Counters,
        index: usize,
        ways: Option<(Meant, Ways)>,
        key: Vec<Value>,
    },
    Tallies(Arc<Mutex<Vec<Tallies>>>, usize),
}

impl Watcher {
    pub(super) fn new(rule: Rule) -> Watcher {
        Watcher {
            shared: Arc::new(Shared {
                rule,
                sink: Sink::default(),
                state: Mutex::default(),
            }),
        }
    }

    /// The rule.
    pub fn rule(&self) -> &Rule {
        &self.shared.rule
    }

    /// Calls `f` with each line that a `print` makes, without a line break, at the time when it is
    /// made. Without this the lines are counted, and gone.
    pub fn on_print(&self, f: impl FnMut(&str) + Send + 'static) {
        let mut sink = self
            .shared
            .sink
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *sink = Some(Box::new(f));
    }

    /// Watches every function of a store from its first execution on. Those that
    /// have executed already are not watched, unless by [`Watcher::instrument`].
    pub fn attach<T>(&self, store: &mut Store<T>) {
        self.attach_events(&mut store.probes());
        let watcher = self.clone();
        store.probes().on_first_call(move |probes, func| {
            if let Err(error) = watcher.instrument(probes, func) {
                let mut state = watcher.state();
                state.errors.push(format!("failed to instrument: {error}"));
            }
        });
        let watcher = self.clone();
        store.probes().on_unwind(move |probes, func, _| {
            if let Some(pc) = probes.caught_at() {
                watcher.caught(func, pc);
            }
        });
    }

    /// Takes all probes away. What has been found stays, and functions are not watched any more
    /// that start from now on.
    pub fn detach<T>(&self, store: &mut Store<T>) {
        let mut state = self.state();
        state.detached = true;
        let probes = std::mem::take(&mut state.probes);
        drop(state);
        for id in probes {
            store.probes().remove(id);
        }
    }

    /// Whether a function could have sites, as far as that is known without looking at
    /// its body.
    pub fn may_match<'m>(&self, module: &'m Module, info: FunctionInfo<'m>) -> bool {
        let selector = self.shared.rule.selector();
        selector.in_function(module, info).is_some()
    }

    /// Watches a function from now on, also where it is executing. Does nothing if
    /// it is watched already.
    ///
    /// # Errors
    /// If the body is malformed or the engine refuses a probe.
    pub fn instrument(&self, probes: &mut Probes<'_>, func: Func) -> Result<()> {
        let Some((module, index)) = probes.module_of(func) else {
            return Ok(());
        };
        let info = module.function(index);
        if info.is_none_or(|info| !self.may_match(&module, info)) {
            return Ok(());
        }
        match Body::new(&module, index)? {
            Some(body) => self.instrument_body(probes, func, &body),
            None => Ok(()),
        }
    }

    /// The same, of a function that is decoded already.
    ///
    /// # Errors
    /// If the engine refuses a probe.
    pub fn instrument_body(
        &self,
        probes: &mut Probes<'_>,
        func: Func,
        body: &Body<'_>,
    ) -> Result<()> {
        let mut state = self.state();
        if state.detached || !state.watched.insert(func) {
            return Ok(());
        }
        let module = state.module(body.module);
        let mut selected = Vec::new();
        self.shared
            .rule
            .selector()
            .each(body, state.modules[module].1.as_ref(), &mut |site| {
                selected.push(site);
                true
            });
        let counters = Counters::new(selected.len());
        let mut catching = HashMap::new();
        let mut in_moments = false;
        for (index, site) in selected.into_iter().enumerate() {
            let Some(at) = site.at.site(body) else {
                in_moments = true;
                // What may happen anywhere is placed when it happens.
                if site.at.event == Event::Structure(Structure::Catch) {
                    let index = site.at.index;
                    let live = self.place_moment(&mut state, module, body, site);
                    catching.insert(index, live);
                }
                continue;
            };
            let placing = Placing {
                func,
                body,
                module,
                site: at,
                counters: (&counters, index),
            };
            self.place(&mut state, probes, &placing, site)?;
        }
        if in_moments && self.shared.rule.asks_for_locals() {
            let id = probes.insert(func, Site::Exit, Probe::call(|_| Ok(())))?;
            state.probes.push(id);
        }
        if !catching.is_empty() {
            let tries = Try::all(body, catching);
            state.moments.tries.insert(func, tries);
        }
        Ok(())
    }

    fn place(
        &self,
        state: &mut State,
        probes: &mut Probes<'_>,
        placing: &Placing<'_, '_>,
        selected: Selected,
    ) -> Result<()> {
        let Placing {
            func,
            body,
            module,
            site,
            counters: (counters, index),
        } = *placing;
        let at = selected.at.clone();
        let ways = match at.event {
            Event::Structure(event @ (Structure::LoopEntry | Structure::LoopBack)) => {
                let back = Ways::back(probes, func, body, at.index, &mut state.probes)?;
                state.loops.push((func, back.clone()));
                let meant = match event {
                    Structure::LoopBack => Meant::Ways,
                    _ => Meant::Others,
                };
                Some((meant, back))
            }
            Event::Structure(event @ (Structure::EdgeTaken | Structure::EdgeFalls)) => {
                let at = (at.index, event);
                let ways = Ways::edge(probes, func, body, at, &mut state.probes)?;
                ways.map(|ways| (Meant::Ways, ways))
            }
            _ => None,
        };

        // What is only counted is counted in place; for the rest there is one call.
        let tallies = Arc::<Mutex<Vec<Tallies>>>::default();
        let mut inline = false;
        // Where the ways say it, the fires need not be counted.
        let told = ways
            .as_ref()
            .is_some_and(|(meant, _)| *meant == Meant::Ways);
        let mut called = Vec::new();
        let cells = selected.actions.into_iter().map(|action| {
            match constant_key(&action).filter(|_| selected.predicate.is_none()) {
                Some(key) => {
                    inline = true;
                    Cell::Inline {
                        counters: counters.clone(),
                        index,
                        ways: ways.clone(),
                        key,
                    }
                }
                None => {
                    called.push(action);
                    Cell::Tallies(tallies.clone(), called.len() - 1)
                }
            }
        });
        let cells = cells.collect();
        state.placed.push(Placed {
            module,
            name: body.name().into(),
            opcode: at.opcode(body),
            at,
            cells,
        });
        if inline && !told {
            let action = HookAction::CountAdd {
                counters: counters.clone(),
                index,
                n: 1,
            };
            let id = probes.insert(func, site, Probe::new(action))?;
            state.probes.push(id);
        }
        if !called.is_empty() {
            let selected = Selected {
                actions: called,
                ..selected
            };
            let ways = ways.map(|(meant, ways)| (meant, ways, 0));
            let mut live = self.live(selected, tallies, ways);
            let probe = Probe::call(move |context| {
                live.fire(context, Cause::Control);
                Ok(())
            });
            let id = probes.insert(func, site, probe)?;
            state.probes.push(id);
        }
        Ok(())
    }

    /// A site at which all that is to be done is done by a call.
    pub(super) fn place_moment(
        &self,
        state: &mut State,
        module: usize,
        body: &Body<'_>,
        selected: Selected,
    ) -> SharedLive {
        let tallies = Arc::<Mutex<Vec<Tallies>>>::default();
        let cells = 0..selected.actions.len();
        let cells = cells.map(|at| Cell::Tallies(tallies.clone(), at));
        state.placed.push(Placed {
            module,
            name: body.name().into(),
            at: selected.at.clone(),
            opcode: selected.at.opcode(body),
            cells: cells.collect(),
        });
        Arc::new(Mutex::new(self.live(selected, tallies, None)))
    }

    /// What its actions do when a site fires.
    fn live(
        &self,
        selected: Selected,
        tallies: Arc<Mutex<Vec<Tallies>>>,
        ways: Option<(Meant, Ways, u64)>,
    ) -> Live {
        let mut list = tallies.lock().unwrap_or_else(PoisonError::into_inner);
        list.resize_with(selected.actions.len(), Tallies::default);
        drop(list);
        Live {
            predicate: selected.predicate,
            predicate_reads: selected.predicate_reads,
            reads: selected.reads,
            actions: selected.actions,
            tallies,
            sink: self.shared.sink.clone(),
            ways,
            inputs: Vec::new(),
        }
    }

    /// An exception was caught in a function, which goes on at `pc`: to be told by those who
    /// do not [`attach`](Watcher::attach).
    pub fn caught(&self, func: Func, pc: WasmPc) {
        let state = self.state();
        let of_func = state.loops.iter().filter(|(known, _)| *known == func);
        of_func.for_each(|(_, back)| back.caught_at(pc));
    }

    /// What has been found until now.
    pub fn results(&self) -> Results {
        let state = self.state();
        let modules = state.modules.iter().map(|(module, _)| module.clone());
        results::of(
            &self.shared.rule.actions,
            &state.placed,
            modules.collect(),
            state.errors.clone(),
        )
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a site is to be.
struct Placing<'a, 'm> {
    func: Func,
    body: &'a Body<'m>,
    module: usize,
    site: Site,
    counters: (&'a Counters, usize),
}

impl State {
    pub fn module(&mut self, module: &Module) -> usize {
        let known = self
            .modules
            .iter()
            .position(|(known, _)| known.same(module));
        known.unwrap_or_else(|| {
            self.modules.push((module.clone(), SourceMap::new(module)));
            self.modules.len() - 1
        })
    }
}

/// The key of an action that only counts, always under the same key.
fn constant_key(action: &Action) -> Option<Vec<Value>> {
    let constant = |expr: &Expr| match expr {
        Expr::Const(value) => Some(value.clone()),
        _ => None,
    };
    match action.kind {
        Kind::Count => action.by.iter().map(constant).collect(),
        _ => None,
    }
}
