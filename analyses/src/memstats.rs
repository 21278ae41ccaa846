//! Loads and stores of memories: how many, and of how many bytes, by function and by operator. They follow from counts
//! of blocks; an access that traps is none. Operators that work on a length (`memory.copy`, `fill`, `init`) and `memory.grow`
//! are counted, without bytes.

use probity_engine::Result;
use probity_engine::wasmparser::Operator;
use probity_probes::access::{Access, AccessKind};
use probity_probes::opcode::Opcode;
use probity_probes::wanted::Wanted;

use crate::analysis::{Analysis, Findings, Instrument, Run};
use crate::options::Options;
use crate::report::table::{Column, Fact, Kind, Table, Value};

pub(crate) struct Memstats {
    zero: bool,
}

impl Memstats {
    pub fn new(options: &Options) -> Memstats {
        Memstats {
            zero: options.zero(),
        }
    }
}

/// What an operator does to a memory.
enum Use {
    Access(Access),
    Bulk(u32),
    Grow(u32),
}

impl Use {
    fn of(op: &Operator<'_>) -> Option<Use> {
        Some(match *op {
            Operator::MemoryFill { mem } | Operator::MemoryInit { mem, .. } => Use::Bulk(mem),
            Operator::MemoryCopy { dst_mem, .. } => Use::Bulk(dst_mem),
            Operator::MemoryGrow { mem } => Use::Grow(mem),
            ref op => Use::Access(Access::of(op)?),
        })
    }

    fn memory(&self) -> u32 {
        match self {
            Use::Access(access) => access.memory,
            Use::Bulk(memory) | Use::Grow(memory) => *memory,
        }
    }
}

/// Of one function.
#[derive(Default)]
struct Sums {
    loads: u64,
    load_bytes: u64,
    stores: u64,
    store_bytes: u64,
    bulk: u64,
    grows: u64,
}

impl Sums {
    fn add(&mut self, used: &Use, count: u64) {
        match used {
            Use::Access(access) => {
                let bytes = count * u64::from(access.width);
                if access.kind != AccessKind::Store {
                    self.loads += count;
                    self.load_bytes += bytes;
                }
                if access.kind.writes() {
                    self.stores += count;
                    self.store_bytes += bytes;
                }
            }
            Use::Bulk(_) => self.bulk += count,
            Use::Grow(_) => self.grows += count,
        }
    }

    fn cells(&self) -> [Value; 6] {
        [
            self.loads,
            self.load_bytes,
            self.stores,
            self.store_bytes,
            self.bulk,
            self.grows,
        ]
        .map(Value::from)
    }
}

const SUMS: [&str; 6] = [
    "loads",
    "load_bytes",
    "stores",
    "store_bytes",
    "bulk",
    "grows",
];

impl Analysis for Memstats {
    fn wants_counts(&self, at: &Instrument<'_, '_, '_>) -> Result<Wanted> {
        let mut wanted = Wanted::nothing();
        for (index, (_, op)) in at.operators()?.iter().enumerate() {
            if Use::of(op).is_some() {
                wanted.add(&*at.cfg()?, index);
            }
        }
        Ok(wanted)
    }

    fn finish(&mut self, run: &Run<'_>) -> Findings {
        let columns = run.function_columns("func");
        let sums = SUMS.map(|name| Column::new(name, Kind::Count));
        let site = [
            Column::new("pc", Kind::Pc),
            Column::new("opcode", Kind::Text),
            Column::new("memory", Kind::Index),
            Column::new("width", Kind::Index),
            Column::new("count", Kind::Count),
        ];
        let by_function = [&columns[..], &sums].concat();
        let mut functions = Table::new("functions", by_function, Some("load_bytes"));
        let mut sites = Table::new("sites", [&columns[..], &site].concat(), Some("count"));
        for function in run.functions(self.zero) {
            let who = run.function_cells(&function);
            let mut sums = Sums::default();
            let mut any = false;
            for (index, (pc, op)) in function.operators().iter().enumerate() {
                let Some(used) = Use::of(op) else {
                    continue;
                };
                let counts = function.counts.as_ref();
                let count = counts.map_or(0, |counts| counts.completed(index));
                if count == 0 && !self.zero {
                    continue;
                }
                any = true;
                sums.add(&used, count);
                let width = match &used {
                    Use::Access(access) => access.width.into(),
                    Use::Bulk(_) | Use::Grow(_) => Value::Nothing,
                };
                let mut row = who.clone();
                row.extend([
                    pc.0.into(),
                    Opcode::of(op).mnemonic().into(),
                    used.memory().into(),
                    width,
                    count.into(),
                ]);
                sites.push(row);
            }
            if any {
                let mut row = who;
                row.extend(sums.cells());
                functions.push(row);
            }
        }
        let facts = SUMS.map(|name| Fact::new(name, Kind::Count, functions.sum(name)));
        Findings {
            facts: facts.into(),
            tables: vec![functions, sites],
            ..Findings::default()
        }
    }
}
