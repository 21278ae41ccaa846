//! SIZE SEED: a board of SIZE rows, one field in sixteen of which is closed.

use std::io::Write;

struct Random(u64);

impl Random {
    /// splitmix64 (Steele, Lea, Flood 2014).
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn main() {
    let arguments: Vec<u64> = std::env::args()
        .skip(1)
        .map(|word| word.parse().unwrap())
        .collect();
    let (size, mut random) = (arguments[0], Random(arguments[1]));
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    writeln!(out, "{size}").unwrap();
    for _ in 0..size {
        let row: String = (0..size)
            .map(|_| if random.below(16) == 0 { '#' } else { '.' })
            .collect();
        writeln!(out, "{row}").unwrap();
    }
}
