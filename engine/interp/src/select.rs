//! Handlers by operator, place of the operands and place of the result.

use crate::dispatch::{Acc, Imm, Local, Slot, Tee};
use crate::eval::scalar::ops;
use crate::eval::scalar::{
    Bin, BinTrap, BinTrapOp, FloatBin, IntBin, IntCmp, Load, LoadOp, Num, Store, StoreOp, Un, UnOp,
    UnTrap, UnTrapOp,
};
use crate::handlers::control::{self, IfNonZero, IfZero, Sense};
use crate::handlers::memory::{load, load_sum, store, store_sum};
use crate::handlers::numeric::{self, bin, bin_trap, bin_wide, mov, un, un_trap};
use crate::layout::Handler;
use crate::{
    for_bin_trap, for_float_bin, for_int_bin, for_int_cmp, for_load, for_store, for_un, for_un_trap,
};

/// Where the two operands of an operator are, and which cell of the window is
/// the operator: `L` a local read by a cell before, `C` a constant likewise,
/// `M` the canonical slot, `K` the accumulator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Two {
    LL,
    LC,
    CL,
    ML,
    MC,
    KL,
    KC,
    MK,
    MM,
}

impl Two {
    /// Index of the operator's cell in the window.
    pub fn operator(self) -> usize {
        match self {
            Two::LL | Two::LC | Two::CL => 2,
            Two::ML | Two::MC | Two::KL | Two::KC => 1,
            Two::MK | Two::MM => 0,
        }
    }

    /// Whether the window reads the accumulator.
    pub fn uses_acc(self) -> bool {
        matches!(self, Two::KL | Two::KC | Two::MK)
    }
}

/// Where a single operand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum One {
    L,
    M,
    K,
}

/// Where a result goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// Its canonical slot (and the accumulator).
    Slot,
    /// The local of a `local.set` behind.
    Set,
    /// The local of a `local.tee` behind, and the slot.
    Tee,
    /// The accumulator only: the next window takes it from there.
    Acc,
}

/// The four places of a result, for an operator that is cell 0, 1 or 2.
macro_rules! to {
    (0, $d:expr, $h:ident, $($g:ty),*) => { match $d {
        To::Slot => $h::<$($g,)* Slot<0, 0>, 1> as Handler, To::Set => $h::<$($g,)* Local<1>, 2>,
        To::Tee => $h::<$($g,)* Tee<1, 0>, 2>, To::Acc => $h::<$($g,)* Acc, 1>,
    } };
    (1, $d:expr, $h:ident, $($g:ty),*) => { match $d {
        To::Slot => $h::<$($g,)* Slot<1, 0>, 2> as Handler, To::Set => $h::<$($g,)* Local<2>, 3>,
        To::Tee => $h::<$($g,)* Tee<2, 1>, 3>, To::Acc => $h::<$($g,)* Acc, 2>,
    } };
    (2, $d:expr, $h:ident, $($g:ty),*) => { match $d {
        To::Slot => $h::<$($g,)* Slot<2, 0>, 3> as Handler, To::Set => $h::<$($g,)* Local<3>, 4>,
        To::Tee => $h::<$($g,)* Tee<3, 2>, 4>, To::Acc => $h::<$($g,)* Acc, 3>,
    } };
}

/// The shapes without constants.
macro_rules! plain_shapes {
    ($h:ident, $x:ty, $s:expr, $d:expr) => {
        match $s {
            Two::LL => to!(2, $d, $h, $x, Local<0>, Local<1>),
            Two::ML => to!(1, $d, $h, $x, Slot<1, 0>, Local<0>),
            Two::KL => to!(1, $d, $h, $x, Acc, Local<0>),
            Two::MK => to!(0, $d, $h, $x, Slot<0, 0>, Acc),
            Two::MM | Two::LC | Two::CL | Two::MC | Two::KC => to!(0, $d, $h, $x, Slot<0, 0>, Slot<0, 1>),
        }
    };
}

/// All shapes.
macro_rules! all_shapes {
    ($h:ident, $x:ty, $s:expr, $d:expr) => {
        match $s {
            Two::LC => to!(2, $d, $h, $x, Local<0>, Imm<1>),
            Two::CL => to!(2, $d, $h, $x, Imm<0>, Local<1>),
            Two::MC => to!(1, $d, $h, $x, Slot<1, 0>, Imm<0>),
            Two::KC => to!(1, $d, $h, $x, Acc, Imm<0>),
            shape => plain_shapes!($h, $x, shape, $d),
        }
    };
}

fn bin_any<X: Bin>(s: Two, d: To) -> Handler {
    all_shapes!(bin, X, s, d)
}

fn bin_plain<X: Bin>(s: Two, d: To) -> Handler {
    plain_shapes!(bin, X, s, d)
}

fn bin_trap_any<X: BinTrap>(s: Two, d: To) -> Handler {
    all_shapes!(bin_trap, X, s, d)
}

fn un_any<X: Un>(s: One, d: To) -> Handler {
    match s {
        One::L => to!(1, d, un, X, Local<0>),
        One::M => to!(0, d, un, X, Slot<0, 0>),
        One::K => to!(0, d, un, X, Acc),
    }
}

fn un_trap_any<X: UnTrap>(s: One, d: To) -> Handler {
    match s {
        One::L => to!(1, d, un_trap, X, Local<0>),
        One::M => to!(0, d, un_trap, X, Slot<0, 0>),
        One::K => to!(0, d, un_trap, X, Acc),
    }
}

