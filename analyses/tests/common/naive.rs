//! What a run did, told by nothing but the sequence of its operators, as a
//! global probe sees it: the yardstick of the random tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use probity_engine::hook::{Probe, ProbeContext};
use probity_engine::wasmparser::Operator;
use probity_engine::{Func, Store, Val};

/// A function and an offset in the module.
pub type At = (u32, u32);

/// Counts by site.
#[derive(Default)]
pub struct Seen {
    pub instrs: BTreeMap<At, u64>,
    /// Times that the operator behind a branch did not come next.
    pub taken: BTreeMap<At, u64>,
    /// Times that control came to a `loop` from outside it.
    pub entries: BTreeMap<At, u64>,
    /// By the operator that threw or called, and where control went on.
    pub caught: BTreeMap<(At, u32), u64>,
    /// Number and sum of lengths of what an operator made.
    pub made: BTreeMap<At, (u64, u64)>,
    functions: BTreeMap<u32, Arc<Function>>,
    frames: Vec<Frame>,
}

struct Function {
    pcs: Vec<u32>,
    what: Vec<What>,
    /// Index of the `end` of each `loop`.
    loops: BTreeMap<usize, usize>,
}

/// What matters about an operator.
#[derive(Clone, Copy, PartialEq)]
enum What {
    /// Or does not; it shows unless both lead to the same place.
    Branches,
    /// As `Branches`, where it may not show.
    MayBranch,
    Throws,
    Leaves,
    Makes {
        array: bool,
    },
    Else,
}

struct Frame {
    func: Func,
    function: Arc<Function>,
    last: usize,
    length: u64,
}

impl Seen {
    /// Watches everything that runs in the store.
    pub fn watch(store: &mut Store<()>) -> Arc<Mutex<Seen>> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = seen.clone();
        store.probes().insert_global(Probe::call(move |context| {
            shared.lock().expect("no panic").step(context);
            Ok(())
        }));
        seen
    }

    /// Whether it always shows which way a branch of this site goes.
    pub fn shows(&self, site: At) -> bool {
        let function = &self.functions[&site.0];
        let at = function
            .pcs
            .binary_search(&site.1)
            .expect("an operator's pc");
        function.what[at] == What::Branches
    }

    /// The operator that executed last.
    pub fn last(&self) -> Option<At> {
        let frame = self.frames.last()?;
        let index = self
            .functions
            .iter()
            .find(|(_, f)| Arc::ptr_eq(f, &frame.function));
        Some((*index?.0, frame.function.pcs[frame.last]))
    }

    fn step(&mut self, context: &mut ProbeContext<'_>) {
        let (index, pc, depth) = (context.func_index(), context.pc().0, context.depth());
        *self.instrs.entry((index, pc)).or_default() += 1;
        let function = self.functions.entry(index);
        let function = function
            .or_insert_with(|| Arc::new(Function::of(context)))
            .clone();
        let at = function.pcs.binary_search(&pc).expect("an operator's pc");
        self.frames.truncate(depth);
        // What stands where a frame has left is another one.
        let same = self.frames.len() == depth
            && self.frames[depth - 1].func == context.func()
            && self.frames[depth - 1].function.what[self.frames[depth - 1].last] != What::Leaves;
        let before = match same {
            true => Some(self.frames[depth - 1].last),
            false => {
                self.frames.truncate(depth - 1);
                self.frames.push(Frame {
                    func: context.func(),
                    function: function.clone(),
                    last: at,
                    length: 0,
                });
                None
            }
        };
        if let Some(before) = before {
            let site = (index, function.pcs[before]);
            match function.what[before] {
                What::Branches if at != before + 1 => *self.taken.entry(site).or_default() += 1,
                What::Throws if at != before + 1 => {
                    *self.caught.entry((site, pc)).or_default() += 1;
                }
                What::Makes { .. } => {
                    let made = self.made.entry(site).or_default();
                    *made = (made.0 + 1, made.1 + self.frames[depth - 1].length);
                }
                _ => {}
            }
        }
        if let Some(&end) = function.loops.get(&at)
            && before.is_none_or(|before| !(at..=end).contains(&before))
        {
            *self.entries.entry((index, pc)).or_default() += 1;
        }
        let frame = &mut self.frames[depth - 1];
        (frame.last, frame.length) = (at, 0);
        if function.what[at] == (What::Makes { array: true }) {
            frame.length = match context.frame().top(0) {
                Some(Val::I32(length)) => length as u32 as u64,
                other => panic!("a length is {other:?}"),
            };
        }
    }
}

impl Function {
    fn of(context: &mut ProbeContext<'_>) -> Function {
        let func = context.func();
        let (module, index) = context.probes().module_of(func).expect("a Wasm function");
        let info = module.function(index).expect("a function");
        let operators = info.operators().expect("valid");
        let (mut loops, mut open) = (BTreeMap::new(), Vec::new());
        let last = operators.len() - 1;
        let behind = |at: usize| operators.get(at + 1).map(|(_, op)| op);
        let what = |at: usize, op: &Operator<'_>| match op {
            Operator::BrIf { .. } | Operator::BrOnCast { .. } | Operator::BrOnCastFail { .. }
                if matches!(behind(at), Some(Operator::End)) =>
            {
                What::MayBranch
            }
            Operator::BrIf { .. }
            | Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. } => What::Branches,
            Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef => What::Throws,
            Operator::Return
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => What::Leaves,
            Operator::StructNew { .. } | Operator::StructNewDefault { .. } => {
                What::Makes { array: false }
            }
            Operator::ArrayNewFixed { .. } => What::Makes { array: false },
            Operator::ArrayNew { .. }
            | Operator::ArrayNewDefault { .. }
            | Operator::ArrayNewData { .. } => What::Makes { array: true },
            _ if at == last => What::Leaves,
            _ => What::Else,
        };
        for (at, (_, op)) in operators.iter().enumerate() {
            match op {
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::TryTable { .. } => open.push(at),
                Operator::End => {
                    if let Some(opener) = open.pop()
                        && matches!(operators[opener].1, Operator::Loop { .. })
                    {
                        loops.insert(opener, at);
                    }
                }
                _ => {}
            }
        }
        Function {
            pcs: operators.iter().map(|(pc, _)| pc.0).collect(),
            what: operators
                .iter()
                .enumerate()
                .map(|(at, (_, op))| what(at, op))
                .collect(),
            loops,
        }
    }
}
