//! The typed tables that analyses return. A column's kind says how writers
//! show a value; the value says nothing about form.

use std::sync::Arc;

use crate::export::Data;

/// How the values of a column are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number of events.
    Count,
    /// A byte offset in the module.
    Pc,
    /// An index of the module.
    Index,
    /// A word.
    Text,
    /// A function's name as the module has it (text reports demangle it).
    Function,
    /// A share, of 100.
    Percent,
    /// A mean.
    Average,
    /// A number that the program made: any integer or float.
    Number,
    /// Several counts.
    Counts,
    /// Pieces of the module: (first, behind the last) byte offsets.
    Ranges,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A count, offset or index.
    Number(u64),
    /// A number below 0.
    Negative(i64),
    /// A percentage, a mean, or a number that the others do not hold.
    Real(f64),
    /// A word from a fixed vocabulary.
    Word(&'static str),
    /// Any other text.
    Text(Arc<str>),
    /// Several counts.
    Numbers(Vec<u64>),
    /// (first, behind the last) byte offsets.
    Ranges(Vec<(u32, u32)>),
    /// Not known, or does not apply.
    Nothing,
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Value {
        Value::Number(number.into())
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Value {
        Value::Number(number as u64)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Real(number)
    }
}

impl From<&'static str> for Value {
    fn from(word: &'static str) -> Value {
        Value::Word(word)
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its key in JSON and CSV.
    pub name: &'static str,
    /// How its values are meant.
    pub kind: Kind,
}

impl Column {
    /// A column.
    pub const fn new(name: &'static str, kind: Kind) -> Column {
        Column { name, kind }
    }
}

/// A single value of an analysis, such as a total.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Its name, and how it is meant.
    pub column: Column,
    /// The value.
    pub value: Value,
}

impl Fact {
    /// A fact.
    pub fn new(name: &'static str, kind: Kind, value: impl Into<Value>) -> Fact {
        Fact {
            column: Column::new(name, kind),
            value: value.into(),
        }
    }
}

/// Rows of one shape, in the order of the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its key in JSON, its mark in CSV.
    pub name: &'static str,
    /// The columns of each row.
    pub columns: Vec<Column>,
    /// As many values each as there are columns.
    pub rows: Vec<Vec<Value>>,
    /// The column of counts that text reports sort by, highest first.
    pub heat: Option<&'static str>,
    /// Whether text reports show each row's share of that column.
    pub share: bool,
    /// Whether text reports show every row, whatever the analysis' option `top` says.
    pub whole: bool,
}

impl Table {
    /// An empty table that text reports sort by the column `heat`.
    pub fn new(name: &'static str, columns: Vec<Column>, heat: Option<&'static str>) -> Table {
        Table {
            name,
            columns,
            rows: Vec::new(),
            heat,
            share: heat.is_some(),
            whole: false,
        }
    }

    /// The same, never cut.
    pub fn whole(self) -> Table {
        Table {
            whole: true,
            ..self
        }
    }

    /// The same, without shares.
    pub fn without_share(self) -> Table {
        Table {
            share: false,
            ..self
        }
    }

    /// Adds a row. Values beyond the columns are cut, missing ones are
    /// nothing.
    pub fn push(&mut self, mut row: Vec<Value>) {
        debug_assert_eq!(row.len(), self.columns.len(), "row of table {}", self.name);
        row.resize(self.columns.len(), Value::Nothing);
        self.rows.push(row);
    }

    /// The sum of a column of counts; 0 if there is no such column.
    pub fn sum(&self, column: &str) -> u64 {
        let Some(at) = self.columns.iter().position(|c| c.name == column) else {
            return 0;
        };
        let number = |row: &Vec<Value>| match row[at] {
            Value::Number(number) => number,
            _ => 0,
        };
        self.rows.iter().map(number).sum()
    }
}

/// What one analysis found out.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalysisReport {
    /// The analysis.
    pub name: &'static str,
    /// Single values, such as totals.
    pub facts: Vec<Fact>,
    /// Tables.
    pub tables: Vec<Table>,
    /// Rows of each table that a text report shows; `None` for all.
    pub top: Option<usize>,
    /// What could not be watched, if anything.
    pub warnings: Vec<String>,
    /// What exports show, if it was collected.
    pub data: Option<Data>,
}
