//! The rules by which an import accepts what is offered for it.

use super::registry::TypeRegistry;
use super::*;

/// May something of type `found` be given for an import of type `expected`? The minimum of
/// a `found` memory or table is its size now (specification, "Import Matching"). Functions and
/// tags are not compared here: their types have identities, which this form of them lacks.
pub(crate) fn extern_matches(
    expected: &ExternType,
    found: &ExternType,
    registry: &TypeRegistry,
) -> bool {
    match (expected, found) {
        (ExternType::Func(_), ExternType::Func(_)) | (ExternType::Tag(_), ExternType::Tag(_)) => {
            true
        }
        (ExternType::Global(e), ExternType::Global(f)) => global_matches(e, f, registry),
        (ExternType::Memory(e), ExternType::Memory(f)) => {
            e.memory64 == f.memory64
                && e.shared == f.shared
                && e.page_size_log2 == f.page_size_log2
                && limits_match((e.minimum, e.maximum), (f.minimum, f.maximum))
        }
        (ExternType::Table(e), ExternType::Table(f)) => {
            e.element == f.element
                && e.table64 == f.table64
                && limits_match((e.minimum, e.maximum), (f.minimum, f.maximum))
        }
        _ => false,
    }
}

/// A variable must have exactly the type, since both sides write it; a constant may be of
/// a subtype.
fn global_matches(expected: &GlobalType, found: &GlobalType, registry: &TypeRegistry) -> bool {
    match (expected.mutable, found.mutable) {
        (true, true) => expected.content == found.content,
        (false, false) => match (expected.content, found.content) {
            (ValType::Ref(e), ValType::Ref(f)) => f.is_subtype_of(e, registry),
            (e, f) => e == f,
        },
        _ => false,
    }
}

/// `found` is at least as large, and promised not to grow beyond what `expected` allows.
fn limits_match(expected: (u64, Option<u64>), found: (u64, Option<u64>)) -> bool {
    found.0 >= expected.0
        && match (expected.1, found.1) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(e), Some(f)) => f <= e,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: MemoryType = MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: 16,
    };

    fn memory(minimum: u64, maximum: Option<u64>) -> ExternType {
        ExternType::Memory(MemoryType {
            minimum,
            maximum,
            ..MEMORY
        })
    }

    #[test]
    fn limits_of_imports() {
        let check = |e, f, expect| {
            assert_eq!(
                extern_matches(&e, &f, &TypeRegistry::default()),
                expect,
                "{e} <- {f}"
            )
        };
        check(memory(1, None), memory(1, None), true);
        check(memory(1, None), memory(2, Some(3)), true);
        check(memory(2, None), memory(1, None), false);
        check(memory(1, Some(3)), memory(1, Some(3)), true);
        check(memory(1, Some(3)), memory(1, Some(2)), true);
        check(memory(1, Some(3)), memory(1, Some(4)), false);
        check(memory(1, Some(3)), memory(1, None), false);
        let m64 = ExternType::Memory(MemoryType {
            memory64: true,
            ..MEMORY
        });
        check(memory(1, None), m64, false);
    }

    #[test]
    fn globals_and_kinds_of_imports() {
        let global = |content, mutable| ExternType::Global(GlobalType { content, mutable });
        let non_null = ValType::Ref(RefType {
            nullable: false,
            heap: HeapType::Func,
        });
        let check = |e, f, expect| {
            assert_eq!(
                extern_matches(&e, &f, &TypeRegistry::default()),
                expect,
                "{e} <- {f}"
            )
        };
        check(
            global(ValType::I32, false),
            global(ValType::I32, false),
            true,
        );
        check(
            global(ValType::I32, false),
            global(ValType::I64, false),
            false,
        );
        check(
            global(ValType::I32, true),
            global(ValType::I32, false),
            false,
        );
        check(
            global(ValType::I32, false),
            global(ValType::I32, true),
            false,
        );
        check(
            global(ValType::FUNCREF, false),
            global(non_null, false),
            true,
        );
        check(
            global(ValType::FUNCREF, true),
            global(non_null, true),
            false,
        );
        check(
            global(non_null, false),
            global(ValType::FUNCREF, false),
            false,
        );
        check(global(ValType::I32, false), memory(1, None), false);
        let f = |p: &[ValType]| ExternType::Func(FuncType::new(p.iter().copied(), []));
        check(f(&[ValType::I32]), memory(1, None), false);
    }

    #[test]
    fn types_are_shown_as_in_the_specification() {
        let ty = FuncType::new([ValType::I32, ValType::FUNCREF], [ValType::V128]);
        assert_eq!(
            ExternType::Func(ty).to_string(),
            "func [i32 funcref] -> [v128]"
        );
        assert_eq!(memory(1, Some(2)).to_string(), "memory 1 2");
        let table = TableType {
            element: RefType::EXTERNREF,
            minimum: 3,
            maximum: None,
            table64: false,
        };
        assert_eq!(ExternType::Table(table).to_string(), "table 3 externref");
    }
}
