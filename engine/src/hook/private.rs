//! Code of a function that is watched: a copy of its structural code in which
//! each probed cell runs a probe handler.

use std::collections::HashMap;
use std::sync::Arc;

use probity_interp::fuse::{fuse, line_around};
use probity_interp::handlers::probe::{Extend, Inline, InlineKind};
use probity_interp::layout::{Cell, Ctx, Shadow};
use probity_interp::op::{Ins, Kind, ProbeKind};

use super::table::{Body, BodyAction, Change, FuncProbes};
use super::{Counters, ExitReason, Fold};
use crate::code::FuncCode;
use crate::frame::code_map::CodeRange;
use crate::runtime::core::Owned;
use crate::tier::watch::{Count, CountBy, InPlace, Step, WatchPlan, WatchSite};

/// One probe of a cell's list.
#[derive(Clone)]
pub(crate) struct Fire {
    pub(crate) body: Arc<Body>,
    pub(crate) at: At,
}

/// Which of a cell's sites a probe sits at, in the order in which these fire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Behind the operator at this pc.
    After(u32),
    /// Before the cell's operator, or the function's entry.
    Before,
    /// At the function's exit.
    Exit,
}

impl At {
    /// What fires together: if a probe fails, those of later groups do not fire.
    pub(super) fn group(self) -> u8 {
        match self {
            At::After(_) => 0,
            At::Before => 1,
            At::Exit => 2,
        }
    }
}

/// What a probed cell's shadow points to, unless it holds a counter.
pub(crate) struct SiteData {
    pub(crate) func: u32,
    pub(crate) cell: usize,
    /// The code that the cell is in.
    pub(crate) range: CodeRange,
    /// How the cell leaves the function, if it does.
    pub(crate) leaves: Option<ExitReason>,
    pub(crate) list: Arc<[Fire]>,
    /// For handlers of inline actions.
    inline: Vec<Inline>,
}

/// See the module's documentation.
pub(crate) struct PrivateCode {
    pub(crate) template: Arc<FuncCode>,
    pub(crate) cells: *mut Cell,
    pub(crate) shadows: *mut Shadow,
    pub(crate) ins: Vec<Ins>,
    /// By cell. Shadows point to them.
    sites: std::collections::HashMap<usize, Owned<SiteData>>,
    func: u32,
    /// Function index in the module.
    func_index: u32,
}

