//! Which probes there are, by function and site.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use probity_interp::handlers::probe::Extend;

use super::alone::Alone;
use super::arena::Arena;
use super::events::Events;
use super::fired::Recent;
use super::jump::Jump;
use super::private::PrivateCode;
use super::value::INPUTS_MAX;
use super::{
    Action, Buffer, Callback, Counters, Folded, Input, OutsideCall, Probe, ProbeId, Site, Taken,
    ValueCall,
};
use crate::code::{FuncCode, Mode};
use crate::error::{Error, Result};
use crate::runtime::core::{FuncKind, StoreCore};
use crate::runtime::slot_offsets;
use crate::types::{ValType, WasmPc};

/// A probe in the table. Shared with the fire that is running it.
pub(crate) struct Body {
    pub(crate) id: ProbeId,
    pub(crate) priority: i32,
    pub(crate) one_shot: bool,
    pub(crate) action: BodyAction,
}

pub(crate) enum BodyAction {
    Add {
        counters: Counters,
        index: usize,
        n: u64,
    },
    Set {
        counters: Counters,
        index: usize,
    },
    Top {
        counters: Counters,
        first: usize,
        last: u32,
        boolean: bool,
    },
    Fold {
        counters: Counters,
        index: usize,
        folded: Folded,
    },
    Values {
        taken: Box<[Taken]>,
        call: Arc<ValueCall>,
    },
    Outside {
        taken: Box<[Taken]>,
        call: Arc<OutsideCall>,
    },
    Record {
        taken: Box<[Taken]>,
        tag: u64,
        buffer: Arc<Buffer>,
    },
    /// Taken out while it runs, so that guest code called from it does not fire it.
    Call(Alone<Callback>),
    /// Ends the guest, out of fuel, or tells of a tick, before anything else fires.
    Stop,
}

/// Probes of one function.
#[derive(Default)]
pub(crate) struct FuncProbes {
    pub(crate) before: BTreeMap<u32, Vec<Arc<Body>>>,
    pub(crate) after: BTreeMap<u32, Vec<Arc<Body>>>,
    pub(crate) entry: Vec<Arc<Body>>,
    pub(crate) exit: Vec<Arc<Body>>,
}

impl FuncProbes {
    fn is_empty(&self) -> bool {
        let FuncProbes {
            before,
            after,
            entry,
            exit,
        } = self;
        before.is_empty() && after.is_empty() && entry.is_empty() && exit.is_empty()
    }

    /// The probes of a site, which may be none.
    fn list(&mut self, site: Site) -> &mut Vec<Arc<Body>> {
        match site {
            Site::Before(pc) => self.before.entry(pc.0).or_default(),
            Site::After(pc) => self.after.entry(pc.0).or_default(),
            Site::Entry => &mut self.entry,
            Site::Exit => &mut self.exit,
        }
    }

    fn remove(&mut self, site: Site, id: ProbeId) {
        self.list(site).retain(|body| body.id != id);
        let by_pc = match site {
            Site::Before(pc) => Some((&mut self.before, pc)),
            Site::After(pc) => Some((&mut self.after, pc)),
            Site::Entry | Site::Exit => None,
        };
        if let Some((lists, pc)) = by_pc
            && lists.get(&pc.0).is_some_and(Vec::is_empty)
        {
            lists.remove(&pc.0);
        }
    }
}

/// Where a probe is.
#[derive(Clone, Copy)]
enum Location {
    Local { func: u32, site: Site },
    Global,
    Event,
}

/// What has to be brought up to date in a function's code.
#[derive(Default)]
pub(crate) struct Change {
    /// Operators before which lists changed, by pc.
    pub(crate) before: Vec<u32>,
    /// Operators behind which lists changed, by pc.
    pub(crate) after: Vec<u32>,
    pub(crate) entry: bool,
    /// Everything: global probes, exits.
    pub(crate) all: bool,
}

