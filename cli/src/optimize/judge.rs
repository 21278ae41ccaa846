//! The judge, as the loop asks it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use probity_efficiency::judge::{Columns, Config, Judge as Inner, Prepared};
use probity_efficiency::optimize::{Attempts, Judged};
use probity_efficiency::result::SampleResult;
use probity_efficiency::sample::Sample;
use probity_efficiency::task::Task;
use probity_efficiency::toolchain::{Builder, Toolchains};
use probity_efficiency::Status;

use crate::failure::Failure;

#[derive(Debug, Args)]
pub struct JudgeArgs {
    /// Languages and compilers beside the built-in ones (TOML)
    #[arg(long, value_name = "FILE")]
    toolchains: Option<PathBuf>,

    /// Simulate caches and branch prediction, for what is said of memory: many times as slow
    #[arg(long)]
    cache_model: bool,

    /// Follow allocations, for what is said of them
    #[arg(long)]
    heap: bool,
}

/// Judges programs by one task.
pub struct Judge {
    inner: Inner,
    prepared: Prepared,
    dir: PathBuf,
    model: String,
}

impl Judge {
    pub fn new(args: &JudgeArgs, tasks: &Path, task: &Task, model: &str) -> Result<Judge, Failure> {
        let failed = |message: String| Failure::load(format!("failed to {message}"));
        let mut builder = Builder::default();
        if let Some(path) = &args.toolchains {
            builder.toolchains = Toolchains::with_file(path).map_err(|e| failed(e.to_string()))?;
        }
        let inner = Inner::new(Config {
            builder,
            columns: Columns {
                cache: args.cache_model,
                heap: args.heap,
                explain: true,
                wall_runs: 0,
            },
            ..Config::default()
        });
        let dir = tasks.parent().unwrap_or(Path::new("")).to_owned();
        let prepared = inner.prepare(&Arc::new(task.clone()), &dir, None).map_err(failed)?;
        Ok(Judge {
            inner,
            prepared,
            dir,
            model: model.to_owned(),
        })
    }

    /// What references cost.
    pub fn references(&self) -> &[SampleResult] {
        &self.prepared.references
    }
}

impl Attempts for Judge {
    fn attempt(&mut self, number: u64, program: &str) -> Judged {
        let sample = Sample {
            task_id: self.prepared.task.task_id.clone(),
            solution: Some(program.to_owned()),
            path: None,
            completion: None,
            wasm: None,
            lang: None,
            sample_id: Some(number),
            model: Some(self.model.clone()),
        };
        let result = self.inner.judge(&self.prepared, &sample, &self.dir);
        let build_log = match result.status {
            Status::CompileError => result.message.clone().unwrap_or_default(),
            _ => String::new(),
        };
        Judged { result, build_log }
    }
}
