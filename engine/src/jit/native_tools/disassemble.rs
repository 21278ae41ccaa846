//! Machine code as text, for people and for tests that look at what was compiled.

use std::fmt::Write as _;

use iced_x86::{
    Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, OpKind, SymbolResolver,
    SymbolResult,
};

/// Bytes of an instruction that are shown; few are longer.
const BYTES_SHOWN: usize = 8;

/// The code that is at `base`, one instruction a line: offset, bytes, Intel syntax. `lines` says
/// from which offset on (ascending) the code is that of which Wasm program counter.
///
/// Targets within the code are shown as its offsets (`+0x1a`), so that the text does not depend
/// on `base` where the code does not.
pub(crate) fn disassemble(code: &[u8], base: u64, lines: &[(u32, u32)]) -> String {
    let mut formatter = IntelFormatter::with_options(
        Some(Box::new(Offsets {
            base,
            bytes: code.len() as u64,
        })),
        None,
    );
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_small_hex_numbers_in_decimal(true);
    options.set_branch_leading_zeros(false);
    options.set_show_branch_size(false);
    options.set_space_after_operand_separator(true);
    options.set_first_operand_char_index(8);

    let offset_width = format!("{:x}", code.len()).len().max(4);
    let bytes_width = 3 * BYTES_SHOWN;
    let mut lines = lines.iter().copied().peekable();
    let mut shown = None;
    let mut out = String::new();
    let mut text = String::new();
    let mut instruction = Instruction::default();
    let mut decoder = Decoder::with_ip(64, code, base, DecoderOptions::NONE);
    while decoder.can_decode() {
        let offset = decoder.position();
        decoder.decode_out(&mut instruction);
        let mut pc = shown;
        while let Some((_, line)) = lines.next_if(|&(at, _)| at as usize <= offset) {
            pc = Some(line);
        }
        if let Some(pc) = pc
            && shown != Some(pc)
        {
            let _ = writeln!(out, "; wasm pc {pc:#x}");
            shown = Some(pc);
        }
        text.clear();
        formatter.format(&instruction, &mut text);
        let _ = writeln!(
            out,
            "{offset:offset_width$x}  {:bytes_width$}  {text}",
            hex(&code[offset..decoder.position()])
        );
    }
    out
}

/// Bytes, with a mark if there are more than are shown.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (i, byte) in bytes.iter().take(BYTES_SHOWN).enumerate() {
        let space = if i > 0 { " " } else { "" };
        let _ = write!(text, "{space}{byte:02x}");
    }
    if bytes.len() > BYTES_SHOWN {
        text.push('+');
    }
    text
}

/// Names for addresses within the code: offsets.
struct Offsets {
    base: u64,
    bytes: u64,
}

impl SymbolResolver for Offsets {
    fn symbol(
        &mut self,
        instruction: &Instruction,
        _operand: u32,
        instruction_operand: Option<u32>,
        address: u64,
        _address_size: u32,
    ) -> Option<SymbolResult<'_>> {
        let offset = address.checked_sub(self.base)?;
        // A number that happens to be in the range of the code is no address.
        let is_address = match instruction.op_kind(instruction_operand?) {
            OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64 => true,
            OpKind::Memory => instruction.is_ip_rel_memory_operand(),
            _ => false,
        };
        (is_address && offset < self.bytes)
            .then(|| SymbolResult::with_string(address, format!("+{offset:#x}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const CODE: &[u8] = &[
        0x55,                                           // push rbp
        0x48, 0x89, 0xe5,                               // mov rbp, rsp
        0x49, 0xb8, 0x10, 0, 0, 0, 0, 0, 0, 0x80,       // mov r8, 0x8000000000000010
        0xf2, 0x0f, 0x10, 0x05, 0x12, 0, 0, 0,          // movsd xmm0, [rip+0x12], which is at 0x28
        0x83, 0xc7, 0xff,                               // add edi, -1
        0x75, 0xf3,                                     // jne 0xe
        0xe8, 0, 0, 0, 0x10,                            // call far away
        0x0f, 0x0b,                                     // ud2
        0xb8, 0x05, 0, 0, 0,                            // mov eax, 5
        0xc3,                                           // ret
        0x06,                                           // no instruction
    ];

    #[test]
    fn code_is_shown_with_offsets_bytes_and_program_counters() {
        let lines = [
            (0, 0x40),
            (4, 0x40),
            (14, 0x43),
            (22, 0x44),
            (22, 0x45),
            (33, 0x50),
        ];
        let text = disassemble(CODE, 0x7f00_0000_0000, &lines);
        let expected = "\
; wasm pc 0x40
   0  55                        push    rbp
   1  48 89 e5                  mov     rbp, rsp
   4  49 b8 10 00 00 00 00 00+  mov     r8, 0x8000000000000010
; wasm pc 0x43
   e  f2 0f 10 05 12 00 00 00   movsd   xmm0, [+0x28]
; wasm pc 0x45
  16  83 c7 ff                  add     edi, 0xffffffff
  19  75 f3                     jne     +0xe
  1b  e8 00 00 00 10            call    0x7f0010000020
  20  0f 0b                     ud2
; wasm pc 0x50
  22  b8 05 00 00 00            mov     eax, 5
  27  c3                        ret
  28  06                        (bad)
";
        assert_eq!(text, expected);
    }

    #[test]
    fn text_does_not_depend_on_the_place() {
        let mut code = CODE.to_vec();
        // But for the call, which is of something elsewhere.
        code[0x1b..0x20].fill(0x90);
        assert_eq!(
            disassemble(&code, 0, &[]),
            disassemble(&code, 0x7f00_0000_0000, &[])
        );
    }

    #[test]
    fn every_byte_sequence_is_some_text() {
        assert_eq!(disassemble(&[], 0x1000, &[(0, 1)]), "");
        // The last instruction lacks its end.
        assert_eq!(
            disassemble(&[0x90, 0x48], 0x1000, &[]),
            "   0  90                        nop\n   1  48                        (bad)\n"
        );
        let mut bytes = Vec::new();
        let mut state = 1u32;
        for _ in 0..50_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes.push((state >> 24) as u8);
        }
        let lines = disassemble(&bytes, u64::MAX - 10, &[]).lines().count();
        assert!(lines > 5_000, "{lines}");
    }
}
