//! Instances: a module's functions, memories, tables and globals, made real.

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use probity_interp::handlers::control;
use probity_interp::layout::{Ctx, FuncRecord, Machine, MemoryView, NOWHERE, Poll, TableView, key};

use super::context::Context;
use super::core::{FuncEntry, FuncKind, Owned, StoreCore};
use super::global::GlobalData;
use super::linker::check_imports;
use super::polls::ContextWord;
use super::slow::SLOW;
use super::value::slots_of;
use super::{
    AsContext, AsContextMut, Extern, Func, Global, Memory, Table, Tag, TypedFunc, WasmParams,
    WasmResults,
};
use crate::config::Tier;
use crate::error::{Error, Result, TrapCode};
use crate::gc::access;
use crate::gc::layout::{Shape, object_to_raw};
use crate::jit::stubs;
use crate::module::{
    ConstContext, ConstExpr, DataKind, ElementItems, ElementKind, ExternIndex, Module,
};
use crate::types::registry::TypeInfo;

/// An instance of a module. Only a name for it: cheap to copy.
///
/// ```
/// use probity_engine::{Engine, Instance, Module, Store};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (func (export "add") (param i32 i32) (result i32)
///         local.get 0 local.get 1 i32.add))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let add = instance.get_typed_func::<(i32, i32), i32>(&store, "add")?;
/// assert_eq!(add.call(&mut store, (2, 3))?, 5);
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Instance {
    pub(crate) store: u64,
    pub(crate) id: u32,
}

/// An instance as the store owns it. Index spaces have the imports first.
pub(crate) struct InstanceData {
    pub(crate) ctx: Context,
    pub(crate) id: u32,
    pub(crate) module: Module,
    /// Function ids of the imports; own functions follow from `first_own`.
    imported_funcs: Vec<u32>,
    first_own: u32,
    pub(crate) memories: Vec<u32>,
    pub(crate) tables: Vec<u32>,
    globals: Vec<u32>,
    pub(crate) tags: Vec<u32>,
    global_addrs: Vec<*mut u64>,
    table_views: Vec<*const TableView>,
    memory_views: Vec<*mut MemoryView>,
    /// By type index, what `Ctx::outs` points to.
    outs: Vec<*const c_void>,
    /// Contents of element segments that can still be used.
    pub(crate) elements: Vec<Vec<u64>>,
    /// Data segments that were dropped.
    pub(crate) dropped_data: Vec<bool>,
}

/// A context of no instance.
pub(crate) fn empty_ctx(machine: *mut Machine, stack_limit: *mut u64) -> Ctx {
    Ctx {
        mem_len: 0,
        mem_base: std::ptr::NonNull::dangling().as_ptr(),
        stack_limit,
        globals: std::ptr::null_mut(),
        global_addrs: std::ptr::null(),
        funcs: std::ptr::null_mut(),
        table0: std::ptr::null(),
        table0_len: 0,
        tables: std::ptr::null(),
        poll: Poll {
            limit: AtomicU64::new(0),
            request: AtomicU32::new(0),
        },
        callee: std::ptr::null(),
        left: std::ptr::null_mut(),
        shadow_delta: 0,
        slow: &SLOW,
        machine,
        memories: std::ptr::null(),
        instance: std::ptr::null_mut(),
        natives: stubs::exits(),
        outs: std::ptr::null(),
        fuel: std::ptr::null_mut(),
    }
}

impl InstanceData {
    /// Id of a function by its index.
    pub(crate) fn func_id(&self, index: u32) -> u32 {
        match self.imported_funcs.get(index as usize) {
            Some(&id) => id,
            None => self.first_own + index - self.imported_funcs.len() as u32,
        }
    }

    /// The canonical record of a function.
    pub(super) fn raw_func(&self, index: u32) -> u64 {
        // SAFETY: there is a record for every function.
        unsafe { (*self.ctx.funcs.add(index as usize)).target as u64 }
    }

    /// Index of the own function that has this record.
    pub(super) fn func_of_record(&self, raw: u64) -> Option<u32> {
        let offset = raw.checked_sub(self.ctx.funcs as u64)?;
        let size = size_of::<FuncRecord>() as u64;
        let index = u32::try_from(offset / size).ok()?;
        let own = self.module.inner.num_imported_funcs..self.module.inner.funcs.len() as u32;
        (offset % size == 0 && own.contains(&index)).then_some(index)
    }

