//! From Wasm to Cranelift's representation, one function at a time.
//!
//! Locals are variables, operands values; both have the slots that the interpreter gives them, and
//! each place where the function can be left says what is live there (`sites`). What cannot be
//! compiled, or is not worth it, is left to the interpreter in the middle of the function
//! (`leave`): it goes on with the frame for good.

mod atomics;
mod bulk;
mod calls;
mod casts;
mod control;
mod counters;
mod exceptions;
mod fuel;
mod gc;
mod memory;
mod numeric;
mod outside;
mod polls;
mod records;
mod simd;
mod sites;
mod slow;
mod tables;
mod tail;
#[cfg(test)]
pub(in crate::jit) mod tests;
mod watch;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use cranelift_codegen::ir::{
    AliasRegion, AliasRegionData, Block, Function, InstBuilder, MemFlagsData, TrapCode, Type,
    Value, types,
};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use probity_interp::layout::HEADER_SLOTS;
use wasmparser::Operator as O;

pub(super) use self::sites::{Draft, DraftPlace};
use super::abi;
use super::analysis::Analysis;
use super::compile::Refused;
use super::location::{self, Location};
use crate::code::{FuncCode, classify};
use crate::module::{Module, ModuleInner};
use crate::runtime::slot_offsets;
use crate::tier::code::Variant;
use crate::tier::watch::WatchPlan;
use crate::types::{FuncType, ValType};

/// What a translation does without, because the code that came of it was of no use.
#[derive(Clone, Default)]
pub(super) struct Manner {
    /// All its polls stay in the code that runs.
    pub(super) loud: bool,
    /// Counters, by block and index, that loops store in each round.
    pub(super) stored: BTreeSet<(u32, usize)>,
}

/// Translates a function.
pub(super) fn translate(
    module: &Module,
    index: u32,
    plain: &FuncCode,
    (variant, manner): (&Variant, &Manner),
    config: TargetFrontendConfig,
    func: &mut Function,
    context: &mut FunctionBuilderContext,
) -> Result<Draft, Refused> {
    let body = module.inner.function_body(index);
    let body = body.ok_or_else(|| Refused("no body".to_owned()))?;
    let parse = |e: wasmparser::BinaryReaderError| Refused(e.to_string());
    let mut ops = Vec::new();
    let mut reader = body.get_operators_reader().map_err(parse)?;
    while !reader.eof() {
        let (op, pc) = reader.read_with_offset().map_err(parse)?;
        ops.push((op, pc as u32));
    }
    if ops.last().is_some_and(|&(_, pc)| pc > location::PC_MAX) {
        return Err(Refused("more than 2 GiB into the module".to_owned()));
    }
    let info = module.function(index).expect("a function with a body");
    let locals = info.local_types().map_err(|e| Refused(e.to_string()))?;
    if Analysis::bytes_max(&ops, locals.len(), &may_leave) > LIVE_SETS_BYTES_MAX {
        return Err(Refused("too many locals times calls".to_owned()));
    }
    if let Some(watch) = &variant.watch
        && watch.sites.len() * (locals.len() + WATCHED_OPERANDS) > WATCHED_VALUES_MAX
    {
        return Err(Refused("too many locals times probes".to_owned()));
    }
    let costs = match variant.counted {
        true => fuel::costs(&ops, variant.watch.as_deref()),
        false => Vec::new(),
    };
    let mut translator = Translator::new(
        &module.inner,
        index,
        plain,
        &ops,
        &locals,
        variant,
        func,
        context,
    );
    translator.pc = ops.first().map_or(0, |&(_, pc)| pc);
    translator.costs = costs;
    translator.manner = manner.clone();
    translator.prologue(&locals, &ops);
    while let Some((op, pc)) = ops.get(translator.at) {
        translator.pc = *pc;
        translator.b.set_srcloc(Location::Pc(*pc).source());
        translator.fired = false;
        // Control comes to these in other ways, too; they see to it themselves.
        match op {
            O::Loop { .. } | O::End => translator.land(),
            _ => translator.before_operator(op),
        }
        translator.note_held(op);
        translator.operator(op)?;
        translator.end_of_operator(op);
        translator.at += 1;
    }
    if translator.osr_block.is_some() {
        return Err(Refused("no entry at this loop".to_owned()));
    }
    Ok(translator.finish(config))
}

