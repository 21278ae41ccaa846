//! Thousands of samples in one command: in parallel, with every result kept as soon as there is one.

mod journal;
mod line_file;
mod outputs;
mod store;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use crate::Status;
use crate::jsonl::{LineError, Lines};
use crate::judge::Judge;
use crate::result::SampleResult;
use crate::sample::Sample;
use crate::task::Tasks;
use crate::toolchain::{BuildError, Built};

use journal::{Journal, Key};
pub use line_file::JournalError;
use outputs::{OutputsFile, Spool};
use store::PreparedTasks;

/// What is measured, and where results go.
pub struct Batch<'a> {
    /// Builds and runs.
    pub judge: &'a Judge,
    /// What samples refer to.
    pub tasks: &'a Tasks,
    /// The results file: complete lines at every moment, and in the order of the input at the end.
    pub out: &'a Path,
    /// Where what samples print goes, if it is wanted: lines that the metric `rerank@k` reads, whose `input` is the name of the
    /// test. A sample that did not come to its end has the output `null`.
    pub outputs: Option<&'a Path>,
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

/// The files that are written.
struct Files {
    journal: Mutex<Journal>,
    outputs: Option<Mutex<OutputsFile>>,
}

impl Files {
    fn open(batch: &Batch<'_>) -> Result<Files, JournalError> {
        // First, so that it refuses before anything is lost.
        let outputs = batch
            .outputs
            .map(|path| OutputsFile::open(path, batch.resume))
            .transpose()?;
        let seed_of = |task: &str| {
            let generator = batch.tasks.get(task)?.generator.as_ref()?;
            Some(batch.seed.unwrap_or(generator.seed))
        };
        Ok(Files {
            journal: Mutex::new(Journal::open(batch.out, batch.resume, seed_of)?),
            outputs: outputs.map(Mutex::new),
        })
    }

    /// Whether everything that is wanted of a sample is there; its place in the order is known from now on.
    fn has(&self, job: &Job) -> bool {
        let key = Key::of_sample(&job.sample);
        let has_result = lock(&self.journal).order_of(&key, job.order);
        let outputs = self.outputs.as_ref();
        has_result && outputs.is_none_or(|outputs| lock(outputs).has(&key))
    }

    /// Keeps what came of a sample: its outputs first, for a sample is done when it has a result.
    fn add(
        &self,
        result: SampleResult,
        job: &Job,
        spool: impl FnOnce() -> io::Result<Spool>,
    ) -> Result<(), JournalError> {
        if let Some(outputs) = &self.outputs {
            let spool = spool().map_err(|e| JournalError::of_spool(&e))?;
            lock(outputs).add(Key::of_sample(&job.sample), spool)?;
        }
        let result = crate::judge::signed(result, &job.sample);
        lock(&self.journal).add(&result, job.order)
    }

    /// Puts everything into the order of the samples.
    fn sort(&self) -> Result<(), JournalError> {
        let journal = lock(&self.journal);
        if let Some(outputs) = &self.outputs {
            lock(outputs).sort(|key| journal.position(key))?;
        }
        journal.sort()
    }
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
        let files = Files::open(self)?;
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
                if let Err(error) = self.one(&tasks, &files, &job, dir) {
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
                if files.has(&job) {
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
        if !stopped {
            files.sort()?;
        }
        let journal = lock(&files.journal);
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
        files: &Files,
        job: &Job,
        dir: &Path,
    ) -> Result<(), BatchError> {
        let sample = &job.sample;
        let Some(task) = self.tasks.get(&sample.task_id) else {
            return Ok(());
        };
        let prepared = match tasks.get(task, &files.journal)? {
            Ok(prepared) => prepared,
            Err(error) => {
                let message = error.to_string();
                let error = match error.is_unsupported() {
                    true => BuildError::Unsupported(message),
                    false => BuildError::Internal(message),
                };
                let result = self.judge.not_built(task, &error);
                return Ok(files.add(result, job, || Spool::of_none(sample, None))?);
            }
        };
        let built = match self.judge.build_sample(task, sample, dir) {
            Ok(built) => built,
            Err(error) => {
                let result = self.judge.not_built(task, &error);
                return Ok(files.add(result, job, || Spool::of_none(sample, Some(&prepared)))?);
            }
        };
        let source = crate::judge::source_of(task, sample, dir).ok();
        if self.take_same(files, job, &built, source.as_deref())? {
            return Ok(());
        }
        let mut spool = Ok(Spool::new(sample));
        let mut heard = 0;
        let mut hear = |index: usize, output: Option<&str>| {
            heard = index + 1;
            if files.outputs.is_some()
                && let Ok(lines) = &mut spool
                && let Err(error) = lines.write(&prepared.tests[index].id, output)
            {
                spool = Err(error);
            }
        };
        let judged = AssertUnwindSafe(|| {
            self.judge
                .judge_heard(&prepared, &built, source.as_deref(), &mut hear)
        });
        // An error of ours with one program must not take the others with it.
        let result = catch_unwind(judged).unwrap_or_else(|_| {
            let message = "the judge panicked; what it said is on stderr";
            let mut result = self
                .judge
                .not_built(task, &BuildError::Internal(message.to_owned()));
            result.wasm_sha256.clone_from(&built.sha256);
            result
        });
        let filled = || {
            spool.and_then(|mut spool| {
                spool.fill(&prepared, heard)?;
                Ok(spool)
            })
        };
        Ok(files.add(result, job, filled)?)
    }

    /// Gives a sample the result of another one with the same module, if there is one.
    fn take_same(
        &self,
        files: &Files,
        job: &Job,
        built: &Built,
        source: Option<&str>,
    ) -> Result<bool, JournalError> {
        let same = lock(&files.journal).same_module(&job.sample.task_id, &built.sha256)?;
        let Some((key, mut result)) = same else {
            return Ok(false);
        };
        if let Some(outputs) = &files.outputs {
            let mut outputs = lock(outputs);
            if !outputs.has(&key) {
                return Ok(false);
            }
            outputs.add_same(&key, &job.sample)?;
        }
        // The same module may be made from another text.
        crate::judge::quote(&mut result, source);
        let result = crate::judge::signed(result, &job.sample);
        let mut journal = lock(&files.journal);
        journal.count_duplicate();
        journal.add(&result, job.order)?;
        Ok(true)
    }
}

/// The seed of the generated inputs of a results file, if it has results with one.
pub fn seed_of(results: &Path) -> Option<u64> {
    let lines = Lines::<SampleResult>::open(results).ok()?;
    // A line that is cut, or no result, is refused when the file is gone on with.
    lines
        .map_while(Result::ok)
        .find_map(|(_, result)| result.seed)
}

/// A panic elsewhere leaves whole lines behind.
fn lock<T>(file: &Mutex<T>) -> MutexGuard<'_, T> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}
