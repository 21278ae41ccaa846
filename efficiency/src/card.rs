//! What one program costs, for people to read.

use std::fmt::{self, Write as _};

use crate::result::{Cost, SampleResult};

/// Entries of each list that are shown.
const SHOWN: usize = 8;

/// A result as a card of text. Lines that nothing was measured for are not there.
pub fn card(title: &str, result: &SampleResult) -> String {
    let mut card = Card(String::new());
    // Writing to a string does not fail.
    let _ = card.write(title, result);
    card.0
}

struct Card(String);

impl Card {
    fn write(&mut self, title: &str, result: &SampleResult) -> fmt::Result {
        let status = result.status;
        write!(self.0, "{title}: {status}")?;
        if let Some(message) = &result.message {
            write!(self.0, " ({message})")?;
        }
        self.0.push('\n');
        if !result.toolchain.is_empty() {
            writeln!(self.0, "  built by {}", result.toolchain)?;
        }
        if let Some(bytes) = result.wasm_bytes {
            writeln!(
                self.0,
                "  module   {} bytes, {}",
                thousands(bytes),
                short(&result.wasm_sha256)
            )?;
        }
        for test in &result.tests {
            if result.tests.len() > 1 {
                let size = test
                    .size
                    .map_or_else(String::new, |size| format!(", size {}", thousands(size)));
                writeln!(self.0, "test {}{size}:", test.id)?;
            }
            self.cost(&test.cost)?;
        }
        self.hot(result)?;
        if let Some(coverage) = &result.coverage {
            writeln!(
                self.0,
                "coverage: {:.1}% of lines, {:.1}% of branches",
                coverage.line, coverage.branch
            )?;
            if !coverage.uncovered.is_empty() {
                let shown: Vec<&str> = coverage
                    .uncovered
                    .iter()
                    .take(SHOWN)
                    .map(String::as_str)
                    .collect();
                let more = coverage.uncovered.len() - shown.len();
                let more = if more > 0 {
                    format!(" and {more} more")
                } else {
                    String::new()
                };
                writeln!(self.0, "  not executed: {}{more}", shown.join(", "))?;
            }
        }
        if !result.flags.is_empty() {
            writeln!(self.0, "flags: {}", result.flags.join(", "))?;
        }
        Ok(())
    }

    fn cost(&mut self, cost: &Cost) -> fmt::Result {
        type Row<'a> = (&'a str, &'a [(&'a str, Option<u64>)]);
        let rows: [Row<'_>; 6] = [
            (
                "counts",
                &[
                    ("instr", cost.instr),
                    ("fuel", cost.fuel),
                    ("vcycles", cost.vcycles),
                ],
            ),
            (
                "memory",
                &[
                    ("loads", cost.loads),
                    ("stores", cost.stores),
                    ("bytes", cost.bytes),
                    ("bulk bytes", cost.bulk_bytes),
                ],
            ),
            (
                "cache",
                &[
                    ("L1 misses", cost.l1_miss),
                    ("LL misses", cost.ll_miss),
                    ("branch misses", cost.branch_miss),
                ],
            ),
            (
                "heap",
                &[
                    ("allocations", cost.allocs),
                    ("bytes", cost.alloc_bytes),
                    ("peak bytes", cost.peak_heap),
                ],
            ),
            (
                "pages",
                &[
                    ("at the end", cost.memory_pages),
                    ("grown", cost.pages_grown),
                ],
            ),
            (
                "host",
                &[
                    ("calls", cost.host_calls),
                    ("bytes read", cost.bytes_read),
                    ("bytes written", cost.bytes_written),
                ],
            ),
        ];
        for (name, cells) in rows {
            let known: Vec<String> = cells
                .iter()
                .filter_map(|(name, value)| Some(format!("{name} {}", thousands((*value)?))))
                .collect();
            if !known.is_empty() {
                writeln!(self.0, "  {name:<8} {}", known.join(", "))?;
            }
        }
        if let Some(ns) = cost.wall_ns {
            writeln!(self.0, "  time     {:.3} ms", ns as f64 / 1e6)?;
        }
        let total: u64 = cost.classes.values().sum();
        let mut classes: Vec<(&String, &u64)> = cost.classes.iter().collect();
        classes.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        if total > 0 {
            let share = |(name, count): &(&String, &u64)| {
                format!("{name} {:.1}%", 100.0 * **count as f64 / total as f64)
            };
            let shown: Vec<String> = classes.iter().take(SHOWN).map(share).collect();
            writeln!(self.0, "  classes  {}", shown.join(", "))?;
        }
        Ok(())
    }

    fn hot(&mut self, result: &SampleResult) -> fmt::Result {
        let Some(hot) = &result.hot else {
            return Ok(());
        };
        writeln!(self.0, "hot functions:")?;
        for item in hot.functions.iter().take(SHOWN) {
            writeln!(
                self.0,
                "  {:5.1}%  {} ({} calls)",
                item.instr_percent,
                item.name,
                thousands(item.calls)
            )?;
        }
        if !hot.lines.is_empty() {
            writeln!(self.0, "hot lines:")?;
        }
        for item in hot.lines.iter().take(SHOWN) {
            let count = thousands(item.count);
            writeln!(
                self.0,
                "  {:5.1}%  {}:{} x {count}  {}",
                item.instr_percent, item.file, item.line, item.text
            )?;
        }
        if !hot.loops.is_empty() {
            writeln!(self.0, "hot loops:")?;
        }
        for item in hot.loops.iter().take(SHOWN) {
            let place = match item.line {
                0 => item.function.clone(),
                line => format!("{}:{line} in {}", item.file, item.function),
            };
            writeln!(
                self.0,
                "  {:5.1}%  {place}: {} rounds, {:.1} at a time",
                item.instr_percent,
                thousands(item.trips),
                item.average
            )?;
        }
        Ok(())
    }
}

/// The beginning of a hash, which tells modules apart for people.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// A number with commas.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let shown = [0, 12, 999, 1000, 123_456, 1_234_567].map(thousands);
        assert_eq!(shown, ["0", "12", "999", "1,000", "123,456", "1,234,567"]);
    }
}
