//! n lg n: all words sorted, and their runs counted.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut words: Vec<&str> = input.split_ascii_whitespace().skip(1).collect();
    words.sort_unstable();
    let counts: Vec<(&str, u64)> = words
        .chunk_by(|x, y| x == y)
        .map(|same| (same[0], same.len() as u64))
        .collect();
    // The most frequent word, the first of the alphabet if there are several.
    let (word, most) = counts
        .iter()
        .min_by_key(|(word, count)| (u64::MAX - count, *word))
        .unwrap();
    let squares: u64 = counts.iter().map(|(_, count)| count * count).sum();
    println!("{} {word} {most} {squares}", counts.len());
}
