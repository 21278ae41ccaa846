//! References to the guest's values: 31-bit integers, structures, arrays.

use std::ptr::NonNull;
use std::sync::Arc;

use super::core::StoreCore;
use super::root::Root;
use super::{AsContext, AsContextMut, ExternRef, Val};
use crate::error::{Error, Result, Trap, TrapCode};
use crate::gc::access::{self, element_offset, type_of};
use crate::gc::layout::{
    Header, Shape, Storage, i31_to_raw, object_to_raw, raw_to_i31, raw_to_object,
};
use crate::types::registry::TypeInfo;
use crate::types::{CompositeType, FieldType, HeapType, TypeId, TypeKind, ValType};

/// A reference of the `any` hierarchy, not null. Keeps what it refers to alive. Equal if it is the same
/// object or integer.
///
/// ```
/// use probity_engine::{
///     AnyRef, Engine, FieldType, HeapType, StorageType, Store, StructType, Val, ValType,
/// };
///
/// assert_eq!(AnyRef::i31(-5).as_i31(), Some(-5));
/// assert_eq!(AnyRef::i31(i32::MAX).as_i31(), Some(-1), "31 bits are kept");
///
/// let engine = Engine::default();
/// let mut store = Store::new(&engine, ());
/// let field = |storage| FieldType { storage, mutable: true };
/// let fields = [field(StorageType::I8), field(StorageType::Val(ValType::ANYREF))];
/// let pair = engine.struct_type(&StructType::new(fields));
/// let five = AnyRef::i31(5);
/// let object = AnyRef::new_struct(&mut store, pair, &[Val::I32(1), Some(five.clone()).into()])?;
/// assert_eq!(object.ty(&store)?, HeapType::Concrete(pair));
/// object.set(&mut store, 0, Val::I32(0x1ff))?;
/// assert!(matches!(object.get(&store, 0)?, Val::I32(0xff)));
/// assert!(matches!(object.get(&store, 1)?, Val::AnyRef(Some(value)) if value == five));
/// # Ok::<(), probity_engine::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnyRef(Repr);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Repr {
    /// The word of the reference; no object.
    I31(u64),
    Object(Root),
}

/// A structure or array, where its parts are.
struct Parts {
    object: NonNull<Header>,
    ty: Arc<TypeInfo>,
}

impl AnyRef {
    /// A reference to the low 31 bits of an integer.
    pub fn i31(value: i32) -> AnyRef {
        AnyRef(Repr::I31(i31_to_raw(value)))
    }

    /// The integer, sign-extended from 31 bits, if it is one.
    pub fn as_i31(&self) -> Option<i32> {
        match self.0 {
            Repr::I31(raw) => raw_to_i31(raw),
            Repr::Object(_) => None,
        }
    }

    /// A new structure.
    ///
    /// # Errors
    /// `ty` is no structure type, a value is not of its field's type or belongs to another store,
    /// or the store's limit is reached.
    pub fn new_struct(store: &mut impl AsContextMut, ty: TypeId, fields: &[Val]) -> Result<AnyRef> {
        if ty.kind() != TypeKind::Struct {
            return Err(Error::usage(format!("{ty} is no structure type")));
        }
        AnyRef::make(store.core_mut(), ty, 0, fields)
    }

    /// A new array of these elements.
    ///
    /// # Errors
    /// As for [`AnyRef::new_struct`].
    pub fn new_array(
        store: &mut impl AsContextMut,
        ty: TypeId,
        elements: &[Val],
    ) -> Result<AnyRef> {
        let len = u32::try_from(elements.len());
        let (TypeKind::Array, Ok(len)) = (ty.kind(), len) else {
            return Err(Error::usage(format!("{ty} is no type of such an array")));
        };
        AnyRef::make(store.core_mut(), ty, len, elements)
    }

    fn make(core: &mut StoreCore, ty: TypeId, len: u32, values: &[Val]) -> Result<AnyRef> {
        let ty = core
            .engine()
            .with_types(|types| types.info(ty.index).clone());
        let count = match &ty.composite {
            CompositeType::Struct(ty) => ty.fields().len(),
            _ => values.len(),
        };
        if count != values.len() {
            let message = format!("{} values for {count} fields", values.len());
            return Err(Error::usage(message));
        }
        // Before anything is allocated: the values are held by their handles meanwhile.
        for (i, value) in values.iter().enumerate() {
            let field = field_type(&ty, i as u32);
            core.val_to_raw(field.storage.unpacked(), value.clone())?;
        }
        // SAFETY: types live as long as their engine, which the store holds.
        let object = unsafe { core.allocate(&ty.object, len)? };
        let parts = Parts { object, ty };
        for (i, value) in values.iter().enumerate() {
            parts.set(core, i as u32, value.clone())?;
        }
        Ok(AnyRef(Repr::Object(core.root(object_to_raw(object)))))
    }

