//! n: each number is tried.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    let questions = numbers.next().unwrap();
    let mut total = 0u64;
    for _ in 0..questions {
        let [n, a, b] = [(); 3].map(|()| numbers.next().unwrap());
        for i in 1..=n {
            if i % a == 0 || i % b == 0 {
                total += 1;
            }
        }
    }
    println!("{total:012}");
}
