//! Coverage as data: what exports show, and what runs are merged and compared by.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What executed of some modules, in one run or several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageData {
    /// One for each module that was watched, in the order of attaching.
    pub modules: Vec<ModuleCoverage>,
    /// Directories below which source files are read and shown: files of any name can be asked
    /// for by a module, and not all are for readers of a report. None by default.
    #[serde(skip)]
    pub source_dirs: Vec<PathBuf>,
}

/// What executed of one module, in all its instances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleCoverage {
    /// BLAKE3 of its bytes, in hexadecimal: what tells modules apart.
    pub hash: String,
    /// The file that it came from, as it was given.
    pub path: Option<String>,
    /// The module's own name.
    pub name: Option<String>,
    /// Number of runs that are added up.
    pub runs: u64,
    /// Each function with a body that was watched, by index.
    pub functions: Vec<FunctionCoverage>,
    /// Each source file that code was made from, by path; none if the module does
    /// not say.
    pub files: Vec<FileCoverage>,
}

/// What executed of one function, by byte offset in the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCoverage {
    /// Index in the module.
    pub index: u32,
    /// Its name as the module has it, else `func[i]`.
    pub name: String,
    /// Times that it was entered.
    pub entries: u64,
    /// Operators (rule `instr.v1`) in runs of equal counts, ascending; together they are all
    /// of the function.
    pub pieces: Vec<Piece>,
    /// Its branches, ascending.
    pub branches: Vec<OffsetBranch>,
}

/// Neighbouring operators that executed equally often.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// First byte.
    pub start: u32,
    /// Behind the last byte.
    pub end: u32,
    /// Number of operators.
    pub operators: u32,
    /// How often each of them executed.
    pub count: u64,
}

/// A branch of the code: `if`, `br_if`, `br_on_*`, `br_table` or `select`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffsetBranch {
    /// Byte offset in the module.
    pub pc: u32,
    /// How often each way was taken: not taken and taken, or the targets of a
    /// `br_table` with the default last.
    pub ways: Vec<u64>,
}

/// What executed of one source file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCoverage {
    /// Path as the compiler had it.
    pub path: String,
    /// Lines that have code, ascending.
    pub lines: Vec<LineCoverage>,
    /// Functions that begin in the file, by line and name.
    pub functions: Vec<SourceFunction>,
    /// Branches, by line and column.
    pub branches: Vec<SourceBranch>,
}

/// A line that has code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCoverage {
    /// From 1.
    pub line: u32,
    /// How often it executed: the highest count among its operators, added up over the
    /// functions, and the inlined copies of functions, that hold some of it, and over runs.
    pub count: u64,
}

/// A function of the source, out of line and inlined.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFunction {
    /// Demangled.
    pub name: String,
    /// Where it begins, from 1.
    pub line: u32,
    /// Where the last line with code of its own is.
    pub end_line: u32,
    /// Times that it was entered, inlined or not.
    pub count: u64,
}

/// A branch of the source. Copies of it, in instances of a generic function for example, are one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceBranch {
    /// From 1.
    pub line: u32,
    /// From 1; 0 if the compiler does not say.
    pub column: u32,
    /// Which it is of the branches at its place in a function, from 0.
    pub ordinal: u32,
    /// Where it goes on.
    pub ways: Vec<SourceWay>,
}

/// One way of a branch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceWay {
    /// The line that it leads to; 0 if the compiler does not say.
    pub to_line: u32,
    /// How often it was taken.
    pub count: u64,
}
