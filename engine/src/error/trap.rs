//! Traps: how the execution of a guest ends early, and where it was.

use std::borrow::Cow;
use std::fmt;

use super::printable::Printable;
use crate::module::Module;
use crate::types::WasmPc;

/// Frames printed of a backtrace: this many innermost, and some outermost. A stack overflow
/// has tens of thousands.
const FRAMES_SHOWN_INNER: usize = 50;
const FRAMES_SHOWN_OUTER: usize = 10;

/// Why execution was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrapCode {
    /// The `unreachable` instruction.
    Unreachable,
    /// Access outside a memory, or of a segment beyond its end.
    MemoryOutOfBounds,
    /// Access outside a table, or of a segment beyond its end.
    TableOutOfBounds,
    /// Indirect call of an index outside the table.
    UndefinedElement,
    /// Indirect call of a null element.
    UninitializedElement,
    /// Indirect call of a function of another type.
    IndirectCallTypeMismatch,
    /// Integer division or conversion whose result does not fit.
    IntegerOverflow,
    /// Integer division by zero.
    IntegerDivideByZero,
    /// Conversion of a NaN to an integer.
    InvalidConversionToInteger,
    /// Null where something is required (`ref.as_non_null`).
    NullReference,
    /// Call of a null reference.
    NullFunctionReference,
    /// Field access of a null reference.
    NullStructReference,
    /// Element access of a null reference.
    NullArrayReference,
    /// `i31.get_s` or `i31.get_u` of a null reference.
    NullI31Reference,
    /// `throw_ref` of a null reference.
    NullExceptionReference,
    /// A reference is not of the type that `ref.cast` says.
    CastFailure,
    /// Access outside an array.
    ArrayOutOfBounds,
    /// Atomic access at an address that is not a multiple of its size.
    UnalignedAtomic,
    /// `memory.atomic.wait32` or `wait64` on a memory that is not shared.
    ExpectedSharedMemory,
    /// The Wasm stack is used up.
    StackOverflow,
    /// The fuel limit is reached.
    OutOfFuel,
    /// Interrupted through an `InterruptHandle`, for example by Ctrl-C.
    Interrupted,
    /// The time limit is reached.
    Timeout,
    /// A memory would have grown beyond the store's limit.
    MemoryLimit,
    /// A table would have grown beyond the store's limit.
    TableLimit,
    /// The heap of structures and arrays would have grown beyond the store's limit.
    HeapLimit,
    /// Call of an import that nothing defines, where the linker was told to let such calls
    /// trap.
    UnknownImport,
    /// Raised by a probe.
    Probe,
}

