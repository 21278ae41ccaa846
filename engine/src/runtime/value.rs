//! Values, and their form in slots: what frames, argument lists and globals hold.
//!
//! A slot is 64 bits. Integers and floats are zero-extended, a vector takes two slots, its
//! low half first, and references are one word, 0 for null.

use super::{AnyRef, ExnRef, ExternRef, Func, StoreCore};
use crate::error::{Error, Result};
use crate::types::{HeapType, RefType, ValType};

/// A Wasm value of any type.
///
/// Floats are their bits, since a NaN's bits are part of its value and not all of them
/// survive as a Rust float.
///
/// ```
/// use probity_engine::{Val, ValType};
///
/// let x = Val::from(1.5f32);
/// assert!(matches!(x, Val::F32(0x3fc0_0000)));
/// assert_eq!(x.ty(), ValType::F32);
/// assert!(matches!(Val::default_for(ValType::FUNCREF), Val::FuncRef(None)));
/// ```
#[derive(Debug, Clone)]
pub enum Val {
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// Bits of a binary32.
    F32(u32),
    /// Bits of a binary64.
    F64(u64),
    /// 128-bit vector, lane 0 in the low bits.
    V128(u128),
    /// Function or null.
    FuncRef(Option<Func>),
    /// Host value or null.
    ExternRef(Option<ExternRef>),
    /// Value of the guest (31-bit integer, structure, array) or null.
    AnyRef(Option<AnyRef>),
    /// Exception or null.
    ExnRef(Option<ExnRef>),
}

impl Val {
    /// The value's type; that of a reference is the nullable one at the top of its hierarchy.
    pub fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::FuncRef(_) => ValType::FUNCREF,
            Val::ExternRef(_) => ValType::EXTERNREF,
            Val::AnyRef(_) => ValType::ANYREF,
            Val::ExnRef(_) => ValType::EXNREF,
        }
    }

    /// Zero or null: what locals of this type start with.
    pub fn default_for(ty: ValType) -> Val {
        match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(0),
            ValType::Ref(RefType { heap, .. }) => match heap.top() {
                HeapType::Func => Val::FuncRef(None),
                HeapType::Extern => Val::ExternRef(None),
                HeapType::Exn => Val::ExnRef(None),
                _ => Val::AnyRef(None),
            },
        }
    }

    /// Is it a value of this type? A reference of another store is of no type.
    pub(crate) fn has_type(&self, ty: ValType, core: &StoreCore) -> bool {
        let ValType::Ref(expected) = ty else {
            return self.ty() == ty;
        };
        let null = matches!(
            self,
            Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None)
        );
        match self.ty() {
            ValType::Ref(found) if found.heap != expected.heap.top() => false,
            ValType::Ref(_) if null => expected.nullable,
            ValType::Ref(found) => {
                found.heap == expected.heap || {
                    let found = self.heap_type(core);
                    core.engine().is_subtype(found, expected.heap)
                }
            }
            _ => false,
        }
    }

    /// The most precise type of what a reference refers to.
    fn heap_type(&self, core: &StoreCore) -> HeapType {
        match self {
            Val::FuncRef(Some(func)) if func.belongs_to(core) => {
                HeapType::Concrete(core.func_type_id(*func))
            }
            Val::AnyRef(Some(value)) => value.heap_type(core),
            Val::FuncRef(_) => HeapType::Func,
            Val::ExternRef(_) => HeapType::Extern,
            _ => HeapType::Exn,
        }
    }

    /// Writes the value into the first slots, of which there are `self.ty().slots()`.
    ///
    /// # Errors
    /// A function of another store.
    pub(crate) fn to_slots(&self, core: &StoreCore, slots: &mut [u64]) -> Result<()> {
        slots[0] = match *self {
            Val::I32(v) => (v as u32).into(),
            Val::I64(v) => v as u64,
            Val::F32(v) => v.into(),
            Val::F64(v) => v,
            Val::V128(v) => {
                slots[1] = (v >> 64) as u64;
                v as u64
            }
            Val::FuncRef(func) => funcref_to_raw(core, func)?,
            Val::ExternRef(ref v) => ExternRef::to_raw(v.as_ref(), core)?,
            Val::AnyRef(ref v) => AnyRef::to_raw(v.as_ref(), core)?,
            Val::ExnRef(ref v) => ExnRef::to_raw(v.as_ref(), core)?,
        };
        Ok(())
    }

    /// Reads a value of type `ty` from the first slots, of which there are `ty.slots()`.
    pub(crate) fn from_slots(ty: ValType, core: &StoreCore, slots: &[u64]) -> Val {
        match ty {
            ValType::I32 => Val::I32(slots[0] as i32),
            ValType::I64 => Val::I64(slots[0] as i64),
            ValType::F32 => Val::F32(slots[0] as u32),
            ValType::F64 => Val::F64(slots[0]),
            ValType::V128 => Val::V128(u128::from(slots[1]) << 64 | u128::from(slots[0])),
            ValType::Ref(RefType { heap, .. }) => match heap.top() {
                HeapType::Func => Val::FuncRef(core.raw_to_funcref(slots[0])),
                HeapType::Extern => Val::ExternRef(ExternRef::from_raw(slots[0], core)),
                HeapType::Exn => Val::ExnRef(ExnRef::from_raw(slots[0], core)),
                _ => Val::AnyRef(AnyRef::from_raw(slots[0], core)),
            },
        }
    }
}

