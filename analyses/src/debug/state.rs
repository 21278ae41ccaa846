//! What the debugger knows, and what it does when the program comes to a place that it may stop at.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use probity_engine::hook::{HostPhase, Probe, ProbeContext, ProbeId, Probes, Site};
use probity_engine::{Error, Func, Instance, Module, Result, WasmPc};
use probity_probes::source::Origin;

use super::commands::Flow;
use super::expr::Expr;
use super::info::{Known, Program};
use super::place::{Position, wasm_value};
use super::points::{Event, Kind, Point};
use super::step::{Arrival, Step, Stride};
use super::value::Form;
use super::{Console, Killed, Wish};

/// The state, shared with the probes.
pub(super) type Shared = Arc<Mutex<State>>;

/// A panic elsewhere leaves nothing half done that matters: the user can still look around.
pub(super) fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An expression that is shown at each stop.
pub(super) struct Display {
    pub number: u32,
    pub text: String,
    pub expr: Expr,
    pub form: Form,
}

/// What the debugger knows.
pub(super) struct State {
    console: Box<dyn Console>,
    pub program: Program,
    pub points: Vec<Point>,
    /// The last one given to a point.
    pub last_number: u32,
    pub displays: Vec<Display>,
    /// Probes at sites, as the points and the step want them.
    probes: HashMap<(Func, Site), ProbeId>,
    pub step: Option<Step>,
    /// Functions that have begun at least once.
    pub started: HashSet<Func>,
    /// The frame that it last stopped in.
    last_stop: Option<(Func, usize)>,
    /// Which of the shown frames is looked at.
    pub selected: usize,
    /// File, and the line that `list` goes on with.
    pub listed: Option<(String, u32)>,
    pub source_dirs: Vec<PathBuf>,
    pub entry: Option<String>,
    /// Whether `catch trap` holds.
    pub catch_traps: bool,
    /// A run is under way.
    pub running: bool,
    /// The run is to end, and perhaps to begin anew.
    killed: bool,
    again: bool,
    /// Stop before the first operator of the run.
    pub stop_at_start: bool,
    last_command: String,
    /// The console has gone, or its user has quit.
    broken: bool,
    /// Itself, for probes that are yet to be made.
    own: Weak<Mutex<State>>,
}

const PROMPT: &str = "(probity) ";

impl State {
    pub fn new(console: Box<dyn Console>) -> State {
        State {
            console,
            program: Program::default(),
            points: Vec::new(),
            last_number: 0,
            displays: Vec::new(),
            probes: HashMap::new(),
            step: None,
            started: HashSet::new(),
            last_stop: None,
            selected: 0,
            listed: None,
            source_dirs: Vec::new(),
            entry: None,
            catch_traps: true,
            running: false,
            killed: false,
            again: false,
            stop_at_start: false,
            last_command: String::new(),
            broken: false,
            own: Weak::new(),
        }
    }

    pub fn add_module(&mut self, module: &Module, origin: Origin) -> usize {
        if let Some(known) = self.program.find(module) {
            return known;
        }
        self.program.modules.push(Known::new(module, origin));
        self.program.modules.len() - 1
    }

    /// Shows lines. What nobody can see any more ends the session at the next command.
    pub fn say(&mut self, text: &str) {
        if !text.is_empty() && self.console.write(text).is_err() {
            self.broken = true;
        }
    }

    /// The next command; an empty one repeats the last where a person types. `None` at the end.
    fn read(&mut self) -> Option<String> {
        // Who has quit is not asked once more.
        if self.broken {
            return None;
        }
        let line = self.console.read(PROMPT).ok()??.trim().to_owned();
        if line.is_empty() && self.console.is_interactive() {
            return Some(self.last_command.clone());
        }
        self.last_command.clone_from(&line);
        Some(line)
    }

    /// Has the last command not be repeated in the same form.
    pub fn repeat_as(&mut self, command: &str) {
        command.clone_into(&mut self.last_command);
    }

