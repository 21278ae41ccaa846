//! The part of a store that does not depend on the host's data: it owns all that
//! guests consist of, and is what slow paths and probes work on.

use std::any::Any;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use probity_interp::handlers::control;
use probity_interp::layout::{Ctx, FuncRecord, Machine, NOWHERE, Saved};

use super::fuel::Fuel;
use super::global::GlobalData;
use super::host_func::RawHostFn;
use super::instance::InstanceData;
use super::interrupt::InterruptHandle;
use super::memory::{MemoryData, check_type};
use super::root::{Root, Roots};
use super::table::TableData;
use super::tag::TagData;
use super::value::slots_of;
use super::{Func, Limits, Val};
use crate::config::TierZeal;
use crate::engine::Engine;
use crate::error::{Error, Result, TrapCode};
use crate::frame::code_map::CodeMap;
use crate::frame::roots::RootMaps;
use crate::frame::walk::Position;
use crate::gc::heap::Heap;
use crate::hook::table::ProbeTable;
use crate::module::Module;
use crate::sys::region::Region;
use crate::tier::NativeState;
use crate::types::{
    FuncType, GlobalType, MemoryType, RefType, TableType, TypeId, TypeKind, ValType,
};

/// Slots above the stack limit: room for the largest frame of a function without
/// calls, which is not checked, and for what a bridge or host call adds.
const RESERVE_SLOTS: usize = (1 << 16) + 1024;

/// See the module's documentation.
pub struct StoreCore {
    /// Unique in the process; handles carry it.
    id: u64,
    engine: Engine,
    /// The `T` of the store that this is part of.
    data: NonNull<()>,
    /// At a fixed address, since contexts point to it.
    pub(crate) machine: Owned<Machine>,
    _stack: Region,
    pub(crate) stack_limit: *mut u64,
    /// First slot that a call from the host may use.
    pub(crate) stack_top: *mut u64,
    pub(crate) instances: Vec<Owned<InstanceData>>,
    pub(crate) funcs: Vec<FuncEntry>,
    pub(crate) memories: Vec<MemoryData>,
    pub(crate) tables: Vec<TableData>,
    pub(crate) globals: Vec<GlobalData>,
    pub(crate) tags: Vec<TagData>,
    /// What the host holds.
    pub(crate) roots: Roots,
    /// Slots of globals that no instance defines.
    host_globals: Vec<Owned<[u64; 2]>>,
    pub(crate) heap: Owned<Heap>,
    /// Slots with references in the frames of running code.
    pub(crate) root_maps: RootMaps,
    /// Positions whose innermost frame has failed: what it had for operands is gone.
    pub(crate) unwinding: Vec<usize>,
    /// Instances that are being made. Meanwhile nothing is collected.
    pub(crate) instantiating: u32,
    pub(crate) limits: Limits,
    pub(crate) fuel: Fuel,
    pub(crate) interrupt: InterruptHandle,
    pub(crate) code_map: CodeMap,
    pub(crate) probes: ProbeTable,
    /// Where Wasm code stands, outermost first: one entry for each slow path
    /// that is running code of the host or of a probe.
    pub(crate) positions: Vec<Position>,
    /// Why the run ended, if a slow path ended it.
    pub(crate) ending: Option<Ending>,
    /// Compiled code.
    pub(crate) native: NativeState,
}

/// How a slow path ended a run.
pub(crate) enum Ending {
    /// At the cell that asked, which is not unwound yet.
    Raised(Error),
    /// Unwound already.
    Unwound(Error),
    /// A panic of the host, on its way out.
    Panic(Box<dyn Any + Send>),
}

/// A function of the store.
pub(crate) struct FuncEntry {
    pub(crate) record: *mut FuncRecord,
    pub(crate) kind: FuncKind,
}

pub(crate) enum FuncKind {
    /// Position in `instances`, function index there.
    Wasm {
        instance: u32,
        index: u32,
    },
    Host(Box<HostEntry>),
}

