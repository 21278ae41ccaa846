//! Thousands of samples in one command: in parallel, with every result kept as soon as there is one.

mod journal;
mod store;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use crate::Status;
use crate::jsonl::{LineError, Lines};
use crate::judge::Judge;
use crate::sample::Sample;
use crate::task::Tasks;

pub use journal::JournalError;
use journal::{Journal, Key};
use store::PreparedTasks;

/// What is measured, and where results go.
pub struct Batch<'a> {
    /// Builds and runs.
    pub judge: &'a Judge,
    /// What samples refer to.
    pub tasks: &'a Tasks,
    /// The results file: complete lines at every moment, and in the order of the input at the end.
    pub out: &'a Path,
    /// Whether the file has results already, which are kept.
    pub resume: bool,
    /// Samples that are judged at once.
    pub jobs: usize,
    /// What generators are given instead of the tasks' own seeds.
    pub seed: Option<u64>,
    /// Set by others: no more samples are begun.
    pub stop: &'a AtomicBool,
}

/// How far a batch is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Samples whose results are there, those of earlier runs included.
    pub done: u64,
    /// Samples that were read.
    pub read: u64,
}

/// What came of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Samples by status.
    pub statuses: Vec<(Status, u64)>,
    /// Samples whose results were there before.
    pub resumed: u64,
    /// Samples that have the module of another one, and its result.
    pub duplicates: u64,
    /// Whether it was stopped before all samples were judged.
    pub stopped: bool,
}

impl Summary {
    /// Samples with this status.
    pub fn count(&self, status: Status) -> u64 {
        let found = self.statuses.iter().find(|(known, _)| *known == status);
        found.map_or(0, |(_, count)| *count)
    }

    /// All samples.
    pub fn samples(&self) -> u64 {
        self.statuses.iter().map(|(_, count)| count).sum()
    }
}

