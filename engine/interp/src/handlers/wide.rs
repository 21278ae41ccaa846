//! Wide arithmetic: two i64 results.

use crate::dispatch::{handler, skip};
use crate::eval::wide::Wide;

handler! {
    /// Operands and results in canonical slots; the upper half is on top.
    fn wide<X: Wide;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let at = fp.add((*pc).slot as usize);
        let (c, d) = if X::OPERANDS == 4 { (*at.add(2), *at.add(3)) } else { (0, 0) };
        let (low, high) = X::op(*at, *at.add(1), c, d);
        *at = low;
        *at.add(1) = high;
        acc = high;
        pc = skip(pc, 1);
    }
}
