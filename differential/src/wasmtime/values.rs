//! Values between Wasmtime and the test.

use wasmtime::{
    AnyRef, AsContextMut, Error, ExnRef, ExternRef, HeapType, I31, Ref, RootScope, Rooted, Store,
    V128, Val, ValType,
};

use crate::value::{ELEMENTS, LEVELS, RefKind, Type, Value, digest};

pub fn type_of(ty: &ValType) -> Type {
    match ty {
        ValType::I32 => Type::I32,
        ValType::I64 => Type::I64,
        ValType::F32 => Type::F32,
        ValType::F64 => Type::F64,
        ValType::V128 => Type::V128,
        ValType::Ref(ty) => Type::Ref {
            nullable: ty.is_nullable(),
            kind: match ty.heap_type() {
                HeapType::Extern => RefKind::Extern,
                HeapType::Any | HeapType::Eq | HeapType::I31 => RefKind::I31,
                _ => RefKind::NullOnly,
            },
        },
    }
}

/// # Errors
/// No host can make such a value, or the heap is full.
pub fn to_val(store: &mut impl AsContextMut, value: Value, ty: &ValType) -> Result<Val, Error> {
    let no_host = || Error::msg(format!("no host can make `{value}`"));
    Ok(match value {
        Value::I32(v) => Val::I32(v),
        Value::I64(v) => Val::I64(v),
        Value::F32(v) => Val::F32(v),
        Value::F64(v) => Val::F64(v),
        Value::V128(v) => Val::V128(V128::from(v)),
        Value::Null => Val::default_for_ty(ty).ok_or_else(no_host)?,
        Value::Extern(v) => Val::ExternRef(Some(ExternRef::new(store, v)?)),
        Value::I31(v) => Val::AnyRef(Some(AnyRef::from_i31(store, I31::wrapping_i32(v)))),
        _ => return Err(no_host()),
    })
}

/// The value, with the objects that it refers to up to some levels below.
pub fn from_val<S: AsContextMut>(store: &mut S, val: &Val, levels: u32) -> Value {
    match val {
        Val::I32(v) => Value::I32(*v),
        Val::I64(v) => Value::I64(*v),
        Val::F32(v) => Value::F32(*v),
        Val::F64(v) => Value::F64(*v),
        Val::V128(v) => Value::V128(v.as_u128()),
        Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None) => {
            Value::Null
        }
        Val::FuncRef(Some(_)) => Value::Func,
        Val::ExternRef(Some(v)) => from_extern(store, v, levels).unwrap_or(Value::Opaque),
        Val::AnyRef(Some(v)) => from_any(store, v, levels).unwrap_or(Value::Opaque),
        Val::ExnRef(Some(v)) => match levels.checked_sub(1) {
            Some(below) => Value::Exn(digest(exception_values(store, v, below))),
            None => Value::Exn(0),
        },
        Val::ContRef(_) => Value::Opaque,
    }
}

/// The same for an element of a table.
pub fn from_ref(store: &mut impl AsContextMut, val: &Ref, levels: u32) -> Value {
    from_val(store, &Val::from(val.clone()), levels)
}

/// What the exception carries with which a call ended; `None` if there is none.
pub fn take_exception<T: 'static>(store: &mut RootScope<&mut Store<T>>) -> Option<Vec<Value>> {
    let exception = store.as_context_mut().take_pending_exception()?;
    Some(exception_values(store, &exception, LEVELS))
}

fn exception_values<S: AsContextMut>(store: &mut S, v: &Rooted<ExnRef>, levels: u32) -> Vec<Value> {
    let fields: Vec<Val> = match v.fields(&mut *store) {
        Ok(fields) => fields.collect(),
        Err(_) => return vec![Value::Opaque],
    };
    let values = fields.iter();
    values.map(|val| from_val(store, val, levels)).collect()
}

fn from_extern<S: AsContextMut>(
    store: &mut S,
    v: &Rooted<ExternRef>,
    levels: u32,
) -> Result<Value, Error> {
    if let Some(data) = v.data(store.as_context())? {
        let number = data.downcast_ref::<u32>();
        return Ok(number.map_or(Value::Opaque, |&v| Value::Extern(v)));
    }
    let any = AnyRef::convert_extern(&mut *store, *v)?;
    from_any(store, &any, levels)
}

fn from_any<S: AsContextMut>(
    store: &mut S,
    v: &Rooted<AnyRef>,
    levels: u32,
) -> Result<Value, Error> {
    if let Some(v) = v.as_i31(&*store)? {
        return Ok(Value::I31(v.get_i32()));
    }
    if let Some(v) = v.as_struct(&*store)? {
        let Some(below) = levels.checked_sub(1) else {
            return Ok(Value::Struct(0));
        };
        let fields: Vec<Val> = v.fields(&mut *store)?.collect();
        let fields = fields.iter();
        return Ok(Value::Struct(digest(
            fields.map(|val| from_val(store, val, below)),
        )));
    }
    if let Some(v) = v.as_array(&*store)? {
        let len = v.len(&*store)?;
        let Some(below) = levels.checked_sub(1) else {
            return Ok(Value::Array(len, 0));
        };
        let mut elements = Vec::new();
        for i in 0..len.min(ELEMENTS) {
            let val = v.get(&mut *store, i)?;
            elements.push(from_val(store, &val, below));
        }
        return Ok(Value::Array(len, digest(elements)));
    }
    let v = ExternRef::convert_any(&mut *store, *v)?;
    from_extern(store, &v, levels)
}
