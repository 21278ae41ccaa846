//! Who writes the programs, as the command line and the environment have it.

use std::env;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;
use probity_efficiency::optimize::{
    Command, CommandLimits, Endpoint, EndpointLimits, Generator, Key,
};

use super::duration;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub struct GeneratorArgs {
    /// A shell command that reads the prompt on stdin and writes its reply on stdout
    ///
    /// PROBITY_ROUND, PROBITY_CANDIDATE and PROBITY_SEED are in its environment. It is killed with all that it has started when
    /// its time is over.
    #[arg(long, value_name = "CMD", conflicts_with_all = ["endpoint", "model"])]
    generator: Option<String>,

    /// Base URL of a server that speaks the chat-completions protocol [env: OPENAI_BASE_URL]
    ///
    /// Its key, if it wants one, is taken from OPENAI_API_KEY, and sent nowhere else.
    #[arg(long, value_name = "URL", requires = "model")]
    endpoint: Option<String>,

    /// The server's model
    #[arg(long, value_name = "NAME")]
    model: Option<String>,

    /// The most time that one reply may take
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    reply_timeout: Duration,
}

impl GeneratorArgs {
    /// What results have as the model's name.
    pub fn name(&self) -> &str {
        let name = self.model.as_deref().or(self.generator.as_deref());
        name.unwrap_or_default()
    }

    /// The generator, if one is given.
    pub fn make(&self, stop: Arc<AtomicBool>) -> Result<Option<Box<dyn Generator>>, Failure> {
        if let Some(line) = &self.generator {
            let limits = CommandLimits {
                time: self.reply_timeout,
                ..CommandLimits::default()
            };
            return Ok(Some(Box::new(Command::new(line, limits, stop))));
        }
        let Some(model) = &self.model else {
            return Ok(None);
        };
        let base = match &self.endpoint {
            Some(url) => url.clone(),
            None => text("OPENAI_BASE_URL")?.ok_or_else(|| {
                Failure::usage(
                    "where is the model? give --endpoint, or OPENAI_BASE_URL in the environment",
                )
            })?,
        };
        let key = match text("OPENAI_API_KEY")? {
            Some(key) => {
                Key::new(&key).map_err(|e| Failure::usage(format!("OPENAI_API_KEY: {e}")))?
            }
            None => None,
        };
        let limits = EndpointLimits {
            try_time: self.reply_timeout,
            total_time: self.reply_timeout.saturating_mul(3),
            ..EndpointLimits::default()
        };
        let endpoint = Endpoint::new(&base, model, key, limits, stop).map_err(Failure::usage)?;
        Ok(Some(Box::new(endpoint)))
    }
}

/// A variable of the environment. Its value is not quoted, for it may be a secret.
fn text(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure::usage(format!("{name} is not UTF-8"))),
    }
}
