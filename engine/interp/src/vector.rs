//! The SIMD operators as types, from the tables of [`crate::eval::simd`], and
//! their handlers by kind.

use crate::dispatch::{Acc, Local, Slot};
use crate::eval::simd::V128;
use crate::eval::simd::float::{canon_f32x4, canon_f64x2};
use crate::handlers::vector::*;
use crate::handlers::vector_at::*;
use crate::layout::Handler;
use crate::op::*;
use crate::{
    for_v128_bin, for_v128_extract, for_v128_load, for_v128_load_lane, for_v128_relaxed_bin,
    for_v128_relaxed_tern, for_v128_relaxed_un, for_v128_replace, for_v128_shift, for_v128_splat,
    for_v128_store_lane, for_v128_tern, for_v128_test, for_v128_un,
};

/// The operators as types.
mod ops {
    use super::*;

    macro_rules! un {
        ($(($n:ident, $f:path))*) => { $(
            pub struct $n;
            impl VUn for $n {
                #[inline(always)]
                fn op(a: V128) -> V128 {
                    $f(a)
                }
            }
        )* };
    }
    for_v128_un!(un);
    for_v128_relaxed_un!(un);
    pub struct CanonF32;
    impl VUn for CanonF32 {
        #[inline(always)]
        fn op(a: V128) -> V128 {
            canon_f32x4(a)
        }
    }
    pub struct CanonF64;
    impl VUn for CanonF64 {
        #[inline(always)]
        fn op(a: V128) -> V128 {
            canon_f64x2(a)
        }
    }

    macro_rules! bin {
        ($(($n:ident, $f:path))*) => { $(
            pub struct $n;
            impl VBin for $n {
                #[inline(always)]
                fn op(a: V128, b: V128) -> V128 {
                    $f(a, b)
                }
            }
        )* };
    }
    for_v128_bin!(bin);
    for_v128_relaxed_bin!(bin);

    macro_rules! tern {
        ($(($n:ident, $f:path))*) => { $(
            pub struct $n;
            impl VTern for $n {
                #[inline(always)]
                fn op(a: V128, b: V128, c: V128) -> V128 {
                    $f(a, b, c)
                }
            }
        )* };
    }
    for_v128_tern!(tern);
    for_v128_relaxed_tern!(tern);

    macro_rules! shift {
        ($(($n:ident, $f:path))*) => { $(
            pub struct $n;
            impl VShift for $n {
                #[inline(always)]
                fn op(a: V128, n: i32) -> V128 {
                    $f(a, n)
                }
            }
        )* };
    }
    for_v128_shift!(shift);

    macro_rules! test {
        ($(($n:ident, $f:path))*) => { $(
            pub struct $n;
            impl VTest for $n {
                #[inline(always)]
                fn op(a: V128) -> i32 {
                    $f(a)
                }
            }
        )* };
    }
    for_v128_test!(test);

    macro_rules! splat {
        ($(($n:ident, $t:ty, $f:path))*) => { $(
            pub struct $n;
            impl VSplat for $n {
                type T = $t;
                #[inline(always)]
                fn op(a: $t) -> V128 {
                    $f(a)
                }
            }
        )* };
    }
    for_v128_splat!(splat);

    macro_rules! extract {
        ($(($n:ident, $t:ty, $lanes:literal, $f:path))*) => { $(
            pub struct $n;
            impl VExtract for $n {
                type T = $t;
                #[inline(always)]
                fn op(a: V128, lane: u8) -> $t {
                    $f(a, lane)
                }
            }
        )* };
    }
    for_v128_extract!(extract);

    macro_rules! replace {
        ($(($n:ident, $t:ty, $lanes:literal, $f:path))*) => { $(
            pub struct $n;
            impl VReplace for $n {
                type T = $t;
                #[inline(always)]
                fn op(a: V128, lane: u8, x: $t) -> V128 {
                    $f(a, lane, x)
                }
            }
        )* };
    }
    for_v128_replace!(replace);

    macro_rules! load {
        ($(($n:ident, $bytes:literal, $f:path))*) => { $(
            pub struct $n;
            impl VLoad for $n {
                type M = [u8; $bytes];
                #[inline(always)]
                fn op(m: [u8; $bytes]) -> V128 {
                    $f(m)
                }
            }
        )* };
    }
    for_v128_load!(load);

    macro_rules! load_lane {
        ($(($n:ident, $bytes:literal, $f:path))*) => { $(
            pub struct $n;
            impl VLoadLane for $n {
                type M = [u8; $bytes];
                #[inline(always)]
                fn op(a: V128, lane: u8, m: [u8; $bytes]) -> V128 {
                    $f(a, lane, m)
                }
            }
        )* };
    }
    for_v128_load_lane!(load_lane);

