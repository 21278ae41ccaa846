//! The tables of `heap`, and what exports show.

use std::collections::BTreeMap;
use std::sync::Arc;

use probity_engine::WasmPc;
use probity_probes::demangle::demangle;

use super::State;
use super::data::{HeapData, HeapFrame, HeapSite};
use super::ledger::{By, Ledger, Sums, Times, Wrong};
use super::stacks::Frame;
use crate::accesses::TraceSite;
use crate::analysis::{Findings, Run, function_name};
use crate::export::Data;
use crate::report::table::{Column, Fact, Kind, Table, Value};

pub(super) fn findings(
    run: &Run<'_>,
    sites: &[TraceSite],
    state: &State,
    check: bool,
    is_exported: bool,
) -> Findings {
    let mut tables = vec![stacks(run, state, check), leaks(run, state)];
    tables.extend([problems(run, sites, state), over_time(state)]);
    Findings {
        facts: facts(state, check),
        tables,
        data: is_exported.then(|| Data::Heap(data(run, state, check))),
    }
}

fn facts(state: &State, check: bool) -> Vec<Fact> {
    let Ledger {
        allocations,
        frees,
        reallocations,
        failed,
        lost,
        bytes,
        live_bytes,
        live_blocks,
        peak_bytes,
        peak_blocks,
        peak_time,
        time,
        wrong,
        ..
    } = state.ledger;
    let counts = [
        ("allocations", allocations),
        ("frees", frees),
        ("reallocations", reallocations),
        ("failed", failed),
        ("allocated_bytes", bytes),
        ("live_bytes", live_bytes),
        ("live_blocks", live_blocks),
        ("peak_bytes", peak_bytes),
        ("peak_blocks", peak_blocks),
        ("peak_time", peak_time),
        ("end_time", time),
        ("lost_blocks", lost),
        ("unfollowed", state.unfollowed),
    ];
    let mut facts: Vec<Fact> = counts
        .into_iter()
        .map(|(name, count)| Fact::new(name, Kind::Count, count))
        .collect();
    let wrong = |which: Wrong| match (which, check) {
        (Wrong::UseAfterFree | Wrong::OutOfBounds, false) => Value::Nothing,
        _ => wrong[which as usize].into(),
    };
    let names = [
        "use_after_free",
        "out_of_bounds",
        "double_frees",
        "invalid_frees",
    ];
    for (name, which) in names.into_iter().zip(Wrong::ALL) {
        facts.push(Fact::new(name, Kind::Count, wrong(which)));
    }
    let names = match state.names.is_empty() {
        true => Value::Nothing,
        false => Value::Text(state.names.join(", ").into()),
    };
    facts.push(Fact::new("allocators", Kind::Text, names));
    if state.ledger.is_closed {
        let note = "there were more blocks than can be followed; what came later is not seen";
        facts.push(Fact::new("cut", Kind::Text, note));
    }
    facts
}

/// The columns that say where a stack is innermost, and all of it.
const STACK: [Column; 3] = [
    Column::new("name", Kind::Function),
    Column::new("pc", Kind::Pc),
    Column::new("stack", Kind::Text),
];

fn stack_cells(run: &Run<'_>, frames: &[Frame]) -> [Value; 3] {
    match frames.first() {
        None => [Value::Nothing, Value::Nothing, "(host)".into()],
        Some(&(key, pc)) => {
            let name = name(run, (key, pc));
            [Value::Text(name), pc.0.into(), stack(run, frames)]
        }
    }
}

/// The name of a frame's function as the module has it.
fn name(run: &Run<'_>, (key, _): Frame) -> Arc<str> {
    let module = run.modules.get(key.module as usize);
    let info = module.and_then(|module| module.function(key.index));
    info.map_or_else(
        || format!("func[{}]", key.index).into(),
        |info| function_name(&info),
    )
}

/// Names from the innermost out.
fn stack(run: &Run<'_>, frames: &[Frame]) -> Value {
    let names = frames.iter().map(|&frame| {
        let name = name(run, frame);
        demangle(&name).unwrap_or_else(|| name.to_string())
    });
    let names: Vec<String> = names.collect();
    Value::Text(names.join(" < ").into())
}

/// Stacks that have allocated, with their numbers.
fn used(state: &State) -> impl Iterator<Item = (u32, &Sums)> {
    let all = (0..).zip(&state.ledger.stacks);
    all.filter(|(_, sums)| sums.blocks > 0)
}

fn stacks(run: &Run<'_>, state: &State, check: bool) -> Table {
    let mut columns = vec![Column::new("site", Kind::Index)];
    columns.extend(STACK);
    let counts = [
        "bytes",
        "blocks",
        "max_bytes",
        "peak_bytes",
        "peak_blocks",
        "live_bytes",
        "live_blocks",
    ];
    columns.extend(counts.map(|name| Column::new(name, Kind::Count)));
    columns.push(Column::new("lifetime", Kind::Average));
    let accesses = ["read_bytes", "written_bytes"];
    columns.extend(accesses.map(|name| Column::new(name, Kind::Count)));
    let mut table = Table::new("sites", columns, Some("bytes"));
    for (number, sums) in used(state) {
        let mut row = vec![number.into()];
        row.extend(stack_cells(run, state.stacks.frames(number)));
        let counts = [
            sums.bytes,
            sums.blocks,
            sums.max_bytes,
            sums.peak_bytes,
            sums.peak_blocks,
            sums.live_bytes,
            sums.live_blocks,
        ];
        row.extend(counts.map(Value::from));
        row.push((sums.lifetimes as f64 / sums.blocks as f64).into());
        let accesses = [sums.read_bytes, sums.written_bytes];
        row.extend(accesses.map(|bytes| match check {
            true => bytes.into(),
            false => Value::Nothing,
        }));
        table.push(row);
    }
    table
}

