//! `probity inspect`: what is in a module.

mod body;
mod compiled;
mod functions;
mod types;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use probity_engine::{Config, Engine, ExternType, FunctionInfo, LoadError, Module, Tier};

use compiled::Explain;
use types::Types;

use crate::{
    failure::{Failure, about},
    nearest::hint,
    output::to_stdout,
};

const AFTER_LONG_HELP: &str = "\
Offsets are byte offsets in the binary module; a text module is assembled first.
Branches show the offset they lead to (a try_table that of each catch clause), calls the
function's name, other operators with a type the type.
A module that is not valid is shown as far as it can be read; the status is then 1.
A reader that closes its end of a pipe early (`| head`) is no error.

Examples:
  probity inspect program.wasm
  probity inspect program.wasm --func main
  probity inspect program.wasm --func 12 --format json
  probity inspect program.wasm --func main --show asm";

/// Show a module's functions, types and tags, or one function: bytecode, or what it is compiled to
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_LONG_HELP)]
pub struct InspectArgs {
    /// The module (.wasm or .wat)
    pub module: PathBuf,

    /// Show this function
    #[arg(long, value_name = "NAME|INDEX")]
    pub func: Option<String>,

    /// What of the function is shown
    #[arg(long, value_enum, default_value_t = Show::Bytecode, requires = "func")]
    pub show: Show,

    /// Format of what is shown
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Views of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Show {
    /// The operators, nested
    Bytecode,
    /// What the compiler makes of them: Cranelift's intermediate code
    Clif,
    /// The machine code, with the offsets of operators
    Asm,
    /// Where compiled code can be left and entered, and where its values are then
    Sites,
}

impl Show {
    /// What the compiler is asked for; the bytecode needs none.
    fn explain(self) -> Option<Explain> {
        match self {
            Show::Bytecode => None,
            Show::Clif => Some(Explain::Clif),
            Show::Asm => Some(Explain::Asm),
            Show::Sites => Some(Explain::Sites),
        }
    }
}

/// Formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One document with `"schema": 1`
    Json,
}

/// Runs the subcommand.
pub fn main(args: &InspectArgs) -> Result<u8, Failure> {
    let path = args.module.display().to_string();
    let fail = |e: LoadError| Failure::load(about(&path, &e.to_string()));
    let engine = Engine::new(Config::new().tier(Tier::Jit));
    let module = Module::from_file(&engine, &args.module).map_err(fail)?;
    match &args.func {
        None => {
            let types = Types::new(&module);
            let rows = functions::rows(&module, &types).map_err(fail)?;
            to_stdout(|out| match args.format {
                Format::Text => functions::write_text(&module, &types, &rows, out),
                Format::Json => functions::write_json(&args.module, &module, &types, &rows, out),
            })?;
        }
        Some(func) => {
            let function = find(&module, func)?;
            if let Some(what) = args.show.explain() {
                let view = compiled::View::new(&module, function, what)
                    .map_err(|message| Failure::load(about(&path, &message)))?;
                to_stdout(|out| match args.format {
                    Format::Text => view.write_text(out),
                    Format::Json => view.write_json(out),
                })?;
            } else {
                let body = body::Body::new(&module, function).map_err(fail)?;
                to_stdout(|out| match args.format {
                    Format::Text => body.write_text(out),
                    Format::Json => body.write_json(out),
                })?;
            }
        }
    }
    // What is there has been shown; whether it is valid is worth knowing too.
    module.validate().map_err(fail)?;
    Ok(0)
}

/// Every function, imported ones first.
fn all(module: &Module) -> impl Iterator<Item = FunctionInfo<'_>> {
    (0..module.num_functions()).filter_map(|i| module.function(i))
}

/// The function with this index, this name or this export name.
fn find<'a>(module: &'a Module, key: &str) -> Result<FunctionInfo<'a>, Failure> {
    if let Ok(index) = key.parse::<u32>() {
        return module.function(index).ok_or_else(|| {
            Failure::usage(format!(
                "no function {index}; the module has {}",
                module.num_functions()
            ))
        });
    }
    let named: Vec<_> = all(module)
        .filter(|f| f.name().as_deref() == Some(key))
        .collect();
    if let [function] = named[..] {
        return Ok(function);
    }
    if !named.is_empty() {
        let indices: Vec<String> = named.iter().map(|f| f.index().to_string()).collect();
        return Err(Failure::usage(format!(
            "{} functions are named '{key}'; choose one by index: {}",
            named.len(),
            indices.join(", ")
        )));
    }
    let exported = module
        .exports()
        .find(|e| e.name == key && matches!(e.ty, ExternType::Func(_)))
        .and_then(|e| module.function(e.index));
    exported.ok_or_else(|| {
        let names: Vec<_> = all(module).filter_map(|f| f.name()).collect();
        Failure::usage(format!(
            "the module has no function '{key}'{}",
            hint(key, names.iter().map(|name| name.as_ref()))
        ))
    })
}
