//! The file that cachegrind writes, for `cg_annotate` and what else reads it (valgrind's manual, 5.8): events by file, function and
//! line. There are no events of a cache of instructions, see [`crate::cache`]. Where the module does not say which
//! lines its code is of, the file is `???`, as it is for valgrind, and offsets in the module stand for lines.

use std::collections::{BTreeMap, HashMap};
use std::io;

use probity_probes::demangle::demangle;

use super::one_line;
use crate::cache::data::{CacheData, Costs};

/// The names of [`Costs::events`].
const EVENTS: &str = "Ir Dr D1mr DLmr Dw D1mw DLmw Bc Bcm Bi Bim";

pub(super) fn write(data: &CacheData, out: &mut dyn io::Write) -> io::Result<()> {
    let [d1, ll] = &data.caches;
    writeln!(out, "desc: D1 cache:         {d1}")?;
    writeln!(out, "desc: LL cache:         {ll}")?;
    let modules: Vec<&str> = data.modules.iter().map(|module| &**module).collect();
    writeln!(out, "cmd: {}", one_line(&modules.join(" ")))?;
    writeln!(out, "events: {EVENTS}")?;
    let mut total = Costs::default();
    let mut taken: HashMap<String, u32> = HashMap::new();
    for function in &data.functions {
        // Functions are told apart by their names alone.
        let name = demangle(&function.name).unwrap_or_else(|| function.name.to_string());
        let mut name = one_line(&name).into_owned();
        let times = taken.entry(name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            name += &format!(" [{}:{}]", function.module, function.index);
        }
        let mut files: BTreeMap<&str, Vec<(u32, &Costs)>> = BTreeMap::new();
        for line in &function.lines {
            let file = line.file.as_deref().unwrap_or("???");
            let lines = files.entry(file).or_default();
            lines.push((line.line, &line.costs));
            total += &line.costs;
        }
        for (file, lines) in files {
            writeln!(out, "fl={}\nfn={name}", one_line(file))?;
            for (line, costs) in lines {
                writeln!(out, "{line} {}", numbers(costs))?;
            }
        }
    }
    writeln!(out, "summary: {}", numbers(&total))
}

fn numbers(costs: &Costs) -> String {
    costs.events().map(|count| count.to_string()).join(" ")
}
