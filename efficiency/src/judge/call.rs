//! Functions that are called with JSON and give JSON.
//!
//! A number is a parameter of any numeric type (an integer must fit; `true` and `false` are 1 and 0). A string, or an array
//! of numbers, is two parameters of type `i32`: where its bytes are, and how many elements there are. The program has to
//! export `probity_alloc(bytes: i32) -> i32` or `malloc` for the place. Elements of an array are `i64` if all of them are
//! integers, else `f64`; strings are UTF-8.
//!
//! A result is a number, or nothing (`null`), or, where something else is expected, an `i64` with the address in the
//! low 32 bits and the number of elements in the high ones.

use probity_engine::{AsContextMut, Error, Func, Instance, Memory, Val, ValType};
use serde_json::{Number, Value};

use super::ended::Ended;

/// Functions that give memory, in this order.
const ALLOCATORS: [&str; 2] = ["probity_alloc", "malloc"];

/// Why there is no result.
pub(super) enum Failure {
    /// The function and the arguments do not fit.
    Mismatch(String),
    /// The result is larger than the output may be.
    TooLarge,
    /// The program itself says how it ended.
    Ended(Ended),
    /// It failed, or allocating for it did.
    Run(Error),
}

/// What a function is called with.
pub(super) struct Called<'a> {
    pub args: &'a [Value],
    /// What the result is expected to be, by its form.
    pub like: Option<&'a Value>,
    /// Bytes of memory that the result may take: the judge keeps many times as much for each of its elements.
    pub most: u64,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Run(error)
    }
}

fn mismatch<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Mismatch(message.into()))
}

/// Calls the exported function `name`.
pub(super) fn call(
    store: &mut impl AsContextMut,
    instance: Instance,
    name: &str,
    called: &Called<'_>,
) -> Result<Value, Failure> {
    let Called { args, like, most } = *called;
    let Some(func) = instance.get_func(store, name) else {
        return mismatch(format!("the program exports no function `{name}`"));
    };
    let ty = func.ty(store);
    let mut vals = Vec::new();
    for arg in args {
        pass(
            store,
            instance,
            arg,
            ty.params().get(vals.len()..).unwrap_or(&[]),
            &mut vals,
        )?;
    }
    if vals.len() != ty.params().len() {
        return mismatch(format!(
            "`{name}` takes {} parameters, and the arguments of the test are {}",
            ty.params().len(),
            vals.len()
        ));
    }
    let mut results: Vec<Val> = ty
        .results()
        .iter()
        .map(|ty| Val::default_for(*ty))
        .collect();
    func.call(store, &vals, &mut results)?;
    match &results[..] {
        [] => Ok(Value::Null),
        [Val::I64(packed)] if like.is_some_and(|like| like.is_array() || like.is_string()) => {
            take(store, instance, *packed as u64, like, most)
        }
        [Val::I32(value)] if like.is_some_and(Value::is_boolean) => Ok(Value::Bool(*value != 0)),
        [Val::I32(value)] => Ok((*value).into()),
        [Val::I64(value)] => Ok((*value).into()),
        [Val::F32(bits)] => Ok(float(f32::from_bits(*bits).into())),
        [Val::F64(bits)] => Ok(float(f64::from_bits(*bits))),
        _ => mismatch(format!("`{name}` gives something that is no JSON")),
    }
}

/// JSON has no NaN and no infinity.
fn float(value: f64) -> Value {
    Number::from_f64(value).map_or_else(|| Value::String(value.to_string()), Value::Number)
}

/// Adds the parameters of one argument; `types` are those that are left.
fn pass(
    store: &mut impl AsContextMut,
    instance: Instance,
    arg: &Value,
    types: &[ValType],
    vals: &mut Vec<Val>,
) -> Result<(), Failure> {
    match (arg, types) {
        (Value::String(text), [ValType::I32, ValType::I32, ..]) => {
            let at = put(store, instance, text.as_bytes())?;
            vals.extend([Val::I32(at as i32), Val::I32(text.len() as i32)]);
        }
        (Value::Array(items), [ValType::I32, ValType::I32, ..]) => {
            let at = put(store, instance, &elements(items)?)?;
            vals.extend([Val::I32(at as i32), Val::I32(items.len() as i32)]);
        }
        (Value::Bool(value), [ValType::I32, ..]) => vals.push(Val::I32((*value).into())),
        (Value::Number(number), [ty, ..]) => vals.push(scalar(number, *ty)?),
        _ => {
            return mismatch(format!(
                "the argument {arg} does not fit the function's parameters"
            ));
        }
    }
    Ok(())
}

