//! Which probes a function gets for the events that are wanted. Numbers go to a ring, which compiled code writes by
//! itself; what is no number (vectors, references) is read by a callback, which hands on the ring's records first.

use std::sync::{Arc, Mutex};

use probity_engine::hook::{Action, Input, Probe, ProbeContext, Site};
use probity_engine::wasmparser::Operator;
use probity_engine::{AsContext, Error, Result, WasmPc};
use probity_probes::access::{Access, AccessKind};
use probity_probes::opcode::Opcode;

use super::assemble::Source;
use super::model::{EventKind, Group, Place, Type, Value};
use super::record::{Head, Part, Turn, pieces, push_value, words_of};
use super::recorder::Recorder;
use super::types::{self, Body};
use super::{Shared, lock};
use crate::analysis::Instrument;

/// A function that gets its probes.
pub(super) struct Placing<'a, 'b, 'p, 'm> {
    pub at: &'a mut Instrument<'b, 'p, 'm>,
    pub shared: &'a Shared,
    /// Index of the function in the catalogue.
    pub function: u32,
    /// Whether events at an operator are wanted.
    pub keeps: &'a dyn Fn(WasmPc) -> bool,
}

/// Where values are that a record has.
#[derive(Clone, Copy)]
enum From {
    Operands,
    Locals,
}

/// Of one operator: what its events are.
struct Wish {
    place: Place,
    /// Values are there before it alone, behind it too, or behind it alone.
    before: bool,
    after: bool,
}

impl Placing<'_, '_, '_, '_> {
    /// Puts all of them in.
    pub fn run(&mut self, calls: bool) -> Result<()> {
        let operators = self.at.operators()?;
        let wants = |group| lock(&self.shared.recorder).wants(group);
        let calls = calls && wants(Group::Calls);
        let mut wishes: Vec<(WasmPc, Vec<Wish>)> = Vec::new();
        {
            let instance = self.at.probes.instance_of(self.at.func);
            let instance = instance.ok_or_else(|| Error::usage("a function without instance"))?;
            let body = Body::new(self.at.module, &self.at.info, instance, &*self.at.probes)?;
            let settings = lock(&self.shared.recorder).settings.clone();
            let last = operators.len().saturating_sub(1);
            for (index, (pc, op)) in operators.iter().enumerate() {
                let mut list = Vec::new();
                if (self.keeps)(*pc) {
                    if settings.groups.contains(Group::Instr) {
                        list.push(self.instr(*pc, op, &body, settings.operands));
                    }
                    let wish = self.wish(*pc, op, &body);
                    list.extend(wish.filter(|w| settings.groups.contains(w.place.kind.group())));
                }
                if calls {
                    list.extend(self.way_out(*pc, op, index == last));
                }
                if !list.is_empty() {
                    wishes.push((*pc, list));
                }
            }
        }
        if calls {
            self.entry_and_exit()?;
        }
        for (pc, list) in wishes {
            for wish in list {
                self.grant(pc, wish)?;
            }
        }
        Ok(())
    }

    fn place(&self, kind: EventKind, pc: WasmPc, before: Vec<Type>, after: Vec<Type>) -> Place {
        Place {
            before: before.len(),
            types: [before, after].concat(),
            ..Place::new(kind, self.function, pc.0)
        }
    }

    fn instr<S: AsContext>(
        &self,
        pc: WasmPc,
        op: &Operator<'_>,
        body: &Body<'_, S>,
        operands: bool,
    ) -> Wish {
        let types = if operands {
            body.operands(op)
        } else {
            Vec::new()
        };
        let mut place = self.place(EventKind::Instr, pc, types, Vec::new());
        place.text = types::shown(op).into();
        Wish {
            place,
            before: true,
            after: false,
        }
    }

    /// The event of an operator that is one.
    fn wish<S: AsContext>(
        &self,
        pc: WasmPc,
        op: &Operator<'_>,
        body: &Body<'_, S>,
    ) -> Option<Wish> {
        let (kind, index, before, after) = match *op {
            Operator::GlobalGet { global_index }
            | Operator::GlobalAtomicGet { global_index, .. } => {
                let ty = body.global(global_index);
                (EventKind::GlobalGet, global_index, vec![], vec![ty])
            }
            Operator::GlobalSet { global_index }
            | Operator::GlobalAtomicSet { global_index, .. } => {
                let ty = body.global(global_index);
                (EventKind::GlobalSet, global_index, vec![ty], vec![])
            }
            Operator::MemoryGrow { mem } => {
                let ty = body.address(mem);
                (EventKind::Grow, mem, vec![ty], vec![ty])
            }
            Operator::TableGrow { table } => {
                // Tables of either index type.
                (
                    EventKind::Grow,
                    table,
                    vec![Type::Varies],
                    vec![Type::Varies],
                )
            }
            Operator::Throw { tag_index } => {
                let ty = body.module.tag_type(tag_index)?;
                let types = ty.params().iter().map(|ty| types::of(*ty)).collect();
                (EventKind::Throw, tag_index, types, vec![])
            }
            Operator::ThrowRef => (EventKind::Throw, 0, vec![Type::Exn], vec![]),
            ref op => match Access::of(op) {
                Some(access) => {
                    let (before, after) = body.access(op, &access);
                    let kind = match access.kind {
                        AccessKind::Load => EventKind::Load,
                        AccessKind::Store => EventKind::Store,
                        AccessKind::Update => EventKind::Update,
                    };
                    (kind, access.memory, before, after)
                }
                None => {
                    let (memory, types) = body.bulk(op)?;
                    (EventKind::Bulk, memory, types, vec![])
                }
            },
        };
        let access = Access::of(op);
        let after_it = !after.is_empty();
        let place = Place {
            text: match kind {
                EventKind::Throw => types::shown(op).into(),
                _ => Opcode::of(op).mnemonic().into(),
            },
            index,
            offset: access.map_or(0, |access| access.offset),
            width: access.map_or(0, |access| access.width),
            ..self.place(kind, pc, before, after)
        };
        Some(Wish {
            before: kind != EventKind::GlobalGet,
            after: after_it,
            place,
        })
    }