    /// Reads commands while no program runs.
    pub fn wish(&mut self, shared: &Shared) -> Wish {
        if std::mem::take(&mut self.again) {
            return Wish::Run;
        }
        loop {
            let Some(line) = self.read() else {
                return Wish::Quit;
            };
            match self.command(shared, &line, None) {
                Flow::Stay => {}
                Flow::Run => return Wish::Run,
                Flow::Resume | Flow::Kill | Flow::Quit => return Wish::Quit,
            }
        }
    }

    /// Reads commands where the program has stopped, until it is to go on.
    fn converse(&mut self, shared: &Shared, context: &mut ProbeContext<'_>) -> Result<()> {
        loop {
            let flow = match self.read() {
                Some(line) => self.command(shared, &line, Some(context)),
                None => Flow::Quit,
            };
            match flow {
                Flow::Stay => {}
                Flow::Resume => break,
                Flow::Run => {
                    self.again = true;
                    self.killed = true;
                }
                Flow::Kill => self.killed = true,
                Flow::Quit => {
                    self.killed = true;
                    // Whoever asks next is told so, too.
                    self.broken = true;
                }
            }
            if self.killed {
                return Err(Error::host(Killed));
            }
        }
        let told = self.sync(&mut context.probes());
        self.say(&told);
        Ok(())
    }

    /// Stops the program here: says why and where, and does what the user wants.
    pub fn stop(
        &mut self,
        shared: &Shared,
        context: &mut ProbeContext<'_>,
        why: &str,
    ) -> Result<()> {
        self.step = None;
        self.selected = 0;
        let mut text = self.end_lost_scopes(context);
        text += why;
        let frame = context.frame();
        let here = (frame.func(), frame.stack_offset());
        // Behind a step within a function, the line says enough.
        let same = self.last_stop.replace(here) == Some(here) && why.is_empty();
        text += &match Position::innermost(&mut self.program, context) {
            Some(position) => {
                self.listed = position.listed();
                position.announce(&self.source_dirs, !same)
            }
            None => "in code that is not watched\n".to_owned(),
        };
        text += &self.displayed(context);
        self.say(&text);
        self.converse(shared, context)
    }

    /// Control has come to a site.
    fn arrive(
        &mut self,
        shared: &Shared,
        context: &mut ProbeContext<'_>,
        site: Site,
    ) -> Result<()> {
        if self.killed {
            return Err(Error::host(Killed));
        }
        let mut why = String::new();
        let func = context.func();
        let of = context.probes().module_of(func);
        let place = self.program.of(of);
        let mut points = std::mem::take(&mut self.points);
        let mut done = Vec::new();
        for point in points.iter_mut().filter(|point| point.enabled) {
            let here = match (&point.kind, site) {
                (Kind::Break { spots, .. }, Site::Before(pc)) => spots
                    .iter()
                    .any(|spot| Some((spot.module, spot.index)) == place && spot.pc == pc),
                (Kind::Watch(watching), Site::After(_)) => {
                    watching.sites().contains(&(context.func(), site))
                }
                _ => false,
            };
            if !here {
                continue;
            }
            if let Kind::Watch(_) = point.kind {
                why += &self.change(context, point).unwrap_or_default();
            } else if self.holds(context, point) && point.hit() {
                why += &format!("\n{}, ", point.name());
                if point.temporary {
                    done.push(point.number);
                }
            }
        }
        points.retain(|point| !done.contains(&point.number));
        self.points = points;
        if let Site::After(pc) = site {
            why += &self.end_scopes(context, pc);
        }
        let Some(mut step) = self.step.take() else {
            return match why.is_empty() {
                true => self.go_on(context),
                false => self.stop(shared, context, &why),
            };
        };
        let arrival = step.arrive(&self.program, context, site);
        if let (Some(Arrival::Left(results)), Stride::Out) = (arrival, step.stride) {
            why = returned(context, results) + &why;
        }
        if !why.is_empty() {
            return self.stop(shared, context, &why);
        }
        match arrival {
            None => {
                let entered = step.enters_calls();
                self.step = Some(step);
                // A call is about to be entered, perhaps.
                if entered { self.go_on(context) } else { Ok(()) }
            }
            Some(_) => self.stepped(shared, context, &step),
        }
    }

