//! Which sites of a function a rule fires at, with the predicate and the actions as
//! they are there once all that is known has been computed.

use probity_engine::hook::Site;
use probity_engine::wasmparser::Operator;
use probity_engine::{FunctionInfo, Module, WasmPc};

use super::ast::{Action, Expr};
use super::body::Body;
use super::facts::{Facts, OfFunction};
use super::fold::fold;
use super::spec::{Event, Mode, Spec, Structure};
use super::value::Value;
use super::vars::Read;
use super::ways::{decides, edges_of};
use crate::events;
use crate::opcode::{Opcode, class_of};
use crate::source::{SourceLine, SourceMap};

/// A site that a rule fires at.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// Index of the function in its module.
    pub func: u32,
    /// Index of the operator in the function: 0 at its entry, the last one at its exit.
    pub index: usize,
    /// Byte offset of that operator in the module.
    pub pc: WasmPc,
    /// At what the rule fires.
    pub event: Event,
    /// Whether something of the predicate has to be computed each time.
    pub is_dynamic: bool,
    /// The source line, if the module has DWARF.
    pub line: Option<SourceLine>,
}

impl Match {
    /// The operator; `None` at the entry and the exit of functions, and where it may be any.
    pub fn opcode(&self, body: &Body<'_>) -> Option<Opcode> {
        match self.event {
            Event::Structure(Structure::FunctionEntry | Structure::FunctionExit) => None,
            Event::Structure(structure) if structure.is_anywhere() => None,
            _ => {
                let (_, op) = body.operators.get(self.index)?;
                Some(Opcode::of(op))
            }
        }
    }

    /// Where its probe goes; `None` if it is the store that tells of it. That of a loop's entry fires at every round, and has to
    /// be told which one comes from outside; so have others that fire only if control goes some way.
    pub(super) fn site(&self, body: &Body<'_>) -> Option<Site> {
        Some(match self.event {
            Event::Opcode(_, Mode::Before) => Site::Before(self.pc),
            Event::Opcode(_, Mode::After) => Site::After(self.pc),
            Event::Structure(structure) => match structure {
                Structure::FunctionEntry => Site::Entry,
                Structure::FunctionExit => Site::Exit,
                Structure::BlockEntry
                | Structure::BlockExit
                | Structure::LoopEntry
                | Structure::LoopIteration
                | Structure::LoopBack
                | Structure::EdgeTaken => Site::Before(self.pc),
                Structure::EdgeFalls => match &body.operators[self.index].1 {
                    op if decides(op) => Site::Before(self.pc),
                    // It may also trap, or throw.
                    _ => Site::After(self.pc),
                },
                Structure::Catch | Structure::Trap | Structure::FuelTick => return None,
            },
        })
    }
}

/// A match with what is left to do there.
pub(super) struct Selected {
    pub at: Match,
    /// `None` if the predicate is true.
    pub predicate: Option<Expr>,
    /// How many of the reads the predicate needs: the first ones.
    pub predicate_reads: usize,
    pub actions: Vec<Action>,
    /// What the predicate and the actions read when the site fires.
    pub reads: Vec<Read>,
}

impl Selected {
    /// An event that may happen anywhere in the function: what there is to do is not known before.
    fn unknown(at: Match) -> Selected {
        Selected {
            at,
            predicate: None,
            predicate_reads: 0,
            actions: Vec::new(),
            reads: Vec::new(),
        }
    }
}

/// A rule's parts, as selecting needs them.
pub(super) struct Selector<'r> {
    pub spec: &'r Spec,
    pub predicate: Option<&'r Expr>,
    pub actions: &'r [Action],
}

