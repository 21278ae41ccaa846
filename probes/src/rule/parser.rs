//! From the text of a rule to what it says.
//!
//! The specification ends at the first `/` or `{`. A predicate ends at the next `/`
//! outside parentheses, so a division in it stands inside some. Types are
//! checked here as far as they are known without a module.

mod actions;

use std::ops::Range;
use std::sync::Arc;

use super::ast::{Action, Expr, Globs, Type};
use super::error::RuleError;
use super::lexer::{Spanned, Word, words};
use super::spec::{self, Spec};
use super::value::{Binary, CASTS, Unary, Value};
use super::vars;
use crate::matcher::FunctionSelector;
use crate::nearest::nearest;

/// Expressions are no deeper than this, so that recursion over them ends.
const DEPTH_MAX: u32 = 200;
/// What a text says.
pub(super) struct Parsed {
    pub spec: Spec,
    pub predicate: Option<Expr>,
    pub actions: Vec<Action>,
}

/// An expression that has been read.
struct Node {
    expr: Expr,
    ty: Type,
    span: Range<usize>,
    depth: u32,
}

pub(super) fn parse(text: &str) -> Result<Parsed, RuleError> {
    let end = text.find(['/', '{']).unwrap_or(text.len());
    let spec = text[..end].trim_end();
    let start = spec.len() - spec.trim_start().len();
    let spec = spec::parse(text, start.min(spec.len())..spec.len())?;
    let mut parser = Parser {
        text,
        words: words(text, end)?,
        at: 0,
        nesting: 0,
        inside: 0,
    };
    let predicate = parser.predicate()?;
    let actions = parser.actions()?;
    if *parser.word() != Word::End {
        return Err(parser.wrong("one rule ends here; give the next one apart"));
    }
    Ok(Parsed {
        spec,
        predicate,
        actions,
    })
}

struct Parser<'t> {
    text: &'t str,
    words: Vec<Spanned>,
    at: usize,
    /// Calls of `prefixed`, through which all recursion goes, that have not returned.
    nesting: u32,
    /// Open parentheses, in which `/` is a division.
    inside: u32,
}

