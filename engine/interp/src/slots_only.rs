//! Handlers of operators that have one form only: operands and results in canonical slots.

use crate::eval::scalar::{LoadOp, StoreOp, ops};
use crate::eval::wide::{self, WideOp};
use crate::handlers::memory_at;
use crate::handlers::wide as wide_handlers;
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

/// Wide arithmetic.
pub fn wide_arith(op: WideOp) -> Handler {
    macro_rules! rows {
        ($(($n:ident $($rest:tt)*))*) => { match op { $(WideOp::$n => wide_handlers::wide::<wide::ops::$n>),* } };
    }
    for_wide!(rows)
}
