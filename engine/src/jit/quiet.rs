//! Taking the polls out of compiled code.
//!
//! A poll is a load of a word, a test and a branch, in every round of a loop, for a request that hardly
//! ever comes. So what is executed is a copy of the code in which they are instructions that do
//! nothing; a thread from which something is wanted is moved to its *twin*, a copy that leaves at each
//! poll (`sys::nudge`). Registers and frames are the same in both, and what a poll would change (a
//! register and the flags) is used by nobody else.

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

/// Code without its polls, and code that leaves at each of them.
pub(super) struct Twins {
    pub(super) quiet: Vec<u8>,
    pub(super) polling: Vec<u8>,
}

/// A poll is not what it was translated to: the register allocator has put something in between.
pub(super) struct Unknown;

/// Makes twins; `None` if no polls are to be taken out, for which `silences` holds.
pub(super) fn twins(
    compiled: &CompiledCode,
    silences: impl Fn(usize) -> bool,
) -> Result<Option<Twins>, Unknown> {
    let code = compiled.buffer.data();
    let mut twins: Option<Twins> = None;
    let mut ranges = compiled.buffer.get_srclocs_sorted().iter().peekable();
    while let Some(range) = ranges.next() {
        let Some(poll) = poll_at(range.loc) else {
            continue;
        };
        let (start, mut end) = (range.start as usize, range.end as usize);
        while let Some(next) = ranges.next_if(|next| next.loc == range.loc) {
            end = next.end as usize;
        }
        if !silences(poll) {
            continue;
        }
        let code = code.get(start..end).ok_or(Unknown)?;
        let poll = parse(code).ok_or(Unknown)?;
        let twins = twins.get_or_insert_with(|| Twins {
            quiet: compiled.buffer.data().to_vec(),
            polling: compiled.buffer.data().to_vec(),
        });
        poll.silence(&mut twins.quiet[start..end]);
        poll.leave(&mut twins.polling[start..end]);
    }
    Ok(twins)
}

/// The instructions of a poll.
#[derive(Debug, PartialEq, Eq)]
struct Instructions {
    /// Length of load and test.
    test: usize,
    /// Length of the branch.
    branch: usize,
    /// How far behind its end the branch leads.
    to: i32,
}

/// `mov r32, [rsp + disp]`, `test`, `jne`, and nothing else.
fn parse(code: &[u8]) -> Option<Instructions> {
    let rex = |at: usize| usize::from(code.get(at).is_some_and(is_rex));
    let load = rex(0);
    // With a SIB byte that says rsp, and no index.
    if code.get(load) != Some(&0x8B) || code.get(load + 2) != Some(&0x24) {
        return None;
    }
    let test = load
        + match code.get(load + 1)? & 0xC7 {
            0x04 => 3,
            0x44 => 4,
            0x84 => 7,
            _ => return None,
        };
    let test = test + rex(test);
    if code.get(test) != Some(&0x85) {
        return None;
    }
    let test = test + 2;
    let (branch, to) = match *code.get(test..)? {
        [0x75, to] => (2, i32::from(to as i8)),
        [0x0F, 0x85, a, b, c, d] => (6, i32::from_le_bytes([a, b, c, d])),
        _ => return None,
    };
    Some(Instructions { test, branch, to })
}

impl Instructions {
    /// One instruction that does nothing, or two.
    fn silence(&self, code: &mut [u8]) {
        if code.len() <= NOP_MAX {
            return nop(code);
        }
        let (test, branch) = code.split_at_mut(self.test);
        nop(test);
        nop(branch);
    }

    /// The branch, always. A thread that was moved in between goes on, and leaves at the next.
    fn leave(&self, code: &mut [u8]) {
        let to = (self.test + self.branch) as i32 + self.to - JUMP as i32;
        let len = code.len();
        let (first, rest) = code.split_at_mut(if len <= NOP_MAX { len } else { self.test });
        first[0] = 0xE9;
        first[1..JUMP].copy_from_slice(&to.to_le_bytes());
        for part in [&mut first[JUMP..], rest] {
            nop(part);
        }
    }
}

/// Length of a jump.
const JUMP: usize = 5;

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

    /// mov eax, [rsp + 8]; test eax, eax; jne: near and far, and with other registers.
    #[test]
    fn polls_are_recognised() {
        let near = [0x8B, 0x44, 0x24, 8, 0x85, 0xC0, 0x75, 0xFE];
        let far = [0x8B, 0x04, 0x24, 0x85, 0xC0, 0x0F, 0x85, 0, 1, 0, 0];
        let high = [
            0x44, 0x8B, 0x84, 0x24, 0, 2, 0, 0, 0x45, 0x85, 0xC0, 0x0F, 0x85, 0, 1, 0, 0,
        ];
        let poll = |test, branch, to| Some(Instructions { test, branch, to });
        assert_eq!(parse(&near), poll(6, 2, -2));
        assert_eq!(parse(&far), poll(5, 6, 256));
        assert_eq!(parse(&high), poll(11, 6, 256));
    }

    /// A move between, an absent branch, another branch, something behind, another base, an index.
    #[test]
    fn what_is_no_poll_is_refused() {
        let codes: [&[u8]; 7] = [
            &[],
            &[0x8B, 0x44, 0x24, 8, 0x48, 0x89, 0xC8, 0x85, 0xC0, 0x75, 1],
            &[0x8B, 0x44, 0x24, 8, 0x85, 0xC0],
            &[0x8B, 0x44, 0x24, 8, 0x85, 0xC0, 0x74, 1],
            &[0x8B, 0x44, 0x24, 8, 0x85, 0xC0, 0x75, 1, 0x90],
            &[0x8B, 0x47, 0x50, 0x85, 0xC0, 0x75, 1],
            &[0x8B, 0x44, 0x0C, 8, 0x85, 0xC0, 0x75, 1],
        ];
        for code in codes {
            assert_eq!(parse(code), None, "{code:x?}");
        }
    }

    /// The twin jumps to where the branch led; both have the same places where instructions begin.
    #[test]
    fn twins_are_of_one_shape() {
        for code in [
            &[0x8B, 0x44, 0x24, 8, 0x85, 0xC0, 0x0F, 0x85, 0, 1, 0, 0][..],
            &[0x8B, 0x04, 0x24, 0x85, 0xC0, 0x0F, 0x85, 0, 1, 0, 0],
            &[0x8B, 0x44, 0x24, 8, 0x85, 0xC0, 0x75, 0xFE],
        ] {
            let poll = parse(code).expect("a poll");
            let (mut quiet, mut polling) = (code.to_vec(), code.to_vec());
            poll.silence(&mut quiet);
            poll.leave(&mut polling);
            let decode = |code| {
                iced_x86::Decoder::with_ip(64, code, 0, 0)
                    .into_iter()
                    .collect()
            };
            let (quiet, polling): (Vec<iced_x86::Instruction>, Vec<_>) =
                (decode(&quiet), decode(&polling));
            let nop = iced_x86::Mnemonic::Nop;
            assert!(quiet.iter().all(|one| one.mnemonic() == nop));
            let target = (code.len() as i64 + i64::from(poll.to)) as u64;
            assert_eq!(polling[0].near_branch_target(), target);
            assert!(polling[1..].iter().all(|one| one.mnemonic() == nop));
            let begins = polling.iter().map(|one| one.ip()).collect::<Vec<_>>();
            assert!(quiet.iter().all(|one| begins.contains(&one.ip())));
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
