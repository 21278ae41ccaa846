//! n lg n: merge sort by recursion.

use std::io::Read;

fn sort(a: &mut [i64], spare: &mut Vec<i64>) -> u64 {
    if a.len() < 2 {
        return 0;
    }
    let middle = a.len() / 2;
    let mut count = sort(&mut a[..middle], spare) + sort(&mut a[middle..], spare);
    spare.clear();
    let (left, right) = a.split_at(middle);
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        if right[j] < left[i] {
            count += (left.len() - i) as u64;
            spare.push(right[j]);
            j += 1;
        } else {
            spare.push(left[i]);
            i += 1;
        }
    }
    spare.extend_from_slice(&left[i..]);
    spare.extend_from_slice(&right[j..]);
    a.copy_from_slice(spare);
    count
}

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    numbers.next().unwrap();
    let mut a: Vec<i64> = numbers.collect();
    let mut spare = Vec::with_capacity(a.len());
    println!("{}", sort(&mut a, &mut spare));
}
