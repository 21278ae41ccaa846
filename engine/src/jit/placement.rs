//! Where in a cache line and in a page code begins.
//!
//! Zen 4 guesses a jump by a table badly if control came to it in the cache line before, and if what it
//! leads to is in different pages: with the jump of an interpreter in a module that lies across a
//! boundary of lines, all took up to four times as long, and across one of pages twice. So a function
//! with such jumps begins where the most of them lie in one line with what leads to them, and is in one
//! page if it is short. It cannot begin just anywhere where constants in it are aligned.

use super::branches::Targets;
use crate::sys::code_memory::Placement;

/// Bytes of a cache line, at which code would begin otherwise.
const LINE: u32 = 64;

/// Where functions begin if nothing is against it.
const STEP: usize = 16;

/// Where a function should be, whose constants need it to be aligned to so many bytes, a power of two.
pub(super) fn of(targets: &Targets<'_>, align: u32) -> Placement {
    let mut dispatches = targets.dispatches().peekable();
    Placement {
        in_page: dispatches.peek().is_some(),
        lead: best(dispatches, align) as usize,
    }
}

/// How many bytes behind the beginning of a cache line, for ranges that should each lie in one.
fn best(ranges: impl Iterator<Item = (u32, u32)>, align: u32) -> u32 {
    let ranges: Vec<(u32, u32)> = ranges.collect();
    let split = |lead: u32| {
        let lines = |(start, end): &(u32, u32)| (start + lead) / LINE..(end - 1 + lead) / LINE;
        ranges
            .iter()
            .filter(|range| !lines(range).is_empty())
            .count()
    };
    let step = (align as usize).clamp(1, LINE as usize);
    let leads = (0..LINE).step_by(step.max(STEP));
    let leads = leads.chain((0..LINE).step_by(step));
    leads.min_by_key(|&lead| split(lead)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A range of 54 bytes fits if it begins in the first 10 of a line: 0xF4 + 16 is 0x104. Three that lie in one line
    /// each with 32 more, and two with 48; one that is longer than a line, which nothing helps.
    #[test]
    fn ranges_lie_in_one_line() {
        let cases: [(&[(u32, u32)], u32); 6] = [
            (&[], 0),
            (&[(0, 64)], 0),
            (&[(0xF4, 0x12A)], 16),
            (&[(60, 90), (124, 150), (33, 64)], 32),
            (&[(8, 200)], 0),
            (&[(40, 70), (20, 40)], 48),
        ];
        for (ranges, lead) in cases {
            assert_eq!(best(ranges.iter().copied(), 16), lead, "{ranges:?}");
        }
        // 63 bytes from 5: only with 59 or 60 more.
        let tight = [(5, 68)];
        let found = [1, 4, 16, 64].map(|align| best(tight.into_iter(), align));
        assert_eq!(found, [59, 60, 0, 0]);
    }
}
