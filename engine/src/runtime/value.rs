//! Values.

use super::{ExternRef, Func};
use crate::types::ValType;

#[derive(Debug, Clone, Copy)]
pub enum Val {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
    FuncRef(Option<Func>),
    ExternRef(Option<ExternRef>),
}
impl Val {
    pub fn ty(&self) -> ValType {
        unimplemented!()
    }
    pub fn default_for(ty: ValType) -> Val {
        unimplemented!()
    }
}
