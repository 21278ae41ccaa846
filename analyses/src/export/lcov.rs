//! lcov's tracefiles, as `man geninfo` describes them: records of one source file
//! each, of lines `KEY:values`.

use std::collections::HashSet;
use std::io::{self, Write};

use super::one_line;
use crate::coverage::{CoverageData, FileCoverage, FileTotals};

pub(super) fn write(coverage: &CoverageData, out: &mut dyn Write) -> io::Result<()> {
    for file in coverage.files() {
        write_file(&file, out)?;
    }
    Ok(())
}

fn write_file(file: &FileCoverage, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "TN:\nSF:{}", one_line(&file.path))?;
    let FileTotals {
        lines,
        functions,
        branches,
    } = file.totals();

    // A name is a function's only key here.
    let mut names = HashSet::new();
    let named = file.functions.iter().map(|function| {
        let mut name = one_line(&function.name).into_owned();
        if !names.insert(name.clone()) {
            name = format!("{name} (line {})", function.line);
            names.insert(name.clone());
        }
        (name, function)
    });
    let named: Vec<_> = named.collect();
    for (name, function) in &named {
        writeln!(out, "FN:{},{name}", function.line)?;
    }
    for (name, function) in &named {
        writeln!(out, "FNDA:{},{name}", function.count)?;
    }
    writeln!(out, "FNF:{}\nFNH:{}", functions.total, functions.covered)?;

    let mut last = (0, 0);
    for branch in &file.branches {
        // Blocks number the branches of a line.
        last = match last {
            (line, block) if line == branch.line => (line, block + 1),
            _ => (branch.line, 0),
        };
        let executed = branch.ways.iter().any(|way| way.count > 0);
        for (at, way) in branch.ways.iter().enumerate() {
            let taken = match executed {
                true => way.count.to_string(),
                false => "-".to_owned(),
            };
            writeln!(out, "BRDA:{},{},{at},{taken}", branch.line, last.1)?;
        }
    }
    writeln!(out, "BRF:{}\nBRH:{}", branches.total, branches.covered)?;

    for line in &file.lines {
        writeln!(out, "DA:{},{}", line.line, line.count)?;
    }
    writeln!(out, "LF:{}\nLH:{}", lines.total, lines.covered)?;
    writeln!(out, "end_of_record")
}
