//! One operator in the text format: `i32.load offset=8 align=2`.
//!
//! The table of operators is wasmparser's own (`for_each_operator!`), so a new
//! operator there is printed here without a change: its immediates are printed
//! by type. Only operators whose text has another order or form are written out.

use std::fmt::{self, Write as _};

use crate::opcode::Opcode;
use probity_engine::wasmparser::{
    self, AbstractHeapType, BlockType, BrTable, Catch, HeapType, Ieee32, Ieee64, MemArg,
    MemArgTarget, Operator, Ordering, RefType, ResumeTable, TryTable, UnpackedIndex, V128, ValType,
};

/// The operator's text, labels as depths, indices as numbers.
pub fn text(operator: &Operator<'_>) -> String {
    if let Some(text) = special(operator) {
        return text;
    }
    let mut immediates = immediates(operator);
    // Index 0 is the default where the text format has one.
    let is_default = match operator {
        Operator::MemorySize { .. }
        | Operator::MemoryGrow { .. }
        | Operator::MemoryFill { .. }
        | Operator::TableGet { .. }
        | Operator::TableSet { .. }
        | Operator::TableSize { .. }
        | Operator::TableGrow { .. }
        | Operator::TableFill { .. } => immediates == " 0",
        Operator::MemoryCopy { .. } | Operator::TableCopy { .. } => immediates == " 0 0",
        _ => false,
    };
    if is_default {
        immediates.clear();
    }
    format!("{}{immediates}", Opcode::of(operator).mnemonic())
}

/// Operators whose text is not mnemonic and immediates in binary order.
fn special(operator: &Operator<'_>) -> Option<String> {
    let indirect = |name: &str, ty: u32, table: u32| match table {
        0 => format!("{name} (type {ty})"),
        _ => format!("{name} {table} (type {ty})"),
    };
    let optional = |name: &str, index: u32, what: u32| match index {
        0 => format!("{name} {what}"),
        _ => format!("{name} {index} {what}"),
    };
    let cast = |name: &str, depth: u32, from: RefType, to: RefType| {
        format!("{name} {depth} {} {}", ref_type(from), ref_type(to))
    };
    let reference =
        |name: &str, null: &str, hty: HeapType| format!("{name} (ref {null}{})", heap_type(hty));
    Some(match operator {
        Operator::CallIndirect {
            type_index,
            table_index,
        } => indirect("call_indirect", *type_index, *table_index),
        Operator::ReturnCallIndirect {
            type_index,
            table_index,
        } => indirect("return_call_indirect", *type_index, *table_index),
        Operator::MemoryInit { data_index, mem } => optional("memory.init", *mem, *data_index),
        Operator::TableInit { elem_index, table } => optional("table.init", *table, *elem_index),
        Operator::TypedSelect { ty } => format!("select (result {})", val_type(*ty)),
        Operator::TypedSelectMulti { tys } => {
            let tys: Vec<String> = tys.iter().map(|ty| val_type(*ty)).collect();
            format!("select (result {})", tys.join(" "))
        }
        Operator::RefTestNonNull { hty } => reference("ref.test", "", *hty),
        Operator::RefTestNullable { hty } => reference("ref.test", "null ", *hty),
        Operator::RefCastNonNull { hty } => reference("ref.cast", "", *hty),
        Operator::RefCastNullable { hty } => reference("ref.cast", "null ", *hty),
        Operator::BrOnCast {
            relative_depth,
            from_ref_type,
            to_ref_type,
        } => cast("br_on_cast", *relative_depth, *from_ref_type, *to_ref_type),
        Operator::BrOnCastFail {
            relative_depth,
            from_ref_type,
            to_ref_type,
        } => cast(
            "br_on_cast_fail",
            *relative_depth,
            *from_ref_type,
            *to_ref_type,
        ),
        Operator::AtomicFence {
            ordering: Ordering::SeqCst,
        } => "atomic.fence".to_owned(),
        _ => return None,
    })
}

macro_rules! define_immediates {
    ($( @$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*) )*) => {
        /// The immediates in binary order, with a space before each.
        fn immediates(operator: &Operator<'_>) -> String {
            match operator {
                $( Operator::$op $({ $($arg),* })? => {
                    #[allow(unused_mut)]
                    let mut immediates = String::new();
                    $($( let _ = $arg.print(&mut immediates); )*)?
                    immediates
                } )*
                _ => String::new(),
            }
        }
    };
}
wasmparser::for_each_operator!(define_immediates);

/// An immediate, printed with a space before it (nothing if it is a default).
trait Immediate {
    fn print(&self, out: &mut String) -> fmt::Result;
}

macro_rules! display_immediates {
    ($($ty:ty),*) => { $(
        impl Immediate for $ty {
            fn print(&self, out: &mut String) -> fmt::Result {
                write!(out, " {self}")
            }
        }
    )* };
}
display_immediates!(u8, u32, i32, i64);

impl Immediate for Ieee32 {
    fn print(&self, out: &mut String) -> fmt::Result {
        let value = f32::from_bits(self.bits());
        let payload = u64::from(self.bits() & 0x7f_ffff);
        match float(value.into(), value.is_sign_negative(), payload, 1 << 22) {
            Some(text) => write!(out, " {text}"),
            None => write!(out, " {value:?}"),
        }
    }
}

impl Immediate for Ieee64 {
    fn print(&self, out: &mut String) -> fmt::Result {
        let value = f64::from_bits(self.bits());
        let payload = self.bits() & 0xf_ffff_ffff_ffff;
        match float(value, value.is_sign_negative(), payload, 1 << 51) {
            Some(text) => write!(out, " {text}"),
            None => write!(out, " {value:?}"),
        }
    }
}

