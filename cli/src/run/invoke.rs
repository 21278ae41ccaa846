//! What is called in the instantiated module, with which arguments.

use std::ffi::OsString;

use probity_efficiency::python::Kind;
use probity_engine::{ExternType, FuncType, Module, Val, ValType};

use crate::{
    failure::Failure, guest::Guest, nearest::hint, output::to_stdout, types::signature,
    units::integer,
};

/// The call that a run makes.
pub enum Entry {
    /// None: the module exports no function, so instantiating it is all.
    None,
    /// `_start`
    Start,
    /// `--python`
    Python(Kind),
    /// `--invoke`
    Invoke {
        /// Export name.
        name: String,
        /// Arguments, of the parameters' types.
        args: Vec<Val>,
        /// Types of the results.
        results: Vec<ValType>,
    },
}

impl Entry {
    /// Decides what to call of a guest's module.
    ///
    /// # Errors
    /// Wrong usage; or the interpreter that was added is none.
    pub fn of(module: &Module, guest: &Guest) -> Result<Entry, Failure> {
        match guest.python {
            None => Entry::choose(module, guest.invoke.as_deref(), &guest.args),
            Some(_) => Kind::of(module)
                .map(Entry::Python)
                .map_err(|e| Failure::load(format!("failed to run it as Python: {e}"))),
        }
    }

    /// Decides what to call; errors are wrong usage and name what can be called.
    fn choose(module: &Module, invoke: Option<&str>, args: &[OsString]) -> Result<Entry, Failure> {
        let functions: Vec<(&str, FuncType)> = module
            .exports()
            .filter_map(|export| match export.ty {
                ExternType::Func(ty) => Some((export.name, ty)),
                _ => None,
            })
            .collect();
        let find = |name: &str| functions.iter().find(|(n, _)| *n == name);
        let Some(name) = invoke else {
            return match find("_start") {
                Some((_, ty)) if ty.params().is_empty() && ty.results().is_empty() => {
                    Ok(Entry::Start)
                }
                Some((_, ty)) => Err(Failure::usage(format!(
                    "`_start` has the type {}, not that of a program",
                    signature(ty)
                ))),
                None if functions.is_empty() => Ok(Entry::None),
                None => Err(no_start(&functions)),
            };
        };
        let (_, ty) = find(name).ok_or_else(|| {
            Failure::usage(format!(
                "the module exports no function '{name}'{}",
                hint(name, functions.iter().map(|(n, _)| *n))
            ))
        })?;
        Ok(Entry::Invoke {
            name: name.to_owned(),
            args: parse_args(name, ty, args)?,
            results: ty.results().to_vec(),
        })
    }
}

fn no_start(functions: &[(&str, FuncType)]) -> Failure {
    /// More would not be read.
    const SHOWN: usize = 8;
    let mut names: Vec<String> = functions
        .iter()
        .filter(|(name, _)| *name != "_initialize")
        .take(SHOWN)
        .map(|(name, _)| format!("'{name}'"))
        .collect();
    if functions.len() > SHOWN {
        names.push("...".to_owned());
    }
    let names = names.join(", ");
    let reactor = functions.iter().any(|(name, _)| *name == "_initialize");
    Failure::usage(if reactor {
        format!(
            "this module is a reactor (it exports `_initialize` and no `_start`); choose a function with --invoke: {names}"
        )
    } else {
        format!("this module exports no `_start`; choose a function with --invoke: {names}")
    })
}

/// Arguments by the parameters' types.
fn parse_args(name: &str, ty: &FuncType, args: &[OsString]) -> Result<Vec<Val>, Failure> {
    let described = || format!("'{name}' has the type {}", of(ty));
    if args.len() != ty.params().len() {
        return Err(Failure::usage(format!(
            "{} given, {} expected: {}",
            plural(args.len(), "argument"),
            ty.params().len(),
            described()
        )));
    }
    ty.params()
        .iter()
        .zip(args)
        .enumerate()
        .map(|(i, (param, arg))| {
            // What is not UTF-8 is no value either.
            let arg = arg.to_string_lossy();
            parse(*param, &arg).map_err(|why| {
                Failure::usage(format!(
                    "argument {}, '{arg}', is not of type {param}: {why}; {}",
                    i + 1,
                    described()
                ))
            })
        })
        .collect()
}