fn load_any<X: Load>(s: One, d: To) -> Handler {
    match (s, d) {
        (One::L, To::Slot) => load::<X, Local<0>, Slot<1, 0>, 1, 2>,
        (One::L, To::Set) => load::<X, Local<0>, Local<2>, 1, 3>,
        (One::L, To::Tee) => load::<X, Local<0>, Tee<2, 1>, 1, 3>,
        (One::L, To::Acc) => load::<X, Local<0>, Acc, 1, 2>,
        (One::M, To::Slot) => load::<X, Slot<0, 0>, Slot<0, 0>, 0, 1>,
        (One::M, To::Set) => load::<X, Slot<0, 0>, Local<1>, 0, 2>,
        (One::M, To::Tee) => load::<X, Slot<0, 0>, Tee<1, 0>, 0, 2>,
        (One::M, To::Acc) => load::<X, Slot<0, 0>, Acc, 0, 1>,
        (One::K, To::Slot) => load::<X, Acc, Slot<0, 0>, 0, 1>,
        (One::K, To::Set) => load::<X, Acc, Local<1>, 0, 2>,
        (One::K, To::Tee) => load::<X, Acc, Tee<1, 0>, 0, 2>,
        (One::K, To::Acc) => load::<X, Acc, Acc, 0, 1>,
    }
}

/// 64-bit constant (two cells) and operator; the first operand is in its slot
/// or the accumulator.
fn bin_wide_any<X: Bin>(s: One, d: To) -> Handler {
    match (s, d) {
        (One::M, To::Slot) => bin_wide::<X, Slot<2, 0>, Slot<2, 0>, 3>,
        (One::M, To::Set) => bin_wide::<X, Slot<2, 0>, Local<3>, 4>,
        (One::M, To::Tee) => bin_wide::<X, Slot<2, 0>, Tee<3, 2>, 4>,
        (One::M, To::Acc) => bin_wide::<X, Slot<2, 0>, Acc, 3>,
        (_, To::Slot) => bin_wide::<X, Acc, Slot<2, 0>, 3>,
        (_, To::Set) => bin_wide::<X, Acc, Local<3>, 4>,
        (_, To::Tee) => bin_wide::<X, Acc, Tee<3, 2>, 4>,
        (_, To::Acc) => bin_wide::<X, Acc, Acc, 3>,
    }
}

/// `i32.add` in cell 0, 1 or 2, the load right behind.
fn load_sum_any<X: Load>(s: Two, d: To) -> Handler {
    macro_rules! at {
        (2, $a:ty, $b:ty) => {
            match d {
                To::Slot => load_sum::<X, $a, $b, Slot<3, 0>, 3, 4> as Handler,
                To::Set => load_sum::<X, $a, $b, Local<4>, 3, 5>,
                To::Tee => load_sum::<X, $a, $b, Tee<4, 3>, 3, 5>,
                To::Acc => load_sum::<X, $a, $b, Acc, 3, 4>,
            }
        };
        (1, $a:ty, $b:ty) => {
            match d {
                To::Slot => load_sum::<X, $a, $b, Slot<2, 0>, 2, 3> as Handler,
                To::Set => load_sum::<X, $a, $b, Local<3>, 2, 4>,
                To::Tee => load_sum::<X, $a, $b, Tee<3, 2>, 2, 4>,
                To::Acc => load_sum::<X, $a, $b, Acc, 2, 3>,
            }
        };
        (0, $a:ty, $b:ty) => {
            match d {
                To::Slot => load_sum::<X, $a, $b, Slot<1, 0>, 1, 2> as Handler,
                To::Set => load_sum::<X, $a, $b, Local<2>, 1, 3>,
                To::Tee => load_sum::<X, $a, $b, Tee<2, 1>, 1, 3>,
                To::Acc => load_sum::<X, $a, $b, Acc, 1, 2>,
            }
        };
    }
    match s {
        Two::LL => at!(2, Local<0>, Local<1>),
        Two::LC => at!(2, Local<0>, Imm<1>),
        Two::CL => at!(2, Imm<0>, Local<1>),
        Two::ML => at!(1, Slot<1, 0>, Local<0>),
        Two::MC => at!(1, Slot<1, 0>, Imm<0>),
        Two::KL => at!(1, Acc, Local<0>),
        Two::KC => at!(1, Acc, Imm<0>),
        Two::MK => at!(0, Slot<0, 0>, Acc),
        Two::MM => at!(0, Slot<0, 0>, Slot<0, 1>),
    }
}

fn store_plain<X: Store>(s: Two) -> Handler {
    match s {
        Two::LL => store::<X, Local<0>, Local<1>, 2, 3>,
        Two::ML => store::<X, Slot<1, 0>, Local<0>, 1, 2>,
        Two::KL => store::<X, Acc, Local<0>, 1, 2>,
        Two::MK => store::<X, Slot<0, 0>, Acc, 0, 1>,
        _ => store::<X, Slot<0, 0>, Slot<0, 1>, 0, 1>,
    }
}

fn store_any<X: Store>(s: Two) -> Handler {
    match s {
        Two::LC => store::<X, Local<0>, Imm<1>, 2, 3>,
        Two::MC => store::<X, Slot<1, 0>, Imm<0>, 1, 2>,
        Two::KC => store::<X, Acc, Imm<0>, 1, 2>,
        shape => store_plain::<X>(shape),
    }
}

