//! Reading trace files.

use std::fmt;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::sync::Arc;

use super::binary::{DEPTH, END, EVENT, FUNCTION, GAP, MAGIC, MODULE, PLACE, VERSION};
use super::codec::Bytes;
use super::depth::Depth;
use super::model::{Catalogue, Event, EventKind, Place, TracedFunction, TracedModule, Type, Value};

/// The most values that a place has: what an operator of a valid module can take.
const VALUES_MAX: u64 = 1 << 16;

/// Reads a trace file, event by event. Whatever the file holds, it is read up to the first byte that is wrong.
///
/// ```
/// use probity_analyses::trace::{Item, Reader};
///
/// let file = b"\x89PTRACE\n\x01\0\0";
/// let mut reader = Reader::new(&file[..])?;
/// assert!(reader.next()?.is_none());
/// let error = Reader::new(&file[..5]).err().expect("it is cut");
/// assert_eq!(error.to_string(), "the trace ends at byte 5, inside its header");
/// # Ok::<(), probity_analyses::trace::ReadError>(())
/// ```
pub struct Reader<R> {
    source: Source<R>,
    catalogue: Catalogue,
    last: Vec<Vec<u64>>,
    values: Vec<Value>,
    depth: Depth,
    events: u64,
    ended: bool,
}

/// What comes next in a file.
#[derive(Debug, Clone, Copy)]
pub enum Item<'a> {
    /// An event, and what it refers to.
    Event(Event<'a>, &'a Catalogue),
    /// So many events that came here were not kept.
    Gap(u64),
}

