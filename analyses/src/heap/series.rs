//! Live bytes over time, in a table of bounded length.

/// Rows; where there are more events, several neighbours are one row.
const ROWS_MAX: usize = 1024;

/// What is live after some event, and the most that was since the last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub time: u64,
    pub bytes: u64,
    pub blocks: u64,
    pub bytes_max: u64,
}

#[derive(Default)]
pub(super) struct Series {
    pub rows: Vec<Row>,
    /// Events in a row but the last, as a power of two.
    shift: u32,
    events: u64,
}

impl Series {
    /// Something was allocated or freed.
    pub fn push(&mut self, row: Row) {
        let is_new = self.events & ((1 << self.shift) - 1) == 0;
        self.events += 1;
        match self.rows.last_mut() {
            Some(last) if !is_new => *last = join(*last, row),
            _ => self.rows.push(row),
        }
        if self.rows.len() > ROWS_MAX {
            let pairs = self.rows.chunks(2);
            let pairs = pairs.map(|pair| pair.iter().copied().reduce(join));
            self.rows = pairs.flatten().collect();
            self.shift += 1;
        }
    }
}

fn join(first: Row, then: Row) -> Row {
    Row {
        bytes_max: first.bytes_max.max(then.bytes_max),
        ..then
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 5000 events with as many bytes: eight in a row, and the last is complete too.
    #[test]
    fn many_events_share_rows() {
        let mut series = Series::default();
        for time in 0..5000 {
            let bytes = if time == 1234 { 9999 } else { time };
            series.push(Row {
                time,
                bytes,
                blocks: 1,
                bytes_max: bytes,
            });
        }
        assert_eq!(series.rows.len(), 625);
        let row = |time, bytes_max| Row {
            time,
            bytes: time,
            blocks: 1,
            bytes_max,
        };
        assert_eq!(series.rows[0], row(7, 7));
        assert_eq!(series.rows[154], row(1239, 9999));
        assert_eq!(series.rows[624], row(4999, 4999));
    }
}
