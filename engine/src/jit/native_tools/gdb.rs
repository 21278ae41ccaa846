//! GDB's interface for compilers that run in the process (LLDB has the same): a list of object
//! files in memory. The debugger finds the list by the name of its root, and has a breakpoint in
//! a function that is called after each change. Both names are fixed, so there is one list in a
//! process. Other engines linked into it define the names too; those that define them weakly
//! (Wasmtime does) give way.

use std::cell::UnsafeCell;
use std::ptr::null_mut;
use std::sync::{Mutex, PoisonError};

/// One object file in the list.
#[repr(C)]
struct Entry {
    next: *mut Entry,
    prev: *mut Entry,
    file: *const u8,
    file_bytes: u64,
}

const NO_ACTION: u32 = 0;
const REGISTER: u32 = 1;
const UNREGISTER: u32 = 2;

#[repr(C)]
struct Descriptor {
    version: u32,
    /// What has happened to `relevant`.
    action: u32,
    relevant: *mut Entry,
    first: *mut Entry,
}

/// The root, which the debugger reads and everyone here changes under [`LOCK`] only.
#[repr(transparent)]
struct Root(UnsafeCell<Descriptor>);

// SAFETY: the content is only accessed by who holds the lock.
unsafe impl Sync for Root {}

#[allow(non_upper_case_globals, reason = "debuggers look for this name")]
#[unsafe(no_mangle)]
static __jit_debug_descriptor: Root = Root(UnsafeCell::new(Descriptor {
    version: 1,
    action: NO_ACTION,
    relevant: null_mut(),
    first: null_mut(),
}));

static LOCK: Mutex<()> = Mutex::new(());

/// Where debuggers have their breakpoint.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn __jit_debug_register_code() {
    // SAFETY: no instructions. The block may read and write all memory, as far as the compiler
    // knows, so calls stay, and the list is in memory when they happen.
    unsafe { std::arch::asm!("", options(nostack, preserves_flags)) };
}

/// An object file that debuggers know of until this is dropped.
pub(super) struct Registered {
    /// Made by `Box::into_raw`; owned.
    entry: *mut Entry,
    /// What the entry points to.
    _file: Box<[u8]>,
}

// SAFETY: the entry is only accessed under the lock.
unsafe impl Send for Registered {}
// SAFETY: as above; there is nothing to do with a reference.
unsafe impl Sync for Registered {}

impl Registered {
    pub(super) fn new(file: Vec<u8>) -> Registered {
        let file = file.into_boxed_slice();
        let entry = Box::into_raw(Box::new(Entry {
            next: null_mut(),
            prev: null_mut(),
            file: file.as_ptr(),
            file_bytes: file.len() as u64,
        }));
        let _lock = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        let root = __jit_debug_descriptor.0.get();
        // SAFETY: under the lock; the entry was just made, and what is in the list is alive,
        // because it leaves the list before it is freed.
        unsafe {
            (*entry).next = (*root).first;
            if let Some(next) = (*entry).next.as_mut() {
                next.prev = entry;
            }
            (*root).first = entry;
            notify(root, entry, REGISTER);
        }
        Registered { entry, _file: file }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let _lock = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        let root = __jit_debug_descriptor.0.get();
        // SAFETY: under the lock; the entry is in the list, so its neighbours are alive. After it
        // has left, nothing points to it but `self`, which goes away.
        unsafe {
            let Entry { next, prev, .. } = *self.entry;
            match prev.as_mut() {
                Some(prev) => prev.next = next,
                None => (*root).first = next,
            }
            if let Some(next) = next.as_mut() {
                next.prev = prev;
            }
            notify(root, self.entry, UNREGISTER);
            drop(Box::from_raw(self.entry));
        }
    }
}

/// Tells the debugger, if there is one.
///
/// # Safety
/// The caller holds the lock, and `entry` is alive.
unsafe fn notify(root: *mut Descriptor, entry: *mut Entry, action: u32) {
    // SAFETY: the caller's promise; the root is a static.
    unsafe {
        (*root).relevant = entry;
        (*root).action = action;
        __jit_debug_register_code();
        // Nothing may look at an entry that has been freed, a debugger that comes late included.
        (*root).relevant = null_mut();
        (*root).action = NO_ACTION;
    }
}

#[cfg(test)]
#[path = "gdb_tests.rs"]
mod tests;
