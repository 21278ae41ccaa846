//! Random functions of SIMD operators.

use std::fmt::Write;

use super::inputs::Random;
use super::operators::{self, Row};
use crate::types::ValType::{self, F32, F64, I32, I64, V128};

/// What the functions take, and what they give.
pub(super) const PARAMS: [ValType; 7] = [I32, I64, F32, F64, V128, V128, V128];

pub(super) const FUNCTIONS: u32 = 8;

/// How often an operand is an operator with operands.
const DEPTH: u32 = 5;

/// A module of functions that store expressions in their parameters, in globals and in memory.
pub(super) fn module(random: &mut Random) -> String {
    let rows = operators::all();
    let mut text = "(module (memory (export \"memory\") 1)\n".to_owned();
    // The second is at a place that is no multiple of 16 bytes, whichever the first is at.
    text += "(global $g0 (mut v128) (v128.const i64x2 1 2))\n";
    text += "(global $odd (mut i64) (i64.const 0))\n";
    text += "(global $g1 (mut v128) (v128.const i64x2 3 4))\n";
    let types: String = PARAMS.iter().map(|ty| format!(" {ty}")).collect();
    for _ in 0..FUNCTIONS {
        let _ = writeln!(text, "(func (param{types}) (result{types})");
        for _ in 0..8 {
            statement(random, &rows, &mut text);
            text.push('\n');
        }
        for i in 0..PARAMS.len() {
            let _ = write!(text, " local.get {i}");
        }
        text += ")\n";
    }
    text + ")"
}

fn statement(random: &mut Random, rows: &[Row], text: &mut String) {
    match random.below(4) {
        0 => {
            expression(random, rows, text, V128, DEPTH);
            let _ = write!(text, " global.set $g{}", random.below(2));
        }
        1 => {
            let stores: Vec<&Row> = rows.iter().filter(|row| row.result.is_none()).collect();
            let store = random.pick(&stores);
            operator(random, rows, text, store, DEPTH);
        }
        _ => {
            let at = random.below(PARAMS.len());
            expression(random, rows, text, PARAMS[at], DEPTH);
            let _ = write!(text, " local.set {at}");
        }
    }
}

fn operator(random: &mut Random, rows: &[Row], text: &mut String, row: &Row, depth: u32) {
    let accesses = row.text.starts_with("v128.load") || row.text.starts_with("v128.store");
    for (i, &ty) in row.params.iter().enumerate() {
        if i == 0 && accesses {
            let _ = write!(text, " i32.const {}", random.below(64));
        } else {
            expression(random, rows, text, ty, depth - 1);
        }
    }
    let _ = write!(text, " {}", row.text);
}

fn expression(random: &mut Random, rows: &[Row], text: &mut String, ty: ValType, depth: u32) {
    let inner = depth > 0 && random.below(5) > 0;
    if inner && random.below(12) == 0 {
        expression(random, rows, text, ty, depth - 1);
        expression(random, rows, text, ty, depth - 1);
        expression(random, rows, text, I32, depth - 1);
        let _ = write!(text, " select (result {ty})");
    } else if inner {
        let fitting: Vec<&Row> = rows.iter().filter(|row| row.result == Some(ty)).collect();
        let row = random.pick(&fitting);
        operator(random, rows, text, row, depth);
    } else if ty == V128 && random.below(3) == 0 {
        let _ = write!(text, " global.get $g{}", random.below(2));
    } else {
        let fitting: Vec<usize> = (0..PARAMS.len()).filter(|&i| PARAMS[i] == ty).collect();
        let _ = write!(text, " local.get {}", random.pick(&fitting));
    }
}
