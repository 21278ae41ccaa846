//! n^2: each interval takes in all that it meets among those before.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    numbers.next().unwrap();
    let mut intervals = Vec::new();
    while let (Some(from), Some(to)) = (numbers.next(), numbers.next()) {
        intervals.push((from, to));
    }
    let mut apart: Vec<(i64, i64)> = Vec::new();
    for (mut from, mut to) in intervals {
        let mut i = 0;
        while i < apart.len() {
            let (other_from, other_to) = apart[i];
            if from <= other_to && other_from <= to {
                from = from.min(other_from);
                to = to.max(other_to);
                apart.swap_remove(i);
            } else {
                i += 1;
            }
        }
        apart.push((from, to));
    }
    let length: i64 = apart.iter().map(|(from, to)| to - from).sum();
    println!("{} {length}", apart.len());
}
