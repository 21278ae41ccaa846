//! Values of a program: where they are, what they are, and how they are shown.

use std::fmt::Write as _;

use probity_engine::hook::ProbeContext;
use probity_engine::{Memory, Val};
use probity_probes::source::{Type, TypeId, TypeKind};

use super::expr::Width;
use super::info::Known;

/// Where a value is; whoever knows that can change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    /// A local of the frame that is looked at.
    Local(u32),
    /// An operand of it, from the bottom.
    Operand(u32),
    /// A global of its instance.
    Global(u32),
    /// At an address of memory 0.
    Memory(u64),
    /// Nowhere: it was computed.
    Nowhere,
}

/// What a value is taken for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// As the source has it.
    Source(TypeId),
    /// Part of an array of several dimensions, with so many of them chosen.
    Rows(TypeId, usize),
    /// As memory has it.
    Width(Width),
    /// As Wasm has it.
    Plain,
}

/// What is known of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Datum {
    Int(i128),
    Float(f64),
    Vector(u128),
    /// A reference: whether there is something, and what.
    Reference(String),
    /// A structure or an array: it is read where it lies.
    Aggregate,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    pub at: Where,
    pub kind: Kind,
    pub datum: Datum,
}

impl Value {
    pub fn int(value: i128) -> Value {
        Value {
            at: Where::Nowhere,
            kind: Kind::Plain,
            datum: Datum::Int(value),
        }
    }

    pub fn float(value: f64) -> Value {
        Value {
            datum: Datum::Float(value),
            ..Value::int(0)
        }
    }

    pub fn is_true(&self) -> Result<bool, String> {
        match self.datum {
            Datum::Int(value) => Ok(value != 0),
            Datum::Float(value) => Ok(value != 0.0),
            _ => Err("it is neither true nor false".to_owned()),
        }
    }
}

/// A Wasm value as such.
pub(crate) fn plain(value: &Val) -> Datum {
    match value {
        Val::I32(value) => Datum::Int((*value).into()),
        Val::I64(value) => Datum::Int((*value).into()),
        Val::F32(bits) => Datum::Float(f32::from_bits(*bits).into()),
        Val::F64(bits) => Datum::Float(f64::from_bits(*bits)),
        Val::V128(value) => Datum::Vector(*value),
        Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None) => {
            Datum::Reference("null".to_owned())
        }
        Val::FuncRef(Some(_)) => Datum::Reference("a function".to_owned()),
        Val::ExternRef(Some(_)) => Datum::Reference("a host value".to_owned()),
        Val::AnyRef(Some(_)) => Datum::Reference("a reference".to_owned()),
        Val::ExnRef(Some(_)) => Datum::Reference("an exception".to_owned()),
    }
}

/// The widest that is no structure.
const SCALAR_BYTES_MAX: u64 = 8;

impl Known {
    /// What a Wasm value is, taken for a type of the source: the low bytes of it.
    pub fn typed(&mut self, value: &Val, id: TypeId) -> Datum {
        let bits = match *value {
            Val::I32(value) => u64::from(value as u32),
            Val::I64(value) => value as u64,
            _ => return plain(value),
        };
        let wide = if matches!(value, Val::I32(_)) { 4 } else { 8 };
        match self.ty(id) {
            Some(ty) => {
                let bytes = ty.bytes.unwrap_or(wide).min(wide);
                scalar(&ty.kind, bits, bytes).unwrap_or_else(|| plain(value))
            }
            None => plain(value),
        }
    }

