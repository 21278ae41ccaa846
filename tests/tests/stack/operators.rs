//! The operators with their types, as functions that run each in a loop.

use std::fmt;

/// Types of operands and results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    I32,
    I64,
    F32,
    F64,
    V128,
}

impl Type {
    pub const ALL: [Type; 5] = [Type::I32, Type::I64, Type::F32, Type::F64, Type::V128];

    /// A constant instruction. None is zero but the one for 0, none is a NaN, and
    /// all convert to any integer.
    pub fn constant(self, seed: usize) -> String {
        match self {
            Type::I32 => format!("i32.const {}", 13 * seed),
            Type::I64 => format!("i64.const {}", 11 * seed),
            Type::F32 => format!("f32.const {}.5", 3 * seed),
            Type::F64 => format!("f64.const {}.25", 5 * seed),
            Type::V128 => format!("v128.const i32x4 {seed} 20 300 4000"),
        }
    }

    /// An operator that gives its operand back, so that the value is computed.
    fn computed(self, operand: &str) -> String {
        match self {
            Type::I32 => format!("(i32.or (i32.const 0) {operand})"),
            Type::I64 => format!("(i64.or (i64.const 0) {operand})"),
            Type::F32 => format!("(f32.mul (f32.const 1) {operand})"),
            Type::F64 => format!("(f64.mul (f64.const 1) {operand})"),
            Type::V128 => format!("(v128.or (v128.const i64x2 0 0) {operand})"),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::V128 => "v128",
        })
    }
}

/// One operator, immediates included.
pub struct Operator {
    text: String,
    operands: Vec<Type>,
    result: Option<Type>,
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Where an operand comes from.
#[derive(Clone, Copy)]
enum Source {
    Constant,
    Local,
    Computed,
}

impl Operator {
    /// Every way of giving the operands.
    fn sources(&self) -> Vec<Vec<Source>> {
        use Source::{Computed, Constant, Local};
        match self.operands.len() {
            0 => vec![vec![]],
            1 => vec![vec![Constant], vec![Local], vec![Computed]],
            2 => [Constant, Local, Computed]
                .into_iter()
                .flat_map(|a| [Constant, Local, Computed].map(|b| vec![a, b]))
                .collect(),
            n => vec![vec![Local; n], vec![Computed; n], vec![Constant; n]],
        }
    }

    fn applied(&self, sources: &[Source]) -> String {
        let operands = self.operands.iter().zip(sources).enumerate();
        let operands: Vec<String> = operands
            .map(|(i, (ty, from))| match from {
                Source::Constant => format!("({})", ty.constant(i + 1)),
                Source::Local => format!("(local.get ${ty}{})", i + 1),
                Source::Computed => ty.computed(&format!("(local.get ${ty}{})", i + 1)),
            })
            .collect();
        format!("({} {})", self.text, operands.join(" "))
    }

