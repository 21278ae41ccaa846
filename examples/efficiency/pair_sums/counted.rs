//! n: how often each number came before, in an array, for the numbers lie close together.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    let (_, target) = (numbers.next().unwrap(), numbers.next().unwrap());
    let a: Vec<i64> = numbers.collect();
    let (low, high) = (*a.iter().min().unwrap(), *a.iter().max().unwrap());
    let mut seen = vec![0i64; (high - low + 1) as usize];
    let mut count = 0i64;
    for &x in &a {
        if let Some(partners) = seen.get((target - x - low) as usize) {
            count += partners;
        }
        seen[(x - low) as usize] += 1;
    }
    println!("{count}");
}
