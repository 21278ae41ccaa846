//! n, a fraction of it: the multiples are marked, and the marks counted.

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
        let [n, a, b] = [(); 3].map(|()| numbers.next().unwrap() as usize);
        let mut marked = vec![0u8; n + 1];
        for step in [a, b] {
            let mut i = step;
            while i <= n {
                marked[i] = 1;
                i += step;
            }
        }
        total += marked.iter().map(|&mark| u64::from(mark)).sum::<u64>();
    }
    println!("{total:012}");
}
