//! Chooses a handler for every cell of a straight line.
//!
//! A *window* is a run of cells that one handler executes; it is an alternative
//! handler in its first cell, so nothing is ever re-encoded, and choosing again
//! after a probe came or went only rewrites handlers. Windows never cross a
//! barrier (label or probe) nor an instruction that leaves the straight line.
//!
//! Cells inside a window keep the handler that works on canonical slots alone.
//! So execution may resume at *any* cell, provided that the frame is in memory
//! and the accumulators hold the top operand.

use crate::eval::scalar::{
    BinTrapOp, FloatBin, IntBin, IntCmp, LoadOp, Num, StoreOp, UnOp, UnTrapOp,
};
use crate::handlers::{control, gc, memory, numeric, probe, reference, tail};
use crate::layout::{Cell, Handler, Shadow};
use crate::op::{Ins, Kind, ProbeKind, VKind};
use crate::select::{self as sel, One, Ret, To, Two};
use crate::{slots_only, vector};
use std::ops::Range;

/// Longest window in cells.
const LONGEST: usize = 8;

/// The handler that works on canonical slots only.
pub fn canonical(kind: Kind, extra: u16) -> Handler {
    match kind {
        Kind::Data => control::unreachable,
        Kind::Get(n) => sel::get(n, false),
        Kind::Set(n) | Kind::Tee(n) => sel::set(n, false),
        Kind::Const(n) => sel::constant(n, false),
        Kind::Wide(n) => sel::wide(n, false),
        Kind::IntBin(op) => sel::int_bin(op, Two::MM, To::Slot),
        Kind::FloatBin(op) => sel::float_bin(op, Two::MM, To::Slot),
        Kind::IntCmp(op) => sel::int_cmp(op, Two::MM, To::Slot),
        Kind::BinTrap(op) => sel::bin_trap_op(op, Two::MM, To::Slot),
        Kind::Un(op) => sel::un_op(op, One::M, To::Slot),
        Kind::UnTrap(op) => sel::un_trap_op(op, One::M, To::Slot),
        Kind::Canon(n) => sel::canon(n),
        Kind::Load(op) => sel::load_op(op, One::M, To::Slot),
        Kind::Store(op) => sel::store_op(op, Two::MM),
        Kind::LoadAt(op) => slots_only::load_at(op),
        Kind::StoreAt(op) => slots_only::store_at(op),
        Kind::WideArith(op) => slots_only::wide_arith(op),
        Kind::Select(n) => sel::select(n, false, To::Slot),
        Kind::GlobalGet(n) => sel::global_get(n, To::Slot),
        Kind::GlobalSet(n) => sel::global_set(n, One::M),
        Kind::GlobalGetAt(n) => sel::global_get_at(n),
        Kind::GlobalSetAt => numeric::global_set_at,
        Kind::RefFunc => numeric::ref_func,
        Kind::MemorySize => memory::memory_size,
        Kind::Br => control::br,
        Kind::BrFree => control::br_free,
        Kind::BrMove => control::br_move,
        Kind::BrMoveMany => control::br_move_many,
        Kind::BrMoveManyFree => control::br_move_many_free,
        Kind::BrIf(nonzero) => sel::br_if(One::M, false, nonzero),
        Kind::BrIfMove => control::br_if_move,
        Kind::BrIfMoveMany => control::br_if_move_many,
        Kind::BrTable => control::br_table::<crate::dispatch::Slot<0, 0>, 0>,
        Kind::Call => control::call,
        Kind::CallIndirect => control::call_indirect,
        Kind::CallIndirectTable => control::call_indirect_table,
        Kind::BrOnNull => reference::br_on_null::<0>,
        Kind::BrOnNonNull => reference::br_on_null::<1>,
        Kind::BrOnCast => reference::br_on_cast::<1>,
        Kind::BrOnCastFail => reference::br_on_cast::<0>,
        Kind::RefAsNonNull => reference::ref_as_non_null,
        Kind::RefTest => gc::ref_test,
        Kind::RefCast => gc::ref_cast,
        Kind::RefI31 => gc::ref_i31,
        Kind::I31Get(true) => gc::i31_get::<1>,
        Kind::I31Get(false) => gc::i31_get::<0>,
        Kind::RefSame => gc::ref_same,
        Kind::StructGet(op) => slots_only::struct_get(op),
        Kind::StructSet(op) => slots_only::struct_set(op),
        Kind::ArrayGet(op) => slots_only::array_get(op),
        Kind::ArraySet(op) => slots_only::array_set(op),
        Kind::ArrayLen => gc::array_len,
        Kind::CallRef => control::call_ref,
        Kind::ReturnCall => tail::return_call,
        Kind::ReturnCallIndirect => tail::return_call_indirect,
        Kind::ReturnCallRef => tail::return_call_ref,
        Kind::Throw => control::slow::<1>,
        Kind::ReturnNone => control::return_none::<0, 0>,
        Kind::ReturnOne(n) => sel::return_one(n, Ret::M),
        Kind::ReturnMany => control::return_many,
        Kind::Zero => match extra {
            1 => control::zero_few::<1>,
            2 => control::zero_few::<2>,
            3 => control::zero_few::<3>,
            4 => control::zero_few::<4>,
            _ => control::zero,
        },
        Kind::Marker | Kind::Drop => control::marker::<1>,
        Kind::Try => control::try_table,
        Kind::Unreachable => control::unreachable,
        Kind::Slow => control::slow::<1>,
        Kind::SlowData => control::slow::<2>,
        Kind::Vector(v) => vector::canonical(v),
    }
}

