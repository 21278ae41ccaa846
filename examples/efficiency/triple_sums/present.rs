//! n^2: the third number of each pair is looked up in an array, for the numbers lie close together.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    let (_, target) = (numbers.next().unwrap(), numbers.next().unwrap());
    let mut a: Vec<i64> = numbers.collect();
    a.sort_unstable();
    let low = a[0];
    let mut present = vec![false; (a[a.len() - 1] - low + 1) as usize];
    for x in &a {
        present[(x - low) as usize] = true;
    }
    let mut count = 0u64;
    for (i, x) in a.iter().enumerate() {
        for y in &a[i + 1..] {
            let third = target - x - y;
            if third <= *y {
                break;
            }
            if present.get((third - low) as usize) == Some(&true) {
                count += 1;
            }
        }
    }
    println!("{count}");
}