#[derive(Default)]
pub(crate) struct ProbeTable {
    last_id: u64,
    locations: HashMap<u64, Location>,
    pub(crate) funcs: HashMap<u32, FuncProbes>,
    pub(crate) globals: Vec<Arc<Body>>,
    pub(crate) events: Events,
    /// Of the frame that watchers are told of: its operator did not execute.
    pub(crate) stopped_before: bool,
    /// Of the frame that watchers are told of: where it catches the exception.
    pub(crate) caught_at: Option<WasmPc>,
    /// Functions that have run, and so have code to be kept up to date.
    pub(crate) prepared: HashSet<u32>,
    pub(crate) private: HashMap<u32, PrivateCode>,
    pub(crate) arena: Arena,
    /// Changes that code does not show yet.
    pub(crate) dirty: HashMap<u32, Change>,
    /// Counts changes of code: what was known of a function holds as long as it is the same.
    pub(crate) version: u64,
    pub(crate) recent: Recent,
    /// Functions kept private although nothing probes them: a limit is near.
    pub(crate) held: HashSet<u32>,
    /// Where the frame that fires goes on, if a probe has said so.
    pub(super) jump: Option<Box<Jump>>,
    /// What the first probe of a site failed with that was called without the engine.
    pub(crate) failed: Option<Error>,
    /// The probe that stops the guest at its fuel limit, or at a tick.
    pub(crate) stop: Option<ProbeId>,
}

impl ProbeTable {
    /// Whether a function needs code of its own.
    pub(crate) fn wants_private(&self, func: u32) -> bool {
        !self.globals.is_empty() || self.funcs.contains_key(&func) || self.held.contains(&func)
    }

    /// The youngest of all names that have been given.
    pub(crate) fn last_id(&self) -> ProbeId {
        ProbeId(self.last_id)
    }

    /// A name for a watcher of events.
    pub(super) fn new_event(&mut self) -> ProbeId {
        self.last_id += 1;
        self.locations.insert(self.last_id, Location::Event);
        ProbeId(self.last_id)
    }

    /// A probe for the table; `taken` are the values that it takes, none where control never comes.
    fn new_body(&mut self, probe: Probe, location: Location, taken: Vec<Taken>) -> Arc<Body> {
        self.last_id += 1;
        self.locations.insert(self.last_id, location);
        let action = match probe.action {
            Action::CountAdd { counters, index, n } => BodyAction::Add { counters, index, n },
            Action::Set { counters, index } => BodyAction::Set { counters, index },
            Action::CountTop {
                counters,
                first,
                len,
                boolean,
            } => BodyAction::Top {
                counters,
                first,
                last: len - 1,
                boolean,
            },
            Action::Fold {
                counters,
                index,
                fold,
                ..
            } => match taken[..] {
                [taken] => BodyAction::Fold {
                    counters,
                    index,
                    folded: Folded { taken, fold },
                },
                // Control never comes here.
                _ => BodyAction::Add {
                    counters,
                    index,
                    n: 0,
                },
            },
            Action::Values { inputs, callback } => BodyAction::Values {
                taken: taken.into(),
                call: Arc::new(ValueCall::new(callback, inputs.len())),
            },
            Action::Outside {
                inputs,
                ranges,
                first,
                callback,
            } => BodyAction::Outside {
                taken: taken.into(),
                call: Arc::new(OutsideCall::new(callback, inputs.len(), ranges, first)),
            },
            Action::Record { ring, tag, .. } => BodyAction::Record {
                taken: taken.into(),
                tag,
                buffer: ring.0,
            },
            Action::Call(callback) => BodyAction::Call(Alone::new(callback)),
        };
        let (priority, one_shot) = (probe.priority, probe.one_shot);
        Arc::new(Body {
            id: ProbeId(self.last_id),
            priority,
            one_shot,
            action,
        })
    }

    fn mark(&mut self, func: u32, site: Site) {
        if !self.prepared.contains(&func) {
            return;
        }
        let change = self.dirty.entry(func).or_default();
        match site {
            Site::Before(pc) => change.before.push(pc.0),
            Site::After(pc) => change.after.push(pc.0),
            Site::Entry => change.entry = true,
            Site::Exit => change.all = true,
        }
    }

    fn mark_all(&mut self) {
        for &func in &self.prepared {
            self.dirty.entry(func).or_default().all = true;
        }
    }
}

/// Keeps a list in order: priority, then insertion.
fn insert_in_order(list: &mut Vec<Arc<Body>>, body: Arc<Body>) {
    let at = list.partition_point(|other| other.priority <= body.priority);
    list.insert(at, body);
}

