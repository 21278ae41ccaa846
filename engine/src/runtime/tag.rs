//! Exception tags.

use super::{AsContext, AsContextMut, StoreCore};
use crate::types::{FuncType, TypeId};

/// An exception tag: what kind of exception is thrown, and the types of what it carries.
///
/// ```
/// use probity_engine::{Engine, FuncType, Store, Tag, ValType};
///
/// let mut store = Store::new(&Engine::default(), ());
/// let tag = Tag::new(&mut store, FuncType::new([ValType::I32], []));
/// assert_eq!(tag.ty(&store).params(), [ValType::I32]);
/// // Tags are not known by their types: another one is another tag.
/// assert_ne!(tag, Tag::new(&mut store, FuncType::new([ValType::I32], [])));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag {
    pub(crate) store: u64,
    pub(crate) id: u32,
}

/// A tag as the store owns it.
pub(crate) struct TagData {
    pub(crate) ty: FuncType,
    pub(crate) type_id: TypeId,
}

impl Tag {
    /// Creates a tag whose exceptions carry values of the types of the parameters.
    pub fn new(store: &mut impl AsContextMut, ty: FuncType) -> Tag {
        let core = store.core_mut();
        let type_id = core.engine().func_type(&ty);
        let id = core.add_tag(ty, type_id);
        Tag {
            store: core.id(),
            id,
        }
    }

    /// Its type: the parameters are what its exceptions carry; there are no results.
    pub fn ty(&self, store: &impl AsContext) -> FuncType {
        self.of(store.core()).ty.clone()
    }

    pub(crate) fn of<'a>(&self, core: &'a StoreCore) -> &'a TagData {
        core.check(self.store);
        &core.tags[self.id as usize]
    }
}
