//! Locals, constants, scalar operators, `select`, globals.
//!
//! A handler is generic over the operator, where its operands come from, where
//! the result goes, and the number of cells `N` that its window covers.

use crate::dispatch::{Dst, Imm, Local, Src, UNIT, fault_status, handler, skip, trap};
use crate::eval::scalar::{Bin, BinTrap, Un, UnTrap, Val};

/// Writes a result to its destination and its accumulator.
macro_rules! finish {
    ($value:expr, $dst:ident; $pc:ident, $fp:ident, $acc:ident, $fd:ident, $fs:ident) => {
        let value = $value;
        $dst::put(value.to_slot(), $pc, $fp);
        value.to_acc(&mut $acc, &mut $fd, &mut $fs);
    };
}
pub(crate) use finish;

handler! {
    /// Total operator with two operands.
    fn bin<X: Bin, A: Src, B: Src, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let a = A::get(pc, fp, acc, fd, fs);
        let b = B::get(pc, fp, acc, fd, fs);
        finish!(X::op(a, b), D; pc, fp, acc, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// Three locals and two operators: `a X (b Y c)`.
    fn bin_bin<X: Bin, Y: Bin<R = X::T>, A: Src, B: Src, C: Src, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let inner = Y::op(B::get(pc, fp, acc, fd, fs), C::get(pc, fp, acc, fd, fs));
        let a = A::get(pc, fp, acc, fd, fs);
        finish!(X::op(a, inner), D; pc, fp, acc, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// Partial operator with two operands.
    fn bin_trap<X: BinTrap, A: Src, B: Src, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let a = A::get(pc, fp, acc, fd, fs);
        let b = B::get(pc, fp, acc, fd, fs);
        match X::op(a, b) {
            Ok(r) => { finish!(r, D; pc, fp, acc, fd, fs); }
            Err(fault) => trap!(fault_status(fault); pc, fp, mem, ctx, acc, budget, fd, fs),
        }
        pc = skip(pc, N);
    }
}

handler! {
    /// Total operator with one operand.
    fn un<X: Un, A: Src, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        finish!(X::op(A::get(pc, fp, acc, fd, fs)), D; pc, fp, acc, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// Partial operator with one operand.
    fn un_trap<X: UnTrap, A: Src, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        match X::op(A::get(pc, fp, acc, fd, fs)) {
            Ok(r) => { finish!(r, D; pc, fp, acc, fd, fs); }
            Err(fault) => trap!(fault_status(fault); pc, fp, mem, ctx, acc, budget, fd, fs),
        }
        pc = skip(pc, N);
    }
}

handler! {
    /// `local.get`, `local.set`, `local.tee`, constants of 32 bits, and pairs of them.
    fn mov<V: Val, A: Src, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let v: V = A::get(pc, fp, acc, fd, fs);
        finish!(v, D; pc, fp, acc, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// Two operands pushed: locals or integer constants, of one slot each.
    fn push_two<A: Src, B: Src;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let a: i64 = A::get(pc, fp, acc, fd, fs);
        *fp.add((*pc).slot as usize) = a as u64;
        let b: i64 = B::get(pc, fp, acc, fd, fs);
        *fp.add((*pc.add(1)).slot as usize) = b as u64;
        pc = skip(pc, 2);
    }
}

handler! {
    /// Constant of 64 bits, in the data cell behind; the data cell is no unit of fuel.
    fn wide<V: Val, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let v = V::from_slot((*pc.add(1)).handler.addr() as u64);
        finish!(v, D; pc, fp, acc, fd, fs);
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, N);
    }
}

handler! {
    /// Operator with an operand and a 64-bit constant (float kernels are full of these).
    fn bin_wide<X: Bin, A: Src, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let a = A::get(pc, fp, acc, fd, fs);
        let b = <X::T as Val>::from_slot((*pc.add(1)).handler.addr() as u64);
        finish!(X::op(a, b), D; pc, fp, acc, fd, fs);
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, N);
    }
}

