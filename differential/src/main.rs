//! The command: long runs, single cases, reduction of a case, sums of the ledger.
#![forbid(unsafe_code)]

mod schedules_command;
mod session_args;
mod show;
#[cfg(feature = "shrink")]
mod shrink;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, Parser, Subcommand};
use probity_differential::case::{Case, Settings};
use probity_differential::features::Features;
use probity_differential::ledger::{self, Row};
use probity_differential::peers::PeerName;
use probity_differential::probity::TierName;
use probity_differential::profile::Profile;
use probity_differential::session;
use probity_differential::shape::Shape;

use schedules_command::Schedules;
use session_args::SessionArgs;

/// Compares Probity with another engine on generated modules.
#[derive(Parser)]
#[command(name = "probity-differential", version)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Runs seed after seed, and adds a line to the ledger. Exits with 1 if anything differed.
    Run(Run),
    /// Shows one seed: its module as text, and how each call ended on both sides.
    Case(One),
    /// Reduces the module of a seed that differs, and prints it as text.
    #[cfg(feature = "shrink")]
    Shrink(One),
    /// Random schedules of probes, in every tier.
    #[command(subcommand)]
    Schedules(Schedules),
    /// Adds up the ledger.
    Totals {
        /// The ledger; the committed one by default.
        #[arg(long)]
        ledger: Option<PathBuf>,
    },
}

/// What the cases are.
#[derive(Args)]
struct Cases {
    /// The other engine.
    #[arg(long, value_enum, default_value = "wasmi")]
    peer: PeerName,
    /// How Probity executes code. What is not interpreted is compared with what is, too.
    #[arg(long, value_enum, default_value = "interp")]
    tier: TierName,
    /// Proposals beyond Wasm 2.0, separated by commas (`wasm2` for none); by default all that
    /// both engines have and whose results are determined.
    #[arg(long)]
    features: Option<Features>,
    /// What the modules are like: mixed, numeric, simd, memory, tables, all, long.
    #[arg(long, default_value = "mixed")]
    profile: Profile,
}

impl Cases {
    fn settings(&self) -> Settings {
        Settings {
            profile: self.profile,
            features: self.features.unwrap_or_else(|| self.peer.features()),
        }
    }

    fn configuration(&self) -> String {
        let settings = self.settings();
        let tier = self.tier.suffix();
        format!("{} {}{tier}", settings.profile, settings.features)
    }
}

#[derive(Args)]
struct Run {
    #[command(flatten)]
    cases: Cases,
    #[command(flatten)]
    session: SessionArgs,
}

impl One {
    fn case(&self) -> Result<Case, String> {
        let Some(path) = &self.file else {
            let case = Case::new(self.seed, self.cases.settings());
            return case.ok_or_else(|| format!("seed {} makes no module", self.seed));
        };
        let wasm = std::fs::read(path).map_err(|error| cannot("read", path, &error))?;
        let invalid =
            |error: &dyn std::fmt::Display| format!("failed to load `{}`: {error}", path.display());
        let wasm = wat::parse_bytes(&wasm).map_err(|error| invalid(&error))?;
        let shape = Shape::of(&wasm).map_err(|error| invalid(&error))?;
        Ok(Case::of_module(self.seed, wasm.into_owned(), shape))
    }
}

#[derive(Args)]
struct One {
    #[command(flatten)]
    cases: Cases,
    /// The seed.
    #[arg(long, default_value = "0")]
    seed: u64,
    /// Runs this module, binary or text, in place of the generated one; the calls, the host's
    /// answers and the watching still follow from the seed.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Leaves the module's text out.
    #[arg(long)]
    brief: bool,
}

/// Bytes of stack, because wasmi takes some for each `memory.grow` until the function returns.
const STACK_BYTES: usize = 64 << 20;

fn main() -> ExitCode {
    let action = Command::parse().action;
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let result = thread
        .spawn(move || perform(&action))
        .map_err(|error| format!("failed to start a thread: {error}"))
        .and_then(|thread| thread.join().map_err(|_| "panicked".to_owned())?);
    result.unwrap_or_else(|error| {
        eprintln!("probity-differential: {error}");
        ExitCode::from(2)
    })
}

fn perform(action: &Action) -> Result<ExitCode, String> {
    match action {
        Action::Run(options) => run(options),
        Action::Case(one) => show::case(one),
        #[cfg(feature = "shrink")]
        Action::Shrink(one) => shrink::shrink(one),
        Action::Schedules(schedules) => {
            let stop = stop_on_ctrl_c()?;
            schedules_command::perform(schedules, &stop)
        }
        Action::Totals { ledger } => totals(ledger.clone()),
    }
}

fn totals(path: Option<PathBuf>) -> Result<ExitCode, String> {
    let path = path.unwrap_or_else(ledger::default_path);
    let rows: Vec<Row> = ledger::read(&path).map_err(|error| cannot("read", &path, &error))?;
    print!("{}", ledger::totals(&rows));
    Ok(ExitCode::SUCCESS)
}

fn cannot(verb: &str, path: &std::path::Path, error: &std::io::Error) -> String {
    format!("failed to {verb} `{}`: {error}", path.display())
}

/// A flag that Ctrl-C sets.
fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>, String> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = stop.clone();
    ctrlc::set_handler(move || stopping.store(true, Ordering::Relaxed))
        .map_err(|error| format!("failed to handle Ctrl-C: {error}"))?;
    Ok(stop)
}

fn run(options: &Run) -> Result<ExitCode, String> {
    let stop = stop_on_ctrl_c()?;
    let peer = options.cases.peer.peer();
    let configuration = options.cases.configuration();
    let path = options
        .session
        .ledger
        .clone()
        .unwrap_or_else(ledger::default_path);
    let rows = ledger::read(&path).map_err(|error| cannot("read", &path, &error))?;
    let unused = || ledger::next_seed(&rows, peer.name(), &configuration);
    let first = options.session.seed.unwrap_or_else(unused);
    let commit = ledger::commit();
    eprintln!(
        "against {}: {configuration}, from seed {first}",
        peer.name()
    );
    let until = options.session.until();
    let (tier, settings) = (options.cases.tier, options.cases.settings());
    let totals = session::run(&*peer, tier, settings, first, until, &stop);

    let row = Row {
        date: ledger::today(),
        commit,
        peer: peer.name().to_owned(),
        configuration,
        seeds: (first, totals.next_seed),
        modules: totals.modules,
        calls: totals.calls,
        unclear: totals.inconclusive(),
        mismatches: totals.mismatches.len() as u64,
    };
    if !options.session.no_ledger {
        ledger::append(&path, &row).map_err(|error| cannot("write", &path, &error))?;
    }
    println!("{row}");
    Ok(match totals.mismatches.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
