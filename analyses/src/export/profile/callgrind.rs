//! Callgrind's format, for `callgrind_annotate` and KCachegrind
//! (<https://valgrind.org/docs/manual/cl-format.html>): the cost of each line of each function, and of what it calls.
//! Where the module does not say which lines its code is of, offsets in the module stand for lines, and the file is `???`, as it
//! is for valgrind where it does not know it. Modules are objects.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use super::{name, title};
use crate::export::one_line;
use crate::profile::data::{Function, Profile, Weight};

pub(in crate::export) fn write(profile: &Profile, out: &mut dyn io::Write) -> io::Result<()> {
    let event = match profile.weight {
        Weight::Instructions => "Ir",
        Weight::Cycles => "Cycles",
        Weight::Fuel => "Fuel",
        Weight::Time => "Nanoseconds",
        Weight::Allocs => "Allocs",
        Weight::Bytes => "Bytes",
    };
    writeln!(out, "# callgrind format\nversion: 1")?;
    writeln!(out, "creator: probity {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "cmd: {}", one_line(&title(profile)))?;
    writeln!(out, "positions: line\nevents: {event}")?;
    writeln!(out, "summary: {}", profile.total())?;
    let calls = calls(profile);
    let mut names = Names::default();
    let sums = profile.by_function();
    for (at, function) in (0..).zip(&profile.functions) {
        let home = home(function);
        let object = names.object(&object(profile, function));
        let file = names.file(&home);
        let named = names.function(at, function);
        writeln!(out, "\nob={object}\nfl={file}\nfn={named}")?;
        let mut lines: BTreeMap<(Arc<str>, u32), u64> = BTreeMap::new();
        for &(pc, weight) in &function.pcs {
            *lines.entry(place(function, &home, Some(pc))).or_default() += weight;
        }
        // Of the host's functions nothing is known within.
        if function.pcs.is_empty() {
            lines.insert((home.clone(), 0), sums[at as usize].own);
        }
        let of = calls.range((at, None, 0)..=(at, Some(u32::MAX), u32::MAX));
        let mut inside = home.clone();
        for ((file, line), weight) in lines {
            step_into(&mut inside, &file, &home, &mut names, out)?;
            writeln!(out, "{line} {weight}")?;
        }
        for (&(_, site, callee), call) in of {
            let (file, line) = place(function, &home, site);
            step_into(&mut inside, &file, &home, &mut names, out)?;
            let to = &profile.functions[callee as usize];
            let (to_file, to_line) = start(to, &self::home(to));
            let to_object = names.object(&self::object(profile, to));
            let to_file = names.file(&to_file);
            let to = names.function(callee, to);
            writeln!(out, "cob={to_object}\ncfi={to_file}\ncfn={to}")?;
            writeln!(
                out,
                "calls={} {to_line}\n{line} {}",
                call.count, call.weight
            )?;
        }
    }
    writeln!(out, "\ntotals: {}", profile.total())
}

/// Calls from one place to one function.
#[derive(Default, Clone, Copy)]
struct Calls {
    count: u64,
    /// With all that is called below; what recurs on the way is in it once.
    weight: u64,
    active: u32,
}

/// By caller, site and callee.
type Edge = (u32, Option<u32>, u32);

fn calls(profile: &Profile) -> BTreeMap<Edge, Calls> {
    let (totals, children) = (profile.totals(), profile.children());
    let edge = |at: u32| {
        let node = &profile.nodes[at as usize];
        let caller = &profile.nodes[node.parent as usize];
        (node.parent != 0).then_some((caller.function, node.site, node.function))
    };
    let mut calls: BTreeMap<Edge, Calls> = BTreeMap::new();
    // Each node twice: on the way down, and back.
    let mut stack = vec![(0, false)];
    while let Some((at, is_back)) = stack.pop() {
        if let Some(edge) = edge(at).filter(|_| at != 0) {
            let calls = calls.entry(edge).or_default();
            if is_back {
                calls.active -= 1;
                continue;
            }
            // Samples do not tell how many calls there were; one at least.
            calls.count += profile.nodes[at as usize].calls.max(1);
            calls.active += 1;
            if calls.active == 1 {
                calls.weight += totals[at as usize];
            }
        } else if is_back {
            continue;
        }
        stack.push((at, true));
        let below = children[at as usize].iter().rev();
        stack.extend(below.map(|&child| (child, false)));
    }
    calls
}

/// The module that a function is of.
fn object(profile: &Profile, function: &Function) -> Arc<str> {
    match function.module.map(|at| &profile.modules[at as usize]) {
        Some(module) => module.path.as_ref().unwrap_or(&module.name).clone(),
        None => "(host)".into(),
    }
}

/// The file that a function is of.
fn home(function: &Function) -> Arc<str> {
    let source = function.source.as_ref();
    source.map_or_else(|| "???".into(), |source| source.file.clone())
}

/// Where a function begins.
fn start(function: &Function, home: &Arc<str>) -> (Arc<str>, u32) {
    match &function.source {
        Some(source) => (source.file.clone(), source.line),
        None => (home.clone(), 0),
    }
}

/// File and line of an offset; 0 for a line that is not known. Without lines in the module they are the offset.
fn place(function: &Function, home: &Arc<str>, pc: Option<u32>) -> (Arc<str>, u32) {
    match pc {
        Some(pc) if function.places.is_empty() && function.source.is_none() => (home.clone(), pc),
        Some(pc) => match function.line(pc) {
            Some(line) => (line.file.clone(), line.line),
            None => (home.clone(), 0),
        },
        None => start(function, home),
    }
}

/// Costs of other files than the function's own are of what is inlined from there.
fn step_into(
    inside: &mut Arc<str>,
    file: &Arc<str>,
    home: &Arc<str>,
    names: &mut Names,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    if inside == file {
        return Ok(());
    }
    inside.clone_from(file);
    let key = if file == home { "fe" } else { "fi" };
    writeln!(out, "{key}={}", names.file(file))
}

/// Names are written once, with a number that stands for them from then on.
#[derive(Default)]
struct Names {
    objects: HashMap<Arc<str>, usize>,
    files: HashMap<Arc<str>, usize>,
    functions: HashMap<u32, usize>,
    /// Functions are told apart by their names alone, within a file.
    taken: HashMap<String, u32>,
}

impl Names {
    fn object(&mut self, object: &Arc<str>) -> String {
        numbered(&mut self.objects, object)
    }

    fn file(&mut self, file: &Arc<str>) -> String {
        numbered(&mut self.files, file)
    }

    fn function(&mut self, at: u32, function: &Function) -> String {
        let next = self.functions.len() + 1;
        if let Some(number) = self.functions.get(&at) {
            return format!("({number})");
        }
        self.functions.insert(at, next);
        let mut name = one_line(&name(function)).into_owned();
        let times = self.taken.entry(name.clone()).or_default();
        *times += 1;
        if let (2.., Some(index)) = (*times, function.index) {
            name += &format!(" [{index}]");
        }
        format!("({next}) {name}")
    }
}

/// The number of a name, with the name if it is new.
fn numbered(names: &mut HashMap<Arc<str>, usize>, name: &Arc<str>) -> String {
    let next = names.len() + 1;
    match names.get(name) {
        Some(number) => format!("({number})"),
        None => {
            names.insert(name.clone(), next);
            format!("({next}) {}", one_line(name))
        }
    }
}