/// A value-producing window, kept so that its store to the slot can be dropped
/// when the next window takes the value from the accumulator.
#[derive(Clone, Copy)]
enum Producer {
    IntBin(IntBin, Two),
    FloatBin(FloatBin, Two),
    FloatWide(FloatBin, One),
    IntCmp(IntCmp, Two),
    BinTrap(BinTrapOp, Two),
    Un(UnOp, One),
    UnTrap(UnTrapOp, One),
    Load(LoadOp, One),
    LoadSum(LoadOp, Two),
    Loaded(sel::Loaded, LoadOp, One),
}

impl Producer {
    fn handler(self, to: To) -> Handler {
        match self {
            Producer::IntBin(op, s) => sel::int_bin(op, s, to),
            Producer::FloatBin(op, s) => sel::float_bin(op, s, to),
            Producer::FloatWide(op, s) => sel::float_bin_wide(op, s, to),
            Producer::IntCmp(op, s) => sel::int_cmp(op, s, to),
            Producer::BinTrap(op, s) => sel::bin_trap_op(op, s, to),
            Producer::Un(op, s) => sel::un_op(op, s, to),
            Producer::UnTrap(op, s) => sel::un_trap_op(op, s, to),
            Producer::Load(op, s) => sel::load_op(op, s, to),
            Producer::LoadSum(op, s) => sel::load_sum_op(op, s, to),
            // Made only for combinations that exist.
            Producer::Loaded(op, load, s) => {
                sel::bin_load_op(op, load, s, to).unwrap_or(control::unreachable)
            }
        }
    }
}

/// A chosen window.
struct Window {
    handler: Handler,
    /// Cells covered.
    len: usize,
    /// Leaves a value on the operand stack that is also in the accumulator.
    pushes: bool,
    /// Takes its first or second operand from the accumulator.
    uses_acc: bool,
    producer: Option<(Producer, To)>,
}

impl Window {
    fn new(handler: Handler, len: usize) -> Window {
        Window {
            handler,
            len,
            pushes: false,
            uses_acc: false,
            producer: None,
        }
    }

    fn pushes(mut self) -> Window {
        self.pushes = true;
        self
    }

