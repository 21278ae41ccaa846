//! The 128-bit value and its views as lanes.
//!
//! The representation is the sixteen bytes as they lie in linear memory, not two words: safe code
//! can split bytes into lanes of any width without shifts, so LLVM sees plain loads and stores of
//! lanes and vectorises the loops over them (with `[u64; 2]`, an `i8x16.add` took 50 to 139 scalar
//! instructions instead of 7). For the same reason, read a value from a frame or a memory in one
//! piece, through a pointer to [`V128`] or a `[u8; 16]`; go through [`V128::from_words`] only where
//! the words are already in registers.

/// A Wasm `v128`: sixteen bytes, lowest lane first, each lane little-endian, on every host.
///
/// Aligned like the interpreter's 8-byte slots, of which it takes two.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[repr(C, align(8))]
pub struct V128(pub [u8; 16]);

/// Defines the conversions between a vector and an array of its lanes.
macro_rules! lane_views {
    ($($shape:literal $from:ident $to:ident $lane:ty, $count:literal x $bytes:literal;)+) => {$(
        #[doc = concat!("The vector whose ", $shape, " lanes are `lanes`, lane 0 first.")]
        #[inline(always)]
        pub const fn $from(lanes: [$lane; $count]) -> V128 {
            let mut bytes = [0; 16];
            let (chunks, _) = bytes.as_chunks_mut::<$bytes>();
            let mut i = 0;
            while i < $count {
                chunks[i] = lanes[i].to_le_bytes();
                i += 1;
            }
            V128(bytes)
        }

        #[doc = concat!("The ", $shape, " lanes, lane 0 first.")]
        #[inline(always)]
        pub const fn $to(self) -> [$lane; $count] {
            let (chunks, _) = self.0.as_chunks::<$bytes>();
            let mut lanes = [0 as $lane; $count];
            let mut i = 0;
            while i < $count {
                lanes[i] = <$lane>::from_le_bytes(chunks[i]);
                i += 1;
            }
            lanes
        }
    )+};
}

impl V128 {
    /// All bits zero, the value of an uninitialised local.
    pub const ZERO: V128 = V128([0; 16]);

    lane_views! {
        "i8x16" from_i8x16 to_i8x16 i8, 16 x 1;
        "unsigned i8x16" from_u8x16 to_u8x16 u8, 16 x 1;
        "i16x8" from_i16x8 to_i16x8 i16, 8 x 2;
        "unsigned i16x8" from_u16x8 to_u16x8 u16, 8 x 2;
        "i32x4" from_i32x4 to_i32x4 i32, 4 x 4;
        "unsigned i32x4" from_u32x4 to_u32x4 u32, 4 x 4;
        "i64x2" from_i64x2 to_i64x2 i64, 2 x 8;
        "unsigned i64x2" from_u64x2 to_u64x2 u64, 2 x 8;
        "f32x4" from_f32x4 to_f32x4 f32, 4 x 4;
        "f64x2" from_f64x2 to_f64x2 f64, 2 x 8;
    }

    /// The vector of two 8-byte words, the one with the lower lanes first.
    #[inline(always)]
    pub const fn from_words(words: [u64; 2]) -> V128 {
        V128::from_u64x2(words)
    }

    /// The two 8-byte words, the one with the lower lanes first.
    #[inline(always)]
    pub const fn to_words(self) -> [u64; 2] {
        self.to_u64x2()
    }

    /// The vector as one number, lane 0 in the lowest bits (the form of `v128.const`).
    #[inline(always)]
    pub const fn from_bits(bits: u128) -> V128 {
        V128(bits.to_le_bytes())
    }

    /// The vector as one number, lane 0 in the lowest bits.
    #[inline(always)]
    pub const fn to_bits(self) -> u128 {
        u128::from_le_bytes(self.0)
    }
}
