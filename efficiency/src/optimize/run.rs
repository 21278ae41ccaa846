//! The loop itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fmt, io};

use super::attempts::{Attempts, Explain, Explained, Judged, cost};
use super::extract::extract;
use super::generator::{GenerateError, Generator, Reply, Request};
use super::message::Message;
use super::prompt::{Failed, Standing, prompt};
use super::record::{AttemptRecord, BestSoFar, Decision, RECORD_SCHEMA};
use crate::result::SampleResult;
use crate::task::Task;

/// How long it goes on, and with what.
#[derive(Debug, Clone)]
pub struct Options {
    /// How often the generator is asked.
    pub rounds: u32,
    /// How many programs it is asked for each time.
    pub candidates: u32,
    /// Seed of the first round; each further one has the next number.
    pub seed: u64,
    /// Larger programs are not built, bytes.
    pub program_bytes: usize,
    /// So many candidates without a reply, one behind the other, end it.
    pub silent_candidates: u32,
    /// Set by whoever wants it to end: after the attempt that is under way.
    pub stop: Arc<AtomicBool>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            rounds: 5,
            candidates: 1,
            seed: 0,
            program_bytes: 1 << 20,
            silent_candidates: 3,
            stop: Arc::default(),
        }
    }
}

/// Why it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// All rounds are done.
    Rounds,
    /// The generator gives no replies any more.
    Generator(String),
    /// Somebody wanted it to.
    Stopped,
}

/// The best program.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// Its attempt.
    pub attempt: u64,
    /// Its round; 0 is the program to start from.
    pub round: u32,
    /// Its text.
    pub program: String,
    /// Its cost, by [`crate::Column::DEFAULT`].
    pub cost: u64,
    /// What came of it.
    pub result: SampleResult,
}

/// What came of it all.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The cheapest correct program, the first of those that cost the same. `None` if none was correct.
    pub best: Option<Best>,
    /// Cost of the program to start from, if it was correct.
    pub start_cost: Option<u64>,
    /// Attempts, the program to start from included.
    pub attempts: u64,
    /// Why it ended.
    pub ended: Ended,
}

/// An attempt that could not be recorded: the loop does not go on without its record.
#[derive(Debug)]
pub struct OptimizeError(io::Error);

impl fmt::Display for OptimizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to record an attempt: {}", self.0)
    }
}

impl std::error::Error for OptimizeError {}

/// Who takes part.
pub struct Parts<'a> {
    /// Writes programs.
    pub generator: &'a mut dyn Generator,
    /// Judges them.
    pub attempts: &'a mut dyn Attempts,
    /// Explains what came of them.
    pub explain: &'a dyn Explain,
    /// Is given every attempt, before the next one begins.
    pub record: &'a mut dyn FnMut(&AttemptRecord) -> io::Result<()>,
}

/// Improves the program `start` of `task`.
///
/// # Errors
/// If an attempt cannot be recorded.
pub fn optimize(
    task: &Task,
    start: &str,
    options: &Options,
    parts: Parts<'_>,
) -> Result<Outcome, OptimizeError> {
    let mut run = Run {
        task,
        options,
        parts,
        next: 0,
        best: None,
        known: HashMap::new(),
        standing: (start.to_owned(), String::new()),
    };
    let mut attempt = run.blank(0, 0, Vec::new());
    run.judge(&mut attempt, start.to_owned());
    run.standing.1.clone_from(&attempt.feedback);
    let start_cost = run.best.as_ref().map(|best| best.cost);
    run.finish(attempt)?;
    let ended = run.rounds()?;
    Ok(Outcome {
        best: run.best,
        start_cost,
        attempts: run.next,
        ended,
    })
}

struct Run<'a, 'p> {
    task: &'a Task,
    options: &'a Options,
    parts: Parts<'p>,
    /// Number of the next attempt.
    next: u64,
    best: Option<Best>,
    /// The attempt and the result of each program.
    known: HashMap<String, (u64, Judged)>,
    /// The program that the next prompt shows, with its feedback.
    standing: (String, String),
}

