//! Identity of types across the modules of an engine.
//!
//! Types are defined in recursive groups, and two groups are the same if they have the same
//! structure, where references into the group itself are by position. So a group is stored with
//! those references marked, and looked up as a whole; each distinct group gets fresh ids.

use std::collections::HashMap;
use std::iter::once;
use std::sync::Arc;

use super::composite::{CompositeType, FieldType, StorageType};
use super::{FuncType, TypeId, ValType};
use crate::error::LoadError;
use crate::gc::layout::{Field, ObjectType, Shape, Storage};

/// Marks an id that is a position in the group that is being defined.
const IN_GROUP: u32 = 1 << 31;

/// Ids that an engine can hand out.
const TYPES_MAX: usize = IN_GROUP as usize;

/// One type of a group, as it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SubType {
    pub(crate) is_final: bool,
    pub(crate) supertype: Option<TypeId>,
    pub(crate) composite: CompositeType,
}

/// What is known of a type. Never moves, and lives as long as its engine.
#[derive(Debug)]
pub(crate) struct TypeInfo {
    pub(crate) id: TypeId,
    pub(crate) composite: CompositeType,
    /// Ids from the outermost supertype down to the type itself: `b` is a supertype of `a`
    /// exactly if it is in `a`'s list at the position that it has in its own.
    pub(crate) supers: Box<[u32]>,
    /// No type can be declared below it.
    #[cfg_attr(not(jit), allow(dead_code, reason = "compiled code asks"))]
    pub(crate) is_final: bool,
    /// How objects of the type lie in memory; for a function type, exceptions whose tag has it.
    pub(crate) object: ObjectType,
}

impl TypeInfo {
    fn new(index: u32, supers: Box<[u32]>, is_final: bool, composite: CompositeType) -> TypeInfo {
        let own = supers.clone();
        let object = match &composite {
            CompositeType::Func(ty) => {
                let carried = ty.params().iter();
                let carried = carried.map(|&ty| StorageType::Val(ty).layout());
                let fields: Vec<Storage> = once(Storage::I64).chain(carried).collect();
                ObjectType::structure(index, own, &fields)
            }
            CompositeType::Struct(ty) => {
                let fields = ty.fields().iter();
                let fields: Vec<Storage> = fields.map(|field| field.storage.layout()).collect();
                ObjectType::structure(index, own, &fields)
            }
            CompositeType::Array(ty) => ObjectType::array(index, own, ty.element.storage.layout()),
        };
        let id = TypeId {
            index,
            kind: composite.kind(),
        };
        TypeInfo {
            id,
            composite: composite.with_id(id),
            supers,
            is_final,
            object,
        }
    }

    /// Number of supertypes.
    pub(crate) fn depth(&self) -> u32 {
        self.supers.len() as u32 - 1
    }

    /// The function type, where validation has seen that it is one.
    pub(crate) fn func(&self) -> &FuncType {
        match &self.composite {
            CompositeType::Func(ty) => ty,
            _ => unreachable!("the validator has seen that it is a function type"),
        }
    }

    /// Fields of the structure type, where validation has seen that it is one.
    pub(crate) fn fields(&self) -> &[FieldType] {
        match &self.composite {
            CompositeType::Struct(ty) => ty.fields(),
            _ => unreachable!("the validator has seen that it is a structure type"),
        }
    }

    /// Where a field of the structure type is, and its type as an operand.
    pub(crate) fn field(&self, index: u32) -> (Field, ValType) {
        let ty = self.fields()[index as usize].storage.unpacked();
        match &self.object.shape {
            Shape::Struct { fields, .. } => (fields[index as usize], ty),
            _ => unreachable!("a structure type has fields"),
        }
    }

    /// How elements of the array type lie, and their type as operands; where validation has seen
    /// that it is one.
    pub(crate) fn element(&self) -> (Storage, ValType) {
        match &self.composite {
            CompositeType::Array(ty) => {
                let storage = ty.element.storage;
                (storage.layout(), storage.unpacked())
            }
            _ => unreachable!("the validator has seen that it is an array type"),
        }
    }
}

/// Every type that a module or host function of the engine mentioned.
///
/// Ids are never reused: code and tables that outlive a module hold them. The registry
/// therefore only grows, by the number of *distinct* groups.
#[derive(Default, Debug)]
pub(crate) struct TypeRegistry {
    groups: HashMap<Box<[SubType]>, u32>,
    types: Vec<Arc<TypeInfo>>,
}

impl TypeRegistry {
    pub(crate) fn info(&self, index: u32) -> &Arc<TypeInfo> {
        &self.types[index as usize]
    }

    /// Is this the id of a function type with these parameters and results?
    pub(crate) fn is_func(&self, id: TypeId, ty: &FuncType) -> bool {
        let info = self.types.get(id.index as usize);
        info.is_some_and(
            |info| matches!(&info.composite, CompositeType::Func(found) if found == ty),
        )
    }