fn leaks(run: &Run<'_>, state: &State) -> Table {
    let mut columns = vec![Column::new("site", Kind::Index)];
    columns.extend(STACK);
    columns.extend([
        Column::new("live_bytes", Kind::Count),
        Column::new("live_blocks", Kind::Count),
    ]);
    let mut table = Table::new("leaks", columns, Some("live_bytes"));
    for (number, sums) in used(state).filter(|(_, sums)| sums.live_blocks > 0) {
        let mut row = vec![number.into()];
        row.extend(stack_cells(run, state.stacks.frames(number)));
        row.extend([sums.live_bytes.into(), sums.live_blocks.into()]);
        table.push(row);
    }
    table
}

/// What was wrong, sites of all instances together.
fn problems(run: &Run<'_>, sites: &[TraceSite], state: &State) -> Table {
    /// Who did it: the frame, and the stack of a call.
    type Who = (Option<Frame>, Option<u32>);
    let mut known: BTreeMap<(Wrong, Who, Option<u32>, Option<u32>), Times> = BTreeMap::new();
    for (&(wrong, by, allocated, freed), times) in &state.ledger.problems {
        let who = match by {
            By::Site(site) => {
                let site = sites.get(site as usize);
                (site.map(|site| (site.key, site.pc)), None)
            }
            By::Stack(stack) => (state.stacks.frames(stack).first().copied(), Some(stack)),
        };
        let entry = known.entry((wrong, who, allocated, freed));
        entry
            .and_modify(|known| known.count += times.count)
            .or_insert(*times);
    }
    let columns = vec![
        Column::new("kind", Kind::Text),
        Column::new("name", Kind::Function),
        Column::new("pc", Kind::Pc),
        Column::new("line", Kind::Text),
        Column::new("count", Kind::Count),
        Column::new("address", Kind::Index),
        Column::new("bytes", Kind::Count),
        Column::new("block", Kind::Index),
        Column::new("block_bytes", Kind::Count),
        Column::new("offset", Kind::Number),
        Column::new("stack", Kind::Text),
        Column::new("allocated_by", Kind::Text),
        Column::new("freed_by", Kind::Text),
    ];
    let mut table = Table::new("problems", columns, Some("count"));
    for ((wrong, (at, by), allocated, freed), times) in known {
        let of = |number: Option<u32>| match number.map(|number| state.stacks.frames(number)) {
            None => Value::Nothing,
            Some([]) => "(host)".into(),
            Some(frames) => stack(run, frames),
        };
        let (name, pc, line) = match at {
            None => (Value::Nothing, Value::Nothing, Value::Nothing),
            Some((key, pc)) => {
                let line = run.source(key).and_then(|source| source.line(pc));
                let line = line.map(|line| Value::Text(line.to_string().into()));
                let name = Value::Text(self::name(run, (key, pc)));
                (name, pc.0.into(), line.unwrap_or(Value::Nothing))
            }
        };
        let block = times.block;
        let or_nothing = |value: Option<u64>| value.map_or(Value::Nothing, Value::from);
        let offset = block.map(|block| times.address - block.start);
        table.push(vec![
            wrong.name().into(),
            name,
            pc,
            line,
            times.count.into(),
            times.address.into(),
            or_nothing((times.bytes > 0).then_some(times.bytes)),
            or_nothing(block.map(|block| block.start)),
            or_nothing(block.map(|block| block.size)),
            or_nothing(offset),
            of(by),
            of(allocated),
            of(freed),
        ]);
    }
    table
}

fn over_time(state: &State) -> Table {
    let columns = vec![
        Column::new("time", Kind::Index),
        Column::new("live_bytes", Kind::Count),
        Column::new("live_blocks", Kind::Count),
        Column::new("live_bytes_max", Kind::Count),
    ];
    let mut table = Table::new("over_time", columns, None);
    for row in &state.ledger.series.rows {
        let cells = [row.time, row.bytes, row.blocks, row.bytes_max];
        table.push(cells.map(Value::from).into());
    }
    table
}

fn data(run: &Run<'_>, state: &State, check: bool) -> HeapData {
    let sites = used(state).map(|(number, sums)| HeapSite {
        total: [sums.bytes, sums.blocks],
        lifetimes: sums.lifetimes,
        max: [sums.max_bytes, sums.max_blocks],
        peak: [sums.peak_bytes, sums.peak_blocks],
        end: [sums.live_bytes, sums.live_blocks],
        accesses: [sums.read_bytes, sums.written_bytes],
        frames: frames(run, state.stacks.frames(number)),
    });
    HeapData {
        modules: run.titles(),
        end_time: state.ledger.time,
        peak_time: state.ledger.peak_time,
        has_accesses: check,
        sites: sites.collect(),
    }
}

fn frames(run: &Run<'_>, stack: &[Frame]) -> Vec<HeapFrame> {
    let frames = stack.iter().flat_map(|&(key, pc)| {
        let source = run.sources.get(key.module as usize);
        let frames = source.map_or_else(Vec::new, |source| source.frames(key.index, pc));
        let WasmPc(pc) = pc;
        frames.into_iter().map(move |frame| HeapFrame {
            pc,
            function: frame.function,
            place: frame.place.map(|place| (place.file, place.line)),
        })
    });
    frames.collect()
}
