//! The tables of `memory`.

use std::collections::BTreeMap;

use probity_engine::WasmPc;
use probity_probes::opcode::Opcode;
use probity_probes::source::SourceLine;

use super::sites::{SiteUse, Sites};
use super::{Seen, Sums};
use crate::accesses::TraceSite;
use crate::analysis::{Findings, Key, Run};
use crate::report::table::{Column, Fact, Kind, Table, Value};

const SUMS: [Column; 4] = [
    Column::new("reads", Kind::Count),
    Column::new("read_bytes", Kind::Count),
    Column::new("writes", Kind::Count),
    Column::new("written_bytes", Kind::Count),
];

impl Sums {
    fn accesses(&self) -> u64 {
        self.reads + self.writes
    }

    fn cells(&self) -> [Value; 4] {
        [self.reads, self.read_bytes, self.writes, self.written_bytes].map(Value::from)
    }
}

/// Operators by function and offset; the second of a copy is what it reads.
type Used = BTreeMap<(Key, WasmPc, bool), SiteUse>;

fn used(traced: &[TraceSite], sites: &Sites) -> Used {
    let mut used = Used::new();
    for (number, site) in (0..).zip(traced) {
        for reads_bulk in [false, true] {
            if let Some(found) = sites.get(Sites::index(number, reads_bulk)) {
                let known = used.entry((site.key, site.pc, reads_bulk));
                known
                    .and_modify(|known| known.merge(found))
                    .or_insert_with(|| found.clone());
            }
        }
    }
    used
}

pub(super) fn findings(
    run: &Run<'_>,
    traced: &[TraceSite],
    seen: &Seen,
    (line, page): (u64, u64),
) -> Findings {
    let used = used(traced, &seen.sites);
    let sites = sites(run, &used, seen);
    let mut total = Sums::default();
    for site in used.values() {
        total.merge(&site.sums);
    }
    let (pages, lines) = pages(seen);
    let windows = &seen.windows;
    let mut facts: Vec<Fact> = SUMS
        .iter()
        .zip(total.cells())
        .map(|(column, value)| Fact::new(column.name, column.kind, value))
        .collect();
    facts.extend([
        Fact::new("line_bytes", Kind::Count, line),
        Fact::new("page_bytes", Kind::Count, page),
        Fact::new("lines_touched", Kind::Count, lines),
        Fact::new("pages_touched", Kind::Count, pages.rows.len()),
        Fact::new("footprint_bytes", Kind::Count, lines.saturating_mul(line)),
        Fact::new("windows", Kind::Count, windows.count),
        Fact::new("working_set_mean", Kind::Average, windows.mean()),
        Fact::new("working_set_max", Kind::Count, windows.max),
    ]);
    let mut tables = vec![sites];
    tables.extend(by_line(run, &used));
    tables.extend([pages, working_set(seen)]);
    Findings {
        facts,
        tables,
        ..Findings::default()
    }
}

fn sites(run: &Run<'_>, used: &Used, seen: &Seen) -> Table {
    let mut columns = run.function_columns("func");
    columns.extend([
        Column::new("pc", Kind::Pc),
        Column::new("opcode", Kind::Text),
        Column::new("accesses", Kind::Count),
    ]);
    columns.extend(SUMS);
    columns.extend([
        Column::new("stride", Kind::Number),
        Column::new("stride_percent", Kind::Percent),
        Column::new("lines", Kind::Count),
        Column::new("pages", Kind::Count),
    ]);
    let mut table = Table::new("sites", columns, Some("accesses"));
    for function in run.functions(false) {
        let who = run.function_cells(&function);
        for (pc, op) in function.operators() {
            for reads_bulk in [true, false] {
                let Some(site) = used.get(&(function.key, pc, reads_bulk)) else {
                    continue;
                };
                let (stride, percent) = match site.strides.dominant() {
                    None => (Value::Nothing, Value::Nothing),
                    Some((stride, count, all)) => {
                        let percent = count as f64 * 100.0 / all as f64;
                        (signed(stride), percent.into())
                    }
                };
                let mut row = who.clone();
                let opcode = Opcode::of(&op).mnemonic();
                row.extend([pc.0.into(), opcode.into(), site.sums.accesses().into()]);
                row.extend(site.sums.cells());
                row.extend([stride, percent]);
                let pages = site.lines.pages(seen.sizes);
                row.extend([site.lines.lines().into(), pages.into()]);
                table.push(row);
            }
        }
    }
    table
}

fn signed(number: i64) -> Value {
    match u64::try_from(number) {
        Ok(number) => number.into(),
        Err(_) => Value::Negative(number),
    }
}

/// Sums by line of the source; `None` if no module says which lines it is of.
fn by_line(run: &Run<'_>, used: &Used) -> Option<Table> {
    let mut lines: BTreeMap<SourceLine, Sums> = BTreeMap::new();
    for (&(key, pc, _), site) in used {
        if let Some(line) = run.source(key).and_then(|source| source.line(pc)) {
            lines.entry(line).or_default().merge(&site.sums);
        }
    }
    if lines.is_empty() {
        return None;
    }
    let mut columns = vec![
        Column::new("file", Kind::Text),
        Column::new("line", Kind::Index),
        Column::new("accesses", Kind::Count),
    ];
    columns.extend(SUMS);
    let mut table = Table::new("lines", columns, Some("accesses"));
    for (line, sums) in lines {
        let mut row = vec![Value::Text(line.file), line.line.into()];
        row.push(sums.accesses().into());
        row.extend(sums.cells());
        table.push(row);
    }
    Some(table)
}

/// The pages of all memories, and how many lines were touched.
fn pages(seen: &Seen) -> (Table, u64) {
    let mut columns = vec![
        Column::new("memory", Kind::Index),
        Column::new("page", Kind::Index),
        Column::new("accesses", Kind::Count),
    ];
    columns.extend(SUMS);
    columns.push(Column::new("lines", Kind::Count));
    let mut table = Table::new("pages", columns, Some("accesses"));
    let mut lines = 0;
    for (number, memory) in seen.memories.iter().enumerate() {
        for page in memory.pages(seen.sizes) {
            lines += page.lines;
            let mut row = vec![number.into(), page.number.into()];
            row.push(page.sums.accesses().into());
            row.extend(page.sums.cells());
            row.push(page.lines.into());
            table.push(row);
        }
    }
    (table, lines)
}

fn working_set(seen: &Seen) -> Table {
    let columns = vec![
        Column::new("first_access", Kind::Index),
        Column::new("windows", Kind::Index),
        Column::new("lines_mean", Kind::Average),
        Column::new("lines_max", Kind::Count),
    ];
    let mut table = Table::new("working_set", columns, None);
    for row in &seen.windows.rows {
        let mean = row.sum as f64 / row.windows as f64;
        let cells = [
            row.first.into(),
            row.windows.into(),
            mean.into(),
            row.max.into(),
        ];
        table.push(cells.into());
    }
    table
}
