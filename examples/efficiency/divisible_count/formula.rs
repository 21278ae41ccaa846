//! 1: n/a + n/b - n/lcm(a, b).

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    let questions = numbers.next().unwrap();
    let mut total = 0;
    for _ in 0..questions {
        let [n, a, b] = [(); 3].map(|()| numbers.next().unwrap());
        let (mut x, mut y) = (a, b);
        while y != 0 {
            (x, y) = (y, x % y);
        }
        total += n / a + n / b - n / (a / x * b);
    }
    println!("{total:012}");
}
