//! The named kinds of sites in a program: what they tell must be the same in every run.
//!
//! They are put into all functions of an instance before anything runs, like twists, and are beside the model: the tiers
//! are compared with each other.

use std::sync::{Arc, Mutex, PoisonError};

use probity_engine::hook::{ProbeContext, Probes};
use probity_engine::{AsContext, Instance, Val};
use probity_probes::kinds::{self, BulkSource, Space, Watch};

use crate::probity::from_val;
use crate::rng::mix;

/// How many kinds there are.
pub const KINDS: u64 = 11;

/// What a kind has told: how often, and a hash of it all in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<(u64, u64)>>);

impl Log {
    /// Number and hash.
    pub fn get(&self) -> (u64, u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, words: impl IntoIterator<Item = u64>) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.0 += 1;
        log.1 = words
            .into_iter()
            .fold(mix(log.1), |hash, word| mix(hash ^ word));
    }

    fn at(&self, context: &ProbeContext<'_>, words: impl IntoIterator<Item = u64>) {
        let place = [context.func_index().into(), context.pc().0.into()];
        self.note(place.into_iter().chain(words));
    }
}

/// Watches all functions of an instance by the kind with this number.
///
/// # Errors
/// What the engine refuses.
pub fn watch(
    kind: u64,
    log: &Log,
    probes: &mut Probes<'_>,
    instance: Instance,
) -> Result<(), probity_engine::Error> {
    let watch = of(kind, log.clone());
    let module = instance.module(probes).clone();
    for index in module.num_imported_functions()..module.num_functions() {
        if let Some(func) = instance.func(probes, index) {
            watch.instrument(probes, func)?;
        }
    }
    Ok(())
}

fn of(kind: u64, log: Log) -> Watch {
    match kind % KINDS {
        0 => kinds::blocks(move |context, block| {
            log.at(context, [block.index as u64, block.start.0.into()]);
            Ok(())
        }),
        1 => kinds::edges(move |context, edge| {
            let ends = [edge.source.0.into(), edge.target.0.into()];
            log.at(context, ends);
            Ok(())
        }),
        2 => kinds::calls(move |context, call| {
            let callee = call
                .callee
                .and_then(|func| context.probes().module_of(func));
            let callee = callee.map_or(u64::MAX, |(_, index)| index.into());
            let behind = call.phase == kinds::CallPhase::Return;
            let values = words(context, &call.values);
            log.at(
                context,
                [callee, behind.into(), call.tail.into()]
                    .into_iter()
                    .chain(values),
            );
            Ok(())
        }),
        3 => kinds::throws(move |context, throw| {
            let values = words(context, &throw.values);
            log.at(context, [throw.again.into()].into_iter().chain(values));
            Ok(())
        }),
        4 => kinds::catches(move |probes, catch| {
            let index = probes.module_of(catch.func).map_or(0, |(_, index)| index);
            log.note([index.into(), catch.source.0.into(), catch.target.0.into()]);
        }),
        5 => kinds::grows(move |context, grow| {
            log.at(
                context,
                [space(grow.space), grow.delta, grow.old.unwrap_or(u64::MAX)],
            );
            Ok(())
        }),
        6 => kinds::bulk(move |context, bulk| {
            let source = match &bulk.source {
                BulkSource::Copy(from, at) => space(*from) ^ at << 8,
                BulkSource::Segment(index, at) => u64::from(*index) ^ at << 8,
                BulkSource::Fill(value) => word(context, value),
            };
            log.at(
                context,
                [space(bulk.space), bulk.destination, source, bulk.len],
            );
            Ok(())
        }),
        7 => kinds::allocations(move |context, made| {
            let length = made.length.map_or(u64::MAX, u64::from);
            let object = word(context, &made.object);
            log.at(context, [made.type_index.into(), length, object]);
            Ok(())
        }),
        8 => kinds::memory_accesses(move |context, access| {
            let value = word(context, &access.value);
            log.at(
                context,
                [
                    access.memory.into(),
                    access.address,
                    access.width.into(),
                    value,
                ],
            );
            Ok(())
        }),
        9 => kinds::tables(move |context, access| {
            let sets = access.direction == kinds::Direction::Set;
            let value = word(context, &access.value);
            log.at(
                context,
                [access.table.into(), access.index, sets.into(), value],
            );
            Ok(())
        }),
        _ => kinds::globals(move |context, access| {
            let sets = access.direction == kinds::Direction::Set;
            let value = word(context, &access.value);
            log.at(context, [access.global.into(), sets.into(), value]);
            Ok(())
        }),
    }
}

fn space(space: Space) -> u64 {
    match space {
        Space::Memory(index) => index.into(),
        Space::Table(index) => !u64::from(index),
    }
}

fn word(store: &impl AsContext, val: &Val) -> u64 {
    from_val(store, val, 0).word()
}

fn words(store: &impl AsContext, vals: &[Val]) -> Vec<u64> {
    vals.iter().map(|val| word(store, val)).collect()
}
