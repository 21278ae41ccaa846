//! The location table of a code object (PEP 626, PEP 657): from instructions to lines.
//!
//! Each entry is a byte with its uppermost bit set, four bits that say what its form is, and three for the number of code
//! units that it is about, less one. How the line differs from that of the entry before is in the form, or in a number of six
//! bits a byte behind it. Columns are skipped.

use crate::guest::GuestError;

/// Tables and code are shorter than this.
pub(super) const BYTES_MAX: u64 = 1 << 24;

const WHAT: &str = "a location table";

/// Instructions of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRange {
    /// Code units before the first; one has two bytes.
    pub start: u32,
    /// Code units before the one behind the last.
    pub end: u32,
    /// Of which line; `None` for what the compiler made by itself.
    pub line: Option<u32>,
}

/// The ranges of a table, ascending and without gaps; neighbours of one line are joined.
///
/// # Errors
/// The table ends within an entry, or something is no entry.
pub fn decode(table: &[u8], first_line: u32) -> Result<Vec<LineRange>, GuestError> {
    let mut rest = table.iter().copied();
    let mut ranges: Vec<LineRange> = Vec::new();
    let (mut line, mut unit) = (i64::from(first_line), 0u32);
    while let Some(head) = rest.next() {
        if head & 0x80 == 0 {
            return Err(GuestError::Malformed(WHAT));
        }
        let units = u32::from(head & 7) + 1;
        let mut skip = |n: usize| match n == 0 || rest.nth(n - 1).is_some() {
            true => Ok(()),
            false => Err(GuestError::Malformed(WHAT)),
        };
        let mut has_line = true;
        match head >> 3 & 15 {
            // The line is the same, columns are near.
            0..=9 => skip(1)?,
            form @ 10..=12 => {
                line += i64::from(form - 10);
                skip(2)?;
            }
            13 => line += signed(number(&mut rest)?),
            14 => {
                line += signed(number(&mut rest)?);
                for _ in 0..3 {
                    number(&mut rest)?;
                }
            }
            _ => has_line = false,
        }
        let found = match has_line {
            true => Some(u32::try_from(line).map_err(|_| GuestError::Malformed(WHAT))?),
            false => None,
        };
        let end = unit + units;
        match ranges.last_mut() {
            Some(last) if last.line == found => last.end = end,
            _ => ranges.push(LineRange {
                start: unit,
                end,
                line: found,
            }),
        }
        unit = end;
    }
    Ok(ranges)
}

/// A number of six bits a byte, the lowest first; bit 6 says that there are more.
fn number(bytes: &mut impl Iterator<Item = u8>) -> Result<u32, GuestError> {
    let mut value = 0;
    for shift in (0..32).step_by(6) {
        let byte = bytes.next().filter(|byte| byte & 0x80 == 0);
        let byte = byte.ok_or(GuestError::Malformed(WHAT))?;
        value |= u32::from(byte & 63) << shift;
        if byte & 64 == 0 {
            return Ok(value);
        }
    }
    Err(GuestError::Malformed(WHAT))
}

/// The lowest bit is the sign.
fn signed(n: u32) -> i64 {
    let magnitude = i64::from(n >> 1);
    if n & 1 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u32, end: u32, line: impl Into<Option<u32>>) -> LineRange {
        let line = line.into();
        LineRange { start, end, line }
    }

    fn head(form: u8, units: u8) -> u8 {
        0x80 | form << 3 | (units - 1)
    }

    #[test]
    fn every_form_is_read() {
        let table = [
            // One unit of line 5; the next line; two more; its columns only.
            &[head(10, 1), 0, 0][..],
            &[head(11, 2), 0, 0],
            &[head(12, 1), 0, 0],
            &[head(0, 8), 7],
            // Two lines back, without columns; no line; 40 lines on, with all numbers.
            &[head(13, 1), 2 << 1 | 1],
            &[head(15, 3)],
            &[head(14, 1), 64 | (80 & 63), 80 >> 6, 0, 64 | 1, 1, 3],
        ];
        assert_eq!(
            decode(&table.concat(), 5),
            Ok(vec![
                range(0, 1, 5),
                range(1, 3, 6),
                range(3, 12, 8),
                range(12, 13, 6),
                range(13, 16, None),
                range(16, 17, 46),
            ])
        );
        assert_eq!(decode(&[], 1), Ok(vec![]));
    }

    #[test]
    fn what_is_cut_off_or_wrong_is_an_error() {
        let bad = Err(GuestError::Malformed(WHAT));
        let whole = [head(11, 2), 1, 2, head(14, 1), 2, 0, 3, 4, head(13, 1), 0];
        assert!(decode(&whole, 1).is_ok());
        for len in 0..whole.len() {
            let cut = decode(&whole[..len], 1);
            assert_eq!(cut.is_ok(), [0, 3, 8].contains(&len), "{len}");
        }
        // No entry; a number without an end; a number with an entry inside; a line below 0.
        assert_eq!(decode(&[0x7f], 1), bad);
        assert_eq!(decode(&[head(13, 1), 64, 64, 64, 64, 64, 64, 64], 1), bad);
        assert_eq!(decode(&[head(13, 1), 64, head(15, 1)], 1), bad);
        assert_eq!(decode(&[head(13, 1), 5 << 1 | 1], 1), bad);
    }
}
