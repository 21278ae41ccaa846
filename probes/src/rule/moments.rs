//! Moments that no probe is placed for: the store tells of caught exceptions, traps and ticks of fuel.
//!
//! A trap or a tick may come at any operator, and comes at few. So what a rule has to do there is made when it comes
//! there for the first time, with all that is known of that operator: predicates and keys may speak of it as those of
//! other events do of theirs.
//!
//! Code without probes keeps the locals that it still needs. A rule that asks for others has an exit probe in each
//! function, for which compiled code keeps all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::hook::{ProbeContext, Probes};
use probity_engine::wasmparser::{Catch, Operator};
use probity_engine::{ExnRef, Func, WasmPc};

use super::Rule;
use super::body::Body;
use super::facts::Facts;
use super::live::{Cause, Live};
use super::spec::{Event, Structure};
use super::vars::Var;
use super::watcher::{State, Watcher};

/// A site that any of the store's events may have fire.
pub(super) type SharedLive = Arc<Mutex<Live>>;

/// What a rule has to do at moments of the store.
#[derive(Default)]
pub(super) struct Moments {
    /// In program order, of each function that has any.
    pub tries: HashMap<Func, Arc<[Try]>>,
    /// By operator, as far as it is known; `None` if nothing is to be done.
    anywhere: HashMap<(Func, WasmPc, Structure), Option<SharedLive>>,
}

/// A `try_table`.
pub(super) struct Try {
    /// From the operator itself to its `end`.
    pcs: (WasmPc, WasmPc),
    /// The tag of each clause; `None` for those that catch all.
    tags: Vec<Option<u32>>,
    /// What is to be done when it catches.
    live: Option<SharedLive>,
}

impl Try {
    /// All that are in a function; `live` gives what is to be done, by the index of the operator.
    pub fn all(body: &Body<'_>, mut live: HashMap<usize, SharedLive>) -> Arc<[Try]> {
        let mut tries: Vec<Try> = Vec::new();
        // For each block that is open, the `try_table` that it is.
        let mut open = Vec::new();
        for (index, (pc, op)) in body.operators().iter().enumerate() {
            match op {
                Operator::TryTable { try_table } => {
                    open.push(Some(tries.len()));
                    let tags = try_table.catches.iter().map(|catch| match *catch {
                        Catch::One { tag, .. } | Catch::OneRef { tag, .. } => Some(tag),
                        Catch::All { .. } | Catch::AllRef { .. } => None,
                    });
                    tries.push(Try {
                        pcs: (*pc, *pc),
                        tags: tags.collect(),
                        live: live.remove(&index),
                    });
                }
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    open.push(None);
                }
                Operator::End => {
                    if let Some(Some(at)) = open.pop() {
                        tries[at].pcs.1 = *pc;
                    }
                }
                _ => {}
            }
        }
        tries.into()
    }
}

impl Rule {
    /// Whether values of a frame matter that nothing else may need.
    pub(super) fn asks_for_locals(&self) -> bool {
        let is_local = |var| matches!(var, Var::Local(_) | Var::Arg(_));
        let actions = self.actions.iter();
        let mut all = actions.flat_map(|action| action.args.iter().chain(&action.by));
        let predicate = self.predicate.as_ref();
        predicate.is_some_and(|p| p.asks(is_local)) || all.any(|expr| expr.asks(is_local))
    }
}

impl Watcher {
    /// Has the store tell of what the rule is about and no probe can be placed for: exceptions that are caught, traps,
    /// ticks of fuel, which are counted from now. [`attach`](Watcher::attach) does this too.
    pub fn attach_events(&self, probes: &mut Probes<'_>) {
        let spec = &self.rule().spec;
        let mut ids = Vec::new();
        if spec.structure.contains(&Structure::Catch) {
            let watcher = self.clone();
            ids.push(probes.on_catch(move |context, exception| {
                watcher.catches(context, exception);
            }));
        }
        if spec.structure.contains(&Structure::Trap) {
            let watcher = self.clone();
            ids.push(probes.on_trap(move |context, error| {
                watcher.happened(context, Structure::Trap, Cause::Trap(error));
            }));
        }
        if spec.structure.contains(&Structure::FuelTick) {
            let (watcher, units, mut fuel) = (self.clone(), spec.tick_units, 0u64);
            ids.push(probes.on_fuel(units, move |context| {
                fuel = fuel.saturating_add(units);
                watcher.happened(context, Structure::FuelTick, Cause::Tick(fuel));
                Ok(())
            }));
        }
        self.state().probes.extend(ids);
    }

    /// The frame catches an exception: which of its `try_table`s does is what the engine decides by the same rule, the
    /// innermost one with a clause for the tag.
    fn catches(&self, context: &mut ProbeContext<'_>, exception: &ExnRef) {
        let state = self.state();
        let tries = state.moments.tries.get(&context.func());
        let Some(tries) = tries.filter(|_| !state.detached).cloned() else {
            return;
        };
        drop(state);
        let (pc, tag, instance) = (context.pc(), exception.tag(context), context.instance());
        let mut around = tries.iter().rev();
        let by = around.find(|at| {
            let mut clauses = at.tags.iter();
            at.pcs.0 < pc
                && pc < at.pcs.1
                && clauses.any(|of| of.is_none_or(|of| instance.tag(context, of) == Some(tag)))
        });
        if let Some(live) = by.and_then(|at| at.live.as_ref()) {
            lock(live).fire(context, Cause::Catch(exception));
        }
    }

    /// What may happen anywhere has happened in a frame.
    fn happened(&self, context: &mut ProbeContext<'_>, structure: Structure, cause: Cause<'_>) {
        let at = (context.func(), context.pc(), structure);
        let mut state = self.state();
        if state.detached || !state.watched.contains(&at.0) {
            return;
        }
        let live = match state.moments.anywhere.get(&at) {
            Some(live) => live.clone(),
            None => {
                let live = self.at(&mut state, context, at);
                state.moments.anywhere.insert(at, live.clone());
                live
            }
        };
        // Whoever is told of what is printed may ask for results.
        drop(state);
        if let Some(live) = live {
            lock(&live).fire(context, cause);
        }
    }

    /// What is to be done where something may happen anywhere.
    fn at(
        &self,
        state: &mut State,
        context: &mut ProbeContext<'_>,
        (func, pc, structure): (Func, WasmPc, Structure),
    ) -> Option<SharedLive> {
        let (module, index) = context.probes().module_of(func)?;
        let body = Body::new(&module, index).ok()??;
        let selector = self.rule().selector();
        let predicate = selector.in_function(&module, body.info)?;
        let index = body.operators().binary_search_by_key(&pc, |(pc, _)| *pc);
        let of = state.module(&module);
        let facts = Facts {
            body: &body,
            event: Event::Structure(structure),
            index: index.ok()?,
            source: state.modules[of].1.as_ref(),
        };
        let selected = selector.at(&facts, &predicate)?;
        Some(self.place_moment(state, of, &body, selected))
    }
}

fn lock(live: &SharedLive) -> std::sync::MutexGuard<'_, Live> {
    live.lock().unwrap_or_else(PoisonError::into_inner)
}
