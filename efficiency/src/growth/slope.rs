//! Local slopes in log-log scale, without start-up.
//!
//! The usual slope, ln(t2 / t1) / ln(n2 / n1) of costs t less the smallest input's, is p for t = n^p, but t is n^p - n0^p: near
//! the smallest size n0 it is too large. The slope here is the p that a power law through the smallest input's cost has,
//! (n2^p - n0^p) / (n1^p - n0^p) = t2 / t1, which is the usual one for n0 = 0. The left side grows with p, from ln(n2 / n0) /
//! ln(n1 / n0) at p = 0: a logarithm has a slope of 0.

/// The largest slope looked for; 2^n reaches it between sizes of some thousands.
const SLOPE_MAX: f64 = 4096.0;

/// Slope between two sizes and their costs less that of `smallest`. 0 for what grows no faster than a logarithm. `None` if one
/// of them is not above 0.
pub(super) fn slope(smallest: u64, (n1, t1): (u64, f64), (n2, t2): (u64, f64)) -> Option<f64> {
    if t1 <= 0.0 || t2 <= 0.0 {
        return None;
    }
    let ln_ratio = (t2 / t1).ln();
    let plain = ln_ratio / (n2 as f64 / n1 as f64).ln();
    if smallest == 0 || ln_ratio <= 0.0 {
        return Some(plain);
    }
    let x1 = (n1 as f64 / smallest as f64).ln();
    let x2 = (n2 as f64 / smallest as f64).ln();
    if ln_ratio <= (x2 / x1).ln() {
        return Some(0.0);
    }
    let at = |p: f64| ln_exp_m1(p * x2) - ln_exp_m1(p * x1);
    let (mut low, mut high) = (0.0, SLOPE_MAX);
    if at(high) < ln_ratio {
        return Some(plain);
    }
    while high - low > 1e-12 * high {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if at(middle) < ln_ratio {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(high)
}

/// ln(e^x - 1) for x > 0, of any size.
fn ln_exp_m1(x: f64) -> f64 {
    x + (-(-x).exp_m1()).ln()
}