/// Type and slot of a value at a cell.
fn place_of(code: &FuncCode, cell: usize, input: Input) -> Result<(ValType, u32)> {
    let sites = &code.sites;
    let found = match input {
        Input::Local(local) => sites.locals.get(local as usize).copied(),
        Input::Operand(_) if cell == sites.entry as usize => {
            return Err(Error::usage("no operands at function entries"));
        }
        Input::Operand(operand) => {
            let types = sites.operand_types(cell);
            let at = types.len().checked_sub(operand as usize + 1);
            at.and_then(|at| slot_offsets(&types, code.operand_base()).nth(at))
        }
    };
    found.ok_or_else(|| match input {
        Input::Local(local) => Error::usage(format!("no local {local}")),
        Input::Operand(operand) => Error::usage(format!("no operand {operand} from the top")),
    })
}

/// Where values are at a cell, which must be numbers.
fn taken(code: &FuncCode, cell: usize, inputs: &[Input]) -> Result<Vec<Taken>> {
    if inputs.len() > INPUTS_MAX {
        return Err(Error::usage(format!(
            "a probe takes at most {INPUTS_MAX} values"
        )));
    }
    let taken = inputs.iter().map(|&input| {
        let (ty, slot) = place_of(code, cell, input)?;
        let extend = match ty {
            ValType::I32 | ValType::F32 => Extend::Zero,
            ValType::I64 | ValType::F64 => Extend::None,
            ValType::V128 | ValType::Ref(_) => {
                let name = match input {
                    Input::Local(local) => format!("local {local}"),
                    Input::Operand(operand) => format!("operand {operand} from the top"),
                };
                return Err(Error::usage(format!("{name} is no number")));
            }
        };
        Ok(Taken {
            input,
            slot,
            extend,
        })
    });
    taken.collect()
}

fn check_range(first: usize, len: usize, counters: &Counters) -> Result<()> {
    match first.checked_add(len) {
        Some(end) if end <= counters.len() && len > 0 => Ok(()),
        _ => Err(Error::usage("counter out of range")),
    }
}

impl StoreCore {
    pub(crate) fn insert_probe(&mut self, func: u32, site: Site, probe: Probe) -> Result<ProbeId> {
        let taken = self.check_probe(func, site, &probe)?;
        let location = Location::Local { func, site };
        let body = self.probes.new_body(probe, location, taken);
        let id = body.id;
        let probes = self.probes.funcs.entry(func).or_default();
        insert_in_order(probes.list(site), body);
        self.probes.mark(func, site);
        self.sync_if_idle();
        Ok(id)
    }

    /// Inserts the stop of a fuel limit or a tick.
    pub(crate) fn insert_stop(&mut self, func: u32, pc: u32) -> ProbeId {
        let site = Site::Before(WasmPc(pc));
        self.probes.last_id += 1;
        let id = ProbeId(self.probes.last_id);
        self.probes
            .locations
            .insert(id.0, Location::Local { func, site });
        let body = Body {
            id,
            priority: i32::MIN,
            one_shot: true,
            action: BodyAction::Stop,
        };
        let probes = self.probes.funcs.entry(func).or_default();
        // Before probes of the same priority, too.
        probes.list(site).insert(0, Arc::new(body));
        self.probes.mark(func, site);
        id
    }

