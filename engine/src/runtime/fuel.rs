//! Fuel: units handed to running code, and what is left of them.
//!
//! Code carries its budget as an address: `pc + 16 * left`, so that advancing
//! pays. It gets small slices, which makes each end of a slice a poll. With a
//! limit, the last line before it is not left to the budget, which is only
//! looked at when control transfers: see `call::poll`. Ticks lie ahead like limits, over and over.

use super::core::Owned;
use crate::code::lower::LINE_MAX;
use crate::hook::ProbeId;

/// Units of a slice: polls are about 0.1 ms apart.
const SLICE: i64 = 1 << 16;

/// Slices are up to 2^(32 - this) units shorter.
const DITHER: u32 = 32 - 10;

/// Units that stand for no limit: budgets of so many are no overflow.
#[cfg(jit)]
const UNLIMITED: i64 = 1 << 56;

/// The account of a store.
pub(crate) struct Fuel {
    /// Units given to running code so far.
    given: i64,
    /// Units of them not consumed; below zero while a straight line overshoots.
    /// Counted compiled code takes them from there.
    left: Owned<i64>,
    /// `consumed` at which the guest ends.
    limit: Option<i64>,
    /// Charged against the limit but no fuel: the size of bulk operations.
    bulk: i64,
    /// Units of a slice.
    slice: i64,
    /// Makes slices unequal: in a loop that pays the same in each round, equal ones would all end at the same place in it,
    /// and it would never be seen at its header.
    dither: u32,
    /// So many slices are as short as can be.
    short_slices: u32,
    /// Who is told of what is consumed, in order of insertion.
    ticks: Vec<Tick>,
}

/// Whoever is told each time that so much has been consumed.
struct Tick {
    id: ProbeId,
    every: i64,
    /// `consumed` at which it is told next, before anything more is.
    next: i64,
}

/// What the account allows at a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Allowance {
    /// Go on; the slice is renewed.
    Slice,
    /// This many units until the limit, fewer than a line may cost.
    Last(i64),
}

impl Fuel {
    /// `shortest`: code polls whenever it can.
    pub(crate) fn new(shortest: bool) -> Fuel {
        Fuel {
            slice: if shortest { 1 } else { SLICE },
            dither: 0,
            short_slices: 0,
            given: 0,
            left: Owned::new(0),
            limit: None,
            bulk: 0,
            ticks: Vec::new(),
        }
    }

    pub(crate) fn consumed(&self) -> u64 {
        (self.given - *self.left).max(0) as u64
    }

    pub(crate) fn set_limit(&mut self, fuel: Option<u64>) {
        self.bulk = 0;
        let consumed = self.consumed() as i64;
        self.limit = fuel.map(|f| consumed.saturating_add(i64::try_from(f).unwrap_or(i64::MAX)));
        // Below zero: code that runs already polls at its next transfer, even if that costs nothing.
        self.settle(-1);
    }

    /// Units that may still be consumed, if there is a limit.
    pub(crate) fn to_limit(&self) -> Option<i64> {
        self.limit.map(|limit| {
            limit
                .saturating_sub(self.consumed() as i64)
                .saturating_sub(self.bulk)
        })
    }

    /// Units that may be consumed before somebody is to be told, if anybody is.
    pub(crate) fn to_tick(&self) -> Option<i64> {
        let next = self.ticks.iter().map(|tick| tick.next).min()?;
        Some(next - self.consumed() as i64)
    }

    /// Units that may be consumed before anything happens, if anything does.
    pub(crate) fn remaining(&self) -> Option<i64> {
        let (limit, tick) = (self.to_limit(), self.to_tick());
        limit.into_iter().chain(tick).min()
    }

    /// Where the account stands, if anything is to happen: what changes it makes stops that were planted untrue.
    pub(crate) fn standing(&self) -> Option<(i64, u64)> {
        Some((self.remaining()?, self.consumed()))
    }

    /// Somebody is to be told each time that so much more is consumed.
    pub(crate) fn add_tick(&mut self, id: ProbeId, every: u64) {
        let every = i64::try_from(every).unwrap_or(i64::MAX).max(1);
        let next = (self.consumed() as i64).saturating_add(every);
        self.ticks.push(Tick { id, every, next });
        self.settle(-1);
    }

