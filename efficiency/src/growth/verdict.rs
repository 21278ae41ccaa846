//! Which class it is, which others it may be, and what else is to be said.

use super::fit::{Fit, Gain, normalised};
use super::slope::slope;
use super::{Class, Growth, NEAR, Point, UNLIKE};

/// A class on the other side of the measured cost is named if it misses at most so many times as much as the best one.
const BESIDE: f64 = 2.0;

/// Of at least [`super::SIZES_MIN`] points of different, ascending sizes.
pub(super) fn of(column: &str, points: Vec<Point>) -> Growth {
    let smallest = points[0];
    let gains: Vec<Gain> = points[1..].iter().map(|p| gain(*p, smallest)).collect();
    let (held_out, fitted) = gains.split_last().expect("more than one");
    let fits: Vec<Fit> = Class::ALL
        .iter()
        .map(|class| Fit::new(*class, smallest.size as f64, fitted, *held_out))
        .collect();
    let steadiness = Steadiness::of(&points);
    let is_flat = gains.iter().all(|gain| gain.cost == 0.0);
    let (best, miss, alternatives) = if is_flat {
        (Class::Constant, 0.0, Vec::new())
    } else {
        choose(&fits, steadiness)
    };
    let largest = points[points.len() - 1];
    let mut growth = Growth {
        column: column.to_owned(),
        slopes: slopes(smallest, &points[1..]),
        startup: smallest.cost as f64 / largest.cost.max(1) as f64,
        points,
        fits,
        best,
        // Not infinite, which JSON has no number for.
        miss: miss.min(f64::MAX),
        alternatives,
        notes: Vec::new(),
    };
    growth.notes = notes(&growth, steadiness);
    growth
}

fn gain(point: Point, smallest: Point) -> Gain {
    Gain {
        size: point.size as f64,
        // Costs may be beyond what a float holds exactly, their difference need not.
        cost: (i128::from(point.cost) - i128::from(smallest.cost)) as f64,
    }
}

/// How well whole costs, start-up included, are all the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steadiness {
    pub rms: f64,
    pub prediction_error: Option<f64>,
}

impl Steadiness {
    pub fn of(points: &[Point]) -> Steadiness {
        let costs: Vec<f64> = points[1..].iter().map(|point| point.cost as f64).collect();
        let (held_out, fitted) = costs.split_last().expect("more than one");
        let mean = fitted.iter().sum::<f64>() / fitted.len() as f64;
        let error = if mean == *held_out {
            0.0
        } else {
            mean / held_out - 1.0
        };
        Steadiness {
            rms: normalised(fitted.iter().map(|c| c - mean), fitted.iter().copied()),
            prediction_error: error.is_finite().then_some(error),
        }
    }

    /// As [`Fit::miss`].
    fn miss(self) -> f64 {
        let error = self.prediction_error.map_or(f64::INFINITY, f64::abs);
        self.rms.max(error)
    }

    /// Of the two ways to fit 1 that which fits better.
    pub fn least(self, fit: &Fit) -> Steadiness {
        if self.miss() <= fit.miss() {
            return self;
        }
        Steadiness {
            rms: fit.rms,
            prediction_error: fit.prediction_error,
        }
    }
}

/// The best class, its miss, and what cannot be told from it.
fn choose(fits: &[Fit], steadiness: Steadiness) -> (Class, f64, Vec<Class>) {
    let (constant, growing) = fits.split_first().expect("classes");
    // Without a coefficient it says that cost is that of the smallest size, which 1 says better.
    let miss = |fit: &Fit| {
        if fit.grows() {
            fit.miss()
        } else {
            f64::INFINITY
        }
    };
    let best = growing
        .iter()
        .min_by(|a, b| miss(a).total_cmp(&miss(b)))
        .expect("classes");
    let least = miss(best);
    let beside = beside(fits, best, least);
    let mut alternatives: Vec<Class> = fits
        .iter()
        .filter(|fit| {
            let is_beside = least > NEAR && beside == Some(fit.class);
            let limit = if is_beside {
                BESIDE * least
            } else {
                least + NEAR
            };
            fit.class != best.class && miss(fit) <= limit
        })
        .map(|fit| fit.class)
        .collect();

    if constant.miss() <= least {
        let is_near = |fit: &&Fit| miss(fit) <= constant.miss() + NEAR;
        let near = growing.iter().filter(is_near).map(|fit| fit.class);
        return (Class::Constant, constant.miss(), near.collect());
    }
    let whole = steadiness.miss();
    if whole < least && least > whole + NEAR {
        // Start-up is so much that growth hardly shows, and no class is all of it.
        alternatives.retain(|class| *class != Class::Constant);
        alternatives.push(best.class);
        alternatives.sort_unstable();
        alternatives.retain(|_| least <= UNLIKE);
        return (Class::Constant, whole, alternatives);
    }
    if whole <= least + NEAR && !alternatives.contains(&Class::Constant) {
        alternatives.insert(0, Class::Constant);
    }
    (best.class, least, alternatives)
}

/// The nearest class on the other side of the measured cost: the next larger one that predicts too much if `best` predicts too
/// little, or the next smaller one that predicts too little.
fn beside(fits: &[Fit], best: &Fit, miss: f64) -> Option<Class> {
    // An error beyond all numbers is one of too much.
    let is_less = |fit: &Fit| fit.prediction_error.is_some_and(|error| error < 0.0);
    let (below, above) = fits.split_at(best.class as usize);
    let found = match miss > 0.0 {
        true if is_less(best) => above.iter().skip(1).find(|fit| !is_less(fit)),
        true => below.iter().rev().find(|fit| is_less(fit)),
        false => None,
    };
    found.map(|fit| fit.class)
}

/// Between neighbouring sizes beyond the smallest.
fn slopes(smallest: Point, points: &[Point]) -> Vec<f64> {
    let pairs = points.iter().zip(&points[1..]);
    pairs
        .map(|(a, b)| {
            let (t1, t2) = (gain(*a, smallest).cost, gain(*b, smallest).cost);
            slope(smallest.size, (a.size, t1), (b.size, t2)).unwrap_or_else(|| whole_slope(*a, *b))
        })
        .collect()
}

/// Of whole costs, where not both are above that of the smallest size.
fn whole_slope(a: Point, b: Point) -> f64 {
    let slope = (b.cost as f64 / a.cost as f64).ln() / (b.size as f64 / a.size as f64).ln();
    if slope.is_finite() { slope } else { 0.0 }
}

fn notes(growth: &Growth, steadiness: Steadiness) -> Vec<String> {
    let mut notes = Vec::new();
    let column = &growth.column;
    let fitted = growth.points.len() - 2;
    if fitted == 1 {
        notes.push(
            "one size is fitted, which every class can: only the prediction of the largest tells them apart"
                .to_owned(),
        );
    }
    let Point { size, cost } = growth.held_out();
    if cost < growth.smallest().cost {
        notes.push(format!(
            "{column} at n={size} is less than at n={}",
            growth.smallest().size
        ));
    }
    if growth.best != Class::Constant && steadiness.miss() <= NEAR {
        notes.push(format!(
            "{:.2}% of {column} at n={size} is that of n={}: take larger sizes to see more of its growth",
            100.0 * growth.startup,
            growth.smallest().size
        ));
    }
    if growth.miss > NEAR {
        notes.push(match growth.miss {
            miss if miss < 10.0 => format!(
                "no class fits within 1%: the best one is {:.1}% off",
                100.0 * miss
            ),
            _ => "no class fits".to_owned(),
        });
    }
    notes
}
