//! The working set over time: how many different lines each window of accesses touches.

/// Rows of the series; where there are more windows, several neighbours are one row.
const ROWS_MAX: usize = 1024;

/// The windows so far.
pub(super) struct Windows {
    /// Accesses in each.
    size: u64,
    /// Number of the current one in stamps; never 0.
    number: u32,
    accesses: u64,
    lines: u64,
    /// Windows in a full row.
    per_row: u64,
    pub rows: Vec<Row>,
    /// Of whole windows.
    pub count: u64,
    sum: u64,
    pub max: u64,
}

/// Neighbouring windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// Accesses before them.
    pub first: u64,
    pub windows: u64,
    /// Lines, of all of them.
    pub sum: u64,
    pub max: u64,
}

impl Windows {
    /// Of so many accesses.
    pub fn new(size: u64) -> Windows {
        Windows {
            size: size.max(1),
            number: 1,
            accesses: 0,
            lines: 0,
            per_row: 1,
            rows: Vec::new(),
            count: 0,
            sum: 0,
            max: 0,
        }
    }

    /// Stamp of the current one.
    #[inline]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The current access touches lines that the window had not touched.
    #[inline]
    pub fn touched(&mut self, new: u64) {
        self.lines += new;
    }

    /// An access is over. Whether the numbers begin anew: then all stamps have to become 1.
    #[inline]
    pub fn access(&mut self) -> bool {
        self.accesses += 1;
        self.accesses == self.size && self.next()
    }

    fn next(&mut self) -> bool {
        self.put_row();
        self.count += 1;
        self.sum += self.lines;
        (self.accesses, self.lines) = (0, 0);
        match self.number.checked_add(1) {
            Some(number) => {
                self.number = number;
                false
            }
            None => {
                self.number = 2;
                true
            }
        }
    }

    fn put_row(&mut self) {
        self.max = self.max.max(self.lines);
        if let Some(row) = self.rows.last_mut()
            && row.windows < self.per_row
        {
            row.windows += 1;
            row.sum += self.lines;
            row.max = row.max.max(self.lines);
            return;
        }
        if self.rows.len() == ROWS_MAX {
            let pairs = self.rows.chunks(2).map(|pair| Row {
                first: pair[0].first,
                windows: pair.iter().map(|row| row.windows).sum(),
                sum: pair.iter().map(|row| row.sum).sum(),
                max: pair.iter().map(|row| row.max).max().unwrap_or(0),
            });
            self.rows = pairs.collect();
            self.per_row *= 2;
        }
        self.rows.push(Row {
            first: self.count * self.size,
            windows: 1,
            sum: self.lines,
            max: self.lines,
        });
    }

    /// The last window may be shorter: it is in the series and in the maximum, and in the mean if there is no other.
    pub fn finish(&mut self) {
        if self.accesses > 0 {
            self.put_row();
            if self.count == 0 {
                self.sum = self.lines;
            }
            (self.accesses, self.lines) = (0, 0);
        }
    }

    /// The mean of whole windows; of the only one, if none is whole.
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3000 windows of 2 accesses, the `n`-th with `n` new lines, and half a window: rows of four windows each.
    #[test]
    fn many_windows_share_rows() {
        let mut windows = Windows::new(2);
        for lines in 0..3000 {
            windows.touched(lines);
            assert!(!windows.access() && !windows.access());
        }
        windows.touched(7);
        windows.access();
        windows.finish();
        assert_eq!((windows.count, windows.max), (3000, 2999));
        assert_eq!(windows.mean(), 1499.5);
        assert_eq!(windows.rows.len(), 751);
        let row = |first, windows, sum, max| Row {
            first,
            windows,
            sum,
            max,
        };
        assert_eq!(windows.rows[1], row(8, 4, 4 + 5 + 6 + 7, 7));
        assert_eq!(windows.rows[750], row(6000, 1, 7, 7));
    }

    #[test]
    fn stamps_begin_anew() {
        let mut windows = Windows::new(1);
        windows.number = u32::MAX;
        assert!(windows.access());
        assert_eq!(windows.number(), 2);
    }
}
