//! n^2, half as much: each number goes to its place among those before.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    numbers.next().unwrap();
    let mut a: Vec<i64> = numbers.collect();
    let mut count = 0u64;
    for i in 1..a.len() {
        let x = a[i];
        let mut k = i;
        while k > 0 && a[k - 1] > x {
            a[k] = a[k - 1];
            k -= 1;
        }
        a[k] = x;
        count += (i - k) as u64;
    }
    println!("{count}");
}
