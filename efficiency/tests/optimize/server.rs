//! A chat-completions server on loopback that says what it is told to, one thing for each connection, and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What it does with a request.
#[derive(Debug, Clone)]
pub enum Say {
    /// A completion with these choices.
    Choices(Vec<String>),
    /// Status, further header lines, body.
    Raw(u16, Vec<String>, Vec<u8>),
    /// Bytes as they are, and the connection's end.
    Bytes(Vec<u8>),
    /// Headers, then a body that never ends.
    Endless,
    /// Headers, then a body of which a byte comes now and then.
    Drip,
    /// Nothing at all.
    Hang,
    /// The connection's end at once.
    Close,
}

/// What it was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `POST /v1/chat/completions HTTP/1.1`.
    pub line: String,
    /// In small letters.
    pub headers: Vec<String>,
    pub body: Value,
    pub at: Instant,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.headers
            .iter()
            .find_map(|line| line.strip_prefix(&start))
    }
}

pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// One choice.
pub fn choice(text: &str) -> Say {
    Say::Choices(vec![text.to_owned()])
}

/// A status with an error as servers give it.
pub fn refusal(status: u16, message: &str, headers: &[&str]) -> Say {
    let body = json!({"error": {"message": message, "type": "x", "code": null}});
    let mut headers: Vec<String> = headers.iter().map(|line| (*line).to_owned()).collect();
    headers.push("content-type: application/json".to_owned());
    Say::Raw(status, headers, body.to_string().into_bytes())
}

impl Server {
    /// Says these things in their order, and the last one for ever.
    pub fn start(says: Vec<Say>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let kept = asked.clone();
        // It ends with the test's process.
        thread::spawn(move || {
            let mut says = says.into_iter().peekable();
            let mut say = Say::Close;
            for stream in listener.incoming().flatten() {
                say = says.next().unwrap_or(say);
                let (say, kept) = (say.clone(), kept.clone());
                thread::spawn(move || serve(stream, &say, &kept));
            }
        });
        Server {
            url: format!("http://127.0.0.1:{port}/v1"),
            asked,
        }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn serve(mut stream: TcpStream, say: &Say, kept: &Mutex<Vec<Asked>>) -> Option<()> {
    let at = Instant::now();
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = lines.remove(0);
    let lower = |line: String| match line.split_once(':') {
        Some((name, value)) => format!("{}:{value}", name.to_ascii_lowercase()),
        None => line,
    };
    let headers: Vec<String> = lines.into_iter().map(lower).collect();
    let length = headers
        .iter()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let body: Value = serde_json::from_slice(&body).ok()?;
    kept.lock().ok()?.push(Asked {
        line,
        headers,
        body,
        at,
    });
    answer(&mut stream, say).ok()
}

fn answer(stream: &mut TcpStream, say: &Say) -> std::io::Result<()> {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    match say {
        Say::Choices(texts) => {
            let choices: Vec<Value> = texts
                .iter()
                .enumerate()
                .map(|(i, text)| json!({"index": i, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}))
                .collect();
            let usage = json!({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110});
            let body =
                json!({"id": "c", "object": "chat.completion", "choices": choices, "usage": usage});
            let headers = vec!["content-type: application/json".to_owned()];
            answer(
                stream,
                &Say::Raw(200, headers, body.to_string().into_bytes()),
            )
        }
        Say::Raw(status, headers, body) => {
            let mut head = format!(
                "HTTP/1.1 {status} Whatever\r\ncontent-length: {}\r\nconnection: close\r\n",
                body.len()
            );
            for header in headers {
                head.push_str(&format!("{header}\r\n"));
            }
            stream.write_all(format!("{head}\r\n").as_bytes())?;
            stream.write_all(body)
        }
        Say::Bytes(bytes) => stream.write_all(bytes),
        Say::Endless => {
            stream.write_all(head)?;
            stream.write_all(br#"{"choices":[{"message":{"content":""#)?;
            loop {
                stream.write_all(&[b'x'; 4096])?;
            }
        }
        Say::Drip => {
            stream.write_all(head)?;
            loop {
                stream.write_all(b" ")?;
                thread::sleep(Duration::from_millis(20));
            }
        }
        Say::Hang => {
            thread::sleep(Duration::from_secs(600));
            Ok(())
        }
        Say::Close => Ok(()),
    }
}
