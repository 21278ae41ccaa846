//! Rules: what to watch and what to make of it, in one line of text.
//!
//! ```text
//! provider:package:event:mode / PREDICATE / { ACTION; ... }
//! ```
//!
//! The form is that of Whamm, and so are the names. A rule fires at every site that its
//! first part matches, when its predicate is true, and does its actions.
//!
//! # Where
//! - `wasm:opcode:OPCODE:before`, in short `OPCODE`: each time control reaches an operator.
//!   `wasm:opcode:OPCODE:after`: each time one has completed and control goes on to the operator behind it; its
//!   results are `res0`, ..., its operands are gone.
//!   `OPCODE` is a mnemonic, such as `i32.load8_u`, in which `*` stands for any text and `?` for
//!   any one character, or `@CLASS`, a class as the analysis `opcodes` names it.
//! - `wasm:func:entry`, `wasm:func:exit`: a function starts; a function is left, in
//!   whatever way.
//! - `wasm:block:entry`, `wasm:block:exit`: before the first and the last operator of a
//!   basic block.
//! - `wasm:loop:entry`, `wasm:loop:iter`, `wasm:loop:back`: control comes to a loop; a round of it begins; control has
//!   come back to it.
//! - `wasm:edge:taken`, `wasm:edge:falls`: control goes from the end of a basic block elsewhere (a branch is taken, an `if` is
//!   false, a true arm is over); it goes on to the block behind.
//! - `wasm:exception:catch`: a `try_table` catches an exception, which is told in the frame that goes on; `tag` and
//!   `payload0`, ... are the exception's, as at `throw` and `throw_ref`.
//! - `wasm:func:trap`: a trap or an error of the host is about to unwind the stack, the function being the innermost. `pc`
//!   and what else is known of an operator are those of the one that trapped, whose operands are gone.
//! - `wasm:fuel:tick`, `wasm:fuel:tick:UNITS`: so much more fuel has been consumed, 1,000,000 units if nothing is said, counted from
//!   when the rule begins to watch; at the operator that would exceed it. Patterns do not mean it, for
//!   code is slower that counts fuel.
//! - Operators by what they do, with modes as other operators: `wasm:memory:access`, `memory:grow`, `memory:bulk`,
//!   `table:access`, `table:grow`, `table:bulk`, `global:access`, `object:new`, `exception:throw`.
//!
//! Alternatives stand between `|`. A part may be empty, which is the same as `*`; `wasm:` may be
//! left out, and so may the mode.
//!
//! # When
//! Expressions have C's operators (with Rust's precedence: comparisons bind less than `&` and
//! `|`), `~` and `!~` for patterns, `EXPR as u32` and the like, and `func("SELECTOR")` for
//! functions as [`FunctionSelector`](crate::matcher::FunctionSelector) chooses them. In a
//! predicate a division stands in parentheses. [`variables`] lists what can be asked. What is
//! known without a run (names, indices, immediates, source lines) is computed when a site
//! is matched: where the predicate is false there is no probe, where it is true it costs nothing.
//!
//! A comparison with something that a site does not have is false. Integers do not wrap around:
//! an operand is an integer with the sign that its operator gives it (addresses and operands of
//! `..._u` have none), and sums of them are exact.
//!
//! Three things are not as in Whamm: `pc` is the byte offset in the module, as in every report,
//! and `opidx` the index in the function; `arg0` is the first operand of every operator, in stores
//! too, which is their address; `align` is in bytes.
//!
//! # What
//! `count`, `sum(EXPR)`, `min(EXPR)`, `max(EXPR)`, `hist(EXPR)` by powers of two, `stack` and
//! `stack(FRAMES)`, `print("FORMAT {} {:x}", EXPR, ...)`. Results are per site; with
//! `by EXPR` or `by (EXPR, ...)` behind an action they are per value. Without actions, `count`.
//! Counts without anything to compute are as cheap as those of any analysis.
//!
//! ```
//! use probity_engine::{Engine, Instance, Module, Store};
//! use probity_probes::rule::{Number, Rule};
//!
//! let engine = Engine::default();
//! let module = Module::new(&engine, r#"(module (memory 1)
//!     (func $get (param i32) (result i32) (i32.load offset=4 (local.get 0)))
//!     (func (export "main")
//!         (drop (call $get (i32.const 8)))
//!         (drop (call $get (i32.const 16)))))"#)?;
//!
//! let rule = Rule::parse(r#"*.load* / fname == "get" / { count; sum(effective_addr) }"#)?;
//! let sites = rule.sites(&module)?;
//! assert_eq!(sites[0].event.to_string(), "wasm:opcode:i32.load:before");
//!
//! let mut store = Store::new(&engine, ());
//! let watcher = rule.watcher();
//! watcher.attach(&mut store);
//! let instance = Instance::new(&mut store, &module, &[])?;
//! instance.get_typed_func::<(), ()>(&store, "main")?.call(&mut store, ())?;
//!
//! let results = watcher.results();
//! assert_eq!(results.actions[0].total.count, 2);
//! assert_eq!(results.actions[1].total.value, Some(Number::Int(12 + 20)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ast;
mod body;
mod error;
mod facts;
mod fold;
mod format;
mod lexer;
mod live;
mod moments;
mod parser;
mod results;
mod select;
mod spec;
mod tally;
mod value;
mod vars;
mod watcher;
mod ways;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use probity_engine::{LoadError, Module};

