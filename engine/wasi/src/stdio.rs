//! Sources and sinks for the guest's standard streams.

use std::io::{self, Cursor, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::descriptors::{Descriptor, Input, Node, Output};
use crate::host::HostFile;
use crate::rights;

/// What the guest reads from descriptor 0.
pub(crate) enum Source {
    Inherit,
    Input(Input),
}

impl Default for Source {
    fn default() -> Source {
        Source::Input(Input::Bytes(Cursor::default()))
    }
}

/// Where the guest's descriptor 1 or 2 leads.
#[derive(Default)]
pub(crate) enum Sink {
    #[default]
    Discard,
    Inherit,
    Writer(Box<dyn Write + Send>),
}

impl Source {
    /// The descriptor, or None if the host's stream is closed.
    pub(crate) fn open(self) -> Option<Descriptor> {
        match self {
            Source::Inherit => inherited(io::stdin().as_fd(), rights::FD_READ),
            Source::Input(input) => Some(stream(Node::Input(input), rights::FD_READ)),
        }
    }
}

impl Sink {
    /// The descriptor, or None if the host's stream is closed.
    pub(crate) fn open(self, host: BorrowedFd<'_>) -> Option<Descriptor> {
        let writer: Output = match self {
            Sink::Inherit => return inherited(host, rights::FD_WRITE),
            Sink::Discard => Box::new(io::sink()),
            Sink::Writer(writer) => writer,
        };
        Some(stream(Node::Output(writer), rights::FD_WRITE))
    }
}

/// A stream's rights, without those that need a position.
const STREAM: u64 =
    rights::FD_FDSTAT_SET_FLAGS | rights::FD_FILESTAT_GET | rights::POLL_FD_READWRITE;

fn stream(node: Node, direction: u64) -> Descriptor {
    Descriptor::new(node, STREAM | direction, 0)
}

/// The host's stream itself, by a descriptor of our own, so that a guest that
/// closes its stdout does not close the embedder's.
fn inherited(host: BorrowedFd<'_>, direction: u64) -> Option<Descriptor> {
    let owned: OwnedFd = host.try_clone_to_owned().ok()?;
    let file = HostFile::shared(owned.into()).ok()?;
    let mut base = STREAM | direction;
    if file.seekable() {
        base |= rights::FILE & !(rights::FD_READ | rights::FD_WRITE);
    }
    let flags = file.flags();
    let mut descriptor = Descriptor::new(Node::File(file), base, 0);
    descriptor.flags = flags;
    Some(descriptor)
}

/// A growing buffer that takes a guest's output; its clones share the bytes.
///
/// ```
/// use probity_wasi::{OutputBuffer, WasiCtxBuilder};
///
/// let output = OutputBuffer::new();
/// let ctx = WasiCtxBuilder::new().stdout(output.clone()).build();
/// // ... run a guest with `ctx` ...
/// assert!(output.contents().is_empty());
/// # drop(ctx);
/// ```
#[derive(Clone, Debug, Default)]
pub struct OutputBuffer(Arc<Mutex<Vec<u8>>>);

impl OutputBuffer {
    /// An empty buffer.
    pub fn new() -> OutputBuffer {
        OutputBuffer::default()
    }

    /// A copy of everything written so far.
    pub fn contents(&self) -> Vec<u8> {
        self.bytes().clone()
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        // Appending cannot leave the bytes in a state worth distrusting.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for OutputBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A source made of an embedder's reader.
pub(crate) fn reader(reader: impl Read + Send + 'static) -> Source {
    Source::Input(Input::Reader(Box::new(reader)))
}

/// A source made of bytes.
pub(crate) fn bytes(bytes: Vec<u8>) -> Source {
    Source::Input(Input::Bytes(Cursor::new(bytes)))
}
