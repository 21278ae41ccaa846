//! n^2 lg n: the third number of each pair is looked up in a tree.

use std::collections::BTreeSet;
use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    let (_, target) = (numbers.next().unwrap(), numbers.next().unwrap());
    let mut a: Vec<i64> = numbers.collect();
    a.sort_unstable();
    let all: BTreeSet<i64> = a.iter().copied().collect();
    let mut count = 0u64;
    for (i, x) in a.iter().enumerate() {
        for y in &a[i + 1..] {
            let third = target - x - y;
            if third > *y && all.contains(&third) {
                count += 1;
            }
        }
    }
    println!("{count}");
}
