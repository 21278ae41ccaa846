//! Random bodies, compared with the reference.
//!
//! Bodies are right in structure only: nothing in the analysis looks at types, so operands are left
//! out, which gives more flow per operator than valid code would have.

use std::fmt::Write;

use wasmparser::Operator as O;

use super::reference::Reference;
use super::{CHECKS, analyse, body, module, wants};
use crate::jit::analysis::{Analysis, is_call};

/// A linear congruential generator: the same bodies everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(n)) as u32
    }
}

/// Locals that bodies use, so that they meet, and lie in several words.
const LOCALS: [u32; 6] = [0, 1, 2, 63, 64, 129];

struct Generator {
    random: Random,
    text: String,
    /// Operators left to write.
    budget: u32,
}

impl Generator {
    fn func(seed: u64) -> String {
        let mut random = Random(seed);
        let budget = 4 + random.below(60);
        let mut this = Generator {
            random,
            text: format!("(local {})\n", "i32 ".repeat(130)),
            budget,
        };
        while this.budget > 0 {
            this.list(0);
        }
        this.text
    }

    fn list(&mut self, depth: u32) {
        for _ in 0..self.random.below(6) {
            self.operator(depth);
        }
    }

    fn operator(&mut self, depth: u32) {
        if self.budget == 0 {
            return;
        }
        self.budget -= 1;
        let label = self.random.below(depth + 1);
        let local = LOCALS[self.random.below(LOCALS.len() as u32) as usize];
        let kind = self.random.below(if depth < 7 { 40 } else { 32 });
        // Most of the code should not be dead.
        let leaves = matches!(kind, 14 | 19..=21 | 27..=29);
        let kind = if leaves && self.random.below(3) != 0 {
            12
        } else {
            kind
        };
        let text = &mut self.text;
        match kind {
            0..=5 => writeln!(text, "local.get {local}"),
            6..=9 => writeln!(text, "local.set {local}"),
            10..=11 => writeln!(text, "local.tee {local}"),
            12..=13 => writeln!(text, "br_if {label}"),
            14 => writeln!(text, "br {label}"),
            15 => writeln!(text, "br_on_null {label}"),
            16 => writeln!(text, "br_on_non_null {label}"),
            17 => writeln!(text, "br_on_cast {label} anyref structref"),
            18 => writeln!(text, "br_on_cast_fail {label} anyref i31ref"),
            19 => {
                let other = self.random.below(depth + 1);
                writeln!(text, "br_table {label} {other} {label}")
            }
            20 => writeln!(text, "return"),
            21 => writeln!(text, "unreachable"),
            22..=23 => writeln!(text, "call $leaf"),
            24 => writeln!(text, "call $checks"),
            25 => writeln!(text, "call_indirect (type $t)"),
            26 => writeln!(text, "call_ref $t"),
            27 => match self.random.below(3) {
                0 => writeln!(text, "return_call $leaf"),
                1 => writeln!(text, "return_call_indirect (type $t)"),
                _ => writeln!(text, "return_call_ref $t"),
            },
            28 => writeln!(text, "throw $e"),
            29 => writeln!(text, "throw_ref"),
            30 => writeln!(text, "memory.grow"),
            31 => writeln!(text, "nop"),
            32..=33 => return self.structure("block", depth),
            34..=36 => return self.structure("loop", depth),
            37 => {
                writeln!(text, "if").unwrap();
                self.list(depth + 1);
                if self.random.below(2) == 0 {
                    self.text.push_str("else\n");
                    self.list(depth + 1);
                }
                writeln!(self.text, "end")
            }
            _ => {
                let mut start = String::from("try_table");
                for clause in ["catch $e", "catch_ref $e", "catch_all", "catch_all_ref"] {
                    if self.random.below(3) == 0 {
                        let label = self.random.below(depth + 1);
                        write!(start, " ({clause} {label})").unwrap();
                    }
                }
                return self.structure(&start, depth);
            }
        }
        .unwrap();
    }

    fn structure(&mut self, start: &str, depth: u32) {
        writeln!(self.text, "{start}").unwrap();
        self.list(depth + 1);
        // Without these, few loops would be cycles.
        if start == "loop" && self.random.below(3) != 0 {
            let label = self.random.below(depth + 2).min(self.random.below(3));
            writeln!(self.text, "br_if {label}").unwrap();
        }
        self.text.push_str("end\n");
    }
}

