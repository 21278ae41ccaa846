//! Growth of a program that is run at one size after the other.
//!
//! How it is run is the caller's: [`Run`] is given a size and gives a cost, or what went wrong. Sizes ascend, so that a limit
//! that is hit ends it: nothing larger would fit. [`Sizes::Doubled`] finds sizes that show growth for a program of which
//! nothing is known: it doubles until the next run would cost too much, which 2^n reaches after few sizes, and then fills in.

use std::fmt;

use serde::Serialize;

use super::{Growth, Point, TooFew};
use crate::Status;

/// Runs a program. A closure from a size to a cost is one.
pub trait Run {
    /// The cost of a run with an input of that size.
    ///
    /// # Errors
    /// What became of it, if it did not end well, or not with the right output.
    fn run(&mut self, size: u64) -> Result<u64, Failed>;
}

impl<F: FnMut(u64) -> Result<u64, Failed>> Run for F {
    fn run(&mut self, size: u64) -> Result<u64, Failed> {
        self(size)
    }
}

/// Why a run has no cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// How it ended.
    pub status: Status,
    /// What is to be said of that; may be empty.
    pub message: String,
}

/// Which sizes are measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sizes {
    /// These.
    Given(Vec<u64>),
    /// The smallest, then `first`, and doubled as long as it fits.
    Doubled {
        /// The smallest legal size, whose cost is subtracted.
        smallest: u64,
        /// The next one.
        first: u64,
        /// How many, the smallest included.
        sizes_max: usize,
        /// A run that is expected to cost more is not made.
        cost_max: u64,
    },
}

/// What is wrong with sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadSizes {
    /// There are too few different ones.
    TooFew(TooFew),
    /// `first` is not above `smallest`.
    Order {
        /// As given.
        smallest: u64,
        /// As given.
        first: u64,
    },
}

impl fmt::Display for BadSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadSizes::TooFew(TooFew { sizes }) => write!(
                f,
                "choose sizes: {sizes} different ones are given, growth needs at least {}",
                super::SIZES_MIN
            ),
            BadSizes::Order { smallest, first } => write!(
                f,
                "choose sizes: the first size {first} is not above the smallest, {smallest}"
            ),
        }
    }
}

impl std::error::Error for BadSizes {}

/// A size without a cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// The size.
    pub size: u64,
    /// How its run ended; `None` if there was none.
    pub status: Option<Status>,
    /// Why there is no cost.
    pub why: String,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) if self.why.is_empty() => {
                write!(f, "n={} left out: {status}", self.size)
            }
            Some(status) => write!(f, "n={} left out: {status}: {}", self.size, self.why),
            None => write!(f, "n={} not run: {}", self.size, self.why),
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scaling {
    /// Sizes with a cost, ascending.
    pub measured: Vec<Point>,
    /// Sizes without one, ascending.
    pub dropped: Vec<Dropped>,
    /// The answer; `None` if too few sizes have a cost.
    pub growth: Option<Growth>,
}

impl fmt::Display for Scaling {
    /// Growth as text, and the sizes that are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.growth {
            Some(growth) => growth.fmt(f)?,
            None => {
                for Point { size, cost } in &self.measured {
                    writeln!(f, "n={size}: {cost}")?;
                }
                let sizes = self.measured.len();
                writeln!(f, "growth: not known ({})", TooFew { sizes })?;
            }
        }
        for dropped in &self.dropped {
            writeln!(f, "note: {dropped}")?;
        }
        Ok(())
    }
}

impl Sizes {
    /// Those of a generator, and the smallest legal one if that is known.
    ///
    /// # Errors
    /// If they are too few.
    pub fn given(sizes: &[u64], smallest: Option<u64>) -> Result<Sizes, BadSizes> {
        let mut sizes: Vec<u64> = sizes.iter().copied().chain(smallest).collect();
        sizes.sort_unstable();
        sizes.dedup();
        match sizes.len() {
            enough if enough >= super::SIZES_MIN => Ok(Sizes::Given(sizes)),
            sizes => Err(BadSizes::TooFew(TooFew { sizes })),
        }
    }

    fn check(&self) -> Result<(), BadSizes> {
        match self {
            Sizes::Given(sizes) => Sizes::given(sizes, None).map(drop),
            Sizes::Doubled { sizes_max, .. } if *sizes_max < super::SIZES_MIN => {
                let sizes = *sizes_max;
                Err(BadSizes::TooFew(TooFew { sizes }))
            }
            Sizes::Doubled {
                smallest, first, ..
            } if first <= smallest => Err(BadSizes::Order {
                smallest: *smallest,
                first: *first,
            }),
            Sizes::Doubled { .. } => Ok(()),
        }
    }
}

