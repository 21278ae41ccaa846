//! One table of every operator: its mnemonic, its class, and its cost under
//! the counting rules. It is generated from wasmparser's own list, so that an
//! operator cannot be missing here.
//!
//! Rules: `instr.v1` counts every operator 1; `fuel` (v1) counts the cost
//! below, plus 1 at each function entry.

use std::sync::LazyLock;

use probity_engine::wasmparser::{self, Operator};

/// The kind of one operator, without its immediates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Opcode(u16);

/// What an operator costs a machine, roughly: the unit of weighted models.
///
/// `Load` and `Store` hold every access to linear memory that is not atomic,
/// those of `v128` included. `Int` holds integer arithmetic other than
/// multiplication and division, `Float` float arithmetic other than division
/// and every conversion from or to a float. `Branch` holds `br` and `return`,
/// `BranchIf` also `if` and `br_on_*`. `CallHost` is a direct call of an
/// imported function. `Const` holds also `ref.null` and `ref.func`, `Compare`
/// `ref.is_null` and `ref.eq`, `Atomic` also wait, notify and fences. `Gc`
/// holds every other operator on references, structures and arrays; those that
/// allocate are told by [`Opcode::allocates`]. `Other` holds structure
/// (`block`, `loop`, `else`, `end`, `nop`), `drop`, `unreachable`, bulk memory,
/// tables and exceptions (`try_table`, `throw`, `throw_ref`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Class {
    Local,
    Const,
    Global,
    Select,
    Int,
    Mul,
    Div,
    Compare,
    Float,
    FloatDiv,
    Load,
    Store,
    Branch,
    BranchIf,
    BranchTable,
    Call,
    CallIndirect,
    CallHost,
    Simd,
    Atomic,
    Gc,
    Other,
}

impl Class {
    /// Every class, in the order of reports.
    pub const ALL: [Class; 22] = [
        Class::Local,
        Class::Const,
        Class::Global,
        Class::Select,
        Class::Int,
        Class::Mul,
        Class::Div,
        Class::Compare,
        Class::Float,
        Class::FloatDiv,
        Class::Load,
        Class::Store,
        Class::Branch,
        Class::BranchIf,
        Class::BranchTable,
        Class::Call,
        Class::CallIndirect,
        Class::CallHost,
        Class::Simd,
        Class::Atomic,
        Class::Gc,
        Class::Other,
    ];

    /// Modelled cycles of one execution: what an operator of the class takes on a machine of these years if its data is in
    /// the first-level cache and branches are predicted, as part of compiled code (where locals, constants and
    /// structure cost nothing). A model to weigh operators against each other, not a measurement; its values are
    /// those of common instruction tables (latency for what is waited for, throughput for the others).
    pub fn cycles(self) -> u64 {
        match self {
            Class::Local | Class::Const | Class::Other => 0,
            Class::Global | Class::Select | Class::Int | Class::Compare | Class::Store => 1,
            Class::Branch | Class::BranchIf => 1,
            Class::Simd => 2,
            Class::Mul | Class::BranchTable => 3,
            Class::Float | Class::Load | Class::Gc => 4,
            Class::Call => 5,
            Class::CallIndirect => 8,
            Class::FloatDiv => 13,
            Class::Div => 15,
            Class::Atomic | Class::CallHost => 20,
        }
    }

    /// The name that reports use, such as `float_div`.
    pub fn name(self) -> &'static str {
        match self {
            Class::Local => "local",
            Class::Const => "const",
            Class::Global => "global",
            Class::Select => "select",
            Class::Int => "int",
            Class::Mul => "mul",
            Class::Div => "div",
            Class::Compare => "compare",
            Class::Float => "float",
            Class::FloatDiv => "float_div",
            Class::Load => "load",
            Class::Store => "store",
            Class::Branch => "branch",
            Class::BranchIf => "branch_if",
            Class::BranchTable => "branch_table",
            Class::Call => "call",
            Class::CallIndirect => "call_indirect",
            Class::CallHost => "call_host",
            Class::Simd => "simd",
            Class::Atomic => "atomic",
            Class::Gc => "gc",
            Class::Other => "other",
        }
    }
}

macro_rules! define_kinds {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        #[allow(clippy::enum_variant_names)]
        enum Kind { $($op),* }

        fn kind(op: &Operator<'_>) -> Option<Kind> {
            Some(match op {
                $(Operator::$op { .. } => Kind::$op,)*
                _ => return None,
            })
        }

        /// (proposal, visitor method) of each operator.
        const SOURCES: &[(&str, &str)] = &[$((stringify!($proposal), stringify!($visit))),*];
    };
}
wasmparser::for_each_operator!(define_kinds);

struct Row {
    mnemonic: String,
    class: Class,
    fuel: u64,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let known = SOURCES.iter().map(|&(proposal, visit)| {
        let mnemonic = mnemonic(visit.trim_start_matches("visit_"));
        let class = class(&mnemonic, proposal);
        let fuel = fuel(&mnemonic);
        Row {
            mnemonic,
            class,
            fuel,
        }
    });
    let unknown = Row {
        mnemonic: "unknown".to_owned(),
        class: Class::Other,
        fuel: 1,
    };
    known.chain([unknown]).collect()
});

