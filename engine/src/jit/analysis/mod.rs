//! What the translator has to know about a function before it translates its first operator.
//!
//! Machine code keeps locals in registers. Where it leaves to the engine (a call, an allocation, a
//! poll), the engine may have to see the frame: to collect garbage, to fire a probe, to go on in the
//! interpreter. So the locals must be written down there, and each one that is dead, and not
//! written, is time won. And each cycle must pass a *poll* now and then, for interrupts, fuel and
//! probes that come later; but a poll in every loop would cost more than the loop does. Both need to
//! know what comes later in the function, which one pass cannot.
//!
//! | module | contents |
//! |---|---|
//! | `flow.rs` | what operators do to the flow of control; the graph |
//! | `access.rs` | reads and writes of locals, 64 locals at a time |
//! | `liveness.rs` | which locals are live at the points that were asked for |
//! | `homes.rs` | which locals are kept in their slots |
//! | `loops.rs` | how loops lie in each other, what is in them, which ones poll |
//!
//! For each 64 locals the work is about linear in the number of operators, and bounded for shapes that
//! no compiler makes too (`liveness.rs`). Nothing recurses.

mod access;
mod flow;
mod homes;
mod liveness;
mod local_set;
mod loops;
#[cfg(test)]
mod tests;

use wasmparser::Operator;

use access::Accesses;
use flow::{Flow, Graph, flow};
use liveness::Point;
pub(crate) use local_set::LocalSet;
pub(crate) use loops::LoopInfo;

/// Facts about one function. Operators are named by their position in the list it was made from.
pub(crate) struct Analysis {
    /// In program order.
    points: Vec<Point>,
    at_entry: LocalSet,
    /// In program order.
    loops: Vec<LoopInfo>,
    graph: Graph,
    operators: usize,
    has_calls: bool,
    has_tail_calls: bool,
    has_try: bool,
    /// Work done to find live locals, for tests.
    visits: u64,
}

impl Analysis {
    /// Analyses a validated body, its last `end` included. `num_locals` counts parameters too.
    ///
    /// `checks(func)`: whether a direct call of that function is a poll itself. Calls through a
    /// table or a reference never count: the callee may be a leaf, which does not poll.
    /// `wants(operator)`: where live locals are needed, besides calls and loops.
    pub(crate) fn new(
        ops: &[(Operator<'_>, u32)],
        num_locals: usize,
        checks: &dyn Fn(u32) -> bool,
        wants: &dyn Fn(&Operator<'_>) -> bool,
    ) -> Analysis {
        let graph = Graph::new(ops);
        let accesses = Accesses::new(ops, num_locals);
        let (mut points, mut has_tail_calls, mut has_try) = (Vec::new(), false, false);
        let mut has_calls = false;
        for (i, (op, _)) in ops.iter().enumerate() {
            has_calls |= is_call(op);
            has_tail_calls |= is_tail_call(op);
            has_try |= flow(op) == Flow::Try;
            if is_point(op, wants) {
                points.push(Point::new(i, op));
            }
        }
        let (at_entry, visits) = liveness::solve(&graph, &accesses, &mut points);
        let loops = loops::find(ops, &graph, &accesses, checks, wants);
        Analysis {
            points,
            at_entry,
            loops,
            graph,
            operators: ops.len(),
            has_calls,
            has_tail_calls,
            has_try,
            visits,
        }
    }

    /// An upper bound of the bytes that the sets of an analysis take. It is a product of what the
    /// guest chooses, so that who analyses must be able to decline.
    pub(crate) fn bytes_max(
        ops: &[(Operator<'_>, u32)],
        num_locals: usize,
        wants: &dyn Fn(&Operator<'_>) -> bool,
    ) -> usize {
        let points = ops.iter().filter(|(op, _)| is_point(op, wants)).count();
        let loops = ops.iter().filter(|(op, _)| flow(op) == Flow::Loop).count();
        (points + loops) * LocalSet::bytes_max(num_locals)
    }

    /// Locals whose values may be read once the operator is done, by what follows or by a handler
    /// that it throws to. For an operator that never goes on to the next (`throw`, `return_call`),
    /// the handlers are all.
    ///
    /// There is an answer for every call, every loop, and every operator that was asked for and for
    /// which it is the same as before the operator: not for those that read or write a local, nor
    /// for conditional branches, `if` and `else`.
    ///
    /// A local without a default value is only ever live where it has been set.
    pub(crate) fn live_after(&self, op: usize) -> Option<&LocalSet> {
        let point = self.point(op)?;
        point.same_after.then_some(&point.live)
    }

    /// Locals whose values may be read by the operator, or later: for every call, every loop (at
    /// its header, however it is entered), and every operator that was asked for.
    pub(crate) fn live_before(&self, op: usize) -> Option<&LocalSet> {
        Some(&self.point(op)?.live)
    }

    /// Locals, parameters among them, that may be read before they are set.
    pub(crate) fn live_at_entry(&self) -> &LocalSet {
        &self.at_entry
    }

    fn point(&self, op: usize) -> Option<&Point> {
        let found = self.points.binary_search_by_key(&op, |point| point.op);
        Some(&self.points[found.ok()?])
    }

    /// About a `loop` operator.
    ///
    /// # Panics
    /// If the operator is no `loop`.
    pub(crate) fn loop_info(&self, op: usize) -> &LoopInfo {
        let found = self.loops.binary_search_by_key(&op, |info| info.op);
        &self.loops[found.expect("a loop")]
    }

    /// Loops at which running code may be entered: all that can be reached, outermost first, those
    /// of one depth in program order.
    pub(crate) fn loops_of_interest(&self) -> Vec<&LoopInfo> {
        let mut loops: Vec<_> = self.loops.iter().filter(|info| info.reachable).collect();
        loops.sort_by_key(|info| info.depth);
        loops
    }

    /// Whether control may come to the operator. A throw is thought possible at each operator
    /// inside a `try_table`, and no condition is thought constant.
    pub(crate) fn is_reachable(&self, op: usize) -> bool {
        self.graph.is_reachable(op)
    }

    /// Whether the function calls, in any way; tail calls are calls.
    pub(crate) fn has_calls(&self) -> bool {
        self.has_calls
    }

    pub(crate) fn has_tail_calls(&self) -> bool {
        self.has_tail_calls
    }

    /// Whether the function has a `try_table`.
    pub(crate) fn has_try(&self) -> bool {
        self.has_try
    }

    /// An upper bound of the number of operators of this function that run between two checks: the
    /// function's entry, loop headers that poll, and calls that check. Each cycle has a check, so no
    /// operator runs twice in between. What callees run that do not check is not in it.
    pub(crate) fn max_path(&self) -> usize {
        self.operators
    }
}

fn is_point(op: &Operator<'_>, wants: &dyn Fn(&Operator<'_>) -> bool) -> bool {
    is_call(op) || flow(op) == Flow::Loop || wants(op)
}

fn is_call(op: &Operator<'_>) -> bool {
    use Operator as O;
    let call = matches!(
        op,
        O::Call { .. } | O::CallIndirect { .. } | O::CallRef { .. }
    );
    call || is_tail_call(op)
}

fn is_tail_call(op: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        op,
        O::ReturnCall { .. } | O::ReturnCallIndirect { .. } | O::ReturnCallRef { .. }
    )
}
