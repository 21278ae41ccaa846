//! `probity truth`: what a program does, line by line, for benchmarks of reasoning about code.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use probity_analyses::steps::StepLimits;
use probity_efficiency::{
    Status,
    judge::Judge,
    score::reval::Kind,
    task::{Entry, Limits},
    truth::{COUNTER, Input, Run, TruthOptions, TruthProgram, kinds_of, unoptimised},
};
use probity_probes::source::Origin;

use crate::{
    failure::{Failure, OUTPUT, about, say},
    judging::JudgingArgs,
    output::to_stdout,
    place::Place,
    program::{build_with, name, read},
    progress::{self, Progress},
    units,
};

/// Say what a program does, line by line, for benchmarks of reasoning about code
///
/// The PROGRAM (a source file, or a module with DWARF or a source map) is run with each input, and what it does is
/// written as lines of JSON, which are the truth that `probity score --truth` holds predictions against (REval,
/// SX-Bench): which lines are executed, which line comes next, what variables are behind each line, what is printed,
/// and how many steps it takes. A source is built without optimisation, so that all its lines and variables are there.
/// Of a program in Python it is told which lines are executed and what is printed.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 if all runs ended well; 1 if a file cannot be read or built, or says nothing of its lines, or a run did not
end well (what it did until then is written, with its status), 2 for wrong usage, 3 if the truth cannot be written.

Examples:
  probity truth solution.cpp --input a.in b.in --output truth.jsonl
  probity truth fib.wasm --entry func:fib --input ten.json --kinds path,state
  probity score predictions.jsonl --truth truth.jsonl --metric reval,sx.steps")]
pub struct TruthArgs {
    /// A source file, .wasm or .wat
    #[arg(value_name = "PROGRAM")]
    program: PathBuf,

    /// Arguments of the PROGRAM
    #[arg(value_name = "ARGS", last = true)]
    program_args: Vec<String>,

    /// What the PROGRAM reads, in a run for each file; with --entry func:NAME, a JSON list of arguments [default: one
    /// run that reads nothing]
    #[arg(short, long, value_name = "FILE", num_args = 1..)]
    input: Vec<PathBuf>,

    /// Where the truth goes; `-` is stdout
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,

    /// What of the PROGRAM is called: `stdio` or `func:NAME`
    #[arg(long, value_name = "ENTRY", default_value = "stdio", value_parser = entry)]
    entry: Entry,

    /// The program's name in the truth [default: the file's]
    #[arg(long, value_name = "NAME")]
    task_id: Option<String>,

    /// What is told [default: all; of a program in Python coverage,output]
    #[arg(long, value_name = "LIST", value_enum, value_delimiter = ',')]
    kinds: Option<Vec<KindArg>>,

    /// What the compiler is told, instead of the toolchain's flags without optimisation
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    flags: Option<String>,

    /// The source file that lines are of, by the end of its path [default: the one with `main`, or the function that is called]
    #[arg(long, value_name = "NAME")]
    file: Option<String>,

    /// The text of that file, if the PROGRAM is a module [default: the file of its name beside the module]
    #[arg(long, value_name = "FILE")]
    source: Option<PathBuf>,

    /// A source map to use, whatever the module says itself
    #[arg(long, value_name = "FILE")]
    source_map: Option<PathBuf>,

    /// The variable outside of functions that counts steps, if the program has it
    #[arg(long, value_name = "NAME", default_value = COUNTER)]
    steps_var: String,

    /// Tell values with addresses in them, too
    #[arg(long)]
    addresses: bool,

    /// Steps of a run that next lines and variables are told of; behind them only lines that follow each other for the
    /// first time
    #[arg(long, value_name = "N", default_value_t = StepLimits::default().steps)]
    max_steps: usize,

    /// Variables of a step that are told
    #[arg(long, value_name = "N", default_value_t = StepLimits::default().values)]
    max_values: usize,

