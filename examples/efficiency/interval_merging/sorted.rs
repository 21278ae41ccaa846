//! n lg n: sorted by their starts, then merged with the last one.

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
    intervals.sort_unstable();
    let mut apart: Vec<(i64, i64)> = Vec::new();
    for (from, to) in intervals {
        match apart.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => apart.push((from, to)),
        }
    }
    let length: i64 = apart.iter().map(|(from, to)| to - from).sum();
    println!("{} {length}", apart.len());
}
