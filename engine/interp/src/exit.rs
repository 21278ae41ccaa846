//! Exit statuses of a run: why the handlers stopped.

/// The outermost function returned.
pub const DONE: u64 = 0;
/// A slow path ended the run and has recorded why.
pub const ENGINE: u64 = 1;
/// `unreachable`.
pub const UNREACHABLE: u64 = 2;
/// Memory access out of bounds.
pub const MEMORY: u64 = 3;
/// Indirect call with an index outside the table.
pub const UNDEFINED_ELEMENT: u64 = 4;
/// Indirect call of a null element.
pub const NULL_ELEMENT: u64 = 5;
/// Indirect call with another signature.
pub const SIGNATURE: u64 = 6;
/// Integer overflow.
pub const OVERFLOW: u64 = 7;
/// Integer division by zero.
pub const DIVIDE_BY_ZERO: u64 = 8;
/// NaN converted to an integer.
pub const INVALID_CONVERSION: u64 = 9;
/// The value stack is exhausted.
pub const STACK: u64 = 10;
/// Table access out of bounds.
pub const TABLE: u64 = 11;
/// Call of a null reference.
pub const NULL_FUNCTION: u64 = 12;
/// Null where a reference is required.
pub const NULL_REFERENCE: u64 = 13;
/// `throw_ref` of a null reference.
pub const NULL_EXCEPTION: u64 = 14;

/// Field access of a null reference.
pub const NULL_STRUCT: u64 = 15;
/// Element access of a null reference.
pub const NULL_ARRAY: u64 = 16;
/// `i31.get_s` or `i31.get_u` of a null reference.
pub const NULL_I31: u64 = 17;
/// Array access out of bounds.
pub const ARRAY: u64 = 18;
/// A cast failed.
pub const CAST: u64 = 19;
/// Atomic access at an address that is no multiple of its width.
pub const UNALIGNED: u64 = 20;

/// The run goes on elsewhere, with the registers that the store's
/// [`Machine`](crate::layout::Machine) has saved: an exception was caught, or compiled code was
/// left for the interpreter.
pub const MOVED: u64 = 4095;

/// As [`MOVED`], but in a run further out: this one ends.
pub const ELSEWHERE: u64 = 4094;

/// Statuses below this are exits; portable dispatch returns addresses above it
/// to say that the run goes on.
pub const LIMIT: u64 = 4096;
