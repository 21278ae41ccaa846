//! What stands between the braces of a rule.

use std::ops::Range;
use std::sync::Arc;

use super::Parser;
use crate::nearest::nearest;
use crate::rule::ast::{Action, Expr, Kind};
use crate::rule::error::RuleError;
use crate::rule::format::Format;
use crate::rule::lexer::Word;

/// Frames that `stack` looks at unless it is told how many, and at most.
const STACK_DEFAULT: usize = 64;
const STACK_MAX: usize = 1024;

/// Names of actions, with what they take.
const ACTIONS: [(&str, &str); 7] = [
    ("count", "count"),
    ("sum", "sum(EXPR)"),
    ("min", "min(EXPR)"),
    ("max", "max(EXPR)"),
    ("hist", "hist(EXPR)"),
    ("stack", "stack, or stack(FRAMES)"),
    ("print", "print(\"FORMAT {}\", EXPR...)"),
];

impl Parser<'_> {
    /// Those between braces; `count` if there are no braces.
    pub(super) fn actions(&mut self) -> Result<Vec<Action>, RuleError> {
        let mut actions = Vec::new();
        if *self.word() != Word::End {
            self.expect("{", "before the actions")?;
            loop {
                while self.take(";") {}
                if self.take("}") {
                    break;
                }
                actions.push(self.action()?);
                if !self.is(";") && !self.is("}") {
                    let found = self.word().describe();
                    let message = match self.word() {
                        Word::Symbol("++" | "+=") => "write `count`, or `sum(EXPR)`".to_owned(),
                        _ => format!("expected `;` or `}}` behind the action, found {found}"),
                    };
                    return Err(self.wrong(message));
                }
            }
        }
        if actions.is_empty() {
            actions.push(Action {
                kind: Kind::Count,
                args: Vec::new(),
                by: Vec::new(),
                text: "count".into(),
            });
        }
        Ok(actions)
    }

    fn action(&mut self) -> Result<Action, RuleError> {
        let span = self.span();
        let name = match self.word() {
            Word::Name(name) => name.clone(),
            other => {
                let message = format!("expected an action, found {}", other.describe());
                return Err(self.wrong(message));
            }
        };
        self.next();
        let Some((_, form)) = ACTIONS.iter().find(|(known, _)| *known == name) else {
            return self.unknown_action(span, &name);
        };
        let one = |parser: &mut Self| -> Result<Vec<Expr>, RuleError> {
            let open = parser.is("(");
            let mut nodes = if open { parser.list()? } else { Vec::new() };
            match (nodes.pop(), nodes.is_empty()) {
                (Some(node), true) => parser.numeric(&node).map(|()| vec![node.expr]),
                _ => parser.error(span.start..parser.behind(), format!("write `{form}`")),
            }
        };
        let (kind, args) = match name.as_str() {
            "count" => {
                if self.take("(") {
                    self.expect(")", "behind `count(`: it takes nothing")?;
                }
                (Kind::Count, Vec::new())
            }
            "sum" => (Kind::Sum, one(self)?),
            "min" => (Kind::Min, one(self)?),
            "max" => (Kind::Max, one(self)?),
            "hist" => (Kind::Hist, one(self)?),
            "stack" => (Kind::Stack(self.frames()?), Vec::new()),
            _ => self.print(span.start)?,
        };
        let mut by = Vec::new();
        if self.take_name("by") {
            let nodes = match self.is("(") {
                true => self.list()?,
                false => vec![self.expression(0)?],
            };
            if nodes.is_empty() {
                return Err(self.wrong("expected what to tell results apart by"));
            }
            by = nodes.into_iter().map(|node| node.expr).collect();
        }
        let text = self.text[span.start..self.behind()].into();
        Ok(Action {
            kind,
            args,
            by,
            text,
        })
    }

    fn unknown_action<T>(&self, span: Range<usize>, name: &str) -> Result<T, RuleError> {
        if self.is("++") || self.is("+=") || self.is("=") {
            let message = "rules have no variables of their own; write `count`, or `sum(EXPR)`";
            return self.error(span, message);
        }
        let names = ACTIONS.map(|(name, _)| name);
        let message = match (name, nearest(name, names)) {
            ("avg" | "mean", _) => "unknown action; write `count; sum(EXPR)`".to_owned(),
            (_, Some(near)) => format!("unknown action `{name}`; did you mean `{near}`?"),
            (_, None) => format!("unknown action `{name}`; known: {}", names.join(", ")),
        };
        self.error(span, message)
    }

    /// The number behind `stack`, if there is one.
    fn frames(&mut self) -> Result<usize, RuleError> {
        if !self.take("(") {
            return Ok(STACK_DEFAULT);
        }
        let frames = match *self.word() {
            Word::Int(frames) => usize::try_from(frames).ok(),
            _ => None,
        };
        let Some(frames) = frames.filter(|frames| (1..=STACK_MAX).contains(frames)) else {
            return Err(self.wrong(format!("expected a number of frames from 1 to {STACK_MAX}")));
        };
        self.next();
        self.expect(")", "behind the number of frames")?;
        Ok(frames)
    }

    fn print(&mut self, start: usize) -> Result<(Kind, Vec<Expr>), RuleError> {
        self.expect("(", "behind `print`")?;
        let span = self.span();
        let Word::Text(text) = self.word() else {
            let message = "expected a format, such as `print(\"{} bytes\", arg0)`";
            return Err(self.wrong(message));
        };
        let format = Format::parse(text).map_err(|m| RuleError::new(self.text, span, m))?;
        self.next();
        let mut args = Vec::new();
        self.inside += 1;
        while self.take(",") {
            let node = self.expression(0)?;
            args.push(node.expr);
        }
        self.inside -= 1;
        self.expect(")", "behind what is printed")?;
        if args.len() != format.values() {
            let message = format!(
                "the format has {} `{{}}` for {} values",
                format.values(),
                args.len()
            );
            return self.error(start..self.behind(), message);
        }
        Ok((Kind::Print(Arc::new(format)), args))
    }
}
