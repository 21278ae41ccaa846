//! Expressions of the debugger: those of C without side effects, over what the source and the module have.
//!
//! Operators bind as in Rust, so `a & 1 == 0` compares `a & 1`; from loosest to tightest: `||`, `&&`, comparisons, `|`, `^`, `&`,
//! shifts, `+ -`, `* / %`, then `- ! ~ * &` before an operand, then `.name`, `->name` and `[index]` behind it. A name may have
//! `::` in it. `i8 u8 i16 u16 i32 u32 i64 u64 f32 f64` before a bracket are what memory has at an address.

use std::fmt;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Int(i128),
    Float(f64),
    Name(String),
    Load(Width, Box<Expr>),
    Unary(Unary, Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// A member; through a pointer or not, as it comes.
    Member(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    Negate,
    Not,
    Complement,
    Follow,
    Address,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    And,
    BitOr,
    BitXor,
    BitAnd,
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// What is in memory at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Width {
    pub bytes: u32,
    pub signed: bool,
    pub float: bool,
}

impl Width {
    pub fn named(name: &str) -> Option<Width> {
        let (kind, bits) = name.split_at_checked(1)?;
        let bits: u32 = bits.parse().ok()?;
        let fits = match kind {
            "i" | "u" => matches!(bits, 8 | 16 | 32 | 64),
            "f" => matches!(bits, 32 | 64),
            _ => false,
        };
        fits.then_some(Width {
            bytes: bits / 8,
            signed: kind == "i",
            float: kind == "f",
        })
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match (self.float, self.signed) {
            (true, _) => "f",
            (false, true) => "i",
            (false, false) => "u",
        };
        write!(f, "{kind}{}", self.bytes * 8)
    }
}

/// Operators of two operands by how tight they bind, loosest first.
const LEVELS: [&[(&str, Binary)]; 9] = [
    &[("||", Binary::Or)],
    &[("&&", Binary::And)],
    &[
        ("==", Binary::Equal),
        ("!=", Binary::Unequal),
        ("<=", Binary::LessEqual),
        (">=", Binary::GreaterEqual),
        ("<", Binary::Less),
        (">", Binary::Greater),
    ],
    &[("|", Binary::BitOr)],
    &[("^", Binary::BitXor)],
    &[("&", Binary::BitAnd)],
    &[("<<", Binary::ShiftLeft), (">>", Binary::ShiftRight)],
    &[("+", Binary::Add), ("-", Binary::Subtract)],
    &[
        ("*", Binary::Multiply),
        ("/", Binary::Divide),
        ("%", Binary::Remainder),
    ],
];

/// Deeper ones are nobody's, and would exhaust the stack.
const DEPTH_MAX: u32 = 200;

/// Reads an expression.
///
/// # Errors
/// What is wrong, and where.
pub(crate) fn parse(text: &str) -> Result<Expr, String> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    let expr = parser.binary(0)?;
    match parser.peek() {
        None => Ok(expr),
        Some(token) => Err(format!("unexpected `{token}` in `{text}`")),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Int(i128),
    Float(f64),
    Name(String),
    Sign(&'static str),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Int(value) => write!(f, "{value}"),
            Token::Float(value) => write!(f, "{value}"),
            Token::Name(name) => f.write_str(name),
            Token::Sign(sign) => f.write_str(sign),
        }
    }
}

/// Longer ones before those that they begin with.
const SIGNS: [&str; 27] = [
    "||", "&&", "==", "!=", "<=", ">=", "<<", ">>", "->", "|", "^", "&", "<", ">", "+", "-", "*",
    "/", "%", "!", "~", ".", "[", "]", "(", ")", "=",
];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let behind_dot = tokens.last() == Some(&Token::Sign("."));
        let (token, used) = if first.is_ascii_digit() && behind_dot {
            // A field of a tuple.
            let end = rest.find(|c: char| !c.is_ascii_digit());
            let end = end.unwrap_or(rest.len());
            (Token::Name(rest[..end].to_owned()), end)
        } else if first.is_ascii_digit() {
            number(rest)?
        } else if first == '\'' {
            let mut chars = rest.chars().skip(1);
            match (chars.next(), chars.next()) {
                (Some(c), Some('\'')) => (Token::Int(i128::from(u32::from(c))), 2 + c.len_utf8()),
                _ => return Err(format!("a character is written as in 'a': `{rest}`")),
            }
        } else if is_name(first) {
            let end = name_end(rest);
            (Token::Name(rest[..end].to_owned()), end)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            return Err(format!("unexpected `{first}` in `{text}`"));
        };
        tokens.push(token);
        rest = rest[used..].trim_start();
    }
    Ok(tokens)
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// Where a name ends that the text begins with.
fn name_end(text: &str) -> usize {
    let mut end = 0;
    loop {
        let rest = &text[end..];
        let part = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        end += part;
        let path = text[end..].strip_prefix("::");
        if path.is_some_and(|path| path.starts_with(is_name)) {
            end += 2;
        } else {
            return end;
        }
    }
}

