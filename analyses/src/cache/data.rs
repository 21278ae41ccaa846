//! What a simulated machine has cost, by function and line, for exports.

use std::ops::AddAssign;
use std::sync::Arc;

use serde::Serialize;

/// Numbers of events.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Costs {
    /// Operators executed (rule `instr.v1`).
    pub instructions: u64,
    /// Reads of memories, those that missed the first level, and the last.
    pub reads: [u64; 3],
    /// Writes to memories, likewise.
    pub writes: [u64; 3],
    /// Conditional branches, and those that went another way than predicted.
    pub conditional: [u64; 2],
    /// Indirect branches and calls, and those that went elsewhere than predicted.
    pub indirect: [u64; 2],
}

impl Costs {
    /// Modelled cycles: 1 for each operator, 10 for each miss of the first level and each wrong prediction, 100 for each miss of the last level.
    pub fn cycles(&self) -> u64 {
        let first = self.reads[1] + self.writes[1];
        let wrong = self.conditional[1] + self.indirect[1];
        let last = self.reads[2] + self.writes[2];
        self.instructions + 10 * (first + wrong) + 100 * last
    }

    /// All of them, in the order of cachegrind's events `Ir Dr D1mr DLmr Dw D1mw DLmw Bc Bcm Bi Bim`.
    pub fn events(&self) -> [u64; 11] {
        let (r, w) = (self.reads, self.writes);
        let (c, i) = (self.conditional, self.indirect);
        [
            self.instructions,
            r[0],
            r[1],
            r[2],
            w[0],
            w[1],
            w[2],
            c[0],
            c[1],
            i[0],
            i[1],
        ]
    }
}

impl AddAssign<&Costs> for Costs {
    fn add_assign(&mut self, other: &Costs) {
        fn add<const N: usize>(to: &mut [u64; N], from: &[u64; N]) {
            for (to, from) in to.iter_mut().zip(from) {
                *to += from;
            }
        }
        self.instructions += other.instructions;
        add(&mut self.reads, &other.reads);
        add(&mut self.writes, &other.writes);
        add(&mut self.conditional, &other.conditional);
        add(&mut self.indirect, &other.indirect);
    }
}

/// The costs of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CacheData {
    /// The caches, in the words of cachegrind: first level, last level.
    pub caches: [String; 2],
    /// What ran: the modules' files or names.
    pub modules: Vec<Arc<str>>,
    /// The functions that executed, in the order of the modules.
    pub functions: Vec<CacheFunction>,
}

/// A function's costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CacheFunction {
    /// Index of its module.
    pub module: u32,
    /// Index in its module.
    pub index: u32,
    /// Its name as the module has it, else `func[i]`.
    pub name: Arc<str>,
    /// By file and line, ascending. Where the module does not say which lines its code is of, there is no file, and offsets
    /// stand for lines.
    pub lines: Vec<CacheLine>,
}

/// The costs of a line within a function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CacheLine {
    /// Path as the compiler had it.
    pub file: Option<Arc<str>>,
    /// Line from 1, 0 where it is not known; or an offset.
    pub line: u32,
    /// What it cost.
    pub costs: Costs,
}
