//! Calls, with whom they reach.

use probity_engine::hook::{Probe, ProbeContext, Site};
use probity_engine::{Func, Result, Val};

use super::around::{UnderWay, operands};
use super::watch::{Callback, Watch};
use crate::callee::target;
use crate::events::{self, Callee};
use crate::operands::{count, results};

/// A call operator is about to call, or has come back.
#[derive(Debug, Clone)]
pub struct Call {
    /// Whether it is about to, or has come back.
    pub phase: CallPhase,
    /// The function that is called, of Wasm or of the host; of `call_indirect` and `call_ref` what they find. `None` if they
    /// find none and will trap; they also trap if it is not of the type that they want.
    pub callee: Option<Func>,
    /// Whether the callee takes the place of the caller, so that nothing comes back.
    pub tail: bool,
    /// The arguments, or the results.
    pub values: Vec<Val>,
}

/// Which end of a call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallPhase {
    /// It is about to call.
    Call,
    /// The callee has returned.
    Return,
}

/// Every call operator, before it calls and, where it comes back by returning, behind it. The frame is the caller's.
///
/// Calls of the host's functions by Wasm code are among them; those alone, with their names and errors, are told by
/// [`Probes::on_host_call`](probity_engine::hook::Probes::on_host_call).
pub fn calls(f: impl FnMut(&mut ProbeContext<'_>, &Call) -> Result<()> + Send + 'static) -> Watch {
    let callback = Callback::new(f);
    Watch::new(move |place| {
        let under_way = UnderWay::<Option<Func>>::default();
        for call in events::calls(place.operators) {
            let op = &place.operators[call.index].1;
            let takes = count(op, place.module, &place.info).unwrap_or(0);
            let (direct, chooses) = match call.callee {
                Callee::Direct(index) => (place.instance.func(place.probes, index), 0),
                Callee::Table { .. } | Callee::Reference => (None, 1),
            };
            let (how, tail) = (call.callee, call.tail);

            let (begun, told) = (under_way.clone(), callback.clone());
            let probe = Probe::call(move |context| {
                let callee = match how {
                    Callee::Direct(_) => direct,
                    how => target(context, how),
                };
                let mut values = operands(context, takes).unwrap_or_default();
                values.truncate(values.len().saturating_sub(chooses));
                if !tail {
                    begun.begins(context, callee);
                }
                let phase = CallPhase::Call;
                let call = Call {
                    phase,
                    callee,
                    tail,
                    values,
                };
                told.call(context, &call)
            });
            // The last one: others may write what the call takes.
            place.insert(Site::Before(call.pc), probe.priority(i32::MAX))?;
            if tail {
                continue;
            }

            let leaves = results(op, place.module).unwrap_or(0);
            let (begun, told) = (under_way.clone(), callback.clone());
            let probe = Probe::call(move |context| {
                // One that began before anyone watched is not told.
                let Some(callee) = begun.ends(context) else {
                    return Ok(());
                };
                let values = operands(context, leaves).unwrap_or_default();
                let phase = CallPhase::Return;
                let call = Call {
                    phase,
                    callee,
                    tail,
                    values,
                };
                told.call(context, &call)
            });
            place.insert(Site::After(call.pc), probe)?;
        }
        Ok(())
    })
}
