//! Arguments of the commands that build and judge programs.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use probity_efficiency::{
    judge::{Columns, Config, Judge},
    toolchain::{BuildCache, Builder, Limits, Python, Toolchains},
};

use crate::{failure::Failure, guest::TierArg, toolchain::DirArgs, units};

/// How programs are built and measured.
#[derive(Debug, Clone, Args)]
pub struct JudgingArgs {
    /// Measure more than counts, each with a run of its own that takes many times as long
    #[arg(long, value_name = "LIST", value_enum, value_delimiter = ',')]
    pub columns: Option<Vec<Column>>,

    /// Take the shortest time of N runs that nothing watches, not that of the counted run
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub wall_runs: u32,

    /// How code is executed; results do not depend on it
    #[arg(long, value_name = "TIER", value_enum, default_value_t = TierArg::Auto)]
    pub tier: TierArg,

    /// How languages are compiled: a TOML file whose languages go before those that are known
    ///
    /// Known are c, cpp, rust and assemblyscript, with the compilers that are installed, and python, with the interpreter
    /// that was added by `probity toolchain`.
    #[arg(long, value_name = "FILE")]
    pub toolchains: Option<PathBuf>,

    #[command(flatten)]
    pub toolchain_dir: DirArgs,

    /// Where built programs are kept [default: probity/builds in the user's cache directory]
    #[arg(long, value_name = "DIR", conflicts_with = "no_build_cache")]
    pub build_cache: Option<PathBuf>,

    /// Build everything anew
    #[arg(long)]
    pub no_build_cache: bool,

    /// End a compiler that takes longer
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = units::duration)]
    pub build_timeout: Duration,
}

/// What can be measured beside counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Column {
    /// Simulated caches and branch prediction: l1_miss, ll_miss, branch_miss, vcycles
    Cache,
    /// What is allocated: allocs, alloc_bytes, peak_heap
    Heap,
    /// Where the instructions are and what was not executed: hot, coverage
    Explain,
    /// All of these
    All,
    /// None of these
    None,
}

impl JudgingArgs {
    /// The judge; `default` are the columns where none are asked for.
    pub fn judge(&self, default: &[Column]) -> Result<Judge, Failure> {
        let toolchains = match &self.toolchains {
            Some(path) => {
                Toolchains::with_file(path).map_err(|e| Failure::usage(format!("failed to {e}")))?
            }
            None => Toolchains::default(),
        };
        let columns = self.columns.as_deref().unwrap_or(default);
        let wants = |column: Column| columns.contains(&column) || columns.contains(&Column::All);
        Ok(Judge::new(Config {
            builder: Builder {
                toolchains,
                cache: self.cache()?,
                limits: Limits {
                    wall: self.build_timeout,
                    ..Limits::default()
                },
                python: self
                    .toolchain_dir
                    .find()
                    .map(Python::of)
                    .unwrap_or_default(),
            },
            tier: Some(self.tier.into()),
            columns: Columns {
                cache: wants(Column::Cache),
                heap: wants(Column::Heap),
                explain: wants(Column::Explain),
                wall_runs: self.wall_runs,
            },
        }))
    }

    fn cache(&self) -> Result<Option<BuildCache>, Failure> {
        if self.no_build_cache {
            return Ok(None);
        }
        let open = |dir: &Path| {
            BuildCache::new(dir)
                .map_err(|e| Failure::usage(format!("failed to make {}: {e}", dir.display())))
        };
        match (&self.build_cache, user_cache()) {
            (Some(dir), _) => open(dir).map(Some),
            // A home that cannot be written to is no reason not to judge.
            (None, Some(dir)) => Ok(BuildCache::new(dir).ok()),
            (None, None) => Ok(None),
        }
    }
}

/// Where the user's builds are kept.
fn user_cache() -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("probity").join("builds"))
}
