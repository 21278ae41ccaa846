//! n lg n with a larger constant: a tree of intervals that are apart, each new one merged at once.

use std::collections::BTreeMap;
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
    let mut apart: BTreeMap<i64, i64> = BTreeMap::new();
    for (mut from, mut to) in intervals {
        while let Some((&other_from, &other_to)) = apart.range(..=to).next_back() {
            if other_to < from {
                break;
            }
            from = from.min(other_from);
            to = to.max(other_to);
            apart.remove(&other_from);
        }
        apart.insert(from, to);
    }
    let length: i64 = apart.iter().map(|(from, to)| to - from).sum();
    println!("{} {length}", apart.len());
}
