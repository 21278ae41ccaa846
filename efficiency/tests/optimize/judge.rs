//! A judge that reads what a program costs in the program, and a generator that reads its replies from a list.

use std::io;

use probity_efficiency::Status;
use probity_efficiency::optimize::{
    AttemptRecord, Attempts, Explained, GenerateError, Generator, Judged, Message, Options,
    Outcome, Parts, Reply, Request, optimize,
};
use probity_efficiency::result::{COUNT_RULE, Cost, SCHEMA, SampleResult, TestResult};
use probity_efficiency::task::{Task, TestKind};

/// A task whose programs are in `toy`.
pub fn task() -> Task {
    serde_json::from_str(
        r#"{"task_id":"t","lang":"toy","prompt":"Print the sum.",
            "tests":[{"id":"t0","stdin":"1 2","expected":"3"}]}"#,
    )
    .expect("a task")
}

/// `cost N` costs N; `endless` runs out of fuel, `broken` is not compiled, everything else is wrong.
#[derive(Default)]
pub struct Fake {
    /// What was judged.
    pub programs: Vec<String>,
}

impl Attempts for Fake {
    fn attempt(&mut self, number: u64, program: &str) -> Judged {
        self.programs.push(program.to_owned());
        let cost: Option<u64> = program
            .trim()
            .strip_prefix("cost ")
            .and_then(|n| n.parse().ok());
        let (status, build_log) = match (cost, program.trim()) {
            (Some(_), _) => (Status::Ok, ""),
            (None, "endless") => (Status::Fuel, ""),
            (None, "broken") => (Status::CompileError, "1: no such thing"),
            (None, _) => (Status::Wrong, ""),
        };
        let test = |id: &str, kind, fuel| TestResult {
            id: id.to_owned(),
            kind,
            pass: true,
            cost: Cost {
                fuel: Some(fuel),
                wall_ns: Some(17),
                ..Cost::default()
            },
            ..TestResult::default()
        };
        // What the test that is no stress costs does not count.
        let tests = match cost {
            Some(cost) => vec![
                test("t0", TestKind::Correct, 1_000_000),
                test("s0", TestKind::Stress, cost - cost / 3),
                test("s1", TestKind::Stress, cost / 3),
            ],
            None => Vec::new(),
        };
        Judged {
            result: result(number, status, tests),
            build_log: build_log.to_owned(),
        }
    }
}

pub fn result(number: u64, status: Status, tests: Vec<TestResult>) -> SampleResult {
    SampleResult {
        schema: SCHEMA,
        task_id: "t".to_owned(),
        sample_id: number,
        model: String::new(),
        reference: None,
        role: None,
        wasm_sha256: String::new(),
        toolchain: String::new(),
        engine: String::new(),
        count_rule: COUNT_RULE.to_owned(),
        status,
        message: None,
        wasm_bytes: None,
        seed: None,
        tests,
        hot: None,
        coverage: None,
        complexity: None,
        scores: Default::default(),
        flags: Vec::new(),
    }
}

/// What is made of a result: its status, and that of the best one before.
pub fn explain(what: &Explained<'_>) -> String {
    match what.previous {
        None => format!("{}, the first one", what.result.status),
        Some(previous) => format!(
            "{}, best is attempt {}",
            what.result.status, previous.sample_id
        ),
    }
}

/// Says one thing after the other, then that it has nothing more to say.
pub struct Says {
    pub replies: std::vec::IntoIter<Result<Reply, GenerateError>>,
    /// What it was asked: round, candidate, seed, messages.
    pub asked: Vec<(u32, u32, u64, Vec<Message>)>,
}

impl Says {
    pub fn texts(texts: &[&str]) -> Says {
        Says::of(texts.iter().map(|text| Ok(reply(text))).collect())
    }

    pub fn of(replies: Vec<Result<Reply, GenerateError>>) -> Says {
        Says {
            replies: replies.into_iter(),
            asked: Vec::new(),
        }
    }
}

pub fn reply(text: &str) -> Reply {
    Reply {
        text: text.to_owned(),
        usage: None,
    }
}

impl Generator for Says {
    fn generate(&mut self, request: &Request<'_>) -> Result<Reply, GenerateError> {
        let asked = (
            request.round,
            request.candidate,
            request.seed,
            request.messages.to_vec(),
        );
        self.asked.push(asked);
        let next = self.replies.next();
        next.unwrap_or_else(|| Err(GenerateError::always("nothing more to say")))
    }
}

/// Runs the loop from a program of cost 900.
pub fn run(generator: &mut dyn Generator, options: &Options) -> (Outcome, Vec<AttemptRecord>) {
    let mut records = Vec::new();
    let outcome = run_from("cost 900", generator, options, &mut |record| {
        records.push(record.clone());
        Ok(())
    });
    (outcome, records)
}

pub fn run_from(
    start: &str,
    generator: &mut dyn Generator,
    options: &Options,
    record: &mut dyn FnMut(&AttemptRecord) -> io::Result<()>,
) -> Outcome {
    let parts = Parts {
        generator,
        attempts: &mut Fake::default(),
        explain: &explain,
        record,
    };
    optimize(&task(), start, options, parts).expect("every attempt is recorded")
}
