//! The control flow of one function under rule `instr.v1`: a branch lands on
//! the structural operator that its label names, and that operator counts.
//!
//! - A branch to a `block`, `if` or `try_table` lands on its `end`; one to a
//!   `loop` on its `loop`; one to the outermost label on the function's last
//!   `end`. `return` and tail calls leave without it.
//! - A true arm that runs into `else` executes the `else`, which is a jump to
//!   the `end`. A false `if` starts behind the `else`, or lands on its `end`.
//! - An exception that the function catches lands where a branch to the catch
//!   clause's label does; the `try_table` itself has no part in it.
//!
//! A block is a run of operators that only its first can enter and only its
//! last can leave; an `end` that is only fallen into stays inside its block.
//! Calls do not end a block, those under a `try_table` included: where an
//! exception leaves a block from within is learnt when it does, as with traps,
//! so that code that nothing is thrown in costs what other code costs.

use std::ops::Range;

use probity_engine::WasmPc;
use probity_engine::wasmparser::{Catch, Operator};

use crate::scan::{Scan, Target};

/// Blocks, edges and loops of one function. Operators are known by their
/// index in program order.
#[derive(Debug, Clone, Default)]
pub struct Cfg {
    pcs: Vec<u32>,
    blocks: Vec<Block>,
    edges: Vec<(u32, u32)>,
    /// The edges as (to, from), sorted.
    incoming: Vec<(u32, u32)>,
    catches: Vec<(u32, u32)>,
    ways_in: Vec<u32>,
    loops: Vec<Loop>,
}

/// A straight line of operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Index of the first operator.
    pub start: u32,
    /// Index behind the last operator.
    pub end: u32,
    /// Whether any path from the function's entry leads here; what is not
    /// reachable never executes.
    pub reachable: bool,
    /// Whether its last operator leaves the function when it completes
    /// (`return`, a tail call, the last `end`).
    pub leaves: bool,
    /// Estimate of how often it runs for each call: 16 for each loop around
    /// it, half for each arm of an `if`. Only an order, for placing counters.
    pub weight: u64,
    /// Whether any of its operators does work of its own (is not `block`,
    /// `loop`, `else`, `end` or `nop`).
    pub works: bool,
}

