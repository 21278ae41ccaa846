//! The few routines that cannot be written in Rust: ways into compiled code, out of it, and around
//! what lies between.
//!
//! All that needs the registers of compiled code goes through a [`Link`]: a record on the stack of
//! the registers that calls preserve, the frame pointer and the place to go on, in the order in
//! which they are popped.
//!
//! | routine | what it does |
//! |---|---|
//! | `enter` | calls compiled code; its frame is what [`leave`] returns from |
//! | exits | compiled code calls the engine: they leave a link on the stack |
//! | `drain` | compiled code has filled a buffer of records, and keeps all its registers |
//! | `outside` | compiled code has found a value outside of its range; the same |
//! | `lazy` | first call of a function from compiled code: asks for the way there, and takes it |
//! | `returned` | compiled code returns to a frame that the interpreter has to take over |
//! | `replace` | gives a frame further out to the interpreter, and drops those inside it |
//! | `land` | a compiled frame goes on where it catches an exception |
//! | `trapped` | where the signal handler goes on |

use std::arch::global_asm;
use std::ffi::c_void;

use probity_interp::layout::{Ctx, NATIVES};

use crate::hook::{call_outside, drain_full};
use crate::tier::frames::{LINK_BELOW, Link, Saved};
use crate::tier::{Activation, Registers, exits, throw};

