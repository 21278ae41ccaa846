//! `schedules`: the search over random schedules of probes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::{Args, Subcommand};
use probity_differential::ledger::{append, commit, read, today};
use probity_differential::probity::TierName;
use probity_differential::schedules::Way;
use probity_differential::schedules::ledger::{self, Row};
use probity_differential::schedules::play::Fault;
use probity_differential::schedules::reduce::reduce;
use probity_differential::schedules::session::{self, Session};

use crate::cannot;
use crate::session_args::SessionArgs;
use crate::show::text_of;

#[derive(Subcommand)]
pub enum Schedules {
    /// Plays schedule after schedule, and adds a line to the ledger. Exits with 1 if anything differed.
    Run(Run),
    /// Shows one schedule, and what differed; then as few of its steps as still show a difference.
    Case(Case),
    /// Adds up the ledger.
    Totals {
        /// The ledger; the committed one by default.
        #[arg(long)]
        ledger: Option<PathBuf>,
    },
}

#[derive(Args)]
pub struct Run {
    /// How Probity executes code; by default, each schedule draws a tier.
    #[arg(long, value_enum)]
    tier: Option<TierName>,
    #[command(flatten)]
    session: SessionArgs,
}

#[derive(Args)]
pub struct Case {
    /// How Probity executes code; by default, the schedule draws a tier.
    #[arg(long, value_enum)]
    tier: Option<TierName>,
    /// The seed.
    #[arg(long)]
    seed: u64,
    /// Leaves the module's text out.
    #[arg(long)]
    brief: bool,
}

fn way(tier: Option<TierName>) -> Way {
    tier.map_or(Way::Mixed, Way::Tier)
}

pub fn perform(schedules: &Schedules, stop: &AtomicBool) -> Result<ExitCode, String> {
    match schedules {
        Schedules::Run(options) => run(options, stop),
        Schedules::Case(options) => case(options),
        Schedules::Totals { ledger } => totals(ledger.clone()),
    }
}

fn rows(path: &std::path::Path) -> Result<Vec<Row>, String> {
    read(path).map_err(|error| cannot("read", path, &error))
}

fn totals(path: Option<PathBuf>) -> Result<ExitCode, String> {
    let path = path.unwrap_or_else(ledger::default_path);
    print!("{}", ledger::totals(&rows(&path)?));
    Ok(ExitCode::SUCCESS)
}

fn run(options: &Run, stop: &AtomicBool) -> Result<ExitCode, String> {
    let way = way(options.tier);
    let path = options
        .session
        .ledger
        .clone()
        .unwrap_or_else(ledger::default_path);
    let next = ledger::next_seed(&rows(&path)?, way.name());
    let first = options.session.seed.unwrap_or(next);
    let commit = commit();
    eprintln!("schedules: {}, from seed {first}", way.name());
    let until = options.session.until();
    let totals = session::run(way, first, until, stop);
    let row = Row {
        date: today(),
        commit,
        tier: way.name().to_owned(),
        seeds: (first, totals.next_seed),
        programs: (totals.ours, totals.generated),
        schedules: totals.schedules,
        fires: totals.fires,
        mismatches: totals.mismatches.len() as u64,
        seconds: totals.elapsed.as_secs(),
    };
    if !options.session.no_ledger {
        append(&path, &row).map_err(|error| cannot("write", &path, &error))?;
    }
    println!("{row}");
    Ok(match totals.mismatches.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn case(options: &Case) -> Result<ExitCode, String> {
    let mut session = Session::new(way(options.tier));
    let one = session.one(options.seed)?;
    let program = one.program;
    if !options.brief {
        println!("{}", text_of(&program.case.wasm)?);
    }
    let events = program.events.len();
    println!(
        ";; {}, {events} events, {:?}",
        program.name, program.variant
    );
    for (number, call) in program.case.calls.iter().enumerate() {
        let arguments: String = call.arguments.iter().map(|v| format!(" {v}")).collect();
        println!(";; call {number}: {:?}{arguments}", call.export);
    }
    for (number, twist) in program.twists.list.iter().enumerate() {
        println!(";; twist {number}: {}", twist.text(&program.places));
    }
    if !program.twists.kinds.is_empty() {
        println!(";; kinds {:?}", program.twists.kinds);
    }
    println!(";; tier {}", one.tier.name());
    println!("{}", one.schedule.text(&program.places));
    let Err(what) = one.check(Fault::None) else {
        let fires = one.expected.fires_total;
        println!(";; all as expected, {fires} fires");
        return Ok(ExitCode::SUCCESS);
    };
    println!(";; MISMATCH: {what}\n");
    let (small, what) = reduce(
        program,
        one.prepared,
        &one.schedule,
        one.watchdog,
        Fault::None,
    );
    println!("{}", small.text(&program.places));
    println!(";; reduced: {what}");
    Ok(ExitCode::FAILURE)
}
