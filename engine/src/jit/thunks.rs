//! Code between the conventions: from frames to registers and back.

use cranelift_codegen::ir::{Function, InstBuilder, MemFlagsData, Value, types};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use super::abi;
use super::stubs::Exit;
use crate::runtime::slot_offsets;
use crate::tier::code::ResultKind;
use crate::types::FuncType;

/// Calls the compiled function that is the argument, with arguments from the frame; results go
/// there.
pub(super) fn thunk(
    ty: &FuncType,
    config: TargetFrontendConfig,
    func: &mut Function,
    context: &mut FunctionBuilderContext,
) {
    func.signature = abi::entry_signature();
    let mut b = FunctionBuilder::new(func, context);
    let params = begin(&mut b);
    let (ctx, fp, target) = (params[0], params[1], params[2]);
    let flags = MemFlagsData::trusted();
    let mut arguments = vec![ctx, fp];
    let params = slot_offsets(ty.params(), 0).zip(abi::in_registers(ty.params()));
    for ((ty, slot), in_register) in params {
        if in_register {
            let offset = slot as i32 * 8;
            let value = b.ins().load(abi::clif_type(ty), flags, fp, offset);
            arguments.push(value);
        }
    }
    let signature = b.import_signature(abi::signature(ty));
    let call = b.ins().call_indirect(signature, target, &arguments);
    if let Some(&result) = b.inst_results(call).first() {
        b.ins().store(flags, result, fp, 0);
    }
    b.ins().return_(&[]);
    b.finalize(config);
}

/// Takes the place of a compiled function: puts the arguments into the frame, has the engine call,
/// and takes the result from there.
pub(super) fn out(
    ty: &FuncType,
    config: TargetFrontendConfig,
    func: &mut Function,
    context: &mut FunctionBuilderContext,
) {
    func.signature = abi::signature(ty);
    let mut b = FunctionBuilder::new(func, context);
    let params = begin(&mut b);
    let (ctx, fp) = (params[0], params[1]);
    let flags = MemFlagsData::trusted();
    let slots = slot_offsets(ty.params(), 0).zip(abi::in_registers(ty.params()));
    let in_registers = slots.filter(|(_, in_register)| *in_register);
    for (((_, slot), _), &value) in in_registers.zip(&params[2..]) {
        store_slot(&mut b, value, fp, slot);
    }
    call_exit(&mut b, Exit::CallOut, ctx, &[fp]);
    match ResultKind::of(ty.results()) {
        ResultKind::Slots => b.ins().return_(&[]),
        _ => {
            let ty = abi::clif_type(ty.results()[0]);
            let result = b.ins().load(ty, flags, fp, 0);
            b.ins().return_(&[result])
        }
    };
    b.finalize(config);
}

fn begin(b: &mut FunctionBuilder<'_>) -> Vec<Value> {
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    b.seal_block(block);
    b.block_params(block).to_vec()
}

/// Stores a value in a slot, whose upper half is cleared if the value is narrower.
pub(super) fn store_slot(b: &mut FunctionBuilder<'_>, value: Value, fp: Value, slot: u32) {
    let flags = MemFlagsData::trusted();
    let ty = b.func.dfg.value_type(value);
    let value = match ty {
        types::F32 => {
            let bits = b.ins().bitcast(types::I32, MemFlagsData::new(), value);
            b.ins().uextend(types::I64, bits)
        }
        types::I32 => b.ins().uextend(types::I64, value),
        _ => value,
    };
    b.ins().store(flags, value, fp, slot as i32 * 8);
}

/// Calls an exit for good or for its result, without a site.
pub(super) fn call_exit(
    b: &mut FunctionBuilder<'_>,
    exit: Exit,
    ctx: Value,
    arguments: &[Value],
) -> Value {
    let signature = b.import_signature(abi::exit_signature(arguments.len()));
    let target = exit_address(b, exit, ctx);
    let arguments: Vec<Value> = std::iter::once(ctx)
        .chain(arguments.iter().copied())
        .collect();
    let call = b.ins().call_indirect(signature, target, &arguments);
    b.inst_results(call)[0]
}

/// Address of an exit. Loaded where it is called, for most such places are hardly ever reached.
pub(super) fn exit_address(b: &mut FunctionBuilder<'_>, exit: Exit, ctx: Value) -> Value {
    let flags = MemFlagsData::trusted().with_readonly();
    let offset = abi::CTX_NATIVES + exit as usize as i32 * 8;
    b.ins().load(types::I64, flags, ctx, offset)
}
