//! A file of the cache: the pieces of code of one module, in one build and with one set of settings.
//!
//! ```text
//! magic (8) checksum (32) key (32) lengths of the four parts (4 * 8, little endian)
//! index     which pieces there are, and where
//! facts     what is known of each piece
//! code      machine code of all pieces, each at a multiple of 64
//! twins     the same with polls; empty if no piece has a twin
//! ```
//!
//! The checksum is over all that follows it, so nothing of a file that was torn or damaged is used.
//! It keeps nobody from writing a file of their own: see [`Config::cache`](crate::Config::cache).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Key, PieceId};

/// Changes with the form of the file; what is in it changes with the key.
const MAGIC: [u8; 8] = *b"probity\x01";

const CHECKSUM: usize = MAGIC.len();
const KEY: usize = CHECKSUM + 32;
const LENGTHS: usize = KEY + 32;
const HEAD: usize = LENGTHS + 4 * 8;

/// Alignment of pieces of code: a cache line, as where it is executed.
pub(super) const ALIGN: usize = 64;

/// `int3`
const BREAKPOINT: u8 = 0xCC;

/// A piece of code.
pub(super) struct Piece<'a> {
    /// How many bytes behind the beginning of a cache line it was compiled to be.
    pub(super) lead: usize,
    pub(super) code: &'a [u8],
    /// The same code with polls, if it has any.
    pub(super) twin: Option<&'a [u8]>,
    pub(super) facts: Vec<u8>,
}

/// The pieces of a file; `None` for what cannot be compiled.
pub(super) type Pieces<'a> = BTreeMap<PieceId, Option<Piece<'a>>>;

/// Where a piece is in the parts of its file.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) code: (u32, u32),
    pub(super) facts: (u32, u32),
}

/// A range of a part, by start and length.
fn slice(part: &[u8], (start, len): (u32, u32)) -> Option<&[u8]> {
    part.get(start as usize..)?.get(..len as usize)
}

/// The parts of a file.
pub(super) struct Parts<'a> {
    pub(super) index: BTreeMap<PieceId, Option<Place>>,
    pub(super) facts: &'a [u8],
    pub(super) code: &'a [u8],
    pub(super) twins: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Reads a file. `None` if it is not one with this key, undamaged.
    pub(super) fn read(key: &Key, bytes: &'a [u8]) -> Option<Parts<'a>> {
        let (head, body) = bytes.split_at_checked(HEAD)?;
        let checksum: [u8; 32] = head[CHECKSUM..KEY].try_into().ok()?;
        if head[..CHECKSUM] != MAGIC
            || head[KEY..LENGTHS] != *key
            || blake3::hash(&bytes[KEY..]) != checksum
        {
            return None;
        }
        let mut lens = head[LENGTHS..].chunks_exact(8).map(|len| {
            let len = len.try_into().ok()?;
            usize::try_from(u64::from_le_bytes(len)).ok()
        });
        let mut rest = body;
        let mut part = || {
            let (part, behind) = rest.split_at_checked(lens.next()??)?;
            rest = behind;
            Some(part)
        };
        let (index, facts, code, twins) = (part()?, part()?, part()?, part()?);
        if !rest.is_empty() || !(twins.is_empty() || twins.len() == code.len()) {
            return None;
        }
        let index: BTreeMap<PieceId, Option<Place>> = postcard::from_bytes(index).ok()?;
        let fits = |place: &Place| {
            place.code.1 != 0
                && slice(code, place.code).is_some()
                && slice(facts, place.facts).is_some()
        };
        let all_fit = index.values().flatten().all(fits);
        all_fit.then_some(Parts {
            index,
            facts,
            code,
            twins,
        })
    }

    /// All pieces, as they are.
    pub(super) fn pieces(&self) -> Pieces<'a> {
        let piece = |place: &Place| {
            Some(Piece {
                lead: place.code.0 as usize % ALIGN,
                code: slice(self.code, place.code)?,
                twin: slice(self.twins, place.code),
                facts: slice(self.facts, place.facts)?.to_vec(),
            })
        };
        let pieces = self.index.iter();
        pieces
            .map(|(id, place)| (*id, place.as_ref().and_then(piece)))
            .collect()
    }
}

