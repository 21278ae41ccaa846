//! Names as their source has them.

use std::fmt::{self, Write};

use cpp_demangle::{DemangleOptions, Symbol};

/// A mangled name is short and may stand for a very long one, by references into itself. More
/// bytes than this are no name that anyone reads.
const NAME_BYTES_MAX: usize = 16 << 10;

/// A Rust or C++ symbol as its source has it, Rust's without the hash; `None` if it is none.
///
/// ```
/// use probity_probes::demangle::demangle;
///
/// let name = "_ZN4core3fmt5Write9write_str17h0123456789abcdefE";
/// assert_eq!(demangle(name).as_deref(), Some("core::fmt::Write::write_str"));
/// assert_eq!(demangle("_ZN3app3runEi").as_deref(), Some("app::run(int)"));
/// assert_eq!(demangle("main"), None);
/// ```
pub fn demangle(name: &str) -> Option<String> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let mut text = Bounded(String::new());
    if let Ok(symbol) = rustc_demangle::try_demangle(name) {
        write!(text, "{symbol:#}").ok()?;
        return Some(text.0);
    }
    // Anything may begin with an underscore.
    if !name.starts_with("_Z") {
        return None;
    }
    // LLVM appends `.llvm.123` and the like to its copies.
    let symbol = name.split('.').next().unwrap_or_default();
    let symbol = Symbol::new(symbol).ok()?;
    let options = DemangleOptions::default();
    symbol.structured_demangle(&mut text, &options).ok()?;
    Some(text.0)
}

/// Text that refuses to become too long.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > NAME_BYTES_MAX {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages() {
        for (name, expected) in [
            (
                "_ZNSt6vectorIiSaIiEE9push_backEOi",
                Some("std::vector<int, std::allocator<int> >::push_back(int&&)"),
            ),
            ("_ZN3app3runEi.llvm.42", Some("app::run(int)")),
            ("_RNvCs1234_7mycrate3foo", Some("mycrate::foo")),
            ("_ZN3app3hot17h0123456789abcdefE", Some("app::hot")),
            ("_Zork", None),
            ("_ZN3app3runEi!", None),
            ("__main_void", None),
            ("", None),
        ] {
            assert_eq!(demangle(name).as_deref(), expected, "{name}");
        }
    }

    /// `f(A<B, B>, A<S, S>, ...)`: each parameter refers to the one before twice, so the
    /// name doubles with each.
    #[test]
    fn short_names_for_endless_ones() {
        let mut name = "_Z1f1AI1BS0_E".to_owned();
        for at in 1..60u32 {
            let seq = |n: u32| {
                char::from_digit(n % 36, 36)
                    .unwrap_or('0')
                    .to_ascii_uppercase()
            };
            let last = match at {
                1 => "S1_".to_owned(),
                at if at < 37 => format!("S{}_", seq(at)),
                at => format!("S{}{}_", seq(at / 36), seq(at)),
            };
            name += &format!("1AI{last}{last}E");
        }
        assert!(demangle(&name).is_none_or(|text| text.len() <= NAME_BYTES_MAX));
    }
}
