//! What a cast compares, of the type that it is to.

use probity_interp::cast::Target;

use crate::module::ModuleInner;
use crate::types::{HeapType, TypeKind};

/// What a reference is tested against to see whether it is of a type; null is another question.
pub(crate) fn cast_target(m: &ModuleInner, heap: HeapType) -> Target {
    match heap {
        heap if heap == heap.top() => Target::Everything,
        heap if heap == heap.bottom() => Target::Nothing,
        HeapType::I31 => Target::I31,
        HeapType::Struct => Target::Struct,
        HeapType::Array => Target::Array,
        HeapType::Concrete(id) if id.kind() == TypeKind::Func => Target::Func { id: id.index },
        HeapType::Concrete(id) => {
            let depth = m.engine.with_types(|types| types.info(id.index).depth());
            Target::Object {
                id: id.index,
                // The validator allows 63.
                depth: depth as u8,
            }
        }
        _ => Target::Eq,
    }
}