impl PrivateCode {
    /// Copies `template` to fresh memory of the arena.
    pub(crate) fn new(
        (func, func_index): (u32, u32),
        template: Arc<FuncCode>,
        memory: (*mut Cell, *mut Shadow),
    ) -> PrivateCode {
        let (cells, shadows) = memory;
        let ins = template.ins.to_vec();
        // SAFETY: the arena gave that much room.
        unsafe {
            std::ptr::copy_nonoverlapping(template.cells.as_ptr(), cells, template.cells.len());
            for i in 0..template.cells.len() {
                *shadows.add(i) = Shadow {
                    original: std::ptr::null(),
                    data: std::ptr::null_mut(),
                };
            }
        }
        PrivateCode {
            template,
            cells,
            shadows,
            ins,
            sites: Default::default(),
            func,
            func_index,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ins.len()
    }

    /// Gives every cell its probes and handler.
    pub(crate) fn build(&mut self, probes: Option<&FuncProbes>, globals: &[Arc<Body>]) {
        for cell in 0..self.len() {
            self.ins[cell].probe = ProbeKind::None;
        }
        self.sites.clear();
        for cell in self.probed_cells(probes, globals) {
            self.set_site(cell, probes, globals);
        }
        let all = 0..self.len();
        self.fuse(all);
    }

    /// Brings the cells that a change names up to date.
    pub(crate) fn update(
        &mut self,
        change: &Change,
        probes: Option<&FuncProbes>,
        globals: &[Arc<Body>],
    ) {
        // Choosing one line again is quadratic in the length of the line when many of its sites change.
        if change.all || change.before.len() + change.after.len() > 16 {
            self.build(probes, globals);
            return;
        }
        let mut cells = self.cells_of(change.before.iter(), change.after.iter());
        if change.entry {
            cells.push(self.template.sites.entry as usize);
        }
        cells.sort_unstable();
        cells.dedup();
        for &cell in &cells {
            self.set_site(cell, probes, globals);
        }
        let mut done = 0;
        for &cell in &cells {
            if cell >= done {
                let range = line_around(&self.ins, cell);
                done = range.end;
                self.fuse(range);
            }
        }
    }

    /// The code as others find it.
    pub(crate) fn range(&self) -> CodeRange {
        CodeRange {
            cells: self.cells,
            func_index: self.func_index,
            private: Some(self.func),
            code: self.template.clone(),
        }
    }

    /// What compiled code does at the sites. It keeps locals in their slots if somebody may look at them when a trap
    /// unwinds the frame, or if it is to `keep` them for anyone.
    pub(crate) fn watch_plan(
        &self,
        probes: Option<&FuncProbes>,
        ctx: *const Ctx,
        keep: bool,
    ) -> WatchPlan {
        let mut blocks = Blocks::default();
        let sites = self.sites.iter().map(|(&cell, data)| {
            let actions: Option<_> = data.list.iter().map(|fire| blocks.step(fire)).collect();
            let site = match actions {
                Some(steps) => WatchSite::Inline(steps),
                None => WatchSite::Fire(data.as_ptr().expose_provenance()),
            };
            (cell, site)
        });
        WatchPlan {
            template: self.template.clone(),
            sites: sites.collect(),
            blocks: blocks.addresses.into(),
            ctx: ctx.expose_provenance(),
            keeps_slots: keep
                || probes.is_some_and(|probes| {
                    let mut exits = probes.exit.iter();
                    exits.any(|body| matches!(body.action, BodyAction::Call(_)))
                }),
        }
    }

    /// How a cell leaves the function, if it does.
    fn leaves_at(&self, cell: usize) -> Option<ExitReason> {
        let returns = &self.template.sites.returns;
        returns.binary_search(&(cell as u32)).ok()?;
        Some(match self.tail_calls_at(cell) {
            true => ExitReason::TailCall,
            false => ExitReason::Return,
        })
    }

    /// Whether a cell leaves the function by a tail call.
    pub(crate) fn tail_calls_at(&self, cell: usize) -> bool {
        matches!(
            self.ins[cell].kind,
            Kind::ReturnCall | Kind::ReturnCallIndirect | Kind::ReturnCallRef
        )
    }

    /// The handler to resume a probed cell with, behind the probe.
    pub(crate) fn handler(&self, cell: usize) -> *const std::ffi::c_void {
        // SAFETY: the cell is in this code.
        unsafe {
            match self.ins[cell].probe {
                ProbeKind::None => (*self.cells.add(cell)).handler,
                _ => (*self.shadows.add(cell)).original,
            }
        }
    }

    fn fuse(&mut self, range: std::ops::Range<usize>) {
        let len = self.len();
        // SAFETY: both point to `len` elements of the arena that nothing else refers to; running
        // code is suspended in a slow path.
        let (cells, shadows) = unsafe {
            (
                std::slice::from_raw_parts_mut(self.cells, len),
                std::slice::from_raw_parts_mut(self.shadows, len),
            )
        };
        fuse(&self.ins, cells, Some(shadows), range);
    }

    /// Cells of sites before and behind operators.
    fn cells_of<'a>(
        &self,
        before: impl Iterator<Item = &'a u32>,
        after: impl Iterator<Item = &'a u32>,
    ) -> Vec<usize> {
        let sites = &self.template.sites;
        let before = before.filter_map(|&pc| sites.cell_at(pc));
        let after = after.filter_map(|&pc| sites.cell_after(pc));
        before.chain(after).collect()
    }

    fn probed_cells(&self, probes: Option<&FuncProbes>, globals: &[Arc<Body>]) -> Vec<usize> {
        let sites = &self.template.sites;
        let entry = sites.entry as usize;
        let mut cells = Vec::new();
        if !globals.is_empty() {
            cells.extend(sites.cells.iter().map(|s| s.1 as usize));
            cells.push(entry);
        }
        let Some(probes) = probes else {
            return cells;
        };
        cells.extend(self.cells_of(probes.before.keys(), probes.after.keys()));
        if !probes.entry.is_empty() {
            cells.push(entry);
        }
        if !probes.exit.is_empty() {
            cells.extend(sites.returns.iter().map(|&cell| cell as usize));
        }
        cells.sort_unstable();
        cells.dedup();
        cells
    }