impl TrapCode {
    /// One word, as reports and rules have it.
    pub fn name(self) -> &'static str {
        match self {
            TrapCode::Unreachable => "unreachable",
            TrapCode::MemoryOutOfBounds => "memory_out_of_bounds",
            TrapCode::TableOutOfBounds => "table_out_of_bounds",
            TrapCode::UndefinedElement => "undefined_element",
            TrapCode::UninitializedElement => "uninitialized_element",
            TrapCode::IndirectCallTypeMismatch => "indirect_call_type_mismatch",
            TrapCode::IntegerOverflow => "integer_overflow",
            TrapCode::IntegerDivideByZero => "integer_divide_by_zero",
            TrapCode::InvalidConversionToInteger => "invalid_conversion_to_integer",
            TrapCode::NullReference => "null_reference",
            TrapCode::NullFunctionReference => "null_function_reference",
            TrapCode::NullStructReference => "null_struct_reference",
            TrapCode::NullArrayReference => "null_array_reference",
            TrapCode::NullI31Reference => "null_i31_reference",
            TrapCode::NullExceptionReference => "null_exception_reference",
            TrapCode::CastFailure => "cast_failure",
            TrapCode::ArrayOutOfBounds => "array_out_of_bounds",
            TrapCode::UnalignedAtomic => "unaligned_atomic",
            TrapCode::ExpectedSharedMemory => "expected_shared_memory",
            TrapCode::StackOverflow => "stack",
            TrapCode::OutOfFuel => "fuel",
            TrapCode::Interrupted => "interrupt",
            TrapCode::Timeout => "time",
            TrapCode::MemoryLimit => "memory",
            TrapCode::TableLimit => "table",
            TrapCode::HeapLimit => "heap",
            TrapCode::UnknownImport => "unknown_import",
            TrapCode::Probe => "probe",
        }
    }

    /// Lowercase phrase; for the traps that the specification defines, the one that the
    /// official tests expect a message to begin with.
    pub fn message(self) -> &'static str {
        match self {
            TrapCode::Unreachable => "unreachable",
            TrapCode::MemoryOutOfBounds => "out of bounds memory access",
            TrapCode::TableOutOfBounds => "out of bounds table access",
            TrapCode::UndefinedElement => "undefined element",
            TrapCode::UninitializedElement => "uninitialized element",
            TrapCode::IndirectCallTypeMismatch => "indirect call type mismatch",
            TrapCode::IntegerOverflow => "integer overflow",
            TrapCode::IntegerDivideByZero => "integer divide by zero",
            TrapCode::InvalidConversionToInteger => "invalid conversion to integer",
            TrapCode::NullReference => "null reference",
            TrapCode::NullFunctionReference => "null function reference",
            TrapCode::NullStructReference => "null structure reference",
            TrapCode::NullArrayReference => "null array reference",
            TrapCode::NullI31Reference => "null i31 reference",
            TrapCode::NullExceptionReference => "null exception reference",
            TrapCode::CastFailure => "cast failure",
            TrapCode::ArrayOutOfBounds => "out of bounds array access",
            TrapCode::UnalignedAtomic => "unaligned atomic",
            TrapCode::ExpectedSharedMemory => "expected shared memory",
            TrapCode::HeapLimit => "heap limit exceeded",
            TrapCode::StackOverflow => "call stack exhausted",
            TrapCode::OutOfFuel => "out of fuel",
            TrapCode::Interrupted => "interrupted",
            TrapCode::Timeout => "timeout",
            TrapCode::MemoryLimit => "memory limit exceeded",
            TrapCode::TableLimit => "table limit exceeded",
            TrapCode::UnknownImport => "call of an unknown import",
            TrapCode::Probe => "trap raised by a probe",
        }
    }
}

impl fmt::Display for TrapCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

/// Execution was ended by the guest itself or by a limit.
#[derive(Debug, Clone)]
pub struct Trap {
    code: TrapCode,
    detail: Option<Box<str>>,
    frames: Vec<BacktraceFrame>,
}

impl Trap {
    /// A trap that a host function or probe raises; the engine adds the backtrace.
    pub fn new(code: TrapCode) -> Trap {
        Trap {
            code,
            detail: None,
            frames: Vec::new(),
        }
    }

    /// With details, which follow the code's phrase in the message.
    pub(crate) fn with_detail(code: TrapCode, detail: impl Into<String>) -> Trap {
        Trap {
            detail: Some(Printable(&detail.into()).text().into()),
            ..Trap::new(code)
        }
    }

    /// Why execution was ended.
    pub fn code(&self) -> TrapCode {
        self.code
    }

    /// The code's phrase, and details if there are any; one line.
    pub fn message(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}: {detail}", self.code),
            None => self.code.message().to_owned(),
        }
    }

    pub(super) fn frames(&self) -> &[BacktraceFrame] {
        &self.frames
    }

    pub(super) fn push_frames(&mut self, frames: impl IntoIterator<Item = BacktraceFrame>) {
        self.frames.extend(frames);
    }
}

/// `wasm trap: MESSAGE`, and the backtrace, one frame a line.
impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wasm trap: {}", self.code)?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        write_frames(f, &self.frames)
    }
}

impl std::error::Error for Trap {}

/// One Wasm function that was being executed.
#[derive(Debug, Clone)]
pub struct BacktraceFrame {
    module: Module,
    func_index: u32,
    pc: WasmPc,
}

impl BacktraceFrame {
    pub(crate) fn new(module: Module, func_index: u32, pc: WasmPc) -> BacktraceFrame {
        BacktraceFrame {
            module,
            func_index,
            pc,
        }
    }

