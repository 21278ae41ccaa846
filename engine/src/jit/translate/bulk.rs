//! Copying and filling of memory, without the engine where that is short and in bounds.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AbiParam, Block, InstBuilder, Signature, Value, types};
use cranelift_codegen::isa::CallConv;
use wasmparser::Operator as O;

use super::super::abi;
use super::super::stubs::Exit;
use super::super::thunks::exit_address;
use super::Translator;

/// Bytes beyond which another thread may want to interrupt the work, so that it is the engine's.
const SHORT: i64 = 1 << 20;

impl Translator<'_> {
    /// `memory.copy` and `memory.fill` of memory 0; whether `op` is such a one.
    pub(super) fn bulk(&mut self, op: &O<'_>) -> bool {
        let exit = match *op {
            O::MemoryCopy {
                dst_mem: 0,
                src_mem: 0,
            } => Exit::Copy,
            O::MemoryFill { mem: 0 } => Exit::Fill,
            _ => return false,
        };
        // Against a limit of fuel they are charged by size.
        if self.counted || !self.m.memories[0].is_guarded() {
            return false;
        }
        let operands = self.peek(3);
        let operands: Vec<Value> = operands.into_iter().map(|v| self.extend(v)).collect();
        let [to, second, len] = operands[..] else {
            unreachable!("three operands");
        };
        let farthest = match exit {
            Exit::Copy => self.b.ins().umax(to, second),
            _ => to,
        };
        let (engine, next) = (self.b.create_block(), self.b.create_block());
        let short = self.b.ins().iconst(types::I64, SHORT);
        self.engine_if_above(len, short, engine);
        let end = self.b.ins().iadd(farthest, len);
        let bytes = self.field(types::I64, abi::CTX_MEM_LEN);
        self.engine_if_above(end, bytes, engine);
        self.b.seal_block(engine);

        let base = self.fixed(types::I64, abi::CTX_MEM_BASE);
        let to = self.b.ins().iadd(base, to);
        let second = match exit {
            Exit::Copy => self.b.ins().iadd(base, second),
            _ => second,
        };
        self.call_routine(exit, &[to, second, len]);
        self.jump_to(next, &[]);

        self.b.set_cold_block(engine);
        self.b.switch_to_block(engine);
        self.slow_op(3, &[]);
        self.jump_to(next, &[]);
        self.b.seal_block(next);
        self.b.switch_to_block(next);
        true
    }

    /// Goes to a block if a number is above another, and on otherwise.
    fn engine_if_above(&mut self, number: Value, most: Value, engine: Block) {
        let next = self.b.create_block();
        let above = self.b.ins().icmp(IntCC::UnsignedGreaterThan, number, most);
        self.b.ins().brif(above, engine, &[], next, &[]);
        self.b.seal_block(next);
        self.b.switch_to_block(next);
    }

    /// Calls a routine that sees no more than its arguments.
    fn call_routine(&mut self, exit: Exit, arguments: &[Value]) {
        let mut signature = Signature::new(CallConv::SystemV);
        for _ in arguments {
            signature.params.push(AbiParam::new(types::I64));
        }
        let signature = self.b.import_signature(signature);
        let target = exit_address(&mut self.b, exit, self.ctx);
        self.b.ins().call_indirect(signature, target, arguments);
    }
}
