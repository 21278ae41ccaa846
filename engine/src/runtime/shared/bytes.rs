//! Copies to and from memory that other threads may be using.
//!
//! No reference to such bytes may exist, and a plain copy would be a data race. These copies use
//! relaxed atomics, words where the address allows it; what another thread writes meanwhile
//! appears in any mixture, as the memory model of the threads proposal says.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU64};

/// Bytes that a copy between two places holds at a time.
const CHUNK: usize = if cfg!(miri) { 64 } else { 4096 };

/// Lengths of the parts before, in and behind the aligned words of `len` bytes at `at`.
fn parts(at: *const u8, len: usize) -> (usize, usize) {
    let head = at.align_offset(size_of::<u64>()).min(len);
    let words = (len - head) / size_of::<u64>();
    (head, words)
}

/// Reads `to.len()` bytes from `from`.
///
/// # Safety
/// The bytes at `from` are usable.
pub(crate) unsafe fn load(from: *mut u8, to: &mut [u8]) {
    let (head, words) = parts(from, to.len());
    let tail = head + words * size_of::<u64>();
    // SAFETY: usable by contract, and aligned to the width of each access.
    unsafe {
        let byte = |i: usize| AtomicU8::from_ptr(from.add(i)).load(Relaxed);
        for i in (0..head).chain(tail..to.len()) {
            to[i] = byte(i);
        }
        for i in (head..tail).step_by(size_of::<u64>()) {
            let word = AtomicU64::from_ptr(from.add(i).cast()).load(Relaxed);
            to[i..i + size_of::<u64>()].copy_from_slice(&word.to_ne_bytes());
        }
    }
}

/// Writes `from` to `to`.
///
/// # Safety
/// The bytes at `to` are usable.
pub(crate) unsafe fn store(to: *mut u8, from: &[u8]) {
    let (head, words) = parts(to, from.len());
    let tail = head + words * size_of::<u64>();
    // SAFETY: usable by contract, and aligned to the width of each access.
    unsafe {
        for i in (0..head).chain(tail..from.len()) {
            AtomicU8::from_ptr(to.add(i)).store(from[i], Relaxed);
        }
        for i in (head..tail).step_by(size_of::<u64>()) {
            let mut word = [0; size_of::<u64>()];
            word.copy_from_slice(&from[i..i + size_of::<u64>()]);
            AtomicU64::from_ptr(to.add(i).cast()).store(u64::from_ne_bytes(word), Relaxed);
        }
    }
}

/// Writes `len` bytes of value `byte`.
///
/// # Safety
/// The bytes at `to` are usable.
pub(crate) unsafe fn fill(to: *mut u8, byte: u8, len: usize) {
    let chunk = [byte; CHUNK];
    let mut done = 0;
    while done < len {
        let now = CHUNK.min(len - done);
        // SAFETY: a part of the bytes.
        unsafe { store(to.add(done), &chunk[..now]) };
        done += now;
    }
}

/// Copies `len` bytes, which may overlap.
///
/// # Safety
/// The bytes at both places are usable.
pub(crate) unsafe fn copy(from: *mut u8, to: *mut u8, len: usize) {
    let mut chunk = [0; CHUNK];
    let mut part = |at: usize, now: usize| {
        // SAFETY: a part of the bytes.
        unsafe {
            load(from.add(at), &mut chunk[..now]);
            store(to.add(at), &chunk[..now]);
        }
    };
    // What a step overwrites has been read by then: from the end if the target lies behind.
    if to <= from {
        for at in (0..len).step_by(CHUNK) {
            part(at, CHUNK.min(len - at));
        }
    } else {
        let mut left = len;
        while left > 0 {
            let now = CHUNK.min(left);
            left -= now;
            part(left, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `f` on words of counted bytes, so that every alignment occurs.
    fn on_bytes(len: usize, f: impl FnOnce(*mut u8)) -> Vec<u8> {
        let mut words = vec![0u64; len.div_ceil(8)];
        let base = words.as_mut_ptr().cast::<u8>();
        for i in 0..len {
            // SAFETY: within the words.
            unsafe { *base.add(i) = i as u8 };
        }
        f(base);
        // SAFETY: the words' bytes.
        unsafe { std::slice::from_raw_parts(base, len) }.to_vec()
    }

    #[test]
    fn every_alignment_and_length_is_copied_whole() {
        for start in 0..9 {
            for len in 0..25 {
                on_bytes(64, |base| {
                    let mut out = vec![0; len];
                    // SAFETY: within the 64 bytes.
                    unsafe { load(base.add(start), &mut out) };
                    let expected: Vec<u8> = (start..start + len).map(|i| i as u8).collect();
                    assert_eq!(out, expected);
                });
                // SAFETY: as above.
                let after = on_bytes(64, |base| unsafe {
                    store(base.add(start), &vec![0xee; len]);
                });
                for (i, &byte) in after.iter().enumerate() {
                    let inside = (start..start + len).contains(&i);
                    assert_eq!(byte, if inside { 0xee } else { i as u8 });
                }
            }
        }
    }

    #[test]
    fn overlapping_copies_are_as_if_through_a_buffer() {
        let size = 3 * CHUNK;
        for (from, to) in [(0, 1), (1, 0), (0, CHUNK), (CHUNK + 3, 5), (7, 7)] {
            let len = size - from.max(to) - 1;
            // SAFETY: both ranges lie within the bytes.
            let after = on_bytes(size, |base| unsafe {
                copy(base.add(from), base.add(to), len);
            });
            let mut expected: Vec<u8> = (0..size).map(|i| i as u8).collect();
            expected.copy_within(from..from + len, to);
            assert_eq!(after, expected, "{from} {to}");
        }
        // SAFETY: as above.
        let after = on_bytes(size, |base| unsafe { fill(base.add(1), 9, size - 2) });
        assert!(after[1..size - 1].iter().all(|&b| b == 9));
        assert_eq!((after[0], after[size - 1]), (0, (size - 1) as u8));
    }
}
