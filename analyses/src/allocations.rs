//! Where structures and arrays are made, how many and how long. What did not
//! come to be, because memory for it was refused or a segment is too short, is
//! not counted.

use std::collections::HashMap;

use probity_engine::hook::{Counters, Probe, Site};
use probity_engine::{Func, Result, Val};
use probity_probes::events::{Length, allocations};
use probity_probes::opcode::Opcode;
use probity_probes::unwind::Unwind;
use probity_probes::wanted::Wanted;

use crate::analysis::{Analysis, Findings, Instrument, Key, Run};
use crate::options::Options;
use crate::report::table::{Column, Fact, Kind, Table, Value};

pub(crate) struct Allocations {
    zero: bool,
    /// For each array of a length that is known when it runs, by function and
    /// pc: the sum of lengths, and the last one.
    lengths: HashMap<(Key, u32), Counters>,
}

/// Of the counters of a site.
const SUM: usize = 0;
const LAST: usize = 1;

impl Allocations {
    pub fn new(options: &Options) -> Allocations {
        Allocations {
            zero: options.zero(),
            lengths: HashMap::new(),
        }
    }
}

impl Analysis for Allocations {
    fn wants_counts(&self, at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        let mut wanted = Wanted::nothing();
        for site in allocations(&at.operators()?) {
            wanted.add(&*at.cfg()?, site.index);
        }
        Ok(wanted)
    }

    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        for site in allocations(&at.operators()?) {
            if site.length != Length::Operand {
                continue;
            }
            let lengths = self.lengths.entry((at.key, site.pc.0));
            let lengths = lengths.or_insert_with(|| Counters::new(2)).clone();
            let probe = Probe::call(move |context| {
                if let Some(Val::I32(length)) = context.frame().top(0) {
                    let length = i64::from(length as u32);
                    lengths.add(SUM, length);
                    lengths.add(LAST, length - lengths.get(LAST) as i64);
                }
                Ok(())
            });
            at.probes.insert(at.func, Site::Before(site.pc), probe)?;
        }
        Ok(())
    }

    fn unwound(&mut self, key: Key, _func: Func, unwind: Unwind) {
        if let Some(lengths) = self
            .lengths
            .get(&(key, unwind.pc.0))
            .filter(|_| unwind.executed)
        {
            lengths.add(SUM, -(lengths.get(LAST) as i64));
        }
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut columns = run.function_columns("func");
        columns.extend([
            Column::new("pc", Kind::Pc),
            Column::new("opcode", Kind::Text),
            Column::new("type", Kind::Index),
            Column::new("count", Kind::Count),
            Column::new("elements", Kind::Count),
        ]);
        let mut table = Table::new("allocations", columns, Some("count"));
        let (mut structures, mut arrays, mut all_elements) = (0, 0, 0);
        for function in run.functions(self.zero) {
            let operators = function.operators();
            let sites = allocations(&operators);
            if sites.is_empty() {
                continue;
            }
            let who = run.function_cells(&function);
            for site in sites {
                let counts = function.counts.as_ref();
                let count = counts.map_or(0, |counts| counts.completed(site.index));
                if count == 0 && !self.zero {
                    continue;
                }
                let elements = match site.length {
                    Length::None => None,
                    Length::Fixed(length) => Some(count * u64::from(length)),
                    Length::Operand => {
                        let lengths = self.lengths.get(&(function.key, site.pc.0));
                        Some(lengths.map_or(0, |lengths| lengths.get(SUM)))
                    }
                };
                match elements {
                    None => structures += count,
                    Some(elements) => {
                        arrays += count;
                        all_elements += elements;
                    }
                }
                let mut row = who.clone();
                row.extend([
                    site.pc.0.into(),
                    Opcode::of(&operators[site.index].1).mnemonic().into(),
                    site.type_index.into(),
                    count.into(),
                    elements.map_or(Value::Nothing, Value::from),
                ]);
                table.push(row);
            }
        }
        Findings {
            facts: vec![
                Fact::new("structures", Kind::Count, structures),
                Fact::new("arrays", Kind::Count, arrays),
                Fact::new("elements", Kind::Count, all_elements),
            ],
            tables: vec![table],
            ..Findings::default()
        }
    }
}
