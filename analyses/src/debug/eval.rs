//! What an expression is, in a frame of the program that has stopped.

use probity_engine::hook::ProbeContext;
use probity_engine::{Instance, Memory, Val, ValType, WasmPc};
use probity_probes::source::{Base, Place, TypeId, TypeKind, Variable};

use super::expr::{Binary, Expr, Unary, Width};
use super::info::{Known, Program};
use super::value::{Datum, Form, Kind, Shower, Value, Where, plain};

/// A frame that is looked at.
pub(crate) struct View<'v, 'p> {
    pub program: &'v mut Program,
    pub context: &'v mut ProbeContext<'p>,
    /// Which Wasm frame; 0 is the innermost.
    pub frame: usize,
    pub module: usize,
    pub index: u32,
    pub pc: WasmPc,
    pub instance: Instance,
    pub memory: Option<Memory>,
}

impl<'v, 'p> View<'v, 'p> {
    /// The `frame`-th Wasm frame; `None` if there is no such one, or its module is not watched.
    pub fn new(
        program: &'v mut Program,
        context: &'v mut ProbeContext<'p>,
        frame: usize,
    ) -> Option<View<'v, 'p>> {
        let accessor = context.frame_at(frame)?;
        let (func, pc) = (accessor.func(), accessor.pc());
        let probes = context.probes();
        let (module, index) = program.of(probes.module_of(func))?;
        let instance = probes.instance_of(func)?;
        let memory = instance.memory(&probes, 0);
        // At the end of a call the probe's own place is what counts.
        let pc = if frame == 0 { context.pc() } else { pc };
        Some(View {
            program,
            context,
            frame,
            module,
            index,
            pc,
            instance,
            memory,
        })
    }

    pub fn known(&mut self) -> &mut Known {
        &mut self.program.modules[self.module]
    }

    /// The text of a value.
    pub fn show(&mut self, value: &Value, form: Form) -> String {
        let mut shower = Shower {
            known: &mut self.program.modules[self.module],
            context: self.context,
            memory: self.memory,
            form,
        };
        shower.show(value)
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// Why there is none.
    pub fn eval(&mut self, expr: &Expr) -> Result<Value, String> {
        match expr {
            Expr::Int(value) => Ok(Value::int(*value)),
            Expr::Float(value) => Ok(Value::float(*value)),
            Expr::Name(name) => self.name(name),
            Expr::Load(width, address) => {
                let address = self.address(address)?;
                self.at(address, Kind::Width(*width))
            }
            Expr::Unary(operator, of) => self.unary(*operator, of),
            Expr::Binary(operator, a, b) => self.binary(*operator, a, b),
            Expr::Member(of, name) => self.member(of, name),
            Expr::Index(of, index) => self.index(of, index),
        }
    }

    /// A variable of the source, or a local, operand or global of Wasm.
    fn name(&mut self, name: &str) -> Result<Value, String> {
        let pc = self.pc;
        if let Some(variable) = self.known().named(name, pc) {
            return self.variable(&variable);
        }
        let numbered = |prefix: &str| name.strip_prefix(prefix)?.parse::<u32>().ok();
        if let Some(i) = numbered("local") {
            return self.local(i);
        }
        if let Some(i) = numbered("global") {
            return self.global(i);
        }
        if let Some(from_top) = numbered("stack") {
            let count = self.frame()?.num_operands();
            let from_bottom = count
                .checked_sub(1)
                .and_then(|top| top.checked_sub(from_top));
            let from_bottom = from_bottom
                .ok_or_else(|| format!("there is no `{name}`: the frame has {count} operands"))?;
            return self.operand(from_bottom);
        }
        let (variables, statics) = (self.known().variables(pc), self.known().statics());
        let all = variables.iter().chain(statics.iter());
        let names = all.map(|variable| &*variable.name);
        let mut message = format!("there is no `{name}` here");
        if let Some(near) = probity_probes::nearest::nearest(name, names) {
            message += &format!("; did you mean `{near}`?");
        }
        Err(message)
    }

    fn frame(&mut self) -> Result<probity_engine::hook::FrameAccessor<'_>, String> {
        let frame = self.context.frame_at(self.frame);
        frame.ok_or_else(|| "the frame has ended".to_owned())
    }

    fn local(&mut self, i: u32) -> Result<Value, String> {
        let frame = self.frame()?;
        let count = frame.num_locals();
        if frame.is_optimised_out(i) {
            return Err(format!("local{i} is optimised out"));
        }
        match frame.local(i) {
            Some(value) => Ok(Value {
                at: Where::Local(i),
                kind: Kind::Plain,
                datum: plain(&value),
            }),
            None if count == 0 => Err("the frame's locals are not known".to_owned()),
            None => Err(format!("there is no local{i}: the function has {count}")),
        }
    }

