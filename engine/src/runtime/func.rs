//! Functions of a store, defined by a module or by the host.

use super::host_func::HostFunc;
use super::value::{read_vals, slots_of, with_slots, write_vals};
use super::{
    AsContext, AsContextMut, Caller, IntoFunc, Store, StoreCore, TypedFunc, Val, WasmParams,
    WasmResults,
};
use crate::error::{Error, Result};
use crate::module::Module;
use crate::types::FuncType;

/// A function of a store. Only a name for it: cheap to copy, and of use only with its store.
///
/// ```
/// use probity_engine::{Caller, Engine, Func, FuncType, Store, Val, ValType};
///
/// let mut store = Store::new(&Engine::default(), Vec::<i64>::new());
///
/// // A host function from a closure; its type is that of the closure.
/// let push = Func::wrap(&mut store, |mut caller: Caller<'_, Vec<i64>>, x: i64| {
///     caller.data_mut().push(x);
/// });
/// assert_eq!(push.ty(&store).to_string(), "[i64] -> []");
/// push.typed::<i64, ()>(&store)?.call(&mut store, 7)?;
///
/// // One whose type is known at run time only.
/// let ty = FuncType::new([], [ValType::I32]);
/// let len = Func::new(&mut store, ty, |caller, _arguments, results| {
///     results[0] = Val::I32(caller.data().len() as i32);
///     Ok(())
/// });
/// let mut results = [Val::I32(0)];
/// len.call(&mut store, &[], &mut results)?;
/// assert!(matches!(results[0], Val::I32(1)));
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Func {
    pub(crate) store: u64,
    pub(crate) id: u32,
}

impl Func {
    /// Makes a host function whose type is known at run time only. The closure gets the
    /// arguments and puts the results, of the types that `ty` says, into its third parameter,
    /// which holds zeros and nulls before.
    pub fn new<T: 'static>(
        store: &mut Store<T>,
        ty: FuncType,
        f: impl Fn(&mut Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Func {
        Func::from_host_func(store, HostFunc::dynamic(ty, f), None)
    }

    /// Makes a host function of a closure; see [`IntoFunc`] for which.
    pub fn wrap<T: 'static, P, R>(store: &mut Store<T>, f: impl IntoFunc<T, P, R>) -> Func {
        Func::from_host_func(store, f.into_host_func(), None)
    }

    /// The host function must have been made for stores of `T`.
    pub(super) fn from_host_func<T>(
        store: &mut Store<T>,
        func: HostFunc,
        name: Option<String>,
    ) -> Func {
        store.core_mut().add_host_func(func.ty, name, func.raw)
    }

    /// Is it a function of this store?
    pub(crate) fn belongs_to(&self, core: &StoreCore) -> bool {
        self.store == core.id()
    }

    /// The function's type.
    ///
    /// # Panics
    /// It belongs to another store.
    pub fn ty(&self, store: &impl AsContext) -> FuncType {
        let core = store.core();
        assert!(self.belongs_to(core), "function of another store");
        core.func_type(*self).clone()
    }

    /// Calls the function.
    ///
    /// # Errors
    /// The guest's trap or a host function's error. Also wrong numbers or types of arguments,
    /// a wrong number of results, and a function or argument of another store; nothing is
    /// called then.
    pub fn call(
        &self,
        store: &mut impl AsContextMut,
        args: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let core = store.core_mut();
        if !self.belongs_to(core) {
            return Err(Error::usage("function of another store"));
        }
        let ty = core.func_type(*self).clone();
        for (what, expected, given) in [
            ("arguments", ty.params().len(), args.len()),
            ("results", ty.results().len(), results.len()),
        ] {
            if expected != given {
                return Err(Error::usage(format!(
                    "function of type {ty} has {expected} {what}, not {given}"
                )));
            }
        }
        core.serve()?;
        with_slots(slots_of(ty.params()).max(slots_of(ty.results())), |slots| {
            write_vals(core, ty.params(), args, slots, "argument")?;
            core.call_raw(*self, slots)?;
            read_vals(core, ty.results(), slots, results);
            Ok(())
        })
    }

