//! SIZE SEED: a pattern of SIZE/4 letters, `aa..ab`, and a text of SIZE letters, all `a` but for a few `b`: what is worst for
//! those who compare from the left at each place.

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
    let (size, mut random) = (arguments[0].max(4), Random(arguments[1]));
    let mut pattern = vec![b'a'; size as usize / 4];
    *pattern.last_mut().unwrap() = b'b';
    let mut text = vec![b'a'; size as usize];
    for quarter in 1..4 {
        let at = quarter * size / 4 + random.below(size / 8 + 1);
        text[(at as usize).min(size as usize - 1)] = b'b';
    }
    let line = |bytes| String::from_utf8(bytes).unwrap();
    println!("{}\n{}", line(pattern), line(text));
}
