//! The classes of growth, and what each says that cost does between two sizes.
//!
//! Values are kept as natural logarithms: 2^n of n = 100,000 is no number that a float holds, but its logarithm is, and fits
//! need nothing but ratios.

use std::fmt;

use serde::{Serialize, Serializer};

/// A class of growth, in ascending order. `log` is to the base of 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// 1
    Constant,
    /// log n
    Log,
    /// n
    Linear,
    /// n log n
    LinearLog,
    /// n^2
    Quadratic,
    /// n^2 log n
    QuadraticLog,
    /// n^3
    Cubic,
    /// 2^n
    Exponential,
}

impl Class {
    /// All of them, in ascending order.
    pub const ALL: [Class; 8] = [
        Class::Constant,
        Class::Log,
        Class::Linear,
        Class::LinearLog,
        Class::Quadratic,
        Class::QuadraticLog,
        Class::Cubic,
        Class::Exponential,
    ];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Class::Constant => "1",
            Class::Log => "log n",
            Class::Linear => "n",
            Class::LinearLog => "n log n",
            Class::Quadratic => "n^2",
            Class::QuadraticLog => "n^2 log n",
            Class::Cubic => "n^3",
            Class::Exponential => "2^n",
        }
    }

    /// The class of a name.
    pub fn of_name(name: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.name() == name)
    }

    /// ln g(n). Minus infinity where g is 0, which includes n = 0 but for 1 and 2^n: log 0 is taken for log 1.
    pub fn ln_value(self, n: f64) -> f64 {
        let ln = n.ln();
        let ln_log = n.max(1.0).log2().ln();
        match self {
            Class::Constant => 0.0,
            Class::Log => ln_log,
            Class::Linear => ln,
            Class::LinearLog => ln + ln_log,
            Class::Quadratic => 2.0 * ln,
            Class::QuadraticLog => 2.0 * ln + ln_log,
            Class::Cubic => 3.0 * ln,
            Class::Exponential => n * std::f64::consts::LN_2,
        }
    }

    /// ln(g(n) - g(smallest)): what the class says of cost beyond that of the smallest input. Of [`Class::Constant`], which
    /// would leave nothing, it is ln g(n). Minus infinity if there is no difference.
    pub fn ln_gain(self, n: f64, smallest: f64) -> f64 {
        let value = self.ln_value(n);
        if self == Class::Constant {
            return value;
        }
        let base = self.ln_value(smallest);
        if base == f64::NEG_INFINITY {
            value
        } else if value > base {
            value + (-(base - value).exp_m1()).ln()
        } else {
            f64::NEG_INFINITY
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