fn scalar(number: &Number, ty: ValType) -> Result<Val, Failure> {
    let integer = number
        .as_i64()
        .or_else(|| number.as_u64().map(|n| n as i64));
    let fits_i32 = integer.filter(|n| (i64::from(i32::MIN)..=i64::from(u32::MAX)).contains(n));
    let val = match ty {
        ValType::I32 => fits_i32.map(|n| Val::I32(n as i32)),
        ValType::I64 => integer.map(Val::I64),
        ValType::F32 => number.as_f64().map(|n| Val::F32((n as f32).to_bits())),
        ValType::F64 => number.as_f64().map(|n| Val::F64(n.to_bits())),
        _ => None,
    };
    val.ok_or_else(|| Failure::Mismatch(format!("the argument {number} is no {ty}")))
}

/// The bytes of an array's elements.
fn elements(items: &[Value]) -> Result<Vec<u8>, Failure> {
    if let Some(integers) = items.iter().map(Value::as_i64).collect::<Option<Vec<_>>>() {
        return Ok(integers.iter().flat_map(|n| n.to_le_bytes()).collect());
    }
    match items.iter().map(Value::as_f64).collect::<Option<Vec<_>>>() {
        Some(floats) => Ok(floats.iter().flat_map(|n| n.to_le_bytes()).collect()),
        None => mismatch("an array of anything but numbers cannot be passed"),
    }
}

fn memory(store: &mut impl AsContextMut, instance: Instance) -> Result<Memory, Failure> {
    match instance.get_memory(store, "memory") {
        Some(memory) if memory.as_shared(store).is_none() => Ok(memory),
        _ => mismatch("the program exports no memory of its own as `memory`"),
    }
}

/// Puts bytes where the program gives room for them.
fn put(store: &mut impl AsContextMut, instance: Instance, bytes: &[u8]) -> Result<u32, Failure> {
    let memory = memory(store, instance)?;
    let mut allocators = ALLOCATORS.iter();
    let Some(alloc) = allocators.find_map(|name| instance.get_func(store, name)) else {
        let names = ALLOCATORS.join("` or `");
        return mismatch(format!(
            "arguments need memory, and the program exports no `{names}`"
        ));
    };
    let at = allocate(store, alloc, bytes.len())?;
    memory.write(store, at.into(), bytes)?;
    Ok(at)
}

fn allocate(store: &mut impl AsContextMut, alloc: Func, bytes: usize) -> Result<u32, Failure> {
    let ty = alloc.ty(store);
    if ty.params() != [ValType::I32] || ty.results() != [ValType::I32] {
        return mismatch("the program's allocator does not take an i32 and give one");
    }
    let mut result = [Val::I32(0)];
    // Something is somewhere else than nothing.
    alloc.call(store, &[Val::I32(bytes.max(1) as i32)], &mut result)?;
    match result {
        [Val::I32(at)] if at != 0 => Ok(at as u32),
        _ => mismatch("the program's allocator has no memory for the arguments"),
    }
}

/// Reads what the program left in its memory.
fn take(
    store: &mut impl AsContextMut,
    instance: Instance,
    packed: u64,
    like: Option<&Value>,
    most: u64,
) -> Result<Value, Failure> {
    let memory = memory(store, instance)?;
    let (at, len) = (packed & 0xffff_ffff, packed >> 32);
    let is_text = like.is_some_and(Value::is_string);
    let bytes = len.saturating_mul(if is_text { 1 } else { 8 });
    let data = memory.data(store);
    let range = usize::try_from(at)
        .ok()
        .zip(usize::try_from(at.saturating_add(bytes)).ok());
    let Some(bytes) = range.and_then(|(from, to)| data.get(from..to)) else {
        return mismatch(format!(
            "the result of {len} elements at {at:#x} is not in the program's memory"
        ));
    };
    if bytes.len() as u64 > most {
        return Err(Failure::TooLarge);
    }
    if is_text {
        return Ok(Value::String(String::from_utf8_lossy(bytes).into_owned()));
    }
    let expected = like.and_then(Value::as_array);
    let floats = expected.is_some_and(|items| items.iter().any(|item| item.as_i64().is_none()));
    let items = bytes.as_chunks::<8>().0.iter().map(|chunk| match floats {
        true => float(f64::from_le_bytes(*chunk)),
        false => i64::from_le_bytes(*chunk).into(),
    });
    Ok(Value::Array(items.collect()))
}
