//! What one operator works on: how many operands it takes from the stack, and
//! which numbers are part of it. From wasmparser's table of operators, like
//! [`crate::opcode`].

use probity_engine::wasmparser::{
    self, BlockType, BrTable, HeapType, Ieee32, Ieee64, MemArg, Operator, Ordering, RefType,
    ResumeTable, TryTable, V128, ValType,
};
use probity_engine::{CompositeType, FunctionInfo, Module};

use crate::opcode::{Class, Opcode};

/// Number of operands that an operator of `function` takes. What a branch hands to
/// its label is not among them, nor are parameters of blocks: of `if`, `br_if`
/// and `br_table` it is what decides, of `br_on_*` the reference.
///
/// `None` for operators of proposals that the engine does not have.
pub fn count(op: &Operator<'_>, module: &Module, function: &FunctionInfo<'_>) -> Option<u32> {
    if let Some((pops, _)) = fixed(op) {
        return Some(pops);
    }
    let params = |type_index: u32| Some(module.func_type(type_index)?.params().len() as u32);
    let fields = |type_index: u32| match module.composite_type(type_index)? {
        CompositeType::Struct(ty) => Some(ty.fields().len() as u32),
        _ => None,
    };
    match op {
        Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::TryTable { .. }
        | Operator::Else
        | Operator::End
        | Operator::Br { .. } => Some(0),
        Operator::If { .. }
        | Operator::BrIf { .. }
        | Operator::BrTable { .. }
        | Operator::BrOnNull { .. }
        | Operator::BrOnNonNull { .. }
        | Operator::BrOnCast { .. }
        | Operator::BrOnCastFail { .. } => Some(1),
        Operator::Return => Some(function.ty().results().len() as u32),
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            Some(module.function(*function_index)?.num_params())
        }
        Operator::CallIndirect { type_index, .. }
        | Operator::ReturnCallIndirect { type_index, .. }
        | Operator::CallRef { type_index }
        | Operator::ReturnCallRef { type_index } => Some(params(*type_index)? + 1),
        Operator::StructNew { struct_type_index } => fields(*struct_type_index),
        Operator::ArrayNewFixed { array_size, .. } => Some(*array_size),
        Operator::TypedSelectMulti { tys } => Some(2 * tys.len() as u32 + 1),
        Operator::Throw { tag_index } => Some(module.tag_type(*tag_index)?.params().len() as u32),
        _ => None,
    }
}

/// Number of results that an operator leaves on the stack, where it goes on; those of blocks are none of its.
/// `None` where that is not told.
pub fn results(op: &Operator<'_>, module: &Module) -> Option<u32> {
    if let Some((_, pushes)) = fixed(op) {
        return Some(pushes);
    }
    let results = |type_index: u32| Some(module.func_type(type_index)?.results().len() as u32);
    match op {
        Operator::Call { function_index } => {
            Some(module.function(*function_index)?.ty().results().len() as u32)
        }
        Operator::CallIndirect { type_index, .. } | Operator::CallRef { type_index } => {
            results(*type_index)
        }
        Operator::StructNew { .. } | Operator::ArrayNewFixed { .. } => Some(1),
        Operator::TypedSelectMulti { tys } => Some(tys.len() as u32),
        _ => None,
    }
}

/// A number that is part of an operator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Immediate {
    /// An index, label, lane or integer constant.
    Int(i64),
    /// A float constant.
    Float(f64),
    /// A vector constant or the lanes of a shuffle, the first in the low bits.
    Vector(u128),
}

/// The immediates that are numbers, in binary order. Those of memory accesses are
/// in [`memarg`]; types, catch clauses and orderings are none.
pub fn immediates(op: &Operator<'_>) -> Vec<Immediate> {
    let mut list = Vec::new();
    visit(op, &mut |part| part.push(&mut list));
    list
}

/// The memory, offset and alignment of an access.
pub fn memarg(op: &Operator<'_>) -> Option<MemArg> {
    let mut found = None;
    visit(op, &mut |part| found = found.or(part.memarg()));
    found
}

/// The category that Whamm puts an opcode into.
pub fn category(opcode: Opcode) -> &'static str {
    let name = opcode.mnemonic();
    let (space, what) = name.split_once('.').unwrap_or(("", name));
    match opcode.class() {
        _ if what.starts_with("throw") || what == "try_table" => "exn",
        Class::Local => "local",
        Class::Global => "global",
        _ if space == "ref" => "gc",
        Class::Const => "const",
        Class::Compare => "compare",
        Class::Int | Class::Float => {
            let converts = ["wrap", "extend", "convert", "demote", "promote", "trunc_"];
            let reinterprets = what.starts_with("reinterpret");
            match reinterprets || converts.iter().any(|word| what.starts_with(word)) {
                true => "convert",
                false => "arith",
            }
        }
        Class::Mul | Class::Div | Class::FloatDiv => "arith",
        Class::Load => "load",
        Class::Store => "store",
        Class::Branch | Class::BranchIf | Class::BranchTable => "control",
        Class::Call | Class::CallIndirect | Class::CallHost => "control",
        Class::Simd => "simd",
        Class::Atomic => "atomic",
        Class::Gc => "gc",
        Class::Select => "misc",
        Class::Other => match (space, what) {
            ("memory" | "data", _) => "memory",
            ("table" | "elem", _) => "table",
            ("", "block" | "loop" | "else" | "end") => "control",
            _ => "misc",
        },
    }
}

/// A part of an operator.
trait Part {
    fn push(&self, _list: &mut Vec<Immediate>) {}

    fn memarg(&self) -> Option<MemArg> {
        None
    }
}

macro_rules! integers {
    ($($ty:ty),*) => { $(
        impl Part for $ty {
            fn push(&self, list: &mut Vec<Immediate>) {
                list.push(Immediate::Int((*self).into()));
            }
        }
    )* };
}
integers!(u8, u32, i32, i64);

