//! Where CPython's interpreter goes from one instruction to the next, found in its code: one jump by a table of all opcodes,
//! in a loop. WebAssembly has no jump to a place that is computed otherwise, so there is one even where the source has a jump
//! behind each instruction.
//!
//! Which locals hold the frame and the next instruction there follows from what the code of nearly each opcode begins with:
//! it stores the instruction's address in the frame.

use std::collections::HashMap;

use probity_engine::WasmPc;
use probity_engine::wasmparser::Operator;
use probity_probes::cfg::Cfg;

/// Opcodes that an interpreter has at least.
const CASES_MIN: u32 = 128;

/// Opcodes that store their address at least.
const STORES_MIN: u32 = 32;

type Operators<'a> = [(WasmPc, Operator<'a>)];

/// A jump to the code of the next instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dispatch {
    pub pc: WasmPc,
    /// The local that holds the frame.
    pub frame: u32,
    /// The local that holds the address of the instruction.
    pub instruction: u32,
}

/// Jumps that may be those of an interpreter.
pub(super) fn jumps(operators: &Operators<'_>, cfg: &Cfg) -> Vec<WasmPc> {
    let in_loop = |index: usize| {
        let mut loops = cfg.loops().iter();
        loops.any(|item| (item.header as usize..item.end as usize).contains(&index))
    };
    let jumps = operators.iter().enumerate();
    let jumps = jumps.filter(|(index, (_, op))| match op {
        Operator::BrTable { targets } => targets.len() >= CASES_MIN && in_loop(*index),
        _ => false,
    });
    jumps.map(|(_, (pc, _))| *pc).collect()
}

/// The dispatches of an interpreter whose frames have the instruction at this offset.
pub(super) fn find(
    operators: &Operators<'_>,
    jumps: &[WasmPc],
    instr_ptr: u32,
) -> Option<Vec<Dispatch>> {
    let mut stores: HashMap<(u32, u32), u32> = HashMap::new();
    for at in 0..operators.len() {
        if let Some(locals) = store(&operators[at..], instr_ptr.into()) {
            *stores.entry(locals).or_default() += 1;
        }
    }
    let most = stores.into_iter().max_by_key(|&(locals, n)| (n, locals));
    let ((frame, instruction), _) = most.filter(|&(_, n)| n >= STORES_MIN)?;
    let dispatches = jumps.iter().map(|&pc| Dispatch {
        pc,
        frame,
        instruction,
    });
    Some(dispatches.collect())
}

/// The locals of a store that begins here: of one into what the first points to, at the offset, of the second.
fn store(operators: &Operators<'_>, offset: u64) -> Option<(u32, u32)> {
    let mut rest = operators.iter().map(|(_, op)| op);
    let mut next = || rest.next();
    let &Operator::LocalGet { local_index: base } = next()? else {
        return None;
    };
    let (value, left) = match next()? {
        Operator::I32Const { value } if u64::from(*value as u32) == offset => {
            let Operator::I32Add = next()? else {
                return None;
            };
            let op = match next()? {
                Operator::LocalTee { .. } => next()?,
                op => op,
            };
            (op, 0)
        }
        op => (op, offset),
    };
    let &Operator::LocalGet { local_index: value } = value else {
        return None;
    };
    match next()? {
        Operator::I32Store { memarg } if memarg.offset == left => Some((base, value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_engine::{Engine, Module};

    #[test]
    fn locals_follow_from_stores() {
        let store = [
            "(i32.store offset=28 (local.get 1) (local.get 3))",
            "(i32.store (i32.add (local.get 1) (i32.const 28)) (local.get 3))",
            "(i32.store (local.tee 2 (i32.add (local.get 1) (i32.const 28))) (local.get 3))",
            // Other ones.
            "(i32.store offset=28 (local.get 0) (local.get 2))",
            "(i32.store offset=24 (local.get 1) (local.get 0))",
        ];
        let targets = "0 ".repeat(130);
        let text = format!(
            "(module (memory 1) (func (param i32 i32 i32 i32)
                (loop {} (br_table {targets} (local.get 0)))))",
            store.join(" ").repeat(16)
        );
        let module = Module::new(&Engine::default(), &text).expect("a module");
        let operators = module.function(0).expect("it").operators().expect("valid");
        let jumps = jumps(&operators, &Cfg::new(&operators));
        assert_eq!(jumps.len(), 1);
        let found = find(&operators, &jumps, 28).expect("an interpreter");
        let dispatch = Dispatch {
            pc: jumps[0],
            frame: 1,
            instruction: 3,
        };
        assert_eq!(found, [dispatch]);
        assert_eq!(find(&operators, &jumps, 32), None);
    }
}
