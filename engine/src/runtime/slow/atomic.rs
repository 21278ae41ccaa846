//! Atomic accesses, and waiting for other threads (threads proposal).
//!
//! The data cell names the memory and holds the offset. Checks come in the order of the reference
//! interpreter: alignment, that the memory is shared (to wait), bounds.

use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use probity_interp::eval::atomic;
use probity_interp::exit;

use super::{Operands, instruction};
use crate::code::atomic_op::Access;
use crate::error::TrapCode;
use crate::runtime::SharedMemory;

impl Operands<'_> {
    /// The accessed address, in the memory and in the process; or the status of a trap.
    fn atomic_at(&mut self, must_share: bool) -> Result<(u64, *mut u8), u64> {
        let width = 1u64 << Access::from_imm(self.imm).log2;
        // SAFETY: atomic instructions have a data cell.
        let offset = unsafe { (*self.pc.add(1)).handler.addr() as u64 };
        let memory = self.memory(self.data);
        let base = self.size(0, self.core.memories[memory].ty.memory64);
        // A sum beyond 64 bits is aligned if its low bits are, and never in bounds.
        let (at, beyond) = base.overflowing_add(offset);
        if at % width != 0 {
            return Err(exit::UNALIGNED);
        }
        if must_share && self.core.memories[memory].as_shared().is_none() {
            return Err(self.raise(TrapCode::ExpectedSharedMemory));
        }
        if beyond {
            return Err(exit::MEMORY);
        }
        let span = self.core.memories[memory].span(at, width);
        Ok((at, span.ok_or(exit::MEMORY)?.as_ptr()))
    }

    fn shared_memory(&self) -> Option<&SharedMemory> {
        self.core.memories[self.memory(self.data)].as_shared()
    }
}

instruction! {
    /// `i32.atomic.load` and the like
    atomic_load(o, data) {
        let (_, at) = o.atomic_at(false)?;
        // SAFETY: aligned and in bounds.
        let value = unsafe { atomic::load(at, Access::from_imm(o.imm).log2) };
        o.set_result(value);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `i32.atomic.store` and the like
    atomic_store(o, data) {
        let (_, at) = o.atomic_at(false)?;
        // SAFETY: aligned and in bounds.
        unsafe { atomic::store(at, Access::from_imm(o.imm).log2, o.raw(1)) };
        Ok(exit::DONE)
    }
}

instruction! {
    /// `i32.atomic.rmw.add` and the like
    atomic_rmw(o, data) {
        let (_, at) = o.atomic_at(false)?;
        let access = Access::from_imm(o.imm);
        // SAFETY: aligned and in bounds.
        let old = unsafe { atomic::rmw(at, access.log2, access.op, o.raw(1)) };
        o.set_result(old);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `i32.atomic.rmw.cmpxchg` and the like
    atomic_cmpxchg(o, data) {
        let (_, at) = o.atomic_at(false)?;
        // SAFETY: aligned and in bounds.
        let old = unsafe { atomic::cmpxchg(at, Access::from_imm(o.imm).log2, o.raw(1), o.raw(2)) };
        o.set_result(old);
        Ok(exit::DONE)
    }
}

instruction! {
    /// `memory.atomic.notify`: nobody waits on a memory that is not shared.
    atomic_notify(o, data) {
        let (at, _) = o.atomic_at(false)?;
        let count = o.raw(1) as u32;
        let woken = o.shared_memory().map_or(0, |memory| memory.waiters().notify(at, count));
        o.set_result(woken.into());
        Ok(exit::DONE)
    }
}

instruction! {
    /// `memory.atomic.wait32`, `memory.atomic.wait64`
    atomic_wait(o, data) {
        let (at, address) = o.atomic_at(true)?;
        let log2 = Access::from_imm(o.imm).log2;
        let (expected, timeout) = (o.raw(1), o.raw(2) as i64);
        let timeout = u64::try_from(timeout).ok().map(Duration::from_nanos);
        // A deadline beyond what the clock can say is never reached.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let memory = o.shared_memory().cloned().ok_or(exit::MEMORY)?;
        // SAFETY: aligned and in bounds.
        let is_equal = || unsafe { atomic::load(address, log2) } == expected;
        let interrupt = o.core.interrupt.clone();
        let mut ended = false;
        let wanted = || {
            ended = o.serve().is_err();
            ended
        };
        let outcome = memory.waiters().wait(at, is_equal, deadline, &interrupt, wanted);
        if ended {
            return Err(exit::ENGINE);
        }
        o.set_result(outcome as u64);
        Ok(o.go_on())
    }
}

instruction! {
    /// `atomic.fence`
    atomic_fence(o) {
        let _ = &o;
        fence(Ordering::SeqCst);
        Ok(exit::DONE)
    }
}
