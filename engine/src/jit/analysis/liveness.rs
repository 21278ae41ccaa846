//! Which locals are live at the points that were asked for.
//!
//! The usual backward data flow, for one chunk of locals after another. Work starts at the nodes that
//! read a local of the chunk and goes to predecessors for as long as something is new there, the last
//! node in program order first: so each node is visited once, but for those that a loop or a handler
//! has news for. A node's word grows at most 64 times, which bounds the work for any shape.
//!
//! What a handler needs is live at each operator of the nodes that it handles, writes or not.

use std::collections::BinaryHeap;

use wasmparser::Operator;

use super::access::{Access, Accesses, local_of};
use super::flow::{Flow, Graph, flow};
use super::local_set::LocalSet;

/// A place for which live locals are found.
pub(super) struct Point {
    pub(super) op: usize,
    /// Before the operator.
    pub(super) live: LocalSet,
    /// Whether the same are live behind it.
    pub(super) same_after: bool,
}

impl Point {
    pub(super) fn new(i: usize, op: &Operator<'_>) -> Point {
        let forks = matches!(flow(op), Flow::Branch | Flow::If | Flow::Else);
        Point {
            op: i,
            live: LocalSet::default(),
            same_after: !forks && local_of(op).is_none(),
        }
    }
}

/// What is known of a node, for the locals of a chunk.
#[derive(Clone, Copy, Default)]
struct Word {
    live_in: u64,
    /// Written somewhere in it.
    written: u64,
}

/// Fills in the points, which are in program order. Returns what is live at the entry, and the number
/// of visits to nodes.
pub(super) fn solve(graph: &Graph, accesses: &Accesses, points: &mut [Point]) -> (LocalSet, u64) {
    let mut words = vec![Word::default(); graph.len()];
    let mut work = Worklist::new(graph.len());
    let mut visits = 0;
    let mut at_entry = LocalSet::default();
    for (chunk, accesses) in accesses.chunks().enumerate() {
        if accesses.iter().all(|access| access.writes) {
            continue;
        }
        words.fill(Word::default());
        for &access in accesses {
            let node = graph.node_of(access.op());
            let word = &mut words[node as usize];
            if access.writes {
                word.written |= access.bit();
            } else if word.written & access.bit() == 0 {
                word.live_in |= access.bit();
                work.push(node);
            }
        }
        while let Some(node) = work.pop() {
            visits += 1;
            let live = words[node as usize].live_in;
            for &before in graph.predecessors(node) {
                let word = &mut words[before as usize];
                let kept = match graph.is_handler(node) {
                    true => live,
                    false => live & !word.written,
                };
                if kept & !word.live_in != 0 {
                    word.live_in |= kept;
                    work.push(before);
                }
            }
        }
        at_entry.push(chunk, words[0].live_in);
        record(graph, accesses, &words, points, chunk);
    }
    (at_entry, visits)
}

/// Walks the points and accesses backwards, to say what is live at each point.
fn record(
    graph: &Graph,
    mut accesses: &[Access],
    words: &[Word],
    points: &mut [Point],
    chunk: usize,
) {
    let live_in = |node: u32| words[node as usize].live_in;
    let (mut node, mut live, mut kept) = (None, 0, 0);
    for point in points.iter_mut().rev() {
        let here = graph.node_of(point.op);
        if node != Some(here) {
            node = Some(here);
            live = graph
                .successors(here)
                .iter()
                .fold(0, |live, &to| live | live_in(to));
            kept = graph.handler(here).map_or(0, live_in);
        }
        while let Some((access, rest)) = accesses.split_last()
            && access.op() >= point.op
        {
            accesses = rest;
            if graph.node_of(access.op()) != here {
                continue;
            }
            match access.writes {
                true => live = live & !access.bit() | kept,
                false => live |= access.bit(),
            }
        }
        point.live.push(chunk, live);
    }
}

/// Nodes to visit, the last first.
struct Worklist {
    heap: BinaryHeap<u32>,
    is_in: Vec<bool>,
}

impl Worklist {
    fn new(nodes: usize) -> Worklist {
        Worklist {
            heap: BinaryHeap::new(),
            is_in: vec![false; nodes],
        }
    }

    fn push(&mut self, node: u32) {
        if !std::mem::replace(&mut self.is_in[node as usize], true) {
            self.heap.push(node);
        }
    }

    fn pop(&mut self) -> Option<u32> {
        let node = self.heap.pop()?;
        self.is_in[node as usize] = false;
        Some(node)
    }
}
