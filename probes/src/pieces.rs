//! Pieces of a function that execute whole or not at all: what a probe that
//! fires once can vouch for.

use std::ops::Range;

use crate::cfg::Cfg;

/// The function's blocks, cut behind each operator that can trap or leave for
/// a callee, as operator indices in program order. If the last operator of a
/// piece is reached, all of it has executed.
pub fn pieces(cfg: &Cfg) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    for block in cfg.blocks() {
        let mut start = block.start as usize;
        for index in block.instrs() {
            let last = index + 1 == block.end as usize;
            if last || cfg.can_end(index) {
                pieces.push(start..index + 1);
                start = index + 1;
            }
        }
    }
    pieces
}
