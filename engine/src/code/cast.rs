//! What a cast asks for, as one word in a cell.

use probity_interp::layout::FuncRecord;

use crate::engine::Engine;
use crate::gc::access::type_of;
use crate::gc::layout::{Shape, raw_to_object};
use crate::module::Module;
use crate::types::{HeapType, RefType, TypeKind};

/// A type that a reference is tested against. What the operand's own type says is known by
/// validation: only the target's hierarchy occurs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CastTarget {
    nullable: bool,
    kind: CastKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum CastKind {
    /// Top of a hierarchy.
    Everything,
    /// Bottom of a hierarchy.
    Nothing,
    Eq,
    I31,
    Struct,
    Array,
    /// A structure or array type by its id, which has so many supertypes.
    Object {
        id: u32,
        depth: u8,
    },
    /// A function type by its id.
    Func {
        id: u32,
    },
}

impl CastTarget {
    /// The target `ty` of a cast in `module`.
    pub(crate) fn new(ty: RefType, module: &Module) -> CastTarget {
        let heap = ty.heap;
        let kind = match heap {
            _ if heap == heap.top() => CastKind::Everything,
            _ if heap == heap.bottom() => CastKind::Nothing,
            HeapType::I31 => CastKind::I31,
            HeapType::Struct => CastKind::Struct,
            HeapType::Array => CastKind::Array,
            HeapType::Concrete(id) if id.kind() == TypeKind::Func => {
                CastKind::Func { id: id.index }
            }
            HeapType::Concrete(id) => {
                let engine = &module.inner.engine;
                let depth = engine.with_types(|types| types.info(id.index).depth());
                CastKind::Object {
                    id: id.index,
                    // The validator allows 63.
                    depth: depth as u8,
                }
            }
            _ => CastKind::Eq,
        };
        CastTarget {
            nullable: ty.nullable,
            kind,
        }
    }

    pub(crate) fn encode(self) -> u64 {
        let (kind, depth, id) = match self.kind {
            CastKind::Everything => (0, 0, 0),
            CastKind::Nothing => (1, 0, 0),
            CastKind::Eq => (2, 0, 0),
            CastKind::I31 => (3, 0, 0),
            CastKind::Struct => (4, 0, 0),
            CastKind::Array => (5, 0, 0),
            CastKind::Object { id, depth } => (6, depth, id),
            CastKind::Func { id } => (7, 0, id),
        };
        u64::from(id) | u64::from(depth) << 32 | kind << 40 | u64::from(self.nullable) << 48
    }

    pub(crate) fn decode(word: u64) -> CastTarget {
        let id = word as u32;
        CastTarget {
            nullable: word >> 48 & 1 == 1,
            kind: match word >> 40 & 0xff {
                0 => CastKind::Everything,
                1 => CastKind::Nothing,
                2 => CastKind::Eq,
                3 => CastKind::I31,
                4 => CastKind::Struct,
                5 => CastKind::Array,
                6 => CastKind::Object {
                    id,
                    depth: (word >> 32) as u8,
                },
                _ => CastKind::Func { id },
            },
        }
    }

    /// Whether a reference is of this type.
    ///
    /// # Safety
    /// It must be alive, and of the type's hierarchy.
    pub(crate) unsafe fn accepts(self, raw: u64, engine: &Engine) -> bool {
        if raw == 0 {
            return self.nullable;
        }
        let is = |accept: &dyn Fn(&crate::gc::layout::ObjectType) -> bool| {
            // SAFETY: the object is alive; types live as long as their engine.
            raw_to_object(raw).is_some_and(|object| accept(unsafe { type_of(object) }))
        };
        match self.kind {
            CastKind::Everything => true,
            CastKind::Nothing => false,
            CastKind::I31 => raw & 1 == 1,
            CastKind::Eq => raw & 1 == 1 || is(&|ty| !matches!(ty.shape, Shape::Host)),
            CastKind::Struct => is(&|ty| matches!(ty.shape, Shape::Struct { .. })),
            CastKind::Array => is(&|ty| matches!(ty.shape, Shape::Array { .. })),
            CastKind::Object { id, depth } => is(&|ty| ty.is_subtype_of(id, depth.into())),
            CastKind::Func { id } => {
                // SAFETY: non-null function references are addresses of the store's records.
                let sig = unsafe { (*(raw as *const FuncRecord)).sig };
                sig == id || engine.with_types(|types| types.is_subtype(sig, id))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_survive_their_words() {
        let kinds = [
            CastKind::Everything,
            CastKind::Nothing,
            CastKind::Eq,
            CastKind::I31,
            CastKind::Struct,
            CastKind::Array,
            CastKind::Object {
                id: 0x7fff_ffff,
                depth: 63,
            },
            CastKind::Func { id: 5 },
        ];
        for kind in kinds {
            for nullable in [false, true] {
                let target = CastTarget { nullable, kind };
                assert_eq!(CastTarget::decode(target.encode()), target);
            }
        }
    }
}