impl Opcode {
    /// The opcode of an operator.
    pub fn of(op: &Operator<'_>) -> Opcode {
        Opcode(kind(op).map_or(SOURCES.len() as u16, |kind| kind as u16))
    }

    /// Every opcode, so that `all().nth(opcode.index())` is the opcode.
    pub fn all() -> impl ExactSizeIterator<Item = Opcode> {
        (0..ROWS.len() as u16).map(Opcode)
    }

    /// A small number of its own.
    pub fn index(self) -> usize {
        self.0.into()
    }

    /// The name in the text format, such as `i32.add` (without the type of a
    /// typed `select`).
    pub fn mnemonic(self) -> &'static str {
        &ROWS[usize::from(self.0)].mnemonic
    }

    /// The class; a `call` is `Class::Call` here, see [`class_of`].
    pub fn class(self) -> Class {
        ROWS[usize::from(self.0)].class
    }

    /// Whether each execution that completes makes a new structure or array.
    /// (What a `throw` carries is no object that the program can hold, unless
    /// it is caught with its reference: it does not count.)
    pub fn allocates(self) -> bool {
        let name = self.mnemonic();
        name.starts_with("struct.new") || name.starts_with("array.new")
    }

    /// Units of fuel (rule v1) that one execution costs.
    pub fn fuel(self) -> u64 {
        ROWS[usize::from(self.0)].fuel
    }
}

/// The class of an operator in a module with `imported` imported functions,
/// which decides between `Call` and `CallHost`.
pub fn class_of(op: &Operator<'_>, imported: u32) -> Class {
    match op {
        Operator::Call { function_index } | Operator::ReturnCall { function_index }
            if *function_index < imported =>
        {
            Class::CallHost
        }
        _ => Opcode::of(op).class(),
    }
}

/// From a visitor's name to the text format: a namespace ends in a dot.
fn mnemonic(name: &str) -> String {
    const NAMESPACES: [&str; 24] = [
        "local", "global", "table", "memory", "data", "elem", "ref", "struct", "array", "i31",
        "any", "extern", "i32", "i64", "f32", "f64", "v128", "i8x16", "i16x8", "i32x4", "i64x2",
        "f32x4", "f64x2", "cont",
    ];
    match name {
        "typed_select" | "typed_select_multi" => return "select".to_owned(),
        "ref_test_non_null" | "ref_test_nullable" => return "ref.test".to_owned(),
        "ref_cast_non_null" | "ref_cast_nullable" => return "ref.cast".to_owned(),
        "atomic_fence" => return "atomic.fence".to_owned(),
        _ => {}
    }
    match name.split_once('_') {
        Some((space, rest)) if NAMESPACES.contains(&space) => {
            let rest = match rest.strip_prefix("atomic_") {
                Some(rest) => match rest.split_once('_') {
                    Some((rmw, what)) if rmw.starts_with("rmw") => format!("atomic.{rmw}.{what}"),
                    _ => format!("atomic.{rest}"),
                },
                None => rest.to_owned(),
            };
            format!("{space}.{rest}")
        }
        _ => name.to_owned(),
    }
}

fn class(mnemonic: &str, proposal: &str) -> Class {
    let (space, what) = mnemonic.split_once('.').unwrap_or(("", mnemonic));
    let float = matches!(space, "f32" | "f64");
    match (space, what) {
        ("local", _) => Class::Local,
        _ if mnemonic.contains("atomic.") => Class::Atomic,
        ("global", _) => Class::Global,
        ("", "select") => Class::Select,
        ("", "br" | "return") => Class::Branch,
        ("", "br_table") => Class::BranchTable,
        ("", "call" | "return_call") => Class::Call,
        ("", "if") => Class::BranchIf,
        ("", _) if what.starts_with("br_") => Class::BranchIf,
        ("", _) if what.starts_with("call_") || what.starts_with("return_call_") => {
            Class::CallIndirect
        }
        ("ref", "null" | "func") => Class::Const,
        ("ref", "is_null" | "eq") => Class::Compare,
        ("ref" | "struct" | "array" | "i31" | "any" | "extern", _) => Class::Gc,
        ("i32" | "i64" | "f32" | "f64" | "v128", _) if what.starts_with("load") => Class::Load,
        ("i32" | "i64" | "f32" | "f64" | "v128", _) if what.starts_with("store") => Class::Store,
        _ if proposal.ends_with("simd") => Class::Simd,
        ("i32" | "i64" | "f32" | "f64", _) => match what.split('_').next().unwrap_or(what) {
            "const" => Class::Const,
            "eqz" | "eq" | "ne" | "lt" | "gt" | "le" | "ge" => Class::Compare,
            "div" if float => Class::FloatDiv,
            "convert" | "demote" | "promote" | "trunc" | "reinterpret" => Class::Float,
            _ if float => Class::Float,
            "mul" => Class::Mul,
            "div" | "rem" => Class::Div,
            _ => Class::Int,
        },
        _ => Class::Other,
    }
}

