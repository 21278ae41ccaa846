//! From raw arguments to a plan: everything that can be checked without the
//! module is checked here.

use std::{path::PathBuf, time::Duration};

use probity_analyses::{Session, export::DataKind};
use probity_probes::rule::Rule;

use super::{
    args::{Format, RunArgs},
    trace::{self, Traced},
};
use crate::{
    cache,
    coverage::{self, Sum},
    exports::ExportTarget,
    failure::Failure,
    guest::Guest,
    place::Place,
    rules,
};

/// A run, resolved.
pub struct Plan {
    /// The program.
    pub guest: Guest,
    /// The rules among what the session watches by.
    pub rules: Vec<Rule>,
    /// The analyses, not yet attached.
    pub session: Session,
    /// The trace among them.
    pub trace: Option<Traced>,
    /// Limit on wall time.
    pub timeout: Option<Duration>,
    /// Where the report goes, if one was asked for.
    pub report: Option<ReportTarget>,
    /// Where coverage is added up, if it is.
    pub merge: Option<Sum>,
    /// Directories whose source files may be shown.
    pub source_dirs: Vec<PathBuf>,
    /// What else is written.
    pub exports: Vec<ExportTarget>,
}

/// Where a report goes and in which format.
pub struct ReportTarget {
    /// The format.
    pub format: probity_analyses::Format,
    /// The place.
    pub place: Place,
}

impl ReportTarget {
    /// Whether the user reads the report where messages go.
    pub fn is_for_the_terminal(&self) -> bool {
        self.format == probity_analyses::Format::Text && self.place == Place::Stderr
    }
}

impl Plan {
    /// Checks the arguments; errors are wrong usage.
    pub fn resolve(args: RunArgs) -> Result<Plan, Failure> {
        let mut guest = Guest::resolve(&args.guest)?;
        if let Some(perf) = args.perf {
            guest.config.perf(perf.into());
        }
        if let Some(dir) = &args.cache {
            guest.config.cache(cache::dir(dir.clone())?);
        }
        let rules = args.probe.iter().map(|text| rules::parse(text));
        let rules = rules.collect::<Result<Vec<Rule>, _>>()?;
        let exports = args.export.iter().map(|spec| ExportTarget::parse(spec));
        let exports = exports.collect::<Result<Vec<ExportTarget>, _>>()?;
        let (mut session, trace) = session(&args.analysis, &rules)?;
        for export in &exports {
            session
                .collect(export.format.takes)
                .map_err(|e| Failure::usage(format!("--export {}: {e}", export.format.name)))?;
        }
        if args.merge.is_some() {
            session
                .collect(DataKind::Coverage)
                .map_err(|e| Failure::usage(format!("--merge: {e}")))?;
        }
        let report = report_target(&args, &exports);
        let places = report.iter().map(|report| &report.place);
        let places = places.chain(exports.iter().map(|export| &export.place));
        Place::all_differ(places.chain(trace.iter().filter_map(Traced::place)))?;
        Ok(Plan {
            guest,
            session,
            trace,
            rules,
            timeout: args.timeout,
            report,
            exports,
            merge: args.merge.map(Sum::new).transpose()?,
            source_dirs: coverage::source_dirs(&args.guest.source_dir),
        })
    }
}

/// Whatever was watched is told somewhere: in the report, unless an export has it.
fn report_target(args: &RunArgs, exports: &[ExportTarget]) -> Option<ReportTarget> {
    let exported = |spec: &String| {
        let name = spec.split_once(':').map_or(spec.as_str(), |(name, _)| name);
        let shown = exports.iter().map(|export| export.format.takes);
        let mut shown = shown.chain(args.merge.as_ref().map(|_| DataKind::Coverage));
        // A trace has a place of its own.
        name == trace::NAME || shown.any(|kind| kind.analyses().any(|other| other == name))
    };
    let wanted = !args.analysis.iter().all(exported)
        || !args.probe.is_empty()
        || args.format.is_some()
        || args.output.is_some();
    wanted.then(|| ReportTarget {
        format: args.format.unwrap_or(Format::Text).into(),
        place: args.output.as_deref().map_or(Place::Stderr, Place::of),
    })
}

/// The session with all analyses and rules of the command line.
fn session(specs: &[String], rules: &[Rule]) -> Result<(Session, Option<Traced>), Failure> {
    let (mut session, mut traced) = (Session::new(), None);
    for spec in specs {
        let (name, options) = analysis_spec(spec)?;
        if name == trace::NAME {
            traced = Some(Traced::add(&mut session, options)?);
            continue;
        }
        session
            .add(name, &options)
            .map_err(|e| Failure::usage(format!("{e} (`probity list` shows what there is)")))?;
    }
    if !rules.is_empty() {
        session
            .add_rules(rules.iter().cloned(), rules::print)
            .map_err(|e| Failure::usage(e.to_string()))?;
    }
    Ok((session, traced))
}

/// Keys and values.
type Pairs = Vec<(String, String)>;

/// `NAME[:key=value,...]`, split.
fn analysis_spec(spec: &str) -> Result<(&str, Pairs), Failure> {
    let Some((name, rest)) = spec.split_once(':') else {
        return Ok((spec, Vec::new()));
    };
    let mut options = Pairs::new();
    for pair in rest.split(',') {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            Failure::usage(format!("'{pair}' in '{spec}' is not of the form key=value"))
        })?;
        options.push((key.to_owned(), value.to_owned()));
    }
    Ok((name, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn analysis_specs() {
        let pairs = |list: &[(&str, &str)]| -> Pairs {
            list.iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        assert_eq!(analysis_spec("icount").unwrap(), ("icount", pairs(&[])));
        assert_eq!(
            analysis_spec("hotness:top=5,by=pc").unwrap(),
            ("hotness", pairs(&[("top", "5"), ("by", "pc")]))
        );
        assert_eq!(
            analysis_spec("a:path=x=y").unwrap(),
            ("a", pairs(&[("path", "x=y")]))
        );
        for bad in ["a:", "a:b", "a:b=1,"] {
            assert_eq!(
                analysis_spec(bad).unwrap_err().status,
                crate::failure::USAGE
            );
        }
    }
}
