//! One run: a function stays in one call all the time. When it has been hot for a while, the host that it calls inserts a
//! probe at the header of its inner loop; one segment later it removes the probe, and the function goes on for as long.

use super::guests::Guest;
use crate::clock::{thread_cpu_ns, wall_ns};
use crate::engines::probity::engine;
use crate::report::median;
use probity_engine::hook::{Probe, ProbeId, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Caller, Error, Extern, Linker, Module, Store, Tier, WasmPc};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How long a run is.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Iterations between two calls of the host.
    pub segment: u32,
    /// CPU time before the probe, and again after it.
    pub phase_ns: u64,
}

/// What one run showed.
pub struct Sample {
    /// Wall time from before the insertion to the probe's first fire.
    pub first_fire_ns: u64,
    /// Nanoseconds for one iteration, late in the phase before the probe.
    pub before_ns: f64,
    /// The same late in the phase after it.
    pub after_ns: f64,
    /// CPU time from the removal to the first segment of full speed (within 5% of before), if there was one.
    pub recovery_ns: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Before,
    Watched(ProbeId),
    After,
}

/// What the host's function works on.
struct State {
    plan: Plan,
    header: WasmPc,
    phase: Phase,
    phase_begin_ns: u64,
    segment_begin_ns: u64,
    before: Vec<u64>,
    after: Vec<u64>,
    inserted_ns: u64,
    seen: Arc<Seen>,
}

/// What the probe saw.
#[derive(Default)]
struct Seen {
    first_ns: AtomicU64,
    fires: AtomicU64,
}

/// Runs a guest once with a tier.
pub fn run(guest: &Guest, tier: Tier, plan: Plan) -> Result<Sample, String> {
    let state = try_run(guest, tier, plan);
    state.map_err(|e| e.to_string())?.sample(plan)
}

fn try_run(guest: &Guest, tier: Tier, plan: Plan) -> Result<State, Error> {
    let engine = engine(tier);
    let module = Module::new(&engine, guest.text())?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "tick", tick)?;
    let seen = Arc::new(Seen::default());
    let state = State {
        plan,
        header: inner_loop(&module)?,
        phase: Phase::Before,
        phase_begin_ns: 0,
        segment_begin_ns: 0,
        before: Vec::new(),
        after: Vec::new(),
        inserted_ns: 0,
        seen,
    };
    let mut store = Store::new(&engine, state);
    let hot = linker
        .instantiate(&mut store, &module)?
        .get_typed_func::<i32, i32>(&store, "hot")?;
    let begin = thread_cpu_ns();
    let state = store.data_mut();
    (state.phase_begin_ns, state.segment_begin_ns) = (begin, begin);
    let x = hot.call(&mut store, plan.segment.cast_signed())?;
    let state = store.into_data();
    // The probe must not have disturbed what the guest computes.
    let segments = state.before.len() + 1 + state.after.len();
    let expected = alone(&module, plan, segments)?;
    if x != expected {
        let why = format!("the guest computed {x:#x} instead of {expected:#x}");
        return Err(Error::usage(why));
    }
    Ok(state)
}

/// What the guest returns after so many segments that nobody watches.
fn alone(module: &Module, plan: Plan, segments: usize) -> Result<i32, Error> {
    let mut linker = Linker::new(module.engine());
    linker.func_wrap("host", "tick", |mut caller: Caller<'_, usize>| {
        *caller.data_mut() -= 1;
        i32::from(*caller.data() != 0)
    })?;
    let mut store = Store::new(module.engine(), segments);
    let hot = linker
        .instantiate(&mut store, module)?
        .get_typed_func::<i32, i32>(&store, "hot")?;
    hot.call(&mut store, plan.segment.cast_signed())
}

