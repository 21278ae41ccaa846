//! Taking the polls out of compiled code.
//!
//! A poll is a load of a word, a test and a branch, in every round of a loop, for a request that hardly
//! ever comes. So code is compiled with its polls, and what is executed is a copy in which they are
//! instructions that do nothing; a thread from which something is wanted is moved to the code as
//! it was compiled, its *twin* (`sys::nudge`). Registers and frames are the same in both, and what a poll
//! changes (a register and the flags) is used by nobody else.

use cranelift_codegen::CompiledCode;
use cranelift_codegen::ir::SourceLoc;

/// Set in the source locations of a poll's instructions, beside the number of the poll: pcs have
/// fewer bits.
const POLL: u32 = 1 << 31;

/// Location of the instructions of a poll.
pub(super) fn location(poll: usize) -> SourceLoc {
    SourceLoc::new(POLL | poll as u32)
}

/// The number of the poll whose instructions have this location.
pub(super) fn poll_at(location: SourceLoc) -> Option<usize> {
    let bits = location.bits();
    (!location.is_default() && bits & POLL != 0).then_some((bits & !POLL) as usize)
}

/// The code without those of its polls for which `silences` holds; `None` if there are none. A poll
/// between whose instructions the register allocator has put others stays.
pub(super) fn quiet(compiled: &CompiledCode, silences: impl Fn(usize) -> bool) -> Option<Vec<u8>> {
    let code = compiled.buffer.data();
    let mut quiet: Option<Vec<u8>> = None;
    let mut ranges = compiled.buffer.get_srclocs_sorted().iter().peekable();
    while let Some(range) = ranges.next() {
        let Some(poll) = poll_at(range.loc) else {
            continue;
        };
        let (start, mut end) = (range.start as usize, range.end as usize);
        while let Some(next) = ranges.next_if(|next| next.loc == range.loc) {
            end = next.end as usize;
        }
        if silences(poll) && end <= code.len() {
            let parts = parts(&code[start..end]);
            let mut at = start;
            for part in parts {
                let quiet = quiet.get_or_insert_with(|| code.to_vec());
                nop(&mut quiet[at..at + part]);
                at += part;
            }
        }
    }
    quiet
}

/// Lengths of the instructions that take the place of a poll's; none if these are not the three that
/// are expected.
fn parts(code: &[u8]) -> Vec<usize> {
    let Some(load) = load(code) else {
        return Vec::new();
    };
    let test = load
        + if code.get(load).is_some_and(is_rex) {
            3
        } else {
            2
        };
    let is_test = code.get(test - 2) == Some(&0x85);
    let branch = match code.get(test..) {
        Some([0x75, _]) => 2,
        Some([0x0F, 0x85, _, _, _, _]) => 6,
        _ => return Vec::new(),
    };
    match is_test {
        false => Vec::new(),
        // A thread that is moved in between executes what is left of the poll, which may then find a
        // request that is none.
        true if test + branch > NOP_MAX => vec![test, branch],
        true => vec![test + branch],
    }
}

/// Length of a `mov r32, [base + disp8]` or `disp32`, base neither rsp nor r12.
fn load(code: &[u8]) -> Option<usize> {
    let rex = usize::from(code.first().is_some_and(is_rex));
    let (&opcode, &modrm) = (code.get(rex)?, code.get(rex + 1)?);
    if opcode != 0x8B || modrm & 7 == 4 {
        return None;
    }
    match modrm >> 6 {
        1 => Some(rex + 3),
        2 => Some(rex + 6),
        _ => None,
    }
}

fn is_rex(byte: &u8) -> bool {
    byte & 0xF0 == 0x40
}

/// Longest instruction that does nothing without being slow to decode.
const NOP_MAX: usize = 11;

/// Fills `to` with one instruction that does nothing.
fn nop(to: &mut [u8]) {
    const NOPS: [&[u8]; 9] = [
        &[0x90],
        &[0x66, 0x90],
        &[0x0F, 0x1F, 0x00],
        &[0x0F, 0x1F, 0x40, 0x00],
        &[0x0F, 0x1F, 0x44, 0x00, 0x00],
        &[0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00],
        &[0x0F, 0x1F, 0x80, 0x00, 0x00, 0x00, 0x00],
        &[0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
        &[0x66, 0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    ];
    let prefixes = to.len().saturating_sub(NOPS.len());
    to[..prefixes].fill(0x66);
    let rest = &mut to[prefixes..];
    if let Some(nop) = rest.len().checked_sub(1).and_then(|at| NOPS.get(at)) {
        rest.copy_from_slice(nop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// mov eax, [rdi + 80]; test eax, eax; jne: far and near, and with other registers.
    #[test]
    fn polls_are_recognised() {
        let far = [0x8B, 0x47, 0x50, 0x85, 0xC0, 0x0F, 0x85, 1, 2, 3, 4];
        assert_eq!(parts(&far), [11]);
        assert_eq!(parts(&[0x8B, 0x47, 0x50, 0x85, 0xC0, 0x75, 1]), [7]);
        let high = [
            0x44, 0x8B, 0x47, 0x50, 0x45, 0x85, 0xC0, 0x0F, 0x85, 1, 2, 3, 4,
        ];
        assert_eq!(parts(&high), [7, 6]);
        let long = [0x8B, 0x87, 0x50, 1, 0, 0, 0x85, 0xC0, 0x75, 1];
        assert_eq!(parts(&long), [10]);
    }

    /// A move between, an absent branch, another branch, something behind: all stay as they are.
    #[test]
    fn what_is_no_poll_stays() {
        let codes: [&[u8]; 6] = [
            &[],
            &[0x8B, 0x47, 0x50, 0x48, 0x89, 0xC8, 0x85, 0xC0, 0x75, 1],
            &[0x8B, 0x47, 0x50, 0x85, 0xC0],
            &[0x8B, 0x47, 0x50, 0x85, 0xC0, 0x74, 1],
            &[0x8B, 0x47, 0x50, 0x85, 0xC0, 0x75, 1, 0x90],
            &[0x8B, 0x44, 0x24, 0x50, 0x85, 0xC0, 0x75, 1],
        ];
        for code in codes {
            assert!(parts(code).is_empty(), "{code:x?}");
        }
    }

    #[test]
    fn every_nop_is_one_instruction() {
        for len in 1..=NOP_MAX {
            let mut bytes = vec![0xCC; len];
            nop(&mut bytes);
            let mut decoder = iced_x86::Decoder::new(64, &bytes, 0);
            let instruction = decoder.decode();
            assert_eq!(
                (instruction.len(), instruction.code().mnemonic()),
                (len, iced_x86::Mnemonic::Nop)
            );
        }
    }
}
