//! n lg n: sorted, then each number's partners found by bisection.

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
    let mut ordered = 0usize;
    for &x in &a {
        let partner = target - x;
        let from = a.partition_point(|&y| y < partner);
        let to = a.partition_point(|&y| y <= partner);
        ordered += to - from;
        // No number is a partner of itself.
        ordered -= usize::from(partner == x);
    }
    println!("{}", ordered / 2);
}
