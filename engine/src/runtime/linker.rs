//! Linking by name: definitions that satisfy the imports of modules.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::marker::PhantomData;

use super::host_func::HostFunc;
use super::{AsContext, Caller, Extern, Func, Instance, IntoFunc, Snapshot, Store, Val};
use crate::engine::Engine;
use crate::error::{LinkError, Result, Trap, TrapCode};
use crate::module::{ImportKind, Module};
use crate::types::{ExternType, FuncType, TypeId, extern_matches};

/// Definitions by module and name, which satisfy the imports of modules.
///
/// Host functions defined here belong to no store: one linker serves any number of stores
/// with data `T`, on any thread. Things of a store ([`Linker::define`]) serve only that one.
///
/// ```
/// use probity_engine::{Caller, Engine, Linker, Module, Store};
///
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("env", "add", |mut caller: Caller<'_, i64>, x: i64| {
///     *caller.data_mut() += x;
/// })?;
///
/// let module = Module::new(
///     &engine,
///     r#"(module
///          (import "env" "add" (func $add (param i64)))
///          (func (export "run") (call $add (i64.const 2)) (call $add (i64.const 3))))"#,
/// )?;
/// let mut store = Store::new(&engine, 0);
/// let instance = linker.instantiate(&mut store, &module)?;
/// instance.get_typed_func::<(), ()>(&store, "run")?.call(&mut store, ())?;
/// assert_eq!(*store.data(), 5);
/// # Ok::<(), probity_engine::Error>(())
/// ```
pub struct Linker<T> {
    engine: Engine,
    allow_shadowing: bool,
    /// By module, then by name.
    modules: HashMap<Box<str>, HashMap<Box<str>, Definition>>,
    /// Host functions are for stores of `T`.
    data: PhantomData<fn(T)>,
}

#[derive(Clone)]
enum Definition {
    /// Becomes a function of each store that it is linked into.
    Host(HostFunc),
    /// Of one store.
    Extern(Extern),
}

impl<T> Clone for Linker<T> {
    fn clone(&self) -> Linker<T> {
        Linker {
            engine: self.engine.clone(),
            allow_shadowing: self.allow_shadowing,
            modules: self.modules.clone(),
            data: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.modules.iter().flat_map(|(module, names)| {
            let names = names.keys();
            names.map(move |name| format!("{module}.{name}"))
        });
        f.debug_set().entries(names).finish()
    }
}

impl<T: 'static> Linker<T> {
    /// A linker without definitions.
    pub fn new(engine: &Engine) -> Linker<T> {
        Linker {
            engine: engine.clone(),
            allow_shadowing: false,
            modules: HashMap::new(),
            data: PhantomData,
        }
    }

    /// Defines a host function; see [`IntoFunc`] for which closures.
    ///
    /// # Errors
    /// The name is defined, and shadowing is not allowed.
    pub fn func_wrap<P, R>(
        &mut self,
        module: &str,
        name: &str,
        f: impl IntoFunc<T, P, R>,
    ) -> Result<&mut Linker<T>, LinkError> {
        self.insert(module, name, Definition::Host(f.into_host_func()))
    }

    /// Defines a host function whose type is known at run time only, as [`Func::new`].
    ///
    /// # Errors
    /// The name is defined, and shadowing is not allowed.
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        f: impl Fn(&mut Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Linker<T>, LinkError> {
        self.insert(module, name, Definition::Host(HostFunc::dynamic(ty, f)))
    }

    /// Defines something of a store.
    ///
    /// # Errors
    /// The name is defined, and shadowing is not allowed.
    pub fn define(
        &mut self,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Linker<T>, LinkError> {
        self.insert(module, name, Definition::Extern(item.into()))
    }

    /// Defines all exports of an instance, under a module's name.
    ///
    /// # Errors
    /// One of the names is defined, and shadowing is not allowed.
    pub fn instance(
        &mut self,
        store: &mut Store<T>,
        module: &str,
        instance: Instance,
    ) -> Result<&mut Linker<T>, LinkError> {
        for export in instance.module(store).exports() {
            if let Some(item) = instance.get_export(store, export.name) {
                self.insert(module, export.name, Definition::Extern(item))?;
            }
        }
        Ok(self)
    }

    /// With `true`, later definitions replace earlier ones instead of being errors.
    /// Default: `false`.
    pub fn allow_shadowing(&mut self, on: bool) -> &mut Linker<T> {
        self.allow_shadowing = on;
        self
    }

    /// Defines the functions that a module imports and nothing defines yet: they trap with
    /// [`TrapCode::UnknownImport`] when they are called. Unknown imports of other kinds stay
    /// unknown.
    ///
    /// # Errors
    /// The module imports one unknown name with two types.
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<(), LinkError> {
        let mut made: HashMap<(&str, &str), ExternType> = HashMap::new();
        for import in module.imports() {
            let ExternType::Func(ty) = &import.ty else {
                continue;
            };
            if let Some(first) = made.get(&(import.module, import.name)) {
                if *first != import.ty {
                    return Err(LinkError::incompatible_import(
                        import.module,
                        import.name,
                        &import.ty,
                        first,
                    ));
                }
                continue;
            }
            if self.get(import.module, import.name).is_some() {
                continue;
            }
            let detail = format!("`{}` `{}`", import.module, import.name);
            let trap = move || Trap::with_detail(TrapCode::UnknownImport, detail.as_str()).into();
            let host = HostFunc::failing(ty.clone(), trap);
            self.insert(import.module, import.name, Definition::Host(host))?;
            made.insert((import.module, import.name), import.ty);
        }
        Ok(())
    }

    /// Makes an instance of a module, its imports satisfied by the definitions, and runs its
    /// start function.
    ///
    /// # Errors
    /// A [`LinkError`] that names the import if nothing defines it or if it has another type;
    /// else what [`Instance::new`] says.
    pub fn instantiate(&self, store: &mut Store<T>, module: &Module) -> Result<Instance> {
        let items = self.resolve(store, module)?;
        Instance::new(store, module, &items)
    }

    /// Makes an instance that goes on where a snapshot was taken, its imports satisfied by the definitions.
    ///
    /// # Errors
    /// As for [`Linker::instantiate`].
    pub fn instantiate_snapshot(
        &self,
        store: &mut Store<T>,
        snapshot: &Snapshot,
    ) -> Result<Instance> {
        let items = self.resolve(store, snapshot.module())?;
        Instance::from_snapshot(store, snapshot, &items)
    }

    /// A module's imports, in order.
    fn resolve(&self, store: &mut Store<T>, module: &Module) -> Result<Vec<Extern>> {
        if !self.engine.same(store.engine()) || !self.engine.same(module.engine()) {
            let message = "module, store and linker are not of the same engine";
            return Err(LinkError::new(message).into());
        }
        // All is known to be there before anything is made.
        let mut definitions = Vec::with_capacity(module.imports().len());
        for (position, import) in module.imports().enumerate() {
            let unknown = || LinkError::unknown_import(import.module, import.name, &import.ty);
            let definition = self.get(import.module, import.name).ok_or_else(unknown)?;
            if let Definition::Host(host) = definition {
                let found = ExternType::Func(host.ty.clone());
                let id = self.engine.func_type(&host.ty);
                check_import(module, position, &found, Some(id))?;
            }
            definitions.push(definition);
        }
        let mut items = Vec::with_capacity(definitions.len());
        for (import, definition) in module.imports().zip(definitions) {
            items.push(match definition {
                Definition::Extern(item) => *item,
                Definition::Host(host) => {
                    let name = format!("{}.{}", import.module, import.name);
                    Func::from_host_func(store, host.clone(), Some(name)).into()
                }
            });
        }
        Ok(items)
    }

    fn get(&self, module: &str, name: &str) -> Option<&Definition> {
        self.modules.get(module)?.get(name)
    }

    fn insert(
        &mut self,
        module: &str,
        name: &str,
        definition: Definition,
    ) -> Result<&mut Linker<T>, LinkError> {
        let names = self.modules.entry(module.into()).or_default();
        match names.entry(name.into()) {
            Entry::Occupied(_) if !self.allow_shadowing => {
                return Err(LinkError::new(format!(
                    "`{module}` `{name}` is defined twice"
                )));
            }
            Entry::Occupied(mut entry) => {
                entry.insert(definition);
            }
            Entry::Vacant(entry) => {
                entry.insert(definition);
            }
        }
        Ok(self)
    }
}

/// Checks that things offered for a module's imports, in its order, are of the right number,
/// store and types. What instantiation begins with.
pub(crate) fn check_imports(
    store: &impl AsContext,
    module: &Module,
    items: &[Extern],
) -> Result<(), LinkError> {
    if items.len() != module.imports().len() {
        return Err(LinkError::new(format!(
            "module has {} imports, {} given",
            module.imports().len(),
            items.len()
        )));
    }
    let core = store.core();
    for (position, (import, item)) in module.imports().zip(items).enumerate() {
        if !item.belongs_to(store.core()) {
            let (module, name) = (import.module, import.name);
            return Err(LinkError::new(format!(
                "definition of `{module}` `{name}` belongs to another store"
            )));
        }
        let id = match item {
            Extern::Func(func) => Some(core.func_type_id(*func)),
            Extern::Tag(tag) => Some(tag.of(core).type_id),
            _ => None,
        };
        check_import(module, position, &item.ty(store), id)?;
    }
    Ok(())
}

/// Checks what is given for one import; `id` is the identity of a function's or tag's type.
fn check_import(
    module: &Module,
    position: usize,
    found: &ExternType,
    id: Option<TypeId>,
) -> Result<(), LinkError> {
    let m = &module.inner;
    let import = &m.imports[position];
    let expected = m.import_type(import);
    let matches = m.engine.with_types(|types| {
        let of = |ty: u32| m.type_ids[ty as usize];
        extern_matches(&expected, found, types)
            && match (import.kind, id) {
                (ImportKind::Func(ty), Some(id)) => types.is_subtype(id.index, of(ty).index),
                // Both sides throw and catch, so a subtype is not enough.
                (ImportKind::Tag(ty), Some(id)) => id == of(ty),
                _ => true,
            }
    });
    if matches {
        return Ok(());
    }
    Err(LinkError::incompatible_import(
        &import.module,
        &import.name,
        &expected,
        found,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, ErrorKind};

    fn module(engine: &Engine, text: &str) -> Module {
        Module::new(engine, text).expect("a valid module")
    }

    fn link_error(result: Result<Instance>) -> String {
        let error = result.expect_err("a link error");
        assert!(matches!(error.kind(), ErrorKind::Link(_)), "{error}");
        error.to_string()
    }

    #[test]
    fn imports_must_be_defined_with_their_types() {
        let engine = Engine::default();
        let mut linker: Linker<()> = Linker::new(&engine);
        let mut store = Store::new(&engine, ());
        let module = module(&engine, r#"(module (import "m" "f" (func (param i32))))"#);
        assert_eq!(
            link_error(linker.instantiate(&mut store, &module)),
            "unknown import `m` `f`: expected func [i32] -> [], but it is not defined"
        );
        linker.func_wrap("m", "f", |_: i64| {}).expect("new");
        assert_eq!(
            link_error(linker.instantiate(&mut store, &module)),
            "incompatible import type for `m` `f`: expected func [i32] -> [], found func [i64] -> []"
        );
        let error = linker.func_wrap("m", "f", |_: i32| {}).unwrap_err();
        assert_eq!(error.to_string(), "`m` `f` is defined twice");
        linker
            .allow_shadowing(true)
            .func_wrap("m", "f", |_: i32| {})
            .expect("allowed");
        linker.instantiate(&mut store, &module).expect("right type");
    }

    #[test]
    fn things_of_another_store_or_engine_do_not_fit() {
        let engine = Engine::default();
        let mut one = Store::new(&engine, ());
        let mut two = Store::new(&engine, ());
        let mut linker: Linker<()> = Linker::new(&engine);
        let func = Func::wrap(&mut one, || {});
        linker.define("m", "f", func).expect("new");
        let text = r#"(module (import "m" "f" (func)))"#;
        assert_eq!(
            link_error(linker.instantiate(&mut two, &module(&engine, text))),
            "definition of `m` `f` belongs to another store"
        );
        let other = module(&Engine::default(), text);
        assert_eq!(
            link_error(linker.instantiate(&mut one, &other)),
            "module, store and linker are not of the same engine"
        );
    }

    #[test]
    fn unknown_functions_can_be_traps() {
        let engine = Engine::default();
        let mut linker: Linker<()> = Linker::new(&engine);
        let module = module(
            &engine,
            r#"(module
                 (import "m" "f" (func (param i32) (result i32)))
                 (import "m" "f" (func $f (param i32) (result i32)))
                 (func (export "run") (result i32) (call $f (i32.const 1))))"#,
        );
        linker
            .define_unknown_imports_as_traps(&module)
            .expect("one type");
        linker
            .define_unknown_imports_as_traps(&module)
            .expect("defined now");
        let mut store = Store::new(&engine, ());
        let instance = linker
            .instantiate(&mut store, &module)
            .expect("all defined");
        let run = instance
            .get_typed_func::<(), i32>(&store, "run")
            .expect("exported");
        let error: Error = run.call(&mut store, ()).expect_err("a trap");
        let trap = error.trap().expect("a trap");
        assert_eq!(trap.code(), TrapCode::UnknownImport);
        assert_eq!(trap.message(), "call of an unknown import: `m` `f`");
        assert_eq!(error.backtrace().len(), 1);
    }

    #[test]
    fn one_name_with_two_types_cannot_be_a_trap() {
        let engine = Engine::default();
        let mut linker: Linker<()> = Linker::new(&engine);
        let text = r#"(module (import "m" "f" (func)) (import "m" "f" (func (param i32))))"#;
        let error = linker.define_unknown_imports_as_traps(&module(&engine, text));
        let message = error.unwrap_err().to_string();
        assert!(
            message.starts_with("incompatible import type for `m` `f`"),
            "{message}"
        );
    }

    #[test]
    fn exports_of_an_instance_satisfy_imports() {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let library = module(
            &engine,
            r#"(module
                 (func (export "seven") (result i32) (i32.const 7))
                 (memory (export "memory") 1 2)
                 (table (export "table") 3 funcref)
                 (global (export "g") i64 (i64.const 35)))"#,
        );
        let library = linker
            .instantiate(&mut store, &library)
            .expect("no imports");
        linker.instance(&mut store, "lib", library).expect("new");
        let user = module(
            &engine,
            r#"(module
                 (import "lib" "seven" (func $seven (result i32)))
                 (import "lib" "memory" (memory 1))
                 (import "lib" "table" (table 2 funcref))
                 (import "lib" "g" (global $g i64))
                 (func (export "run") (result i32)
                   (i32.add (call $seven) (i32.wrap_i64 (global.get $g)))))"#,
        );
        let user = linker.instantiate(&mut store, &user).expect("all defined");
        let run = user
            .get_typed_func::<(), i32>(&store, "run")
            .expect("exported");
        assert_eq!(run.call(&mut store, ()).expect("no trap"), 42);

        let text = r#"(module (import "lib" "memory" (memory 2)))"#;
        assert_eq!(
            link_error(linker.instantiate(&mut store, &module(&engine, text))),
            "incompatible import type for `lib` `memory`: expected memory 2, found memory 1 2"
        );
    }

    #[test]
    fn linkers_are_shared_between_threads() {
        fn shared<T: Send + Sync + Clone>(_: &T) {}
        // Whatever the data is.
        shared(&Linker::<std::rc::Rc<()>>::new(&Engine::default()));
    }
}
