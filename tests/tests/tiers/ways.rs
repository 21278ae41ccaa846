//! One test, run in every way to execute code.

use std::fmt::Debug;

use probity_engine::hook::{Probe, Site};
use probity_engine::{AsContext, Caller, Config, Error, Linker, Tier, Val};

use crate::guest::{Shared, WAYS, operators};

/// Each way, with its name.
pub fn all() -> impl Iterator<Item = (&'static str, Config)> {
    WAYS.iter().map(|(name, tier, zeal)| {
        let mut config = Config::new();
        config.tier(*tier).tier_zeal(*zeal);
        (*name, config)
    })
}

/// Whether code is compiled before it runs, in this way and on this machine.
pub fn compiles(name: &str) -> bool {
    name == "jit" && cfg!(all(target_arch = "x86_64", unix))
}

/// [`Tier::Auto`] as users have it.
pub fn auto() -> Config {
    let mut config = Config::new();
    config.tier(Tier::Auto);
    config
}

/// What `run` gives is what it gives in the interpreter, which it returns. What was compiled for
/// it does not matter, either: it may come from the cache on disk.
pub fn agree<T: Debug + PartialEq>(run: impl Fn(&Config) -> T) -> T {
    let mut ways = all();
    let (_, interp) = ways.next().expect("there are ways");
    let expected = run(&interp);
    for (name, mut config) in ways {
        // Once more with the code of the first time.
        let dir = tempfile::tempdir().expect("a directory");
        config.cache(dir.path());
        for when in ["", ", from the cache"] {
            assert_eq!(run(&config), expected, "{name}{when}");
        }
    }
    expected
}

/// A value, such that equal ones are equal in different stores.
pub fn show(store: &impl AsContext, val: &Val) -> String {
    match val {
        Val::FuncRef(Some(func)) => format!("func {}", func.name(store)),
        Val::ExternRef(Some(v)) => {
            let data = v.data(store).and_then(|data| data.downcast_ref::<u32>());
            format!("extern {data:?}")
        }
        Val::AnyRef(Some(v)) => match v.as_i31() {
            Some(v) => format!("i31 {v}"),
            None => {
                let fields = (0..v.len(store).unwrap_or(0)).filter_map(|i| v.get(store, i).ok());
                let fields: Vec<String> = fields.map(|field| show(store, &field)).collect();
                format!("object {fields:?}")
            }
        },
        Val::ExnRef(Some(_)) => "exception".to_owned(),
        plain => format!("{plain:?}"),
    }
}

/// How a call ended: results, or error and backtrace.
pub fn end(store: &impl AsContext, outcome: Result<Vec<Val>, Error>) -> String {
    let error = match outcome {
        Ok(results) => {
            let results: Vec<String> = results.iter().map(|v| show(store, v)).collect();
            return results.join(", ");
        }
        Err(error) => error,
    };
    let mut text = match (error.trap(), error.exception()) {
        (Some(trap), _) => format!("{:?}: {}", trap.code(), trap.message()),
        (_, Some(exception)) => {
            let args = exception.args(store);
            let args: Vec<String> = args.iter().map(|v| show(store, v)).collect();
            format!("exception {args:?}")
        }
        _ => format!("error {error}"),
    };
    for frame in error.backtrace() {
        text += &format!("\n  {} at {}", frame.func_index(), frame.pc().0);
    }
    text
}

/// Defines `h.watch (param i32)`: inserts a probe before every operator of the function with that
/// index, which notes their pcs in the list; what `h.unwatch` removes again.
pub fn define_watch(linker: &mut Linker<()>, log: &Shared<(u32, u32)>) {
    let ids = Shared::default();
    let (log, inserted) = (log.clone(), ids.clone());
    linker
        .func_wrap(
            "h",
            "watch",
            move |mut caller: Caller<'_, ()>, index: i32| {
                let instance = caller.instance().expect("Wasm code calls");
                let func = instance.func(&caller, index as u32).expect("in range");
                let (module, index) = caller.probes().module_of(func).expect("a Wasm function");
                for (pc, _) in operators(&module, index) {
                    let log = log.clone();
                    let probe = Probe::call(move |ctx| {
                        log.push((ctx.func_index(), ctx.pc().0));
                        Ok(())
                    });
                    let id = caller.probes().insert(func, Site::Before(pc), probe);
                    inserted.push(id.expect("a site"));
                }
            },
        )
        .expect("a new name");
    linker
        .func_wrap("h", "unwatch", move |mut caller: Caller<'_, ()>| {
            for id in ids.take() {
                assert!(caller.probes().remove(id));
            }
        })
        .expect("a new name");
}
