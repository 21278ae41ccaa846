//! Exponential: free fields of a row are the bits of a word, and only they are visited.

use std::io::Read;

fn count(closed: &[u32], columns: u32, rising: u32, falling: u32, all: u32) -> u64 {
    let Some((first, rest)) = closed.split_first() else {
        return 1;
    };
    let mut free = all & !(first | columns | rising | falling);
    let mut found = 0;
    while free != 0 {
        let queen = free & free.wrapping_neg();
        free ^= queen;
        found += count(
            rest,
            columns | queen,
            (rising | queen) << 1,
            (falling | queen) >> 1,
            all,
        );
    }
    found
}

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let rows: Vec<&[u8]> = input
        .split_ascii_whitespace()
        .skip(1)
        .map(str::as_bytes)
        .collect();
    let bits = |row: &&[u8]| {
        row.iter()
            .rev()
            .fold(0, |bits, &c| bits << 1 | u32::from(c == b'#'))
    };
    let closed: Vec<u32> = rows.iter().map(bits).collect();
    let all = (1u32 << rows.len()) - 1;
    println!("{}", count(&closed, 0, 0, 0, all));
}
