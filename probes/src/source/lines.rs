//! Which code is of which line: one table for a module, whatever it was read from.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Neighbouring code of one line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
    /// Index of the file in the table.
    pub file: u32,
    /// From 1; 0 if it is of no line.
    pub line: u32,
    /// From 1; 0 if it is not said.
    pub column: u32,
}

/// Rows by offset in the module.
#[derive(Debug, Default)]
pub(super) struct LineTable {
    rows: Vec<Row>,
    files: Vec<Arc<str>>,
    file_of: HashMap<Arc<str>, u32>,
}

impl LineTable {
    /// The index of a file, by path.
    pub fn file(&mut self, path: String) -> u32 {
        if let Some(&index) = self.file_of.get(path.as_str()) {
            return index;
        }
        // As many as there are rows at most, and those are fewer than 2^32 bytes of code.
        let index = self.files.len() as u32;
        let path: Arc<str> = path.into();
        self.files.push(path.clone());
        self.file_of.insert(path, index);
        index
    }

    pub fn path(&self, file: u32) -> Option<&Arc<str>> {
        self.files.get(file as usize)
    }

    /// Adds a row; nothing if it is empty.
    pub fn push(&mut self, row: Row) {
        if row.start < row.end {
            self.rows.push(row);
        }
    }

    /// Makes what was added ready to be asked. Where rows overlap, the code is of the one that
    /// begins last.
    pub fn finish(mut self) -> LineTable {
        self.rows.sort_by_key(|row| row.start);
        for at in 1..self.rows.len() {
            let next = self.rows[at].start;
            let row = &mut self.rows[at - 1];
            row.end = row.end.min(next);
        }
        self.rows.retain(|row| row.start < row.end);
        self.rows.shrink_to_fit();
        self.file_of = HashMap::new();
        self
    }

    /// The row that holds an offset.
    pub fn at(&self, offset: u32) -> Option<&Row> {
        let behind = self.rows.partition_point(|row| row.start <= offset);
        let row = self.rows.get(behind.checked_sub(1)?)?;
        (offset < row.end).then_some(row)
    }

    /// The rows that hold any of a range, ascending.
    pub fn within(&self, range: Range<u32>) -> &[Row] {
        let first = self.rows.partition_point(|row| row.end <= range.start);
        let rest = &self.rows[first..];
        &rest[..rest.partition_point(|row| row.start < range.end)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_and_later_ones_win() {
        let mut table = LineTable::default();
        let file = table.file("a.c".to_owned());
        assert_eq!(table.file("a.c".to_owned()), file);
        for (start, end, line) in [
            (20, 30, 3),
            (10, 25, 2),
            (40, 40, 9),
            (50, 60, 4),
            (50, 55, 5),
        ] {
            table.push(Row {
                start,
                end,
                file,
                line,
                column: 0,
            });
        }
        let table = table.finish();
        let line = |offset| table.at(offset).map(|row| row.line);
        let lines = [9, 10, 19, 20, 29, 30, 40, 50, 54, 55].map(line);
        let expected = [
            None,
            Some(2),
            Some(2),
            Some(3),
            Some(3),
            None,
            None,
            Some(5),
            Some(5),
            None,
        ];
        assert_eq!(lines, expected);
        let within = |range| {
            table
                .within(range)
                .iter()
                .map(|row| row.line)
                .collect::<Vec<_>>()
        };
        assert_eq!(within(0..10), [0u32; 0]);
        assert_eq!(within(15..21), [2, 3]);
        assert_eq!(within(30..51), [5]);
        assert_eq!(table.path(file).map(|path| &**path), Some("a.c"));
    }
}
