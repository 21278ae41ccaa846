//! What a run does with its memories, access by access, for the analyses that have to see each one in its order: records that
//! code writes to a ring, handed on in batches.
//!
//! A record is written before its operator, whose address is an operand then. Whether the operator goes on or traps is known only
//! later, so the last record is held back until the next one shows that it did; a trap takes it out again. A limit of
//! fuel stops before probes of its operator fire, so what it stops has no record.
//!
//! The numbers of memories are those of a run: all of an instance's memories, in their order, when the first of its functions runs,
//! unless they are known already from another instance. So with one instance they are the module's indices.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use probity_engine::hook::{Action, Input, Probe, Probes, Ring, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{Func, Memory, Result, WasmPc};
use probity_probes::access::{Access, AccessKind};
use probity_probes::operands;
use probity_probes::unwind::Unwind;

use crate::analysis::{Instrument, Key};

/// Words of a batch: 512 KiB, which stay in most machines' caches.
const WORDS: usize = 1 << 16;

/// An operator that writes records.
#[derive(Debug, Clone)]
pub(crate) struct TraceSite {
    pub key: Key,
    pub func: Func,
    pub pc: WasmPc,
    what: What,
}

/// What a record means.
#[derive(Debug, Clone, Copy)]
enum What {
    /// Address operand.
    Access { access: Access, memory: u32 },
    /// Destination, source and length.
    Copy { to: u32, from: u32 },
    /// Destination, something, and length.
    Write { memory: u32 },
    /// Any operand.
    Value,
}

impl What {
    /// How many operands follow the tag.
    fn inputs(self) -> usize {
        match self {
            What::Access { .. } | What::Value => 1,
            What::Copy { .. } | What::Write { .. } => 3,
        }
    }
}

/// Bytes that an operator has read or written, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Touch {
    /// Number of the memory in the run.
    pub memory: u32,
    pub address: u64,
    pub bytes: u64,
    pub kind: AccessKind,
}

impl Touch {
    /// The blocks of `1 << bits` bytes that it touches, first and last; `None` if it has no bytes.
    #[inline]
    pub fn blocks(&self, bits: u32) -> Option<(u64, u64)> {
        let last = self.address.saturating_add(self.bytes.checked_sub(1)?);
        Some((self.address >> bits, last >> bits))
    }

    /// How many of its bytes are below the end of the address space.
    #[inline]
    pub fn bytes_within(&self) -> u64 {
        match self.bytes.checked_sub(1) {
            Some(more) => self.address.saturating_add(more) - self.address + 1,
            None => 0,
        }
    }

    /// Its part in each of these blocks.
    pub fn by_block(self, bits: u32) -> impl Iterator<Item = Touch> {
        let blocks = self.blocks(bits).map(|(first, last)| first..=last);
        let last_byte = self.address.saturating_add(self.bytes.saturating_sub(1));
        blocks.into_iter().flatten().map(move |block| {
            let start = self.address.max(block << bits);
            let last = last_byte.min(block << bits | ((1 << bits) - 1));
            Touch {
                address: start,
                bytes: last - start + 1,
                ..self
            }
        })
    }
}

/// Whoever is told of what happened, in its order. Sites are by their numbers.
pub(crate) trait Sink: Send + 'static {
    /// A load, store or atomic operator.
    fn access(&mut self, site: u32, touch: Touch);

    /// An operator that works on a length: what it read, and what it wrote of the same length.
    fn bulk(&mut self, site: u32, read: Option<Touch>, write: Touch);

    /// An operator that is watched by [`Tracer::value`], with its topmost operand.
    fn value(&mut self, _site: u32, _value: u64) {}
}

/// A trace into a sink.
pub(crate) struct Tracer<S> {
    ring: Ring,
    state: Arc<Mutex<State<S>>>,
}

pub(crate) struct State<S> {
    pub sites: Vec<TraceSite>,
    memories: Vec<Memory>,
    /// The record that nothing has come after yet.
    held: Vec<u64>,
    pub sink: S,
}

impl<S: Sink> Tracer<S> {
    /// Into `sink`.
    pub fn new(sink: S) -> Tracer<S> {
        let state = Arc::new(Mutex::new(State {
            sites: Vec::new(),
            memories: Vec::new(),
            held: Vec::new(),
            sink,
        }));
        let shared = state.clone();
        let ring = Ring::new(WORDS, move |words| {
            lock(&shared).batch(words);
            Ok(())
        });
        Tracer { ring, state }
    }

    /// What [`Analysis::attach`](crate::analysis::Analysis::attach) has to do.
    pub fn attach(&self, probes: &mut Probes<'_>) {
        let (ring, state) = (self.ring.clone(), self.state.clone());
        probes.on_unwind(move |probes, func, pc| {
            let unwind = Unwind::new(probes, pc);
            // The ring is this store's: it has been written to, or is empty.
            if ring.drain(probes).is_ok() && unwind.executed {
                lock(&state).unwound(func, pc);
            }
        });
        let ring = self.ring.clone();
        probes.on_end(move |probes, _, _| {
            let _ = ring.drain(probes);
        });
    }

    /// Has every access of a function traced.
    pub fn accesses(&self, at: &mut Instrument<'_, '_, '_>) -> Result<()> {
        let operators = at.operators()?;
        for (pc, op) in operators.iter() {
            let Some(what) = self.what(at, op) else {
                continue;
            };
            let inputs = match what {
                What::Copy { .. } | What::Write { .. } => {
                    (0..3).rev().map(Input::Operand).collect()
                }
                // The address is the deepest.
                _ => match operands::count(op, at.module, &at.info) {
                    Some(count @ 1..) => vec![Input::Operand(count - 1)],
                    _ => continue,
                },
            };
            self.record(at, *pc, what, inputs)?;
        }
        Ok(())
    }

