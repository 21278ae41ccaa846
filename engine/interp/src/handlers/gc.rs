//! Objects of the collected heap: fields, elements, `i31`, casts.
//!
//! A reference is 0, an odd word (`i31`), or the address of an object, which begins with an
//! [`ObjectHeader`]. Operands are in canonical slots. What allocates is a slow path.

use std::mem::offset_of;

use crate::cast::{self, Verdict};
use crate::dispatch::{Dst, Slot, UNIT, handler, skip, trap};
use crate::eval::scalar::{Load, Store, Val};
use crate::exit;
use crate::handlers::numeric::finish;
use crate::layout::ObjectHeader;

/// Where results go.
type Result = Slot<0, 0>;

/// Bytes from the beginning of an array to its first element.
const ELEMENTS: usize = size_of::<ObjectHeader>();

handler! {
    /// `struct.get` and its packed forms; `imm` is the field's offset.
    fn struct_get<X: Load;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let object = *fp.add((*pc).slot as usize) as *const u8;
        if object.is_null() {
            trap!(exit::NULL_STRUCT; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        let at = object.add((*pc).imm as usize) as *const X::M;
        finish!(X::extend(at.read()), Result; pc, fp, acc, fd, fs);
        pc = skip(pc, 1);
    }
}

handler! {
    /// `struct.set`; `imm` is the field's offset.
    fn struct_set<X: Store;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let operands = fp.add((*pc).slot as usize);
        let object = *operands as *mut u8;
        if object.is_null() {
            trap!(exit::NULL_STRUCT; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        let at = object.add((*pc).imm as usize) as *mut X::M;
        at.write(X::wrap(X::T::from_slot(*operands.add(1))));
        pc = skip(pc, 1);
    }
}

/// Address of an element, or a trap.
macro_rules! element {
    ($operands:expr, $ty:ty; $pc:ident, $fp:ident, $mem:ident, $ctx:ident, $acc:ident, $budget:ident, $fd:ident, $fs:ident) => {{
        let operands: *mut u64 = $operands;
        let array = *operands as *mut u8;
        if array.is_null() {
            trap!(exit::NULL_ARRAY; $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs)
        }
        let index = *operands.add(1) as u32;
        if index >= (*(array as *const ObjectHeader)).len {
            trap!(exit::ARRAY; $pc, $fp, $mem, $ctx, $acc, $budget, $fd, $fs)
        }
        (array.add(ELEMENTS) as *mut $ty).add(index as usize)
    }};
}

handler! {
    /// `array.get` and its packed forms.
    fn array_get<X: Load;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let operands = fp.add((*pc).slot as usize);
        let at = element!(operands, X::M; pc, fp, mem, ctx, acc, budget, fd, fs);
        finish!(X::extend(at.read()), Result; pc, fp, acc, fd, fs);
        pc = skip(pc, 1);
    }
}

handler! {
    /// `array.set`
    fn array_set<X: Store;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let operands = fp.add((*pc).slot as usize);
        let at = element!(operands, X::M; pc, fp, mem, ctx, acc, budget, fd, fs);
        at.write(X::wrap(X::T::from_slot(*operands.add(2))));
        pc = skip(pc, 1);
    }
}

handler! {
    /// `array.len`
    fn array_len(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = fp.add((*pc).slot as usize);
        let array = *slot as *const u8;
        if array.is_null() {
            trap!(exit::NULL_ARRAY; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        acc = *(array.add(offset_of!(ObjectHeader, len)) as *const u32) as u64;
        *slot = acc;
        pc = skip(pc, 1);
    }
}

handler! {
    /// `ref.i31`
    fn ref_i31(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = fp.add((*pc).slot as usize);
        acc = ((*slot as u32) << 1 | 1) as u64;
        *slot = acc;
        pc = skip(pc, 1);
    }
}

handler! {
    /// `i31.get_s` (`SIGNED` 1) and `i31.get_u` (0).
    fn i31_get<;SIGNED>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = fp.add((*pc).slot as usize);
        let raw = *slot as u32;
        if raw == 0 {
            trap!(exit::NULL_I31; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        let value = if SIGNED == 1 { (raw as i32 >> 1) as u32 } else { raw >> 1 };
        acc = value as u64;
        *slot = acc;
        pc = skip(pc, 1);
    }
}

handler! {
    /// A conversion that leaves the word as it is: `any.convert_extern`, `extern.convert_any`.
    fn ref_same(pc, fp, mem, ctx, acc, budget, fd, fs) {
        acc = *fp.add((*pc).slot as usize);
        pc = skip(pc, 1);
    }
}

handler! {
    /// `ref.test`; the data cell holds the type.
    fn ref_test(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = fp.add((*pc).slot as usize);
        let verdict = cast::test(*slot, (*pc.add(1)).handler.addr() as u64);
        if verdict == Verdict::Ask {
            return ref_test_func(pc, fp, mem, ctx, acc, budget, fd, fs);
        }
        acc = (verdict == Verdict::Yes) as u64;
        *slot = acc;
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 2);
    }
}

handler! {
    /// The rest of `ref.test` for a function type that is not the function's own.
    #[cold]
    #[inline(never)]
    fn ref_test_func(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = fp.add((*pc).slot as usize);
        acc = cast::test_func(ctx, *slot, (*pc.add(1)).handler.addr() as u64) as u64;
        *slot = acc;
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 2);
    }
}

handler! {
    /// `ref.cast`; the data cell holds the type.
    fn ref_cast(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let value = *fp.add((*pc).slot as usize);
        match cast::test(value, (*pc.add(1)).handler.addr() as u64) {
            Verdict::Yes => {}
            Verdict::Ask => return ref_cast_func(pc, fp, mem, ctx, acc, budget, fd, fs),
            Verdict::No => trap!(exit::CAST; pc, fp, mem, ctx, acc, budget, fd, fs),
        }
        acc = value;
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 2);
    }
}

handler! {
    /// The rest of `ref.cast` to a function type that is not the function's own.
    #[cold]
    #[inline(never)]
    fn ref_cast_func(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let value = *fp.add((*pc).slot as usize);
        if !cast::test_func(ctx, value, (*pc.add(1)).handler.addr() as u64) {
            trap!(exit::CAST; pc, fp, mem, ctx, acc, budget, fd, fs)
        }
        acc = value;
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 2);
    }
}
