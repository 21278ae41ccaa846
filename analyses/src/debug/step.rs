//! Steps: by line or operator, over calls or into them, and out of functions.
//!
//! A step puts probes where it may end: before each line (or operator) of the function, told apart from other activations by
//! the frame's place on the stack; behind the call that the frame is in; and, where calls are entered, before the callee's
//! first line, once the call is about to be made. A tail call's callee takes its caller's place, so the step then ends
//! behind the call.

use std::collections::{HashMap, HashSet};

use probity_engine::hook::{ProbeContext, Site};
use probity_engine::{Func, WasmPc};
use probity_probes::callee::target;
use probity_probes::events::{Callee, calls};
use probity_probes::source::SourceLine;

use super::eval::View;
use super::info::Program;

/// A frame that is live, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameKey {
    pub func: Func,
    /// Its place on the stack, which no other live frame has.
    pub offset: usize,
    pub pc: WasmPc,
}

/// The `n`-th frame.
pub(super) fn frame_key(context: &mut ProbeContext<'_>, n: usize) -> Option<FrameKey> {
    let frame = context.frame_at(n)?;
    Some(FrameKey {
        func: frame.func(),
        offset: frame.stack_offset(),
        pc: frame.pc(),
    })
}

/// How far a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stride {
    /// To another line.
    Line,
    /// To another operator.
    Operator,
    /// Out of the function.
    Out,
}

/// A step under way.
pub(super) struct Step {
    pub stride: Stride,
    /// Whether calls are entered.
    into: bool,
    pub frame: FrameKey,
    /// Where it may end in its own frame.
    ends: HashSet<u32>,
    /// What is called there.
    calls: HashMap<u32, Callee>,
    line: Option<SourceLine>,
    /// How many functions are inlined at its beginning.
    inlined: usize,
    /// The call that the frame is in.
    caller: Option<FrameKey>,
    /// Where it ends in another function.
    entered: Option<(Func, WasmPc)>,
    /// How many more of the same are to follow.
    pub left: u64,
    /// The number of results of the function that it leaves.
    results: usize,
}

/// How a step came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// In its function.
    Within,
    /// In another one.
    Entered,
    /// Behind the call, with so many results.
    Left(usize),
}

impl Step {
    /// Prepares a step from a frame.
    ///
    /// # Errors
    /// If there is nowhere to go.
    pub fn new(
        view: &mut View<'_, '_>,
        stride: Stride,
        into: bool,
        left: u64,
    ) -> Result<Step, String> {
        let (n, index, pc) = (view.frame, view.index, view.pc);
        let frame = frame_key(view.context, n).ok_or("there is no frame")?;
        let caller = frame_key(view.context, n + 1);
        let known = view.known();
        // Without lines, each operator is one.
        let stride = match stride {
            Stride::Line if !known.has_lines(index) => Stride::Operator,
            stride => stride,
        };
        let info = known.module.function(index).ok_or("there is no function")?;
        let operators = info.operators().map_err(|error| error.to_string())?;
        let results = info.ty().results().len();
        let mut ends = HashSet::new();
        let mut made = HashMap::new();
        match stride {
            Stride::Out => {}
            Stride::Operator => ends.extend(operators.iter().map(|(pc, _)| pc.0)),
            Stride::Line => {
                let body = info.body().unwrap_or(0..0);
                let rows = known.source.map().map(|map| map.rows(body));
                for row in rows.into_iter().flatten().filter(|row| row.line > 0) {
                    let at = operators.partition_point(|(pc, _)| pc.0 < row.start);
                    let first = operators.get(at).filter(|(pc, _)| pc.0 < row.end);
                    ends.extend(first.map(|(pc, _)| pc.0));
                }
            }
        }
        if into {
            made.extend(
                calls(&operators)
                    .iter()
                    .map(|call| (call.pc.0, call.callee)),
            );
        }
        let line = known.line(pc);
        let inlined = known.frames(index, pc).len();
        Ok(Step {
            stride,
            into,
            frame,
            ends,
            calls: made,
            line,
            inlined,
            caller,
            entered: None,
            left,
            results,
        })
    }

    /// Whether its frame is the outermost, so that it ends with the program at the latest.
    pub fn is_outermost(&self) -> bool {
        self.caller.is_none()
    }

    pub fn enters_calls(&self) -> bool {
        self.into
    }

    pub fn sites(&self, sites: &mut HashSet<(Func, Site)>) {
        let here = |pc: &u32| (self.frame.func, Site::Before(WasmPc(*pc)));
        sites.extend(self.ends.iter().map(here));
        sites.extend(self.calls.keys().map(here));
        sites.extend(self.caller.map(|call| (call.func, Site::After(call.pc))));
        sites.extend(self.entered.map(|(func, pc)| (func, Site::Before(pc))));
    }

    /// Control has come to a site that a step may be interested in.
    pub fn arrive(
        &mut self,
        program: &Program,
        context: &mut ProbeContext<'_>,
        site: Site,
    ) -> Option<Arrival> {
        let func = context.func();
        match site {
            Site::Before(pc) => {
                if self.entered == Some((func, pc)) {
                    return Some(Arrival::Entered);
                }
                if func != self.frame.func || context.frame().stack_offset() != self.frame.offset {
                    return None;
                }
                if self.ends.contains(&pc.0) && self.is_end(program, context, pc) {
                    return Some(Arrival::Within);
                }
                if let Some(callee) = self.calls.get(&pc.0).copied() {
                    self.entered = self.callee(program, context, callee);
                }
                None
            }
            Site::After(pc) => {
                let caller = self.caller.filter(|caller| caller.func == func)?;
                let back = caller.pc == pc && context.frame().stack_offset() == caller.offset;
                back.then_some(Arrival::Left(self.results))
            }
            Site::Entry | Site::Exit => None,
        }
    }

    fn is_end(&self, program: &Program, context: &mut ProbeContext<'_>, pc: WasmPc) -> bool {
        if self.stride == Stride::Operator {
            return true;
        }
        let of = context.probes().module_of(self.frame.func);
        let Some((module, index)) = program.of(of) else {
            return false;
        };
        let known = &program.modules[module];
        // What is inlined further in is a call to step over.
        let inlined = known.frames(index, pc).len();
        if inlined > self.inlined && !self.into {
            return false;
        }
        known.line(pc) != self.line || inlined != self.inlined
    }

    /// Where the callee is stopped at, if it is to be.
    fn callee(
        &self,
        program: &Program,
        context: &mut ProbeContext<'_>,
        callee: Callee,
    ) -> Option<(Func, WasmPc)> {
        let func = match callee {
            Callee::Direct(index) => context.instance().func(context, index)?,
            _ => target(context, callee)?,
        };
        let of = context.probes().module_of(func);
        let (module, index) = program.of(of)?;
        let known = &program.modules[module];
        if self.stride == Stride::Operator {
            let info = known.module.function(index)?;
            return Some((func, info.operators().ok()?.first()?.0));
        }
        let start = known.has_lines(index).then(|| known.body_start(index));
        start.flatten().map(|pc| (func, pc))
    }

    /// An exception is caught at `pc`, by this frame or one further out.
    pub fn caught(&mut self, context: &mut ProbeContext<'_>, pc: WasmPc) -> bool {
        let is_ours = context.frame().stack_offset() <= self.frame.offset;
        if is_ours {
            self.entered = Some((context.func(), pc));
        }
        is_ours
    }
}
