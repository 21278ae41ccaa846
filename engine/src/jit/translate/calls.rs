//! Calls. A call leads through the callee's record, so that whatever becomes of the callee's code
//! takes effect at once.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, SigRef, Type, Value, types};
use probity_interp::exit;
use wasmparser::Operator as O;

use super::super::abi;
use super::super::stubs::Exit;
use super::super::thunks::{call_exit, store_slot};
use super::sites::Callee;
use super::{Region, Translator};
use crate::runtime::slot_offsets;
use crate::tier::code::{ResultKind, SiteKind};
use crate::types::ValType;

impl Translator<'_> {
    /// Calls; whether `op` is one.
    pub(super) fn call(&mut self, op: &O<'_>) -> bool {
        match *op {
            O::Call { function_index } => self.call_direct(function_index),
            O::CallIndirect {
                type_index,
                table_index,
            } => {
                let index = self.pop();
                let record = self.callee_at(index, table_index);
                self.call_record(record, type_index, false);
            }
            O::CallRef { type_index } => {
                let record = self.pop();
                let null = self.is_null(record);
                self.trap_if(null, exit::NULL_FUNCTION);
                self.call_record(record, type_index, true);
            }
            O::RefFunc { function_index } => {
                let offset = abi::record_offset(self.m, function_index) + abi::RECORD_TARGET;
                let flags = self.flags(Region::Record);
                let flags = flags.with_readonly().with_can_move();
                let target = self.b.ins().load(types::I64, flags, self.ctx, offset);
                let ty = crate::types::RefType {
                    nullable: false,
                    heap: crate::types::HeapType::Concrete(
                        self.m.type_ids[self.m.funcs[function_index as usize] as usize],
                    ),
                };
                self.push(ValType::Ref(ty), target);
            }
            _ => return false,
        }
        true
    }

    pub(super) fn is_null(&mut self, reference: Value) -> Value {
        self.b.ins().icmp_imm_u(IntCC::Equal, reference, 0)
    }

    fn signature(&mut self, type_index: u32) -> SigRef {
        let ty = self.m.types[type_index as usize].func();
        let b = &mut self.b;
        let signatures = &mut self.signatures;
        *signatures
            .entry(type_index)
            .or_insert_with(|| b.import_signature(abi::signature(ty)))
    }

    fn call_direct(&mut self, func: u32) {
        let type_index = self.m.funcs[func as usize];
        let flags = self.flags(Region::Record);
        let offset = abi::record_offset(self.m, func) + abi::RECORD_NATIVE;
        let target = self.b.ins().load(types::I64, flags, self.ctx, offset);
        self.finish_call(target, type_index, Some(func));
    }

    /// Calls `target` with the topmost operands.
    fn finish_call(&mut self, target: Value, type_index: u32, direct: Option<u32>) {
        let m = self.m;
        let ty = m.types[type_index as usize].func();
        let base = self.lowest(ty.params().len());
        let callee_fp = self.b.ins().iadd_imm_s(self.fp, i64::from(base) * 8);
        let arguments = self.arguments(ty.params(), callee_fp);
        self.stack.truncate(self.stack.len() - ty.params().len());
        let signature = self.signature(type_index);
        let result = ResultKind::of(ty.results());
        let kind = SiteKind::Call {
            direct,
            type_index,
            base,
            result,
        };
        let results = self.call_site(Callee::Pointer(signature, target), &arguments, kind);
        match result {
            ResultKind::Slots => {
                let flags = self.flags(Region::Frame);
                for (ty, slot) in slot_offsets(ty.results(), base) {
                    let offset = slot as i32 * 8;
                    let value = self
                        .b
                        .ins()
                        .load(abi::clif_type(ty), flags, self.fp, offset);
                    self.push(ty, value);
                }
            }
            _ => self.push(ty.results()[0], results[0]),
        }
    }

    /// Passes the topmost operands, which stay, to a function whose frame is at `callee_fp`.
    pub(super) fn arguments(&mut self, params: &[ValType], callee_fp: Value) -> Vec<Value> {
        let values = self.peek(params.len());
        let mut arguments = vec![self.ctx, callee_fp];
        let slots = slot_offsets(params, 0).zip(abi::in_registers(params));
        for (((_, slot), in_register), value) in slots.zip(values) {
            match in_register {
                true => arguments.push(value),
                false => store_slot(&mut self.b, value, callee_fp, slot),
            }
        }
        arguments
    }

    /// Calls the function of a record, which is not null; `checked` if it is known to be of the type. What
    /// is of this very type and instance has its key; all others go a longer way.
    fn call_record(&mut self, record: Value, type_index: u32, checked: bool) {
        let flags = self.flags(Region::Context(abi::CTX_CALLEE));
        self.b.ins().store(flags, record, self.ctx, abi::CTX_CALLEE);
        let flags = self.flags(Region::Record);
        let fixed = flags.with_readonly();
        let key = self
            .b
            .ins()
            .load(types::I64, fixed, record, abi::RECORD_SIG);
        let own = self.key(types::I64, type_index);
        let differs = self.b.ins().icmp(IntCC::NotEqual, key, own);
        let (long, call) = (self.b.create_block(), self.b.create_block());
        let target = self.b.append_block_param(call, types::I64);
        let native = self
            .b
            .ins()
            .load(types::I64, flags, record, abi::RECORD_NATIVE);
        self.b
            .ins()
            .brif(differs, long, &[], call, &[BlockArg::Value(native)]);
        self.b.set_cold_block(long);
        self.b.seal_block(long);
        self.b.switch_to_block(long);
        if !checked {
            let sig = self.b.ins().ireduce(types::I32, key);
            self.check_signature(sig, type_index);
        }
        let home = self
            .b
            .ins()
            .load(types::I64, fixed, record, abi::RECORD_CTX);
        let same = self.b.ins().icmp(IntCC::Equal, home, self.ctx);
        let outs = self.fixed_here(types::I64, abi::CTX_OUTS);
        let out = self
            .b
            .ins()
            .load(types::I64, flags, outs, type_index as i32 * 8);
        let way = self.b.ins().select(same, native, out);
        self.jump_to(call, &[way]);
        self.b.seal_block(call);
        self.b.switch_to_block(call);
        self.finish_call(target, type_index, None);
    }

    /// Elements and length of a table.
    pub(super) fn table(&mut self, table: u32) -> (Value, Value) {
        if table == 0 {
            let elements = self.field(types::I64, abi::CTX_TABLE0);
            let len = self.field(types::I64, abi::CTX_TABLE0_LEN);
            return (elements, len);
        }
        let views = self.fixed(types::I64, abi::CTX_TABLES);
        let flags = self.flags(Region::Record).with_readonly();
        let view = self
            .b
            .ins()
            .load(types::I64, flags, views, table as i32 * 8);
        let flags = self.flags(Region::Context(abi::CTX_TABLES));
        let elements = self
            .b
            .ins()
            .load(types::I64, flags, view, abi::TABLE_ELEMENTS);
        let len = self.b.ins().load(types::I64, flags, view, abi::TABLE_LEN);
        (elements, len)
    }

    /// An index or length of a 32- or 64-bit space.
    pub(super) fn extend(&mut self, value: Value) -> Value {
        match self.b.func.dfg.value_type(value) {
            types::I64 => value,
            _ => self.b.ins().uextend(types::I64, value),
        }
    }

    /// Record of the function at an index of a table.
    pub(super) fn callee_at(&mut self, index: Value, table: u32) -> Value {
        let index = self.extend(index);
        let (elements, len) = self.table(table);
        let outside = self
            .b
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
        self.trap_if(outside, exit::UNDEFINED_ELEMENT);
        let offset = self.b.ins().ishl_imm_u(index, 3);
        let at = self.b.ins().iadd(elements, offset);
        let flags = self.flags(Region::Table);
        let record = self.b.ins().load(types::I64, flags, at, 0);
        let null = self.is_null(record);
        self.trap_if(null, exit::NULL_ELEMENT);
        record
    }

    /// The key of one of the module's types, or its lower half, the type's identity. It is no constant: code
    /// is the same in every engine.
    pub(super) fn key(&mut self, ty: Type, type_index: u32) -> Value {
        // It stays beside its use: calls would have it saved.
        let flags = self.flags(Region::Keys).with_readonly();
        let offset = abi::key_offset(self.m, type_index);
        self.b.ins().load(ty, flags, self.ctx, offset)
    }

    /// Traps if a function's type is not one of the module's, nor declared below it.
    pub(super) fn check_signature(&mut self, sig: Value, type_index: u32) {
        let wanted = self.key(types::I32, type_index);
        let differs = self.b.ins().icmp(IntCC::NotEqual, sig, wanted);
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        self.b.ins().brif(differs, cold, &[], next, &[]);
        self.b.set_cold_block(cold);
        self.b.seal_block(cold);
        self.b.switch_to_block(cold);
        let sub = self.b.ins().uextend(types::I64, sig);
        let sup = self.b.ins().uextend(types::I64, wanted);
        let is_below = call_exit(&mut self.b, Exit::IsSubtype, self.ctx, &[sub, sup]);
        let refused = self.is_null(is_below);
        self.trap_if(refused, exit::SIGNATURE);
        self.jump_to(next, &[]);
        self.b.seal_block(next);
        self.b.switch_to_block(next);
    }
}
