//! Records as probes write them: words in a ring. A record is a tag and up to four words of values; longer ones are
//! several, one behind the other.

use probity_engine::hook::INPUTS_MAX;
use probity_engine::{AnyRef, Val};

use super::model::{Type, Value};

/// Which piece of a record's values it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The first of those before an operator, or of all.
    Start,
    /// The first of those that the operator left.
    End,
    /// More of the same.
    More,
}

/// What a record says about traps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing: it is more of what was before, or a way out of a function.
    Same,
    /// The program goes on.
    GoesOn,
    /// A trap, which now unwinds frames.
    Traps,
}

/// The first word of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag {
    /// Index of its source, see [`super::assemble::Source`].
    pub source: u32,
    /// Whether it makes an event: of the records of one event only one does.
    pub counts: bool,
    pub part: Part,
    pub turn: Turn,
    /// Words behind the tag.
    pub len: u32,
}

impl Tag {
    pub fn word(self) -> u64 {
        let part = match self.part {
            Part::Start => 0,
            Part::End => 1,
            Part::More => 2,
        };
        let flags = (self.turn as u64) << 8 | u64::from(self.counts) << 7 | part << 4;
        u64::from(self.source) << 16 | flags | u64::from(self.len)
    }

    pub fn of(word: u64) -> Tag {
        Tag {
            source: (word >> 16) as u32,
            counts: counts(word),
            part: match word >> 4 & 3 {
                0 => Part::Start,
                1 => Part::End,
                _ => Part::More,
            },
            turn: turn(word),
            len: len(word) as u32,
        }
    }
}

/// Words behind a tag.
pub(super) fn len(tag: u64) -> usize {
    (tag & 0xf) as usize
}

/// Whether a tag's record makes an event.
pub(super) fn counts(tag: u64) -> bool {
    tag >> 7 & 1 == 1
}

/// What a tag's record says about traps.
pub(super) fn turn(tag: u64) -> Turn {
    match tag >> 8 & 3 {
        0 => Turn::Same,
        1 => Turn::GoesOn,
        _ => Turn::Traps,
    }
}

/// What all pieces of a record have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub source: u32,
    pub counts: bool,
    pub part: Part,
    pub turn: Turn,
}

/// The pieces of so many words: for each its tag and where its words begin.
pub(super) fn pieces(head: Head, words: usize) -> impl Iterator<Item = (Tag, usize)> {
    let pieces = words.div_ceil(INPUTS_MAX).max(1);
    (0..pieces).map(move |piece| {
        let first = piece * INPUTS_MAX;
        let tag = Tag {
            source: head.source,
            counts: head.counts && piece == 0,
            part: if piece == 0 { head.part } else { Part::More },
            turn: if piece == 0 { head.turn } else { Turn::Same },
            len: (words - first).min(INPUTS_MAX) as u32,
        };
        (tag, first)
    })
}

/// Appends a record of words.
pub(super) fn push(out: &mut Vec<u64>, head: Head, words: &[u64]) {
    for (tag, first) in pieces(head, words.len()) {
        out.push(tag.word());
        out.extend_from_slice(&words[first..first + tag.len as usize]);
    }
}

/// How many words a value of a type has.
pub(super) fn words(ty: Type) -> usize {
    match ty {
        Type::V128 => 2,
        Type::Varies => 3,
        _ => 1,
    }
}

/// How many words values of types have.
pub(super) fn words_of(types: &[Type]) -> usize {
    types.iter().map(|ty| words(*ty)).sum()
}

/// Marks a word of an `anyref` as an integer.
const I31: u64 = 1 << 63;

/// Appends a value as one of a type. What is not of that type is zero or null: a valid module has none.
pub(super) fn push_value(out: &mut Vec<u64>, value: Value, ty: Type) {
    let (low, high) = match value {
        Value::I32(value) => (u64::from(value as u32), 0),
        Value::I64(value) => (value as u64, 0),
        Value::F32(bits) => (bits.into(), 0),
        Value::F64(bits) => (bits, 0),
        Value::V128(bits) => (bits as u64, (bits >> 64) as u64),
        Value::Func(func) => (func.map_or(0, |func| u64::from(func) + 1), 0),
        Value::Ref(_, there) => (there.into(), 0),
        Value::I31(value) => (I31 | u64::from(value as u32), 0),
    };
    match ty {
        Type::Varies => out.extend([value.ty().code().into(), low, high]),
        ty if ty != value.ty() => out.extend(std::iter::repeat_n(0, words(ty))),
        Type::V128 => out.extend([low, high]),
        _ => out.push(low),
    }
}

/// Reads a value of a type from the front of words.
pub(super) fn take_value(ty: Type, words: &mut &[u64]) -> Option<Value> {
    let mut next = || {
        let (&first, rest) = words.split_first()?;
        *words = rest;
        Some(first)
    };
    let ty = match ty {
        Type::Varies => Type::of_code(next()? as u8)?,
        ty => {
            let low = next()?;
            let high = if ty == Type::V128 { next()? } else { 0 };
            return Some(value(ty, low, high));
        }
    };
    Some(value(ty, next()?, next()?))
}

fn value(ty: Type, low: u64, high: u64) -> Value {
    match ty {
        Type::I32 => Value::I32(low as i32),
        Type::I64 => Value::I64(low as i64),
        Type::F32 => Value::F32(low as u32),
        Type::F64 => Value::F64(low),
        Type::V128 => Value::V128(u128::from(high) << 64 | u128::from(low)),
        Type::Func => Value::Func((low as u32).checked_sub(1)),
        Type::Any if low & I31 != 0 => Value::I31(low as i32),
        ty => Value::Ref(ty, low != 0),
    }
}

/// A value of the engine; `function` gives the index of a function.
pub(super) fn of_val(val: &Val, mut function: impl FnMut(probity_engine::Func) -> u32) -> Value {
    match val {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::V128(bits) => Value::V128(*bits),
        Val::FuncRef(func) => Value::Func(func.map(&mut function)),
        Val::ExternRef(reference) => Value::Ref(Type::Extern, reference.is_some()),
        Val::AnyRef(reference) => match reference.as_ref().and_then(AnyRef::as_i31) {
            Some(value) => Value::I31(value),
            None => Value::Ref(Type::Any, reference.is_some()),
        },
        Val::ExnRef(reference) => Value::Ref(Type::Exn, reference.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_written() {
        let types = [Type::I32, Type::V128, Type::Varies, Type::Any, Type::Func];
        let values = [
            Value::I32(-2),
            Value::V128(u128::MAX - 1),
            Value::F64(7),
            Value::I31(-5),
            Value::Func(Some(3)),
        ];
        let mut flat = Vec::new();
        for (value, ty) in values.iter().zip(types) {
            push_value(&mut flat, *value, ty);
        }
        assert_eq!(flat.len(), words_of(&types));
        let mut out = Vec::new();
        let head = Head {
            source: 9,
            counts: true,
            part: Part::End,
            turn: Turn::Traps,
        };
        push(&mut out, head, &flat);
        // 8 words are two records of 4.
        let (first, second) = (Tag::of(out[0]), Tag::of(out[5]));
        let expected = Tag {
            source: 9,
            counts: true,
            part: Part::End,
            turn: Turn::Traps,
            len: 4,
        };
        assert_eq!(first, expected);
        let expected = Tag {
            counts: false,
            part: Part::More,
            turn: Turn::Same,
            ..expected
        };
        assert_eq!(second, expected);
        let mut words = &flat[..];
        for (value, ty) in values.iter().zip(types) {
            assert_eq!(take_value(ty, &mut words), Some(*value));
        }
        assert!(words.is_empty());
    }
}
