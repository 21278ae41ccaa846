//! Which proposals a run's modules use.

use std::fmt;
use std::str::FromStr;

/// Names of the proposals that can be switched; everything of Wasm 2.0 is always on.
const NAMES: [&str; 10] = [
    "tail-calls",
    "extended-const",
    "multi-memory",
    "memory64",
    "relaxed-simd",
    "exceptions",
    "gc",
    "threads",
    "custom-page-sizes",
    "wide-arithmetic",
];

/// A set of proposals beyond Wasm 2.0. Function references come with `gc`, as in wasm-smith.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features(u16);

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $index:expr;)*) => {
        $( $(#[$doc])* pub const $name: Features = Features(1 << $index); )*
    };
}

impl Features {
    /// Wasm 2.0 alone.
    pub const NONE: Features = Features(0);
    /// All of them.
    pub const ALL: Features = Features((1 << NAMES.len()) - 1);
    features! {
        /// `return_call*`
        TAIL_CALLS = 0;
        /// Arithmetic in constant expressions.
        EXTENDED_CONST = 1;
        /// Several memories.
        MULTI_MEMORY = 2;
        /// 64-bit memories and tables.
        MEMORY64 = 3;
        /// Relaxed SIMD; its results are free within limits, so it is in no default.
        RELAXED_SIMD = 4;
        /// Exceptions with `try_table`.
        EXCEPTIONS = 5;
        /// Function references and garbage collection.
        GC = 6;
        /// Atomics and shared memories.
        THREADS = 7;
        /// Pages of one byte.
        CUSTOM_PAGE_SIZES = 8;
        /// Operators on 128-bit integers.
        WIDE_ARITHMETIC = 9;
    }

    /// Both sets together.
    pub const fn or(self, other: Features) -> Features {
        Features(self.0 | other.0)
    }

    /// What is in both sets.
    pub const fn and(self, other: Features) -> Features {
        Features(self.0 & other.0)
    }

    /// Are all of `other` in it?
    pub fn has(self, other: Features) -> bool {
        self.0 & other.0 == other.0
    }

    /// A random part of the set.
    pub fn some(self, random: u64) -> Features {
        Features(self.0 & random as u16)
    }
}

/// `wasm2`, or `wasm2+gc+threads`.
impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wasm2")?;
        for (i, name) in NAMES.iter().enumerate() {
            if self.0 >> i & 1 != 0 {
                write!(f, "+{name}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Features {
    type Err = String;

    fn from_str(text: &str) -> Result<Features, String> {
        let mut features = Features::NONE;
        for name in text.split(['+', ',']).filter(|&name| name != "wasm2") {
            let index = NAMES
                .iter()
                .position(|&n| n == name)
                .ok_or_else(|| format!("no proposal `{name}`; there are {}", NAMES.join(", ")))?;
            features.0 |= 1 << index;
        }
        Ok(features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_back() {
        for features in [
            Features::NONE,
            Features::GC.or(Features::THREADS),
            Features::WIDE_ARITHMETIC,
        ] {
            assert_eq!(features.to_string().parse(), Ok(features));
        }
        assert_eq!(
            "gc,memory64".parse(),
            Ok(Features::GC.or(Features::MEMORY64))
        );
        assert!("everything".parse::<Features>().is_err());
    }

    #[test]
    fn names_and_constants_agree() {
        assert_eq!(Features::TAIL_CALLS.to_string(), "wasm2+tail-calls");
        assert_eq!(Features::GC.to_string(), "wasm2+gc");
        assert_eq!(
            Features::WIDE_ARITHMETIC.to_string(),
            "wasm2+wide-arithmetic"
        );
    }
}
