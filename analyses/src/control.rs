//! The control-flow graph of each function, with how often control went along each edge: to the block behind, along a branch,
//! or by an exception that the function catches.

use std::collections::BTreeMap;

use probity_engine::wasmparser::Operator;
use probity_engine::{Func, Result, WasmPc};
use probity_probes::cfg::{Cfg, Loop};
use probity_probes::events::BranchKind;
use probity_probes::labels::Labels;
use probity_probes::operator;
use probity_probes::unwind::Unwind;
use probity_probes::wanted::Wanted;
use serde::Serialize;

use crate::analysis::{Analysis, Findings, Function, Instrument, Key, Run};
use crate::export::{Data, DataKind};
use crate::options::Options;
use crate::report::table::{Column, Fact, Kind, Table};
use crate::ways::Ways;

/// The control flow of a run's functions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowData {
    /// In the order of modules and indices.
    pub functions: Vec<FunctionFlow>,
}

/// The control flow of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunctionFlow {
    /// Its name in the module.
    pub name: String,
    /// Its index there.
    pub index: u32,
    /// Times that it was entered.
    pub entries: u64,
    /// In program order; the first is where it is entered.
    pub blocks: Vec<FlowBlock>,
    /// By the blocks that they lead from and to.
    pub edges: Vec<FlowEdge>,
}

/// A straight line of operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowBlock {
    /// Byte offset of the first operator in the module.
    pub pc: u32,
    /// Executions of the first operator (rule `instr.v1`).
    pub count: u64,
    /// Number of loops around it.
    pub depth: u32,
    /// Its operators.
    pub operators: Vec<String>,
}

/// A way from the end of one block to the start of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlowEdge {
    /// Index of the block that is left.
    pub from: usize,
    /// Index of the block that is entered.
    pub to: usize,
    /// How.
    pub kind: EdgeKind,
    /// How often.
    pub count: u64,
}

/// How control comes along an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// To the block behind.
    Falls,
    /// By a branch forwards.
    Branch,
    /// By a branch to the loop around.
    Back,
    /// By an exception.
    Catch,
}

impl EdgeKind {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            EdgeKind::Falls => "falls",
            EdgeKind::Branch => "branch",
            EdgeKind::Back => "back",
            EdgeKind::Catch => "catch",
        }
    }
}

pub(crate) struct Control {
    zero: bool,
    wants_data: bool,
    ways: Ways,
    /// Exceptions by the operator that threw or called, and the landing.
    caught: BTreeMap<(Key, WasmPc, WasmPc), u64>,
}

impl Control {
    pub fn new(options: &Options) -> Control {
        Control {
            zero: options.zero(),
            wants_data: false,
            ways: Ways::default(),
            caught: BTreeMap::new(),
        }
    }

