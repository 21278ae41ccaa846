//! Exponential: columns and diagonals that are taken are marked in arrays.

use std::io::Read;

struct Board<'a> {
    rows: Vec<&'a [u8]>,
    columns: Vec<bool>,
    rising: Vec<bool>,
    falling: Vec<bool>,
}

impl Board<'_> {
    fn set(&mut self, row: usize, column: usize, taken: bool) {
        self.columns[column] = taken;
        self.rising[row + column] = taken;
        self.falling[self.rows.len() + row - column] = taken;
    }

    fn count(&mut self, row: usize) -> u64 {
        if row == self.rows.len() {
            return 1;
        }
        let mut found = 0;
        for column in 0..self.rows.len() {
            let taken = self.columns[column]
                || self.rising[row + column]
                || self.falling[self.rows.len() + row - column];
            if !taken && self.rows[row][column] == b'.' {
                self.set(row, column, true);
                found += self.count(row + 1);
                self.set(row, column, false);
            }
        }
        found
    }
}

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let rows: Vec<&[u8]> = input
        .split_ascii_whitespace()
        .skip(1)
        .map(str::as_bytes)
        .collect();
    let n = rows.len();
    let mut board = Board {
        rows,
        columns: vec![false; n],
        rising: vec![false; 2 * n],
        falling: vec![false; 2 * n + 1],
    };
    println!("{}", board.count(0));
}
