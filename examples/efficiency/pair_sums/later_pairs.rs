//! n^2: each pair once.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    let (_, target) = (numbers.next().unwrap(), numbers.next().unwrap());
    let a: Vec<i64> = numbers.collect();
    let mut count = 0i64;
    for (i, x) in a.iter().enumerate() {
        for y in &a[i + 1..] {
            if x + y == target {
                count += 1;
            }
        }
    }
    println!("{count}");
}