/// The text of NaNs and infinities.
fn float(value: f64, negative: bool, payload: u64, canonical: u64) -> Option<String> {
    let sign = if negative { "-" } else { "" };
    if value.is_nan() && payload == canonical {
        Some(format!("{sign}nan"))
    } else if value.is_nan() {
        Some(format!("{sign}nan:{payload:#x}"))
    } else if value.is_infinite() {
        Some(format!("{sign}inf"))
    } else {
        None
    }
}

impl Immediate for V128 {
    fn print(&self, out: &mut String) -> fmt::Result {
        out.push_str(" i32x4");
        for lane in self.bytes().chunks_exact(4) {
            let lane = lane.iter().rev().fold(0u32, |n, b| n << 8 | u32::from(*b));
            write!(out, " {lane:#010x}")?;
        }
        Ok(())
    }
}

impl Immediate for [u8; 16] {
    fn print(&self, out: &mut String) -> fmt::Result {
        self.iter().try_for_each(|lane| write!(out, " {lane}"))
    }
}

impl Immediate for MemArg {
    fn print(&self, out: &mut String) -> fmt::Result {
        match self.target {
            MemArgTarget::Memory(0) => {}
            MemArgTarget::Memory(index) => write!(out, " {index}")?,
            MemArgTarget::Array(ty) => write!(out, " (type {ty})")?,
        }
        if self.offset != 0 {
            write!(out, " offset={}", self.offset)?;
        }
        if self.align != self.max_align {
            write!(out, " align={}", 1u64 << self.align.min(63))?;
        }
        Ok(())
    }
}

impl Immediate for BlockType {
    fn print(&self, out: &mut String) -> fmt::Result {
        match self {
            BlockType::Empty => Ok(()),
            BlockType::Type(ty) => write!(out, " (result {})", val_type(*ty)),
            BlockType::FuncType(index) => write!(out, " (type {index})"),
        }
    }
}

impl Immediate for BrTable<'_> {
    fn print(&self, out: &mut String) -> fmt::Result {
        for target in self.targets().flatten() {
            write!(out, " {target}")?;
        }
        write!(out, " {}", self.default())
    }
}

impl Immediate for TryTable {
    fn print(&self, out: &mut String) -> fmt::Result {
        self.ty.print(out)?;
        for catch in &self.catches {
            match catch {
                Catch::One { tag, label } => write!(out, " (catch {tag} {label})")?,
                Catch::OneRef { tag, label } => write!(out, " (catch_ref {tag} {label})")?,
                Catch::All { label } => write!(out, " (catch_all {label})")?,
                Catch::AllRef { label } => write!(out, " (catch_all_ref {label})")?,
            }
        }
        Ok(())
    }
}

impl Immediate for ResumeTable {
    fn print(&self, out: &mut String) -> fmt::Result {
        write!(out, " {:?}", self.handlers)
    }
}

impl Immediate for Ordering {
    fn print(&self, out: &mut String) -> fmt::Result {
        out.write_str(match self {
            Ordering::SeqCst => " seq_cst",
            Ordering::AcqRel => " acq_rel",
        })
    }
}

impl Immediate for ValType {
    fn print(&self, out: &mut String) -> fmt::Result {
        write!(out, " {}", val_type(*self))
    }
}

impl Immediate for Vec<ValType> {
    fn print(&self, out: &mut String) -> fmt::Result {
        self.iter().try_for_each(|ty| ty.print(out))
    }
}

impl Immediate for RefType {
    fn print(&self, out: &mut String) -> fmt::Result {
        write!(out, " {}", ref_type(*self))
    }
}

impl Immediate for HeapType {
    fn print(&self, out: &mut String) -> fmt::Result {
        write!(out, " {}", heap_type(*self))
    }
}

fn val_type(ty: ValType) -> String {
    match ty {
        ValType::Ref(ty) => ref_type(ty),
        other => other.to_string(),
    }
}

fn ref_type(ty: RefType) -> String {
    let heap = heap_type(ty.heap_type());
    match ty.heap_type() {
        // Nullable abstract types have names of their own.
        HeapType::Abstract {
            shared: false,
            ty: top,
        } if ty.is_nullable() => match top {
            AbstractHeapType::None => "nullref".to_owned(),
            AbstractHeapType::NoFunc => "nullfuncref".to_owned(),
            AbstractHeapType::NoExtern => "nullexternref".to_owned(),
            AbstractHeapType::NoExn => "nullexnref".to_owned(),
            AbstractHeapType::NoCont => "nullcontref".to_owned(),
            _ => format!("{heap}ref"),
        },
        _ if ty.is_nullable() => format!("(ref null {heap})"),
        _ => format!("(ref {heap})"),
    }
}

fn heap_type(ty: HeapType) -> String {
    let index = |index: UnpackedIndex| {
        index
            .as_module_index()
            .map_or_else(|| index.to_string(), |i| i.to_string())
    };
    match ty {
        // The variants' names are the text format's in camel case.
        HeapType::Abstract { shared: false, ty } => format!("{ty:?}").to_lowercase(),
        HeapType::Abstract { shared: true, ty } => {
            format!("(shared {})", format!("{ty:?}").to_lowercase())
        }
        HeapType::Concrete(i) => index(i),
        HeapType::Exact(i) => format!("(exact {})", index(i)),
    }
}

#[cfg(test)]
mod tests;
