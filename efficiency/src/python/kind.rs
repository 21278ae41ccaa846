//! What a build of CPython exports and imports, and so how it is run.

use probity_engine::{ExternType, FuncType, Module, ValType};

/// The form of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A WASI command: `_start`, once.
    Command,
    /// A reactor: `_initialize` if there is one, then `run() -> exit code`, once.
    Reactor,
    /// A reactor that also takes programs one after another, in one interpreter: `host_alloc(bytes) -> address` gives room for a
    /// program's text, `turn(address, bytes)` executes it and gives an exit code.
    Session,
}

/// The interface that every build may import.
const WASI: &str = "wasi_snapshot_preview1";
/// The module and name of the function by which a program would call its embedder.
pub(super) const HOST_CALL: (&str, &str) = ("host", "call");

impl Kind {
    /// The form of a module.
    ///
    /// # Errors
    /// If it is none of them, or imports what nobody here defines: what it lacks or has too much of.
    pub fn of(module: &Module) -> Result<Kind, String> {
        for import in module.imports() {
            let known = match (import.module, import.name) {
                (WASI, _) => true,
                HOST_CALL => matches!(&import.ty, ExternType::Func(ty) if *ty == host_call()),
                _ => false,
            };
            if !known {
                return Err(format!(
                    "it imports `{}` `{}` ({}), which nothing here defines",
                    import.module, import.name, import.ty
                ));
            }
        }
        let exported = |name: &str| {
            module
                .exports()
                .find(|export| export.name == name)
                .map(|export| export.ty)
        };
        let is = |name: &str, params: &[ValType], results: &[ValType]| match exported(name) {
            Some(ExternType::Func(ty)) => ty.params() == params && ty.results() == results,
            _ => false,
        };
        if !matches!(exported("memory"), Some(ExternType::Memory(_))) {
            return Err("it exports no memory as `memory`".to_owned());
        }
        const I32: ValType = ValType::I32;
        if is("_start", &[], &[]) {
            return Ok(Kind::Command);
        }
        if !is("run", &[], &[I32]) {
            return Err(
                "it exports neither `_start` without parameters nor `run` that gives an i32"
                    .to_owned(),
            );
        }
        match is("turn", &[I32, I32], &[I32]) && is("host_alloc", &[I32], &[I32]) {
            true => Ok(Kind::Session),
            false => Ok(Kind::Reactor),
        }
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Command => "command",
            Kind::Reactor => "reactor",
            Kind::Session => "session",
        }
    }
}

/// The type of `host.call`: where a request's bytes are and how many, and where the answer's address and length go.
pub(super) fn host_call() -> FuncType {
    FuncType::new([ValType::I32; 4], [ValType::I32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_engine::Engine;

    fn kind(fields: &str) -> Result<Kind, String> {
        let text = format!("(module {fields} (memory (export \"memory\") 1))");
        Kind::of(&Module::new(&Engine::default(), text).expect("a module"))
    }

    const CALL: &str = r#"(import "host" "call" (func (param i32 i32 i32 i32) (result i32)))"#;
    const RUN: &str = r#"(func (export "run") (result i32) i32.const 0)"#;
    const TURN: &str = r#"(func (export "turn") (param i32 i32) (result i32) i32.const 0)
        (func (export "host_alloc") (param i32) (result i32) i32.const 0)"#;

    #[test]
    fn exports_tell_the_form() {
        assert_eq!(kind(r#"(func (export "_start"))"#), Ok(Kind::Command));
        assert_eq!(kind(RUN), Ok(Kind::Reactor));
        assert_eq!(kind(&format!("{CALL}{RUN}{TURN}")), Ok(Kind::Session));
    }

    #[test]
    fn what_is_no_python_says_why() {
        let none = kind("").expect_err("no entry");
        assert!(
            none.contains("`_start`") && none.contains("`run`"),
            "{none}"
        );
        let other = kind(&format!(r#"(import "env" "f" (func)){RUN}"#)).expect_err("an import");
        assert!(other.contains("`env` `f`"), "{other}");
        let odd = kind(&format!(r#"(import "host" "call" (func)){RUN}"#)).expect_err("its type");
        assert!(odd.contains("`host` `call`"), "{odd}");
        let module = Module::new(&Engine::default(), format!("(module {RUN})")).expect("a module");
        assert!(Kind::of(&module).expect_err("no memory").contains("memory"));
    }
}
