//! Compiling in the background.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::module::Module;

/// A function, or one of its loops by the pc, that somebody waits for.
struct Job {
    module: Module,
    func: u32,
    pc: Option<u32>,
}

/// The thread that compiles for an engine. It ends with the engine.
#[derive(Default)]
pub(super) struct Worker {
    jobs: Mutex<Option<Sender<Job>>>,
}

impl Worker {
    /// Queues a job. Without threads nothing is compiled, and the interpreter goes on.
    pub(super) fn request(&self, module: &Module, func: u32, pc: Option<u32>) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.is_none() {
            let (sender, receiver) = channel::<Job>();
            let thread = thread::Builder::new().name("probity-compile".to_owned());
            let made = thread.spawn(move || {
                for job in receiver {
                    match job.pc {
                        None => drop(super::function(&job.module, job.func)),
                        Some(pc) => drop(super::at_loop(&job.module, job.func, pc)),
                    }
                }
            });
            if made.is_err() {
                return;
            }
            *jobs = Some(sender);
        }
        let module = module.clone();
        if let Some(sender) = &*jobs {
            // It only fails if the thread has panicked.
            let _ = sender.send(Job { module, func, pc });
        }
    }
}
