//! Everything that can go wrong, in three families: the caller's input (a module that does
//! not load, imports that do not fit, wrong use of the API), an outcome of the guest (a
//! trap, or an error that a host function raised through it), and our own bugs.

mod printable;
mod trap;

use std::fmt;

use crate::runtime::ExnRef;
use crate::types::ExternType;

pub(crate) use printable::Printable;
pub use trap::{BacktraceFrame, Trap, TrapCode};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Error of anything that can fail: loading, linking, using the API, running a guest.
///
/// One pointer wide, so that results on hot paths stay in registers.
pub struct Error(Box<ErrorInner>);

struct ErrorInner {
    repr: Repr,
    /// Wasm frames that the error went through; a trap keeps its own.
    backtrace: Vec<BacktraceFrame>,
}

enum Repr {
    Load(LoadError),
    Link(LinkError),
    Trap(Trap),
    Host(Box<dyn std::error::Error + Send + Sync + 'static>),
    Exception(ExnRef),
    Usage(Box<str>),
    Internal(Box<str>),
}

/// What kind of error an [`Error`] is.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind<'a> {
    /// Caller's input: the module cannot be loaded (also an invalid function that is
    /// validated only when it is called).
    Load(&'a LoadError),
    /// Caller's input: imports and definitions do not fit.
    Link(&'a LinkError),
    /// Guest's outcome: execution was ended by a trap or a limit.
    Trap(&'a Trap),
    /// Guest's outcome: a host function ended the execution with its own error.
    Host(&'a (dyn std::error::Error + Send + Sync + 'static)),
    /// Guest's outcome: an exception that nothing caught.
    Exception(&'a ExnRef),
    /// Caller's input: the API was used wrongly, for example with arguments of wrong types.
    Usage(&'a str),
    /// A bug of the engine.
    Internal(&'a str),
}

impl Error {
    fn from_repr(repr: Repr) -> Error {
        Error(Box::new(ErrorInner {
            repr,
            backtrace: Vec::new(),
        }))
    }

    /// An error made by the host, for example WASI's exit. It goes through the guest to the
    /// outermost caller, who finds it again with [`Error::downcast_ref`].
    pub fn host<E: std::error::Error + Send + Sync + 'static>(e: E) -> Error {
        Error::from_repr(Repr::Host(Box::new(e)))
    }

    /// An exception on its way: a host function that returns it throws it into the guest.
    pub fn throw(exception: ExnRef) -> Error {
        Error::from_repr(Repr::Exception(exception))
    }

    /// The exception, if this is one that nothing caught.
    pub fn exception(&self) -> Option<&ExnRef> {
        match &self.0.repr {
            Repr::Exception(exception) => Some(exception),
            _ => None,
        }
    }

    /// The API was used wrongly; `msg` is a lowercase fragment.
    pub fn usage(msg: impl Into<String>) -> Error {
        Error::from_repr(Repr::Usage(msg.into().into()))
    }

    /// A bug of the engine that is better reported than ignored.
    pub(crate) fn internal(msg: impl Into<String>) -> Error {
        Error::from_repr(Repr::Internal(msg.into().into()))
    }

    /// The host error, if this is one of type `E`; also a [`Trap`], [`LoadError`] or
    /// [`LinkError`].
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&E> {
        let error: &(dyn std::error::Error + 'static) = match &self.0.repr {
            Repr::Load(e) => e,
            Repr::Link(e) => e,
            Repr::Trap(e) => e,
            Repr::Host(e) => e.as_ref(),
            Repr::Exception(_) | Repr::Usage(_) | Repr::Internal(_) => return None,
        };
        error.downcast_ref()
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind<'_> {
        match &self.0.repr {
            Repr::Load(e) => ErrorKind::Load(e),
            Repr::Link(e) => ErrorKind::Link(e),
            Repr::Trap(e) => ErrorKind::Trap(e),
            Repr::Host(e) => ErrorKind::Host(e.as_ref()),
            Repr::Exception(e) => ErrorKind::Exception(e),
            Repr::Usage(msg) => ErrorKind::Usage(msg),
            Repr::Internal(msg) => ErrorKind::Internal(msg),
        }
    }

    /// The trap, if this is one.
    pub fn trap(&self) -> Option<&Trap> {
        match &self.0.repr {
            Repr::Trap(trap) => Some(trap),
            _ => None,
        }
    }

    /// Wasm frames that a trap or host error passed through, from the innermost. Empty if
    /// it was not raised in Wasm code.
    pub fn backtrace(&self) -> &[BacktraceFrame] {
        match &self.0.repr {
            Repr::Trap(trap) => trap.frames(),
            _ => &self.0.backtrace,
        }
    }

    /// Adds frames that the error passed through, outside those that it has already (a
    /// guest may call the host, which calls a guest).
    pub(crate) fn with_backtrace(
        mut self,
        frames: impl IntoIterator<Item = BacktraceFrame>,
    ) -> Error {
        match &mut self.0.repr {
            Repr::Trap(trap) => trap.push_frames(frames),
            _ => self.0.backtrace.extend(frames),
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.repr {
            Repr::Load(e) => e.fmt(f),
            Repr::Link(e) => e.fmt(f),
            Repr::Trap(e) => e.fmt(f),
            Repr::Host(e) => e.fmt(f),
            Repr::Exception(_) => f.write_str("uncaught exception"),
            Repr::Usage(msg) => f.write_str(msg),
            Repr::Internal(msg) => write!(f, "internal error: {msg}"),
        }
    }
}

/// As [`Display`](fmt::Display), with the backtrace of host errors too: what `main` prints
/// when it returns an error.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        trap::write_frames(f, &self.0.backtrace)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.repr {
            // `Display` already says what the host's error itself says.
            Repr::Host(e) => e.source(),
            _ => None,
        }
    }
}

impl From<Trap> for Error {
    fn from(t: Trap) -> Error {
        Error::from_repr(Repr::Trap(t))
    }
}

impl From<LoadError> for Error {
    fn from(t: LoadError) -> Error {
        Error::from_repr(Repr::Load(t))
    }
}

impl From<LinkError> for Error {
    fn from(t: LinkError) -> Error {
        Error::from_repr(Repr::Link(t))
    }
}

impl From<TrapCode> for Error {
    fn from(t: TrapCode) -> Error {
        Trap::new(t).into()
    }
}

/// The module cannot be loaded: malformed, invalid, not readable, or it uses a feature that
/// the engine does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError(Box<LoadErrorInner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct LoadErrorInner {
    message: String,
    offset: Option<usize>,
}

impl LoadError {
    /// An error at a byte offset of the binary.
    pub(crate) fn at(message: impl Into<String>, offset: u64) -> LoadError {
        LoadError(Box::new(LoadErrorInner {
            message: message.into(),
            offset: Some(usize::try_from(offset).unwrap_or(usize::MAX)),
        }))
    }

