//! The conventions of compiled code, and where it finds what it needs.
//!
//! A compiled function is a System V function of the context, its frame on the value stack, and those
//! of its parameters that fit in registers; the others are in their slots of the frame, where
//! interpreted code has all of them. A single result comes back in a register; several go to the
//! frame's first slots, as interpreted code leaves them.
//!
//! So nothing is ever passed on the native stack, and a tail call only has to give up the caller's
//! frame. Cranelift makes tail calls in functions of its own convention `Tail` alone, which is System
//! V's except for arguments on the stack: then the callee pops them. Without such arguments the two
//! are one, and a function with tail calls is called like any other.

use std::mem::offset_of;

use cranelift_codegen::ir::{AbiParam, ArgumentPurpose, Signature, Type, types};
use cranelift_codegen::isa::CallConv;
use probity_interp::layout::{
    Ctx, FuncRecord, MemoryView, ObjectHeader, Poll, TableView, TypeHead,
};

use crate::gc::layout::ObjectType;
use crate::module::ModuleInner;
use crate::runtime::context::{offset_of_global, offset_of_key, offset_of_record};
use crate::tier::code::{ResultKind, Width};
use crate::types::{FuncType, ValType};

pub(super) const CTX_MEM_LEN: i32 = offset_of!(Ctx, mem_len) as i32;
pub(super) const CTX_MEM_BASE: i32 = offset_of!(Ctx, mem_base) as i32;
pub(super) const CTX_GLOBAL_ADDRS: i32 = offset_of!(Ctx, global_addrs) as i32;
pub(super) const CTX_TABLE0: i32 = offset_of!(Ctx, table0) as i32;
pub(super) const CTX_TABLE0_LEN: i32 = offset_of!(Ctx, table0_len) as i32;
pub(super) const CTX_TABLES: i32 = offset_of!(Ctx, tables) as i32;
pub(super) const CTX_MEMORIES: i32 = offset_of!(Ctx, memories) as i32;
pub(super) const CTX_NATIVES: i32 = offset_of!(Ctx, natives) as i32;
pub(super) const CTX_OUTS: i32 = offset_of!(Ctx, outs) as i32;
pub(super) const CTX_POLL_LIMIT: i32 = (offset_of!(Ctx, poll) + offset_of!(Poll, limit)) as i32;
pub(super) const CTX_POLL_REQUEST: i32 = (offset_of!(Ctx, poll) + offset_of!(Poll, request)) as i32;
pub(super) const CTX_CALLEE: i32 = offset_of!(Ctx, callee) as i32;
pub(super) const CTX_LEFT: i32 = offset_of!(Ctx, left) as i32;
pub(super) const CTX_FUEL: i32 = offset_of!(Ctx, fuel) as i32;
pub(super) const RECORD_CTX: i32 = offset_of!(FuncRecord, ctx) as i32;
pub(super) const RECORD_TARGET: i32 = offset_of!(FuncRecord, target) as i32;
pub(super) const RECORD_SIG: i32 = offset_of!(FuncRecord, sig) as i32;
pub(super) const RECORD_COST: i32 = offset_of!(FuncRecord, cost) as i32;
pub(super) const RECORD_THUNK: i32 = offset_of!(FuncRecord, thunk) as i32;
pub(super) const RECORD_NATIVE: i32 = offset_of!(FuncRecord, native) as i32;
pub(super) const VIEW_BASE: i32 = offset_of!(MemoryView, base) as i32;
pub(super) const VIEW_LEN: i32 = offset_of!(MemoryView, len) as i32;
pub(super) const VIEW_SHARED_LEN: i32 = offset_of!(MemoryView, shared_len) as i32;
pub(super) const TABLE_ELEMENTS: i32 = offset_of!(TableView, elements) as i32;
pub(super) const TABLE_LEN: i32 = offset_of!(TableView, len) as i32;
pub(super) const OBJECT_TYPE: i32 = offset_of!(ObjectHeader, ty) as i32;
pub(super) const ARRAY_LEN: i32 = offset_of!(ObjectHeader, len) as i32;
pub(super) const ARRAY_ELEMENTS: i32 = size_of::<ObjectHeader>() as i32;
pub(super) const TYPE_SUPERS: i32 = offset_of!(TypeHead, supers) as i32;
pub(super) const TYPE_COUNT: i32 = offset_of!(TypeHead, count) as i32;
pub(super) const TYPE_CLASS: i32 = offset_of!(TypeHead, class) as i32;
pub(super) const TYPE_ID: i32 = offset_of!(ObjectType, id) as i32;