fn of(ty: &FuncType) -> String {
    let text = signature(ty);
    if text.is_empty() {
        "() -> ()".to_owned()
    } else {
        text
    }
}

fn plural(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// One value of a type.
fn parse(ty: ValType, text: &str) -> Result<Val, String> {
    match ty {
        ValType::I32 => {
            let bits = int(text, 32)?;
            Ok(Val::I32(bits as u32 as i32))
        }
        ValType::I64 => Ok(Val::I64(int(text, 64)? as u64 as i64)),
        ValType::F32 => Ok(Val::F32(match nan(text, 23)? {
            Some((sign, payload)) => u32::from(sign) << 31 | 0x7f80_0000 | payload as u32,
            None => text.parse::<f32>().map_err(|e| e.to_string())?.to_bits(),
        })),
        ValType::F64 => Ok(Val::F64(match nan(text, 52)? {
            Some((sign, payload)) => u64::from(sign) << 63 | 0x7ff0_0000_0000_0000 | payload,
            None => text.parse::<f64>().map_err(|e| e.to_string())?.to_bits(),
        })),
        ValType::V128 => {
            let digits = text.strip_prefix("0x").unwrap_or(text).replace('_', "");
            u128::from_str_radix(&digits, 16)
                .map(Val::V128)
                .map_err(|e| format!("{e} (write it as 0x hexadecimal)"))
        }
        ValType::Ref(_) if text == "null" => Ok(Val::default_for(ty)),
        ValType::Ref(_) => Err("only `null` can be written for a reference".to_owned()),
    }
}

/// A signed or unsigned integer of `bits` bits, as two's complement.
fn int(text: &str, bits: u32) -> Result<i128, String> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hex) => {
            let hex = hex.replace('_', "");
            if hex.starts_with(['+', '-']) {
                return Err("invalid digit".to_owned());
            }
            u64::from_str_radix(&hex, 16).map_err(|e| e.to_string())?
        }
        None => integer(digits)?,
    };
    let magnitude = i128::from(magnitude);
    let value = if negative { -magnitude } else { magnitude };
    if value < -(1 << (bits - 1)) || value >= 1 << bits {
        return Err(format!("out of range of {bits} bits"));
    }
    Ok(value)
}

/// Sign and payload of `nan`, `-nan`, `nan:0x200000`; `None` for numbers.
fn nan(text: &str, mantissa_bits: u32) -> Result<Option<(bool, u64)>, String> {
    let (sign, rest) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    if rest.eq_ignore_ascii_case("nan") {
        return Ok(Some((sign, 1 << (mantissa_bits - 1))));
    }
    let Some(payload) = rest.strip_prefix("nan:0x") else {
        return Ok(None);
    };
    match u64::from_str_radix(payload, 16) {
        Ok(payload) if payload != 0 && payload < 1 << mantissa_bits => Ok(Some((sign, payload))),
        _ => Err(format!(
            "a NaN's payload has 1 to {mantissa_bits} bits and is not 0"
        )),
    }
}

/// Prints results on stdout, one a line.
pub fn print(results: &[Val]) -> Result<(), Failure> {
    if results.is_empty() {
        return Ok(());
    }
    to_stdout(|out| {
        results
            .iter()
            .try_for_each(|value| writeln!(out, "{}", show(value)))
    })
}

/// A value as [`parse`] reads it.
fn show(value: &Val) -> String {
    match *value {
        Val::I32(v) => v.to_string(),
        Val::I64(v) => v.to_string(),
        Val::F32(bits) => {
            let v = f32::from_bits(bits);
            let payload = u64::from(bits & 0x7f_ffff);
            float(v.into(), v.is_sign_negative(), payload, 23, || {
                (v.to_string(), format!("{v:e}"))
            })
        }
        Val::F64(bits) => {
            let v = f64::from_bits(bits);
            let payload = bits & 0xf_ffff_ffff_ffff;
            float(v, v.is_sign_negative(), payload, 52, || {
                (v.to_string(), format!("{v:e}"))
            })
        }
        Val::V128(v) => format!("{v:#034x}"),
        Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None) => {
            "null".to_owned()
        }
        Val::FuncRef(Some(_)) => "funcref".to_owned(),
        Val::ExternRef(Some(_)) => "externref".to_owned(),
        Val::AnyRef(Some(ref value)) => match value.as_i31() {
            Some(value) => format!("i31:{value}"),
            None => "anyref".to_owned(),
        },
        Val::ExnRef(Some(_)) => "exnref".to_owned(),
    }
}