    /// An error that has no place in a binary: of the text format or of the file system.
    pub(crate) fn without_offset(message: impl Into<String>) -> LoadError {
        LoadError(Box::new(LoadErrorInner {
            message: message.into(),
            offset: None,
        }))
    }

    /// The same error, saying which function it is in.
    pub(crate) fn in_function(mut self, function: &str) -> LoadError {
        self.0.message.push_str(" in function ");
        self.0.message.push_str(&Printable(function).text());
        self
    }

    /// Byte offset in the binary; `None` for errors of the text format or of files.
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }

    /// What is wrong, without the offset.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl From<wasmparser::Error> for LoadError {
    fn from(e: wasmparser::Error) -> LoadError {
        LoadError::at(Printable(e.message()).text(), e.offset())
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match self.0.offset {
            Some(offset) => write!(f, " (at offset {offset:#x})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for LoadError {}

/// A module's imports and the definitions offered for them do not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkError(Box<str>);

impl LinkError {
    /// Something else than the two usual reasons; `message` is a lowercase fragment.
    pub(crate) fn new(message: impl Into<String>) -> LinkError {
        LinkError(Printable(&message.into()).text().into())
    }

    /// Nothing defines an import.
    pub(crate) fn unknown_import(module: &str, name: &str, expected: &ExternType) -> LinkError {
        LinkError::new(format!(
            "unknown import `{module}` `{name}`: expected {expected}, but it is not defined"
        ))
    }

    /// What is defined for an import has another type.
    pub(crate) fn incompatible_import(
        module: &str,
        name: &str,
        expected: &ExternType,
        found: &ExternType,
    ) -> LinkError {
        LinkError::new(format!(
            "incompatible import type for `{module}` `{name}`: expected {expected}, found {found}"
        ))
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LinkError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::FuncType;

    #[derive(Debug, PartialEq)]
    struct Exit(i32);
    impl fmt::Display for Exit {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "exit {}", self.0)
        }
    }
    impl std::error::Error for Exit {}

    #[test]
    fn errors_are_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
        assert_eq!(size_of::<LoadError>(), size_of::<usize>());
    }

    #[test]
    fn host_errors_are_found_again() {
        let e = Error::host(Exit(7));
        assert_eq!(e.downcast_ref::<Exit>(), Some(&Exit(7)));
        assert!(e.downcast_ref::<LoadError>().is_none());
        assert_eq!(e.to_string(), "exit 7");
        assert!(matches!(e.kind(), ErrorKind::Host(_)));
        assert!(e.trap().is_none() && e.backtrace().is_empty());
    }

    #[test]
    fn kinds_and_messages() {
        let e = Error::from(TrapCode::Unreachable);
        assert_eq!(e.trap().map(Trap::code), Some(TrapCode::Unreachable));
        assert!(e.downcast_ref::<Trap>().is_some());
        let e = Error::from(LoadError::at("bad", 16).in_function("f"));
        assert_eq!(e.to_string(), "bad in function f (at offset 0x10)");
        assert_eq!(Error::internal("x").to_string(), "internal error: x");
        assert!(matches!(
            Error::usage("wrong").kind(),
            ErrorKind::Usage("wrong")
        ));
    }

    #[test]
    fn link_errors_begin_as_the_official_tests_expect() {
        let (a, b) = (
            FuncType::new([], []),
            FuncType::new([crate::ValType::I32], []),
        );
        let (a, b) = (ExternType::Func(a), ExternType::Func(b));
        assert_eq!(
            LinkError::unknown_import("m", "n", &a).to_string(),
            "unknown import `m` `n`: expected func [] -> [], but it is not defined"
        );
        assert_eq!(
            LinkError::incompatible_import("m", "n", &a, &b).to_string(),
            "incompatible import type for `m` `n`: expected func [] -> [], found func [i32] -> []"
        );
    }
}
