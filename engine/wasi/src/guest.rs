//! The guest's memory as a call sees it: every access is checked, and nothing
//! of a size that the guest claims is ever allocated.
//!
//! A memory that other threads write cannot be borrowed. From such a memory a call takes copies:
//! what it checks is then what it uses.

use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;

use probity_engine::{Error, SharedMemory};

use crate::NoMemory;
use crate::errno::{Errno, Fault, Result};
use crate::layout::{Abi, iovec};

/// Buffers used by one read or write, as `writev(2)` limits them; further ones
/// are left to the guest's next call.
const IOVECS_USED_MAX: usize = 1024;
/// Buffers a guest may name in one call, empty ones included.
const IOVECS_MAX: u32 = 1 << 16;
/// Bytes moved by one call (Linux's limit), so that the result fits 32 bits.
const TRANSFER_MAX: usize = 0x7fff_f000;
/// Bytes of a shared memory that are copied at a time.
const COPY_MAX: usize = 1 << 20;
/// Bytes of the longest path taken from a guest.
const PATH_MAX: u32 = 1 << 16;

/// A guest's memory, for the time of one call.
pub(crate) struct Guest<'a> {
    memory: Memory<'a>,
    /// The generation of the interface that the guest called.
    pub(crate) abi: Abi,
}

enum Memory<'a> {
    Absent,
    Own(&'a mut [u8]),
    Shared(SharedMemory),
}

impl<'a> Guest<'a> {
    pub(crate) fn new(bytes: &'a mut [u8], abi: Abi) -> Guest<'a> {
        Guest {
            memory: Memory::Own(bytes),
            abi,
        }
    }

    /// A caller whose memory other threads use too.
    pub(crate) fn shared(memory: SharedMemory, abi: Abi) -> Guest<'a> {
        Guest {
            memory: Memory::Shared(memory),
            abi,
        }
    }