impl Block {
    /// Indices of its operators.
    pub fn instrs(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A `loop` and what it encloses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loop {
    /// Index of the `loop` operator.
    pub header: u32,
    /// Index of its `end`.
    pub end: u32,
    /// 1 for an outermost loop.
    pub depth: u32,
    /// The next loop around it, as an index of [`Cfg::loops`].
    pub parent: Option<u32>,
}

impl Cfg {
    /// The control flow of a valid body, given as by
    /// `FunctionInfo::operators`. A body that is not valid gives some graph,
    /// never a panic.
    pub fn new(operators: &[(WasmPc, Operator<'_>)]) -> Cfg {
        let mut scan = Scan::new(operators.len());
        for (_, op) in operators {
            visit(&mut scan, op);
        }
        let blocks = blocks(&scan, operators);
        let edges = edges(&scan, &blocks);
        let mut cfg = Cfg {
            pcs: operators.iter().map(|(pc, _)| pc.0).collect(),
            incoming: edges.iter().map(|&(from, to)| (to, from)).collect(),
            edges,
            catches: catches(&scan, &blocks),
            blocks,
            ways_in: Vec::new(),
            loops: scan.loops,
        };
        cfg.incoming.sort_unstable();
        cfg.mark_reachable();
        cfg.count_ways_in();
        cfg
    }

    /// Number of operators.
    pub fn len(&self) -> usize {
        self.pcs.len()
    }

    /// Whether there is no operator at all.
    pub fn is_empty(&self) -> bool {
        self.pcs.is_empty()
    }

    /// Byte offset in the module of each operator, ascending.
    pub fn pcs(&self) -> &[u32] {
        &self.pcs
    }

    /// Index of the operator that starts at `pc`.
    pub fn index_of(&self, pc: WasmPc) -> Option<usize> {
        self.pcs.binary_search(&pc.0).ok()
    }

    /// Blocks in program order; together they hold every operator once.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The block that holds an operator.
    ///
    /// # Panics
    /// If there is no operator of that index.
    pub fn block_of(&self, index: usize) -> usize {
        assert!(index < self.len(), "operator index out of range");
        self.blocks
            .partition_point(|block| block.end as usize <= index)
    }

    /// Edges between blocks, as (from, to), sorted, without duplicates: every
    /// way from the end of one to the start of another. Exceptions take none.
    pub fn edges(&self) -> &[(u32, u32)] {
        &self.edges
    }

    /// The blocks whose edges come to a block, in their order.
    pub fn edges_to(&self, block: u32) -> impl Iterator<Item = u32> + Clone {
        from(&self.incoming, block).map(|&(_, from)| from)
    }

    /// The blocks that the edges of a block lead to, in their order.
    pub fn edges_from(&self, block: u32) -> impl Iterator<Item = u32> + Clone {
        from(&self.edges, block).map(|&(_, to)| to)
    }

    /// Ways of exceptions, as (from, to), sorted, without duplicates: `from`
    /// holds a `try_table`, inside which something may throw what then lands
    /// at the start of `to`.
    pub fn catches(&self) -> &[(u32, u32)] {
        &self.catches
    }

    /// Where control goes on behind an operator that branches or not (`if`, `br_if`,
    /// `br_on_*`): the block behind it, and the other one.
    /// `None` if the operator of this index leaves no block in two ways.
    ///
    /// # Panics
    /// If there is no operator of that index.
    pub fn two_ways(&self, index: usize) -> Option<(usize, usize)> {
        let block = self.block_of(index);
        if self.blocks[block].end as usize != index + 1 {
            return None;
        }
        let mut ways = self.edges_from(block as u32).map(|to| to as usize);
        let falls = block + 1;
        match (ways.next()?, ways.next(), ways.next()) {
            (to, None, _) if to == falls => Some((falls, falls)),
            (a, Some(b), None) if a == falls => Some((falls, b)),
            (a, Some(b), None) if b == falls => Some((falls, a)),
            _ => None,
        }
    }

    /// Number of ways in which control comes to the start of a block: edges
    /// and exceptions from reachable blocks, the function's entry.
    ///
    /// # Panics
    /// If there is no block of that index.
    pub fn ways_in(&self, block: usize) -> u32 {
        self.ways_in[block]
    }

    /// Loops, outer before inner, in program order of their headers.
    pub fn loops(&self) -> &[Loop] {
        &self.loops
    }

    fn mark_reachable(&mut self) {
        let mut stack = vec![0u32];
        while let Some(at) = stack.pop() {
            let Some(block) = self.blocks.get_mut(at as usize) else {
                continue;
            };
            if std::mem::replace(&mut block.reachable, true) {
                continue;
            }
            stack.extend(from(&self.edges, at).map(|&(_, to)| to));
            stack.extend(from(&self.catches, at).map(|&(_, to)| to));
        }
    }

    fn count_ways_in(&mut self) {
        self.ways_in = vec![0; self.blocks.len()];
        if let Some(entry) = self.ways_in.first_mut() {
            *entry = 1;
        }
        for &(from, to) in self.edges.iter().chain(&self.catches) {
            if self.blocks[from as usize].reachable {
                self.ways_in[to as usize] += 1;
            }
        }
    }
}

/// The edges that leave a block.
fn from(edges: &[(u32, u32)], block: u32) -> impl Iterator<Item = &(u32, u32)> + Clone {
    let first = edges.partition_point(|&(from, _)| from < block);
    edges[first..]
        .iter()
        .take_while(move |&&(from, _)| from == block)
}

/// Tells the scan what one operator does to control.
fn visit(scan: &mut Scan, op: &Operator<'_>) {
    match op {
        Operator::Block { .. } => scan.open(Target::End, false),
        Operator::TryTable { try_table } => {
            // Its own label is not in scope of its catch clauses.
            let labels = try_table.catches.iter().map(|catch| match *catch {
                Catch::One { label, .. }
                | Catch::OneRef { label, .. }
                | Catch::All { label }
                | Catch::AllRef { label } => label,
            });
            scan.open_try(labels.collect());
        }
        Operator::Loop { .. } => scan.open(Target::Start, false),
        Operator::If { .. } => {
            scan.open(Target::End, true);
            scan.split();
        }
        Operator::Else => scan.else_(),
        Operator::End => scan.close(),
        Operator::Br { relative_depth } => {
            scan.branch(*relative_depth);
            scan.stop(false);
        }
        Operator::BrIf { relative_depth }
        | Operator::BrOnNull { relative_depth }
        | Operator::BrOnNonNull { relative_depth }
        | Operator::BrOnCast { relative_depth, .. }
        | Operator::BrOnCastFail { relative_depth, .. } => {
            scan.branch(*relative_depth);
            scan.split();
        }
        Operator::BrTable { targets } => {
            for depth in targets.targets().flatten().chain([targets.default()]) {
                scan.branch(depth);
            }
            scan.stop(false);
        }
        Operator::Return
        | Operator::ReturnCall { .. }
        | Operator::ReturnCallIndirect { .. }
        | Operator::ReturnCallRef { .. } => scan.stop(true),
        Operator::Unreachable => scan.stop(false),
        Operator::Throw { .. } | Operator::ThrowRef => {
            scan.throws();
            scan.stop(false);
        }
        Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. } => {
            scan.throws();
        }
        _ => {}
    }
    scan.next();
}

fn blocks(scan: &Scan, operators: &[(WasmPc, Operator<'_>)]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for (index, (_, op)) in operators.iter().enumerate() {
        let works = !matches!(
            op,
            Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::Else
                | Operator::End
                | Operator::Nop
        );
        match blocks.last_mut() {
            Some(block) if !scan.leaders[index] => {
                block.end += 1;
                block.works |= works;
            }
            _ => blocks.push(Block {
                start: index as u32,
                end: index as u32 + 1,
                reachable: false,
                leaves: false,
                weight: scan.weights[index],
                works,
            }),
        }
    }
    for block in &mut blocks {
        let last = block.end - 1;
        block.leaves = scan.leaves.binary_search(&last).is_ok() || block.end == scan.len();
    }
    blocks
}

fn edges(scan: &Scan, blocks: &[Block]) -> Vec<(u32, u32)> {
    let jumps = between(blocks, &scan.jumps);
    let falls = blocks.iter().enumerate().filter_map(|(at, block)| {
        let stops = scan.stops.binary_search(&(block.end - 1)).is_ok();
        (!stops && at + 1 < blocks.len()).then_some((at as u32, at as u32 + 1))
    });
    sorted(jumps.chain(falls).collect())
}

fn catches(scan: &Scan, blocks: &[Block]) -> Vec<(u32, u32)> {
    sorted(between(blocks, &scan.catches).collect())
}

/// From block to block what goes from operator to operator.
fn between(blocks: &[Block], ways: &[(u32, u32)]) -> impl Iterator<Item = (u32, u32)> {
    let len = blocks.last().map_or(0, |block| block.end);
    let block_of = |index: u32| blocks.partition_point(|block| block.end <= index) as u32;
    let inside = ways.iter().filter(move |&&(_, to)| to < len);
    inside.map(move |&(from, to)| (block_of(from), block_of(to)))
}

fn sorted(mut edges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    edges.sort_unstable();
    edges.dedup();
    edges
}
