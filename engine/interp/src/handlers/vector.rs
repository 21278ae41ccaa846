//! SIMD. A v128 takes two slots, low half first, and has no accumulator.

use crate::dispatch::{Dst, Slot, Src, UNIT, handler, skip, trap};
use crate::eval::scalar::Val;
use crate::eval::simd::{self, V128};
use crate::exit;
use crate::handlers::memory::address;
use crate::handlers::numeric::finish;

/// Where `canon` leaves its result: the slot it came from.
type CanonicalSlot = Slot<0, 0>;

/// Reads the vector in slot `slot` of a frame.
///
/// # Safety
/// Both slots must lie in the frame.
#[inline(always)]
pub unsafe fn read(fp: *mut u64, slot: usize) -> V128 {
    // SAFETY: by contract.
    unsafe { *(fp.add(slot) as *const V128) }
}

/// Writes a vector to slot `slot` of a frame.
///
/// # Safety
/// Both slots must lie in the frame.
#[inline(always)]
pub unsafe fn write(fp: *mut u64, slot: usize, v: V128) {
    // SAFETY: by contract.
    unsafe { *(fp.add(slot) as *mut V128) = v }
}

macro_rules! vector_trait {
    ($(#[$doc:meta])* $name:ident($($arg:ident: $t:ty),*) -> $r:ty) => {
        $(#[$doc])*
        pub trait $name {
            /// The operation.
            fn op($($arg: $t),*) -> $r;
        }
    };
}
vector_trait!(/** One vector. */ VUn(a: V128) -> V128);
vector_trait!(/** Two vectors. */ VBin(a: V128, b: V128) -> V128);
vector_trait!(/** Three vectors. */ VTern(a: V128, b: V128, c: V128) -> V128);
vector_trait!(/** A vector and a count. */ VShift(a: V128, n: i32) -> V128);
vector_trait!(/** A test of a vector. */ VTest(a: V128) -> i32);

/// Scalar to all lanes.
pub trait VSplat {
    /// Scalar type.
    type T: Val;
    /// The operation.
    fn op(a: Self::T) -> V128;
}
/// One lane to a scalar.
pub trait VExtract {
    /// Scalar type.
    type T: Val;
    /// The operation.
    fn op(a: V128, lane: u8) -> Self::T;
}
/// A scalar to one lane.
pub trait VReplace {
    /// Scalar type.
    type T: Val;
    /// The operation.
    fn op(a: V128, lane: u8, x: Self::T) -> V128;
}
/// Bytes to a vector.
pub trait VLoad {
    /// Bytes in memory.
    type M: Copy;
    /// The operation.
    fn op(m: Self::M) -> V128;
}
/// Bytes to one lane.
pub trait VLoadLane {
    /// Bytes in memory.
    type M: Copy;
    /// The operation.
    fn op(a: V128, lane: u8, m: Self::M) -> V128;
}
/// One lane to bytes.
pub trait VStoreLane {
    /// Bytes in memory.
    type M: Copy;
    /// The operation.
    fn op(a: V128, lane: u8) -> Self::M;
}

handler! {
    /// One vector.
    fn v_un<X: VUn;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        write(fp, slot, X::op(read(fp, slot)));
        pc = skip(pc, 1);
    }
}
handler! {
    /// Two vectors.
    fn v_bin<X: VBin;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        write(fp, slot, X::op(read(fp, slot), read(fp, slot + 2)));
        pc = skip(pc, 1);
    }
}
handler! {
    /// Two vectors, the second a local: `local.get` and the operator.
    fn v_bin_local<X: VBin;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc.add(1)).slot as usize;
        write(fp, slot, X::op(read(fp, slot), read(fp, (*pc).imm as usize)));
        pc = skip(pc, 2);
    }
}
handler! {
    /// Three vectors.
    fn v_tern<X: VTern;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        write(fp, slot, X::op(read(fp, slot), read(fp, slot + 2), read(fp, slot + 4)));
        pc = skip(pc, 1);
    }
}
handler! {
    /// A vector and a count.
    fn v_shift<X: VShift;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        write(fp, slot, X::op(read(fp, slot), *fp.add(slot + 2) as i32));
        pc = skip(pc, 1);
    }
}
handler! {
    /// A test.
    fn v_test<X: VTest;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        acc = X::op(read(fp, slot)) as u32 as u64;
        *fp.add(slot) = acc;
        pc = skip(pc, 1);
    }
}
handler! {
    /// Splat; `imm` is unused.
    fn v_splat<X: VSplat, A: Src;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        write(fp, (*pc).slot as usize, X::op(A::get(pc, fp, acc, fd, fs)));
        pc = skip(pc, 1);
    }
}
handler! {
    /// Lane to scalar; `imm` is the lane.
    fn v_extract<X: VExtract;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        let v = X::op(read(fp, slot), (*pc).imm as u8);
        *fp.add(slot) = v.to_slot();
        v.to_acc(&mut acc, &mut fd, &mut fs);
        pc = skip(pc, 1);
    }
}
handler! {
    /// Scalar to lane; `imm` is the lane.
    fn v_replace<X: VReplace;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        let x = X::T::from_slot(*fp.add(slot + 2));
        write(fp, slot, X::op(read(fp, slot), (*pc).imm as u8, x));
        pc = skip(pc, 1);
    }
}
handler! {
    /// Shuffle; the data cell holds the lanes.
    fn v_shuffle(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        let lanes = *(pc.add(1) as *const [u8; 16]);
        write(fp, slot, simd::shuffle(read(fp, slot), read(fp, slot + 2), lanes));
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 2);
    }
}
handler! {
    /// Constant, in the data cell.
    fn v_const(pc, fp, mem, ctx, acc, budget, fd, fs) {
        write(fp, (*pc).slot as usize, *(pc.add(1) as *const V128));
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 2);
    }
}
handler! {
    /// `local.get`
    fn v_get(pc, fp, mem, ctx, acc, budget, fd, fs) {
        write(fp, (*pc).slot as usize, read(fp, (*pc).imm as usize));
        pc = skip(pc, 1);
    }
}
handler! {
    /// `local.set` and `local.tee`
    fn v_set(pc, fp, mem, ctx, acc, budget, fd, fs) {
        write(fp, (*pc).imm as usize, read(fp, (*pc).slot as usize));
        pc = skip(pc, 1);
    }
}
handler! {
    /// `select`
    fn v_select(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        if *fp.add(slot + 4) as u32 == 0 {
            write(fp, slot, read(fp, slot + 2));
        }
        pc = skip(pc, 1);
    }
}
handler! {
    /// `global.get`; `imm` is the index.
    fn v_global_get(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let at = *(*ctx).global_addrs.add((*pc).imm as usize);
        write(fp, (*pc).slot as usize, read(at, 0));
        pc = skip(pc, 1);
    }
}
handler! {
    /// `global.set`; `imm` is the index.
    fn v_global_set(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let at = *(*ctx).global_addrs.add((*pc).imm as usize);
        write(at, 0, read(fp, (*pc).slot as usize));
        pc = skip(pc, 1);
    }
}
handler! {
    /// Load; `imm` is the offset.
    fn v_load<X: VLoad, A: Src; I, N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let a: i32 = A::get(pc, fp, acc, fd, fs);
        let cell = pc.add(I);
        let at = address!(a, (*cell).imm, size_of::<X::M>(); pc, fp, mem, ctx, acc, budget, fd, fs);
        write(fp, (*cell).slot as usize, X::op((at as *const X::M).read_unaligned()));
        pc = skip(pc, N);
    }
}
handler! {
    /// `v128.store`; `imm` is the offset.
    fn v_store(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        let at = address!(*fp.add(slot), (*pc).imm, 16; pc, fp, mem, ctx, acc, budget, fd, fs);
        (at as *mut V128).write_unaligned(read(fp, slot + 1));
        pc = skip(pc, 1);
    }
}
handler! {
    /// Load of a lane; `imm` is the offset, `extra` the lane.
    fn v_load_lane<X: VLoadLane;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        let at = address!(*fp.add(slot), (*pc).imm, size_of::<X::M>(); pc, fp, mem, ctx, acc, budget, fd, fs);
        let m = (at as *const X::M).read_unaligned();
        write(fp, slot, X::op(read(fp, slot + 1), (*pc).extra as u8, m));
        pc = skip(pc, 1);
    }
}
handler! {
    /// Store of a lane; `imm` is the offset, `extra` the lane.
    fn v_store_lane<X: VStoreLane;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        let at = address!(*fp.add(slot), (*pc).imm, size_of::<X::M>(); pc, fp, mem, ctx, acc, budget, fd, fs);
        (at as *mut X::M).write_unaligned(X::op(read(fp, slot + 1), (*pc).extra as u8));
        pc = skip(pc, 1);
    }
}
handler! {
    /// Replaces NaN lanes by the canonical NaN (`--deterministic`): no unit of fuel.
    fn v_canon<X: VUn;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        write(fp, slot, X::op(read(fp, slot)));
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 1);
    }
}
handler! {
    /// Replaces a scalar NaN by the canonical one: no unit of fuel.
    fn canon<X: crate::eval::scalar::Un, A: Src; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        finish!(X::op(A::get(pc, fp, acc, fd, fs)), CanonicalSlot; pc, fp, acc, fd, fs);
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, N);
    }
}