    /// Those that are younger than `last` were inserted in the middle of an operator, by another thread: they do not come
    /// before control transfers.
    pub(crate) fn put_off(&mut self, last: ProbeId) {
        let soonest = self.consumed() as i64 + LINE_MAX as i64;
        for tick in self.ticks.iter_mut().filter(|tick| tick.id.0 > last.0) {
            tick.next = tick.next.max(soonest);
        }
    }

    /// No more of that; false if there was no such tick.
    pub(crate) fn remove_tick(&mut self, id: ProbeId) -> bool {
        let before = self.ticks.len();
        self.ticks.retain(|tick| tick.id != id);
        let removed = self.ticks.len() != before;
        if removed {
            self.settle(-1);
        }
        removed
    }

    /// Whether compiled code has to count.
    pub(crate) fn is_awaited(&self) -> bool {
        self.limit.is_some() || !self.ticks.is_empty()
    }

    /// Who is to be told now, before the next unit; their next ticks lie ahead of what is consumed.
    pub(crate) fn take_due(&mut self) -> Vec<ProbeId> {
        let consumed = self.consumed() as i64;
        let due = self.ticks.iter_mut().filter(|tick| tick.next <= consumed);
        let due = due.map(|tick| {
            let late = (consumed - tick.next) / tick.every;
            tick.next = tick
                .next
                .saturating_add(tick.every.saturating_mul(late + 1));
            tick.id
        });
        due.collect()
    }

    /// Takes note of what running code has left.
    pub(crate) fn set_left(&mut self, left: i64) {
        *self.left = left;
    }

    pub(crate) fn left(&self) -> i64 {
        *self.left
    }

    /// Where counted compiled code finds what is left.
    pub(crate) fn address(&self) -> *mut i64 {
        self.left.as_ptr()
    }

    /// Hands all that the limit allows to compiled code.
    #[cfg(jit)]
    pub(crate) fn settle_all(&mut self) {
        self.settle(self.remaining().unwrap_or(UNLIMITED).min(UNLIMITED));
    }

    /// Consumes units outside running code.
    pub(crate) fn consume(&mut self, units: i64) {
        *self.left -= units;
    }

    /// Leaves running code `left` units, whatever it had.
    pub(crate) fn settle(&mut self, left: i64) {
        self.given += left - *self.left;
        *self.left = left;
    }

    /// Charges the size of a bulk operation; false if the limit does not allow it.
    pub(crate) fn charge_bulk(&mut self, units: u64) -> bool {
        let units = i64::try_from(units).unwrap_or(i64::MAX);
        match self.to_limit() {
            None => true,
            // The operator's own unit comes on top.
            Some(remaining) if units < remaining => {
                self.bulk += units;
                // The slice was handed out before; take it back, so that a poll follows.
                self.settle(0);
                true
            }
            Some(_) => false,
        }
    }

    /// Code polls whenever it can until it has done so `polls` times.
    pub(crate) fn poll_often(&mut self, polls: u32) {
        self.short_slices = polls;
        // What has less polls anyway, and may be at a limit.
        if *self.left > 1 {
            self.settle(1);
        }
    }

    /// No more of that.
    pub(crate) fn poll_as_ever(&mut self) {
        self.short_slices = 0;
    }

    /// Whether code polls that often for that reason alone.
    pub(crate) fn polls_often(&self) -> bool {
        self.short_slices > 0
    }

    /// Renews the slice, if the limit is far enough away.
    pub(crate) fn renew(&mut self) -> Allowance {
        let slice = match self.short_slices.checked_sub(1) {
            None => {
                self.dither = self
                    .dither
                    .wrapping_mul(747_796_405)
                    .wrapping_add(2_891_336_453);
                (self.slice - i64::from(self.dither >> DITHER)).max(1)
            }
            Some(left) => {
                self.short_slices = left;
                1
            }
        };
        match self.remaining() {
            None => self.settle(slice),
            Some(remaining) if remaining > 2 * LINE_MAX as i64 => {
                self.settle(slice.min(remaining - LINE_MAX as i64));
            }
            Some(remaining) => return Allowance::Last(remaining),
        }
        Allowance::Slice
    }
}

/// Units of fuel that an operator costs (rule `fuel.v1`).
pub(crate) fn op_fuel(op: &wasmparser::Operator<'_>) -> i64 {
    use wasmparser::Operator as O;
    match op {
        O::Nop
        | O::Drop
        | O::Block { .. }
        | O::Loop { .. }
        | O::Unreachable
        | O::Return
        | O::Else
        | O::End => 0,
        _ => 1,
    }
}