global_asm!(
    // Stack of a link: r15, r14, r13, r12, rbx, rbp, return address.
    ".macro probity_save_link",
    "  push rbp",
    "  mov rbp, rsp",
    "  push rbx",
    "  push r12",
    "  push r13",
    "  push r14",
    "  push r15",
    ".endm",
    ".macro probity_pop_link",
    "  pop r15",
    "  pop r14",
    "  pop r13",
    "  pop r12",
    "  pop rbx",
    "  pop rbp",
    "  ret",
    ".endm",
    // The vector registers of arguments, at the stack pointer.
    ".macro probity_save_vectors",
    "  movups [rsp], xmm0",
    "  movups [rsp + 16], xmm1",
    "  movups [rsp + 32], xmm2",
    "  movups [rsp + 48], xmm3",
    "  movups [rsp + 64], xmm4",
    "  movups [rsp + 80], xmm5",
    "  movups [rsp + 96], xmm6",
    "  movups [rsp + 112], xmm7",
    ".endm",
    ".macro probity_load_vectors",
    "  movups xmm0, [rsp]",
    "  movups xmm1, [rsp + 16]",
    "  movups xmm2, [rsp + 32]",
    "  movups xmm3, [rsp + 48]",
    "  movups xmm4, [rsp + 64]",
    "  movups xmm5, [rsp + 80]",
    "  movups xmm6, [rsp + 96]",
    "  movups xmm7, [rsp + 112]",
    ".endm",
    // The registers of a frame further out: rdi is its frame pointer, rsi the stack's, rdx the rest.
    ".macro probity_take_registers",
    "  mov r15, [rdx]",
    "  mov r14, [rdx + 8]",
    "  mov r13, [rdx + 16]",
    "  mov r12, [rdx + 24]",
    "  mov rbx, [rdx + 32]",
    "  mov rbp, rdi",
    "  mov rsp, rsi",
    ".endm",
    // enter(code, ctx, fp, activation, stack or 0, argument) -> status
    ".balign 16",
    ".globl probity_native_enter",
    ".hidden probity_native_enter",
    "probity_native_enter:",
    "probity_save_link",
    "  push rcx",
    "  mov [rcx], rbp",
    "  test r8, r8",
    "  jz 2f",
    "  mov rsp, r8",
    "2:",
    "  mov rax, rdi",
    "  mov rdi, rsi",
    "  mov rsi, rdx",
    "  mov rdx, r9",
    "  call rax",
    ".globl probity_native_entered",
    ".hidden probity_native_entered",
    "probity_native_entered:",
    "  xor eax, eax",
    "3:",
    "  lea rsp, [rbp - {below}]",
    "probity_pop_link",
    // leave(activation, status) -> !
    ".balign 16",
    ".globl probity_native_leave",
    ".hidden probity_native_leave",
    "probity_native_leave:",
    "  mov rbp, [rdi]",
    "  mov rax, rsi",
    "  jmp 3b",
    // Calls of the engine: up to five arguments, the link is the sixth.
    ".macro probity_exit name, target",
    ".balign 16",
    ".globl \\name",
    ".hidden \\name",
    "\\name:",
    "probity_save_link",
    "  lea r9, [rbp - {below}]",
    "  sub rsp, 8",
    "  call \\target",
    "  add rsp, 8",
    "probity_pop_link",
    ".endm",
    "probity_exit probity_native_call_out, {call_out}",
    "probity_exit probity_native_slow, {slow}",
    "probity_exit probity_native_is_subtype, {is_subtype}",
    "probity_exit probity_native_fire, {fire}",
    "probity_exit probity_native_throw, {throw}",
    // The convention of compiled functions, whose arguments are in registers: all are kept.
    ".balign 16",
    ".globl probity_native_lazy",
    ".hidden probity_native_lazy",
    "probity_native_lazy:",
    "probity_save_link",
    "  push rdi",
    "  push rsi",
    "  push rdx",
    "  push rcx",
    "  push r8",
    "  push r9",
    "  sub rsp, 136",
    "probity_save_vectors",
    "  lea rsi, [rbp - {below}]",
    "  call {resolve}",
    "  mov r11, rax",
    "probity_load_vectors",
    "  add rsp, 136",
    "  pop r9",
    "  pop r8",
    "  pop rcx",
    "  pop rdx",
    "  pop rsi",
    "  pop rdi",
    "  pop r15",
    "  pop r14",
    "  pop r13",
    "  pop r12",
    "  pop rbx",
    "  pop rbp",
    "  jmp r11",
    // Calls a function of (ctx, what it is about): all registers are kept.
    ".macro probity_call_keeping function",
    "  push rbp",
    "  mov rbp, rsp",
    "  push rax",
    "  push rcx",
    "  push rdx",
    "  push rsi",
    "  push rdi",
    "  push r8",
    "  push r9",
    "  push r10",
    "  push r11",
    "  sub rsp, 264",
    "probity_save_vectors",
    "  movups [rsp + 128], xmm8",
    "  movups [rsp + 144], xmm9",
    "  movups [rsp + 160], xmm10",
    "  movups [rsp + 176], xmm11",
    "  movups [rsp + 192], xmm12",
    "  movups [rsp + 208], xmm13",
    "  movups [rsp + 224], xmm14",
    "  movups [rsp + 240], xmm15",
    "  call \\function",
    "probity_load_vectors",
    "  movups xmm8, [rsp + 128]",
    "  movups xmm9, [rsp + 144]",
    "  movups xmm10, [rsp + 160]",
    "  movups xmm11, [rsp + 176]",
    "  movups xmm12, [rsp + 192]",
    "  movups xmm13, [rsp + 208]",
    "  movups xmm14, [rsp + 224]",
    "  movups xmm15, [rsp + 240]",
    "  add rsp, 264",
    "  pop r11",
    "  pop r10",
    "  pop r9",
    "  pop r8",
    "  pop rdi",
    "  pop rsi",
    "  pop rdx",
    "  pop rcx",
    "  pop rax",
    "  pop rbp",
    "  ret",
    ".endm",
    // drain(ctx, buffer)
    ".balign 16",
    ".globl probity_native_drain",
    ".hidden probity_native_drain",
    "probity_native_drain:",
    "probity_call_keeping {drain}",
    // outside(ctx, call)
    ".balign 16",
    ".globl probity_native_outside",
    ".hidden probity_native_outside",
    "probity_native_outside:",
    "probity_call_keeping {outside}",
    // land(fp, sp, saved, code) -> !
    ".balign 16",
    ".globl probity_native_land",
    ".hidden probity_native_land",
    "probity_native_land:",
    "probity_take_registers",
    "  jmp rcx",
    // replace(fp, sp, saved) -> !
    ".balign 16",
    ".globl probity_native_replace",
    ".hidden probity_native_replace",
    "probity_native_replace:",
    "probity_take_registers",
    // Falls through. Here rbp is the frame that goes on in the interpreter, and results of the call
    // that it made are in rax and xmm0.
    ".globl probity_native_returned",
    ".hidden probity_native_returned",
    "probity_native_returned:",
    "  lea r11, [rbp - {below}]",
    "  cmp rsp, r11",
    "  cmova rsp, r11",
    "  and rsp, -16",
    "  sub rsp, 64",
    "  mov [rsp], r15",
    "  mov [rsp + 8], r14",
    "  mov [rsp + 16], r13",
    "  mov [rsp + 24], r12",
    "  mov [rsp + 32], rbx",
    "  mov [rsp + 40], rax",
    "  movups [rsp + 48], xmm0",
    "  mov rdi, rbp",
    "  mov rsi, rsp",
    "  call {returned}",
    "  mov rcx, [rsp + 40]",
    "  movups xmm0, [rsp + 48]",
    "  mov rsp, rax",
    "  mov rax, rcx",
    "probity_pop_link",
    // The signal handler comes here: rdi is the faulting instruction, rsi the address, rdx the
    // signal; all other registers are as they were.
    ".balign 16",
    ".globl probity_native_trapped",
    ".hidden probity_native_trapped",
    "probity_native_trapped:",
    "  push rdi",
    "  push rbp",
    "  push rbx",
    "  push r12",
    "  push r13",
    "  push r14",
    "  push r15",
    "  mov rcx, rsp",
    "  and rsp, -16",
    "  call {trapped}",
    "  ud2",
    below = const LINK_BELOW,
    call_out = sym exits::call_out,
    slow = sym exits::slow,
    is_subtype = sym exits::is_subtype,
    fire = sym exits::fire,
    throw = sym throw::throw,
    drain = sym drain_full,
    outside = sym call_outside,
    resolve = sym exits::resolve,
    returned = sym exits::returned,
    trapped = sym exits::trapped,
);

