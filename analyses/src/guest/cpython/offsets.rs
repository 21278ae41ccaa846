//! Where the fields of CPython's structures are. From 3.13 on it says so itself: at the beginning of `_PyRuntime` is
//! `_Py_DebugOffsets`, a cookie, the version, and numbers of 64 bits, whose order is that of the version.

use crate::guest::{GuestError, View};

/// What the table begins with.
const COOKIE: &[u8; 8] = b"xdebugpy";

/// What is searched for, for people.
const WANTED: &str = "CPython >= 3.13";

/// Structures are smaller than this.
const SIZE_MAX: u64 = 1 << 24;

/// A version of CPython.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u8,
    /// The second.
    pub minor: u8,
    /// The third.
    pub micro: u8,
}

/// The numbers of the table that are of use, as their place in it; 0 is the version.
struct Order {
    runtime: u16,
    interpreter: u16,
    thread: u16,
    frame: u16,
    code: u16,
    object: u16,
    tuple: u16,
    bytes: u16,
    unicode: u16,
}

/// Each structure by the place of its size, from which the places of its fields follow.
fn order(version: Version) -> Option<Order> {
    let order = match (version.major, version.minor) {
        (3, 13) => Order {
            runtime: 2,
            interpreter: 5,
            thread: 18,
            frame: 27,
            code: 33,
            object: 43,
            tuple: 49,
            bytes: 63,
            unicode: 66,
        },
        (3, 14) => Order {
            runtime: 2,
            interpreter: 5,
            thread: 21,
            frame: 30,
            code: 38,
            object: 49,
            tuple: 55,
            bytes: 73,
            unicode: 76,
        },
        (3, 15) => Order {
            runtime: 2,
            interpreter: 5,
            thread: 21,
            frame: 38,
            code: 46,
            object: 57,
            tuple: 67,
            bytes: 85,
            unicode: 88,
        },
        _ => return None,
    };
    Some(order)
}

/// Offsets of fields, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offsets {
    /// Address of `_PyRuntime`.
    pub runtime: u32,
    /// Of the interpreter.
    pub version: Version,
    /// First of the interpreters, in the runtime.
    pub interpreters_head: u32,
    /// The next one, in an interpreter.
    pub interpreter_next: u32,
    /// First of its threads.
    pub threads_head: u32,
    /// The next one, in a thread.
    pub thread_next: u32,
    /// Its innermost frame.
    pub current_frame: u32,
    /// The caller's frame, in a frame.
    pub previous: u32,
    /// Its code object.
    pub executable: u32,
    /// The instruction that it is at.
    pub instr_ptr: u32,
    /// Who the frame belongs to.
    pub owner: u32,
    /// In a code object: the file.
    pub filename: u32,
    /// The name.
    pub name: u32,
    /// The name, with the names of what it is in.
    pub qualname: u32,
    /// The location table.
    pub linetable: u32,
    /// The first line.
    pub firstlineno: u32,
    /// The constants. The table does not have it: it is a pointer four words before the number of arguments.
    pub consts: u32,
    /// Number of versions of code there have been when it was made. The table does not have it either: it is the word
    /// before the names of locals.
    pub code_version: u32,
    /// The instructions.
    pub code_adaptive: u32,
    /// An object's type.
    pub ob_type: u32,
    /// A tuple's length.
    pub tuple_size: u32,
    /// Its items.
    pub tuple_item: u32,
    /// The length of bytes.
    pub bytes_size: u32,
    /// The bytes.
    pub bytes_val: u32,
    /// A string's length, in characters.
    pub unicode_length: u32,
    /// What form it has.
    pub unicode_state: u32,
    /// Where characters begin in strings that are ASCII.
    pub ascii_size: u32,
    /// Where they begin in others that are compact.
    pub compact_size: u32,
}

impl Offsets {
    /// Finds the table in a memory.
    ///
    /// # Errors
    /// There is none, or none that is known.
    pub fn find(memory: View<'_>) -> Result<Offsets, GuestError> {
        let mut problem = GuestError::NotFound(WANTED);
        // It has numbers of 64 bits in it, and their alignment.
        let words = memory.all().chunks_exact(COOKIE.len());
        for (word, _) in words.enumerate().filter(|(_, word)| *word == COOKIE) {
            let address = (word * COOKIE.len()) as u64;
            match Offsets::read(memory, address) {
                Ok(offsets) => return Ok(offsets),
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    fn read(memory: View<'_>, address: u64) -> Result<Offsets, GuestError> {
        let number = |place: u16| {
            let at = address + COOKIE.len() as u64 + 8 * u64::from(place);
            memory.u64("the table of offsets", at)
        };
        let version = number(0)?;
        let version = Version {
            major: (version >> 24) as u8,
            minor: (version >> 16) as u8,
            micro: (version >> 8) as u8,
        };
        let Some(order) = order(version) else {
            let Version { major, minor, .. } = version;
            let what = format!("the structures of CPython {major}.{minor} are not known");
            return Err(GuestError::Unknown(what));
        };
        if number(1)? != 0 {
            let what = "a CPython without its global lock is not supported";
            return Err(GuestError::Unknown(what.to_owned()));
        }
        // A field of a structure that is at a place of the table, by the place of its own behind that.
        let field = |structure: u16, place: u16| {
            let (size, offset) = (number(structure)?, number(structure + place)?);
            match size < SIZE_MAX && offset < size {
                true => Ok(offset as u32),
                false => Err(GuestError::Malformed("the table of offsets")),
            }
        };
        let before = |offset: u32, distance: u32| {
            let offset = offset.checked_sub(distance);
            offset.ok_or(GuestError::Malformed("the table of offsets"))
        };
        // Interpreters of version 3.13 and later have the threads' list behind the next one.
        Ok(Offsets {
            runtime: u32::try_from(address)
                .map_err(|_| GuestError::Malformed("the table of offsets"))?,
            version,
            interpreters_head: field(order.runtime, 2)?,
            interpreter_next: field(order.interpreter, 2)?,
            threads_head: field(order.interpreter, 3)?,
            thread_next: field(order.thread, 2)?,
            current_frame: field(order.thread, 4)?,
            previous: field(order.frame, 1)?,
            executable: field(order.frame, 2)?,
            instr_ptr: field(order.frame, 3)?,
            owner: field(order.frame, 5)?,
            filename: field(order.code, 1)?,
            name: field(order.code, 2)?,
            qualname: field(order.code, 3)?,
            linetable: field(order.code, 4)?,
            firstlineno: field(order.code, 5)?,
            consts: before(field(order.code, 6)?, 16)?,
            code_version: before(field(order.code, 7)?, 4)?,
            code_adaptive: field(order.code, 9)?,
            ob_type: field(order.object, 1)?,
            tuple_item: field(order.tuple, 1)?,
            tuple_size: field(order.tuple, 2)?,
            bytes_size: field(order.bytes, 1)?,
            bytes_val: field(order.bytes, 2)?,
            unicode_state: field(order.unicode, 1)?,
            unicode_length: field(order.unicode, 2)?,
            ascii_size: field(order.unicode, 3)?,
            // A word and a pointer more: the form as UTF-8 and its length.
            compact_size: field(order.unicode, 3)?.saturating_add(8),
        })
    }
}