handler! {
    /// `select` of a one-slot value. Both arms write on their own: a conditional
    /// move puts both loads on the critical path.
    fn select<V: Val, A: Src, B: Src, Q: Src, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let a: V = A::get(pc, fp, acc, fd, fs);
        let b: V = B::get(pc, fp, acc, fd, fs);
        let c: i32 = Q::get(pc, fp, acc, fd, fs);
        finish!(if c != 0 { a } else { b }, D; pc, fp, acc, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// Comparison, then `select` of two slots by its result. `I` is the `select`.
    fn select_cmp<X: Bin, V: Val, A: Src, B: Src, D: Dst; I, N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let c = X::op(A::get(pc, fp, acc, fd, fs), B::get(pc, fp, acc, fd, fs)).to_slot();
        let values = fp.add((*pc.add(I)).slot as usize);
        let (a, b) = (V::from_slot(*values), V::from_slot(*values.add(1)));
        finish!(if c != 0 { a } else { b }, D; pc, fp, acc, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// `eqz`, then `select` of two slots by its result.
    fn select_eqz<T: Val, V: Val, A: Src, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let c: T = A::get(pc, fp, acc, fd, fs);
        let values = fp.add((*pc.add(1)).slot as usize);
        let (a, b) = (V::from_slot(*values), V::from_slot(*values.add(1)));
        finish!(if c.to_slot() == 0 { a } else { b }, D; pc, fp, acc, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// `and` of a local and a constant, `eqz`, then `select` of two slots by the result: a test of bits.
    fn select_bits<X: Bin, V: Val, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let a = <Local<0> as Src>::get(pc, fp, acc, fd, fs);
        let c = X::op(a, <Imm<1> as Src>::get(pc, fp, acc, fd, fs)).to_slot();
        let values = fp.add((*pc.add(4)).slot as usize);
        let (a, b) = (V::from_slot(*values), V::from_slot(*values.add(1)));
        finish!(if c == 0 { a } else { b }, D; pc, fp, acc, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// `(a X b) Y c`.
    fn bin_then<X: Bin, Y: Bin<T = X::R>, A: Src, B: Src, C: Src, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let first = X::op(A::get(pc, fp, acc, fd, fs), B::get(pc, fp, acc, fd, fs));
        let c = C::get(pc, fp, acc, fd, fs);
        finish!(Y::op(first, c), D; pc, fp, acc, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// `global.get` of a global that the instance defines; `imm` is its slot.
    fn global_get<V: Val, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let v = V::from_slot(*(*ctx).globals.add((*pc).imm as usize));
        finish!(v, D; pc, fp, acc, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// `global.set` of a global that the instance defines.
    fn global_set<V: Val, A: Src; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let v: V = A::get(pc, fp, acc, fd, fs);
        *(*ctx).globals.add((*pc.add(N - 1)).imm as usize) = v.to_slot();
        pc = skip(pc, N);
    }
}

handler! {
    /// `global.get` of an imported global; `imm` is its index.
    fn global_get_at<V: Val, D: Dst; N>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let v = V::from_slot(**(*ctx).global_addrs.add((*pc).imm as usize));
        finish!(v, D; pc, fp, acc, fd, fs);
        pc = skip(pc, N);
    }
}

handler! {
    /// `global.set` of an imported global.
    fn global_set_at(pc, fp, mem, ctx, acc, budget, fd, fs) {
        **(*ctx).global_addrs.add((*pc).imm as usize) = *fp.add((*pc).slot as usize);
        pc = skip(pc, 1);
    }
}

handler! {
    /// `ref.func`.
    fn ref_func(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let record = (*ctx).funcs.add((*pc).imm as usize);
        acc = (*record).target as u64;
        *fp.add((*pc).slot as usize) = acc;
        pc = skip(pc, 1);
    }
}
