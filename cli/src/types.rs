//! Function types in the text format's words.

use std::fmt::Write as _;

use probity_engine::FuncType;

/// `(param i32 i64) (result f32)`; empty for a function without either.
pub fn signature(ty: &FuncType) -> String {
    let mut text = String::new();
    for (word, types) in [("param", ty.params()), ("result", ty.results())] {
        if types.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push('(');
        text.push_str(word);
        for t in types {
            let _ = write!(text, " {t}");
        }
        text.push(')');
    }
    text
}
