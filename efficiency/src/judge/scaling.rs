//! How the cost of one program grows.

use super::prepare::PreparedTest;
use super::runner::Observer;
use super::watchdog::Watchdog;
use super::{Judge, given};
use crate::growth::scale::{BadSizes, Failed, Scaling, Sizes, scale};
use crate::task::{Entry, Limits};
use crate::toolchain::Built;
use crate::{Column, Status};
use serde_json::Value;

/// What is run at which sizes.
#[derive(Debug, Clone, Copy)]
pub struct Scale<'a> {
    /// The program.
    pub program: &'a Built,
    /// Makes its input, given a size and the seed as arguments; without one the input is the size and a line break.
    pub generator: Option<&'a Built>,
    /// What the generator is given.
    pub seed: u64,
    /// What the program may use in each run.
    pub limits: &'a Limits,
    /// Which cost; one that a counted run has.
    pub column: Column,
}

impl Judge {
    /// Runs a program at sizes, and says how its cost grows. What the runs print is not checked.
    ///
    /// # Errors
    /// If the sizes are no sizes to find growth with.
    pub fn scale(&self, of: &Scale<'_>, sizes: &Sizes) -> Result<Scaling, BadSizes> {
        let loaded = self.load(of.program, of.limits);
        let internal = |message: String| Failed {
            status: Status::Internal,
            message,
        };
        let watchdog = Watchdog::new();
        let mut runner = match &loaded {
            Err((status, message)) => Err(Failed {
                status: *status,
                message: message.clone(),
            }),
            Ok(loaded) => loaded
                .runner(&Entry::Stdio, &watchdog, Observer::Counts)
                .map_err(|message| Failed {
                    status: Status::Unsupported,
                    message,
                }),
        };
        let mut run = |size: u64| {
            let runner = runner.as_mut().map_err(|failed| failed.clone())?;
            let input = match of.generator {
                Some(generator) => self
                    .generator_output(generator, size, of.seed)
                    .map_err(|error| internal(format!("generate an input: {error}")))?,
                None => format!("{size}\n").into_bytes(),
            };
            let test = PreparedTest::of_input(input, &[], Value::Null);
            let ran = runner.run(&given(&test, of.limits), &[], None);
            match ran.ended.status {
                Status::Ok => of
                    .column
                    .of(&ran.cost)
                    .ok_or_else(|| internal(format!("`{}` is not counted here", of.column))),
                status => Err(Failed {
                    status,
                    message: ran.ended.message.unwrap_or_default(),
                }),
            }
        };
        scale(of.column.name(), sizes, &mut run)
    }
}