    /// A step has come to its end: another one follows, or the program stops.
    fn stepped(
        &mut self,
        shared: &Shared,
        context: &mut ProbeContext<'_>,
        step: &Step,
    ) -> Result<()> {
        if step.left > 1 && step.stride != Stride::Out {
            let view = super::eval::View::new(&mut self.program, context, 0);
            let next = view.map(|mut view| {
                Step::new(&mut view, step.stride, step.enters_calls(), step.left - 1)
            });
            if let Some(Ok(next)) = next {
                self.step = Some(next);
                return self.go_on(context);
            }
        }
        self.stop(shared, context, "")
    }

    /// Does without a stop.
    fn go_on(&mut self, context: &mut ProbeContext<'_>) -> Result<()> {
        let told = self.sync(&mut context.probes());
        self.say(&told);
        Ok(())
    }

    /// Makes the probes of the store those that are wanted; says what could not be.
    pub fn sync(&mut self, probes: &mut Probes<'_>) -> String {
        let mut wanted = HashSet::new();
        for point in &self.points {
            point.sites(&self.program, probes, &mut wanted);
        }
        if let Some(step) = &self.step {
            step.sites(&mut wanted);
        }
        self.probes.retain(|at, id| {
            let stays = wanted.contains(at);
            if !stays {
                probes.remove(*id);
            }
            stays
        });
        let mut told = String::new();
        let shared = self.own.upgrade();
        let mut new: Vec<(Func, Site)> = wanted.into_iter().collect();
        new.retain(|at| !self.probes.contains_key(at));
        for (func, site) in new {
            let Some(shared) = shared.clone() else {
                break;
            };
            let probe = Probe::call(move |context| lock(&shared).arrive(&shared, context, site));
            match probes.insert(func, site, probe) {
                Ok(id) => {
                    self.probes.insert((func, site), id);
                }
                Err(error) => told += &format!("cannot stop in {}: {error}\n", func.name(probes)),
            }
        }
        told
    }

    /// The program has ended.
    pub fn ended(&mut self, probes: &mut Probes<'_>, how: &str) {
        let quiet = self.killed;
        self.step = None;
        let told = self.end_watches(probes);
        self.program.instances.clear();
        self.started.clear();
        self.probes.clear();
        self.last_stop = None;
        self.running = false;
        self.killed = false;
        if !quiet {
            self.say(&told);
            self.say(&format!("[{how}]\n"));
        }
    }

    fn instantiated(&mut self, probes: &mut Probes<'_>, instance: Instance) {
        let module = instance.module(probes).clone();
        let module = self.add_module(&module, Origin::default());
        self.program.instances.push((instance, module));
        let told = self.sync(probes);
        self.say(&told);
    }

    fn trapped(&mut self, shared: &Shared, context: &mut ProbeContext<'_>, error: &Error) {
        if self.killed || !self.catch_traps || !is_trap(error) {
            return;
        }
        let message = match error.trap() {
            Some(trap) => trap.message(),
            None => error.to_string(),
        };
        let why = format!("\nProgram trapped: {message}\n");
        if self.stop(shared, context, &why).is_err() {
            // What the trap unwinds may be called by a host that goes on.
            end_soon(context);
        }
    }

    fn caught(&mut self, shared: &Shared, context: &mut ProbeContext<'_>, pc: Option<WasmPc>) {
        if let (Some(mut step), Some(pc)) = (self.step.take(), pc) {
            step.caught(context, pc);
            self.step = Some(step);
            let told = self.sync(&mut context.probes());
            self.say(&told);
        }
        let why = self.happened(context, |event| *event == Event::Caught, "exception caught");
        if !why.is_empty() && self.stop(shared, context, &why).is_err() {
            end_soon(context);
        }
    }

