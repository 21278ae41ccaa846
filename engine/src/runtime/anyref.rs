//! References to the guest's values: 31-bit integers, structures, arrays.

use super::core::StoreCore;
use super::root::Root;
use crate::error::Result;
use crate::types::HeapType;

/// A reference of the `any` hierarchy, not null. Keeps what it refers to alive. Equal if it is the same
/// object or integer.
///
/// ```
/// use probity_engine::AnyRef;
///
/// assert_eq!(AnyRef::i31(-5).as_i31(), Some(-5));
/// assert_eq!(AnyRef::i31(i32::MAX).as_i31(), Some(-1), "31 bits are kept");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnyRef(Repr);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Repr {
    /// The word of the reference; no object.
    I31(u64),
    Object(Root),
}

impl AnyRef {
    /// A reference to the low 31 bits of an integer.
    pub fn i31(value: i32) -> AnyRef {
        AnyRef(Repr::I31(u64::from(value as u32) << 1 & 0xffff_ffff | 1))
    }

    /// The integer, sign-extended from 31 bits, if it is one.
    pub fn as_i31(&self) -> Option<i32> {
        match self.0 {
            Repr::I31(raw) => Some(raw as i32 >> 1),
            Repr::Object(_) => None,
        }
    }

    /// The most precise type.
    pub(crate) fn heap_type(&self, _core: &StoreCore) -> HeapType {
        match self.0 {
            Repr::I31(_) => HeapType::I31,
            Repr::Object(_) => HeapType::Any,
        }
    }

    /// The word of the reference: 0 is null, odd words are integers.
    pub(crate) fn to_raw(this: Option<&AnyRef>, core: &StoreCore) -> Result<u64> {
        match this {
            None => Ok(0),
            Some(AnyRef(Repr::I31(raw))) => Ok(*raw),
            Some(AnyRef(Repr::Object(root))) => root.raw(core),
        }
    }

    pub(crate) fn from_raw(raw: u64, core: &StoreCore) -> Option<AnyRef> {
        match raw {
            0 => None,
            raw if raw & 1 != 0 => Some(AnyRef(Repr::I31(raw))),
            raw => Some(AnyRef(Repr::Object(core.root(raw)))),
        }
    }
}
