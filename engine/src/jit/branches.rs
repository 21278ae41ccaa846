//! Where control goes in machine code, as its instructions say.

use std::cell::OnceCell;

use cranelift_codegen::{CompiledCode, FinalizedMachExceptionHandler};
use iced_x86::{Decoder, DecoderOptions, Mnemonic, OpKind};

/// Where control goes in a function other than by going on; looked up when somebody asks.
pub(super) struct Targets<'a> {
    compiled: &'a CompiledCode,
    /// `None` if they are not all known.
    found: OnceCell<Option<Found>>,
}

impl<'a> Targets<'a> {
    pub(super) fn of(compiled: &'a CompiledCode) -> Targets<'a> {
        Targets {
            compiled,
            found: OnceCell::new(),
        }
    }

    /// Whether it is known that control only comes to `offset` from right before it.
    pub(super) fn is_only_passed(&self, offset: u32) -> bool {
        let found = self.found();
        found.is_some_and(|found| found.targets.binary_search(&offset).is_err())
    }

    /// Of each jump by a table, where control last came from elsewhere before it (or the function begins), and where it
    /// ends.
    pub(super) fn dispatches(&self) -> impl Iterator<Item = (u32, u32)> {
        let found = self.found().into_iter();
        found.flat_map(|Found { targets, jumps }| {
            jumps.iter().map(|&end| {
                let before = targets.partition_point(|&target| target < end);
                (before.checked_sub(1).map_or(0, |at| targets[at]), end)
            })
        })
    }

    fn found(&self) -> Option<&Found> {
        let found = self.found.get_or_init(|| all_targets(self.compiled));
        found.as_ref()
    }
}

struct Found {
    /// Where control goes; ascending.
    targets: Vec<u32>,
    /// Ends of jumps by tables; ascending.
    jumps: Vec<u32>,
}

/// Cranelift's own list of edges is of no use: it takes blocks for others where some are cold.
fn all_targets(compiled: &CompiledCode) -> Option<Found> {
    let mut found = find(compiled.buffer.data(), &compiled.bb_starts)?;
    let calls = compiled.buffer.call_sites();
    let handlers = calls.flat_map(|call| call.exception_handlers);
    found
        .targets
        .extend(handlers.filter_map(|handler| match handler {
            FinalizedMachExceptionHandler::Tag(_, offset)
            | FinalizedMachExceptionHandler::Default(offset) => Some(*offset),
            FinalizedMachExceptionHandler::Context(_) => None,
        }));
    found.targets.sort_unstable();
    Some(found)
}

/// Where branches and jump tables lead. A table is behind its jump, up to the next block, and has distances from
/// where it begins.
fn find(code: &[u8], blocks: &[u32]) -> Option<Found> {
    let (mut targets, mut jumps) = (Vec::new(), Vec::new());
    let ends = blocks.iter().skip(1).copied().chain([code.len() as u32]);
    for (&start, end) in blocks.iter().zip(ends) {
        let block = code.get(start as usize..end as usize)?;
        let mut decoder = Decoder::with_ip(64, block, start.into(), DecoderOptions::NONE);
        while decoder.can_decode() {
            let instruction = decoder.decode();
            if instruction.is_invalid() {
                return None;
            }
            let leads = instruction.op0_kind() == OpKind::NearBranch64;
            if leads {
                targets.push(u32::try_from(instruction.near_branch_target()).ok()?);
            }
            match instruction.mnemonic() {
                Mnemonic::Jmp if !leads => {
                    let (entries, rest) = block[decoder.position()..].as_chunks();
                    if !rest.is_empty() {
                        return None;
                    }
                    let table = instruction.next_ip() as u32;
                    jumps.push(table);
                    let entries = entries.iter().map(|entry| u32::from_le_bytes(*entry));
                    targets.extend(entries.map(|entry| table.wrapping_add(entry)));
                    break;
                }
                // Traps and constants may be behind.
                Mnemonic::Jmp | Mnemonic::Ret | Mnemonic::Ud2 => break,
                _ => {}
            }
        }
    }
    Some(Found { targets, jumps })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Branches, a table with an entry before it and one behind, and what is no code.
    #[test]
    fn targets_are_found() {
        let parts: [&[u8]; 6] = [
            &[0x75, 0x10],             // 0: jne 0x12
            &[0xFF, 0xE6],             // 2: jmp rsi
            &[0xFC, 0xFF, 0xFF, 0xFF], // 4: to 0
            &[0x08, 0x00, 0x00, 0x00], // 8: to 12
            &[0xE9, 0x01, 0, 0, 0],    // 12: jmp 18
            &[0x06, 0xC3],             // 17: what is no code; 18: ret
        ];
        let code = parts.concat();
        let found = find(&code, &[0, 12, 18]).expect("all is known");
        assert_eq!(found.targets, [0x12, 0, 12, 18]);
        assert_eq!(found.jumps, [4]);
        assert!(find(&code, &[0, 10, 12, 18]).is_none(), "half an entry");
        assert!(find(&code, &[0, 12, 17]).is_none(), "no code");
    }
}
