//! The same facts, found slowly: one operator at a time, from the definitions.

use std::collections::BTreeSet;

use wasmparser::{Catch, Operator as O};

type Op<'a> = (O<'a>, u32);

/// The flow between operators.
pub(super) struct Reference {
    /// Where control may go, if nothing is thrown.
    next: Vec<Vec<usize>>,
    /// Where it may go before the operator has done anything.
    thrown: Vec<Vec<usize>>,
    /// The structured operators around each operator, outermost first, with their `end`s.
    around: Vec<Vec<(usize, usize)>>,
    reachable: Vec<bool>,
}

impl Reference {
    pub(super) fn new(ops: &[Op<'_>]) -> Reference {
        let mut this = Reference {
            next: Vec::new(),
            thrown: Vec::new(),
            around: Vec::new(),
            reachable: Vec::new(),
        };
        for i in 0..ops.len() {
            this.around.push(around(ops, i));
        }
        for i in 0..ops.len() {
            this.next.push(this.next_of(ops, i));
            this.thrown.push(this.thrown_of(ops, i));
        }
        this.reachable = vec![false; ops.len()];
        let mut work = vec![0];
        while let Some(i) = work.pop() {
            if !std::mem::replace(&mut this.reachable[i], true) {
                work.extend(this.all_next(i));
            }
        }
        this
    }

    fn all_next(&self, i: usize) -> impl Iterator<Item = usize> + '_ {
        self.next[i].iter().chain(&self.thrown[i]).copied()
    }

    pub(super) fn is_reachable(&self, i: usize) -> bool {
        self.reachable[i]
    }

    /// Where a branch goes that is in these structured operators.
    fn label(ops: &[Op<'_>], around: &[(usize, usize)], depth: u32) -> usize {
        let depth = depth as usize;
        match around.len().checked_sub(1 + depth) {
            Some(at) if matches!(ops[around[at].0].0, O::Loop { .. }) => around[at].0,
            Some(at) => around[at].1,
            None => ops.len() - 1,
        }
    }

    fn next_of(&self, ops: &[Op<'_>], i: usize) -> Vec<usize> {
        let label = |depth| Reference::label(ops, &self.around[i], depth);
        match &ops[i].0 {
            O::Br { relative_depth } => vec![label(*relative_depth)],
            O::BrIf { relative_depth }
            | O::BrOnNull { relative_depth }
            | O::BrOnNonNull { relative_depth }
            | O::BrOnCast { relative_depth, .. }
            | O::BrOnCastFail { relative_depth, .. } => vec![i + 1, label(*relative_depth)],
            O::BrTable { targets } => {
                let all = targets.targets().map(Result::unwrap);
                all.chain([targets.default()]).map(label).collect()
            }
            O::If { .. } => vec![i + 1, else_of(ops, i).map_or(end_of(ops, i), |at| at + 1)],
            O::Else => vec![self.around[i].last().unwrap().1],
            O::Return
            | O::Unreachable
            | O::Throw { .. }
            | O::ThrowRef
            | O::ReturnCall { .. }
            | O::ReturnCallIndirect { .. }
            | O::ReturnCallRef { .. } => vec![],
            _ if i + 1 == ops.len() => vec![],
            _ => vec![i + 1],
        }
    }

    /// A `try_table` counts as an operator of its own body here.
    fn thrown_of(&self, ops: &[Op<'_>], i: usize) -> Vec<usize> {
        let mut to = Vec::new();
        let itself = matches!(ops[i].0, O::TryTable { .. }).then_some((i, 0));
        for &(start, _) in self.around[i].iter().chain(&itself) {
            let O::TryTable { try_table } = &ops[start].0 else {
                continue;
            };
            for clause in &try_table.catches {
                let label = match *clause {
                    Catch::One { label, .. } | Catch::OneRef { label, .. } => label,
                    Catch::All { label } | Catch::AllRef { label } => label,
                };
                to.push(Reference::label(ops, &self.around[start], label));
            }
        }
        to
    }

    /// Locals live before each operator.
    pub(super) fn live(&self, ops: &[Op<'_>]) -> Vec<BTreeSet<u32>> {
        let mut live = vec![BTreeSet::new(); ops.len()];
        loop {
            let before = live.clone();
            for i in 0..ops.len() {
                let mut set = BTreeSet::new();
                for &to in &self.next[i] {
                    set.extend(&live[to]);
                }
                match ops[i].0 {
                    O::LocalGet { local_index } => _ = set.insert(local_index),
                    O::LocalSet { local_index } | O::LocalTee { local_index } => {
                        set.remove(&local_index);
                    }
                    _ => {}
                }
                for &to in &self.thrown[i] {
                    set.extend(&live[to]);
                }
                live[i] = set;
            }
            if live == before {
                return live;
            }
        }
    }

    /// The operators from a structured operator to its `end`.
    pub(super) fn region(ops: &[Op<'_>], i: usize) -> std::ops::RangeInclusive<usize> {
        i..=end_of(ops, i)
    }

    /// The loops around an operator, outermost first.
    pub(super) fn loops_around(&self, ops: &[Op<'_>], i: usize) -> Vec<usize> {
        let starts = self.around[i].iter().map(|frame| frame.0);
        starts
            .filter(|&start| matches!(ops[start].0, O::Loop { .. }))
            .collect()
    }

    /// Whether control can come from `from` to `to` in one step or more, only through operators that
    /// are allowed (the first is not asked).
    pub(super) fn reaches(&self, from: usize, to: usize, allowed: &dyn Fn(usize) -> bool) -> bool {
        let mut seen = BTreeSet::new();
        let mut work = vec![from];
        while let Some(i) = work.pop() {
            for next in self.all_next(i) {
                if next == to {
                    return true;
                }
                if allowed(next) && seen.insert(next) {
                    work.push(next);
                }
            }
        }
        false
    }
}

fn opens(op: &O<'_>) -> bool {
    matches!(
        op,
        O::Block { .. } | O::Loop { .. } | O::If { .. } | O::TryTable { .. }
    )
}

/// The `end` of a structured operator.
fn end_of(ops: &[Op<'_>], start: usize) -> usize {
    let mut open = 0;
    for (i, (op, _)) in ops.iter().enumerate().skip(start) {
        open += usize::from(opens(op));
        open -= usize::from(matches!(op, O::End));
        if open == 0 {
            return i;
        }
    }
    panic!("no end");
}

fn else_of(ops: &[Op<'_>], start: usize) -> Option<usize> {
    let end = end_of(ops, start);
    (start..end)
        .find(|&i| matches!(ops[i].0, O::Else) && around(ops, i).last() == Some(&(start, end)))
}

/// The structured operators that an operator is in. An `end` is outside of what it closes.
fn around(ops: &[Op<'_>], i: usize) -> Vec<(usize, usize)> {
    let starts = (0..i).filter(|&start| opens(&ops[start].0));
    let frames = starts.map(|start| (start, end_of(ops, start)));
    frames.filter(|&(_, end)| i < end).collect()
}