    pub(super) fn set_raw_global(&mut self, index: u32, raw: u128) {
        let addr = self.global_addrs[index as usize];
        let slots = self.module.inner.globals[index as usize].ty.content.slots();
        // SAFETY: as for `raw_global`; no code is running.
        unsafe {
            *addr = raw as u64;
            if slots == 2 {
                *addr.add(1) = (raw >> 64) as u64;
            }
        }
    }

    pub(super) fn raw_global(&self, index: u32) -> u128 {
        let addr = self.global_addrs[index as usize];
        let slots = self.module.inner.globals[index as usize].ty.content.slots();
        // SAFETY: a global's slots live as long as the store.
        unsafe {
            let high = if slots == 2 { *addr.add(1) } else { 0 };
            u128::from(*addr) | u128::from(high) << 64
        }
    }
}

/// What constant expressions of an instance that is being made refer to.
struct Consts<'a> {
    core: &'a mut StoreCore,
    instance: u32,
}

impl Consts<'_> {
    fn data(&self) -> &InstanceData {
        &self.core.instances[self.instance as usize]
    }

    fn type_info(&self, ty: u32) -> Arc<TypeInfo> {
        self.data().module.inner.types[ty as usize].clone()
    }
}

impl ConstContext for Consts<'_> {
    fn global(&mut self, index: u32) -> u128 {
        self.data().raw_global(index)
    }

    fn func_ref(&mut self, index: u32) -> u64 {
        self.data().raw_func(index)
    }

    fn new_struct(&mut self, ty: u32, values: &[u128]) -> Result<u64> {
        let ty = self.type_info(ty);
        // SAFETY: types live as long as their engine, which the store holds.
        let object = unsafe { self.core.allocate(&ty.object, 0)? };
        if let Shape::Struct { fields, .. } = &ty.object.shape {
            for (field, &value) in fields.iter().zip(values) {
                let offset = field.offset as usize;
                // SAFETY: a new object with these fields; validation has seen their types.
                unsafe { access::store(object, offset, field.storage, value) };
            }
        }
        Ok(object_to_raw(object))
    }

    fn new_array(&mut self, ty: u32, len: u32, values: &[u128]) -> Result<u64> {
        let ty = self.type_info(ty);
        // SAFETY: types live as long as their engine, which the store holds.
        let array = unsafe { self.core.allocate(&ty.object, len)? };
        if let (Shape::Array { element, .. }, [first, ..]) = (&ty.object.shape, values) {
            for i in 0..len {
                let value = values.get(i as usize).unwrap_or(first);
                let offset = access::element_offset(*element, i);
                // SAFETY: a new array of so many elements; validation has seen their type.
                unsafe { access::store(array, offset, *element, *value) };
            }
        }
        Ok(object_to_raw(array))
    }
}

impl StoreCore {
    fn eval(&mut self, instance: u32, expr: &ConstExpr) -> Result<u128> {
        expr.eval(&mut Consts {
            core: self,
            instance,
        })
    }

    /// Makes an instance of a module of this engine whose imports are checked, and fills it, but does not run its start function.
    pub(super) fn make_instance(
        &mut self,
        module: &Module,
        imports: &[Extern],
        fill: impl FnOnce(&mut StoreCore, u32) -> Result<()>,
    ) -> Result<Instance> {
        drop(self.make_room(0));
        self.instantiating += 1;
        let made = self.allocate_instance(module, imports);
        let made = made.and_then(|id| fill(self, id).map(|()| id));
        self.instantiating -= 1;
        let instance = Instance {
            store: self.id(),
            id: made?,
        };
        self.tell_instantiated(instance);
        Ok(instance)
    }