// Contexts are passed by address, and nothing here looks into them.
#[allow(improper_ctypes)]
unsafe extern "sysv64" {
    fn probity_native_enter(
        code: *const c_void,
        ctx: *mut Ctx,
        fp: *mut u64,
        activation: *mut Activation,
        stack: usize,
        argument: usize,
    ) -> u64;
    fn probity_native_leave(activation: *mut Activation, status: u64) -> !;
    fn probity_native_replace(fp: usize, sp: usize, saved: *const Saved) -> !;
    fn probity_native_land(fp: usize, sp: usize, saved: *const Saved, code: usize) -> !;
    fn probity_native_entered();
    fn probity_native_returned();
    fn probity_native_lazy();
    fn probity_native_trapped();
    fn probity_native_drain();
    fn probity_native_outside();
    fn probity_native_call_out();
    fn probity_native_slow();
    fn probity_native_is_subtype();
    fn probity_native_fire();
    fn probity_native_throw();
}

const _: () = assert!(
    size_of::<Link>() == 56
        && std::mem::offset_of!(Link, fp) == LINK_BELOW
        && std::mem::offset_of!(Registers, result) == 40
        && std::mem::offset_of!(Registers, vector) == 48
        && size_of::<Registers>() == 64
        && std::mem::offset_of!(Activation, frame) == 0
);