/// Whether an operator may need to know what is live at it: what is neither a plain computation nor
/// a branch.
fn may_leave(op: &O<'_>) -> bool {
    classify::scalar(op).is_none()
        && classify::vector(op).is_none()
        && !gc::is_plain(op)
        && !casts::is_cast(op)
        && !tables::is_access(op)
        && !atomics::is_access(op)
        && !matches!(
            op,
            O::LocalGet { .. }
                | O::LocalSet { .. }
                | O::LocalTee { .. }
                | O::I32Const { .. }
                | O::I64Const { .. }
                | O::F32Const { .. }
                | O::F64Const { .. }
                | O::V128Const { .. }
                | O::I8x16Shuffle { .. }
                | O::GlobalGet { .. }
                | O::GlobalSet { .. }
                | O::Select
                | O::TypedSelect { .. }
                | O::Drop
                | O::Nop
                | O::Block { .. }
                | O::If { .. }
                | O::Else
                | O::End
                | O::Br { .. }
                | O::BrIf { .. }
                | O::BrTable { .. }
                | O::BrOnNull { .. }
                | O::BrOnNonNull { .. }
                | O::RefFunc { .. }
                | O::Return
                | O::Unreachable
        )
}

fn is_tail_call(op: &O<'_>) -> bool {
    matches!(
        op,
        O::ReturnCall { .. } | O::ReturnCallIndirect { .. } | O::ReturnCallRef { .. }
    )
}

/// Values that the sites of a watched function may have between them, and how many operands one is
/// taken to have.
const WATCHED_VALUES_MAX: usize = 1 << 20;
const WATCHED_OPERANDS: usize = 8;

/// Bytes that sets of live locals may take, which are a product of what the guest chooses.
pub(super) const LIVE_SETS_BYTES_MAX: usize = 64 << 20;

/// "Status" of what control never reaches.
const NEVER: u64 = 250;

/// The code of a trap with an exit status.
pub(super) fn trap_code(status: u64) -> TrapCode {
    TrapCode::unwrap_user(status as u8)
}

/// What accesses of memories trap with, in turns. Cranelift may make a load part of the instruction of
/// an operator nearby, which then has that one's source location; this tells whose trap it is.
const ACCESSES: std::ops::Range<u8> = 30..230;

/// What the access with this number in its function traps with.
pub(super) fn access_code(number: usize) -> TrapCode {
    TrapCode::unwrap_user(ACCESSES.start + (number % ACCESSES.len()) as u8)
}

/// The number of the access that a trap is of, that which is nearest to `near` among all below `len`;
/// `None` if it is of no access.
pub(super) fn access_of(code: TrapCode, near: usize, len: usize) -> Option<usize> {
    let raw = code.as_raw().get();
    let turn = usize::from(raw.checked_sub(ACCESSES.start)?);
    let turns = ACCESSES.len();
    let around = near / turns * turns + turn;
    let candidates = [
        around.checked_sub(turns),
        Some(around),
        around.checked_add(turns),
    ];
    let candidates = candidates.into_iter().flatten().filter(|&n| n < len);
    candidates
        .filter(|_| ACCESSES.contains(&raw))
        .min_by_key(|n| n.abs_diff(near))
}

/// The exit status of a trap.
pub(super) fn status_of(code: TrapCode) -> u8 {
    use probity_interp::exit;
    match code {
        TrapCode::INTEGER_DIVISION_BY_ZERO => exit::DIVIDE_BY_ZERO as u8,
        TrapCode::INTEGER_OVERFLOW => exit::OVERFLOW as u8,
        TrapCode::BAD_CONVERSION_TO_INTEGER => exit::INVALID_CONVERSION as u8,
        TrapCode::HEAP_OUT_OF_BOUNDS => exit::MEMORY as u8,
        TrapCode::STACK_OVERFLOW => exit::STACK as u8,
        other => match other.as_raw().get() {
            raw if ACCESSES.contains(&raw) => exit::MEMORY as u8,
            raw => raw,
        },
    }
}

/// An operand, or a local of which no more than the type matters.
#[derive(Clone, Copy)]
struct Operand {
    ty: ValType,
    slot: u32,
    value: Value,
}

