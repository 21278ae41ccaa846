//! The activations that are live, and the steps that they have made.

use std::collections::{BTreeMap, BTreeSet};

use probity_engine::hook::{ExitReason, ProbeContext};
use probity_engine::wasmparser::Operator;
use probity_engine::{Func, FunctionInfo, Module, WasmPc};

use super::sites::{At, Level, Levels, sites};
use super::values::{Seen, counter, seen, variables};
use super::{LatePair, LineSteps, Step, StepOptions, Steps};
use crate::debug::info::{Known, Program};

/// What is known of a run.
pub(super) struct Recorder {
    options: StepOptions,
    program: Program,
    /// Live Wasm frames with code of the file, outermost first.
    frames: Vec<Frame>,
    /// Steps on each line.
    counts: BTreeMap<u32, u64>,
    kept: Vec<Step>,
    late: Vec<LatePair>,
    /// Lines that are known to follow each other.
    pairs: BTreeSet<(u32, Option<u32>)>,
    /// Line and occurrence of the last step.
    last: Option<(u32, u64)>,
    total: u64,
    activations: u64,
    counter: Option<i64>,
}

struct Frame {
    func: Func,
    /// Its place on the stack.
    offset: usize,
    /// The activations in it: of the function, and of what is inlined there.
    levels: Vec<Live>,
}

/// An activation.
struct Live {
    copy: Option<u32>,
    declared: u32,
    number: u64,
    step: Option<Open>,
}

/// A step that goes on.
#[derive(Clone, Copy)]
struct Open {
    line: u32,
    /// Where it began.
    pc: WasmPc,
    /// Its index, if it is kept.
    kept: Option<usize>,
}

impl Recorder {
    pub fn new(options: StepOptions) -> Recorder {
        Recorder {
            options,
            program: Program::default(),
            frames: Vec::new(),
            counts: BTreeMap::new(),
            kept: Vec::new(),
            late: Vec::new(),
            pairs: BTreeSet::new(),
            last: None,
            total: 0,
            activations: 0,
            counter: None,
        }
    }

    fn known(&mut self, module: &Module) -> &mut Known {
        let known = self.program.find(module).unwrap_or_else(|| {
            self.program
                .modules
                .push(Known::new(module, self.options.origin.clone()));
            self.program.modules.len() - 1
        });
        &mut self.program.modules[known]
    }

