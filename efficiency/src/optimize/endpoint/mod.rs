//! A server that speaks the chat-completions protocol as generator.
//!
//! HTTP is `ureq`'s: it is maintained (releases every few months, by its author of old), blocking as this loop is,
//! small, without unsafe code of its own, and it lets one say all that matters with servers that are not trusted: a time for a
//! whole exchange (endless bodies and slow drips included), a size for headers, no redirects. `async-openai` was considered: it
//! brings an asynchronous runtime and types for a hundred requests of which one is wanted, and leaves redirects and sizes
//! to another library's defaults.
//!
//! Redirects are never followed, for the key would go along. Replies are not compressed. What the server says goes into records
//! and errors without the key, should it be quoted there.

mod key;
mod retry;
mod url;
mod wire;

use std::collections::VecDeque;
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use key::Key;

use self::retry::{Backoff, Outcome};
use self::url::Base;
use super::generator::{GenerateError, Generator, Reply, Request};

/// What a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointLimits {
    /// One try, from the connection to the last byte.
    pub try_time: Duration,
    /// All tries and the waits between them.
    pub total_time: Duration,
    /// Tries, the first one included.
    pub tries: u32,
    /// The wait behind the first try; it doubles with each further one, and is up to a quarter longer by chance.
    pub first_wait: Duration,
    /// Size of an answer's body.
    pub answer_bytes: usize,
}

impl Default for EndpointLimits {
    fn default() -> EndpointLimits {
        EndpointLimits {
            try_time: Duration::from_secs(300),
            total_time: Duration::from_secs(900),
            tries: 6,
            first_wait: Duration::from_millis(500),
            answer_bytes: 16 << 20,
        }
    }
}

/// A model behind a URL.
pub struct Endpoint {
    agent: ureq::Agent,
    base: Base,
    model: String,
    key: Option<Key>,
    limits: EndpointLimits,
    stop: Arc<AtomicBool>,
    /// Replies of this round that were not asked for yet.
    waiting: (u32, VecDeque<Result<Reply, GenerateError>>),
}

impl Endpoint {
    /// The model `model` at the base URL `base`, to which `/chat/completions` is appended. `stop` ends waits early.
    ///
    /// # Errors
    /// If `base` is no URL that is fit for it, or if the key would go over the network unencrypted.
    pub fn new(
        base: &str,
        model: &str,
        key: Option<Key>,
        limits: EndpointLimits,
        stop: Arc<AtomicBool>,
    ) -> Result<Endpoint, String> {
        let base = Base::parse(base)?;
        if key.is_some() && !base.is_private() {
            return Err(format!(
                "the key would go to {} unencrypted; use https, or unset OPENAI_API_KEY",
                base.host()
            ));
        }
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(64 << 10)
            .timeout_connect(Some(Duration::from_secs(30)))
            .user_agent(concat!("probity/", env!("CARGO_PKG_VERSION")));
        if base.is_loopback() {
            config = config.proxy(None);
        }
        Ok(Endpoint {
            agent: config.build().into(),
            base,
            model: model.to_owned(),
            key,
            limits,
            stop,
            waiting: (0, VecDeque::new()),
        })
    }

    fn redacted(&self, text: &str) -> String {
        match &self.key {
            Some(key) => key.redact(text),
            None => text.to_owned(),
        }
    }

    /// The replies that the server has to a request, after as many tries as it takes.
    fn ask(&self, body: &[u8], seed: u64) -> Result<wire::Answer, GenerateError> {
        let deadline = Instant::now() + self.limits.total_time;
        let mut backoff = Backoff::new(self.limits.first_wait, seed);
        let mut tried = 0;
        loop {
            tried += 1;
            let left = deadline.saturating_duration_since(Instant::now());
            let (problem, wait) = match self.ask_once(body, left) {
                Outcome::Answer(answer) => return Ok(answer),
                Outcome::Once(problem) => return Err(GenerateError::once(self.redacted(&problem))),
                Outcome::Always(problem) => {
                    return Err(GenerateError::always(self.redacted(&problem)));
                }
                Outcome::Again(problem, wait) => (problem, wait),
            };
            let wait = backoff.next(wait);
            let left = deadline.saturating_duration_since(Instant::now());
            if tried >= self.limits.tries || wait >= left {
                let tries = if tried == 1 { "try" } else { "tries" };
                let problem = self.redacted(&problem);
                return Err(GenerateError::once(format!(
                    "{problem} (after {tried} {tries})"
                )));
            }
            if !self.sleep(wait) {
                return Err(GenerateError::once("interrupted"));
            }
        }
    }

    /// False if it was interrupted.
    fn sleep(&self, wait: Duration) -> bool {
        let end = Instant::now() + wait;
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }

    fn ask_once(&self, body: &[u8], left: Duration) -> Outcome {
        let url = self.base.completions();
        let mut request = self
            .agent
            .post(&url)
            .config()
            .timeout_global(Some(self.limits.try_time.min(left)))
            .build()
            .header("content-type", "application/json")
            .header("accept", "application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", key.header());
        }
        let host = self.base.host();
        let mut response = match request.send(body) {
            Ok(response) => response,
            Err(e) => return retry::of_error(host, &e),
        };
        let status = response.status().as_u16();
        let header = |name: &str| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let (wait, kind) = (header("retry-after"), header("content-type"));
        let most = self.limits.answer_bytes;
        let mut bytes = Vec::new();
        let read = response
            .body_mut()
            .as_reader()
            .take(most as u64 + 1)
            .read_to_end(&mut bytes);
        match read {
            Err(e) if status == 200 => return retry::of_error(host, &ureq::Error::from(e)),
            _ if bytes.len() > most && status == 200 => {
                return Outcome::Once(format!(
                    "{host} answered with more than the {most} bytes that are allowed"
                ));
            }
            _ if status == 200 => {}
            // What there is of a refusal will do.
            _ => return retry::of_status(host, status, &bytes, wait.as_deref()),
        }
        match wire::read(&bytes, kind.as_deref()) {
            Ok(answer) => Outcome::Answer(answer),
            Err(problem) => Outcome::Once(format!("{host} {problem}")),
        }
    }
}

impl Generator for Endpoint {
    fn generate(&mut self, request: &Request<'_>) -> Result<Reply, GenerateError> {
        if self.waiting.0 != request.round {
            self.waiting = (request.round, VecDeque::new());
        }
        // A server may give fewer replies than it is asked for, and is asked for the others then.
        if self.waiting.1.is_empty() {
            let wanted = request.candidates.saturating_sub(request.candidate).max(1);
            let seed = request
                .seed
                .wrapping_add(u64::from(request.candidate) << 32);
            let body = wire::body(&self.model, request.messages, wanted, seed);
            let answer = self.ask(&body, seed)?;
            let mut usage = answer.usage;
            for text in answer.texts.into_iter().take(wanted as usize) {
                let reply = text.map(|text| Reply {
                    text: self.redacted(&text),
                    usage: usage.take(),
                });
                let reply = reply.map_err(|problem| GenerateError::once(self.redacted(&problem)));
                self.waiting.1.push_back(reply);
            }
        }
        let next = self.waiting.1.pop_front();
        next.unwrap_or_else(|| Err(GenerateError::once("the answer has no choices")))
    }
}
