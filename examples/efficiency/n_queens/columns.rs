//! Exponential: each field of a row is compared with all queens above.

use std::io::Read;

fn count(rows: &[&[u8]], queens: &mut Vec<usize>) -> u64 {
    let Some(row) = rows.get(queens.len()) else {
        return 1;
    };
    let mut found = 0;
    for column in 0..rows.len() {
        let free = queens.iter().enumerate().all(|(above, &other)| {
            other != column && other.abs_diff(column) != queens.len() - above
        });
        if free && row[column] == b'.' {
            queens.push(column);
            found += count(rows, queens);
            queens.pop();
        }
    }
    found
}

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let rows: Vec<&[u8]> = input
        .split_ascii_whitespace()
        .skip(1)
        .map(str::as_bytes)
        .collect();
    println!("{}", count(&rows, &mut Vec::new()));
}
