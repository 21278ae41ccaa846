//! Modules that are too large, too deep or too strange for the text format.

use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction, Module,
    TypeSection, ValType,
};

/// A module of one function `[] -> [results]`, exported as `f`, and a second, `fine`,
/// which gives 7. `body` writes the instructions before the last `end`.
pub fn one_function(
    locals: &[(u32, ValType)],
    results: &[ValType],
    body: impl FnOnce(&mut Function),
) -> Vec<u8> {
    let mut function = Function::new(locals.iter().copied());
    body(&mut function);
    function.instruction(&Instruction::End);
    let mut fine = Function::new([]);
    fine.instruction(&Instruction::I32Const(7));
    fine.instruction(&Instruction::End);

    let mut types = TypeSection::new();
    types.ty().function([], results.iter().copied());
    types.ty().function([], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0).function(1);
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 0);
    exports.export("fine", ExportKind::Func, 1);
    let mut code = CodeSection::new();
    code.function(&function).function(&fine);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&exports)
        .section(&code);
    module.finish()
}

/// A number as LEB128.
pub fn leb(mut n: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (n & 0x7f) as u8;
        n >>= 7;
        if n == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// A module of raw sections: id, claimed size (the real one if `None`), contents.
pub fn raw(sections: &[(u8, Option<u64>, &[u8])]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for (id, claimed, contents) in sections {
        bytes.push(*id);
        bytes.extend(leb(claimed.unwrap_or(contents.len() as u64)));
        bytes.extend_from_slice(contents);
    }
    bytes
}
