//! Machine code and what is known of it: the site map.
//!
//! One table serves everything that has to find the Wasm state in machine code: at each place
//! where compiled code can be left, it says where every live local and operand is. It costs no
//! instruction. Machine code is position independent, immutable and shared by all stores of an
//! engine.

use std::any::Any;
use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::watch::WatchPlan;
use crate::sync::{Atomic, Once, Primitives, Std};
use crate::types::ValType;

/// A piece of machine code.
pub(crate) struct NativeCode {
    pub(crate) base: *const u8,
    pub(crate) len: usize,
    /// Distance of the same code with its polls in it; 0 if this has them.
    pub(crate) twin: usize,
    pub(crate) role: Role,
    /// Registers that the prologue saves: number, and offset from the frame pointer.
    pub(crate) saves: Box<[(u8, i32)]>,
    /// Ascending by return offset.
    pub(crate) sites: Box<[Site]>,
    pub(crate) values: Box<[SiteValue]>,
    /// Where sites go on that catch exceptions.
    pub(crate) pads: Box<[Pad]>,
    pub(crate) constants: Box<[u128]>,
    /// Offset of an instruction that can trap, and the exit status; ascending.
    pub(crate) traps: Box<[(u32, u8)]>,
    /// From which offset on code belongs to the operator at which pc; ascending.
    pub(crate) lines: Box<[(u32, u32)]>,
    /// Bytes of the native frame below the frame pointer.
    pub(crate) frame_bytes: u32,
    /// All locals are among the values of sites.
    pub(crate) keeps_locals: bool,
    /// Units of fuel that are unspent where an operator traps, by pc, ascending.
    pub(crate) unspent: Box<[(u32, u32)]>,
    /// Counters in registers at instructions that can trap; ascending.
    pub(crate) held: Box<[Held]>,
    /// Made for the probes of one store's function.
    pub(crate) watch: Option<Arc<WatchPlan>>,
    /// Keeps the memory.
    pub(crate) _memory: Box<dyn Any + Send + Sync>,
}

// SAFETY: machine code is never written once it is published.
unsafe impl Send for NativeCode {}
// SAFETY: as above.
unsafe impl Sync for NativeCode {}

/// How a function is compiled.
#[derive(Clone, Default)]
pub(crate) struct Variant {
    /// To be entered at the `loop` at this pc.
    pub(crate) osr: Option<u32>,
    /// Fuel is counted.
    pub(crate) counted: bool,
    /// With the probes of one store's function.
    pub(crate) watch: Option<Arc<WatchPlan>>,
}

/// A place for machine code, which may be made by another thread.
pub(crate) struct Slot<P: Primitives = Std, T: Clone + Send + Sync = Arc<NativeCode>> {
    code: P::Once<Option<T>>,
    requested: P::Bool,
}

impl<P: Primitives, T: Clone + Send + Sync> Default for Slot<P, T> {
    fn default() -> Self {
        Slot {
            code: P::Once::default(),
            requested: P::Bool::new(false),
        }
    }
}

impl<P: Primitives, T: Clone + Send + Sync> Slot<P, T> {
    /// The code: `None` if it is not there, `Some(None)` if it cannot be made.
    pub(crate) fn get(&self) -> Option<Option<T>> {
        self.code.get()
    }

    /// The code if it is there.
    pub(crate) fn ready(&self) -> Option<T> {
        self.get().flatten()
    }

    /// The code, made now if it is not there.
    #[cfg(any(jit, test))]
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> Option<T>) -> Option<T> {
        self.code.get_or_make(make)
    }

    /// Whether nobody has asked for it yet; from now on somebody has.
    pub(crate) fn take_request(&self) -> bool {
        !self.requested.swap(true, Ordering::Relaxed)
    }
}

/// What a piece of code is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// A function, by its index in the module.
    Func(u32),
    /// The function, entered at the `loop` at a pc.
    Osr { func: u32, pc: u32 },
    /// Between conventions; no frame of the guest.
    Stub,
}

impl Role {
    /// The function that it is a frame of.
    pub(crate) fn func(self) -> Option<u32> {
        match self {
            Role::Func(func) | Role::Osr { func, .. } => Some(func),
            Role::Stub => None,
        }
    }
}

/// A call that leads out of the function.
#[derive(Clone, Debug)]
#[cfg_attr(jit, derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Site {
    /// Offset that the call returns to.
    pub(crate) ret: u32,
    /// The stack pointer at the call is this far below the frame pointer.
    pub(crate) frame_offset: u32,
    /// The operator.
    pub(crate) pc: u32,
    pub(crate) kind: SiteKind,
    /// Range in `values`.
    pub(crate) first: u32,
    pub(crate) count: u32,
    /// Range in `pads`.
    pub(crate) first_pad: u32,
    pub(crate) pads: u32,
}

