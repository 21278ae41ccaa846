//! n: the Z function of pattern and text together.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut words = input.split_ascii_whitespace().map(str::as_bytes);
    let (pattern, text) = (words.next().unwrap(), words.next().unwrap());
    let both = [pattern, b" ", text].concat();
    // z[i]: how many letters from i on are those at the start.
    let mut z = vec![0; both.len()];
    let (mut left, mut right) = (0, 0);
    for i in 1..both.len() {
        let mut same = if i < right {
            z[i - left].min(right - i)
        } else {
            0
        };
        while i + same < both.len() && both[same] == both[i + same] {
            same += 1;
        }
        if i + same > right {
            (left, right) = (i, i + same);
        }
        z[i] = same;
    }
    let (mut count, mut places) = (0, 0);
    for (at, &same) in z[pattern.len() + 1..].iter().enumerate() {
        if same == pattern.len() {
            count += 1;
            places += at as u64;
        }
    }
    println!("{count} {places}");
}