    /// The places of a function.
    pub fn sites(
        &mut self,
        module: &Module,
        info: &FunctionInfo<'_>,
        operators: &[(WasmPc, Operator<'_>)],
    ) -> Vec<(WasmPc, Levels)> {
        let options = self.options.clone();
        let map = self.known(module).source.map();
        map.map_or_else(Vec::new, |map| sites(map, info, operators, &options))
    }

    /// A function begins.
    pub fn enter(&mut self, context: &mut ProbeContext<'_>) {
        let frame = context.frame();
        self.frames.push(Frame {
            func: frame.func(),
            offset: frame.stack_offset(),
            levels: Vec::new(),
        });
    }

    /// Control comes to a place.
    pub fn arrive(&mut self, context: &mut ProbeContext<'_>, levels: &[Level]) {
        let Some(mut frame) = self.innermost(context) else {
            return;
        };
        let same = frame.levels.iter().zip(levels);
        let same = same.take_while(|(live, level)| live.copy == level.copy);
        let same = same.count();
        self.close(context, &mut frame.levels, same, true);
        for (depth, level) in levels.iter().enumerate() {
            if depth == frame.levels.len() {
                frame.levels.push(Live {
                    copy: level.copy,
                    declared: level.declared,
                    number: 0,
                    step: None,
                });
            }
            let live = &mut frame.levels[depth];
            let stays = match (level.at, live.step) {
                (At::Unsaid, _) | (At::Elsewhere, None) => true,
                (At::Line(line), Some(step)) => step.line == line,
                (At::Line(_), None) | (At::Elsewhere, Some(_)) => false,
            };
            if !stays {
                self.end(context, live, true);
                if let At::Line(line) = level.at {
                    self.begin(live, line, context.pc());
                }
            }
        }
        self.frames.push(frame);
    }

    /// A function ends.
    pub fn leave(&mut self, context: &mut ProbeContext<'_>) {
        let Some(mut frame) = self.innermost(context) else {
            return;
        };
        let reason = context.exit_reason();
        let is_complete = matches!(reason, Some(ExitReason::Return | ExitReason::TailCall));
        self.close(context, &mut frame.levels, 0, is_complete);
        if let Some(name) = &self.options.counter
            && let Some(value) = counter(&mut self.program, context, name)
        {
            self.counter = Some(value);
        }
    }

    /// Takes the frame that the probe is in; what is further in has gone without a word.
    fn innermost(&mut self, context: &mut ProbeContext<'_>) -> Option<Frame> {
        let frame = context.frame();
        let (func, offset) = (frame.func(), frame.stack_offset());
        let is_this = |frame: &Frame| (frame.func, frame.offset) == (func, offset);
        let at = self.frames.iter().rposition(is_this)?;
        self.frames.truncate(at + 1);
        self.frames.pop()
    }

    /// Ends the activations from a depth on, innermost first.
    fn close(
        &mut self,
        context: &mut ProbeContext<'_>,
        levels: &mut Vec<Live>,
        from: usize,
        is_complete: bool,
    ) {
        while levels.len() > from {
            if let Some(mut live) = levels.pop() {
                self.end(context, &mut live, is_complete);
            }
        }
    }

    /// Ends an activation's step, if it is in one.
    fn end(&mut self, context: &mut ProbeContext<'_>, live: &mut Live, is_complete: bool) {
        let step = live.step.take();
        if let Some((at, step)) = step.and_then(|step| Some((step.kept?, step)))
            && is_complete
        {
            let seen = Seen {
                from: live.declared,
                line: step.line,
                pc: step.pc,
            };
            self.kept[at].is_complete = true;
            self.kept[at].values = variables(&mut self.program, context, &seen, &self.options);
        }
    }

    /// Begins a step.
    fn begin(&mut self, live: &mut Live, line: u32, pc: WasmPc) {
        if live.number == 0 {
            self.activations += 1;
            live.number = self.activations;
        }
        self.follow(Some(line));
        let count = self.counts.entry(line).or_default();
        *count += 1;
        let occurrence = *count;
        self.last = Some((line, occurrence));
        self.total += 1;
        let kept = (self.kept.len() < self.options.limits.steps).then_some(self.kept.len());
        if kept.is_some() {
            self.kept.push(Step {
                line,
                occurrence,
                activation: live.number,
                is_complete: false,
                values: Vec::new(),
            });
        }
        live.step = Some(Open { line, pc, kept });
    }

    /// Notes which line follows the last step's.
    fn follow(&mut self, next: Option<u32>) {
        let Some((line, occurrence)) = self.last else {
            return;
        };
        let is_new = self.pairs.insert((line, next));
        // The last of the steps that are kept has a next line that is not.
        if is_new && self.total >= self.options.limits.steps as u64 {
            self.late.push(LatePair {
                line,
                occurrence,
                next,
            });
        }
    }

    /// What was recorded up to now.
    pub fn steps(&mut self, module: &Module) -> Steps {
        let lines = self.lines(module);
        let mut late = self.late.clone();
        if let Some((line, occurrence)) = self.last
            && self.total > self.kept.len() as u64
        {
            late.push(LatePair {
                line,
                occurrence,
                next: None,
            });
        }
        Steps {
            lines,
            kept: self.kept.clone(),
            late,
            total: self.total,
            counter: self.counter,
        }
    }

    /// The lines of the file with their counts, and the variables that can be seen there.
    fn lines(&mut self, module: &Module) -> Vec<LineSteps> {
        let mut lines: BTreeMap<u32, LineSteps> = BTreeMap::new();
        let file = self.options.file.clone();
        for index in module.num_imported_functions()..module.num_functions() {
            let Some(info) = module.function(index) else {
                continue;
            };
            // What cannot be decoded never ran.
            let operators = info.operators().unwrap_or_default();
            for (pc, levels) in self.sites(module, &info, &operators) {
                for level in levels.iter() {
                    let At::Line(line) = level.at else { continue };
                    let entry = lines.entry(line).or_insert_with(|| LineSteps {
                        line,
                        count: self.counts.get(&line).copied().unwrap_or(0),
                        variables: Vec::new(),
                    });
                    let of = Seen {
                        from: level.declared,
                        line,
                        pc,
                    };
                    for variable in seen(self.known(module), &of, &file) {
                        if !entry.variables.contains(&variable) {
                            entry.variables.push(variable);
                        }
                    }
                }
            }
        }
        lines.into_values().collect()
    }
}
