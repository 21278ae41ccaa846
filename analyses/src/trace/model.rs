//! What a trace is made of, whoever has it: a run that writes it, or a reader of a file.

use std::fmt;
use std::sync::Arc;

/// What an event is about. The numbers are those of trace files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EventKind {
    /// A function has been entered; its arguments.
    Call = 0,
    /// A function returns; its results.
    Return = 1,
    /// A function is left by a tail call, whose callee takes its place.
    TailCall = 2,
    /// A trap, an error of the host or a limit unwinds a function.
    UnwindTrap = 3,
    /// An exception unwinds a function.
    UnwindException = 4,
    /// A function of the host is called; its arguments.
    HostCall = 5,
    /// A function of the host has returned; its results.
    HostReturn = 6,
    /// A function of the host has failed: an error, an exception or the guest's exit.
    HostFail = 7,
    /// An operator is about to execute.
    Instr = 8,
    /// An operator has read a memory; the address operand, lanes, and what it left on the stack.
    Load = 9,
    /// An operator has written a memory; the address operand and the value.
    Store = 10,
    /// An atomic operator has read and written; its operands, and what was there before.
    Update = 11,
    /// An operator that works on a length; its operands.
    Bulk = 12,
    /// A global has been read; its value.
    GlobalGet = 13,
    /// A global has been written; its value.
    GlobalSet = 14,
    /// A memory or table was to grow; operands, and the size before or -1.
    Grow = 15,
    /// An exception is thrown; what it carries.
    Throw = 16,
    /// A function has caught an exception; `offset` is where it goes on.
    Catch = 17,
    /// A trap, an error of the host or a limit; the message.
    Trap = 18,
}

impl EventKind {
    /// Every kind, by number.
    pub const ALL: [EventKind; 19] = {
        use EventKind::*;
        [
            Call,
            Return,
            TailCall,
            UnwindTrap,
            UnwindException,
            HostCall,
            HostReturn,
            HostFail,
            Instr,
            Load,
            Store,
            Update,
            Bulk,
            GlobalGet,
            GlobalSet,
            Grow,
            Throw,
            Catch,
            Trap,
        ]
    };

    /// Its word in traces.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Call => "call",
            EventKind::Return => "return",
            EventKind::TailCall => "tail-call",
            EventKind::UnwindTrap => "unwind-trap",
            EventKind::UnwindException => "unwind-exception",
            EventKind::HostCall => "host-call",
            EventKind::HostReturn => "host-return",
            EventKind::HostFail => "host-fail",
            EventKind::Instr => "instr",
            EventKind::Load => "load",
            EventKind::Store => "store",
            EventKind::Update => "update",
            EventKind::Bulk => "bulk",
            EventKind::GlobalGet => "global-get",
            EventKind::GlobalSet => "global-set",
            EventKind::Grow => "grow",
            EventKind::Throw => "throw",
            EventKind::Catch => "catch",
            EventKind::Trap => "trap",
        }
    }

    /// The group that options choose it by.
    pub fn group(self) -> Group {
        match self {
            EventKind::Call
            | EventKind::Return
            | EventKind::TailCall
            | EventKind::UnwindTrap
            | EventKind::UnwindException
            | EventKind::HostCall
            | EventKind::HostReturn
            | EventKind::HostFail => Group::Calls,
            EventKind::Instr => Group::Instr,
            EventKind::Load | EventKind::Store | EventKind::Update | EventKind::Bulk => {
                Group::Memory
            }
            EventKind::GlobalGet | EventKind::GlobalSet => Group::Globals,
            EventKind::Grow => Group::Grow,
            EventKind::Throw | EventKind::Catch => Group::Exceptions,
            EventKind::Trap => Group::Traps,
        }
    }

    /// Whether a function is left by it.
    pub(super) fn leaves(self) -> bool {
        matches!(
            self,
            EventKind::Return
                | EventKind::TailCall
                | EventKind::UnwindTrap
                | EventKind::UnwindException
        )
    }
}

