//! Taking the polls out of compiled code.
//!
//! A poll is a load of a word, a test and a branch, in every round of a loop, for a request that hardly
//! ever comes. So what is executed is a copy of the code in which they are instructions that do
//! nothing; a thread from which something is wanted is moved to its *twin*, a copy that leaves at each
//! poll (`sys::nudge`). Registers and frames are the same in both, and what a poll would change (a
//! register and the flags) is used by nobody else.
//!
//! Even an instruction that does nothing takes its place among those that a processor begins in a
//! cycle; in a loop of 24 instructions it took 6 % of the time. So where possible there is none: a poll's
//! bytes become prefixes, which mean nothing, of the instructions behind it (`absorb.rs`).

mod absorb;

use cranelift_codegen::CompiledCode;

use self::absorb::Absorbed;
use super::branches::Targets;
use super::location::Location;

/// Code without its polls, and code that leaves at each of them.
pub(super) struct Twins {
    pub(super) quiet: Vec<u8>,
    pub(super) polling: Vec<u8>,
    /// Instructions that begin earlier than Cranelift says, ascending: where, and where now.
    moved: Vec<(u32, u32)>,
}

impl Twins {
    /// Where an instruction begins that Cranelift has put at `offset`.
    pub(super) fn place_of(&self, offset: u32) -> u32 {
        match self.moved.binary_search_by_key(&offset, |moved| moved.0) {
            Ok(at) => self.moved[at].1,
            Err(_) => offset,
        }
    }

    /// Silences the poll at these bytes; a branch led so far behind their end.
    fn replace(&mut self, start: usize, end: usize, to: i32, absorbed: Option<Absorbed>) {
        let Some(absorbed) = absorbed else {
            silence(&mut self.quiet[start..end]);
            leave(&mut self.polling[start..end], to);
            return;
        };
        let behind = start + absorbed.code.len();
        self.quiet[start..behind].copy_from_slice(&absorbed.code);
        self.polling[start..behind].copy_from_slice(&absorbed.code);
        // Control comes to the first instruction only from where the poll is, or was.
        let first = start + absorbed.first;
        leave(
            &mut self.polling[start..first],
            to + end as i32 - first as i32,
        );
        self.moved.extend(absorbed.moved);
    }
}

/// A poll is not what it was translated to: the register allocator has put something in between.
pub(super) struct Unknown;

/// Makes twins; `None` if no polls are to be taken out, for which `silences` holds.
pub(super) fn twins(
    compiled: &CompiledCode,
    targets: &Targets<'_>,
    silences: impl Fn(usize) -> bool,
) -> Result<Option<Twins>, Unknown> {
    let code = compiled.buffer.data();
    let mut polls = Vec::new();
    let mut ranges = compiled.buffer.get_srclocs_sorted().iter().peekable();
    while let Some(range) = ranges.next() {
        let Some(Location::Poll(poll)) = Location::of(range.loc) else {
            continue;
        };
        let (start, mut end) = (range.start as usize, range.end as usize);
        while let Some(next) = ranges.next_if(|next| next.loc == range.loc) {
            end = next.end as usize;
        }
        if !silences(poll) {
            continue;
        }
        let poll = code.get(start..end).ok_or(Unknown)?;
        // Where a branch leads that has nothing to do before it leaves.
        if poll == TRAP {
            continue;
        }
        polls.push((start, end, parse(poll).ok_or(Unknown)?));
    }
    if polls.is_empty() {
        return Ok(None);
    }
    let mut twins = Twins {
        quiet: code.to_vec(),
        polling: code.to_vec(),
        moved: Vec::new(),
    };
    for (at, &(start, end, to)) in polls.iter().enumerate() {
        // The next poll is not there in the end.
        let limit = polls.get(at + 1).map_or(code.len(), |next| next.0);
        let code = &code[..limit];
        let absorbed = absorb::absorb(code, start as u32, end as u32, |offset| {
            targets.is_only_passed(offset)
        });
        twins.replace(start, end, to, absorbed);
    }
    Ok(Some(twins))
}

/// `ud2`
const TRAP: &[u8] = &[0x0F, 0x0B];