    /// The most precise type: `i31`, that of the structure or array, or `any` for a value of the
    /// host.
    ///
    /// # Errors
    /// It belongs to another store.
    pub fn ty(&self, store: &impl AsContext) -> Result<HeapType> {
        let core = store.core();
        AnyRef::to_raw(Some(self), core)?;
        Ok(self.heap_type(core))
    }

    /// Is it a structure of this store?
    pub fn is_struct(&self, store: &impl AsContext) -> bool {
        self.is_kind(store, TypeKind::Struct)
    }

    /// Is it an array of this store?
    pub fn is_array(&self, store: &impl AsContext) -> bool {
        self.is_kind(store, TypeKind::Array)
    }

    fn is_kind(&self, store: &impl AsContext, kind: TypeKind) -> bool {
        matches!(self.heap_type(store.core()), HeapType::Concrete(ty) if ty.kind() == kind)
    }

    /// Is it a value of the host (`any.convert_extern`) of this store?
    pub fn is_extern(&self, store: &impl AsContext) -> bool {
        match &self.0 {
            Repr::I31(_) => false,
            Repr::Object(root) => {
                root.raw(store.core()).is_ok() && self.heap_type(store.core()) == HeapType::Any
            }
        }
    }

    /// The same value as the host's (`extern.convert_any`).
    pub fn to_extern(&self, store: &impl AsContext) -> ExternRef {
        ExternRef::from_root(match &self.0 {
            Repr::I31(raw) => store.core().root(*raw),
            Repr::Object(root) => root.clone(),
        })
    }

    /// Fields of a structure, or elements of an array.
    ///
    /// # Errors
    /// It is neither, or belongs to another store.
    pub fn len(&self, store: &impl AsContext) -> Result<u32> {
        Ok(self.parts(store.core())?.len())
    }

    /// Has it no fields or elements?
    ///
    /// # Errors
    /// As for [`AnyRef::len`].
    pub fn is_empty(&self, store: &impl AsContext) -> Result<bool> {
        Ok(self.len(store)? == 0)
    }

    /// A field or element; packed ones are zero-extended.
    ///
    /// # Errors
    /// It is neither structure nor array, has no such part, or belongs to another store.
    pub fn get(&self, store: &impl AsContext, i: u32) -> Result<Val> {
        let core = store.core();
        let parts = self.parts(core)?;
        let (storage, offset) = parts.place(i)?;
        // SAFETY: the object is held by this handle, and has the part.
        let raw = unsafe { access::load(parts.object, offset, storage, false) };
        Ok(core.raw_to_val(field_type(&parts.ty, i).storage.unpacked(), raw))
    }

    /// Sets a field or element; packed ones take the low bits.
    ///
    /// # Errors
    /// As for [`AnyRef::get`]; the part is immutable, or `v` is not of its type.
    pub fn set(&self, store: &mut impl AsContextMut, i: u32, v: Val) -> Result<()> {
        let core = store.core_mut();
        let parts = self.parts(core)?;
        parts.place(i)?;
        if !field_type(&parts.ty, i).mutable {
            return Err(Error::usage(format!(
                "part {i} of {} is immutable",
                parts.ty.id
            )));
        }
        parts.set(core, i, v)
    }

    fn parts(&self, core: &StoreCore) -> Result<Parts> {
        let object = raw_to_object(AnyRef::to_raw(Some(self), core)?);
        match (object, self.heap_type(core)) {
            (Some(object), HeapType::Concrete(id)) => {
                let ty = core
                    .engine()
                    .with_types(|types| types.info(id.index).clone());
                Ok(Parts { object, ty })
            }
            _ => Err(Error::usage("neither a structure nor an array")),
        }
    }

