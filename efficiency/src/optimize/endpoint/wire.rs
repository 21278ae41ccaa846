//! Requests and answers as JSON.

use serde::{Deserialize, Serialize};

use crate::optimize::generator::Usage;
use crate::optimize::message::Message;

/// What is quoted of a server's words, characters.
const QUOTED_CHARS: usize = 300;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: &'a [Message],
    #[serde(skip_serializing_if = "is_one")]
    n: u32,
    seed: u64,
    stream: bool,
}

fn is_one(n: &u32) -> bool {
    *n == 1
}

/// A request for `n` replies.
pub fn body(model: &str, messages: &[Message], n: u32, seed: u64) -> Vec<u8> {
    let body = Body {
        model,
        messages,
        n,
        // Servers take it for a signed number.
        seed: seed & (i64::MAX as u64),
        stream: false,
    };
    serde_json::to_vec(&body).unwrap_or_default()
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Of each choice its text, or why there is none.
    pub texts: Vec<Result<String, String>>,
    /// What it took.
    pub usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<ChoiceMessage>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct ChoiceMessage {
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    refusal: Option<String>,
}

/// Most servers give text, some a list of parts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: String,
}

/// Reads an answer of status 200.
///
/// # Errors
/// What is wrong with it, as the rest of a sentence about the server.
pub fn read(bytes: &[u8], content_type: Option<&str>) -> Result<Answer, String> {
    let kind = content_type.unwrap_or("application/json");
    if !kind.to_ascii_lowercase().contains("json") {
        return Err(format!("answered with {} instead of JSON", quoted(kind)));
    }
    let completion: Completion = serde_json::from_slice(bytes).map_err(|e| {
        format!(
            "answered with what is no completion: {}",
            quoted(&e.to_string())
        )
    })?;
    if completion.choices.is_empty() {
        return Err("answered without any choices".to_owned());
    }
    Ok(Answer {
        texts: completion.choices.into_iter().map(text).collect(),
        usage: completion.usage,
    })
}

fn text(choice: Choice) -> Result<String, String> {
    let reason = choice.finish_reason.unwrap_or_default();
    let (content, refusal) = match choice.message {
        Some(message) => (message.content, message.refusal),
        None => (None, None),
    };
    let text = match content {
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => parts.into_iter().map(|part| part.text).collect(),
        None => String::new(),
    };
    match (text.is_empty(), refusal) {
        (false, _) => Ok(text),
        (true, Some(refusal)) => Err(format!("the model refuses: {}", quoted(&refusal))),
        (true, None) => Err(format!(
            "the reply is empty (finish_reason `{}`)",
            quoted(&reason)
        )),
    }
}

/// What a server says about a request that it refuses: the message of its error, or the beginning of whatever it sent.
pub fn error_message(bytes: &[u8]) -> String {
    let value: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    let places = ["/error/message", "/error", "/message", "/detail"];
    let said = value.as_ref().and_then(|value| {
        let texts = places
            .iter()
            .filter_map(|place| value.pointer(place)?.as_str());
        texts.map(str::to_owned).next()
    });
    match said {
        Some(said) => quoted(&said),
        None => quoted(&String::from_utf8_lossy(
            &bytes[..bytes.len().min(4 * QUOTED_CHARS)],
        )),
    }
}

/// The beginning of it, on one line.
fn quoted(text: &str) -> String {
    let mut words: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(QUOTED_CHARS + 1)
        .collect();
    if words.chars().count() > QUOTED_CHARS {
        words.pop();
        words.push('…');
    }
    words.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Answer, error_message, read};

    #[test]
    fn content_is_text_or_parts() {
        let bytes = br#"{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"},
            {"message":{"content":[{"type":"text","text":"b"},{"type":"text","text":"c"}]}},
            {"message":{"content":null},"finish_reason":"tool_calls"},{"message":{"refusal":"no"}}],
            "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"other":{}}}"#;
        let answer = read(bytes, Some("application/json; charset=utf-8")).expect("an answer");
        let texts = vec![
            Ok("a".to_owned()),
            Ok("bc".to_owned()),
            Err("the reply is empty (finish_reason `tool_calls`)".to_owned()),
            Err("the model refuses: no".to_owned()),
        ];
        let usage = answer.usage.expect("usage");
        assert_eq!((usage.prompt_tokens, usage.total_tokens), (1, 3));
        assert_eq!(
            answer,
            Answer {
                texts,
                usage: Some(usage)
            }
        );
    }

    #[test]
    fn what_is_no_completion_is_an_error() {
        for text in ["", "{", "[]", "{}", r#"{"choices":3}"#, r#"{"choices":[]}"#] {
            assert!(read(text.as_bytes(), None).is_err(), "{text}");
        }
        let nested = "[".repeat(100_000);
        assert!(read(format!(r#"{{"choices":{nested}"#).as_bytes(), None).is_err());
        let error = read(b"<html>", Some("text/html")).expect_err("no JSON");
        assert_eq!(error, "answered with text/html instead of JSON");
    }

    #[test]
    fn an_errors_message_is_found_where_servers_put_it() {
        let check = |text: &str, message| assert_eq!(error_message(text.as_bytes()), message);
        check(r#"{"error":{"message":"too\nlong","code":1}}"#, "too long");
        check(r#"{"error":"loading"}"#, "loading");
        check(r#"{"message":"m"}"#, "m");
        check(r#"{"detail":"d"}"#, "d");
        check("<html>\u{7}busy", "<html> busy");
        check("", "");
        assert_eq!(error_message(&[b'x'; 5000]).chars().count(), 301);
    }
}