    fn host_called(
        &mut self,
        shared: &Shared,
        context: &mut ProbeContext<'_>,
        name: &str,
        phase: HostPhase<'_>,
    ) -> Result<()> {
        if self.killed {
            return Err(Error::host(Killed));
        }
        let of_name = |event: &Event| match event {
            Event::Host(None) => true,
            Event::Host(Some(wanted)) => name == wanted || name.rsplit('.').next() == Some(wanted),
            Event::Caught => false,
        };
        match phase {
            HostPhase::Call => {
                let why = self.happened(context, of_name, &format!("call of {name}"));
                match why.is_empty() {
                    true => Ok(()),
                    false => self.stop(shared, context, &why),
                }
            }
            // It may have written to memory, or grown it.
            HostPhase::Return => self.changed(shared, context, None),
            HostPhase::Fail(_) => Ok(()),
        }
    }

    /// What is to be said if a catchpoint stops the program now.
    fn happened(
        &mut self,
        context: &mut ProbeContext<'_>,
        is: impl Fn(&Event) -> bool,
        what: &str,
    ) -> String {
        let mut why = String::new();
        let mut points = std::mem::take(&mut self.points);
        for point in points.iter_mut().filter(|point| point.enabled) {
            let here = matches!(&point.kind, Kind::Catch(event) if is(event));
            if here && self.holds(context, point) && point.hit() {
                why += &format!("\n{} ({what}), ", point.name());
            }
        }
        self.points = points;
        why
    }
}

/// The results of the call that has come back.
fn returned(context: &mut ProbeContext<'_>, results: usize) -> String {
    let frame = context.frame();
    let count = frame.num_operands();
    let firsts = (0..results as u32).rev();
    let values = firsts.filter_map(|i| frame.operand(count.checked_sub(1 + i)?));
    let line = |value| format!("Value returned is {}\n", wasm_value(&value));
    values.map(line).collect()
}

/// Ends the program before its next operator, for whoever cannot do so at once.
fn end_soon(context: &mut ProbeContext<'_>) {
    let end = Probe::call(|_| Err(Error::host(Killed)));
    context.probes().insert_global(end.one_shot());
}

/// Whether the program has come to grief: an exit is none, nor is a limit.
fn is_trap(error: &Error) -> bool {
    use probity_engine::{ErrorKind, TrapCode};
    match error.kind() {
        ErrorKind::Trap(trap) => !matches!(
            trap.code(),
            TrapCode::OutOfFuel | TrapCode::Timeout | TrapCode::Interrupted
        ),
        _ => false,
    }
}

/// Has a store tell the debugger what it needs to know.
pub(super) fn attach(shared: &Shared, probes: &mut Probes<'_>) {
    let mut state = lock(shared);
    state.own = Arc::downgrade(shared);
    state.running = true;
    state.selected = 0;
    drop(state);
    let own = shared.clone();
    probes.on_instantiate(move |probes, instance| lock(&own).instantiated(probes, instance));
    let own = shared.clone();
    probes.on_first_call(move |_, func| {
        lock(&own).started.insert(func);
    });
    let own = shared.clone();
    probes.on_trap(move |context, error| lock(&own).trapped(&own, context, error));
    let own = shared.clone();
    probes.on_catch(move |context, _| {
        let pc = context.probes().caught_at();
        lock(&own).caught(&own, context, pc);
    });
    let own = shared.clone();
    probes.on_host_call(move |context, call| {
        lock(&own).host_called(&own, context, call.name, call.phase)
    });
    if std::mem::take(&mut lock(shared).stop_at_start) {
        let own = shared.clone();
        let stop = Probe::call(move |context| lock(&own).stop(&own, context, ""));
        probes.insert_global(stop.one_shot());
    }
}

/// The user wants the program to stop, wherever it is.
pub(super) fn interrupted(shared: &Shared, context: &mut ProbeContext<'_>) -> Result<()> {
    lock(shared).stop(shared, context, "\nProgram interrupted.\n")
}
