//! What a cell does, independent of how its handler finds its operands.

use crate::eval::scalar::{
    BinTrapOp, FloatBin, IntBin, IntCmp, LoadOp, Num, StoreOp, UnOp, UnTrapOp,
};
use crate::eval::wide::WideOp;
use crate::{
    for_v128_bin, for_v128_extract, for_v128_load, for_v128_load_lane, for_v128_relaxed_bin,
    for_v128_relaxed_tern, for_v128_relaxed_un, for_v128_replace, for_v128_shift, for_v128_splat,
    for_v128_store_lane, for_v128_tern, for_v128_test, for_v128_un,
};

/// Kind of a cell. Numbers of slots, immediates and targets are in the cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Kind {
    /// Belongs to the cell before it.
    Data,
    Get(Num),
    Set(Num),
    Tee(Num),
    /// 32-bit immediate; integers are sign-extended.
    Const(Num),
    /// 64-bit constant in a data cell.
    Wide(Num),
    IntBin(IntBin),
    FloatBin(FloatBin),
    IntCmp(IntCmp),
    BinTrap(BinTrapOp),
    Un(UnOp),
    UnTrap(UnTrapOp),
    /// Makes NaN canonical.
    Canon(Num),
    Load(LoadOp),
    Store(StoreOp),
    /// Access to any memory, which the data cell names.
    LoadAt(LoadOp),
    StoreAt(StoreOp),
    /// Two i64 results.
    WideArith(WideOp),
    Select(Num),
    GlobalGet(Num),
    GlobalSet(Num),
    GlobalGetAt(Num),
    GlobalSetAt,
    RefFunc,
    MemorySize,
    Br,
    BrFree,
    BrMove,
    BrMoveMany,
    BrMoveManyFree,
    /// Taken on non-zero (`br_if`) or on zero (`if`).
    BrIf(bool),
    BrIfMove,
    BrIfMoveMany,
    BrTable,
    /// With one data cell: where values come from, and how many slots they take.
    BrOnNull,
    BrOnNonNull,
    /// With another one: the type.
    BrOnCast,
    BrOnCastFail,
    RefAsNonNull,
    /// With a data cell that holds the type.
    RefTest,
    RefCast,
    RefI31,
    I31Get(bool),
    /// Leaves the word as it is.
    RefSame,
    StructGet(LoadOp),
    StructSet(StoreOp),
    ArrayGet(LoadOp),
    ArraySet(StoreOp),
    ArrayLen,
    Call,
    CallIndirect,
    CallIndirectTable,
    CallRef,
    ReturnCall,
    ReturnCallIndirect,
    ReturnCallRef,
    /// Does not go on behind: `throw`, `throw_ref`.
    Throw,
    ReturnNone,
    ReturnOne(Num),
    ReturnMany,
    Zero,
    /// No effect and no fuel: structural opcodes, `nop`, function entry.
    Marker,
    Drop,
    /// A unit of fuel and no effect: `try_table`.
    Try,
    Unreachable,
    /// Slow path, without and with a data cell.
    Slow,
    SlowData,
    Vector(VKind),
}

/// Kinds of SIMD cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum VKind {
    Un(VUnOp),
    RelaxedUn(VRelaxedUnOp),
    Bin(VBinOp),
    RelaxedBin(VRelaxedBinOp),
    Tern(VTernOp),
    RelaxedTern(VRelaxedTernOp),
    Shift(VShiftOp),
    Test(VTestOp),
    Splat(VSplatOp),
    Extract(VExtractOp),
    Replace(VReplaceOp),
    Load(VLoadOp),
    LoadLane(VLoadLaneOp),
    StoreLane(VStoreLaneOp),
    Store,
    /// Access to any memory, which the data cell names.
    LoadAt(VLoadOp),
    LoadLaneAt(VLoadLaneOp),
    StoreLaneAt(VStoreLaneOp),
    StoreAt,
    Const,
    Shuffle,
    Get,
    /// `local.set`, `local.tee`
    Set,
    Select,
    GlobalGet,
    GlobalSet,
    CanonF32,
    CanonF64,
}

