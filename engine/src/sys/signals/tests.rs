//! Faults in small pieces of machine code. What changes the process's signals runs in a process
//! of its own, so that no other test has to live with this landing.

use std::arch::naked_asm;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;

use super::super::child::in_child;
use super::super::code_memory::{CodeBlock, CodeMemory, Placement};
use super::super::region::Region;
use super::*;

/// What the landing has found.
#[derive(Default, Debug)]
#[repr(C)]
struct Seen {
    /// The stack of `enter`, to which the landing returns.
    stack: u64,
    pc: u64,
    address: u64,
    signal: u64,
    rsp: u64,
    rbp: u64,
    r12: u64,
    r13: u64,
    r14: u64,
    r15: u64,
    xmm0: u64,
}

/// Calls `code` with an argument; its result, or -1 if it has faulted.
#[unsafe(naked)]
extern "C" fn enter(code: *const u8, argument: u64, seen: &mut Seen) -> u64 {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov [rdx], rsp",
        "mov rbx, rdx",
        "mov rax, rdi",
        "mov rdi, rsi",
        "call rax",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

#[unsafe(naked)]
extern "C" fn landing() {
    naked_asm!(
        "mov [rbx + 8], rdi",
        "mov [rbx + 16], rsi",
        "mov [rbx + 24], rdx",
        "mov [rbx + 32], rsp",
        "mov [rbx + 40], rbp",
        "mov [rbx + 48], r12",
        "mov [rbx + 56], r13",
        "mov [rbx + 64], r14",
        "mov [rbx + 72], r15",
        "movq [rbx + 80], xmm0",
        "mov rax, -1",
        "mov rsp, [rbx]",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// An undefined instruction that is no machine code of ours.
#[unsafe(naked)]
extern "C" fn undefined() {
    naked_asm!("ud2")
}

const UD2: &[u8] = &[0x0F, 0x0B];
/// `mov eax, [rdi]; ret`
const LOAD: &[u8] = &[0x8B, 0x07, 0xC3];
/// `mov eax, edi; cdq; xor ecx, ecx; idiv ecx`, of which the last is at 5.
const DIVIDE: &[u8] = &[0x89, 0xF8, 0x99, 0x31, 0xC9, 0xF7, 0xF9];

fn set_up() {
    install();
    install();
    set_landing(landing as *const () as usize);
}

fn code(bytes: &[u8]) -> CodeBlock {
    Arc::new(CodeMemory::new())
        .alloc(bytes, None, Placement::default())
        .expect("memory")
}

fn run_armed(code: *const u8, argument: u64) -> (u64, Seen) {
    let mut seen = Seen::default();
    let before = arm(true);
    let result = enter(code, argument, &mut seen);
    assert!(arm(before));
    (result, seen)
}

/// Runs code that faults `at` bytes from its beginning, with all registers set, and with the stack
/// at all distances from its alignment.
fn faults(fault: &[u8], at: usize, argument: u64, signal: c_int, address: Option<u64>) {
    for pushes in 0..3 {
        let mut bytes = vec![
            0xBD, 5, 0, 0, 0, // mov ebp, 5
            0x41, 0xBC, 12, 0, 0, 0, // mov r12d, 12
            0x41, 0xBD, 13, 0, 0, 0, // and so on
            0x41, 0xBE, 14, 0, 0, 0, //
            0x41, 0xBF, 15, 0, 0, 0, //
            0x66, 0x41, 0x0F, 0x6E, 0xC7, // movd xmm0, r15d
        ];
        bytes.extend(std::iter::repeat_n(0x50, pushes)); // push rax
        let pc = bytes.len() + at;
        bytes.extend(fault);
        let code = code(&bytes);
        let (result, seen) = run_armed(code.base(), argument);
        let pc = code.base() as u64 + pc as u64;
        assert_eq!(result, u64::MAX, "no fault");
        assert_eq!((seen.pc, seen.signal), (pc, signal as u64), "{seen:?}");
        assert_eq!(seen.address, address.unwrap_or(pc), "{seen:?}");
        let kept = [seen.rbp, seen.r12, seen.r13, seen.r14, seen.r15, seen.xmm0];
        assert_eq!(kept, [5, 12, 13, 14, 15, 15]);
        // Below what was the stack then, its red zone included, and no further than alignment asks.
        let stack = seen.stack - 8 - 8 * pushes as u64;
        assert_eq!(seen.rsp % 16, 8);
        assert!(
            (128 + 8..128 + 24).contains(&(stack - seen.rsp)),
            "{seen:?}"
        );
    }
}

#[test]
fn faults_go_on_at_the_landing() {
    let status = in_child("sys::signals::tests::faults_go_on_at_the_landing", || {
        set_up();
        let guard = Region::reserve(1).expect("address space");
        let guarded = guard.base() as u64 + 40;
        let beyond_file = empty_file() + 8;
        faults(UD2, 0, 0, libc::SIGILL, None);
        faults(DIVIDE, 5, 7, libc::SIGFPE, None);
        faults(LOAD, 0, guarded, libc::SIGSEGV, Some(guarded));
        faults(LOAD, 0, beyond_file, libc::SIGBUS, Some(beyond_file));
        // No address at all, so the processor does not tell it.
        faults(LOAD, 0, 1 << 63, libc::SIGSEGV, Some(0));
        // And code without a fault returns.
        let seven = 7u32;
        let load = code(LOAD);
        assert_eq!(run_armed(load.base(), &raw const seven as u64).0, 7);
        assert!(!arm(false));
    });
    assert_eq!(status.code(), Some(0), "{status}");
}

/// The address of a page of a file that has none.
fn empty_file() -> u64 {
    use rustix::fs::{MemfdFlags, memfd_create};
    use rustix::mm::{MapFlags, ProtFlags, mmap};
    let file = memfd_create("empty", MemfdFlags::CLOEXEC).expect("a file");
    // SAFETY: a fresh mapping touches nothing that exists.
    let page = unsafe { mmap(null_mut(), 4096, ProtFlags::READ, MapFlags::SHARED, file, 0) };
    page.expect("a mapping") as u64
}

#[test]
fn threads_fault_at_the_same_time() {
    let status = in_child(
        "sys::signals::tests::threads_fault_at_the_same_time",
        || {
            set_up();
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for _ in 0..500 {
                            faults(UD2, 0, 0, libc::SIGILL, None);
                        }
                    });
                }
            });
        },
    );
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn code_that_is_not_armed_is_no_business_of_ours() {
    let name = "sys::signals::tests::code_that_is_not_armed_is_no_business_of_ours";
    let status = in_child(name, || {
        set_up();
        // That another thread is armed does not matter.
        std::thread::spawn(|| arm(true)).join().expect("a thread");
        enter(code(UD2).base(), 0, &mut Seen::default());
    });
    assert_eq!(status.signal(), Some(libc::SIGILL), "{status}");
}