    /// A caller without a memory: calls that need none work, the others end the
    /// run with [`NoMemory`].
    pub(crate) fn absent(abi: Abi) -> Guest<'a> {
        Guest {
            memory: Memory::Absent,
            abi,
        }
    }

    /// The range of `len` bytes at `ptr`, or FAULT.
    pub(crate) fn range(&self, ptr: u32, len: u32) -> Result<Range<usize>> {
        let size = match &self.memory {
            Memory::Absent => return Err(Fault::Stop(Error::host(NoMemory))),
            Memory::Own(bytes) => bytes.len() as u64,
            Memory::Shared(memory) => memory.byte_len(),
        };
        let (start, len) = (ptr as usize, len as usize);
        match start.checked_add(len) {
            Some(end) if end as u64 <= size => Ok(start..end),
            _ => Err(Errno::Fault.into()),
        }
    }

    /// `count` elements of `size` bytes at `ptr`, or FAULT.
    pub(crate) fn array(&self, ptr: u32, count: u32, size: u32) -> Result<Range<usize>> {
        let len = count.checked_mul(size).ok_or(Errno::Fault)?;
        self.range(ptr, len)
    }

    /// Copies from a range that has been checked.
    fn load(&self, range: Range<usize>, to: &mut [u8]) {
        match &self.memory {
            Memory::Absent => {}
            Memory::Own(bytes) => to.copy_from_slice(&bytes[range]),
            // Memories do not shrink, so what has been checked stays in bounds.
            Memory::Shared(memory) => drop(memory.read(range.start as u64, to)),
        }
    }

    /// Copies to a range that has been checked.
    fn store(&mut self, range: Range<usize>, from: &[u8]) {
        match &mut self.memory {
            Memory::Absent => {}
            Memory::Own(bytes) => bytes[range].copy_from_slice(from),
            // As in `load`.
            Memory::Shared(memory) => drop(memory.write(range.start as u64, from)),
        }
    }

    /// Clears `len` bytes; of the size of a structure.
    pub(crate) fn clear(&mut self, ptr: u32, len: u32) -> Result<()> {
        let range = self.range(ptr, len)?;
        self.store(range, &vec![0; len as usize]);
        Ok(())
    }

    fn read<const N: usize>(&self, ptr: u32) -> Result<[u8; N]> {
        let range = self.range(ptr, N as u32)?;
        let mut value = [0; N];
        self.load(range, &mut value);
        Ok(value)
    }

    pub(crate) fn read_u8(&self, ptr: u32) -> Result<u8> {
        Ok(u8::from_le_bytes(self.read(ptr)?))
    }

    pub(crate) fn read_u16(&self, ptr: u32) -> Result<u16> {
        Ok(u16::from_le_bytes(self.read(ptr)?))
    }

    pub(crate) fn read_u32(&self, ptr: u32) -> Result<u32> {
        Ok(u32::from_le_bytes(self.read(ptr)?))
    }

    pub(crate) fn read_u64(&self, ptr: u32) -> Result<u64> {
        Ok(u64::from_le_bytes(self.read(ptr)?))
    }

    pub(crate) fn write(&mut self, ptr: u32, bytes: &[u8]) -> Result<()> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        let range = self.range(ptr, len)?;
        self.store(range, bytes);
        Ok(())
    }

    pub(crate) fn write_u8(&mut self, ptr: u32, value: u8) -> Result<()> {
        self.write(ptr, &value.to_le_bytes())
    }

    pub(crate) fn write_u16(&mut self, ptr: u32, value: u16) -> Result<()> {
        self.write(ptr, &value.to_le_bytes())
    }

    pub(crate) fn write_u32(&mut self, ptr: u32, value: u32) -> Result<()> {
        self.write(ptr, &value.to_le_bytes())
    }

    pub(crate) fn write_u64(&mut self, ptr: u32, value: u64) -> Result<()> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// A path: UTF-8 without NUL (witx `string`).
    ///
    /// # Errors
    /// FAULT outside memory, NAMETOOLONG above 64 KiB, ILSEQ if it is not
    /// UTF-8, INVAL if it holds a NUL.
    pub(crate) fn path(&self, ptr: u32, len: u32) -> Result<PathBuf> {
        let range = self.range(ptr, len)?;
        if len > PATH_MAX {
            return Err(Errno::Nametoolong.into());
        }
        let mut bytes = vec![0; len as usize];
        self.load(range, &mut bytes);
        let text = String::from_utf8(bytes).map_err(|_| Errno::Ilseq)?;
        if text.contains('\0') {
            return Err(Errno::Inval.into());
        }
        Ok(PathBuf::from(text))
    }

    /// The buffers of an `iovec` array, each checked, empty ones left out.
    pub(crate) fn iovecs(&self, ptr: u32, count: u32) -> Result<Iovecs> {
        if count > IOVECS_MAX {
            return Err(Errno::Inval.into());
        }
        self.array(ptr, count, iovec::SIZE)?;
        let mut iovecs = Iovecs::default();
        for index in 0..count {
            let at = ptr + index * iovec::SIZE;
            let buf = self.read_u32(at + iovec::BUF)?;
            let len = self.read_u32(at + iovec::BUF_LEN)?;
            let mut range = self.range(buf, len)?;
            if iovecs.parts.len() == IOVECS_USED_MAX {
                continue;
            }
            let room = TRANSFER_MAX - iovecs.total;
            range.end = range.start + range.len().min(room);
            if !range.is_empty() {
                iovecs.total += range.len();
                iovecs.parts.push(range);
            }
        }
        Ok(iovecs)
    }
}

/// Checked buffers of a guest. They may overlap.
#[derive(Default)]
pub(crate) struct Iovecs {
    parts: Vec<Range<usize>>,
    total: usize,
}

impl Iovecs {
    /// Bytes in all buffers together.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// The only buffer, if there is just one and it can be borrowed.
    pub(crate) fn single<'g>(&self, guest: &'g mut Guest<'_>) -> Option<&'g mut [u8]> {
        match (&self.parts[..], &mut guest.memory) {
            ([range], Memory::Own(bytes)) => Some(&mut bytes[range.clone()]),
            _ => None,
        }
    }