impl Parser<'_> {
    fn word(&self) -> &Word {
        &self.words[self.at].0
    }

    fn span(&self) -> Range<usize> {
        self.words[self.at].1.clone()
    }

    /// Where the word before this one ends.
    fn behind(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |at| self.words[at].1.end)
    }

    fn next(&mut self) {
        // The last word is the end, which stays.
        self.at = (self.at + 1).min(self.words.len() - 1);
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.word(), Word::Symbol(known) if *known == symbol)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let is = self.is(symbol);
        if is {
            self.next();
        }
        is
    }

    fn take_name(&mut self, name: &str) -> bool {
        let is = matches!(self.word(), Word::Name(known) if known == name);
        if is {
            self.next();
        }
        is
    }

    fn error<T>(&self, span: Range<usize>, message: impl Into<String>) -> Result<T, RuleError> {
        Err(RuleError::new(self.text, span, message))
    }

    fn wrong(&self, message: impl Into<String>) -> RuleError {
        RuleError::new(self.text, self.span(), message)
    }

    fn expect(&mut self, symbol: &str, to: &str) -> Result<(), RuleError> {
        if self.take(symbol) {
            return Ok(());
        }
        let found = self.word().describe();
        Err(self.wrong(format!("expected `{symbol}` {to}, found {found}")))
    }

    fn predicate(&mut self) -> Result<Option<Expr>, RuleError> {
        if !self.take("/") {
            return Ok(None);
        }
        let node = self.expression(0)?;
        if node.ty != Type::Bool {
            let message = match node.ty.is_numeric() {
                true => "a predicate is true or false; compare the number, such as `... != 0`",
                false => "a predicate is true or false; compare it with something",
            };
            return self.error(node.span, message);
        }
        if !self.is("/") && *self.word() != Word::End {
            let found = self.word().describe();
            return Err(self.wrong(format!("expected `/` behind the predicate, found {found}")));
        }
        if !self.take("/") {
            return Err(self.wrong("expected `/` behind the predicate"));
        }
        if !self.is("{") && *self.word() != Word::End {
            let message = "the predicate ends at the `/`; a division stands in parentheses, such as `(a / b)`";
            let slash = self.words[self.at - 1].1.clone();
            return self.error(slash, message);
        }
        Ok(Some(node.expr))
    }

    /// `( EXPR , ... )`
    fn list(&mut self) -> Result<Vec<Node>, RuleError> {
        self.expect("(", "before the list")?;
        self.inside += 1;
        let mut nodes = Vec::new();
        while !self.is(")") {
            nodes.push(self.expression(0)?);
            if !self.is(")") {
                self.expect(",", "or `)`")?;
            }
        }
        self.next();
        self.inside -= 1;
        Ok(nodes)
    }

    /// An expression whose operators bind more tightly than `binds`.
    fn expression(&mut self, binds: u8) -> Result<Node, RuleError> {
        let mut left = self.unary()?;
        loop {
            if self.is("~") || self.is("!~") {
                if binds >= 3 {
                    break;
                }
                left = self.like(left)?;
                continue;
            }
            let Word::Symbol(symbol) = *self.word() else {
                break;
            };
            let Some((op, tighter)) = Binary::of(symbol) else {
                break;
            };
            if tighter <= binds || symbol == "/" && self.inside == 0 {
                break;
            }
            self.next();
            let right = self.expression(tighter)?;
            if op.is_comparison()
                && matches!(self.word(), Word::Symbol(s) if Binary::of(s).is_some_and(|(op, _)| op.is_comparison()))
            {
                return Err(self.wrong("comparisons do not chain; join two with `&&`"));
            }
            left = self.binary(op, left, right)?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, RuleError> {
        let start = self.span().start;
        let mut node = self.prefixed(start)?;
        while self.take_name("as") {
            self.numeric(&node)?;
            let name = match self.word() {
                Word::Name(name) => name.clone(),
                _ => String::new(),
            };
            let names = CASTS.map(|(name, _)| name);
            let Some((_, cast)) = CASTS.iter().find(|(known, _)| *known == name) else {
                let message = format!("expected a type behind `as`: {}", names.join(", "));
                return Err(self.wrong(message));
            };
            self.next();
            node = self.wrap(Unary::As(*cast), Type::Number, node, start)?;
        }
        Ok(node)
    }

    /// A primary with `!` and `-` before it, which bind more tightly than `as`.
    fn prefixed(&mut self, start: usize) -> Result<Node, RuleError> {
        self.nesting += 1;
        if self.nesting > DEPTH_MAX {
            return Err(self.wrong(format!("more than {DEPTH_MAX} levels in one expression")));
        }
        let node = if self.take("!") {
            let node = self.prefixed(self.span().start)?;
            if node.ty != Type::Bool {
                let message = format!("`!` takes true or false, not {}", node.ty.name());
                return self.error(node.span, message);
            }
            self.wrap(Unary::Not, Type::Bool, node, start)?
        } else if self.take("-") {
            let node = self.prefixed(self.span().start)?;
            self.numeric(&node)?;
            self.wrap(Unary::Negate, Type::Number, node, start)?
        } else {
            self.primary()?
        };
        self.nesting -= 1;
        Ok(node)
    }

    fn primary(&mut self) -> Result<Node, RuleError> {
        let span = self.span();
        let constant = |value: Value, ty: Type| (Expr::Const(value), ty);
        let (expr, ty) = match self.word().clone() {
            Word::Int(value) => constant(Value::Int(value), Type::Number),
            Word::Float(value) => constant(value.into(), Type::Number),
            Word::Text(text) => constant(text.as_str().into(), Type::Text),
            Word::Name(name) => match name.as_str() {
                "true" | "false" => constant(Value::Bool(name == "true"), Type::Bool),
                "null" => constant(Value::Null, Type::Null),
                "func" => return self.func(),
                _ => match vars::find(&name) {
                    Some((var, ty)) => (Expr::Var(var), ty),
                    None => return self.unknown_variable(&name),
                },
            },
            Word::Symbol("(") => {
                self.next();
                self.inside += 1;
                let node = self.expression(0)?;
                self.inside -= 1;
                self.expect(")", "behind the expression")?;
                return Ok(Node {
                    span: span.start..self.behind(),
                    ..node
                });
            }
            other => {
                let message = format!("expected an expression, found {}", other.describe());
                return Err(self.wrong(message));
            }
        };
        self.next();
        Ok(Node {
            expr,
            ty,
            span,
            depth: 1,
        })
    }

    fn unknown_variable<T>(&self, name: &str) -> Result<T, RuleError> {
        let message = match nearest(name, vars::names()) {
            Some(near) => format!("unknown variable `{name}`; did you mean `{near}`?"),
            None => {
                let names: Vec<&str> = vars::names().collect();
                format!("unknown variable `{name}`; known: {}", names.join(", "))
            }
        };
        Err(self.wrong(message))
    }

    /// `func("SELECTOR")`
    fn func(&mut self) -> Result<Node, RuleError> {
        let start = self.span().start;
        self.next();
        self.expect("(", "behind `func`")?;
        let Word::Text(text) = self.word() else {
            let message = "expected functions, such as `func(\"main|mem*|3..10\")`";
            return Err(self.wrong(message));
        };
        let selector = FunctionSelector::parse(text).map_err(|message| self.wrong(message))?;
        self.next();
        self.expect(")", "behind the functions")?;
        Ok(Node {
            expr: Expr::Func(Arc::new(selector)),
            ty: Type::Bool,
            span: start..self.behind(),
            depth: 1,
        })
    }

    /// `TEXT ~ "PATTERN"`
    fn like(&mut self, left: Node) -> Result<Node, RuleError> {
        let negated = self.is("!~");
        if left.ty != Type::Text {
            let message = format!("`~` matches a text, not {}", left.ty.name());
            return self.error(left.span, message);
        }
        self.next();
        let Word::Text(pattern) = self.word() else {
            let message = "expected a pattern in quotes, such as `fname ~ \"mem*\"`";
            return Err(self.wrong(message));
        };
        let globs = Arc::new(Globs::new(pattern));
        self.next();
        let node = Node {
            expr: Expr::Like(Box::new(left.expr), globs),
            ty: Type::Bool,
            span: left.span.start..self.behind(),
            depth: self.deeper(left.depth)?,
        };
        let start = node.span.start;
        match negated {
            true => self.wrap(Unary::Not, Type::Bool, node, start),
            false => Ok(node),
        }
    }

    fn wrap(&self, op: Unary, ty: Type, node: Node, start: usize) -> Result<Node, RuleError> {
        Ok(Node {
            expr: Expr::Unary(op, Box::new(node.expr)),
            ty,
            span: start..self.behind(),
            depth: self.deeper(node.depth)?,
        })
    }

    fn binary(&self, op: Binary, left: Node, right: Node) -> Result<Node, RuleError> {
        let ty = self.check(op, &left, &right)?;
        Ok(Node {
            expr: Expr::Binary(op, Box::new(left.expr), Box::new(right.expr)),
            ty,
            span: left.span.start..right.span.end,
            depth: self.deeper(left.depth.max(right.depth))?,
        })
    }

    fn deeper(&self, depth: u32) -> Result<u32, RuleError> {
        if depth >= DEPTH_MAX {
            return Err(self.wrong(format!("more than {DEPTH_MAX} levels in one expression")));
        }
        Ok(depth + 1)
    }

    /// The type of what an operator makes.
    fn check(&self, op: Binary, left: &Node, right: &Node) -> Result<Type, RuleError> {
        let symbol = op.symbol();
        match op {
            Binary::And | Binary::Or => {
                for node in [left, right] {
                    if node.ty != Type::Bool {
                        let message = format!(
                            "`{symbol}` takes true or false, not {}; compare it",
                            node.ty.name()
                        );
                        return self.error(node.span.clone(), message);
                    }
                }
                Ok(Type::Bool)
            }
            Binary::Equal | Binary::Unequal => {
                let pair = (left.ty, right.ty);
                let fits = left.ty == right.ty
                    || left.ty.is_numeric() && right.ty.is_numeric()
                    || matches!(
                        pair,
                        (Type::Operand, Type::Null) | (Type::Null, Type::Operand)
                    );
                if !fits {
                    let (a, b) = (left.ty.name(), right.ty.name());
                    let span = left.span.start..right.span.end;
                    return self.error(span, format!("`{symbol}` compares {a} with {b}"));
                }
                Ok(Type::Bool)
            }
            _ => {
                self.numeric(left)?;
                self.numeric(right)?;
                Ok(match op.is_comparison() {
                    true => Type::Bool,
                    false => Type::Number,
                })
            }
        }
    }

    fn numeric(&self, node: &Node) -> Result<(), RuleError> {
        if node.ty.is_numeric() {
            return Ok(());
        }
        let message = format!("expected a number, found {}", node.ty.name());
        self.error(node.span.clone(), message)
    }
}

#[cfg(test)]
mod tests;
