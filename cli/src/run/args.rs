//! Raw arguments of `probity run`, as clap reads them.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use crate::{guest::GuestArgs, progress::When, units};

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
  A page to look at in a browser (`probity report --help` has the options for all of it):
    probity run -a icount -a profile --format json -o run.json program.wasm
    probity report run.json
  Which lines, functions and branches ran, for genhtml:
    probity run -a coverage --export lcov=coverage.info program.wasm
  Calls with their arguments and results, in a file; and the last 1000 events if it traps:
    probity run -a trace:events=calls+memory,func=main,out=trace.txt program.wasm
    probity run -a trace:events=all,last=1000,out=crash.txt program.wasm
  A Python script with its files, and where its instructions are:
    probity run --python --dir . -a hotness -- script.py input.txt
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

    /// End the guest after this time: 10s, 250ms, 2m
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    pub timeout: Option<Duration>,

    /// Say on the terminal what takes so long
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = When::Auto)]
    pub progress: When,

    /// Keep compiled code in DIR for the next run of the module
    ///
    /// DIR is $XDG_CACHE_HOME/probity or ~/.cache/probity by default. Whoever can write to it can
    /// have this command execute anything, so it has to be yours alone; it is made if it is not
    /// there. What cannot be read or written is said on stderr and no failure. See `probity cache`.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    pub cache: Option<Option<PathBuf>>,

    /// Tell Linux's perf the names of compiled functions
    ///
    /// With `map`, `perf record probity run --perf map ...` and `perf report` show names. With
    /// `jitdump`, `perf record -k 1 ...`, then `perf inject --jit -i perf.data -o jit.data`, and
    /// `perf report -i jit.data` has instructions and offsets in the module too. Functions that
    /// are interpreted have no machine code of their own, and no name.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub perf: Option<Perf>,

    /// What is run, and what it is given.
    #[command(flatten)]
    pub guest: GuestArgs,
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
