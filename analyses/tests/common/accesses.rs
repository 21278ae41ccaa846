//! What a run did with its memories, told by nothing but the sequence of its operators and their operands: the yardstick of
//! analyses of memories. And random programs that use memories in many ways.

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use probity_engine::hook::{Probe, ProbeContext};
use probity_engine::wasmparser::Operator;
use probity_engine::{Error, Store, Tier, TierZeal, TrapCode, Val};

use super::random::Random;
use super::{Run, config, run_rules};

/// Bytes that were read or written at one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub func: u32,
    pub pc: u32,
    pub memory: u32,
    pub address: u64,
    pub bytes: u64,
    pub reads: bool,
    pub writes: bool,
    /// Whether it is the first part of an operator that has another one.
    pub goes_on: bool,
    /// Whether the operator works on a length.
    pub is_bulk: bool,
}

/// A branch that an operand decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    pub func: u32,
    pub pc: u32,
    /// Where an indirect one goes; of a conditional one, whether it is taken.
    pub way: u64,
    pub is_indirect: bool,
}

/// All that was seen, in order, and what is under way.
#[derive(Default)]
pub struct Trace {
    pub seen: Vec<Seen>,
    pub decisions: Vec<Decision>,
    pending: Vec<Seen>,
    /// How many operators have begun.
    pub steps: u64,
}

impl Trace {
    /// Watches everything that runs in the store.
    pub fn watch(store: &mut Store<()>) -> Arc<Mutex<Trace>> {
        let trace = Arc::new(Mutex::new(Trace::default()));
        let shared = trace.clone();
        store.probes().insert_global(Probe::call(move |context| {
            let mut trace = shared.lock().expect("no panic");
            let pending = std::mem::take(&mut trace.pending);
            trace.seen.extend(pending);
            trace.pending = begun(context);
            trace.decisions.extend(decides(context));
            trace.steps += 1;
            Ok(())
        }));
        trace
    }

    /// The run is over: a trap undid the last operator, a limit came before the one behind it.
    pub fn end(&mut self, error: Option<&Error>) {
        let pending = std::mem::take(&mut self.pending);
        if error.is_none_or(|error| {
            error
                .trap()
                .is_some_and(|trap| trap.code() == TrapCode::OutOfFuel)
        }) {
            self.seen.extend(pending);
        }
    }
}

/// Runs a program under the analysis and the oracle.
pub fn traced(
    wat: &str,
    tier: Tier,
    zeal: TierZeal,
    analysis: &str,
    fuel: Option<u64>,
) -> (Run, Trace) {
    let mut kept = None;
    let run = run_rules(
        config(tier, zeal),
        wat,
        &[analysis],
        &[],
        |store: &mut Store<()>| {
            kept = Some(Trace::watch(store));
            store.set_fuel_limit(fuel);
        },
    );
    let trace = kept.expect("it ran");
    let mut trace = std::mem::take(&mut *trace.lock().expect("no panic"));
    trace.end(run.error.as_ref());
    (run, trace)
}

/// What decides the branch that is about to execute.
fn decides(context: &mut ProbeContext<'_>) -> Option<Decision> {
    let (func, pc) = (context.func_index(), context.pc());
    let at = context.func();
    let (module, _) = context.probes().module_of(at)?;
    let operators = module.function(func)?.operators().ok()?;
    let index = operators.binary_search_by_key(&pc, |(pc, _)| *pc).ok()?;
    let mut top = || match context.frame().top(0) {
        Some(Val::I32(value)) => value as u32,
        other => panic!("a condition is {other:?}"),
    };
    let (way, is_indirect) = match &operators[index].1 {
        Operator::If { .. } | Operator::BrIf { .. } => ((top() != 0).into(), false),
        Operator::BrTable { targets } => {
            let labels: Vec<u32> = targets.targets().map(|l| l.expect("valid")).collect();
            let label = labels.get(top() as usize).copied();
            (label.unwrap_or(targets.default()).into(), true)
        }
        Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => (top().into(), true),
        _ => return None,
    };
    Some(Decision {
        func,
        pc: pc.0,
        way,
        is_indirect,
    })
}