/// `i32.add` at cell 0, 1 or 2, then the value (a local, or a constant if
/// `constant`), then the store.
fn store_sum_local<X: Store>(s: Two) -> Handler {
    match s {
        Two::LL => store_sum::<X, Local<0>, Local<1>, Local<3>, 4, 5>,
        Two::LC => store_sum::<X, Local<0>, Imm<1>, Local<3>, 4, 5>,
        Two::CL => store_sum::<X, Imm<0>, Local<1>, Local<3>, 4, 5>,
        Two::ML => store_sum::<X, Slot<1, 0>, Local<0>, Local<2>, 3, 4>,
        Two::MC => store_sum::<X, Slot<1, 0>, Imm<0>, Local<2>, 3, 4>,
        Two::KL => store_sum::<X, Acc, Local<0>, Local<2>, 3, 4>,
        Two::KC => store_sum::<X, Acc, Imm<0>, Local<2>, 3, 4>,
        Two::MK => store_sum::<X, Slot<0, 0>, Acc, Local<1>, 2, 3>,
        Two::MM => store_sum::<X, Slot<0, 0>, Slot<0, 1>, Local<1>, 2, 3>,
    }
}

fn store_sum_const<X: Store>(s: Two) -> Handler {
    match s {
        Two::LL => store_sum::<X, Local<0>, Local<1>, Imm<3>, 4, 5>,
        Two::LC => store_sum::<X, Local<0>, Imm<1>, Imm<3>, 4, 5>,
        Two::CL => store_sum::<X, Imm<0>, Local<1>, Imm<3>, 4, 5>,
        Two::ML => store_sum::<X, Slot<1, 0>, Local<0>, Imm<2>, 3, 4>,
        Two::MC => store_sum::<X, Slot<1, 0>, Imm<0>, Imm<2>, 3, 4>,
        Two::KL => store_sum::<X, Acc, Local<0>, Imm<2>, 3, 4>,
        Two::KC => store_sum::<X, Acc, Imm<0>, Imm<2>, 3, 4>,
        Two::MK => store_sum::<X, Slot<0, 0>, Acc, Imm<1>, 2, 3>,
        Two::MM => store_sum::<X, Slot<0, 0>, Slot<0, 1>, Imm<1>, 2, 3>,
    }
}

/// Operator, then `br_if` right behind it.
fn br_bin_any<X: Bin, S: Sense>(s: Two) -> Handler {
    use control::br_bin;
    match s {
        Two::LL => br_bin::<X, Local<0>, Local<1>, S, 3, 4>,
        Two::LC => br_bin::<X, Local<0>, Imm<1>, S, 3, 4>,
        Two::CL => br_bin::<X, Imm<0>, Local<1>, S, 3, 4>,
        Two::ML => br_bin::<X, Slot<1, 0>, Local<0>, S, 2, 3>,
        Two::MC => br_bin::<X, Slot<1, 0>, Imm<0>, S, 2, 3>,
        Two::KL => br_bin::<X, Acc, Local<0>, S, 2, 3>,
        Two::KC => br_bin::<X, Acc, Imm<0>, S, 2, 3>,
        Two::MK => br_bin::<X, Slot<0, 0>, Acc, S, 1, 2>,
        Two::MM => br_bin::<X, Slot<0, 0>, Slot<0, 1>, S, 1, 2>,
    }
}

/// Operator, `i32.eqz`, conditional branch.
fn br_bin_eqz<X: Bin, S: Sense>(s: Two) -> Handler {
    use control::br_bin;
    match s {
        Two::LL => br_bin::<X, Local<0>, Local<1>, S, 4, 5>,
        Two::LC => br_bin::<X, Local<0>, Imm<1>, S, 4, 5>,
        Two::CL => br_bin::<X, Imm<0>, Local<1>, S, 4, 5>,
        Two::ML => br_bin::<X, Slot<1, 0>, Local<0>, S, 3, 4>,
        Two::MC => br_bin::<X, Slot<1, 0>, Imm<0>, S, 3, 4>,
        Two::KL => br_bin::<X, Acc, Local<0>, S, 3, 4>,
        Two::KC => br_bin::<X, Acc, Imm<0>, S, 3, 4>,
        Two::MK => br_bin::<X, Slot<0, 0>, Acc, S, 2, 3>,
        Two::MM => br_bin::<X, Slot<0, 0>, Slot<0, 1>, S, 2, 3>,
    }
}

/// Operator, `local.tee`, conditional branch.
fn br_bin_tee<X: Bin, S: Sense>(s: Two) -> Option<Handler> {
    use control::br_bin_keep;
    Some(match s {
        Two::LL => br_bin_keep::<X, Local<0>, Local<1>, Local<3>, S, 4, 5>,
        Two::LC => br_bin_keep::<X, Local<0>, Imm<1>, Local<3>, S, 4, 5>,
        Two::ML => br_bin_keep::<X, Slot<1, 0>, Local<0>, Local<2>, S, 3, 4>,
        Two::MC => br_bin_keep::<X, Slot<1, 0>, Imm<0>, Local<2>, S, 3, 4>,
        Two::KL => br_bin_keep::<X, Acc, Local<0>, Local<2>, S, 3, 4>,
        Two::KC => br_bin_keep::<X, Acc, Imm<0>, Local<2>, S, 3, 4>,
        _ => return None,
    })
}

fn latch_any<Y: Bin, Z: Bin<R = Y::T>>(step_const: bool, bound_const: bool) -> Handler {
    use control::latch;
    match (step_const, bound_const) {
        (false, false) => latch::<Y, Z, Local<0>, Local<1>, Local<3>, Local<4>, 6, 7>,
        (false, true) => latch::<Y, Z, Local<0>, Local<1>, Local<3>, Imm<4>, 6, 7>,
        (true, false) => latch::<Y, Z, Local<0>, Imm<1>, Local<3>, Local<4>, 6, 7>,
        (true, true) => latch::<Y, Z, Local<0>, Imm<1>, Local<3>, Imm<4>, 6, 7>,
    }
}

