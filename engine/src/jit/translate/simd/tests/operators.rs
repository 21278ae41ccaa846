//! Every SIMD operator as text, with its types.

use crate::types::ValType::{self, F32, F64, I32, I64, V128};

/// An operator with its immediates, which memory accesses and lane operators have.
pub(super) struct Row {
    pub(super) text: String,
    pub(super) params: Vec<ValType>,
    pub(super) result: Option<ValType>,
}

/// Bytes of the memory that accesses work on: a few are out of bounds.
pub(super) const MEMORY_BYTES: u32 = 1 << 16;

const BYTES: &str = "i8x16";
const INTEGERS: &str = "i8x16 i16x8 i32x4 i64x2";
const FLOATS: &str = "f32x4 f64x2";

/// Shapes, and the operators that each has.
type Table = &'static [(&'static str, &'static str)];

const UNARY: Table = &[
    ("v128", "not"),
    (INTEGERS, "abs neg"),
    (BYTES, "popcnt"),
    (FLOATS, "ceil floor trunc nearest abs neg sqrt"),
    ("i16x8", "extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u"),
    ("i16x8", "extend_low_i8x16_s extend_high_i8x16_s"),
    ("i16x8", "extend_low_i8x16_u extend_high_i8x16_u"),
    ("i32x4", "extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u"),
    ("i32x4", "extend_low_i16x8_s extend_high_i16x8_s"),
    ("i32x4", "extend_low_i16x8_u extend_high_i16x8_u"),
    ("i32x4", "trunc_sat_f32x4_s trunc_sat_f32x4_u"),
    ("i32x4", "trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero"),
    ("i32x4", "relaxed_trunc_f32x4_s relaxed_trunc_f32x4_u"),
    ("i32x4", "relaxed_trunc_f64x2_s_zero"),
    ("i32x4", "relaxed_trunc_f64x2_u_zero"),
    ("i64x2", "extend_low_i32x4_s extend_high_i32x4_s"),
    ("i64x2", "extend_low_i32x4_u extend_high_i32x4_u"),
    ("f32x4", "convert_i32x4_s convert_i32x4_u"),
    ("f32x4", "demote_f64x2_zero"),
    ("f64x2", "convert_low_i32x4_s convert_low_i32x4_u"),
    ("f64x2", "promote_low_f32x4"),
];

const BINARY: Table = &[
    ("v128", "and andnot or xor"),
    (BYTES, "swizzle relaxed_swizzle"),
    (BYTES, "narrow_i16x8_s narrow_i16x8_u"),
    (INTEGERS, "eq ne lt_s gt_s le_s ge_s add sub"),
    ("i8x16 i16x8 i32x4", "lt_u gt_u le_u ge_u"),
    ("i8x16 i16x8 i32x4", "min_s min_u max_s max_u"),
    ("i8x16 i16x8", "add_sat_s add_sat_u sub_sat_s sub_sat_u"),
    ("i8x16 i16x8", "avgr_u"),
    ("i16x8 i32x4 i64x2", "mul"),
    ("i16x8", "narrow_i32x4_s narrow_i32x4_u"),
    ("i16x8", "q15mulr_sat_s relaxed_q15mulr_s"),
    ("i16x8", "relaxed_dot_i8x16_i7x16_s"),
    ("i16x8", "extmul_low_i8x16_s extmul_high_i8x16_s"),
    ("i16x8", "extmul_low_i8x16_u extmul_high_i8x16_u"),
    ("i32x4", "dot_i16x8_s"),
    ("i32x4", "extmul_low_i16x8_s extmul_high_i16x8_s"),
    ("i32x4", "extmul_low_i16x8_u extmul_high_i16x8_u"),
    ("i64x2", "extmul_low_i32x4_s extmul_high_i32x4_s"),
    ("i64x2", "extmul_low_i32x4_u extmul_high_i32x4_u"),
    (FLOATS, "eq ne lt gt le ge add sub mul div min max"),
    (FLOATS, "pmin pmax relaxed_min relaxed_max"),
];

const TERNARY: Table = &[
    ("v128", "bitselect"),
    (INTEGERS, "relaxed_laneselect"),
    (FLOATS, "relaxed_madd relaxed_nmadd"),
    ("i32x4", "relaxed_dot_i8x16_i7x16_add_s"),
];

const SHIFTS: Table = &[(INTEGERS, "shl shr_s shr_u")];

const TESTS: Table = &[("v128", "any_true"), (INTEGERS, "all_true bitmask")];

/// Loads of vectors.
const LOADS: &str = "load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u \
    load8_splat load16_splat load32_splat load64_splat load32_zero load64_zero";

/// Shapes with the type of one lane, and how many there are.
const SHAPES: &[(&str, ValType, u8)] = &[
    ("i8x16", I32, 16),
    ("i16x8", I32, 8),
    ("i32x4", I32, 4),
    ("i64x2", I64, 2),
    ("f32x4", F32, 4),
    ("f64x2", F64, 2),
];

/// Masks of shuffles: Cranelift has one instruction or another for some of them.
const SHUFFLES: &[&str] = &[
    "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
    "31 0 30 1 29 2 28 3 27 4 26 5 25 6 24 7",
    "4 5 6 7 4 5 6 7 0 1 2 3 12 13 14 15",
    "0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23",
    "8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31",
    "5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
    "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
    "3 2 1 0 7 6 5 4 11 10 9 8 15 14 13 12",
];

/// All operators, those with lanes for the first and the last lane.
pub(super) fn all() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |text: String, params: &[ValType], result: Option<ValType>| {
        rows.push(Row {
            text,
            params: params.to_vec(),
            result,
        });
    };
    let tables: [(Table, &[ValType], ValType); 5] = [
        (UNARY, &[V128], V128),
        (BINARY, &[V128, V128], V128),
        (TERNARY, &[V128, V128, V128], V128),
        (SHIFTS, &[V128, I32], V128),
        (TESTS, &[V128], I32),
    ];
    for (table, params, result) in tables {
        for (shapes, names) in table {
            for shape in shapes.split(' ') {
                for name in names.split(' ') {
                    add(format!("{shape}.{name}"), params, Some(result));
                }
            }
        }
    }
    for &(shape, ty, count) in SHAPES {
        add(format!("{shape}.splat"), &[ty], Some(V128));
        let extracts: &[&str] = match count {
            8 | 16 => &["_s", "_u"],
            _ => &[""],
        };
        for lane in [0, count - 1] {
            for sign in extracts {
                let text = format!("{shape}.extract_lane{sign} {lane}");
                add(text, &[V128], Some(ty));
            }
            let text = format!("{shape}.replace_lane {lane}");
            add(text, &[V128, ty], Some(V128));
        }
    }
    for (i, load) in LOADS.split_whitespace().enumerate() {
        add(format!("v128.{load} offset={i}"), &[I32], Some(V128));
    }
    for (bits, lanes) in [(8, 16), (16, 8), (32, 4), (64, 2)] {
        for lane in [0, lanes - 1] {
            let text = format!("v128.load{bits}_lane offset=3 {lane}");
            add(text, &[I32, V128], Some(V128));
            let text = format!("v128.store{bits}_lane offset=5 {lane}");
            add(text, &[I32, V128], None);
        }
    }
    add("v128.store offset=7".to_owned(), &[I32, V128], None);
    for mask in SHUFFLES {
        add(format!("i8x16.shuffle {mask}"), &[V128, V128], Some(V128));
    }
    for constant in ["0 0 0 0", "1 -1 0x80000000 0x7fc00000"] {
        add(format!("v128.const i32x4 {constant}"), &[], Some(V128));
    }
    rows
}
