//! Probe kinds, control-flow facts and counter plans over the engine's probe
//! table. Analyses do not place counters: they ask for facts (how often an
//! instruction, block or function ran), and one plan per run places few.
#![forbid(unsafe_code)]

pub mod cfg;
pub mod counts;
pub mod events;
pub mod flow;
pub mod matcher;
pub mod opcode;
mod scan;
