//! Reads and writes of locals.
//!
//! What is found out about locals is found out for 64 of them at a time, in one word for each node or
//! loop. So memory does not grow with the product of nodes and locals, and work is only done where
//! those 64 are used or live.

use wasmparser::Operator;

/// An operator that reads or writes a local.
#[derive(Clone, Copy, Default)]
pub(super) struct Access {
    op: u32,
    /// The local, within its chunk.
    local: u8,
    pub(super) writes: bool,
}

impl Access {
    pub(super) fn op(self) -> usize {
        self.op as usize
    }

    /// The local's bit in the words of its chunk.
    pub(super) fn bit(self) -> u64 {
        1 << self.local
    }
}

/// The accesses of a function by chunks of 64 locals; in program order in each.
pub(super) struct Accesses {
    /// Where each chunk begins; one more for the end of the last.
    start: Vec<usize>,
    list: Vec<Access>,
}

impl Accesses {
    pub(super) fn new(ops: &[(Operator<'_>, u32)], num_locals: usize) -> Accesses {
        let chunks = num_locals.div_ceil(64);
        let mut start = vec![0; chunks + 1];
        let accesses = || ops.iter().map(|(op, _)| local_of(op)).enumerate();
        for (local, _) in accesses().filter_map(|(_, access)| access) {
            start[local as usize / 64 + 1] += 1;
        }
        for chunk in 0..chunks {
            start[chunk + 1] += start[chunk];
        }
        let mut list = vec![Access::default(); start[chunks]];
        let mut free = start.clone();
        for (op, access) in accesses() {
            let Some((local, writes)) = access else {
                continue;
            };
            let at = &mut free[local as usize / 64];
            list[*at] = Access {
                op: op as u32,
                local: (local % 64) as u8,
                writes,
            };
            *at += 1;
        }
        Accesses { start, list }
    }

    /// The chunks, from the locals 0 to 63 up.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &[Access]> {
        self.start.windows(2).map(|w| &self.list[w[0]..w[1]])
    }
}

/// The local that an operator accesses, and whether it writes it.
pub(super) fn local_of(op: &Operator<'_>) -> Option<(u32, bool)> {
    use Operator as O;
    match *op {
        O::LocalGet { local_index } => Some((local_index, false)),
        O::LocalSet { local_index } | O::LocalTee { local_index } => Some((local_index, true)),
        _ => None,
    }
}