    /// The function's module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Index of the function in its module.
    pub fn func_index(&self) -> u32 {
        self.func_index
    }

    /// Name of the function: by the name section, else an export.
    pub fn func_name(&self) -> Option<&str> {
        match self.module.function(self.func_index)?.name()? {
            Cow::Borrowed(name) => Some(name),
            // Made up for imports, and those have no frames.
            Cow::Owned(_) => None,
        }
    }

    /// Name of the module by its name section.
    pub fn module_name(&self) -> Option<&str> {
        self.module.name()
    }

    /// Byte offset in the module of the instruction that trapped, or in outer frames of the
    /// call.
    pub fn pc(&self) -> WasmPc {
        self.pc
    }

    /// `pc` relative to the function body's first byte (behind its size field).
    pub fn func_offset(&self) -> u32 {
        let body = self
            .module
            .function(self.func_index)
            .and_then(|func| func.body());
        body.map_or(0, |body| self.pc.0.saturating_sub(body.start))
    }
}

/// `0x1a2b - MODULE!FUNCTION`
impl fmt::Display for BacktraceFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} - {}!",
            self.pc,
            Printable(self.module_name().unwrap_or("<unknown>"))
        )?;
        match self.func_name() {
            Some(name) => Printable(name).fmt(f),
            None => write!(f, "func[{}]", self.func_index),
        }
    }
}

/// Writes a line for each frame; of a long backtrace only both ends.
pub(super) fn write_frames(f: &mut fmt::Formatter<'_>, frames: &[BacktraceFrame]) -> fmt::Result {
    let hidden = if frames.len() > FRAMES_SHOWN_INNER + FRAMES_SHOWN_OUTER {
        FRAMES_SHOWN_INNER..frames.len() - FRAMES_SHOWN_OUTER
    } else {
        0..0
    };
    for (i, frame) in frames.iter().enumerate() {
        if !hidden.contains(&i) {
            write!(f, "\n{i:>5}: {frame}")?;
        } else if i == hidden.start {
            write!(f, "\n       ... {} more frames", hidden.len())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, Error};

    fn frames(n: usize) -> Vec<BacktraceFrame> {
        let text = r#"(module $m (func $callee unreachable) (func (export "run") call 0) (func))"#;
        let module = Module::new(&Engine::default(), text).expect("a valid module");
        let frame = |i: usize| {
            let index = (i % 3) as u32;
            let body = module
                .function(index)
                .and_then(|f| f.body())
                .expect("defined");
            BacktraceFrame::new(module.clone(), index, WasmPc(body.start + 1))
        };
        (0..n).map(frame).collect()
    }

    #[test]
    fn a_trap_shows_its_backtrace() {
        let frames = frames(3);
        assert_eq!(frames[0].func_offset(), 1);
        let pcs: Vec<u32> = frames.iter().map(|f| f.pc().0).collect();
        let error = Error::from(TrapCode::Unreachable).with_backtrace(frames);
        assert_eq!(error.backtrace().len(), 3);
        assert_eq!(
            error.to_string(),
            format!(
                "wasm trap: unreachable\n    0: {:#x} - m!callee\n    1: {:#x} - m!run\n    2: {:#x} - m!func[2]",
                pcs[0], pcs[1], pcs[2]
            )
        );
    }

    #[test]
    fn long_backtraces_are_cut_in_the_middle() {
        let error = Error::from(TrapCode::StackOverflow).with_backtrace(frames(1000));
        let text = error.to_string();
        assert_eq!(
            text.lines().count(),
            1 + FRAMES_SHOWN_INNER + 1 + FRAMES_SHOWN_OUTER
        );
        assert!(text.contains("... 940 more frames"), "{text}");
        assert!(text.contains("\n  999: "), "{text}");
        assert_eq!(error.backtrace().len(), 1000);
    }

    #[test]
    fn details_follow_the_code() {
        let trap = Trap::with_detail(TrapCode::UnknownImport, "`env` `f`");
        assert_eq!(trap.message(), "call of an unknown import: `env` `f`");
        assert_eq!(
            trap.to_string(),
            "wasm trap: call of an unknown import: `env` `f`"
        );
    }
}
