//! What a rule says, once it has been read.

use std::sync::Arc;

use wildmatch::WildMatch;

use super::format::Format;
use super::value::{Binary, Unary, Value};
use super::vars::Var;
use crate::demangle::demangle;
use crate::matcher::FunctionSelector;

/// What an expression can be, as far as that is known before the module is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Number,
    Bool,
    Text,
    /// `null`.
    Null,
    /// A value of the program: a number, vector or reference.
    Operand,
}

impl Type {
    pub fn is_numeric(self) -> bool {
        matches!(self, Type::Number | Type::Operand)
    }

    pub fn name(self) -> &'static str {
        match self {
            Type::Number => "a number",
            Type::Bool => "true or false",
            Type::Text => "a text",
            Type::Null => "null",
            Type::Operand => "an operand",
        }
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Const(Value),
    /// To be replaced when a site is matched.
    Var(Var),
    /// Index in the list of what is read when the site fires.
    Input(usize),
    Unary(Unary, Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    Like(Box<Expr>, Arc<Globs>),
    Func(Arc<FunctionSelector>),
}

impl Expr {
    /// Whether it speaks of any such variable.
    pub fn asks(&self, is_meant: fn(Var) -> bool) -> bool {
        match self {
            Expr::Const(_) | Expr::Input(_) | Expr::Func(_) => false,
            Expr::Var(var) => is_meant(*var),
            Expr::Unary(_, value) | Expr::Like(value, _) => value.asks(is_meant),
            Expr::Binary(_, left, right) => left.asks(is_meant) || right.asks(is_meant),
        }
    }
}

/// Patterns between `|`, in which `*` is any text and `?` any one character.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Globs(Vec<WildMatch>);

impl Globs {
    pub fn new(text: &str) -> Globs {
        Globs(
            text.split('|')
                .map(|glob| WildMatch::new(glob.trim()))
                .collect(),
        )
    }

    pub fn matches(&self, text: &str) -> bool {
        self.0.iter().any(|glob| glob.matches(text))
    }

    /// As names are matched everywhere: as they are, or demangled.
    pub fn matches_name(&self, name: &str) -> bool {
        self.matches(name) || demangle(name).is_some_and(|name| self.matches(&name))
    }
}

/// An action of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Action {
    pub kind: Kind,
    /// What it sums, bounds or prints.
    pub args: Vec<Expr>,
    /// What tells its results apart; without any, the site does.
    pub by: Vec<Expr>,
    /// As the rule has it.
    pub text: Arc<str>,
}

/// What an action does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Count,
    Sum,
    Min,
    Max,
    Hist,
    /// At most so many frames, innermost first.
    Stack(usize),
    Print(Arc<Format>),
}