/// Defines an enum whose variants are the names in a table of `eval::simd`.
macro_rules! vector_ops {
    ($d:tt $enum:ident, $doc:literal, $table:ident) => {
        macro_rules! rows {
                                            ($d(($d n:ident $d($d rest:tt)*))*) => {
                                                #[doc = $doc]
                                                #[allow(missing_docs)]
                                                #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
                                                pub enum $enum { $d($d n),* }
                                            };
                                        }
        $table!(rows);
    };
}
vector_ops!($ VUnOp, "One vector.", for_v128_un);
vector_ops!($ VRelaxedUnOp, "One vector, relaxed.", for_v128_relaxed_un);
vector_ops!($ VBinOp, "Two vectors.", for_v128_bin);
vector_ops!($ VRelaxedBinOp, "Two vectors, relaxed.", for_v128_relaxed_bin);
vector_ops!($ VTernOp, "Three vectors.", for_v128_tern);
vector_ops!($ VRelaxedTernOp, "Three vectors, relaxed.", for_v128_relaxed_tern);
vector_ops!($ VShiftOp, "Shifts.", for_v128_shift);
vector_ops!($ VTestOp, "Tests.", for_v128_test);
vector_ops!($ VSplatOp, "Splats.", for_v128_splat);
vector_ops!($ VExtractOp, "Lane to scalar.", for_v128_extract);
vector_ops!($ VReplaceOp, "Scalar to lane.", for_v128_replace);
vector_ops!($ VLoadOp, "Loads.", for_v128_load);
vector_ops!($ VLoadLaneOp, "Loads of a lane.", for_v128_load_lane);
vector_ops!($ VStoreLaneOp, "Stores of a lane.", for_v128_store_lane);

impl Kind {
    /// The kind of an access to memory 0 that does the same with any memory.
    pub fn at(self) -> Option<Kind> {
        Some(match self {
            Kind::Load(op) => Kind::LoadAt(op),
            Kind::Store(op) => Kind::StoreAt(op),
            Kind::Vector(VKind::Load(op)) => Kind::Vector(VKind::LoadAt(op)),
            Kind::Vector(VKind::LoadLane(op)) => Kind::Vector(VKind::LoadLaneAt(op)),
            Kind::Vector(VKind::StoreLane(op)) => Kind::Vector(VKind::StoreLaneAt(op)),
            Kind::Vector(VKind::Store) => Kind::Vector(VKind::StoreAt),
            _ => return None,
        })
    }

    /// Whether control may leave the straight line here.
    pub fn ends_run(self) -> bool {
        use Kind::*;
        matches!(
            self,
            Br | BrFree
                | BrMove
                | BrMoveMany
                | BrMoveManyFree
                | BrIf(_)
                | BrIfMove
                | BrIfMoveMany
                | BrTable
                | BrOnNull
                | BrOnNonNull
                | BrOnCast
                | BrOnCastFail
                | Call
                | CallIndirect
                | CallIndirectTable
                | CallRef
                | ReturnCall
                | ReturnCallIndirect
                | ReturnCallRef
                | Throw
                | ReturnNone
                | ReturnOne(_)
                | ReturnMany
                | Unreachable
        )
    }

    /// Whether the cell returns to the caller.
    pub fn returns(self) -> bool {
        use Kind::*;
        matches!(self, ReturnNone | ReturnOne(_) | ReturnMany)
    }

    /// Units of fuel that the cell costs (rule `fuel.v1`; the entry is charged by the call).
    pub fn fuel(self) -> u64 {
        use Kind::*;
        match self {
            Data
            | BrFree
            | BrMoveManyFree
            | ReturnNone
            | ReturnOne(_)
            | ReturnMany
            | Zero
            | Marker
            | Drop
            | Unreachable
            | Canon(_)
            | Vector(VKind::CanonF32 | VKind::CanonF64) => 0,
            _ => 1,
        }
    }
}

/// What fires before a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ProbeKind {
    /// Nothing.
    #[default]
    None,
    /// The engine.
    Fire,
    /// One counter.
    Count,
    /// One pair of counters, chosen by the condition.
    Boolean,
    /// A list of inline actions.
    List,
    /// A list of actions that need nothing but the frame.
    Steps,
}

/// A cell's kind and what windows must respect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ins {
    /// What the cell does.
    pub kind: Kind,
    /// Control may arrive here from elsewhere.
    pub label: bool,
    /// What fires before it.
    pub probe: ProbeKind,
}

impl Ins {
    /// Neither label nor probe.
    pub fn new(kind: Kind) -> Ins {
        Ins {
            kind,
            label: false,
            probe: ProbeKind::None,
        }
    }

    /// At a barrier the frame is wholly in memory and equals the Wasm machine's.
    pub fn is_barrier(self) -> bool {
        self.label || self.probe != ProbeKind::None
    }
}