fn float(
    value: f64,
    negative: bool,
    payload: u64,
    mantissa_bits: u32,
    forms: impl FnOnce() -> (String, String),
) -> String {
    if value.is_nan() {
        let sign = if negative { "-" } else { "" };
        return if payload == 1 << (mantissa_bits - 1) {
            format!("{sign}nan")
        } else {
            format!("{sign}nan:{payload:#x}")
        };
    }
    let (plain, scientific) = forms();
    let size = value.abs();
    if size == 0.0 || size.is_infinite() || (1e-7..1e21).contains(&size) {
        plain
    } else {
        scientific
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(ty: ValType, text: &str) -> Option<u128> {
        Some(match parse(ty, text).ok()? {
            Val::I32(v) => u128::from(v as u32),
            Val::I64(v) => u128::from(v as u64),
            Val::F32(v) => u128::from(v),
            Val::F64(v) => u128::from(v),
            Val::V128(v) => v,
            _ => 0,
        })
    }

    #[test]
    fn integers() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-1", Some(0xffff_ffff)),
            ("+7", Some(7)),
            ("4294967295", Some(0xffff_ffff)),
            ("4294967296", None),
            ("-2147483648", Some(0x8000_0000)),
            ("-2147483649", None),
            ("0xdead_beef", Some(0xdead_beef)),
            ("-0x1", Some(0xffff_ffff)),
            ("0x", None),
            ("0x-1", None),
            ("--1", None),
            ("1.0", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(bits(ValType::I32, text), expected, "{text}");
        }
        for (text, expected) in [
            ("18446744073709551615", Some(u128::from(u64::MAX))),
            ("-9223372036854775808", Some(1 << 63)),
            ("18446744073709551616", None),
        ] {
            assert_eq!(bits(ValType::I64, text), expected, "{text}");
        }
    }

    #[test]
    fn floats() {
        for (text, expected) in [
            ("1.5", Some(0x3fc0_0000)),
            ("-0", Some(0x8000_0000)),
            ("1e40", Some(0x7f80_0000)),
            ("inf", Some(0x7f80_0000)),
            ("-inf", Some(0xff80_0000)),
            ("nan", Some(0x7fc0_0000)),
            ("-NaN", Some(0xffc0_0000)),
            ("nan:0x200000", Some(0x7fa0_0000)),
            ("nan:0x0", None),
            ("nan:0x800000", None),
            ("one", None),
            ("", None),
        ] {
            assert_eq!(bits(ValType::F32, text), expected, "{text}");
        }
        assert_eq!(
            bits(ValType::F64, "nan"),
            Some(0x7ff8_0000_0000_0000),
            "the canonical NaN"
        );
    }

    #[test]
    fn what_is_shown_can_be_read() {
        let values = [
            Val::I32(i32::MIN),
            Val::I64(-1),
            Val::F32(1),
            Val::F32(0x7fa0_0000),
            Val::F32(0xffc0_0000),
            Val::F32(f32::MAX.to_bits()),
            Val::F64(0.1f64.to_bits()),
            Val::F64(f64::NEG_INFINITY.to_bits()),
            Val::F64((-0.0f64).to_bits()),
            Val::V128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        ];
        for value in values {
            let shown = show(&value);
            let again = match value {
                Val::I32(_) => parse(ValType::I32, &shown),
                Val::I64(_) => parse(ValType::I64, &shown),
                Val::F32(_) => parse(ValType::F32, &shown),
                Val::F64(_) => parse(ValType::F64, &shown),
                _ => parse(ValType::V128, &shown),
            };
            assert_eq!(
                format!("{:?}", again.unwrap()),
                format!("{value:?}"),
                "{shown}"
            );
        }
        assert_eq!(show(&Val::F64(2.0f64.to_bits())), "2");
        assert_eq!(show(&Val::F64(1e300f64.to_bits())), "1e300");
    }
}
