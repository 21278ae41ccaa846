//! Watchpoints: the program stops behind whatever has changed a value.
//!
//! Memory and globals are watched for any write of the program's, and for what host functions leave there; locals are
//! watched in one frame. What depends on a frame goes away with it.

use probity_engine::hook::{Probe, ProbeContext, Probes, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Func, Global, Memory, Result, Val, WasmPc};
use probity_probes::watchpoint::{Watched, Watchpoint};

use super::eval::View;
use super::expr::Expr;
use super::info::Program;
use super::points::{Kind as PointKind, Point};
use super::state::{Shared, State, lock};
use super::step::{FrameKey, frame_key};
use super::value::{Datum, Form, Kind, Shower, Value, Where, plain};

/// What is watched.
enum What {
    Memory {
        memory: Memory,
        address: u64,
        len: u64,
    },
    Global(Global),
    Local {
        frame: FrameKey,
        i: u32,
    },
}

/// A watchpoint at work.
pub(super) struct Watching {
    /// The expression as it was written.
    pub text: String,
    what: What,
    /// Whose types it has.
    module: usize,
    kind: Kind,
    /// What was there last: as it is compared, and as it is shown.
    last: (Vec<u8>, String),
    /// The frame that it goes away with, and where control comes when that has ended.
    scope: Option<(FrameKey, Option<FrameKey>)>,
    sites: Vec<(Func, Site)>,
    /// Sees the writes to memories and globals.
    writes: Option<Watchpoint>,
}

/// More bytes at once are not watched: each change would be shown.
const BYTES_MAX: u64 = 1 << 16;

impl Watching {
    /// Watches the value of an expression from now on.
    ///
    /// # Errors
    /// If it has no place.
    pub fn new(view: &mut View<'_, '_>, text: &str, expr: &Expr) -> Result<Watching, String> {
        let value = view.eval(expr)?;
        let frame = frame_key(view.context, view.frame).ok_or("there is no frame")?;
        let caller = frame_key(view.context, view.frame + 1);
        let mut sites = Vec::new();
        let what = match value.at {
            Where::Nowhere => return Err("only what has a place can be watched".to_owned()),
            Where::Operand(_) => {
                return Err("an operand is gone with its operator; watch a local".to_owned());
            }
            Where::Global(i) => {
                let global = view.instance.global(view.context, i);
                What::Global(global.ok_or("the global is gone")?)
            }
            Where::Memory(address) => {
                let memory = view.memory.ok_or("the module has no memory")?;
                let len = size(view, &value)?;
                if len == 0 || len > BYTES_MAX {
                    return Err(format!("{len} bytes cannot be watched"));
                }
                What::Memory {
                    memory,
                    address,
                    len,
                }
            }
            Where::Local(i) => {
                let info = view.program.modules[view.module]
                    .module
                    .function(view.index);
                let operators = info.and_then(|info| info.operators().ok());
                for (pc, op) in operators.unwrap_or_default() {
                    if matches!(op, Operator::LocalSet { local_index } | Operator::LocalTee { local_index } if local_index == i)
                    {
                        sites.push((frame.func, Site::After(pc)));
                    }
                }
                What::Local { frame, i }
            }
        };
        let scoped = matches!(what, What::Local { .. }) || depends_on_frame(view, expr);
        if let Some(caller) = caller.filter(|_| scoped) {
            sites.push((caller.func, Site::After(caller.pc)));
        }
        let mut watching = Watching {
            text: text.to_owned(),
            what,
            module: view.module,
            kind: value.kind,
            last: (Vec::new(), String::new()),
            scope: scoped.then_some((frame, caller)),
            sites,
            writes: None,
        };
        let now = watching.current(view.program, view.context);
        watching.last = now.ok_or("its value is not known")?;
        Ok(watching)
    }

    pub fn sites(&self) -> &[(Func, Site)] {
        &self.sites
    }

