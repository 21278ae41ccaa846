//! Fences of two kinds, of which one costs nothing: where two threads each write one variable and then read the other's, one
//! of them sees what the other has written if each has a fence in between. Here the one that does so often has a
//! [`light`] fence, the other a [`heavy`] one, with which the kernel has every thread of the process execute a fence of its
//! own (`membarrier(2)`). Where there is no such kernel, both are ordinary fences.

use std::sync::atomic::{AtomicBool, Ordering, compiler_fence, fence};

/// The kernel has been told that this process does that.
static REGISTERED: AtomicBool = AtomicBool::new(false);

/// Asks the kernel, once per process: where there are threads already, it takes its time. Before any fence of which the
/// other side matters.
#[cfg(jit)]
pub(crate) fn install() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        if membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) {
            REGISTERED.store(true, Ordering::SeqCst);
        }
    });
}

pub(crate) fn light() {
    match REGISTERED.load(Ordering::Acquire) {
        true => compiler_fence(Ordering::SeqCst),
        false => fence(Ordering::SeqCst),
    }
}

pub(crate) fn heavy() {
    #[cfg(jit)]
    if REGISTERED.load(Ordering::Acquire) {
        let done = membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        // It has no other reason to fail than that it was not registered.
        debug_assert!(done, "no membarrier");
    }
    fence(Ordering::SeqCst);
}

#[cfg(jit)]
fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: no memory is concerned.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}
