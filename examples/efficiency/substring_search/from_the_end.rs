//! n on these inputs: Horspool's, which compares the last letter first.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut words = input.split_ascii_whitespace().map(str::as_bytes);
    let (pattern, text) = (words.next().unwrap(), words.next().unwrap());
    let m = pattern.len();
    let mut shift = [m; 256];
    for (i, &letter) in pattern[..m - 1].iter().enumerate() {
        shift[usize::from(letter)] = m - 1 - i;
    }
    let (mut count, mut places, mut at) = (0, 0, 0);
    while at + m <= text.len() {
        let last = text[at + m - 1];
        if last == pattern[m - 1] && text[at..at + m - 1] == pattern[..m - 1] {
            count += 1;
            places += at as u64;
        }
        at += shift[usize::from(last)];
    }
    println!("{count} {places}");
}
