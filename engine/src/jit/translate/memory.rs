//! Globals, loads and stores, sizes.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, MemFlagsData, Opcode, Type, Value, types};
use probity_interp::exit;
use wasmparser::{MemArg, Operator as O};

use super::super::abi;
use super::{Region, Translator, access_code, trap_code};
use crate::code::classify::place;
use crate::runtime::memory::GUARD;
use crate::types::ValType::{self, F32, F64, I32, I64};

/// Regions of globals that a function can have: there is a limit of all, and each block knows what
/// was stored last in each.
const GLOBAL_REGIONS: u32 = 256;

/// Address of an access, with the rest of its offset and its flags.
pub(super) struct Place {
    pub(super) address: Value,
    pub(super) flags: MemFlagsData,
}

/// Bytes that are accessed, and where in the code.
#[derive(Clone, Copy)]
pub(super) struct Accessed {
    block: Option<Block>,
    memory: u32,
    offset: u64,
    index: Index,
    size: u32,
}

/// Where an access is, but for its offset.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Index {
    Constant(u128),
    Value(Value),
}

impl Accessed {
    /// Accesses that are remembered: `a[i] += a[j]` has one between.
    pub(super) const KNOWN: usize = 2;

    /// None.
    pub(super) fn nothing() -> Accessed {
        Accessed {
            block: None,
            memory: 0,
            offset: 0,
            index: Index::Constant(0),
            size: 0,
        }
    }

    /// Whether another access behind this one cannot trap.
    fn covers(&self, other: &Accessed) -> bool {
        self.block.is_some()
            && (self.block, self.memory) == (other.block, other.memory)
            && (self.offset, self.index) == (other.offset, other.index)
            && other.size <= self.size
    }
}