    fn uses_acc(mut self, yes: bool) -> Window {
        self.uses_acc = yes;
        self
    }

    /// `len` includes a `local.set` or `local.tee` behind the operator.
    fn of(producer: Producer, to: To, len: usize) -> Window {
        Window {
            handler: producer.handler(to),
            len,
            pushes: to != To::Set,
            uses_acc: false,
            producer: Some((producer, to)),
        }
    }
}

/// The cells of a function as the chooser sees them.
struct View<'a> {
    ins: &'a [Ins],
    cells: &'a [Cell],
    /// First cell of the window.
    at: usize,
    /// First cell that the window may not contain.
    end: usize,
    /// The accumulator holds the top operand.
    acc: bool,
    /// Branches to a return may return at once (shared code only: a probe may sit on the return).
    short_returns: bool,
}

impl View<'_> {
    fn kind(&self, j: usize) -> Option<Kind> {
        let i = self.at + j;
        if i < self.end {
            Some(self.ins[i].kind)
        } else {
            None
        }
    }

    /// Cell `j` reads a local.
    fn local(&self, j: usize) -> bool {
        matches!(self.kind(j), Some(Kind::Get(_)))
    }

    /// Cell `j` is an integer constant of 32 bits.
    fn constant(&self, j: usize) -> bool {
        matches!(self.kind(j), Some(Kind::Const(Num::I32 | Num::I64)))
    }

    /// Where an operator's result goes, if the operator is cell `j - 1`; and the cells that takes.
    fn to(&self, j: usize) -> (To, usize) {
        match self.kind(j) {
            Some(Kind::Set(_)) => (To::Set, 1),
            Some(Kind::Tee(_)) => (To::Tee, 1),
            _ => (To::Slot, 0),
        }
    }

    /// The kind of a return that the branch in cell `j` leads to.
    fn return_behind(&self, j: usize) -> Option<Num> {
        if !self.short_returns {
            return None;
        }
        let i = self.at + j;
        let target = (i as i64 + (self.cells[i].imm as i32 as i64) / 16) as usize;
        match self.ins.get(target).map(|x| x.kind) {
            Some(Kind::ReturnOne(num)) => Some(num),
            _ => None,
        }
    }

    /// A conditional branch at cell `j`, or behind an `i32.eqz` there: whether there is the `i32.eqz`,
    /// the sense in which the value before them branches, and the branch cell.
    fn branch_behind(&self, j: usize) -> (bool, Option<bool>, usize) {
        match (self.kind(j), self.kind(j + 1)) {
            (Some(Kind::BrIf(nonzero)), _) => (false, Some(nonzero), j),
            (Some(Kind::Un(UnOp::I32Eqz)), Some(Kind::BrIf(nonzero))) => {
                (true, Some(!nonzero), j + 1)
            }
            _ => (false, None, j),
        }
    }

    /// `local.get` of an address, load, operator, where that exists as one handler.
    fn loaded(&self) -> Option<Window> {
        let (Some(Kind::Get(Num::I32)), Some(Kind::Load(load))) = (self.kind(0), self.kind(1))
        else {
            return None;
        };
        let op = match self.kind(2) {
            Some(Kind::IntBin(op)) => sel::Loaded::Int(op),
            Some(Kind::FloatBin(op)) => sel::Loaded::Float(op),
            _ => return None,
        };
        let s = if self.acc { One::K } else { One::M };
        let (to, extra) = self.to(3);
        sel::bin_load_op(op, load, s, to)?;
        Some(Window::of(Producer::Loaded(op, load, s), to, 3 + extra).uses_acc(self.acc))
    }

    /// The shape of a two-operand instruction in this window, if it begins with one.
    fn two(&self) -> Option<Two> {
        let is_two = |j| {
            matches!(
                self.kind(j),
                Some(
                    Kind::IntBin(_)
                        | Kind::FloatBin(_)
                        | Kind::IntCmp(_)
                        | Kind::BinTrap(_)
                        | Kind::Store(_)
                )
            )
        };
        let is_store = |j| matches!(self.kind(j), Some(Kind::Store(_)));
        if is_two(2) {
            if self.local(0) && self.local(1) {
                return Some(Two::LL);
            }
            if self.local(0) && self.constant(1) {
                return Some(Two::LC);
            }
            if self.constant(0) && self.local(1) && !is_store(2) {
                return Some(Two::CL);
            }
        }
        if is_two(1) {
            match (self.local(0), self.constant(0), self.acc) {
                (true, _, true) => return Some(Two::KL),
                (true, _, false) => return Some(Two::ML),
                (_, true, true) => return Some(Two::KC),
                (_, true, false) => return Some(Two::MC),
                _ => {}
            }
        }
        if is_two(0) {
            return Some(if self.acc { Two::MK } else { Two::MM });
        }
        None
    }

    /// The shape of a one-operand instruction, and its cell.
    fn one(&self) -> Option<(One, usize)> {
        let is_one = |j| {
            matches!(
                self.kind(j),
                Some(
                    Kind::Un(_)
                        | Kind::UnTrap(_)
                        | Kind::Load(_)
                        | Kind::BrIf(_)
                        | Kind::GlobalSet(_)
                )
            )
        };
        if self.local(0) && is_one(1) {
            Some((One::L, 1))
        } else if is_one(0) {
            Some((if self.acc { One::K } else { One::M }, 0))
        } else {
            None
        }
    }

    /// Windows that begin with a local that waits below the next two operands.
    fn waiting(&self) -> Option<Window> {
        if !(self.local(0) && self.local(1)) {
            return None;
        }
        let steps = matches!(
            self.kind(3),
            Some(Kind::IntBin(IntBin::I32Add | IntBin::I64Add))
        );
        if steps
            && (self.local(2) || self.constant(2))
            && matches!(self.kind(4), Some(Kind::Tee(_)))
            && let (Some(Kind::IntCmp(cmp)), Some(Kind::BrIf(true))) = (self.kind(5), self.kind(6))
        {
            return Some(Window::new(sel::latch_below_op(cmp, self.constant(2)), 7));
        }
        if let (true, Some(Kind::FloatBin(inner)), Some(Kind::FloatBin(outer))) =
            (self.local(2), self.kind(3), self.kind(4))
        {
            let (to, extra) = self.to(5);
            let window = Window::new(sel::float_bin_bin(outer, inner, to)?, 5 + extra);
            return Some(if to == To::Set {
                window
            } else {
                window.pushes()
            });
        }
        None
    }

    fn choose(&self) -> Window {
        if let Some(window) = self.waiting() {
            return window;
        }
        if let Some(window) = self.loaded() {
            return window;
        }
        if let Some(shape) = self.two() {
            return self.two_operands(shape);
        }
        if let Some((shape, j)) = self.one() {
            return self.one_operand(shape, j);
        }
        self.other()
    }

    fn two_operands(&self, s: Two) -> Window {
        let j = s.operator();
        let (to, extra) = self.to(j + 1);
        let len = j + 1 + extra;
        let window = match self.kind(j) {
            Some(Kind::IntBin(op)) => self.int_bin(op, s, to, len),
            Some(Kind::FloatBin(op)) => {
                let (eqz, nonzero, last) = self.branch_behind(j + 1);
                match nonzero.and_then(|nonzero| sel::br_float(op, s, eqz, nonzero)) {
                    Some(handler) => Window::new(handler, last + 1),
                    None => Window::of(Producer::FloatBin(op, s), to, len),
                }
            }
            Some(Kind::IntCmp(op)) => match (self.kind(j + 1), self.kind(j + 2)) {
                (Some(Kind::BrIf(nonzero)), _) => Window::new(sel::br_cmp(op, s, nonzero), j + 2),
                (Some(Kind::Un(UnOp::I32Eqz)), Some(Kind::BrIf(nonzero))) => {
                    Window::new(sel::br_cmp_eqz(op, s, !nonzero), j + 3)
                }
                (Some(Kind::Select(num)), _) => {
                    let (to, extra) = self.to(j + 2);
                    match sel::select_cmp_op(op, num, s, to) {
                        Some(handler) => {
                            let window = Window::new(handler, j + 2 + extra);
                            if to == To::Set {
                                window
                            } else {
                                window.pushes()
                            }
                        }
                        None => Window::of(Producer::IntCmp(op, s), To::Slot, j + 1),
                    }
                }
                _ => Window::of(Producer::IntCmp(op, s), to, len),
            },
            Some(Kind::BinTrap(op)) => Window::of(Producer::BinTrap(op, s), to, len),
            Some(Kind::Store(op)) => Window::new(sel::store_op(op, s), j + 1),
            _ => Window::new(
                canonical(self.ins[self.at].kind, self.cells[self.at].extra),
                1,
            ),
        };
        window.uses_acc(s.uses_acc())
    }

    fn int_bin(&self, op: IntBin, s: Two, to: To, len: usize) -> Window {
        let j = s.operator();
        if (s, to, op) == (Two::LC, To::Set, IntBin::I32Add)
            && self.local(4)
            && (self.local(5) || self.constant(5))
            && let (Some(Kind::IntCmp(cmp)), Some(Kind::BrIf(nonzero))) =
                (self.kind(6), self.kind(7))
        {
            return Window::new(sel::step_br_op(cmp, self.constant(5), nonzero), 8);
        }
        let tests = match (op, self.kind(3)) {
            (IntBin::I32And, Some(Kind::Un(UnOp::I32Eqz))) => Some(false),
            (IntBin::I64And, Some(Kind::Un(UnOp::I64Eqz))) => Some(true),
            _ => None,
        };
        if let (Two::LC, Some(wide), Some(Kind::Select(num))) = (s, tests, self.kind(4)) {
            let (to, extra) = self.to(5);
            if let Some(handler) = sel::select_bits_op(wide, num, to) {
                let window = Window::new(handler, 5 + extra);
                return if to == To::Set {
                    window
                } else {
                    window.pushes()
                };
            }
        }
        if let (Two::LC, To::Slot, Some(Kind::IntBin(then))) = (s, to, self.kind(4)) {
            let leads_on = matches!(self.kind(5), Some(Kind::Load(_) | Kind::BrIf(_)));
            if (self.local(3) || self.constant(3)) && !leads_on {
                let (to, extra) = self.to(5);
                if let Some(handler) = sel::bin_then_op(op, then, self.constant(3), to) {
                    let window = Window::new(handler, 5 + extra);
                    return if to == To::Set {
                        window
                    } else {
                        window.pushes()
                    };
                }
            }
        }
        if op == IntBin::I32Add {
            if let Some(Kind::Load(load)) = self.kind(j + 1) {
                let (to, extra) = self.to(j + 2);
                return Window::of(Producer::LoadSum(load, s), to, j + 2 + extra);
            }
            if let Some(Kind::Store(store)) = self.kind(j + 2) {
                if self.local(j + 1) {
                    return Window::new(sel::store_sum_op(store, s, false), j + 3);
                }
                if self.constant(j + 1) && !matches!(store, StoreOp::F32Store | StoreOp::F64Store) {
                    return Window::new(sel::store_sum_op(store, s, true), j + 3);
                }
            }
        }
        let steps = matches!(op, IntBin::I32Add | IntBin::I64Add)
            && to == To::Tee
            && matches!(s, Two::LL | Two::LC);
        if steps
            && (self.local(4) || self.constant(4))
            && let (Some(Kind::IntCmp(cmp)), Some(Kind::BrIf(true))) = (self.kind(5), self.kind(6))
        {
            return Window::new(sel::latch_op(cmp, s == Two::LC, self.constant(4)), 7);
        }
        if to != To::Set
            && let Some(Kind::BrIf(nonzero)) = self.kind(len)
        {
            let width_fits = !matches!(op, IntBin::I64Add | IntBin::I64Sub);
            if let Some(handler) =
                sel::br_arith(op, s, to == To::Tee, nonzero).filter(|_| width_fits)
            {
                return Window::new(handler, len + 1);
            }
        }
        Window::of(Producer::IntBin(op, s), to, len)
    }

    fn one_operand(&self, s: One, j: usize) -> Window {
        let (to, extra) = self.to(j + 1);
        let len = j + 1 + extra;
        let window = match self.kind(j) {
            Some(Kind::Un(op)) => match self.kind(j + 1) {
                Some(Kind::BrIf(nonzero)) if op == UnOp::I32Eqz => {
                    Window::new(sel::br_if(s, true, !nonzero), j + 2)
                }
                Some(Kind::Select(num)) if matches!(op, UnOp::I32Eqz | UnOp::I64Eqz) && j == 0 => {
                    let (to, extra) = self.to(2);
                    match sel::select_eqz_op(op == UnOp::I64Eqz, num, s == One::K, to) {
                        Some(handler) => {
                            let window = Window::new(handler, 2 + extra);
                            if to == To::Set {
                                window
                            } else {
                                window.pushes()
                            }
                        }
                        None => Window::of(Producer::Un(op, s), To::Slot, 1),
                    }
                }
                _ => Window::of(Producer::Un(op, s), to, len),
            },
            Some(Kind::UnTrap(op)) => Window::of(Producer::UnTrap(op, s), to, len),
            Some(Kind::Load(op)) => match self.kind(len) {
                Some(Kind::BrIf(nonzero)) if to != To::Set => {
                    match sel::br_load(op, s, to == To::Tee, nonzero) {
                        Some(handler) => Window::new(handler, len + 1),
                        None => Window::of(Producer::Load(op, s), to, len),
                    }
                }
                _ => Window::of(Producer::Load(op, s), to, len),
            },
            Some(Kind::BrIf(nonzero)) => Window::new(sel::br_if(s, false, nonzero), j + 1),
            Some(Kind::GlobalSet(num)) => Window::new(sel::global_set(num, s), j + 1),
            _ => Window::new(
                canonical(self.ins[self.at].kind, self.cells[self.at].extra),
                1,
            ),
        };
        window.uses_acc(s == One::K)
    }

    /// Two operands that wait below those of the next window.
    fn pushed(&self) -> Option<Window> {
        let pushes = |j| self.local(j) || self.constant(j);
        let two =
            (0..4).all(pushes) || (0..3).all(pushes) && matches!(self.kind(3), Some(Kind::Load(_)));
        two.then(|| Window::new(sel::push_two((self.constant(0), self.constant(1))), 2))
    }

    fn other(&self) -> Window {
        if let Some(window) = self.pushed() {
            return window;
        }
        let kind = self.ins[self.at].kind;
        let alone = |len| Window::new(canonical(kind, self.cells[self.at].extra), len);
        match kind {
            Kind::Get(num) => match (self.kind(1), self.kind(2), self.kind(3)) {
                (Some(Kind::Set(_)), ..) => Window::new(sel::get(num, true), 2),
                (Some(Kind::ReturnOne(_)), ..) => Window::new(sel::return_one(num, Ret::L), 2),
                // Only if it is the local that is returned: a branch may drop it instead.
                (Some(Kind::Br), ..)
                    if self.return_behind(1).is_some()
                        && self.cells[self.at].slot == self.cells[self.at + 1].slot =>
                {
                    Window::new(sel::return_one(num, Ret::BranchL), 2)
                }
                (Some(Kind::Vector(VKind::Load(op))), ..) => Window::new(vector::load(op, true), 2),
                (Some(Kind::Get(_)), Some(Kind::Get(Num::I32)), Some(Kind::Select(_))) => {
                    let (to, extra) = self.to(4);
                    let window = Window::new(sel::select_locals(num, to), 4 + extra);
                    if to == To::Set {
                        window
                    } else {
                        window.pushes()
                    }
                }
                _ => alone(1).pushes(),
            },
            Kind::Const(num) => match self.kind(1) {
                Some(Kind::Set(_)) => Window::new(sel::constant(num, true), 2),
                _ => alone(1).pushes(),
            },
            Kind::Wide(num) => match self.kind(2) {
                Some(Kind::FloatBin(op)) => {
                    let s = if self.acc { One::K } else { One::M };
                    let (eqz, nonzero, last) = self.branch_behind(3);
                    let branch =
                        nonzero.and_then(|nonzero| sel::br_float_wide(op, s, eqz, nonzero));
                    if let Some(handler) = branch {
                        return Window::new(handler, last + 1).uses_acc(self.acc);
                    }
                    let (to, extra) = self.to(3);
                    Window::of(Producer::FloatWide(op, s), to, 3 + extra).uses_acc(self.acc)
                }
                Some(Kind::Set(_)) => Window::new(sel::wide(num, true), 3),
                _ => alone(2).pushes(),
            },
            Kind::Set(num) => Window::new(sel::set(num, self.acc), 1).uses_acc(self.acc),
            Kind::Tee(num) => {
                // The slot stays the operand's home: the producer must keep its store.
                Window::new(sel::set(num, self.acc), 1).pushes()
            }
            Kind::Select(num) => {
                let (to, extra) = self.to(1);
                let window =
                    Window::new(sel::select(num, self.acc, to), 1 + extra).uses_acc(self.acc);
                if to == To::Set {
                    window
                } else {
                    window.pushes()
                }
            }
            Kind::GlobalGet(num) => {
                let (to, extra) = self.to(1);
                let window = Window::new(sel::global_get(num, to), 1 + extra);
                if to == To::Set {
                    window
                } else {
                    window.pushes()
                }
            }
            Kind::GlobalGetAt(_) | Kind::RefFunc | Kind::MemorySize => alone(1).pushes(),
            Kind::LoadAt(_) | Kind::RefTest | Kind::RefCast => alone(2).pushes(),
            Kind::StructGet(_)
            | Kind::ArrayGet(_)
            | Kind::ArrayLen
            | Kind::RefI31
            | Kind::I31Get(_)
            | Kind::RefSame => alone(1).pushes(),
            Kind::Vector(VKind::Extract(_) | VKind::Test(_)) => alone(1).pushes(),
            Kind::Vector(VKind::Splat(op)) => {
                Window::new(vector::splat(op, self.acc), 1).uses_acc(self.acc)
            }
            Kind::Vector(VKind::Get) => match self.kind(1) {
                Some(Kind::Vector(VKind::Bin(op))) => Window::new(vector::bin_local(op), 2),
                _ => alone(1),
            },
            Kind::ReturnOne(num) if self.acc => {
                Window::new(sel::return_one(num, Ret::K), 1).uses_acc(true)
            }
            Kind::Br => match self.return_behind(0) {
                Some(num) => Window::new(sel::return_one(num, Ret::BranchM), 1),
                None => alone(1),
            },
            Kind::BrTable => {
                let handler = if self.acc {
                    control::br_table::<crate::dispatch::Acc, 0>
                } else {
                    canonical(kind, 0)
                };
                Window::new(handler, 1).uses_acc(self.acc)
            }
            Kind::Marker => {
                let len = (1..LONGEST)
                    .find(|&j| self.kind(j) != Some(Kind::Marker))
                    .unwrap_or(LONGEST);
                Window {
                    pushes: self.acc,
                    ..Window::new(sel::markers(len, false), len)
                }
            }
            _ => alone(1),
        }
    }
}

