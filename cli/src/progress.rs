//! One line on the terminal that says what takes so long; nowhere else, and gone when it is done.
//!
//! It stands on stderr, and only where that is a terminal. The guest may write to the same terminal, so by default there is
//! none where its stdout goes there, too. The cursor stays at the beginning of the line: what anyone writes takes its place.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use clap::ValueEnum;

/// When progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// If stderr is a terminal and stdout is not
    Auto,
    /// If stderr is a terminal
    Always,
    /// Not at all
    Never,
}

/// What is shorter needs no explanation.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time between two lines.
const PERIOD: Duration = Duration::from_millis(200);

/// Whether there is a line on the terminal now.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Stderr, for anything else to be written: the line is taken away, and does not come back meanwhile.
pub fn stderr() -> io::StderrLock<'static> {
    let mut out = io::stderr().lock();
    if SHOWN.swap(false, Ordering::SeqCst) {
        let _ = out.write_all(b"\r\x1b[K");
    }
    out
}

/// Tells of progress as long as it lives.
pub struct Progress {
    phase: Arc<Mutex<String>>,
    /// Dropped to end the thread.
    over: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Progress {
    /// Begins with a phase.
    pub fn start(when: When, phase: impl Into<String>) -> Progress {
        let phase = Arc::new(Mutex::new(phase.into()));
        let shows = match when {
            When::Never => false,
            When::Always => io::stderr().is_terminal(),
            When::Auto => io::stderr().is_terminal() && !io::stdout().is_terminal(),
        };
        let mut progress = Progress {
            phase: phase.clone(),
            over: None,
            thread: None,
        };
        if shows {
            let (sender, receiver) = mpsc::channel();
            let spawned = thread::Builder::new()
                .name("progress".to_owned())
                .spawn(move || show(&phase, &receiver));
            // Without a thread there is no progress to be seen, and no harm done.
            if let Ok(thread) = spawned {
                progress.over = Some(sender);
                progress.thread = Some(thread);
            }
        }
        progress
    }

    /// Something else is done from now on.
    pub fn phase(&self, phase: impl Into<String>) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase.into();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.over.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        drop(stderr());
    }
}

/// The thread.
fn show(phase: &Mutex<String>, over: &mpsc::Receiver<()>) {
    let start = Instant::now();
    let mut wait = PATIENCE;
    while over.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        wait = PERIOD;
        let phase = phase.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let seconds = start.elapsed().as_secs();
        let line = format!("\r\x1b[Kprobity: {phase}, {seconds} s\r");
        let mut out = io::stderr().lock();
        SHOWN.store(true, Ordering::SeqCst);
        let _ = out.write_all(line.as_bytes());
    }
}
