//! Each importer on a small file in its origin's layout.

use std::fs;
use std::path::{Path, PathBuf};

use probity_efficiency::Column;
use probity_efficiency::import::{Counts, ImportError, Options, Sink, formats};
use probity_efficiency::jsonl::Lines;
use probity_efficiency::result::SampleResult;
use probity_efficiency::sample::Sample;
use probity_efficiency::score::board::Board;
use probity_efficiency::score::{Bootstrap, Results, Settings, parse};
use probity_efficiency::task::{Checker, Entry, Role, Task, TestKind};
use serde_json::json;

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Dir {
        Dir(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

struct Imported {
    tasks: Vec<Task>,
    samples: Vec<Sample>,
    results: Vec<SampleResult>,
    counts: Counts,
    warnings: Vec<String>,
    out: PathBuf,
}

impl Imported {
    #[track_caller]
    fn warns(&self, parts: &[&str]) {
        for part in parts {
            let has = self.warnings.iter().any(|warning| warning.contains(part));
            assert!(has, "no {part:?} in {:#?}", self.warnings);
        }
        assert_eq!(self.warnings.len(), parts.len(), "{:#?}", self.warnings);
    }
}

fn lines<T: serde::de::DeserializeOwned>(path: &Path) -> Vec<T> {
    match path.exists() {
        true => Lines::open(path)
            .unwrap()
            .map(|line| line.unwrap().1)
            .collect(),
        false => Vec::new(),
    }
}

fn try_import(format: &str, dir: &Dir, inputs: &[PathBuf]) -> Result<Imported, ImportError> {
    let format = formats().iter().find(|known| known.name == format).unwrap();
    let out = dir.path("out");
    let mut sink = Sink::new(&out, false)?;
    format.import(inputs, &Options::default(), &mut sink)?;
    let (counts, warnings) = sink.finish()?;
    let imported = Imported {
        tasks: lines(&out.join("tasks.jsonl")),
        samples: lines(&out.join("samples.jsonl")),
        results: lines(&out.join("results.jsonl")),
        counts,
        warnings,
        out,
    };
    assert_eq!(imported.counts.tasks as usize, imported.tasks.len());
    assert_eq!(imported.counts.samples as usize, imported.samples.len());
    assert_eq!(imported.counts.results as usize, imported.results.len());
    Ok(imported)
}

fn import(format: &str, dir: &Dir, inputs: &[PathBuf]) -> Imported {
    try_import(format, dir, inputs).unwrap()
}

#[track_caller]
fn fails(format: &str, dir: &Dir, inputs: &[PathBuf], parts: &[&str]) {
    let Err(ImportError::Input(message)) = try_import(format, dir, inputs) else {
        panic!("it was imported");
    };
    for part in parts {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
    // Nothing half done is left.
    let left = fs::read_dir(dir.path("out")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn evalplus_problems_and_samples() {
    let dir = Dir::new();
    let problems = dir.put(
        "HumanEvalPlus.jsonl",
        json!({"task_id": "HumanEval/0", "prompt": "def f(x):\n", "entry_point": "f",
            "canonical_solution": "    return x + 1\n", "base_input": [[1], [2]], "plus_input": [[3]],
            "atol": 1e-6, "contract": "", "test": ""})
        .to_string()
            + "\n"
            + &json!({"task_id": "HumanEval/32", "prompt": "", "entry_point": "find_zero",
                "canonical_solution": "def find_zero(xs): return 0\n", "base_input": [[[1, 2]]], "plus_input": [],
                "atol": 0})
            .to_string(),
    );
    let perf = dir.put(
        "evalperf.jsonl",
        json!({"task_id": "Mbpp/3", "prompt": "p", "entry_point": "g", "reference": ["slow\n", "fast\n"],
            "scores": [40.0, 100.0], "pe_input": "[[100000]]"})
        .to_string(),
    );
    let samples = dir.put(
        "model-x_temp_0.8.jsonl",
        "{\"task_id\": \"HumanEval/0\", \"solution\": \"def f(x): return 2\"}\n\
         {\"task_id\": \"HumanEval/0\", \"completion\": \"    return 1\\n\", \"_identifier\": \"a\"}\n",
    );
    dir.put("model-y/HumanEval_0/0.py", "def f(x): return 3\n");
    dir.put("model-y/HumanEval_0/1.py", "def f(x): return 4\n");
    let inputs = [problems, perf, samples, dir.path("model-y")];
    let got = import("evalplus", &dir, &inputs);
    assert_eq!(got.tasks.len(), 3);
    let task = &got.tasks[0];
    assert_eq!(task.lang, "python");
    assert_eq!(task.entry, Entry::Func("f".to_owned()));
    assert_eq!(
        task.checker,
        Checker::Float {
            abs: 1e-6,
            rel: 1e-7
        }
    );
    let tests: Vec<(&str, String)> = task
        .tests
        .iter()
        .map(|test| (test.id.as_str(), json!(test.args).to_string()))
        .collect();
    let expected = [("base0", "[1]"), ("base1", "[2]"), ("plus0", "[3]")];
    assert_eq!(tests, expected.map(|(id, args)| (id, args.to_owned())));
    assert_eq!(task.references[0].source.0, "def f(x):\n    return x + 1\n");
    assert_eq!(task.references[0].role, Some(Role::Canonical));
    assert_eq!(got.tasks[1].checker, Checker::Exact);
    let perf = &got.tasks[2];
    assert_eq!(perf.tests[0].kind, TestKind::Stress);
    assert_eq!(perf.tests[0].args, [json!(100_000)]);
    assert_eq!(perf.references[1].source.0, "fast\n");
    let samples: Vec<(&str, u64, &str)> = got
        .samples
        .iter()
        .map(|s| {
            (
                s.model.as_deref().unwrap(),
                s.sample_id.unwrap(),
                s.task_id.as_str(),
            )
        })
        .collect();
    let expected = [
        ("model-x_temp_0.8", 0),
        ("model-x_temp_0.8", 1),
        ("model-y", 0),
        ("model-y", 1),
    ];
    assert_eq!(
        samples,
        expected.map(|(model, id)| (model, id, "HumanEval/0"))
    );
    assert_eq!(got.samples[1].completion.as_deref(), Some("    return 1\n"));
    assert_eq!(got.samples[1].solution, None);
    got.warns(&[
        "`find_zero` by a rule of its own",
        "tuples, sets",
        "scores are not part of tasks",
    ]);
}

#[test]
fn evalperf_results_score_as_there() {
    let dir = Dir::new();
    let reference = |score: f64, count: f64| json!({"solution": "s\n", "score": score, "_num_cpu_instructions": count});
    let sample = |pass: bool, count: Option<f64>, dps: Option<f64>, norm: Option<f64>| {
        json!({"solution": "x\n", "pass": pass, "matching_cluster_idx": null,
            "_num_cpu_instructions": count, "dps": dps, "dps_norm": norm})
    };
    let results = dir.put(
        "m1_evalperf_results.json",
        json!({"date": "2024-08-01 00:00", "n_samples": 3, "temperature": 1.0, "min_correct": 1, "eval": {
            "HumanEval/9": {"task_id": "HumanEval/9", "pass@1": 66.7, "dps": 65.0, "dps_norm": 75.0,
                "ref": [reference(30.0, 9e6), reference(100.0, 2e6)],
                "results": [
                    sample(true, Some(5e6), Some(30.0), Some(50.0)),
                    sample(false, None, None, None),
                    sample(true, Some(1.5e6), Some(100.0), Some(100.0)),
                ]},
        }})
        .to_string(),
    );
    let got = import("evalplus", &dir, &[results]);
    assert_eq!((got.results.len(), got.samples.len()), (5, 3));
    got.warns(&[]);
    let mut all = Results::new(Column::Instr);
    for result in got.results {
        all.add(result);
    }
    let settings = Settings {
        column: Column::Instr,
        ..Settings::default()
    };
    let metrics: Vec<_> = ["dps", "dps_norm", "pass@1"]
        .into_iter()
        .flat_map(|name| parse(name, &settings).unwrap())
        .collect();
    let board = Board::of_results(&all, None, &metrics, Column::Instr, Bootstrap::default());
    assert_eq!(board.rows[0].model, "m1");
    let values: Vec<f64> = board.rows[0]
        .cells
        .iter()
        .map(|cell| cell.value.unwrap())
        .collect();
    // What EvalPerf itself wrote: (30 + 100)/2 and (50 + 100)/2; 2 of 3 passed.
    assert_eq!(values[..2], [65.0, 75.0]);
    assert!((values[2] - 2.0 / 3.0).abs() < 1e-12);
}

#[test]
fn evalplus_results() {
    let dir = Dir::new();
    let sample = |base: &str, plus: Option<&str>| {
        json!({"task_id": "Mbpp/2", "solution": "x\n", "base_status": base, "plus_status": plus,
            "base_fail_tests": [], "plus_fail_tests": []})
    };
    let results = dir.put(
        "m_eval_results.json",
        json!({"date": "d", "hash": "h", "eval": {"Mbpp/2": [
            sample("pass", Some("pass")), sample("pass", Some("fail")), sample("timeout", None), sample("pass", None),
        ]}})
        .to_string(),
    );
    let got = import("evalplus", &dir, &[results]);
    let statuses: Vec<&str> = got
        .results
        .iter()
        .map(|result| result.status.name())
        .collect();
    assert_eq!(statuses, ["ok", "wrong", "wall", "ok"]);
    assert_eq!(got.results[1].tests[1].id, "plus");
    assert_eq!(got.results[0].model, "m");
}

#[test]
fn coffe_data_set_and_predictions() {
    let dir = Dir::new();
    let (file, function) = ("Add two numbers.\n```python\n", "def inc(x):");
    dir.put(
        "set/data.json",
        json!([{"final_prompt": file, "dataset": "codeparrot/apps"},
            {"final_prompt": function, "dataset": "openai_humaneval", "entry_point": "inc"}])
        .to_string(),
    );
    dir.put(
        "set/testcases.json",
        json!({file: [{"input": "1 2\n", "output": "3\n"}], function: [{"input": [1], "output": [2]}]}).to_string(),
    );
    dir.put(
        "set/stressful_testcases.json",
        json!({file: [{"input": ["9 9"], "output": null}], function: ["def generate_input(): return [1]"]}).to_string(),
    );
    dir.put(
        "set/best_solutions.json",
        json!({file: ["print(3)\n", "stdin"]}).to_string(),
    );
    dir.put(
        "set/solutions.json",
        json!({"prompt2groundtruth": {file: [["print(1+2)\n", "stdin"]]}, "prompt2io": {}})
            .to_string(),
    );
    let raw = dir.put(
        "GPT.json",
        json!({file: [["Sure:\n```python\nprint(4)\n```\n", "print(5)\n"], true], function: [[""], false]}).to_string(),
    );
    let solutions = dir.put(
        "Llama_SOLUTIONS.json",
        json!({file: [["print(6)\n", "stdin"], [-1, null]]}).to_string(),
    );
    let got = import("coffe", &dir, &[dir.path("set"), raw, solutions]);
    let task = &got.tasks[0];
    // The first 8 bytes of the SHA-256 of the prompt.
    assert_eq!(task.task_id.len(), "coffe/".len() + 16);
    assert_eq!(task.prompt, file);
    assert_eq!(task.tests[0].stdin, "1 2\n");
    assert_eq!(task.tests[0].expected, Some(json!("3\n")));
    assert_eq!(
        (task.tests[1].kind, task.tests[1].stdin.as_str()),
        (TestKind::Stress, "9 9")
    );
    assert_eq!(task.tests[1].expected, None);
    assert_eq!(task.references[0].role, Some(Role::Expert));
    assert_eq!(task.references[1].source.0, "print(1+2)\n");
    let inc = &got.tasks[1];
    assert_eq!(inc.entry, Entry::Func("inc".to_owned()));
    assert_eq!(
        (&inc.tests[0].args, &inc.tests[0].expected),
        (&vec![json!(1)], &Some(json!(2)))
    );
    let programs: Vec<(&str, &str)> = got
        .samples
        .iter()
        .map(|s| (s.model.as_deref().unwrap(), s.solution.as_deref().unwrap()))
        .collect();
    assert_eq!(
        programs,
        [
            ("GPT", "print(4)\n"),
            ("GPT", "print(5)\n"),
            ("Llama", "print(6)\n")
        ]
    );
    assert!(
        got.samples
            .iter()
            .all(|sample| sample.task_id == task.task_id)
    );
    got.warns(&[
        "a generator in Python",
        "gave no valid output",
        "raw outputs",
        "sample 1 of Llama is no program",
    ]);
}

#[test]
fn pie_pairs_with_test_cases() {
    let dir = Dir::new();
    for n in [0, 2, 10] {
        dir.put(&format!("cases/p00001/input.{n}.txt"), format!("{n}\n"));
        dir.put(
            &format!("cases/p00001/output.{n}.txt"),
            format!("{}\n", n + 1),
        );
    }
    let pairs = dir.put(
        "test.jsonl",
        json!({"problem_id": "p00001", "src_id": "s1", "tgt_id": "s2", "src_code": "int main(){}\n",
            "tgt_code": "int main(){return 0;}\n", "tests": [10, 2, 7], "src_agg_runtime": 1.5,
            "generated_answers": ["int a;\n", "int b;\n"]})
        .to_string()
            + "\n"
            + &json!({"problem_id": "p00001", "submission_id_v0": "v0", "submission_id_v1": "v1", "language": "Python",
                "input": "print(1)", "target": "print(2)", "generated_answers": "['not', \"json\"]"})
            .to_string()
            + "\n"
            + &json!({"problem_id": "p00002", "src_id": "a", "tgt_id": "b", "src_code": "x\n", "tgt_code": "y\n",
                "tests": [], "generated_answers": "one\n"})
            .to_string(),
    );
    let got = import("pie", &dir, &[pairs, dir.path("cases")]);
    let task = &got.tasks[0];
    assert_eq!(
        (task.task_id.as_str(), task.lang.as_str()),
        ("pie/p00001/s1-s2", "cpp")
    );
    assert_eq!(
        task.checker,
        Checker::Float {
            abs: 1e-3,
            rel: 0.0
        }
    );
    let ids: Vec<&str> = task.tests.iter().map(|test| test.id.as_str()).collect();
    assert_eq!(ids, ["10", "2"]);
    assert_eq!(task.tests[0].expected, Some(json!("11\n")));
    let roles: Vec<Option<Role>> = task.references.iter().map(|r| r.role).collect();
    assert_eq!(roles, [Some(Role::Base), Some(Role::Expert)]);
    let old = &got.tasks[1];
    assert_eq!(
        (old.task_id.as_str(), old.lang.as_str()),
        ("pie/p00001/v0-v1", "python")
    );
    assert_eq!(old.references[0].source.0, "print(1)\n");
    // All test cases, in their order.
    let ids: Vec<&str> = old.tests.iter().map(|test| test.id.as_str()).collect();
    assert_eq!(ids, ["0", "2", "10"]);
    let samples: Vec<(&str, u64)> = got
        .samples
        .iter()
        .map(|s| (s.solution.as_deref().unwrap(), s.sample_id.unwrap()))
        .collect();
    assert_eq!(samples, [("int a;\n", 0), ("int b;\n", 1), ("one\n", 0)]);
    got.warns(&[
        "test 7 is left out",
        "a list as Python writes it",
        "no test cases of p00002",
    ]);
}

#[test]
fn pie_problems_are_names() {
    let dir = Dir::new();
    let pairs = dir.put(
        "t.jsonl",
        json!({"problem_id": "../x", "src_code": "a\n"}).to_string(),
    );
    fails(
        "pie",
        &dir,
        &[pairs],
        &["t.jsonl", "line 1", "`../x` is no problem's name"],
    );
    fails("pie", &dir, &[dir.path(".")], &["no JSONL file"]);
}

#[test]
fn humaneval_x_in_cpp() {
    let dir = Dir::new();
    let problems = dir.put(
        "humaneval_cpp.jsonl",
        json!({"task_id": "CPP/0", "prompt": "#include<stdio.h>\n#include<vector>\nusing namespace std;\nbool f(int x){\n",
            "declaration": "bool f(int x){\n", "canonical_solution": "    return x > 0;\n}\n",
            "test": "#undef NDEBUG\n#include<assert.h>\nint main(){\n    assert (f(1)==true);\n}\n", "example_test": ""})
        .to_string(),
    );
    let generations = dir.put(
        "gen.jsonl",
        json!({"task_id": "CPP/0", "generation": "    return true;\n}\n"}).to_string()
            + "\n"
            + &json!({"task_id": "CPP/7", "generation": "x"}).to_string(),
    );
    let got = import("humaneval-x", &dir, &[problems, generations]);
    assert_eq!(got.tasks[0].entry, Entry::Stdio);
    assert_eq!(got.tasks[0].checker, Checker::Any);
    let program = got.samples[0].solution.as_deref().unwrap();
    // The origin's headers but those that the prompt has, then prompt, code and test.
    assert!(
        program.starts_with(
            "#include<stdlib.h>\n#include<algorithm>\n#include<math.h>\n#include<string>\n"
        ),
        "{program}"
    );
    let end = "using namespace std;\nbool f(int x){\n    return true;\n}\n\n#undef NDEBUG\n#include<assert.h>\nint main(){\n    assert (f(1)==true);\n}\n";
    assert!(program.ends_with(end), "{program}");
    let canonical = &got.tasks[0].references[0];
    assert!(canonical.source.0.contains("return x > 0;"));
    assert_eq!(canonical.role, Some(Role::Canonical));
    got.warns(&["CPP/7: its problem is in none of the inputs"]);
}

const RUST_PROMPT: &str = "fn main(){}\n\nuse std::{slice::Iter, cmp::{max, self}, mem::replace, collections::{HashSet, HashMap}, ops::Index};\nuse rand::Rng;\nuse regex::Regex;\nuse md5;\nuse std::any::{Any, TypeId};\n\n/* */\nfn f(x:i32) -> i32{\n";

#[test]
fn humaneval_x_in_rust() {
    let dir = Dir::new();
    let problem = json!({"task_id": "Rust/0", "prompt": RUST_PROMPT, "canonical_solution": "    x + 1\n}\n",
        "test": "#[cfg(test)]\nmod tests {\n    use super::*;\n\n    #[test]\n    fn test_f() {\n        assert_eq!(f(1), 2);\n    }\n\n}\n"});
    // As the repository has it: compressed.
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gz, problem.to_string().as_bytes()).unwrap();
    let problems = dir.put("humaneval_rust.jsonl.gz", gz.finish().unwrap());
    let generations = dir.put(
        "m.jsonl",
        json!({"task_id": "Rust/0", "generation": "    let _ = Regex::new(\"a\");\n    2\n}\n"})
            .to_string(),
    );
    let got = import("humaneval-x", &dir, &[problems, generations]);
    let program = &got.tasks[0].references[0].source.0;
    assert!(
        !program.contains("fn main(){}") && !program.contains("#["),
        "{program}"
    );
    assert!(
        !program.contains("use rand")
            && !program.contains("use regex")
            && !program.contains("use md5"),
        "{program}"
    );
    assert!(
        program.contains("mod tests {\n    use super::*;\n"),
        "{program}"
    );
    assert!(
        program.ends_with("fn main() {\n    tests::test_f();\n}\n"),
        "{program}"
    );
    // A crate that is used stays, so that it is the compiler that says so.
    assert!(
        got.samples[0]
            .solution
            .as_deref()
            .unwrap()
            .contains("use regex::Regex;")
    );
    got.warns(&["Rust/0: a program of it uses the crate regex"]);
}

#[test]
fn humaneval_x_in_go() {
    let dir = Dir::new();
    let problems = dir.put(
        "humaneval_go.jsonl",
        json!({"task_id": "Go/0", "prompt": "import (\n    \"math\"\n)\n\nfunc F(x float64) float64 {\n",
            "import": "import (\n    \"math\"\n)", "declaration": "",
            "canonical_solution": "    return math.Abs(x)\n}\n\n",
            "test_setup": "package main\n\nimport (\n    \"testing\"\n    \"github.com/stretchr/testify/assert\"\n)\n",
            "test": "func TestF(t *testing.T) {\n    assert := assert.New(t)\n    assert.Equal(1.0, F(-1))\n    assert.Panics(nil)\n}\n"})
        .to_string()
            + "\n"
            + &json!({"task_id": "Java/0", "prompt": "", "canonical_solution": "", "test": ""}).to_string(),
    );
    let got = import("humaneval-x", &dir, &[problems]);
    let program = &got.tasks[0].references[0].source.0;
    assert!(
        program.starts_with("package main\n\nimport (\n\t\"os\"\n\t\"reflect\"\n\t\"math\"\n)\n"),
        "{program}"
    );
    assert!(
        !program.contains("testify\"") && !program.contains("testing.T"),
        "{program}"
    );
    assert!(program.contains("func TestF(t *probityT) {"), "{program}");
    assert!(
        program.ends_with("func main() {\n\tTestF(&probityT{})\n}\n"),
        "{program}"
    );
    got.warns(&[
        "assert.Panics, which is not carried over",
        "Java/0: its language is not imported",
    ]);
}

const INFO: &str = "title = 'A + B'\ntimelimit = 2.0\nforum = ''\n\n[[tests]]\n    name = \"example.in\"\n    number = 2\n\
[[tests]]\n    name = \"random.cpp\"\n    number = 3\n[[tests]]\n    name = \"max.cpp\"\n    number = 2\n\n[[solutions]]\n    name = \"wa.cpp\"\n    wrong = true\n\
[[solutions]]\n    name = \"func.cpp\"\n    function = true\n\n[params]\nA_MAX = 1000\nNAME = \"ab\"\n";

#[test]
fn library_checker_problem() {
    let dir = Dir::new();
    dir.put("lib/common/random.h", "struct Random {};\n");
    dir.put("secret.h", "secret\n");
    dir.put("lib/sample/aplusb/info.toml", INFO);
    dir.put("lib/sample/aplusb/task.md", "## A + B\n");
    dir.put(
        "lib/sample/aplusb/checker.cpp",
        "#include \"testlib.h\"\nint main() {}\n",
    );
    dir.put("lib/sample/aplusb/gen/example_00.in", "1 2\n");
    dir.put("lib/sample/aplusb/gen/example_01.in", "3 4\n");
    dir.put("lib/sample/aplusb/out/example_00.out", "3\n");
    let gen_cpp = "#include <cstdio>\n#include \"random.h\"\n#include \"../params.h\"\n#include \"random.h\"\n#include \"../../../../secret.h\"\nint main() {}\n";
    dir.put("lib/sample/aplusb/gen/random.cpp", gen_cpp);
    dir.put("lib/sample/aplusb/gen/max.cpp", "int main() {}\n");
    dir.put(
        "lib/sample/aplusb/sol/correct.cpp",
        "#include \"../params.h\"\nint main() { return A_MAX; }\n",
    );
    dir.put("lib/sample/aplusb/sol/wa.cpp", "int main() { return 1; }\n");
    dir.put("lib/sample/aplusb/sol/func.cpp", "int f();\n");
    let got = import("library-checker", &dir, &[dir.path("lib/sample/aplusb")]);
    let task = &got.tasks[0];
    assert_eq!(
        (task.task_id.as_str(), task.lang.as_str()),
        ("library-checker/aplusb", "cpp")
    );
    assert_eq!(task.prompt, "## A + B\n");
    assert_eq!(task.checker, Checker::Tokens);
    let tests: Vec<(&str, &str)> = task
        .tests
        .iter()
        .map(|t| (t.id.as_str(), t.stdin.as_str()))
        .collect();
    assert_eq!(tests, [("example_00", "1 2\n"), ("example_01", "3 4\n")]);
    assert_eq!(task.tests[0].expected, Some(json!("3\n")));
    assert_eq!(task.tests[1].expected, None);
    let generator = task.generator.as_ref().unwrap();
    // A generator there is given the number of the case, which is our size.
    assert_eq!(generator.sizes, [0, 1, 2]);
    let program = fs::read_to_string(got.out.join(&generator.source)).unwrap();
    assert_eq!(
        program,
        "#include <cstdio>\nstruct Random {};\n#define A_MAX (long long)1000\n#define NAME \"ab\"\n#include \"../../../../secret.h\"\nint main() {}\n"
    );
    assert_eq!(task.references.len(), 1);
    assert_eq!(task.references[0].role, Some(Role::Canonical));
    assert!(task.references[0].source.0.starts_with("#define A_MAX"));
    assert_eq!(got.samples[0].model.as_deref(), Some("wa"));
    got.warns(&[
        "time limit of 2 s",
        "checker.cpp is not carried over",
        "no out/example_01.out",
        "includes \"../../../../secret.h\", which is not found",
        "2 tests of max.cpp are left out",
        "sol/func.cpp is a function for grader/",
    ]);
}

#[test]
fn library_checker_with_generated_tests_and_a_known_checker() {
    let dir = Dir::new();
    dir.put(
        "p/info.toml",
        "[[tests]]\nname = 'random.cpp'\nnumber = 1\n",
    );
    dir.put("p/in/random_00.in", "1\n");
    dir.put("p/out/random_00.out", "1.0\n");
    dir.put(
        "p/checker.cpp",
        "const double EPS = 1E-6;\nsetName(\"compare two sequences of doubles, maximal absolute or relative error = %.10f\", EPS);\n",
    );
    dir.put("p/sol/correct.cpp", "int main() {}\n");
    let got = import("library-checker", &dir, &[dir.path("p")]);
    assert_eq!(
        got.tasks[0].checker,
        Checker::Float {
            abs: 1e-6,
            rel: 1e-6
        }
    );
    assert_eq!(got.tasks[0].generator, None);
    assert_eq!(got.tasks[0].tests.len(), 1);
    got.warns(&[]);
}

#[test]
fn library_checker_names_stay_in_the_folder() {
    let dir = Dir::new();
    dir.put(
        "p/info.toml",
        "[[tests]]\nname = '../../x.cpp'\nnumber = 1\n",
    );
    fails(
        "library-checker",
        &dir,
        &[dir.path("p")],
        &["info.toml", "`../../x.cpp` is no file name"],
    );
}

#[test]
fn plain_folders() {
    let dir = Dir::new();
    dir.put("all/sum/a.cpp", "int main() {}\n");
    dir.put("all/sum/solutions/b.rs", "fn main() {}");
    dir.put("all/sum/solutions/c.wat", "(module)");
    dir.put("all/sum/README.md", "text\n");
    dir.put("all/sum/references/base.cpp", "int main() { }\n");
    dir.put("all/sum/tests/1.in", "1 2\n");
    dir.put("all/sum/tests/1.out", "3\n");
    dir.put("all/sum/tests/2.in", "5 6\n");
    dir.put("all/sum/tests/2.ans", "11\n");
    dir.put("all/sum/tests/stress-10.in", "7 8\n");
    dir.put("all/other/tests/1.in", "1\n");
    dir.put("all/other/x.py", "print(1)\n");
    let got = import("folders", &dir, &[dir.path("all")]);
    assert_eq!(got.tasks.len(), 2);
    let other = &got.tasks[0];
    assert_eq!(
        (
            other.task_id.as_str(),
            other.lang.as_str(),
            other.tests.len()
        ),
        ("other", "python", 0)
    );
    let task = &got.tasks[1];
    assert_eq!((task.task_id.as_str(), task.lang.as_str()), ("sum", "cpp"));
    let tests: Vec<(&str, TestKind, bool)> = task
        .tests
        .iter()
        .map(|test| (test.id.as_str(), test.kind, test.expected.is_some()))
        .collect();
    let (correct, stress) = (TestKind::Correct, TestKind::Stress);
    assert_eq!(
        tests,
        [
            ("1", correct, true),
            ("2", correct, true),
            ("stress-10", stress, false)
        ]
    );
    assert_eq!(task.references[0].role, Some(Role::Base));
    let samples: Vec<(&str, Option<&str>)> = got.samples[1..]
        .iter()
        .map(|sample| (sample.model.as_deref().unwrap(), sample.lang.as_deref()))
        .collect();
    assert_eq!(samples, [("a", None), ("b", Some("rust")), ("c", None)]);
    assert_eq!(got.samples[2].solution.as_deref(), Some("fn main() {}"));
    let module = got.samples[3].wasm.as_ref().unwrap();
    assert_eq!(fs::read(got.out.join(module)).unwrap(), b"(module)");
    got.warns(&["test 1 is left out", "README.md is no program"]);
}

#[test]
fn other_layouts_are_errors_that_name_the_place() {
    let dir = Dir::new();
    let broken = dir.put(
        "broken.jsonl",
        "{\"task_id\": \"a\", \"solution\": \"x\"}\n{\n",
    );
    fails(
        "evalplus",
        &dir,
        std::slice::from_ref(&broken),
        &["broken.jsonl, line 2"],
    );
    fails(
        "pie",
        &dir,
        std::slice::from_ref(&broken),
        &["broken.jsonl, line 1", "problem_id"],
    );
    fails(
        "coffe",
        &dir,
        std::slice::from_ref(&broken),
        &["broken.jsonl"],
    );
    let neither = dir.put("n.jsonl", "{\"task_id\": \"a\"}\n");
    fails(
        "evalplus",
        &dir,
        &[neither],
        &["n.jsonl", "line 1 has neither `solution`"],
    );
    fails(
        "library-checker",
        &dir,
        &[dir.path("none")],
        &["none/info.toml"],
    );
    fails("folders", &dir, &[dir.path("none")], &["none"]);
    fails(
        "humaneval-x",
        &dir,
        &[dir.path("none.jsonl.gz")],
        &["none.jsonl.gz"],
    );
    let not_gz = dir.put("x.jsonl.gz", "{}");
    fails("humaneval-x", &dir, &[not_gz], &["x.jsonl.gz"]);
}

#[test]
fn nothing_is_replaced_unasked() {
    let dir = Dir::new();
    let out = dir.path("out");
    dir.put("out/tasks.jsonl", "mine");
    let refused = Sink::new(&out, false).err().expect("an error");
    assert!(
        matches!(&refused, ImportError::Output(m) if m.contains("tasks.jsonl: it is there already")),
        "{refused}"
    );
    let folder = dir.path("p");
    dir.put("p/tests/1.in", "");
    dir.put("p/tests/1.out", "");
    let format = formats()
        .iter()
        .find(|known| known.name == "folders")
        .unwrap();
    let mut sink = Sink::new(&out, true).unwrap();
    format
        .import(&[folder], &Options::default(), &mut sink)
        .unwrap();
    // Until all is written the old file is there.
    assert_eq!(fs::read_to_string(out.join("tasks.jsonl")).unwrap(), "mine");
    sink.finish().unwrap();
    assert!(
        fs::read_to_string(out.join("tasks.jsonl"))
            .unwrap()
            .contains("\"task_id\":\"p\"")
    );
}

#[test]
fn mercury() {
    let dir = Dir::new();
    let problem = json!({"slug_name": "add", "prompt": "class Solution:\n", "entry_point": "add", "difficulty": "Easy",
        "test_cases": "[{\"input\": [1, [2]], \"expected\": 3}, {\"input\": 7, \"expected\": 3}]",
        "solutions": [{"solution": "class Solution:\n    pass\n", "runtime": "9ms"}]});
    let tree = json!({"slug_name": "tree", "entry_point": "f", "convert_offline": "lctk.binaryTree(case)"});
    let in_place = json!({"slug_name": "sort", "entry_point": "f", "evaluate_offline": "return inputs[0] == expected"});
    let problems = dir.put("problems.jsonl", format!("{problem}\n{tree}\n{in_place}\n"));
    let programs = json!({"add": [{"task_id": "add", "completion": "class Solution: pass"}, {"task_id": "add", "completion": "```python\nx = 1\n```"}]});
    let programs = dir.put("gpt_samples.json", programs.to_string());
    let found = import("mercury", &dir, &[problems, programs]);
    found.warns(&["tree: its arguments", "sort: its arguments", "add: test 1"]);
    let [task] = &found.tasks[..] else {
        panic!("{:?}", found.tasks);
    };
    assert_eq!((&*task.task_id, &*task.lang), ("mercury/add", "python"));
    assert_eq!(task.entry, Entry::Func("Solution.add".to_owned()));
    assert_eq!(task.tests.len(), 1);
    assert_eq!(
        (&task.tests[0].args, &task.tests[0].expected),
        (&vec![json!(1), json!([2])], &Some(json!(3)))
    );
    assert!(
        task.references[0]
            .source
            .0
            .ends_with("class Solution:\n    pass\n\n")
    );
    assert_eq!(found.samples.len(), 2);
    let second = &found.samples[1];
    assert_eq!(
        (second.model.as_deref(), second.sample_id),
        (Some("gpt"), Some(1))
    );
    assert!(second.solution.as_deref().unwrap().ends_with("\nx = 1\n\n"));
}

#[test]
fn effibench() {
    let dir = Dir::new();
    let problems = dir.put("dataset.json", json!([
        {"problem_idx": 3, "small_test_cases": "assert solution.f([1], 2) == 3", "canonical_solution": "```python\nclass Solution: pass\n```",
            "test_case": "solution = Solution()\nassert solution.f([4], 5) == 9\nassert solution.g(1) == 2\nassert solution.f(x) == 1\n"},
        {"problem_idx": "4", "test_case": "assert check(solution)"}]).to_string());
    let programs = dir.put(
        "gpt.json",
        json!([{"problem_idx": 3, "completion": "x"}]).to_string(),
    );
    let found = import("effibench", &dir, &[problems, programs]);
    found.warns(&[
        "effibench/3: 2 assertions",
        "effibench/4: 1 assertions",
        "effibench/4: it has no test",
    ]);
    let [task] = &found.tasks[..] else {
        panic!("{:?}", found.tasks);
    };
    assert_eq!(task.entry, Entry::Func("Solution.f".to_owned()));
    let kinds: Vec<_> = task
        .tests
        .iter()
        .map(|test| (&*test.id, test.kind))
        .collect();
    assert_eq!(
        kinds,
        [("small0", TestKind::Correct), ("t0", TestKind::Stress)].map(|(id, kind)| (id, kind))
    );
    assert_eq!(task.references[0].role, Some(Role::Canonical));
    assert_eq!(
        (
            &*found.samples[0].task_id,
            found.samples[0].model.as_deref()
        ),
        ("effibench/3", Some("gpt"))
    );
}
