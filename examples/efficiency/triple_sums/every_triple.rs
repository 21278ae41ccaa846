//! n^3: each triple.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    let (_, target) = (numbers.next().unwrap(), numbers.next().unwrap());
    let a: Vec<i64> = numbers.collect();
    let mut count = 0u64;
    for (i, x) in a.iter().enumerate() {
        for (j, y) in a.iter().enumerate().skip(i + 1) {
            for z in &a[j + 1..] {
                if x + y + z == target {
                    count += 1;
                }
            }
        }
    }
    println!("{count}");
}