fn compare_liveness(ops: &[(O<'_>, u32)], analysis: &Analysis, everywhere: bool) {
    let reference = Reference::new(ops);
    let live = reference.live(ops);
    assert!(analysis.live_at_entry().iter().eq(live[0].iter().copied()));
    for (i, (op, _)) in ops.iter().enumerate() {
        assert_eq!(analysis.is_reachable(i), reference.is_reachable(i), "{i}");
        let asked = everywhere || is_call(op) || matches!(op, O::Loop { .. }) || wants(op);
        let before = analysis.live_before(i);
        assert_eq!(before.is_some(), asked);
        let Some(before) = before else { continue };
        assert!(before.iter().eq(live[i].iter().copied()), "before {i}");
        assert_eq!(before.len(), live[i].len());
        let unknown = matches!(
            op,
            O::LocalGet { .. }
                | O::LocalSet { .. }
                | O::LocalTee { .. }
                | O::BrIf { .. }
                | O::BrOnNull { .. }
                | O::BrOnNonNull { .. }
                | O::BrOnCast { .. }
                | O::BrOnCastFail { .. }
                | O::If { .. }
                | O::Else
        );
        assert_eq!(analysis.live_after(i).is_none(), unknown, "{op:?}");
    }
}

fn compare_loops(ops: &[(O<'_>, u32)], analysis: &Analysis) {
    let reference = Reference::new(ops);
    let loops: Vec<_> = (0..ops.len())
        .filter(|&i| matches!(ops[i].0, O::Loop { .. }))
        .collect();
    let polls = |i: usize| loops.contains(&i) && analysis.loop_info(i).polls;
    // Whether control gets past an operator without a check.
    let passes = |i: usize| {
        let call = matches!(ops[i].0, O::Call { function_index } if function_index == CHECKS);
        !call && !polls(i)
    };
    for i in (0..ops.len()).filter(|&i| reference.is_reachable(i)) {
        let cycle = passes(i) && reference.reaches(i, i, &passes);
        assert!(!cycle, "a cycle at {i} without a check");
    }
    for &i in &loops {
        let info = analysis.loop_info(i);
        let region = Reference::region(ops, i);
        let around = reference.loops_around(ops, i);
        assert_eq!(info.reachable, reference.is_reachable(i));
        assert_eq!(info.parent, around.last().copied());
        assert_eq!(info.depth as usize, around.len() + 1);
        let inside = || ops[region.clone()].iter().map(|(op, _)| op);
        assert_eq!(info.has_call, inside().any(is_call));
        let site = inside().any(|op| is_call(op) || wants(op)) || region.clone().any(polls);
        assert_eq!(info.has_site, site);
        for local in LOCALS {
            let writes = |op: &O<'_>| match *op {
                O::LocalSet { local_index } | O::LocalTee { local_index } => local_index == local,
                _ => false,
            };
            assert_eq!(info.assigned.contains(local), inside().any(writes));
        }
        // A poll is where it is because nothing inside the loop does its work.
        let passes_inside = |to: usize| region.contains(&to) && passes(to);
        let needed = info.reachable && reference.reaches(i, i, &passes_inside);
        assert_eq!(info.polls, needed, "poll of the loop at {i}");
    }
    let interesting = analysis.loops_of_interest();
    let reachable = loops.iter().filter(|&&i| reference.is_reachable(i));
    assert_eq!(interesting.len(), reachable.count());
    assert!(interesting.is_sorted_by_key(|info| (info.depth, info.op)));
}

#[test]
fn random_bodies() {
    let (mut polls, mut loops) = (0, 0);
    for seed in 0..1200 {
        let func = Generator::func(seed);
        let wasm = module(&func);
        let (ops, locals) = body(&wasm);
        let compared = std::panic::catch_unwind(|| {
            let analysis = analyse(&ops, locals);
            compare_liveness(&ops, &analysis, false);
            compare_loops(&ops, &analysis);
            let all = Analysis::new(&ops, locals, &|func| func == CHECKS, &|_| true);
            compare_liveness(&ops, &all, true);
            let polls = analysis.loops.iter().filter(|info| info.polls);
            (polls.count(), analysis.loops.len())
        });
        let (more_polls, more_loops) = compared.unwrap_or_else(|_| panic!("seed {seed}:\n{func}"));
        polls += more_polls;
        loops += more_loops;
    }
    // Otherwise the comparison of polls says little.
    assert!(polls > 500 && loops > 2 * polls, "{polls} of {loops}");
}