/// Kinds of events that are chosen together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// Calls and the ways out of them, host calls included.
    Calls,
    /// Every operator.
    Instr,
    /// Accesses to memories.
    Memory,
    /// Accesses to globals.
    Globals,
    /// Growth of memories and tables.
    Grow,
    /// Exceptions thrown and caught.
    Exceptions,
    /// Traps.
    Traps,
}

impl Group {
    /// Every group, in the order of messages.
    pub const ALL: [Group; 7] = [
        Group::Calls,
        Group::Instr,
        Group::Memory,
        Group::Globals,
        Group::Grow,
        Group::Exceptions,
        Group::Traps,
    ];

    /// Its word in options.
    pub fn name(self) -> &'static str {
        match self {
            Group::Calls => "calls",
            Group::Instr => "instr",
            Group::Memory => "memory",
            Group::Globals => "globals",
            Group::Grow => "grow",
            Group::Exceptions => "exceptions",
            Group::Traps => "traps",
        }
    }
}

/// A set of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Groups(u8);

impl Groups {
    /// All of them.
    pub fn all() -> Groups {
        Group::ALL.into_iter().fold(Groups(0), Groups::with)
    }

    fn with(self, group: Group) -> Groups {
        Groups(self.0 | 1 << group as u8)
    }

    /// Names with `+` between them, or `all`.
    ///
    /// # Errors
    /// The name that is none.
    pub fn parse(text: &str) -> Result<Groups, String> {
        if text == "all" {
            return Ok(Groups::all());
        }
        let mut groups = Groups(0);
        for name in text.split('+') {
            let found = Group::ALL.into_iter().find(|group| group.name() == name);
            groups = groups.with(found.ok_or_else(|| name.to_owned())?);
        }
        Ok(groups)
    }

    /// Whether a group is among them.
    pub fn contains(self, group: Group) -> bool {
        self.0 & 1 << group as u8 != 0
    }
}

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Type {
    I32,
    I64,
    F32,
    F64,
    V128,
    Func,
    Extern,
    Any,
    Exn,
    /// Each value says itself what it is.
    Varies,
}

impl Type {
    /// All but the one that varies.
    const OWN: [Type; 9] = [
        Type::I32,
        Type::I64,
        Type::F32,
        Type::F64,
        Type::V128,
        Type::Func,
        Type::Extern,
        Type::Any,
        Type::Exn,
    ];

    /// Its byte in files: that of Wasm's binary format, 0 for what varies.
    pub(super) fn code(self) -> u8 {
        match self {
            Type::I32 => 0x7f,
            Type::I64 => 0x7e,
            Type::F32 => 0x7d,
            Type::F64 => 0x7c,
            Type::V128 => 0x7b,
            Type::Func => 0x70,
            Type::Extern => 0x6f,
            Type::Any => 0x6e,
            Type::Exn => 0x69,
            Type::Varies => 0,
        }
    }

    /// The type of a byte; none for that of what varies.
    pub(super) fn of_code(code: u8) -> Option<Type> {
        Type::OWN.into_iter().find(|ty| ty.code() == code)
    }

    /// Its word in traces.
    pub fn name(self) -> &'static str {
        match self {
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::V128 => "v128",
            Type::Func => "funcref",
            Type::Extern => "externref",
            Type::Any => "anyref",
            Type::Exn => "exnref",
            Type::Varies => "any",
        }
    }
}

/// A value of the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// An integer.
    I32(i32),
    /// An integer.
    I64(i64),
    /// Bits of a float.
    F32(u32),
    /// Bits of a float.
    F64(u64),
    /// A vector, lane 0 in the low bits.
    V128(u128),
    /// A function, as an index of [`Catalogue::functions`], or null.
    Func(Option<u32>),
    /// A reference to something of the host, an object or an exception: that it is there, or null.
    Ref(Type, bool),
    /// An integer of 31 bits as a reference.
    I31(i32),
}