    /// Makes an instance, without its active segments and start function.
    fn allocate_instance(&mut self, module: &Module, imports: &[Extern]) -> Result<u32> {
        let m = &module.inner;
        let id = self.instances.len() as u32;
        let first_own = self.funcs.len() as u32;
        let mut ctx = empty_ctx(self.machine.as_ptr(), self.stack_limit);
        ctx.fuel = self.fuel.address();
        let keys: Vec<u64> = m.type_ids.iter().map(|ty| key(ty.index, id)).collect();
        let mut data = InstanceData {
            ctx: Context::new(ctx, m.global_slot_count(), m.funcs.len(), &keys),
            id,
            module: module.clone(),
            imported_funcs: Vec::new(),
            first_own,
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            global_addrs: Vec::with_capacity(m.globals.len()),
            table_views: Vec::new(),
            memory_views: Vec::new(),
            outs: Vec::new(),
            elements: Vec::new(),
            dropped_data: vec![false; m.data.len()],
        };
        for item in imports {
            match *item {
                Extern::Func(func) => data.imported_funcs.push(func.id),
                Extern::Memory(memory) => data.memories.push(memory.id),
                Extern::Table(table) => data.tables.push(table.id),
                Extern::Global(global) => data.globals.push(global.id),
                Extern::Tag(tag) => data.tags.push(tag.id),
            }
        }
        for ty in &m.memories[data.memories.len()..] {
            let id = self.add_memory(*ty)?;
            data.memories.push(id);
        }
        for &ty in &m.tags[data.tags.len()..] {
            let info = &m.types[ty as usize];
            data.tags.push(self.add_tag(info.func().clone(), info.id));
        }
        let data = Owned::new(data);
        self.instances.push(data);
        self.link_functions(id, first_own);
        self.link_globals(id)?;
        self.link_tables(id)?;
        self.finish_ctx(id);
        Ok(id)
    }

    fn link_functions(&mut self, id: u32, first_own: u32) {
        let module = self.instances[id as usize].module.clone();
        let m = &module.inner;
        let data = &self.instances[id as usize];
        let (ctx, records) = (data.ctx.as_ptr(), data.ctx.funcs);
        for (index, &ty) in m.funcs.iter().enumerate() {
            let def = &m.types[ty as usize];
            let params = slots_of(def.func().params()) as u32;
            let results = slots_of(def.func().results()) as u32;
            let mut record = FuncRecord {
                code: &raw const control::PREPARE,
                header: params.max(results),
                cost: 0,
                ctx,
                target: std::ptr::null(),
                sig: def.id.index,
                id: first_own
                    .wrapping_add(index as u32)
                    .wrapping_sub(m.num_imported_funcs),
                home: id,
                param_slots: params as u16,
                result_slots: results as u16,
                native: stubs::lazy(),
                thunk: std::ptr::null(),
            };
            if let Some(&imported) = data.imported_funcs.get(index) {
                record.id = imported;
                record.home = NOWHERE;
                record.target = self.funcs[imported as usize].record;
                // SAFETY: records live as long as the store.
                record.code = match unsafe { (*record.target).ctx.is_null() } {
                    true => &raw const control::HOST,
                    false => &raw const control::BRIDGE,
                };
            }
            // SAFETY: there is room for a record of every function.
            let at = unsafe { records.add(index) };
            let own = record.target.is_null();
            if own {
                // It identifies itself.
                record.target = at;
            }
            // SAFETY: as above; records live as long as the store.
            unsafe { at.write(record) };
            if own {
                let kind = FuncKind::Wasm {
                    instance: id,
                    index: index as u32,
                };
                self.funcs.push(FuncEntry { record: at, kind });
            }
        }
    }

    fn link_globals(&mut self, id: u32) -> Result<()> {
        let module = self.instances[id as usize].module.clone();
        let m = &module.inner;
        for (index, def) in m.globals.iter().enumerate() {
            let data = &mut self.instances[id as usize];
            if let Some(&global) = data.globals.get(index) {
                data.global_addrs.push(self.globals[global as usize].addr);
                continue;
            }
            let slot = m.global_slots[index - m.num_imported_globals as usize] as usize;
            let raw = match &def.init {
                Some(init) => self.eval(id, init)?,
                None => 0,
            };
            let data = &mut self.instances[id as usize];
            // SAFETY: there are slots for every global.
            let addr = unsafe { data.ctx.globals.add(slot) };
            // SAFETY: as above.
            unsafe {
                *addr = raw as u64;
                if def.ty.content.slots() == 2 {
                    *addr.add(1) = (raw >> 64) as u64;
                }
            }
            data.global_addrs.push(addr);
            data.globals.push(self.globals.len() as u32);
            self.globals.push(GlobalData { ty: def.ty, addr });
        }
        Ok(())
    }