/// The second `loop` of the only function.
fn inner_loop(module: &Module) -> Result<WasmPc, Error> {
    let func = module.num_imported_functions();
    let operators = match module.function(func) {
        Some(function) => function.operators()?,
        None => Vec::new(),
    };
    let mut loops = operators
        .iter()
        .filter(|(_, op)| matches!(op, Operator::Loop { .. }));
    let inner = loops.nth(1).map(|&(pc, _)| pc);
    inner.ok_or_else(|| Error::usage("no inner loop"))
}

/// At the end of each segment: 1 to go on.
fn tick(mut caller: Caller<'_, State>) -> Result<i32, Error> {
    let now = thread_cpu_ns();
    let state = caller.data_mut();
    let segment = now - state.segment_begin_ns;
    let over = now - state.phase_begin_ns >= state.plan.phase_ns;
    let mut on = 1;
    match state.phase {
        Phase::Before => {
            state.before.push(segment);
            if over {
                insert(&mut caller)?;
            }
        }
        Phase::Watched(id) => {
            caller.probes().remove(id);
            let state = caller.data_mut();
            state.phase = Phase::After;
            state.phase_begin_ns = thread_cpu_ns();
        }
        Phase::After => {
            state.after.push(segment);
            on = i32::from(!over);
        }
    }
    caller.data_mut().segment_begin_ns = thread_cpu_ns();
    Ok(on)
}

fn insert(caller: &mut Caller<'_, State>) -> Result<(), Error> {
    let Some(Extern::Func(hot)) = caller.get_export("hot") else {
        return Err(Error::usage("no function `hot`"));
    };
    let header = caller.data().header;
    let seen = caller.data().seen.clone();
    let probe = Probe::call(move |_| {
        if seen.fires.fetch_add(1, Relaxed) == 0 {
            seen.first_ns.store(wall_ns(), Relaxed);
        }
        Ok(())
    });
    caller.data_mut().inserted_ns = wall_ns();
    let id = caller.probes().insert(hot, Site::Before(header), probe)?;
    caller.data_mut().phase = Phase::Watched(id);
    Ok(())
}

impl State {
    fn sample(mut self, plan: Plan) -> Result<Sample, String> {
        // The loop is reached once from above, and then by each branch back but the last.
        let (fires, expected) = (self.seen.fires.load(Relaxed), u64::from(plan.segment));
        if fires != expected {
            return Err(format!(
                "the probe fired {fires} times instead of {expected}"
            ));
        }
        let before = late_median(&mut self.before.clone());
        let mut recovery_ns = None;
        let mut since = 0;
        for &segment in &self.after {
            if segment as f64 <= before * 1.05 {
                recovery_ns = Some(since);
                break;
            }
            since += segment;
        }
        let per_iteration = |segment_ns: f64| segment_ns / f64::from(plan.segment);
        Ok(Sample {
            first_fire_ns: self
                .seen
                .first_ns
                .load(Relaxed)
                .saturating_sub(self.inserted_ns),
            before_ns: per_iteration(before),
            after_ns: per_iteration(late_median(&mut self.after)),
            recovery_ns,
        })
    }
}

/// Median of the second half: the first has warming up in it.
fn late_median(segments: &mut [u64]) -> f64 {
    let half = segments.len() / 2;
    median(&mut segments[half..]).unwrap_or_default() as f64
}

#[cfg(test)]
mod tests {
    use super::super::guests::GUESTS;
    use super::*;

    /// The run itself checks that the probe fires exactly and that the guest's result is what it is without.
    #[test]
    fn a_probe_comes_and_goes_in_a_running_frame() {
        let plan = Plan {
            segment: 500,
            phase_ns: 2_000_000,
        };
        for guest in &GUESTS {
            for tier in [Tier::Interp, Tier::Jit, Tier::Auto] {
                let at = format!("{} {tier:?}", guest.name);
                let sample = run(guest, tier, plan).unwrap_or_else(|e| panic!("{at}: {e}"));
                assert!(sample.before_ns > 0.0 && sample.after_ns > 0.0, "{at}");
            }
        }
    }
}
