//! Operators from their start to their end: what they have taken is gone when their results are there, so it is
//! remembered meanwhile.

use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::hook::{Probe, ProbeContext, Site};
use probity_engine::{Result, Val, WasmPc};

use super::watch::Place;

/// What is known of operators that have begun and not ended, one for each frame at most.
///
/// Frames are told apart by where they begin on the stack, which grows inwards. An operator that never ends (it
/// traps, its call throws) is forgotten when its frame, or one further out, comes to another.
pub(super) struct UnderWay<T>(Arc<Mutex<Vec<Begun<T>>>>);

struct Begun<T> {
    frame: usize,
    pc: WasmPc,
    what: T,
}

impl<T> Clone for UnderWay<T> {
    fn clone(&self) -> UnderWay<T> {
        UnderWay(self.0.clone())
    }
}

impl<T> Default for UnderWay<T> {
    fn default() -> UnderWay<T> {
        UnderWay(Arc::default())
    }
}

impl<T> UnderWay<T> {
    /// The operator that the probe fired before begins.
    pub fn begins(&self, context: &mut ProbeContext<'_>, what: T) {
        let (frame, pc) = (context.frame().stack_offset(), context.pc());
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while list.pop_if(|begun| begun.frame >= frame).is_some() {}
        list.push(Begun { frame, pc, what });
    }

    /// The operator that the probe fired behind has ended. `None` if it began before anyone watched.
    pub fn ends(&self, context: &mut ProbeContext<'_>) -> Option<T> {
        let (frame, pc) = (context.frame().stack_offset(), context.pc());
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while list.pop_if(|begun| begun.frame > frame).is_some() {}
        let begun = list.pop_if(|begun| begun.frame == frame)?;
        (begun.pc == pc).then_some(begun.what)
    }
}

/// Operands from the top, the first of these first; `None` if they are not there.
pub(super) fn operands(context: &mut ProbeContext<'_>, count: u32) -> Option<Vec<Val>> {
    let frame = context.frame();
    (0..count)
        .rev()
        .map(|from_top| frame.top(from_top))
        .collect()
}

/// What operators have taken that are under way.
pub(super) type Taken = UnderWay<Vec<Val>>;

/// Has `f` called each time that an operator has completed, with the topmost operands that it took and the
/// results that it left, so many of each.
pub(super) fn around(
    place: &mut Place<'_, '_>,
    taken: &Taken,
    pc: WasmPc,
    (takes, leaves): (u32, u32),
    mut f: impl FnMut(&mut ProbeContext<'_>, &[Val], &[Val]) -> Result<()> + Send + 'static,
) -> Result<()> {
    if takes > 0 {
        let taken = taken.clone();
        let before = Probe::call(move |context| {
            if let Some(values) = operands(context, takes) {
                taken.begins(context, values);
            }
            Ok(())
        });
        // The last one: others may write what the operator takes, or call guest code.
        place.insert(Site::Before(pc), before.priority(i32::MAX))?;
    }
    let taken = taken.clone();
    let after = Probe::call(move |context| {
        let begun = match takes {
            0 => Some(Vec::new()),
            _ => taken.ends(context),
        };
        match begun.zip(operands(context, leaves)) {
            Some((took, left)) => f(context, &took, &left),
            None => Ok(()),
        }
    });
    place.insert(Site::After(pc), after)
}