/// Chooses handlers for the cells in `range`, which must begin and end at a
/// [`boundary`]. `shadows` is the shadow of the same cells in private code.
pub fn fuse(
    ins: &[Ins],
    cells: &mut [Cell],
    mut shadows: Option<&mut [Shadow]>,
    range: Range<usize>,
) {
    for i in range.clone() {
        if ins[i].kind != Kind::Data {
            cells[i].handler = canonical(ins[i].kind, cells[i].extra) as *const std::ffi::c_void;
        }
    }
    let short_returns = shadows.is_none();
    let mut acc = false;
    let mut last: Option<(usize, Producer, To)> = None;
    let mut at = range.start;
    while at < range.end {
        if ins[at].kind == Kind::Data {
            at += 1;
            continue;
        }
        if ins[at].is_barrier() {
            acc = false;
            last = None;
        }
        let near = range.end.min(at + LONGEST);
        let end = (at + 1..near)
            .find(|&j| ins[j].is_barrier())
            .unwrap_or(near);
        let window = View {
            ins,
            cells,
            at,
            end,
            acc,
            short_returns,
        }
        .choose();
        if window.uses_acc
            && let Some((first, producer, to)) = last
        {
            let to = if to == To::Tee { To::Set } else { To::Acc };
            set_handler(
                cells,
                shadows.as_deref_mut(),
                ins,
                first,
                producer.handler(to),
            );
        }
        set_handler(cells, shadows.as_deref_mut(), ins, at, window.handler);
        if ins[at].probe == ProbeKind::Count && ins[at].kind == Kind::Marker {
            // Counting and stepping over markers is one handler.
            cells[at].handler = sel::markers(window.len, true) as *const std::ffi::c_void;
        }
        last = window
            .producer
            .filter(|p| p.1 != To::Set)
            .map(|(producer, to)| (at, producer, to));
        acc = window.pushes;
        at += window.len;
    }
}

