//! n^2: how many subsets give each sum up to the target, which grows with n as the numbers are of three digits.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    let (_, target) = (numbers.next().unwrap(), numbers.next().unwrap());
    let mut ways = vec![0u64; target as usize + 1];
    ways[0] = 1;
    for x in numbers {
        let x = x as usize;
        for sum in (x..ways.len()).rev() {
            ways[sum] += ways[sum - x];
        }
    }
    println!("{}", ways[target as usize]);
}
