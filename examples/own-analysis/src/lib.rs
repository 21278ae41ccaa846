//! An analysis of one's own, as a crate that knows nothing of Probity but its public interface: how deep each function is
//! nested in itself. `main.rs` runs it.
#![forbid(unsafe_code)]

use std::collections::HashMap;

use probity_analyses::AnalysisInfo;
use probity_analyses::analysis::{Analysis, Findings, Instrument, Key, Run};
use probity_analyses::options::{FUNC, Options, TOP};
use probity_analyses::report::table::{Column, Fact, Kind, Table};
use probity_engine::Result;
use probity_engine::hook::{Counters, Probe, Site};

/// For `Session::add_own`.
pub static NESTING: AnalysisInfo = AnalysisInfo {
    name: "nesting",
    summary: "how deep each function is nested in itself at most",
    options: &[FUNC, TOP],
    data: None,
    make: |_: &Options| Box::<Nesting>::default(),
};

/// Of counters: activations of the function at the moment, and at most.
const NOW: usize = 0;
const MOST: usize = 1;

#[derive(Default)]
struct Nesting {
    functions: HashMap<Key, Counters>,
}

impl Analysis for Nesting {
    fn instrument(&mut self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let counters = self.functions.entry(at.key);
        let counters = counters.or_insert_with(|| Counters::new(2)).clone();
        let entered = counters.clone();
        let enter = Probe::call(move |_| {
            entered.add(NOW, 1);
            let more = entered.get(NOW).saturating_sub(entered.get(MOST));
            entered.add(MOST, more as i64);
            Ok(())
        });
        // Also when a trap or an exception ends an activation.
        let leave = Probe::call(move |_| {
            counters.add(NOW, -1);
            Ok(())
        });
        at.probes.insert(at.func, Site::Entry, enter)?;
        at.probes.insert(at.func, Site::Exit, leave)?;
        Ok(())
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let mut columns = run.function_columns("func");
        columns.push(Column::new("nested", Kind::Count));
        let mut table = Table::new("functions", columns, Some("nested")).without_share();
        let mut deepest = 0;
        for function in run.functions(false) {
            let counters = self.functions.get(&function.key);
            let most = counters.map_or(0, |counters| counters.get(MOST));
            deepest = deepest.max(most);
            let mut row = run.function_cells(&function);
            row.push(most.into());
            table.push(row);
        }
        Findings {
            facts: vec![Fact::new("deepest", Kind::Count, deepest)],
            tables: vec![table],
            ..Findings::default()
        }
    }
}