#[test]
fn code_that_is_gone_is_no_business_of_ours() {
    let name = "sys::signals::tests::code_that_is_gone_is_no_business_of_ours";
    let status = in_child(name, || {
        set_up();
        let gone = code(UD2).base();
        run_armed(gone, 0);
    });
    assert_eq!(status.signal(), Some(libc::SIGSEGV), "{status}");
}

/// Where Rust has a handler: it looks for an overflow of the stack.
#[test]
fn a_bad_access_elsewhere_kills() {
    let status = in_child("sys::signals::tests::a_bad_access_elsewhere_kills", || {
        set_up();
        let guard = Region::reserve(1).expect("address space");
        arm(true);
        // SAFETY: none; this process is to end here.
        unsafe { guard.base().read_volatile() };
    });
    assert_eq!(status.signal(), Some(libc::SIGSEGV), "{status}");
}

/// Where there was no handler.
#[test]
fn an_undefined_instruction_elsewhere_kills() {
    let name = "sys::signals::tests::an_undefined_instruction_elsewhere_kills";
    let status = in_child(name, || {
        set_up();
        run_armed(undefined as *const u8, 0);
    });
    assert_eq!(status.signal(), Some(libc::SIGILL), "{status}");
}

/// Sends itself a signal, from machine code.
const SEND_FPE: &[u8] = &[
    0xBE, 8, 0, 0, 0, // mov esi, SIGFPE
    0xB8, 200, 0, 0, 0, // mov eax, SYS_tkill
    0x0F, 0x05, // syscall
    0xC3, // ret
];

fn send_fpe() -> u64 {
    // SAFETY: no memory is concerned.
    let thread = unsafe { libc::gettid() };
    run_armed(code(SEND_FPE).base(), thread as u64).0
}

