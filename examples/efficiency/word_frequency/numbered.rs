//! n: words of up to twelve letters are numbers, in a table with open addressing.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let words: Vec<&str> = input.split_ascii_whitespace().skip(1).collect();
    let slots = (words.len() * 2).next_power_of_two();
    let mut table: Vec<(u64, u64, &str)> = vec![(0, 0, ""); slots];
    for word in words {
        // Base 27, so that words of different length differ; never 0.
        let key = word
            .bytes()
            .fold(0, |key, letter| key * 27 + u64::from(letter - b'a' + 1));
        let mut at = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (slots - 1);
        while table[at].0 != key && table[at].0 != 0 {
            at = (at + 1) & (slots - 1);
        }
        table[at] = (key, table[at].1 + 1, word);
    }
    let counts = || table.iter().filter(|entry| entry.0 != 0);
    let (_, most, word) = counts()
        .min_by_key(|(_, count, word)| (u64::MAX - count, *word))
        .unwrap();
    let squares: u64 = counts().map(|(_, count, _)| count * count).sum();
    println!("{} {word} {most} {squares}", counts().count());
}