/// Writes a window's handler to its first cell, or behind the probe there.
fn set_handler(
    cells: &mut [Cell],
    shadows: Option<&mut [Shadow]>,
    ins: &[Ins],
    at: usize,
    handler: Handler,
) {
    let handler = handler as *const std::ffi::c_void;
    let probe = probe_handler(ins[at].probe);
    match (probe, shadows) {
        (Some(probe), Some(shadows)) => {
            shadows[at].original = handler;
            cells[at].handler = probe as *const std::ffi::c_void;
        }
        _ => cells[at].handler = handler,
    }
}

fn probe_handler(kind: ProbeKind) -> Option<Handler> {
    match kind {
        ProbeKind::None => None,
        ProbeKind::Fire => Some(probe::fire),
        ProbeKind::Count => Some(probe::count),
        ProbeKind::Boolean => Some(probe::count_boolean),
        ProbeKind::List => Some(probe::inline_list),
        ProbeKind::Steps => Some(probe::steps),
    }
}

/// Whether choosing may start afresh at cell `i`: nothing before it is in the
/// accumulator, and no window reaches across.
pub fn boundary(ins: &[Ins], i: usize) -> bool {
    if i == 0 || i == ins.len() || ins[i].is_barrier() {
        return true;
    }
    if ins[i].kind == Kind::Data {
        // Before the way back, which is long in a table of branches.
        return false;
    }
    let mut before = i - 1;
    while before > 0 && ins[before].kind == Kind::Data {
        before -= 1;
    }
    ins[before].kind.ends_run()
}

/// The cells to choose again when the probe at cell `i` came or went.
pub fn line_around(ins: &[Ins], i: usize) -> Range<usize> {
    let inner = |j: usize| j != i && boundary(ins, j);
    let start = (0..i).rev().find(|&j| boundary(ins, j)).unwrap_or(0);
    let end = (i + 1..=ins.len()).find(|&j| inner(j)).unwrap_or(ins.len());
    start..end
}