    /// Has writes to memories and globals seen, where there are any.
    pub fn attach(
        &mut self,
        shared: &Shared,
        number: u32,
        probes: &mut Probes<'_>,
        started: impl Iterator<Item = Func>,
    ) {
        let watched = match &self.what {
            What::Local { .. } => return,
            What::Global(global) => Watched::Global(*global),
            What::Memory {
                memory,
                address,
                len,
            } => Watched::Bytes(*memory, *address..address.saturating_add(*len)),
        };
        let shared = shared.clone();
        let writes = Watchpoint::new(watched, move |context, _| {
            let shared = shared.clone();
            let behind = Probe::call(move |context| {
                let mut state = lock(&shared);
                state.changed(&shared, context, Some(number))
            });
            // The operator may trap, and then another execution of it comes here: nothing has changed.
            let (func, pc) = (context.func(), context.pc());
            let mut probes = context.probes();
            probes.insert(func, Site::After(pc), behind.one_shot())?;
            Ok(())
        });
        writes.attach(probes);
        for func in started {
            // What cannot be instrumented has an invalid body, and does not run.
            let _ = writes.instrument(probes, func);
        }
        self.writes = Some(writes);
    }

    pub fn detach(&mut self, probes: &mut Probes<'_>) {
        if let Some(writes) = self.writes.take() {
            writes.detach(probes);
        }
    }

    /// What is there now; `None` if that cannot be seen from here.
    fn current(
        &self,
        program: &mut Program,
        context: &mut ProbeContext<'_>,
    ) -> Option<(Vec<u8>, String)> {
        let (at, datum, bytes, memory) = match &self.what {
            What::Memory {
                memory,
                address,
                len,
            } => {
                let mut bytes = vec![0; *len as usize];
                memory.read(&*context, *address, &mut bytes).ok()?;
                let known = &mut program.modules[self.module];
                let datum = known.load(context, Some(*memory), *address, self.kind);
                (Where::Memory(*address), datum.ok()?, bytes, Some(*memory))
            }
            What::Global(global) => {
                let value = global.get(&*context);
                let bytes = format!("{value:?}").into_bytes();
                (Where::Nowhere, self.typed(program, &value), bytes, None)
            }
            What::Local { frame, i } => {
                let nth = (0..).find_map(|nth| match frame_key(context, nth) {
                    Some(at) if (at.func, at.offset) != (frame.func, frame.offset) => None,
                    found => Some(found.map(|_| nth)),
                })??;
                let value = context.frame_at(nth)?.local(*i)?;
                let bytes = format!("{value:?}").into_bytes();
                (Where::Nowhere, self.typed(program, &value), bytes, None)
            }
        };
        let mut shower = Shower {
            known: &mut program.modules[self.module],
            context,
            memory,
            form: Form::Natural,
        };
        let kind = self.kind;
        Some((bytes, shower.show(&Value { at, kind, datum })))
    }

    fn typed(&self, program: &mut Program, value: &Val) -> Datum {
        match self.kind {
            Kind::Source(id) => program.modules[self.module].typed(value, id),
            _ => plain(value),
        }
    }
}

/// How many bytes a value in memory has.
fn size(view: &mut View<'_, '_>, value: &Value) -> Result<u64, String> {
    match value.kind {
        Kind::Width(width) => Ok(width.bytes.into()),
        Kind::Plain => Ok(4),
        Kind::Source(id) => {
            let bytes = view.known().size(id);
            bytes.ok_or_else(|| "its size is not known".to_owned())
        }
        Kind::Rows(..) => Err("part of an array cannot be watched; an element can".to_owned()),
    }
}

/// Whether an expression speaks of variables of the frame.
fn depends_on_frame(view: &mut View<'_, '_>, expr: &Expr) -> bool {
    use probity_probes::source::{Base, Place};
    match expr {
        Expr::Int(_) | Expr::Float(_) => false,
        Expr::Name(name) => {
            let pc = view.pc;
            match view.known().named(name, pc) {
                Some(variable) => !matches!(
                    variable.place,
                    Place::Global(_)
                        | Place::Memory {
                            base: Base::Zero,
                            ..
                        }
                ),
                None => !name.starts_with("global"),
            }
        }
        Expr::Load(_, of) | Expr::Unary(_, of) | Expr::Member(of, _) => depends_on_frame(view, of),
        Expr::Binary(_, a, b) | Expr::Index(a, b) => {
            depends_on_frame(view, a) || depends_on_frame(view, b)
        }
    }
}

