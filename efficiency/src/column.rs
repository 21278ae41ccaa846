//! The columns of costs, by name: numbers of [`Cost`], and what follows from several of them.
//!
//! Origins of metrics count CPU instructions or seconds. Here the column is a parameter, so that the same metric, comparison or gate
//! can be had of exact counts, of a model of the machine, of time and of memory.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::result::Cost;

/// Has a column for each number of [`Cost`], under the field's name.
macro_rules! columns {
    ($($column:ident $field:ident $doc:literal)*) => {
        /// One column of costs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Column {
            $(#[doc = $doc] $column,)*
            /// L1 hits + 5 LL hits + 35 RAM hits: the estimate of cycles that Gungraun (before, iai-callgrind) makes.
            Gungraun,
        }

        impl Column {
            /// Those that are measured, in the order of [`Cost`].
            pub const MEASURED: &[Column] = &[$(Column::$column),*];
            /// All of them, in the order of their numbers.
            pub const ALL: &[Column] = &[$(Column::$column,)* Column::Gungraun];

            /// Its name in options, results and reports.
            pub fn name(self) -> &'static str {
                match self {
                    $(Column::$column => stringify!($field),)*
                    Column::Gungraun => "gungraun",
                }
            }

            /// The number of one run; `None` if it was not measured.
            pub fn of(self, cost: &Cost) -> Option<u64> {
                match self {
                    $(Column::$column => cost.$field,)*
                    Column::Gungraun => gungraun(cost),
                }
            }

            /// The fields of [`Cost`] that it is made of.
            pub fn fields(self) -> &'static [&'static str] {
                match self {
                    $(Column::$column => &[stringify!($field)],)*
                    Column::Gungraun => &["instr", "loads", "stores", "l1_miss", "ll_miss"],
                }
            }
        }
    };
}

columns! {
    Instr instr "Operators executed."
    Fuel fuel "Fuel."
    Vcycles vcycles "Modelled cycles."
    Loads loads "Loads executed."
    Stores stores "Stores executed."
    Bytes bytes "Bytes that loads and stores accessed."
    BulkBytes bulk_bytes "Bytes that bulk operations wrote."
    BulkElements bulk_elements "Table elements that bulk operations wrote."
    PagesGrown pages_grown "Pages that memories grew by."
    L1Miss l1_miss "Misses of the simulated first-level cache."
    LlMiss ll_miss "Misses of the simulated last-level cache."
    BranchMiss branch_miss "Mispredictions of the simulated branch predictor."
    Allocs allocs "Calls of functions that allocate."
    AllocBytes alloc_bytes "Bytes that they were asked for."
    PeakHeap peak_heap "The most bytes allocated at once."
    MemoryPages memory_pages "Pages of linear memory."
    HostCalls host_calls "Calls of host functions."
    BytesRead bytes_read "Bytes read from stdin."
    BytesWritten bytes_written "Bytes written to stdout and stderr."
    ClockReads clock_reads "Readings of the clock."
    RandomReads random_reads "Requests for random numbers."
    WallNs wall_ns "Time, nanoseconds."
}

impl Column {
    /// What programs are ordered and compared by where nobody says otherwise. Of the exact counts it orders pairs of programs most
    /// often as native time does: `probity calibrate`; efficiency/README.md has the figures.
    pub const DEFAULT: Column = Column::Fuel;

    /// Whether it is the same in every run.
    pub fn is_exact(self) -> bool {
        self != Column::WallNs
    }

    /// Whether the cost of several tests is the greatest of them, for memory is used again, and not their sum.
    pub fn is_peak(self) -> bool {
        matches!(self, Column::PeakHeap | Column::MemoryPages)
    }

    /// The cost of several tests, all of whose numbers are needed; `None` without tests.
    pub fn of_all<'c>(self, costs: impl IntoIterator<Item = &'c Cost>) -> Option<u64> {
        let mut all = None;
        for cost in costs {
            let cost = self.of(cost)?;
            all = Some(match all {
                None => cost,
                Some(all) if self.is_peak() => cost.max(all),
                Some(all) => cost.saturating_add(all),
            });
        }
        all
    }
}

/// Needs `instr`, `loads`, `stores` and both levels' misses. Reading an instruction counts as an L1 hit: the simulated caches are
/// of data, for Wasm's code is not in its memory.
fn gungraun(cost: &Cost) -> Option<u64> {
    let (l1_miss, ram) = (cost.l1_miss?, cost.ll_miss?);
    let data = cost.loads?.saturating_add(cost.stores?);
    let l1 = cost.instr?.saturating_add(data).saturating_sub(l1_miss);
    let far = [(5, l1_miss.saturating_sub(ram)), (35, ram)];
    far.iter().try_fold(l1, |sum, (weight, hits): &(u64, u64)| {
        sum.checked_add(weight.checked_mul(*hits)?)
    })
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Column {
    type Err = String;

    fn from_str(name: &str) -> Result<Column, String> {
        let column = Column::ALL.iter().find(|column| column.name() == name);
        column.copied().ok_or_else(|| {
            let names: Vec<&str> = Column::ALL.iter().map(|column| column.name()).collect();
            format!("there is no cost `{name}`; known: {}", names.join(", "))
        })
    }
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_in_the_order_of_their_numbers() {
        for (index, column) in Column::ALL.iter().enumerate() {
            assert_eq!(*column as usize, index);
            assert_eq!(column.name().parse(), Ok(*column));
        }
        assert_eq!(Column::MEASURED.len() + 1, Column::ALL.len());
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
        assert_eq!(Column::Gungraun.of(&cost), Some(252));
        cost.ll_miss = None;
        assert_eq!(Column::Gungraun.of(&cost), None);
    }

    #[test]
    fn counts_add_up_and_memory_is_used_again() {
        let cost = |n: u64| Cost {
            instr: Some(n),
            peak_heap: Some(n),
            ..Cost::default()
        };
        let tests = [cost(3), cost(5)];
        assert_eq!(Column::Instr.of_all(&tests), Some(8));
        assert_eq!(Column::PeakHeap.of_all(&tests), Some(5));
        assert_eq!(Column::Instr.of_all([&tests[0], &Cost::default()]), None);
        assert_eq!(Column::Instr.of_all([]), None);
    }
}
