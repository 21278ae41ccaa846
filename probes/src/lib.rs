//! Probe kinds, control-flow facts and counter plans over the engine's probe
//! table. Analyses do not place counters: they ask for facts (how often an
//! instruction, block or function ran), and one plan per run places few.
#![forbid(unsafe_code)]

pub mod access;
pub mod callee;
pub mod cfg;
pub mod counts;
pub mod demangle;
pub mod events;
pub mod flow;
pub mod gate;
pub mod kinds;
pub mod labels;
pub mod loop_entry;
pub mod matcher;
pub mod nearest;
pub mod opcode;
pub mod operands;
pub mod operator;
pub mod reference;
pub mod rule;
mod scan;
pub mod source;
pub mod told;
pub mod total;
pub mod unwind;
pub mod wanted;
pub mod watchpoint;