/// An entry of [`Ctx::natives`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Exit {
    /// `(ctx, callee's fp)`: calls a function that is not compiled code of this instance.
    CallOut,
    /// `(ctx, fp)`: an instruction that runs in the engine.
    Slow,
    /// `(ctx, sub, sup) -> bool`
    IsSubtype,
    /// `(ctx, site, fp)`: fires probes.
    Fire,
    /// `(ctx, fp)`: throws an exception. Does not return.
    Throw,
    /// `(to, from, len)`: copies bytes of a memory. No exit: it has no context and no site.
    Copy,
    /// `(to, byte, len)`: likewise.
    Fill,
}

/// [`Ctx::natives`], by [`Exit`].
pub(crate) fn exits() -> [*const c_void; NATIVES] {
    [
        probity_native_call_out as *const c_void,
        probity_native_slow as *const c_void,
        probity_native_is_subtype as *const c_void,
        probity_native_fire as *const c_void,
        probity_native_throw as *const c_void,
        exits::copy as *const c_void,
        exits::fill as *const c_void,
    ]
}

/// Calls compiled code with the convention of entries.
///
/// # Safety
/// `code` must be an entry, with a frame at `fp` and everything that it reaches alive; `stack` 0 or
/// the aligned end of memory that nothing uses.
pub(crate) unsafe fn enter(
    code: *const c_void,
    ctx: *mut Ctx,
    fp: *mut u64,
    activation: *mut Activation,
    stack: usize,
    argument: usize,
) -> u64 {
    // SAFETY: by contract.
    unsafe { probity_native_enter(code, ctx, fp, activation, stack, argument) }
}

/// Returns `status` from the `enter` that has this activation.
///
/// # Safety
/// The activation must be the innermost one, and no frame inside it may own anything.
pub(crate) unsafe fn leave(activation: *mut Activation, status: u64) -> ! {
    // SAFETY: by contract.
    unsafe { probity_native_leave(activation, status) }
}

/// Lets the interpreter take over a frame further out, for which an entry in the table of pending
/// frames says where it goes on.
///
/// # Safety
/// `fp` must be a live compiled frame of the innermost activation, `saved` its registers, `sp`
/// below all that its prologue saved; no frame inside it may own anything.
pub(crate) unsafe fn replace(fp: usize, sp: usize, saved: &Saved) -> ! {
    // SAFETY: by contract.
    unsafe { probity_native_replace(fp, sp, saved) }
}

/// Lets a compiled frame further out go on at `code`.
///
/// # Safety
/// `fp` must be a live compiled frame of the innermost activation, `saved` and `sp` its registers at the
/// site where it stands, `code` a pad of that site; no frame inside it may own anything.
pub(crate) unsafe fn land(fp: usize, sp: usize, saved: &Saved, code: usize) -> ! {
    // SAFETY: by contract.
    unsafe { probity_native_land(fp, sp, saved, code) }
}

/// Where compiled code returns to `enter`.
pub(crate) fn entered() -> usize {
    probity_native_entered as *const () as usize
}

/// Return address that stands for one in the table of pending frames.
pub(crate) fn returned() -> usize {
    probity_native_returned as *const () as usize
}

/// The way to functions of which no other is known yet.
pub(crate) fn lazy() -> *const c_void {
    probity_native_lazy as *const c_void
}

/// What compiled code calls when a buffer of records is full, with all its registers in use.
pub(crate) fn drain() -> *const c_void {
    probity_native_drain as *const c_void
}

/// What compiled code calls when a value has left its range, with all its registers in use.
pub(crate) fn outside() -> *const c_void {
    probity_native_outside as *const c_void
}

/// Lets the signal handler turn faults of this thread into traps, or not; gives how it was.
pub(crate) fn arm(on: bool) -> bool {
    crate::sys::signals::arm(on)
}

/// Where code that looks for requests has the instruction at an address; the same address if that
/// does, or is no compiled code.
pub(crate) fn polling(address: usize) -> usize {
    crate::sys::signals::twin_of(address).unwrap_or(address)
}

/// Where the signal handler goes on.
pub(crate) fn trapped() -> usize {
    probity_native_trapped as *const () as usize
}
