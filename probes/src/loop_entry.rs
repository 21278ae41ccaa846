//! How control first comes to a loop. Branches back to it land on the same
//! operator, so how often it was *entered* is not how often that executed.

use probity_engine::WasmPc;
use probity_engine::wasmparser::Operator;

use crate::cfg::Cfg;

/// How control falls into a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// At the start of the function.
    Function,
    /// From the operator of this index, whenever it completes.
    From(usize),
    /// From the `if`, `br_if` or `br_on_*` of this index, when it goes this
    /// way: 0 if the condition is zero or it does not branch, else 1.
    Guard(usize, usize),
    /// Never.
    Dead,
}

impl Entry {
    /// How control falls into the loop whose `loop` operator has the index
    /// `header`.
    pub fn of(operators: &[(WasmPc, Operator<'_>)], cfg: &Cfg, header: usize) -> Entry {
        let Some(before) = header.checked_sub(1) else {
            return Entry::Function;
        };
        let to = cfg.block_of(header) as u32;
        let from = cfg.edges_to(to).filter(|&from| from < to);
        let last = |block: u32| cfg.blocks()[block as usize].end as usize - 1;
        // An `if` right before the loop enters it when true, one whose `else` is
        // right before it when false.
        let guard = from.clone().map(last).find_map(|at| match operators[at].1 {
            Operator::If { .. } => Some(Entry::Guard(at, usize::from(at == before))),
            Operator::BrIf { .. }
            | Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. }
                if at == before =>
            {
                Some(Entry::Guard(at, 0))
            }
            _ => None,
        });
        let falls = from.clone().any(|block| last(block) == before);
        guard.unwrap_or(match falls {
            true => Entry::From(before),
            false => Entry::Dead,
        })
    }
}
