//! `probity list`: the analyses, their options, and the formats of exports, one line each.

use std::io::{self, Write};

use probity_analyses::{
    AnalysisInfo, OptionInfo,
    export::{ExportInfo, exports},
    registry, trace,
};

use crate::{failure::Failure, output::to_stdout, run::OUT};

/// Runs the subcommand.
pub fn main() -> Result<u8, Failure> {
    to_stdout(|out| {
        write(registry(), out)?;
        write_trace(out)?;
        write_exports(exports(), out)
    })?;
    Ok(0)
}

fn write(analyses: &[AnalysisInfo], out: &mut dyn Write) -> io::Result<()> {
    let Some((first, others)) = analyses.split_first() else {
        return Ok(());
    };
    let is_common = |option: &OptionInfo| others.iter().all(|a| a.options.contains(option));
    let name_width = width(analyses.iter().map(|a| a.name.len()));
    for analysis in analyses {
        writeln!(out, "{:name_width$}  {}", analysis.name, analysis.summary)?;
        let own = analysis.options.iter().filter(|o| !is_common(o));
        write_options(own, name_width, out)?;
    }
    writeln!(out, "\nEvery analysis also takes")?;
    write_options(first.options.iter().filter(|o| is_common(o)), 0, out)
}

/// The trace, which is no analysis of reports.
fn write_trace(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nBeside reports: -a {}:out=FILE,...", trace::NAME)?;
    writeln!(out, "{}  {}", trace::NAME, trace::SUMMARY)?;
    let options = trace::OPTIONS.iter().chain([&OUT]);
    write_options(options, trace::NAME.len(), out)
}

fn write_exports(exports: &[ExportInfo], out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "\nFormats of --export, and the analyses that have what they show"
    )?;
    let name_width = width(exports.iter().map(|export| export.name.len()));
    for export in exports {
        let analyses: Vec<&str> = export.takes.analyses().collect();
        let (name, summary, analyses) = (export.name, export.summary, analyses.join(", "));
        writeln!(out, "  {name:name_width$}  {summary} ({analyses})")?;
    }
    Ok(())
}

/// `name=default  help`, indented.
fn write_options<'a>(
    options: impl Iterator<Item = &'a OptionInfo>,
    indent: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let options: Vec<_> = options
        .map(|o| (format!("{}={}", o.name, o.default), o.help))
        .collect();
    let setting_width = width(options.iter().map(|(setting, _)| setting.len()));
    for (setting, help) in options {
        writeln!(out, "{:indent$}  {setting:setting_width$}  {help}", "")?;
    }
    Ok(())
}

fn width(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.max().unwrap_or(0)
}
