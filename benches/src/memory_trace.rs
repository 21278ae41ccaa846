//! A trace of every access to linear memory, as a tool would take it: a record of site and address for each load and
//! store, written to a buffer by running code and handed on in batches.

use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::hook::{Action, Input, Probe, Probes, Ring, Site};
use probity_engine::{Error, Func, Store};
use probity_probes::opcode::{Class, Opcode};
use probity_probes::operands;
use probity_wasi::WasiCtx;

/// Words of a batch: 1 MiB.
const WORDS: usize = 1 << 17;

/// What is kept of the records: enough to see that they are the same, at the least cost.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How many accesses.
    pub accesses: u64,
    /// The sum of all sites and addresses.
    pub sum: u64,
}

/// A trace that is being taken.
pub struct MemoryTrace {
    ring: Ring,
    summary: Arc<Mutex<Summary>>,
    failed: Arc<Mutex<Option<Error>>>,
}

impl MemoryTrace {
    /// Traces each function of the store from its first call on.
    pub fn attach(store: &mut Store<WasiCtx>) -> MemoryTrace {
        let summary = Arc::new(Mutex::new(Summary::default()));
        let sink = summary.clone();
        let ring = Ring::new(WORDS, move |words| {
            let mut summary = sink.lock().unwrap_or_else(PoisonError::into_inner);
            summary.accesses += words.len() as u64 / 2;
            summary.sum = words
                .iter()
                .fold(summary.sum, |sum, w| sum.wrapping_add(*w));
            Ok(())
        });
        let failed = Arc::new(Mutex::new(None));
        let (buffer, failure) = (ring.clone(), failed.clone());
        store.probes().on_first_call(move |probes, func| {
            if let Err(error) = instrument(probes, func, &buffer) {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        });
        MemoryTrace {
            ring,
            summary,
            failed,
        }
    }

    /// What was traced.
    pub fn finish(self, store: &mut Store<WasiCtx>) -> Result<Summary, Error> {
        if let Some(error) = self
            .failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            return Err(error);
        }
        self.ring.drain(store)?;
        Ok(*self.summary.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn instrument(probes: &mut Probes<'_>, func: Func, ring: &Ring) -> Result<(), Error> {
    let Some((module, index)) = probes.module_of(func) else {
        return Ok(());
    };
    let Some(function) = module.function(index) else {
        return Ok(());
    };
    for (pc, op) in function.operators()? {
        if !matches!(
            Opcode::of(&op).class(),
            Class::Load | Class::Store | Class::Atomic
        ) {
            continue;
        }
        // The address is the deepest.
        let address = operands::count(&op, &module, &function).and_then(|n| n.checked_sub(1));
        let Some(address) = address else {
            continue;
        };
        let record = Action::Record {
            ring: ring.clone(),
            tag: pc.0.into(),
            inputs: vec![Input::Operand(address)],
        };
        probes.insert(func, Site::Before(pc), Probe::new(record))?;
    }
    Ok(())
}
