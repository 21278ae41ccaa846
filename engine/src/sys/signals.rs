//! Turns hardware faults in machine code of ours into a jump. Compiled code does not check what
//! the processor checks anyway (accesses to a memory's guard pages, division by zero, traps that
//! are an undefined instruction), so such a fault is how a trap begins.
//!
//! The handler decides nothing about traps: it makes the thread go on at the *landing*, a routine
//! in assembly that leaves the machine code as an ordinary return would. It must not misjudge
//! whose fault it sees, for everything else is a crash that somebody else wants to know of. So the
//! instruction must lie in registered code, the thread must have said that it is in such code
//! ([`arm`]), and the signal must come from the processor, not from another process. The rest goes
//! to the handler that was there before, as if this one did not exist.
//!
//! A handler must not lock or allocate. All that this one reads is atomic or the thread's own.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::zeroed;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering, compiler_fence};
use std::sync::{Once, OnceLock};

/// The signals that the processor's faults become, and for each what handled it before.
static PREVIOUS: [(c_int, OnceLock<libc::sigaction>); 4] = [
    (libc::SIGSEGV, OnceLock::new()),
    (libc::SIGBUS, OnceLock::new()),
    (libc::SIGFPE, OnceLock::new()),
    (libc::SIGILL, OnceLock::new()),
];

/// The landing's address; 0 while there is none.
static LANDING: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether a fault of this thread can be a trap. It has no destructor and needs no
    /// initialisation, so the handler can read it.
    static ARMED: Cell<bool> = const { Cell::new(false) };
    /// General registers at this thread's last fault that was a trap, by number. As the one above.
    static FAULTED: Cell<[u64; 16]> = const { Cell::new([0; 16]) };
}

/// General registers, in the order of their numbers.
const GENERAL: [c_int; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

/// General registers, by number, at the fault because of which this thread is at the landing.
pub(crate) fn faulted() -> [u64; 16] {
    FAULTED.get()
}

/// Says whether this thread is about to execute machine code that may fault; the value before.
///
/// Who calls machine code while this is set vouches for the landing (see [`set_landing`]).
pub(crate) fn arm(on: bool) -> bool {
    // The handler interrupts this thread, so what matters is the compiler's order alone.
    compiler_fence(Ordering::SeqCst);
    let before = ARMED.replace(on);
    compiler_fence(Ordering::SeqCst);
    before
}

/// Sets where threads go on after a fault, for the whole process.
///
/// The routine finds the faulting instruction's address in `rdi`, the address that was accessed in
/// `rsi` (0 where the processor does not tell) and the signal's number in `rdx`. All other
/// registers are as they were, except that the stack is as after a call: `rsp` is 8 above a
/// multiple of 16, and what lies above it, the red zone included, is untouched. There is no return
/// address.
pub(crate) fn set_landing(address: usize) {
    LANDING.store(address, Ordering::Release);
}

/// Takes over the signals, once per process.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (signal, previous) in &PREVIOUS {
            // SAFETY: plain data, of which zero is a value: no flags, an empty mask.
            let (mut old, mut new): (libc::sigaction, libc::sigaction) = unsafe { zeroed() };
            new.sa_sigaction = handle as *const () as usize;
            // On the thread's alternate stack, for the fault may be a stack's end. The signal is
            // not blocked meanwhile: the previous handler may not return.
            new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            // The old handler is known before the new one can need it.
            // SAFETY: the structures live through the calls, and `handle` is a handler of the kind
            // that the flags say.
            unsafe {
                if libc::sigaction(*signal, null(), &raw mut old) == 0 {
                    let _ = previous.set(old);
                    libc::sigaction(*signal, &raw const new, null_mut());
                }
            }
        }
    });
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes both to a handler that is installed with SA_SIGINFO, for the time
    // of the call.
    let (fault, state) = unsafe { (&*info, &mut *context.cast::<libc::ucontext_t>()) };
    if !land(signal, fault, &mut state.uc_mcontext.gregs) {
        // SAFETY: the arguments are the kernel's.
        unsafe { chain(signal, info, context) }
    }
}