    /// Is `sub` the same type as `sup`, or declared below it?
    pub(crate) fn is_subtype(&self, sub: u32, sup: u32) -> bool {
        if sub == sup {
            return true;
        }
        let (Some(sub), Some(info)) = (self.types.get(sub as usize), self.types.get(sup as usize))
        else {
            return false;
        };
        sub.supers.get(info.supers.len() - 1) == Some(&sup)
    }

    /// The id of a type of the host: final, without supertype, alone in its group.
    pub(crate) fn intern(&mut self, composite: CompositeType) -> TypeId {
        let kind = composite.kind();
        let group = Box::new([SubType {
            is_final: true,
            supertype: None,
            composite,
        }]);
        let index = self.intern_group(group).expect("fewer than 2^31 types");
        TypeId { index, kind }
    }

    /// The first id of a group; the others follow. Ids of the group's own types are positions,
    /// marked by [`in_group`].
    fn intern_group(&mut self, group: Box<[SubType]>) -> Option<u32> {
        if let Some(&first) = self.groups.get(&group) {
            return Some(first);
        }
        let first = u32::try_from(self.types.len()).ok()?;
        if self.types.len() + group.len() > TYPES_MAX {
            return None;
        }
        let own = |id: TypeId| match id.index & IN_GROUP {
            0 => id,
            _ => TypeId {
                index: first + (id.index & !IN_GROUP),
                ..id
            },
        };
        for (position, ty) in group.iter().enumerate() {
            let index = first + position as u32;
            let mut supers = match ty.supertype.map(own) {
                Some(id) => self.types[id.index as usize].supers.to_vec(),
                None => Vec::new(),
            };
            supers.push(index);
            let composite = ty.composite.map_ids(&own);
            let info = TypeInfo::new(index, supers.into(), ty.is_final, composite);
            self.types.push(Arc::new(info));
        }
        self.groups.insert(group, first);
        Some(first)
    }

    /// Reads a validated group of a module; appends the ids of its types to `ids`, which holds
    /// those of the types before it.
    pub(crate) fn read_group(
        &mut self,
        group: wasmparser::RecGroup,
        ids: &mut Vec<TypeId>,
    ) -> Result<(), LoadError> {
        let before = ids.len();
        let types: Vec<(u64, wasmparser::SubType)> = group.into_types_and_offsets().collect();
        // While the group is read, its own types are positions.
        for (position, (offset, ty)) in types.iter().enumerate() {
            ids.push(TypeId {
                index: IN_GROUP | position as u32,
                kind: CompositeType::kind_of(&ty.composite_type, *offset)?,
            });
        }
        let mut group = Vec::with_capacity(types.len());
        for (offset, ty) in &types {
            let supertype = ty
                .supertype_idxs
                .first()
                .and_then(|index| index.as_module_index());
            let supertype = supertype.and_then(|index| ids.get(index as usize).copied());
            group.push(SubType {
                is_final: ty.is_final,
                supertype,
                composite: CompositeType::from_parser(&ty.composite_type, ids, *offset)?,
            });
        }
        let offset = types.first().map_or(0, |ty| ty.0);
        let first = self
            .intern_group(group.into())
            .ok_or_else(|| LoadError::at("too many types in one engine", offset))?;
        for (position, id) in ids[before..].iter_mut().enumerate() {
            id.index = first + position as u32;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Engine, Module};

    fn ids(engine: &Engine, text: &str) -> Vec<u32> {
        let module = Module::new(engine, text).expect("a valid module");
        let types = &module.inner.types;
        types.iter().map(|ty| ty.id.index).collect()
    }

    #[test]
    fn equal_groups_share_ids() {
        let engine = Engine::default();
        let a = ids(
            &engine,
            "(module (rec (type $a (sub (struct (field (ref null $b))))) (type $b (sub (struct (field (ref null $a)))))) (type $f (func (param (ref $a)))))",
        );
        let b = ids(
            &engine,
            "(module (type (func)) (rec (type $a (sub (struct (field (ref null $b))))) (type $b (sub (struct (field (ref null $a)))))) (type $f (func (param (ref $a)))))",
        );
        assert_eq!(a, b[1..]);
        // The same two types in two groups are others.
        let c = ids(
            &engine,
            "(module (rec (type $a (sub (struct (field (ref null $a)))))) (type $b (sub (struct (field (ref null $a))))))",
        );
        assert!(c.iter().all(|id| !a.contains(id)));
    }

    #[test]
    fn declared_supertypes() {
        let engine = Engine::default();
        let t = ids(
            &engine,
            "(module (type $a (sub (struct))) (type $b (sub $a (struct (field i32)))) (type $c (sub final $b (struct (field i32) (field i32)))) (type $d (sub $a (struct (field i64)))))",
        );
        engine.with_types(|types| {
            let check = |a: usize, b: usize| types.is_subtype(t[a], t[b]);
            assert!(check(0, 0) && check(1, 0) && check(2, 0) && check(2, 1) && check(3, 0));
            assert!(!check(0, 1) && !check(1, 2) && !check(3, 1) && !check(1, 3));
        });
    }
}