pub use body::Body;
pub use error::RuleError;
pub use results::{ActionKind, ActionResult, Bucket, KeyResult, Results, SiteResult, Summary};
pub use select::Match;
pub use spec::{Event, Mode, Structure};
pub use value::{Number, Value};
pub use vars::variables;
pub use watcher::Watcher;

use crate::source::SourceMap;
use ast::{Action, Expr};
use select::Selector;
use spec::Spec;
use vars::Var;

/// A rule. The [module](self) says how it is written.
#[derive(Debug, Clone)]
pub struct Rule {
    text: Arc<str>,
    spec: Arc<Spec>,
    predicate: Option<Arc<Expr>>,
    actions: Arc<[Action]>,
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// What is wrong, where, and what to write instead if that is known.
    ///
    /// ```
    /// use probity_probes::rule::Rule;
    ///
    /// let error = Rule::parse("call / arg0 > \"a\" /").unwrap_err();
    /// assert_eq!(error.to_string(), "expected a number, found a text");
    /// assert_eq!(error.span(), 14..17);
    /// ```
    pub fn parse(text: &str) -> Result<Rule, RuleError> {
        let parsed = parser::parse(text)?;
        Ok(Rule {
            text: text.trim().into(),
            spec: Arc::new(parsed.spec),
            predicate: parsed.predicate.map(Arc::new),
            actions: parsed.actions.into(),
        })
    }

    /// The rule as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every site of a module that the rule fires at, in program order. The module
    /// need not be valid; functions that are never called have sites too.
    ///
    /// # Errors
    /// The first function whose code is malformed.
    pub fn sites(&self, module: &Module) -> Result<Vec<Match>, LoadError> {
        let mut sites = Vec::new();
        self.each_site(module, SourceMap::new(module), |site| {
            sites.push(site);
            true
        })?;
        Ok(sites)
    }

    /// Whether there is any site in a module; as soon as one is found.
    ///
    /// # Errors
    /// As [`Rule::sites`].
    pub fn matches(&self, module: &Module) -> Result<bool, LoadError> {
        let mut any = false;
        // Lines take time to read, and most rules do not ask for them.
        let asks = |var| matches!(var, Var::File | Var::Line);
        let asks = self.predicate.as_ref().is_some_and(|p| p.asks(asks));
        let source = asks.then(|| SourceMap::new(module)).flatten();
        self.each_site(module, source, |_| {
            any = true;
            false
        })?;
        Ok(any)
    }

    /// Calls `see` with each site until it returns false.
    fn each_site(
        &self,
        module: &Module,
        source: Option<SourceMap>,
        mut see: impl FnMut(Match) -> bool,
    ) -> Result<(), LoadError> {
        let selector = self.selector();
        let mut goes_on = true;
        for index in module.num_imported_functions()..module.num_functions() {
            let info = module.function(index);
            if info.is_none_or(|info| selector.in_function(module, info).is_none()) {
                continue;
            }
            if let Some(body) = Body::new(module, index)? {
                selector.each(&body, source.as_ref(), &mut |selected| {
                    goes_on = see(selected.at);
                    goes_on
                });
            }
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// The rule at work: to be attached to a store.
    pub fn watcher(&self) -> Watcher {
        Watcher::new(self.clone())
    }

    fn selector(&self) -> Selector<'_> {
        Selector {
            spec: &self.spec,
            predicate: self.predicate.as_deref(),
            actions: &self.actions,
        }
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Rule, RuleError> {
        Rule::parse(text)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