/// Integer operator.
pub fn int_bin(op: IntBin, s: Two, d: To) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(IntBin::$n => bin_any::<ops::$n>(s, d)),* } };
    }
    for_int_bin!(rows)
}

/// Float operator or comparison.
pub fn float_bin(op: FloatBin, s: Two, d: To) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(FloatBin::$n => bin_plain::<ops::$n>(s, d)),* } };
    }
    for_float_bin!(rows)
}

/// Float operator whose second operand is a constant in a data cell; the window starts at the constant.
pub fn float_bin_wide(op: FloatBin, s: One, d: To) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(FloatBin::$n => bin_wide_any::<ops::$n>(s, d)),* } };
    }
    for_float_bin!(rows)
}

/// Integer comparison.
pub fn int_cmp(op: IntCmp, s: Two, d: To) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(IntCmp::$n => bin_any::<ops::$n>(s, d)),* } };
    }
    for_int_cmp!(rows)
}

/// Partial operator with two operands.
pub fn bin_trap_op(op: BinTrapOp, s: Two, d: To) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(BinTrapOp::$n => bin_trap_any::<ops::$n>(s, d)),* } };
    }
    for_bin_trap!(rows)
}

/// Operator with one operand.
pub fn un_op(op: UnOp, s: One, d: To) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(UnOp::$n => un_any::<ops::$n>(s, d)),* } };
    }
    for_un!(rows)
}

/// Partial operator with one operand.
pub fn un_trap_op(op: UnTrapOp, s: One, d: To) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(UnTrapOp::$n => un_trap_any::<ops::$n>(s, d)),* } };
    }
    for_un_trap!(rows)
}

/// Load.
pub fn load_op(op: LoadOp, s: One, d: To) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(LoadOp::$n => load_any::<ops::$n>(s, d)),* } };
    }
    for_load!(rows)
}

/// `i32.add` and load.
pub fn load_sum_op(op: LoadOp, s: Two, d: To) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(LoadOp::$n => load_sum_any::<ops::$n>(s, d)),* } };
    }
    for_load!(rows)
}

/// Store; constants only for integers.
pub fn store_op(op: StoreOp, s: Two) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(StoreOp::$n => store_any::<ops::$n>(s)),* } };
    }
    for_store!(rows)
}

/// `i32.add`, value, store.
pub fn store_sum_op(op: StoreOp, s: Two, constant: bool) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(StoreOp::$n => if constant { store_sum_const::<ops::$n>(s) } else { store_sum_local::<ops::$n>(s) }),* } };
    }
    for_store!(rows)
}

/// Comparison and conditional branch.
pub fn br_cmp(op: IntCmp, s: Two, nonzero: bool) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(IntCmp::$n => if nonzero { br_bin_any::<ops::$n, IfNonZero>(s) } else { br_bin_any::<ops::$n, IfZero>(s) }),* } };
    }
    for_int_cmp!(rows)
}

/// Comparison, `i32.eqz` and conditional branch; `nonzero` is the sense of the comparison.
pub fn br_cmp_eqz(op: IntCmp, s: Two, nonzero: bool) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(IntCmp::$n => if nonzero { br_bin_eqz::<ops::$n, IfNonZero>(s) } else { br_bin_eqz::<ops::$n, IfZero>(s) }),* } };
    }
    for_int_cmp!(rows)
}

/// The end of a loop: `local = local + step`, comparison with `bound`, `br_if`.
pub fn latch_op(op: IntCmp, step_const: bool, bound_const: bool) -> Handler {
    macro_rules! latch_row {
        ($n:ident, , i32, $($rest:tt)*) => {
            latch_any::<ops::$n, ops::I32Add>(step_const, bound_const)
        };
        ($n:ident, , i64, $($rest:tt)*) => {
            latch_any::<ops::$n, ops::I64Add>(step_const, bound_const)
        };
    }
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(IntCmp::$n => latch_row!($n, $($rest)*)),* } };
    }
    for_int_cmp!(rows)
}

/// Bitwise or additive operator whose result goes to a branch, perhaps through
/// a `local.tee`. Only operators that compilers use this way have one.
pub fn br_arith(op: IntBin, s: Two, tee: bool, nonzero: bool) -> Option<Handler> {
    macro_rules! rows {
        ($($n:ident)*) => {
            match op {
                $(IntBin::$n => match (tee, nonzero) {
                    (false, true) => br_bin_any::<ops::$n, IfNonZero>(s),
                    (false, false) => br_bin_any::<ops::$n, IfZero>(s),
                    (true, true) => br_bin_tee::<ops::$n, IfNonZero>(s)?,
                    (true, false) => br_bin_tee::<ops::$n, IfZero>(s)?,
                },)*
                _ => return None,
            }
        };
    }
    Some(rows!(I32Add I32Sub I32And I32Xor I32Or))
}

