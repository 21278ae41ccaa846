//! The tasks of a batch that are ready: each is made ready once, however many workers want it at the same time. Those that were not
//! used for long go when their inputs take too much memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::journal::Journal;
use super::line_file::JournalError;
use super::{Batch, lock};
use crate::judge::{PrepareError, Prepared};
use crate::task::Task;

/// Bytes of inputs that are kept.
const INPUT_BYTES_MAX: usize = 512 << 20;

type IsReady = Result<Arc<Prepared>, PrepareError>;
type Ready = Arc<OnceLock<IsReady>>;

pub(super) struct PreparedTasks<'a> {
    batch: &'a Batch<'a>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By name, with the time of the last use.
    tasks: HashMap<String, (u64, Ready)>,
    now: u64,
}

impl<'a> PreparedTasks<'a> {
    pub fn new(batch: &'a Batch<'a>) -> PreparedTasks<'a> {
        PreparedTasks {
            batch,
            state: Mutex::default(),
        }
    }

    /// A task that is ready, or why it cannot be. The results of its references are in the journal then.
    ///
    /// # Errors
    /// If the journal cannot be read or written.
    pub fn get(&self, task: &Arc<Task>, journal: &Mutex<Journal>) -> Result<IsReady, JournalError> {
        let ready = {
            let mut state = self.state();
            state.now += 1;
            let now = state.now;
            let entry = state.tasks.entry(task.task_id.clone()).or_default();
            entry.0 = now;
            entry.1.clone()
        };
        if let Some(result) = ready.get() {
            return Ok(result.clone());
        }
        let known = lock(journal).references(task)?;
        let mut made = false;
        let result = ready.get_or_init(|| {
            made = true;
            let Batch {
                judge, tasks, seed, ..
            } = self.batch;
            judge
                .prepare(task, tasks.dir(), *seed, &known)
                .map(Arc::new)
        });
        if made {
            if let Ok(prepared) = result {
                let mut journal = lock(journal);
                for reference in &prepared.references {
                    journal.add_reference(reference)?;
                }
            }
            self.state().forget(&task.task_id);
        }
        Ok(result.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Forgets what was not used for longest while there is too much, but not `kept`.
    fn forget(&mut self, kept: &str) {
        let bytes = |ready: &Ready| match ready.get() {
            Some(Ok(prepared)) => prepared.tests.iter().map(|test| test.stdin.len()).sum(),
            _ => 0,
        };
        let mut total: usize = self.tasks.values().map(|(_, ready)| bytes(ready)).sum();
        while total > INPUT_BYTES_MAX {
            let others = self
                .tasks
                .iter()
                .filter(|(id, (_, ready))| *id != kept && bytes(ready) > 0);
            let Some((id, _)) = others.min_by_key(|(_, (used, _))| *used) else {
                return;
            };
            let id = id.clone();
            if let Some((_, ready)) = self.tasks.remove(&id) {
                total -= bytes(&ready);
            }
        }
    }
}
