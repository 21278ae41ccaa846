//! What is tried again, and when.

use std::time::{Duration, SystemTime};

use super::wire;

/// The longest wait that doubling leads to.
const LONGEST: Duration = Duration::from_secs(60);

/// What came of a try.
#[derive(Debug)]
pub enum Outcome {
    /// An answer.
    Answer(wire::Answer),
    /// A problem that may pass, and how long the server wants to be left alone.
    Again(String, Option<Duration>),
    /// A problem with this answer.
    Once(String),
    /// A problem with any request.
    Always(String),
}

/// What to do about an answer that is not 200. Of the statuses only 429 and those of the server's own trouble may pass, and 408,
/// which is a timeout.
pub fn of_status(host: &str, status: u16, body: &[u8], retry_after: Option<&str>) -> Outcome {
    let said = wire::error_message(body);
    let problem = match said.as_str() {
        "" => format!("{host} answered with status {status}"),
        said => format!("{host} answered with status {status}: {said}"),
    };
    match status {
        408 | 429 | 500..=599 => {
            let wait = retry_after.and_then(|text| wait(text, SystemTime::now()));
            Outcome::Again(problem, wait)
        }
        300..=399 => Outcome::Always(format!(
            "{host} answered with a redirect (status {status}), which is not followed"
        )),
        200..=299 => Outcome::Once(problem),
        _ => Outcome::Always(problem),
    }
}

/// What to do about a try that brought no answer.
pub fn of_error(host: &str, error: &ureq::Error) -> Outcome {
    match error {
        ureq::Error::Timeout(_) => Outcome::Again(format!("{host} did not answer in time"), None),
        ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::TimedOut => {
            Outcome::Again(format!("{host} did not answer in time"), None)
        }
        ureq::Error::Io(_) | ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => {
            Outcome::Again(format!("failed to reach {host}: {error}"), None)
        }
        error => Outcome::Once(format!("failed to talk to {host}: {error}")),
    }
}

/// `Retry-After`: seconds, or a date.
fn wait(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// Waits that double.
#[derive(Debug)]
pub struct Backoff {
    wait: Duration,
    state: u64,
}

impl Backoff {
    /// Beginning with `first`; chance is `seed`'s.
    pub fn new(first: Duration, seed: u64) -> Backoff {
        Backoff {
            wait: first,
            state: seed,
        }
    }

    /// The next wait: what the server asks for, if that is longer. Chance keeps those apart who were turned away together.
    pub fn next(&mut self, asked: Option<Duration>) -> Duration {
        // Knuth's MMIX generator; its high bits are good enough.
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let chance = (self.state >> 40) as f64 / f64::from(1 << 24);
        let wait = self.wait.mul_f64(1.0 + chance / 4.0);
        self.wait = (self.wait * 2).min(LONGEST);
        wait.max(asked.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{Backoff, Outcome, of_status, wait};

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_secs(1), 7);
        for least in [1, 2, 4, 8, 16, 32, 60, 60] {
            let wait = backoff.next(None).as_secs_f64();
            let least = f64::from(least);
            assert!(wait >= least && wait <= least * 1.25, "{wait} for {least}");
        }
        assert_eq!(
            backoff.next(Some(Duration::from_secs(100))),
            Duration::from_secs(100)
        );
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        assert_eq!(wait(" 7 ", now), Some(Duration::from_secs(7)));
        // RFC 9110's example of a date is 784111777 s after the epoch.
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(wait(date, now), Some(Duration::from_secs(7)));
        assert_eq!(
            wait(date, now + Duration::from_secs(60)),
            Some(Duration::ZERO)
        );
        assert_eq!(wait("-1", now), None);
        assert_eq!(wait("soon", now), None);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let again = |status| matches!(of_status("h", status, b"", None), Outcome::Again(..));
        assert!([408, 429, 500, 502, 503, 504, 529].into_iter().all(again));
        assert!(
            ![201, 204, 301, 307, 400, 401, 403, 404, 422]
                .into_iter()
                .any(again)
        );
    }
}