/// Conditional branch; `eqz`: with an `i32.eqz` before it, whose sense `nonzero` already accounts for.
pub fn br_if(s: One, eqz: bool, nonzero: bool) -> Handler {
    use control::br_if;
    match (s, eqz, nonzero) {
        (One::L, false, true) => br_if::<Local<0>, IfNonZero, 1, 2>,
        (One::L, false, false) => br_if::<Local<0>, IfZero, 1, 2>,
        (One::L, true, true) => br_if::<Local<0>, IfNonZero, 2, 3>,
        (One::L, true, false) => br_if::<Local<0>, IfZero, 2, 3>,
        (One::M, false, true) => br_if::<Slot<0, 0>, IfNonZero, 0, 1>,
        (One::M, false, false) => br_if::<Slot<0, 0>, IfZero, 0, 1>,
        (One::M, true, true) => br_if::<Slot<0, 0>, IfNonZero, 1, 2>,
        (One::M, true, false) => br_if::<Slot<0, 0>, IfZero, 1, 2>,
        (One::K, false, true) => br_if::<Acc, IfNonZero, 0, 1>,
        (One::K, false, false) => br_if::<Acc, IfZero, 0, 1>,
        (One::K, true, true) => br_if::<Acc, IfNonZero, 1, 2>,
        (One::K, true, false) => br_if::<Acc, IfZero, 1, 2>,
    }
}

/// Calls `$body` with the Rust type of a number type.
macro_rules! with_num {
    ($num:expr, $v:ident => $body:expr) => {
        match $num {
            Num::I32 => {
                type $v = i32;
                $body
            }
            Num::I64 => {
                type $v = i64;
                $body
            }
            Num::F32 => {
                type $v = f32;
                $body
            }
            Num::F64 => {
                type $v = f64;
                $body
            }
        }
    };
}

/// `local.get`; `set`: with a `local.set` behind.
pub fn get(num: Num, set: bool) -> Handler {
    with_num!(num, V => if set { mov::<V, Local<0>, Local<1>, 2> } else { mov::<V, Local<0>, Slot<0, 0>, 1> })
}

/// `local.set` and `local.tee`.
pub fn set(num: Num, from_acc: bool) -> Handler {
    with_num!(num, V => if from_acc { mov::<V, Acc, Local<0>, 1> } else { mov::<V, Slot<0, 0>, Local<0>, 1> })
}

/// 32-bit constant; `set`: with a `local.set` behind.
pub fn constant(num: Num, set: bool) -> Handler {
    with_num!(num, V => if set { mov::<V, Imm<0>, Local<1>, 2> } else { mov::<V, Imm<0>, Slot<0, 0>, 1> })
}

/// 64-bit constant; `set`: with a `local.set` behind.
pub fn wide(num: Num, set: bool) -> Handler {
    with_num!(num, V => if set { numeric::wide::<V, Local<2>, 3> } else { numeric::wide::<V, Slot<0, 0>, 2> })
}

/// `select`; `from_acc`: the condition is in the accumulator.
pub fn select(num: Num, from_acc: bool, d: To) -> Handler {
    use numeric::select;
    macro_rules! arms {
        ($v:ty, $q:ty) => {
            match d {
                To::Slot | To::Acc => {
                    select::<$v, Slot<0, 0>, Slot<0, 1>, $q, Slot<0, 0>, 1> as Handler
                }
                To::Set => select::<$v, Slot<0, 0>, Slot<0, 1>, $q, Local<1>, 2>,
                To::Tee => select::<$v, Slot<0, 0>, Slot<0, 1>, $q, Tee<1, 0>, 2>,
            }
        };
    }
    if from_acc {
        with_num!(num, V => arms!(V, Acc))
    } else {
        with_num!(num, V => arms!(V, Slot<0, 2>))
    }
}

/// `select` whose three operands are locals read right before.
pub fn select_locals(num: Num, d: To) -> Handler {
    use numeric::select;
    with_num!(num, V => match d {
        To::Slot | To::Acc => select::<V, Local<0>, Local<1>, Local<2>, Slot<3, 0>, 4> as Handler,
        To::Set => select::<V, Local<0>, Local<1>, Local<2>, Local<4>, 5>,
        To::Tee => select::<V, Local<0>, Local<1>, Local<2>, Tee<4, 3>, 5>,
    })
}

/// `global.get` of an own global; `set`: with a `local.set` or `local.tee` behind.
pub fn global_get(num: Num, d: To) -> Handler {
    use numeric::global_get;
    with_num!(num, V => match d {
        To::Slot | To::Acc => global_get::<V, Slot<0, 0>, 1> as Handler,
        To::Set => global_get::<V, Local<1>, 2>,
        To::Tee => global_get::<V, Tee<1, 0>, 2>,
    })
}

/// `global.set` of an own global.
pub fn global_set(num: Num, s: One) -> Handler {
    use numeric::global_set;
    with_num!(num, V => match s {
        One::L => global_set::<V, Local<0>, 2> as Handler,
        One::M => global_set::<V, Slot<0, 0>, 1>,
        One::K => global_set::<V, Acc, 1>,
    })
}

/// `global.get` of an imported global.
pub fn global_get_at(num: Num) -> Handler {
    with_num!(num, V => numeric::global_get_at::<V, Slot<0, 0>, 1>)
}

/// Where a returned value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ret {
    /// Its canonical slot.
    M,
    /// The accumulator.
    K,
    /// A local read right before the return.
    L,
    /// A branch to the return, with the value in its slot.
    BranchM,
    /// A local read right before a branch to the return.
    BranchL,
}

/// Return of one value.
pub fn return_one(num: Num, from: Ret) -> Handler {
    use control::return_one;
    with_num!(num, V => match from {
        Ret::M => return_one::<V, Slot<0, 0>, 0, 0> as Handler,
        Ret::K => return_one::<V, Acc, 0, 0>,
        Ret::L => return_one::<V, Local<0>, 1, 1>,
        Ret::BranchM => return_one::<V, Slot<0, 0>, 0, 1>,
        Ret::BranchL => return_one::<V, Local<0>, 1, 2>,
    })
}