/// Why a batch did not get to its end.
#[derive(Debug)]
pub enum BatchError {
    /// The samples are not what they should be.
    Samples(LineError),
    /// The results cannot be kept.
    Results(JournalError),
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchError::Samples(error) => error.fmt(f),
            BatchError::Results(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BatchError {}

impl From<LineError> for BatchError {
    fn from(error: LineError) -> BatchError {
        BatchError::Samples(error)
    }
}

impl From<JournalError> for BatchError {
    fn from(error: JournalError) -> BatchError {
        BatchError::Results(error)
    }
}

/// A sample that is to be judged.
struct Job {
    /// Its position among the samples, from 1.
    order: u64,
    sample: Sample,
}

impl Batch<'_> {
    /// Judges every sample of a file, and every reference of the tasks that they are for. `tell` hears of progress.
    ///
    /// # Errors
    /// If the samples are no samples, or name no task, or the results cannot be written. What was measured by then is in the file.
    pub fn run(
        &self,
        samples: &Path,
        tell: &(dyn Fn(Progress) + Sync),
    ) -> Result<Summary, BatchError> {
        let journal = Mutex::new(Journal::open(self.out, self.resume)?);
        let tasks = PreparedTasks::new(self);
        let (sender, receiver) = mpsc::sync_channel::<Job>(self.jobs.max(1) * 2);
        let receiver = Mutex::new(receiver);
        let problem: Mutex<Option<BatchError>> = Mutex::new(None);
        let failed = AtomicBool::new(false);
        let (done, read) = (AtomicU64::new(0), AtomicU64::new(0));
        let told = || {
            tell(Progress {
                done: done.load(Ordering::Relaxed),
                read: read.load(Ordering::Relaxed),
            });
        };
        let fail = |error: BatchError| {
            let mut problem = problem.lock().unwrap_or_else(PoisonError::into_inner);
            problem.get_or_insert(error);
            failed.store(true, Ordering::SeqCst);
        };
        let halted = || failed.load(Ordering::SeqCst) || self.stop.load(Ordering::SeqCst);
        let dir = samples.parent().unwrap_or(Path::new(""));
        let work = || {
            loop {
                let job = {
                    let receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
                    receiver.recv()
                };
                let Ok(job) = job else {
                    return;
                };
                if halted() {
                    // The reader waits for room.
                    continue;
                }
                if let Err(error) = self.one(&tasks, &journal, &job, dir) {
                    fail(error);
                }
                done.fetch_add(1, Ordering::Relaxed);
                told();
            }
        };
        let mut resumed = 0;
        let result = thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs.max(1)).map(|_| scope.spawn(work)).collect();
            let result = self.read(samples, |job| {
                read.fetch_add(1, Ordering::Relaxed);
                let known = lock(&journal).order_of(&Key::of_sample(&job.sample), job.order);
                if known {
                    resumed += 1;
                    done.fetch_add(1, Ordering::Relaxed);
                    told();
                    return true;
                }
                !halted() && sender.send(job).is_ok()
            });
            drop(sender);
            for worker in workers {
                if let Err(panic) = worker.join() {
                    std::panic::resume_unwind(panic);
                }
            }
            result
        });
        // References of tasks that all samples of were there already are in the file, too.
        let error = problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let stopped = result? || error.is_some();
        if let Some(error) = error {
            return Err(error);
        }
        let mut journal = journal.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !stopped {
            journal.sort()?;
        }
        Ok(Summary {
            statuses: journal.statuses(),
            resumed,
            duplicates: journal.duplicates(),
            stopped,
        })
    }

    /// Hands the samples of a file on, with all that they leave out, until somebody has enough; whether somebody had.
    fn read(&self, path: &Path, mut take: impl FnMut(Job) -> bool) -> Result<bool, LineError> {
        let mut next: HashMap<(String, String), u64> = HashMap::new();
        let mut seen = std::collections::HashSet::new();
        for (order, line) in (1..).zip(Lines::<Sample>::open(path)?) {
            let (line, mut sample) = line?;
            let about = |message: String| LineError::of_line(path, line, message);
            if self.tasks.get(&sample.task_id).is_none() {
                return Err(about(format!("there is no task `{}`", sample.task_id)));
            }
            let model = sample.model.clone().unwrap_or_default();
            let next = next.entry((sample.task_id.clone(), model)).or_default();
            let id = *sample.sample_id.get_or_insert(*next);
            *next = (*next).max(id) + 1;
            if !seen.insert(Key::of_sample(&sample)) {
                return Err(about(format!(
                    "there is another sample {id} of this model for task `{}` before it",
                    sample.task_id
                )));
            }
            if !take(Job { order, sample }) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Judges a sample, and keeps what came of it.
    fn one(
        &self,
        tasks: &PreparedTasks<'_>,
        journal: &Mutex<Journal>,
        job: &Job,
        dir: &Path,
    ) -> Result<(), BatchError> {
        let sample = &job.sample;
        let Some(task) = self.tasks.get(&sample.task_id) else {
            return Ok(());
        };
        let prepared = match tasks.get(task, journal)? {
            Ok(prepared) => prepared,
            Err(message) => {
                let error = crate::toolchain::BuildError::Internal(message);
                let result = crate::judge::signed(self.judge.not_built(task, &error), sample);
                return Ok(lock(journal).add(&result, job.order)?);
            }
        };
        let built = match self.judge.build_sample(task, sample, dir) {
            Ok(built) => built,
            Err(error) => {
                let result = crate::judge::signed(self.judge.not_built(task, &error), sample);
                return Ok(lock(journal).add(&result, job.order)?);
            }
        };
        let twin = lock(journal).same_module(&sample.task_id, &built.sha256)?;
        let result = match twin {
            Some(result) => result,
            None => {
                let source = crate::judge::source_of(task, sample, dir).ok();
                self.judge
                    .judge_module(&prepared, &built, source.as_deref())
            }
        };
        Ok(lock(journal).add(&crate::judge::signed(result, sample), job.order)?)
    }
}

/// A panic elsewhere leaves whole lines behind.
fn lock(journal: &Mutex<Journal>) -> std::sync::MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}
