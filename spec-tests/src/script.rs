//! A `.wast` file as a list of owned steps.
//!
//! Parsing and assembling recurse and need a large native stack; executing must
//! not. So the whole file is read first, by the caller's thread, and the steps
//! are executed on another.

use std::fmt;

use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::{Id, Span};
use wast::{QuoteWat, QuoteWatTest, Wast, WastArg, WastDirective, WastExecute, WastInvoke, Wat};

use crate::values::{Arg, Expected};

/// A line and column in the script, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One directive.
#[derive(Debug)]
pub struct Step {
    /// Where it stands in the script.
    pub place: Place,
    /// What to do.
    pub action: Action,
}

/// What a directive asks for. Instances and module definitions are named by
/// their identifier in the script; none means the latest.
#[derive(Debug)]
pub enum Action {
    /// Load, instantiate, and make it the current instance.
    Module {
        /// The identifier of both the definition and the instance.
        id: Option<String>,
        /// The module.
        source: Source,
    },
    /// Load only.
    Definition {
        /// The identifier of the definition.
        id: Option<String>,
        /// The module.
        source: Source,
    },
    /// Instantiate a definition.
    Instance {
        /// The identifier that the instance gets.
        id: Option<String>,
        /// The definition's identifier.
        definition: Option<String>,
    },
    /// Make an instance's exports importable.
    Register {
        /// The module name for imports.
        name: String,
        /// The instance.
        instance: Option<String>,
    },
    /// Do it; no particular outcome but success.
    Perform(Execute),
    /// It must return these values.
    AssertReturn(Execute, Vec<Expected>),
    /// It must trap with this message.
    AssertTrap(Execute, String),
    /// It must end in an exception that nothing catches.
    AssertException(Execute),
    /// It must exhaust the call stack.
    AssertExhaustion(Execute, String),
    /// The module must not load (malformed or invalid).
    AssertRejected(Source, String),
    /// The module must load, and not link.
    AssertUnlinkable(Source, String),
    /// A directive that no file which runs needs.
    Unsupported(&'static str),
}

/// Something that can be executed and has an outcome.
#[derive(Debug)]
pub enum Execute {
    /// Call an exported function.
    Invoke {
        /// The instance.
        instance: Option<String>,
        /// The export's name.
        export: String,
        /// The arguments.
        args: Vec<Arg>,
    },
    /// Read an exported global.
    Get {
        /// The instance.
        instance: Option<String>,
        /// The export's name.
        export: String,
    },
    /// Instantiate a module.
    Instantiate(Source),
}

/// A module as the engine gets it.
#[derive(Debug)]
pub enum Source {
    /// Wasm or text.
    Bytes(Vec<u8>),
    /// Not even the assembler accepted the text: there is nothing to load.
    Unencodable(String),
}

/// Parse a script. An error has the form `line:column: message`.
pub fn parse(text: &str) -> Result<Vec<Step>, String> {
    let lines = Lines::new(text);
    let describe = |e: wast::Error| format!("{}: {}", lines.place(e.span()), e.message());

    // Names that look alike are part of what the suite tests.
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(describe)?;
    let script: Wast<'_> = parser::parse(&buffer).map_err(describe)?;

    Ok(script
        .directives
        .into_iter()
        .map(|directive| Step {
            place: lines.place(directive.span()),
            action: action(directive),
        })
        .collect())
}

fn action(directive: WastDirective<'_>) -> Action {
    use WastDirective as D;
    match directive {
        D::Module(module) => Action::Module {
            id: name(module.name()),
            source: source(module),
        },
        D::ModuleDefinition(module) => Action::Definition {
            id: name(module.name()),
            source: source(module),
        },
        D::ModuleInstance {
            instance, module, ..
        } => Action::Instance {
            id: name(instance),
            definition: name(module),
        },
        D::Register {
            name: as_name,
            module,
            ..
        } => Action::Register {
            name: as_name.to_owned(),
            instance: name(module),
        },
        D::Invoke(call) => Action::Perform(invoke(call)),
        D::AssertReturn { exec, results, .. } => {
            let expected = results.into_iter().map(Expected::from_wast).collect();
            Action::AssertReturn(execute(exec), expected)
        }
        D::AssertTrap { exec, message, .. } => {
            Action::AssertTrap(execute(exec), message.to_owned())
        }
        D::AssertExhaustion { call, message, .. } => {
            Action::AssertExhaustion(invoke(call), message.to_owned())
        }
        D::AssertMalformed {
            module, message, ..
        }
        | D::AssertInvalid {
            module, message, ..
        }
        | D::AssertMalformedCustom {
            module, message, ..
        }
        | D::AssertInvalidCustom {
            module, message, ..
        } => Action::AssertRejected(source(module), message.to_owned()),
        D::AssertUnlinkable {
            module, message, ..
        } => Action::AssertUnlinkable(source(QuoteWat::Wat(module)), message.to_owned()),
        D::AssertException { exec, .. } => Action::AssertException(execute(exec)),
        D::AssertSuspension { .. } => Action::Unsupported("assert_suspension"),
        // No file of the suite starts threads.
        D::Thread(_) => Action::Unsupported("thread"),
        D::Wait { .. } => Action::Unsupported("wait"),
    }
}

fn execute(exec: WastExecute<'_>) -> Execute {
    match exec {
        WastExecute::Invoke(call) => invoke(call),
        WastExecute::Wat(wat) => Execute::Instantiate(source(QuoteWat::Wat(wat))),
        WastExecute::Get { module, global, .. } => Execute::Get {
            instance: name(module),
            export: global.to_owned(),
        },
    }
}

fn invoke(call: WastInvoke<'_>) -> Execute {
    Execute::Invoke {
        instance: name(call.module),
        export: call.name.to_owned(),
        args: call
            .args
            .into_iter()
            .map(|arg| match arg {
                WastArg::Core(arg) => Arg::from_wast(arg),
                _ => Arg::Unsupported("a value of the component model".to_owned()),
            })
            .collect(),
    }
}

/// Quoted modules stay text, so that the engine's own text path is what reads them.
fn source(mut module: QuoteWat<'_>) -> Source {
    if matches!(&module, QuoteWat::Wat(Wat::Component(_))) {
        return Source::Unencodable("a component, not a module".to_owned());
    }
    match module.to_test() {
        Ok(QuoteWatTest::Binary(bytes) | QuoteWatTest::Text(bytes)) => Source::Bytes(bytes),
        Err(e) => Source::Unencodable(e.message()),
    }
}

fn name(id: Option<Id<'_>>) -> Option<String> {
    id.map(|id| id.name().to_owned())
}

/// Where lines start: scripts have thousands of directives, and counting lines
/// from the top for each is quadratic.
struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: &str) -> Lines {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Lines {
            starts: std::iter::once(0)
                .chain(newlines.map(|(at, _)| at + 1))
                .collect(),
        }
    }

    fn place(&self, span: Span) -> Place {
        let line = self.starts.partition_point(|start| *start <= span.offset());
        Place {
            line,
            column: span.offset() - self.starts[line - 1] + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wast::core::{HeapType, WastArgCore};
    use wast::token::Index;

    #[test]
    fn steps_carry_their_place() {
        let steps = parse("(module)\n  (register \"a\")\n(invoke \"f\" (i32.const 1))").unwrap();
        let places: Vec<String> = steps.iter().map(|s| s.place.to_string()).collect();
        assert_eq!(places, ["1:2", "2:4", "3:2"]);
        assert!(matches!(
            &steps[2].action,
            Action::Perform(Execute::Invoke { export, args, .. })
                if export == "f" && matches!(args[..], [Arg::I32(1)])
        ));
    }

    #[test]
    fn errors_carry_their_place() {
        let error = parse("(module)\n(assert_nothing)").unwrap_err();
        assert!(error.starts_with("2:"), "{error}");
    }

    #[test]
    fn quoted_modules_stay_text() {
        let steps = parse("(assert_malformed (module quote \"(func\") \"m\")").unwrap();
        let Action::AssertRejected(Source::Bytes(text), message) = &steps[0].action else {
            panic!("not a rejected module: {:?}", steps[0]);
        };
        assert_eq!((text.as_slice(), message.as_str()), (&b"(func "[..], "m"));
    }

    #[test]
    fn unknown_argument_kinds_are_kept_for_the_report() {
        let concrete = HeapType::Concrete(Index::Num(3, Span::from_offset(0)));
        let arg = Arg::from_wast(WastArgCore::RefNull(concrete));
        assert!(matches!(arg, Arg::Unsupported(_)));
    }
}