    fn operand(&mut self, i: u32) -> Result<Value, String> {
        let value = self.frame()?.operand(i);
        let value = value.ok_or_else(|| format!("there is no operand {i}"))?;
        Ok(Value {
            at: Where::Operand(i),
            kind: Kind::Plain,
            datum: plain(&value),
        })
    }

    fn global(&mut self, i: u32) -> Result<Value, String> {
        let global = self.instance.global(self.context, i);
        let global = global.ok_or_else(|| format!("there is no global{i}"))?;
        Ok(Value {
            at: Where::Global(i),
            kind: Kind::Plain,
            datum: plain(&global.get(self.context)),
        })
    }

    /// A variable's value.
    pub fn variable(&mut self, variable: &Variable) -> Result<Value, String> {
        let kind = variable.ty.map_or(Kind::Plain, Kind::Source);
        let value = match variable.place {
            Place::Local(i) => self.local(i)?,
            Place::Global(i) => self.global(i)?,
            Place::Operand(i) => self.operand(i)?,
            Place::Constant(value) => Value::int(value.into()),
            Place::Unknown => return Err("optimised out".to_owned()),
            Place::Memory { base, offset } => {
                let base = match base {
                    Base::Zero => 0,
                    Base::Local(i) => integer(&self.local(i)?)?,
                    Base::Global(i) => integer(&self.global(i)?)?,
                    Base::Operand(i) => integer(&self.operand(i)?)?,
                };
                let address = address(base.wrapping_add(offset.into()))?;
                return self.at(address, kind);
            }
        };
        Ok(match (kind, self.raw(value.at)) {
            (Kind::Source(id), Some(raw)) => Value {
                datum: self.known().typed(&raw, id),
                kind,
                ..value
            },
            _ => Value { kind, ..value },
        })
    }

    /// The Wasm value at a place that is none of memory.
    fn raw(&mut self, at: Where) -> Option<Val> {
        match at {
            Where::Local(i) => self.context.frame_at(self.frame)?.local(i),
            Where::Operand(i) => self.context.frame_at(self.frame)?.operand(i),
            Where::Global(i) => {
                let global = self.instance.global(self.context, i)?;
                Some(global.get(self.context))
            }
            Where::Memory(_) | Where::Nowhere => None,
        }
    }

    /// What is in memory.
    pub fn at(&mut self, address: u64, kind: Kind) -> Result<Value, String> {
        let known = &mut self.program.modules[self.module];
        let datum = known.load(self.context, self.memory, address, kind)?;
        Ok(Value {
            at: Where::Memory(address),
            kind,
            datum,
        })
    }

    fn address(&mut self, expr: &Expr) -> Result<u64, String> {
        let value = self.eval(expr)?;
        address(integer(&value)?)
    }

    fn unary(&mut self, operator: Unary, of: &Expr) -> Result<Value, String> {
        let value = self.eval(of)?;
        match (operator, &value.datum) {
            (Unary::Follow, _) => self.follow(&value),
            (Unary::Address, _) => match value.at {
                Where::Memory(address) => Ok(Value::int(address.into())),
                _ => Err("it is not in memory, and has no address".to_owned()),
            },
            (Unary::Not, _) => Ok(Value::int((!value.is_true()?).into())),
            (Unary::Negate, Datum::Float(number)) => Ok(Value::float(-number)),
            (Unary::Negate, _) => Ok(Value::int(integer(&value)?.wrapping_neg())),
            (Unary::Complement, _) => Ok(Value::int(!integer(&value)?)),
        }
    }

    /// What a pointer points to.
    fn follow(&mut self, pointer: &Value) -> Result<Value, String> {
        let at = address(integer(pointer)?)?;
        match self.pointee(pointer) {
            Some(to) => self.at(at, Kind::Source(to)),
            None => Err(format!(
                "it is not known what it points to; i32[{at:#x}] is the number there"
            )),
        }
    }

    fn pointee(&mut self, pointer: &Value) -> Option<TypeId> {
        let Kind::Source(id) = pointer.kind else {
            return None;
        };
        match self.known().ty(id)?.kind {
            TypeKind::Pointer(to) => to,
            _ => None,
        }
    }

