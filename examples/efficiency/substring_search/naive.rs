//! n^2: at each place from the left up to the first difference.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut words = input.split_ascii_whitespace().map(str::as_bytes);
    let (pattern, text) = (words.next().unwrap(), words.next().unwrap());
    let (mut count, mut places) = (0, 0);
    for (at, window) in text.windows(pattern.len()).enumerate() {
        if window.iter().zip(pattern).all(|(x, y)| x == y) {
            count += 1;
            places += at as u64;
        }
    }
    println!("{count} {places}");
}