/// Canonical NaN.
pub fn canon(num: Num) -> Handler {
    use crate::handlers::vector::canon;
    match num {
        Num::F32 => canon::<ops::CanonF32, Slot<0, 0>, 1>,
        _ => canon::<ops::CanonF64, Slot<0, 0>, 1>,
    }
}

/// Float comparison and conditional branch, with an `i32.eqz` between them if `eqz`; `nonzero` is the
/// sense of the comparison. Not for operators whose result is a float, nor for shapes with constants.
pub fn br_float(op: FloatBin, s: Two, eqz: bool, nonzero: bool) -> Option<Handler> {
    macro_rules! rows {
        ($($n:ident)*) => {
            match op {
                $(FloatBin::$n => match (eqz, nonzero) {
                    (false, true) => br_plain::<ops::$n, IfNonZero>(s),
                    (false, false) => br_plain::<ops::$n, IfZero>(s),
                    (true, true) => br_plain_eqz::<ops::$n, IfNonZero>(s),
                    (true, false) => br_plain_eqz::<ops::$n, IfZero>(s),
                },)*
                _ => return None,
            }
        };
    }
    Some(rows!(F32Eq F32Ne F32Lt F32Gt F32Le F32Ge F64Eq F64Ne F64Lt F64Gt F64Le F64Ge))
}

fn br_plain<X: Bin, S: Sense>(s: Two) -> Handler {
    use control::br_bin;
    match s {
        Two::LL => br_bin::<X, Local<0>, Local<1>, S, 3, 4>,
        Two::ML => br_bin::<X, Slot<1, 0>, Local<0>, S, 2, 3>,
        Two::KL => br_bin::<X, Acc, Local<0>, S, 2, 3>,
        Two::MK => br_bin::<X, Slot<0, 0>, Acc, S, 1, 2>,
        _ => br_bin::<X, Slot<0, 0>, Slot<0, 1>, S, 1, 2>,
    }
}

fn br_plain_eqz<X: Bin, S: Sense>(s: Two) -> Handler {
    use control::br_bin;
    match s {
        Two::LL => br_bin::<X, Local<0>, Local<1>, S, 4, 5>,
        Two::ML => br_bin::<X, Slot<1, 0>, Local<0>, S, 3, 4>,
        Two::KL => br_bin::<X, Acc, Local<0>, S, 3, 4>,
        Two::MK => br_bin::<X, Slot<0, 0>, Acc, S, 2, 3>,
        _ => br_bin::<X, Slot<0, 0>, Slot<0, 1>, S, 2, 3>,
    }
}

/// 64-bit constant (two cells), float comparison, conditional branch, with an `i32.eqz` before it if
/// `eqz`; the first operand is in its slot or the accumulator.
pub fn br_float_wide(op: FloatBin, s: One, eqz: bool, nonzero: bool) -> Option<Handler> {
    use control::br_bin_wide;
    macro_rules! sense {
        ($n:ident, $sense:ty) => {
            match (s, eqz) {
                (One::K, false) => br_bin_wide::<ops::$n, Acc, $sense, 3, 4> as Handler,
                (One::K, true) => br_bin_wide::<ops::$n, Acc, $sense, 4, 5>,
                (_, false) => br_bin_wide::<ops::$n, Slot<2, 0>, $sense, 3, 4>,
                (_, true) => br_bin_wide::<ops::$n, Slot<2, 0>, $sense, 4, 5>,
            }
        };
    }
    macro_rules! rows {
        ($($n:ident)*) => {
            match op {
                $(FloatBin::$n => if nonzero { sense!($n, IfNonZero) } else { sense!($n, IfZero) },)*
                _ => return None,
            }
        };
    }
    Some(rows!(F64Eq F64Ne F64Lt F64Gt F64Le F64Ge))
}

/// The operators that also exist with their second operand loaded from an address in a local.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loaded {
    /// Integer operator.
    Int(IntBin),
    /// Float operator.
    Float(FloatBin),
}

/// `local.get`, load, operator; the first operand is in its slot or the accumulator.
pub fn bin_load_op(op: Loaded, load: LoadOp, s: One, d: To) -> Option<Handler> {
    use crate::handlers::memory::bin_load;
    macro_rules! rows {
        ($($class:ident $enum:ident $op:ident $load:ident,)*) => {
            match (op, load) {
                $((Loaded::$class($enum::$op), LoadOp::$load) => match s {
                    One::K => to!(2, d, bin_load, ops::$op, ops::$load, Acc),
                    _ => to!(2, d, bin_load, ops::$op, ops::$load, Slot<2, 0>),
                },)*
                _ => return None,
            }
        };
    }
    Some(rows!(
        Float FloatBin F64Add F64Load, Float FloatBin F64Sub F64Load, Float FloatBin F64Mul F64Load,
        Float FloatBin F32Add F32Load, Float FloatBin F32Sub F32Load, Float FloatBin F32Mul F32Load,
        Int IntBin I32Add I32Load, Int IntBin I32Sub I32Load, Int IntBin I32Mul I32Load,
        Int IntBin I32And I32Load, Int IntBin I32Or I32Load, Int IntBin I32Xor I32Load,
        Int IntBin I32Add I32Load8U, Int IntBin I32Xor I32Load8U, Int IntBin I32Or I32Load8U,
        Int IntBin I64Add I64Load, Int IntBin I64Sub I64Load, Int IntBin I64Xor I64Load,
    ))
}