    fn member(&mut self, of: &Expr, name: &str) -> Result<Value, String> {
        let mut value = self.eval(of)?;
        if self.pointee(&value).is_some() {
            value = self.follow(&value)?;
        }
        let none = || "it has no members".to_owned();
        let (Kind::Source(id), Where::Memory(at)) = (value.kind, value.at) else {
            return Err(none());
        };
        let ty = self.known().ty(id).ok_or_else(none)?;
        let TypeKind::Structure(members) = &ty.kind else {
            return Err(none());
        };
        // Rust calls a tuple's fields `__0`, `__1`.
        let found = members
            .iter()
            .find(|member| *member.name == *name || member.name.strip_prefix("__") == Some(name));
        let Some(member) = found else {
            let names: Vec<&str> = members.iter().map(|member| &*member.name).collect();
            let (ty, names) = (&ty.name, names.join(", "));
            return Err(format!("{ty} has no member `{name}`; it has {names}"));
        };
        let kind = member.ty.map(Kind::Source);
        let kind = kind.ok_or("the type of the member is not described")?;
        self.at(at.wrapping_add(member.offset), kind)
    }

    fn index(&mut self, of: &Expr, index: &Expr) -> Result<Value, String> {
        let value = self.eval(of)?;
        let index = self.eval(index)?;
        let index = integer(&index)?;
        let unknown = || "the size of an element is not known".to_owned();
        if let Some(to) = self.pointee(&value) {
            let start = integer(&value)?;
            let bytes = self.known().size(to).ok_or_else(unknown)?;
            let at = start.wrapping_add(index.wrapping_mul(bytes.into()));
            return self.at(address(at)?, Kind::Source(to));
        }
        let wrong = || "it is neither an array nor a pointer".to_owned();
        let (id, chosen, at) = match (value.kind, value.at) {
            (Kind::Source(id), Where::Memory(at)) => (id, 0, at),
            (Kind::Rows(id, chosen), Where::Memory(at)) => (id, chosen, at),
            _ => return Err(wrong()),
        };
        let ty = self.known().ty(id).ok_or_else(wrong)?;
        let TypeKind::Array {
            of: Some(of),
            counts,
        } = &ty.kind
        else {
            return Err(wrong());
        };
        let inner = counts.get(chosen + 1..).unwrap_or(&[]);
        let rows = inner.iter().map(|count| count.unwrap_or(0));
        let element = self.known().size(*of).ok_or_else(unknown)?;
        let bytes = rows.fold(element, u64::saturating_mul);
        let at = i128::from(at).wrapping_add(index.wrapping_mul(bytes.into()));
        let kind = match inner {
            [] => Kind::Source(*of),
            _ => Kind::Rows(id, chosen + 1),
        };
        self.at(address(at)?, kind)
    }

    fn binary(&mut self, operator: Binary, a: &Expr, b: &Expr) -> Result<Value, String> {
        let left = self.eval(a)?;
        if matches!(operator, Binary::And | Binary::Or) {
            // The right side may only make sense if the left one holds.
            let first = left.is_true()?;
            let value = match operator {
                Binary::And => first && self.eval(b)?.is_true()?,
                _ => first || self.eval(b)?.is_true()?,
            };
            return Ok(Value::int(value.into()));
        }
        let right = self.eval(b)?;
        match (&left.datum, &right.datum) {
            (Datum::Float(_), _) | (_, Datum::Float(_)) => {
                floats(operator, real(&left)?, real(&right)?)
            }
            (Datum::Vector(x), Datum::Vector(y)) if operator == Binary::Equal => {
                Ok(Value::int((x == y).into()))
            }
            _ => integers(operator, integer(&left)?, integer(&right)?),
        }
    }

    /// Changes what is at the place of an expression.
    ///
    /// # Errors
    /// It has no place, or the value does not fit it.
    pub fn assign(&mut self, target: &Expr, value: &Expr) -> Result<Value, String> {
        let to = self.eval(target)?;
        let value = self.eval(value)?;
        match to.at {
            Where::Nowhere => return Err("only what has a place can be set".to_owned()),
            Where::Memory(address) => {
                let bytes = self.bytes(&to, &value)?;
                let memory = self.memory.ok_or("the module has no memory")?;
                let written = memory.write(self.context, address, &bytes);
                written.map_err(|error| error.to_string())?;
            }
            Where::Global(i) => {
                let global = self.instance.global(self.context, i);
                let global = global.ok_or_else(|| format!("there is no global{i}"))?;
                let value = convert(&value, global.get(self.context).ty())?;
                let set = global.set(self.context, value);
                set.map_err(|error| error.to_string())?;
            }
            Where::Local(i) => {
                let ty = self.raw(to.at).map(|old| old.ty());
                let value = convert(&value, ty.ok_or("the local is gone")?)?;
                let set = self.frame()?.set_local(i, value);
                set.map_err(|error| error.to_string())?;
            }
            Where::Operand(i) => {
                let ty = self.raw(to.at).map(|old| old.ty());
                let value = convert(&value, ty.ok_or("the operand is gone")?)?;
                let set = self.frame()?.set_operand(i, value);
                set.map_err(|error| error.to_string())?;
            }
        }
        self.eval(target)
    }

