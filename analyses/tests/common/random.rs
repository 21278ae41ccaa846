//! Random programs: `main` and four functions that call each other, without
//! end often enough.

use std::fmt::Write;

/// Numerical Recipes' linear congruential generator.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u32) -> u32 {
        let next = self.0.wrapping_mul(6364136223846793005);
        self.0 = next.wrapping_add(1442695040888963407);
        (self.0 >> 33) as u32 % limit
    }

    fn one_of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len() as u32) as usize]
    }
}

/// What stands in a program beside what Wasm 1.0 has.
#[derive(Clone, Copy, PartialEq)]
pub enum Dialect {
    Wasm1,
    Wasm3,
}

/// Writes a program; equal seeds give equal programs.
pub fn program(seed: u64, dialect: Dialect) -> String {
    let mut program = Program {
        random: Random(seed),
        out: String::from("(module (memory 1)\n"),
        dialect,
        labels: vec![true],
    };
    let locals = match dialect {
        Dialect::Wasm1 => "i32 i32",
        Dialect::Wasm3 => {
            program.out.push_str(
                r#"(type $f (func (param i32)))
                (type $s (sub (struct (field i32))))
                (type $t (sub final $s (struct (field i32) (field f64))))
                (type $a (array (mut i8)))
                (tag $e (param i32)) (tag $v)
                (table 6 funcref) (elem (i32.const 0) $f0 $f1 $f2 $f3)
                (data $d "abcdef")
                "#,
            );
            "i32 i32 anyref"
        }
    };
    for index in 0..4 {
        writeln!(program.out, "(func $f{index} (param i32) (local {locals})").expect("memory");
        program.body(4);
        program.out.push_str(")\n");
    }
    program
        .out
        .push_str("(func (export \"main\") (call 0 (i32.const 6)) (call 1 (i32.const 3))))");
    program.out
}

struct Program {
    random: Random,
    out: String,
    dialect: Dialect,
    /// Whether a branch to each label needs no value, from the outermost.
    labels: Vec<bool>,
}

impl Program {
    /// Statements of a function.
    fn body(&mut self, depth: u32) {
        for _ in 0..1 + self.random.below(4) {
            match self.dialect {
                Dialect::Wasm3 if self.random.below(2) == 0 => self.statement_3(depth),
                _ => self.statement(depth),
            }
            self.out.push('\n');
        }
    }

    /// `before`, statements inside the labels that it opens, `after`.
    fn around(&mut self, before: &str, labels: &[bool], depth: u32, after: &str) {
        self.out.push_str(before);
        self.labels.extend(labels);
        self.body(depth - 1);
        self.labels.truncate(self.labels.len() - labels.len());
        self.out.push_str(after);
    }

    /// A label that needs no value; the function's is one.
    fn label(&mut self) -> usize {
        loop {
            let label = self.random.below(self.labels.len() as u32) as usize;
            if self.labels[self.labels.len() - 1 - label] {
                return label;
            }
        }
    }

    fn condition(&mut self) -> String {
        let (a, mask) = (self.random.below(3), 1 + self.random.below(7));
        format!("(i32.and (local.get {a}) (i32.const {mask}))")
    }

    fn statement(&mut self, depth: u32) {
        let label = self.label();
        let (a, b) = (self.random.below(3), self.random.below(3));
        let condition = self.condition();
        let kind = self.random.below(if depth == 0 { 9 } else { 13 });
        let text = match kind {
            0 | 1 => format!("(local.set {a} (i32.add (local.get {b}) (i32.const 3)))"),
            2 => format!("(local.set {a} (i32.div_s (local.get {b}) {condition}))"),
            3 => format!("(drop (i32.load (i32.shl (local.get {a}) (i32.const 9))))"),
            4 => {
                format!("(local.set {a} (select (local.get {b}) (i32.const 5) {condition}))")
            }
            5 => format!("(call {} (local.get {a}))", self.random.below(4)),
            6 => format!("(br_if {label} {condition})"),
            7 => {
                let (x, y) = (self.label(), self.label());
                format!("(br_table {x} {y} {label} (local.get {a}))")
            }
            8 => (self.random.one_of(&["nop", "nop", "return", "unreachable"])).to_owned(),
            9 => return self.around("(block ", &[true], depth, ")"),
            10 => return self.around("(loop ", &[true], depth, ")"),
            11 => {
                let open = format!("(if {condition} (then ");
                self.around(&open, &[true], depth, ")(else ");
                return self.around("", &[true], depth, "))");
            }
            _ => {
                let open = format!("(if {condition} (then ");
                return self.around(&open, &[true], depth, "))");
            }
        };
        self.out.push_str(&text);
    }

