//! Basic blocks.

use std::ops::Range;

use probity_engine::hook::{Probe, ProbeContext, Site};
use probity_engine::{Result, WasmPc};

use super::watch::{Callback, Watch};
use crate::cfg::Cfg;

/// Control has come to a basic block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Index in [`Cfg::blocks`].
    pub index: usize,
    /// Indices of its operators in the function.
    pub operators: Range<usize>,
    /// Its first operator.
    pub start: WasmPc,
    /// Its last operator.
    pub last: WasmPc,
}

/// Every time that control comes to a basic block of [`Cfg`], before its first operator: by an edge, by an exception
/// that lands there, or as the function's first.
pub fn blocks(
    f: impl FnMut(&mut ProbeContext<'_>, &Block) -> Result<()> + Send + 'static,
) -> Watch {
    let callback = Callback::new(f);
    Watch::new(move |place| {
        let cfg = Cfg::new(place.operators);
        let reachable = cfg.blocks().iter().enumerate();
        for (index, block) in reachable.filter(|(_, block)| block.reachable) {
            let operators = block.instrs();
            let block = Block {
                index,
                start: place.operators[operators.start].0,
                last: place.operators[operators.end - 1].0,
                operators,
            };
            let (site, callback) = (Site::Before(block.start), callback.clone());
            let probe = Probe::call(move |context| callback.call(context, &block));
            place.insert(site, probe)?;
        }
        Ok(())
    })
}