    /// Characters of a value that are told
    #[arg(long, value_name = "N", default_value_t = StepLimits::default().value_chars)]
    max_value_chars: usize,

    /// End a run before it uses more than N units of fuel
    #[arg(long, value_name = "N", value_parser = units::integer)]
    fuel: Option<u64>,

    /// End a run when it takes longer
    #[arg(long, value_name = "SECONDS", value_parser = units::integer)]
    timeout: Option<u64>,

    #[command(flatten)]
    judging: JudgingArgs,

    /// When progress is shown
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = progress::When::Auto)]
    progress: progress::When,
}

/// Kinds of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindArg {
    /// Whether each line is executed, and how often
    Coverage,
    /// Which line comes next
    Path,
    /// Variables behind each line
    State,
    /// What is printed
    Output,
    /// How many steps it takes
    Steps,
}

impl From<KindArg> for Kind {
    fn from(kind: KindArg) -> Kind {
        match kind {
            KindArg::Coverage => Kind::Coverage,
            KindArg::Path => Kind::Path,
            KindArg::State => Kind::State,
            KindArg::Output => Kind::Output,
            KindArg::Steps => Kind::Steps,
        }
    }
}

fn entry(text: &str) -> Result<Entry, String> {
    Entry::try_from(text.to_owned())
}

/// Runs the command.
pub fn main(args: TruthArgs) -> Result<u8, Failure> {
    if args.judging.columns.is_some() || args.judging.wall_runs > 0 {
        return Err(Failure::usage(
            "--columns and --wall-runs are for what a program costs",
        ));
    }
    let inputs = inputs(&args)?;
    let judge = args.judging.judge(&[])?;
    let progress = Progress::start(args.progress, "building the program");
    let program = program(&args, &judge)?;
    let mut all_well = true;
    let mut failed = None;
    let mut write = |out: &mut dyn Write| -> io::Result<()> {
        for input in &inputs {
            progress.phase("running the program");
            match program.run(input) {
                Ok(run) => {
                    all_well &= run.status == Status::Ok;
                    told(&run, &input.name);
                    write_rows(&run, out)?;
                }
                Err(error) => {
                    failed = Some(format!("failed to {error}"));
                    break;
                }
            }
        }
        Ok(())
    };
    let is_written = match Place::of(&args.output) {
        Place::Stdout => to_stdout(&mut write).map(|()| true)?,
        place => place.deliver("the truth", &mut write),
    };
    match failed {
        Some(message) => Err(Failure::load(about(
            &args.program.display().to_string(),
            &message,
        ))),
        None if !is_written => Ok(OUTPUT),
        None => Ok(u8::from(!all_well)),
    }
}