    /// Reads a value from memory.
    pub fn load(
        &mut self,
        context: &ProbeContext<'_>,
        memory: Option<Memory>,
        address: u64,
        kind: Kind,
    ) -> Result<Datum, String> {
        let bits = |bytes: u64| -> Result<u64, String> {
            let mut buffer = [0; 8];
            read(context, memory, address, &mut buffer[..bytes as usize])?;
            Ok(u64::from_le_bytes(buffer))
        };
        match kind {
            Kind::Width(width) => {
                let kind = match (width.float, width.signed) {
                    (true, _) => TypeKind::Float,
                    (false, signed) => TypeKind::Integer { signed },
                };
                let bytes = u64::from(width.bytes);
                Ok(scalar(&kind, bits(bytes)?, bytes).unwrap_or(Datum::Aggregate))
            }
            Kind::Plain => Ok(Datum::Int(bits(4)?.into())),
            Kind::Rows(..) => Ok(Datum::Aggregate),
            Kind::Source(id) => {
                let ty = self.ty(id).ok_or("its type is not described")?;
                match self.size(id) {
                    Some(bytes @ 1..=SCALAR_BYTES_MAX) if !is_aggregate(&ty.kind) => {
                        Ok(scalar(&ty.kind, bits(bytes)?, bytes).unwrap_or(Datum::Aggregate))
                    }
                    _ if is_aggregate(&ty.kind) => Ok(Datum::Aggregate),
                    _ => Err(format!("values of type {} are not understood", ty.name)),
                }
            }
        }
    }
}

pub(crate) fn is_aggregate(kind: &TypeKind) -> bool {
    matches!(kind, TypeKind::Structure(_) | TypeKind::Array { .. })
}

/// Reads memory.
pub(crate) fn read(
    context: &ProbeContext<'_>,
    memory: Option<Memory>,
    address: u64,
    buffer: &mut [u8],
) -> Result<(), String> {
    let memory = memory.ok_or("the module has no memory")?;
    memory.read(context, address, buffer).map_err(|_| {
        let size = memory.size(context) * 65536;
        format!("address {address:#x} is outside of memory, which has {size:#x} bytes")
    })
}

/// The low bytes of `bits` as a type has them; `None` if it is none of a few bytes.
fn scalar(kind: &TypeKind, bits: u64, bytes: u64) -> Option<Datum> {
    let unused = 64 - 8 * bytes.clamp(1, 8) as u32;
    let unsigned = bits << unused >> unused;
    let signed = (bits << unused) as i64 >> unused;
    Some(match kind {
        TypeKind::Integer { signed: true } | TypeKind::Enumeration(_) => Datum::Int(signed.into()),
        TypeKind::Integer { signed: false }
        | TypeKind::Boolean
        | TypeKind::Character
        | TypeKind::Pointer(_) => Datum::Int(unsigned.into()),
        TypeKind::Float if bytes == 4 => Datum::Float(f32::from_bits(bits as u32).into()),
        TypeKind::Float if bytes == 8 => Datum::Float(f64::from_bits(bits)),
        _ => return None,
    })
}

/// How values are shown: `print/x` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Form {
    #[default]
    Natural,
    Hex,
    Decimal,
    Unsigned,
    Octal,
    Binary,
    Character,
}

impl Form {
    pub fn named(name: &str) -> Result<Form, String> {
        Ok(match name {
            "" => Form::Natural,
            "x" => Form::Hex,
            "d" => Form::Decimal,
            "u" => Form::Unsigned,
            "o" => Form::Octal,
            "t" => Form::Binary,
            "c" => Form::Character,
            other => return Err(format!("unknown format `{other}`; known: x d u o t c")),
        })
    }

    fn int(self, value: i128) -> Option<String> {
        let bits = value as u64;
        Some(match self {
            Form::Natural => return None,
            Form::Hex => format!("{bits:#x}"),
            Form::Decimal => value.to_string(),
            Form::Unsigned => bits.to_string(),
            Form::Octal => format!("{bits:#o}"),
            Form::Binary => format!("{bits:#b}"),
            Form::Character => character(bits),
        })
    }
}

fn character(code: u64) -> String {
    let known = u32::try_from(code).ok().and_then(char::from_u32);
    match known {
        Some(known) => format!("{code} {known:?}"),
        None => code.to_string(),
    }
}

/// Elements of an array and characters of a text that are shown.
const ELEMENTS_MAX: u64 = 200;
/// Structures in structures that are shown.
const DEPTH_MAX: u32 = 6;
/// A page of a terminal, more or less.
const TEXT_MAX: usize = 4000;

