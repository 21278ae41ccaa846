//! Raw arguments of `probity run`, as clap reads them.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use crate::units;

const AFTER_LONG_HELP: &str = "\
Exit status:
  N    the guest's own (its low 8 bits; the JSON report has all of it)
  0    also: the invoked function returned
  1    the module cannot be loaded or instantiated; the message has the byte offset
  2    wrong usage, an unknown analysis or option and a wrong rule included
  3    the guest ended well, but output could not be written (a report then goes to stderr)
  124  a limit of fuel, time, memory or tables ended the guest
  130  Ctrl-C, SIGTERM or SIGHUP ended the guest; the report is written all the same
       (a second Ctrl-C ends the process at once)
  134  the guest trapped; message and backtrace are on stderr
A reader that closes its end of a pipe early (`| head`) is no error.

Examples:
  Run a WASI program with arguments and a directory:
    probity run --dir . tool.wasm -v input.txt
  Count instructions, report on stderr:
    probity run -a icount program.wasm
  The sizes that are asked for, and by whom:
    probity run -p 'func:entry / fname == \"malloc\" / { hist(arg0); stack(4) }' program.wasm
  Several analyses in one run, as JSON in a file:
    probity run -a hotness -a branches --format json -o report.json program.wasm
  Which lines, functions and branches ran, for genhtml:
    probity run -a coverage --export lcov=coverage.info program.wasm
  Calls with their arguments and results, in a file; and the last 1000 events if it traps:
    probity run -a trace:events=calls+memory,func=main,out=trace.txt program.wasm
    probity run -a trace:events=all,last=1000,out=crash.txt program.wasm
  Call one exported function and print its results:
    probity run --invoke fib math.wasm 30
  Start with compiled code if the module has run before:
    probity run --cache --tier jit program.wasm
  The same run every time, with limits:
    probity run --deterministic --fuel 1000000000 --max-memory 256MiB program.wasm";

/// Run a module, watched by any number of analyses
///
/// The guest's stdout and stderr are its own. A report is written when the
/// guest has ended, in whatever way, if -a, -p, -o or --format is given. Arguments
/// after MODULE belong to the guest, also those that begin with a hyphen.
#[derive(Debug, Args)]
#[command(
    override_usage = "probity run [OPTIONS] MODULE [ARGS]...",
    after_long_help = AFTER_LONG_HELP
)]
pub struct RunArgs {
    /// Attach an analysis, with options; repeatable (see `probity list`)
    ///
    /// A trace (`-a trace:...,out=FILE`) is written to FILE while the program runs; `-` is stdout, and without
    /// `out` its lines go to stderr. It is no part of the report, which then is written only if
    /// something else asks for one.
    #[arg(short, long, value_name = "NAME[:key=value,...]")]
    pub analysis: Vec<String>,

    /// Watch what a rule matches: `RULE { ACTION; ... }`; repeatable
    ///
    /// RULE is WHERE / PREDICATE /, in Whamm's form: `call*`, `*.load*`, `wasm:func:entry`, with
    /// predicates such as `/ fname == "main" && arg0 > 8 /`. Actions are count (the default), sum, min,
    /// max, hist, stack and print, each of them also `by (EXPR, ...)`. `probity sites --help`
    /// has all of it. Lines of print go to stderr at once.
    #[arg(short, long = "probe", value_name = "RULE")]
    pub probe: Vec<String>,

    /// Format of the report [default: text]
    #[arg(long, value_enum)]
    pub format: Option<Format>,

    /// Where the report goes; `-` is stdout [default: stderr]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Write what an analysis found in a format of another tool; repeatable (see `probity list`)
    ///
    /// PATH `-` is stdout. An analysis of the run has to have the data, such as -a coverage for
    /// lcov. Where all that was asked for is exported, a report is only written if --format or -o
    /// is given.
    #[arg(long, value_name = "FORMAT=PATH")]
    pub export: Vec<OsString>,

    /// Add coverage to FILE, where that of earlier runs is, if any; exports then show the sum
    ///
    /// Any number of runs may do so at a time. What earlier builds of the module have left is
    /// dropped. With `cargo test`, whose programs run one by one:
    /// CARGO_TARGET_WASM32_WASIP1_RUNNER="probity run -a coverage --merge $PWD/target/coverage.json
    /// --export html=$PWD/target/coverage.html --"
    #[arg(long, value_name = "FILE")]
    pub merge: Option<PathBuf>,

