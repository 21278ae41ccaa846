//! Works around bugs of wasmi 2.0.0, so that they do not hide others: wasmi gets an equivalent
//! module without the operators that it runs wrongly.
//!
//! - Where `i32.eqz` (or `i32.eq`/`i32.ne` with 0) of a local is the condition of a `select`,
//!   wasmi drops the comparison but reads its result from the register that it would have set:
//!   `(select (i32.const 1) (local.get 0) (i32.eqz (local.get 0)))` gives 1 for every argument.
//!   Each condition is compared once more, with an operator that wasmi does not merge.
//! - A `br_table` that carries a vector loses one half of it. It becomes a chain of `br_if`.

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, Function, Instruction, Module, ValType};
use wasmparser::{BrTable, FuncType, FunctionBody, Operator, Parser, TypeSectionReader};

/// Rewrites function bodies.
#[derive(Default)]
struct Guard {
    /// Parameters of each function type; none for other types.
    parameters: Vec<u32>,
    /// Type of each function that the module defines.
    functions: Vec<u32>,
    /// Bodies so far.
    bodies: usize,
}

impl Reencode for Guard {
    type Error = std::convert::Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Self::Error>> {
        let mut locals = Vec::new();
        let mut index = self.parameters_of(self.bodies);
        self.bodies += 1;
        for pair in body.get_locals_reader()? {
            let (count, ty) = pair?;
            index += count;
            locals.push((count, self.val_type(ty)?));
        }
        locals.push((1, ValType::I32));
        let mut function = Function::new(locals);
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let operator = reader.read()?;
            match operator {
                Operator::Select | Operator::TypedSelect { .. } => {
                    // condition != 0
                    function.instruction(&Instruction::I32Const(0));
                    function.instruction(&Instruction::I32GtU);
                    function.instruction(&self.instruction(operator)?);
                }
                Operator::BrTable { targets } => chain(&mut function, index, &targets)?,
                operator => {
                    function.instruction(&self.instruction(operator)?);
                }
            }
        }
        code.function(&function);
        Ok(())
    }
}

/// A `br_table` as conditional branches; `index` is a free local.
fn chain(
    function: &mut Function,
    index: u32,
    targets: &BrTable<'_>,
) -> Result<(), wasmparser::BinaryReaderError> {
    function.instruction(&Instruction::LocalSet(index));
    for (i, target) in targets.targets().enumerate() {
        function.instruction(&Instruction::LocalGet(index));
        function.instruction(&Instruction::I32Const(i as i32));
        function.instruction(&Instruction::I32Eq);
        function.instruction(&Instruction::BrIf(target?));
    }
    function.instruction(&Instruction::Br(targets.default()));
    Ok(())
}

impl Guard {
    /// Number of parameters of a defined function.
    fn parameters_of(&self, function: usize) -> u32 {
        let ty = self.functions.get(function).copied().unwrap_or(0);
        self.parameters.get(ty as usize).copied().unwrap_or(0)
    }

    fn read_types(&mut self, types: TypeSectionReader<'_>) -> wasmparser::Result<()> {
        for group in types {
            for ty in group?.into_types() {
                let count = |ty: &FuncType| ty.params().len() as u32;
                let func = match &ty.composite_type.inner {
                    wasmparser::CompositeInnerType::Func(ty) => count(ty),
                    _ => 0,
                };
                self.parameters.push(func);
            }
        }
        Ok(())
    }
}

/// An equivalent module that wasmi runs rightly.
///
/// # Errors
/// The module is not valid.
pub fn guarded(wasm: &[u8]) -> Result<Vec<u8>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("failed to rewrite the module: {error}");
    let mut guard = Guard::default();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(|error| failed(&error))? {
            wasmparser::Payload::TypeSection(types) => {
                guard.read_types(types).map_err(|error| failed(&error))?;
            }
            wasmparser::Payload::FunctionSection(functions) => {
                for ty in functions {
                    guard.functions.push(ty.map_err(|error| failed(&error))?);
                }
            }
            _ => {}
        }
    }
    let mut module = Module::new();
    guard
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|error| failed(&error))?;
    Ok(module.finish())
}
