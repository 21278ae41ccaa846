//! Random operands, most of them of the kind that operators treat in a way of its own.

/// SplitMix64.
pub(super) struct Random(pub(super) u64);

/// Bits of lanes of 32 and 64 bits: zeros, NaNs of both kinds, infinities, subnormal numbers,
/// halves, and the ends of what integers can hold.
const LANES_32: &[u32] = &[
    0,
    1,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fc0_0000,
    0xffc0_0000,
    0x7fc1_2345,
    0x7f80_0001,
    0xffa0_0000,
    0x7f80_0000,
    0xff80_0000,
    0x0040_0000,
    0x3f80_0000,
    0xbf80_0000,
    0x3f00_0000,
    0x3fc0_0000,
    0x4020_0000,
    0x4f00_0000,
    0xcf00_0000,
    0x4f80_0000,
    0x4eff_ffff,
    0x7f7f_ffff,
    0x0001_ffff,
    0xffff_8000,
    0x4b00_0001,
];
const LANES_64: &[u64] = &[
    0,
    1,
    i64::MAX as u64,
    i64::MIN as u64,
    u64::MAX,
    0x7ff8 << 48,
    0xfff8 << 48,
    0x7ff8_0000_1234_5678,
    0x7ff0_0000_0000_0001,
    0xfff4 << 48,
    0x7ff0 << 48,
    0xfff0 << 48,
    1 << 51,
    0x3ff0 << 48,
    0xbff0 << 48,
    0x3fe0 << 48,
    0x3ff8 << 48,
    0x4004 << 48,
    0x41e0 << 48,
    0xc1e0 << 48,
    0x41ef_ffff_ffe0_0000,
    0x41f0 << 48,
    0x41df_ffff_ffc0_0000,
    0x43e0 << 48,
    0x7fef_ffff_ffff_ffff,
    0x36a0 << 48,
    0x47ef_ffff_f000_0000,
    0xffff_ffff_8000_0000,
    0x7fff_ffff,
];
const LANES_8: &[u8] = &[0, 1, 2, 0x0f, 0x10, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff];
const LANES_16: &[u16] = &[
    0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0xff80, 0xffff,
];

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A lane, or any bits once in a while.
    pub(super) fn lane(&mut self, bits: u32) -> u64 {
        let any = self.next();
        match (any.is_multiple_of(4), bits) {
            (true, 64) => any.rotate_left(32),
            (true, _) => any >> 32 & ((1 << bits) - 1),
            (false, 8) => self.pick(LANES_8).into(),
            (false, 16) => self.pick(LANES_16).into(),
            (false, 32) => self.pick(LANES_32).into(),
            (false, _) => self.pick(LANES_64),
        }
    }

    pub(super) fn vector(&mut self) -> u128 {
        let bits = self.pick(&[8, 16, 32, 64]);
        let lanes = (0..128 / bits).map(|i| u128::from(self.lane(bits)) << (i * bits));
        lanes.sum()
    }
}
