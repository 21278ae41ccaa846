//! Casts: tests of a reference's type, and branches on them.
//!
//! What an object is, is in its type's description; a structure or array type is a supertype
//! exactly if it is at its own depth in the list there (see `probity_interp::cast`, which does the
//! same for the interpreter). Only function types may need the engine, which does not look at the
//! frame.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, Type, Value, types};
use probity_interp::cast::Target;
use probity_interp::exit;
use probity_interp::layout::ObjectClass;
use wasmparser::Operator as O;

use super::super::abi;
use super::super::stubs::Exit;
use super::super::thunks::call_exit;
use super::{Region, Translator, trap_code};
use crate::code::cast::cast_target;
use crate::types::{HeapType, RefType, ValType};

/// Whether `op` is translated by [`Translator::cast`].
pub(super) fn is_cast(op: &O<'_>) -> bool {
    matches!(
        op,
        O::RefTestNonNull { .. }
            | O::RefTestNullable { .. }
            | O::RefCastNonNull { .. }
            | O::RefCastNullable { .. }
            | O::BrOnCast { .. }
            | O::BrOnCastFail { .. }
    )
}

/// What a reference is tested for.
#[derive(Clone, Copy)]
struct Goal {
    ty: RefType,
    /// Type index of its heap type, if that is one of the module's types; else it means nothing.
    index: u32,
}

/// Where control goes once a test is decided.
struct Way {
    block: Block,
    arguments: Vec<BlockArg>,
}

impl Way {
    fn to(block: Block) -> Way {
        Way {
            block,
            arguments: Vec::new(),
        }
    }
}