pub(crate) struct HostEntry {
    pub(crate) ty: FuncType,
    pub(crate) name: Option<String>,
    pub(crate) f: RawHostFn,
    /// Kept alive for `FuncEntry::record`.
    _record: Owned<FuncRecord>,
}

/// A box whose contents others point to: unlike a `Box`, moving it does not
/// assert that nobody does.
pub(crate) struct Owned<T>(NonNull<T>);

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Owned<T> {
        Owned(NonNull::from(Box::leak(Box::new(value))))
    }

    pub(crate) fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> std::ops::Deref for Owned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: owned, from a box; handlers write only while no reference is used.
        unsafe { self.0.as_ref() }
    }
}

impl<T> std::ops::DerefMut for Owned<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: from a box; nothing points here any more when a store is dropped.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Slots of the smallest stack, whatever the settings say.
const STACK_SLOTS_MIN: usize = 1024;

/// Slots of the largest: what address spaces can have.
const STACK_SLOTS_MAX: usize = isize::MAX as usize / 32;

/// A stack of as many slots, or of as many as the system gives; and how many those are.
fn reserve_stack(slots: usize) -> (Region, usize) {
    let mut slots = slots.clamp(STACK_SLOTS_MIN, STACK_SLOTS_MAX);
    loop {
        let bytes = (slots + RESERVE_SLOTS) * 8;
        if let Some(mut stack) = Region::reserve(bytes)
            && stack.grow(bytes)
        {
            return (stack, slots);
        }
        assert!(
            slots > STACK_SLOTS_MIN,
            "no memory for a stack of {bytes} bytes"
        );
        slots = (slots / 2).max(STACK_SLOTS_MIN);
    }
}

impl StoreCore {
    pub(super) fn new(engine: &Engine) -> StoreCore {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let (stack, slots) = reserve_stack(engine.config().max_stack_bytes / 8);
        let base = stack.base().cast::<u64>();
        // SAFETY: the region has that many slots.
        let stack_limit = unsafe { base.add(slots) };
        let machine = Owned::new(Machine {
            budget: 0,
            exit_pc: std::ptr::null(),
            exit_fp: std::ptr::null_mut(),
            exit_ctx: std::ptr::null_mut(),
            saved: Saved::default(),
            store: std::ptr::null_mut(),
            resume: std::ptr::null(),
        });
        let interrupt = InterruptHandle::default();
        let always = engine.config().tier_zeal == TierZeal::Deopt;
        interrupt.polls().set_limit(stack_limit as u64, always);
        StoreCore {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            engine: engine.clone(),
            data: NonNull::dangling(),
            machine,
            _stack: stack,
            stack_limit,
            stack_top: base,
            instances: Vec::new(),
            funcs: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            roots: Roots::default(),
            host_globals: Vec::new(),
            heap: Owned::new(StoreCore::new_heap(engine)),
            root_maps: RootMaps::default(),
            unwinding: Vec::new(),
            instantiating: 0,
            limits: Limits::default(),
            fuel: Fuel::new(matches!(
                engine.config().tier_zeal,
                TierZeal::Eager | TierZeal::Osr
            )),
            interrupt,
            code_map: CodeMap::default(),
            probes: ProbeTable::default(),
            positions: Vec::new(),
            ending: None,
            native: NativeState::new(engine.config().count_fuel),
        }
    }

    /// Bytes of the value stack.
    pub(crate) fn stack_bytes(&self) -> usize {
        self.stack_limit as usize - self._stack.base() as usize
    }

    /// Bytes of it below what a call from the host would use.
    pub(crate) fn stack_used_bytes(&self) -> usize {
        self.stack_top as usize - self._stack.base() as usize
    }

    /// How many slots of the stack lie before this one.
    pub(crate) fn stack_offset(&self, slot: *const u64) -> usize {
        (slot as usize - self._stack.base() as usize) / size_of::<u64>()
    }

