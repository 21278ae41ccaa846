//! The columns of costs, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::result::Cost;

/// A number of [`Cost`].
#[derive(Clone, Copy)]
pub struct Column {
    name: &'static str,
    of: fn(&Cost) -> Option<u64>,
}

macro_rules! columns {
    ($($field:ident)*) => {
        /// All of them, in the order of [`Cost`].
        pub const COLUMNS: &[Column] = &[$(Column {
            name: stringify!($field),
            of: |cost| cost.$field,
        }),*];
    };
}

columns! {
    instr fuel vcycles loads stores bytes bulk_bytes bulk_elements pages_grown l1_miss ll_miss branch_miss allocs alloc_bytes
    peak_heap memory_pages host_calls bytes_read bytes_written clock_reads random_reads wall_ns
}

impl Column {
    /// Operators executed.
    pub const INSTR: Column = COLUMNS[0];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// The number; `None` if it was not measured.
    pub fn of(self, cost: &Cost) -> Option<u64> {
        (self.of)(cost)
    }

    /// Whether it is the same in every run.
    pub fn is_exact(self) -> bool {
        self.name != "wall_ns"
    }

    /// Whether numbers of several tests are added up; the most of them is taken otherwise.
    pub fn is_sum(self) -> bool {
        !matches!(self.name, "peak_heap" | "memory_pages")
    }
}

impl PartialEq for Column {
    fn eq(&self, other: &Column) -> bool {
        self.name == other.name
    }
}

impl Eq for Column {}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl FromStr for Column {
    type Err = String;

    fn from_str(name: &str) -> Result<Column, String> {
        let column = COLUMNS.iter().find(|column| column.name == name);
        column.copied().ok_or_else(|| {
            let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
            format!("there is no cost `{name}`; known: {}", names.join(", "))
        })
    }
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}