/// What the operator would do that is about to execute. A table of its own, by the text of the format.
fn begun(context: &mut ProbeContext<'_>) -> Vec<Seen> {
    let (func, pc) = (context.func_index(), context.pc());
    let at = context.func();
    let (module, _) = context.probes().module_of(at).expect("a Wasm function");
    let info = module.function(func).expect("a function");
    let operators = info.operators().expect("valid");
    let index = operators
        .binary_search_by_key(&pc, |(pc, _)| *pc)
        .expect("an operator");
    let frame = context.frame();
    let operand = |from_top| match frame.top(from_top) {
        Some(Val::I32(value)) => u64::from(value as u32),
        Some(Val::I64(value)) => value as u64,
        other => panic!("an address is {other:?}"),
    };
    let seen = |memory, address, bytes, reads, writes| Seen {
        func,
        pc: pc.0,
        memory,
        address,
        bytes,
        reads,
        writes,
        goes_on: false,
        is_bulk: false,
    };
    let fixed = |memarg: &probity_engine::wasmparser::MemArg, from_top, bytes, reads, writes| {
        let memory = match memarg.target {
            probity_engine::wasmparser::MemArgTarget::Memory(memory) => memory,
            ref other => panic!("a target is {other:?}"),
        };
        vec![seen(
            memory,
            operand(from_top) + memarg.offset,
            bytes,
            reads,
            writes,
        )]
    };
    match &operators[index].1 {
        Operator::I32Load8U { memarg } => fixed(memarg, 0, 1, true, false),
        Operator::I32Load16S { memarg } => fixed(memarg, 0, 2, true, false),
        Operator::I32Load { memarg } => fixed(memarg, 0, 4, true, false),
        Operator::I64Load { memarg } => fixed(memarg, 0, 8, true, false),
        Operator::V128Load { memarg } => fixed(memarg, 0, 16, true, false),
        Operator::V128Load32Lane { memarg, .. } => fixed(memarg, 1, 4, true, false),
        Operator::I32Store8 { memarg } => fixed(memarg, 1, 1, false, true),
        Operator::I32Store { memarg } => fixed(memarg, 1, 4, false, true),
        Operator::I64Store { memarg } => fixed(memarg, 1, 8, false, true),
        Operator::V128Store { memarg } => fixed(memarg, 1, 16, false, true),
        Operator::I32AtomicRmwAdd { memarg } => fixed(memarg, 1, 4, true, true),
        Operator::I64AtomicRmwCmpxchg { memarg } => fixed(memarg, 2, 8, true, true),
        Operator::MemoryFill { mem } | Operator::MemoryInit { mem, .. } => {
            let mut write = seen(*mem, operand(2), operand(0), false, true);
            write.is_bulk = true;
            vec![write]
        }
        Operator::MemoryCopy { dst_mem, src_mem } => {
            let len = operand(0);
            let mut read = seen(*src_mem, operand(1), len, true, false);
            let mut write = seen(*dst_mem, operand(2), len, false, true);
            (read.is_bulk, write.is_bulk) = (true, true);
            read.goes_on = true;
            vec![read, write]
        }
        _ => Vec::new(),
    }
}