/// If the fault is ours, lets the thread go on at the landing when the handler returns.
fn land(signal: c_int, fault: &libc::siginfo_t, registers: &mut [i64; 23]) -> bool {
    /// Bytes below the stack pointer that code may use.
    const RED_ZONE: i64 = 128;
    let pc = registers[libc::REG_RIP as usize];
    let landing = LANDING.load(Ordering::Acquire);
    // A signal that `kill` or the like has sent has no positive code.
    if landing == 0 || fault.si_code <= 0 || !is_code(pc as usize) || !ARMED.get() {
        return false;
    }
    // SAFETY: all four signals carry an address.
    let address = unsafe { fault.si_addr() };
    FAULTED.set(GENERAL.map(|register| registers[register as usize] as u64));
    let stack = registers[libc::REG_RSP as usize].wrapping_sub(RED_ZONE);
    registers[libc::REG_RDI as usize] = pc;
    registers[libc::REG_RSI as usize] = address as i64;
    registers[libc::REG_RDX as usize] = i64::from(signal);
    registers[libc::REG_RSP as usize] = (stack & !15).wrapping_sub(8);
    registers[libc::REG_RIP as usize] = landing as i64;
    true
}

/// Does what would have been done without us.
///
/// # Safety
/// The arguments are those with which the kernel has called a handler.
unsafe fn chain(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let previous = PREVIOUS.iter().find(|(number, _)| *number == signal);
    let previous = previous.and_then(|(_, action)| action.get());
    let action = previous.map_or(libc::SIG_DFL, |previous| previous.sa_sigaction);
    let flags = previous.map_or(0, |previous| previous.sa_flags);
    // SAFETY: `info` is the kernel's.
    let sent = unsafe { (*info).si_code } <= 0;
    match action {
        libc::SIG_IGN if sent => {}
        // A fault cannot be ignored; it has the default effect, when it recurs.
        libc::SIG_DFL | libc::SIG_IGN => {
            restore_default(signal);
            if sent {
                // SAFETY: no memory is concerned. The signal is not blocked (SA_NODEFER), so it is
                // delivered before this returns.
                unsafe { libc::raise(signal) };
            }
        }
        handler => {
            if flags & libc::SA_RESETHAND != 0 {
                // Such a handler expects that a fault after it has the default effect.
                restore_default(signal);
            }
            // SAFETY: `sigaction` gave them together; the arguments are the kernel's.
            unsafe { call_handler(handler, flags, signal, info, context) }
        }
    }
}

/// Calls a handler that `sigaction` has given, with its flags.
///
/// # Safety
/// The other arguments are those with which the kernel has called a handler.
pub(super) unsafe fn call_handler(
    handler: usize,
    flags: c_int,
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
) {
    // SAFETY: the address is a handler's, of the kind that its flags say.
    unsafe {
        if flags & libc::SA_SIGINFO != 0 {
            type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
            std::mem::transmute::<usize, Handler>(handler)(signal, info, context);
        } else {
            std::mem::transmute::<usize, extern "C" fn(c_int)>(handler)(signal);
        }
    }
}

fn restore_default(signal: c_int) {
    // SAFETY: all zero is an action: the default one, no flags, an empty mask. It lives through
    // the call.
    unsafe {
        let default: libc::sigaction = zeroed();
        libc::sigaction(signal, &raw const default, null_mut());
    }
}

/// Where machine code lies. A range is one word, so that the handler never sees the beginning of
/// one with the end of another; a slot whose range is gone is used again.
struct Ranges {
    /// Each is 0, or a range as [`pack`] makes it.
    slots: [AtomicU64; SLOTS],
    /// More slots, made when these are not enough, and never freed.
    next: AtomicPtr<Ranges>,
}

const SLOTS: usize = 127;

const PAGE_BITS: u32 = 12;

/// Bits of a packed range that count its pages; the number of its first page is above them.
const LEN_BITS: u32 = 28;

/// Of these, the highest says that the second half holds twins of what is in the first.
const TWINS: u64 = 1 << (LEN_BITS - 1);

static RANGES: Ranges = Ranges::new();