    /// The most precise type.
    pub(crate) fn heap_type(&self, core: &StoreCore) -> HeapType {
        match &self.0 {
            Repr::I31(_) => HeapType::I31,
            Repr::Object(root) => match root.raw(core) {
                Ok(raw) => heap_type_of(raw),
                Err(_) => HeapType::Any,
            },
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

    /// The value behind an external reference that may be a converted integer.
    pub(super) fn from_root(root: Root) -> AnyRef {
        AnyRef(match root.word() {
            raw if raw & 1 != 0 => Repr::I31(raw),
            _ => Repr::Object(root),
        })
    }
}

/// The type of what a live reference of the `any` hierarchy refers to, not null.
fn heap_type_of(raw: u64) -> HeapType {
    let Some(object) = raw_to_object(raw) else {
        return HeapType::I31;
    };
    // SAFETY: a handle keeps the object alive.
    let ty = unsafe { type_of(object) };
    let kind = match ty.shape {
        Shape::Struct { .. } => TypeKind::Struct,
        Shape::Array { .. } => TypeKind::Array,
        Shape::Host => return HeapType::Any,
    };
    HeapType::Concrete(TypeId { index: ty.id, kind })
}

/// Type of a field, or of any element.
fn field_type(ty: &TypeInfo, i: u32) -> FieldType {
    match &ty.composite {
        CompositeType::Struct(ty) => ty.fields()[i as usize],
        CompositeType::Array(ty) => ty.element,
        CompositeType::Func(_) => unreachable!("functions have no fields"),
    }
}

impl Parts {
    fn len(&self) -> u32 {
        match &self.ty.object.shape {
            Shape::Struct { fields, .. } => fields.len() as u32,
            // SAFETY: a handle keeps the object alive.
            _ => unsafe { access::len(self.object) },
        }
    }

    /// How and where a part lies.
    fn place(&self, i: u32) -> Result<(Storage, usize)> {
        if i >= self.len() {
            let message = format!("no part {i} in {} of {} parts", self.ty.id, self.len());
            return Err(Error::usage(message));
        }
        Ok(match &self.ty.object.shape {
            Shape::Array { element, .. } => (*element, element_offset(*element, i)),
            Shape::Struct { fields, .. } => {
                let field = fields[i as usize];
                (field.storage, field.offset as usize)
            }
            Shape::Host => return Err(Trap::new(TrapCode::CastFailure).into()),
        })
    }

    fn set(&self, core: &StoreCore, i: u32, v: Val) -> Result<()> {
        let (storage, offset) = self.place(i)?;
        let ty: ValType = field_type(&self.ty, i).storage.unpacked();
        let raw = core.val_to_raw(ty, v)?;
        // SAFETY: the object is alive and has the part; the value is of its type and store.
        unsafe { access::store(self.object, offset, storage, raw) };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArrayType, Engine, StorageType, Store, StructType};

    fn field(storage: StorageType, mutable: bool) -> FieldType {
        FieldType { storage, mutable }
    }

    #[test]
    fn arrays_and_their_limits() {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let element = field(StorageType::Val(ValType::V128), true);
        let ty = engine.array_type(&ArrayType { element });
        let vals = [Val::V128(1), Val::V128(u128::MAX)];
        let array = AnyRef::new_array(&mut store, ty, &vals).expect("an array");
        assert!(array.is_array(&store) && !array.is_struct(&store) && !array.is_extern(&store));
        assert_eq!(array.len(&store).expect("an array"), 2);
        assert!(matches!(array.get(&store, 1), Ok(Val::V128(u128::MAX))));
        array.set(&mut store, 1, Val::V128(7)).expect("mutable");
        assert!(matches!(array.get(&store, 1), Ok(Val::V128(7))));
        assert!(array.get(&store, 2).is_err());
        assert!(array.set(&mut store, 0, Val::I32(1)).is_err());
        assert!(AnyRef::new_array(&mut store, ty, &[Val::I64(1)]).is_err());
        assert!(AnyRef::new_struct(&mut store, ty, &[]).is_err());
        assert!(AnyRef::i31(1).len(&store).is_err());
        let other = Store::new(&engine, ());
        assert!(array.get(&other, 0).is_err() && array.ty(&other).is_err());
        assert!(!array.is_array(&other));
    }

    #[test]
    fn handles_keep_what_they_hold_and_no_more() {
        let engine = Engine::default();
        let mut store = Store::new(&engine, ());
        let any = field(StorageType::Val(ValType::ANYREF), false);
        let pair = engine.struct_type(&StructType::new([any, any]));
        let leaf = AnyRef::new_struct(&mut store, pair, &[Val::AnyRef(None), Val::AnyRef(None)]);
        let leaf = Val::AnyRef(Some(leaf.expect("a structure")));
        let root = AnyRef::new_struct(&mut store, pair, &[leaf.clone(), leaf]);
        let root = root.expect("a structure");
        store.gc();
        assert_eq!(store.heap_stats().objects, 2);
        assert!(
            root.set(&mut store, 0, Val::AnyRef(None)).is_err(),
            "immutable"
        );
        let clone = root.clone();
        drop(root);
        store.gc();
        assert_eq!(store.heap_stats().objects, 2);
        drop(clone);
        store.gc();
        assert_eq!(store.heap_stats().objects, 0);
    }

    #[test]
    fn conversions() {
        let mut store = Store::new(&Engine::default(), ());
        let value = ExternRef::new(&mut store, 5u8);
        let any = value.to_any();
        assert!(any.is_extern(&store));
        assert_eq!(any.to_extern(&store), value);
        let number = AnyRef::i31(-3).to_extern(&store);
        assert!(number.data(&store).is_none());
        assert_eq!(number.to_any(), AnyRef::i31(-3));
    }
}
