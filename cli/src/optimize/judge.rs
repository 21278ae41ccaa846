//! The judge, as the loop asks it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use probity_efficiency::Status;
use probity_efficiency::judge::{Judge as Inner, Prepared};
use probity_efficiency::optimize::{Attempts, Judged};
use probity_efficiency::result::SampleResult;
use probity_efficiency::sample::Sample;
use probity_efficiency::task::Task;

use crate::failure::Failure;
use crate::judging::{Column, JudgingArgs};

/// Judges programs by one task.
pub struct Judge {
    inner: Inner,
    prepared: Prepared,
    dir: PathBuf,
    model: String,
}

impl Judge {
    /// `dir` is what paths in the task are relative to, `model` what results have as the model's name.
    pub fn new(
        args: &JudgingArgs,
        task: &Arc<Task>,
        dir: &Path,
        model: &str,
    ) -> Result<Judge, Failure> {
        let inner = args.judge(&[Column::Explain])?;
        let prepared = inner.prepare(task, dir, None, &HashMap::new());
        Ok(Judge {
            prepared: prepared.map_err(|e| Failure::load(format!("failed to {e}")))?,
            inner,
            dir: dir.to_owned(),
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
