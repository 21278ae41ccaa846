//! n lg lg n: Eratosthenes on all numbers.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    let (limit, divisor) = (
        numbers.next().unwrap() as usize,
        numbers.next().unwrap() as usize,
    );
    let (mut count, mut rests) = (0u64, 0u64);
    let mut composite = vec![false; limit + 1];
    for n in 2..=limit {
        if composite[n] {
            continue;
        }
        count += 1;
        rests += (n % divisor) as u64;
        for multiple in (n * 2..=limit).step_by(n) {
            composite[multiple] = true;
        }
    }
    println!("{count} {rests}");
}
