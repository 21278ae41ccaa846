//! Source maps ([ECMA-426](https://tc39.es/ecma426/)): a module is one line of which the columns
//! are byte offsets, and each mapping holds up to the next.

use serde_json::Value;

use super::lines::{LineTable, Row};
use super::paths::{join, tidy};

/// Reads a source map for a module of `size` bytes.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(text: &[u8], size: u32) -> Result<LineTable, String> {
    // Against scripts that include it, a map may begin with a line of garbage.
    let text = match text.strip_prefix(b")]}'") {
        Some(rest) => rest
            .splitn(2, |&byte| byte == b'\n')
            .nth(1)
            .unwrap_or_default(),
        None => text,
    };
    let map: Value = serde_json::from_slice(text).map_err(|e| format!("no JSON: {e}"))?;
    if map["version"] != 3 {
        return Err(format!("version {} instead of 3", map["version"]));
    }
    if map["sections"].is_array() {
        return Err("a map of sections, which no module is made of".to_owned());
    }
    let mut table = LineTable::default();
    let root = map["sourceRoot"].as_str().unwrap_or_default();
    let sources = map["sources"].as_array().ok_or("no sources")?;
    let sources: Vec<u32> = sources
        .iter()
        .map(|source| table.file(tidy(&join(root, source.as_str().unwrap_or("?")))))
        .collect();
    let mappings = map["mappings"].as_str().ok_or("no mappings")?;
    read_mappings(mappings, &sources, size, &mut table)?;
    Ok(table.finish())
}

fn read_mappings(
    mappings: &str,
    sources: &[u32],
    size: u32,
    table: &mut LineTable,
) -> Result<(), String> {
    // Offset; source, line and column from 0. All are differences to those before.
    let mut state = [0i64; 4];
    let mut open: Option<Row> = None;
    // A module is the first line.
    let line = mappings.split(';').next().unwrap_or_default();
    for (at, segment) in line.split(',').enumerate().filter(|(_, s)| !s.is_empty()) {
        let wrong = |what| format!("segment {at} `{segment}` {what}");
        let fields = numbers(segment).ok_or_else(|| wrong("is no list of numbers"))?;
        let [_, ..] = fields[..] else {
            return Err(wrong("has no offset"));
        };
        for (sum, field) in state.iter_mut().zip(&fields) {
            *sum = sum.saturating_add(*field);
        }
        let start = u32::try_from(state[0]).map_err(|_| wrong("is at no offset"))?;
        if let Some(mut row) = open.take() {
            row.end = start;
            table.push(row);
        }
        // One field alone: of no source.
        if fields.len() < 4 {
            continue;
        }
        let source = usize::try_from(state[1])
            .ok()
            .and_then(|at| sources.get(at));
        let number = |from_zero: i64| u32::try_from(from_zero.saturating_add(1)).unwrap_or(0);
        open = Some(Row {
            start,
            end: start,
            file: *source.ok_or_else(|| wrong("is of no source"))?,
            line: number(state[2]),
            column: number(state[3]),
        });
    }
    if let Some(mut row) = open {
        row.end = size;
        table.push(row);
    }
    Ok(())
}

/// Base 64 VLQ: digits of 5 bits, the lowest first, of which bit 5 says whether more follow; the
/// lowest bit of the number is its sign.
fn numbers(segment: &str) -> Option<Vec<i64>> {
    let mut numbers = Vec::new();
    let (mut value, mut shift) = (0i64, 0u32);
    for byte in segment.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        // Numbers have 32 bits.
        if shift > 30 {
            return None;
        }
        value |= i64::from(digit & 31) << shift;
        shift += 5;
        if digit & 32 == 0 {
            let sign = if value & 1 == 1 { -1 } else { 1 };
            numbers.push(sign * (value >> 1));
            (value, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_vlq() {
        // 16 is 32 with its sign: 0 and a 1 behind it. -1 is 3. 1000 is 2000 = 62 * 32 + 16.
        assert_eq!(numbers("AACA"), Some(vec![0, 0, 1, 0]));
        assert_eq!(numbers("gBDw+B"), Some(vec![16, -1, 1000]));
        for bad in ["g", "A!", "ggggggggA"] {
            assert_eq!(numbers(bad), None, "{bad}");
        }
    }

    /// `UACA`: offset 10, source 0, line 2, column 1. `EACC`: 2 bytes on, a line on, a column on.
    /// `C`: a byte on, of no source. `CCAA`: a byte on, source 1.
    #[test]
    fn mappings_hold_up_to_the_next() {
        let map = r#"{"version":3,"sourceRoot":"src","sources":["./a.ts","/b.ts"],"names":[],
            "mappings":"UACA,EACC,C,CCAA;AAAA"}"#;
        let table = read(map.as_bytes(), 20).expect("a map");
        let at = |offset| {
            let row = table.at(offset)?;
            let path = table.path(row.file)?;
            Some((path.to_string(), row.line, row.column))
        };
        let a = |line, column| Some(("src/a.ts".to_owned(), line, column));
        let b = Some(("/b.ts".to_owned(), 3, 2));
        assert_eq!(
            [9, 10, 11, 12, 13].map(at),
            [None, a(2, 1), a(2, 1), a(3, 2), None]
        );
        assert_eq!([14, 19, 20].map(at), [b.clone(), b, None]);
    }

    #[test]
    fn maps_that_end_early_or_are_changed() {
        let map =
            r#"{"version":3,"sources":["a.ts"],"names":[],"mappings":"UACA,EACC,C,CDAA;AAAA"}"#;
        for end in 0..map.len() {
            let _ = read(&map.as_bytes()[..end], 20);
            for wrong in [b'"', b'/', b'9', b',', 0xff] {
                let mut bytes = map.as_bytes().to_vec();
                bytes[end] = wrong;
                let _ = read(&bytes, 20);
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (map, expected) in [
            ("{", "no JSON"),
            ("{}", "version null"),
            (r#"{"version":3,"mappings":""}"#, "no sources"),
            (r#"{"version":3,"sources":[]}"#, "no mappings"),
            (
                r#"{"version":3,"sources":[],"mappings":"AAAA"}"#,
                "segment 0 `AAAA` is of no source",
            ),
            (
                r#"{"version":3,"sources":["a"],"mappings":"AAAA,D"}"#,
                "segment 1 `D` is at no offset",
            ),
            (
                r#"{"version":3,"sources":["a"],"mappings":"A?"}"#,
                "is no list of numbers",
            ),
        ] {
            let error = read(map.as_bytes(), 10).expect_err(map);
            assert!(error.contains(expected), "{error}");
        }
    }
}
