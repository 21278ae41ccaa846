//! n^2: the text is turned round wherever an edit says so.

use std::io::Read;

fn main() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let mut text: Vec<u8> = Vec::new();
    for edit in input.trim().bytes() {
        match edit {
            b'/' => text.reverse(),
            b'a'..=b'z' => text.push(edit),
            _ => text.insert(0, edit),
        }
    }
    let hash = text.iter().fold(0u64, |hash, &letter| {
        hash.wrapping_mul(31).wrapping_add(u64::from(letter))
    });
    println!("{} {hash}", text.len());
}
