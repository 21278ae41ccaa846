//! `--export FORMAT=PATH`, of several subcommands.

use std::{ffi::OsStr, path::Path};

use probity_analyses::{
    AnalysisReport,
    export::{Data, ExportInfo},
};

use crate::{failure::Failure, place::Place};

/// What goes where in a format of another tool.
pub struct ExportTarget {
    /// The format.
    pub format: &'static ExportInfo,
    /// The place.
    pub place: Place,
}

impl ExportTarget {
    /// Reads `FORMAT=PATH`.
    pub fn parse(spec: &OsStr) -> Result<ExportTarget, Failure> {
        let text = spec.to_string_lossy();
        let split = spec.to_str().and_then(|text| text.split_once('='));
        let Some((name, path)) = split.filter(|(_, path)| !path.is_empty()) else {
            return Err(Failure::usage(format!(
                "--export '{text}' is not of the form FORMAT=PATH"
            )));
        };
        let format = ExportInfo::find(name)
            .map_err(|e| Failure::usage(format!("{e} (`probity list` shows what there is)")))?;
        Ok(ExportTarget {
            format,
            place: Place::of(Path::new(path)),
        })
    }

    /// Writes what the analyses of a run found; false if it did not reach its place.
    pub fn write_report(&self, analyses: &[AnalysisReport]) -> bool {
        let write = |out: &mut dyn std::io::Write| self.format.write_report(analyses, out);
        self.place.deliver(&self.what(), write)
    }

    /// Writes data; false if it did not reach its place.
    pub fn write(&self, data: &Data) -> bool {
        let write = |out: &mut dyn std::io::Write| self.format.write(data, out);
        self.place.deliver(&self.what(), write)
    }

    fn what(&self) -> String {
        format!("the {} export", self.format.name)
    }
}
