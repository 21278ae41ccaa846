//! How values are shown: short, for each digit is a token, and never rounded to what they are not.

/// `5000`, `12.5k`, `638.0M`.
pub(super) fn count(value: u64) -> String {
    if value < 10_000 {
        return value.to_string();
    }
    scaled(value, &["k", "M", "G", "T", "P", "E"])
}

/// `900 B`, `3.4 MB`; powers of 1000.
pub(super) fn bytes(value: u64) -> String {
    if value < 1000 {
        return format!("{value} B");
    }
    scaled(value, &[" kB", " MB", " GB", " TB", " PB", " EB"])
}

fn scaled(value: u64, units: &[&str]) -> String {
    let mut number = value as f64;
    let mut unit = "";
    for next in units {
        // What is rounded up to 1000 is one of the next unit.
        if number < 999.95 {
            break;
        }
        number /= 1000.0;
        unit = next;
    }
    format!("{number:.1}{unit}")
}

/// A size of an input: `1k`, `1500`, `2M`.
pub(super) fn size(value: u64) -> String {
    match value {
        v if v >= 1_000_000 && v % 1_000_000 == 0 => format!("{}M", v / 1_000_000),
        v if v >= 1000 && v % 1000 == 0 => format!("{}k", v / 1000),
        v => v.to_string(),
    }
}

/// `182x`, `1.3x`, `0.91x`.
pub(super) fn ratio(value: f64) -> String {
    match value {
        v if v >= 9.95 => format!("{v:.0}x"),
        v if v >= 0.995 => format!("{v:.1}x"),
        v => format!("{v:.2}x"),
    }
}

/// `91%`, `0.1%`; what is not all of it is not 100%.
pub(super) fn percent(value: f64) -> String {
    match value {
        v if (99.95..100.0).contains(&v) => "99.9%".to_owned(),
        v if (9.95..99.0).contains(&v) => format!("{v:.0}%"),
        v => format!("{v:.1}%"),
    }
}

/// `-12%`, `+0.4%`.
pub(super) fn change(value: f64) -> String {
    if value.abs() >= 9.95 {
        format!("{value:+.0}%")
    } else {
        format!("{value:+.1}%")
    }
}

/// A mean of counts: `2500`, `2.5`.
pub(super) fn average(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 {
        count(value.round() as u64)
    } else {
        format!("{value:.1}")
    }
}

/// `2.00`; a slope that is nearly 0 has no sign.
pub(super) fn slope(value: f64) -> String {
    let text = format!("{value:.2}");
    if text == "-0.00" {
        "0.00".to_owned()
    } else {
        text
    }
}

/// Text that disturbs neither a terminal nor the form of feedback: control characters but line breaks are replaced.
pub(super) fn clean(text: &str) -> String {
    text.replace(
        |c: char| c.is_control() && c != '\n' && c != '\t',
        "\u{fffd}",
    )
}

/// The first characters of a line.
pub(super) fn clipped(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}...", &text[..at]),
    }
}