/// The bytes of a file; `None` if it would be too large to be read.
pub(super) fn write(key: &Key, pieces: &Pieces<'_>, most: usize) -> Option<Vec<u8>> {
    let (mut facts, mut code, mut twins) = (Vec::new(), Vec::new(), Vec::new());
    let mut index: BTreeMap<PieceId, Option<Place>> = BTreeMap::new();
    for (id, piece) in pieces {
        let Some(piece) = piece else {
            index.insert(*id, None);
            continue;
        };
        code.resize(code.len().next_multiple_of(ALIGN) + piece.lead, BREAKPOINT);
        let range = |start: usize, len: usize| {
            let (start, len) = (u32::try_from(start).ok()?, u32::try_from(len).ok()?);
            Some((start, len))
        };
        let place = Place {
            code: range(code.len(), piece.code.len())?,
            facts: range(facts.len(), piece.facts.len())?,
        };
        index.insert(*id, Some(place));
        if piece.twin.is_some() && twins.is_empty() {
            twins.extend_from_slice(&code);
        }
        if piece.twin.is_some() || !twins.is_empty() {
            twins.resize(code.len(), BREAKPOINT);
            twins.extend_from_slice(piece.twin.unwrap_or(piece.code));
        }
        code.extend_from_slice(piece.code);
        facts.extend_from_slice(&piece.facts);
        if code.len() + twins.len() + facts.len() > most {
            return None;
        }
    }
    let index = postcard::to_stdvec(&index).ok()?;
    let mut bytes = Vec::with_capacity(HEAD + index.len() + facts.len() + code.len() + twins.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[0; 32]);
    bytes.extend_from_slice(key);
    for part in [&index, &facts, &code, &twins] {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
    }
    for part in [&index, &facts, &code, &twins] {
        bytes.extend_from_slice(part);
    }
    if bytes.len() > most {
        return None;
    }
    let checksum = blake3::hash(&bytes[KEY..]);
    bytes[CHECKSUM..KEY].copy_from_slice(checksum.as_bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY_A: Key = [7; 32];

    fn sample() -> Vec<u8> {
        let func = |func| PieceId::Func {
            func,
            osr: None,
            counted: false,
        };
        let mut pieces = Pieces::new();
        for (n, code) in [[1u8; 70].as_slice(), &[2; 3]].into_iter().enumerate() {
            let facts = vec![n as u8; 5];
            let twin = (n == 1).then_some(&[3u8; 3][..]);
            let piece = Piece {
                lead: 32 * n,
                code,
                twin,
                facts,
            };
            pieces.insert(func(n as u32), Some(piece));
        }
        pieces.insert(func(9), None);
        pieces.insert(PieceId::Thunk(3), None);
        write(&KEY_A, &pieces, 1 << 20).unwrap()
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = sample();
        let parts = Parts::read(&KEY_A, &bytes).unwrap();
        let pieces = parts.pieces();
        assert_eq!(pieces.len(), 4);
        let of = |func| {
            let id = PieceId::Func {
                func,
                osr: None,
                counted: false,
            };
            let piece = pieces[&id].as_ref();
            piece.map(|p| (p.lead, p.code, p.twin.unwrap_or(&[]), &p.facts[..]))
        };
        // One without a twin is its own where others have one.
        assert_eq!(of(0), Some((0, &[1; 70][..], &[1; 70][..], &[0; 5][..])));
        assert_eq!(of(1), Some((32, &[2; 3][..], &[3; 3][..], &[1; 5][..])));
        assert_eq!(of(9), None);
        assert_eq!(write(&KEY_A, &pieces, 1 << 20).unwrap(), bytes);
        assert!(write(&KEY_A, &pieces, bytes.len() - 1).is_none());
    }

    #[test]
    fn files_of_others_and_damaged_ones_are_not_read() {
        let bytes = sample();
        assert!(Parts::read(&[8; 32], &bytes).is_none());
        for len in 0..bytes.len() {
            assert!(Parts::read(&KEY_A, &bytes[..len]).is_none(), "{len}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(Parts::read(&KEY_A, &longer).is_none());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                assert!(Parts::read(&KEY_A, &bytes).is_none(), "byte {at}");
            }
        }
    }

    /// Even where the checksum is right, nothing is out of bounds.
    #[test]
    fn lies_with_a_checksum_are_harmless() {
        let bytes = sample();
        for at in KEY..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                let checksum = blake3::hash(&bytes[KEY..]);
                bytes[CHECKSUM..KEY].copy_from_slice(checksum.as_bytes());
                if let Some(parts) = Parts::read(&KEY_A, &bytes) {
                    parts.pieces();
                }
            }
        }
    }
}
