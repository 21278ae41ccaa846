//! n^1.5 / lg n: division by all numbers up to the root.

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
    for n in 2..=limit {
        let mut prime = true;
        let mut by = 2;
        while by * by <= n {
            if n % by == 0 {
                prime = false;
                break;
            }
            by += 1;
        }
        if prime {
            count += 1;
            rests += (n % divisor) as u64;
        }
    }
    println!("{count} {rests}");
}
