//! Allocations of a program: how often the functions of its allocator are asked for memory, and for how much. One that is called
//! by another of them, as `malloc` by `calloc`, is part of that one.

use probity_engine::Result;
use probity_engine::hook::{Counters, Input, Probe, Site};

use crate::analysis::Instrument;
use crate::heap::allocators::{Allocators, Role};

/// Requests, those that failed among them.
const COUNT: usize = 0;
/// Bytes that were asked for.
const BYTES: usize = 1;
/// Functions of the allocator that are active.
const DEPTH: usize = 2;

/// What has been allocated until now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Allocated {
    pub count: u64,
    pub bytes: u64,
}

impl Allocated {
    pub fn add(&mut self, more: Allocated) {
        self.count += more.count;
        self.bytes = self.bytes.wrapping_add(more.bytes);
    }

    pub fn since(self, before: Allocated) -> Allocated {
        Allocated {
            count: self.count - before.count,
            bytes: self.bytes.wrapping_sub(before.bytes),
        }
    }
}

/// Counts them; clones count the same.
#[derive(Clone)]
pub(super) struct Allocs(Counters);

impl Allocs {
    pub fn new() -> Allocs {
        Allocs(Counters::new(3))
    }

    #[inline]
    pub fn get(&self) -> Allocated {
        Allocated {
            count: self.0.get(COUNT),
            bytes: self.0.get(BYTES),
        }
    }

    /// Follows a function, if it is one by which memory is asked for; says whether it is.
    ///
    /// # Errors
    /// If the engine refuses a probe.
    pub fn instrument(
        &self,
        at: &mut Instrument<'_, '_, '_>,
        allocators: &Allocators,
    ) -> Result<bool> {
        let [size, number] = match allocators.role(&at.info) {
            None | Some(Role::Free) => return Ok(false),
            Some(Role::Malloc { size } | Role::Realloc { size }) => [size, size],
            Some(Role::Calloc) => [1, 0],
            Some(Role::PosixMemalign) => [2, 2],
        };
        let counters = self.0.clone();
        let enter = move |bytes: u64| {
            if counters.get(DEPTH) == 0 {
                counters.add(COUNT, 1);
                counters.add(BYTES, bytes as i64);
            }
            counters.add(DEPTH, 1);
            Ok(())
        };
        let enter = match size == number {
            true => Probe::values([Input::Local(size)], move |[size]| enter(size)),
            false => Probe::values([Input::Local(size), Input::Local(number)], move |[a, b]| {
                enter(a.saturating_mul(b))
            }),
        };
        let counters = self.0.clone();
        let leave = Probe::values([], move |[]| {
            counters.add(DEPTH, -1);
            Ok(())
        });
        at.probes
            .insert(at.func, Site::Entry, enter.priority(i32::MIN))?;
        at.probes
            .insert(at.func, Site::Exit, leave.priority(i32::MAX))?;
        Ok(true)
    }
}
