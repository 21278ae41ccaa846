//! Library Checker's programs as one file each: the library's own headers and `params.h` are put where they are included.

use std::fs;
use std::path::{Path, PathBuf};

use super::read::{self, wrong};
use super::{ImportError, Sink};

/// Includes within includes.
const DEPTH_MAX: usize = 32;

/// `params.h`, as the origin's generate.py writes it.
pub(super) fn params(table: &toml::Table) -> String {
    let lines = table.iter().map(|(key, value)| match value {
        toml::Value::Integer(value) => format!("#define {key} (long long){value}\n"),
        toml::Value::String(value) => format!("#define {key} \"{value}\"\n"),
        other => format!("#define {key} {other}\n"),
    });
    lines.collect()
}

/// Where a problem's programs take their headers from.
pub(super) struct Sources {
    /// Canonical, so that includes can be told to be within.
    pub dir: PathBuf,
    pub common: Option<PathBuf>,
    pub params: String,
}

impl Sources {
    /// A program with its own headers in it.
    pub fn flat(&self, path: &Path, name: &str, sink: &mut Sink) -> Result<String, ImportError> {
        let mut text = String::new();
        self.append(path, name, &mut Vec::new(), 0, &mut text, sink)?;
        Ok(text)
    }

    fn append(
        &self,
        path: &Path,
        name: &str,
        seen: &mut Vec<PathBuf>,
        depth: usize,
        out: &mut String,
        sink: &mut Sink,
    ) -> Result<(), ImportError> {
        if depth > DEPTH_MAX {
            return Err(wrong(path, "its includes are nested too deep"));
        }
        for line in read::text(path)?.lines() {
            let Some(header) = own_include(line) else {
                out.push_str(line);
                out.push('\n');
                continue;
            };
            if header.ends_with("params.h") {
                let params = PathBuf::from("params.h");
                if !seen.contains(&params) {
                    out.push_str(&self.params);
                    seen.push(params);
                }
                continue;
            }
            match self.resolve(path, header) {
                Some(found) if seen.contains(&found) => {}
                Some(found) => {
                    seen.push(found.clone());
                    self.append(&found, name, seen, depth + 1, out, sink)?;
                }
                None => {
                    sink.warn(format!(
                        "{name}: {} includes \"{header}\", which is not found",
                        read::name(path)
                    ));
                    out.push_str(line);
                    out.push('\n');
                }
            }
        }
        Ok(())
    }

    /// A header beside the file, or in `common/`; nothing outside of the problem and that.
    fn resolve(&self, from: &Path, header: &str) -> Option<PathBuf> {
        let beside = from.parent().map(Path::to_owned);
        let dirs = beside.into_iter().chain(self.common.clone());
        let mut found = dirs.filter_map(|dir| fs::canonicalize(dir.join(header)).ok());
        found.find(|path| {
            let is_within = |dir: &PathBuf| path.starts_with(dir);
            path.is_file() && (is_within(&self.dir) || self.common.as_ref().is_some_and(is_within))
        })
    }
}

/// The header of `#include "header"`.
fn own_include(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix('#')?.trim_start();
    let rest = rest.strip_prefix("include")?.trim_start();
    rest.strip_prefix('"')?.split('"').next()
}
