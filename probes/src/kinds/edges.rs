//! Edges of control flow, and among them the ways back to loops.

use probity_engine::hook::{Probe, ProbeContext, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Result, Val, WasmPc};

use super::watch::{Callback, Place, Watch};
use crate::cfg::Cfg;
use crate::events::{Branch, BranchKind, branch_of};
use crate::labels::Labels;

/// Control goes from one basic block to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Edge {
    /// The block that it leaves, as an index in [`Cfg::blocks`].
    pub from: usize,
    /// The block that it comes to.
    pub to: usize,
    /// The last operator of `from`.
    pub source: WasmPc,
    /// The first operator of `to`.
    pub target: WasmPc,
    /// How it goes.
    pub way: Way,
}

impl Edge {
    /// Whether it goes back to a loop: to the `loop` operator from inside it. Control that comes to the loop from outside
    /// takes no such edge.
    pub fn is_back(&self) -> bool {
        self.to <= self.from
    }
}

/// How control goes along an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// On to the operator behind: the branch is not taken, the `if` is true, or there is nothing that branches.
    Falls,
    /// Elsewhere: the branch is taken, the `if` is false, or a true arm has come to its `else`.
    Branches,
    /// To this target of a `br_table`; the default is the last one.
    Target(u32),
}

/// Every edge of [`Cfg`] that control takes: of `br`, `br_if`, `br_table`, `if`, `else` and `br_on_*` that way which is really
/// taken, and where a block runs into the next. Where something decides, this is just before it does, and the last thing
/// to happen there.
///
/// Returns, tail calls and traps leave the function by no edge; exceptions have [`catches`](super::catches).
pub fn edges(f: impl FnMut(&mut ProbeContext<'_>, &Edge) -> Result<()> + Send + 'static) -> Watch {
    chosen(|_| true, f)
}

/// The edges that lead back to a loop ([`Edge::is_back`]), so one for each round of it but those that come from
/// outside. A round may also begin with an exception that the loop's label catches, which takes no edge.
pub fn back_edges(
    f: impl FnMut(&mut ProbeContext<'_>, &Edge) -> Result<()> + Send + 'static,
) -> Watch {
    chosen(Edge::is_back, f)
}

fn chosen(
    is_chosen: fn(&Edge) -> bool,
    f: impl FnMut(&mut ProbeContext<'_>, &Edge) -> Result<()> + Send + 'static,
) -> Watch {
    let callback = Callback::new(f);
    Watch::new(move |place| {
        let cfg = Cfg::new(place.operators);
        let labels = Labels::new(place.operators);
        let reachable = cfg.blocks().iter().enumerate();
        for (from, block) in reachable.filter(|(_, block)| block.reachable) {
            let last = block.end as usize - 1;
            let ways = ways(&cfg, &labels, place.operators, last).into_iter();
            let edge = |(to, way): (usize, Way)| {
                let edge = Edge {
                    from,
                    to,
                    source: place.operators[last].0,
                    target: place.operators[cfg.blocks()[to].start as usize].0,
                    way,
                };
                is_chosen(&edge).then_some(edge)
            };
            let edges: Vec<Option<Edge>> = ways.map(edge).collect();
            if edges.iter().any(Option::is_some) {
                insert(place, last, edges, &callback)?;
            }
        }
        Ok(())
    })
}

/// The ways from the last operator of a block to other blocks, in the order of what decides: first where zero or
/// no branch leads.
fn ways(
    cfg: &Cfg,
    labels: &Labels,
    operators: &[(WasmPc, Operator<'_>)],
    last: usize,
) -> Vec<(usize, Way)> {
    let lands = |&index: &usize| cfg.block_of(index);
    match &operators[last].1 {
        // The block behind it is the arm for what is not zero.
        Operator::If { .. } => {
            let ways = cfg.two_ways(last).into_iter();
            ways.flat_map(|(falls, lands)| [(lands, Way::Branches), (falls, Way::Falls)])
                .collect()
        }
        Operator::BrIf { .. }
        | Operator::BrOnNull { .. }
        | Operator::BrOnNonNull { .. }
        | Operator::BrOnCast { .. }
        | Operator::BrOnCastFail { .. } => {
            let ways = cfg.two_ways(last).into_iter();
            ways.flat_map(|(falls, lands)| [(falls, Way::Falls), (lands, Way::Branches)])
                .collect()
        }
        Operator::BrTable { .. } => {
            let targets = labels.targets(last).iter().map(lands);
            (0..)
                .map(Way::Target)
                .zip(targets)
                .map(|(way, to)| (to, way))
                .collect()
        }
        op => {
            let block = cfg.block_of(last);
            let falls = !matches!(op, Operator::Br { .. } | Operator::Else);
            let way = if falls { Way::Falls } else { Way::Branches };
            let to = cfg.edges_from(block as u32).next();
            to.map(|to| (to as usize, way)).into_iter().collect()
        }
    }
}

/// Has the edge told that control takes behind the operator of an index, if it is one of these.
fn insert(
    place: &mut Place<'_, '_>,
    last: usize,
    edges: Vec<Option<Edge>>,
    callback: &Callback<Edge>,
) -> Result<()> {
    let (pc, op) = &place.operators[last];
    let callback = callback.clone();
    let tell = move |context: &mut ProbeContext<'_>, way: usize| {
        let edge = edges.get(way.min(edges.len() - 1)).copied().flatten();
        edge.map_or(Ok(()), |edge| callback.call(context, &edge))
    };
    let branch = branch_of(last, *pc, op).filter(|_| decides_edge(op));
    let (site, probe) = match branch {
        Some(Branch { kind, .. }) => {
            let probe = match kind {
                BranchKind::Condition => Probe::call(move |context| {
                    let top = context.frame().top(0);
                    tell(context, usize::from(!matches!(top, Some(Val::I32(0)))))
                }),
                BranchKind::Table(_) => Probe::call(move |context| match context.frame().top(0) {
                    Some(Val::I32(index)) => tell(context, index as u32 as usize),
                    _ => Ok(()),
                }),
                BranchKind::Reference(test) => {
                    let Some(mut taken) = test.taken(place.module) else {
                        return Ok(());
                    };
                    Probe::call(move |context| match taken(context) {
                        Some(taken) => tell(context, usize::from(taken)),
                        None => Ok(()),
                    })
                }
            };
            (Site::Before(*pc), probe)
        }
        None if matches!(op, Operator::Br { .. } | Operator::Else) => (
            Site::Before(*pc),
            Probe::call(move |context| tell(context, 0)),
        ),
        // It may also trap, or throw.
        None => (
            Site::After(*pc),
            Probe::call(move |context| tell(context, 0)),
        ),
    };
    // The last one: others may write what decides.
    place.insert(site, probe.priority(i32::MAX))
}

/// Whether what an operator decides is where control goes: `select` decides about data.
fn decides_edge(op: &Operator<'_>) -> bool {
    !matches!(
        op,
        Operator::Select | Operator::TypedSelect { .. } | Operator::TypedSelectMulti { .. }
    )
}