    /// All that fires before a cell, in order.
    fn fires(&self, cell: usize, probes: Option<&FuncProbes>, globals: &[Arc<Body>]) -> Vec<Fire> {
        let sites = &self.template.sites;
        let at = |at: At| {
            move |body: &Arc<Body>| Fire {
                body: body.clone(),
                at,
            }
        };
        if cell == sites.entry as usize {
            return probes.map_or_else(Vec::new, |p| p.entry.iter().map(at(At::Before)).collect());
        }
        let mut fires = Vec::new();
        if let Some(probes) = probes
            && !probes.after.is_empty()
            && let Some(pc) = sites.pc_before(cell)
        {
            let after = probes.after.get(&pc).into_iter().flatten();
            fires.extend(after.map(at(At::After(pc))));
        }
        if sites.is_landing(cell) {
            return fires;
        }
        let before = befores(self.template.pcs[cell], probes, globals);
        fires.extend(before.iter().map(at(At::Before)));
        if sites.returns.binary_search(&(cell as u32)).is_ok() {
            let exits = probes.map_or(&[][..], |p| &p.exit);
            fires.extend(exits.iter().map(at(At::Exit)));
        }
        fires
    }

    fn set_site(&mut self, cell: usize, probes: Option<&FuncProbes>, globals: &[Arc<Body>]) {
        let fires = self.fires(cell, probes, globals);
        if fires.is_empty() {
            self.ins[cell].probe = ProbeKind::None;
            self.sites.remove(&cell);
            return;
        }
        let (kind, inline, counter) = self.inline(cell, &fires);
        let mut data = Owned::new(SiteData {
            func: self.func,
            cell,
            range: self.range(),
            leaves: self.leaves_at(cell),
            list: fires.into(),
            inline,
        });
        let shadow_data: *mut u64 = match kind {
            ProbeKind::Count => counter,
            ProbeKind::Boolean | ProbeKind::List => data.inline.as_mut_ptr().cast(),
            ProbeKind::Fire | ProbeKind::Steps | ProbeKind::None => data.as_ptr().cast(),
        };
        self.ins[cell].probe = kind;
        // SAFETY: the cell is in this code.
        unsafe { (*self.shadows.add(cell)).data = shadow_data };
        self.sites.insert(cell, data);
    }

    /// How the list can run without the engine, if it can.
    fn inline(&self, cell: usize, fires: &[Fire]) -> (ProbeKind, Vec<Inline>, *mut u64) {
        let with = |kind| (kind, Vec::new(), std::ptr::null_mut());
        let slow = with(ProbeKind::Fire);
        let steps = |fire: &Fire| {
            let needs_engine = matches!(fire.body.action, BodyAction::Call(_) | BodyAction::Stop);
            !fire.body.one_shot && !needs_engine
        };
        let mut actions = Vec::with_capacity(fires.len() + 1);
        for fire in fires {
            if fire.body.one_shot {
                return slow;
            }
            let top = self.template.tops[cell].wrapping_sub(1);
            actions.push(match &fire.body.action {
                BodyAction::Add { counters, index, n } => Inline {
                    kind: InlineKind::Add,
                    slot: 0,
                    last: 0,
                    extend: Extend::None,
                    counter: counters.address(*index),
                    add: *n,
                },
                BodyAction::Set { counters, index } => Inline {
                    kind: InlineKind::Set,
                    slot: 0,
                    last: 0,
                    extend: Extend::None,
                    counter: counters.address(*index),
                    add: 0,
                },
                BodyAction::Top {
                    counters,
                    first,
                    last,
                    boolean,
                } => Inline {
                    kind: if *boolean && *last > 0 {
                        InlineKind::Boolean
                    } else {
                        InlineKind::Index
                    },
                    slot: top,
                    last: *last,
                    extend: Extend::None,
                    counter: counters.address(*first),
                    add: 1,
                },
                BodyAction::Fold {
                    counters,
                    index,
                    folded,
                } => Inline {
                    kind: match folded.fold {
                        Fold::Sum => InlineKind::Sum,
                        Fold::Nonzero => InlineKind::Nonzero,
                        Fold::Max { .. } => InlineKind::Max,
                        Fold::Log2 => InlineKind::Log2,
                    },
                    slot: folded.taken.slot as u16,
                    last: 0,
                    extend: folded.taken.extend,
                    counter: counters.address(*index),
                    add: match folded.fold {
                        Fold::Max { mask } => mask,
                        Fold::Sum | Fold::Nonzero | Fold::Log2 => 0,
                    },
                },
                BodyAction::Values { .. }
                | BodyAction::Outside { .. }
                | BodyAction::Record { .. } => {
                    return match fires.iter().all(steps) {
                        true => with(ProbeKind::Steps),
                        false => slow,
                    };
                }
                BodyAction::Call(_) | BodyAction::Stop => return slow,
            });
        }
        if let [
            Inline {
                kind: InlineKind::Add,
                add: 1,
                counter,
                ..
            },
        ] = actions[..]
        {
            return (ProbeKind::Count, Vec::new(), counter);
        }
        let kind = match actions[..] {
            [
                Inline {
                    kind: InlineKind::Boolean,
                    ..
                },
            ] => ProbeKind::Boolean,
            _ => ProbeKind::List,
        };
        let end = Inline {
            kind: InlineKind::End,
            slot: 0,
            last: 0,
            extend: Extend::None,
            counter: std::ptr::null_mut(),
            add: 0,
        };
        actions.push(end);
        (kind, actions, std::ptr::null_mut())
    }