    /// The bytes from `position` on, at most `limit` of them, in guest order. Of a shared memory
    /// they are copies, and no more than a chunk.
    pub(crate) fn window<'g>(
        &self,
        guest: &'g Guest<'_>,
        position: &Position,
        limit: usize,
    ) -> impl Iterator<Item = Cow<'g, [u8]>> {
        let mut skip = position.offset;
        let mut left = match &guest.memory {
            Memory::Shared(_) => limit.min(COPY_MAX),
            _ => limit,
        };
        self.parts[position.part..].iter().map_while(move |range| {
            if left == 0 {
                return None;
            }
            let start = range.start + std::mem::take(&mut skip);
            let len = (range.end - start).min(left);
            left -= len;
            Some(match &guest.memory {
                Memory::Own(bytes) => Cow::Borrowed(&bytes[start..start + len]),
                _ => {
                    let mut copy = vec![0; len];
                    guest.load(start..start + len, &mut copy);
                    Cow::Owned(copy)
                }
            })
        })
    }

    /// Copies `bytes` into the buffers from `position` on and moves it.
    /// The caller never has more than the buffers hold.
    pub(crate) fn scatter(&self, guest: &mut Guest<'_>, position: &mut Position, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && position.part < self.parts.len() {
            let range = &self.parts[position.part];
            let start = range.start + position.offset;
            let (now, later) = rest.split_at(rest.len().min(range.end - start));
            guest.store(start..start + now.len(), now);
            rest = later;
            self.advance(position, now.len());
        }
    }

    /// Moves `position` by `count` bytes.
    pub(crate) fn advance(&self, position: &mut Position, count: usize) {
        position.offset += count;
        while let Some(range) = self.parts.get(position.part) {
            if position.offset < range.len() {
                break;
            }
            position.offset -= range.len();
            position.part += 1;
        }
    }
}

/// A place in a sequence of buffers.
#[derive(Default)]
pub(crate) struct Position {
    part: usize,
    offset: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errno<T>(result: Result<T>) -> Option<Errno> {
        match result {
            Err(Fault::Errno(errno)) => Some(errno),
            _ => None,
        }
    }

    #[test]
    fn ranges_end_at_the_memory_and_do_not_wrap() {
        let mut memory = [0u8; 64];
        let guest = Guest::new(&mut memory, Abi::Preview1);
        assert_eq!(guest.range(60, 4).ok(), Some(60..64));
        assert_eq!(guest.range(64, 0).ok(), Some(64..64));
        for (ptr, len) in [(65, 0), (61, 4), (u32::MAX, 1), (u32::MAX, u32::MAX)] {
            assert_eq!(errno(guest.range(ptr, len)), Some(Errno::Fault));
        }
        assert_eq!(errno(guest.array(0, u32::MAX, 48)), Some(Errno::Fault));
    }

    #[test]
    fn a_caller_without_memory_ends_the_run() {
        let guest = Guest::absent(Abi::Preview1);
        assert!(matches!(guest.range(0, 0), Err(Fault::Stop(_))));
    }

    #[test]
    fn paths_are_utf8_without_nul() {
        let mut memory = *b"ok/\xffx\0y";
        let guest = Guest::new(&mut memory, Abi::Preview1);
        assert_eq!(guest.path(0, 3).ok(), Some(PathBuf::from("ok/")));
        assert_eq!(errno(guest.path(0, 4)), Some(Errno::Ilseq));
        assert_eq!(errno(guest.path(4, 3)), Some(Errno::Inval));
        assert_eq!(errno(guest.path(4, 4)), Some(Errno::Fault));
    }

    #[test]
    fn iovecs_overlap_scatter_and_gather() {
        let mut memory = [0u8; 64];
        // {32,4} {40,0} {34,4}
        for (at, value) in [(0, 32), (4, 4), (8, 40), (16, 34), (20, 4)] {
            memory[at] = value;
        }
        let mut guest = Guest::new(&mut memory, Abi::Preview1);
        let Ok(iovecs) = guest.iovecs(0, 3) else {
            panic!("three good buffers")
        };
        assert_eq!(iovecs.total(), 8);
        let mut position = Position::default();
        iovecs.scatter(&mut guest, &mut position, b"abcdef");
        iovecs.scatter(&mut guest, &mut position, b"gh");
        let all: Vec<u8> = iovecs
            .window(&guest, &Position::default(), 7)
            .flat_map(Cow::into_owned)
            .collect();
        assert_eq!(all, b"abefefg");
        let mut middle = Position::default();
        iovecs.advance(&mut middle, 5);
        let rest: Vec<Cow<'_, [u8]>> = iovecs.window(&guest, &middle, 100).collect();
        assert_eq!(rest, [Cow::Borrowed(b"fgh")]);
        assert_eq!(errno(guest.iovecs(60, 1)), Some(Errno::Fault));
        assert_eq!(errno(guest.iovecs(0, u32::MAX)), Some(Errno::Inval));
    }
}