impl Selector<'_> {
    /// The predicate in a function; `None` if it is false whatever the site.
    pub fn in_function<'m>(&self, module: &'m Module, info: FunctionInfo<'m>) -> Option<Expr> {
        let Some(predicate) = self.predicate else {
            return Some(Expr::Const(Value::Bool(true)));
        };
        let scope = OfFunction { module, info };
        let predicate = fold(predicate, &scope, &mut Vec::new());
        (predicate != Expr::Const(Value::Bool(false))).then_some(predicate)
    }

    /// The sites in one function, in program order, until `see` has seen enough.
    pub fn each(
        &self,
        body: &Body<'_>,
        source: Option<&SourceMap>,
        see: &mut dyn FnMut(Selected) -> bool,
    ) {
        let Some(predicate) = self.in_function(body.module, body.info) else {
            return;
        };
        for (event, index) in self.events(body) {
            if matches!(event, Event::Structure(structure) if structure.is_anywhere()) {
                let at = Match {
                    func: body.index(),
                    index,
                    pc: body.operators[index].0,
                    event,
                    is_dynamic: predicate != Expr::Const(Value::Bool(true)),
                    line: None,
                };
                if !see(Selected::unknown(at)) {
                    return;
                }
                continue;
            }
            let facts = Facts {
                body,
                event,
                index,
                source,
            };
            if let Some(selected) = self.at(&facts, &predicate)
                && !see(selected)
            {
                return;
            }
        }
    }

    /// One event at an operator; `None` if the predicate is false there. `predicate` is that of the function.
    pub fn at(&self, facts: &Facts<'_, '_>, predicate: &Expr) -> Option<Selected> {
        let mut reads = Vec::new();
        let predicate = match fold(predicate, facts, &mut reads) {
            Expr::Const(value) if !value.is_true() => return None,
            Expr::Const(_) => None,
            predicate => Some(predicate),
        };
        let predicate_reads = reads.len();
        let mut folded = |list: &[Expr]| -> Vec<Expr> {
            let list = list.iter();
            list.map(|expr| fold(expr, facts, &mut reads)).collect()
        };
        let actions = self.actions.iter().map(|action| Action {
            kind: action.kind.clone(),
            args: folded(&action.args),
            by: folded(&action.by),
            text: action.text.clone(),
        });
        let actions = actions.collect();
        let (pc, _) = *facts.body.operators.get(facts.index)?;
        Some(Selected {
            at: Match {
                func: facts.body.index(),
                index: facts.index,
                pc,
                event: facts.event,
                is_dynamic: predicate.is_some(),
                line: facts.line(),
            },
            predicate,
            predicate_reads,
            actions,
            reads,
        })
    }

    /// All events of the specification in a function.
    fn events(&self, body: &Body<'_>) -> Vec<(Event, usize)> {
        let mut events = Vec::new();
        let imported = body.module.num_imported_functions();
        if !self.spec.opcodes.is_empty() || !self.spec.classes.is_empty() {
            for (index, (_, op)) in body.operators.iter().enumerate() {
                let opcode = Opcode::of(op);
                let by_class = || self.spec.classes.contains(&class_of(op, imported));
                if self.spec.opcodes.get(opcode.index()) == Some(&true) || by_class() {
                    let last = index + 1 == body.operators.len();
                    let goes_on = !last && events::goes_on(op);
                    let modes = self.spec.modes.iter();
                    let modes = modes.filter(|&&mode| mode == Mode::Before || goes_on);
                    events.extend(modes.map(|&mode| (Event::Opcode(opcode, mode), index)));
                }
            }
        }
        for &structure in &self.spec.structure {
            let event = Event::Structure(structure);
            let (blocks, loops) = match structure {
                Structure::FunctionEntry => {
                    events.push((event, 0));
                    continue;
                }
                Structure::FunctionExit => {
                    events.push((event, body.operators.len().saturating_sub(1)));
                    continue;
                }
                Structure::Trap | Structure::FuelTick => {
                    events.extend((!body.operators.is_empty()).then_some((event, 0)));
                    continue;
                }
                Structure::Catch => {
                    let tries = body.operators.iter().enumerate().filter(|(_, (_, op))| {
                        matches!(op, Operator::TryTable { try_table } if !try_table.catches.is_empty())
                    });
                    events.extend(tries.map(|(index, _)| (event, index)));
                    continue;
                }
                Structure::BlockEntry | Structure::BlockExit => (body.cfg().blocks(), &[][..]),
                Structure::LoopEntry | Structure::LoopIteration | Structure::LoopBack => {
                    (&[][..], body.cfg().loops())
                }
                Structure::EdgeTaken | Structure::EdgeFalls => {
                    let taken = structure == Structure::EdgeTaken;
                    events.extend(edges(body, taken).map(|index| (event, index)));
                    continue;
                }
            };
            let at_end = structure == Structure::BlockExit;
            events.extend(blocks.iter().map(|block| {
                let index = if at_end { block.end - 1 } else { block.start };
                (event, index as usize)
            }));
            events.extend(loops.iter().map(|l| (event, l.header as usize)));
        }
        events.sort_by_key(|&(event, index)| (index, event));
        events
    }
}

/// The last operators of blocks from which an edge leads elsewhere (`taken`), or to the operator behind.
fn edges(body: &Body<'_>, taken: bool) -> impl Iterator<Item = usize> {
    let cfg = body.cfg();
    let reachable = cfg.blocks().iter().enumerate();
    let reachable = reachable.filter(|(_, block)| block.reachable);
    reachable.filter_map(move |(at, block)| {
        let last = block.end as usize - 1;
        let (elsewhere, falls) = edges_of(&body.operators[last].1);
        let any = cfg.edges_from(at as u32).next().is_some();
        (any && if taken { elsewhere } else { falls }).then_some(last)
    })
}