    /// Fuel of the straight line from `cell` on, and the first cell that would
    /// exceed `left`, if there is one before control transfers.
    pub(crate) fn line_limit(&self, cell: usize, left: i64) -> Option<usize> {
        let mut total = 0;
        for (i, ins) in self.ins.iter().enumerate().skip(cell) {
            total += ins.kind.fuel() as i64;
            if total > left {
                return Some(i);
            }
            if ins.kind.ends_run()
                && !matches!(
                    ins.kind,
                    Kind::BrIf(_)
                        | Kind::BrIfMove
                        | Kind::BrIfMoveMany
                        | Kind::BrOnNull
                        | Kind::BrOnNonNull
                        | Kind::BrOnCast
                        | Kind::BrOnCastFail
                )
            {
                return None;
            }
        }
        None
    }
}

/// What fires before the operator at `pc`, in order.
pub(crate) fn befores(
    pc: u32,
    probes: Option<&FuncProbes>,
    globals: &[Arc<Body>],
) -> Vec<Arc<Body>> {
    let own = probes.and_then(|probes| probes.before.get(&pc));
    let own = own.into_iter().flatten();
    let mut list: Vec<_> = globals.iter().chain(own).cloned().collect();
    let is_stop = |body: &Body| matches!(body.action, BodyAction::Stop);
    list.sort_by_key(|body| (!is_stop(body), body.priority, body.id.0));
    list
}

/// Blocks of counters, numbered as they come.
#[derive(Default)]
struct Blocks {
    addresses: Vec<usize>,
    numbers: HashMap<usize, u32>,
}

impl Blocks {
    fn number(&mut self, counters: &Counters) -> u32 {
        let address = counters.address(0).expose_provenance();
        *self.numbers.entry(address).or_insert_with(|| {
            self.addresses.push(address);
            self.addresses.len() as u32 - 1
        })
    }

    /// An action as compiled code does it, if that can do it without the engine.
    fn step(&mut self, fire: &Fire) -> Option<Step> {
        let goes_away = fire.body.one_shot && !matches!(fire.body.action, BodyAction::Set { .. });
        if goes_away {
            return None;
        }
        let action = match &fire.body.action {
            BodyAction::Values { taken, call } => InPlace::Call {
                taken: taken.clone(),
                call: call.clone(),
            },
            BodyAction::Outside { taken, call } => InPlace::Outside {
                taken: taken.clone(),
                call: call.clone(),
            },
            BodyAction::Record { taken, tag, buffer } => InPlace::Record {
                taken: taken.clone(),
                tag: *tag,
                buffer: buffer.clone(),
            },
            _ => InPlace::Count(self.count(fire)?),
        };
        Some(Step {
            action,
            group: fire.at.group(),
        })
    }

    fn count(&mut self, fire: &Fire) -> Option<Count> {
        let (counters, index, by) = match &fire.body.action {
            BodyAction::Add { counters, index, n } => (counters, *index, CountBy::Number(*n)),
            BodyAction::Set { counters, index } => (counters, *index, CountBy::Set),
            &BodyAction::Top {
                ref counters,
                first,
                last,
                boolean,
            } => (counters, first, CountBy::Operand { last, boolean }),
            BodyAction::Fold {
                counters,
                index,
                folded,
            } => (counters, *index, CountBy::Fold(*folded)),
            BodyAction::Values { .. }
            | BodyAction::Outside { .. }
            | BodyAction::Record { .. }
            | BodyAction::Call(_)
            | BodyAction::Stop => return None,
        };
        Some(Count {
            block: self.number(counters),
            counters: counters.clone(),
            index,
            by,
        })
    }
}