/// Distance from the context to a slot of the instance's globals.
pub(super) fn global_offset(slot: u32) -> i32 {
    offset_of_global(slot as usize) as i32
}

/// Distance from the context to the record of a function.
pub(super) fn record_offset(m: &ModuleInner, func: u32) -> i32 {
    offset_of_record(m.global_slot_count(), func as usize) as i32
}

/// Distance from the context to the key of a type.
pub(super) fn key_offset(m: &ModuleInner, type_index: u32) -> i32 {
    offset_of_key(m.global_slot_count(), m.funcs.len(), type_index as usize) as i32
}

/// How a value is held in registers.
pub(super) fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => types::I32,
        ValType::I64 | ValType::Ref(_) => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
    }
}

/// Size of a value of this type.
pub(super) fn width(ty: Type) -> Width {
    match ty.bytes() {
        4 => Width::Four,
        8 => Width::Eight,
        _ => Width::Sixteen,
    }
}

/// Parameters that are in general registers, beside the context and the frame, and in vector
/// registers.
const GENERAL_PARAMS: usize = 4;
const VECTOR_PARAMS: usize = 8;

/// Whether each parameter of a function is in a register, or in its slot.
pub(super) fn in_registers(params: &[ValType]) -> impl Iterator<Item = bool> {
    let (mut general, mut vector) = (GENERAL_PARAMS, VECTOR_PARAMS);
    params.iter().map(move |ty| {
        let left = match ty {
            ValType::I32 | ValType::I64 | ValType::Ref(_) => &mut general,
            ValType::F32 | ValType::F64 | ValType::V128 => &mut vector,
        };
        let fits = *left != 0;
        *left -= usize::from(fits);
        fits
    })
}

fn convention() -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    let context = AbiParam::special(types::I64, ArgumentPurpose::VMContext);
    signature.params.push(context);
    signature
}

/// Signature of compiled functions of a type.
pub(super) fn signature(ty: &FuncType) -> Signature {
    let mut signature = convention();
    signature.params.push(AbiParam::new(types::I64));
    let params = ty.params().iter().zip(in_registers(ty.params()));
    let params = params.filter(|(_, in_register)| *in_register);
    signature
        .params
        .extend(params.map(|(&ty, _)| AbiParam::new(clif_type(ty))));
    if ResultKind::of(ty.results()) != ResultKind::Slots {
        let result = clif_type(ty.results()[0]);
        signature.returns.push(AbiParam::new(result));
    }
    signature
}

/// The same, of functions that make tail calls, and of what they call so.
pub(super) fn tail_signature(ty: &FuncType) -> Signature {
    Signature {
        call_conv: CallConv::Tail,
        ..signature(ty)
    }
}

/// Signature of what the interpreter enters: context, frame, argument.
pub(super) fn entry_signature() -> Signature {
    let mut signature = convention();
    signature.params.push(AbiParam::new(types::I64));
    signature.params.push(AbiParam::new(types::I64));
    signature
}

/// Signature of exits with so many arguments behind the context.
pub(super) fn exit_signature(arguments: usize) -> Signature {
    let mut signature = convention();
    for _ in 0..arguments {
        signature.params.push(AbiParam::new(types::I64));
    }
    signature.returns.push(AbiParam::new(types::I64));
    signature
}