fn fuel(mnemonic: &str) -> u64 {
    match mnemonic {
        "nop" | "drop" | "block" | "loop" | "unreachable" | "return" | "else" | "end" => 0,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mnemonics_are_those_of_the_text_format() {
        let expected = [
            ("i32_add", "i32.add"),
            ("br_on_cast_fail", "br_on_cast_fail"),
            ("memory_atomic_notify", "memory.atomic.notify"),
            ("i64_atomic_rmw8_cmpxchg_u", "i64.atomic.rmw8.cmpxchg_u"),
            ("i32_atomic_load8_u", "i32.atomic.load8_u"),
            (
                "i16x8_extadd_pairwise_i8x16_s",
                "i16x8.extadd_pairwise_i8x16_s",
            ),
            ("return_call_indirect", "return_call_indirect"),
            ("ref_cast_nullable", "ref.cast"),
            ("any_convert_extern", "any.convert_extern"),
        ];
        for (visit, text) in expected {
            assert_eq!(mnemonic(visit), text);
        }
    }

    /// The assembler knows every mnemonic that takes no immediate.
    #[test]
    fn the_assembler_accepts_them() {
        let names: Vec<&str> = ROWS.iter().map(|row| row.mnemonic.as_str()).collect();
        let plain = |name: &&&str| {
            let head = name.split_once('.').map_or("", |(space, _)| space);
            let takes_none = !name.contains("lane") && !name.contains("shuffle");
            ["i32", "i64", "f32", "f64", "i8x16", "i32x4", "f64x2"].contains(&head)
                && takes_none
                && !name.contains("const")
                && !name.contains("load")
                && !name.contains("store")
                && !name.contains("atomic")
        };
        let body: Vec<&str> = names.iter().filter(plain).copied().collect();
        assert!(body.len() > 200);
        let text = format!("(module (func unreachable {} ))", body.join(" "));
        wat::parse_str(&text).expect("every mnemonic assembles");
    }

    #[test]
    fn classes_and_costs() {
        let of = |name: &str| {
            let row = ROWS.iter().find(|row| row.mnemonic == name);
            let row = row.unwrap_or_else(|| panic!("{name} is unknown"));
            (row.class.name(), row.fuel)
        };
        for (name, class, fuel) in [
            ("local.tee", "local", 1),
            ("i64.const", "const", 1),
            ("ref.null", "const", 1),
            ("drop", "other", 0),
            ("if", "branch_if", 1),
            ("br_table", "branch_table", 1),
            ("return", "branch", 0),
            ("i32.rem_u", "div", 1),
            ("i32.mul", "mul", 1),
            ("f64.div", "float_div", 1),
            ("f64.mul", "float", 1),
            ("i32.trunc_sat_f64_u", "float", 1),
            ("i64.extend_i32_s", "int", 1),
            ("f32.lt", "compare", 1),
            ("v128.load32_splat", "load", 1),
            ("i32.store16", "store", 1),
            ("i32x4.add", "simd", 1),
            ("f32x4.relaxed_madd", "simd", 1),
            ("i32.atomic.rmw.add", "atomic", 1),
            ("memory.atomic.wait32", "atomic", 1),
            ("atomic.fence", "atomic", 1),
            ("i64.atomic.store32", "atomic", 1),
            ("i64.add128", "int", 1),
            ("i64.sub128", "int", 1),
            ("i64.mul_wide_u", "mul", 1),
            ("struct.new_default", "gc", 1),
            ("array.len", "gc", 1),
            ("i31.get_s", "gc", 1),
            ("ref.i31", "gc", 1),
            ("ref.as_non_null", "gc", 1),
            ("ref.cast", "gc", 1),
            ("ref.func", "const", 1),
            ("ref.eq", "compare", 1),
            ("any.convert_extern", "gc", 1),
            ("br_on_null", "branch_if", 1),
            ("br_on_cast_fail", "branch_if", 1),
            ("return_call", "call", 1),
            ("return_call_indirect", "call_indirect", 1),
            ("return_call_ref", "call_indirect", 1),
            ("try_table", "other", 1),
            ("throw", "other", 1),
            ("throw_ref", "other", 1),
            ("struct.get", "gc", 1),
            ("call_ref", "call_indirect", 1),
            ("memory.fill", "other", 1),
            ("table.get", "other", 1),
        ] {
            assert_eq!(of(name), (class, fuel), "{name}");
        }
        assert_eq!(ROWS.len(), SOURCES.len() + 1);
    }

    #[test]
    fn allocations() {
        let of_wasm_3 = Opcode::all()
            .zip(SOURCES)
            .filter(|(_, source)| source.0 == "gc");
        let names = of_wasm_3
            .map(|(opcode, _)| opcode)
            .filter(|opcode| opcode.allocates());
        let names: Vec<&str> = names.map(Opcode::mnemonic).collect();
        assert_eq!(
            names,
            [
                "struct.new",
                "struct.new_default",
                "array.new",
                "array.new_default",
                "array.new_fixed",
                "array.new_data",
                "array.new_elem"
            ]
        );
        assert!(!Opcode::of(&Operator::RefI31).allocates());
    }
}
