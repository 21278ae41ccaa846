//! The program that a command runs: from arguments to what can be instantiated. Everything that can be checked without the
//! module is checked here.

mod args;
mod wasm;

pub use args::{GuestArgs, TierArg};

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use probity_efficiency::python::Toolchain;
use probity_engine::{Config, Limits};
use probity_probes::source::Origin;
use probity_wasi::WasiCtxBuilder;

use crate::failure::Failure;

/// Start of the virtual clock: 2000-01-01T00:00:00Z, in ns since 1970.
const VIRTUAL_CLOCK_START_NS: u64 = 946_684_800_000_000_000;
/// What one reading of the virtual clock advances it by.
const VIRTUAL_CLOCK_STEP_NS: u64 = 1_000;

/// What `--max-memory` takes an element of a table for.
const TABLE_ELEMENT_BYTES: u64 = 16;

/// A program, resolved.
pub struct Guest {
    /// Engine settings.
    pub config: Config,
    /// Path of the module.
    pub module: PathBuf,
    /// What follows the module on the command line.
    pub args: Vec<OsString>,
    /// `--invoke`.
    pub invoke: Option<String>,
    /// Modules instantiated first, with the names they are imported by.
    pub preload: Vec<(String, PathBuf)>,
    /// Limit on fuel.
    pub fuel: Option<u64>,
    /// Limits on memory.
    pub limits: Limits,
    /// A source map to use instead of what the module says.
    pub source_map: Option<PathBuf>,
    /// The interpreter that the module is, if it is one that was added.
    pub python: Option<Toolchain>,
    /// The arguments that its system interface is made by.
    source: GuestArgs,
}

impl Guest {
    /// Checks the arguments; errors are wrong usage.
    pub fn resolve(args: &GuestArgs) -> Result<Guest, Failure> {
        let mut module_and_args = args.module_and_args.iter();
        let python = match args.python {
            true => Some(args.toolchain_dir.python()?),
            false => None,
        };
        let module = match &python {
            Some(python) => python.module.clone(),
            None => module_and_args
                .next()
                .map(PathBuf::from)
                .ok_or_else(|| Failure::usage("no module given"))?,
        };
        let guest_args: Vec<OsString> = module_and_args.cloned().collect();

        let mut config = Config::new();
        config.deterministic(args.deterministic);
        config.tier(args.tier.into());
        config.count_fuel(args.fuel.is_some());
        if let Some(wasm) = &args.wasm {
            wasm.apply(&mut config);
        }
        if let Some(bytes) = args.max_stack {
            let bytes = usize::try_from(bytes)
                .map_err(|_| Failure::usage(format!("a stack of {bytes} bytes is too large")))?;
            config.max_stack_bytes(bytes);
        }
        let limits = Limits {
            memory_bytes_max: args.max_memory,
            table_elements_max: args.max_memory.map(|bytes| bytes / TABLE_ELEMENT_BYTES),
            heap_bytes_max: args.max_memory,
            trap_on_refused_growth: args.max_memory.is_some(),
        };
        let guest = Guest {
            config,
            invoke: args.invoke.clone(),
            preload: args.preload.iter().map(preload).collect::<Result<_, _>>()?,
            fuel: args.fuel,
            limits,
            source_map: args.source_map.clone(),
            source: args.clone(),
            python,
            module,
            args: guest_args,
        };
        // What is wrong with it is to be said at once.
        guest.wasi()?;
        Ok(guest)
    }

    /// The system interface of one run.
    pub fn wasi(&self) -> Result<WasiCtxBuilder, Failure> {
        wasi(&self.source, &self.module, self.python.as_ref(), &self.args)
    }

    /// Where its module came from.
    pub fn origin(&self) -> Origin {
        let path = &self.module;
        Origin {
            // Absolute, so that runs in different directories are told apart.
            path: Some(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
            source_map: self.source_map.clone(),
        }
    }
}

fn utf8(text: &OsStr, what: &str) -> Result<String, Failure> {
    text.to_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::usage(format!("{what} {text:?} is not UTF-8")))
}

/// `NAME=MODULE`, split.
fn preload(spec: &OsString) -> Result<(String, PathBuf), Failure> {
    let text = utf8(spec, "--preload")?;
    match text.split_once('=') {
        Some((name, path)) if !path.is_empty() => Ok((name.to_owned(), path.into())),
        _ => Err(Failure::usage(format!(
            "--preload '{text}' is not of the form NAME=MODULE"
        ))),
    }
}

/// `HOST[::GUEST]`, split; the guest sees HOST's own name by default.
fn dir_spec(spec: &OsStr) -> Result<(PathBuf, String), Failure> {
    let text = utf8(spec, "--dir")?;
    Ok(match text.split_once("::") {
        Some((host, guest)) => (host.into(), guest.to_owned()),
        None => (text.clone().into(), text),
    })
}

/// The guest's system interface.
fn wasi(
    args: &GuestArgs,
    module: &Path,
    python: Option<&Toolchain>,
    guest_args: &[OsString],
) -> Result<WasiCtxBuilder, Failure> {
    let mut builder = WasiCtxBuilder::new();
    builder.inherit_stdin().inherit_stdout().inherit_stderr();
    match python {
        Some(python) => python
            .equip(&mut builder)
            .map_err(|e| Failure::load(format!("failed to {e}")))?,
        None => {
            builder.arg(module.file_name().unwrap_or(module.as_os_str()));
        }
    }
    if args.invoke.is_none() {
        builder.args(guest_args);
    }
    for pair in &args.env {
        match pair.split_once('=') {
            Some((key, value)) if !key.is_empty() => builder.env(key, value),
            _ => {
                return Err(Failure::usage(format!(
                    "--env '{pair}' is not of the form K=V"
                )));
            }
        };
    }
    for spec in &args.dir {
        let (host, guest) = dir_spec(spec)?;
        builder
            .preopened_dir(&host, &guest)
            .map_err(|e| Failure::usage(format!("failed to {e}")))?;
    }
    if args.deterministic {
        builder.virtual_clock(VIRTUAL_CLOCK_START_NS, VIRTUAL_CLOCK_STEP_NS);
    }
    if args.deterministic || args.seed.is_some() {
        builder.random_seed(args.seed.unwrap_or(0));
    }
    Ok(builder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dirs_and_preloads() {
        assert_eq!(dir_spec("a".as_ref()).unwrap(), ("a".into(), "a".into()));
        assert_eq!(
            dir_spec("/x/y::/data".as_ref()).unwrap(),
            ("/x/y".into(), "/data".into())
        );
        assert_eq!(
            preload(&"env=lib.wasm".into()).unwrap(),
            ("env".into(), "lib.wasm".into())
        );
        assert!(preload(&"lib.wasm".into()).is_err());
        assert!(preload(&"env=".into()).is_err());
    }
}
