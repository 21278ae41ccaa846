//! Strings of CPython: characters of 1, 2 or 4 bytes right behind the head (PEP 393). Those of other forms are none that an
//! interpreter makes for names.

use super::Offsets;
use crate::guest::{GuestError, View};

/// Longer strings are no names.
const CHARS_MAX: u64 = 1 << 16;

const WHAT: &str = "a string";

/// The bits of a string's state.
struct State(u32);

impl State {
    /// Bytes of a character.
    fn kind(&self) -> u32 {
        (self.0 >> 2) & 7
    }

    /// Characters are right behind the head.
    fn is_compact(&self) -> bool {
        self.0 & 1 << 5 != 0
    }

    fn is_ascii(&self) -> bool {
        self.0 & 1 << 6 != 0
    }
}

/// The string of this address. What is no character becomes the replacement character.
pub fn read(memory: View<'_>, offsets: &Offsets, at: u32) -> Result<String, GuestError> {
    let head = u64::from(at);
    let len = memory.pointer(WHAT, at, offsets.unicode_length)?;
    let len = u64::from(len);
    if len > CHARS_MAX {
        return Err(GuestError::TooLong(WHAT));
    }
    let state = State(memory.pointer(WHAT, at, offsets.unicode_state)?);
    if !state.is_compact() {
        return Err(GuestError::Malformed(WHAT));
    }
    let first = match state.is_ascii() {
        true => offsets.ascii_size,
        false => offsets.compact_size,
    };
    let kind = u64::from(state.kind());
    let bytes = memory.bytes(WHAT, head + u64::from(first), len * kind)?;
    match kind {
        1 => Ok(bytes.iter().map(|&byte| char::from(byte)).collect()),
        2 => {
            let units = bytes.chunks_exact(2);
            let units = units.map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
            Ok(char::decode_utf16(units)
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect())
        }
        4 => {
            let units = bytes.chunks_exact(4);
            let units = units.map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]]));
            Ok(units
                .map(|c| char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect())
        }
        _ => Err(GuestError::Malformed(WHAT)),
    }
}
