//! What the loop asks of whoever writes programs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::message::Message;

/// Writes programs. It is asked once for each candidate, in their order, with the same messages for all candidates of a round.
pub trait Generator {
    /// The reply of one candidate.
    ///
    /// # Errors
    /// If there is none. The loop goes on with the next candidate, unless the error says that there is no sense in it.
    fn generate(&mut self, request: &Request<'_>) -> Result<Reply, GenerateError>;
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// From 1.
    pub round: u32,
    /// From 0.
    pub candidate: u32,
    /// How many there are in this round.
    pub candidates: u32,
    /// The prompt.
    pub messages: &'a [Message],
    /// For those whose choices are random: another one in each round.
    pub seed: u64,
}

/// What a generator says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// All of it.
    pub text: String,
    /// What it cost, as far as the generator says. The whole of a request is with the first of its replies.
    pub usage: Option<Usage>,
}

/// Tokens, by the generator's own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Of the prompt.
    pub prompt_tokens: u64,
    /// Of the replies.
    pub completion_tokens: u64,
    /// Of both.
    pub total_tokens: u64,
}

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateError {
    message: String,
    is_final: bool,
}

impl GenerateError {
    /// One that says nothing about the next candidate.
    pub fn once(message: impl Into<String>) -> GenerateError {
        GenerateError {
            message: message.into(),
            is_final: false,
        }
    }

    /// One that every further candidate would meet.
    pub fn always(message: impl Into<String>) -> GenerateError {
        GenerateError {
            message: message.into(),
            is_final: true,
        }
    }

    /// Whether every further candidate would meet it.
    pub fn is_final(&self) -> bool {
        self.is_final
    }
}

impl fmt::Display for GenerateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for GenerateError {}