    fn flow(
        &self,
        function: &Function<'_>,
        operators: &[(WasmPc, Operator<'_>)],
        cfg: &Cfg,
    ) -> FunctionFlow {
        let labels = Labels::new(operators);
        let counts = function.counts.as_ref();
        let instr = |index: u32| counts.map_or(0, |counts| counts.instr(index as usize));
        let mut edges: BTreeMap<(usize, usize, EdgeKind), u64> = BTreeMap::new();
        let mut add = |from: usize, to: usize, kind: EdgeKind, count: u64| {
            let is_back = to <= from && kind == EdgeKind::Branch;
            let kind = if is_back { EdgeKind::Back } else { kind };
            *edges.entry((from, to, kind)).or_default() += count;
        };
        let mut told = vec![false; cfg.blocks().len()];
        for (branch, ways) in self.ways.of(function, operators) {
            let from = cfg.block_of(branch.index);
            match (branch.kind, cfg.two_ways(branch.index)) {
                (BranchKind::Table(_), _) => {
                    for (target, count) in labels.targets(branch.index).iter().zip(ways) {
                        add(from, cfg.block_of(*target), EdgeKind::Branch, count);
                    }
                }
                (_, Some((behind, elsewhere))) => {
                    // Behind an `if` is what is done where its condition holds.
                    use probity_engine::wasmparser::Operator;
                    let is_if = matches!(operators[branch.index].1, Operator::If { .. });
                    let [not_taken, taken] = [ways[0], ways[1]];
                    let (falls, goes) = if is_if {
                        (taken, not_taken)
                    } else {
                        (not_taken, taken)
                    };
                    add(from, behind, EdgeKind::Falls, falls);
                    add(from, elsewhere, EdgeKind::Branch, goes);
                }
                // A `select` chooses a value, not a way.
                (_, None) => continue,
            }
            told[from] = true;
        }
        for (from, block) in cfg.blocks().iter().enumerate() {
            let last = block.end as usize - 1;
            for to in cfg.edges_from(from as u32).filter(|_| !told[from]) {
                let count = counts.map_or(0, |counts| counts.completed(last));
                let falls = to as usize == from + 1 && labels.targets(last).is_empty();
                let kind = if falls {
                    EdgeKind::Falls
                } else {
                    EdgeKind::Branch
                };
                add(from, to as usize, kind, count);
            }
        }
        let key = function.key;
        let all = (key, WasmPc(0), WasmPc(0))..=(key, WasmPc(u32::MAX), WasmPc(u32::MAX));
        for (&(_, pc, landing), &count) in self.caught.range(all) {
            if let (Some(from), Some(to)) = (cfg.index_of(pc), cfg.index_of(landing)) {
                add(cfg.block_of(from), cfg.block_of(to), EdgeKind::Catch, count);
            }
        }
        // Loops around the block at hand; they are in the order of their headers.
        let mut open: Vec<&Loop> = Vec::new();
        let mut loops = cfg.loops().iter().peekable();
        let mut depth = |index: u32| {
            while let Some(item) = loops.next_if(|item| item.header <= index) {
                while open.pop_if(|outer| outer.end < item.header).is_some() {}
                open.push(item);
            }
            while open.pop_if(|item| item.end < index).is_some() {}
            open.last().map_or(0, |item| item.depth)
        };
        let blocks = cfg.blocks().iter().map(|block| FlowBlock {
            pc: cfg.pcs()[block.start as usize],
            count: instr(block.start),
            depth: depth(block.start),
            operators: match self.wants_data {
                true => operators[block.instrs()]
                    .iter()
                    .map(|(_, op)| operator::text(op))
                    .collect(),
                false => Vec::new(),
            },
        });
        FunctionFlow {
            name: function.name().to_string(),
            index: key.index,
            entries: counts.map_or(0, |counts| counts.entries()),
            blocks: blocks.collect(),
            edges: edges
                .into_iter()
                .map(|((from, to, kind), count)| FlowEdge {
                    from,
                    to,
                    kind,
                    count,
                })
                .collect(),
        }
    }
}

impl Analysis for Control {
    fn collect(&mut self, kind: DataKind) {
        self.wants_data |= kind == DataKind::Flow;
    }

    fn wants_counts(&self, _at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        Ok(Wanted::all())
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        self.ways.instrument(at)
    }

    fn unwound(&mut self, key: Key, _func: Func, unwind: Unwind) {
        if let Some(landing) = unwind.caught_at {
            *self.caught.entry((key, unwind.pc, landing)).or_default() += 1;
        }
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut columns = run.function_columns("func");
        columns.extend([
            Column::new("from", Kind::Pc),
            Column::new("to", Kind::Pc),
            Column::new("kind", Kind::Text),
            Column::new("count", Kind::Count),
            Column::new("of_block_percent", Kind::Percent),
        ]);
        let mut edges = Table::new("edges", columns, Some("count"));
        let mut columns = run.function_columns("func");
        columns.extend([
            Column::new("blocks", Kind::Count),
            Column::new("executed", Kind::Count),
            Column::new("edges", Kind::Count),
            Column::new("taken", Kind::Count),
            Column::new("loops", Kind::Count),
            Column::new("entries", Kind::Count),
        ]);
        let mut functions = Table::new("functions", columns, Some("entries"));
        let mut data = Vec::new();
        for function in run.functions(self.zero) {
            let who = run.function_cells(&function);
            let operators = function.operators();
            let cfg = Cfg::new(&operators);
            let flow = self.flow(&function, &operators, &cfg);
            for edge in &flow.edges {
                if edge.count == 0 && !self.zero {
                    continue;
                }
                let from = &flow.blocks[edge.from];
                let share = (from.count > 0).then(|| edge.count as f64 * 100.0 / from.count as f64);
                let mut row = who.clone();
                row.extend([
                    from.pc.into(),
                    flow.blocks[edge.to].pc.into(),
                    edge.kind.name().into(),
                    edge.count.into(),
                    share.map_or(crate::report::table::Value::Nothing, Into::into),
                ]);
                edges.push(row);
            }
            let mut row = who;
            row.extend([
                flow.blocks.len().into(),
                flow.blocks
                    .iter()
                    .filter(|block| block.count > 0)
                    .count()
                    .into(),
                flow.edges.len().into(),
                flow.edges
                    .iter()
                    .filter(|edge| edge.count > 0)
                    .count()
                    .into(),
                cfg.loops().len().into(),
                flow.entries.into(),
            ]);
            functions.push(row);
            data.push(flow);
        }
        let facts = ["blocks", "executed", "edges", "taken"];
        let facts = facts.map(|name| Fact::new(name, Kind::Count, functions.sum(name)));
        Findings {
            facts: facts.into(),
            tables: vec![functions, edges],
            data: self
                .wants_data
                .then_some(Data::Flow(FlowData { functions: data })),
        }
    }
}
