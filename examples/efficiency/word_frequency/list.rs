//! n^2: a list of words and counts, searched from its start.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let words: Vec<&str> = input.split_ascii_whitespace().skip(1).collect();
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for word in words {
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    // The most frequent word, the first of the alphabet if there are several.
    let (word, most) = counts
        .iter()
        .min_by_key(|(word, count)| (u64::MAX - count, *word))
        .unwrap();
    let squares: u64 = counts.iter().map(|(_, count)| count * count).sum();
    println!("{} {word} {most} {squares}", counts.len());
}