/// Shows values of one frame.
pub(crate) struct Shower<'s, 'c, 'p> {
    pub known: &'s mut Known,
    pub context: &'c ProbeContext<'p>,
    pub memory: Option<Memory>,
    pub form: Form,
}

impl Shower<'_, '_, '_> {
    /// The text of a value.
    pub fn show(&mut self, value: &Value) -> String {
        let mut out = String::new();
        self.value(value, 0, &mut out);
        if let Some((end, _)) = out.char_indices().nth(TEXT_MAX) {
            out.truncate(end);
            out.push_str("...");
        }
        out
    }

    fn value(&mut self, value: &Value, depth: u32, out: &mut String) {
        let ty = match value.kind {
            Kind::Source(id) => self.known.ty(id),
            Kind::Rows(id, chosen) => return self.rows(value, id, chosen, depth, out),
            Kind::Width(_) | Kind::Plain => None,
        };
        match (&value.datum, &ty) {
            (Datum::Aggregate, Some(ty)) => match value.at {
                Where::Memory(address) => self.aggregate(ty, address, depth, out),
                _ => out.push_str("<not in memory>"),
            },
            (Datum::Aggregate, None) => out.push_str("<not understood>"),
            (Datum::Int(number), ty) => match (self.form.int(*number), ty) {
                (Some(text), _) => out.push_str(&text),
                (None, Some(ty)) => self.natural(ty, *number, out),
                (None, None) => put(out, number),
            },
            (Datum::Float(number), _) => put(out, format_args!("{number:?}")),
            (Datum::Vector(number), _) => put(out, format_args!("{number:#034x}")),
            (Datum::Reference(what), _) => out.push_str(what),
        }
    }

    /// What is left of an array of several dimensions.
    fn rows(&mut self, value: &Value, id: TypeId, chosen: usize, depth: u32, out: &mut String) {
        let ty = self.known.ty(id);
        match (ty.as_ref().map(|ty| &ty.kind), value.at) {
            (
                Some(TypeKind::Array {
                    of: Some(of),
                    counts,
                }),
                Where::Memory(address),
            ) => self.array(
                *of,
                counts.get(chosen..).unwrap_or(&[]),
                address,
                depth,
                out,
            ),
            _ => out.push('?'),
        }
    }

    /// An integer as the source means it.
    fn natural(&mut self, ty: &Type, number: i128, out: &mut String) {
        match &ty.kind {
            TypeKind::Boolean => out.push_str(match number {
                0 => "false",
                1 => "true",
                _ => return put(out, format_args!("{number} (not a bool)")),
            }),
            TypeKind::Character => out.push_str(&character(number as u64)),
            // C's characters are integers of one byte.
            TypeKind::Integer { .. } if ty.bytes == Some(1) && ty.name.contains("char") => {
                out.push_str(&character(u64::from(number as u8)));
            }
            TypeKind::Enumeration(names) => {
                let name = names.iter().find(|(_, value)| i128::from(*value) == number);
                match name {
                    Some((name, _)) => out.push_str(name),
                    None => put(out, number),
                }
            }
            TypeKind::Pointer(to) => {
                put(out, format_args!("{:#x}", number as u64));
                let to = to.and_then(|to| self.known.ty(to));
                let text = to.is_some_and(|to| {
                    to.bytes == Some(1) && (to.name.contains("char") || to.name.contains("i8"))
                });
                if text && number > 0 {
                    self.text(number as u64, None, out);
                }
            }
            _ => put(out, number),
        }
    }

    /// The characters at an address, up to a zero.
    fn text(&mut self, address: u64, len: Option<u64>, out: &mut String) {
        let mut bytes = Vec::new();
        let limit = len.unwrap_or(u64::MAX).min(ELEMENTS_MAX);
        for at in 0..limit {
            let mut byte = [0];
            let there = read(
                self.context,
                self.memory,
                address.saturating_add(at),
                &mut byte,
            );
            if there.is_err() || byte[0] == 0 {
                break;
            }
            bytes.push(byte[0]);
        }
        let cut = if bytes.len() as u64 == ELEMENTS_MAX {
            "..."
        } else {
            ""
        };
        let space = if out.is_empty() || out.ends_with([' ', '{']) {
            ""
        } else {
            " "
        };
        put(
            out,
            format_args!("{space}{:?}{cut}", String::from_utf8_lossy(&bytes)),
        );
    }

    fn aggregate(&mut self, ty: &Type, address: u64, depth: u32, out: &mut String) {
        if depth > DEPTH_MAX || out.len() > TEXT_MAX {
            out.push_str("{...}");
            return;
        }
        match &ty.kind {
            TypeKind::Structure(members) => {
                out.push('{');
                for (nth, member) in members.iter().enumerate() {
                    if nth > 0 {
                        out.push_str(", ");
                    }
                    if !member.name.is_empty() {
                        put(out, format_args!("{} = ", member.name));
                    }
                    let at = address.wrapping_add(member.offset);
                    match member.ty {
                        Some(id) => self.at(at, Kind::Source(id), depth + 1, out),
                        None => out.push('?'),
                    }
                }
                out.push('}');
            }
            TypeKind::Array {
                of: Some(of),
                counts,
            } => {
                self.array(*of, counts, address, depth, out);
            }
            _ => out.push('?'),
        }
    }

    fn array(
        &mut self,
        of: TypeId,
        counts: &[Option<u64>],
        address: u64,
        depth: u32,
        out: &mut String,
    ) {
        let (Some((&count, inner)), Some(element)) = (counts.split_first(), self.known.ty(of))
        else {
            return out.push('?');
        };
        let counts = inner.iter().map(|count| count.unwrap_or(0));
        let rows = counts.fold(1, u64::saturating_mul);
        let bytes = self.known.size(of).unwrap_or(0).saturating_mul(rows);
        let Some(count) = count else {
            return put(out, format_args!("<array at {address:#x}>"));
        };
        if inner.is_empty() && element.bytes == Some(1) && element.name.contains("char") {
            return self.text(address, Some(count), out);
        }
        out.push('{');
        let mut at = 0;
        let mut shown = 0;
        while at < count && shown < ELEMENTS_MAX && out.len() < TEXT_MAX {
            if at > 0 {
                out.push_str(", ");
            }
            let from = out.len();
            let place = |at: u64| address.wrapping_add(at.wrapping_mul(bytes));
            self.element(of, inner, place(at), depth + 1, out);
            let text = out[from..].to_owned();
            let mut same = 1;
            // What is the same is said once.
            while at + same < count && same < 100_000 {
                let mut next = String::new();
                self.element(of, inner, place(at + same), depth + 1, &mut next);
                if next != text {
                    break;
                }
                same += 1;
            }
            if same > 8 {
                put(out, format_args!(" <{same} times>"));
                at += same;
            } else {
                at += 1;
            }
            shown += 1;
        }
        out.push_str(if at < count { ", ...}" } else { "}" });
    }

    fn element(
        &mut self,
        of: TypeId,
        inner: &[Option<u64>],
        address: u64,
        depth: u32,
        out: &mut String,
    ) {
        match inner {
            [] => self.at(address, Kind::Source(of), depth, out),
            inner => self.array(of, inner, address, depth, out),
        }
    }

    fn at(&mut self, address: u64, kind: Kind, depth: u32, out: &mut String) {
        match self.known.load(self.context, self.memory, address, kind) {
            Ok(datum) => {
                let at = Where::Memory(address);
                self.value(&Value { at, kind, datum }, depth, out);
            }
            Err(error) => put(out, format_args!("<{error}>")),
        }
    }
}

fn put(out: &mut String, what: impl std::fmt::Display) {
    // Into memory: it cannot fail.
    let _ = write!(out, "{what}");
}