/// Two operands pushed; for each whether it is a constant.
pub fn push_two(constants: (bool, bool)) -> Handler {
    use numeric::push_two;
    match constants {
        (false, false) => push_two::<Local<0>, Local<1>>,
        (false, true) => push_two::<Local<0>, Imm<1>>,
        (true, false) => push_two::<Imm<0>, Local<1>>,
        (true, true) => push_two::<Imm<0>, Imm<1>>,
    }
}

/// Load, perhaps a `local.tee`, and a conditional branch on what was loaded.
pub fn br_load(load: LoadOp, s: One, tee: bool, nonzero: bool) -> Option<Handler> {
    use control::br_load;
    macro_rules! sense {
        ($load:ident, $sense:ty) => {
            match (s, tee) {
                (One::L, false) => br_load::<ops::$load, Local<0>, Acc, $sense, 1, 2, 3> as Handler,
                (One::L, true) => br_load::<ops::$load, Local<0>, Local<2>, $sense, 1, 3, 4>,
                (One::M, false) => br_load::<ops::$load, Slot<0, 0>, Acc, $sense, 0, 1, 2>,
                (One::M, true) => br_load::<ops::$load, Slot<0, 0>, Local<1>, $sense, 0, 2, 3>,
                (One::K, false) => br_load::<ops::$load, Acc, Acc, $sense, 0, 1, 2>,
                (One::K, true) => br_load::<ops::$load, Acc, Local<1>, $sense, 0, 2, 3>,
            }
        };
    }
    macro_rules! rows {
        ($($load:ident)*) => {
            match load {
                $(LoadOp::$load => if nonzero { sense!($load, IfNonZero) } else { sense!($load, IfZero) },)*
                _ => return None,
            }
        };
    }
    Some(rows!(I32Load I32Load8U I32Load8S I32Load16U))
}

/// A run of up to 8 structural markers; `counted`: behind a probe that counts.
pub fn markers(n: usize, counted: bool) -> Handler {
    use crate::handlers::probe::count_markers;
    macro_rules! rows {
        ($($n:literal)*) => {
            match (n, counted) {
                $(($n, false) => control::marker::<$n>,)*
                $(($n, true) => count_markers::<$n>,)*
                (_, false) => control::marker::<1>,
                (_, true) => count_markers::<1>,
            }
        };
    }
    rows!(2 3 4 5 6 7 8)
}

/// The end of a loop whose bound is read first: bound, `local = local + step`, comparison, `br_if`.
pub fn latch_below_op(op: IntCmp, step_const: bool) -> Handler {
    use control::latch_below;
    fn any<Y: Bin, Z: Bin<R = Y::T>>(step_const: bool) -> Handler {
        match step_const {
            true => latch_below::<Y, Z, Local<0>, Local<1>, Imm<2>, Local<4>, 6, 7>,
            false => latch_below::<Y, Z, Local<0>, Local<1>, Local<2>, Local<4>, 6, 7>,
        }
    }
    macro_rules! row {
        ($n:ident, , i32, $($rest:tt)*) => {
            any::<ops::$n, ops::I32Add>(step_const)
        };
        ($n:ident, , i64, $($rest:tt)*) => {
            any::<ops::$n, ops::I64Add>(step_const)
        };
    }
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(IntCmp::$n => row!($n, $($rest)*)),* } };
    }
    for_int_cmp!(rows)
}

/// `a outer (b inner c)` on three locals, for the float operators that kernels are made of.
pub fn float_bin_bin(outer: FloatBin, inner: FloatBin, d: To) -> Option<Handler> {
    use numeric::bin_bin;
    macro_rules! of {
        ($x:ident, $y:ident) => {
            match d {
                To::Slot | To::Acc => {
                    bin_bin::<ops::$x, ops::$y, Local<0>, Local<1>, Local<2>, Slot<4, 0>, 5>
                        as Handler
                }
                To::Set => bin_bin::<ops::$x, ops::$y, Local<0>, Local<1>, Local<2>, Local<5>, 6>,
                To::Tee => bin_bin::<ops::$x, ops::$y, Local<0>, Local<1>, Local<2>, Tee<5, 4>, 6>,
            }
        };
    }
    macro_rules! rows {
        ($($x:ident $y:ident,)*) => {
            match (outer, inner) {
                $((FloatBin::$x, FloatBin::$y) => of!($x, $y),)*
                _ => return None,
            }
        };
    }
    Some(rows!(
        F64Add F64Add, F64Add F64Sub, F64Add F64Mul, F64Sub F64Add, F64Sub F64Sub, F64Sub F64Mul,
        F64Mul F64Add, F64Mul F64Sub, F64Mul F64Mul, F32Add F32Add, F32Add F32Sub, F32Add F32Mul,
        F32Sub F32Add, F32Sub F32Sub, F32Sub F32Mul, F32Mul F32Add, F32Mul F32Sub, F32Mul F32Mul,
    ))
}

