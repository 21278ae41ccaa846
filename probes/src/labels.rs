//! Where branches land: the operators that their labels name.

use probity_engine::WasmPc;
use probity_engine::wasmparser::Operator;

/// The labels of one body: for each operator that opens one, where a branch to it
/// lands, and the labels around each operator that branches.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    /// (operator, targets), ascending.
    branches: Vec<(usize, Vec<usize>)>,
}

impl Labels {
    /// The branches of a valid body. One that is not valid gives some targets, never a panic.
    pub fn new(operators: &[(WasmPc, Operator<'_>)]) -> Labels {
        let lands = landings(operators);
        let last = operators.len().saturating_sub(1);
        // The function's own label is its last `end`.
        let mut open = vec![last];
        let mut branches = Vec::new();
        for (at, (_, op)) in operators.iter().enumerate() {
            let target = |depth: u32| {
                let index = open.len().checked_sub(1 + depth as usize);
                index.map_or(last, |index| open[index])
            };
            let depths = depths(op);
            if !depths.is_empty() {
                branches.push((at, depths.into_iter().map(target).collect()));
            }
            match op {
                Operator::End => drop(open.pop()),
                op if opens(op) => open.push(lands[at]),
                _ => {}
            }
        }
        Labels { branches }
    }

    /// Where an operator may branch to, as indices of operators: one for `br`, `br_if` and `br_on_*`, all targets
    /// of `br_table` with the default last. Nothing for operators that are no branch to a label.
    pub fn targets(&self, index: usize) -> &[usize] {
        let found = self.branches.binary_search_by_key(&index, |&(at, _)| at);
        found.map_or(&[], |at| &self.branches[at].1)
    }
}

/// Whether an operator opens a label.
fn opens(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
    )
}

/// The labels that an operator branches to, by their relative depths; of `br_table` the default last.
pub fn depths(op: &Operator<'_>) -> Vec<u32> {
    match op {
        Operator::Br { relative_depth }
        | Operator::BrIf { relative_depth }
        | Operator::BrOnNull { relative_depth }
        | Operator::BrOnNonNull { relative_depth }
        | Operator::BrOnCast { relative_depth, .. }
        | Operator::BrOnCastFail { relative_depth, .. } => vec![*relative_depth],
        Operator::BrTable { targets } => {
            let targets = targets.targets().flatten().chain([targets.default()]);
            targets.collect()
        }
        _ => Vec::new(),
    }
}

/// For each operator that opens a label, where branches to it land: a `loop` on itself, all else on
/// its `end`.
fn landings(operators: &[(WasmPc, Operator<'_>)]) -> Vec<usize> {
    let mut lands: Vec<usize> = (0..operators.len()).collect();
    let mut open: Vec<usize> = Vec::new();
    for (at, (_, op)) in operators.iter().enumerate() {
        match op {
            Operator::End => {
                if let Some(opener) = open.pop()
                    && !matches!(operators[opener].1, Operator::Loop { .. })
                {
                    lands[opener] = at;
                }
            }
            op if opens(op) => open.push(at),
            _ => {}
        }
    }
    lands
}
