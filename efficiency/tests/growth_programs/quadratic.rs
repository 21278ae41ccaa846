// Work that grows with the number that it reads: n^2.
use std::hint::black_box;

fn main() {
    let mut text = String::new();
    std::io::stdin().read_line(&mut text).expect("a line");
    let n: u64 = text.trim().parse().expect("a number");
    let mut sum = 0u64;
    let mut step = |i: u64| sum = black_box(sum.wrapping_add(i ^ 0x5bd1_e995));
    for _ in 0..n {
        for j in 0..n {
            step(j);
        }
    }
    println!("{sum:016x}");
}