#[derive(Clone, Copy)]
struct Local {
    ty: ValType,
    slot: u32,
    variable: Variable,
}

/// Memory of different kinds, which no access to another kind changes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Region {
    Heap,
    Table,
    /// A field of the context, by offset.
    Context(i32),
    Record,
    /// Keys of types.
    Keys,
    /// Globals, by the low bits of their index; imports may be the same.
    Global(u32),
    ImportedGlobals,
    /// The frame on the value stack.
    Frame,
    Poll,
    Counters,
    /// Where blocks of counters begin.
    CounterBlocks,
    /// Where buffers of records are written, and their ends.
    Rings,
    Records,
    Fuel,
    /// Headers of objects, and descriptions of their types: nothing writes them.
    ObjectHeads,
    /// Fields of structures, by offset. Where two types have fields that overlap, no object is of
    /// both.
    Field(u32),
    /// Elements of arrays, by size.
    Elements(u32),
}

/// Regions of fields that a function can have: there is a limit of all.
const FIELD_REGIONS: u32 = 64;

impl Region {
    /// A field at an offset.
    fn field(offset: u32) -> Region {
        Region::Field((offset / 8).min(FIELD_REGIONS))
    }
}

struct Translator<'a> {
    b: FunctionBuilder<'a>,
    m: &'a ModuleInner,
    ty: &'a FuncType,
    plain: &'a FuncCode,
    ops: &'a [(O<'a>, u32)],
    analysis: Analysis,
    osr: Option<u32>,
    /// Of operands outside of blocks, by place and type, in code for a loop.
    operand_variables: HashMap<(usize, Type), Variable>,
    watch: Option<Arc<WatchPlan>>,
    /// Locals are in their slots at all times.
    keeps_slots: bool,
    /// All locals are kept for those who may look.
    shows_all: bool,
    /// Counters that the innermost loop around holds in registers, by block and index.
    held: BTreeMap<(u32, usize), counters::Held>,
    /// Which of the open blocks that loop is.
    holder: usize,
    /// It holds the addresses of their blocks.
    holds_blocks: bool,
    /// Where the next record of a buffer begins, if the function writes any.
    cursor: Option<records::Held>,
    /// What watches the current operator has fired.
    fired: bool,
    counted: bool,
    /// Units of the rest of the line at each operator, if they are counted.
    costs: Vec<u32>,
    /// The line that the current operator is in is paid for.
    paid: bool,
    manner: Manner,
    /// The function is being entered.
    entering: bool,
    locals: Vec<Local>,
    /// For each local, whether its slot has its value at all sites.
    kept: Vec<bool>,
    /// First operand slot.
    operand_base: u32,
    stack: Vec<Operand>,
    control: Vec<control::Control>,
    /// Those `try_table`s that are open.
    tries: Vec<exceptions::Try>,
    /// Blocks opened in dead code; `None` where control can be.
    dead: Option<u32>,
    at: usize,
    pc: u32,
    ctx: Value,
    fp: Value,
    /// The entry block of code for a loop, which is filled when the loop is there.
    osr_block: Option<Block>,
    regions: HashMap<Region, AliasRegion>,
    signatures: HashMap<u32, cranelift_codegen::ir::SigRef>,
    draft: Draft,
    /// The last accesses of memories, with their numbers.
    accessed: [(memory::Accessed, usize); memory::Accessed::KNOWN],
    /// How many pads its sites have between them.
    pads: usize,
}