/// Where a site goes on if a catch clause takes the exception that it throws.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(jit, derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Pad {
    pub(crate) clause: Clause,
    /// Offset of the code, which takes what the clause delivers from its slots.
    pub(crate) offset: u32,
}

/// A catch clause of a function: number of the `try_table`, and the clause's in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(jit, derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Clause {
    pub(crate) table: u32,
    pub(crate) clause: u32,
}

/// What a site calls.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(jit, derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum SiteKind {
    /// A function: directly, by its index, or the one that `Ctx::callee` names.
    Call {
        direct: Option<u32>,
        type_index: u32,
        /// Slot where the callee's frame begins.
        base: u32,
        result: ResultKind,
    },
    /// An instruction that runs in the engine; its operands are in their slots. Number of its cell
    /// in plain code.
    Slow { cell: u32 },
    /// A `throw` or `throw_ref`; its operands are in their slots. Number of its cell in plain code.
    Throw { cell: u32 },
    /// The probes before a cell of structural code.
    Probe { cell: u32 },
    /// Nothing: a loop's poll has a request.
    Poll,
}

/// Where compiled code leaves its results: a single one in a register, others in the callee's first
/// slots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(jit, derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum ResultKind {
    /// In slots, or there are none.
    Slots,
    I32,
    /// A reference too.
    I64,
    F32,
    F64,
    V128,
}

impl ResultKind {
    pub(crate) fn of(results: &[ValType]) -> ResultKind {
        match results {
            [ValType::I32] => ResultKind::I32,
            [ValType::I64 | ValType::Ref(_)] => ResultKind::I64,
            [ValType::F32] => ResultKind::F32,
            [ValType::F64] => ResultKind::F64,
            [ValType::V128] => ResultKind::V128,
            _ => ResultKind::Slots,
        }
    }
}

/// A live local or operand at a site.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(jit, derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct SiteValue {
    /// Its slot in the frame.
    pub(crate) slot: u32,
    pub(crate) width: Width,
    pub(crate) place: ValuePlace,
}

/// Size of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(jit, derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Width {
    Four,
    Eight,
    Sixteen,
}

impl Width {
    pub(crate) fn slots(self) -> u32 {
        match self {
            Width::Four | Width::Eight => 1,
            Width::Sixteen => 2,
        }
    }
}

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(jit, derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum ValuePlace {
    /// This many bytes above the stack pointer.
    Stack(u32),
    /// In a general register, by its number.
    Register(u8),
    /// Number of a constant.
    Constant(u32),
    /// In its slot already; the upper half of one of four bytes is anything.
    Slot,
}

/// What a counter is to be given if an instruction traps: the loop around has counted it in a register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// Of the instruction.
    pub(crate) offset: u32,
    /// Block and index.
    pub(crate) counter: (u32, usize),
    pub(crate) place: HeldPlace,
    /// In addition to what is there.
    pub(crate) n: u64,
}

/// Where a held counter is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HeldPlace {
    /// In a general register, by its number.
    Register(u8),
    /// So far from the frame pointer.
    Frame(i32),
    Nowhere,
}

/// "Traps" of code that leaves its frame, which is in its slots ([`Ctx::left`]), to the interpreter: an
/// instruction that faults needs no registers of its own, so that what happens hardly ever does not
/// keep loops from having them.
///
/// [`Ctx::left`]: probity_interp::layout::Ctx::left
pub(crate) mod leaving {
    /// At an operator whose probes are still to fire.
    pub(crate) const BEFORE: u8 = 240;
    /// At an operator; what watches it has fired.
    pub(crate) const BEHIND_PROBES: u8 = 241;
    /// At a poll, as its site says.
    pub(crate) const POLL: u8 = 243;
    /// At an operator, before which or behind the last of which a probe has failed.
    pub(crate) const FAILED: u8 = 244;
    /// At the function's entry: its frame does not fit on the stack, or somebody wants something.
    pub(crate) const ENTRY: u8 = 242;
}

/// Number that stands for the slot of the frame pointer of the value stack itself.
pub(crate) const FP_SLOT: u32 = u32::MAX;

impl NativeCode {
    /// Whether locals are in their slots at all times.
    pub(crate) fn keeps_slots(&self) -> bool {
        match &self.watch {
            Some(watch) => watch.keeps_slots,
            // By its configuration then.
            None => self.keeps_locals,
        }
    }