/// How far behind the end of a poll's instructions its branch leads. They are: a move between
/// registers, `test`, `jne`, and nothing else.
fn parse(code: &[u8]) -> Option<i32> {
    let [rex, opcode, modrm, test @ ..] = code else {
        return None;
    };
    let [test_rex, 0x85, test_modrm, branch @ ..] = test else {
        return None;
    };
    let is_wide = |rex: &u8| rex & 0xF8 == 0x48;
    let of_registers = |modrm: &u8| *modrm >= 0xC0;
    if !is_wide(rex) || !is_wide(test_rex) || !matches!(opcode, 0x89 | 0x8B) {
        return None;
    }
    if !of_registers(modrm) || !of_registers(test_modrm) {
        return None;
    }
    match *branch {
        [0x75, to] => Some((to as i8).into()),
        [0x0F, 0x85, a, b, c, d] => Some(i32::from_le_bytes([a, b, c, d])),
        _ => None,
    }
}

/// Instructions that do nothing.
fn silence(code: &mut [u8]) {
    for part in parts(code) {
        nop(part);
    }
}

/// A jump, to so far behind the end.
fn leave(code: &mut [u8], to: i32) {
    let to = code.len() as i32 + to - JUMP as i32;
    for (at, part) in parts(code).enumerate() {
        if at > 0 {
            // A thread that was moved in between goes on, and leaves at the next poll.
            nop(part);
            continue;
        }
        part[0] = 0xE9;
        part[1..JUMP].copy_from_slice(&to.to_le_bytes());
        nop(&mut part[JUMP..]);
    }
}

/// The instructions that take the place of a poll's, of a length that is fast to decode. Twins have
/// the same, so that a thread can be moved between any two of them.
fn parts(code: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    code.chunks_mut(NOP_MAX)
}

/// Length of a jump.
const JUMP: usize = 5;

/// Longest instruction that does nothing without being slow to decode.
const NOP_MAX: usize = 12;

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

    /// mov rax, r15; test rax, rax; jne: near and far, and with other registers.
    const POLLS: [(&[u8], i32); 3] = [
        (&[0x4C, 0x89, 0xF8, 0x48, 0x85, 0xC0, 0x75, 0xFE], -2),
        (
            &[0x4D, 0x89, 0xFC, 0x4D, 0x85, 0xE4, 0x0F, 0x85, 0, 1, 0, 0],
            256,
        ),
        (
            &[0x4D, 0x8B, 0xE7, 0x4D, 0x85, 0xE4, 0x0F, 0x85, 0, 1, 0, 0],
            256,
        ),
    ];

    #[test]
    fn polls_are_recognised() {
        for (code, to) in POLLS {
            assert_eq!(parse(code), Some(to), "{code:x?}");
        }
    }

    /// Another move, an absent branch, another branch, something behind, a load.
    #[test]
    fn what_is_no_poll_is_refused() {
        let codes: [&[u8]; 6] = [
            &[],
            &[
                0x4C, 0x89, 0xF8, 0x48, 0x89, 0xC8, 0x48, 0x85, 0xC0, 0x75, 1,
            ],
            &[0x4C, 0x89, 0xF8, 0x48, 0x85, 0xC0],
            &[0x4C, 0x89, 0xF8, 0x48, 0x85, 0xC0, 0x74, 1],
            &[0x4C, 0x89, 0xF8, 0x48, 0x85, 0xC0, 0x75, 1, 0x90],
            &[0x4C, 0x8B, 0x38, 0x48, 0x85, 0xC0, 0x75, 1],
        ];
        for code in codes {
            assert_eq!(parse(code), None, "{code:x?}");
        }
    }

    /// The twin jumps to where the branch led; instructions begin in it wherever they begin in quiet
    /// code.
    #[test]
    fn twins_are_of_one_shape() {
        for (code, to) in POLLS {
            let (mut quiet, mut polling) = (code.to_vec(), code.to_vec());
            silence(&mut quiet);
            leave(&mut polling, to);
            let decode = |code| {
                let decoder = iced_x86::Decoder::with_ip(64, code, 0, 0);
                decoder.into_iter().collect::<Vec<_>>()
            };
            let (quiet, polling) = (decode(&quiet), decode(&polling));
            let nop = iced_x86::Mnemonic::Nop;
            assert!(quiet.iter().all(|one| one.mnemonic() == nop));
            let target = (code.len() as i64 + i64::from(to)) as u64;
            assert_eq!(polling[0].near_branch_target(), target);
            assert!(polling[1..].iter().all(|one| one.mnemonic() == nop));
            let begins: Vec<u64> = polling.iter().map(|one| one.ip()).collect();
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
