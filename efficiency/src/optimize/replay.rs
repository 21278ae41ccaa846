//! The replies of an earlier run as generator: the loop goes the same way again without anyone who writes.

use super::generator::{GenerateError, Generator, Reply, Request};
use super::record::AttemptRecord;

/// Gives recorded replies, each for the round and the candidate that it was given for.
pub struct Replay {
    attempts: std::vec::IntoIter<AttemptRecord>,
    /// Who goes on behind the record's end.
    then: Option<Box<dyn Generator>>,
    ended: bool,
    used: u64,
    different_prompts: u64,
}

impl Replay {
    /// Of the attempts of a record; `then` goes on where it ends.
    pub fn new(attempts: Vec<AttemptRecord>, then: Option<Box<dyn Generator>>) -> Replay {
        Replay {
            attempts: attempts.into_iter(),
            then,
            ended: false,
            used: 0,
            different_prompts: 0,
        }
    }

    /// Replies, or errors, of the record that were given again.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// How many of these were given to another prompt then: task, judge or feedback have changed since.
    pub fn different_prompts(&self) -> u64 {
        self.different_prompts
    }

    /// The recorded attempt of this round and candidate, if it is the next one.
    fn next(&mut self, request: &Request<'_>) -> Option<AttemptRecord> {
        let wanted = (request.round, request.candidate);
        loop {
            let next = self.attempts.as_slice().first()?;
            match (next.round, next.candidate).cmp(&wanted) {
                // The program to start from, and candidates that nobody asks for in this run.
                std::cmp::Ordering::Less => drop(self.attempts.next()),
                std::cmp::Ordering::Equal => return self.attempts.next(),
                std::cmp::Ordering::Greater => return None,
            }
        }
    }
}

impl Generator for Replay {
    fn generate(&mut self, request: &Request<'_>) -> Result<Reply, GenerateError> {
        let recorded = if self.ended { None } else { self.next(request) };
        let Some(recorded) = recorded else {
            // What comes behind a gap was an answer to something else.
            self.ended = true;
            return match &mut self.then {
                Some(then) => then.generate(request),
                None => Err(GenerateError::always("the record ends here")),
            };
        };
        self.used += 1;
        self.different_prompts += u64::from(recorded.prompt != request.messages);
        match (recorded.reply, recorded.error) {
            (Some(text), _) => Ok(Reply {
                text,
                usage: recorded.usage,
            }),
            (None, Some(error)) if recorded.error_is_final => Err(GenerateError::always(error)),
            (None, error) => Err(GenerateError::once(
                error.unwrap_or_else(|| "the record has no reply".to_owned()),
            )),
        }
    }
}