impl Translator<'_> {
    /// Casts; whether `op` is one.
    pub(super) fn casts(&mut self, op: &O<'_>) -> bool {
        match *op {
            O::RefTestNonNull { hty } => self.ref_test(hty, false),
            O::RefTestNullable { hty } => self.ref_test(hty, true),
            O::RefCastNonNull { hty } => self.ref_cast(hty, false),
            O::RefCastNullable { hty } => self.ref_cast(hty, true),
            O::BrOnCast {
                relative_depth,
                to_ref_type,
                ..
            } => self.branch_on_cast(relative_depth, to_ref_type, true),
            O::BrOnCastFail {
                relative_depth,
                to_ref_type,
                ..
            } => self.branch_on_cast(relative_depth, to_ref_type, false),
            _ => return false,
        }
        true
    }

    fn goal(&self, hty: wasmparser::HeapType, nullable: bool) -> Goal {
        let heap = self.heap_type(hty);
        let index = match hty {
            wasmparser::HeapType::Concrete(index) => index.as_module_index(),
            _ => None,
        };
        Goal {
            ty: RefType { nullable, heap },
            index: index.unwrap_or_default(),
        }
    }

    fn ref_test(&mut self, hty: wasmparser::HeapType, nullable: bool) {
        let to = self.goal(hty, nullable);
        let (from, value) = self.pop_reference();
        let block = self.b.create_block();
        let result = self.b.append_block_param(block, types::I32);
        let [no, yes] = [0, 1].map(|bit| {
            let bit = self.b.ins().iconst(types::I32, bit);
            let arguments = vec![BlockArg::Value(bit)];
            Way { block, arguments }
        });
        let bit = self.test(from, value, to, &yes, &no);
        let bit = self.b.ins().uextend(types::I32, bit);
        self.jump_to(block, &[bit]);
        self.go_on_at(block);
        self.push(ValType::I32, result);
    }

    fn ref_cast(&mut self, hty: wasmparser::HeapType, nullable: bool) {
        let to = self.goal(hty, nullable);
        let (from, value) = self.pop_reference();
        let (yes, no) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(no);
        self.branch_on_test(from, value, to, yes, no);
        self.go_on_at(no);
        self.b.ins().trap(trap_code(exit::CAST));
        self.go_on_at(yes);
        self.push(ValType::Ref(to.ty), value);
    }

    /// Branches if the reference on the stack, which stays, is of the type (or if it is not); goes
    /// on with what is then known of it.
    fn branch_on_cast(&mut self, depth: u32, to: wasmparser::RefType, if_is: bool) {
        let to = self.goal(to.heap_type(), to.is_nullable());
        let (from, value) = self.pop_reference();
        self.push(ValType::Ref(from), value);
        let (yes, no) = (self.b.create_block(), self.b.create_block());
        self.branch_on_test(from, value, to, yes, no);
        let (taken, next, known) = match if_is {
            true => (
                yes,
                no,
                RefType {
                    nullable: from.nullable && !to.ty.nullable,
                    heap: from.heap,
                },
            ),
            false => (no, yes, to.ty),
        };
        self.go_on_at(taken);
        self.jump(depth);
        self.go_on_at(next);
        self.pop();
        self.push(ValType::Ref(known), value);
    }

    /// Goes on in a block to which nothing else will go.
    fn go_on_at(&mut self, block: Block) {
        self.b.seal_block(block);
        self.b.switch_to_block(block);
    }

    fn branch_on_test(&mut self, from: RefType, value: Value, to: Goal, yes: Block, no: Block) {
        let bit = self.test(from, value, to, &Way::to(yes), &Way::to(no));
        self.b.ins().brif(bit, yes, &[], no, &[]);
    }

    /// Is a reference, known to be of type `from`, of type `to`? Some outcomes go to `yes` or `no`
    /// at once; where control goes on, the result decides: 1 if it is.
    fn test(&mut self, from: RefType, value: Value, to: Goal, yes: &Way, no: &Way) -> Value {
        let Goal { ty: to, index } = to;
        let engine = &self.m.engine;
        if engine.with_types(|types| from.heap.is_subtype_of(to.heap, types)) {
            return match from.nullable && !to.nullable {
                true => self.b.ins().icmp_imm_u(IntCC::NotEqual, value, 0),
                false => self.b.ins().iconst(types::I8, 1),
            };
        }
        let target = cast_target(self.m, to.heap);
        if target == Target::Nothing && to.nullable {
            return self.is_null(value);
        }
        if from.nullable {
            let null = self.is_null(value);
            self.decide_if(null, if to.nullable { yes } else { no });
        }
        let may_be_i31 = matches!(from.heap, HeapType::Any | HeapType::Eq | HeapType::I31);
        if may_be_i31 {
            let low = self.b.ins().ireduce(types::I8, value);
            let bit = self.b.ins().band_imm_u(low, 1);
            match target {
                Target::I31 => return bit,
                Target::Nothing | Target::Everything => {}
                Target::Eq => self.decide_if(bit, yes),
                _ => self.decide_if(bit, no),
            }
        }
        match target {
            // Everything else matches, as has been seen.
            Target::Everything | Target::Nothing | Target::I31 => self.b.ins().iconst(types::I8, 0),
            Target::Eq => self.has_class(value, IntCC::NotEqual, ObjectClass::Host),
            Target::Struct => self.has_class(value, IntCC::Equal, ObjectClass::Struct),
            Target::Array => self.has_class(value, IntCC::Equal, ObjectClass::Array),
            Target::Object { depth, .. } => self.is_object(value, index, depth, no),
            Target::Func { .. } => self.is_func(value, index, yes),
        }
    }

    /// Goes a way if the condition is not zero.
    fn decide_if(&mut self, condition: Value, way: &Way) {
        let next = self.b.create_block();
        self.b
            .ins()
            .brif(condition, way.block, &way.arguments, next, &[]);
        self.go_on_at(next);
    }

    /// A field of an object's header or its type's description.
    fn head(&mut self, ty: Type, base: Value, offset: i32) -> Value {
        let flags = self.flags(Region::ObjectHeads).with_readonly();
        self.b.ins().load(ty, flags, base, offset)
    }

    fn has_class(&mut self, object: Value, cc: IntCC, class: ObjectClass) -> Value {
        let ty = self.head(types::I64, object, abi::OBJECT_TYPE);
        let found = self.head(types::I32, ty, abi::TYPE_CLASS);
        self.b.ins().icmp_imm_u(cc, found, class as i64)
    }

    /// Whether an object is of a type that has `depth` supertypes.
    fn is_object(&mut self, object: Value, index: u32, depth: u8, no: &Way) -> Value {
        let ty = self.head(types::I64, object, abi::OBJECT_TYPE);
        let found = if self.m.types[index as usize].is_final {
            self.head(types::I32, ty, abi::TYPE_ID)
        } else {
            let count = self.head(types::I32, ty, abi::TYPE_COUNT);
            let above = IntCC::UnsignedLessThanOrEqual;
            let above = self.b.ins().icmp_imm_u(above, count, i64::from(depth));
            self.decide_if(above, no);
            let supers = self.head(types::I64, ty, abi::TYPE_SUPERS);
            self.head(types::I32, supers, i32::from(depth) * 4)
        };
        let id = self.key(types::I32, index);
        self.b.ins().icmp(IntCC::Equal, found, id)
    }

    /// Whether a function is of a type.
    fn is_func(&mut self, record: Value, index: u32, yes: &Way) -> Value {
        let flags = self.flags(Region::Record).with_readonly();
        let sig = self
            .b
            .ins()
            .load(types::I32, flags, record, abi::RECORD_SIG);
        let id = self.key(types::I32, index);
        let same = self.b.ins().icmp(IntCC::Equal, sig, id);
        if self.m.types[index as usize].is_final {
            return same;
        }
        self.decide_if(same, yes);
        let sub = self.b.ins().uextend(types::I64, sig);
        let sup = self.b.ins().uextend(types::I64, id);
        let is_below = call_exit(&mut self.b, Exit::IsSubtype, self.ctx, &[sub, sup]);
        self.b.ins().icmp_imm_u(IntCC::NotEqual, is_below, 0)
    }
}