/// Integer comparison of two locals or a local and a constant, then `select`.
pub fn select_cmp_op(op: IntCmp, num: Num, s: Two, d: To) -> Option<Handler> {
    use numeric::select_cmp;
    fn any<X: Bin, V: crate::eval::scalar::Val>(s: Two, d: To) -> Option<Handler> {
        Some(match (s, d) {
            (Two::LL, To::Set) => select_cmp::<X, V, Local<0>, Local<1>, Local<4>, 3, 5>,
            (Two::LL, To::Tee) => select_cmp::<X, V, Local<0>, Local<1>, Tee<4, 3>, 3, 5>,
            (Two::LL, _) => select_cmp::<X, V, Local<0>, Local<1>, Slot<3, 0>, 3, 4>,
            (Two::LC, To::Set) => select_cmp::<X, V, Local<0>, Imm<1>, Local<4>, 3, 5>,
            (Two::LC, To::Tee) => select_cmp::<X, V, Local<0>, Imm<1>, Tee<4, 3>, 3, 5>,
            (Two::LC, _) => select_cmp::<X, V, Local<0>, Imm<1>, Slot<3, 0>, 3, 4>,
            _ => return None,
        })
    }
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => {
            match op { $(IntCmp::$n => match num {
                Num::I32 => any::<ops::$n, i32>(s, d),
                Num::I64 => any::<ops::$n, i64>(s, d),
                _ => None,
            }),* }
        };
    }
    for_int_cmp!(rows)
}

/// `i32.eqz` or `i64.eqz` (`wide`), then `select` of integers.
pub fn select_eqz_op(wide: bool, num: Num, from_acc: bool, d: To) -> Option<Handler> {
    use numeric::select_eqz;
    macro_rules! of {
        ($t:ty, $v:ty, $a:ty) => {
            match d {
                To::Set => select_eqz::<$t, $v, $a, Local<2>, 3> as Handler,
                To::Tee => select_eqz::<$t, $v, $a, Tee<2, 1>, 3>,
                _ => select_eqz::<$t, $v, $a, Slot<1, 0>, 2>,
            }
        };
    }
    Some(match (wide, num, from_acc) {
        (false, Num::I32, false) => of!(i32, i32, Slot<0, 0>),
        (false, Num::I32, true) => of!(i32, i32, Acc),
        (false, Num::I64, false) => of!(i32, i64, Slot<0, 0>),
        (false, Num::I64, true) => of!(i32, i64, Acc),
        (true, Num::I32, false) => of!(i64, i32, Slot<0, 0>),
        (true, Num::I32, true) => of!(i64, i32, Acc),
        (true, Num::I64, false) => of!(i64, i64, Slot<0, 0>),
        (true, Num::I64, true) => of!(i64, i64, Acc),
        _ => return None,
    })
}

/// `(local first const) then c`, where `c` is a constant or a local.
pub fn bin_then_op(first: IntBin, then: IntBin, constant: bool, d: To) -> Option<Handler> {
    use numeric::bin_then;
    macro_rules! of {
        ($x:ident, $y:ident, $c:ty) => {
            match d {
                To::Slot | To::Acc => {
                    bin_then::<ops::$x, ops::$y, Local<0>, Imm<1>, $c, Slot<4, 0>, 5> as Handler
                }
                To::Set => bin_then::<ops::$x, ops::$y, Local<0>, Imm<1>, $c, Local<5>, 6>,
                To::Tee => bin_then::<ops::$x, ops::$y, Local<0>, Imm<1>, $c, Tee<5, 4>, 6>,
            }
        };
    }
    macro_rules! rows {
        ($($x:ident $y:ident,)*) => {
            match (first, then) {
                $((IntBin::$x, IntBin::$y) => if constant {
                    of!($x, $y, Imm<3>)
                } else {
                    of!($x, $y, Local<3>)
                },)*
                _ => return None,
            }
        };
    }
    Some(rows!(
        I32Mul I32Add, I32Shl I32Add, I32Add I32And, I32ShrU I32And, I32ShrU I32Xor, I32And I32Add, I32And I32Xor,
        I32Shl I32Or, I32Shl I32Xor, I32And I32Shl, I32Add I32Shl, I32Xor I32Mul, I64Mul I64Add, I64Shl I64Add,
        I64ShrU I64Xor, I64Shl I64Xor, I64ShrU I64And, I64Add I64And, I32Rotl I32Xor, I32Rotr I32Xor,
    ))
}

/// `local += constant`, then a comparison of a local with a local or constant, then `br_if`.
pub fn step_br_op(op: IntCmp, constant: bool, nonzero: bool) -> Handler {
    use control::step_br;
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => {
            match op { $(IntCmp::$n => match (constant, nonzero) {
                (true, true) => step_br::<ops::$n, Imm<5>, IfNonZero>,
                (true, false) => step_br::<ops::$n, Imm<5>, IfZero>,
                (false, true) => step_br::<ops::$n, Local<5>, IfNonZero>,
                (false, false) => step_br::<ops::$n, Local<5>, IfZero>,
            }),* }
        };
    }
    for_int_cmp!(rows)
}

/// `and` of a local and a constant, `eqz`, `select` of integers.
pub fn select_bits_op(wide: bool, num: Num, d: To) -> Option<Handler> {
    use numeric::select_bits;
    macro_rules! of {
        ($x:ident, $v:ty) => {
            match d {
                To::Set => select_bits::<ops::$x, $v, Local<5>, 6> as Handler,
                To::Tee => select_bits::<ops::$x, $v, Tee<5, 4>, 6>,
                _ => select_bits::<ops::$x, $v, Slot<4, 0>, 5>,
            }
        };
    }
    Some(match (wide, num) {
        (false, Num::I32) => of!(I32And, i32),
        (false, Num::I64) => of!(I32And, i64),
        (true, Num::I32) => of!(I64And, i32),
        (true, Num::I64) => of!(I64And, i64),
        _ => return None,
    })
}
