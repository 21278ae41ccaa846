//! 2^n with a smaller base: it turns back where the rest is less than nothing or more than all that is left.

use std::io::Read;

fn count(a: &[i64], left: i64, rest: i64) -> u64 {
    if rest < 0 || rest > left {
        return 0;
    }
    match a.split_first() {
        None => 1,
        Some((first, others)) => {
            count(others, left - first, rest) + count(others, left - first, rest - first)
        }
    }
}

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    let (_, target) = (numbers.next().unwrap(), numbers.next().unwrap());
    let mut a: Vec<i64> = numbers.collect();
    // The large ones first: that decides sooner.
    a.sort_unstable_by(|x, y| y.cmp(x));
    println!("{}", count(&a, a.iter().sum(), target));
}