/// Why a file cannot be read on.
#[derive(Debug)]
pub struct ReadError {
    /// Where it is wrong: the byte at which it ends, or at which the record begins that is wrong.
    pub offset: u64,
    /// Whether it only ends too early.
    pub is_cut: bool,
    message: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (offset, message) = (self.offset, &self.message);
        match self.is_cut {
            true => write!(f, "the trace ends at byte {offset}, {message}"),
            false => write!(f, "the trace is wrong at byte {offset}: {message}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Bytes with their position.
struct Source<R> {
    input: BufReader<R>,
    offset: u64,
    /// Where the record began that is being read.
    record: u64,
}

impl<R: Read> Source<R> {
    fn next(&mut self) -> Result<Option<u8>, ReadError> {
        loop {
            match self.input.fill_buf() {
                Ok(buffer) => {
                    let byte = buffer.first().copied();
                    self.input.consume(byte.is_some().into());
                    self.offset += u64::from(byte.is_some());
                    return Ok(byte);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(ReadError {
                        offset: self.offset,
                        is_cut: false,
                        message: format!("failed to read: {error}"),
                    });
                }
            }
        }
    }

    fn cut(&self, message: &str) -> ReadError {
        ReadError {
            offset: self.offset,
            is_cut: true,
            message: message.to_owned(),
        }
    }
}

impl<R: Read> Bytes for Source<R> {
    type Error = ReadError;

    fn byte(&mut self) -> Result<u8, ReadError> {
        let byte = self.next()?;
        byte.ok_or_else(|| self.cut("inside a record"))
    }

    fn wrong(&self, message: String) -> ReadError {
        ReadError {
            offset: self.record,
            is_cut: false,
            message,
        }
    }
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// It is no trace, or of a version that this reader does not know.
    pub fn new(input: R) -> Result<Reader<R>, ReadError> {
        let mut source = Source {
            input: BufReader::new(input),
            offset: 0,
            record: 0,
        };
        for expected in MAGIC {
            match source.next()? {
                Some(byte) if byte == expected => {}
                Some(_) => return Err(source.wrong("this is no trace".to_owned())),
                None => return Err(source.cut("inside its header")),
            }
        }
        match source.next()? {
            Some(VERSION) => {}
            Some(other) => {
                let message = format!("it is of version {other}; only version {VERSION} is known");
                source.record = source.offset - 1;
                return Err(source.wrong(message));
            }
            None => return Err(source.cut("inside its header")),
        }
        Ok(Reader {
            source,
            catalogue: Catalogue::default(),
            last: Vec::new(),
            values: Vec::new(),
            depth: Depth::default(),
            events: 0,
            ended: false,
        })
    }

    /// The modules, functions and places that have come up.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// How many bytes have been read.
    pub fn offset(&self) -> u64 {
        self.source.offset
    }

    /// What comes next; `None` at the end.
    ///
    /// # Errors
    /// The file ends here without saying so, or is wrong. What was read before stands.
    // A lending iterator: an event borrows from the reader.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, ReadError> {
        while !self.ended {
            self.source.record = self.source.offset;
            if self.source.input.fill_buf().is_ok_and(<[u8]>::is_empty) {
                return Err(self.source.cut("without its end"));
            }
            match self.source.number()? {
                END => {
                    let events = self.source.number()?;
                    if events != self.events {
                        let message =
                            format!("it ends with {events} events, but has {}", self.events);
                        return Err(self.source.wrong(message));
                    }
                    if self.source.next()?.is_some() {
                        return Err(self.source.wrong("there is more behind its end".to_owned()));
                    }
                    self.ended = true;
                }
                MODULE => self.module()?,
                FUNCTION => self.function()?,
                PLACE => self.place()?,
                GAP => return Ok(Some(Item::Gap(self.source.number()?))),
                DEPTH => self.depth = Depth::new(self.source.number()?),
                record if record >= EVENT => {
                    let at = self.event(record - EVENT)?;
                    let place = &self.catalogue.places[at as usize];
                    let event = Event {
                        place,
                        at,
                        values: &self.values,
                        completed: record & 1 == 1,
                        depth: self.depth.of(place.kind),
                    };
                    return Ok(Some(Item::Event(event, &self.catalogue)));
                }
                record => {
                    let message = format!("no record begins with {record}");
                    return Err(self.source.wrong(message));
                }
            }
        }
        Ok(None)
    }

    fn module(&mut self) -> Result<(), ReadError> {
        let number = self.source.number_u32("the number of a module")?;
        let name = self.source.text()?.into();
        let mut hash = [0; 32];
        for byte in &mut hash {
            *byte = self.source.byte()?;
        }
        let bytes = self.source.number()?;
        let module = TracedModule {
            number,
            name,
            hash,
            bytes,
        };
        self.catalogue.modules.push(module);
        Ok(())
    }

    fn function(&mut self) -> Result<(), ReadError> {
        let module = self.reference("module", self.catalogue.modules.len())?;
        let index = self.source.number_u32("an index")?;
        let name = self.source.text()?.into();
        let function = TracedFunction {
            module,
            index,
            name,
        };
        self.catalogue.functions.push(function);
        Ok(())
    }

    fn place(&mut self) -> Result<(), ReadError> {
        let kind = self.source.byte()?;
        let kind = EventKind::ALL.get(usize::from(kind)).copied();
        let kind = kind.ok_or_else(|| self.source.wrong("an unknown kind of event".to_owned()))?;
        let functions = self.catalogue.functions.len();
        let function = self.source.number_u32("a function")?;
        if function as usize >= functions {
            return Err(self
                .source
                .wrong(format!("no function {function} is known")));
        }
        let callee = self.reference("function", functions)?;
        let pc = self.source.number_u32("an offset in the module")?;
        let text: Arc<str> = self.source.text()?.into();
        let index = self.source.number_u32("an index")?;
        let offset = self.source.number()?;
        let width = self.source.number_u32("a width")?;
        let (count, before) = (self.source.number()?, self.source.number()?);
        if count > VALUES_MAX || before > count {
            let message = format!("a place has {count} values, {before} of them before");
            return Err(self.source.wrong(message));
        }
        let mut types = Vec::new();
        for _ in 0..count {
            let code = self.source.byte()?;
            let ty = match code {
                0 => Some(Type::Varies),
                code => Type::of_code(code),
            };
            types.push(ty.ok_or_else(|| {
                self.source
                    .wrong(format!("{code:#04x} is no type of a value"))
            })?);
        }
        self.last.push(vec![0; types.len()]);
        self.catalogue.places.push(Place {
            kind,
            function,
            callee,
            pc,
            text,
            index,
            offset,
            width,
            types,
            before: before as usize,
        });
        Ok(())
    }

    /// Reads the values of an event; gives its place.
    fn event(&mut self, number: u64) -> Result<u32, ReadError> {
        let (at, completed) = (number >> 1, number & 1 == 1);
        let place = usize::try_from(at)
            .ok()
            .and_then(|at| self.catalogue.places.get(at));
        let place = place.ok_or_else(|| self.source.wrong(format!("no place {at} is known")))?;
        let count = if completed {
            place.types.len()
        } else {
            place.before
        };
        let last = &mut self.last[at as usize];
        let functions = self.catalogue.functions.len();
        self.values.clear();
        for (ty, last) in place.types[..count].iter().zip(last) {
            self.values.push(self.source.value(*ty, last, functions)?);
        }
        self.events += 1;
        Ok(at as u32)
    }

    /// 0 for none, or 1 + an index below `known`.
    fn reference(&mut self, what: &str, known: usize) -> Result<Option<u32>, ReadError> {
        match self.source.number()? {
            0 => Ok(None),
            n if n <= known as u64 => Ok(Some(n as u32 - 1)),
            n => Err(self.source.wrong(format!("no {what} {} is known", n - 1))),
        }
    }
}