    fn link_tables(&mut self, id: u32) -> Result<()> {
        let module = self.instances[id as usize].module.clone();
        let m = &module.inner;
        for def in &m.tables[m.num_imported_tables as usize..] {
            let init = match &def.init {
                Some(init) => self.eval(id, init)? as u64,
                None => 0,
            };
            let table = self.add_table(def.ty, init)?;
            self.instances[id as usize].tables.push(table);
        }
        let data = &mut self.instances[id as usize];
        data.table_views = data
            .tables
            .iter()
            .map(|&t| self.tables[t as usize].view())
            .collect();
        for element in &m.elements {
            let items = match &element.items {
                ElementItems::Funcs(funcs) => {
                    let data = &self.instances[id as usize];
                    funcs.iter().map(|&f| data.raw_func(f)).collect()
                }
                ElementItems::Exprs(_, exprs) => {
                    let values = exprs.iter().map(|e| Ok(self.eval(id, e)? as u64));
                    values.collect::<Result<_>>()?
                }
            };
            self.instances[id as usize].elements.push(items);
        }
        Ok(())
    }

    /// Fills in what handlers read.
    fn finish_ctx(&mut self, id: u32) {
        let data = &mut self.instances[id as usize];
        let ctx = data.ctx.as_ptr();
        data.ctx.global_addrs = data.global_addrs.as_ptr();
        data.ctx.tables = data.table_views.as_ptr();
        data.ctx.shadow_delta = self.probes.arena.shadow_delta();
        data.ctx.instance = data.as_ptr().cast();
        let views = data.memories.iter();
        data.memory_views = views.map(|&m| self.memories[m as usize].view()).collect();
        data.ctx.memories = data.memory_views.as_ptr();
        if self.engine().config().tier != Tier::Interp {
            let data = &mut self.instances[id as usize];
            data.outs = vec![stubs::lazy(); data.module.inner.types.len()];
            data.ctx.outs = data.outs.as_ptr();
            // SAFETY: instances live as long as the store, which forgets it when it is dropped.
            let word = unsafe { ContextWord::new(&raw const (*ctx).poll) };
            self.interrupt.polls().add(word);
        }
        let data = &mut self.instances[id as usize];
        if let Some(&memory) = data.memories.first() {
            // SAFETY: instances and memories live as long as the store.
            unsafe { self.memories[memory as usize].attach(ctx) };
        }
        if let Some(&table) = data.tables.first() {
            // SAFETY: likewise.
            unsafe { self.tables[table as usize].attach(ctx) };
        }
    }

    /// Active segments, in the order that the specification says.
    fn run_segments(&mut self, id: u32) -> Result<()> {
        let module = self.instances[id as usize].module.clone();
        let m = &module.inner;
        for (index, element) in m.elements.iter().enumerate() {
            let items = std::mem::take(&mut self.instances[id as usize].elements[index]);
            match &element.kind {
                ElementKind::Active { table, offset } => {
                    let at = self.eval(id, offset)? as u64;
                    let table = self.instances[id as usize].tables[*table as usize];
                    let elements = self.tables[table as usize].elements_mut();
                    let range = usize::try_from(at)
                        .ok()
                        .and_then(|at| elements.get_mut(at..)?.get_mut(..items.len()));
                    range
                        .ok_or(TrapCode::TableOutOfBounds)?
                        .copy_from_slice(&items);
                }
                ElementKind::Passive => self.instances[id as usize].elements[index] = items,
                ElementKind::Declared => {}
            }
        }
        for (index, segment) in m.data.iter().enumerate() {
            if let DataKind::Active { memory, offset } = &segment.kind {
                let at = self.eval(id, offset)? as u64;
                let data = &mut self.instances[id as usize];
                let memory = data.memories[*memory as usize];
                data.dropped_data[index] = true;
                let bytes = &m.bytes[segment.range.clone()];
                let span = self.memories[memory as usize].span(at, bytes.len() as u64);
                span.ok_or(TrapCode::MemoryOutOfBounds)?.write(bytes);
            }
        }
        Ok(())
    }
}

/// Lets the core pass as a context to the public API.
pub(crate) struct CoreRef<'a>(pub(crate) &'a StoreCore);

impl AsContext for CoreRef<'_> {
    fn core(&self) -> &StoreCore {
        self.0
    }
}

