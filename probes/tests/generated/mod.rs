//! Random functions: all that structured control flow can be.

/// Numerical Recipes' linear congruential generator.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u32) -> u32 {
        let next = self.0.wrapping_mul(6364136223846793005);
        self.0 = next.wrapping_add(1442695040888963407);
        (self.0 >> 33) as u32 % limit
    }
}

/// What the statements of a body are made from.
#[derive(Clone, Copy)]
pub struct Words {
    /// Gives an i32, which decides.
    pub number: &'static str,
    /// Gives a function reference, which decides.
    pub reference: &'static str,
}

/// Statements without values in `labels` labels. They call function 0 and throw tag 0.
pub fn body(random: &mut Random, out: &mut String, words: Words, labels: u32, depth: u32) {
    let Words { number, reference } = words;
    for _ in 0..1 + random.below(4) {
        let label = random.below(labels);
        let other = random.below(labels);
        let open = |out: &mut String, random: &mut Random, text: &str, close: &str| {
            out.push_str(text);
            body(random, out, words, labels + 1, depth - 1);
            out.push_str(close);
        };
        match random.below(if depth == 0 { 10 } else { 18 }) {
            0 | 1 => out.push_str("nop "),
            2 => out.push_str(&format!("br {label} ")),
            3 => out.push_str(&format!("{number} br_if {label} ")),
            4 => out.push_str(&format!("{number} br_table {label} {other} ")),
            5 => out.push_str(&format!("{reference} br_on_null {label} drop ")),
            6 | 7 => out.push_str("call 0 "),
            8 => out.push_str("throw 0 "),
            9 => {
                let leaves = ["return ", "return_call 0 ", "unreachable ", "nop "];
                out.push_str(leaves[random.below(4) as usize]);
            }
            10 | 11 => open(out, random, "block ", "end "),
            12 => open(out, random, "loop ", &format!("{number} br_if 0 end ")),
            13 => open(out, random, "loop ", "end "),
            14 => open(out, random, &format!("{number} if "), "end "),
            15 => {
                open(out, random, &format!("{number} if "), "else ");
                body(random, out, words, labels + 1, depth - 1);
                out.push_str("end ");
            }
            _ => {
                let text = format!("try_table (catch 0 {label}) (catch_all {other}) ");
                open(out, random, &text, "end ");
            }
        }
    }
}
