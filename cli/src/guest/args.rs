//! Arguments of all commands that run a program.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;

use crate::{toolchain::DirArgs, units};

/// What is run, and what it is given.
#[derive(Debug, Clone, Args)]
pub struct GuestArgs {
    /// Call this exported function instead of `_start`
    ///
    /// ARGS are then its arguments, one for each parameter: integers in decimal
    /// or 0x hexadecimal, floats (also inf, nan, nan:0x200000), v128 as 0x
    /// hexadecimal (lane 0 in the lowest bits), `null` for references. Results
    /// are printed on stdout, one a line. A reactor's `_initialize` runs first.
    #[arg(long, value_name = "NAME")]
    pub invoke: Option<String>,

    /// Run Python: the interpreter that `probity toolchain add python` added
    ///
    /// There is no MODULE then: all ARGS are the interpreter's, behind `--`. Scripts and data are in the
    /// directories of --dir; hashes of texts are the same in every run.
    #[arg(long, conflicts_with = "invoke")]
    pub python: bool,

    #[command(flatten)]
    pub toolchain_dir: DirArgs,

    /// Give the guest a directory, as GUEST if that is given; repeatable
    #[arg(long, value_name = "HOST[::GUEST]")]
    pub dir: Vec<OsString>,

    /// Set a variable in the guest's environment, which is empty otherwise; repeatable
    #[arg(long, value_name = "K=V")]
    pub env: Vec<String>,

    /// End the guest before it uses more than N units of fuel (about one an instruction)
    #[arg(long, value_name = "N", value_parser = units::integer)]
    pub fuel: Option<u64>,

    /// End the guest when a memory would exceed this size: 64MiB, 1G
    ///
    /// A table counts 16 bytes an element.
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub max_memory: Option<u64>,

    /// Size of the guest's stack; what exceeds it is a trap [default: 8MiB]
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub max_stack: Option<u64>,

    /// Make the run repeatable bit for bit
    ///
    /// NaNs are canonical, clocks are virtual (they start at 2000-01-01 and
    /// advance by 1 us with each reading, by the whole time with each sleep),
    /// random numbers come from --seed. What the guest reads from stdin and
    /// directories is for you to keep equal.
    #[arg(long)]
    pub deterministic: bool,

    /// How code is executed: interpreted, compiled before it runs, or compiled when it is hot
    #[arg(long, value_name = "TIER", value_enum, default_value_t = TierArg::Auto)]
    pub tier: TierArg,

    /// Seed of the guest's random numbers [default with --deterministic: 0]
    #[arg(long, value_name = "N", value_parser = units::integer)]
    pub seed: Option<u64>,

    /// What modules may use: a version (1.0, 2.0, 3.0) and features to add, or with `-` to take away
    ///
    /// For example `--wasm 2.0,tail-call` or `--wasm=-gc`. Features go by the names of their
    /// proposals. By default everything is allowed that Probity executes.
    #[arg(long, value_name = "LIST", value_parser = super::wasm::parse, allow_hyphen_values = true)]
    pub wasm: Option<super::wasm::Wasm>,

    /// Instantiate a module first and give its exports to later ones as NAME; repeatable
    #[arg(long, value_name = "NAME=MODULE")]
    pub preload: Vec<OsString>,

    /// Show source files below DIR in reports; repeatable [default: the current directory]
    #[arg(long, value_name = "DIR")]
    pub source_dir: Vec<PathBuf>,

    /// Take source lines from this source map, whatever the module says itself
    ///
    /// By default they come from its DWARF, or else from the file that its section
    /// `sourceMappingURL` names and that lies beside it.
    #[arg(long, value_name = "FILE")]
    pub source_map: Option<PathBuf>,

    /// The module (.wasm or .wat), then the guest's arguments
    #[arg(
        value_name = "MODULE",
        required_unless_present = "python",
        trailing_var_arg = true,
        num_args = 1..
    )]
    pub module_and_args: Vec<OsString>,
}

/// How code is executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum TierArg {
    /// By the interpreter
    Interp,
    /// Compiled before it runs
    Jit,
    /// Interpreted at first, compiled when it is hot
    Auto,
}

impl From<TierArg> for probity_engine::Tier {
    fn from(tier: TierArg) -> probity_engine::Tier {
        match tier {
            TierArg::Interp => probity_engine::Tier::Interp,
            TierArg::Jit => probity_engine::Tier::Jit,
            TierArg::Auto => probity_engine::Tier::Auto,
        }
    }
}
