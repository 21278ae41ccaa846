//! Reading a guest's memory: little endian, addresses of 32 bits, nothing outside of it.

use super::GuestError;

/// A memory to be read.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    bytes: &'a [u8],
}

impl<'a> View<'a> {
    /// The memory of these bytes.
    pub fn new(bytes: &'a [u8]) -> View<'a> {
        View { bytes }
    }

    /// Bytes from an address on; `what` they are is for the error.
    pub fn bytes(&self, what: &'static str, at: u64, len: u64) -> Result<&'a [u8], GuestError> {
        let range = at.checked_add(len).and_then(|end| {
            let (at, end) = (usize::try_from(at).ok()?, usize::try_from(end).ok()?);
            self.bytes.get(at..end)
        });
        range.ok_or(GuestError::OutOfMemory { what, address: at })
    }

    fn array<const N: usize>(&self, what: &'static str, at: u64) -> Result<[u8; N], GuestError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(what, at, N as u64)?);
        Ok(array)
    }

    /// A byte.
    pub fn u8(&self, what: &'static str, at: u64) -> Result<u8, GuestError> {
        Ok(self.array::<1>(what, at)?[0])
    }

    /// 32 bits: a pointer, or an `int` without a sign.
    pub fn u32(&self, what: &'static str, at: u64) -> Result<u32, GuestError> {
        Ok(u32::from_le_bytes(self.array(what, at)?))
    }

    /// 64 bits.
    pub fn u64(&self, what: &'static str, at: u64) -> Result<u64, GuestError> {
        Ok(u64::from_le_bytes(self.array(what, at)?))
    }

    /// A pointer at `base + offset`.
    pub fn pointer(&self, what: &'static str, base: u32, offset: u32) -> Result<u32, GuestError> {
        self.u32(what, u64::from(base) + u64::from(offset))
    }

    /// All of it.
    pub fn all(&self) -> &'a [u8] {
        self.bytes
    }
}
