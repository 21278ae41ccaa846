//! SIMD loads and stores of any memory; see [`super::memory_at`].

use crate::dispatch::{UNIT, handler, skip, trap};
use crate::eval::simd::V128;
use crate::exit;
use crate::handlers::memory_at::{self, address_at};
use crate::handlers::vector::{VLoad, VLoadLane, VStoreLane, read, write};

handler! {
    /// Load.
    fn v_load_at<X: VLoad;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        let at = address_at!(*fp.add(slot), pc.add(1), size_of::<X::M>(); pc, fp, mem, ctx, acc, budget, fd, fs);
        write(fp, slot, X::op(memory_at::read::<X::M>(at)));
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 2);
    }
}
handler! {
    /// `v128.store`
    fn v_store_at(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        let at = address_at!(*fp.add(slot), pc.add(1), 16; pc, fp, mem, ctx, acc, budget, fd, fs);
        memory_at::write::<V128>(at, read(fp, slot + 1));
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 2);
    }
}
handler! {
    /// Load of a lane; `extra` is the lane.
    fn v_load_lane_at<X: VLoadLane;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        let at = address_at!(*fp.add(slot), pc.add(1), size_of::<X::M>(); pc, fp, mem, ctx, acc, budget, fd, fs);
        let m = memory_at::read::<X::M>(at);
        write(fp, slot, X::op(read(fp, slot + 1), (*pc).extra as u8, m));
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 2);
    }
}
handler! {
    /// Store of a lane; `extra` is the lane.
    fn v_store_lane_at<X: VStoreLane;>(pc, fp, mem, ctx, acc, budget, fd, fs) {
        let slot = (*pc).slot as usize;
        let at = address_at!(*fp.add(slot), pc.add(1), size_of::<X::M>(); pc, fp, mem, ctx, acc, budget, fd, fs);
        memory_at::write::<X::M>(at, X::op(read(fp, slot + 1), (*pc).extra as u8));
        budget = budget.wrapping_add(UNIT);
        pc = skip(pc, 2);
    }
}
