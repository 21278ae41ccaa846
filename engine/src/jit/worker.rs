//! Compiling in the background.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// The thread that compiles for an engine. It ends with the engine.
#[derive(Default)]
pub(super) struct Worker {
    jobs: Mutex<Option<Sender<Job>>>,
}

impl Worker {
    /// Queues a job. Without threads nothing is compiled, and the interpreter goes on.
    pub(super) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.is_none() {
            let (sender, receiver) = channel::<Job>();
            let thread = thread::Builder::new().name("probity-compile".to_owned());
            let made = thread.spawn(move || {
                for job in receiver {
                    job();
                }
            });
            if made.is_err() {
                return;
            }
            *jobs = Some(sender);
        }
        if let Some(sender) = &*jobs {
            // It only fails if the thread has panicked.
            let _ = sender.send(Box::new(job));
        }
    }
}