    /// Local 3 is a reference.
    fn statement_3(&mut self, depth: u32) {
        let (label, other) = (self.label(), self.label());
        let (a, b, f) = (
            self.random.below(3),
            self.random.below(3),
            self.random.below(4),
        );
        let condition = self.condition();
        let outside = label + 1;
        let kind = self.random.below(if depth == 0 { 12 } else { 20 });
        let text = match kind {
            0 | 1 => {
                let value = match self.random.below(9) {
                    0 => "(ref.null any)".to_owned(),
                    1 => format!("(ref.i31 (local.get {a}))"),
                    2 => format!("(struct.new $s (local.get {a}))"),
                    3 => "(struct.new_default $t)".to_owned(),
                    4 => format!("(array.new $a (i32.const 7) {condition})"),
                    5 => format!("(array.new_default $a {condition})"),
                    6 => format!("(array.new_fixed $a 2 (local.get {a}) (local.get {b}))"),
                    7 => format!("(array.new_data $a $d (i32.const 2) {condition})"),
                    _ => "(ref.as_non_null (local.get 3))".to_owned(),
                };
                format!("(local.set 3 {value})")
            }
            2 => format!("(throw $e (local.get {a}))"),
            3 => "(throw $v)".to_owned(),
            4 => format!("(return_call $f{f} (local.get {a}))"),
            5 => match self.random.below(3) {
                0 => format!("(call_indirect (type $f) (local.get {a}) {condition})"),
                1 => format!("(return_call_indirect (type $f) (local.get {a}) {condition})"),
                _ => format!("(return_call_ref $f (local.get {a}) (ref.func $f{f}))"),
            },
            6 => {
                let null = ["(ref.null $f)".to_owned(), format!("(ref.func $f{f})")];
                let callee = &null[usize::from(self.random.below(8) > 0)];
                format!("(call_ref $f (local.get {a}) {callee})")
            }
            7 | 8 => format!("(drop (br_on_null {label} (local.get 3)))"),
            // Falling and branching come to the same place.
            9 => {
                let ty = self
                    .random
                    .one_of(&["(ref i31)", "(ref null $s)", "(ref $t)"]);
                let op = self.random.one_of(&["br_on_cast", "br_on_cast_fail"]);
                format!("(drop (block (result anyref) ({op} 0 anyref {ty} (local.get 3))))")
            }
            10 => {
                let ty = self
                    .random
                    .one_of(&["(ref i31)", "(ref $s)", "(ref null $t)"]);
                format!(
                    "(drop (block (result {ty})
                        (drop (br_on_cast 0 anyref {ty} (local.get 3))) (br {outside})))"
                )
            }
            11 => {
                let ty = self
                    .random
                    .one_of(&["(ref i31)", "(ref $s)", "(ref null array)"]);
                format!(
                    "(drop (block (result anyref)
                        (drop (br_on_cast_fail 0 anyref {ty} (local.get 3))) (br {outside})))"
                )
            }
            12 | 13 => {
                let open =
                    "(drop (block (result (ref any)) (br_on_non_null 0 (local.get 3)) (loop ";
                return self.around(open, &[false, true], depth, &format!(")(br {outside})))"));
            }
            14 => {
                let open = "(loop (try_table (catch_all 0) ";
                return self.around(open, &[true, true], depth, "))");
            }
            15 => {
                let open = format!("(local.set {a} (block (result i32) (try_table (catch $e 0) ");
                return self.around(&open, &[false, true], depth, ")(i32.const 9)))");
            }
            16 => {
                let clause = self.random.one_of(&["catch_all_ref", "catch_ref $v"]);
                let open = format!("(block (result exnref) (try_table ({clause} 0) ");
                let then = self.random.one_of(&["drop", "throw_ref"]);
                let close = format!(")(br {outside})) {then}");
                return self.around(&open, &[false, true], depth, &close);
            }
            _ => {
                let clauses = [
                    format!("(catch $v {label})"),
                    format!("(catch $v {label}) (catch_all {other})"),
                    format!("(catch_all {label})"),
                ];
                let open = format!("(try_table {} ", clauses[self.random.below(3) as usize]);
                return self.around(&open, &[true], depth, ")");
            }
        };
        self.out.push_str(&text);
    }
}
