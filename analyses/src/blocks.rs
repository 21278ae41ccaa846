//! How often each basic block was entered: the straight lines of rule `instr.v1`, which only their first operator can
//! enter and only their last can leave.

use probity_engine::Result;
use probity_probes::cfg::Cfg;
use probity_probes::wanted::Wanted;

use crate::analysis::{Analysis, Findings, Instrument, Run};
use crate::options::Options;
use crate::report::table::{Column, Fact, Kind, Table};

pub(crate) struct Blocks {
    zero: bool,
}

impl Blocks {
    pub fn new(options: &Options) -> Blocks {
        Blocks {
            zero: options.zero(),
        }
    }
}

impl Analysis for Blocks {
    fn wants_counts(&self, _at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        Ok(Wanted::all())
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut columns = run.function_columns("func");
        columns.extend([
            Column::new("pc", Kind::Pc),
            Column::new("end", Kind::Pc),
            Column::new("instructions", Kind::Index),
            Column::new("count", Kind::Count),
        ]);
        let mut table = Table::new("blocks", columns, Some("count"));
        for function in run.functions(self.zero) {
            let who = run.function_cells(&function);
            let operators = function.operators();
            let cfg = Cfg::new(&operators);
            let end = function.info.body().map_or(0, |body| body.end);
            for block in cfg.blocks() {
                let counts = function.counts.as_ref();
                let count = counts.map_or(0, |counts| counts.instr(block.start as usize));
                if count == 0 && !self.zero {
                    continue;
                }
                let behind = cfg.pcs().get(block.end as usize).copied();
                let mut row = who.clone();
                row.extend([
                    cfg.pcs()[block.start as usize].into(),
                    behind.unwrap_or(end).into(),
                    block.instrs().len().into(),
                    count.into(),
                ]);
                table.push(row);
            }
        }
        Findings {
            facts: vec![
                Fact::new("rule", Kind::Text, "instr.v1"),
                Fact::new("total", Kind::Count, table.sum("count")),
            ],
            tables: vec![table],
            ..Findings::default()
        }
    }
}
