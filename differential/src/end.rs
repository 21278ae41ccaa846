//! How an instantiation or a call ended, in words that all engines share.

use std::fmt;
use std::str::FromStr;

use crate::value::Value;

/// How an instantiation or a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It returned.
    Results(Vec<Value>),
    /// It trapped.
    Trap(TrapClass),
    /// An exception that nobody caught; what it carries.
    Thrown(Vec<Value>),
    /// It met a limit that engines draw at different places, or something that the engine does
    /// not do; nothing can be said of what follows.
    Unclear(Unclear),
    /// The engine failed in a way that no guest may cause: a panic or an internal error.
    Broken(String),
}

/// Why an outcome says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unclear {
    /// Fuel is used up.
    Fuel,
    /// The call stack is used up.
    Stack,
    /// Memory of the host is used up.
    System,
    /// The engine refuses what another accepts, by design; the reason.
    Refused(String),
}

/// Kinds of traps that engines agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrapClass {
    /// `unreachable`
    Unreachable,
    /// Access outside a memory or data segment.
    Memory,
    /// Access outside a table or element segment; also an indirect call beyond the table, which
    /// most engines do not tell apart.
    Table,
    /// Indirect call of a null element.
    NullElement,
    /// Indirect call of another type.
    Signature,
    /// Integer division or conversion whose result does not fit.
    Overflow,
    /// Integer division by zero.
    DivideByZero,
    /// Conversion of a NaN to an integer.
    Conversion,
    /// Use of a null reference.
    Null,
    /// A cast that failed.
    Cast,
    /// Access outside an array.
    Array,
    /// Atomic access to an address that is no multiple of its size.
    Unaligned,
    /// `memory.atomic.wait` on a memory that is not shared.
    NotShared,
    /// The host function that the case defines failed as planned.
    Host,
}

impl TrapClass {
    const NAMES: [(TrapClass, &'static str); 14] = [
        (TrapClass::Unreachable, "unreachable"),
        (TrapClass::Memory, "memory"),
        (TrapClass::Table, "table"),
        (TrapClass::NullElement, "null-element"),
        (TrapClass::Signature, "signature"),
        (TrapClass::Overflow, "overflow"),
        (TrapClass::DivideByZero, "divide-by-zero"),
        (TrapClass::Conversion, "conversion"),
        (TrapClass::Null, "null"),
        (TrapClass::Cast, "cast"),
        (TrapClass::Array, "array"),
        (TrapClass::Unaligned, "unaligned"),
        (TrapClass::NotShared, "not-shared"),
        (TrapClass::Host, "host"),
    ];

    /// One word.
    pub fn name(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(class, _)| *class == self);
        named.map_or("unknown", |(_, name)| name)
    }
}

impl FromStr for TrapClass {
    type Err = String;

    fn from_str(text: &str) -> Result<TrapClass, String> {
        let named = Self::NAMES.iter().find(|(_, name)| *name == text);
        named
            .map(|(class, _)| *class)
            .ok_or_else(|| format!("`{text}` is no kind of trap"))
    }
}

/// `=> i32:1 null` or `=> trap memory`, without the arrow.
impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Results(values) if values.is_empty() => f.write_str("returned"),
            End::Results(values) => write_values(f, values),
            End::Thrown(values) => {
                f.write_str("threw ")?;
                write_values(f, values)
            }
            End::Trap(class) => write!(f, "trap {}", class.name()),
            End::Unclear(Unclear::Fuel) => f.write_str("out of fuel"),
            End::Unclear(Unclear::Stack) => f.write_str("out of stack"),
            End::Unclear(Unclear::System) => f.write_str("out of the host's memory"),
            End::Unclear(Unclear::Refused(why)) => write!(f, "refused: {why}"),
            End::Broken(why) => write!(f, "broken: {why}"),
        }
    }
}

fn write_values(f: &mut fmt::Formatter<'_>, values: &[Value]) -> fmt::Result {
    for (i, value) in values.iter().enumerate() {
        write!(f, "{}{value}", if i == 0 { "" } else { " " })?;
    }
    Ok(())
}

impl FromStr for End {
    type Err = String;

    fn from_str(text: &str) -> Result<End, String> {
        let text = text.trim();
        if let Some(class) = text.strip_prefix("trap ") {
            return Ok(End::Trap(class.parse()?));
        }
        if text == "returned" {
            return Ok(End::Results(Vec::new()));
        }
        let values = |text: &str| -> Result<Vec<Value>, String> {
            text.split_whitespace().map(str::parse).collect()
        };
        if let Some(text) = text.strip_prefix("threw") {
            return Ok(End::Thrown(values(text)?));
        }
        match values(text)? {
            values if values.is_empty() => Err("no outcome".to_owned()),
            values => Ok(End::Results(values)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_back() {
        let ends = [
            End::Results(vec![]),
            End::Results(vec![Value::I32(1), Value::Null]),
            End::Trap(TrapClass::DivideByZero),
            End::Thrown(vec![]),
            End::Thrown(vec![Value::I32(1)]),
        ];
        for end in ends {
            assert_eq!(end.to_string().parse(), Ok(end));
        }
        assert!("".parse::<End>().is_err());
        assert!("trap door".parse::<End>().is_err());
    }

    #[test]
    fn every_class_has_a_name() {
        for (class, name) in TrapClass::NAMES {
            assert_eq!(class.name(), name);
            assert_eq!(name.parse(), Ok(class));
        }
    }
}
