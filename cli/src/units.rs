//! Sizes and durations with units, as options take them.

use std::time::Duration;

/// Bytes from `64MiB`, `64M`, `65536`, `1GB`. `K M G T` and `KiB MiB GiB TiB`
/// are powers of 1024, `KB MB GB TB` powers of 1000; letter case does not
/// matter. Fractions are not taken.
pub fn size(text: &str) -> Result<u64, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '_')
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let number: u64 = integer(digits).map_err(|_| {
        format!("'{text}' is not a size; write a whole number with an optional unit, like 64MiB")
    })?;
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        other => {
            return Err(format!(
                "'{other}' is not a unit of size; known: B, K, M, G, T, KiB, MiB, GiB, TiB (powers of 1024), KB, MB, GB, TB (powers of 1000)"
            ));
        }
    };
    number
        .checked_mul(factor)
        .ok_or_else(|| format!("{text} is more than 64 bits of bytes"))
}

/// A duration such as `1s`, `250ms`, `2m 30s`; a number alone is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = integer(text) {
        return Ok(Duration::from_secs(seconds));
    }
    humantime::parse_duration(text).map_err(|e| format!("{e} (examples: 10s, 250ms, 2m)"))
}

/// A whole number, `_` allowed between digits.
pub fn integer(text: &str) -> Result<u64, String> {
    let well_formed = text.starts_with(|c: char| c.is_ascii_digit())
        && !text.ends_with('_')
        && text.chars().all(|c| c.is_ascii_digit() || c == '_');
    if !well_formed {
        return Err(format!("'{text}' is not a whole number"));
    }
    text.replace('_', "")
        .parse()
        .map_err(|_| format!("{text} is more than 64 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("65536", 65_536),
            ("64MiB", 64 << 20),
            ("64m", 64 << 20),
            ("1 GiB", 1 << 30),
            ("2k", 2048),
            ("3KB", 3000),
            ("1_000B", 1000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "1.5M", "-1", "12Q", "99999999999T", "_1", "1__"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("3"), Ok(Duration::from_secs(3)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        for text in ["", "s", "-1s", "1 parsec"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn whole_numbers() {
        assert_eq!(integer("1_000_000"), Ok(1_000_000));
        assert_eq!(integer("18446744073709551615"), Ok(u64::MAX));
        assert!(integer("18446744073709551616").is_err());
        assert!(integer("0x10").is_err());
    }
}
