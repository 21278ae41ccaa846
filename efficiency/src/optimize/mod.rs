//! The optimisation loop: a generator writes a program, it is built, checked and measured, what was found is explained to the
//! generator, which writes the next one. The fastest correct program is kept, and every attempt is recorded.
//!
//! The loop ([`optimize`]) knows neither models nor compilers: who writes is a [`Generator`], who judges is [`Attempts`], who
//! explains is [`Explain`]. A generator is a command ([`Command`]), a server that speaks the chat-completions protocol
//! ([`Endpoint`]), or the record of an earlier run ([`Replay`]). Nothing that a generator says is believed, executed outside
//! the judge, or taken for more than text: a reply is searched for a program ([`extract`]), and that is all.
//!
//! Decisions depend on replies and counts alone, never on time, so that a replay decides what the run decided.

mod attempts;
mod command;
mod endpoint;
mod extract;
mod generator;
mod message;
mod prompt;
mod record;
mod replay;
mod run;

pub use attempts::{Attempts, Explain, Explained, Judged, cost};
pub use command::{Command, CommandLimits};
pub use endpoint::{Endpoint, EndpointLimits, Key};
pub use extract::extract;
pub use generator::{GenerateError, Generator, Reply, Request, Usage};
pub use message::{Message, Role, plain_text};
pub use prompt::{Failed, Standing, prompt};
pub use record::{AttemptRecord, BestSoFar, Decision, RECORD_SCHEMA, Recorder, read_record};
pub use replay::Replay;
pub use run::{Best, Ended, OptimizeError, Options, Outcome, Parts, optimize};