impl<'a> Translator<'a> {
    #[allow(clippy::too_many_arguments)]
    fn new(
        m: &'a ModuleInner,
        index: u32,
        plain: &'a FuncCode,
        ops: &'a [(O<'a>, u32)],
        locals: &[ValType],
        variant: &Variant,
        func: &'a mut Function,
        context: &'a mut FunctionBuilderContext,
    ) -> Translator<'a> {
        let ty = m.func_type_of(index);
        let osr = variant.osr;
        func.signature = match osr {
            None if ops.iter().any(|(op, _)| is_tail_call(op)) => abi::tail_signature(ty),
            None => abi::signature(ty),
            Some(_) => abi::entry_signature(),
        };
        let checks = |callee: u32| callee < m.num_imported_funcs || callee == index;
        let analysis = Analysis::new(ops, locals.len(), &checks, &may_leave);
        let watched = variant.watch.as_ref();
        let keep = m.engine.config().keep_locals;
        let shows_all = keep || watched.is_some_and(|w| w.shows_locals());
        let keeps_slots = keep || watched.is_some_and(|w| w.keeps_slots);
        let kept = analysis.kept_locals(ops, locals.len(), shows_all);
        let mut b = FunctionBuilder::new(func, context);
        let block = b.create_block();
        b.append_block_params_for_function_params(block);
        b.switch_to_block(block);
        b.seal_block(block);
        let params = b.block_params(block);
        let (ctx, fp) = (params[0], params[1]);
        let locals = slot_offsets(locals, 0)
            .map(|(ty, slot)| Local {
                ty,
                slot,
                variable: b.declare_var(abi::clif_type(ty)),
            })
            .collect();
        Translator {
            b,
            m,
            ty,
            plain,
            ops,
            analysis,
            osr,
            operand_variables: HashMap::new(),
            watch: variant.watch.clone(),
            shows_all,
            keeps_slots,
            held: BTreeMap::new(),
            holder: 0,
            holds_blocks: false,
            cursor: None,
            fired: false,
            counted: variant.counted,
            costs: Vec::new(),
            paid: false,
            manner: Manner::default(),
            entering: false,
            locals,
            kept,
            operand_base: plain.header + HEADER_SLOTS as u32,
            stack: Vec::new(),
            control: Vec::new(),
            tries: Vec::new(),
            dead: None,
            at: 0,
            pc: 0,
            ctx,
            fp,
            osr_block: osr.map(|_| block),
            regions: HashMap::new(),
            signatures: HashMap::new(),
            draft: Draft::default(),
            accessed: [(memory::Accessed::nothing(), 0); memory::Accessed::KNOWN],
            pads: 0,
        }
    }

    /// Parameters and locals; the check of the stack.
    fn prologue(&mut self, types: &[ValType], ops: &[(O<'_>, u32)]) {
        let entry = self.b.current_block().expect("the entry block");
        if self.osr.is_some() {
            // Code before the loop is only there for blocks that it opens. The entry, which is filled
            // at the loop, is the function's first block all the same.
            self.b.func.layout.append_block(entry);
            let start = self.b.create_block();
            self.b.switch_to_block(start);
            self.b.seal_block(start);
        }
        let given = match self.osr {
            None => self.parameters(entry),
            Some(_) => Vec::new(),
        };
        let mut zeros: HashMap<Type, Value> = HashMap::new();
        for (i, &ty) in types.iter().enumerate() {
            let value = match given.get(i) {
                Some(&param) => param,
                None => {
                    let ty = abi::clif_type(ty);
                    match zeros.get(&ty) {
                        Some(&zero) => zero,
                        None => {
                            let zero = self.zero(ty);
                            zeros.insert(ty, zero);
                            zero
                        }
                    }
                }
            };
            self.b.def_var(self.locals[i].variable, value);
        }
        if self.osr.is_none() && self.plain.cost != 0 {
            self.check_stack();
        }
        self.hold_cursor();
        if self.osr.is_none() {
            self.keep_at_entry();
            self.at_entry(ops);
        }
        self.open_function();
    }

    /// Values of the parameters.
    fn parameters(&mut self, entry: Block) -> Vec<Value> {
        let registers = self.b.block_params(entry)[2..].to_vec();
        let mut registers = registers.into_iter();
        let flags = self.flags(Region::Frame);
        let params = self.ty.params();
        slot_offsets(params, 0)
            .zip(abi::in_registers(params))
            .map(|((ty, slot), in_register)| match in_register {
                true => registers.next().expect("a parameter for each"),
                false => {
                    let offset = slot as i32 * 8;
                    let ty = abi::clif_type(ty);
                    self.b.ins().load(ty, flags, self.fp, offset)
                }
            })
            .collect()
    }

    /// A constant zero.
    fn zero(&mut self, ty: Type) -> Value {
        match ty {
            types::F32 => self.b.ins().f32const(0.0),
            types::F64 => self.b.ins().f64const(0.0),
            _ if ty.is_vector() => {
                let zero = self.b.func.dfg.constants.insert(vec![0; 16].into());
                self.b.ins().vconst(ty, zero)
            }
            _ => self.b.ins().iconst(ty, 0),
        }
    }

    fn finish(mut self, config: TargetFrontendConfig) -> Draft {
        self.b.seal_all_blocks();
        self.label_held();
        self.b.finalize(config);
        self.draft
    }

    // ---- operand stack

    /// First slot above the operand stack.
    fn top_slot(&self) -> u32 {
        match self.stack.last() {
            Some(operand) => operand.slot + operand.ty.slots() as u32,
            None => self.operand_base,
        }
    }

    fn push(&mut self, ty: ValType, value: Value) {
        debug_assert_eq!(
            self.b.func.dfg.value_type(value),
            abi::clif_type(ty),
            "at {:#x}",
            self.pc
        );
        let slot = self.top_slot();
        self.stack.push(Operand { ty, slot, value });
    }

    fn pop(&mut self) -> Value {
        self.pop_operand().value
    }

    fn pop_operand(&mut self) -> Operand {
        // Validation came before translation, so the operand is there.
        self.stack.pop().expect("operand of validated code")
    }

    /// Values of the topmost `n` operands, which stay.
    fn peek(&self, n: usize) -> Vec<Value> {
        let from = self.stack.len() - n;
        self.stack[from..].iter().map(|o| o.value).collect()
    }

    /// Slot of the lowest of the topmost `n` operands.
    fn lowest(&self, n: usize) -> u32 {
        match self.stack.get(self.stack.len() - n) {
            Some(operand) => operand.slot,
            None => self.top_slot(),
        }
    }

    // ---- memory of the engine

    fn region(&mut self, region: Region) -> AliasRegion {
        let id = self.regions.len() as u32;
        let regions = &mut self.b.func.dfg.alias_regions;
        *self.regions.entry(region).or_insert_with(|| {
            regions.insert(AliasRegionData {
                user_id: id,
                description: Default::default(),
            })
        })
    }

    fn flags(&mut self, region: Region) -> MemFlagsData {
        let region = self.region(region);
        // Not "aligned": slots are to 8 bytes, and without AVX an instruction may take a vector
        // right from memory only if that is aligned to 16.
        MemFlagsData::new()
            .with_notrap()
            .with_alias_region(Some(region))
    }

    /// A field of the context that never changes.
    fn fixed(&mut self, ty: Type, offset: i32) -> Value {
        let flags = self.flags(Region::Context(offset));
        let flags = flags.with_readonly().with_can_move();
        self.b.ins().load(ty, flags, self.ctx, offset)
    }

    /// A field of the context that never changes, loaded where it is used: to keep it across calls, or in a
    /// loop that hardly ever needs it, is dearer.
    fn fixed_here(&mut self, ty: Type, offset: i32) -> Value {
        let flags = self.flags(Region::Context(offset)).with_readonly();
        self.b.ins().load(ty, flags, self.ctx, offset)
    }

    /// A field of the context that may change.
    fn field(&mut self, ty: Type, offset: i32) -> Value {
        let flags = self.flags(Region::Context(offset));
        self.b.ins().load(ty, flags, self.ctx, offset)
    }

    /// Traps if the condition is not zero.
    fn trap_if(&mut self, condition: Value, status: u64) {
        self.b.ins().trapnz(condition, trap_code(status));
    }

    // ---- operators

    fn operator(&mut self, op: &O<'_>) -> Result<(), Refused> {
        if self.dead.is_some() {
            self.dead_operator(op);
            return Ok(());
        }
        if self.numeric(op)
            || self.structured(op)
            || self.access(op)
            || self.call(op)
            || self.tail_call(op)
            || self.throw(op)
            || self.gc(op)
            || self.casts(op)
            || self.element_access(op)
            || self.atomic(op)
            || self.bulk(op)
            || self.slow(op)
            || self.vector(op)
        {
            return Ok(());
        }
        self.leave();
        Ok(())
    }

    /// Lets the interpreter go on at this operator.
    fn leave(&mut self) {
        #[cfg(test)]
        self.draft.left.push(self.pc);
        self.give_back();
        self.flush_held();
        self.store_frame(self.stack.len());
        self.leave_frame();
        self.dead = Some(0);
    }
}
