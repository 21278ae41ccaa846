//! Instructions executed, by rule `instr.v1`, and fuel, by rule `fuel` v1: in
//! total and per function. Fuel is what `Store::fuel_consumed` counts: the
//! cost of each operator, and 1 for each time that the function is entered.

use probity_engine::Result;
use probity_probes::opcode::Opcode;
use probity_probes::wanted::Wanted;

use crate::analysis::{Analysis, Findings, Instrument, Run};
use crate::options::Options;
use crate::report::table::{Column, Fact, Kind, Table, Value};

pub(crate) struct Icount {
    zero: bool,
}

impl Icount {
    pub fn new(options: &Options) -> Icount {
        Icount {
            zero: options.zero(),
        }
    }
}

impl Analysis for Icount {
    fn wants_counts(&self, _at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        Ok(Wanted::all())
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut columns = run.function_columns("index");
        columns.extend([
            Column::new("static", Kind::Count),
            Column::new("count", Kind::Count),
            Column::new("fuel", Kind::Count),
        ]);
        let mut table = Table::new("functions", columns, Some("count"));
        let (mut total, mut total_fuel) = (0, 0);
        for function in run.functions(self.zero) {
            let operators = function.operators();
            let (mut count, mut fuel) = (0, 0);
            if let Some(counts) = &function.counts {
                fuel += counts.entries();
                for ((_, op), executed) in operators.iter().zip(counts.instrs()) {
                    count += executed;
                    fuel += executed * Opcode::of(op).fuel();
                }
            }
            total += count;
            total_fuel += fuel;
            let mut row = run.function_cells(&function);
            row.extend([operators.len().into(), count.into(), Value::from(fuel)]);
            table.push(row);
        }
        Findings {
            facts: vec![
                Fact::new("rule", Kind::Text, "instr.v1"),
                Fact::new("total", Kind::Count, total),
                Fact::new("fuel", Kind::Count, total_fuel),
            ],
            tables: vec![table],
            ..Findings::default()
        }
    }
}