fn write_rows(run: &Run, out: &mut dyn Write) -> io::Result<()> {
    for row in &run.rows {
        serde_json::to_writer(&mut *out, row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Says how a run ended that did not end well.
fn told(run: &Run, input: &str) {
    if run.status != Status::Ok {
        let input = match input {
            "" => String::new(),
            name => format!("input {name}: "),
        };
        let message = run.message.as_deref().unwrap_or_default();
        say(&format!(
            "{input}{}: {message}; the truth is of what was executed until then",
            run.status
        ));
    }
}

/// The program, built if it has to be.
fn program(args: &TruthArgs, judge: &Judge) -> Result<TruthProgram, Failure> {
    let path = &args.program;
    let task_id = args.task_id.clone();
    let mut options = TruthOptions::new(task_id.unwrap_or_else(|| name(path)));
    options.entry = args.entry.clone();
    options.argv = args.program_args.clone();
    options.file = args.file.clone();
    options.addresses = args.addresses;
    options.counter = args.steps_var.clone();
    options.steps = StepLimits {
        steps: args.max_steps,
        values: args.max_values,
        value_chars: args.max_value_chars,
        ..StepLimits::default()
    };
    options.limits = limits(args);
    let (built, text) = build_with(judge, path, options.limits, |language| {
        let flags = flags(args, judge, language, path)?;
        options.flags = flags.clone().unwrap_or_default();
        Ok(flags)
    })?;
    let is_python = built.python.is_some();
    if (text.is_none() || is_python) && args.flags.is_some() {
        return Err(Failure::usage("--flags are for a source that is built"));
    }
    if is_python && (args.file.is_some() || args.source_map.is_some()) {
        return Err(Failure::usage(
            "--file and --source-map are for programs that are built",
        ));
    }
    options.kinds = match &args.kinds {
        Some(kinds) => kinds.iter().copied().map(Kind::from).collect(),
        None => kinds_of(&built),
    };
    options.source = text;
    options.origin = Origin {
        path: Some(path.clone()),
        source_map: args.source_map.clone(),
    };
    if let Some(source) = &args.source {
        let text = String::from_utf8(read(source)?);
        let text = text.map_err(|_| {
            Failure::load(format!("failed to read {}: not UTF-8", source.display()))
        })?;
        options.source = Some(text);
    }
    let is_told = options.source.is_some();
    let cannot = |e| {
        let path = path.display();
        Failure::load(format!("{path}: failed to {e}"))
    };
    let program = TruthProgram::new(judge, &built, options.clone()).map_err(cannot)?;
    match (is_told, beside(path, program.file())) {
        (false, Some(text)) => {
            options.source = Some(text);
            TruthProgram::new(judge, &built, options).map_err(cannot)
        }
        _ => Ok(program),
    }
}

/// The flags that are given, or those of the toolchain without optimisation.
fn flags(
    args: &TruthArgs,
    judge: &Judge,
    language: &str,
    path: &Path,
) -> Result<Option<Vec<String>>, Failure> {
    if language == "wat" {
        return Ok(None);
    }
    if let Some(flags) = &args.flags {
        let words = flags.split_whitespace();
        return Ok(Some(words.map(str::to_owned).collect()));
    }
    if language == "python" {
        return Ok(None);
    }
    let own = judge.config().builder.toolchains.flags_of(language);
    let own =
        own.map_err(|error| Failure::load(format!("failed to build {}: {error}", path.display())))?;
    Ok(Some(unoptimised(language, &own)))
}

/// The text of the file of this name beside the module.
fn beside(module: &Path, file: &str) -> Option<String> {
    let name = file.rsplit(['/', '\\']).next()?;
    std::fs::read_to_string(module.with_file_name(name)).ok()
}

fn limits(args: &TruthArgs) -> Limits {
    let mut limits = Limits::default();
    if let Some(fuel) = args.fuel {
        limits.fuel = fuel;
    }
    if let Some(seconds) = args.timeout {
        limits.wall_s = seconds;
    }
    limits
}

/// The inputs, by the names of their files; by their paths where two have one name.
fn inputs(args: &TruthArgs) -> Result<Vec<Input>, Failure> {
    if args.input.is_empty() {
        return Ok(vec![Input::default()]);
    }
    let mut inputs: Vec<Input> = Vec::new();
    for path in &args.input {
        let bytes = read(path)?;
        let short = name(path);
        let is_only = args.input.iter().filter(|p| name(p) == short).count() == 1;
        let name = match is_only {
            true => short,
            false => path.display().to_string(),
        };
        if inputs.iter().any(|input| input.name == name) {
            return Err(Failure::usage(format!("input {name} is given twice")));
        }
        inputs.push(match args.entry {
            Entry::Stdio => Input {
                name,
                stdin: bytes,
                args: Vec::new(),
            },
            Entry::Func(_) => Input {
                args: serde_json::from_slice(&bytes).map_err(|e| {
                    Failure::load(format!(
                        "failed to read {}: a JSON list of arguments is expected: {e}",
                        path.display()
                    ))
                })?,
                name,
                stdin: Vec::new(),
            },
        });
    }
    Ok(inputs)
}