    /// Whether a probe fits its site; where the values are that it takes, none where control never comes.
    fn check_probe(&self, func: u32, site: Site, probe: &Probe) -> Result<Vec<Taken>> {
        let FuncKind::Wasm { instance, index } = self.funcs[func as usize].kind else {
            return Err(Error::usage(format!(
                "no sites in host function `{}`",
                self.func_name(self.func(func))
            )));
        };
        let module = &self.instances[instance as usize].module;
        let code = module.inner.code(module, index, Mode::Structural)?;
        let sites = &code.sites;
        // `None` where control cannot come.
        let cell = match site {
            Site::Before(pc) | Site::After(pc) => {
                if !sites.is_operator(pc.0) {
                    let name = module.inner.display_name(index);
                    return Err(Error::usage(format!(
                        "no operator at offset {:#x} in function `{name}`",
                        pc.0
                    )));
                }
                match site {
                    Site::Before(_) => sites.cell_at(pc.0),
                    _ => sites.cell_after(pc.0),
                }
            }
            Site::Entry | Site::Exit => None,
        };
        if let Site::After(pc) = site
            && cell.is_none()
            && sites.cell_at(pc.0).is_some()
        {
            let name = module.inner.display_name(index);
            return Err(Error::usage(format!(
                "the operator at offset {:#x} in function `{name}` does not go on to the one behind it",
                pc.0
            )));
        }
        match &probe.action {
            Action::CountAdd {
                counters, index, ..
            }
            | Action::Set { counters, index } => check_range(*index, 1, counters)?,
            &Action::Fold {
                ref counters,
                index,
                operand,
                signed,
                fold,
            } => {
                check_range(index, fold.counters(), counters)?;
                if let Site::Entry | Site::Exit = site {
                    return Err(Error::usage("no operands at function entries and exits"));
                }
                let Some(cell) = cell else {
                    return Ok(Vec::new());
                };
                let (ty, slot) = place_of(&code, cell, Input::Operand(operand))?;
                let extend = match ty {
                    ValType::I32 if signed => Extend::Sign,
                    ValType::I32 => Extend::Zero,
                    ValType::I64 => Extend::None,
                    _ => {
                        return Err(Error::usage(format!(
                            "operand {operand} from the top is no i32 or i64"
                        )));
                    }
                };
                let input = Input::Operand(operand);
                return Ok(vec![Taken {
                    input,
                    slot,
                    extend,
                }]);
            }
            Action::Values { inputs, .. }
            | Action::Outside { inputs, .. }
            | Action::Record { inputs, .. } => {
                if let Action::Record { ring, .. } = &probe.action {
                    ring.0.bind(self.id())?;
                }
                if let Action::Outside { ranges, first, .. } = &probe.action {
                    check_range(*first, 2 * inputs.len(), ranges)?;
                }
                let cell = match site {
                    Site::Entry => Some(sites.entry as usize),
                    Site::Exit if !inputs.is_empty() => {
                        return Err(Error::usage("no values at function exits"));
                    }
                    _ => cell,
                };
                return cell.map_or(Ok(Vec::new()), |cell| taken(&code, cell, inputs));
            }
            Action::CountTop {
                counters,
                first,
                len,
                ..
            } => {
                check_range(*first, *len as usize, counters)?;
                let (Site::Before(pc) | Site::After(pc)) = site else {
                    return Err(Error::usage(
                        "no operand to count at function entries and exits",
                    ));
                };
                match cell.map(|cell| sites.operand_types(cell)) {
                    Some(types) if types.last() != Some(&ValType::I32) => {
                        let at = pc.0;
                        let message = format!("no topmost i32 operand at offset {at:#x}");
                        return Err(Error::usage(message));
                    }
                    _ => {}
                }
            }
            Action::Call(_) => {}
        }
        Ok(Vec::new())
    }

    pub(crate) fn insert_global_probe(&mut self, probe: Probe) -> ProbeId {
        let takes = match &probe.action {
            Action::Fold { .. } => true,
            Action::Values { inputs, .. } | Action::Record { inputs, .. } => !inputs.is_empty(),
            Action::Outside { .. } => true,
            _ => false,
        };
        assert!(!takes, "an operand of a global probe");
        if let Action::Record { ring, .. } = &probe.action {
            let bound = ring.0.bind(self.id());
            bound.unwrap_or_else(|error| panic!("{error}"));
        }
        let body = self.probes.new_body(probe, Location::Global, Vec::new());
        let id = body.id;
        insert_in_order(&mut self.probes.globals, body);
        self.probes.mark_all();
        self.sync_if_idle();
        id
    }

    pub(crate) fn remove_probe(&mut self, id: ProbeId) -> bool {
        let Some(location) = self.probes.locations.remove(&id.0) else {
            return false;
        };
        match location {
            Location::Event => {
                self.probes.events.remove(id);
                if self.fuel.remove_tick(id) {
                    self.count_as_needed();
                }
                return true;
            }
            Location::Global => {
                self.probes.globals.retain(|body| body.id != id);
                self.probes.mark_all();
            }
            Location::Local { func, site } => {
                if let Some(probes) = self.probes.funcs.get_mut(&func) {
                    probes.remove(site, id);
                    if probes.is_empty() {
                        self.probes.funcs.remove(&func);
                    }
                }
                self.probes.mark(func, site);
            }
        }
        self.sync_if_idle();
        true
    }

    /// While guest code is suspended in a slow path, changes wait for its end;
    /// otherwise there are no frames, and code is brought up to date at its next call.
    fn sync_if_idle(&mut self) {
        if self.positions.is_empty() {
            self.sync_probes();
        }
    }
}