impl Value {
    /// Its type; never one that varies.
    pub fn ty(self) -> Type {
        match self {
            Value::I32(_) => Type::I32,
            Value::I64(_) => Type::I64,
            Value::F32(_) => Type::F32,
            Value::F64(_) => Type::F64,
            Value::V128(_) => Type::V128,
            Value::Func(_) => Type::Func,
            Value::Ref(ty, _) => ty,
            Value::I31(_) => Type::Any,
        }
    }

    /// An address or length, which has no sign.
    pub fn unsigned(self) -> Option<u64> {
        match self {
            Value::I32(value) => Some(u64::from(value as u32)),
            Value::I64(value) => Some(value as u64),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Value::I32(value) => write!(f, "{value}"),
            Value::I64(value) => write!(f, "{value}"),
            Value::F32(bits) if f32::from_bits(bits).is_nan() => write!(f, "nan:{bits:#x}"),
            Value::F32(bits) => write!(f, "{:?}", f32::from_bits(bits)),
            Value::F64(bits) if f64::from_bits(bits).is_nan() => write!(f, "nan:{bits:#x}"),
            Value::F64(bits) => write!(f, "{:?}", f64::from_bits(bits)),
            Value::V128(bits) => write!(f, "{bits:#034x}"),
            Value::Func(None) | Value::Ref(_, false) => f.write_str("null"),
            Value::Func(Some(_)) | Value::Ref(_, true) => f.write_str("ref"),
            Value::I31(value) => write!(f, "i31 {value}"),
        }
    }
}

/// A module of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedModule {
    /// Which attached module of the session, in the order of attaching.
    pub number: u32,
    /// Its own name, else `module[i]`.
    pub name: Arc<str>,
    /// BLAKE3 of its binary.
    pub hash: [u8; 32],
    /// Length of its binary in bytes.
    pub bytes: u64,
}

/// A function of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedFunction {
    /// An index of [`Catalogue::modules`]; `None` for functions of the host and of modules that nobody watches.
    pub module: Option<u32>,
    /// Index in its module; 0 without one.
    pub index: u32,
    /// Its name, else `func[i]`.
    pub name: Arc<str>,
}

/// A place that events come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// What its events are.
    pub kind: EventKind,
    /// An index of [`Catalogue::functions`]: the function that the operator is in, of host calls the caller.
    pub function: u32,
    /// Of calls, of their ways out and of host calls, the function that is called or left.
    pub callee: Option<u32>,
    /// Byte offset of the operator in the module; 0 where a function is entered.
    pub pc: u32,
    /// The operator with its immediates, or a message; empty if neither.
    pub text: Arc<str>,
    /// Index of the memory, global, table or tag; 0 if there is none.
    pub index: u32,
    /// What is added to the address; of a catch, the pc at which it goes on.
    pub offset: u64,
    /// Bytes of an access; 0 if it is none.
    pub width: u32,
    /// Types of the values, first those that are there before the operator executes.
    pub types: Vec<Type>,
    /// How many of these there are before.
    pub before: usize,
}

impl Place {
    pub(super) fn new(kind: EventKind, function: u32, pc: u32) -> Place {
        Place {
            kind,
            function,
            callee: None,
            pc,
            text: "".into(),
            index: 0,
            offset: 0,
            width: 0,
            types: Vec::new(),
            before: 0,
        }
    }
}

/// What events refer to.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// In the order in which they came up.
    pub modules: Vec<TracedModule>,
    /// In the order in which they came up.
    pub functions: Vec<TracedFunction>,
    /// In the order in which they came up.
    pub places: Vec<Place>,
}

/// One event.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// Where it comes from.
    pub place: &'a Place,
    /// Index of the place in the catalogue.
    pub at: u32,
    /// Its values; those of [`Place::before`] alone if the operator did not complete.
    pub values: &'a [Value],
    /// Whether its operator completed; a store that traps did not.
    pub completed: bool,
    /// How many traced functions are active around it.
    pub depth: u64,
}
