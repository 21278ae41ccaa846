//! Files of one JSON value a line.

use std::fmt;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// What is wrong with a file of lines.
#[derive(Debug)]
pub struct LineError {
    path: PathBuf,
    /// From 1; 0 if the file itself is the problem.
    line: u64,
    message: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.line {
            0 => write!(f, "read {path}: {}", self.message),
            line => write!(f, "read {path}, line {line}: {}", self.message),
        }
    }
}

impl std::error::Error for LineError {}

impl LineError {
    /// A problem of the file as a whole.
    pub fn of_file(path: &Path, message: impl fmt::Display) -> LineError {
        LineError::of_line(path, 0, message)
    }

    /// A problem of one line, from 1.
    pub fn of_line(path: &Path, line: u64, message: impl fmt::Display) -> LineError {
        LineError {
            path: path.to_owned(),
            line,
            message: message.to_string(),
        }
    }
}

/// The values of a file, read as they are asked for, with the number of their line (from 1). Empty lines are none.
pub struct Lines<T> {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    line: u64,
    text: String,
    value: std::marker::PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Lines<T> {
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(path: &Path) -> Result<Lines<T>, LineError> {
        let file = std::fs::File::open(path).map_err(|e| LineError::of_file(path, e))?;
        Ok(Lines::new(path, std::io::BufReader::new(file)))
    }

    /// Of something that is read already; `path` is for errors.
    pub fn new(path: &Path, reader: impl BufRead + Send + 'static) -> Lines<T> {
        Lines {
            path: path.to_owned(),
            reader: Box::new(reader),
            line: 0,
            text: String::new(),
            value: std::marker::PhantomData,
        }
    }

    /// Where it is from.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl<T: DeserializeOwned> Iterator for Lines<T> {
    type Item = Result<(u64, T), LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.text.clear();
            self.line += 1;
            match self.reader.read_line(&mut self.text) {
                Ok(0) => return None,
                Ok(_) if self.text.trim().is_empty() => {}
                Ok(_) => {
                    let value = serde_json::from_str(&self.text);
                    let value = value.map(|value| (self.line, value));
                    return Some(value.map_err(|e| LineError::of_line(&self.path, self.line, e)));
                }
                Err(e) => return Some(Err(LineError::of_line(&self.path, self.line, e))),
            }
        }
    }
}
