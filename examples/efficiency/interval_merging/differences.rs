//! n, for the numbers lie close together: how many intervals begin and end at each, added up.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut numbers = input
        .split_ascii_whitespace()
        .map(|word| word.parse::<i64>().unwrap());
    numbers.next().unwrap();
    let mut intervals = Vec::new();
    while let (Some(from), Some(to)) = (numbers.next(), numbers.next()) {
        intervals.push((from, to));
    }
    let low = intervals.iter().map(|&(from, _)| from).min().unwrap();
    let high = intervals.iter().map(|&(_, to)| to).max().unwrap();
    let mut change = vec![0i32; (high - low + 1) as usize];
    for (from, to) in intervals {
        change[(from - low) as usize] += 1;
        change[(to - low) as usize] -= 1;
    }
    let (mut open, mut count, mut length) = (0, 0, 0);
    for change in change {
        // Where one ends and another begins both go on.
        count += u32::from(open == 0 && change > 0);
        open += change;
        length += i64::from(open > 0);
    }
    println!("{count} {length}");
}
