//! n lg n: a balanced tree, compared letter by letter.

use std::collections::BTreeMap;
use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let words: Vec<&str> = input.split_ascii_whitespace().skip(1).collect();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    // The most frequent word, the first of the alphabet if there are several.
    let (word, most) = counts
        .iter()
        .min_by_key(|&(word, &count)| (u64::MAX - count, *word))
        .unwrap();
    let squares: u64 = counts.iter().map(|(_, count)| count * count).sum();
    println!("{} {word} {most} {squares}", counts.len());
}
