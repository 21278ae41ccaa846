//! `probity sites`: what a rule matches, without a run.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use probity_engine::{Engine, LoadError, Module};
use probity_probes::{
    events::{self, Callee},
    opcode::Opcode,
    operator,
    rule::{Body, Event, Match, Mode, variables},
    source::SourceLine,
};
use serde_json::json;

use crate::{
    failure::{Failure, about, say},
    output::{printable, to_stdout},
    rules,
};

const AFTER_LONG_HELP: &str = r#"A rule is WHERE / PREDICATE / { ACTION; ... }, of which only WHERE is needed.

WHERE, in Whamm's form `provider:package:event:mode`, with * and ? and | in each part:
  wasm:opcode:i32.load:before     before an operator
  i32.load, *.load*, call|br_if   the same in short
  @load, @float*                  all operators of a class (see `probity run -a opcodes`)
  wasm:func:entry, func:exit      a function starts, is left (in whatever way)
  wasm:block:entry, block:exit    before the first, the last operator of a basic block
  wasm:loop:entry, loop:iter      control comes to a loop; each round of it
  wasm:loop:back                  control has come back to a loop
  wasm:edge:taken, edge:falls     from a basic block elsewhere (a branch is taken), on to the next
  wasm:exception:catch            a try_table catches an exception
  wasm:func:trap                  a trap or an error of the host ends the guest in a function
  wasm:fuel:tick:100_000          each time that so much fuel is consumed (1,000,000 by default)
  memory:access|grow|bulk         operators by what they do; also table:access|grow|bulk,
                                  global:access, object:new, exception:throw

PREDICATE: operators as in C (a division stands in parentheses), text ~ "glob|glob", !~,
EXPR as u32 (and i8 to f64), func("main|mem*|3..10"), true, false, null. What is known
without a run costs nothing in a run. A comparison with what a site does not have is false.

ACTION: count (the default), sum(EXPR), min(EXPR), max(EXPR), hist(EXPR), stack,
stack(FRAMES), print("FORMAT {} {:x}", EXPR, ...); `by EXPR` or `by (EXPR, ...)` behind one
gives results per value instead of per site.

Examples:
  probity sites 'call* / target_fn_type == "import" /' program.wasm
  probity sites '*.store* / in_loop && offset > 0 /' program.wasm --format csv
  probity sites '* / file ~ "*sort.c" && line == 12 /' program.wasm
  probity run -p 'func:entry / fname == "malloc" / { hist(arg0); stack(4) }' program.wasm
  probity run -p 'call_indirect { count by target_fn_name }' program.wasm
  probity run -p 'exception:catch { count by (tag, payload0) }' program.wasm
  probity run -p 'fuel:tick:100_000 { stack }' program.wasm
A module that is not valid is searched all the same. Exit status 0 also if nothing matches,
1 if the module cannot be read, 2 if the rule is wrong."#;

/// List the sites of a module that a rule matches, without running it
#[derive(Debug, Args)]
#[command(after_long_help = after_long_help())]
pub struct SitesArgs {
    /// The rule; what it does is of no concern here
    pub rule: String,

    /// The module (.wasm or .wat)
    pub module: PathBuf,

    /// Format of the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One document with `"schema": 1`
    Json,
    /// A table for spreadsheets and scripts
    Csv,
}

fn after_long_help() -> String {
    let variables: Vec<(String, &str)> = variables().collect();
    let width = variables.iter().map(|(name, _)| name.len()).max();
    let mut help = format!("{AFTER_LONG_HELP}\n\nVariables:");
    for (name, what) in &variables {
        help += &format!("\n  {name:width$}  {what}", width = width.unwrap_or(0));
    }
    help
}

/// Runs the subcommand.
pub fn main(args: &SitesArgs) -> Result<u8, Failure> {
    let rule = rules::parse(&args.rule)?;
    let path = args.module.display().to_string();
    let fail = |e: &dyn std::fmt::Display| Failure::load(about(&path, &e.to_string()));
    let engine = Engine::default();
    let module = Module::from_file(&engine, &args.module).map_err(|e| fail(&e))?;
    let sites = rule.sites(&module).map_err(|e| fail(&e))?;
    let rows = rows(&module, &sites).map_err(|e| fail(&e))?;
    to_stdout(|out| match args.format {
        Format::Text => write_text(&rows, out),
        Format::Json => write_json(&path, rule.text(), &rows, out),
        Format::Csv => write_csv(&rows, out),
    })?;
    if rows.is_empty() {
        say(&format!("{path} has no site for the rule `{rule}`"));
    }
    Ok(0)
}

