//! Where counters are that a loop holds in registers, when an instruction of it traps.
//!
//! What a loop has counted is a value like any other, which Cranelift may compute early, late, or anew in each block that
//! uses it. So it is not said where it has to be; the translation notes which value a counter has at
//! each operator, and how values follow from each other. When the code is there, debug information says where each
//! value can be found at each instruction that traps: either the one that is wanted, or one that differs from it by a
//! constant. If none can, the function is compiled anew, and each round stores.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cranelift_codegen::ir::{Value, ValueLabel};
use cranelift_codegen::{CompiledCode, LabelValueLoc};

use super::translate;
use crate::tier::code::{Held, HeldPlace, leaving};

/// Counters that a function's loops hold in registers.
#[derive(Default)]
pub(crate) struct DraftHeld {
    /// Ascending by pc.
    pub(super) at: Vec<HeldAt>,
    later: Vec<Later>,
    /// Values that differ from those that are there anyway by what is no constant.
    late: BTreeSet<Value>,
    /// Counters, by block and index, that have such a value where something may trap.
    pub(super) lost: BTreeSet<(u32, usize)>,
    /// Values that are constants.
    pub(super) constants: BTreeMap<Value, u64>,
}

impl DraftHeld {
    /// A counter is added to.
    pub(super) fn add(&mut self, later: Later) {
        if later.n.is_none() || self.late.contains(&later.before) {
            self.late.insert(later.value);
        }
        self.later.push(later);
    }

    /// Whether a value is one that Cranelift is not likely to compute before somebody uses it, and that cannot be told from
    /// others before.
    pub(super) fn is_late(&self, value: Value) -> bool {
        self.late.contains(&value)
    }

    pub(super) fn rename(&mut self, name: impl Fn(Value) -> Value) {
        let at = self.at.iter_mut().map(|at| &mut at.value);
        let later = self.later.iter_mut();
        let later = later.flat_map(|later| [&mut later.before, &mut later.value]);
        at.chain(later).for_each(|value| *value = name(*value));
    }

    /// All values that counters have.
    pub(super) fn values(&self) -> BTreeSet<Value> {
        let later = self.later.iter();
        let later = later.flat_map(|later| [later.before, later.value]);
        self.at.iter().map(|at| at.value).chain(later).collect()
    }
}

/// What a counter has been given by its loop, at an operator.
pub(super) struct HeldAt {
    pub(super) pc: u32,
    /// Block and index.
    pub(super) counter: (u32, usize),
    pub(super) value: Value,
}

/// A value that is another one and more.
pub(super) struct Later {
    pub(super) before: Value,
    pub(super) value: Value,
    /// How much more, if that is a constant.
    pub(super) n: Option<u64>,
}

/// Counters that cannot be found somewhere: block and index.
#[derive(Debug)]
pub(super) struct Lost(pub(super) BTreeSet<(u32, usize)>);

/// What is held at each instruction that traps, ascending.
pub(super) fn held(
    compiled: &CompiledCode,
    draft: &DraftHeld,
    lines: &[(u32, u32)],
) -> Result<Box<[Held]>, Lost> {
    if draft.at.is_empty() {
        return Ok(Box::default());
    }
    let finder = Finder::new(compiled, draft);
    let mut held = Vec::new();
    let mut lost = BTreeSet::new();
    for trap in compiled.buffer.traps() {
        // Who leaves has added it to memory.
        if translate::status_of(trap.code) >= leaving::BEFORE {
            continue;
        }
        let pc = lines[lines.partition_point(|line| line.0 <= trap.offset) - 1].1;
        let first = draft.at.partition_point(|at| at.pc < pc);
        for at in draft.at[first..].iter().take_while(|at| at.pc == pc) {
            let Some((place, n)) = finder.find(at.value, trap.offset) else {
                lost.insert(at.counter);
                continue;
            };
            held.push(Held {
                offset: trap.offset,
                counter: at.counter,
                place,
                n,
            });
        }
    }
    if !lost.is_empty() {
        return Err(Lost(lost));
    }
    held.sort_by_key(|held| held.offset);
    Ok(held.into())
}

struct Finder<'a> {
    compiled: &'a CompiledCode,
    constants: &'a BTreeMap<Value, u64>,
    /// Of a value, what it differs from by a constant, and by how much it is more.
    near: HashMap<Value, Vec<(Value, u64)>>,
}

impl<'a> Finder<'a> {
    fn new(compiled: &'a CompiledCode, draft: &'a DraftHeld) -> Finder<'a> {
        let mut near: HashMap<Value, Vec<(Value, u64)>> = HashMap::new();
        for &Later { before, value, n } in &draft.later {
            let Some(n) = n else {
                continue;
            };
            near.entry(value).or_default().push((before, n));
            let less = n.wrapping_neg();
            near.entry(before).or_default().push((value, less));
        }
        Finder {
            compiled,
            constants: &draft.constants,
            near,
        }
    }

    /// Where a value is at an instruction, and how much is to be added to what is there.
    fn find(&self, value: Value, offset: u32) -> Option<(HeldPlace, u64)> {
        let mut seen = vec![(value, 0u64)];
        let mut next = 0;
        while let Some(&(value, n)) = seen.get(next) {
            if let Some(place) = self.place(value, offset) {
                return Some((place, n));
            }
            if let Some(&constant) = self.constants.get(&value) {
                return Some((HeldPlace::Nowhere, n.wrapping_add(constant)));
            }
            for &(other, more) in self.near.get(&value).into_iter().flatten() {
                if seen.iter().all(|seen| seen.0 != other) {
                    seen.push((other, n.wrapping_add(more)));
                }
            }
            next += 1;
        }
        None
    }

    fn place(&self, value: Value, offset: u32) -> Option<HeldPlace> {
        let label = ValueLabel::from_u32(value.as_u32());
        let ranges = self.compiled.value_labels_ranges.get(&label)?;
        let range = ranges
            .iter()
            .find(|range| (range.start..range.end).contains(&offset))?;
        Some(match range.loc {
            LabelValueLoc::Reg(register) => HeldPlace::Register(register.to_real_reg()?.hw_enc()),
            // Where a frame begins that has the return address and the caller's frame pointer above its own.
            LabelValueLoc::CFAOffset(distance) => {
                HeldPlace::Frame(i32::try_from(distance + CFA).ok()?)
            }
        })
    }
}

/// Bytes from the frame pointer to what DWARF calls the frame's address.
const CFA: i64 = 16;
