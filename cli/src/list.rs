//! `probity list`: the analyses, their options, one line each.

use std::io::{self, Write};

use probity_analyses::{AnalysisInfo, registry};

use crate::{failure::Failure, output::to_stdout};

/// Runs the subcommand.
pub fn main() -> Result<u8, Failure> {
    to_stdout(|out| write(registry(), out))?;
    Ok(0)
}

fn write(analyses: &[AnalysisInfo], out: &mut dyn Write) -> io::Result<()> {
    let width = |names: &mut dyn Iterator<Item = usize>| names.max().unwrap_or(0);
    let name_width = width(&mut analyses.iter().map(|a| a.name.len()));
    for analysis in analyses {
        writeln!(out, "{:name_width$}  {}", analysis.name, analysis.summary)?;
        let setting_width = width(
            &mut analysis
                .options
                .iter()
                .map(|o| o.name.len() + 1 + o.default.len()),
        );
        for option in analysis.options {
            let setting = format!("{}={}", option.name, option.default);
            writeln!(
                out,
                "{:name_width$}    {setting:setting_width$}  {}",
                "", option.help
            )?;
        }
    }
    Ok(())
}