/// A match with its texts.
struct Row<'a> {
    site: &'a Match,
    name: String,
    /// The operator with its immediates; the event where there is none.
    text: String,
    opcode: Option<&'static str>,
    /// Name of the function that a direct call calls.
    callee: Option<String>,
}

fn rows<'a>(module: &Module, sites: &'a [Match]) -> Result<Vec<Row<'a>>, LoadError> {
    let mut rows = Vec::with_capacity(sites.len());
    // Matches come function by function.
    for sites in sites.chunk_by(|a, b| a.func == b.func) {
        let Some(body) = Body::new(module, sites[0].func)? else {
            continue;
        };
        let name = body.name();
        for site in sites {
            let opcode = site.opcode(&body);
            let op = opcode.map(|_| &body.operators()[site.index].1);
            let operator = op.map(operator::text);
            let callee = match op.and_then(events::callee) {
                Some(Callee::Direct(index)) => module.function(index),
                _ => None,
            };
            let text = match (site.event, operator) {
                (Event::Opcode(_, Mode::Before), Some(operator)) => operator,
                (event, Some(operator)) => format!("{event} ({operator})"),
                (event, None) => event.to_string(),
            };
            rows.push(Row {
                site,
                name: name.clone(),
                text,
                opcode: opcode.map(Opcode::mnemonic),
                callee: callee.and_then(|info| Some(info.name()?.into_owned())),
            });
        }
    }
    Ok(rows)
}

fn write_text(rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
    let mut function = None;
    for row in rows {
        if function != Some(row.site.func) {
            function = Some(row.site.func);
            writeln!(out, "func {} {}", row.site.func, printable(&row.name))?;
        }
        write!(out, "  {:#x}  {}", row.site.pc.0, row.text)?;
        if let Some(callee) = &row.callee {
            write!(out, " {}", printable(callee))?;
        }
        if row.site.is_dynamic {
            write!(out, "  (predicate computed in the run)")?;
        }
        if let Some(line) = &row.site.line {
            write!(out, "  {}", printable(&line.to_string()))?;
        }
        writeln!(out)?;
    }
    let functions = rows.chunk_by(|a, b| a.site.func == b.site.func).count();
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    match rows.len() {
        0 => Ok(()),
        sites => writeln!(
            out,
            "{sites} site{} in {functions} function{}",
            plural(sites),
            plural(functions)
        ),
    }
}

fn write_json(path: &str, rule: &str, rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
    let sites = rows.iter().map(|row| {
        let line = row.site.line.as_ref();
        json!({
            "func": row.site.func,
            "name": row.name,
            "pc": row.site.pc.0,
            "event": row.site.event.to_string(),
            "opcode": row.opcode,
            "text": row.text,
            "callee": row.callee,
            "dynamic": row.site.is_dynamic,
            "file": line.map(|line| &*line.file),
            "line": known(line),
        })
    });
    let sites: Vec<_> = sites.collect();
    let document = json!({
        "schema": 1,
        "module": {"path": path},
        "rule": rule,
        "sites": sites,
    });
    serde_json::to_writer(&mut *out, &document)?;
    writeln!(out)
}

/// The number of a line, where the compiler gives one.
fn known(line: Option<&SourceLine>) -> Option<u32> {
    line.map(|line| line.line).filter(|line| *line > 0)
}

fn write_csv(rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
    // In memory: the kind of an error of `out` matters, a closed pipe is none.
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "func", "name", "pc", "event", "opcode", "text", "callee", "dynamic", "file", "line",
    ])?;
    for row in rows {
        let site = row.site;
        let line = site.line.as_ref();
        writer.write_record([
            site.func.to_string().as_str(),
            &row.name,
            &site.pc.0.to_string(),
            &site.event.to_string(),
            row.opcode.unwrap_or_default(),
            &row.text,
            row.callee.as_deref().unwrap_or_default(),
            &site.is_dynamic.to_string(),
            line.map_or("", |line| &line.file),
            &known(line).map_or_else(String::new, |line| line.to_string()),
        ])?;
    }
    out.write_all(&writer.into_inner().map_err(|e| e.into_error())?)
}
