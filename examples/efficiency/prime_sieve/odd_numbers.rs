//! n lg lg n, less than half as much: odd numbers alone, each prime's multiples from its square on.

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
    let half = limit.div_ceil(2);
    // Of 2 i + 1.
    let mut composite = vec![false; half];
    if limit >= 2 {
        count = 1;
        rests = 2 % divisor as u64;
    }
    for i in 1..half {
        if composite[i] {
            continue;
        }
        let n = 2 * i + 1;
        count += 1;
        rests += (n % divisor) as u64;
        if n <= limit / n {
            for multiple in (n * n / 2..half).step_by(n) {
                composite[multiple] = true;
            }
        }
    }
    println!("{count} {rests}");
}
