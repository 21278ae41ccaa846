//! What Cranelift's source locations stand for: pcs, and numbers of polls and sites, whose
//! instructions have to be found again in the code that it makes.

use cranelift_codegen::ir::SourceLoc;

/// Set beside a number: pcs have fewer bits.
const NUMBERED: u32 = 1 << 31;

/// Set beside the number of a site; otherwise it is a poll's.
const SITE: u32 = 1 << 30;

/// The largest pc that is told from a number.
pub(super) const PC_MAX: u32 = NUMBERED - 1;

/// What an instruction was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Location {
    Pc(u32),
    /// The number of a poll in its function, whose test this is.
    Poll(usize),
    /// The number of a site in its function, whose call this is.
    Site(usize),
}

impl Location {
    /// `None` if the instruction was made for nothing in particular.
    pub(super) fn of(location: SourceLoc) -> Option<Location> {
        let bits = location.bits();
        let number = (bits & !(NUMBERED | SITE)) as usize;
        match (location.is_default(), bits & NUMBERED, bits & SITE) {
            (true, ..) => None,
            (_, 0, _) => Some(Location::Pc(bits)),
            (.., 0) => Some(Location::Poll(number)),
            _ => Some(Location::Site(number)),
        }
    }

    /// Numbers are smaller than a function's body has bytes, which validation limits to far fewer than
    /// there is room for.
    pub(super) fn source(self) -> SourceLoc {
        SourceLoc::new(match self {
            Location::Pc(pc) => pc,
            Location::Poll(number) => NUMBERED | number as u32,
            Location::Site(number) => NUMBERED | SITE | number as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_told_apart() {
        for number in [0, 1, 7_654_321] {
            for location in [
                Location::Pc(number),
                Location::Pc(PC_MAX - number),
                Location::Poll(number as usize),
                Location::Site(number as usize),
            ] {
                assert_eq!(Location::of(location.source()), Some(location));
            }
        }
        assert_eq!(Location::of(SourceLoc::default()), None);
    }
}