impl Translator<'_> {
    /// Scalar loads and stores, globals, sizes; whether `op` is of that kind.
    pub(super) fn access(&mut self, op: &O<'_>) -> bool {
        match *op {
            O::I32Load { ref memarg } => self.load(memarg, Opcode::Load, I32, 4),
            O::I64Load { ref memarg } => self.load(memarg, Opcode::Load, I64, 8),
            O::F32Load { ref memarg } => self.load(memarg, Opcode::Load, F32, 4),
            O::F64Load { ref memarg } => self.load(memarg, Opcode::Load, F64, 8),
            O::I32Load8S { ref memarg } => self.load(memarg, Opcode::Sload8, I32, 1),
            O::I32Load8U { ref memarg } => self.load(memarg, Opcode::Uload8, I32, 1),
            O::I32Load16S { ref memarg } => self.load(memarg, Opcode::Sload16, I32, 2),
            O::I32Load16U { ref memarg } => self.load(memarg, Opcode::Uload16, I32, 2),
            O::I64Load8S { ref memarg } => self.load(memarg, Opcode::Sload8, I64, 1),
            O::I64Load8U { ref memarg } => self.load(memarg, Opcode::Uload8, I64, 1),
            O::I64Load16S { ref memarg } => self.load(memarg, Opcode::Sload16, I64, 2),
            O::I64Load16U { ref memarg } => self.load(memarg, Opcode::Uload16, I64, 2),
            O::I64Load32S { ref memarg } => self.load(memarg, Opcode::Sload32, I64, 4),
            O::I64Load32U { ref memarg } => self.load(memarg, Opcode::Uload32, I64, 4),
            O::I32Store { ref memarg } | O::F32Store { ref memarg } => {
                self.store(memarg, Opcode::Store, 4);
            }
            O::I64Store { ref memarg } | O::F64Store { ref memarg } => {
                self.store(memarg, Opcode::Store, 8);
            }
            O::I32Store8 { ref memarg } | O::I64Store8 { ref memarg } => {
                self.store(memarg, Opcode::Istore8, 1);
            }
            O::I32Store16 { ref memarg } | O::I64Store16 { ref memarg } => {
                self.store(memarg, Opcode::Istore16, 2);
            }
            O::I64Store32 { ref memarg } => self.store(memarg, Opcode::Istore32, 4),
            O::GlobalGet { global_index } => self.global_get(global_index),
            O::GlobalSet { global_index } => self.global_set(global_index),
            O::MemorySize { mem } => return self.memory_size(mem),
            _ => return false,
        }
        true
    }

    fn load(&mut self, memarg: &MemArg, opcode: Opcode, ty: ValType, size: u32) {
        let index = self.pop();
        let place = self.place(memarg, index, size);
        let clif = abi::clif_type(ty);
        let b = self.b.ins();
        let (flags, at) = (place.flags, place.address);
        let value = match opcode {
            Opcode::Load => b.load(clif, flags, at, 0),
            Opcode::Sload8 => b.sload8(clif, flags, at, 0),
            Opcode::Uload8 => b.uload8(clif, flags, at, 0),
            Opcode::Sload16 => b.sload16(clif, flags, at, 0),
            Opcode::Uload16 => b.uload16(clif, flags, at, 0),
            Opcode::Sload32 => b.sload32(flags, at, 0),
            _ => b.uload32(flags, at, 0),
        };
        self.push(ty, value);
    }

    fn store(&mut self, memarg: &MemArg, opcode: Opcode, size: u32) {
        let value = self.pop();
        let index = self.pop();
        let place = self.place(memarg, index, size);
        let b = self.b.ins();
        let (flags, at) = (place.flags, place.address);
        match opcode {
            Opcode::Store => b.store(flags, value, at, 0),
            Opcode::Istore8 => b.istore8(flags, value, at, 0),
            Opcode::Istore16 => b.istore16(flags, value, at, 0),
            _ => b.istore32(flags, value, at, 0),
        };
    }

    /// Address of an access of `size` bytes, which traps if it is out of bounds.
    pub(super) fn place(&mut self, memarg: &MemArg, index: Value, size: u32) -> Place {
        // The validator has seen that it is no access to an array.
        let (memory, offset) = place(memarg).unwrap_or((0, memarg.offset));
        self.place_in(memory, offset, index, size)
    }

    /// The same, by memory and offset.
    pub(super) fn place_in(&mut self, memory: u32, offset: u64, index: Value, size: u32) -> Place {
        let heap = self.region(Region::Heap);
        let number = self.number_access(Accessed {
            block: self.b.current_block(),
            memory,
            offset,
            index: match self.constant_bits(index) {
                Some(bits) => Index::Constant(bits),
                None => Index::Value(self.b.func.dfg.resolve_aliases(index)),
            },
            size,
        });
        let flags = MemFlagsData::new()
            .with_alias_region(Some(heap))
            .with_trap_code(Some(access_code(number)));
        let ty = &self.m.memories[memory as usize];
        if memory == 0 && ty.is_guarded() && offset + u64::from(size) <= GUARD {
            let base = self.fixed(types::I64, abi::CTX_MEM_BASE);
            let index = self.extend(index);
            let at = self.b.ins().iadd(base, index);
            let address = match offset {
                0 => at,
                _ => self.b.ins().iadd_imm_s(at, offset as i64),
            };
            return Place { address, flags };
        }
        let is_64 = ty.memory64;
        let index = self.extend(index);
        // End of the access, which cannot wrap around in 32-bit memories.
        let end = match (is_64, offset.checked_add(size.into())) {
            (false, Some(more)) => self.b.ins().iadd_imm_s(index, more as i64),
            (true, Some(more)) => {
                let more = self.b.ins().iconst(types::I64, more as i64);
                self.b
                    .ins()
                    .uadd_overflow_trap(index, more, trap_code(exit::MEMORY))
            }
            (_, None) => {
                let always = self.b.ins().iconst(types::I32, 1);
                self.trap_if(always, exit::MEMORY);
                index
            }
        };
        let (base, len) = self.memory_view(memory, end);
        let outside = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, len);
        self.trap_if(outside, exit::MEMORY);
        let at = self.b.ins().iadd(base, index);
        let address = self.b.ins().iadd_imm_s(at, offset as i64);
        Place { address, flags }
    }

    /// The number of an access; that of the last one if it is of the same bytes and nothing is between where control
    /// could come from: it does not trap then. Cranelift makes loading, changing and storing one instruction only if the
    /// load and the store trap with the same code.
    fn number_access(&mut self, access: Accessed) -> usize {
        let accesses = &mut self.draft.accesses;
        let recent = self
            .accessed
            .iter()
            .find(|(known, _)| known.covers(&access));
        if let Some(&(_, number)) = recent {
            return number;
        }
        let number = accesses.len();
        accesses.push(self.pc);
        self.accessed.rotate_right(1);
        self.accessed[0] = (access, number);
        number
    }

    /// Base and length of a memory, for an access that ends at `end`.
    fn memory_view(&mut self, memory: u32, end: Value) -> (Value, Value) {
        let ty = &self.m.memories[memory as usize];
        let (shared, plain) = (ty.shared, ty.is_plain());
        if memory == 0 && plain {
            let base = self.field(types::I64, abi::CTX_MEM_BASE);
            let len = self.field(types::I64, abi::CTX_MEM_LEN);
            return (base, len);
        }
        let view = self.view(memory);
        let flags = self.flags(Region::Context(abi::CTX_MEMORIES));
        let base = self.b.ins().load(types::I64, flags, view, abi::VIEW_BASE);
        let len = self.b.ins().load(types::I64, flags, view, abi::VIEW_LEN);
        if !shared {
            return (base, len);
        }
        // Another thread may have grown it.
        let (cold, next) = (self.b.create_block(), self.b.create_block());
        let now = self.b.append_block_param(next, types::I64);
        let beyond = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, len);
        let known = [len.into()];
        self.b.ins().brif(beyond, cold, &[], next, &known);
        self.b.set_cold_block(cold);
        self.b.seal_block(cold);
        self.b.switch_to_block(cold);
        let cell = self
            .b
            .ins()
            .load(types::I64, flags, view, abi::VIEW_SHARED_LEN);
        let len = self
            .b
            .ins()
            .atomic_load(types::I64, MemFlagsData::trusted(), cell);
        self.jump_to(next, &[len]);
        self.b.seal_block(next);
        self.b.switch_to_block(next);
        (base, now)
    }

    fn view(&mut self, memory: u32) -> Value {
        let views = self.fixed(types::I64, abi::CTX_MEMORIES);
        let flags = self.flags(Region::Record).with_readonly();
        self.b
            .ins()
            .load(types::I64, flags, views, memory as i32 * 8)
    }

    /// Whether the size of this memory is in the context.
    fn memory_size(&mut self, memory: u32) -> bool {
        let ty = &self.m.memories[memory as usize];
        if memory != 0 || !ty.is_plain() {
            return false;
        }
        let (is_64, log2) = (ty.memory64, ty.page_size_log2);
        let len = self.field(types::I64, abi::CTX_MEM_LEN);
        let pages = self.b.ins().ushr_imm_u(len, i64::from(log2));
        if is_64 {
            self.push(I64, pages);
        } else {
            let pages = self.b.ins().ireduce(types::I32, pages);
            self.push(I32, pages);
        }
        true
    }

    // ---- globals

    /// Address and flags of a global.
    fn global(&mut self, index: u32) -> (Value, MemFlagsData, i32) {
        if let Some(own) = index.checked_sub(self.m.num_imported_globals) {
            let slot = self.m.global_slots[own as usize];
            let flags = self.flags(Region::Global(index % GLOBAL_REGIONS));
            return (self.ctx, flags, abi::global_offset(slot));
        }
        let addresses = self.fixed(types::I64, abi::CTX_GLOBAL_ADDRS);
        let flags = self.flags(Region::Record).with_readonly();
        let at = self
            .b
            .ins()
            .load(types::I64, flags, addresses, index as i32 * 8);
        (at, self.flags(Region::ImportedGlobals), 0)
    }

    fn global_get(&mut self, index: u32) {
        let ty = self.m.globals[index as usize].ty.content;
        let (base, flags, offset) = self.global(index);
        let clif: Type = abi::clif_type(ty);
        let value = self.b.ins().load(clif, flags, base, offset);
        self.push(ty, value);
    }

    fn global_set(&mut self, index: u32) {
        let value = self.pop();
        let (base, flags, offset) = self.global(index);
        // The whole slot: others read it as 64 bits.
        let value = match self.b.func.dfg.value_type(value) {
            types::I32 => self.b.ins().uextend(types::I64, value),
            types::F32 => {
                let bits = self.b.ins().bitcast(types::I32, MemFlagsData::new(), value);
                self.b.ins().uextend(types::I64, bits)
            }
            _ => value,
        };
        self.b.ins().store(flags, value, base, offset);
    }
}
