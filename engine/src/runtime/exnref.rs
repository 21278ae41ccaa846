//! References to exceptions, and exceptions as objects of the heap.
//!
//! An exception is a structure: its tag's number, then what it carries.

use std::ptr::NonNull;

use super::core::StoreCore;
use super::root::Root;
use super::value::slots_of;
use super::{AsContext, AsContextMut, Tag, Val};
use crate::error::{Error, Result, TrapCode};
use crate::gc::access;
use crate::gc::layout::{Field, Header, Shape, object_to_raw, raw_to_object};

/// An exception. Keeps what it carries alive. Equal if it is the same exception.
///
/// ```
/// use probity_engine::{Engine, ExnRef, FuncType, Store, Tag, Val, ValType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let tag = Tag::new(&mut store, FuncType::new([ValType::I32], []));
/// let exn = ExnRef::new(&mut store, &tag, &[Val::I32(7)])?;
/// assert_eq!(exn.tag(&store), tag);
/// assert!(matches!(exn.args(&store)[..], [Val::I32(7)]));
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExnRef(Root);

impl ExnRef {
    /// A new exception that carries `args`.
    ///
    /// # Errors
    /// The arguments are not of the types of the tag, belong to another store, or the store's limit
    /// is reached.
    pub fn new(store: &mut impl AsContextMut, tag: &Tag, args: &[Val]) -> Result<ExnRef> {
        let core = store.core_mut();
        let types = tag.of(core).ty.clone();
        if types.params().len() != args.len() {
            return Err(Error::usage(format!(
                "{} arguments for an exception of {}",
                args.len(),
                types.params().len()
            )));
        }
        let mut slots = vec![0; slots_of(types.params())];
        super::value::write_vals(core, types.params(), args, &mut slots, "argument")?;
        // SAFETY: as many slots as the tag has; the handles in `args` hold what is in them.
        let raw = unsafe { core.new_exception(tag.id, slots.as_ptr()) }?;
        Ok(ExnRef(core.root(raw)))
    }

    /// Its tag.
    ///
    /// # Panics
    /// It belongs to another store.
    pub fn tag(&self, store: &impl AsContext) -> Tag {
        let core = store.core();
        Tag {
            store: core.id(),
            id: core.exception_tag(self.object(core)),
        }
    }

    /// What it carries.
    ///
    /// # Panics
    /// It belongs to another store.
    pub fn args(&self, store: &impl AsContext) -> Vec<Val> {
        let core = store.core();
        let object = self.object(core);
        let tag = &core.tags[core.exception_tag(object) as usize];
        let params = tag.ty.params().iter().zip(carried(object));
        let read = |(&ty, field): (_, &Field)| {
            // SAFETY: the handle keeps the object alive.
            let raw = unsafe { access::load(object, field.offset as usize, field.storage, false) };
            core.raw_to_val(ty, raw)
        };
        params.map(read).collect()
    }

    fn object(&self, core: &StoreCore) -> NonNull<Header> {
        let raw = self.0.raw(core).expect("exception of this store");
        raw_to_object(raw).expect("exceptions are objects")
    }

    pub(crate) fn to_raw(this: Option<&ExnRef>, core: &StoreCore) -> Result<u64> {
        this.map_or(Ok(0), |exn| exn.0.raw(core))
    }

    pub(crate) fn from_raw(raw: u64, core: &StoreCore) -> Option<ExnRef> {
        (raw != 0).then(|| ExnRef(core.root(raw)))
    }
}

/// The fields behind the tag of an exception that is alive.
fn carried<'a>(exception: NonNull<Header>) -> &'a [Field] {
    // SAFETY: the exception is alive, and types live as long as the engine.
    match unsafe { &access::type_of(exception).shape } {
        Shape::Struct { fields, .. } => &fields[1..],
        _ => &[],
    }
}

