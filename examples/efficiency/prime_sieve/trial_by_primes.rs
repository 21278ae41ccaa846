//! n^1.5 / lg^2 n: division by the primes up to the root.

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
    let mut primes: Vec<usize> = Vec::new();
    for n in 2..=limit {
        let mut divisors = primes.iter().take_while(|&&by| by * by <= n);
        if divisors.all(|by| n % by != 0) {
            primes.push(n);
            count += 1;
            rests += (n % divisor) as u64;
        }
    }
    println!("{count} {rests}");
}