fn number(text: &str) -> Result<(Token, usize), String> {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    let digits = text[..end].replace('_', "");
    let wrong = || format!("`{}` is no number", &text[..end]);
    if let Some(hex) = digits.strip_prefix("0x") {
        let value = u128::from_str_radix(hex, 16).ok();
        let value = value.and_then(|value| i128::try_from(value).ok());
        return Ok((Token::Int(value.ok_or_else(wrong)?), end));
    }
    let fraction = text[end..].strip_prefix('.').map(|rest| {
        let more = rest.find(|c: char| !c.is_ascii_digit());
        more.unwrap_or(rest.len())
    });
    if let Some(more) = fraction.filter(|&more| more > 0) {
        let end = end + 1 + more;
        let value = text[..end].replace('_', "").parse();
        return Ok((Token::Float(value.map_err(|_| wrong())?), end));
    }
    if let Ok(value) = digits.parse::<i128>() {
        return Ok((Token::Int(value), end));
    }
    let value = digits.parse::<f64>().map_err(|_| wrong())?;
    Ok((Token::Float(value), end))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    /// Goes on behind a sign, if it is next.
    fn accept(&mut self, sign: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        match self.accept(sign) {
            true => Ok(()),
            false => Err(match self.peek() {
                Some(token) => format!("expected `{sign}`, found `{token}`"),
                None => format!("expected `{sign}` at the end"),
            }),
        }
    }

    fn binary(&mut self, level: usize) -> Result<Expr, String> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(&(_, operator)) = operators.iter().find(|(sign, _)| self.accept(sign)) {
            let right = self.binary(level + 1)?;
            left = Expr::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        const OPERATORS: [(&str, Unary); 5] = [
            ("-", Unary::Negate),
            ("!", Unary::Not),
            ("~", Unary::Complement),
            ("*", Unary::Follow),
            ("&", Unary::Address),
        ];
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("the expression is nested too deeply".to_owned());
        }
        let operator = OPERATORS.iter().find(|(sign, _)| self.accept(sign));
        let expr = match operator {
            Some(&(_, operator)) => Expr::Unary(operator, Box::new(self.unary()?)),
            None => self.postfix()?,
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn postfix(&mut self) -> Result<Expr, String> {
        let mut expr = self.primary()?;
        loop {
            if self.accept(".") || self.accept("->") {
                let Some(Token::Name(name)) = self.peek().cloned() else {
                    return Err("expected the name of a member".to_owned());
                };
                self.at += 1;
                expr = Expr::Member(Box::new(expr), name);
            } else if self.accept("[") {
                let index = self.binary(0)?;
                self.expect("]")?;
                let width = match &expr {
                    Expr::Name(name) => Width::named(name),
                    _ => None,
                };
                expr = match width {
                    Some(width) => Expr::Load(width, Box::new(index)),
                    None => Expr::Index(Box::new(expr), Box::new(index)),
                };
            } else {
                return Ok(expr);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, String> {
        let token = self.peek().cloned();
        self.at += 1;
        match token {
            Some(Token::Int(value)) => Ok(Expr::Int(value)),
            Some(Token::Float(value)) => Ok(Expr::Float(value)),
            Some(Token::Name(name)) => Ok(Expr::Name(name)),
            Some(Token::Sign("(")) => {
                let expr = self.binary(0)?;
                self.expect(")")?;
                Ok(expr)
            }
            Some(token) => Err(format!("expected a value, found `{token}`")),
            None => Err("expected a value at the end".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(expr: &Expr) -> String {
        match expr {
            Expr::Int(value) => value.to_string(),
            Expr::Float(value) => format!("{value:?}"),
            Expr::Name(name) => name.clone(),
            Expr::Load(width, address) => format!("{width}[{}]", shown(address)),
            Expr::Unary(operator, of) => format!("{operator:?}({})", shown(of)),
            Expr::Binary(operator, a, b) => format!("{operator:?}({}, {})", shown(a), shown(b)),
            Expr::Member(of, name) => format!("{}.{name}", shown(of)),
            Expr::Index(of, index) => format!("{}[{}]", shown(of), shown(index)),
        }
    }

    #[test]
    fn what_binds_tighter() {
        for (text, expected) in [
            ("1 + 2 * x", "Add(1, Multiply(2, x))"),
            ("a & 1 == 0", "Equal(BitAnd(a, 1), 0)"),
            ("a - b - c", "Subtract(Subtract(a, b), c)"),
            ("!a || b && c < 1", "Or(Not(a), And(b, Less(c, 1)))"),
            ("*p->next.value", "Follow(p.next.value)"),
            ("-a[i + 1].b", "Negate(a[Add(i, 1)].b)"),
            ("i32[sp + 8]", "i32[Add(sp, 8)]"),
            ("f64[0x10] > 1.5", "Greater(f64[16], 1.5)"),
            ("pair.0.1", "pair.0.1"),
            ("core::mem::size == 'a'", "Equal(core::mem::size, 97)"),
            ("1_000 << 2", "ShiftLeft(1000, 2)"),
            ("(a)", "a"),
        ] {
            assert_eq!(parse(text).as_ref().map(shown), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn what_is_wrong() {
        let deep = "(".repeat(1000);
        for (text, expected) in [
            ("", "expected a value at the end"),
            ("1 +", "expected a value at the end"),
            ("a b", "unexpected `b` in `a b`"),
            ("a[1", "expected `]` at the end"),
            ("a.", "expected the name of a member"),
            ("0xg", "`0xg` is no number"),
            ("a ? b", "unexpected `?` in `a ? b`"),
            (&deep, "the expression is nested too deeply"),
        ] {
            assert_eq!(parse(text), Err(expected.to_owned()));
        }
    }
}