    /// Show source files below DIR in exports; repeatable [default: the current directory]
    #[arg(long, value_name = "DIR")]
    pub source_dir: Vec<PathBuf>,

    /// Take source lines from this source map, whatever the module says itself
    ///
    /// By default they come from its DWARF, or else from the file that its section
    /// `sourceMappingURL` names and that lies beside it.
    #[arg(long, value_name = "FILE")]
    pub source_map: Option<PathBuf>,

    /// Call this exported function instead of `_start`
    ///
    /// ARGS are then its arguments, one for each parameter: integers in decimal
    /// or 0x hexadecimal, floats (also inf, nan, nan:0x200000), v128 as 0x
    /// hexadecimal (lane 0 in the lowest bits), `null` for references. Results
    /// are printed on stdout, one a line. A reactor's `_initialize` runs first.
    #[arg(long, value_name = "NAME")]
    pub invoke: Option<String>,

    /// Give the guest a directory, as GUEST if that is given; repeatable
    #[arg(long, value_name = "HOST[::GUEST]")]
    pub dir: Vec<OsString>,

    /// Set a variable in the guest's environment, which is empty otherwise; repeatable
    #[arg(long, value_name = "K=V")]
    pub env: Vec<String>,

    /// End the guest before it uses more than N units of fuel (about one an instruction)
    #[arg(long, value_name = "N", value_parser = units::integer)]
    pub fuel: Option<u64>,

    /// End the guest after this time: 10s, 250ms, 2m
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub timeout: Option<Duration>,

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

    /// Keep compiled code in DIR for the next run of the module
    ///
    /// DIR is $XDG_CACHE_HOME/probity or ~/.cache/probity by default. Whoever can write to it can
    /// have this command execute anything, so it has to be yours alone; it is made if it is not
    /// there. What cannot be read or written is said on stderr and no failure. See `probity cache`.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    pub cache: Option<Option<PathBuf>>,

    /// Seed of the guest's random numbers [default with --deterministic: 0]
    #[arg(long, value_name = "N", value_parser = units::integer)]
    pub seed: Option<u64>,

    /// What modules may use: a version (1.0, 2.0, 3.0) and features to add, or with `-` to take away
    ///
    /// For example `--wasm 2.0,tail-call` or `--wasm=-gc`. Features go by the names of their
    /// proposals. By default everything is allowed that Probity executes.
    #[arg(long, value_name = "LIST", value_parser = super::wasm::parse, allow_hyphen_values = true)]
    pub wasm: Option<super::wasm::Wasm>,

    /// Tell Linux's perf the names of compiled functions
    ///
    /// With `map`, `perf record probity run --perf map ...` and `perf report` show names. With
    /// `jitdump`, `perf record -k 1 ...`, then `perf inject --jit -i perf.data -o jit.data`, and
    /// `perf report -i jit.data` has instructions and offsets in the module too. Functions that
    /// are interpreted have no machine code of their own, and no name.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub perf: Option<Perf>,

    /// Instantiate a module first and give its exports to later ones as NAME; repeatable
    #[arg(long, value_name = "NAME=MODULE")]
    pub preload: Vec<OsString>,

    /// The module (.wasm or .wat), then the guest's arguments
    #[arg(
        value_name = "MODULE",
        required = true,
        trailing_var_arg = true,
        num_args = 1..
    )]
    pub module_and_args: Vec<OsString>,
}

/// Formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One document with `"schema": 1`
    Json,
    /// Tables for spreadsheets and scripts
    Csv,
}

/// What `perf` is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Perf {
    /// Addresses and names, in /tmp/perf-PID.map
    Map,
    /// The code with its offsets in the module, in jit-PID.dump in the current directory
    Jitdump,
}

impl From<Perf> for probity_engine::PerfOutput {
    fn from(perf: Perf) -> probity_engine::PerfOutput {
        match perf {
            Perf::Map => probity_engine::PerfOutput::Map,
            Perf::Jitdump => probity_engine::PerfOutput::JitDump,
        }
    }
}

impl From<Format> for probity_analyses::Format {
    fn from(format: Format) -> probity_analyses::Format {
        match format {
            Format::Text => probity_analyses::Format::Text,
            Format::Json => probity_analyses::Format::Json,
            Format::Csv => probity_analyses::Format::Csv,
        }
    }
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