/// Runs a program at sizes, and says how its cost grows. `column` names the cost.
///
/// # Errors
/// If the sizes are no sizes to find growth with. Runs that fail are none: their sizes are left out.
pub fn scale(column: &str, sizes: &Sizes, run: &mut dyn Run) -> Result<Scaling, BadSizes> {
    sizes.check()?;
    let mut runs = Runs {
        run,
        measured: Vec::new(),
        dropped: Vec::new(),
        is_over: None,
    };
    match sizes {
        Sizes::Given(sizes) => {
            let mut sizes = sizes.clone();
            sizes.sort_unstable();
            sizes.dedup();
            for size in sizes {
                runs.at(size);
            }
        }
        Sizes::Doubled {
            smallest,
            first,
            sizes_max,
            cost_max,
        } => {
            runs.at(*smallest);
            runs.doubled(*first, *sizes_max, *cost_max);
            // What grows fast has its sizes below the first one, too.
            let from = if runs.measured.len() < FEW {
                *smallest
            } else {
                *first
            };
            runs.fill(from, *sizes_max);
        }
    }
    let Runs {
        mut measured,
        mut dropped,
        ..
    } = runs;
    measured.sort_unstable();
    dropped.sort_by_key(|dropped| dropped.size);
    let growth = Growth::new(column, measured.iter().copied()).ok();
    Ok(Scaling {
        measured,
        dropped,
        growth,
    })
}

/// Doubling that ends with less sizes than these has begun too high.
const FEW: usize = 5;

/// Runs so far.
struct Runs<'a> {
    run: &'a mut dyn Run,
    measured: Vec<Point>,
    dropped: Vec<Dropped>,
    /// Why no larger size is run: the size that was too large.
    is_over: Option<(u64, String)>,
}

impl Runs<'_> {
    /// Whether it has a cost.
    fn at(&mut self, size: u64) -> bool {
        if let Some((limit, why)) = &self.is_over
            && size >= *limit
        {
            self.dropped.push(Dropped {
                size,
                status: None,
                why: format!("n={limit} is too large already ({why})"),
            });
            return false;
        }
        match self.run.run(size) {
            Ok(cost) => {
                self.measured.push(Point { size, cost });
                true
            }
            Err(Failed { status, message }) => {
                if is_limit(status) {
                    self.is_over = Some((size, status.to_string()));
                }
                self.dropped.push(Dropped {
                    size,
                    status: Some(status),
                    why: message,
                });
                false
            }
        }
    }

    /// From `size` on, until the next would cost too much, or cannot be run.
    fn doubled(&mut self, mut size: u64, sizes_max: usize, cost_max: u64) {
        while self.measured.len() < sizes_max && self.dropped.len() < sizes_max {
            if self.is_over.is_none() && self.expected() > cost_max as f64 {
                let why = format!("expected to cost more than {cost_max}");
                self.is_over = Some((size, why.clone()));
                self.dropped.push(Dropped {
                    size,
                    status: None,
                    why,
                });
            }
            if self.is_over.is_some() {
                return;
            }
            self.at(size);
            match size.checked_mul(2) {
                Some(twice) => size = twice,
                None => return,
            }
        }
    }

    /// Cost of twice the largest size, if cost grows as it did: by the ratio of the last two, squared where that itself was
    /// growing. Nothing is expected after less than three sizes.
    fn expected(&self) -> f64 {
        let [.., a, b, c] = self.measured.as_slice() else {
            return 0.0;
        };
        let (a, b, c) = (a.cost as f64, b.cost as f64, c.cost as f64);
        // Start-up is in all of them: differences grow as cost does without it.
        let (first, second) = (b - a, c - b);
        if first <= 0.0 || second <= 0.0 {
            return c;
        }
        let ratio = second / first;
        // 2^n: each doubling squares the ratio. Of powers the ratio stays, at most 8 for n^3.
        let next = if ratio > 16.0 { ratio * ratio } else { ratio };
        c + second * next
    }

    /// Sizes between those that fit, so that there are as many as wanted: the widest gaps first.
    fn fill(&mut self, first: u64, sizes_max: usize) {
        let mut tried = 0;
        while self.measured.len() < sizes_max && tried < sizes_max {
            let mut sizes: Vec<u64> = self.measured.iter().map(|point| point.size).collect();
            sizes.extend(self.dropped.iter().map(|dropped| dropped.size));
            sizes.sort_unstable();
            let largest = self.measured.iter().map(|point| point.size).max();
            let gaps = sizes.windows(2).filter(|pair| {
                pair[0] >= first && Some(pair[1]) <= largest && pair[1] - pair[0] > 1
            });
            // Of equally wide ones the larger: larger sizes tell more.
            let Some(gap) = gaps.max_by(|a, b| (a[1] - a[0]).cmp(&(b[1] - b[0]))) else {
                return;
            };
            let middle = u64::midpoint(gap[0], gap[1]);
            self.at(middle);
            tried += 1;
        }
    }
}

/// Whether a larger input will end in the same way.
fn is_limit(status: Status) -> bool {
    match status {
        Status::Fuel | Status::Memory | Status::Stack | Status::Wall | Status::Output => true,
        // Nothing that another size changes.
        Status::CompileError | Status::Unsupported | Status::Internal => true,
        Status::Ok | Status::Wrong | Status::Exit | Status::Trap => false,
    }
}
