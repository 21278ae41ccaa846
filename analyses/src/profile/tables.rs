//! A profile as tables.

use super::data::{Profile, Sums, Weight};
use crate::analysis::Run;
use crate::report::table::{Column, Fact, Kind, Table, Value};

const SELF: Column = Column::new("self", Kind::Count);
const TOTAL: Column = Column::new("total", Kind::Count);
const CALLS: Column = Column::new("calls", Kind::Count);

/// What weights are, and their sum.
pub(super) fn facts(profile: &Profile) -> Vec<Fact> {
    let mut facts = vec![Fact::new("weight", Kind::Text, profile.weight.name())];
    if profile.weight == Weight::Instructions {
        facts.push(Fact::new("rule", Kind::Text, "instr.v1"));
    }
    facts.push(Fact::new("total", Kind::Count, profile.total()));
    facts
}

/// By function, along the calls if `with_tree`, by line, by loop.
pub(super) fn tables(run: &Run<'_>, profile: &Profile, with_tree: bool) -> Vec<Table> {
    let mut tables = vec![functions(run, profile)];
    if with_tree {
        tables.push(tree(run, profile));
    }
    let has_lines = profile.functions.iter().any(|f| !f.places.is_empty());
    tables.extend(has_lines.then(|| lines(profile)));
    tables.push(loops(run, profile));
    tables
}

/// The columns that say which function a row is about.
fn function_columns(run: &Run<'_>) -> Vec<Column> {
    run.function_columns("func")
}

fn function_cells(run: &Run<'_>, profile: &Profile, function: u32) -> Vec<Value> {
    let function = &profile.functions[function as usize];
    let mut cells = vec![
        function.index.map_or(Value::Nothing, Value::from),
        Value::Text(function.name.clone()),
    ];
    if run.modules.len() > 1 {
        let module = function.module.map(|at| &profile.modules[at as usize]);
        let name = module.map_or(Value::Nothing, |module| Value::Text(module.name.clone()));
        cells.insert(0, name);
    }
    cells
}

fn functions(run: &Run<'_>, profile: &Profile) -> Table {
    let mut columns = function_columns(run);
    columns.extend(profile.is_exact.then_some(CALLS));
    columns.extend([SELF, TOTAL]);
    let mut table = Table::new("functions", columns, Some("self"));
    let mut rows: Vec<(u32, Sums)> = (0..).zip(profile.by_function()).collect();
    // In the order of the module; those of the host come last, by name.
    rows.sort_by_key(|&(at, _)| {
        let function = &profile.functions[at as usize];
        let host = function.index.is_none();
        (host, function.module, function.index, function.name.clone())
    });
    for (at, sums) in rows {
        let mut row = function_cells(run, profile, at);
        row.extend(profile.is_exact.then(|| sums.calls.into()));
        row.extend([sums.own.into(), sums.total.into()]);
        table.push(row);
    }
    table
}

/// One row for each node, in the order in which they were made.
fn tree(run: &Run<'_>, profile: &Profile) -> Table {
    let has_sites = profile.has_sites();
    let mut columns = vec![
        Column::new("node", Kind::Index),
        Column::new("parent", Kind::Index),
        Column::new("caller", Kind::Function),
    ];
    columns.extend(has_sites.then_some(Column::new("pc", Kind::Pc)));
    columns.extend(function_columns(run));
    columns.extend(profile.is_exact.then_some(CALLS));
    columns.extend([SELF, TOTAL]);
    let mut table = Table::new("tree", columns, Some("total"));
    let totals = profile.totals();
    for (at, node) in profile.nodes.iter().enumerate().skip(1) {
        let caller = (node.parent != 0).then(|| {
            let caller = profile.nodes[node.parent as usize].function;
            Value::Text(profile.functions[caller as usize].name.clone())
        });
        let mut row = vec![
            at.into(),
            node.parent.into(),
            caller.unwrap_or(Value::Nothing),
        ];
        row.extend(has_sites.then(|| node.site.map_or(Value::Nothing, Value::from)));
        row.extend(function_cells(run, profile, node.function));
        row.extend(profile.is_exact.then(|| node.calls.into()));
        row.extend([node.weight.into(), totals[at].into()]);
        table.push(row);
    }
    table.without_share()
}

/// Totals are known where the sites of calls are.
fn totals(profile: &Profile, sums: &Sums) -> Option<Value> {
    profile.has_sites().then(|| sums.total.into())
}

fn lines(profile: &Profile) -> Table {
    let mut columns = vec![
        Column::new("file", Kind::Text),
        Column::new("line", Kind::Index),
        SELF,
    ];
    columns.extend(profile.has_sites().then_some(TOTAL));
    let mut table = Table::new("lines", columns, Some("self"));
    for (line, sums) in profile.by_line() {
        let number = match line.line {
            0 => Value::Nothing,
            line => line.into(),
        };
        let mut row = vec![Value::Text(line.file), number, sums.own.into()];
        row.extend(totals(profile, &sums));
        table.push(row);
    }
    table
}

fn loops(run: &Run<'_>, profile: &Profile) -> Table {
    let mut columns = function_columns(run);
    columns.extend([
        Column::new("pc", Kind::Pc),
        Column::new("end", Kind::Pc),
        Column::new("depth", Kind::Index),
        SELF,
        Column::new("inner", Kind::Count),
    ]);
    columns.extend(profile.has_sites().then_some(TOTAL));
    let mut table = Table::new("loops", columns, Some("inner"));
    for (function, index, sums) in profile.by_loop() {
        let span = profile.functions[function as usize].loops[index];
        if sums.within == 0 {
            continue;
        }
        let mut row = function_cells(run, profile, function);
        row.extend([span.start.into(), span.end.into(), span.depth.into()]);
        row.extend([sums.own.into(), sums.within.into()]);
        row.extend(totals(profile, &sums));
        table.push(row);
    }
    table
}
