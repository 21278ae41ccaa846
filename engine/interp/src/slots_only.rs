//! Handlers of operators that have one form only: operands and results in canonical slots.

use crate::eval::scalar::{LoadOp, StoreOp, ops};
use crate::eval::wide::{self, WideOp};
use crate::handlers::wide as wide_handlers;
use crate::handlers::{gc, memory_at};
use crate::layout::Handler;
use crate::{for_load, for_store, for_wide};

/// Load from any memory.
pub fn load_at(op: LoadOp) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(LoadOp::$n => memory_at::load_at::<ops::$n>),* } };
    }
    for_load!(rows)
}

/// Store to any memory.
pub fn store_at(op: StoreOp) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(StoreOp::$n => memory_at::store_at::<ops::$n>),* } };
    }
    for_store!(rows)
}

/// Load of a structure's field.
pub fn struct_get(op: LoadOp) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(LoadOp::$n => gc::struct_get::<ops::$n>),* } };
    }
    for_load!(rows)
}

/// Store to a structure's field.
pub fn struct_set(op: StoreOp) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(StoreOp::$n => gc::struct_set::<ops::$n>),* } };
    }
    for_store!(rows)
}

/// Load of an array's element.
pub fn array_get(op: LoadOp) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(LoadOp::$n => gc::array_get::<ops::$n>),* } };
    }
    for_load!(rows)
}

/// Store to an array's element.
pub fn array_set(op: StoreOp) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(StoreOp::$n => gc::array_set::<ops::$n>),* } };
    }
    for_store!(rows)
}

/// Wide arithmetic.
pub fn wide_arith(op: WideOp) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(WideOp::$n => wide_handlers::wide::<wide::ops::$n>),* } };
    }
    for_wide!(rows)
}