macro_rules! no_numbers {
    ($($ty:ty),*) => { $( impl Part for $ty {} )* };
}
no_numbers!(
    BlockType,
    HeapType,
    Ordering,
    RefType,
    ResumeTable,
    TryTable,
    ValType,
    Vec<ValType>
);

impl Part for Ieee32 {
    fn push(&self, list: &mut Vec<Immediate>) {
        list.push(Immediate::Float(f32::from_bits(self.bits()).into()));
    }
}

impl Part for Ieee64 {
    fn push(&self, list: &mut Vec<Immediate>) {
        list.push(Immediate::Float(f64::from_bits(self.bits())));
    }
}

impl Part for V128 {
    fn push(&self, list: &mut Vec<Immediate>) {
        list.push(Immediate::Vector(u128::from_le_bytes(*self.bytes())));
    }
}

impl Part for [u8; 16] {
    fn push(&self, list: &mut Vec<Immediate>) {
        list.push(Immediate::Vector(u128::from_le_bytes(*self)));
    }
}

impl Part for BrTable<'_> {
    fn push(&self, list: &mut Vec<Immediate>) {
        let targets = self.targets().flatten().chain([self.default()]);
        list.extend(targets.map(|target| Immediate::Int(target.into())));
    }
}

impl Part for MemArg {
    fn memarg(&self) -> Option<MemArg> {
        Some(*self)
    }
}

macro_rules! define {
    (@number $pops:literal -> $pushes:literal) => { Some(($pops, $pushes)) };
    (@number memarg $pops:literal -> $pushes:literal) => { Some(($pops, $pushes)) };
    (@number custom) => { None };
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident (arity $($arity:tt)*) )*) => {
        /// Operands and results, where their number is always the same.
        fn fixed(op: &Operator<'_>) -> Option<(u32, u32)> {
            match op {
                $( Operator::$op { .. } => define!(@number $($arity)*), )*
                _ => None,
            }
        }

        fn visit(op: &Operator<'_>, see: &mut dyn FnMut(&dyn Part)) {
            match op {
                $( Operator::$op $({ $($arg),* })? => { $($( see($arg); )*)? } )*
                _ => {}
            }
        }
    };
}
wasmparser::for_each_operator!(define);

#[cfg(test)]
mod tests {
    use super::*;
    use probity_engine::Engine;

    #[test]
    fn operands_and_immediates() {
        let module = Module::new(
            &Engine::default(),
            r#"(module (memory 1) (table 1 funcref) (tag $t (param i32 f64))
                (type $s (struct (field i32) (field i64)))
                (type $a (array i32))
                (func $f (param i32 i64) (result i32 i32)
                    (call $f (i32.const -7) (i64.const 1))
                    (br_if 0)
                    (br_table 0 0 0)
                    (call_indirect (type $g) (f32.const 1.5) (i32.const 0))
                    (i32.store offset=8 align=1 (i32.const 0) (i32.const 0))
                    (drop (struct.new $s (i32.const 1) (i64.const 2)))
                    (drop (array.new_fixed $a 3 (i32.const 1) (i32.const 2) (i32.const 3)))
                    (throw $t (i32.const 1) (f64.const 2))
                    (return))
                (type $g (func (param f32))))"#,
        )
        .expect("a module that can be read");
        let function = module.function(0).expect("function 0");
        let of = |name: &str| {
            let operators = function.operators().expect("operators");
            let found = operators
                .into_iter()
                .find(|(_, op)| Opcode::of(op).mnemonic() == name);
            found.unwrap_or_else(|| panic!("{name}")).1
        };
        use Immediate::{Float, Int};
        for (name, operands, expected) in [
            ("i32.const", 0, vec![Int(-7)]),
            ("f32.const", 0, vec![Float(1.5)]),
            ("call", 2, vec![Int(0)]),
            ("br_if", 1, vec![Int(0)]),
            ("br_table", 1, vec![Int(0), Int(0), Int(0)]),
            ("call_indirect", 2, vec![Int(2), Int(0)]),
            ("i32.store", 2, vec![]),
            ("struct.new", 2, vec![Int(0)]),
            ("array.new_fixed", 3, vec![Int(1), Int(3)]),
            ("throw", 2, vec![Int(0)]),
            ("return", 2, vec![]),
            ("drop", 1, vec![]),
            ("end", 0, vec![]),
        ] {
            let op = of(name);
            assert_eq!(count(&op, &module, &function), Some(operands), "{name}");
            assert_eq!(immediates(&op), expected, "{name}");
        }
        let access = memarg(&of("i32.store")).expect("an access");
        assert_eq!((access.offset, access.align, access.max_align), (8, 0, 2));
        assert!(memarg(&of("call")).is_none());
    }

    #[test]
    fn categories() {
        let of = |name: &str| {
            let opcode = Opcode::all().find(|opcode| opcode.mnemonic() == name);
            category(opcode.unwrap_or_else(|| panic!("{name}")))
        };
        for (name, expected) in [
            ("i32.add", "arith"),
            ("f64.trunc", "arith"),
            ("i32.trunc_f64_s", "convert"),
            ("i64.extend_i32_s", "convert"),
            ("i32.const", "const"),
            ("ref.null", "gc"),
            ("br_table", "control"),
            ("block", "control"),
            ("call_indirect", "control"),
            ("memory.grow", "memory"),
            ("table.get", "table"),
            ("throw", "exn"),
            ("local.tee", "local"),
            ("i32.load8_u", "load"),
            ("i32.atomic.load", "atomic"),
            ("nop", "misc"),
        ] {
            assert_eq!(of(name), expected, "{name}");
        }
    }
}