    macro_rules! store_lane {
        ($(($n:ident, $bytes:literal, $f:path))*) => { $(
            pub struct $n;
            impl VStoreLane for $n {
                type M = [u8; $bytes];
                #[inline(always)]
                fn op(a: V128, lane: u8) -> [u8; $bytes] {
                    $f(a, lane)
                }
            }
        )* };
    }
    for_v128_store_lane!(store_lane);
}

/// The handler that works on canonical slots only.
pub fn canonical(kind: VKind) -> Handler {
    match kind {
        VKind::Un(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VUnOp::$n => v_un::<ops::$n>),* } } }
            for_v128_un!(rows)
        }
        VKind::RelaxedUn(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VRelaxedUnOp::$n => v_un::<ops::$n>),* } } }
            for_v128_relaxed_un!(rows)
        }
        VKind::Bin(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VBinOp::$n => v_bin::<ops::$n>),* } } }
            for_v128_bin!(rows)
        }
        VKind::RelaxedBin(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VRelaxedBinOp::$n => v_bin::<ops::$n>),* } } }
            for_v128_relaxed_bin!(rows)
        }
        VKind::Tern(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VTernOp::$n => v_tern::<ops::$n>),* } } }
            for_v128_tern!(rows)
        }
        VKind::RelaxedTern(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VRelaxedTernOp::$n => v_tern::<ops::$n>),* } } }
            for_v128_relaxed_tern!(rows)
        }
        VKind::Shift(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VShiftOp::$n => v_shift::<ops::$n>),* } } }
            for_v128_shift!(rows)
        }
        VKind::Test(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VTestOp::$n => v_test::<ops::$n>),* } } }
            for_v128_test!(rows)
        }
        VKind::Splat(op) => splat(op, false),
        VKind::Extract(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VExtractOp::$n => v_extract::<ops::$n>),* } } }
            for_v128_extract!(rows)
        }
        VKind::Replace(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VReplaceOp::$n => v_replace::<ops::$n>),* } } }
            for_v128_replace!(rows)
        }
        VKind::Load(op) => load(op, false),
        VKind::LoadLane(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VLoadLaneOp::$n => v_load_lane::<ops::$n>),* } } }
            for_v128_load_lane!(rows)
        }
        VKind::StoreLane(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VStoreLaneOp::$n => v_store_lane::<ops::$n>),* } } }
            for_v128_store_lane!(rows)
        }
        VKind::Store => v_store,
        VKind::LoadAt(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VLoadOp::$n => v_load_at::<ops::$n>),* } } }
            for_v128_load!(rows)
        }
        VKind::LoadLaneAt(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VLoadLaneOp::$n => v_load_lane_at::<ops::$n>),* } } }
            for_v128_load_lane!(rows)
        }
        VKind::StoreLaneAt(op) => {
            macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VStoreLaneOp::$n => v_store_lane_at::<ops::$n>),* } } }
            for_v128_store_lane!(rows)
        }
        VKind::StoreAt => v_store_at,
        VKind::Const => v_const,
        VKind::Shuffle => v_shuffle,
        VKind::Get => v_get,
        VKind::Set => v_set,
        VKind::Select => v_select,
        VKind::GlobalGet => v_global_get,
        VKind::GlobalSet => v_global_set,
        VKind::CanonF32 => v_canon::<ops::CanonF32>,
        VKind::CanonF64 => v_canon::<ops::CanonF64>,
    }
}

/// Splat, from the accumulator or the slot.
pub fn splat(op: VSplatOp, from_acc: bool) -> Handler {
    macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VSplatOp::$n => if from_acc {
        v_splat::<ops::$n, Acc>
    } else {
        v_splat::<ops::$n, Slot<0, 0>>
    }),* } } }
    for_v128_splat!(rows)
}

/// Load; `local`: the address is a local read right before.
pub fn load(op: VLoadOp, local: bool) -> Handler {
    macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VLoadOp::$n => if local {
        v_load::<ops::$n, Local<0>, 1, 2>
    } else {
        v_load::<ops::$n, Slot<0, 0>, 0, 1>
    }),* } } }
    for_v128_load!(rows)
}

/// Two vectors, the second a local read right before.
pub fn bin_local(op: VBinOp) -> Handler {
    macro_rules! rows { ($(($n:ident $($r:tt)*))*) => { match op { $(VBinOp::$n => v_bin_local::<ops::$n>),* } } }
    for_v128_bin!(rows)
}
