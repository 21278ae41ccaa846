//! Instructions that take the place of a poll.
//!
//! In front of an instruction may be prefixes that mean nothing, until it has 15 bytes. So the
//! instructions behind a poll begin earlier, each with as many as it takes, and the last one ends where
//! it did. Nothing else moves. Whoever knows instructions by where they begin (traps, lines) has
//! to ask where that is now.

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind};

/// Of the code segment, as data are in: in 64-bit mode it is ignored.
const PREFIX: u8 = 0x2E;

/// Length of the longest instruction.
const LEN_MAX: u32 = 15;

/// What is in the place of a poll, and of the instructions behind it.
pub(super) struct Absorbed {
    pub(super) code: Vec<u8>,
    /// Length of the first instruction, with its prefixes: no less than a poll's jump.
    pub(super) first: usize,
    /// Where each instruction began, and where it does now.
    pub(super) moved: Vec<(u32, u32)>,
}

/// Has instructions up to the end of `code` take the place of the poll from `start` to `end`; `None` if they have to
/// stay where they are. `is_only_passed`: whether control comes to an offset only from right before it.
pub(super) fn absorb(
    code: &[u8],
    start: u32,
    end: u32,
    is_only_passed: impl Fn(u32) -> bool,
) -> Option<Absorbed> {
    let mut absorbed = Absorbed {
        code: Vec::new(),
        first: 0,
        moved: Vec::new(),
    };
    let mut left = end - start;
    let mut from = end;
    let rest = code.get(end as usize..)?;
    let mut decoder = Decoder::with_ip(64, rest, end.into(), DecoderOptions::NONE);
    while left > 0 {
        let instruction = decoder.decode();
        if !is_movable(&instruction) {
            return None;
        }
        let len = instruction.len() as u32;
        let prefixes = left.min(LEN_MAX - len);
        // The last one is also still there without its prefixes, for those who jump to it.
        if prefixes < left && !is_only_passed(from) {
            return None;
        }
        absorbed.moved.push((from, from - left));
        let place = absorbed.code.len();
        absorbed.code.resize(place + prefixes as usize, PREFIX);
        let own = from as usize..(from + len) as usize;
        absorbed.code.extend(&code[own]);
        if from == end {
            absorbed.first = absorbed.code.len();
        }
        left -= prefixes;
        from += len;
    }
    Some(absorbed)
}

/// Whether an instruction does the same wherever it is, and goes on to the next one. Calls do not, for they return to
/// where they end.
fn is_movable(instruction: &Instruction) -> bool {
    let leads_away = matches!(
        instruction.mnemonic(),
        Mnemonic::Call | Mnemonic::Jmp | Mnemonic::Ret | Mnemonic::Ud2
    );
    let is_relative =
        instruction.is_ip_rel_memory_operand() || instruction.op0_kind() == OpKind::NearBranch64;
    !instruction.is_invalid() && !leads_away && !is_relative
}

#[cfg(test)]
mod tests {
    use iced_x86::Register;

    use super::*;

    /// Bytes of a poll, which nobody looks at.
    const POLL: [u8; 12] = [0; 12];

    /// `lea eax, [rdx+r8]`, a load, `add r8d, 1`.
    const SHORT: &[u8] = &[0x42, 0x8D, 0x04, 0x02];
    const LOAD: &[u8] = &[0x48, 0x0F, 0xB6, 0x04, 0x06];
    const ADD: &[u8] = &[0x41, 0x81, 0xC0, 1, 0, 0, 0];
    /// `mov qword ptr [rax+rcx+0x100], 0x12345678`; `vaddpd xmm0, xmm1, xmm2`.
    const LONG: &[u8] = &[0x48, 0xC7, 0x84, 0x08, 0, 1, 0, 0, 0x78, 0x56, 0x34, 0x12];
    const VECTOR: &[u8] = &[0xC5, 0xF1, 0x58, 0xC2];
    const RETURN: &[u8] = &[0xC3];

    /// A poll at 0, to which a loop leads back, and instructions.
    fn absorbed(parts: &[&[u8]], targets: &[u32]) -> Option<Absorbed> {
        let code = [&POLL[..], &parts.concat()].concat();
        absorb(&code, 0, 12, |offset| !targets.contains(&offset))
    }

    fn decoded(code: &[u8]) -> Vec<Instruction> {
        let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
        decoder.iter().collect()
    }

    /// What is there does the same as before, fills the place of the poll and its own, and begins where it is said
    /// to.
    #[test]
    fn instructions_take_the_place_of_a_poll() {
        let lists: [(&[&[u8]], usize); 5] = [
            (&[&[0x33, 0xC0], RETURN], 1),
            (&[SHORT, LOAD, ADD, RETURN], 2),
            (&[ADD, ADD, RETURN], 2),
            (&[LONG, LONG, LONG, LONG, RETURN], 4),
            (&[VECTOR, VECTOR, RETURN], 2),
        ];
        for (parts, count) in lists {
            let found = absorbed(parts, &[0]).expect("nothing is in the way");
            let (now, before) = (decoded(&found.code), decoded(&parts.concat()));
            assert_eq!(now.len(), count);
            let own: usize = parts[..count].iter().map(|part| part.len()).sum();
            assert_eq!(found.code.len(), POLL.len() + own);
            assert_eq!(found.first, now[0].len());
            for (at, now) in now.iter().enumerate() {
                let mut bare = *now;
                bare.set_segment_prefix(Register::None);
                assert_eq!(bare, before[at], "the same operation and operands");
                let from = POLL.len() as u64 + before[at].ip();
                assert_eq!(found.moved[at], (from as u32, now.ip() as u32));
            }
        }
    }

    /// What is relative to its place or leads away, what is no code, and what others jump to.
    #[test]
    fn others_stay_where_they_are() {
        let call: &[u8] = &[0xFF, 0xD0];
        let jump: &[u8] = &[0x75, 0x00];
        let constant: &[u8] = &[0xF3, 0x0F, 0x10, 0x05, 0, 0, 0, 0];
        for parts in [
            &[call] as &[&[u8]],
            &[jump],
            &[constant],
            &[RETURN],
            &[SHORT, call],
            &[SHORT, jump],
            &[],
            &[&[0x06]],
        ] {
            assert!(absorbed(parts, &[0]).is_none(), "{parts:x?}");
        }
        let parts = [SHORT, LOAD, RETURN];
        assert!(absorbed(&parts, &[0, 12]).is_none());
        // The load keeps its place, and so does one instruction that has room for all prefixes.
        assert!(absorbed(&parts, &[0, 16]).is_some());
        let whole: &[u8] = &[0x33, 0xC0];
        assert!(absorbed(&[whole, RETURN], &[0, 12]).is_some());
    }
}
