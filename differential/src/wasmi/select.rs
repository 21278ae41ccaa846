//! Works around a bug of wasmi 2.0.0, so that it does not hide others.
//!
//! Where `i32.eqz` (or `i32.eq`/`i32.ne` with 0) of a local is the condition of a `select`,
//! wasmi drops the comparison but reads its result from the register that it would have set:
//! `(select (i32.const 1) (local.get 0) (i32.eqz (local.get 0)))` gives 1 for every argument.
//! The module that wasmi gets therefore compares each condition once more with an operator that
//! wasmi does not merge.

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, Instruction, Module};
use wasmparser::{FunctionBody, Operator, Parser};

struct Guard;

impl Reencode for Guard {
    type Error = std::convert::Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Self::Error>> {
        let mut function = utils::new_function_with_parsed_locals(self, &body)?;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let operator = reader.read()?;
            if matches!(operator, Operator::Select | Operator::TypedSelect { .. }) {
                // condition != 0
                function.instruction(&Instruction::I32Const(0));
                function.instruction(&Instruction::I32GtU);
            }
            function.instruction(&self.instruction(operator)?);
        }
        code.function(&function);
        Ok(())
    }
}

/// The same module, with guarded conditions.
///
/// # Errors
/// The module is not valid.
pub fn guarded(wasm: &[u8]) -> Result<Vec<u8>, String> {
    let mut module = Module::new();
    Guard
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|error| format!("failed to rewrite the module: {error}"))?;
    Ok(module.finish())
}