    /// A function that runs the operator in all its ways, `$n` times over, and
    /// returns its last result if it has one.
    pub fn function(&self, export: &str) -> String {
        let mut body = String::new();
        for sources in self.sources() {
            let applied = self.applied(&sources);
            let Some(ty) = self.result else {
                body += &applied;
                continue;
            };
            body += &format!("(drop {applied})\n(local.set $out {applied})\n");
            body += &format!("(global.set $out_{ty} {applied})\n");
            body += &format!("({ty}.store (i32.const 512) {applied})\n");
            body += &format!("(drop (select {applied} (local.get ${ty}1) (local.get $n)))\n");
            if ty == Type::I32 {
                body += &format!("(if {applied} (then (nop)))\n(block (br_if 0 {applied}))\n");
                body += &format!("(drop (i32.eqz {applied}))\n");
            }
        }
        let mut text = format!("(func (export \"{export}\") (param $n i32)");
        if let Some(ty) = self.result {
            text += &format!(" (result {ty}) (local $out {ty})");
        }
        for ty in Type::ALL {
            text += &format!(" (local ${ty}1 {ty}) (local ${ty}2 {ty}) (local ${ty}3 {ty})");
        }
        for ty in Type::ALL {
            for seed in 1..=3 {
                text += &format!(" (local.set ${ty}{seed} ({}))", ty.constant(seed));
            }
        }
        text += &format!(
            "\n(loop $l {body} (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))"
        );
        if self.result.is_some() {
            text += " (local.get $out)";
        }
        text + ")\n"
    }
}

/// `names` are separated by spaces; `T` in them stands for the first operand's type.
fn family(out: &mut Vec<Operator>, names: &str, operands: &[Type], result: Option<Type>) {
    for name in names.split_whitespace() {
        let prefix = operands.first().map(Type::to_string).unwrap_or_default();
        out.push(Operator {
            text: name.replace("T.", &format!("{prefix}.")).replace('~', " "),
            operands: operands.to_vec(),
            result,
        });
    }
}

/// Every operator of Wasm 2.0 that computes, loads or stores.
pub fn all() -> Vec<Operator> {
    use Type::{F32, F64, I32, I64, V128};
    let mut out = Vec::new();
    for ty in [I32, I64] {
        family(
            &mut out,
            "T.clz T.ctz T.popcnt T.extend8_s T.extend16_s",
            &[ty],
            Some(ty),
        );
        family(&mut out, "T.eqz", &[ty], Some(I32));
        family(
            &mut out,
            "T.add T.sub T.mul T.div_s T.div_u T.rem_s T.rem_u T.and T.or T.xor T.shl T.shr_s T.shr_u T.rotl T.rotr",
            &[ty, ty],
            Some(ty),
        );
        family(
            &mut out,
            "T.eq T.ne T.lt_s T.lt_u T.gt_s T.gt_u T.le_s T.le_u T.ge_s T.ge_u",
            &[ty, ty],
            Some(I32),
        );
    }
    for ty in [F32, F64] {
        family(
            &mut out,
            "T.abs T.neg T.ceil T.floor T.trunc T.nearest T.sqrt",
            &[ty],
            Some(ty),
        );
        family(
            &mut out,
            "T.add T.sub T.mul T.div T.min T.max T.copysign",
            &[ty, ty],
            Some(ty),
        );
        family(
            &mut out,
            "T.eq T.ne T.lt T.gt T.le T.ge",
            &[ty, ty],
            Some(I32),
        );
        let name = ty.to_string();
        for int in [I32, I64] {
            for text in ["trunc_T_s", "trunc_T_u", "trunc_sat_T_s", "trunc_sat_T_u"] {
                let text = format!("{int}.{}", text.replace('T', &name));
                family(&mut out, &text, &[ty], Some(int));
            }
            for text in [
                format!("{name}.convert_{int}_s"),
                format!("{name}.convert_{int}_u"),
            ] {
                family(&mut out, &text, &[int], Some(ty));
            }
        }
    }
    family(&mut out, "i32.wrap_i64", &[I64], Some(I32));
    family(
        &mut out,
        "i64.extend_i32_s i64.extend_i32_u",
        &[I32],
        Some(I64),
    );
    family(&mut out, "i64.extend32_s", &[I64], Some(I64));
    family(&mut out, "f32.demote_f64", &[F64], Some(F32));
    family(&mut out, "f64.promote_f32", &[F32], Some(F64));
    family(&mut out, "i32.reinterpret_f32", &[F32], Some(I32));
    family(&mut out, "i64.reinterpret_f64", &[F64], Some(I64));
    family(&mut out, "f32.reinterpret_i32", &[I32], Some(F32));
    family(&mut out, "f64.reinterpret_i64", &[I64], Some(F64));
    for ty in [I32, I64, F32, F64, V128] {
        family(&mut out, "select", &[ty, ty, I32], Some(ty));
        family(
            &mut out,
            &format!("select~(result~{ty})"),
            &[ty, ty, I32],
            Some(ty),
        );
    }
    memory(&mut out);
    vectors(&mut out);
    out
}

fn memory(out: &mut Vec<Operator>) {
    use Type::{F32, F64, I32, I64, V128};
    family(
        out,
        "i32.load i32.load~offset=40 i32.load8_s i32.load8_u i32.load16_s i32.load16_u",
        &[I32],
        Some(I32),
    );
    family(
        out,
        "i64.load i64.load~offset=40 i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u",
        &[I32],
        Some(I64),
    );
    family(out, "f32.load", &[I32], Some(F32));
    family(out, "f64.load", &[I32], Some(F64));
    family(
        out,
        "v128.load v128.load8x8_s v128.load8x8_u v128.load16x4_s v128.load16x4_u v128.load32x2_s v128.load32x2_u
         v128.load8_splat v128.load16_splat v128.load32_splat v128.load64_splat v128.load32_zero v128.load64_zero",
        &[I32],
        Some(V128),
    );
    family(
        out,
        "i32.store i32.store8 i32.store16 i32.store~offset=40",
        &[I32, I32],
        None,
    );
    family(
        out,
        "i64.store i64.store8 i64.store16 i64.store32",
        &[I32, I64],
        None,
    );
    family(out, "f32.store", &[I32, F32], None);
    family(out, "f64.store", &[I32, F64], None);
    family(
        out,
        "v128.store v128.store8_lane~9 v128.store16_lane~3 v128.store32_lane~2 v128.store64_lane~1",
        &[I32, V128],
        None,
    );
    family(
        out,
        "v128.load8_lane~9 v128.load16_lane~3 v128.load32_lane~2 v128.load64_lane~1",
        &[I32, V128],
        Some(V128),
    );
    family(out, "memory.size", &[], Some(I32));
    family(out, "memory.fill memory.copy", &[I32, I32, I32], None);
}

fn vectors(out: &mut Vec<Operator>) {
    use Type::{F32, F64, I32, I64, V128};
    family(out, "v128.not", &[V128], Some(V128));
    family(out, "v128.any_true", &[V128], Some(I32));
    family(
        out,
        "v128.and v128.andnot v128.or v128.xor i8x16.swizzle",
        &[V128, V128],
        Some(V128),
    );
    family(
        out,
        "i8x16.shuffle~0~17~2~19~4~21~6~23~8~25~10~27~12~29~14~31",
        &[V128, V128],
        Some(V128),
    );
    family(out, "v128.bitselect", &[V128, V128, V128], Some(V128));
    for (shape, lane) in [
        ("i8x16", I32),
        ("i16x8", I32),
        ("i32x4", I32),
        ("i64x2", I64),
        ("f32x4", F32),
        ("f64x2", F64),
    ] {
        let with = |names: &str| names.replace('S', shape);
        family(out, &with("S.splat"), &[lane], Some(V128));
        family(out, &with("S.replace_lane~1"), &[V128, lane], Some(V128));
        let extract = match shape {
            "i8x16" | "i16x8" => with("S.extract_lane_s~1 S.extract_lane_u~1"),
            _ => with("S.extract_lane~1"),
        };
        family(out, &extract, &[V128], Some(lane));
        family(out, &with("S.abs S.neg"), &[V128], Some(V128));
        family(
            out,
            &with("S.add S.sub S.eq S.ne"),
            &[V128, V128],
            Some(V128),
        );
        if shape.starts_with('f') {
            family(
                out,
                &with("S.ceil S.floor S.trunc S.nearest S.sqrt"),
                &[V128],
                Some(V128),
            );
            family(
                out,
                &with("S.mul S.div S.min S.max S.pmin S.pmax S.lt S.gt S.le S.ge"),
                &[V128, V128],
                Some(V128),
            );
            continue;
        }
        family(out, &with("S.all_true S.bitmask"), &[V128], Some(I32));
        family(
            out,
            &with("S.shl S.shr_s S.shr_u"),
            &[V128, I32],
            Some(V128),
        );
        family(
            out,
            &with("S.lt_s S.gt_s S.le_s S.ge_s"),
            &[V128, V128],
            Some(V128),
        );
        if shape != "i64x2" {
            family(
                out,
                &with("S.lt_u S.gt_u S.le_u S.ge_u S.min_s S.min_u S.max_s S.max_u"),
                &[V128, V128],
                Some(V128),
            );
        }
        if shape != "i8x16" {
            family(out, &with("S.mul"), &[V128, V128], Some(V128));
        }
        if matches!(shape, "i8x16" | "i16x8") {
            family(
                out,
                &with("S.add_sat_s S.add_sat_u S.sub_sat_s S.sub_sat_u S.avgr_u"),
                &[V128, V128],
                Some(V128),
            );
        }
    }
    family(out, "i8x16.popcnt", &[V128], Some(V128));
    family(
        out,
        "i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u
         i16x8.q15mulr_sat_s i32x4.dot_i16x8_s",
        &[V128, V128],
        Some(V128),
    );
    for (wide, narrow) in [("i16x8", "i8x16"), ("i32x4", "i16x8"), ("i64x2", "i32x4")] {
        for half in ["low", "high"] {
            for sign in ["s", "u"] {
                let extend = format!("{wide}.extend_{half}_{narrow}_{sign}");
                family(out, &extend, &[V128], Some(V128));
                let multiply = format!("{wide}.extmul_{half}_{narrow}_{sign}");
                family(out, &multiply, &[V128, V128], Some(V128));
            }
        }
    }
    family(
        out,
        "i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u
         i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u
         i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u
         i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero
         f32x4.convert_i32x4_s f32x4.convert_i32x4_u
         f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u
         f32x4.demote_f64x2_zero f64x2.promote_low_f32x4",
        &[V128],
        Some(V128),
    );
}

/// Exports of [`CONTROL`].
pub const CONTROL_NAMES: &[&str] = &["branches", "calls", "references", "bulk", "values"];

/// Control, calls, references and bulk operations, each in a loop of `$n` rounds.
pub const CONTROL: &str = r#"
  (table $t 8 funcref) (table $x 4 externref)
  (elem (table $t) (i32.const 0) func $id $pair)
  (elem $e func $id $pair $id)
  (elem $e2 func $id)
  (data $d "0123456789")
  (data $d2 "0123456789")
  (type $unary (func (param i32) (result i32)))
  (func $id (param i32) (result i32) (local.get 0))
  (func $early (param i32) (result i32)
    (if (i32.and (local.get 0) (i32.const 1)) (then (return (i32.const 5)))) (i32.const 5))
  (func $pair (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
  (func $none)
  (func (export "branches") (param $n i32) (result i32) (local $i i32) (local $s i32)
    (loop $l
      (block $a (br $a))
      (block $a (br_if $a (local.get $n)) (nop))
      (block $a (br_if $a (i32.eqz (local.get $n))) (nop))
      (drop (block $a (result i32) (br $a (i32.const 1))))
      (drop (block $a (result i32) (br_if $a (i32.const 1) (local.get $n))))
      (block $c (block $b (block $a
        (br_table $a $b $c (i32.and (local.get $n) (i32.const 3))))
        (br $c)) (nop))
      (drop (block $b (result i32) (block $a (result i32)
        (br_table $a $b (i32.const 3) (i32.and (local.get $n) (i32.const 1))))))
      (if (local.get $n) (then) (else (nop)))
      (if (i32.eqz (local.get $n)) (then (nop)) (else))
      (drop (if (result i32) (local.get $n) (then (i32.const 1)) (else (i32.const 2))))
      (local.set $i (i32.const 3))
      (loop $m (br_if $m (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
      (local.set $s (i32.const 9))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))
  (func (export "calls") (param $n i32) (result i32) (local $s i32)
    (loop $l
      (call $none)
      (drop (call $id (i32.const 3)))
      (drop (call $early (local.get $n)))
      (local.set $s (call $id (call $id (i32.const 4))))
      (drop (call_indirect (type $unary) (i32.const 5) (i32.const 0)))
      (call_indirect (param i32 i64) (result i64 i32) (i32.const 5) (i64.const 6) (i32.const 1))
      (drop) (drop)
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))
  (func (export "references") (param $n i32) (result i32) (local $f funcref) (local $s i32)
    (loop $l
      (local.set $f (ref.func $id))
      (table.set $t (i32.const 5) (local.get $f))
      (drop (ref.is_null (table.get $t (i32.const 5))))
      (drop (ref.is_null (ref.null extern)))
      (drop (select (result funcref) (local.get $f) (ref.null func) (local.get $n)))
      (local.set $s (i32.add (table.size $t) (table.size $x)))
      (drop (table.grow $x (ref.null extern) (i32.const 0)))
      (table.fill $t (i32.const 3) (local.get $f) (i32.const 2))
      (table.copy $t $t (i32.const 4) (i32.const 0) (i32.const 2))
      (table.init $t $e (i32.const 5) (i32.const 0) (i32.const 3))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))
  (func (export "bulk") (param $n i32) (result i32)
    (loop $l
      (memory.init $d (i32.const 600) (i32.const 1) (i32.const 4))
      (memory.fill (i32.const 700) (i32.const 7) (i32.const 33))
      (memory.copy (i32.const 705) (i32.const 700) (i32.const 33))
      (data.drop $d2)
      (elem.drop $e2)
      (drop (memory.grow (i32.const 0)))
      (drop (memory.size))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.load (i32.const 600)))
  (func (export "values") (param $n i32) (result i32)
    (local $a i32) (local $b i64) (local $c f32) (local $d f64) (local $v v128)
    (loop $l
      (local.set $a (i32.const 1)) (local.set $a (local.get $a)) (drop (local.tee $a (i32.const 2)))
      (local.set $b (i64.const 1)) (local.set $b (local.get $b)) (drop (local.tee $b (i64.const 2)))
      (local.set $c (f32.const 1)) (local.set $c (local.get $c)) (drop (local.tee $c (f32.const 2)))
      (local.set $d (f64.const 1)) (local.set $d (local.get $d)) (drop (local.tee $d (f64.const 2)))
      (local.set $v (v128.const i64x2 1 2)) (local.set $v (local.get $v))
      (drop (local.tee $v (v128.const i64x2 2 3)))
      (global.set $gi32 (local.get $a)) (drop (global.get $gi32))
      (global.set $out_i64 (local.get $b)) (drop (global.get $out_i64))
      (global.set $out_f32 (local.get $c)) (drop (global.get $out_f32))
      (global.set $out_f64 (local.get $d)) (drop (global.get $out_f64))
      (global.set $out_v128 (local.get $v)) (drop (global.get $out_v128))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $a))
"#;
