//! n^2: each edit makes a new text, letter by letter.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut text: Vec<u8> = Vec::new();
    for edit in input.trim().bytes() {
        let mut next = Vec::new();
        match edit {
            b'/' => {
                for &letter in text.iter().rev() {
                    next.push(letter);
                }
            }
            b'a'..=b'z' => {
                for &letter in &text {
                    next.push(letter);
                }
                next.push(edit);
            }
            _ => {
                next.push(edit);
                for &letter in &text {
                    next.push(letter);
                }
            }
        }
        text = next;
    }
    let hash = text.iter().fold(0u64, |hash, &letter| {
        hash.wrapping_mul(31).wrapping_add(u64::from(letter))
    });
    println!("{} {hash}", text.len());
}