impl StoreCore {
    /// A new exception that carries the values in `slots`, as a raw reference. May collect.
    ///
    /// # Errors
    /// The limit is reached.
    ///
    /// # Safety
    /// The slots hold values of the tag's types, references among them being roots.
    pub(crate) unsafe fn new_exception(
        &mut self,
        tag: u32,
        slots: *const u64,
    ) -> Result<u64, TrapCode> {
        let ty = self.tags[tag as usize].type_id;
        let ty = self
            .engine()
            .with_types(|types| types.info(ty.index).clone());
        // SAFETY: types live as long as their engine, which the store holds. The object has a
        // tag, and fields for the values of its type.
        unsafe {
            let object = self.allocate(&ty.object, 0)?;
            let Shape::Struct { fields, .. } = &ty.object.shape else {
                unreachable!("exceptions are structures");
            };
            let Field { offset, storage } = fields[0];
            access::store(object, offset as usize, storage, tag.into());
            let mut at = slots;
            for field in carried(object) {
                let (value, next) = read_slots(at, field);
                access::store(object, field.offset as usize, field.storage, value);
                at = next;
            }
            Ok(object_to_raw(object))
        }
    }

    /// The tag of an exception that is alive.
    pub(crate) fn exception_tag(&self, exception: NonNull<Header>) -> u32 {
        // SAFETY: an exception's first field is its tag.
        unsafe {
            let offset = crate::gc::layout::HEADER_BYTES as usize;
            access::load(exception, offset, crate::gc::layout::Storage::I64, false) as u32
        }
    }

    /// Writes what an exception carries to slots; gives the slot behind.
    ///
    /// # Safety
    /// The exception is alive, and there is room for the values of its tag's types.
    pub(crate) unsafe fn exception_values(
        &self,
        exception: NonNull<Header>,
        slots: *mut u64,
    ) -> *mut u64 {
        let mut at = slots;
        for field in carried(exception) {
            // SAFETY: by contract.
            unsafe {
                let raw = access::load(exception, field.offset as usize, field.storage, false);
                *at = raw as u64;
                at = at.add(1);
                if field.storage.size() == 16 {
                    *at = (raw >> 64) as u64;
                    at = at.add(1);
                }
            }
        }
        at
    }
}

/// The value of a field in slots, and the slot behind it.
///
/// # Safety
/// The slots must be there.
unsafe fn read_slots(at: *const u64, field: &Field) -> (u128, *const u64) {
    // SAFETY: by contract.
    unsafe {
        let low = u128::from(*at);
        match field.storage.size() {
            16 => (low | u128::from(*at.add(1)) << 64, at.add(2)),
            _ => (low, at.add(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, ExternRef, FuncType, Store, ValType};

    #[test]
    fn exceptions_keep_what_they_carry() {
        let mut store = Store::new(&Engine::default(), ());
        let ty = FuncType::new([ValType::V128, ValType::EXTERNREF, ValType::F32], []);
        let tag = Tag::new(&mut store, ty);
        let value = ExternRef::new(&mut store, "carried");
        let args = [Val::V128(1 << 100 | 5), Some(value).into(), Val::F32(9)];
        let exn = ExnRef::new(&mut store, &tag, &args).expect("right types");
        assert!(ExnRef::new(&mut store, &tag, &args[..2]).is_err());
        let wrong = [args[1].clone(), args[1].clone(), args[2].clone()];
        assert!(ExnRef::new(&mut store, &tag, &wrong).is_err());
        drop((args, wrong));
        store.gc();
        assert_eq!(store.heap_stats().objects, 2);
        let args = exn.args(&store);
        let [Val::V128(vector), Val::ExternRef(Some(value)), Val::F32(9)] = &args[..] else {
            panic!("{args:?}");
        };
        assert_eq!(*vector, 1 << 100 | 5);
        assert_eq!(
            value.data(&store).and_then(|v| v.downcast_ref()),
            Some(&"carried")
        );
    }
}