#[test]
fn a_signal_that_was_sent_is_no_fault() {
    let name = "sys::signals::tests::a_signal_that_was_sent_is_no_fault";
    let status = in_child(name, || {
        set_up();
        send_fpe();
    });
    assert_eq!(status.signal(), Some(libc::SIGFPE), "{status}");
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let name = "sys::signals::tests::a_signal_that_is_ignored_stays_ignored";
    let status = in_child(name, || {
        // SAFETY: `SIG_IGN` is a disposition.
        unsafe { libc::signal(libc::SIGFPE, libc::SIG_IGN) };
        set_up();
        assert_eq!(send_fpe(), 0);
        faults(DIVIDE, 5, 7, libc::SIGFPE, None);
    });
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn earlier_handlers_get_what_is_not_ours() {
    let name = "sys::signals::tests::earlier_handlers_get_what_is_not_ours";
    extern "C" fn end(signal: c_int) {
        // SAFETY: ends the process, in a way that handlers may.
        unsafe { libc::_exit(100 + signal) }
    }
    extern "C" fn skip(_: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
        // SAFETY: the handler is called as the kernel calls handlers.
        let (info, state) = unsafe { (&*info, &mut *context.cast::<libc::ucontext_t>()) };
        let registers = &mut state.uc_mcontext.gregs;
        // SAFETY: SIGILL carries an address.
        let address = unsafe { info.si_addr() } as i64;
        assert_eq!(registers[libc::REG_RIP as usize], address);
        // Return from the function of the undefined instruction, with 33.
        registers[libc::REG_RAX as usize] = 33;
        let stack = registers[libc::REG_RSP as usize];
        // SAFETY: the function has pushed nothing, so its return address is on top.
        registers[libc::REG_RIP as usize] = unsafe { *(stack as *const i64) };
        registers[libc::REG_RSP as usize] = stack + 8;
    }
    let status = in_child(name, || {
        // SAFETY: both handlers are of the kind that the flags say.
        unsafe {
            libc::signal(libc::SIGFPE, end as *const () as usize);
            let mut action: libc::sigaction = zeroed();
            action.sa_sigaction = skip as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            libc::sigaction(libc::SIGILL, &raw const action, null_mut());
        }
        set_up();
        assert_eq!(run_armed(undefined as *const u8, 0).0, 33);
        faults(UD2, 0, 0, libc::SIGILL, None);
        send_fpe();
    });
    assert_eq!(status.code(), Some(100 + libc::SIGFPE), "{status}");
}

#[test]
fn ranges_are_found_until_they_are_removed() {
    let ranges = Ranges::new();
    let base = |index: usize| ((0x7F00_0000 + 8 * index) << 12) as *const u8;
    let count = 3 * SLOTS;
    for index in 0..count {
        ranges.add(pack(base(index), 3 << 12));
    }
    for index in 0..count {
        let begin = base(index) as usize;
        assert!(ranges.find(begin).is_some() && ranges.find(begin + (3 << 12) - 1).is_some());
        assert!(ranges.find(begin - 1).is_none() && ranges.find(begin + (3 << 12)).is_none());
        ranges.remove((begin + 4096) as *const u8);
        assert!(ranges.find(begin).is_some(), "that was not its beginning");
        ranges.remove(base(index));
        assert!(ranges.find(begin).is_none());
    }
    assert!(ranges.find(0).is_none() && ranges.find(usize::MAX).is_none());
    let slots = ranges.iter().count();
    for _ in 0..count {
        ranges.add(pack(base(0), 1 << 38));
        assert!(ranges.find(base(0) as usize + (1 << 38) - 1).is_some());
        ranges.remove(base(0));
    }
    assert_eq!(ranges.iter().count(), slots, "slots are used again");
}

#[test]
fn ranges_of_many_threads_do_not_mix() {
    let ranges = Ranges::new();
    std::thread::scope(|scope| {
        for thread in 1..=4usize {
            let ranges = &ranges;
            scope.spawn(move || {
                for round in 1..200usize {
                    let base = |index: usize| (thread << 40 | index << 20) as *const u8;
                    for index in 0..round {
                        ranges.add(pack(base(index), 4096));
                    }
                    for index in 0..round {
                        assert!(ranges.find(base(index) as usize + 4095).is_some());
                        assert!(ranges.find(base(index) as usize + 4096).is_none());
                        ranges.remove(base(index));
                    }
                }
            });
        }
    });
    assert!(ranges.iter().all(|slot| slot.load(Ordering::Relaxed) == 0));
}
