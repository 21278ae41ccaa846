//! `probity report`: a run's JSON report as a page.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use probity_analyses::page::{Page, RUN_OPTIONS};

use crate::{
    coverage::source_dirs,
    failure::{Failure, OUTPUT},
    output::to_stdout,
    place::Place,
};

/// Larger reports are of no run that a page could show.
const BYTES_MAX: u64 = 1 << 30;

/// Make a page of a run, to be looked at in a browser
///
/// RUN is what `probity run --format json` wrote. The page has all that its analyses found: totals, flame graph,
/// source with counts, functions, loops, branches, memory. It is one file that loads nothing else. A part that
/// the run has nothing for says which option gives it.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "All that a page shows, of one run:\n  probity run {RUN_OPTIONS} -o RUN.json MODULE\n  probity report RUN.json"
))]
pub struct ReportArgs {
    /// A JSON report; `-` is stdin
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Where the page goes; `-` is stdout [default: RUN with `.html` as its ending; stdout if RUN is stdin]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Show source files below DIR; repeatable [default: the current directory]
    #[arg(long, value_name = "DIR")]
    source_dir: Vec<PathBuf>,

    /// Title of the page [default: the name of the module's file]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
}

/// Runs the subcommand; the result is the process's exit status.
pub fn main(args: &ReportArgs) -> Result<u8, Failure> {
    let is_stdin = args.run == Path::new("-");
    let place = match &args.output {
        Some(path) => Place::of(path),
        None if is_stdin => Place::Stdout,
        None => Place::File(args.run.with_extension("html")),
    };
    if let Place::File(path) = &place
        && !is_stdin
        && is_same(path, &args.run)
    {
        return Err(Failure::usage(format!(
            "the page would replace the report that it is made from, {}; choose another place with -o",
            path.display()
        )));
    }
    for dir in &args.source_dir {
        if !dir.is_dir() {
            let dir = dir.display();
            return Err(Failure::usage(format!(
                "--source-dir {dir}: it is no directory"
            )));
        }
    }
    let mut page = read(&args.run, is_stdin)?;
    page.source_dirs(source_dirs(&args.source_dir));
    if let Some(title) = &args.title {
        page.title(title);
    }
    match &place {
        // The report is still there: what cannot be written is not lost.
        Place::File(path) => {
            let written = File::create(path).and_then(|mut file| page.write(&mut file));
            written.map_err(|e| Failure {
                status: OUTPUT,
                message: format!("failed to write the page to {}: {e}", path.display()),
            })?;
        }
        _ => to_stdout(|out: &mut dyn Write| page.write(out))?,
    }
    Ok(0)
}

fn read(path: &Path, is_stdin: bool) -> Result<Page, Failure> {
    let name = match is_stdin {
        true => "stdin".to_owned(),
        false => path.display().to_string(),
    };
    let failed = |why: String| Failure::load(format!("failed to read a report from {name}: {why}"));
    let text = match is_stdin {
        true => bytes(io::stdin().lock()),
        false => File::open(path).and_then(bytes),
    };
    let text = text.map_err(|e| failed(e.to_string()))?;
    if text.len() as u64 > BYTES_MAX {
        return Err(failed(format!("it is larger than {} MiB", BYTES_MAX >> 20)));
    }
    if text.iter().all(u8::is_ascii_whitespace) {
        return Err(failed(
            "it is empty; `probity run --format json -o FILE` writes one".to_owned(),
        ));
    }
    Page::from_json(&text).map_err(failed)
}

fn bytes(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_same(a: &Path, b: &Path) -> bool {
    let full = |path: &Path| fs::canonicalize(path).ok();
    a == b || full(a).is_some_and(|a| full(b) == Some(a))
}