impl Run<'_, '_> {
    fn rounds(&mut self) -> Result<Ended, OptimizeError> {
        let mut failed = Vec::new();
        let mut silent = 0;
        for round in 1..=self.options.rounds {
            let messages = prompt(
                self.task,
                &Standing {
                    program: &self.standing.0,
                    feedback: &self.standing.1,
                    correct: self.best.is_some(),
                    failed: &failed,
                },
            );
            failed.clear();
            for candidate in 0..self.options.candidates {
                if self.options.stop.load(Ordering::Relaxed) {
                    return Ok(Ended::Stopped);
                }
                let mut attempt = self.blank(round, candidate, messages.clone());
                let reply = self.parts.generator.generate(&Request {
                    round,
                    candidate,
                    candidates: self.options.candidates,
                    messages: &messages,
                    seed: attempt.seed,
                });
                silent = if reply.is_ok() { 0 } else { silent + 1 };
                match reply {
                    Ok(reply) => self.read(&mut attempt, reply),
                    Err(_) if self.options.stop.load(Ordering::Relaxed) => {
                        return Ok(Ended::Stopped);
                    }
                    Err(error) => no_reply(&mut attempt, &error),
                }
                let last_words = attempt.error.clone();
                let is_final = attempt.error_is_final;
                if attempt.reply.is_some() && attempt.decision != Decision::Best {
                    failed.push(failure(&attempt));
                }
                self.finish(attempt)?;
                if let Some(error) = last_words
                    && (is_final || silent >= self.options.silent_candidates)
                {
                    return Ok(Ended::Generator(error));
                }
            }
        }
        Ok(Ended::Rounds)
    }

    fn blank(&self, round: u32, candidate: u32, prompt: Vec<Message>) -> AttemptRecord {
        AttemptRecord {
            schema: RECORD_SCHEMA,
            task_id: self.task.task_id.clone(),
            attempt: self.next,
            round,
            candidate,
            seed: self
                .options
                .seed
                .wrapping_add(u64::from(round.saturating_sub(1))),
            prompt,
            reply: None,
            error: None,
            error_is_final: false,
            program: None,
            duplicate_of: None,
            build_log: String::new(),
            result: None,
            feedback: String::new(),
            decision: Decision::NoReply,
            best: None,
            usage: None,
        }
    }

    fn read(&mut self, attempt: &mut AttemptRecord, reply: Reply) {
        attempt.usage = reply.usage;
        let program = extract(&reply.text, &self.task.lang);
        attempt.reply = Some(reply.text);
        attempt.decision = Decision::NoProgram;
        match program {
            None => "The reply has no program.".clone_into(&mut attempt.feedback),
            Some(program) if program.len() > self.options.program_bytes => {
                attempt.feedback = format!(
                    "The program has {} bytes; {} are allowed.",
                    program.len(),
                    self.options.program_bytes
                );
            }
            Some(program) => self.judge(attempt, program),
        }
    }

    /// Has a program judged, unless it was before, and explained.
    fn judge(&mut self, attempt: &mut AttemptRecord, program: String) {
        let known = self.known.get(&program);
        attempt.duplicate_of = known.map(|(earlier, _)| *earlier);
        let judged = match known {
            Some((_, judged)) => judged.clone(),
            None => {
                let judged = self.parts.attempts.attempt(attempt.attempt, &program);
                self.known
                    .insert(program.clone(), (attempt.attempt, judged.clone()));
                judged
            }
        };
        attempt.feedback = self.parts.explain.explain(&Explained {
            program: &program,
            result: &judged.result,
            previous: self.best.as_ref().map(|best| &best.result),
        });
        let cost = cost(&judged.result);
        attempt.decision = match (cost, &self.best) {
            _ if attempt.duplicate_of.is_some() => Decision::Duplicate,
            (None, _) => Decision::Failed,
            (Some(cost), Some(best)) if cost >= best.cost => Decision::NotFaster,
            (Some(_), _) => Decision::Best,
        };
        if let (Decision::Best, Some(cost)) = (attempt.decision, cost) {
            self.best = Some(Best {
                attempt: attempt.attempt,
                round: attempt.round,
                program: program.clone(),
                cost,
                result: judged.result.clone(),
            });
            self.standing = (program.clone(), attempt.feedback.clone());
        }
        attempt.build_log = judged.build_log;
        attempt.result = Some(judged.result);
        attempt.program = Some(program);
    }

    fn finish(&mut self, mut attempt: AttemptRecord) -> Result<(), OptimizeError> {
        attempt.best = self.best.as_ref().map(|best| BestSoFar {
            attempt: best.attempt,
            cost: best.cost,
        });
        self.next += 1;
        (self.parts.record)(&attempt).map_err(OptimizeError)
    }
}

fn no_reply(attempt: &mut AttemptRecord, error: &GenerateError) {
    attempt.error = Some(error.to_string());
    attempt.error_is_final = error.is_final();
}

/// What the next prompt says of an attempt that was not better.
fn failure(attempt: &AttemptRecord) -> Failed {
    let status = attempt.result.as_ref().map(|result| result.status);
    let what = match (attempt.decision, status) {
        (Decision::NotFaster, _) => "Right, but no cheaper".to_owned(),
        (Decision::Duplicate, _) => "A program that was tried before".to_owned(),
        (Decision::NoProgram, _) | (_, None) => "No program".to_owned(),
        (_, Some(status)) => format!("Failed: {status}"),
    };
    Failed {
        what,
        program: attempt.program.clone(),
        feedback: attempt.feedback.clone(),
    }
}