    /// Where it is entered. With `polls`, its loops look for requests at once.
    pub(crate) fn entry(&self, polls: bool) -> *const c_void {
        let twin = if polls { self.twin } else { 0 };
        self.base.wrapping_add(twin).cast()
    }

    /// Addresses where it begins: its own, and its twin's.
    pub(crate) fn bases(&self) -> impl Iterator<Item = usize> {
        let base = self.base as usize;
        std::iter::once(base).chain((self.twin != 0).then_some(base + self.twin))
    }

    /// The offset of an address in it or its twin.
    fn offset(&self, pc: usize) -> u32 {
        let at = pc - self.base as usize;
        let in_twin = self.twin != 0 && at >= self.twin;
        (if in_twin { at - self.twin } else { at }) as u32
    }

    /// The site whose call returns to `pc`.
    pub(crate) fn site(&self, pc: usize) -> Option<&Site> {
        Some(&self.sites[self.site_index(pc)?])
    }

    pub(crate) fn site_index(&self, pc: usize) -> Option<usize> {
        let offset = self.offset(pc);
        let at = self.sites.binary_search_by_key(&offset, |site| site.ret);
        at.ok()
    }

    pub(crate) fn values_of(&self, site: &Site) -> &[SiteValue] {
        &self.values[site.first as usize..][..site.count as usize]
    }

    /// Where a site goes on that catches by a clause.
    pub(crate) fn pad_of(&self, site: &Site, clause: Clause) -> Option<usize> {
        let pads = &self.pads[site.first_pad as usize..][..site.pads as usize];
        let pad = pads.iter().find(|pad| pad.clause == clause)?;
        Some(self.base as usize + pad.offset as usize)
    }

    /// The status that the instruction at `pc` traps with.
    pub(crate) fn trap_at(&self, pc: usize) -> Option<u8> {
        let offset = self.offset(pc);
        let at = self.traps.binary_search_by_key(&offset, |trap| trap.0);
        Some(self.traps[at.ok()?].1)
    }

    /// What counters are to be given if the instruction at `pc` traps.
    pub(crate) fn held_at(&self, pc: usize) -> impl Iterator<Item = &Held> {
        let offset = self.offset(pc);
        let first = self.held.partition_point(|held| held.offset < offset);
        self.held[first..]
            .iter()
            .take_while(move |held| held.offset == offset)
    }

    /// Units of fuel that are unspent if the operator at a pc traps.
    pub(crate) fn unspent_at(&self, pc: u32) -> u32 {
        let at = self.unspent.binary_search_by_key(&pc, |unspent| unspent.0);
        at.map_or(0, |at| self.unspent[at].1)
    }

    /// The operator that the instruction at `pc` belongs to.
    pub(crate) fn wasm_pc(&self, pc: usize) -> u32 {
        let offset = self.offset(pc);
        let at = self.lines.partition_point(|line| line.0 <= offset);
        self.lines[at.saturating_sub(1)].1
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use loom::thread;

    use super::*;
    use crate::sync::model::Loom;

    /// Code is made once, by whoever has been told to; others find none, or all of it.
    #[test]
    fn code_is_published_whole_and_once() {
        loom::model(|| {
            let slot = Arc::new(Slot::<Loom, Arc<[u8; 2]>>::default());
            let made = |code: &Arc<[u8; 2]>| assert_eq!(**code, [7, 8]);
            // A store that asks for it, and finds it later; one that makes it at once.
            let worker = {
                let slot = slot.clone();
                thread::spawn(move || {
                    let asked = slot.take_request();
                    if asked {
                        slot.get_or_make(|| Some(Arc::new([7, 8])));
                    }
                    asked
                })
            };
            let asked = slot.take_request();
            if asked {
                slot.get_or_make(|| Some(Arc::new([7, 8])));
            }
            slot.ready().iter().for_each(made);
            assert_ne!(worker.join().expect("no panic"), asked);
            let code = slot.ready().expect("one of them has made it");
            made(&code);
            let same = slot.get_or_make(|| unreachable!("it is there"));
            assert!(same.is_some_and(|same| Arc::ptr_eq(&same, &code)));
        });
    }

    /// Two that make it at the same time get the same.
    #[test]
    fn makers_agree() {
        loom::model(|| {
            let slot = Arc::new(Slot::<Loom, u32>::default());
            let other = {
                let slot = slot.clone();
                thread::spawn(move || slot.get_or_make(|| Some(1)))
            };
            let code = slot.get_or_make(|| None);
            assert_eq!(other.join().expect("no panic"), code);
            assert_eq!(
                slot.get(),
                Some(code),
                "that it cannot be made is remembered, too"
            );
        });
    }
}
