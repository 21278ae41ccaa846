//! Scalar loads and stores with explicit bounds checks, `memory.size`.

use crate::dispatch::{Dst, Local, Src, handler, skip, trap};
use crate::eval::scalar::{Bin, Load, Store, Val};
use crate::exit;
use crate::handlers::numeric::finish;

/// Address of an access of `$size` bytes at `$base + $offset`, or a trap.
macro_rules! address {
    ($base:expr, $offset:expr, $size:expr; $pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) => {{
        let at = $base as u32 as u64 + $offset as u64;
        if at + $size as u64 > (*$ctx).mem_len {
            trap!(exit::MEMORY; $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs)
        }
        $mem.add(at as usize)
    }};
}
pub(crate) use address;

handler! {
    /// Load; the offset is the immediate of cell `I`.
    fn load<X: Load, A: Src, D: Dst; I, N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let a: i32 = A::get(pc, fp, acc, fd, fs);
        let at = address!(a, (*pc.add(I)).imm, size_of::<X::M>(); pc, fp, mem, ctx, acc, budget, fd, fs);
        finish!(X::extend((at as *const X::M).read_unaligned()), D; pc, fp, acc, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// `i32.add` and a load from the sum.
    fn load_sum<X: Load, A: Src, B: Src, D: Dst; I, N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let a: i32 = A::get(pc, fp, acc, fd, fs);
        let b: i32 = B::get(pc, fp, acc, fd, fs);
        let at = address!(a.wrapping_add(b), (*pc.add(I)).imm, size_of::<X::M>(); pc, fp, mem, ctx, acc, budget, fd, fs);
        finish!(X::extend((at as *const X::M).read_unaligned()), D; pc, fp, acc, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// `local.get` of an address, load, and an operator whose second operand is what was loaded.
    fn bin_load<X: Bin, L: Load<R = X::T>, A: Src, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let at: i32 = <Local<0> as Src>::get(pc, fp, acc, fd, fs);
        let at = address!(at, (*pc.add(1)).imm, size_of::<L::M>(); pc, fp, mem, ctx, acc, budget, fd, fs);
        let a = A::get(pc, fp, acc, fd, fs);
        finish!(X::op(a, L::extend((at as *const L::M).read_unaligned())), D; pc, fp, acc, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// Store; the offset is the immediate of cell `I`.
    fn store<X: Store, A: Src, B: Src; I, N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let a: i32 = A::get(pc, fp, acc, fd, fs);
        let v: X::T = B::get(pc, fp, acc, fd, fs);
        let at = address!(a, (*pc.add(I)).imm, size_of::<X::M>(); pc, fp, mem, ctx, acc, budget, fd, fs);
        (at as *mut X::M).write_unaligned(X::wrap(v));
        pc = skip(pc, N);
    }
}

handler! {
    /// `i32.add`, a local or constant, and a store to the sum.
    fn store_sum<X: Store, A: Src, B: Src, V: Src; I, N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let a: i32 = A::get(pc, fp, acc, fd, fs);
        let b: i32 = B::get(pc, fp, acc, fd, fs);
        let v: X::T = V::get(pc, fp, acc, fd, fs);
        let at = address!(a.wrapping_add(b), (*pc.add(I)).imm, size_of::<X::M>(); pc, fp, mem, ctx, acc, budget, fd, fs);
        (at as *mut X::M).write_unaligned(X::wrap(v));
        pc = skip(pc, N);
    }
}

handler! {
    /// `memory.size` of memory 0 with pages of 64 KiB.
    fn memory_size(pc, fp, mem, ctx, acc, budget, fd, fs) {
        acc = (*ctx).mem_len >> 16;
        *fp.add((*pc).slot as usize) = acc;
        pc = skip(pc, 1);
    }
}
