//! What casts ask of a reference, as one word in a cell.
//!
//! The type of an object leads to the list of its supertypes, outermost first; the object is of
//! a type exactly if that is in the list at the place that it has in its own. So a cast is two
//! loads and a comparison. Only function types, which are no objects, may need the engine.

use crate::layout::{Ctx, FuncRecord, ObjectClass, ObjectHeader, TypeHead};

/// What a reference is tested against. The operand's own type is known by validation, so only
/// what is of the same hierarchy occurs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// Top of a hierarchy.
    Everything,
    /// Bottom of a hierarchy.
    Nothing,
    /// `eq`
    Eq,
    /// `i31`
    I31,
    /// Any structure.
    Struct,
    /// Any array.
    Array,
    /// A structure or array type.
    Object {
        /// Its id.
        id: u32,
        /// Number of its supertypes.
        depth: u8,
    },
    /// A function type.
    Func {
        /// Its id.
        id: u32,
    },
}

const EVERYTHING: u8 = 0;
const NOTHING: u8 = 1;
const EQ: u8 = 2;
const I31: u8 = 3;
const STRUCT: u8 = 4;
const ARRAY: u8 = 5;
const OBJECT: u8 = 6;
const FUNC: u8 = 7;

impl Target {
    /// The word of a test against this, null included if `nullable`.
    pub fn encode(self, nullable: bool) -> u64 {
        let (kind, depth, id) = match self {
            Target::Everything => (EVERYTHING, 0, 0),
            Target::Nothing => (NOTHING, 0, 0),
            Target::Eq => (EQ, 0, 0),
            Target::I31 => (I31, 0, 0),
            Target::Struct => (STRUCT, 0, 0),
            Target::Array => (ARRAY, 0, 0),
            Target::Object { id, depth } => (OBJECT, depth, id),
            Target::Func { id } => (FUNC, 0, id),
        };
        u64::from(id) | u64::from(depth) << 32 | u64::from(kind) << 40 | u64::from(nullable) << 48
    }
}

/// Outcome of a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Is of the type.
    Yes,
    /// Is not.
    No,
    /// [`test_func`] knows.
    Ask,
}

impl From<bool> for Verdict {
    #[inline(always)]
    fn from(yes: bool) -> Verdict {
        if yes { Verdict::Yes } else { Verdict::No }
    }
}

/// Tests a reference against the type in `word`.
///
/// # Safety
/// The reference must be alive, and of the type's hierarchy.
#[inline(always)]
pub unsafe fn test(value: u64, word: u64) -> Verdict {
    if value == 0 {
        return (word >> 48 & 1 == 1).into();
    }
    let is_i31 = value & 1 == 1;
    // SAFETY: what is neither null nor an `i31` is the address of an object, or for a function
    // type that of a record; an object's type is alive and begins with its head.
    unsafe {
        let head = || &*((*(value as *const ObjectHeader)).ty as *const TypeHead);
        match (word >> 40) as u8 {
            EVERYTHING => Verdict::Yes,
            NOTHING => Verdict::No,
            OBJECT if is_i31 => Verdict::No,
            OBJECT => {
                let (head, depth) = (head(), (word >> 32) as u8 as usize);
                (depth < head.count as usize && *head.supers.add(depth) == word as u32).into()
            }
            I31 => is_i31.into(),
            EQ => (is_i31 || head().class != ObjectClass::Host).into(),
            STRUCT => (!is_i31 && head().class == ObjectClass::Struct).into(),
            ARRAY => (!is_i31 && head().class == ObjectClass::Array).into(),
            _ if (*(value as *const FuncRecord)).sig == word as u32 => Verdict::Yes,
            _ => Verdict::Ask,
        }
    }
}

/// Tests a function, not null, against the function type in `word`.
///
/// # Safety
/// As for [`test()`]; code is running in `ctx`.
pub unsafe fn test_func(ctx: *mut Ctx, value: u64, word: u64) -> bool {
    // SAFETY: references to functions are addresses of records.
    unsafe { ((*ctx).slow.is_subtype)(ctx, (*(value as *const FuncRecord)).sig, word as u32) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::c_void;

    #[test]
    fn verdicts() {
        let supers = [4, 9, 7];
        let head = |class| TypeHead {
            supers: supers.as_ptr(),
            count: 3,
            class,
        };
        let types = [ObjectClass::Struct, ObjectClass::Array, ObjectClass::Host].map(head);
        let objects = types.each_ref().map(|ty| ObjectHeader {
            ty: std::ptr::from_ref(ty) as *const c_void,
            len: 0,
            home: 0,
        });
        let [object, array, host] = objects.each_ref().map(|o| std::ptr::from_ref(o) as u64);
        let check = |target: Target, expect: &[u64]| {
            for value in [0, 1, 7, object, array, host] {
                // SAFETY: the objects are alive, and no function type is tested.
                let nullable = unsafe { test(value, target.encode(true)) };
                // SAFETY: as above.
                let strict = unsafe { test(value, target.encode(false)) };
                let yes = expect.contains(&value);
                assert_eq!(strict, yes.into(), "{target:?} {value:x}");
                assert_eq!(nullable, (yes || value == 0).into(), "{target:?} {value:x}");
            }
        };
        check(Target::Everything, &[1, 7, object, array, host]);
        check(Target::Nothing, &[]);
        check(Target::Eq, &[1, 7, object, array]);
        check(Target::I31, &[1, 7]);
        check(Target::Struct, &[object]);
        check(Target::Array, &[array]);
        check(Target::Object { id: 9, depth: 1 }, &[object, array, host]);
        check(Target::Object { id: 9, depth: 0 }, &[]);
        check(Target::Object { id: 9, depth: 3 }, &[]);
        check(Target::Object { id: 5, depth: 1 }, &[]);
    }
}
