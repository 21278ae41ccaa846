//! The variables of rules: what predicates and actions can speak of. Names and
//! meanings are Whamm's where it has them.

use super::ast::Type;
use crate::events::Callee;

/// A variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Var {
    // Of the function.
    FuncIndex,
    FuncName,
    Exported,
    // Of the site.
    Pc,
    OpIndex,
    OpName,
    Class,
    Category,
    LoopDepth,
    InLoop,
    Imm(u32),
    Offset,
    Align,
    Memory,
    DataSize,
    NumTargets,
    File,
    Line,
    // Of a call's callee: known without a run if the call is direct.
    Target(Target),
    // Of the moment.
    Arg(u32),
    Res(u32),
    Addr,
    EffectiveAddr,
    StoredValue,
    Local(u32),
    Global(u32),
    Depth,
    ExitReason,
    Tag,
    Payload(u32),
    SourcePc,
    Trap,
    TrapMessage,
    Fuel,
}

/// What a rule may ask of a callee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Target {
    Index,
    Name,
    Kind,
    ImportModule,
    ImportName,
}

/// What has to be read when a site fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// An operand, counted from the topmost one.
    Operand {
        from_top: u32,
        unsigned: bool,
    },
    Local(u32),
    Global(u32),
    Depth,
    ExitReason,
    Callee(Target, Callee),
    /// Of the exception that is caught, or that is the topmost operand.
    Tag,
    Payload(u32),
    SourcePc,
    Trap,
    TrapMessage,
    Fuel,
}

/// A row of the list of variables.
pub(super) struct Known {
    pub name: &'static str,
    pub var: Var,
    pub ty: Type,
    /// One line for people.
    pub help: &'static str,
}

macro_rules! known {
    ($($name:literal $var:expr, $ty:ident: $help:literal)*) => {
        &[$(Known { name: $name, var: $var, ty: Type::$ty, help: $help }),*]
    };
}

/// Variables without a number at their end.
pub(super) static KNOWN: &[Known] = known! {
    "fid" Var::FuncIndex, Number: "index of the function"
    "fname" Var::FuncName, Text: "name of the function, as the module has it"
    "exported" Var::Exported, Bool: "whether the function is exported"
    "pc" Var::Pc, Number: "byte offset of the operator in the module"
    "opidx" Var::OpIndex, Number: "index of the operator in its function"
    "opname" Var::OpName, Text: "the operator, such as \"i32.add\""
    "op_name" Var::OpName, Text: "the same as opname"
    "class" Var::Class, Text: "class of the operator, as the analysis opcodes has it"
    "category_name" Var::Category, Text: "class of the operator, as Whamm has it"
    "loop_depth" Var::LoopDepth, Number: "number of loops around the operator"
    "in_loop" Var::InLoop, Bool: "whether there is a loop around the operator"
    "offset" Var::Offset, Number: "constant offset of a memory access"
    "align" Var::Align, Number: "alignment that a memory access promises, in bytes"
    "memory" Var::Memory, Number: "index of the memory that is accessed"
    "data_size" Var::DataSize, Number: "bytes that a memory access reads or writes"
    "num_targets" Var::NumTargets, Number: "targets of a br_table, without the default"
    "file" Var::File, Text: "source file, where the module has DWARF"
    "line" Var::Line, Number: "source line, where the module has DWARF"
    "target_fid" Var::Target(Target::Index), Number: "index of the function that is called"
    "target_fn_name" Var::Target(Target::Name), Text: "name of the function that is called"
    "target_fn_type" Var::Target(Target::Kind), Text: "\"local\" or \"import\""
    "target_imp_module" Var::Target(Target::ImportModule), Text: "module that the callee is imported from"
    "target_imp_name" Var::Target(Target::ImportName), Text: "name that the callee is imported by"
    "addr" Var::Addr, Operand: "address operand of a memory access"
    "effective_addr" Var::EffectiveAddr, Operand: "addr + offset"
    "value" Var::StoredValue, Operand: "what a store writes"
    "depth" Var::Depth, Number: "number of Wasm frames on the stack"
    "exit_reason" Var::ExitReason, Text: "at wasm:func:exit: return, trap, exception or tail_call"
    "tag" Var::Tag, Number: "index of the exception's tag in the module, at throw, throw_ref and wasm:exception:catch"
    "source_pc" Var::SourcePc, Number: "at wasm:exception:catch: byte offset of the operator that threw, or of the call"
    "trap" Var::Trap, Text: "at wasm:func:trap: its code in reports, such as \"unreachable\", or \"host\""
    "trap_message" Var::TrapMessage, Text: "at wasm:func:trap: what it says"
    "fuel" Var::Fuel, Number: "at wasm:fuel:tick: fuel consumed since the rule is at work"
};

/// Makes the variable of a number.
type Numbered = fn(u32) -> Var;

/// Variables with a number at their end.
pub(super) static NUMBERED: [(&str, Numbered, &str); 6] = [
    (
        "arg",
        Var::Arg,
        "operand of the operator, the first one is arg0; parameter at wasm:func:*",
    ),
    (
        "res",
        Var::Res,
        "result of the operator, the first one is res0; in mode after",
    ),
    (
        "payload",
        Var::Payload,
        "value that an exception carries, at throw, throw_ref and wasm:exception:catch",
    ),
    ("local", Var::Local, "parameter or local of the function"),
    ("global", Var::Global, "global variable of the module"),
    (
        "imm",
        Var::Imm,
        "immediate of the operator that is a number",
    ),
];

/// A variable by its name.
pub(super) fn find(name: &str) -> Option<(Var, Type)> {
    if let Some(known) = KNOWN.iter().find(|known| known.name == name) {
        return Some((known.var, known.ty));
    }
    NUMBERED.iter().find_map(|(prefix, make, _)| {
        let digits = name.strip_prefix(prefix)?;
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| plain)?;
        Some((make(number), Type::Operand))
    })
}

/// Names to suggest for one that is not known.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let examples = [
        "arg0", "arg1", "res0", "payload0", "local0", "global0", "imm0",
    ];
    KNOWN.iter().map(|known| known.name).chain(examples)
}

/// Every variable and one line about it.
pub fn variables() -> impl Iterator<Item = (String, &'static str)> {
    let numbered = NUMBERED
        .iter()
        .map(|(prefix, _, help)| (format!("{prefix}0..{prefix}N"), *help));
    let known = KNOWN
        .iter()
        .map(|known| (known.name.to_owned(), known.help));
    known.chain(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (name, expected) in [
            ("fid", Some(Var::FuncIndex)),
            ("arg0", Some(Var::Arg(0))),
            ("local12", Some(Var::Local(12))),
            ("res1", Some(Var::Res(1))),
            ("imm4294967295", Some(Var::Imm(u32::MAX))),
            ("imm4294967296", None),
            ("arg", None),
            ("arg+1", None),
            ("argument", None),
        ] {
            assert_eq!(find(name).map(|(var, _)| var), expected, "{name}");
        }
        for name in names() {
            assert!(find(name).is_some(), "{name}");
        }
    }

    #[test]
    fn names_are_distinct() {
        for (at, known) in KNOWN.iter().enumerate() {
            assert!(KNOWN[..at].iter().all(|other| other.name != known.name));
        }
    }
}