/// Says that a chunk holds machine code. `base` and `len` are multiples of 4096. With `twins`, what
/// lies in the first half has a twin, at the same place of the second.
pub(crate) fn add_code(base: *const u8, len: usize, twins: bool) {
    RANGES.add(pack(base, len) | if twins { TWINS } else { 0 });
}

/// Takes the chunk back that begins at `base`, before its addresses can become another's.
pub(crate) fn remove_code(base: *const u8) {
    RANGES.remove(base);
}

pub(super) fn is_code(address: usize) -> bool {
    RANGES.find(address).is_some()
}

/// The address of the same instruction in the twin of the code at `address`, if there is one and this
/// is not it.
pub(crate) fn twin_of(address: usize) -> Option<usize> {
    let range = RANGES.find(address)?;
    let half = (range.pages as usize / 2) << PAGE_BITS;
    let first = (range.first as usize) << PAGE_BITS;
    (range.twins && address - first < half).then_some(address + half)
}

/// Whether a fault of this thread can be a trap.
pub(super) fn is_armed() -> bool {
    ARMED.get()
}

fn pack(base: *const u8, len: usize) -> u64 {
    let (base, len) = (base as u64, len as u64);
    assert_eq!((base | len) % (1 << PAGE_BITS), 0, "code is whole pages");
    let (page, pages) = (base >> PAGE_BITS, len >> PAGE_BITS);
    assert!(page < 1 << (64 - LEN_BITS) && pages < TWINS);
    page << LEN_BITS | pages
}

/// A range, by pages.
struct Range {
    first: u64,
    pages: u64,
    twins: bool,
}

impl Range {
    fn unpack(packed: u64) -> Range {
        Range {
            first: packed >> LEN_BITS,
            pages: packed % TWINS,
            twins: packed & TWINS != 0,
        }
    }
}

impl Ranges {
    const fn new() -> Ranges {
        Ranges {
            slots: [const { AtomicU64::new(0) }; SLOTS],
            next: AtomicPtr::new(null_mut()),
        }
    }

    fn add(&self, range: u64) {
        let order = Ordering::AcqRel;
        let take = |slot: &AtomicU64| slot.compare_exchange(0, range, order, Ordering::Relaxed);
        let mut ranges = self;
        while !ranges.slots.iter().any(|slot| take(slot).is_ok()) {
            ranges = ranges.next_or_new();
        }
    }

    fn remove(&self, base: *const u8) {
        let page = base as u64 >> PAGE_BITS;
        for slot in self.iter() {
            // Ranges do not overlap, and only its owner removes one, so the slot stays as it is.
            let range = slot.load(Ordering::Relaxed);
            if range != 0 && range >> LEN_BITS == page {
                slot.store(0, Ordering::Release);
            }
        }
    }

    fn find(&self, address: usize) -> Option<Range> {
        let page = address as u64 >> PAGE_BITS;
        let ranges = self.iter();
        ranges
            .map(|slot| Range::unpack(slot.load(Ordering::Acquire)))
            .find(|range| page.wrapping_sub(range.first) < range.pages)
    }

    fn iter(&self) -> impl Iterator<Item = &AtomicU64> {
        std::iter::successors(Some(self), |ranges| ranges.next()).flat_map(|ranges| &ranges.slots)
    }

    fn next(&self) -> Option<&Ranges> {
        // SAFETY: null, or from `Box::leak`, and published with release.
        unsafe { self.next.load(Ordering::Acquire).as_ref() }
    }

    fn next_or_new(&self) -> &Ranges {
        if let Some(next) = self.next() {
            return next;
        }
        let new = Box::into_raw(Box::new(Ranges::new()));
        let order = Ordering::AcqRel;
        match self
            .next
            .compare_exchange(null_mut(), new, order, Ordering::Acquire)
        {
            // SAFETY: leaked just now.
            Ok(_) => unsafe { &*new },
            Err(other) => {
                // SAFETY: nobody has seen this one; the other is another thread's, leaked.
                unsafe {
                    drop(Box::from_raw(new));
                    &*other
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
