//! Nudges: a signal to a thread that runs machine code, which makes it look for requests.
//!
//! Loops of compiled code do not look whether another thread wants something: where they would, there is
//! nothing that does anything. Each such function has a *twin*, the same code with the polls in
//! it, at a fixed distance. A nudge moves the thread to the twin of what it executes, and the caller's
//! return address too, for a function without loops may be called by a loop that relies on its own
//! poll. Registers and frames are the same in both.
//!
//! A nudge can come to nothing: the thread may be in code of the engine or of the host. So whoever
//! nudges does it until the request has been seen, and the engine looks itself on its way back
//! into compiled code.
//!
//! The signal is SIGURG, which does nothing to who does not expect it. What was there before us gets
//! those that are not ours. As in `signals.rs`, all that the handler reads is atomic or the
//! thread's own.

use std::ffi::{c_int, c_void};
use std::mem::zeroed;
use std::ptr::{null, null_mut};
use std::sync::{Once, OnceLock};

use super::signals::{call_handler, is_armed, is_code, twin_of};

const SIGNAL: c_int = libc::SIGURG;

static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

/// A thread of this process, by the kernel's number.
pub(crate) fn this_thread() -> i32 {
    thread_local! {
        static ID: i32 = {
            // SAFETY: no memory is concerned.
            unsafe { libc::gettid() }
        };
    }
    ID.with(|id| *id)
}

/// What a signal carries that is sent with a value, as the kernel lays it out.
#[repr(C)]
struct Queued {
    signal: c_int,
    error: c_int,
    code: c_int,
    _pad: c_int,
    pid: i32,
    uid: u32,
    value: usize,
    _rest: [u64; 12],
}

const _: () = assert!(size_of::<Queued>() == size_of::<libc::siginfo_t>());

/// The value that our signals carry: others in this process may use the same signal.
fn mark() -> usize {
    static MARK: u8 = 0;
    (&raw const MARK) as usize
}

/// Nudges a thread. Nothing happens if it has ended, or runs no machine code.
pub(crate) fn nudge(thread: i32) {
    // SAFETY: the structure is read during the call; a number that is no thread of this process is
    // refused.
    unsafe {
        let pid = libc::getpid();
        let queued = Queued {
            signal: SIGNAL,
            error: 0,
            code: libc::SI_QUEUE,
            _pad: 0,
            pid,
            uid: libc::getuid(),
            value: mark(),
            _rest: [0; 12],
        };
        let call = libc::SYS_rt_tgsigqueueinfo;
        libc::syscall(call, pid, thread, SIGNAL, &raw const queued);
    }
}

/// Takes over the signal, once per process.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: plain data, of which zero is a value: no flags, an empty mask.
        let (mut old, mut new): (libc::sigaction, libc::sigaction) = unsafe { zeroed() };
        new.sa_sigaction = handle as *const () as usize;
        // Calls of the system that it interrupts go on, as if it had been ignored.
        new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        // SAFETY: the structures live through the calls, and `handle` is a handler of the kind that
        // the flags say.
        unsafe {
            if libc::sigaction(SIGNAL, null(), &raw mut old) == 0 {
                let _ = PREVIOUS.set(old);
                libc::sigaction(SIGNAL, &raw const new, null_mut());
            }
        }
    });
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes both to a handler that is installed with SA_SIGINFO, for the time
    // of the call.
    let (about, state) = unsafe { (&*info, &mut *context.cast::<libc::ucontext_t>()) };
    // SAFETY: a signal that was sent with a value carries it, and the sender.
    let ours = about.si_code == libc::SI_QUEUE
        && unsafe {
            about.si_value().sival_ptr as usize == mark() && about.si_pid() == libc::getpid()
        };
    if !ours {
        // SAFETY: the arguments are the kernel's.
        unsafe { chain(signal, info, context) }
    } else if is_armed() {
        let registers = &mut state.uc_mcontext.gregs;
        let register = |register: c_int| registers[register as usize] as usize;
        let pc = register(libc::REG_RIP);
        let (rsp, rbp) = (register(libc::REG_RSP), register(libc::REG_RBP));
        // SAFETY: the thread executes machine code of ours if `pc` is in such code.
        let to = unsafe { move_to_twin(pc, rsp, rbp) };
        if let Some(to) = to {
            registers[libc::REG_RIP as usize] = to as i64;
        }
    }
}

/// Where a thread at `pc` is to go on. The return address of its frame is changed.
///
/// # Safety
/// The registers must be those of a thread that this one is; if `pc` is in registered code, that code
/// keeps frame pointers.
unsafe fn move_to_twin(pc: usize, rsp: usize, rbp: usize) -> Option<usize> {
    if !is_code(pc) {
        return None;
    }
    // SAFETY: the code that is executed; it ends with more than three bytes behind each of these
    // instructions, or is filled up.
    let next = unsafe { *(pc as *const [u8; 3]) };
    let slot = match next {
        // push rbp; ret
        [0x55, ..] | [0xC3, ..] | [0xC2, ..] => rsp,
        // mov rbp, rsp
        [0x48, 0x89, 0xE5] => rsp + 8,
        // Everywhere else this is the frame's, or, in front of a tail call's jump, the caller's.
        _ => rbp + 8,
    } as *mut usize;
    // SAFETY: the return address of a live frame; what it returns to has the same frame in both.
    unsafe {
        if let Some(back) = twin_of(*slot) {
            *slot = back;
        }
    }
    twin_of(pc)
}

/// Does what would have been done without us.
///
/// # Safety
/// The arguments are those with which the kernel has called a handler.
unsafe fn chain(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // By default it is ignored.
    if let Some(previous) = PREVIOUS.get()
        && previous.sa_sigaction != libc::SIG_DFL
        && previous.sa_sigaction != libc::SIG_IGN
    {
        let (handler, flags) = (previous.sa_sigaction, previous.sa_flags);
        // SAFETY: `sigaction` gave them together; the arguments are the kernel's.
        unsafe { call_handler(handler, flags, signal, info, context) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::super::child::in_child;
    use super::*;

    static SEEN: AtomicU32 = AtomicU32::new(0);

    extern "C" fn count(_: c_int) {
        SEEN.fetch_add(1, Ordering::SeqCst);
    }

    /// Who handled the signal before gets what others send, and not our nudges.
    #[test]
    fn signals_of_others_go_to_the_handler_before() {
        let name = "sys::nudge::tests::signals_of_others_go_to_the_handler_before";
        let status = in_child(name, || {
            // SAFETY: the structure lives through the call, and `count` is a handler without
            // information.
            unsafe {
                let mut action: libc::sigaction = zeroed();
                action.sa_sigaction = count as *const () as usize;
                libc::sigaction(SIGNAL, &raw const action, null_mut());
            }
            install();
            nudge(this_thread());
            assert_eq!(SEEN.load(Ordering::SeqCst), 0);
            // SAFETY: no memory is concerned. Such a signal comes before the call returns.
            unsafe { libc::raise(SIGNAL) };
            assert_eq!(SEEN.load(Ordering::SeqCst), 1);
        });
        assert!(status.success(), "{status}");
    }

    #[test]
    fn nudges_of_what_runs_no_machine_code_do_nothing() {
        install();
        nudge(this_thread());
        let ended = std::thread::spawn(this_thread).join().expect("no panic");
        nudge(ended);
    }
}