    /// The same function with its type known in Rust, for calls without [`Val`].
    ///
    /// # Errors
    /// The function has another type (the message names both), or belongs to another store.
    pub fn typed<P: WasmParams, R: WasmResults>(
        &self,
        store: &impl AsContext,
    ) -> Result<TypedFunc<P, R>> {
        let core = store.core();
        if !self.belongs_to(core) {
            return Err(Error::usage("function of another store"));
        }
        let found = core.func_type(*self);
        let asked = FuncType::new(P::types(), R::types());
        if *found != asked {
            return Err(Error::usage(format!(
                "function has type {found}, not {asked}"
            )));
        }
        Ok(TypedFunc::new_checked(*self))
    }

    /// The module that defines it and its index there; `None` for host functions.
    pub fn module<'a>(&self, store: &'a impl AsContext) -> Option<(&'a Module, u32)> {
        store.core().func_module(*self)
    }

    /// Name to show: that of the module's name section or exports, else `func[12]`; of a host
    /// function defined through a linker `module.name`.
    pub fn name(&self, store: &impl AsContext) -> String {
        store.core().func_name(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, TrapCode, ValType};

    #[test]
    fn wrong_calls_are_errors() {
        let mut store = Store::new(&Engine::default(), ());
        let half = Func::wrap(&mut store, |x: i64| x / 2);
        let mut check = |args: &[Val], results: &mut [Val], message: &str| {
            let error = half.call(&mut store, args, results).expect_err("wrong");
            assert_eq!(error.to_string(), message);
        };
        let mut result = [Val::I32(0)];
        check(
            &[],
            &mut result,
            "function of type [i64] -> [i64] has 1 arguments, not 0",
        );
        check(
            &[Val::I64(1)],
            &mut [],
            "function of type [i64] -> [i64] has 1 results, not 0",
        );
        check(
            &[Val::I32(1)],
            &mut result,
            "argument 0 is i32, expected i64",
        );
        half.call(&mut store, &[Val::I64(9)], &mut result)
            .expect("right");
        assert!(matches!(result[0], Val::I64(4)));
    }

    #[test]
    fn host_errors_come_out() {
        let mut store = Store::new(&Engine::default(), ());
        let fail = Func::wrap(&mut store, |x: i32| -> Result<i32> {
            if x == 0 {
                Err(TrapCode::Unreachable.into())
            } else {
                Ok(x)
            }
        });
        let fail = fail.typed::<i32, i32>(&store).expect("right type");
        assert_eq!(fail.call(&mut store, 3).expect("no error"), 3);
        let error = fail.call(&mut store, 0).expect_err("raised");
        assert_eq!(error.trap().map(|t| t.code()), Some(TrapCode::Unreachable));
    }

    #[test]
    fn results_of_dynamic_host_functions_are_checked() {
        let mut store = Store::new(&Engine::default(), ());
        let ty = FuncType::new([ValType::F32, ValType::V128], [ValType::V128, ValType::F32]);
        let swap = Func::new(&mut store, ty.clone(), |_, args, results| {
            (results[0], results[1]) = (args[1].clone(), args[0].clone());
            Ok(())
        });
        assert_eq!(swap.ty(&store), ty);
        let swap = swap
            .typed::<(f32, u128), (u128, f32)>(&store)
            .expect("right type");
        let results = swap.call(&mut store, (0.5, u128::MAX - 1));
        assert_eq!(results.expect("no error"), (u128::MAX - 1, 0.5));

        let ty = FuncType::new([], [ValType::I32]);
        let wrong = Func::new(&mut store, ty, |_, _, results| {
            results[0] = Val::I64(0);
            Ok(())
        });
        let wrong = wrong.typed::<(), i32>(&store).expect("right type");
        let error = wrong.call(&mut store, ()).expect_err("wrong type");
        assert_eq!(
            error.to_string(),
            "result of host function 0 is i64, expected i32"
        );
    }

    #[test]
    fn host_functions_may_call_functions() {
        let mut store = Store::new(&Engine::default(), 0);
        let inner = Func::wrap(&mut store, |mut caller: Caller<'_, i32>| {
            *caller.data_mut() += 1;
        });
        let outer = Func::wrap(&mut store, move |mut caller: Caller<'_, i32>| {
            *caller.data_mut() += 10;
            inner.call(&mut caller, &[], &mut [])?;
            inner.call(&mut caller, &[], &mut [])?;
            Ok(*caller.data())
        });
        let outer = outer.typed::<(), i32>(&store).expect("right type");
        assert_eq!(outer.call(&mut store, ()).expect("no error"), 12);
        assert_eq!(*store.data(), 12);
    }
}