    /// Has the topmost operand of an operator traced, a number. What becomes of the operator does not matter: it executes.
    pub fn value(&self, at: &mut Instrument<'_, '_, '_>, pc: WasmPc) -> Result<u32> {
        self.record(at, pc, What::Value, vec![Input::Operand(0)])
    }

    fn record(
        &self,
        at: &mut Instrument<'_, '_, '_>,
        pc: WasmPc,
        what: What,
        inputs: Vec<Input>,
    ) -> Result<u32> {
        let site = self.add_site(at, pc, what);
        let record = Action::Record {
            ring: self.ring.clone(),
            tag: site.into(),
            inputs,
        };
        // Behind all others: what they call comes before the operator.
        let probe = Probe::new(record).priority(i32::MAX);
        at.probes.insert(at.func, Site::Before(pc), probe)?;
        Ok(site)
    }

    /// A site that is told of by other ways than records.
    pub fn site(&self, at: &Instrument<'_, '_, '_>, pc: WasmPc) -> u32 {
        self.add_site(at, pc, What::Value)
    }

    fn add_site(&self, at: &Instrument<'_, '_, '_>, pc: WasmPc, what: What) -> u32 {
        let mut state = self.state();
        state.sites.push(TraceSite {
            key: at.key,
            func: at.func,
            pc,
            what,
        });
        state.sites.len() as u32 - 1
    }

    fn what(&self, at: &Instrument<'_, '_, '_>, op: &Operator<'_>) -> Option<What> {
        Some(match *op {
            Operator::MemoryCopy { dst_mem, src_mem } => What::Copy {
                to: self.memory(at, dst_mem)?,
                from: self.memory(at, src_mem)?,
            },
            Operator::MemoryFill { mem } | Operator::MemoryInit { mem, .. } => What::Write {
                memory: self.memory(at, mem)?,
            },
            ref op => {
                let access = Access::of(op)?;
                let memory = self.memory(at, access.memory)?;
                What::Access { access, memory }
            }
        })
    }

    /// The number of a memory of a function's instance, by its index there.
    pub fn memory(&self, at: &Instrument<'_, '_, '_>, index: u32) -> Option<u32> {
        let instance = at.probes.instance_of(at.func)?;
        let wanted = instance.memory(&*at.probes, index)?;
        let mut state = self.state();
        let known = &mut state.memories;
        if let Some(number) = known.iter().position(|&memory| memory == wanted) {
            return Some(number as u32);
        }
        let all = (0..).map_while(|index| instance.memory(&*at.probes, index));
        for memory in all {
            if !known.contains(&memory) {
                known.push(memory);
            }
        }
        let number = known.iter().position(|&memory| memory == wanted)?;
        Some(number as u32)
    }

    /// The end of the run: nothing is held back any longer. Gives sites and sink.
    pub fn finish(&self) -> MutexGuard<'_, State<S>> {
        let mut state = self.state();
        state.flush();
        state
    }

    pub fn state(&self) -> MutexGuard<'_, State<S>> {
        lock(&self.state)
    }

    /// The buffer, to be emptied before something is told of by other ways.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }
}

impl<S> Clone for Tracer<S> {
    fn clone(&self) -> Tracer<S> {
        Tracer {
            ring: self.ring.clone(),
            state: self.state.clone(),
        }
    }
}

impl<S: Sink> State<S> {
    /// Whole records.
    fn batch(&mut self, mut words: &[u64]) {
        self.flush();
        while let Some(&tag) = words.first() {
            let Some(site) = self.sites.get(tag as usize) else {
                return;
            };
            let len = 1 + site.what.inputs();
            let Some((record, rest)) = words.split_at_checked(len) else {
                return;
            };
            match rest.is_empty() {
                true => self.held.extend_from_slice(record),
                false => self.tell(record),
            }
            words = rest;
        }
    }

    /// Hands on the record that is held back.
    pub fn flush(&mut self) {
        let mut held = std::mem::take(&mut self.held);
        self.tell(&held);
        held.clear();
        self.held = held;
    }

    /// An operator trapped: was it an access, there was none.
    fn unwound(&mut self, func: Func, pc: WasmPc) {
        let Some(&tag) = self.held.first() else {
            return;
        };
        let site = self.sites.get(tag as usize);
        let is_it = |site: &TraceSite| site.func == func && site.pc == pc;
        if site.is_some_and(|site| is_it(site) && !matches!(site.what, What::Value)) {
            self.held.clear();
        }
    }

    #[inline]
    fn tell(&mut self, record: &[u64]) {
        let [tag, operands @ ..] = record else {
            return;
        };
        let number = *tag as u32;
        let Some(site) = self.sites.get(number as usize) else {
            return;
        };
        let touch = |memory, address, bytes, kind| Touch {
            memory,
            address,
            bytes,
            kind,
        };
        match (site.what, operands) {
            (What::Access { access, memory }, &[address]) => {
                let address = address.saturating_add(access.offset);
                let touch = touch(memory, address, access.width.into(), access.kind);
                self.sink.access(number, touch);
            }
            (What::Copy { to, from }, &[destination, source, len]) => {
                let read = touch(from, source, len, AccessKind::Load);
                let write = touch(to, destination, len, AccessKind::Store);
                self.sink.bulk(number, Some(read), write);
            }
            (What::Write { memory }, &[destination, _, len]) => {
                let write = touch(memory, destination, len, AccessKind::Store);
                self.sink.bulk(number, None, write);
            }
            (What::Value, &[value]) => self.sink.value(number, value),
            _ => {}
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