/// The word of a reference to a function.
///
/// # Errors
/// A function of another store.
pub(crate) fn funcref_to_raw(core: &StoreCore, func: Option<Func>) -> Result<u64> {
    if func.is_some_and(|func| !func.belongs_to(core)) {
        return Err(Error::usage("function reference of another store"));
    }
    Ok(core.funcref_to_raw(func))
}

/// Slots that values of these types take.
pub(crate) fn slots_of(types: &[ValType]) -> usize {
    types.iter().map(|ty| ty.slots()).sum()
}

/// Each type with the slot of its value, the first of which is `slot`.
pub(crate) fn slot_offsets(
    types: &[ValType],
    mut slot: u32,
) -> impl Iterator<Item = (ValType, u32)> {
    types.iter().map(move |&ty| {
        let at = slot;
        slot += ty.slots() as u32;
        (ty, at)
    })
}

/// Writes values one after the other. There must be as many as types.
///
/// # Errors
/// A value of another type or of another store; `what` names the values in the message.
pub(crate) fn write_vals(
    core: &StoreCore,
    types: &[ValType],
    vals: &[Val],
    slots: &mut [u64],
    what: &str,
) -> Result<()> {
    let mut at = 0;
    for (i, (val, &ty)) in vals.iter().zip(types).enumerate() {
        if !val.has_type(ty, core) {
            let found = val.ty();
            return Err(Error::usage(format!(
                "{what} {i} is {found}, expected {ty}"
            )));
        }
        val.to_slots(core, &mut slots[at..])?;
        at += ty.slots();
    }
    Ok(())
}

/// Reads values one after the other. There must be as many as types.
pub(crate) fn read_vals(core: &StoreCore, types: &[ValType], slots: &[u64], vals: &mut [Val]) {
    let mut at = 0;
    for (val, &ty) in vals.iter_mut().zip(types) {
        *val = Val::from_slots(ty, core, &slots[at..]);
        at += ty.slots();
    }
}

/// Calls `f` with that many slots, zeroed; nearly always without allocating.
pub(crate) fn with_slots<R>(count: usize, f: impl FnOnce(&mut [u64]) -> R) -> R {
    if count <= 8 {
        f(&mut [0; 8][..count])
    } else {
        f(&mut vec![0; count])
    }
}

macro_rules! val_from {
    ($($rust:ty => $variant:ident($value:ident => $bits:expr);)*) => { $(
        impl From<$rust> for Val {
            fn from($value: $rust) -> Val {
                Val::$variant($bits)
            }
        }
    )* };
}

val_from! {
    i32 => I32(v => v);
    i64 => I64(v => v);
    f32 => F32(v => v.to_bits());
    f64 => F64(v => v.to_bits());
    u128 => V128(v => v);
    Option<Func> => FuncRef(v => v);
    Option<ExternRef> => ExternRef(v => v);
    Option<AnyRef> => AnyRef(v => v);
    Option<ExnRef> => ExnRef(v => v);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AsContext, Engine, Store};

    #[test]
    fn values_survive_their_slots() {
        let mut store = Store::new(&Engine::default(), ());
        let func = Func::wrap(&mut store, || {});
        let value = ExternRef::new(&mut store, 5);
        let vals = [
            Val::I32(-1),
            Val::I64(i64::MIN),
            Val::F32(0x7fa0_0001), // a signalling NaN
            Val::V128(0x0123_4567_89ab_cdef_0011_2233_4455_6677),
            Val::F64(0xfff0_0000_0000_0001),
            Val::FuncRef(Some(func)),
            Val::FuncRef(None),
            Val::ExternRef(Some(value)),
            Val::ExternRef(None),
        ];
        let types: Vec<ValType> = vals.iter().map(Val::ty).collect();
        assert_eq!(slots_of(&types), vals.len() + 1);
        let mut slots = vec![0; slots_of(&types)];
        let core = store.core();
        write_vals(core, &types, &vals, &mut slots, "value").expect("right types");
        assert_eq!(slots[0], 0xffff_ffff, "zero-extended");
        assert_eq!(slots[3], 0x0011_2233_4455_6677, "low half first");
        assert_eq!((slots[7], slots[9]), (0, 0), "null is 0");
        let mut back = [const { Val::I32(0) }; 9];
        read_vals(core, &types, &slots, &mut back);
        assert_eq!(format!("{back:?}"), format!("{vals:?}"));
    }

    #[test]
    fn wrong_values_are_errors() {
        let mut one = Store::new(&Engine::default(), ());
        let two = Store::new(&Engine::default(), ());
        let func = Func::wrap(&mut one, || {});
        let check = |ty, val, message: &str| {
            let error = write_vals(two.core(), &[ty], &[val], &mut [0; 2], "argument");
            assert_eq!(error.expect_err("wrong").to_string(), message);
        };
        check(ValType::I32, Val::I64(0), "argument 0 is i64, expected i32");
        check(
            ValType::FUNCREF,
            Val::ExternRef(None),
            "argument 0 is externref, expected funcref",
        );
        check(
            ValType::FUNCREF,
            Val::FuncRef(Some(func)),
            "function reference of another store",
        );
        let non_null = ValType::Ref(RefType {
            nullable: false,
            heap: HeapType::Func,
        });
        assert!(!Val::FuncRef(None).has_type(non_null, one.core()));
        assert!(Val::FuncRef(Some(func)).has_type(non_null, one.core()));
    }
}