    pub(super) fn set_host_data(&mut self, data: NonNull<()>) {
        self.data = data;
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The host's data. May be used as long as the store lives, if `T` is its type.
    pub(super) fn host_data<T>(&self) -> NonNull<T> {
        self.data.cast()
    }

    /// # Panics
    /// The handle belongs to another store.
    pub(crate) fn check(&self, store: u64) {
        assert!(store == self.id, "handle of another store");
    }

    /// # Errors
    /// Code is running: it has called the host that asks.
    pub(crate) fn check_idle(&self) -> Result<()> {
        match self.positions.is_empty() {
            true => Ok(()),
            false => Err(Error::usage("code of the store is running")),
        }
    }

    // ---- functions

    pub(crate) fn func(&self, id: u32) -> Func {
        Func { store: self.id, id }
    }

    /// Adds a host function. It must have been made for the `T` of this store.
    pub(crate) fn add_host_func(
        &mut self,
        ty: FuncType,
        name: Option<String>,
        f: RawHostFn,
    ) -> Func {
        let id = u32::try_from(self.funcs.len()).expect("fewer than 2^32 functions");
        let (params, results) = (slots_of(ty.params()) as u32, slots_of(ty.results()) as u32);
        let record = Owned::new(FuncRecord {
            code: &raw const control::HOST,
            header: params.max(results),
            cost: 0,
            ctx: std::ptr::null_mut(),
            target: std::ptr::null(),
            sig: self.engine.func_type(&ty).index,
            id,
            home: NOWHERE,
            param_slots: params as u16,
            result_slots: results as u16,
            native: std::ptr::null(),
            thunk: std::ptr::null(),
        });
        let at = record.as_ptr();
        // SAFETY: just made; the record identifies itself.
        unsafe { (*at).target = at };
        let kind = FuncKind::Host(Box::new(HostEntry {
            ty,
            name,
            f,
            _record: record,
        }));
        self.funcs.push(FuncEntry { record: at, kind });
        self.func(id)
    }

    pub(crate) fn func_type(&self, func: Func) -> &FuncType {
        match &self.funcs[func.id as usize].kind {
            FuncKind::Host(host) => &host.ty,
            &FuncKind::Wasm { instance, index } => self.instances[instance as usize]
                .module
                .inner
                .func_type_of(index),
        }
    }

    /// Engine-wide identity of a function's type.
    pub(crate) fn func_type_id(&self, func: Func) -> TypeId {
        // SAFETY: records live as long as the store.
        let index = unsafe { (*self.funcs[func.id as usize].record).sig };
        TypeId {
            index,
            kind: TypeKind::Func,
        }
    }

    pub(crate) fn func_module(&self, func: Func) -> Option<(&Module, u32)> {
        match self.funcs[func.id as usize].kind {
            FuncKind::Host(_) => None,
            FuncKind::Wasm { instance, index } => {
                Some((&self.instances[instance as usize].module, index))
            }
        }
    }

    pub(crate) fn func_name(&self, func: Func) -> String {
        match &self.funcs[func.id as usize].kind {
            FuncKind::Host(host) => host
                .name
                .clone()
                .unwrap_or_else(|| "host function".to_owned()),
            &FuncKind::Wasm { instance, index } => self.instances[instance as usize]
                .module
                .inner
                .display_name(index)
                .into_owned(),
        }
    }

    /// The word of a reference to a function of this store: its record's address.
    pub(crate) fn funcref_to_raw(&self, func: Option<Func>) -> u64 {
        func.map_or(0, |func| self.funcs[func.id as usize].record as u64)
    }

    pub(crate) fn raw_to_funcref(&self, raw: u64) -> Option<Func> {
        let record = raw as *const FuncRecord;
        if record.is_null() {
            return None;
        }
        // SAFETY: non-null function references are addresses of the store's records.
        Some(self.func(unsafe { (*record).id }))
    }

    // ---- values

    /// Raw bits of a value that must be of type `ty`.
    pub(crate) fn val_to_raw(&self, ty: ValType, v: Val) -> Result<u128> {
        if !v.has_type(ty, self) {
            return Err(Error::usage(format!(
                "value of type {} where {ty} is expected",
                v.ty()
            )));
        }
        let mut slots = [0; 2];
        v.to_slots(self, &mut slots)?;
        Ok(u128::from(slots[0]) | u128::from(slots[1]) << 64)
    }

    pub(crate) fn raw_to_val(&self, ty: ValType, raw: u128) -> Val {
        Val::from_slots(ty, self, &[raw as u64, (raw >> 64) as u64])
    }

    pub(crate) fn reference_to_raw(&self, ty: RefType, v: Val) -> Result<u64> {
        Ok(self.val_to_raw(ValType::Ref(ty), v)? as u64)
    }

    pub(crate) fn raw_to_reference(&self, ty: RefType, raw: u64) -> Val {
        self.raw_to_val(ValType::Ref(ty), raw.into())
    }

    // ---- memories, tables, globals

    pub(crate) fn add_memory(&mut self, ty: MemoryType) -> Result<u32> {
        check_type(&ty)?;
        let bytes = ty.minimum.saturating_mul(1 << ty.page_size_log2);
        if bytes > self.limits.memory_bytes_max.unwrap_or(u64::MAX) {
            return Err(TrapCode::MemoryLimit.into());
        }
        let memory = MemoryData::new(&self.engine, ty)?;
        Ok(self.push_memory(memory))
    }

    pub(crate) fn push_memory(&mut self, memory: MemoryData) -> u32 {
        self.memories.push(memory);
        (self.memories.len() - 1) as u32
    }

    pub(crate) fn add_table(&mut self, ty: TableType, init: u64) -> Result<u32> {
        self.tables
            .push(TableData::new(ty, init, self.limits.table_elements_max)?);
        Ok((self.tables.len() - 1) as u32)
    }

    pub(crate) fn add_global(&mut self, ty: GlobalType, raw: u128) -> u32 {
        let slots = Owned::new([raw as u64, (raw >> 64) as u64]);
        let addr = slots.as_ptr().cast();
        self.host_globals.push(slots);
        self.globals.push(GlobalData { ty, addr });
        (self.globals.len() - 1) as u32
    }

    pub(crate) fn add_tag(&mut self, ty: FuncType, type_id: TypeId) -> u32 {
        self.tags.push(TagData { ty, type_id });
        (self.tags.len() - 1) as u32
    }

    /// Holds an object for the host.
    pub(crate) fn root(&self, raw: u64) -> Root {
        self.roots.add(self.id, raw)
    }

    pub(crate) fn fuel_consumed(&self) -> u64 {
        self.fuel.consumed()
    }

    /// The instance that a context belongs to; `None` for the host's.
    pub(crate) fn instance_of(&self, ctx: *mut Ctx) -> Option<&InstanceData> {
        // SAFETY: contexts live as long as the store; `instance` is set once.
        let data = unsafe { (*ctx).instance as *const InstanceData };
        // SAFETY: as above.
        unsafe { data.as_ref() }
    }
}

impl Drop for StoreCore {
    fn drop(&mut self) {
        // Handles of other threads may outlive the contexts.
        self.interrupt.close();
    }
}

/// The store's core, from a context in which code runs.
///
/// # Safety
/// Code must be running in `ctx`, and no other reference to the core may be used
/// while the result is.
pub(crate) unsafe fn core_of<'a>(ctx: *mut Ctx) -> &'a mut StoreCore {
    // SAFETY: `call_raw` sets the pointer before it runs code, and lends the core to it.
    unsafe { &mut *((*(*ctx).machine).store as *mut StoreCore) }
}