    /// What memory has to have for a value to be at a place.
    fn bytes(&mut self, to: &Value, value: &Value) -> Result<Vec<u8>, String> {
        let (bytes, float) = match to.kind {
            Kind::Width(Width { bytes, float, .. }) => (bytes.into(), float),
            Kind::Plain => (4, false),
            Kind::Source(id) => {
                let bytes = self.known().size(id).ok_or("its size is not known")?;
                let ty = self.known().ty(id);
                (bytes, ty.is_some_and(|ty| ty.kind == TypeKind::Float))
            }
            Kind::Rows(..) => (0, false),
        };
        match (float, bytes) {
            _ if to.datum == Datum::Aggregate => {
                Err("a structure or an array cannot be set as a whole".to_owned())
            }
            (true, 4) => Ok((real(value)? as f32).to_le_bytes().into()),
            (true, _) => Ok(real(value)?.to_le_bytes().into()),
            (false, bytes) => {
                let all = integer(value)?.to_le_bytes();
                all.get(..bytes as usize)
                    .map(<[u8]>::to_vec)
                    .ok_or_else(|| format!("values of {bytes} bytes cannot be set"))
            }
        }
    }
}

/// A value as a Wasm type has it.
fn convert(value: &Value, ty: ValType) -> Result<Val, String> {
    Ok(match ty {
        ValType::I32 => Val::I32(integer(value)? as i32),
        ValType::I64 => Val::I64(integer(value)? as i64),
        ValType::F32 => Val::F32((real(value)? as f32).to_bits()),
        ValType::F64 => Val::F64(real(value)?.to_bits()),
        ValType::V128 => match value.datum {
            Datum::Vector(value) => Val::V128(value),
            _ => Val::V128(integer(value)? as u128),
        },
        ValType::Ref(_) => return Err("references cannot be set".to_owned()),
    })
}

pub(crate) fn integer(value: &Value) -> Result<i128, String> {
    match value.datum {
        Datum::Int(value) => Ok(value),
        Datum::Float(value) if value.fract() == 0.0 => Ok(value as i128),
        _ => Err("it is no integer".to_owned()),
    }
}

fn real(value: &Value) -> Result<f64, String> {
    match value.datum {
        Datum::Int(value) => Ok(value as f64),
        Datum::Float(value) => Ok(value),
        _ => Err("it is no number".to_owned()),
    }
}

fn address(value: i128) -> Result<u64, String> {
    // A pointer of 32 bits may have been read with a sign.
    let value = if (-1 << 31..0).contains(&value) {
        value + (1 << 32)
    } else {
        value
    };
    u64::try_from(value).map_err(|_| format!("{value} is no address"))
}

fn integers(operator: Binary, a: i128, b: i128) -> Result<Value, String> {
    let shift = u32::try_from(b).unwrap_or(u32::MAX);
    let zero = || "division by zero".to_owned();
    Ok(Value::int(match operator {
        Binary::BitOr => a | b,
        Binary::BitXor => a ^ b,
        Binary::BitAnd => a & b,
        Binary::Equal => (a == b).into(),
        Binary::Unequal => (a != b).into(),
        Binary::Less => (a < b).into(),
        Binary::LessEqual => (a <= b).into(),
        Binary::Greater => (a > b).into(),
        Binary::GreaterEqual => (a >= b).into(),
        Binary::ShiftLeft => a.checked_shl(shift).unwrap_or(0),
        Binary::ShiftRight => a >> shift.min(127),
        Binary::Add => a.wrapping_add(b),
        Binary::Subtract => a.wrapping_sub(b),
        Binary::Multiply => a.wrapping_mul(b),
        Binary::Divide => a.checked_div(b).ok_or_else(zero)?,
        Binary::Remainder => a.checked_rem(b).ok_or_else(zero)?,
        // Of these the right side is not always evaluated.
        Binary::Or => (a != 0 || b != 0).into(),
        Binary::And => (a != 0 && b != 0).into(),
    }))
}

fn floats(operator: Binary, a: f64, b: f64) -> Result<Value, String> {
    let truth = |value: bool| Ok(Value::int(value.into()));
    match operator {
        Binary::Equal => truth(a == b),
        Binary::Unequal => truth(a != b),
        Binary::Less => truth(a < b),
        Binary::LessEqual => truth(a <= b),
        Binary::Greater => truth(a > b),
        Binary::GreaterEqual => truth(a >= b),
        Binary::Add => Ok(Value::float(a + b)),
        Binary::Subtract => Ok(Value::float(a - b)),
        Binary::Multiply => Ok(Value::float(a * b)),
        Binary::Divide => Ok(Value::float(a / b)),
        Binary::Remainder => Ok(Value::float(a % b)),
        _ => Err("floats have no bits to combine".to_owned()),
    }
}
