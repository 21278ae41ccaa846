//! What is said while it goes on.

use probity_efficiency::Column;
use probity_efficiency::optimize::{AttemptRecord, Decision, Ended, Outcome, Replay, cost};

/// A line about an attempt.
pub fn attempt(attempt: &AttemptRecord) -> String {
    let where_ = match attempt.round {
        0 => "start".to_owned(),
        round => format!("round {round}.{}", attempt.candidate + 1),
    };
    let cost = attempt.result.as_ref().and_then(cost);
    let cost = cost
        .map(|cost| format!(", {cost} {}", Column::DEFAULT))
        .unwrap_or_default();
    let what = match attempt.decision {
        Decision::Best => format!("correct, the best so far{cost}"),
        Decision::NotFaster => format!("correct, but no cheaper{cost}"),
        Decision::Duplicate => {
            let earlier = attempt.duplicate_of.unwrap_or_default();
            format!("the program of attempt {earlier} again")
        }
        Decision::Failed => match &attempt.result {
            Some(result) => match &result.message {
                Some(message) => format!("{}: {}", result.status, first_line(message)),
                None => result.status.to_string(),
            },
            None => "failed".to_owned(),
        },
        Decision::NoProgram => "the reply has no program".to_owned(),
        Decision::NoReply => format!(
            "no reply: {}",
            attempt.error.as_deref().unwrap_or("unknown")
        ),
    };
    format!("attempt {}, {where_}: {what}", attempt.attempt)
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}

/// A line about a replay.
pub fn replay(replay: &Replay) -> String {
    let used = replay.used();
    match replay.different_prompts() {
        0 => format!("{used} replies of the record, each to the prompt that it was given to"),
        n => format!(
            "{used} replies of the record, {n} of them to other prompts than those that were asked now"
        ),
    }
}

/// A line about it all.
pub fn outcome(outcome: &Outcome) -> String {
    let attempts = outcome.attempts;
    let best = match (&outcome.best, outcome.start_cost) {
        (Some(best), Some(start)) if best.cost > 0 => format!(
            "best of {attempts} attempts: {}, {} {}, {:.2}x cheaper than the start",
            best.attempt,
            best.cost,
            Column::DEFAULT,
            start as f64 / best.cost as f64
        ),
        (Some(best), _) => format!(
            "best of {attempts} attempts: {}, {} {}",
            best.attempt,
            best.cost,
            Column::DEFAULT
        ),
        (None, _) => format!("{attempts} attempts"),
    };
    match &outcome.ended {
        Ended::Rounds => best,
        Ended::Stopped => format!("{best}; interrupted"),
        Ended::Generator(why) => format!("{best}; ended early: {why}"),
    }
}
