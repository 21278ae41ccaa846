//! What is known of a site without a run, and what has to be read when it fires.

use probity_engine::wasmparser::{MemArgTarget, Operator};
use probity_engine::{ExternType, FunctionInfo, ImportType, Module};

use super::body::{self, Body};
use super::fold::{Known, Scope};
use super::spec::{Event, Mode, Structure};
use super::value::Value;
use super::vars::{Read, Target, Var};
use super::ways::decides;
use crate::events::{self, Callee};
use crate::matcher::FunctionSelector;
use crate::opcode::{Class, Opcode, class_of};
use crate::operands::{self, Immediate};
use crate::source::{SourceLine, SourceMap};

/// A function whose body has not been looked at.
pub(super) struct OfFunction<'m> {
    pub module: &'m Module,
    pub info: FunctionInfo<'m>,
}

impl Scope for OfFunction<'_> {
    fn var(&self, var: Var) -> Known {
        Known::Value(match var {
            Var::FuncIndex => self.info.index().into(),
            Var::FuncName => body::name(&self.info),
            Var::Exported => Value::Bool(body::is_exported(self.module, self.info.index())),
            _ => return Known::Later,
        })
    }

    fn is_in(&self, functions: &FunctionSelector) -> bool {
        functions.matches(&self.info)
    }
}

/// An operator, or what fires at one.
pub(super) struct Facts<'a, 'm> {
    pub body: &'a Body<'m>,
    pub event: Event,
    /// Index of the operator.
    pub index: usize,
    pub source: Option<&'a SourceMap>,
}

impl Scope for Facts<'_, '_> {
    /// Never [`Known::Later`].
    fn var(&self, var: Var) -> Known {
        self.known(var)
    }

    fn is_in(&self, functions: &FunctionSelector) -> bool {
        functions.matches(&self.body.info)
    }
}