impl Instance {
    /// Instantiates a module and runs its start function.
    ///
    /// `imports` are given in the order of [`Module::imports`]; [`Linker`](crate::Linker) finds
    /// them by name.
    ///
    /// # Errors
    /// Imports that are missing or do not match ([`LinkError`](crate::LinkError)), limits, and traps of active
    /// segments and the start function.
    pub fn new(
        store: &mut impl AsContextMut,
        module: &Module,
        imports: &[Extern],
    ) -> Result<Instance> {
        let core = store.core_mut();
        if !core.engine().same(&module.inner.engine) {
            return Err(Error::usage("module of another engine"));
        }
        check_imports(&CoreRef(core), module, imports)?;
        let instance = core.make_instance(module, imports, StoreCore::run_segments)?;
        if let Some(start) = module.inner.start {
            let func = core.func(core.instances[instance.id as usize].func_id(start));
            core.call_raw(func, &mut [])?;
        }
        Ok(instance)
    }

    /// The module.
    pub fn module<'a>(&self, store: &'a impl AsContext) -> &'a Module {
        &self.of(store.core()).module
    }

    /// An export.
    pub fn get_export(&self, store: &impl AsContext, name: &str) -> Option<Extern> {
        let core = store.core();
        let index = self.of(core).module.inner.export(name)?;
        self.item(core, index)
    }

    /// An exported function.
    pub fn get_func(&self, store: &impl AsContext, name: &str) -> Option<Func> {
        self.get_export(store, name)?.into_func()
    }

    /// An exported function with its type known in Rust.
    ///
    /// # Errors
    /// There is no such function, or it has another type.
    pub fn get_typed_func<P: WasmParams, R: WasmResults>(
        &self,
        store: &impl AsContext,
        name: &str,
    ) -> Result<TypedFunc<P, R>> {
        let func = self.get_func(store, name);
        func.ok_or_else(|| Error::usage(format!("no exported function `{name}`")))?
            .typed(store)
    }

    /// An exported memory.
    pub fn get_memory(&self, store: &impl AsContext, name: &str) -> Option<Memory> {
        self.get_export(store, name)?.into_memory()
    }

    /// An exported global.
    pub fn get_global(&self, store: &impl AsContext, name: &str) -> Option<Global> {
        self.get_export(store, name)?.into_global()
    }

    /// An exported table.
    pub fn get_table(&self, store: &impl AsContext, name: &str) -> Option<Table> {
        self.get_export(store, name)?.into_table()
    }

    /// An exported tag.
    pub fn get_tag(&self, store: &impl AsContext, name: &str) -> Option<Tag> {
        self.get_export(store, name)?.into_tag()
    }

    /// Any function by index, exported or not.
    pub fn func(&self, store: &impl AsContext, index: u32) -> Option<Func> {
        self.item(store.core(), ExternIndex::Func(index))?
            .into_func()
    }

    /// Any memory by index.
    pub fn memory(&self, store: &impl AsContext, index: u32) -> Option<Memory> {
        self.item(store.core(), ExternIndex::Memory(index))?
            .into_memory()
    }

    /// Any global by index.
    pub fn global(&self, store: &impl AsContext, index: u32) -> Option<Global> {
        self.item(store.core(), ExternIndex::Global(index))?
            .into_global()
    }

    /// Any table by index.
    pub fn table(&self, store: &impl AsContext, index: u32) -> Option<Table> {
        self.item(store.core(), ExternIndex::Table(index))?
            .into_table()
    }

    /// Any tag by index.
    pub fn tag(&self, store: &impl AsContext, index: u32) -> Option<Tag> {
        self.item(store.core(), ExternIndex::Tag(index))?.into_tag()
    }

    fn item(&self, core: &StoreCore, index: ExternIndex) -> Option<Extern> {
        let data = self.of(core);
        let store = self.store;
        Some(match index {
            ExternIndex::Func(i) if i < data.module.inner.num_funcs() => Func {
                store,
                id: data.func_id(i),
            }
            .into(),
            ExternIndex::Func(_) => return None,
            ExternIndex::Memory(i) => Memory {
                store,
                id: *data.memories.get(i as usize)?,
            }
            .into(),
            ExternIndex::Table(i) => Table {
                store,
                id: *data.tables.get(i as usize)?,
            }
            .into(),
            ExternIndex::Global(i) => Global {
                store,
                id: *data.globals.get(i as usize)?,
            }
            .into(),
            ExternIndex::Tag(i) => Tag {
                store,
                id: *data.tags.get(i as usize)?,
            }
            .into(),
        })
    }

    fn of<'a>(&self, core: &'a StoreCore) -> &'a InstanceData {
        &core.instances[self.checked(core) as usize]
    }

    /// Its position in the store that it is of.
    pub(super) fn checked(&self, core: &StoreCore) -> u32 {
        core.check(self.store);
        self.id
    }
}
