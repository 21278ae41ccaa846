//! The debugger: it stops a program where its user wants, and shows and changes what the program has there.
//!
//! Places to stop are probes, put in and taken away while the program runs: all that is not stopped at is code as ever,
//! in whatever tier. A step over a line is a probe before each line of the function and one behind the call that the
//! function is in; a watchpoint is a probe before each operator that may write there. What a command wants is kept in
//! [`State`](state::State), and [`State::sync`](state::State::sync) makes the probes of the store those that are wanted.
//!
//! The debugger talks to a [`Console`] and reads commands from it; it is the one part of this crate that writes as it goes.

mod commands;
mod edit;
pub(crate) mod eval;
pub(crate) mod expr;
pub(crate) mod info;
mod inspect;
mod location;
mod place;
mod points;
mod state;
mod step;
pub(crate) mod value;
mod watch;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use probity_engine::hook::{Probe, Remote};
use probity_engine::{Error, Module, Store};
use probity_probes::source::Origin;

pub use commands::{CommandInfo, commands};
use state::{Shared, State, lock};

/// Whom the debugger talks to.
pub trait Console: Send {
    /// The next command, without its line break; `None` when there are no more.
    ///
    /// # Errors
    /// If none can be read; the debugger then quits.
    fn read(&mut self, prompt: &str) -> io::Result<Option<String>>;

    /// Shows lines.
    ///
    /// # Errors
    /// If nobody can see them; the debugger then quits.
    fn write(&mut self, text: &str) -> io::Result<()>;

    /// Whether commands come from a person, who may press return to have the last one repeated.
    fn is_interactive(&self) -> bool;
}

/// What the user wants while no program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// That the program is run from its beginning.
    Run,
    /// To quit.
    Quit,
}

/// The error that ends a program whose user has quit, or had it killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Killed;

impl std::fmt::Display for Killed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the debugger ended the program")
    }
}

impl std::error::Error for Killed {}

/// A debugger for one program, which may be run any number of times.
///
/// ```
/// use std::collections::VecDeque;
/// use std::io;
/// use std::sync::{Arc, Mutex};
///
/// use probity_analyses::debug::{Console, Debugger, Wish};
/// use probity_engine::{Config, Engine, Linker, Module, Store};
/// use probity_probes::source::Origin;
///
/// struct Script(VecDeque<&'static str>, Arc<Mutex<String>>);
///
/// impl Console for Script {
///     fn read(&mut self, _: &str) -> io::Result<Option<String>> {
///         Ok(self.0.pop_front().map(str::to_owned))
///     }
///     fn write(&mut self, text: &str) -> io::Result<()> {
///         self.1.lock().unwrap().push_str(text);
///         Ok(())
///     }
///     fn is_interactive(&self) -> bool {
///         false
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut config = Config::new();
/// config.keep_locals(true); // so that every frame shows all of its locals
/// let engine = Engine::new(&config);
/// let module = Module::new(&engine, r#"(module
///     (func $square (export "square") (param i32) (result i32)
///         (i32.mul (local.get 0) (local.get 0))))"#)?;
///
/// let out = Arc::new(Mutex::new(String::new()));
/// let script = ["break square", "run", "set var local0 = 7", "continue"];
/// let debugger = Debugger::new(Script(script.into(), out.clone()));
/// debugger.add_module(&module, Origin::default());
/// while debugger.wish() == Wish::Run {
///     let mut store = Store::new(&engine, ());
///     debugger.attach(&mut store);
///     let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
///     let square = instance.get_typed_func::<i32, i32>(&store, "square")?;
///     let result = square.call(&mut store, 3);
///     assert_eq!(result.as_ref().ok(), Some(&49));
///     debugger.ended(&mut store, "it returned");
/// }
/// assert!(out.lock().unwrap().contains("Breakpoint 1, square (local0=3)"));
/// # Ok(()) }
/// ```
pub struct Debugger {
    shared: Shared,
}

impl Debugger {
    /// A debugger without a program.
    pub fn new(console: impl Console + 'static) -> Debugger {
        Debugger {
            shared: Arc::new(Mutex::new(State::new(Box::new(console)))),
        }
    }

    /// Source files are shown if they are below one of these directories: a module may name any file.
    pub fn source_dirs(&self, dirs: Vec<PathBuf>) {
        lock(&self.shared).source_dirs = dirs;
    }

    /// The function that the program begins with, for `start`; a location as the user would write it. By default it is
    /// `main`, `__main_void`, `__original_main`, `_start` or `_initialize`, whichever the module has.
    pub fn entry(&self, location: &str) {
        lock(&self.shared).entry = Some(location.to_owned());
    }

    /// Makes a module known, of whose functions and lines the user may speak before it is instantiated.
    pub fn add_module(&self, module: &Module, origin: Origin) {
        lock(&self.shared).add_module(module, origin);
    }

    /// Reads commands until the user wants the program to run, or to quit.
    pub fn wish(&self) -> Wish {
        lock(&self.shared).wish(&self.shared)
    }

    /// Watches all instances that the store will have. Call it before instantiating, for each run.
    pub fn attach<T>(&self, store: &mut Store<T>) {
        state::attach(&self.shared, &mut store.probes());
    }

    /// Tells the user how the program has ended, and forgets what was of this run.
    pub fn ended<T>(&self, store: &mut Store<T>, how: &str) {
        lock(&self.shared).ended(&mut store.probes(), how);
    }

    /// Whether it was the user who ended the program.
    pub fn has_killed(error: &Error) -> bool {
        error.downcast_ref::<Killed>().is_some()
    }

    /// Has the program stop before its next operator. For another thread; a program that waits in the host stops when it
    /// comes back.
    pub fn interrupt(&self, remote: &Remote) {
        let shared = self.shared.clone();
        let stop = Probe::call(move |context| state::interrupted(&shared, context)).one_shot();
        // Whether the program still runs is seen at the next command.
        drop(remote.insert_global(stop));
    }

    /// A handle that interrupts as [`Debugger::interrupt`] does.
    pub fn handle(&self) -> Debugger {
        Debugger {
            shared: self.shared.clone(),
        }
    }
}