impl<'m> Facts<'_, 'm> {
    fn op(&self) -> Option<&Operator<'m>> {
        Some(&self.body.operators.get(self.index)?.1)
    }

    pub fn line(&self) -> Option<SourceLine> {
        let (pc, _) = self.body.operators.get(self.index)?;
        self.source?.line(*pc)
    }

    fn known(&self, var: Var) -> Known {
        let Some(op) = self.op() else {
            return Known::Value(Value::Absent);
        };
        // Events of a function have no operator of their own.
        let of_function = matches!(
            self.event,
            Event::Structure(Structure::FunctionEntry | Structure::FunctionExit)
        );
        let own = Some(op).filter(|_| !of_function);
        let memarg = own.and_then(operands::memarg);
        let text = |text: &'static str| Value::from(text);
        let value = match var {
            Var::FuncIndex => self.body.index().into(),
            Var::FuncName => self.body.name.clone(),
            Var::Exported => Value::Bool(body::is_exported(self.body.module, self.body.index())),
            Var::Pc => self.body.operators[self.index].0.0.into(),
            Var::OpIndex => Value::Int(self.index as i128),
            Var::OpName => own.map_or(Value::Absent, |op| text(Opcode::of(op).mnemonic())),
            Var::Class => own.map_or(Value::Absent, |op| text(self.class(op).name())),
            Var::Category => {
                own.map_or(Value::Absent, |op| text(operands::category(Opcode::of(op))))
            }
            Var::LoopDepth if of_function => Value::Int(0),
            Var::LoopDepth => self.body.loop_depth(self.index).into(),
            Var::InLoop => Value::Bool(!of_function && self.body.loop_depth(self.index) > 0),
            Var::Imm(n) => own.map_or(Value::Absent, |op| immediate(op, n)),
            Var::Offset => memarg.map_or(Value::Absent, |m| Value::Int(m.offset.into())),
            Var::Align => memarg.map_or(Value::Absent, |m| Value::Int(1 << m.align.min(63))),
            Var::DataSize => memarg.map_or(Value::Absent, |m| Value::Int(1 << m.max_align.min(63))),
            Var::Memory => match memarg.map(|m| m.target) {
                Some(MemArgTarget::Memory(index)) => index.into(),
                _ => Value::Absent,
            },
            Var::NumTargets => match own {
                Some(Operator::BrTable { targets }) => targets.len().into(),
                _ => Value::Absent,
            },
            Var::File => self
                .line()
                .map_or(Value::Absent, |line| Value::Text(line.file)),
            Var::Line => match self.line() {
                Some(line) if line.line > 0 => line.line.into(),
                _ => Value::Absent,
            },
            Var::Res(n) => return self.res(n),
            // What it took is gone.
            Var::Arg(_) | Var::Addr | Var::EffectiveAddr | Var::StoredValue if self.is_behind() => {
                Value::Absent
            }
            Var::Addr | Var::EffectiveAddr | Var::StoredValue if self.is_gone() => Value::Absent,
            Var::Tag | Var::Payload(_) => return self.exception(op, var),
            Var::SourcePc => return self.at(Structure::Catch, Read::SourcePc),
            Var::Trap => return self.at(Structure::Trap, Read::Trap),
            Var::TrapMessage => return self.at(Structure::Trap, Read::TrapMessage),
            Var::Fuel => return self.at(Structure::FuelTick, Read::Fuel),
            Var::Target(what) => return self.target(own, what),
            Var::Arg(n) => return self.arg(n, of_function || self.is_gone()),
            Var::Addr | Var::EffectiveAddr | Var::StoredValue => {
                return self.access(op, memarg.map(|m| m.offset), var);
            }
            Var::Local(i) if i < self.body.num_locals() => return Known::Read(Read::Local(i)),
            Var::Local(_) => Value::Absent,
            Var::Global(i) => return Known::Read(Read::Global(i)),
            Var::Depth => return Known::Read(Read::Depth),
            Var::ExitReason => return self.at(Structure::FunctionExit, Read::ExitReason),
        };
        Known::Value(value)
    }

    /// What is to be read at one event, and is nowhere else.
    fn at(&self, structure: Structure, read: Read) -> Known {
        match self.event {
            Event::Structure(event) if event == structure => Known::Read(read),
            _ => Known::Value(Value::Absent),
        }
    }

    /// What an exception is: one that is caught, or that the operator throws.
    fn exception(&self, op: &Operator<'_>, var: Var) -> Known {
        let read = match var {
            Var::Payload(n) => Read::Payload(n),
            _ => Read::Tag,
        };
        match (self.event, op, var) {
            (Event::Structure(Structure::Catch), ..) => Known::Read(read),
            _ if self.is_behind() || self.is_gone() => Known::Value(Value::Absent),
            (_, Operator::ThrowRef, _) => Known::Read(read),
            (_, Operator::Throw { .. }, Var::Payload(n)) => self.arg(n, false),
            (_, Operator::Throw { tag_index }, _) => Known::Value((*tag_index).into()),
            _ => Known::Value(Value::Absent),
        }
    }

    /// Whether the operator has failed, and its operands with it.
    fn is_gone(&self) -> bool {
        self.event == Event::Structure(Structure::Trap)
    }

    fn class(&self, op: &Operator<'_>) -> Class {
        class_of(op, self.body.module.num_imported_functions())
    }

    /// An operand, counted from the first; a parameter where there is no operator.
    fn arg(&self, n: u32, of_function: bool) -> Known {
        if of_function {
            return match n < self.body.info.num_params() {
                true => Known::Read(Read::Local(n)),
                false => Known::Value(Value::Absent),
            };
        }
        let op = &self.body.operators[self.index].1;
        let count = operands::count(op, self.body.module, &self.body.info).unwrap_or(0);
        let Some(from_top) = count.checked_sub(n).and_then(|left| left.checked_sub(1)) else {
            return Known::Value(Value::Absent);
        };
        // Integers are what the operator takes them for; addresses have no sign.
        let name = Opcode::of(op).mnemonic();
        let address = n == 0 && operands::memarg(op).is_some();
        let unsigned = address || name.ends_with("_u") || matches!(op, Operator::BrTable { .. });
        Known::Read(Read::Operand { from_top, unsigned })
    }

    fn is_behind(&self) -> bool {
        match self.event {
            Event::Opcode(_, mode) => mode == Mode::After,
            Event::Structure(Structure::EdgeFalls) => !decides(&self.body.operators[self.index].1),
            Event::Structure(_) => false,
        }
    }

    /// A result, counted from the first.
    fn res(&self, n: u32) -> Known {
        let op = &self.body.operators[self.index].1;
        let count = operands::results(op, self.body.module).filter(|_| self.is_behind());
        let from_top = count.and_then(|count| count.checked_sub(n)?.checked_sub(1));
        let Some(from_top) = from_top else {
            return Known::Value(Value::Absent);
        };
        let unsigned = Opcode::of(op).mnemonic().ends_with("_u");
        Known::Read(Read::Operand { from_top, unsigned })
    }

    /// The operands of a memory access.
    fn access(&self, op: &Operator<'_>, offset: Option<u64>, var: Var) -> Known {
        let Some(offset) = offset else {
            return Known::Value(Value::Absent);
        };
        match (var, self.arg(0, false)) {
            (Var::Addr, addr) => addr,
            (Var::EffectiveAddr, Known::Read(read)) => Known::Sum(read, offset.into()),
            (Var::StoredValue, _) if Opcode::of(op).mnemonic().contains("store") => {
                self.arg(1, false)
            }
            _ => Known::Value(Value::Absent),
        }
    }

    fn target(&self, op: Option<&Operator<'_>>, what: Target) -> Known {
        let callee = op.and_then(events::callee);
        match callee {
            None => Known::Value(Value::Absent),
            Some(Callee::Direct(index)) => Known::Value(of_callee(self.body.module, index, what)),
            // What chose it is gone, like all operands.
            Some(_) if self.is_behind() || self.is_gone() => Known::Value(Value::Absent),
            Some(callee) => Known::Read(Read::Callee(what, callee)),
        }
    }
}

fn immediate(op: &Operator<'_>, n: u32) -> Value {
    match operands::immediates(op).get(n as usize) {
        Some(Immediate::Int(value)) => Value::Int((*value).into()),
        Some(Immediate::Float(value)) => (*value).into(),
        Some(Immediate::Vector(value)) => Value::Vector(*value),
        None => Value::Absent,
    }
}

/// What a rule may ask of a function of `module` that is called.
pub(super) fn of_callee(module: &Module, index: u32, what: Target) -> Value {
    let info = module.function(index);
    let import = || -> Option<ImportType<'_>> {
        let mut functions = module
            .imports()
            .filter(|import| matches!(import.ty, ExternType::Func(_)));
        functions.nth(index as usize)
    };
    let imported = info.is_some_and(|info| info.is_import());
    match what {
        Target::Index => index.into(),
        Target::Kind if imported => "import".into(),
        Target::Kind => "local".into(),
        // Whamm's name of an import is that of the import alone.
        Target::Name if imported => import().map_or(Value::Absent, |import| import.name.into()),
        Target::Name => info.map_or(Value::Absent, |info| body::name(&info)),
        Target::ImportModule if imported => {
            import().map_or(Value::Absent, |import| import.module.into())
        }
        Target::ImportName if imported => {
            import().map_or(Value::Absent, |import| import.name.into())
        }
        Target::ImportModule | Target::ImportName => Value::Absent,
    }
}
