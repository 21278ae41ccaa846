//! What a program costs: the column of a result that a metric is computed of.
//!
//! Origins count CPU instructions or seconds. Here the column is a parameter, so that the same metric can be had of exact
//! counts, of a model of the machine, of time and of memory.

use std::fmt;

use crate::result::Cost;

/// Bytes of a page of linear memory.
const PAGE_BYTES: f64 = 65536.0;

/// One column of costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Column {
    /// Operators executed.
    Instr,
    /// Fuel.
    Fuel,
    /// Modelled cycles.
    Vcycles,
    /// L1 hits + 5 LL hits + 35 RAM hits: the estimate of cycles that Gungraun (before, iai-callgrind) makes.
    Gungraun,
    /// Time, nanoseconds.
    WallNs,
    /// The most bytes allocated at once.
    PeakHeap,
    /// Pages of linear memory.
    MemoryPages,
}

impl Column {
    /// All of them, in the order of their index.
    pub const ALL: [Column; 7] = [
        Column::Instr,
        Column::Fuel,
        Column::Vcycles,
        Column::Gungraun,
        Column::WallNs,
        Column::PeakHeap,
        Column::MemoryPages,
    ];

    /// The name in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Column::Instr => "instr",
            Column::Fuel => "fuel",
            Column::Vcycles => "vcycles",
            Column::Gungraun => "gungraun",
            Column::WallNs => "wall_ns",
            Column::PeakHeap => "peak_heap",
            Column::MemoryPages => "memory_pages",
        }
    }

    /// The column of a name.
    pub fn of_name(name: &str) -> Option<Column> {
        Column::ALL.into_iter().find(|column| column.name() == name)
    }

    /// Whether a sample's value is the greatest of its tests, for memory is used again, and not their sum.
    pub fn is_peak(self) -> bool {
        matches!(self, Column::PeakHeap | Column::MemoryPages)
    }

    /// The value of one test; `None` if it was not measured.
    ///
    /// `gungraun` needs `instr`, `loads`, `stores` and both levels' misses. Reading an instruction counts as an L1 hit:
    /// the simulated caches are of data, for Wasm's code is not in its memory.
    pub fn of_test(self, cost: &Cost) -> Option<f64> {
        let value = match self {
            Column::Instr => cost.instr?,
            Column::Fuel => cost.fuel?,
            Column::Vcycles => cost.vcycles?,
            Column::WallNs => cost.wall_ns?,
            Column::PeakHeap => cost.peak_heap?,
            Column::MemoryPages => cost.memory_pages?,
            Column::Gungraun => {
                let (l1_miss, ram) = (cost.l1_miss?, cost.ll_miss?);
                let accesses = cost.instr? as f64 + cost.loads? as f64 + cost.stores? as f64;
                let l1 = (accesses - l1_miss as f64).max(0.0);
                let ll = l1_miss.saturating_sub(ram) as f64;
                return Some(l1 + 5.0 * ll + 35.0 * ram as f64);
            }
        };
        Some(value as f64)
    }

    /// The value of a sample: of the values of its tests, all of which are needed; `None` without tests.
    pub fn of_tests(self, tests: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
        let mut all = None;
        for value in tests {
            let value = value?;
            all = Some(match all {
                None => value,
                Some(all) if self.is_peak() => value.max(all),
                Some(all) => value + all,
            });
        }
        all
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Memory of a test by its heap and by its pages, bytes; what was not measured is `None`.
pub(super) fn memory_bytes(cost: &Cost) -> [Option<f64>; 2] {
    let pages = Column::MemoryPages.of_test(cost);
    [
        Column::PeakHeap.of_test(cost),
        pages.map(|pages| pages * PAGE_BYTES),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for column in Column::ALL {
            assert_eq!(Column::of_name(column.name()), Some(column));
        }
        assert_eq!(Column::of_name("seconds"), None);
    }

    #[test]
    fn gungraun_weighs_where_data_came_from() {
        // 100 instructions, 20 loads and 10 stores are 130 accesses. 8 missed L1, of which 3 missed the last level:
        // 122 L1 hits, 5 LL hits, 3 RAM hits: 122 + 25 + 105 = 252.
        let mut cost = Cost {
            instr: Some(100),
            loads: Some(20),
            stores: Some(10),
            l1_miss: Some(8),
            ll_miss: Some(3),
            ..Cost::default()
        };
        assert_eq!(Column::Gungraun.of_test(&cost), Some(252.0));
        cost.ll_miss = None;
        assert_eq!(Column::Gungraun.of_test(&cost), None);
    }

    #[test]
    fn times_add_up_and_memory_is_used_again() {
        let tests = [Some(3.0), Some(5.0)];
        assert_eq!(Column::Instr.of_tests(tests), Some(8.0));
        assert_eq!(Column::PeakHeap.of_tests(tests), Some(5.0));
        assert_eq!(Column::Instr.of_tests([Some(3.0), None]), None);
        assert_eq!(Column::Instr.of_tests([]), None);
    }
}
