//! From raw arguments to a plan: everything that can be checked without the
//! module is checked here.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use probity_analyses::{Session, export::DataKind};
use probity_engine::{Config, Limits};
use probity_probes::rule::Rule;
use probity_wasi::{WasiCtx, WasiCtxBuilder};

use super::{
    args::{Format, RunArgs},
    trace::{self, Traced},
};
use crate::{
    cache,
    coverage::{self, Sum},
    exports::ExportTarget,
    failure::Failure,
    place::Place,
    rules,
};

/// Start of the virtual clock: 2000-01-01T00:00:00Z, in ns since 1970.
const VIRTUAL_CLOCK_START_NS: u64 = 946_684_800_000_000_000;
/// What one reading of the virtual clock advances it by.
const VIRTUAL_CLOCK_STEP_NS: u64 = 1_000;

/// What `--max-memory` takes an element of a table for.
const TABLE_ELEMENT_BYTES: u64 = 16;

/// A run, resolved.
pub struct Plan {
    /// Engine settings.
    pub config: Config,
    /// Path of the module.
    pub module: PathBuf,
    /// What follows the module on the command line.
    pub guest_args: Vec<OsString>,
    /// `--invoke`.
    pub invoke: Option<String>,
    /// Modules instantiated first, with the names they are imported by.
    pub preload: Vec<(String, PathBuf)>,
    /// The rules among what the session watches by.
    pub rules: Vec<Rule>,
    /// The analyses, not yet attached.
    pub session: Session,
    /// The trace among them.
    pub trace: Option<Traced>,
    /// The guest's system interface; taken by the run.
    pub wasi: Option<WasiCtx>,
    /// Limit on fuel.
    pub fuel: Option<u64>,
    /// Limit on wall time.
    pub timeout: Option<Duration>,
    /// Limits on memory.
    pub limits: Limits,
    /// Where the report goes, if one was asked for.
    pub report: Option<ReportTarget>,
    /// A source map to use instead of what the module says.
    pub source_map: Option<PathBuf>,
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
        let mut module_and_args = args.module_and_args.iter();
        let module = module_and_args
            .next()
            .map(PathBuf::from)
            .ok_or_else(|| Failure::usage("no module given"))?;
        let guest_args: Vec<OsString> = module_and_args.cloned().collect();

        let mut config = Config::new();
        config.deterministic(args.deterministic);
        config.tier(args.tier.into());
        config.count_fuel(args.fuel.is_some());
        if let Some(wasm) = &args.wasm {
            wasm.apply(&mut config);
        }
        if let Some(perf) = args.perf {
            config.perf(perf.into());
        }
        if let Some(dir) = &args.cache {
            config.cache(cache::dir(dir.clone())?);
        }
        if let Some(bytes) = args.max_stack {
            let bytes = usize::try_from(bytes)
                .map_err(|_| Failure::usage(format!("a stack of {bytes} bytes is too large")))?;
            config.max_stack_bytes(bytes);
        }
        let limits = Limits {
            memory_bytes_max: args.max_memory,
            table_elements_max: args.max_memory.map(|bytes| bytes / TABLE_ELEMENT_BYTES),
            heap_bytes_max: args.max_memory,
            trap_on_refused_growth: args.max_memory.is_some(),
        };

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
            config,
            invoke: args.invoke.clone(),
            preload: args.preload.iter().map(preload).collect::<Result<_, _>>()?,
            session,
            trace,
            rules,
            wasi: Some(wasi(&args, &module, &guest_args)?),
            fuel: args.fuel,
            timeout: args.timeout,
            limits,
            report,
            exports,
            source_map: args.source_map,
            merge: args.merge.map(Sum::new).transpose()?,
            source_dirs: coverage::source_dirs(&args.source_dir),
            module,
            guest_args,
        })
    }
}

fn utf8(text: &OsStr, what: &str) -> Result<String, Failure> {
    text.to_str()
        .map(str::to_owned)
        .ok_or_else(|| Failure::usage(format!("{what} {text:?} is not UTF-8")))
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

/// `NAME=MODULE`, split.
fn preload(spec: &OsString) -> Result<(String, PathBuf), Failure> {
    let text = utf8(spec, "--preload")?;
    match text.split_once('=') {
        Some((name, path)) if !path.is_empty() => Ok((name.to_owned(), path.into())),
        _ => Err(Failure::usage(format!(
            "--preload '{text}' is not of the form NAME=MODULE"
        ))),
    }
}

/// `HOST[::GUEST]`, split; the guest sees HOST's own name by default.
fn dir_spec(spec: &OsStr) -> Result<(PathBuf, String), Failure> {
    let text = utf8(spec, "--dir")?;
    Ok(match text.split_once("::") {
        Some((host, guest)) => (host.into(), guest.to_owned()),
        None => (text.clone().into(), text),
    })
}

/// The guest's system interface.
fn wasi(args: &RunArgs, module: &Path, guest_args: &[OsString]) -> Result<WasiCtx, Failure> {
    let mut builder = WasiCtxBuilder::new();
    builder.inherit_stdin().inherit_stdout().inherit_stderr();
    builder.arg(module.file_name().unwrap_or(module.as_os_str()));
    if args.invoke.is_none() {
        builder.args(guest_args);
    }
    for pair in &args.env {
        match pair.split_once('=') {
            Some((key, value)) if !key.is_empty() => builder.env(key, value),
            _ => {
                return Err(Failure::usage(format!(
                    "--env '{pair}' is not of the form K=V"
                )));
            }
        };
    }
    for spec in &args.dir {
        let (host, guest) = dir_spec(spec)?;
        builder
            .preopened_dir(&host, &guest)
            .map_err(|e| Failure::usage(format!("failed to {e}")))?;
    }
    if args.deterministic {
        builder.virtual_clock(VIRTUAL_CLOCK_START_NS, VIRTUAL_CLOCK_STEP_NS);
    }
    if args.deterministic || args.seed.is_some() {
        builder.random_seed(args.seed.unwrap_or(0));
    }
    Ok(builder.build())
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

    #[test]
    fn dirs_and_preloads() {
        assert_eq!(dir_spec("a".as_ref()).unwrap(), ("a".into(), "a".into()));
        assert_eq!(
            dir_spec("/x/y::/data".as_ref()).unwrap(),
            ("/x/y".into(), "/data".into())
        );
        assert_eq!(
            preload(&"env=lib.wasm".into()).unwrap(),
            ("env".into(), "lib.wasm".into())
        );
        assert!(preload(&"lib.wasm".into()).is_err());
        assert!(preload(&"env=".into()).is_err());
    }
}