/// A program with two memories, of 32 and 64 bits, and two functions that use them in loops; about one in five traps. Equal seeds
/// give equal programs.
pub fn program(seed: u64) -> String {
    let mut random = Random(seed);
    for _ in 0..3 {
        random.below(2);
    }
    let mut out = String::from(
        "(module (memory 2) (memory i64 2) (data $d \"0123456789abcdef\")\n\
         (func $next (param i32) (result i32)\n\
           (i32.add (i32.mul (local.get 0) (i32.const 1103515245)) (i32.const 12345)))\n",
    );
    for function in 0..2 {
        let rounds = 1 + random.below(40);
        writeln!(
            out,
            "(func $f{function} (param $x i32) (local $i i32) (local $a i32)\n(loop $l"
        )
        .expect("memory");
        for _ in 0..1 + random.below(6) {
            statement(&mut random, &mut out);
        }
        writeln!(
            out,
            "(local.set $x (call $next (local.get $x)))\n\
             (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {rounds})))))"
        )
        .expect("memory");
    }
    let seeds = [random.below(1 << 30), random.below(1 << 30)];
    writeln!(
        out,
        "(func (export \"main\") (call $f0 (i32.const {})) (call $f1 (i32.const {})) (call $f0 (i32.const 7))))",
        seeds[0], seeds[1]
    )
    .expect("memory");
    out
}

fn statement(random: &mut Random, out: &mut String) {
    // In steps, or anywhere; sometimes a little beyond the end.
    let (step, mask) = (1 + random.below(100), 16 << random.below(12));
    let wide = if random.below(20) == 0 { 9 } else { 0 };
    let address = match random.below(3) {
        0 => format!("(i32.mul (local.get $i) (i32.const {step}))"),
        1 => format!(
            "(i32.and (i32.shr_u (local.get $x) (i32.const 5)) (i32.const {}))",
            mask - 1
        ),
        _ => format!(
            "(i32.and (i32.shr_u (local.get $x) (i32.const {})) (i32.const 65535))",
            12 - wide
        ),
    };
    let offset = [0, 3, 64, 65530][random.below(4) as usize] + if wide > 0 { 65000 } else { 0 };
    let len = format!(
        "(i32.and (local.get $x) (i32.const {}))",
        (1 << random.below(11)) - 1
    );
    let second = random.below(2) == 0;
    let (memory, at) = match second {
        true => ("1 ", format!("(i64.extend_i32_u {address})")),
        false => ("", address.clone()),
    };
    let long = |text: &str| match second {
        true => format!("(i64.extend_i32_u {text})"),
        false => text.to_owned(),
    };
    let aligned = match second {
        true => format!("(i64.and {at} (i64.const -8))"),
        false => format!("(i32.and {at} (i32.const -8))"),
    };
    let place = format!("{memory}offset={offset} {at}");
    let text = match random.below(16) {
        0 => format!("(drop (i32.load8_u {place}))"),
        1 => format!("(drop (i32.load16_s {place}))"),
        2 => format!("(drop (i32.load {place}))"),
        3 => format!("(drop (i64.load {place}))"),
        4 => format!("(drop (v128.load {place}))"),
        5 => {
            let lane = random.below(4);
            format!(
                "(drop (v128.load32_lane {memory}offset={offset} {lane} {at} (v128.const i64x2 0 0)))"
            )
        }
        6 => format!("(i32.store8 {place} (local.get $x))"),
        7 | 8 => format!("(i32.store {place} (local.get $x))"),
        9 => format!("(i64.store {place} (i64.const -1))"),
        10 => format!("(v128.store {place} (v128.const i64x2 1 2))"),
        11 => format!("(drop (i32.atomic.rmw.add {memory}offset=8 {aligned} (i32.const 1)))"),
        12 => {
            format!("(drop (i64.atomic.rmw.cmpxchg {memory}{aligned} (i64.const 0) (i64.const 1)))")
        }
        13 => format!("(memory.fill {memory}{at} (i32.const 7) {})", long(&len)),
        14 => format!("(memory.init {memory}$d {at} (i32.const 2) (i32.and {len} (i32.const 15)))"),
        _ => match random.below(3) {
            0 => format!(
                "(memory.copy {0}{0}{at} {1} {2})",
                memory,
                long("(i32.const 100)"),
                long(&len)
            ),
            1 => format!("(memory.copy 0 1 {address} (i64.extend_i32_u {address}) {len})"),
            _ => format!("(memory.copy 1 0 (i64.extend_i32_u {address}) (i32.const 64) {len})"),
        },
    };
    writeln!(out, "{text}").expect("memory");
}
