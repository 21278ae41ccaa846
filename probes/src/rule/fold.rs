//! Partial evaluation: whatever is known without a run is computed when a
//! site is matched. What is left is read and computed when it fires.

use super::ast::{Expr, Globs};
use super::value::{Binary, Unary, Value};
use super::vars::{Read, Var};
use crate::matcher::FunctionSelector;

/// What is known of a variable.
pub(super) enum Known {
    Value(Value),
    /// To be read when the site fires.
    Read(Read),
    /// The sum of a reading and a constant.
    Sum(Read, i128),
    /// Not before more is known.
    Later,
}

/// What an expression is evaluated in: a function, or a site.
pub(super) trait Scope {
    /// What is known of a variable.
    fn var(&self, var: Var) -> Known;

    /// Whether the function is one of these.
    fn is_in(&self, functions: &FunctionSelector) -> bool;
}

/// Evaluates what is known in `scope`. What has to be read is added to `reads`, once
/// each.
pub(super) fn fold(expr: &Expr, scope: &dyn Scope, reads: &mut Vec<Read>) -> Expr {
    match expr {
        Expr::Const(_) | Expr::Input(_) => expr.clone(),
        Expr::Func(functions) => Expr::Const(Value::Bool(scope.is_in(functions))),
        Expr::Var(var) => match scope.var(*var) {
            Known::Value(value) => Expr::Const(value),
            Known::Read(read) => input(read, reads),
            Known::Sum(read, constant) => {
                let constant = Expr::Const(Value::Int(constant));
                let read = input(read, reads);
                Expr::Binary(Binary::Add, Box::new(read), Box::new(constant))
            }
            Known::Later => expr.clone(),
        },
        Expr::Unary(op, value) => match fold(value, scope, reads) {
            Expr::Const(value) => Expr::Const(op.apply(&value)),
            // `!!a` is left by a negated pattern below a `!`.
            Expr::Unary(Unary::Not, inner) if *op == Unary::Not => *inner,
            value => Expr::Unary(*op, Box::new(value)),
        },
        Expr::Like(text, globs) => match fold(text, scope, reads) {
            Expr::Const(value) => Expr::Const(like(&value, globs)),
            text => Expr::Like(Box::new(text), globs.clone()),
        },
        Expr::Binary(op, left, right) => {
            let before = reads.len();
            let left = fold(left, scope, reads);
            if decides(*op, &left) {
                return left;
            }
            let right = fold(right, scope, reads);
            if decides(*op, &right) {
                // Nothing is read for what is gone.
                reads.truncate(before);
                return right;
            }
            match (op, left, right) {
                (op, Expr::Const(a), Expr::Const(b)) => Expr::Const(op.apply(&a, &b)),
                (Binary::And | Binary::Or, Expr::Const(_), other)
                | (Binary::And | Binary::Or, other, Expr::Const(_)) => other,
                (op, _, Expr::Const(Value::Absent)) | (op, Expr::Const(Value::Absent), _)
                    if op.is_comparison() =>
                {
                    reads.truncate(before);
                    Expr::Const(Value::Bool(false))
                }
                (op, left, right) => Expr::Binary(*op, Box::new(left), Box::new(right)),
            }
        }
    }
}

/// Whether one side alone decides.
fn decides(op: Binary, side: &Expr) -> bool {
    let Expr::Const(value) = side else {
        return false;
    };
    match op {
        Binary::And => !value.is_true(),
        Binary::Or => value.is_true(),
        _ => false,
    }
}

fn input(read: Read, reads: &mut Vec<Read>) -> Expr {
    let at = reads.iter().position(|known| *known == read);
    Expr::Input(at.unwrap_or_else(|| {
        reads.push(read);
        reads.len() - 1
    }))
}

fn like(value: &Value, globs: &Globs) -> Value {
    match value {
        Value::Text(text) => Value::Bool(globs.matches_name(text)),
        _ => Value::Bool(false),
    }
}

/// Evaluates what is left of an expression; `inputs` are the values of its reads.
pub(super) fn eval(expr: &Expr, inputs: &[Value]) -> Value {
    match expr {
        Expr::Const(value) => value.clone(),
        Expr::Input(at) => inputs.get(*at).cloned().unwrap_or(Value::Absent),
        Expr::Unary(op, value) => op.apply(&eval(value, inputs)),
        Expr::Binary(op, left, right) => {
            let left = eval(left, inputs);
            match (op, left.is_true()) {
                (Binary::And, false) => Value::Bool(false),
                (Binary::Or, true) => Value::Bool(true),
                _ => op.apply(&left, &eval(right, inputs)),
            }
        }
        Expr::Like(text, globs) => like(&eval(text, inputs), globs),
        // None is left when a site has been matched.
        Expr::Var(_) | Expr::Func(_) => Value::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parser;
    use super::*;

    struct Fixed;

    impl Scope for Fixed {
        fn var(&self, var: Var) -> Known {
            match var {
                Var::FuncIndex => Known::Value(Value::Int(3)),
                Var::InLoop => Known::Value(Value::Bool(true)),
                Var::Local(i) => Known::Read(Read::Local(i)),
                Var::EffectiveAddr => Known::Sum(Read::Local(9), 16),
                Var::Line => Known::Later,
                _ => Known::Value(Value::Absent),
            }
        }

        fn is_in(&self, functions: &FunctionSelector) -> bool {
            *functions == FunctionSelector::all()
        }
    }

    /// `fid` is 3, `in_loop` true and `offset` absent; operands are read.
    fn folded(predicate: &str) -> (Expr, Vec<Read>) {
        let parsed = parser::parse(&format!("* / {predicate} /"))
            .unwrap_or_else(|error| panic!("{}", error.shown()));
        let mut reads = Vec::new();
        let predicate = parsed.predicate.expect("a predicate");
        let expr = fold(&predicate, &Fixed, &mut reads);
        (expr, reads)
    }

    #[test]
    fn what_is_known_is_computed() {
        for (predicate, expected) in [
            ("fid == 3", true),
            ("fid + 1 == (8 / 2)", true),
            ("!(fid == 3)", false),
            ("fid == 4 && local0 == 1", false),
            ("local0 == 1 && fid == 4", false),
            ("fid == 3 || local0 == 1", true),
            ("local0 == 1 || in_loop", true),
            ("offset == 0", false),
            ("offset != 0", false),
            ("offset < local0", false),
            ("!(offset == 0)", true),
            ("\"memcpy\" ~ \"mem*|str*\"", true),
            ("\"memcpy\" !~ \"mem*\"", false),
        ] {
            let (expr, reads) = folded(predicate);
            let expected = Expr::Const(Value::Bool(expected));
            assert_eq!((expr, reads), (expected, vec![]), "{predicate}");
        }
    }

    #[test]
    fn what_is_left_is_read_once() {
        let (expr, reads) = folded("in_loop && local1 > 2 && (local1 + local0 == fid || fid == 9)");
        assert_eq!(reads, [Read::Local(1), Read::Local(0)]);
        for (inputs, expected) in [([3, 0], true), ([2, 1], false), ([4, -1], true)] {
            let inputs = inputs.map(Value::Int);
            assert_eq!(eval(&expr, &inputs), Value::Bool(expected), "{inputs:?}");
        }
        let (expr, reads) = folded("effective_addr == 20");
        assert_eq!(reads, [Read::Local(9)]);
        assert_eq!(eval(&expr, &[Value::Int(4)]), Value::Bool(true));
        let (expr, _) = folded("line == 4 && in_loop");
        assert!(matches!(expr, Expr::Binary(Binary::Equal, ..)));
    }
}
