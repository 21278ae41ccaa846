//! Where events go: formatted, buffered, to a sink that may fail.

use std::io::{self, ErrorKind, Write};

use super::binary::BinaryWriter;
use super::model::{Catalogue, Event};
use super::options::TraceFormat;
use super::text::TextWriter;

/// The buffer is written when it has so many bytes.
const BUFFER_BYTES: usize = 1 << 16;

/// Where a trace goes.
pub(super) type Sink = Box<dyn Write + Send>;

enum Form {
    Text(TextWriter),
    Binary(BinaryWriter),
}

/// A trace on its way to a sink. The first failure is kept, and nothing is written behind it.
pub(super) struct Output {
    form: Form,
    buffer: Vec<u8>,
    sink: Sink,
    began: bool,
    error: Option<io::Error>,
    /// Events that were given to the sink or wait in the buffer.
    pub events: u64,
    /// Those of them that the sink took.
    pub written: u64,
}

impl Output {
    pub fn new(format: TraceFormat, sink: Sink) -> Output {
        Output {
            form: match format {
                TraceFormat::Text => Form::Text(TextWriter::default()),
                TraceFormat::Binary => Form::Binary(BinaryWriter::default()),
            },
            buffer: Vec::new(),
            sink,
            began: false,
            error: None,
            events: 0,
            written: 0,
        }
    }

    /// Why nothing is written any more. A reader that has seen enough is no failure.
    pub fn problem(&self) -> Option<&io::Error> {
        let is_closed = |error: &&io::Error| error.kind() == ErrorKind::BrokenPipe;
        self.error.as_ref().filter(|error| !is_closed(error))
    }

    /// Whether the sink takes nothing any more.
    pub fn is_closed(&self) -> bool {
        self.error.is_some()
    }

    /// Writes what comes before the first event, once.
    pub fn begin(&mut self) {
        if !self.began {
            self.began = true;
            if let Form::Binary(_) = self.form {
                BinaryWriter::header(&mut self.buffer);
            }
        }
    }

    pub fn event(&mut self, all: &Catalogue, event: &Event<'_>) {
        if self.is_closed() {
            return;
        }
        match &mut self.form {
            Form::Text(text) => text.event(all, event, &mut self.buffer),
            Form::Binary(binary) => binary.event(all, event, &mut self.buffer),
        }
        self.events += 1;
        if self.buffer.len() >= BUFFER_BYTES {
            self.write();
        }
    }

    pub fn gap(&mut self, events: u64) {
        match &mut self.form {
            Form::Text(text) => text.gap(events, &mut self.buffer),
            Form::Binary(binary) => binary.gap(events, &mut self.buffer),
        }
    }

    /// Nothing comes any more; does nothing where nothing has begun.
    pub fn end(&mut self) {
        if let (Form::Binary(binary), true) = (&mut self.form, self.began) {
            binary.end(&mut self.buffer);
        }
        self.flush();
        self.began = false;
    }

    /// Has the sink have everything.
    pub fn flush(&mut self) {
        self.write();
        if !self.is_closed()
            && self.began
            && let Err(error) = self.sink.flush()
        {
            self.error = Some(error);
        }
    }

    fn write(&mut self) {
        if !self.is_closed() && !self.buffer.is_empty() {
            match self.sink.write_all(&self.buffer) {
                Ok(()) => self.written = self.events,
                Err(error) => self.error = Some(error),
            }
        }
        self.buffer.clear();
    }
}
