//! Exceptions: where they are thrown, and where they are caught.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use probity_engine::hook::{Probe, ProbeContext, Probes, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Func, Result, Tag, Val, WasmPc};

use super::around::operands;
use super::watch::{Callback, Watch};
use crate::operands::count;

/// An operator is about to throw.
#[derive(Debug, Clone)]
pub struct Throw {
    /// The exception's tag.
    pub tag: Tag,
    /// What it carries.
    pub values: Vec<Val>,
    /// Whether it is thrown again (`throw_ref`).
    pub again: bool,
}

/// Every `throw` and `throw_ref`, before it. A `throw_ref` of null traps, and is none. What the host throws is told by
/// [`Probes::on_host_call`].
pub fn throws(
    f: impl FnMut(&mut ProbeContext<'_>, &Throw) -> Result<()> + Send + 'static,
) -> Watch {
    let callback = Callback::new(f);
    Watch::new(move |place| {
        for (pc, op) in place.operators {
            let callback = callback.clone();
            let probe = match *op {
                Operator::Throw { tag_index } => {
                    let tag = place.instance.tag(place.probes, tag_index);
                    let takes = count(op, place.module, &place.info).unwrap_or(0);
                    Probe::call(move |context| match tag.zip(operands(context, takes)) {
                        Some((tag, values)) => {
                            let again = false;
                            callback.call(context, &Throw { tag, values, again })
                        }
                        None => Ok(()),
                    })
                }
                Operator::ThrowRef => Probe::call(move |context| {
                    let Some(Val::ExnRef(Some(exception))) = context.frame().top(0) else {
                        return Ok(());
                    };
                    let throw = Throw {
                        tag: exception.tag(context),
                        values: exception.args(context),
                        again: true,
                    };
                    callback.call(context, &throw)
                }),
                _ => continue,
            };
            // The last one: others may write what it carries.
            place.insert(Site::Before(*pc), probe.priority(i32::MAX))?;
        }
        Ok(())
    })
}

/// A function has caught an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Catch {
    /// The function.
    pub func: Func,
    /// Its operator that threw, or the call that the exception came out of.
    pub source: WasmPc,
    /// Where it goes on: as with a branch, the `end` of a block or a `loop`.
    pub target: WasmPc,
}

/// Every exception that a `try_table` of these functions catches, when the frames further in are gone and before it goes
/// on. It is told outside of the frame, with the probe table; a probe before the operator at [`Catch::target`] finds what
/// was caught on the operand stack.
pub fn catches(f: impl FnMut(&mut Probes<'_>, &Catch) + Send + 'static) -> Watch {
    let watched = Arc::<Mutex<HashSet<Func>>>::default();
    let f = Arc::new(Mutex::new(f));
    Watch::new(move |place| {
        let functions = || watched.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_first {
            functions().clear();
            let (watched, f) = (watched.clone(), f.clone());
            // One for all functions of the store.
            let id = place.probes.on_unwind(move |probes, func, source| {
                let Some(target) = probes.caught_at() else {
                    return;
                };
                let functions = watched.lock().unwrap_or_else(PoisonError::into_inner);
                if !functions.contains(&func) {
                    return;
                }
                drop(functions);
                let catch = Catch {
                    func,
                    source,
                    target,
                };
                // As with a probe, guest code that it calls does not call it.
                match f.try_lock() {
                    Ok(mut f) => f(probes, &catch),
                    Err(TryLockError::Poisoned(f)) => f.into_inner()(probes, &catch),
                    Err(TryLockError::WouldBlock) => {}
                }
            });
            place.keep(id);
        }
        let mut operators = place.operators.iter();
        if operators.any(|(_, op)| matches!(op, Operator::TryTable { .. })) {
            functions().insert(place.func);
        }
        Ok(())
    })
}
