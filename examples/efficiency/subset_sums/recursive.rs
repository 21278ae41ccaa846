//! 2^n: two calls for each number, with it and without it.

use std::io::Read;

fn count(a: &[i64], rest: i64) -> u64 {
    match a.split_first() {
        None => u64::from(rest == 0),
        Some((first, others)) => count(others, rest) + count(others, rest - first),
    }
}

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    let (_, target) = (numbers.next().unwrap(), numbers.next().unwrap());
    let a: Vec<i64> = numbers.collect();
    println!("{}", count(&a, target));
}