impl State {
    /// Looks at what is watched: at one watchpoint, or at all whose value can be seen anywhere. Stops if it has changed.
    pub fn changed(
        &mut self,
        shared: &Shared,
        context: &mut ProbeContext<'_>,
        number: Option<u32>,
    ) -> Result<()> {
        let mut told = String::new();
        let mut points = std::mem::take(&mut self.points);
        for point in &mut points {
            if number.is_none_or(|number| number == point.number)
                && let Some(change) = self.change(context, point)
            {
                told += &change;
            }
        }
        self.points = points;
        match told.is_empty() {
            true => Ok(()),
            false => self.stop(shared, context, &told),
        }
    }

    /// The user has changed something: that is none of the program's changes.
    pub fn changed_by_user(&mut self, context: &mut ProbeContext<'_>) {
        for point in &mut self.points {
            if let PointKind::Watch(watching) = &mut point.kind
                && let Some(now) = watching.current(&mut self.program, context)
            {
                watching.last = now;
            }
        }
    }

    /// Old and new value, if the watchpoint is to stop the program.
    pub fn change(&mut self, context: &mut ProbeContext<'_>, point: &mut Point) -> Option<String> {
        let PointKind::Watch(watching) = &mut point.kind else {
            return None;
        };
        let now = watching.current(&mut self.program, context)?;
        if now.0 == watching.last.0 {
            return None;
        }
        let old = std::mem::replace(&mut watching.last, now);
        let (text, new) = (watching.text.clone(), watching.last.1.clone());
        let holds = !point.enabled || self.holds(context, point);
        (point.enabled && holds && point.hit()).then(|| {
            let name = point.name();
            let old = old.1;
            format!("{name}: {text}\n  old value = {old}\n  new value = {new}\n")
        })
    }

    /// Takes away the watchpoints of frames that are gone, if this is where control comes to then; says which.
    pub fn end_scopes(&mut self, context: &mut ProbeContext<'_>, pc: WasmPc) -> String {
        let here = (context.func(), context.frame().stack_offset());
        self.remove_watches(&mut context.probes(), |watching| {
            let caller = watching
                .scope
                .as_ref()
                .and_then(|(_, caller)| caller.as_ref());
            caller.is_some_and(|caller| (caller.func, caller.offset) == here && caller.pc == pc)
        })
    }

    /// Takes away the watchpoints of frames that an exception or a trap has ended.
    pub fn end_lost_scopes(&mut self, context: &mut ProbeContext<'_>) -> String {
        let scoped = |point: &Point| matches!(&point.kind, PointKind::Watch(watching) if watching.scope.is_some());
        if !self.points.iter().any(scoped) {
            return String::new();
        }
        let mut live = Vec::new();
        while let Some(key) = frame_key(context, live.len()) {
            live.push((key.func, key.offset));
        }
        self.remove_watches(&mut context.probes(), |watching| {
            let frame = watching
                .scope
                .as_ref()
                .map(|(frame, _)| (frame.func, frame.offset));
            frame.is_some_and(|frame| !live.contains(&frame))
        })
    }

    /// Takes away all watchpoints: what they watch goes with the run.
    pub fn end_watches(&mut self, probes: &mut Probes<'_>) -> String {
        self.remove_watches(probes, |_| true)
    }

    fn remove_watches(
        &mut self,
        probes: &mut Probes<'_>,
        ended: impl Fn(&Watching) -> bool,
    ) -> String {
        let mut told = String::new();
        self.points.retain_mut(|point| {
            let name = point.name();
            let PointKind::Watch(watching) = &mut point.kind else {
                return true;
            };
            if !ended(watching) {
                return true;
            }
            watching.detach(probes);
            let text = &watching.text;
            told += &format!("{name} is deleted: what `{text}` speaks of is gone\n");
            false
        });
        told
    }
}