    /// Where a function returns, or is left by a tail call.
    fn way_out(&self, pc: WasmPc, op: &Operator<'_>, is_last: bool) -> Option<Wish> {
        let kind = match op {
            Operator::Return => EventKind::Return,
            Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => EventKind::TailCall,
            _ if is_last => EventKind::Return,
            _ => return None,
        };
        let results = self.at.info.ty().results();
        let types = match kind {
            EventKind::Return => results.iter().map(|ty| types::of(*ty)).collect(),
            _ => Vec::new(),
        };
        let mut place = self.place(kind, pc, types, Vec::new());
        place.callee = Some(self.function);
        Some(Wish {
            place,
            before: true,
            after: false,
        })
    }

    fn entry_and_exit(&mut self) -> Result<()> {
        let params = self.at.info.ty().params();
        let types: Vec<Type> = params.iter().map(|ty| types::of(*ty)).collect();
        let mut place = self.place(EventKind::Call, WasmPc(0), types.clone(), Vec::new());
        place.callee = Some(self.function);
        let function = self.function;
        let (entry, exit) = {
            let mut recorder = lock(&self.shared.recorder);
            let entry = recorder.sources.add_place(place);
            (entry, recorder.add_source(Source::Exit { function }))
        };
        let head = Head {
            source: entry,
            counts: true,
            part: Part::Start,
            turn: Turn::GoesOn,
        };
        // What other probes of an entry or exit call is called by the function.
        self.record(Site::Entry, head, (From::Locals, &types), i32::MIN)?;
        let head = Head {
            source: exit,
            turn: Turn::Same,
            ..head
        };
        self.record(Site::Exit, head, (From::Operands, &[]), i32::MAX)
    }

    fn grant(&mut self, pc: WasmPc, wish: Wish) -> Result<()> {
        let (before, after) = wish.place.types.split_at(wish.place.before);
        let (before, after) = (before.to_vec(), after.to_vec());
        // A way out is an event when the exit comes.
        let counts = !matches!(wish.place.kind, EventKind::Return | EventKind::TailCall);
        let source = lock(&self.shared.recorder).sources.add_place(wish.place);
        // The last ones: others may write what an operator takes.
        if wish.before {
            let head = Head {
                source,
                counts,
                part: Part::Start,
                turn: Turn::GoesOn,
            };
            self.record(Site::Before(pc), head, (From::Operands, &before), i32::MAX)?;
        }
        if wish.after {
            let head = Head {
                source,
                counts: counts && !wish.before,
                part: Part::End,
                turn: Turn::GoesOn,
            };
            self.record(Site::After(pc), head, (From::Operands, &after), i32::MIN)?;
        }
        Ok(())
    }

    /// Has values of the frame recorded: locals from the first on, or operands up to the topmost.
    fn record(
        &mut self,
        site: Site,
        head: Head,
        (from, types): (From, &[Type]),
        priority: i32,
    ) -> Result<()> {
        let number = |ty: &Type| matches!(ty, Type::I32 | Type::I64 | Type::F32 | Type::F64);
        let input = |at: usize| match from {
            From::Operands => Input::Operand((types.len() - 1 - at) as u32),
            From::Locals => Input::Local(at as u32),
        };
        if types.iter().all(number) {
            for (tag, first) in pieces(head, types.len()) {
                let inputs = (first..first + tag.len as usize).map(input);
                let action = Action::Record {
                    ring: self.shared.ring.clone(),
                    tag: tag.word(),
                    inputs: inputs.collect(),
                };
                self.insert(site, Probe::new(action).priority(priority))?;
            }
            return Ok(());
        }
        let (ring, recorder) = (self.shared.ring.clone(), self.shared.recorder.clone());
        let types = types.to_vec();
        let probe = Probe::call(move |context| {
            ring.drain(context)?;
            let words = read(context, from, &types, &recorder);
            lock(&recorder).write(head, &words);
            Ok(())
        });
        self.insert(site, probe.priority(priority))
    }

    fn insert(&mut self, site: Site, probe: Probe) -> Result<()> {
        let id = self.at.probes.insert(self.at.func, site, probe)?;
        lock(&self.shared.recorder).probes.push(id);
        Ok(())
    }
}

/// Reads values of a frame as words.
fn read(
    context: &mut ProbeContext<'_>,
    from: From,
    types: &[Type],
    recorder: &Arc<Mutex<Recorder>>,
) -> Vec<u64> {
    let frame = context.frame();
    let values = (0..types.len()).map(|at| match from {
        From::Operands => frame.top((types.len() - 1 - at) as u32),
        From::Locals => frame.local(at as u32),
    });
    let values: Vec<_> = values.collect();
    drop(frame);
    let mut words = Vec::with_capacity(words_of(types));
    let mut recorder = lock(recorder);
    for (value, ty) in values.iter().zip(types) {
        match value {
            Some(value) => recorder.push_val(&mut words, value, *ty, context),
            // There is always one where control comes.
            None => push_value(&mut words, Value::I32(0), *ty),
        }
    }
    words
}
