//! Which locals are live where, for those who look at frames of compiled code.

use super::analysis::Analysis;
use crate::module::Module;

/// Which locals a function may still read when it is at the operator at `pc`, or in the call there;
/// `None` if there is no such operator. Of a function that is too large, none is taken to be.
pub(crate) fn live_locals(module: &Module, func: u32, pc: u32, called: bool) -> Option<Vec<bool>> {
    let body = module.inner.function_body(func)?;
    let mut reader = body.get_operators_reader().ok()?;
    let mut ops = Vec::new();
    while !reader.eof() {
        let (op, pc) = reader.read_with_offset().ok()?;
        ops.push((op, pc as u32));
    }
    let locals = module.function(func)?.local_types().ok()?.len();
    let at = ops.binary_search_by_key(&pc, |op| op.1).ok()?;
    let wanted = ops[at].0.clone();
    let wants = |op: &wasmparser::Operator<'_>| *op == wanted;
    let mut live = vec![false; locals];
    if Analysis::bytes_max(&ops, locals, &wants) > super::translate::LIVE_SETS_BYTES_MAX {
        return Some(live);
    }
    let analysis = Analysis::new(&ops, locals, &|_| false, &wants);
    let set = match called {
        true => analysis.live_after(at),
        false => analysis.live_before(at),
    };
    for local in set?.iter() {
        live[local as usize] = true;
    }
    Some(live)
}
